/* database.h - the few lines every owner of an SQLite file would otherwise write again: open it safely, run a
 * statement, turn SQLite's result codes into our statuses and sentences.
 *
 * It knows no table. SQL itself stands in eventstore/, projections/ and the simulated bank, nowhere else. */
#ifndef BASE_DATABASE_H
#define BASE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum database_mode {
    DATABASE_READ,   /* read only; the file must be there */
    DATABASE_WRITE,  /* read and write; the file must be there */
    DATABASE_CREATE, /* read and write; made if it is missing, mode 0600 */
};

enum { DATABASE_PATIENCE_MS = 5000 /* how long SQLite waits for a lock that our own queues do not cover */ };

/* Opens `path` the way all our files are opened: defensive, no trusted schema, extended result codes, no checkpoint on
 * close, automatic checkpoints off (a checkpoint is a deliberate act, see docs/decisions). On failure `*database` is
 * NULL.
 *
 * STATUS_NOT_FOUND  no such file (READ, WRITE)
 * STATUS_FOREIGN    not an SQLite file
 * STATUS_IO, STATUS_FULL, STATUS_DAMAGED, STATUS_MEMORY */
enum status database_open(sqlite3 **database, const char *path, enum database_mode mode,
                          struct error *error) MUST_CHECK;

/* Closes and sets the pointer to NULL; NULL is fine. All statements must have been finalised. */
void database_close(sqlite3 **database);

/* Removes a database that nobody has open, with what SQLite may have left beside it: a close that has no memory leaves
 * the log. */
void database_remove(const char *path);

/* Runs one or more statements that give no rows. */
enum status database_run(sqlite3 *database, const char *sql, struct error *error) MUST_CHECK;

/* Runs one statement and gives the first column of its first row; STATUS_NOT_FOUND without a row. */
enum status database_integer(sqlite3 *database, const char *sql, int64_t *value, struct error *error) MUST_CHECK;

/* Prepares a statement that will be used many times. */
enum status database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **statement,
                             struct error *error) MUST_CHECK;

/* One step: `*row` says whether a row is there. On an error the statement is reset. `doing` as in "cannot <doing>". */
enum status database_step(sqlite3_stmt *statement, bool *row, const char *doing, struct error *error) MUST_CHECK;

/* Steps a statement that gives no row, then resets it. */
enum status database_execute(sqlite3_stmt *statement, const char *doing, struct error *error) MUST_CHECK;

/* Undoes the transaction that is under way, if one is (SQLite undoes some by itself, as on a full disk). Cannot fail: a
 * transaction that stays open would keep all others out. */
void database_roll_back(sqlite3 *database);

/* The status and sentence for the connection's last error. */
enum status database_error(sqlite3 *database, const char *doing, struct error *error);

/* A column's text, good until the next step; "" where there is none. */
const char *database_text(sqlite3_stmt *row, int column);

#endif
