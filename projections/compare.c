#include "projections/compare.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/database.h"
#include "base/text.h"
#include "projections/fold.h"
#include "projections/rows.h"

enum { TABLES_MAX = 16, TABLE_NAME_SIZE = 64 };

struct table {
    char name[TABLE_NAME_SIZE];
    int key_columns; /* the first ones */
};

struct tables {
    struct table items[TABLES_MAX];
    size_t count;
};

static enum status damaged(const struct view *view, struct error *error)
{
    return error_set(error, STATUS_DAMAGED, "the view %s does not have its tables", view->projection->name);
}

/* All tables but the view's own, in the order of their names. */
static enum status list_tables(struct view *view, struct tables *tables, struct error *error)
{
    static const char sql[] =
        "SELECT name, (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0)"
        " FROM sqlite_schema t WHERE type = 'table' AND name <> 'meta' AND name NOT LIKE 'sqlite%'"
        " ORDER BY name";
    sqlite3_stmt *select;
    tables->count = 0;
    enum status status = database_prepare(view->database, sql, &select, error);
    while (rows_next(select, &status, error)) {
        struct table *table = &tables->items[tables->count];
        const char *name = column_text(select, 0);
        if (tables->count == TABLES_MAX || strlen(name) >= sizeof table->name || column_integer(select, 1) == 0) {
            status = damaged(view, error);
        } else {
            snprintf(table->name, sizeof table->name, "%s", name);
            table->key_columns = (int)column_integer(select, 1);
            tables->count++;
        }
    }
    sqlite3_finalize(select);
    return status;
}

/* All rows of a table in the order of its key, which is its first columns. */
static enum status select_table(struct view *view, const struct table *table, sqlite3_stmt **select,
                                struct error *error)
{
    struct buffer sql = {0};
    char *quoted = sqlite3_mprintf("\"%w\"", table->name);
    *select = NULL;
    if (quoted == NULL)
        return error_memory(error);
    buffer_format(&sql, "SELECT * FROM %s ORDER BY 1", quoted);
    for (int column = 2; column <= table->key_columns; column++)
        buffer_format(&sql, ", %d", column);
    sqlite3_free(quoted);
    enum status status = buffer_ok(&sql, error);
    if (status == STATUS_OK) {
        status = database_prepare(view->database, buffer_string(&sql), select, error);
        if (status != STATUS_OK && sqlite3_errcode(view->database) == SQLITE_ERROR)
            status = damaged(view, error);
    }
    buffer_clear(&sql);
    return status;
}

/* ---- the digest ---- */

typedef crypto_generichash_state hash_state;

static void hash_number(hash_state *hash, uint64_t number, size_t bytes)
{
    uint8_t little[8];
    for (size_t i = 0; i < bytes; i++)
        little[i] = (uint8_t)(number >> (8 * i));
    crypto_generichash_update(hash, little, bytes);
}

static void hash_text(hash_state *hash, const void *bytes, size_t length)
{
    hash_number(hash, length, 4);
    if (length > 0)
        crypto_generichash_update(hash, bytes, length);
}

static void hash_tag(hash_state *hash, char tag)
{
    crypto_generichash_update(hash, (const uint8_t *)&tag, 1);
}

static void hash_value(hash_state *hash, sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL: hash_tag(hash, 'n'); break;
    case SQLITE_INTEGER:
        hash_tag(hash, 'i');
        hash_number(hash, (uint64_t)sqlite3_column_int64(row, column), 8);
        break;
    case SQLITE_TEXT:
        hash_tag(hash, 't');
        hash_text(hash, sqlite3_column_text(row, column), (size_t)sqlite3_column_bytes(row, column));
        break;
    default: /* a blob: our tables are STRICT and know no floating point */
        hash_tag(hash, 'b');
        hash_text(hash, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
        break;
    }
}

static enum status hash_table(hash_state *hash, struct view *view, const struct table *table, struct error *error)
{
    sqlite3_stmt *select;
    enum status status = select_table(view, table, &select, error);
    if (status != STATUS_OK)
        return status;
    int columns = sqlite3_column_count(select);
    hash_tag(hash, 'T');
    hash_text(hash, table->name, strlen(table->name));
    hash_number(hash, (uint64_t)columns, 4);
    while (rows_next(select, &status, error)) {
        hash_tag(hash, 'R');
        for (int column = 0; column < columns; column++)
            hash_value(hash, select, column);
    }
    sqlite3_finalize(select);
    return status;
}

enum status view_digest(struct view *view, uint8_t digest[VIEW_DIGEST_BYTES], struct error *error)
{
    struct tables tables;
    hash_state hash;
    crypto_generichash_init(&hash, NULL, 0, VIEW_DIGEST_BYTES);
    enum status status = list_tables(view, &tables, error);
    for (size_t i = 0; i < tables.count && status == STATUS_OK; i++)
        status = hash_table(&hash, view, &tables.items[i], error);
    crypto_generichash_final(&hash, digest, VIEW_DIGEST_BYTES);
    return status;
}

/* ---- the first row that differs ---- */

static int compare_numbers(int64_t one, int64_t other)
{
    return (one > other) - (one < other);
}

/* Two values in SQLite's order: null, then numbers, then texts, then blobs, by their bytes. */
static int compare_values(sqlite3_stmt *one, sqlite3_stmt *other, int column)
{
    static const int ranks[] = {
        [SQLITE_NULL] = 0, [SQLITE_INTEGER] = 1, [SQLITE_FLOAT] = 1, [SQLITE_TEXT] = 2, [SQLITE_BLOB] = 3};
    int type = sqlite3_column_type(one, column), other_type = sqlite3_column_type(other, column);
    if (type != other_type)
        return ranks[type] - ranks[other_type];
    if (type == SQLITE_NULL)
        return 0;
    if (type == SQLITE_INTEGER)
        return compare_numbers(sqlite3_column_int64(one, column), sqlite3_column_int64(other, column));
    const void *bytes = sqlite3_column_blob(one, column), *other_bytes = sqlite3_column_blob(other, column);
    int length = sqlite3_column_bytes(one, column), other_length = sqlite3_column_bytes(other, column);
    int shorter = length < other_length ? length : other_length;
    int order = shorter == 0 ? 0 : memcmp(bytes, other_bytes, (size_t)shorter);
    return order != 0 ? order : compare_numbers(length, other_length);
}

static int compare_columns(sqlite3_stmt *one, sqlite3_stmt *other, int first, int end, int *column)
{
    for (*column = first; *column < end; ++*column) {
        int order = compare_values(one, other, *column);
        if (order != 0)
            return order;
    }
    return 0;
}

static void describe_value(struct buffer *out, sqlite3_stmt *row, int column)
{
    char text[UUID_TEXT_SIZE];
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL: buffer_text(out, "nothing"); break;
    case SQLITE_INTEGER: buffer_integer(out, sqlite3_column_int64(row, column)); break;
    case SQLITE_TEXT:
        buffer_char(out, '"');
        text_append_safe(out, column_text(row, column), strnlen(column_text(row, column), 80));
        buffer_char(out, '"');
        break;
    default:
        uuid_to_text(column_uuid(row, column), text);
        buffer_text(out, text);
        break;
    }
}

static void describe_row(struct buffer *out, const struct table *table, sqlite3_stmt *row)
{
    buffer_format(out, "%s, key ", table->name);
    for (int column = 0; column < table->key_columns; column++) {
        buffer_text(out, column == 0 ? "" : ", ");
        describe_value(out, row, column);
    }
    buffer_text(out, ": ");
}

/* Says where the rows that the two stand at differ; leaves `out` empty when they do not. */
static void compare_rows(struct buffer *out, const struct table *table, sqlite3_stmt *live, bool live_row,
                         sqlite3_stmt *fresh, bool fresh_row)
{
    int column, order = live_row ? -1 : 1; /* whose key comes first; a side that has ended comes last */
    if (live_row && fresh_row)
        order = compare_columns(live, fresh, 0, table->key_columns, &column);
    if (order != 0) {
        describe_row(out, table, order < 0 ? live : fresh);
        buffer_text(out, order < 0 ? "is there, should not be" : "is missing");
    } else if (compare_columns(live, fresh, table->key_columns, sqlite3_column_count(fresh), &column) != 0) {
        describe_row(out, table, live);
        buffer_format(out, "%s is ", sqlite3_column_name(fresh, column));
        describe_value(out, live, column);
        buffer_text(out, ", should be ");
        describe_value(out, fresh, column);
    }
}

static enum status compare_table(struct buffer *out, struct view *live, struct view *fresh, const struct table *table,
                                 struct error *error)
{
    sqlite3_stmt *live_rows = NULL, *fresh_rows = NULL;
    bool live_row = true, fresh_row = true;
    enum status status = select_table(live, table, &live_rows, error);
    if (status == STATUS_OK)
        status = select_table(fresh, table, &fresh_rows, error);
    if (status == STATUS_OK && sqlite3_column_count(live_rows) != sqlite3_column_count(fresh_rows))
        status = damaged(live, error);
    while (status == STATUS_OK && out->length == 0) {
        live_row = rows_next(live_rows, &status, error);
        fresh_row = rows_next(fresh_rows, &status, error);
        if (status != STATUS_OK || (!live_row && !fresh_row))
            break;
        compare_rows(out, table, live_rows, live_row, fresh_rows, fresh_row);
    }
    sqlite3_finalize(live_rows);
    sqlite3_finalize(fresh_rows);
    return status;
}

enum status view_compare(struct view *live, struct view *fresh, bool *same, char difference[ERROR_TEXT_MAX],
                         struct error *error)
{
    struct tables tables, others;
    struct buffer out = {0};
    enum status status = list_tables(fresh, &tables, error);
    if (status == STATUS_OK)
        status = list_tables(live, &others, error);
    if (status == STATUS_OK && tables.count != others.count)
        status = damaged(live, error);
    for (size_t i = 0; i < tables.count && status == STATUS_OK && out.length == 0; i++)
        status = compare_table(&out, live, fresh, &tables.items[i], error);
    if (status == STATUS_OK)
        status = buffer_ok(&out, error);
    *same = status == STATUS_OK && out.length == 0;
    snprintf(difference, ERROR_TEXT_MAX, "%s", buffer_string(&out));
    buffer_clear(&out);
    return status;
}

/* ---- verify ---- */

/* `live` is frozen: what it shows stands still, whoever folds on meanwhile. */
static enum status check_rows(struct view *live, const struct view_home *home, struct view_finding *finding,
                              struct error *error)
{
    struct view *fresh = NULL;
    bool same = false;
    finding->position = live->position;
    enum status status = view_open_at(&fresh, home->store, live->projection, live->position, error);
    if (status == STATUS_OK)
        status = view_digest(fresh, finding->digest, error);
    if (status == STATUS_OK)
        status = view_compare(live, fresh, &same, finding->detail, error);
    finding->ok = same;
    finding->is_mendable = status == STATUS_OK && !same;
    if (same)
        snprintf(finding->detail, sizeof finding->detail, "equals the roll up to position %" PRIu64, live->position);
    view_close(&fresh);
    return status;
}

enum status view_verify(const struct view_home *home, const struct projection *projection, struct view_finding *finding,
                        struct error *error)
{
    struct view *live = NULL;
    struct view_state state;
    enum view_condition condition = VIEW_MISSING;
    *finding = (struct view_finding){0};
    enum status status = view_inspect(home, projection, &state, error);
    if (status != STATUS_OK)
        return status;
    finding->position = state.position;
    finding->ok = state.condition == VIEW_MISSING || state.condition == VIEW_OLDER;
    finding->is_mendable = state.condition == VIEW_DAMAGED || state.condition == VIEW_FOREIGN;
    memcpy(finding->detail, state.reason, sizeof finding->detail);
    if (state.condition != VIEW_GOOD)
        return STATUS_OK;
    status = view_file_look(&live, home, projection, &condition, error);
    finding->ok = live == NULL; /* it went this very moment, and will be folded again */
    if (status == STATUS_OK && live != NULL)
        status = view_freeze(live, error);
    if (status == STATUS_OK && live != NULL)
        status = check_rows(live, home, finding, error);
    view_close(&live);
    if (status != STATUS_DAMAGED)
        return status;
    finding->ok = false; /* of the view, and no reason to stop checking */
    finding->is_mendable = true;
    memcpy(finding->detail, error->text, sizeof finding->detail);
    return STATUS_OK;
}
