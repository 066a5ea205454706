/* Several processes on one store: killed, stopped, crowded. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/eventstore/given.h"

/* What a child is told before it starts. */
struct task {
    struct given *given;
    unsigned first; /* number of its first event */
};

/* ---- killed ---- */

enum { EVENTS_A_COMMIT = 3 };

/* Commits three events on two streams, and says so only afterwards. */
static int commit_and_acknowledge(struct process *us, void *context)
{
    struct task *task = context;
    struct given *given = task->given;
    struct eventstore_options options = {.checkpoint_every_bytes = 64 * 1024}; /* all durable, many checkpoints */
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &options, &given->error) != STATUS_OK)
        return 1;
    for (unsigned number = task->first;; number += EVENTS_A_COMMIT) {
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, TEA, EXPECTED_ANY, number, 2);
        (void)draft_append(&draft, MILK, EXPECTED_ANY, number + 2, 1);
        if (commit_with(given, store, &draft) != STATUS_OK || !tell(us, &given->head, sizeof given->head))
            return 2;
    }
}

CONTRACT(process, that_is_killed_while_it_commits_loses_nothing_it_was_told)
{
    enum { ROUNDS = 15, ACKNOWLEDGED = 12 };
    srand((unsigned)getpid());
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t acknowledged = 0;
        struct task task = {.given = given, .first = (unsigned)head_of(given) + 1};
        struct timespec while_ns = {.tv_nsec = rand() % 1500 * 1000L};
        struct process writer = start_process(commit_and_acknowledge, &task);
        for (int i = 0; i < ACKNOWLEDGED; i++)
            cr_assert(hear(&writer, &acknowledged, sizeof acknowledged));
        (void)ppoll(NULL, 0, &while_ns, NULL); /* not waiting for anything: choosing a moment within a commit */
        cr_assert_eq(kill(writer.id, SIGKILL), 0);
        while (hear(&writer, &acknowledged, sizeof acknowledged)) {
        }
        cr_assert_eq(end_of(&writer), -1);

        cr_assert_geq(head_of(given), acknowledged);
        cr_assert_eq(head_of(given) % EVENTS_A_COMMIT, 0, "a commit is all or nothing");
        cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    }
    reopen(given);
    const struct reading *reading = read_roll(given, (struct roll_query){0});
    cr_assert_geq(reading->count, ROUNDS * ACKNOWLEDGED * EVENTS_A_COMMIT);
    for (size_t i = 0; i < reading->count; i++)
        cr_assert_eq(reading->events[i].number, i + 1);
}

/* ---- in the queue ----
 *
 * The store asks for the time once a commit, inside the queue. So a process whose clock hangs is one that hangs inside
 * the queue. */

static int64_t wave_and_hang(void *us)
{
    wave(us);
    wait_for_wave(us);
    return MONDAY_EVENING_US;
}

static int commit_slowly(struct process *us, void *context)
{
    struct task *task = context;
    struct given *given = task->given;
    struct clock clock = {.now_us = wave_and_hang, .context = us};
    struct eventstore_options options = {.clock = &clock, .durability = DURABILITY_NONE};
    if (given->engine->open(&given->store, given->folder, &options, &given->error) != STATUS_OK)
        return 99;
    return (int)append(given, MILK, EXPECTED_ANY, task->first, 1);
}

static struct process somebody_in_the_queue(struct given *given)
{
    struct task task = {.given = given, .first = 1000};
    struct process process = start_process(commit_slowly, &task);
    wait_for_wave(&process);
    return process;
}

static struct eventstore *impatient_handle(struct given *given, int patience_ms)
{
    struct eventstore_options options = given->options;
    struct eventstore *store;
    options.patience_ms = patience_ms;
    must(given->engine->open(&store, given->folder, &options, &given->error));
    return store;
}

CONTRACT(queue, is_free_again_when_its_holder_is_killed)
{
    struct process holder = somebody_in_the_queue(given);
    kill_now(&holder);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    cr_assert_eq(version_of(given, MILK), 0);
}

/* Who waits gets its turn the moment the holder dies. */
CONTRACT(queue, wakes_who_waits_when_its_holder_is_killed)
{
    struct task task = {.given = given, .first = 1001};
    struct process holder = somebody_in_the_queue(given);
    struct process waiter = start_process(commit_slowly, &task);
    wait_until_asleep(&waiter);
    kill_now(&holder);
    wait_for_wave(&waiter); /* it is inside now */
    wave(&waiter);
    cr_assert_eq(end_of(&waiter), STATUS_OK);
    cr_assert_eq(version_of(given, MILK), 1);
}

CONTRACT(queue, with_a_holder_that_is_stopped_is_busy_after_our_patience)
{
    enum { PATIENCE_MS = 80 };
    int status = 0;
    struct eventstore *impatient = impatient_handle(given, PATIENCE_MS);
    struct draft draft;
    struct process holder = somebody_in_the_queue(given);
    cr_assert_eq(kill(holder.id, SIGSTOP), 0);
    cr_assert_eq(waitpid(holder.id, &status, WUNTRACED), holder.id);

    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    int64_t started_us = clock_monotonic_us();
    must_be(STATUS_BUSY, commit_with(given, impatient, &draft));
    int64_t waited_us = clock_monotonic_us() - started_us;
    cr_assert(waited_us >= PATIENCE_MS * 1000 && waited_us < 5000000, "waited %lld us", (long long)waited_us);
    cr_assert_eq(head_of(given), 0, "reading goes on meanwhile");

    cr_assert_eq(kill(holder.id, SIGCONT), 0);
    wave(&holder);
    cr_assert_eq(end_of(&holder), STATUS_OK);
    must(commit_with(given, impatient, &draft));
    cr_assert_eq(given->head, 2);
    given->engine->close(&impatient);
}

/* ---- crowded ---- */

enum { WRITERS = 4, COMMITS = 200 };

/* Commits as fast as it can; tells how long each took. */
static int crowd_in(struct process *us, void *context)
{
    struct task *task = context;
    struct given *given = task->given;
    struct eventstore *store;
    char entity[16];
    snprintf(entity, sizeof entity, "%u", task->first);
    if (given->engine->open(&store, given->folder, NULL, &given->error) != STATUS_OK)
        return 1;
    wait_for_wave(us);
    for (unsigned i = 0; i < COMMITS; i++) {
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, TEA, EXPECTED_ANY, task->first + 2 * i, 1);
        (void)draft_append(&draft, (struct stream){"own", entity}, i, task->first + 2 * i + 1, 1);
        int64_t started_us = clock_monotonic_us();
        if (commit_with(given, store, &draft) != STATUS_OK)
            return 2;
        int64_t waited_us = clock_monotonic_us() - started_us;
        if (!tell(us, &waited_us, sizeof waited_us))
            return 3;
    }
    return 0;
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static int64_t waits_us[WRITERS * COMMITS]; /* how long each commit took, shortest first */

static void four_write_at_once(struct given *given)
{
    struct process writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        struct task task = {.given = given, .first = (unsigned)(i * 2 * COMMITS) + 1};
        writers[i] = start_process(crowd_in, &task);
    }
    for (int i = 0; i < WRITERS; i++)
        wave(&writers[i]);
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 0; j < COMMITS; j++)
            cr_assert(hear(&writers[i], &waits_us[i * COMMITS + j], sizeof waits_us[0]));
        cr_assert_eq(end_of(&writers[i]), 0);
    }
    qsort(waits_us, WRITERS * COMMITS, sizeof waits_us[0], compare_times);
}

CONTRACT(process, among_four_that_write_at_once_loses_and_doubles_nothing)
{
    static bool seen[WRITERS * 2 * COMMITS];
    four_write_at_once(given);
    const struct reading *reading = read_roll(given, (struct roll_query){0});
    cr_assert_eq(reading->count, WRITERS * 2 * COMMITS);
    for (size_t i = 0; i < reading->count; i++) {
        cr_assert_eq(reading->events[i].position, i + 1);
        cr_assert_not(seen[reading->events[i].number - 1], "%u stands twice", reading->events[i].number);
        seen[reading->events[i].number - 1] = true;
    }
    cr_assert_eq(version_of(given, TEA), WRITERS * COMMITS);
}

/* SQLite's own busy waiting starves writers for seconds when it is saturated (FACTS.md); standing in line nobody waits
 * longer than all the others need for one commit each, which a slow disk may make long, but not that long. */
CONTRACT(process, among_four_that_write_at_once_never_waits_long)
{
    four_write_at_once(given);
    enum { ALL = WRITERS * COMMITS, HALF = ALL / 2, NEARLY_ALL = ALL * 99 / 100 };
    int64_t longest_us = waits_us[ALL - 1];
    fprintf(stderr, "four writers, %d commits each: p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n", COMMITS,
            (double)waits_us[HALF] / 1e3, (double)waits_us[NEARLY_ALL] / 1e3, (double)longest_us / 1e3);
    cr_assert_lt(longest_us, 1000000);
}
