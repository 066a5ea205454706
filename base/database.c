#include "base/database.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum { STATEMENT_SHOWN_BYTES_MAX = 60, ROLLBACK_ATTEMPTS_MAX = 3 };

/* ---- SQLite's codes in our words ---- */

static enum status status_of_system(int code)
{
    return code == ENOSPC || code == EDQUOT ? STATUS_FULL : STATUS_IO;
}

static enum status status_of(int code, int system_code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL: /* a reader's lock was never free, however often it was asked for */
    case SQLITE_LOCKED: return STATUS_BUSY;
    case SQLITE_FULL: return STATUS_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return status_of_system(system_code);
    case SQLITE_CORRUPT: return STATUS_DAMAGED;
    case SQLITE_NOTADB: return STATUS_FOREIGN;
    case SQLITE_CONSTRAINT: return STATUS_REFUSED;
    case SQLITE_NOMEM: return STATUS_MEMORY;
    default: return STATUS_IO;
    }
}

static const char *advice_for(enum status status, sqlite3 *database)
{
    switch (status) {
    case STATUS_FULL: return "; free some space and try again";
    case STATUS_BUSY: return "; try again";
    case STATUS_DAMAGED: /* what is only read is a copy */
        return sqlite3_db_readonly(database, "main") == 1 ? "; use another copy" : "; take it from a backup";
    default: return "";
    }
}

enum status database_error(sqlite3 *database, const char *doing, struct error *error)
{
    const int code = sqlite3_extended_errcode(database);
    const bool is_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    const int system_code = is_system ? sqlite3_system_errno(database) : 0;
    const enum status status = status_of(code, system_code);

    /* After a failed write, SQLite rolls back before it looks at errno: what stands there then may be another's. */
    const bool is_cause = system_code != 0 && ((code & 0xff) == SQLITE_CANTOPEN || status == STATUS_FULL);
    char message[TEXT_SAFE_SIZE];
    char reason[128];
    return error_set(error, status, "cannot %s: %s%s%s%s", doing, text_safe(message, sqlite3_errmsg(database)),
                     is_cause ? ": " : "", is_cause ? strerror_r(system_code, reason, sizeof reason) : "",
                     advice_for(status, database));
}

/* ---- opening ---- */

/* Makes an empty file that only its owner may read. mknod() and not open(), because closing any descriptor of a file
 * drops every POSIX lock this process holds on it, those of another connection too. What else may go wrong here,
 * SQLite will find and say. */
static void make_private(const char *path)
{
    if (strcmp(path, ":memory:") != 0)
        (void)mknod(path, S_IFREG | 0600, 0);
}

static int open_flags(enum database_mode mode)
{
    static const int flags[] = {
        [DATABASE_READ] = SQLITE_OPEN_READONLY,
        [DATABASE_WRITE] = SQLITE_OPEN_READWRITE,
        [DATABASE_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    return flags[mode] | SQLITE_OPEN_NOMUTEX;
}

/* Nobody asks SQLite how much memory it has in use: not to count saves a lock for each piece, a fifteenth of a commit.
 * Whoever has used SQLite in this process before us has settled it. */
static void count_no_memory(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void configure(sqlite3 *database)
{
    CHECK(sqlite3_extended_result_codes(database, 1) == SQLITE_OK);
    CHECK(sqlite3_busy_timeout(database, DATABASE_PATIENCE_MS) == SQLITE_OK);
    CHECK(sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK);
    CHECK(sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK);
    CHECK(sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK);
    CHECK(sqlite3_wal_autocheckpoint(database, 0) == SQLITE_OK);
}

/* The sentence for an open or a first look that failed. */
static enum status refuse_open(sqlite3 *database, const char *path, enum database_mode mode, struct error *error)
{
    if (database == NULL)
        return error_memory(error);
    char safe[TEXT_SAFE_SIZE];
    char doing[TEXT_SAFE_SIZE + 8];
    (void)text_safe(safe, path);
    (void)snprintf(doing, sizeof doing, "open %s", safe);
    const int code = sqlite3_extended_errcode(database) & 0xff;
    if (code == SQLITE_NOTADB)
        return error_set(error, STATUS_FOREIGN, "%s is not a database", safe);
    if (code == SQLITE_CANTOPEN && mode != DATABASE_CREATE && sqlite3_system_errno(database) == ENOENT)
        return error_set(error, STATUS_NOT_FOUND, "there is no file %s", safe);
    return database_error(database, doing, error);
}

/* SQLite reads nothing when it opens a file, so ask it something that needs the header and the schema. */
static enum status look_inside(sqlite3 *database, const char *path, enum database_mode mode, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    int64_t pages;
    if (database_integer(database, "PRAGMA page_count", &pages, NULL) != STATUS_OK)
        return refuse_open(database, path, mode, error);
    if (pages == 0 && mode == DATABASE_READ)
        return error_set(error, STATUS_FOREIGN, "%s is not a database: it is too short for one", text_safe(safe, path));
    return STATUS_OK;
}

enum status database_open(sqlite3 **database, const char *path, enum database_mode mode, struct error *error)
{
    *database = NULL;
    if (path[0] == '\0') /* to SQLite, a file of its own that is gone when closed */
        return error_set(error, STATUS_INVALID, "a database needs a path");
    char plain[PATH_SIZE];
    /* Debian's SQLite takes "file:…" for a URI, whose parameters could switch off locks. */
    const char *prefix = strncmp(path, "file:", 5) == 0 ? "./" : "";
    if (snprintf(plain, sizeof plain, "%s%s", prefix, path) >= (int)sizeof plain)
        return error_set(error, STATUS_INVALID, "a path is longer than %d bytes: use a shorter one", PATH_SIZE - 1);
    if (mode == DATABASE_CREATE)
        make_private(plain);

    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, count_no_memory) == 0);
    sqlite3 *opened = NULL;
    enum status status = STATUS_OK;
    if (sqlite3_open_v2(plain, &opened, open_flags(mode), NULL) != SQLITE_OK) {
        status = refuse_open(opened, path, mode, error);
    } else {
        configure(opened);
        status = look_inside(opened, path, mode, error);
    }
    if (status == STATUS_OK)
        *database = opened;
    else
        database_close(&opened);
    return status;
}

void database_close(sqlite3 **database)
{
    CHECK(sqlite3_close(*database) == SQLITE_OK);
    *database = NULL;
}

void database_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_SIZE + sizeof "-journal"];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

/* ---- statements ---- */

static enum status statement_error(sqlite3 *database, const char *sql, struct error *error)
{
    char shown[TEXT_SAFE_SIZE];
    char doing[TEXT_SAFE_SIZE + 16];
    const size_t length = strnlen(sql, STATEMENT_SHOWN_BYTES_MAX);
    const char *more = sql[length] == '\0' ? "" : "…";
    (void)snprintf(doing, sizeof doing, "run \"%s%s\"", text_safe_bytes(shown, sql, length), more);
    return database_error(database, doing, error);
}

enum status database_run(sqlite3 *database, const char *sql, struct error *error)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK)
        return STATUS_OK;
    return statement_error(database, sql, error);
}

enum status database_integer(sqlite3 *database, const char *sql, int64_t *value, struct error *error)
{
    *value = 0;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return statement_error(database, sql, error);

    enum status status = STATUS_OK;
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW: *value = sqlite3_column_int64(statement, 0); break;
    case SQLITE_DONE: status = error_set(error, STATUS_NOT_FOUND, "there is no row for what was asked"); break;
    default: status = statement_error(database, sql, error); break;
    }
    (void)sqlite3_finalize(statement); /* repeats the error that step gave */
    return status;
}

enum status database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **statement, struct error *error)
{
    *statement = NULL;
    if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK)
        return STATUS_OK;
    return statement_error(database, sql, error);
}

enum status database_step(sqlite3_stmt *statement, bool *row, const char *doing, struct error *error)
{
    const int result = sqlite3_step(statement);
    *row = result == SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return STATUS_OK;
    const enum status status = database_error(sqlite3_db_handle(statement), doing, error);
    (void)sqlite3_reset(statement); /* repeats the error that step gave */
    return status;
}

enum status database_execute(sqlite3_stmt *statement, const char *doing, struct error *error)
{
    bool row;
    const enum status status = database_step(statement, &row, doing, error);
    if (status != STATUS_OK)
        return status;
    CHECK(!row);
    (void)sqlite3_reset(statement);
    return STATUS_OK;
}

void database_roll_back(sqlite3 *database)
{
    /* All it can lack is a little memory, which may be there a moment later. */
    for (int attempts = 0; !sqlite3_get_autocommit(database); attempts++) {
        CHECK(attempts < ROLLBACK_ATTEMPTS_MAX);
        (void)sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    }
}

const char *database_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}
