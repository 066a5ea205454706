#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/database.h"
#include "base/file.h"
#include "tests/base/folder.h"
#include "tests/simulation/memory.h"
#include "tests/support/mishap.h"

static struct error error;

TestSuite(database, .init = folder_begin, .fini = folder_end);

static sqlite3 *open_as(const char *path, enum database_mode mode)
{
    sqlite3 *database;
    cr_assert_eq(database_open(&database, path, mode, &error), STATUS_OK, "%s", error.text);
    return database;
}

static void run(sqlite3 *database, const char *sql)
{
    cr_assert_eq(database_run(database, sql, &error), STATUS_OK, "%s", error.text);
}

static int64_t ask(sqlite3 *database, const char *sql)
{
    int64_t value;
    cr_assert_eq(database_integer(database, sql, &value, &error), STATUS_OK, "%s", error.text);
    return value;
}

static sqlite3 *open_shop(void)
{
    sqlite3 *database = open_as(folder_path("shop.db"), DATABASE_CREATE);
    run(database, "CREATE TABLE stock(sku TEXT PRIMARY KEY, quantity INTEGER CHECK(quantity >= 0)) STRICT;"
                  "INSERT INTO stock VALUES('tea', 5), ('coffee', 7)");
    return database;
}

static void not_opened(const char *path, enum database_mode mode, enum status status, const char *part)
{
    sqlite3 *database = (sqlite3 *)1;
    cr_expect_eq(database_open(&database, path, mode, &error), status, "%s: %s", path, error.text);
    cr_expect_null(database);
    cr_expect_not_null(strstr(error.text, part), "\"%s\" does not say \"%s\"", error.text, part);
}

/* ---- opening ---- */

Test(database, is_made_for_its_owner_alone)
{
    struct stat found;
    (void)umask(0);
    sqlite3 *database = open_shop();
    run(database, "PRAGMA journal_mode = WAL; INSERT INTO stock VALUES('milk', 1)");
    static const char *const names[] = {"shop.db", "shop.db-wal", "shop.db-shm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_expect_eq(stat(folder_path(names[i]), &found), 0, "%s", names[i]);
        cr_expect_eq(found.st_mode & 07777, 0600, "%s", names[i]);
    }
    database_close(&database);
    cr_assert_null(database);
    database_close(&database);
}

Test(database, is_opened_again_with_what_it_held)
{
    sqlite3 *database = open_shop();
    database_close(&database);
    for (enum database_mode mode = DATABASE_READ; mode <= DATABASE_CREATE; mode++) {
        database = open_as(folder_path("shop.db"), mode);
        cr_assert_eq(ask(database, "SELECT sum(quantity) FROM stock"), 12);
        database_close(&database);
    }
}

Test(database, that_is_missing_is_not_found_and_not_made)
{
    not_opened(folder_path("none.db"), DATABASE_READ, STATUS_NOT_FOUND, "there is no file ");
    not_opened(folder_path("none.db"), DATABASE_WRITE, STATUS_NOT_FOUND, "none.db");
    cr_assert_not(file_exists(folder_path("none.db")));
    not_opened(folder_path("none/shop.db"), DATABASE_CREATE, STATUS_IO, "No such file or directory");
    not_opened(folder_path(""), DATABASE_WRITE, STATUS_IO, "Is a directory");
    not_opened("", DATABASE_CREATE, STATUS_INVALID, "needs a path");
}

Test(database, is_told_from_any_other_file)
{
    char other[20000];
    memset(other, 'x', sizeof other);
    static const unsigned long lengths[] = {2, 10, 99, 100, 512, 4096, 20000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const char *path = folder_file("other.db", other, lengths[i]);
        for (enum database_mode mode = DATABASE_READ; mode <= DATABASE_CREATE; mode++)
            not_opened(path, mode, STATUS_FOREIGN, "other.db is not a database");
        struct stat found;
        cr_assert_eq(stat(path, &found), 0);
        cr_assert_eq(found.st_size, (off_t)lengths[i], "and it is left alone");
    }
}

Test(database, that_is_empty_may_be_begun_but_not_read)
{
    const char *path = folder_file("empty.db", "", 0);
    not_opened(path, DATABASE_READ, STATUS_FOREIGN, "is not a database: it is too short for one");
    not_opened(folder_file("byte.db", "S", 1), DATABASE_READ, STATUS_FOREIGN,
               "byte.db is not a database: it is too short");
    sqlite3 *database = open_as(path, DATABASE_WRITE);
    run(database, "CREATE TABLE t(a)");
    database_close(&database);
    database = open_as(path, DATABASE_READ);
    database_close(&database);
}

Test(database, whose_first_page_is_damaged_is_not_opened)
{
    sqlite3 *database = open_shop();
    database_close(&database);
    FILE *file = fopen(folder_path("shop.db"), "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, 100, SEEK_SET), 0);
    for (int i = 0; i < 4000; i++)
        (void)fputc(0xA5, file);
    cr_assert_eq(fclose(file), 0);
    not_opened(folder_path("shop.db"), DATABASE_WRITE, STATUS_DAMAGED, "malformed; take it from a backup");
    not_opened(folder_path("shop.db"), DATABASE_READ, STATUS_DAMAGED, "malformed; use another copy");
}

Test(database, opened_for_reading_is_not_written)
{
    sqlite3 *database = open_shop();
    database_close(&database);
    database = open_as(folder_path("shop.db"), DATABASE_READ);
    cr_assert_eq(database_run(database, "DELETE FROM stock", &error), STATUS_IO);
    cr_assert_not_null(strstr(error.text, "readonly"), "%s", error.text);
    database_close(&database);
}

Test(database, is_defensive_and_never_checkpoints_by_itself)
{
    sqlite3 *database = open_shop();
    cr_expect_eq(ask(database, "PRAGMA trusted_schema"), 0);
    cr_expect_eq(ask(database, "PRAGMA busy_timeout"), DATABASE_PATIENCE_MS);
    cr_expect_eq(ask(database, "PRAGMA wal_autocheckpoint"), 0);
    int on = 0;
    cr_expect_eq(sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), SQLITE_OK);
    cr_expect_eq(on, 1);
    cr_expect_neq(database_run(database, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema", &error), STATUS_OK);

    run(database, "PRAGMA journal_mode = WAL");
    for (int i = 0; i < 1500; i++)
        run(database, "UPDATE stock SET quantity = quantity + 1");
    struct stat before, after;
    cr_assert_eq(stat(folder_path("shop.db"), &before), 0);
    database_close(&database);
    cr_assert_eq(stat(folder_path("shop.db"), &after), 0);
    cr_expect_eq(after.st_size, before.st_size);
    cr_assert_eq(stat(folder_path("shop.db-wal"), &after), 0);
    cr_expect_gt(after.st_size, (off_t)1500 * 4096);

    database = open_as(folder_path("shop.db"), DATABASE_READ);
    cr_expect_eq(ask(database, "SELECT quantity FROM stock WHERE sku = 'tea'"), 1505);
    database_close(&database);
}

Test(database, named_like_a_uri_is_a_file_like_any_other)
{
    cr_assert_eq(chdir(folder_path("")), 0);
    sqlite3 *database = open_as("file:shop.db?mode=memory", DATABASE_CREATE);
    run(database, "CREATE TABLE t(a); INSERT INTO t VALUES(7)");
    database_close(&database);
    database = open_as(folder_path("file:shop.db?mode=memory"), DATABASE_READ);
    cr_assert_eq(ask(database, "SELECT a FROM t"), 7);
    database_close(&database);
}

Test(database, may_live_in_memory_for_a_moment)
{
    cr_assert_eq(chdir(folder_path("")), 0);
    sqlite3 *database = open_as(":memory:", DATABASE_CREATE);
    run(database, "CREATE TABLE t(a)");
    database_close(&database);
    cr_assert_not(file_exists(":memory:"));
}

Test(database, is_removed_with_what_stands_beside_it)
{
    static const char *const names[] = {"gone.db", "gone.db-wal", "gone.db-shm", "gone.db-journal", "gone.db-wa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(close(open(folder_path(names[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    database_remove(folder_path("gone.db"));
    for (size_t i = 0; i < sizeof names / sizeof *names - 1; i++)
        cr_assert_not(file_exists(folder_path(names[i])), "%s", names[i]);
    cr_assert(file_exists(folder_path("gone.db-wa")));
    database_remove(folder_path("gone.db")); /* nothing is there any more */
}

/* Whether the system knows of a lock on SQLite's lock bytes. Another process must ask, and not through SQLite: a forked
 * one would inherit what SQLite believes. */
static bool is_locked(const char *path)
{
    enum { LOCK_BYTES_START = 0x40000000, LOCK_BYTES = 512 };
    int status;
    const pid_t process = fork();
    if (process == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BYTES_START, .l_len = LOCK_BYTES};
        const int descriptor = open(path, O_RDWR | O_CLOEXEC);
        if (descriptor < 0 || fcntl(descriptor, F_GETLK, &lock) != 0)
            _exit(2);
        _exit(lock.l_type == F_UNLCK ? 0 : 1);
    }
    cr_assert_eq(waitpid(process, &status, 0), process);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == 1;
}

Test(database, opened_twice_in_one_process_keeps_the_locks_of_the_first)
{
    const char *path = folder_path("shop.db");
    sqlite3 *first = open_shop();
    cr_assert_not(is_locked(path));
    run(first, "BEGIN IMMEDIATE");
    cr_assert(is_locked(path));
    sqlite3 *second = open_as(path, DATABASE_CREATE);
    cr_assert(is_locked(path));
    database_close(&second);
    cr_assert(is_locked(path));
    run(first, "COMMIT");
    database_close(&first);
}

/* ---- statements ---- */

Test(database, gives_one_integer)
{
    sqlite3 *database = open_shop();
    int64_t value = 42;
    cr_expect_eq(ask(database, "SELECT quantity FROM stock ORDER BY sku"), 7);
    cr_expect_eq(ask(database, "SELECT -9223372036854775807 - 1"), INT64_MIN);
    cr_expect_eq(database_integer(database, "SELECT 1 WHERE 0", &value, &error), STATUS_NOT_FOUND);
    cr_expect_eq(value, 0);
    cr_expect_eq(database_integer(database, "SELECT nonsense", &value, &error), STATUS_IO);
    cr_expect_str_eq(error.text, "cannot run \"SELECT nonsense\": no such column: nonsense");
    database_close(&database);
}

Test(database, a_prepared_statement_runs_many_times)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *statement;
    cr_assert_eq(database_prepare(database, "INSERT INTO stock VALUES(?, 1)", &statement, &error), STATUS_OK);
    for (char name[] = "a"; name[0] <= 'z'; name[0]++) {
        cr_assert_eq(sqlite3_bind_text(statement, 1, name, 1, SQLITE_TRANSIENT), SQLITE_OK);
        cr_assert_eq(database_execute(statement, "list a product", &error), STATUS_OK, "%s", error.text);
    }
    cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK);
    cr_assert_eq(ask(database, "SELECT count(*) FROM stock"), 28);
    database_close(&database);
}

Test(database, steps_through_rows_to_their_end)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *statement;
    bool row;
    cr_assert_eq(database_prepare(database, "SELECT quantity FROM stock ORDER BY 1", &statement, &error), STATUS_OK);
    static const int quantities[] = {5, 7};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(database_step(statement, &row, "read the stock", &error), STATUS_OK);
        cr_assert(row);
        cr_assert_eq(sqlite3_column_int(statement, 0), quantities[i]);
    }
    cr_assert_eq(database_step(statement, &row, "read the stock", &error), STATUS_OK);
    cr_assert_not(row);
    cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK);
    database_close(&database);
}

Test(database, a_statement_that_failed_is_ready_again)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *statement;
    cr_assert_eq(database_prepare(database, "UPDATE stock SET quantity = quantity - ?", &statement, &error), STATUS_OK);
    cr_assert_eq(sqlite3_bind_int(statement, 1, 6), SQLITE_OK);
    cr_assert_eq(database_execute(statement, "take from the stock", &error), STATUS_REFUSED);
    cr_assert_str_eq(error.text, "cannot take from the stock: CHECK constraint failed: quantity >= 0");
    cr_assert_eq(sqlite3_bind_int(statement, 1, 5), SQLITE_OK);
    cr_assert_eq(database_execute(statement, "take from the stock", &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(ask(database, "SELECT sum(quantity) FROM stock"), 2);
    cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK);
    database_close(&database);
}

Test(database, a_statement_that_means_nothing_is_not_prepared)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *statement = (sqlite3_stmt *)1;
    cr_assert_eq(database_prepare(database, "SELEKT 1", &statement, &error), STATUS_IO);
    cr_assert_null(statement);
    cr_assert_eq(database_run(database,
                              "SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                              &error),
                 STATUS_IO);
    cr_assert_not_null(strstr(error.text, "aaaa…\": no such column"), "%s", error.text);
    database_close(&database);
}

/* ---- what goes wrong, in our words ---- */

Test(database, a_writer_at_work_is_busy)
{
    sqlite3 *one = open_shop();
    sqlite3 *other = open_as(folder_path("shop.db"), DATABASE_WRITE);
    cr_assert_eq(sqlite3_busy_timeout(other, 0), SQLITE_OK);
    run(one, "BEGIN IMMEDIATE");
    cr_assert_eq(database_run(other, "BEGIN IMMEDIATE", &error), STATUS_BUSY);
    cr_assert_str_eq(error.text, "cannot run \"BEGIN IMMEDIATE\": database is locked; try again");
    run(one, "COMMIT");
    run(other, "BEGIN IMMEDIATE; COMMIT");
    database_close(&other);
    database_close(&one);
}

Test(database, a_file_that_may_not_grow_is_full)
{
    sqlite3 *database = open_shop();
    (void)ask(database, "PRAGMA max_page_count = 4");
    cr_assert_eq(database_run(database, "CREATE TABLE big AS SELECT randomblob(100000)", &error), STATUS_FULL);
    cr_assert_not_null(strstr(error.text, "database or disk is full; free some space and try again"), "%s", error.text);
    database_close(&database);
}

static int interrupt(void *database)
{
    sqlite3_interrupt(database);
    return 0;
}

/* STATUS_STOPPED would be a quiet end, which is for visitors to ask for. */
Test(database, work_that_was_interrupted_has_failed)
{
    sqlite3 *database = open_shop();
    sqlite3_progress_handler(database, 100, interrupt, database);
    cr_assert_eq(database_run(database,
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
                              "SELECT sum(i) FROM n",
                              &error),
                 STATUS_IO);
    cr_assert_not_null(strstr(error.text, "interrupted"), "%s", error.text);
    database_close(&database);
}

Test(database, a_write_that_the_system_refuses_is_an_io_error)
{
    sqlite3 *database = open_shop();
    cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    const struct rlimit limit = {40960, 40960};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(database_run(database, "CREATE TABLE big AS SELECT randomblob(200000)", &error), STATUS_IO, "%s",
                 error.text);
    cr_assert_not_null(strstr(error.text, "disk I/O error"), "%s", error.text);
    database_close(&database);
}

/* What a file system that opens nothing says, as SQLite's default, as tests may install one. */
struct refusal {
    int result, system_code;
    enum status status;
    const char *part;
};
static struct refusal refusal;

static int cannot_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    (void)name;
    (void)flags;
    (void)out_flags;
    file->pMethods = NULL;
    errno = refusal.system_code;
    return refusal.result;
}

Test(database, that_another_file_system_does_not_open_is_refused_with_its_reason)
{
    static const struct refusal refusals[] = {
        {SQLITE_CANTOPEN, ENOSPC, STATUS_FULL, "No space left on device; free some space and try again"},
        {SQLITE_CANTOPEN, EDQUOT, STATUS_FULL, "Disk quota exceeded; free some space"},
        {SQLITE_IOERR_WRITE, ENOSPC, STATUS_FULL, "No space left on device; free some space"},
        {SQLITE_IOERR_WRITE, EIO, STATUS_IO, "disk I/O error"},
        {SQLITE_PROTOCOL, 0, STATUS_BUSY, "locking protocol; try again"},
    };
    sqlite3_vfs closed = *sqlite3_vfs_find(NULL);
    closed.zName = "closed";
    closed.xOpen = cannot_open;
    cr_assert_eq(sqlite3_vfs_register(&closed, 1), SQLITE_OK);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        refusal = refusals[i];
        not_opened(folder_path("shop.db"), DATABASE_CREATE, refusal.status, refusal.part);
    }
    cr_assert_eq(sqlite3_vfs_unregister(&closed), SQLITE_OK);
}

Test(database, a_page_that_is_damaged_is_said_to_be)
{
    sqlite3 *database = open_shop();
    run(database, "CREATE TABLE big(a); INSERT INTO big SELECT randomblob(3000) FROM stock");
    database_close(&database);
    FILE *file = fopen(folder_path("shop.db"), "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096 * 3; i++)
        (void)fputc(0xA5, file);
    cr_assert_eq(fclose(file), 0);

    database = open_as(folder_path("shop.db"), DATABASE_WRITE);
    int64_t value;
    cr_assert_eq(database_integer(database, "SELECT count(*) FROM stock", &value, &error), STATUS_DAMAGED);
    cr_assert_not_null(strstr(error.text, "malformed; take it from a backup"), "%s", error.text);
    database_close(&database);
}

Test(database, closing_with_a_statement_left_is_the_callers_bug, .signal = SIGABRT)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *statement;
    cr_assert_eq(database_prepare(database, "SELECT 1", &statement, &error), STATUS_OK);
    database_close(&database);
}

Test(database, a_path_too_long_is_refused_whole)
{
    char path[PATH_SIZE + 8];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    not_opened(path, DATABASE_CREATE, STATUS_INVALID, "longer than 4095 bytes");
}

Test(database, a_table_that_is_being_read_is_busy)
{
    sqlite3 *database = open_shop();
    sqlite3_stmt *select;
    bool row;
    cr_assert_eq(database_prepare(database, "SELECT sku FROM stock", &select, &error), STATUS_OK);
    cr_assert_eq(database_step(select, &row, "read", &error), STATUS_OK);
    cr_expect_eq(database_run(database, "DROP TABLE stock", &error), STATUS_BUSY, "%s", error.text);
    sqlite3_finalize(select);
    database_close(&database);
}

Test(database, a_transaction_is_undone_even_when_memory_ends_on_the_way)
{
    bool is_whole = false;
    mishap_install();
    sqlite3 *database = open_shop();
    for (uint32_t nth = 1; !is_whole; nth++) {
        run(database, "BEGIN; DELETE FROM stock");
        memory_fail(nth);
        database_roll_back(database);
        is_whole = !memory_heal();
        cr_assert_eq(ask(database, "SELECT sum(quantity) FROM stock"), 12);
    }
    database_roll_back(database);
    database_close(&database);
}

Test(database, a_text_that_is_not_there_is_empty)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    sqlite3 *database = NULL;
    cr_assert_eq(database_open(&database, ":memory:", DATABASE_CREATE, &error), STATUS_OK);
    cr_assert_eq(database_prepare(database, "SELECT NULL, 'tea'", &select, &error), STATUS_OK);
    cr_assert_str_eq(database_text(select, 1), "");
    cr_assert_eq(database_step(select, &row, "look", &error), STATUS_OK);
    cr_assert_str_eq(database_text(select, 0), "");
    cr_assert_str_eq(database_text(select, 1), "tea");
    sqlite3_finalize(select);
    database_close(&database);
}
