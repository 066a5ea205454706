/* One short story, and in each of its steps each operation on the disk and each allocation fails in its turn: the
 * first, the second, and so on until the step is over before its turn comes. Whatever fails, the story ends well.
 *
 * With TILL_LONG set all of them; else a sample. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/simulation.h"

enum { ORDER, PAYMENT, INVENTORY, NOTIFICATION }; /* as in service_names */
enum { SEED = 21, SAMPLED = 101 /* one in so many */ };

static const struct step story[] = {
    {.act = ACT_PLACE, .a = 1},
    {.act = ACT_STEP_SERVICE, .who = PAYMENT, .a = 8},
    {.act = ACT_STEP_SERVICE, .who = INVENTORY, .a = 8},
    {.act = ACT_STEP_SERVICE, .who = ORDER, .a = 8},
    {.act = ACT_STEP_SERVICE, .who = NOTIFICATION, .a = 8},
    {.act = ACT_STEP_PROJECTOR},
    {.act = ACT_ASK_VIEW, .who = 1},
    {.act = ACT_REBUILD, .who = 0},
    {.act = ACT_CANCEL, .a = 1},
    {.act = ACT_STEP_SERVICE, .who = PAYMENT, .a = 8},
};
enum { STEPS = sizeof story / sizeof *story };

/* Makes the `nth` operation of a step fail. */
typedef void (*saboteur)(struct step *step, uint32_t nth);

static void end_memory(struct step *step, uint32_t nth)
{
    step->memory_nth = nth;
}

static void fail_disk(struct step *step, enum disk_fault fault, uint32_t nth)
{
    step->disk = fault;
    step->disk_nth = nth;
    step->disk_count = 1;
}

static void fail_read(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_READ_FAILS, nth);
}

static void fail_write(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_WRITE_FAILS, nth);
}

static void fail_sync(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_SYNC_FAILS, nth);
}

static void fill_disk(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_FULL, nth);
}

static void die(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_DIES, nth);
}

static void lose_power(struct step *step, uint32_t nth)
{
    fail_disk(step, DISK_DIES, nth);
    step->end = END_POWER;
    step->dice = nth;
}

static void expect_good_end(saboteur sabotage)
{
    uint32_t stride = getenv("TILL_LONG") != NULL ? 1 : SAMPLED, tried = 0;
    for (size_t at = 0; at < STEPS; at++) {
        bool struck = true;
        for (uint32_t nth = 1 + (uint32_t)at % stride; struck; nth += stride) {
            struct step steps[STEPS];
            memcpy(steps, story, sizeof steps);
            sabotage(&steps[at], nth);
            const struct plan plan = {.seed = SEED, .orders = 10, .steps = steps, .count = STEPS};
            const struct verdict verdict = simulate(&plan);
            cr_assert(verdict.good, "step %zu, operation %u: %s\n%s", at + 1, nth, verdict.wrong, verdict.journey);
            struck = verdict.struck > 0;
            tried += struck;
        }
    }
    cr_assert_gt(tried, 0);
}

TestSuite(every_failure, .timeout = 3000);

Test(every_failure, of_memory_is_survived)
{
    expect_good_end(end_memory);
}

Test(every_failure, of_a_read_is_survived)
{
    expect_good_end(fail_read);
}

Test(every_failure, of_a_write_is_survived)
{
    expect_good_end(fail_write);
}

Test(every_failure, of_a_sync_is_survived)
{
    expect_good_end(fail_sync);
}

Test(every_failure, of_a_full_disk_is_survived)
{
    expect_good_end(fill_disk);
}

Test(every_failure, of_a_process_is_survived)
{
    expect_good_end(die);
}

Test(every_failure, of_power_is_survived)
{
    expect_good_end(lose_power);
}
