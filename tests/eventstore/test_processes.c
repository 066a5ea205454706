/* Several processes on one store: killed, stopped, crowded. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/eventstore/given.h"

/* A process with a pipe to tell us something. */
struct worker {
    struct given *given;
    int to_parent[2], to_child[2];
    unsigned first; /* number of its first event */
};

static void open_pipes(struct worker *worker)
{
    cr_assert_eq(pipe(worker->to_parent), 0);
    cr_assert_eq(pipe(worker->to_child), 0);
}

static void close_pipes(struct worker *worker)
{
    close(worker->to_parent[0]), close(worker->to_parent[1]), close(worker->to_child[0]), close(worker->to_child[1]);
}

static bool read_whole(int descriptor, void *bytes, size_t length)
{
    return read(descriptor, bytes, length) == (ssize_t)length;
}

static bool write_whole(int descriptor, const void *bytes, size_t length)
{
    return write(descriptor, bytes, length) == (ssize_t)length;
}

/* ---- killed ---- */

enum { EVENTS_A_COMMIT = 3 };

/* Commits three events on two streams, and says so only afterwards. */
static int commit_and_acknowledge(void *context)
{
    struct worker *worker = context;
    struct given *given = worker->given;
    struct eventstore_options options = {.checkpoint_every_bytes = 64 * 1024}; /* all durable, many checkpoints */
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &options, &given->error) != STATUS_OK)
        return 1;
    for (unsigned number = worker->first;; number += EVENTS_A_COMMIT) {
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, TEA, EXPECTED_ANY, number, 2);
        (void)draft_append(&draft, MILK, EXPECTED_ANY, number + 2, 1);
        if (commit_with(given, store, &draft) != STATUS_OK ||
            !write_whole(worker->to_parent[1], &given->head, sizeof given->head))
            return 2;
    }
}

CONTRACT(process, that_is_killed_while_it_commits_loses_nothing_it_was_told)
{
    enum { ROUNDS = 15, ACKNOWLEDGED = 12 };
    uint64_t acknowledged = 0;
    srand((unsigned)getpid());
    for (int round = 0; round < ROUNDS; round++) {
        struct worker worker = {.given = given, .first = (unsigned)head_of(given) + 1};
        struct timespec while_ns = {.tv_nsec = rand() % 1500 * 1000L};
        struct pollfd more = {.events = POLLIN};
        open_pipes(&worker);
        pid_t child = in_another_process(commit_and_acknowledge, &worker);
        more.fd = worker.to_parent[0];
        for (int i = 0; i < ACKNOWLEDGED; i++)
            cr_assert(read_whole(worker.to_parent[0], &acknowledged, sizeof acknowledged));
        (void)ppoll(NULL, 0, &while_ns, NULL); /* not waiting for anything: choosing a moment within a commit */
        kill_now(child);
        while (poll(&more, 1, 0) == 1 && read_whole(worker.to_parent[0], &acknowledged, sizeof acknowledged)) {
        }
        close_pipes(&worker);

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

static int64_t tell_and_hang(void *context)
{
    struct worker *worker = context;
    char byte;
    if (!write_whole(worker->to_parent[1], "!", 1) || !read_whole(worker->to_child[0], &byte, 1))
        _exit(99);
    return MONDAY_EVENING_US;
}

static int commit_slowly(void *context)
{
    struct worker *worker = context;
    struct given *given = worker->given;
    struct clock clock = {.now_us = tell_and_hang, .context = worker};
    struct eventstore_options options = {.clock = &clock, .durability = DURABILITY_NONE};
    if (given->engine->open(&given->store, given->folder, &options, &given->error) != STATUS_OK)
        return 99;
    return (int)append(given, MILK, EXPECTED_ANY, worker->first, 1);
}

static pid_t somebody_in_the_queue(struct worker *worker)
{
    char byte;
    open_pipes(worker);
    pid_t child = in_another_process(commit_slowly, worker);
    cr_assert(read_whole(worker->to_parent[0], &byte, 1));
    return child;
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
    struct worker worker = {.given = given, .first = 1000};
    pid_t child = somebody_in_the_queue(&worker);
    kill_now(child);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    cr_assert_eq(version_of(given, MILK), 0);
    close_pipes(&worker);
}

/* Who waits gets its turn the moment the holder dies. */
CONTRACT(queue, wakes_who_waits_when_its_holder_is_killed)
{
    char byte;
    struct worker holder = {.given = given, .first = 1000}, waiter = {.given = given, .first = 1001};
    pid_t first = somebody_in_the_queue(&holder);
    open_pipes(&waiter);
    pid_t second = in_another_process(commit_slowly, &waiter);
    wait_until_asleep(second);
    kill_now(first);
    cr_assert(read_whole(waiter.to_parent[0], &byte, 1)); /* it is inside now */
    cr_assert(write_whole(waiter.to_child[1], "!", 1));
    cr_assert_eq(end_of(second), STATUS_OK);
    cr_assert_eq(version_of(given, MILK), 1);
    close_pipes(&holder), close_pipes(&waiter);
}

CONTRACT(queue, with_a_holder_that_is_stopped_is_busy_after_our_patience)
{
    enum { PATIENCE_MS = 80 };
    int status = 0;
    struct worker worker = {.given = given, .first = 1000};
    struct eventstore *impatient = impatient_handle(given, PATIENCE_MS);
    struct draft draft;
    pid_t child = somebody_in_the_queue(&worker);
    cr_assert_eq(kill(child, SIGSTOP), 0);
    cr_assert_eq(waitpid(child, &status, WUNTRACED), child);

    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    int64_t started_us = clock_monotonic_us();
    must_be(STATUS_BUSY, commit_with(given, impatient, &draft));
    int64_t waited_us = clock_monotonic_us() - started_us;
    cr_assert(waited_us >= PATIENCE_MS * 1000 && waited_us < 5000000, "waited %lld us", (long long)waited_us);
    cr_assert_eq(head_of(given), 0, "reading goes on meanwhile");

    cr_assert_eq(kill(child, SIGCONT), 0);
    cr_assert(write_whole(worker.to_child[1], "!", 1));
    cr_assert_eq(end_of(child), STATUS_OK);
    must(commit_with(given, impatient, &draft));
    cr_assert_eq(given->head, 2);
    given->engine->close(&impatient);
    close_pipes(&worker);
}

/* ---- crowded ---- */

enum { WRITERS = 4, COMMITS = 200 };

/* Commits as fast as it can; tells how long each took. */
static int crowd_in(void *context)
{
    struct worker *worker = context;
    struct given *given = worker->given;
    struct eventstore *store;
    char byte;
    char entity[16];
    snprintf(entity, sizeof entity, "%u", worker->first);
    if (given->engine->open(&store, given->folder, NULL, &given->error) != STATUS_OK ||
        !read_whole(worker->to_child[0], &byte, 1))
        return 1;
    for (unsigned i = 0; i < COMMITS; i++) {
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, TEA, EXPECTED_ANY, worker->first + 2 * i, 1);
        (void)draft_append(&draft, (struct stream){"own", entity}, i, worker->first + 2 * i + 1, 1);
        int64_t started_us = clock_monotonic_us();
        if (commit_with(given, store, &draft) != STATUS_OK)
            return 2;
        int64_t waited_us = clock_monotonic_us() - started_us;
        if (!write_whole(worker->to_parent[1], &waited_us, sizeof waited_us))
            return 3;
    }
    return 0;
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

CONTRACT(process, among_four_that_write_at_once_waits_its_turn_and_no_longer)
{
    struct worker workers[WRITERS];
    pid_t children[WRITERS];
    static int64_t waits_us[WRITERS * COMMITS];
    static bool seen[WRITERS * 2 * COMMITS];
    for (int i = 0; i < WRITERS; i++) {
        workers[i] = (struct worker){.given = given, .first = (unsigned)(i * 2 * COMMITS) + 1};
        open_pipes(&workers[i]);
        children[i] = in_another_process(crowd_in, &workers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        cr_assert(write_whole(workers[i].to_child[1], "!", 1));
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 0; j < COMMITS; j++)
            cr_assert(read_whole(workers[i].to_parent[0], &waits_us[i * COMMITS + j], sizeof waits_us[0]));
        cr_assert_eq(end_of(children[i]), 0);
        close_pipes(&workers[i]);
    }

    const struct reading *reading = read_roll(given, (struct roll_query){0});
    cr_assert_eq(reading->count, WRITERS * 2 * COMMITS);
    for (size_t i = 0; i < reading->count; i++) {
        cr_assert_eq(reading->events[i].position, i + 1);
        cr_assert_not(seen[reading->events[i].number - 1], "%u stands twice", reading->events[i].number);
        seen[reading->events[i].number - 1] = true;
    }
    cr_assert_eq(version_of(given, TEA), WRITERS * COMMITS);

    qsort(waits_us, WRITERS * COMMITS, sizeof waits_us[0], compare_times);
    int64_t median_us = waits_us[WRITERS * COMMITS / 2], longest_us = waits_us[WRITERS * COMMITS - 1];
    /* SQLite's own busy waiting: longest wait 131 ms, seconds when saturated (FACTS.md). */
    fprintf(stderr, "four writers, %d commits each: p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n", COMMITS,
            (double)median_us / 1e3, (double)waits_us[WRITERS * COMMITS * 99 / 100] / 1e3, (double)longest_us / 1e3);
    cr_assert_lt(longest_us, 1000000);
}
