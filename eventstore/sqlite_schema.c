/* sqlite_schema.c - every SQL text of the engine, in one place to read. */
#include "eventstore/sqlite_store.h"

#define UUID_IN_WORDS(blob)                                                                                            \
    "lower(substr(hex(" blob "),1,8)||'-'||substr(hex(" blob "),9,4)||'-'||substr(hex(" blob                           \
    "),13,4)||'-'||substr(hex(" blob "),17,4)||'-'||substr(hex(" blob "),21))"

/* A name, which has no control characters, as a string of JSON. Not json_quote() or json_object(): those of SQLite 3.40
 * may not be used in a view where the schema is not trusted. */
#define JSON_NAME(column) "'\"' || replace(replace(" column ", '\\', '\\\\'), '\"', '\\\"') || '\"'"

#define REFUSE_UPDATES(table)                                                                                          \
    "CREATE TRIGGER " table "_is_never_updated BEFORE UPDATE ON " table                                                \
    " BEGIN SELECT RAISE(ABORT, 'the roll is append-only: nothing in " table " is ever changed'); END;"

#define REFUSE_CHANGES(table)                                                                                          \
    REFUSE_UPDATES(table)                                                                                              \
    "CREATE TRIGGER " table "_is_never_deleted BEFORE DELETE ON " table                                                \
    " BEGIN SELECT RAISE(ABORT, 'the roll is append-only: nothing in " table " is ever removed'); END;"

#define REFUSE_REPLACING_BY(raise, table, standing)                                                                    \
    "CREATE TRIGGER " table "_is_never_replaced BEFORE INSERT ON " table " WHEN " standing                             \
    " BEGIN SELECT RAISE(" raise ", 'the roll is append-only: this stands in " table " already'); END;"
#define REFUSE_REPLACING(table, standing) REFUSE_REPLACING_BY("ABORT", table, standing)

#define EVENT_STANDS                                                                                                   \
    "NEW.position <= (SELECT max(position) FROM event) OR NEW.version <="                                              \
    " (SELECT version FROM stream WHERE entity = NEW.entity AND category = NEW.category)"

/* clang-format off */
/* A name's number is the count of those before it, plus one: so a table in memory needs no search. */
static const char *const format_1[] = {
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL, created_at INTEGER NOT NULL,"
    " settings TEXT NOT NULL) STRICT;",

    "CREATE TABLE category (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;",
    "CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;",
    "CREATE TABLE origin (id INTEGER PRIMARY KEY, actor TEXT NOT NULL, producer TEXT NOT NULL,"
    " UNIQUE (actor, producer)) STRICT;",
    /* A UUID is a 16-byte blob, any other name is text: the two never compare equal. */
    "CREATE TABLE entity (id INTEGER PRIMARY KEY, name ANY NOT NULL UNIQUE) STRICT;",

    "CREATE TABLE event (position INTEGER PRIMARY KEY, type INTEGER NOT NULL, entity INTEGER NOT NULL,"
    " category INTEGER NOT NULL, version INTEGER NOT NULL, previous INTEGER NOT NULL, schema_version INTEGER NOT NULL,"
    " event_id BLOB NOT NULL, correlation INTEGER, causation INTEGER, recorded_at INTEGER NOT NULL,"
    " origin INTEGER NOT NULL, command_id BLOB, data TEXT NOT NULL, digest BLOB NOT NULL) STRICT;",
    "CREATE TABLE stream (entity INTEGER NOT NULL, category INTEGER NOT NULL, version INTEGER NOT NULL,"
    " position INTEGER NOT NULL, PRIMARY KEY (entity, category)) STRICT, WITHOUT ROWID;",

    "CREATE TABLE checkpoint (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    "CREATE TABLE parked (consumer TEXT NOT NULL, sequence BLOB NOT NULL, position INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('waiting', 'dead')), attempts INTEGER NOT NULL,"
    " next_attempt INTEGER NOT NULL, parked_at INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (consumer, sequence, position)) STRICT, WITHOUT ROWID;",

    "CREATE INDEX parked_due ON parked (consumer, next_attempt) WHERE state = 'waiting';",

    REFUSE_CHANGES("store"),
    REFUSE_CHANGES("event"),
    REFUSE_CHANGES("category"),
    REFUSE_CHANGES("type"),
    REFUSE_CHANGES("origin"),
    REFUSE_CHANGES("entity"),
    REFUSE_REPLACING("store", "EXISTS (SELECT 1 FROM store)"),
    /* BEFORE, although AFTER is cheaper: afterwards nobody can tell a new last event from one that was replaced. */
    REFUSE_REPLACING("event", EVENT_STANDS),
    REFUSE_REPLACING("category", "EXISTS (SELECT 1 FROM category WHERE id = NEW.id OR name = NEW.name)"),
    REFUSE_REPLACING("type", "EXISTS (SELECT 1 FROM type WHERE id = NEW.id OR name = NEW.name)"),
    REFUSE_REPLACING("origin", "EXISTS (SELECT 1 FROM origin WHERE id = NEW.id OR"
                               " (actor = NEW.actor AND producer = NEW.producer))"),
    REFUSE_REPLACING("entity", "EXISTS (SELECT 1 FROM entity WHERE id = NEW.id OR name = NEW.name)"),

    "CREATE VIEW events AS SELECT"
    " e.position AS position,"
    " c.name || '-' || CASE typeof(n.name) WHEN 'blob' THEN " UUID_IN_WORDS("n.name") " ELSE n.name END AS stream,"
    " e.version AS version,"
    " t.name AS type,"
    " e.schema_version AS schema_version,"
    " " UUID_IN_WORDS("e.event_id") " AS event_id,"
    " " UUID_IN_WORDS("coalesce(j.name, e.event_id)") " AS correlation_id,"
    " CASE WHEN e.causation IS NULL THEN NULL ELSE " UUID_IN_WORDS("b.event_id") " END AS causation_id,"
    " strftime('%Y-%m-%dT%H:%M:%S', e.recorded_at / 1000000, 'unixepoch') ||"
    " printf('.%06dZ', e.recorded_at % 1000000) AS recorded_at,"
    " e.data AS data,"
    " '{\"actor\":' || " JSON_NAME("o.actor") " || ',\"command_id\":' ||"
    " CASE WHEN e.command_id IS NULL THEN 'null' ELSE '\"' || " UUID_IN_WORDS("e.command_id") " || '\"' END ||"
    " ',\"producer\":' || " JSON_NAME("o.producer") " || '}' AS metadata,"
    " lower(hex(e.digest)) AS digest"
    " FROM event e JOIN category c ON c.id = e.category JOIN entity n ON n.id = e.entity JOIN type t ON t.id = e.type"
    " JOIN origin o ON o.id = e.origin LEFT JOIN entity j ON j.id = e.correlation"
    " LEFT JOIN event b ON b.position = e.causation;",
    NULL,
};

static const char *const format_2[] = {
    /* One row a decision. `attempts` and `failure` are the parked event's, as the person saw them. */
    "CREATE TABLE decision (number INTEGER PRIMARY KEY, consumer TEXT NOT NULL, sequence BLOB NOT NULL,"
    " position INTEGER NOT NULL, attempts INTEGER NOT NULL, failure TEXT NOT NULL,"
    " kind TEXT NOT NULL CHECK (kind IN ('retry', 'discard', 'settle')), decided_by TEXT NOT NULL,"
    " decided_at INTEGER NOT NULL, reason TEXT NOT NULL, owed TEXT NOT NULL) STRICT;",
    "CREATE INDEX decision_of_event ON decision (position, consumer);",
    REFUSE_CHANGES("decision"),
    REFUSE_REPLACING("decision", "NEW.number <= (SELECT max(number) FROM decision)"),
    "CREATE TABLE pause (consumer TEXT PRIMARY KEY, until INTEGER NOT NULL, reason TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;",
    NULL,
};

/* A column at the end: rows that stand are summed up as they are. */
#define ADD_CHECKSUM(table, sum)                                                                                       \
    "ALTER TABLE " table " ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0; UPDATE " table " SET checksum = " sum ";"

static const char *const format_3[] = {
    ADD_CHECKSUM("checkpoint", CHECKPOINT_CHECKSUM),
    ADD_CHECKSUM("parked", PARKED_CHECKSUM),
    ADD_CHECKSUM("pause", PAUSE_CHECKSUM),
    "DROP TRIGGER decision_is_never_updated;",
    ADD_CHECKSUM("decision", DECISION_CHECKSUM),
    REFUSE_UPDATES("decision"),
    /* In a backup, and in a store that was restored from one: where the roll ended when it was copied. */
    "CREATE TABLE backup (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, digest BLOB NOT NULL)"
    " STRICT;",
    NULL,
};

static const char *const format_4[] = {
    "CREATE TABLE snapshot (entity INTEGER NOT NULL, category INTEGER NOT NULL, fold INTEGER NOT NULL,"
    " version INTEGER NOT NULL, data TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (entity, category))"
    " STRICT, WITHOUT ROWID;",
    /* A statement that may ABORT copies each page before it changes it. After FAIL stays what the statement had inserted
     * before, and that was new. */
    "DROP TRIGGER event_is_never_replaced;",
    REFUSE_REPLACING_BY("FAIL", "event", EVENT_STANDS),
    "DROP TRIGGER entity_is_never_replaced;",
    REFUSE_REPLACING_BY("FAIL", "entity", "EXISTS (SELECT 1 FROM entity WHERE id = NEW.id) OR"
                                          " EXISTS (SELECT 1 FROM entity WHERE name = NEW.name)"),
    NULL,
};
/* clang-format on */

/* The one moment at which a store's row may change. A backup's end is one of the roll that it had. */
const char identity_unlock_sql[] = "DROP TRIGGER store_is_never_updated; DELETE FROM backup";
const char identity_sql[] = "UPDATE store SET id = ?1, created_at = ?2, settings = ?3";
const char identity_lock_sql[] = REFUSE_UPDATES("store");

const char *const *const schema_sql[EVENTSTORE_FORMAT + 1] = {NULL, format_1, format_2, format_3, format_4};

#define EVENT_COLUMNS                                                                                                  \
    "data, position, type, entity, category, version, schema_version, event_id, correlation, causation, recorded_at,"  \
    " origin, command_id"
/* till_event() stands last in the condition, so that it is handed the rows that are wanted, and says when to stop. */
#define HAND_OVER(more)       "till_event(?1, " EVENT_COLUMNS more ")"
#define READ(condition, more) "SELECT 1 FROM event WHERE " condition " AND " HAND_OVER(more)

/* Steps of a walk through events, each of which tells the next: one statement instead of one for each event. A cross
 * join is never turned round, so every step asks till_next() anew; were it asked twice, it would say the same. */
#define EIGHT "(1),(1),(1),(1),(1),(1),(1),(1)"

/* Only the first of a sequence may be tried; the others wait behind it. Parameters as in bind_parked_query. */
#define SELECT_PARKED(condition, order)                                                                                \
    "SELECT " PARKED_COLUMNS ", checksum IS " PARKED_CHECKSUM " FROM parked p WHERE " condition                        \
    " AND (?4 = 0 OR NOT EXISTS (SELECT 1 FROM parked q WHERE q.consumer = p.consumer AND q.sequence = p.sequence"     \
    " AND q.position < p.position)) ORDER BY " order " LIMIT ?5"
#define DUE "(?3 = 0 OR (state = 'waiting' AND next_attempt <= ?3))"

/* What has no checksums is read as if its rows were as they were written: nobody can tell otherwise. */
#define SUMMED_UP(table, sum) "CREATE TEMP VIEW " table " AS SELECT *, " sum " AS checksum FROM main." table ";"
const char *const without_checksums_sql[] = {
    [1] = SUMMED_UP("checkpoint", CHECKPOINT_CHECKSUM) SUMMED_UP("parked", PARKED_CHECKSUM),
    [2] = SUMMED_UP("checkpoint", CHECKPOINT_CHECKSUM) SUMMED_UP("parked", PARKED_CHECKSUM)
        SUMMED_UP("pause", PAUSE_CHECKSUM) SUMMED_UP("decision", DECISION_CHECKSUM),
};

const char *const statement_sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_BEGIN_READING] = "BEGIN",
    [STATEMENT_HEAD] = "SELECT position, recorded_at, digest FROM event ORDER BY position DESC LIMIT 1",
    [STATEMENT_EVENT_CHAIN] = "SELECT 1 FROM (VALUES " EIGHT "," EIGHT "," EIGHT "," EIGHT
                              ") CROSS JOIN event WHERE position = till_next(?1) AND " HAND_OVER(", previous"),
    [STATEMENT_EVENT_ID] = "SELECT event_id FROM event WHERE position = ?1",
    [STATEMENT_EVENT_DIGEST] = "SELECT digest FROM event WHERE position = ?1",
    [STATEMENT_EVENT_LINK] = "SELECT previous, version, entity, category FROM event WHERE position = ?1",
    [STATEMENT_ROLL_FORWARDS] = READ("position BETWEEN ?2 AND ?3", "") " ORDER BY position",
    [STATEMENT_ROLL_BACKWARDS] = READ("position BETWEEN ?2 AND ?3", "") " ORDER BY position DESC",
    [STATEMENT_ROLL_WHOLE] = READ("position BETWEEN ?2 AND ?3", ", previous, digest") " ORDER BY position",
    /* Bit n of ?4: may type n be wanted? Rows that are not are passed before their data is touched, but for the last,
     * which tells that the rows went on so far. */
    [STATEMENT_ROLL_OF_TYPES] =
        READ("position BETWEEN ?2 AND ?3 AND ((?4 >> type) & 1 OR type NOT BETWEEN 1 AND 62 OR position = ?3)",
             "") " ORDER BY position",
    [STATEMENT_RECORDED_AT] = "SELECT recorded_at FROM event WHERE position = ?1",
    [STATEMENT_INSERT_EVENT] =
        "INSERT OR FAIL INTO event (" EVENT_COLUMNS
        ", previous, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [STATEMENT_FIND_STREAM] = "SELECT version, position FROM stream WHERE entity = ?1 AND category = ?2",
    [STATEMENT_PUT_STREAM] = "INSERT INTO stream (entity, category, version, position) VALUES (?1, ?2, ?3, ?4)"
                             " ON CONFLICT DO UPDATE SET version = excluded.version, position = excluded.position",
    [STATEMENT_ENTITY_STREAMS] =
        "SELECT version, position, entity, category FROM stream WHERE entity = (SELECT id FROM entity WHERE name = ?1)"
        " UNION ALL SELECT 0, 0, 0, 0", /* a last row, behind which nobody needs to ask: so the reading goes on */
    [STATEMENT_FIND_ENTITY] = "SELECT id FROM entity WHERE name = ?1",
    [STATEMENT_ADD_ENTITY] = "INSERT OR FAIL INTO entity (name) VALUES (?1)",
    [STATEMENT_ENTITIES_FROM] = "SELECT id, name FROM entity WHERE id >= ?1 ORDER BY id LIMIT ?2",
    [STATEMENT_FIND_CHECKPOINT] =
        "SELECT position, checksum IS " CHECKPOINT_CHECKSUM " FROM checkpoint WHERE consumer = ?1",
    [STATEMENT_PUT_CHECKPOINT] =
        "INSERT INTO checkpoint (consumer, position, checksum)"
        " SELECT consumer, position, " CHECKPOINT_CHECKSUM " FROM (SELECT ?1 AS consumer, ?2 AS position) WHERE true"
        " ON CONFLICT DO UPDATE SET position = excluded.position,"
        " checksum = excluded.checksum",
    [STATEMENT_PARKED] = SELECT_PARKED("(?1 IS NULL OR consumer = ?1) AND (?2 IS NULL OR sequence = ?2) AND " DUE,
                                       "CASE ?3 WHEN 0 THEN 0 ELSE next_attempt END, consumer, position"),
    [STATEMENT_PARKED_DUE] =
        SELECT_PARKED("consumer = ?1 AND state = 'waiting' AND next_attempt <= ?3", "next_attempt, position"),
    [STATEMENT_PARKED_OF_SEQUENCE] = SELECT_PARKED("consumer = ?1 AND sequence = ?2 AND " DUE, "position"),
    [STATEMENT_FIND_PARKED] = "SELECT " PARKED_COLUMNS ", checksum IS " PARKED_CHECKSUM
                              " FROM parked WHERE consumer = ?1 AND sequence = ?2 AND position = ?3",
    [STATEMENT_PUT_PARKED] =
        "INSERT OR REPLACE INTO parked (" PARKED_COLUMNS ", checksum)"
        " SELECT " PARKED_COLUMNS ", " PARKED_CHECKSUM " FROM (SELECT ?1 AS consumer, ?2 AS sequence, ?3 AS position,"
        " ?4 AS state, ?5 AS attempts, ?6 AS next_attempt, ?7 AS parked_at, ?8 AS reason)",
    [STATEMENT_FIND_SNAPSHOT] = "SELECT version, data FROM snapshot WHERE entity = ?1 AND category = ?2 AND fold = ?3"
                                " AND version <= ?4 AND checksum IS " SNAPSHOT_CHECKSUM,
    [STATEMENT_PUT_SNAPSHOT] =
        "INSERT OR REPLACE INTO snapshot (" SNAPSHOT_COLUMNS ", checksum)"
        " SELECT " SNAPSHOT_COLUMNS ", " SNAPSHOT_CHECKSUM " FROM (SELECT ?1 AS entity, ?2 AS category, ?3 AS fold,"
        " ?4 AS version, ?5 AS data)",
    [STATEMENT_REMOVE_PARKED] = "DELETE FROM parked WHERE consumer = ?1 AND sequence = ?2 AND position = ?3",
};
