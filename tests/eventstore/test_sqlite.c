/* What only the SQLite engine has: triggers, a view, its log's discipline, and ways of its own to be damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/eventstore/spy_vfs.h"

/* ---- triggers ---- */

static void refuses(sqlite3 *database, const char *sql)
{
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    cr_expect_eq(result, SQLITE_CONSTRAINT, "%s gave %d", sql, result);
    cr_expect(strstr(sqlite3_errmsg(database), "append-only") != NULL, "%s: %s", sql, sqlite3_errmsg(database));
}

#define EVENT_LIKE(position, version)                                                                                  \
    "SELECT " position ", type, entity, category, " version ", previous, schema_version, event_id, correlation,"       \
    " causation, recorded_at, origin, command_id, 'forged', digest FROM event WHERE position = 2"

SQLITE_TEST(refuses_to_change_or_remove_what_stands)
{
    static const char *const changes[] = {
        "UPDATE event SET data = 'forged' WHERE position = 1",
        "UPDATE event SET position = 99 WHERE position = 3",
        "UPDATE OR REPLACE event SET position = 1 WHERE position = 2",
        "DELETE FROM event WHERE position = 3",
        "DELETE FROM event",
        "UPDATE store SET settings = '{}'",
        "DELETE FROM store",
        "UPDATE category SET name = 'x'",
        "DELETE FROM category",
        "UPDATE type SET name = 'x'",
        "DELETE FROM type",
        "UPDATE origin SET actor = 'x'",
        "DELETE FROM origin",
        "UPDATE entity SET name = 'x'",
        "DELETE FROM entity",
    };
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    sqlite3 *rogue = raw_open(given->folder);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        refuses(rogue, changes[i]);
    raw_close(rogue);
}

SQLITE_TEST(refuses_to_replace_what_stands)
{
    static const char *const insertions[] = {
        "INSERT OR REPLACE INTO event " EVENT_LIKE("1", "version + 9"),    /* by position */
        "REPLACE INTO event " EVENT_LIKE("3", "4"),
        "INSERT OR REPLACE INTO event " EVENT_LIKE("4", "version"),        /* by stream and version */
        "INSERT INTO event " EVENT_LIKE("4", "3"),
        "INSERT INTO event " EVENT_LIKE("2", "4") " ON CONFLICT DO UPDATE SET data = 'forged'",
        "INSERT INTO event " EVENT_LIKE("-1", "4"),
        "INSERT INTO event " EVENT_LIKE("NULL", "1"),
        "INSERT OR REPLACE INTO store VALUES (1, x'00', 0, '')",
        "INSERT OR REPLACE INTO category VALUES (1, 'x')",
        "INSERT OR REPLACE INTO category VALUES (2, 'stock')",
        "INSERT OR REPLACE INTO type VALUES (1, 'x')",
        "INSERT OR REPLACE INTO type (name) VALUES ('Happened')",
        "INSERT OR REPLACE INTO origin VALUES (1, 'x', 'y')",
        "INSERT OR REPLACE INTO origin VALUES (2, 'tester', 'tests 1')",
        "INSERT OR REPLACE INTO entity VALUES (1, 'x')",
        "INSERT OR REPLACE INTO entity (name) VALUES ('tea')",
    };
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    sqlite3 *rogue = raw_open(given->folder);
    for (size_t i = 0; i < sizeof insertions / sizeof *insertions; i++)
        refuses(rogue, insertions[i]);
    raw_run(rogue, "PRAGMA recursive_triggers = ON");
    refuses(rogue, insertions[0]);
    raw_close(rogue);
}

/* ---- the view ---- */

static void shows(sqlite3 *database, const char *column, const char *want)
{
    char sql[200];
    sqlite3_stmt *select;
    snprintf(sql, sizeof sql, "SELECT %s FROM events WHERE position = 2", column);
    cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &select, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    cr_assert_eq(sqlite3_step(select), SQLITE_ROW);
    const char *got = (const char *)sqlite3_column_text(select, 0);
    cr_expect_str_eq(got == NULL ? "NULL" : got, want, "%s is %s", column, got);
    sqlite3_finalize(select);
}

SQLITE_TEST(shows_the_roll_in_words)
{
    struct draft draft;
    struct uuid command = id_numbered(77);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    given->time.now_us += 123456;
    draft_start(&draft);
    draft.commit.command_id = &command;
    struct new_event *event = draft_append(&draft, ORDER_7, EXPECTED_NONE, 2, 1);
    event->type = "OrderPlaced";
    event->schema_version = 2;
    event->correlation = id_numbered(7);
    event->causation = 1;
    must(commit(given, &draft));

    sqlite3 *reader = raw_open(given->folder);
    sqlite3_db_config(reader, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    shows(reader, "stream", "order-00000000-0000-5000-8000-000000000007");
    shows(reader, "version", "1");
    shows(reader, "type", "OrderPlaced");
    shows(reader, "schema_version", "2");
    shows(reader, "event_id", "00000000-0000-5000-8000-000000000002");
    shows(reader, "correlation_id", "00000000-0000-5000-8000-000000000007");
    shows(reader, "causation_id", "00000000-0000-5000-8000-000000000001");
    shows(reader, "recorded_at", "2026-11-23T18:40:00.123456Z");
    shows(reader, "data", "{\"n\":2}");
    shows(reader, "metadata", "{\"actor\":\"tester\",\"command_id\":\"00000000-0000-5000-8000-00000000004d\","
                              "\"producer\":\"tests 1\"}");
    cr_assert_eq(raw_integer(reader, "SELECT count(*) FROM events WHERE position = 1 AND causation_id IS NULL AND"
                                     " stream = 'stock-tea' AND correlation_id = event_id"),
                 1);
    cr_assert_eq(raw_integer(reader, "SELECT count(*) FROM events"), 2);
    raw_close(reader);
}

/* ---- the log's discipline (docs/decisions/0001) ---- */

static off_t size_of(const char *folder, const char *name)
{
    struct stat found;
    return stat(path_in(folder, name), &found) == 0 ? found.st_size : -1;
}

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

Test(sqlite, writes_and_checkpoints_only_inside_the_queue, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    struct roll_query all = {0};
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    char lock[PATH_SIZE];
    spy_install();
    given_open(given, &engine_sqlite);
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
    given_close(given);
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

SQLITE_TEST(keeps_a_log_also_where_a_backup_was_put_in_place)
{
    char folder[TEMPORARY_SIZE];
    struct eventstore *restored;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    temporary_make(folder);
    must(eventstore_backup(given->store, path_in(folder, "events.db"), &position, digest, &given->error));
    must(given->engine->open(&restored, folder, &given->options, &given->error));
    sqlite3 *rogue = raw_open(folder);
    sqlite3_stmt *mode;
    cr_assert_eq(sqlite3_prepare_v2(rogue, "PRAGMA journal_mode", -1, &mode, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(mode), SQLITE_ROW);
    cr_assert_str_eq((const char *)sqlite3_column_text(mode, 0), "wal");
    sqlite3_finalize(mode);
    raw_close(rogue);
    given->engine->close(&restored);
    temporary_remove(folder);
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

Test(sqlite, whose_disk_is_full_refuses_the_commit_and_goes_on_later, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    spy_install();
    given_open(given, &engine_sqlite);
    given->options.durability = DURABILITY_FULL;
    reopen(given);
    commit_survives(given, SQLITE_FULL, STATUS_FULL);
    given_close(given);
}

Test(sqlite, whose_disk_is_broken_refuses_the_commit_and_goes_on_later, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    spy_install();
    given_open(given, &engine_sqlite);
    given->options.durability = DURABILITY_FULL;
    reopen(given);
    commit_survives(given, SQLITE_IOERR_WRITE, STATUS_IO);
    given_close(given);
}

Test(sqlite, whose_checkpoint_fails_has_committed_all_the_same, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    spy_install();
    given_open(given, &engine_sqlite);
    given->options.checkpoint_every_bytes = 4096;
    reopen(given);
    spy = (struct spy){.fail_on = "events.db", .fail_at = 1, .fail_count = 1000, .fail_with = SQLITE_FULL};
    for (unsigned number = 1; number <= 10; number++)
        must(append(given, TEA, number - 1, number, 1));
    cr_assert_gt(spy.failing, 2);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    spy = (struct spy){0};
    must(append(given, TEA, 10, 11, 1));
    reopen(given);
    cr_assert_eq(read_roll(given, (struct roll_query){0})->count, 11);
    given_close(given);
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

Test(sqlite, that_is_killed_anywhere_in_create_leaves_no_store_or_a_whole_one, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    int status = -1, none = 0;
    spy_install();
    given_open(given, &engine_sqlite);
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
    given_close(given);
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

Test(sqlite, that_is_killed_anywhere_in_a_commit_has_all_of_it_or_nothing, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    int status = -1, none = 0, all = 0;
    spy_install();
    given_open(given, &engine_sqlite);
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
    given_close(given);
}

/* ---- opening what is no store ---- */

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
}

/* Both ways of opening say so, and leave the file alone. */
static void opening_gives(struct given *given, enum status want)
{
    struct eventstore *store;
    off_t size = size_of(given->folder, "events.db");
    given->is_damaged = true;
    must_be(want, eventstore_open(&store, given->folder, NULL, &given->error));
    cr_assert_null(store);
    must_be(want, eventstore_open_file(&store, path_in(given->folder, "events.db"), &given->error));
    cr_assert_null(store);
    cr_assert_eq(size_of(given->folder, "events.db"), size);
}

/* The store's files are gone, its handle has none. */
static void clear_folder(struct given *given)
{
    static const char *const names[] = {"events.db", "events.db-wal", "events.db-shm"};
    given->engine->close(&given->store);
    for (size_t i = 0; i < 3; i++)
        (void)remove(path_in(given->folder, names[i]));
}

/* given_close() needs a handle to close; none is fine. */
SQLITE_TEST(does_not_open_a_file_that_is_no_database)
{
    clear_folder(given);
    char text[8192];
    memset(text, 'x', sizeof text);
    write_file(path_in(given->folder, "events.db"), text, sizeof text);
    opening_gives(given, STATUS_FOREIGN);
    write_file(path_in(given->folder, "events.db"), text, 10);
    opening_gives(given, STATUS_FOREIGN);
}

SQLITE_TEST(does_not_open_an_empty_file)
{
    clear_folder(given);
    write_file(path_in(given->folder, "events.db"), "", 0);
    opening_gives(given, STATUS_FOREIGN);
}

SQLITE_TEST(does_not_open_a_database_of_another_kind)
{
    clear_folder(given);
    write_file(path_in(given->folder, "events.db"), "", 0);
    sqlite3 *other = raw_open(given->folder);
    raw_run(other, "CREATE TABLE event (position INTEGER PRIMARY KEY); PRAGMA user_version = 1");
    raw_close(other);
    opening_gives(given, STATUS_FOREIGN);
}

SQLITE_TEST(does_not_open_a_newer_format)
{
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "PRAGMA user_version = 2");
    raw_close(rogue);
    given->engine->close(&given->store);
    opening_gives(given, STATUS_NEWER);
}

SQLITE_TEST(does_not_open_a_format_that_never_was)
{
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "PRAGMA user_version = 0");
    raw_close(rogue);
    given->engine->close(&given->store);
    opening_gives(given, STATUS_DAMAGED);
}

/* Cut anywhere, a file is refused, or what is left of it is found wanting: never taken for whole. */
SQLITE_TEST(does_not_take_a_truncated_file_for_a_whole_one)
{
    char copy[PATH_SIZE];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    must(append(given, TEA, EXPECTED_NONE, 1, 60));
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy.db"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    off_t whole = size_of(given->folder, "copy.db");
    for (off_t size = whole - 1; size > 0; size = size > 4096 ? (size - 1) / 4096 * 4096 : size / 2) {
        struct eventstore *store;
        cr_assert_eq(truncate(copy, size), 0);
        enum status status = eventstore_open_file(&store, copy, &given->error);
        if (status == STATUS_OK)
            cr_assert_gt(verify(given, store)->faults, 0, "cut to %lld bytes", (long long)size);
        else
            cr_assert(status == STATUS_DAMAGED || status == STATUS_FOREIGN, "%s", given->error.text);
        eventstore_close(&store);
    }
}

SQLITE_TEST(creates_although_a_killed_one_left_its_draft)
{
    char folder[TEMPORARY_SIZE], draft[40];
    temporary_make(folder);
    snprintf(draft, sizeof draft, "events.db.draft-%d", (int)getpid());
    write_file(path_in(folder, draft), "half a database", 15);
    must(eventstore_create(folder, NULL, "", &given->error));
    temporary_remove(folder);
}

/* ---- damage of SQLite's kind ---- */

/* Three events, of which the second and third are in one stream, and a correlation that is an entity. */
static void three_events(struct given *given)
{
    struct draft draft;
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    struct new_event *events = draft_append(&draft, ORDER_7, EXPECTED_NONE, 2, 2);
    struct uuid command = id_numbered(77);
    events[0].correlation = events[1].correlation = id_numbered(7);
    events[1].causation = 1;
    draft.commit.command_id = &command;
    must(commit(given, &draft));
    must(move_checkpoint(given, "payment", 0, 2));
}

static void damage_is_found(struct given *given, const char *sql, const char *words)
{
    given->is_damaged = true;
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    raw_run(rogue, sql);
    cr_assert_gt(sqlite3_total_changes(rogue), 0, "%s", sql);
    raw_close(rogue);
    cr_expect(report_has(verify(given, given->store), words), "%s: %s", sql, given->report.text);
}

/* Each in a store of its own: the sentence that verify must say. */
static const struct {
    const char *sql, *words;
} damages[] = {
    {"UPDATE event SET previous = 1 WHERE position = 3", "order: the event at position 3 "},
    {"UPDATE event SET previous = 0 WHERE position = 3", "order: the event at position 3 "},
    {"UPDATE event SET version = 3 WHERE position = 3", "order: the event at position 3 "},
    {"UPDATE event SET schema_version = schema_version + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET type = type + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET origin = origin + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET category = category + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET entity = 99 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET correlation = (SELECT entity FROM event WHERE position = 1) WHERE position = 2",
     "chain: the event at position 2 "},
    {"UPDATE event SET event_id = x'00' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET command_id = x'' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET command_id = NULL WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET digest = x'' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET data = data || char(0) WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET position = 9223372036854775807 WHERE position = 3", "order: the event at position 3 is missing"},
    {"UPDATE event SET position = -9223372036854775807 - 1 WHERE position = 3", "order: an event stands at position -9"},
    {"UPDATE entity SET name = '00000000-0000-5000-8000-000000000007' WHERE typeof(name) = 'blob'",
     "chain: the event at position 2 "},
    {"UPDATE entity SET name = CAST(name AS BLOB) WHERE name = 'milk'", "chain: the event at position 1 "},
    {"UPDATE entity SET name = 'milk' || char(0) || 'man' WHERE name = 'milk'", "chain: the event at position 1 "},
    {"UPDATE type SET name = name || char(0) || 'ed'", "chain: the event at position 1 "},
    {"UPDATE type SET id = 7", "chain: the event at position 1 "},
    {"UPDATE origin SET actor = actor || char(0)", "chain: the event at position 1 "},
    {"INSERT INTO entity VALUES (1000000000000, 'x')", "names: "},
    {"INSERT INTO entity VALUES (0, 'x')", "names: "},
    {"DELETE FROM entity WHERE name = 'milk'", "names: "},
    {"DELETE FROM stream", "streams: "},
    {"INSERT INTO stream VALUES (1, 2, 0, 0)", "streams: "},
    {"INSERT INTO stream VALUES (77, 2, 1, 1)", "streams: "},
    {"UPDATE stream SET position = 2 WHERE position = 3", "streams: "},
    {"UPDATE checkpoint SET position = -1", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 4, 'waiting', 1, 0, 0, '')", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 0, 'waiting', 1, 0, 0, '')", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', x'00', 2, 'waiting', 1, 0, 0, '')", "consumers: "},
    {"UPDATE store SET id = randomblob(16)", "chain: the event at position 1 "},
};

Test(sqlite, verify_finds_damage_of_every_kind, .timeout = TEST_TIMEOUT_S)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct given scene;
        given_open(&scene, &engine_sqlite);
        three_events(&scene);
        damage_is_found(&scene, damages[i].sql, damages[i].words);
        given_close(&scene);
    }
}

SQLITE_TEST(verify_finds_a_missing_trigger)
{
    sqlite3 *rogue = raw_open(given->folder);
    given->is_damaged = true;
    raw_run(rogue, "DROP TRIGGER event_is_never_deleted");
    raw_close(rogue);
    cr_assert(report_has(verify(given, given->store), "schema: event_is_never_deleted"), "%s", given->report.text);
}

SQLITE_TEST(verify_finds_a_changed_trigger)
{
    sqlite3 *rogue = raw_open(given->folder);
    given->is_damaged = true;
    raw_run(rogue, "DROP TRIGGER event_is_never_deleted;"
                   "CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event WHEN 0 BEGIN SELECT 1; END");
    raw_close(rogue);
    cr_assert(report_has(verify(given, given->store), "schema: event_is_never_deleted"), "%s", given->report.text);
}

SQLITE_TEST(verify_finds_a_trigger_that_is_not_ours)
{
    sqlite3 *rogue = raw_open(given->folder);
    given->is_damaged = true;
    raw_run(rogue, "CREATE TRIGGER helpful AFTER INSERT ON event BEGIN DELETE FROM parked; END");
    raw_close(rogue);
    cr_assert(report_has(verify(given, given->store), "schema: helpful"), "%s", given->report.text);
}

SQLITE_TEST(verify_allows_what_people_add_for_themselves)
{
    sqlite3 *person = raw_open(given->folder);
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    raw_run(person, "CREATE VIEW mine AS SELECT * FROM events WHERE type = 'OrderPlaced'; ANALYZE");
    raw_close(person);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
}

SQLITE_TEST(verify_finds_an_index_that_lost_a_name)
{
    given->is_damaged = true;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    char sql[300];
    /* The entities' index is declared to be another table's, which is then emptied. */
    raw_drop_triggers(rogue);
    raw_run(rogue, "PRAGMA writable_schema = ON");
    snprintf(sql, sizeof sql,
             "INSERT INTO sqlite_schema SELECT 'table', 'ghost', 'ghost', rootpage, 'CREATE TABLE ghost (name, id,"
             " PRIMARY KEY (name, id)) WITHOUT ROWID' FROM sqlite_schema WHERE name = 'sqlite_autoindex_entity_1'");
    raw_run(rogue, sql);
    raw_close(rogue);
    rogue = raw_open(given->folder);
    raw_run(rogue, "DELETE FROM ghost WHERE name = 'milk'");
    raw_run(rogue, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'ghost'");
    raw_close(rogue);
    given->store = another_handle(given);
    cr_assert_eq(version_of(given, MILK), 0, "the damage is done");
    cr_assert(report_has(verify(given, given->store), "file: "), "%s", given->report.text);
}

SQLITE_TEST(reading_a_stream_whose_link_is_cut_says_that_it_is_damaged)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    struct stream_query query = {.stream = TEA};
    given->engine->damage(given->folder, DAMAGE_EVENT_REMOVED, 2);
    given->is_damaged = true;
    must_be(STATUS_DAMAGED, eventstore_read_stream(given->store, &query, NULL, note, &given->reading, &given->error));
    cr_assert(strstr(given->error.text, "position 2") != NULL, "%s", given->error.text);
}

/* A circle of links must not be walked for ever. */
SQLITE_TEST(reading_a_stream_whose_links_go_in_circles_ends)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    struct stream_query query = {.stream = TEA};
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    raw_run(rogue, "UPDATE event SET previous = 3 WHERE position = 2");
    raw_close(rogue);
    given->is_damaged = true;
    must_be(STATUS_DAMAGED, eventstore_read_stream(given->store, &query, NULL, note, &given->reading, &given->error));
}

/* Garbage in any page of the file: verify says so, and neither it nor a reading ends otherwise than with a status. */
SQLITE_TEST(verify_finds_a_page_of_garbage)
{
    char copy[PATH_SIZE], garbage[4096];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    for (unsigned number = 1; number <= 240; number += 60)
        must(append(given, TEA, number - 1, number, 60));
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy.db"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    off_t pages = size_of(given->folder, "copy.db") / 4096;
    memset(garbage, 0xA5, sizeof garbage);
    for (off_t page = 0; page < pages; page++) {
        struct eventstore *store;
        char whole[4096];
        FILE *file = fopen(copy, "r+");
        cr_assert_not_null(file);
        cr_assert_eq(fseek(file, page * 4096, SEEK_SET), 0);
        cr_assert_eq(fread(whole, 1, sizeof whole, file), sizeof whole);
        cr_assert_eq(fseek(file, page * 4096, SEEK_SET), 0);
        cr_assert_eq(fwrite(garbage, 1, sizeof garbage, file), sizeof garbage);
        cr_assert_eq(fflush(file), 0);
        enum status status = eventstore_open_file(&store, copy, &given->error);
        if (status == STATUS_OK) {
            cr_assert_gt(verify(given, store)->faults, 0, "page %lld of %lld", (long long)page + 1, (long long)pages);
            struct roll_query all = {0};
            status = eventstore_read_roll(store, &all, note, &given->reading, &given->error);
        }
        cr_assert(status == STATUS_OK || status == STATUS_DAMAGED || status == STATUS_FOREIGN, "page %lld: %s",
                  (long long)page + 1, given->error.text);
        eventstore_close(&store);
        cr_assert_eq(fseek(file, page * 4096, SEEK_SET), 0);
        cr_assert_eq(fwrite(whole, 1, sizeof whole, file), sizeof whole);
        cr_assert_eq(fclose(file), 0);
    }
}

/* ---- every single byte ---- */

/* All that an event says: its row, and the names it points to. */
static const char *const contents[][2] = {
    {"event", "type"},       {"event", "entity"},     {"event", "category"},    {"event", "version"},
    {"event", "previous"},   {"event", "schema_version"}, {"event", "event_id"}, {"event", "correlation"},
    {"event", "causation"},  {"event", "recorded_at"}, {"event", "origin"},     {"event", "command_id"},
    {"event", "data"},       {"event", "digest"},     {"category", "name"},     {"type", "name"},
    {"origin", "actor"},     {"origin", "producer"},  {"entity", "name"},
};

/* One value and what it would be with one byte changed. */
struct value {
    int type;
    uint8_t bytes[256];
    int length;
};

static struct value read_value(sqlite3 *database, const char *sql, int64_t row)
{
    struct value value = {.type = SQLITE_NULL};
    sqlite3_stmt *select;
    cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &select, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    sqlite3_bind_int64(select, 1, row);
    cr_assert_eq(sqlite3_step(select), SQLITE_ROW);
    value.type = sqlite3_column_type(select, 0);
    if (value.type == SQLITE_INTEGER) {
        int64_t number = sqlite3_column_int64(select, 0);
        value.length = sizeof number;
        memcpy(value.bytes, &number, sizeof number);
    } else if (value.type != SQLITE_NULL) {
        value.length = sqlite3_column_bytes(select, 0);
        cr_assert_leq(value.length, (int)sizeof value.bytes);
        memcpy(value.bytes, sqlite3_column_blob(select, 0), (size_t)value.length);
    }
    sqlite3_finalize(select);
    return value;
}

static void write_value(sqlite3 *database, const char *sql, int64_t row, const struct value *value)
{
    sqlite3_stmt *update;
    int64_t number;
    cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &update, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    memcpy(&number, value->bytes, sizeof number);
    if (value->type == SQLITE_INTEGER)
        sqlite3_bind_int64(update, 1, number);
    else if (value->type == SQLITE_TEXT)
        sqlite3_bind_text(update, 1, (const char *)value->bytes, value->length, SQLITE_STATIC);
    else
        sqlite3_bind_blob(update, 1, value->bytes, value->length, SQLITE_STATIC);
    sqlite3_bind_int64(update, 2, row);
    cr_assert_eq(sqlite3_step(update), SQLITE_DONE, "%s: %s", sql, sqlite3_errmsg(database));
    sqlite3_finalize(update);
}

static int flip_each_byte(struct given *given, sqlite3 *rogue, const char *table, const char *column, int64_t row)
{
    char select[100], update[100];
    snprintf(select, sizeof select, "SELECT %s FROM %s WHERE rowid = ?1", column, table);
    snprintf(update, sizeof update, "UPDATE %s SET %s = ?1 WHERE rowid = ?2", table, column);
    struct value value = read_value(rogue, select, row);
    for (int i = 0; i < value.length; i++) {
        uint8_t bit = (uint8_t)(1 << (i % 8));
        value.bytes[i] ^= bit;
        write_value(rogue, update, row, &value);
        /* More than the triggers, which are missing for this test. */
        cr_assert_gt(verify(given, given->store)->faults, 1, "byte %d of %s.%s of row %lld: %s", i, table, column,
                     (long long)row, given->report.text);
        value.bytes[i] ^= bit;
        write_value(rogue, update, row, &value);
    }
    return value.length;
}

SQLITE_TEST(verify_finds_every_single_byte_that_is_another)
{
    int flipped = 0;
    three_events(given);
    given->is_damaged = true;
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        char count[100];
        snprintf(count, sizeof count, "SELECT max(rowid) FROM %s", contents[i][0]);
        int64_t rows = raw_integer(rogue, count);
        for (int64_t row = 1; row <= rows; row++)
            flipped += flip_each_byte(given, rogue, contents[i][0], contents[i][1], row);
    }
    raw_close(rogue);
    cr_assert_gt(flipped, 400);
    cr_assert_eq(verify(given, given->store)->faults, 1, "all is as it was but for the triggers: %s",
                 given->report.text);
}
