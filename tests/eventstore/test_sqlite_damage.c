/* Damage that needs SQLite to be done: in rows, triggers, links and indexes, and in every single byte of an event. */
#include <stdio.h>
#include <string.h>

#include "eventstore/sqlite_store.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/support/mishap.h"

/* ---- rows ---- */

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
    {"UPDATE event SET schema_version = schema_version + 4294967296 WHERE position = 2",
     "chain: the event at position 2 "},
    {"UPDATE event SET type = type + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET origin = origin + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET category = category + 4294967296 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET entity = 99 WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET correlation = (SELECT entity FROM event WHERE position = 1) WHERE position = 2",
     "chain: the event at position 2 "},
    {"UPDATE event SET event_id = x'00' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET command_id = x'' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET command_id = x'00' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET command_id = NULL WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET digest = x'' WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET data = data || char(0) WHERE position = 2", "chain: the event at position 2 "},
    {"UPDATE event SET position = 9223372036854775807 WHERE position = 3", "order: the event at position 3 is missing"},
    {"UPDATE event SET position = -9223372036854775807 - 1 WHERE position = 3",
     "order: an event stands at position -9"},
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
    {"WITH n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO category SELECT i, i FROM n",
     "chain: the event at position 1 "},
    {"DELETE FROM stream", "streams: "},
    {"INSERT INTO stream VALUES (1, 2, 0, 0)", "streams: "},
    {"INSERT INTO stream VALUES (77, 2, 1, 1)", "streams: "},
    {"UPDATE stream SET position = 2 WHERE position = 3", "streams: "},
    {"UPDATE stream SET position = 2, version = 1 WHERE position = 3", "streams: "},
    {"UPDATE checkpoint SET position = -1", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 4, 'waiting', 1, 0, 0, '', 0)", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 0, 'waiting', 1, 0, 0, '', 0)", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', x'00', 2, 'waiting', 1, 0, 0, '', 0)", "consumers: "},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 2, 'waiting', -1, 0, 0, '', 0)",
     "consumers: payment has tried position 2 -1 times"},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 2, 'waiting', 2147483647, 0, 0, '', 0)",
     "consumers: payment has tried position 2 2147483647 times"},
    {"INSERT INTO parked VALUES ('payment', zeroblob(16), 2, 'waiting', 1, 9223372036854775807, 0, '', 0)",
     "consumers: payment has set aside position 2 at a time that is none"},
    {"INSERT INTO decision VALUES (1, 'payment', x'00', 4, 0, '', 'retry', 'eve', 0, '', '', 0)",
     "consumers: eve has decided about position 4, but the roll ends at 3"},
    {"INSERT INTO decision VALUES (1, 'payment', x'00', 1, 0, '', 'retry', 'eve', 0, '', '', 0)",
     "consumers: eve has decided about position 1 in a sequence that is no id"},
    {"INSERT INTO decision VALUES (2, 'payment', zeroblob(16), 1, 0, '', 'retry', 'eve', 0, '', '', 0)",
     "consumers: decision 2 stands where decision 1 belongs"},
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

static enum status note_any(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)parked, (void)error;
    *(bool *)context = true;
    return STATUS_OK;
}

/* Each alone: a wrong link must be found where it stands, not where it leads. */
SQLITE_TEST(a_link_that_leads_astray_is_not_followed)
{
    static const char wrong_link[] = "its link to the event before it is wrong";
    static const char other_event[] = "it is not the one of its stream that belongs there";
    static const struct {
        const char *change, *words;
    } ways[] = {
        {"previous = 0", wrong_link},
        {"previous = 3", wrong_link},
        {"previous = 4", wrong_link},
        {"previous = -1", wrong_link},
        {"previous = 2, version = 3", other_event},
        {"entity = (SELECT entity FROM event WHERE position = 1)", other_event},
        {"category = (SELECT category FROM event WHERE position = 1)", other_event},
    };
    three_events(given);
    given->is_damaged = true;
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct stream_query newest = {.stream = ORDER_7, .direction = BACKWARDS, .limit = 1};
        char sql[400];
        snprintf(sql, sizeof sql,
                 "UPDATE event SET (previous, version, entity, category) = (SELECT 2, 2, entity, category FROM event"
                 " WHERE position = 2) WHERE position = 3; UPDATE event SET %s WHERE position = 3",
                 ways[i].change);
        raw_run(rogue, sql);
        must_be(STATUS_DAMAGED,
                eventstore_read_stream(given->store, &newest, NULL, note, &given->reading, &given->error));
        cr_expect_not_null(strstr(given->error.text, ways[i].words), "%s: %s", ways[i].change, given->error.text);
    }
    raw_close(rogue);
}

static enum status note_ascending(void *context, const struct recorded_event *event, struct error *error)
{
    uint64_t *last = context;
    (void)error;
    cr_assert_gt(event->position, *last);
    *last = event->position;
    return STATUS_OK;
}

static enum status note_descending(void *context, const struct recorded_event *event, struct error *error)
{
    uint64_t *last = context;
    (void)error;
    cr_assert_lt(event->position, *last);
    *last = event->position;
    return STATUS_OK;
}

/* The byte of the file in which the position of the n-th event stands: its page is the table's only one. */
static long place_of_position(FILE *file, long page, int n)
{
    uint8_t bytes[PAGE_BYTES];
    cr_assert_eq(fseek(file, (page - 1) * PAGE_BYTES, SEEK_SET), 0);
    cr_assert_eq(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    cr_assert_eq(bytes[0], 13, "page %ld is a table's only one", page);
    long at = bytes[8 + 2 * (n - 1)] * 256 + bytes[9 + 2 * (n - 1)];
    while ((bytes[at] & 0x80) != 0) /* the row's length */
        at++;
    cr_assert_eq(bytes[at + 1], n);
    return (page - 1) * PAGE_BYTES + at + 1;
}

static void flip_position(struct given *given, int n, int flip)
{
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "PRAGMA wal_checkpoint(TRUNCATE)");
    const long page = (long)raw_integer(rogue, "SELECT rootpage FROM sqlite_schema WHERE name = 'event'");
    raw_close(rogue);
    FILE *file = fopen(path_in(given->folder, "events.db"), "r+");
    cr_assert_not_null(file);
    const long place = place_of_position(file, page, n);
    cr_assert_eq(fseek(file, place, SEEK_SET), 0);
    cr_assert_eq(fputc(n ^ flip, file), n ^ flip);
    cr_assert_eq(fclose(file), 0);
    given->store = another_handle(given);
}

static void read_along(struct given *given, struct roll_query query, enum status *all)
{
    uint64_t last = query.direction == BACKWARDS ? UINT64_MAX : 0;
    event_visitor visit = query.direction == BACKWARDS ? note_descending : note_ascending;
    enum status status = eventstore_read_roll(given->store, &query, visit, &last, &given->error);
    cr_assert(status == STATUS_OK || status == STATUS_DAMAGED, "%s", given->error.text);
    *all = status != STATUS_OK ? status : *all;
}

/* Rows that are out of order are no rows that SQLite would notice. Whoever reads is promised positions that ascend (or
 * descend), and of all events that none is left out. */
Test(sqlite, no_position_is_handed_over_out_of_its_place, .timeout = TEST_TIMEOUT_S)
{
    const char *type = "Happened";
    for (int n = 1; n <= 3; n++)
        for (int bit = 0; bit < 7; bit++) {
            struct given scene;
            enum status all = STATUS_OK, some = STATUS_OK;
            given_open(&scene, &engine_sqlite);
            three_events(&scene);
            scene.is_damaged = true;
            flip_position(&scene, n, 1 << bit);
            read_along(&scene, (struct roll_query){0}, &all);
            cr_expect_eq(all, STATUS_DAMAGED, "position %d is %d", n, n ^ 1 << bit);
            read_along(&scene, (struct roll_query){.direction = BACKWARDS}, &some);
            read_along(&scene, (struct roll_query){.types = &type, .type_count = 1}, &some);
            read_along(&scene, (struct roll_query){.types = &type, .type_count = 1, .to = 2}, &some);
            read_along(&scene, (struct roll_query){.types = &type, .type_count = 1, .direction = BACKWARDS}, &some);
            read_along(&scene, (struct roll_query){.from = 2, .to = 2}, &some);
            given_close(&scene);
        }
}

Test(sqlite, a_roll_that_ends_where_no_roll_can_end_is_damage_to_who_asks_for_its_end, .timeout = TEST_TIMEOUT_S)
{
    static const char *const ends[] = {"position = position - 10", "position = 9223372036854775807"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct given scene;
        char sql[100];
        uint64_t head;
        given_open(&scene, &engine_sqlite);
        cr_assert_eq(append(&scene, TEA, EXPECTED_NONE, 1, 1), STATUS_OK);
        scene.is_damaged = true;
        sqlite3 *rogue = raw_open(scene.folder);
        raw_drop_triggers(rogue);
        snprintf(sql, sizeof sql, "UPDATE event SET %s", ends[i]);
        raw_run(rogue, sql);
        raw_close(rogue);
        cr_expect_eq(eventstore_head(scene.store, &head, &scene.error), STATUS_DAMAGED, "%s", ends[i]);
        cr_expect_not_null(strstr(scene.error.text, "its last event stands at position "), "%s", scene.error.text);
        given_close(&scene);
    }
}

SQLITE_TEST(a_position_behind_those_that_follow_is_damage_to_who_reads_back_or_only_some_types)
{
    const char *type = "Happened";
    const struct roll_query queries[] = {
        {.direction = BACKWARDS},
        {.types = &type, .type_count = 1},
        {.types = &type, .type_count = 1, .direction = BACKWARDS},
        {.to = 3},
        {.types = &type, .type_count = 1, .to = 2},
    };
    three_events(given);
    given->is_damaged = true;
    flip_position(given, 1, 4);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        must_be(STATUS_DAMAGED, eventstore_read_roll(given->store, &queries[i], note, &given->reading, &given->error));
        cr_expect_not_null(strstr(given->error.text, "damaged"), "%s", given->error.text);
        cr_expect_not_null(strstr(given->error.text, "Run `till verify`"), "%s", given->error.text);
    }
}

/* Whoever reads such a row would try its event for ever, or count past the end of the numbers. */
SQLITE_TEST(parked_events_that_nobody_can_have_parked_are_damage)
{
    static const char *const rows[] = {
        "2, 'waiting', -1, 0, 0",
        "2, 'waiting', 2147483647, 0, 0",
        "2, 'dead', 4294967296, 0, 0",
        "2, 'waiting', 1, -9223372036854775807 - 1, 0",
        "2, 'dead', 1, 0, -9223372036854775807 - 1",
        "0, 'dead', 1, 0, 0",
    };
    three_events(given);
    given->is_damaged = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[400];
        sqlite3 *rogue = raw_open(given->folder);
        snprintf(sql, sizeof sql,
                 "DELETE FROM parked; INSERT INTO parked VALUES ('payment', zeroblob(16), %s, '', 0);"
                 "UPDATE parked SET checksum = " PARKED_CHECKSUM,
                 rows[i]);
        raw_run(rogue, sql);
        raw_close(rogue);
        bool found = false;
        must_be(STATUS_DAMAGED,
                eventstore_read_parked(given->store, &(struct parked_query){0}, note_any, &found, &given->error));
        cr_expect_not(found, "%s", rows[i]);
    }
}

/* No table of ours has a NULL there; a file that was made to look like ours may. */
SQLITE_TEST(parked_events_that_lack_a_state_or_a_reason_are_damage)
{
    static const char *const rows[] = {"NULL, 1, 0, 0, ''", "'dead', 1, 0, 0, NULL"};
    three_events(given);
    given->is_damaged = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[400];
        sqlite3 *rogue = raw_open(given->folder);
        snprintf(sql, sizeof sql,
                 "DROP TABLE parked;"
                 "CREATE TABLE parked (consumer, sequence, position, state, attempts, next_attempt, parked_at, reason,"
                 " checksum); INSERT INTO parked VALUES ('payment', zeroblob(16), 2, %s, 0);"
                 "UPDATE parked SET checksum = " PARKED_CHECKSUM,
                 rows[i]);
        raw_run(rogue, sql);
        raw_close(rogue);
        bool found = false;
        must_be(STATUS_DAMAGED,
                eventstore_read_parked(given->store, &(struct parked_query){0}, note_any, &found, &given->error));
        cr_expect_not(found, "%s", rows[i]);
    }
}

static enum status count_fault(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)check, (void)detail, (void)error;
    *(int *)context += !ok;
    return STATUS_OK;
}

static int stop_at_once(void *context)
{
    (void)context;
    return 1;
}

/* Not every failure is damage: who verifies is told which it was. */
SQLITE_TEST(verify_that_was_interrupted_anywhere_says_so_and_finds_no_fault)
{
    enum status status = STATUS_IO;
    three_events(given);
    for (int steps = 20; status != STATUS_OK; steps *= 2) {
        int faults = 0;
        given->error.text[0] = '\0';
        sqlite3_progress_handler(given->store->database, steps, stop_at_once, NULL);
        status = eventstore_verify(given->store, count_fault, &faults, NULL, &given->error);
        sqlite3_progress_handler(given->store->database, 0, NULL, NULL);
        cr_assert(status == STATUS_OK || status == STATUS_IO, "%d: %s", steps, given->error.text);
        cr_assert_eq(faults, 0, "%d", steps);
        cr_assert(status == STATUS_OK || strstr(given->error.text, "interrupted") != NULL, "%d: %s", steps,
                  given->error.text);
    }
}

static enum status pass(void *context, const struct recorded_event *event, struct error *error)
{
    (void)context, (void)event, (void)error;
    return STATUS_OK;
}

static enum status pass_decision(void *context, const struct decision *decision, struct error *error)
{
    (void)context, (void)decision, (void)error;
    return STATUS_OK;
}

/* Each way to read, one after the other. A new handle: nothing is remembered. */
static bool is_damage_to_a_reader(struct given *given)
{
    const char *type = "Happened";
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    struct uuid id;
    bool any;
    given->engine->close(&given->store);
    given->store = another_handle(given);
    struct eventstore *store = given->store;
    const enum status found[] = {
        eventstore_read_roll(store, &(struct roll_query){0}, pass, NULL, &given->error),
        eventstore_read_roll(store, &(struct roll_query){.types = &type, .type_count = 1}, pass, NULL, &given->error),
        eventstore_read_stream(store, &(struct stream_query){.stream = ORDER_7}, NULL, pass, NULL, &given->error),
        eventstore_read_stream(store, &(struct stream_query){.stream = ORDER_7, .direction = BACKWARDS}, NULL, pass,
                               NULL, &given->error),
        eventstore_read_entity(store, ORDER_7.entity, 0, pass, NULL, &given->error),
        eventstore_head_digest(store, &position, digest, &given->error),
        eventstore_digest_at(store, 3, digest, &given->error),
        eventstore_event_id(store, 3, &id, &given->error),
        eventstore_position_at(store, given->time.now_us, &position, &given->error),
        eventstore_read_parked(store, &(struct parked_query){0}, note_any, &any, &given->error),
        eventstore_read_decisions(store, &(struct decision_query){0}, pass_decision, NULL, &given->error),
    };
    bool damage = false;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        cr_expect(found[i] == STATUS_OK || found[i] == STATUS_DAMAGED, "reader %zu: %s", i, status_name(found[i]));
        damage = damage || found[i] == STATUS_DAMAGED;
    }
    return damage;
}

/* Who does not verify first is told as well. */
Test(sqlite, damage_is_told_by_whoever_reads_it, .timeout = TEST_TIMEOUT_S)
{
    static const char more_origins_than_may_be[] =
        "WITH n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 4096) INSERT INTO origin SELECT i, i, '' FROM n;"
        "UPDATE origin SET producer = actor WHERE id > 1";
    static const char *const rows[] = {
        "UPDATE event SET digest = x'00' WHERE position = 3",
        "UPDATE event SET event_id = x'00' WHERE position = 3",
        "UPDATE event SET type = 0 WHERE position = 2",
        "UPDATE event SET type = 1000000 WHERE position = 2",
        "UPDATE event SET previous = 0 WHERE position = 3",
        "UPDATE event SET version = 5 WHERE position = 3",
        "UPDATE event SET version = 0 WHERE position = 1",
        "UPDATE event SET causation = -1 WHERE position = 2",
        "UPDATE event SET causation = 2 WHERE position = 2",
        "UPDATE event SET causation = 3 WHERE position = 2",
        "UPDATE event SET origin = 0 WHERE position = 2",
        "UPDATE event SET recorded_at = -9223372036854775807 WHERE position = 2",
        "UPDATE event SET recorded_at = 9223372036854775807 WHERE position = 2",
        "UPDATE event SET position = -1 WHERE position = 1",
        "UPDATE stream SET version = 0 WHERE position = 3",
        "UPDATE stream SET version = 4 WHERE position = 3",
        "UPDATE stream SET version = 1, position = -1 WHERE position = 3",
        "UPDATE event SET schema_version = 0 WHERE position = 3",
        "UPDATE event SET correlation = (SELECT entity FROM event WHERE position = 1) WHERE position = 2",
        "DELETE FROM event WHERE position = 2",
        "UPDATE type SET name = ''",
        "UPDATE type SET name = printf('%300c', 'x')",
        "WITH n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 257) INSERT INTO type SELECT i, i FROM n",
        more_origins_than_may_be,
        "PRAGMA ignore_check_constraints = ON;"
        "INSERT INTO decision VALUES (1, 'payment', zeroblob(16), 1, 0, '', 'forget', 'eve', 0, '', '', 0);"
        "UPDATE decision SET checksum = " DECISION_CHECKSUM,
        "INSERT INTO parked VALUES ('payment', x'00', 2, 'waiting', 1, 0, 0, '', 0)",
        "INSERT INTO parked VALUES ('payment', zeroblob(16), 2, 'waiting', 1, 9000000000000000000, 0, '', 0)",
        "INSERT INTO decision VALUES (1, 'payment', x'00', 1, 0, '', 'retry', 'eve', 0, '', '', 0)",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct given scene;
        given_open(&scene, &engine_sqlite);
        three_events(&scene);
        scene.is_damaged = true;
        cr_expect_not(is_damage_to_a_reader(&scene), "%s", scene.error.text);
        sqlite3 *rogue = raw_open(scene.folder);
        raw_drop_triggers(rogue);
        raw_run(rogue, rows[i]);
        raw_close(rogue);
        cr_expect(is_damage_to_a_reader(&scene), "%s", rows[i]);
        given_close(&scene);
    }
}

SQLITE_TEST(the_function_that_hands_events_over_is_the_stores_own)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must_be(STATUS_IO, database_run(given->store->database, "SELECT till_event()", &given->error));
    must_be(STATUS_IO, database_run(given->store->database, "SELECT till_event(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16)",
                                    &given->error));
    cr_assert_not_null(strstr(given->error.text, "till_event() is the store's own"), "%s", given->error.text);
    must_be(STATUS_IO, database_run(given->store->database, "SELECT till_next(1)", &given->error));
    cr_assert_not_null(strstr(given->error.text, "till_next() is the store's own"), "%s", given->error.text);
}

/* ---- what is written while verify looks ---- */

struct meddling {
    struct given *given;
    const char *sql; /* done to the head of the stream that was written meanwhile */
    bool is_found;
};

/* Behind the walk over the roll somebody states an event, and somebody else says that its stream ends elsewhere. */
static enum status meddle_behind_the_walk(void *context, const char *check, bool ok, const char *detail,
                                          struct error *error)
{
    struct meddling *meddling = context;
    struct given *given = meddling->given;
    (void)error;
    if (strcmp(check, "chain") == 0) {
        struct eventstore *other = another_handle(given);
        struct draft draft;
        draft_start(&draft);
        (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 9, 1);
        must(commit_with(given, other, &draft));
        given->engine->close(&other);
        sqlite3 *rogue = raw_open(given->folder);
        raw_run(rogue, meddling->sql);
        raw_close(rogue);
    }
    meddling->is_found =
        meddling->is_found || (strcmp(check, "streams") == 0 && !ok && strstr(detail, "the head of a stream") != NULL);
    return STATUS_OK;
}

Test(sqlite, verify_looks_at_the_heads_of_streams_that_were_written_meanwhile, .timeout = TEST_TIMEOUT_S)
{
    static const struct {
        const char *sql;
        bool is_damage;
    } cases[] = {
        {"SELECT 1", false},
        {"UPDATE stream SET version = 2 WHERE position = 4", true},
        {"UPDATE stream SET category = category + 1 WHERE position = 4", true},
        {"UPDATE stream SET entity = entity + 1 WHERE position = 4", true},
        {"UPDATE stream SET position = 5 WHERE position = 4", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct given scene;
        struct meddling meddling = {.given = &scene, .sql = cases[i].sql};
        given_open(&scene, &engine_sqlite);
        three_events(&scene);
        scene.is_damaged = true;
        cr_assert_eq(eventstore_verify(scene.store, meddle_behind_the_walk, &meddling, NULL, &scene.error), STATUS_OK,
                     "%s", scene.error.text);
        cr_expect_eq(meddling.is_found, cases[i].is_damage, "%s", cases[i].sql);
        given_close(&scene);
    }
}

/* ---- triggers and indexes ---- */

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

/* Declares the pages of `of` (a table or an index) to be a table `ghost` too, does `sql` to that, and forgets it again:
 * damage that no statement on the real tables could do. */
static void by_a_ghost(struct given *given, const char *of, const char *columns, const char *sql)
{
    char declare[400];
    given->is_damaged = true;
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    snprintf(declare, sizeof declare,
             "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT 'table', 'ghost', 'ghost', rootpage,"
             " 'CREATE TABLE ghost (%s) WITHOUT ROWID' FROM sqlite_schema WHERE name = '%s'",
             columns, of);
    raw_run(rogue, declare);
    raw_close(rogue);
    rogue = raw_open(given->folder);
    raw_run(rogue, sql);
    raw_run(rogue, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'ghost'");
    raw_close(rogue);
    given->store = another_handle(given);
}

SQLITE_TEST(verify_finds_an_index_that_lost_a_name)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    by_a_ghost(given, "sqlite_autoindex_entity_1", "name, id, PRIMARY KEY (name, id)",
               "DELETE FROM ghost WHERE name = 'milk'");
    cr_assert_eq(version_of(given, MILK), 0, "the damage is done");
    cr_assert(report_has(verify(given, given->store), "file: "), "%s", given->report.text);
}

SQLITE_TEST(a_name_that_stands_already_though_it_was_not_found_is_damage)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    by_a_ghost(given, "sqlite_autoindex_type_1", "name, id, PRIMARY KEY (name, id)",
               "UPDATE type SET name = 'Happens'; INSERT INTO ghost VALUES ('Happened', 1)");
    must_be(STATUS_DAMAGED, append(given, MILK, EXPECTED_NONE, 2, 1));
    cr_assert_not_null(strstr(given->error.text, "the roll is damaged: cannot write a name: "), "%s",
                       given->error.text);
}

SQLITE_TEST(verify_finds_streams_that_are_out_of_order)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    must(append(given, ORDER_7, EXPECTED_NONE, 3, 1));
    by_a_ghost(given, "stream", "entity, category, version, position, PRIMARY KEY (entity DESC, category)",
               "INSERT INTO ghost VALUES (3, 2, 1, 3)");
    cr_assert(report_has(verify(given, given->store), "streams: the heads of the streams (of entity number 1) are out"
                                                      " of order"),
              "%s", given->report.text);
}

SQLITE_TEST(verify_finds_streams_of_one_entity_that_are_out_of_order)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    must(append(given, PAYMENT_7, EXPECTED_NONE, 2, 1));
    must(append(given, (struct stream){"reservation", ORDER_7.entity}, EXPECTED_NONE, 3, 1));
    by_a_ghost(given, "stream", "entity, category, version, position, PRIMARY KEY (entity, category DESC)",
               "UPDATE ghost SET version = 1 WHERE category = 3; INSERT INTO ghost VALUES (1, 3, 1, 3)");
    cr_assert(report_has(verify(given, given->store), "streams: the heads of the streams (of entity number 1) are out"
                                                      " of order"),
              "%s", given->report.text);
}

/* No statement on the table could do that, but for one on a table that is said to be another. */
SQLITE_TEST(an_event_without_data_is_damaged)
{
    given->is_damaged = true;
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    given->engine->close(&given->store);
    sqlite3 *rogue = raw_open(given->folder);
    raw_drop_triggers(rogue);
    raw_run(rogue, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
                   " sql = replace(sql, 'data TEXT NOT NULL', 'data TEXT') WHERE name = 'event'");
    raw_close(rogue);
    rogue = raw_open(given->folder);
    raw_run(rogue, "UPDATE event SET data = NULL WHERE position = 2");
    raw_close(rogue);
    given->store = another_handle(given);
    must_be(STATUS_DAMAGED, eventstore_read_roll(given->store, &(struct roll_query){0}, pass, NULL, &given->error));
    cr_assert_not_null(strstr(given->error.text, "position 2 is damaged: it has no data"), "%s", given->error.text);
    cr_assert(report_has(verify(given, given->store), "chain: the event at position 2 "), "%s", given->report.text);
}

SQLITE_TEST(verify_finds_a_backup_that_does_not_say_how_it_ended)
{
    char folder[TEMPORARY_SIZE];
    struct eventstore *copy;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    temporary_make(folder);
    must(eventstore_backup(given->store, path_in(folder, "events.db"), &position, digest, &given->error));
    sqlite3 *rogue = raw_open(folder);
    raw_drop_triggers(rogue);
    raw_run(rogue, "UPDATE backup SET digest = x'00'");
    raw_close(rogue);
    must(eventstore_open_file(&copy, path_in(folder, "events.db"), &given->error));
    cr_assert(report_has(verify(given, copy), "chain: another digest stands at position 2 than when"), "%s",
              given->report.text);
    eventstore_close(&copy);
    temporary_remove(folder);
}

/* Whether it is the copying or the checking that finds it. */
SQLITE_TEST(no_backup_is_made_of_a_roll_that_is_not_sound)
{
    static const char *const harms[] = {"UPDATE event SET data = '{}' WHERE position = 2",
                                        "UPDATE event SET digest = x'00' WHERE position = 3"};
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    char file[PATH_SIZE];
    given->is_damaged = true;
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    snprintf(file, sizeof file, "%s", path_in(given->folder, "copy"));
    sqlite3 *rogue = raw_open(given->folder);
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        raw_drop_triggers(rogue);
        raw_run(rogue, harms[i]);
        must_be(STATUS_DAMAGED, eventstore_backup(given->store, file, &position, digest, &given->error));
        cr_assert(strstr(given->error.text, "there is no backup, for the roll is not sound: ") == given->error.text,
                  "%s", given->error.text);
        cr_assert_eq(files_beginning(given->folder, "copy"), 0);
    }
    raw_close(rogue);
}

/* ---- links ---- */

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

/* ---- every single byte ---- */

/* All that an event says: its row, and the names it points to. */
static const char *const contents[][2] = {
    {"event", "type"},      {"event", "entity"},         {"event", "category"}, {"event", "version"},
    {"event", "previous"},  {"event", "schema_version"}, {"event", "event_id"}, {"event", "correlation"},
    {"event", "causation"}, {"event", "recorded_at"},    {"event", "origin"},   {"event", "command_id"},
    {"event", "data"},      {"event", "digest"},         {"category", "name"},  {"type", "name"},
    {"origin", "actor"},    {"origin", "producer"},      {"entity", "name"},
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

/* ---- what ends verify while it looks at what was written meanwhile ---- */

static uint32_t ends_at;

static enum status write_and_end(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    struct given *given = context;
    (void)error;
    cr_expect(ok, "%s: %s", check, detail);
    if (strcmp(check, "chain") == 0) {
        must(append(given, PAYMENT_7, EXPECTED_ANY, 100 + ends_at, 1));
        mishap_interrupt(ends_at);
    }
    return STATUS_OK;
}

Test(sqlite, verify_says_what_ends_it_at_the_head_of_a_stream_that_was_written_meanwhile, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    bool is_ended = true;
    mishap_install();
    given_open(given, &engine_sqlite);
    three_events(given);
    for (ends_at = 1; is_ended; ends_at++) {
        given->error.text[0] = '\0';
        const enum status status = eventstore_verify(given->store, write_and_end, given, NULL, &given->error);
        is_ended = mishap_heal();
        cr_assert_eq(status, is_ended ? STATUS_IO : STATUS_OK, "%u: %s", ends_at, given->error.text);
    }
    cr_expect_gt(ends_at, 20, "or this test shows nothing");
    given_close(given);
}
