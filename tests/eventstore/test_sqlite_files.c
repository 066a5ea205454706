/* Files that are no store, or no longer a whole one. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eventstore/sqlite_store.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/eventstore/spy_vfs.h"
#include "tests/support/mishap.h"

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
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", EVENTSTORE_FORMAT + 1);
    raw_run(rogue, pragma);
    raw_close(rogue);
    given->engine->close(&given->store);
    opening_gives(given, STATUS_NEWER);
}

SQLITE_TEST(does_not_open_settings_that_nobody_can_have_written)
{
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    raw_run(rogue, "UPDATE store SET settings = printf('{\"currency\":\"%.1000000c\"}', 'U')");
    raw_close(rogue);
    opening_gives(given, STATUS_DAMAGED);
}

static void changed_in_the_store(struct given *given, const char *change)
{
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "BEGIN");
    raw_drop_triggers(rogue);
    raw_run(rogue, change);
    raw_run(rogue, "COMMIT");
    raw_close(rogue);
    opening_gives(given, STATUS_DAMAGED);
}

SQLITE_TEST(does_not_open_a_store_that_was_made_with_other_settings)
{
    given->engine->close(&given->store);
    changed_in_the_store(given, "UPDATE store SET settings = 'other'");
}

SQLITE_TEST(does_not_open_a_store_that_was_made_at_another_time)
{
    given->engine->close(&given->store);
    changed_in_the_store(given, "UPDATE store SET created_at = created_at + 1");
}

SQLITE_TEST(does_not_open_a_store_with_an_id_that_was_made_up)
{
    given->engine->close(&given->store);
    changed_in_the_store(given, "UPDATE store SET id = x'00112233445586778899aabbccddeeff'");
}

static void guard_as_in_format_1(sqlite3 *rogue, const char *trigger)
{
    char drop[80], create[80];
    snprintf(drop, sizeof drop, "DROP TRIGGER %s", trigger);
    snprintf(create, sizeof create, "CREATE TRIGGER %s ", trigger);
    raw_run(rogue, drop);
    for (const char *const *sql = schema_sql[1]; *sql != NULL; sql++)
        if (strncmp(*sql, create, strlen(create)) == 0)
            raw_run(rogue, *sql);
}

/* Format 2 added decisions and pauses, format 3 checksums and the table of backups, format 4 snapshots and triggers
 * that cost less. */
static void make_format(struct given *given, int format)
{
    char pragma[40];
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "DROP TABLE snapshot");
    guard_as_in_format_1(rogue, "event_is_never_replaced");
    guard_as_in_format_1(rogue, "entity_is_never_replaced");
    if (format < 3)
        raw_run(rogue, "ALTER TABLE checkpoint DROP COLUMN checksum; ALTER TABLE parked DROP COLUMN checksum;"
                       "ALTER TABLE decision DROP COLUMN checksum; ALTER TABLE pause DROP COLUMN checksum;"
                       "DROP TABLE backup");
    if (format == 1)
        raw_run(rogue, "DROP TABLE decision; DROP TABLE pause");
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", format);
    raw_run(rogue, pragma);
    raw_close(rogue);
}

/* Three events, of which one was parked, decided about and parked again, and a pause. */
static void busy_store(struct given *given)
{
    struct draft draft;
    const struct parked parked = {.position = 1, .sequence = {{9}}, .state = PARKED_DEAD, .reason = "why"};
    const struct decision decision = {
        .kind = DECISION_RETRY, .consumer = "payment", .parked = parked, .who = "ann", .reason = "", .owed = ""};
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 3);
    draft_park(&draft, &parked, -1);
    must(commit(given, &draft));
    must(eventstore_decide(given->store, &decision, 1, &given->error));
    must(eventstore_pause(given->store, "payment", given->time.now_us + 1000, "no answer", &given->error));
}

static enum status count_parked(void *count, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)parked, (void)error;
    ++*(int *)count;
    return STATUS_OK;
}

static enum status count_decision(void *count, const struct decision *decision, struct error *error)
{
    (void)decision, (void)error;
    ++*(int *)count;
    return STATUS_OK;
}

static void remembers(struct given *given, int format)
{
    const struct decision_query decisions = {0};
    const struct parked_query parked = {0};
    struct pause pause;
    int found = 0;
    cr_expect_eq(checkpoint_of(given, "payment"), 3);
    must(eventstore_read_parked(given->store, &parked, count_parked, &found, &given->error));
    cr_expect_eq(found, 1);
    must(eventstore_read_decisions(given->store, &decisions, count_decision, &found, &given->error));
    cr_expect_eq(found, format == 1 ? 1 : 2);
    must(eventstore_paused(given->store, "payment", &pause, &given->error));
    cr_expect_eq(pause.until_us, format == 1 ? 0 : given->time.now_us + 1000);
    cr_expect_eq(head_of(given), 3);
    cr_expect_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
}

SQLITE_TEST(raises_a_store_of_an_older_format_when_it_is_opened)
{
    busy_store(given);
    for (int format = 3; format >= 1; format--) {
        make_format(given, format);
        struct eventstore *other = another_handle(given);
        must(given->engine->open(&given->store, given->folder, &given->options, &given->error));
        cr_expect_eq(eventstore_info(other)->format, EVENTSTORE_FORMAT);
        given->engine->close(&other);
        remembers(given, format);
        sqlite3 *reader = raw_open(given->folder);
        cr_expect_eq(raw_integer(reader, "PRAGMA user_version"), EVENTSTORE_FORMAT);
        raw_close(reader);
        must(move_checkpoint(given, "payment", 3, 2));
        must(move_checkpoint(given, "payment", 2, 3));
    }
}

/* A copy of a copy is as old as that. */
static void is_backed_up(struct given *given, int format)
{
    const char *path = path_in(given->folder, "copy.db");
    struct eventstore *copy;
    uint64_t position = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    must(eventstore_backup(given->store, path, &position, digest, &given->error));
    cr_expect_eq(position, 3);
    must(given->engine->open_file(&copy, path, &given->error));
    cr_expect_eq(eventstore_info(copy)->format, format);
    given->engine->close(&copy);
    cr_assert_eq(remove(path_in(given->folder, "copy.db")), 0);
}

SQLITE_TEST(reads_and_verifies_a_backup_of_an_older_format_as_it_is)
{
    struct arena arena = {0};
    struct snapshot snapshot;
    busy_store(given);
    for (int format = 3; format >= 1; format--) {
        make_format(given, format);
        must(given->engine->open_file(&given->store, path_in(given->folder, "events.db"), &given->error));
        cr_expect_eq(eventstore_info(given->store)->format, format);
        remembers(given, format);
        must(eventstore_read_snapshot(given->store, TEA, 1, &arena, &snapshot, &given->error));
        cr_expect_eq(snapshot.version, 0);
        is_backed_up(given, format);
        reopen(given); /* as a store, for the next round */
    }
}

Test(sqlite, opening_a_backup_of_an_older_format_ends_anywhere_with_a_sentence, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    bool is_ended = true;
    mishap_install();
    given_open(given, &engine_sqlite);
    make_format(given, 2);
    for (uint32_t nth = 1; is_ended; nth++) {
        struct eventstore *store = NULL;
        given->error.text[0] = '\0';
        mishap_interrupt(nth);
        const enum status status = eventstore_open_file(&store, path_in(given->folder, "events.db"), &given->error);
        is_ended = mishap_heal();
        cr_assert(status == STATUS_OK || (is_ended && given->error.text[0] != '\0'), "%u: %s", nth, given->error.text);
        eventstore_close(&store);
    }
    reopen(given);
    given_close(given);
}

SQLITE_TEST(does_not_raise_a_store_that_lacks_tables)
{
    make_format(given, 2);
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "DROP TABLE pause");
    raw_close(rogue);
    given->is_damaged = true;
    must_be(STATUS_DAMAGED, eventstore_open(&given->store, given->folder, NULL, &given->error));
    cr_assert(strstr(given->error.text, "lacks tables") != NULL, "%s", given->error.text);
}

SQLITE_TEST(does_not_open_a_format_that_never_was)
{
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "PRAGMA user_version = 0");
    raw_close(rogue);
    given->engine->close(&given->store);
    opening_gives(given, STATUS_DAMAGED);
}

SQLITE_TEST(does_not_open_a_store_without_its_tables)
{
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "DROP TABLE parked");
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
    const struct eventstore_options plain = {.patience_ms = 0};
    must(eventstore_create(folder, &plain, "", &given->error));
    temporary_remove(folder);
}

/* Not only when it is opened. */
SQLITE_TEST(verify_finds_a_file_that_became_something_else_meanwhile)
{
    char copy[PATH_SIZE];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    struct eventstore *store;
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy.db"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    must(eventstore_open_file(&store, copy, &given->error));
    FILE *file = fopen(copy, "r+");
    cr_assert_not_null(file);
    for (int i = 0; i < 100; i++)
        (void)fputc('x', file);
    cr_assert_eq(fclose(file), 0);
    cr_assert(report_has(verify(given, store), "file: "), "%s", given->report.text);
    cr_assert(report_has(&given->report, "not a database"), "%s", given->report.text);
    eventstore_close(&store);
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

SQLITE_TEST(does_not_open_a_file_that_others_may_write_to)
{
    static const char *const names[] = {"events.db",    "events.db-wal",         "events.db-shm",           "run",
                                        "run/doorbell", "run/writers-gate.lock", "run/writers-counter.lock"};
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct eventstore *store;
        struct stat found;
        const char *path = path_in(given->folder, names[i]);
        cr_assert_eq(stat(path, &found), 0, "%s", names[i]);
        cr_assert_eq(found.st_mode & 077, 0, "%s has the mode %o", names[i], found.st_mode);
        cr_assert_eq(chmod(path, found.st_mode | 0020), 0);
        must_be(STATUS_IO, eventstore_open(&store, given->folder, NULL, &given->error));
        cr_assert(strstr(given->error.text, names[i]) != NULL, "%s", given->error.text);
        cr_assert_eq(chmod(path, found.st_mode), 0);
    }
}

SQLITE_TEST(does_not_wait_for_a_fifo_in_the_place_of_a_backup)
{
    struct eventstore *store;
    const char *fifo = path_in(given->folder, "fifo");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    must_be(STATUS_FOREIGN, eventstore_open_file(&store, fifo, &given->error));
    cr_assert(strstr(given->error.text, "fifo is a FIFO and no store") != NULL, "%s", given->error.text);
}

/* In the place of each of the store's files, what only looks like one. A link within the folder is refused like one
 * that leads out of it. */
SQLITE_TEST(opens_and_makes_no_file_through_a_link_and_waits_for_no_fifo)
{
    static const char *const names[] = {"run/doorbell",  "run/writers-gate.lock", "run/writers-counter.lock",
                                        "events.db-wal", "events.db-shm",         "events.db"};
    char path[PATH_SIZE], kept[PATH_SIZE], victim[PATH_SIZE];
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(path_join(kept, given->folder, &given->error, "kept"));
    must(path_join(victim, given->folder, &given->error, "run/victim"));
    write_file(victim, "its", 3);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const targets[] = {victim, "victim", NULL};
        must(path_join(path, given->folder, &given->error, "%s", names[i]));
        cr_assert_eq(rename(path, kept), 0);
        for (size_t j = 0; j < sizeof targets / sizeof *targets; j++) {
            struct eventstore *store;
            cr_assert_eq(targets[j] == NULL ? mkfifo(path, 0600) : symlink(targets[j], path), 0);
            if (file_exists(path_in(given->folder, "events.db")))
                must_be(STATUS_IO, eventstore_open(&store, given->folder, NULL, &given->error));
            else
                must_be(STATUS_IO, eventstore_create(given->folder, NULL, "{}", &given->error));
            cr_assert(strstr(given->error.text, names[i]) != NULL, "%s: %s", names[i], given->error.text);
            cr_assert(strstr(given->error.text, "is no regular file") != NULL, "%s", given->error.text);
            cr_assert_eq(unlink(path), 0);
        }
        cr_assert_eq(rename(kept, path), 0);
    }
    cr_assert_eq(size_of(given->folder, "run/victim"), 3);
}

/* ---- killed on the way ---- */

struct copying {
    char source[PATH_SIZE], target[PATH_SIZE], folder[PATH_SIZE];
    bool is_restore;
    int die_at;
};

static int copy_and_die(struct process *us, void *context)
{
    struct copying *copying = context;
    struct eventstore *store;
    struct error error;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    (void)us;
    spy = (struct spy){.die_at = copying->die_at};
    if (copying->is_restore)
        return eventstore_restore(copying->source, copying->folder, &position, digest, NULL, &error) != STATUS_OK;
    if (eventstore_open(&store, copying->folder, NULL, &error) != STATUS_OK)
        return 2;
    enum status status = eventstore_backup(store, copying->target, &position, digest, &error);
    eventstore_close(&store);
    return status != STATUS_OK;
}

/* Kills it instead of its first operation on the disk, its second, and so on until it lives to the end. After each,
 * there is nothing at the target or a whole store. Returns how often it was killed. */
static int die_everywhere(struct given *given, struct copying *copying)
{
    for (copying->die_at = 1;; copying->die_at++) {
        struct eventstore *store;
        struct process process = start_process(copy_and_die, copying);
        const int end = end_of(&process);
        cr_assert(end == -1 || end == 0, "it ended with %d", end);
        if (end == -1 && !file_exists(copying->target))
            continue;
        must(eventstore_open_file(&store, copying->target, &given->error));
        cr_assert_eq(verify(given, store)->faults, 0, "%s", given->report.text);
        eventstore_close(&store);
        cr_assert_eq(remove(copying->target), 0);
        if (end == 0)
            return copying->die_at - 1;
    }
}

SPIED_TEST(a_backup_that_is_killed_anywhere_leaves_all_or_nothing)
{
    struct copying copying = {.is_restore = false};
    must(append(given, TEA, EXPECTED_NONE, 1, 20));
    snprintf(copying.folder, sizeof copying.folder, "%s", given->folder);
    snprintf(copying.target, sizeof copying.target, "%s", path_in(given->folder, "copy"));
    given->engine->close(&given->store);
    cr_assert_gt(die_everywhere(given, &copying), 20);
    reopen(given);
}

SQLITE_TEST(restores_nothing_beside_what_is_left_of_another_roll)
{
    static const char *const remains[] = {"events.db-wal", "events.db-shm", "events.db-journal"};
    char folder[TEMPORARY_SIZE], copy[PATH_SIZE];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    temporary_make(folder);
    for (size_t i = 0; i < sizeof remains / sizeof *remains; i++) {
        write_file(path_in(folder, remains[i]), "", 0);
        must_be(STATUS_REFUSED, eventstore_restore(copy, folder, &position, digest, NULL, &given->error));
        cr_expect_not_null(strstr(given->error.text, "is left of another roll"), "%s", given->error.text);
        cr_assert_eq(unlink(path_in(folder, remains[i])), 0);
    }
    must(eventstore_restore(copy, folder, &position, digest, NULL, &given->error));
    temporary_remove(folder);
}

SPIED_TEST(a_restore_that_is_killed_anywhere_leaves_all_or_nothing)
{
    struct copying copying = {.is_restore = true};
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    must(append(given, TEA, EXPECTED_NONE, 1, 20));
    snprintf(copying.source, sizeof copying.source, "%s", path_in(given->folder, "copy"));
    must(eventstore_backup(given->store, copying.source, &position, digest, &given->error));
    snprintf(copying.folder, sizeof copying.folder, "%s", path_in(given->folder, "made"));
    cr_assert_eq(path_join(copying.target, copying.folder, NULL, "events.db"), STATUS_OK);
    cr_assert_eq(mkdir(copying.folder, 0700), 0);
    cr_assert_gt(die_everywhere(given, &copying), 10);
}
