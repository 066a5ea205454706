#include "tests/eventstore/engine_sqlite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

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
    [DAMAGE_CHECKPOINT] = "INSERT INTO checkpoint VALUES ('hasty', 1000000)",
};

static void damage(const char *folder, enum damage damage, uint64_t position)
{
    sqlite3 *database = raw_open(folder);
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
