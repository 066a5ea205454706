#include "projections/rows.h"

#include <inttypes.h>
#include <string.h>

#include "base/database.h"
#include "base/text.h"

void bind_integer(sqlite3_stmt *statement, int parameter, int64_t number)
{
    CHECK(sqlite3_bind_int64(statement, parameter, number) == SQLITE_OK);
}

void bind_position(sqlite3_stmt *statement, int parameter, uint64_t position)
{
    CHECK(position <= INT64_MAX);
    bind_integer(statement, parameter, (int64_t)position);
}

void bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
    CHECK(sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

void bind_uuid(sqlite3_stmt *statement, int parameter, const struct uuid *id)
{
    CHECK(sqlite3_bind_blob(statement, parameter, id->bytes, UUID_BYTES, SQLITE_STATIC) == SQLITE_OK);
}

/* Another database that is damaged is taken from a backup; a view is set aside and folded again, so say no more. */
static enum status name_damage(enum status status, struct error *error)
{
    if (status != STATUS_DAMAGED && status != STATUS_FOREIGN)
        return status;
    return error_set(error, STATUS_DAMAGED, "the view's file is damaged");
}

enum status rows_write(sqlite3_stmt *statement, struct error *error)
{
    return name_damage(database_execute(statement, "fold an event into the view", error), error);
}

enum status rows_change(sqlite3_stmt *statement, const char *what, const struct recorded_event *recorded,
                        struct error *error)
{
    enum status status = rows_write(statement, error);
    if (status == STATUS_OK && sqlite3_changes(sqlite3_db_handle(statement)) == 0)
        return rows_unknown(what, recorded, error);
    return status;
}

enum status rows_unknown(const char *what, const struct recorded_event *recorded, struct error *error)
{
    char entity[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_INVALID, "the %s %s is not known from the events before it", what,
                     text_safe(entity, recorded->stream.entity));
}

enum status rows_add(int64_t *number, int64_t amount, struct error *error)
{
    if (__builtin_add_overflow(*number, amount, number))
        return error_set(error, STATUS_INVALID, "the sum is too large to be kept");
    return STATUS_OK;
}

bool rows_next(sqlite3_stmt *statement, enum status *status, struct error *error)
{
    bool row = false;
    if (*status != STATUS_OK)
        return false;
    *status = name_damage(database_step(statement, &row, "read the view", error), error);
    return *status == STATUS_OK && row;
}

enum status rows_end(sqlite3_stmt *statement, enum status status)
{
    sqlite3_reset(statement);
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

int64_t column_integer(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

uint64_t column_position(sqlite3_stmt *statement, int column)
{
    int64_t number = sqlite3_column_int64(statement, column);
    return number < 0 ? 0 : (uint64_t)number;
}

const char *column_optional_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    const char *text = column_optional_text(statement, column);
    return text != NULL ? text : "";
}

struct uuid column_uuid(sqlite3_stmt *statement, int column)
{
    struct uuid id = {0};
    const void *bytes = sqlite3_column_blob(statement, column);
    if (bytes != NULL && sqlite3_column_bytes(statement, column) == UUID_BYTES)
        memcpy(id.bytes, bytes, UUID_BYTES);
    return id;
}

struct currency column_currency(sqlite3_stmt *statement, int column)
{
    struct currency currency = {0};
    const char *code = column_text(statement, column);
    memcpy(currency.code, code, strnlen(code, sizeof currency.code - 1));
    return currency;
}
