/* rows.h - what a projection's own file needs to write rows and to read them: its prepared statements, binding,
 * columns, and one loop. Nothing outside projections/ includes this: SQL ends here. */
#ifndef PROJECTIONS_ROWS_H
#define PROJECTIONS_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "projections/drafts.h"
#include "projections/projection.h"

/* The projection's statement number `index`, ready to be bound. Owned by the view. */
sqlite3_stmt *view_statement(const struct view *view, size_t index);

/* What the view's projection has not written yet. */
struct drafts *view_drafts(struct view *view);

/* Parameters are numbered from 1, as in the SQL. What is bound is borrowed until the statement has run. */
void bind_integer(sqlite3_stmt *statement, int parameter, int64_t number);
void bind_position(sqlite3_stmt *statement, int parameter, uint64_t position);
void bind_text(sqlite3_stmt *statement, int parameter, const char *text); /* NULL binds null */
void bind_uuid(sqlite3_stmt *statement, int parameter, const struct uuid *id);

/* Runs a statement that gives no rows, while an event is folded. */
enum status rows_write(sqlite3_stmt *statement, struct error *error) MUST_CHECK;

/* As rows_write for a statement that must meet a row: STATUS_INVALID with "<what> that <recorded> names is not known",
 * when it met none. */
enum status rows_change(sqlite3_stmt *statement, const char *what, const struct recorded_event *recorded,
                        struct error *error) MUST_CHECK;

/* The sentence for an event that does not follow from the history before it. Returns STATUS_INVALID. */
enum status rows_unknown(const char *what, const struct recorded_event *recorded, struct error *error);

/* `*number` += `amount`; STATUS_INVALID for a sum that nobody can hold. */
enum status rows_add(int64_t *number, int64_t amount, struct error *error) MUST_CHECK;

/* Reading, with `status` starting as STATUS_OK:
 *
 *     while (rows_next(statement, &status, error))
 *         status = visit(context, &(struct …){ … column_text(statement, 0) … }, error);
 *     return rows_end(statement, status);
 *
 * rows_next is false at the end and as soon as status is anything but STATUS_OK; rows_end resets the statement and
 * turns a visitor's STATUS_STOPPED into STATUS_OK. */
bool rows_next(sqlite3_stmt *statement, enum status *status, struct error *error);
enum status rows_end(sqlite3_stmt *statement, enum status status) MUST_CHECK;

/* Columns are numbered from 0. Texts live until the next row. */
int64_t column_integer(sqlite3_stmt *statement, int column);
uint64_t column_position(sqlite3_stmt *statement, int column);
const char *column_text(sqlite3_stmt *statement, int column);          /* never NULL */
const char *column_optional_text(sqlite3_stmt *statement, int column); /* NULL for null */
struct uuid column_uuid(sqlite3_stmt *statement, int column);
struct currency column_currency(sqlite3_stmt *statement, int column);

#endif
