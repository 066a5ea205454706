#include "tests/simulation/simulation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simulation/checks.h"
#include "tests/simulation/memory.h"

enum { HANGS_AFTER_S = 60 /* real time: a plan takes a fraction of a second */ };

/* ---- one run ---- */

static void count_orders(const struct model *model, struct verdict *verdict)
{
    verdict->orders = (uint32_t)model->order_count;
    verdict->events = (uint32_t)model->position;
    for (size_t i = 0; i < model->order_count; i++) {
        switch (model->orders[i].phase) {
        case CONFIRMED: verdict->confirmed++; break;
        case SHIPPED: verdict->shipped++; break;
        case CANCELLED: verdict->cancelled++; break;
        case REJECTED: verdict->rejected++; break;
        default: verdict->waiting++; break;
        }
    }
    for (int i = 0; i < 8; i++)
        snprintf(verdict->digest + (ptrdiff_t)2 * i, 3, "%02x", model->digest[i]);
}

static void condemn(struct verdict *verdict, struct world *world, const struct checks *checks)
{
    struct buffer journey = {0};
    snprintf(verdict->wrong, sizeof verdict->wrong, "%s", checks_wrong(checks));
    if (checks_about(checks)[0] != '\0')
        checks_tell_journey(world, checks_about(checks), &journey);
    snprintf(verdict->journey, sizeof verdict->journey, "%s", buffer_string(&journey));
    buffer_clear(&journey);
}

/* `verdict` is filled as it goes, so that it says how far a process came that breaks off. */
static void run(const struct plan *plan, struct verdict *verdict)
{
    struct checks *checks = checks_new();
    const struct witness witness = checks_witness(checks);
    struct world *world = world_open(plan, &witness);
    verdict->good = checks_step(checks, world);
    for (; verdict->good && verdict->step < plan->count; verdict->step++) {
        verdict->struck += world_step(world, &plan->steps[verdict->step]);
        verdict->good = checks_step(checks, world);
        if (!verdict->good)
            break;
    }
    if (verdict->good) {
        world_settle(world);
        verdict->good = checks_end(checks, world);
    }
    if (!verdict->good)
        condemn(verdict, world, checks);
    count_orders(checks_model(checks), verdict);
    checks_free(&checks);
    world_close(&world);
}

/* ---- in a process of its own ---- */

static void say_how_it_ended(int ended, struct verdict *verdict)
{
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        return;
    verdict->good = false;
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGALRM)
        snprintf(verdict->wrong, sizeof verdict->wrong, "it hangs");
    else if (WIFSIGNALED(ended))
        snprintf(verdict->wrong, sizeof verdict->wrong, "the process is killed by signal %d: see stderr",
                 WTERMSIG(ended));
    else
        snprintf(verdict->wrong, sizeof verdict->wrong, "the process ends with %d: see stderr", WEXITSTATUS(ended));
}

/* What a process has to say, where its parent can see it also when it dies. */
static struct verdict *share_verdict(void)
{
    struct verdict *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    return shared;
}

/* A process of its own; in it the result is 0. */
static pid_t start_process(void)
{
    (void)fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        memory_install();
        disk_install();
    }
    return child;
}

static int wait_for(pid_t child)
{
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0)
        CHECK(errno == EINTR);
    return ended;
}

struct verdict simulate(const struct plan *plan)
{
    struct verdict *shared = share_verdict();
    pid_t child = start_process();
    if (child == 0) {
        alarm(HANGS_AFTER_S);
        run(plan, shared);
        exit(0);
    }
    int ended = wait_for(child);
    struct verdict verdict = *shared;
    munmap(shared, sizeof *shared);
    say_how_it_ended(ended, &verdict);
    return verdict;
}

/* ---- many, for which a process each would cost a fifth of the time ---- */

/* The process beside: one verdict after the other into the pipe, until one is bad. */
static void run_seeds(const struct seeds *seeds, uint64_t from, struct verdict *shared, int pipe)
{
    for (uint64_t i = from; i < seeds->count; i++) {
        struct plan plan;
        *shared = (struct verdict){0};
        alarm(HANGS_AFTER_S);
        plan_throw(&plan, seeds->first + i, seeds->orders, seeds->faults, seeds->wild);
        run(&plan, shared);
        plan_clear(&plan);
        if (write(pipe, shared, sizeof *shared) != sizeof *shared || !shared->good)
            break;
    }
}

/* A pipe gives what it has: less than was asked for until the end of it. */
static ssize_t read_whole(int pipe, void *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t some = read(pipe, (char *)bytes + done, length - done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            break;
        done += (size_t)some;
    }
    return (ssize_t)done;
}

/* Tells of what comes out of the pipe; returns how many, and in `*more` whether to go on. */
static uint64_t tell_verdicts(const struct seeds *seeds, uint64_t from, int pipe, verdict_visitor visit, void *context,
                              bool *more)
{
    struct verdict verdict;
    uint64_t count = 0;
    ssize_t length;
    while (*more && (length = read_whole(pipe, &verdict, sizeof verdict)) == sizeof verdict)
        *more = visit(context, seeds->first + from + count++, &verdict);
    return count;
}

/* One process, from seed number `from` on; returns the number of the next seed. */
static uint64_t simulate_in_one_process(const struct seeds *seeds, uint64_t from, verdict_visitor visit, void *context,
                                        bool *more)
{
    int pipes[2];
    struct verdict *shared = share_verdict();
    CHECK(pipe(pipes) == 0);
    pid_t child = start_process();
    if (child == 0) {
        run_seeds(seeds, from, shared, pipes[1]);
        exit(0);
    }
    close(pipes[1]);
    uint64_t next = from + tell_verdicts(seeds, from, pipes[0], visit, context, more);
    close(pipes[0]);
    if (!*more)
        kill(child, SIGKILL);
    int ended = wait_for(child);
    if (*more && next < seeds->count && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)) {
        struct verdict verdict = *shared;
        say_how_it_ended(ended, &verdict);
        *more = visit(context, seeds->first + next++, &verdict);
    }
    munmap(shared, sizeof *shared);
    return next;
}

void simulate_seeds(const struct seeds *seeds, verdict_visitor visit, void *context)
{
    bool more = true;
    for (uint64_t next = 0; more && next < seeds->count;)
        next = simulate_in_one_process(seeds, next, visit, context, &more);
}

/* ---- shrinking: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002),
 * first of the steps, then of what happens beside each ---- */

struct shrinking {
    struct plan *plan;
    struct verdict verdict; /* on the plan as it stands */
    int runs_left;
};

/* Of the same kind: the sentences are equal but for their numbers. */
static bool is_alike(const char *one, const char *other)
{
    for (; *one != '\0' || *other != '\0'; one++, other++) {
        one += strspn(one, "0123456789");
        other += strspn(other, "0123456789");
        if (*one != *other || *one == '\0')
            break;
    }
    return *one == *other;
}

/* Takes over `steps` when they fail in the same way. */
static bool try_steps(struct shrinking *shrinking, const struct step *steps, size_t count)
{
    struct plan candidate = *shrinking->plan;
    if (shrinking->runs_left <= 0)
        return false;
    shrinking->runs_left--;
    candidate.steps = (struct step *)steps;
    candidate.count = count;
    struct verdict verdict = simulate(&candidate);
    if (verdict.good || !is_alike(verdict.wrong, shrinking->verdict.wrong))
        return false;
    memmove(shrinking->plan->steps, steps, count * sizeof *steps);
    shrinking->plan->count = count;
    shrinking->verdict = verdict;
    return true;
}

static bool drop_steps(struct shrinking *shrinking, size_t from, size_t length)
{
    const struct plan *plan = shrinking->plan;
    struct step *rest = calloc(plan->count, sizeof *rest);
    CHECK(rest != NULL);
    memcpy(rest, plan->steps, from * sizeof *rest);
    memcpy(rest + from, plan->steps + from + length, (plan->count - from - length) * sizeof *rest);
    bool dropped = try_steps(shrinking, rest, plan->count - length);
    free(rest);
    return dropped;
}

/* From the end, because what comes after the cause goes first. */
static void drop_pieces(struct shrinking *shrinking, size_t length)
{
    for (size_t end = shrinking->plan->count; end > 0;) {
        size_t from = end > length ? end - length : 0;
        (void)drop_steps(shrinking, from, end - from);
        end = from;
    }
}

enum { CIRCUMSTANCES = 5 };

/* Takes one circumstance away from a step; false when it had not got it. */
static bool make_simpler(struct step *step, int circumstance)
{
    const struct step before = *step;
    switch (circumstance) {
    case 0: step->disk = DISK_SOUND; return before.disk != DISK_SOUND;
    case 1: step->memory_nth = 0; return before.memory_nth != 0;
    case 2: step->bank = BANK_WELL; return before.bank != BANK_WELL;
    case 3: step->end = END_LIVES; return before.end != END_LIVES;
    default: step->between = ACT_STEP_SERVICE; return before.between != ACT_STEP_SERVICE;
    }
}

static void simplify(struct shrinking *shrinking, size_t at)
{
    struct plan *plan = shrinking->plan;
    for (int i = 0; i < CIRCUMSTANCES; i++) {
        const struct step before = plan->steps[at];
        if (make_simpler(&plan->steps[at], i) && !try_steps(shrinking, plan->steps, plan->count))
            plan->steps[at] = before;
    }
}

struct verdict shrink(struct plan *plan, int runs_max)
{
    struct shrinking shrinking = {.plan = plan, .runs_left = runs_max};
    size_t before;
    shrinking.verdict = simulate(plan);
    CHECK(!shrinking.verdict.good);
    if (shrinking.verdict.step < plan->count)
        plan->count = shrinking.verdict.step + 1; /* nothing after it mattered */
    do {
        before = plan->count;
        for (size_t length = plan->count / 2; length > 0; length /= 2)
            drop_pieces(&shrinking, length);
    } while (plan->count < before && shrinking.runs_left > 0);
    for (size_t i = 0; i < plan->count; i++)
        simplify(&shrinking, i);
    return shrinking.verdict;
}
