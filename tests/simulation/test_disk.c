#include "tests/simulation/disk.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/database.h"
#include "tests/support/temporary.h"

/* A database of numbers, in WAL mode, on the simulated disk. */
static struct {
    char folder[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16];
    sqlite3 *database;
} given;

static int run_sql(const char *sql)
{
    return sqlite3_exec(given.database, sql, NULL, NULL, NULL);
}

static void open_database(void)
{
    cr_assert_eq(sqlite3_open(given.path, &given.database), SQLITE_OK);
    cr_assert_eq(sqlite3_db_config(given.database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    cr_assert_eq(run_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"), SQLITE_OK);
}

static void make_database(void)
{
    disk_install();
    disk_reset();
    temporary_make(given.folder);
    snprintf(given.path, sizeof given.path, "%s/numbers.db", given.folder);
    open_database();
    cr_assert_eq(run_sql("CREATE TABLE number (n INTEGER PRIMARY KEY)"), SQLITE_OK);
}

static void remove_database(void)
{
    sqlite3_close(given.database);
    temporary_remove(given.folder);
}

static int count_numbers(void)
{
    sqlite3_stmt *query = NULL;
    cr_assert_eq(sqlite3_prepare_v2(given.database, "SELECT count(*) FROM number", -1, &query, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(query), SQLITE_ROW, "%s", sqlite3_errmsg(given.database));
    int count = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return count;
}

static void lose_power(uint64_t seed)
{
    struct dice dice = dice_seeded(seed);
    disk_die();
    sqlite3_close(given.database);
    disk_heal();
    disk_lose_power(&dice);
    open_database();
}

TestSuite(disk, .init = make_database, .fini = remove_database);

Test(disk, keeps_what_was_synced_when_power_is_lost)
{
    for (unsigned seed = 0; seed < 50; seed++) {
        cr_assert_eq(run_sql("INSERT INTO number DEFAULT VALUES"), SQLITE_OK);
        lose_power(seed);
        cr_assert_eq(count_numbers(), (int)seed + 1);
    }
}

Test(disk, may_lose_what_was_not_synced)
{
    int lost = 0;
    for (unsigned seed = 0; seed < 50; seed++) {
        int before = count_numbers();
        cr_assert_eq(run_sql("PRAGMA synchronous = OFF; INSERT INTO number DEFAULT VALUES"), SQLITE_OK);
        cr_assert_gt(disk_unsynced(), 0);
        lose_power(seed);
        lost += count_numbers() == before;
    }
    cr_assert(lost > 10 && lost < 50, "lost %d of 50", lost);
}

/* With rollback journal and no syncs the file itself is torn: sooner or later SQLite finds it damaged. */
Test(disk, tears_files_that_nobody_synced)
{
    bool damaged = false;
    cr_assert_eq(run_sql("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"), SQLITE_OK);
    for (unsigned seed = 0; seed < 100 && !damaged; seed++) {
        damaged = run_sql("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;"
                          "WITH RECURSIVE more(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM more LIMIT 2000)"
                          "INSERT INTO number SELECT abs(random() % 1000000000000) FROM more") != SQLITE_OK;
        struct dice dice = dice_seeded(seed);
        disk_die();
        sqlite3_close(given.database);
        disk_heal();
        disk_lose_power(&dice);
        cr_assert_eq(sqlite3_open(given.path, &given.database), SQLITE_OK);
        sqlite3_stmt *query = NULL;
        damaged = damaged ||
                  sqlite3_prepare_v2(given.database, "PRAGMA integrity_check", -1, &query, NULL) != SQLITE_OK ||
                  sqlite3_step(query) != SQLITE_ROW ||
                  sqlite3_stricmp((const char *)sqlite3_column_text(query, 0), "ok") != 0;
        sqlite3_finalize(query);
    }
    cr_assert(damaged);
}

Test(disk, writes_nothing_for_a_process_that_has_died)
{
    disk_fail(DISK_DIES, 1, 1);
    cr_assert_neq(run_sql("INSERT INTO number DEFAULT VALUES"), SQLITE_OK);
    cr_assert(disk_is_dead());
    sqlite3_close(given.database);
    cr_assert(disk_heal());
    open_database();
    cr_assert_eq(count_numbers(), 0);
}

Test(disk, fails_as_it_is_told_and_as_often)
{
    static const struct {
        enum disk_fault fault;
        int code;
    } cases[] = {{DISK_WRITE_FAILS, SQLITE_IOERR}, {DISK_SYNC_FAILS, SQLITE_IOERR}, {DISK_FULL, SQLITE_FULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        disk_fail(cases[i].fault, 1, 1);
        cr_assert_eq(run_sql("INSERT INTO number DEFAULT VALUES"), cases[i].code, "case %zu", i);
        cr_assert_eq(run_sql("INSERT INTO number DEFAULT VALUES"), SQLITE_OK, "case %zu", i);
        cr_assert(disk_heal());
    }
    disk_fail(DISK_BUSY, 1, 1000);
    cr_assert_eq(run_sql("INSERT INTO number DEFAULT VALUES"), SQLITE_PROTOCOL);
    cr_assert_eq(database_run(given.database, "INSERT INTO number DEFAULT VALUES", NULL), STATUS_BUSY);
    disk_heal();
    cr_assert_eq(run_sql("INSERT INTO number DEFAULT VALUES"), SQLITE_OK);
    disk_fail(DISK_READ_FAILS, 1, 1);
    cr_assert_not(disk_heal(), "nothing was read, so nothing failed");
}

/* Two connections exclude each other although the kernel is not asked. */
Test(disk, keeps_the_locks_of_the_log)
{
    sqlite3 *other = NULL;
    cr_assert_eq(sqlite3_open(given.path, &other), SQLITE_OK);
    cr_assert_eq(run_sql("BEGIN IMMEDIATE"), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_BUSY);
    cr_assert_eq(run_sql("COMMIT"), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE; COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}
