/* What only the SQLite engine has: triggers that keep what stands, and a view that shows it. */
#include <stdio.h>
#include <string.h>

#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"

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

static void record_decision(struct given *given)
{
    struct draft draft;
    const struct parked parked = {.position = 1, .sequence = {{9}}, .state = PARKED_DEAD, .reason = ""};
    const struct decision decision = {
        .kind = DECISION_DISCARD, .consumer = "payment", .parked = parked, .who = "ann", .reason = "", .owed = ""};
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 3);
    draft_park(&draft, &parked, -1);
    must(commit(given, &draft));
    must(eventstore_decide(given->store, &decision, 1, &given->error));
}

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
        "UPDATE decision SET owed = ''",
        "DELETE FROM decision",
    };
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    record_decision(given);
    sqlite3 *rogue = raw_open(given->folder);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        refuses(rogue, changes[i]);
    raw_close(rogue);
}

SQLITE_TEST(refuses_to_replace_what_stands)
{
    static const char *const insertions[] = {
        "INSERT OR REPLACE INTO event " EVENT_LIKE("1", "version + 9"), /* by position */
        "REPLACE INTO event " EVENT_LIKE("3", "4"),
        "INSERT OR REPLACE INTO event " EVENT_LIKE("4", "version"), /* by stream and version */
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
        "INSERT OR REPLACE INTO decision VALUES (1, 'payment', x'00', 1, 0, '', 'retry', 'eve', 0, '', '', 0)",
        "INSERT INTO decision VALUES (0, 'payment', x'00', 1, 0, '', 'retry', 'eve', 0, '', '', 0)",
    };
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    record_decision(given);
    sqlite3 *rogue = raw_open(given->folder);
    for (size_t i = 0; i < sizeof insertions / sizeof *insertions; i++)
        refuses(rogue, insertions[i]);
    raw_run(rogue, "PRAGMA recursive_triggers = ON");
    refuses(rogue, insertions[0]);
    raw_close(rogue);
}

SQLITE_TEST(keeps_what_stands_from_a_statement_that_inserts_something_new_first)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "BEGIN");
    refuses(rogue, "INSERT OR REPLACE INTO event " EVENT_LIKE("4", "4") " UNION ALL " EVENT_LIKE("1", "9"));
    cr_expect_eq(raw_integer(rogue, "SELECT count(*) FROM event WHERE position <= 3 AND data <> 'forged'"), 3);
    raw_run(rogue, "ROLLBACK");
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
    shows(reader, "metadata",
          "{\"actor\":\"tester\",\"command_id\":\"00000000-0000-5000-8000-00000000004d\","
          "\"producer\":\"tests 1\"}");
    cr_assert_eq(raw_integer(reader, "SELECT count(*) FROM events WHERE position = 1 AND causation_id IS NULL AND"
                                     " stream = 'stock-tea' AND correlation_id = event_id"),
                 1);
    cr_assert_eq(raw_integer(reader, "SELECT count(*) FROM events"), 2);
    raw_close(reader);
}

SQLITE_TEST(shows_authors_in_valid_json_whatever_they_are_called)
{
    struct draft draft;
    draft_start(&draft);
    draft.commit.actor = "a \"b\" \\ c";
    draft.commit.producer = "\\\"";
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    must(commit(given, &draft));
    sqlite3 *reader = raw_open(given->folder);
    cr_assert_eq(raw_integer(reader, "SELECT json_extract(metadata, '$.actor') = 'a \"b\" \\ c' AND"
                                     " json_extract(metadata, '$.producer') = '\\\"' FROM events"),
                 1);
    raw_close(reader);
}
