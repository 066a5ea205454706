/* SQLite's log: who may write and cut it, and what is left when the disk fails or the process is killed. */
#include <stdio.h>

#include "eventstore/sqlite_store.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/eventstore/spy_vfs.h"

/* ---- the log's discipline (docs/decisions/0001) ---- */

/* Everything a handle does, with checkpoints that succeed and such that a reader spoils. */
static enum status write_while_reading(void *context, const struct recorded_event *event, struct error *error)
{
    struct given *given = context;
    struct eventstore *writer = another_handle(given);
    (void)error;
    for (unsigned i = 0; i < 40; i++) {
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, MILK, EXPECTED_ANY, (unsigned)event->position * 1000 + i, 1);
        must(commit_with(given, writer, &draft));
    }
    given->engine->close(&writer);
    return STATUS_STOPPED;
}

SPIED_TEST(writes_and_checkpoints_only_inside_the_queue)
{
    struct roll_query all = {0};
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    char lock[PATH_SIZE];
    given->options.checkpoint_every_bytes = 40960;
    snprintf(lock, sizeof lock, "%s", path_in(given->folder, "run/writers-counter.lock"));
    struct eventstore *witness = another_handle(given); /* the log need not be recovered while somebody has it open */
    spy = (struct spy){.queue_lock = lock};
    reopen(given);
    for (unsigned number = 1; number <= 100; number++)
        must(append(given, TEA, number - 1, number, 1));
    must_be(STATUS_CONFLICT, append(given, TEA, 7, 1, 1));
    must(append(given, TEA, 99, 100, 1)); /* a repeat */
    must(move_checkpoint(given, "payment", 0, 100));
    must(eventstore_read_roll(given->store, &all, write_while_reading, given, &given->error));
    cr_assert_eq(verify(given, given->store)->faults, 0);
    reopen(given);
    cr_assert_gt(spy.file_writes, 0, "there were checkpoints");
    cr_assert_gt(spy.checkpoint_locks, 3);
    cr_assert_gt(spy.write_locks, 140);
    cr_assert_eq(spy.outside, 0);

    int checkpoint_locks = spy.checkpoint_locks;
    spy.queue_lock = NULL; /* the copy is nobody else's */
    must(eventstore_backup(given->store, path_in(given->folder, "copy.db"), &position, digest, &given->error));
    cr_assert_eq(spy.checkpoint_locks, checkpoint_locks, "a backup does not checkpoint");
    given->engine->close(&witness);
}

/* Five writers, each a handle of its own as a process would have, while somebody stays in a read transaction. */
static enum status write_in_turn(void *context, const struct recorded_event *event, struct error *error)
{
    struct given *given = context;
    (void)event, (void)error;
    for (unsigned writer = 0; writer < 5; writer++) {
        struct eventstore *handle = another_handle(given);
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, MILK, EXPECTED_ANY, 100 * writer, 2);
        must(commit_with(given, handle, &draft));
        given->engine->close(&handle);
    }
    return STATUS_STOPPED;
}

SPIED_TEST(whose_reader_stays_delays_all_writers_together_no_more_than_half_a_second)
{
    struct roll_query all = {0};
    struct fake_clock time = {MONDAY_EVENING_US};
    struct clock clock = fake_clock(&time);
    given->options = (struct eventstore_options){.checkpoint_every_bytes = 4096, .clock = &clock};
    reopen(given);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    spy = (struct spy){0};
    int64_t started_us = clock_monotonic_us();
    must(eventstore_read_roll(given->store, &all, write_in_turn, given, &given->error));
    cr_assert_lt(clock_monotonic_us() - started_us, 500000);
    cr_assert_eq(spy.checkpoint_locks, 1, "%d: who came later knew that it is no use", spy.checkpoint_locks);

    time.now_us += 4999999;
    must(append(given, TEA, EXPECTED_ANY, 2, 1));
    cr_assert_eq(spy.checkpoint_locks, 1, "not yet");
    time.now_us += 1;
    must(append(given, TEA, EXPECTED_ANY, 3, 1));
    must(append(given, TEA, EXPECTED_ANY, 4, 1));
    cr_assert_eq(spy.checkpoint_locks, 3, "and when it worked, the next may follow at once");
}

/* A note that a reader was in the way is worth nothing when the clock says that it comes from the future. */
SPIED_TEST(whose_clock_was_set_back_checkpoints_all_the_same)
{
    struct roll_query all = {0};
    struct fake_clock time = {MONDAY_EVENING_US};
    struct clock clock = fake_clock(&time);
    given->options = (struct eventstore_options){.checkpoint_every_bytes = 4096, .clock = &clock};
    reopen(given);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(eventstore_read_roll(given->store, &all, write_in_turn, given, &given->error));
    time.now_us -= 3600 * INT64_C(1000000);
    spy = (struct spy){0};
    must(append(given, TEA, EXPECTED_ANY, 2, 1));
    cr_assert_eq(spy.checkpoint_locks, 1);
}

SQLITE_TEST(leaves_its_log_when_the_last_handle_is_closed)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    off_t file = size_of(given->folder, "events.db"), log = size_of(given->folder, "events.db-wal");
    cr_assert_gt(log, 0);
    given->engine->close(&given->store);
    cr_assert_eq(size_of(given->folder, "events.db-wal"), log);
    cr_assert_eq(size_of(given->folder, "events.db"), file);
    given->store = another_handle(given);
    cr_assert_eq(eventstore_log_bytes(given->store), (uint64_t)log);
}

static void must_have_a_log(const char *folder)
{
    sqlite3 *rogue = raw_open(folder);
    sqlite3_stmt *mode;
    cr_assert_eq(sqlite3_prepare_v2(rogue, "PRAGMA journal_mode", -1, &mode, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(mode), SQLITE_ROW);
    cr_assert_str_eq((const char *)sqlite3_column_text(mode, 0), "wal");
    sqlite3_finalize(mode);
    raw_close(rogue);
}

SQLITE_TEST(keeps_a_log_also_where_a_backup_was_put_in_place)
{
    char folder[TEMPORARY_SIZE];
    struct eventstore *restored;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    temporary_make(folder);
    must(eventstore_backup(given->store, path_in(folder, "events.db"), &position, digest, &given->error));
    must(given->engine->open(&restored, folder, &given->options, &given->error));
    must_have_a_log(folder);
    given->engine->close(&restored);
    temporary_remove(folder);
}

Test(sqlite, knows_the_versions_that_mend_the_reset_bug)
{
    static const int with[] = {3037000, 3044005, 3045000, 3050006, 3051000, 3051002};
    static const int without[] = {3044006, 3044999, 3050007, 3050999, 3051003, 3060000};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        cr_expect(has_reset_bug(with[i]), "%d", with[i]);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        cr_expect_not(has_reset_bug(without[i]), "%d", without[i]);
}

SQLITE_TEST(gets_its_log_in_the_writers_turn)
{
    const struct eventstore_options hasty = {.patience_ms = 1};
    struct eventstore *store;
    struct writer_queue queue;
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "PRAGMA journal_mode = DELETE");
    raw_close(rogue);
    must(writer_queue_open(&queue, path_in(given->folder, "run"), &given->error));
    must(writer_queue_enter(&queue, 1000, &given->error));
    must_be(STATUS_BUSY, eventstore_open(&store, given->folder, &hasty, &given->error));
    writer_queue_leave(&queue);
    writer_queue_close(&queue);
    reopen(given);
    must_have_a_log(given->folder);
}

SPIED_TEST(has_synced_its_log_when_a_commit_returns)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    spy = (struct spy){.fail_on = "-wal"}; /* nothing fails, but it is counted */
    must(append(given, TEA, 1, 2, 1));
    cr_assert_eq(spy.syncs, 0, "these tests do not wait for the disk");
    given->options.durability = DURABILITY_FULL;
    reopen(given);
    for (unsigned number = 3; number < 10; number++) {
        spy.syncs = 0;
        must(append(given, TEA, number - 1, number, 1));
        cr_assert_gt(spy.syncs, 0);
    }
}

/* ---- a disk that fails ---- */

/* Each operation of a commit on the log fails in its turn; the handle goes on as if nothing had been. */
static void commit_survives(struct given *given, int code, enum status want)
{
    int failures = 0;
    for (int at = 1;; at++) {
        struct draft draft;
        uint64_t head = head_of(given);
        draft_start(&draft);
        draft_append(&draft, (struct stream){"ghosts", "casper"}, EXPECTED_ANY, 500, 1)->id = uuid_random();
        (void)draft_append(&draft, TEA, EXPECTED_ANY, 600, 2);
        draft.events[1].id = uuid_random();
        spy = (struct spy){.fail_on = "-wal", .fail_at = at, .fail_count = 1000, .fail_with = code};
        enum status status = commit(given, &draft);
        bool failed = spy.failing >= at;
        spy = (struct spy){0};
        if (!failed) {
            must(status);
            break;
        }
        failures++;
        cr_assert_eq(status, want, "at operation %d: %s", at, status_name(status));
        cr_assert_eq(head_of(given), head);
        must(append(given, MILK, EXPECTED_ANY, 700 + (unsigned)at, 1)); /* as good as before */
        cr_assert_eq(given->head, head + 1);
    }
    cr_assert_gt(failures, 3);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
}

SPIED_TEST(whose_disk_is_full_refuses_the_commit_and_goes_on_later)
{
    given->options.durability = DURABILITY_FULL;
    reopen(given);
    commit_survives(given, SQLITE_FULL, STATUS_FULL);
}

SPIED_TEST(whose_disk_is_broken_refuses_the_commit_and_goes_on_later)
{
    given->options.durability = DURABILITY_FULL;
    reopen(given);
    commit_survives(given, SQLITE_IOERR_WRITE, STATUS_IO);
}

/* When the sync fails SQLite takes the commit back, but its bytes are in the log already: the next recovery may find
 * them. Nobody has seen the events meanwhile, and repeating the commit tells. */
SPIED_TEST(whose_sync_fails_may_have_kept_the_commit_and_a_repeat_tells)
{
    int refused = 0;
    enum status status = STATUS_IO;
    given->options.durability = DURABILITY_FULL;
    for (int at = 1; status != STATUS_OK; at++) {
        reopen(given);
        uint64_t head = head_of(given);
        spy = (struct spy){.fail_on = "-wal", .fail_at = at, .fail_count = 1000, .fail_with = SQLITE_IOERR_FSYNC};
        status = append(given, TEA, head, (unsigned)head + 1, 1);
        spy = (struct spy){0};
        refused += status == STATUS_IO;
        cr_assert_eq(head_of(given), status == STATUS_OK ? head + 1 : head);
        reopen(given); /* that was the last handle: whoever comes next recovers the log */
        must(append(given, TEA, head, (unsigned)head + 1, 1));
        cr_assert_eq(head_of(given), head + 1);
    }
    cr_assert_gt(refused, 3);
}

SPIED_TEST(whose_checkpoint_fails_has_committed_all_the_same)
{
    given->options.checkpoint_every_bytes = 4096;
    reopen(given);
    spy = (struct spy){.fail_on = "events.db", .fail_at = 1, .fail_count = 1000, .fail_with = SQLITE_FULL};
    for (unsigned number = 1; number <= 10; number++)
        must(append(given, TEA, number - 1, number, 1));
    cr_assert_gt(spy.failing, 0);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    spy = (struct spy){0};
    must(append(given, TEA, 10, 11, 1));
    reopen(given);
    cr_assert_eq(read_roll(given, (struct roll_query){0})->count, 11);
}

/* ---- killed at every single operation on the disk ---- */

struct victim {
    struct given *given;
    const char *folder;
    int die_at;
};

static int create_and_die(struct process *us, void *context)
{
    (void)us;
    struct victim *victim = context;
    spy = (struct spy){.die_at = victim->die_at};
    return (int)engine_sqlite.create(victim->folder, NULL, "{}", &victim->given->error);
}

SPIED_TEST(that_is_killed_anywhere_in_create_leaves_no_store_or_a_whole_one)
{
    int status = -1, none = 0;
    for (int at = 1; status != 0; at++) {
        char folder[TEMPORARY_SIZE];
        struct eventstore *store;
        struct victim victim = {.given = given, .folder = folder, .die_at = at};
        temporary_make(folder);
        struct process child = start_process(create_and_die, &victim);
        status = end_of(&child);
        enum status opened = engine_sqlite.open(&store, folder, NULL, &given->error);
        if (opened == STATUS_NOT_FOUND) {
            none++;
            must(engine_sqlite.create(folder, NULL, "{}", &given->error));
            must(engine_sqlite.open(&store, folder, NULL, &given->error));
        } else {
            cr_assert_eq(opened, STATUS_OK, "killed at %d: %s", at, given->error.text);
        }
        cr_assert_eq(verify(given, store)->faults, 0, "%s", given->report.text);
        engine_sqlite.close(&store);
        temporary_remove(folder);
    }
    cr_assert_gt(none, 10);
}

static int commit_and_die(struct process *us, void *context)
{
    (void)us;
    struct victim *victim = context;
    struct given *given = victim->given;
    struct draft draft;
    if (engine_sqlite.open(&given->store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 99;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 10 * (unsigned)victim->die_at, 2);
    (void)draft_append(&draft, ORDER_7, EXPECTED_ANY, 10 * (unsigned)victim->die_at + 2, 1);
    draft_checkpoint(&draft, "payment", (uint64_t)victim->die_at - 1, (uint64_t)victim->die_at);
    spy = (struct spy){.die_at = victim->die_at};
    return (int)commit(given, &draft);
}

SPIED_TEST(that_is_killed_anywhere_in_a_commit_has_all_of_it_or_nothing)
{
    int status = -1, none = 0, all = 0;
    must(append(given, MILK, EXPECTED_NONE, 1, 60));
    given->options = (struct eventstore_options){.checkpoint_every_bytes = 1}; /* one behind each commit */
    for (int at = 1; status != 0; at++) {
        struct victim victim = {.given = given, .die_at = at};
        uint64_t head = head_of(given);
        given->engine->close(&given->store);
        struct process child = start_process(commit_and_die, &victim);
        status = end_of(&child);
        cr_assert(status <= 0, "%d", status);
        given->store = another_handle(given);
        uint64_t grown = head_of(given) - head, checkpoint = checkpoint_of(given, "payment");
        cr_assert(grown == 0 || grown == 3, "killed at %d: %llu events", at, (unsigned long long)grown);
        cr_assert_eq(checkpoint, grown == 0 ? (uint64_t)at - 1 : (uint64_t)at);
        none += grown == 0;
        all += grown == 3;
        if (grown == 0)
            must(move_checkpoint(given, "payment", (uint64_t)at - 1, (uint64_t)at));
        cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    }
    cr_assert_gt(none, 3);
    cr_assert_gt(all, 3, "the checkpoint behind the commit was hit too");
}
