#include "tests/eventstore/engine_sqlite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "eventstore/digest.h"
#include "eventstore/sqlite_store.h"

sqlite3 *raw_open(const char *folder)
{
    char path[PATH_SIZE];
    sqlite3 *database;
    cr_assert_eq(path_join(path, folder, NULL, "events.db"), STATUS_OK);
    cr_assert_eq(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    /* Not even the rogue's connection may checkpoint beside others: that is SQLite's bug, not what is tested here. */
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(database, 0);
    sqlite3_busy_timeout(database, 5000);
    raw_run(database, "PRAGMA synchronous = OFF");
    cr_assert_eq(checksum_register(database, NULL), STATUS_OK);
    return database;
}

void raw_close(sqlite3 *database)
{
    cr_assert_eq(sqlite3_close(database), SQLITE_OK);
}

void raw_run(sqlite3 *database, const char *sql)
{
    cr_assert_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(database));
}

void raw_drop_triggers(sqlite3 *database)
{
    for (;;) {
        char drop[200] = "";
        sqlite3_stmt *find;
        cr_assert_eq(
            sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type = 'trigger'", -1, &find, NULL),
            SQLITE_OK);
        if (sqlite3_step(find) == SQLITE_ROW)
            snprintf(drop, sizeof drop, "DROP TRIGGER \"%s\"", (const char *)sqlite3_column_text(find, 0));
        sqlite3_finalize(find);
        if (drop[0] == '\0')
            return;
        raw_run(database, drop);
    }
}

int64_t raw_integer(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *select;
    cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &select, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    cr_assert_eq(sqlite3_step(select), SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(database));
    int64_t value = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return value;
}

off_t size_of(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct stat found;
    cr_assert_eq(path_join(path, folder, NULL, "%s", name), STATUS_OK);
    return stat(path, &found) == 0 ? found.st_size : -1;
}

/* ?1 is the position. */
#define OF_EVENT(column) "(SELECT " column " FROM event WHERE position = ?1)"
#define FORGED                                                                                                         \
    "type, entity, category, version + 1, previous, schema_version, randomblob(16), correlation, causation,"           \
    " recorded_at, origin, command_id, data, randomblob(32) FROM event WHERE position = ?1"

static const char *const damages[DAMAGES] = {
    [DAMAGE_DATA] = "UPDATE event SET data = replace(data, 'n', 'm') WHERE position = ?1",
    [DAMAGE_DIGEST] = "UPDATE event SET digest = randomblob(32) WHERE position = ?1",
    [DAMAGE_DIGEST_CUT] = "UPDATE event SET digest = x'00' WHERE position = ?1",
    [DAMAGE_EVENT_REMOVED] = "DELETE FROM event WHERE position = ?1",
    [DAMAGE_EVENTS_SWAPPED] = "UPDATE event SET position = -position WHERE position IN (?1, ?1 + 1);"
                              "UPDATE event SET position = 2 * ?1 + 1 + position WHERE position < 0",
    [DAMAGE_EVENT_INSERTED] = "INSERT INTO event SELECT (SELECT max(position) + 1 FROM event), " FORGED,
    [DAMAGE_EVENT_IN_FRONT] = "INSERT INTO event SELECT 0, " FORGED,
    [DAMAGE_TIME] = "UPDATE event SET recorded_at = recorded_at - 3600000000 WHERE position = ?1",
    [DAMAGE_CAUSE] = "UPDATE event SET causation = 1 WHERE position = ?1",
    [DAMAGE_TYPE_NAME] = "UPDATE type SET name = name || 'ed' WHERE id = " OF_EVENT("type"),
    [DAMAGE_CATEGORY_NAME] = "UPDATE category SET name = name || 's' WHERE id = " OF_EVENT("category"),
    [DAMAGE_ENTITY_NAME] = "UPDATE entity SET name = 'somebody else' WHERE id = " OF_EVENT("entity"),
    [DAMAGE_ACTOR_NAME] = "UPDATE origin SET actor = 'somebody else' WHERE id = " OF_EVENT("origin"),
    [DAMAGE_STREAM_HEAD] = "UPDATE stream SET version = version + 1 WHERE entity = " OF_EVENT(
        "entity") " AND category = " OF_EVENT("category"),
    [DAMAGE_STREAM_HEAD_OFF] = "UPDATE stream SET position = 1000000 WHERE entity = " OF_EVENT(
        "entity") " AND category = " OF_EVENT("category"),
    [DAMAGE_STREAM_LOST] =
        "DELETE FROM stream WHERE entity = " OF_EVENT("entity") " AND category = " OF_EVENT("category"),
    [DAMAGE_TAIL_CUT] =
        "DELETE FROM event WHERE position >= ?1; DELETE FROM stream WHERE position >= ?1;"
        "INSERT INTO stream SELECT entity, category, max(version), max(position) FROM event"
        " WHERE (entity, category) NOT IN (SELECT entity, category FROM stream) GROUP BY 1, 2;"
        "UPDATE checkpoint SET position = ?1 - 1, checksum = till_checksum('checkpoint', consumer, ?1 - 1)"
        " WHERE position >= ?1",
    [DAMAGE_REWRITTEN] = "UPDATE event SET data = replace(data, 'n', 'm') WHERE position = ?1",
    [DAMAGE_CHECKPOINT] = "INSERT INTO checkpoint VALUES ('hasty', 1000000, 0)",
    [DAMAGE_CHECKPOINT_MOVED] = "UPDATE checkpoint SET position = ?1",
    [DAMAGE_PARKED] = "UPDATE parked SET attempts = attempts + 1 WHERE position = ?1",
    [DAMAGE_PAUSE] = "UPDATE pause SET until = until + 1",
    [DAMAGE_SNAPSHOT] = "UPDATE snapshot SET data = data || '0'",
    [DAMAGE_DECISION] = "UPDATE decision SET owed = '' WHERE position = ?1",
};

struct links {
    sqlite3_stmt *update;
    uint8_t last[EVENTSTORE_DIGEST_BYTES];
};

static enum status link_anew(void *context, const struct recorded_event *event, struct error *error)
{
    struct links *links = context;
    (void)error;
    digest_link(links->last, event, links->last);
    sqlite3_bind_blob(links->update, 1, links->last, sizeof links->last, SQLITE_STATIC);
    sqlite3_bind_int64(links->update, 2, (int64_t)event->position);
    cr_assert_eq(sqlite3_step(links->update), SQLITE_DONE);
    sqlite3_reset(links->update);
    return STATUS_OK;
}

/* What a forger does who has read digest.h. */
static void forge_chain(const char *folder, sqlite3 *database)
{
    struct eventstore *store;
    struct links links;
    const struct roll_query all = {0};
    cr_assert_eq(eventstore_open(&store, folder, NULL, NULL), STATUS_OK);
    digest_start(eventstore_info(store)->id, links.last);
    cr_assert_eq(
        sqlite3_prepare_v2(database, "UPDATE event SET digest = ?1 WHERE position = ?2", -1, &links.update, NULL),
        SQLITE_OK);
    cr_assert_eq(eventstore_read_roll(store, &all, link_anew, &links, NULL), STATUS_OK);
    sqlite3_finalize(links.update);
    eventstore_close(&store);
}

/* The text of all triggers, to put them back: a forger leaves no trace that can be avoided. */
static void read_triggers(sqlite3 *database, struct buffer *triggers)
{
    sqlite3_stmt *find;
    cr_assert_eq(sqlite3_prepare_v2(database, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'", -1, &find, NULL),
                 SQLITE_OK);
    while (sqlite3_step(find) == SQLITE_ROW)
        buffer_format(triggers, "%s;", (const char *)sqlite3_column_text(find, 0));
    sqlite3_finalize(find);
}

static void damage(const char *folder, enum damage damage, uint64_t position)
{
    sqlite3 *database = raw_open(folder);
    struct buffer triggers = {0};
    read_triggers(database, &triggers);
    raw_drop_triggers(database);
    for (const char *sql = damages[damage]; *sql != '\0';) {
        sqlite3_stmt *statement;
        cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &statement, &sql), SQLITE_OK, "%s",
                     sqlite3_errmsg(database));
        sqlite3_bind_int64(statement, 1, (int64_t)position);
        cr_assert_eq(sqlite3_step(statement), SQLITE_DONE, "%s", sqlite3_errmsg(database));
        cr_assert_gt(sqlite3_changes(database), 0, "the damage must be done: %s", sqlite3_sql(statement));
        sqlite3_finalize(statement);
    }
    if (damage == DAMAGE_REWRITTEN)
        forge_chain(folder, database);
    raw_run(database, buffer_string(&triggers));
    buffer_clear(&triggers);
    raw_close(database);
}

static bool is_one_file(const char *file)
{
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        char path[PATH_SIZE];
        cr_assert_eq(path_format(path, NULL, "%s%s", file, beside[i]), STATUS_OK);
        if (file_exists(path))
            return false;
    }
    return true;
}

const struct engine engine_sqlite = {
    .name = "sqlite",
    .create = eventstore_create,
    .open = eventstore_open,
    .open_file = eventstore_open_file,
    .close = eventstore_close,
    .damage = damage,
    .is_one_file = is_one_file,
};
