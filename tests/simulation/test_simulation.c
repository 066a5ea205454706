#include "tests/simulation/simulation.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ORDERS = 12 };

Test(simulation, comes_to_the_same_roll_from_the_same_seed)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct plan one, other;
        plan_throw(&one, seed, ORDERS, FAULTS_ALL, 1);
        plan_throw(&other, seed, ORDERS, FAULTS_ALL, 1);
        const struct verdict first = simulate(&one), second = simulate(&other);
        cr_assert(first.good, "%s", first.wrong);
        cr_assert_str_eq(first.digest, second.digest);
        cr_assert_eq(first.events, second.events);
        plan_clear(&one);
        plan_clear(&other);
    }
}

Test(simulation, brings_every_order_to_an_end_when_nothing_fails)
{
    struct plan plan;
    plan_throw(&plan, 5, ORDERS, 0, 1);
    const struct verdict verdict = simulate(&plan);
    cr_assert(verdict.good, "%s", verdict.wrong);
    cr_assert_eq(verdict.orders, ORDERS);
    cr_assert_eq(verdict.confirmed + verdict.shipped + verdict.cancelled + verdict.rejected + verdict.waiting, ORDERS);
    plan_clear(&plan);
}

static size_t count_with(const struct plan *plan, unsigned fault)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];
        bool again = step->act == ACT_STEP_SECOND || step->act == ACT_ORPHAN || step->act == ACT_REWIND;
        bool views = step->act == ACT_REBUILD || step->act == ACT_DELETE_VIEWS;
        count += (fault == FAULT_AGAIN && again) || (fault == FAULT_VIEWS && views) ||
                 (fault == FAULT_POWER && step->end == END_POWER) || (fault == FAULT_BANK && step->bank != BANK_WELL) ||
                 (fault == FAULT_CLOCK && step->act == ACT_CLOCK_JUMP) ||
                 (fault == FAULT_RACES && step->between != ACT_STEP_SERVICE) ||
                 (fault == FAULT_DISK && step->disk != DISK_SOUND && step->disk != DISK_DIES) ||
                 (fault == FAULT_MEMORY && step->memory_nth != 0) ||
                 (fault == FAULT_KILL && step->end != END_LIVES && step->end != END_POWER);
    }
    return count;
}

Test(simulation, throws_the_faults_it_is_asked_for_and_no_others)
{
    for (unsigned fault = 1; fault < FAULTS_ALL; fault *= 2) {
        struct plan with, without;
        plan_throw(&with, 1, 200, fault, 5);
        plan_throw(&without, 1, 200, FAULTS_ALL & ~fault, 5);
        cr_assert_gt(count_with(&with, fault), 0, "fault %u", fault);
        cr_assert_eq(count_with(&without, fault), 0, "fault %u", fault);
        plan_clear(&with);
        plan_clear(&without);
    }
}

Test(simulation, knows_its_faults_by_name)
{
    unsigned faults;
    cr_assert(faults_from_text("all", &faults));
    cr_assert_eq(faults, FAULTS_ALL);
    cr_assert(faults_from_text("none", &faults));
    cr_assert_eq(faults, 0);
    cr_assert(faults_from_text("power,bank", &faults));
    cr_assert_eq(faults, FAULT_POWER | FAULT_BANK);
    cr_assert_not(faults_from_text("powder", &faults));
    cr_assert_not(faults_from_text("power,,bank", &faults));
}

/* A service that does not exist breaks the process that simulates: whatever fails is shrunk, also a crash. */
Test(simulation, is_shrunk_to_the_step_that_fails)
{
    struct plan plan;
    plan_throw(&plan, 2, ORDERS, FAULTS_ALL, 1);
    plan.steps[plan.count / 2] = (struct step){.act = ACTS};
    const struct verdict broken = simulate(&plan);
    cr_assert_not(broken.good);
    cr_assert_eq(broken.step, plan.count / 2);
    const struct verdict shortest = shrink(&plan, 200);
    cr_assert_not(shortest.good);
    cr_assert_eq(plan.count, 1);
    cr_assert_eq(plan.steps[0].act, ACTS);
    plan_clear(&plan);
}
