#include "bench/limit_views.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <string.h>

#include "base/database.h"
#include "domain/order.h"

enum { LOG_PAGES_MAX = (8 << 20) / 4096 };

/* ---- statements: of each view its own, under one numbering ---- */

enum {
    PLACE,
    MOVE,
    STEP,
    ADD_LINE,
    FIND,
    COUNTS,
    ADD_DAY,
    ADD_SKU,
    ADD_CUSTOMER,
    DROP_DAY,
    DROP_SKU,
    DROP_CUSTOMER,
    CLOSE_LINES,
    CLOSE,
};

#define ADD_TO(table, columns, from)                                                                                   \
    "INSERT INTO " table " SELECT " columns ", ?2, ?2 * units, ?2 * revenue_minor FROM " from                          \
    " WHERE placed_position = ?1 ON CONFLICT DO UPDATE SET orders = orders + excluded.orders,"                         \
    " units = units + excluded.units, revenue_minor = revenue_minor + excluded.revenue_minor"

#define DROP_EMPTY(table, columns, from)                                                                               \
    "DELETE FROM " table " WHERE orders = 0 AND (" columns ") IN"                                                      \
    " (SELECT " columns " FROM " from " WHERE placed_position = ?1)"
#define LINES "(SELECT l.*, o.currency FROM open_line l JOIN open_order o USING (placed_position))"

static const struct statement {
    const char *view;
    int number;
    const char *sql;
} statements[] = {
    {"orders", PLACE, "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, 'placed', NULL, ?5, ?6, ?7, ?8, ?9, ?1)"},
    {"orders", MOVE,
     "UPDATE orders SET status = ?2, reason = ?3, updated_at_us = ?4, version = ?5, position = ?6 WHERE order_id = ?1"},
    {"stock", PLACE,
     "INSERT INTO stock VALUES (?1, ?2, 0, 0, ?3, ?4) ON CONFLICT DO UPDATE SET name = excluded.name,"
     " unit_price_minor = excluded.unit_price_minor, currency = excluded.currency"},
    {"stock", MOVE, "UPDATE stock SET on_hand = on_hand + ?2, reserved = reserved + ?3 WHERE sku = ?1"},
    {"sales", PLACE, "INSERT INTO open_order VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)"},
    {"sales", ADD_LINE,
     "INSERT INTO open_line VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET units = units + excluded.units,"
     " revenue_minor = revenue_minor + excluded.revenue_minor"},
    {"sales", FIND, "SELECT placed_position, counts FROM open_order WHERE order_id = ?1"},
    {"sales", COUNTS, "UPDATE open_order SET counts = 1 WHERE placed_position = ?1"},
    {"sales", ADD_DAY, ADD_TO("by_day", "day, currency", "open_order")},
    {"sales", ADD_SKU, ADD_TO("by_sku", "sku, currency", LINES)},
    {"sales", ADD_CUSTOMER, ADD_TO("by_customer", "customer_id, currency", "open_order")},
    {"sales", DROP_DAY, DROP_EMPTY("by_day", "day, currency", "open_order")},
    {"sales", DROP_SKU, DROP_EMPTY("by_sku", "sku, currency", LINES)},
    {"sales", DROP_CUSTOMER, DROP_EMPTY("by_customer", "customer_id, currency", "open_order")},
    {"sales", CLOSE_LINES, "DELETE FROM open_line WHERE placed_position = ?1"},
    {"sales", CLOSE, "DELETE FROM open_order WHERE placed_position = ?1"},
    {"journeys", PLACE, "INSERT INTO journey VALUES (?1, ?2, ?3, 'placed')"},
    {"journeys", MOVE, "UPDATE journey SET status = ?2 WHERE order_id = ?1"},
    {"journeys", STEP, "INSERT INTO step SELECT placed_position, ?2, ?3, ?4 FROM journey WHERE order_id = ?1"},
    {"inbox", PLACE, "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
};

/* Runs a statement with these values: i an integer, t a text (or NULL), u a UUID. */
static enum status run(struct limit_view *view, int number, struct error *error, const char *kinds, ...)
{
    sqlite3_stmt *statement = view->statements[number];
    va_list values;
    va_start(values, kinds);
    for (int i = 1; kinds[i - 1] != '\0'; i++) {
        if (kinds[i - 1] == 'i')
            sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        else if (kinds[i - 1] == 't')
            sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        else
            sqlite3_bind_blob(statement, i, va_arg(values, const void *), UUID_BYTES, SQLITE_STATIC);
    }
    va_end(values);
    return database_execute(statement, "fold a row of the limit", error);
}

/* ---- an event in cJSON's tree ---- */

static const cJSON *item(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    CHECK(found != NULL);
    return found;
}

static const char *text(const cJSON *object, const char *name)
{
    return item(object, name)->valuestring;
}

static int64_t number(const cJSON *object, const char *name)
{
    return (int64_t)item(object, name)->valuedouble;
}

static int64_t time_of(const cJSON *object, const char *name)
{
    int64_t at_us = 0;
    CHECK(time_from_text(text(object, name), &at_us));
    return at_us;
}

/* What becomes of an order's status, NULL when nothing does. */
static const char *status_after(enum event_type type)
{
    switch (type) {
    case EVENT_ORDER_CONFIRMED: return "confirmed";
    case EVENT_ORDER_CANCELLATION_REQUESTED: return "cancelling";
    case EVENT_ORDER_CANCELLED: return "cancelled";
    default: return NULL;
    }
}

/* ---- the five views. The history has no other events for them than these ---- */

static enum status fold_orders(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                               struct error *error)
{
    if (row->type == EVENT_ORDER_PLACED)
        return run(view, PLACE, error, "iutttiiii", row->position, row->correlation, text(data, "order_ref"),
                   text(data, "customer_id"), text(data, "currency"), number(data, "total_minor"),
                   time_of(data, "placed_at"), row->recorded_at_us, row->version);
    const char *reason = row->type == EVENT_ORDER_CONFIRMED ? NULL : text(data, "reason");
    return run(view, MOVE, error, "uttiii", row->correlation, status_after(row->type), reason, row->recorded_at_us,
               row->version, row->position);
}

static enum status fold_stock(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                              struct error *error)
{
    if (row->type == EVENT_PRODUCT_LISTED)
        return run(view, PLACE, error, "ttit", text(data, "sku"), text(data, "name"), number(data, "unit_price_minor"),
                   text(data, "currency"));
    int64_t quantity = number(data, "quantity");
    bool received = row->type == EVENT_STOCK_RECEIVED, reserved = row->type == EVENT_UNITS_RESERVED;
    return run(view, MOVE, error, "tii", text(data, "sku"), received ? quantity : (int64_t)0,
               received   ? (int64_t)0
               : reserved ? quantity
                          : -quantity);
}

static enum status open_sale(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                             struct error *error)
{
    const cJSON *line;
    char day[DAY_TEXT_SIZE];
    int64_t units = 0;
    enum status status = STATUS_OK;
    time_to_day(time_of(data, "placed_at"), day);
    cJSON_ArrayForEach(line, item(data, "lines"))
    {
        int64_t quantity = number(line, "quantity");
        units += quantity;
        if (status == STATUS_OK)
            status = run(view, ADD_LINE, error, "itii", row->position, text(line, "sku"), quantity,
                         quantity * number(line, "unit_price_minor"));
    }
    if (status != STATUS_OK)
        return status;
    return run(view, PLACE, error, "iutttii", row->position, row->correlation, day, text(data, "customer_id"),
               text(data, "currency"), units, number(data, "total_minor"));
}

static enum status count_sale(struct limit_view *view, int64_t placed, int64_t sign, struct error *error)
{
    enum status status = STATUS_OK;
    for (int add = ADD_DAY; status == STATUS_OK && add <= ADD_CUSTOMER; add++)
        status = run(view, add, error, "ii", placed, sign);
    return status;
}

static enum status close_sale(struct limit_view *view, int64_t placed, struct error *error)
{
    enum status status = count_sale(view, placed, -1, error);
    for (int close = DROP_DAY; status == STATUS_OK && close <= CLOSE; close++)
        status = run(view, close, error, "i", placed);
    return status;
}

static enum status fold_sales(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                              struct error *error)
{
    if (row->type == EVENT_ORDER_PLACED)
        return open_sale(view, row, data, error);
    sqlite3_stmt *find = view->statements[FIND];
    bool found = false;
    sqlite3_bind_blob(find, 1, row->correlation, UUID_BYTES, SQLITE_STATIC);
    enum status status = database_step(find, &found, "find an order", error);
    int64_t placed = found ? sqlite3_column_int64(find, 0) : 0;
    sqlite3_reset(find);
    if (status != STATUS_OK || !found)
        return status;
    if (row->type != EVENT_ORDER_CONFIRMED)
        return close_sale(view, placed, error);
    status = count_sale(view, placed, 1, error);
    return status == STATUS_OK ? run(view, COUNTS, error, "i", placed) : status;
}

static enum status fold_journeys(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                                 struct error *error)
{
    enum status status = STATUS_OK;
    if (row->type == EVENT_ORDER_PLACED)
        status = run(view, PLACE, error, "iut", row->position, row->correlation, text(data, "order_ref"));
    else if (status_after(row->type) != NULL)
        status = run(view, MOVE, error, "ut", row->correlation, status_after(row->type));
    if (status != STATUS_OK)
        return status;
    return run(view, STEP, error, "uiti", row->correlation, row->position, event_type_name(row->type),
               row->recorded_at_us);
}

static enum status fold_inbox(struct limit_view *view, const struct limit_row *row, const cJSON *data,
                              struct error *error)
{
    return run(view, PLACE, error, "itutti", row->position, text(data, "customer_id"), row->correlation,
               text(data, "kind"), text(data, "message_id"), row->recorded_at_us);
}

static enum status fold(struct limit_view *view, const struct limit_row *row, const cJSON *data, struct error *error)
{
    switch (view->projection->name[0]) {
    case 'o': return fold_orders(view, row, data, error);
    case 'j': return fold_journeys(view, row, data, error);
    case 'i': return fold_inbox(view, row, data, error);
    default: break;
    }
    return strcmp(view->projection->name, "stock") == 0 ? fold_stock(view, row, data, error)
                                                        : fold_sales(view, row, data, error);
}

/* ---- one pass ---- */

struct pass {
    struct limit_view *views;
    size_t count;
    event_type_set types; /* that any of them wants */
    enum status status;
    struct error *error;
};

static bool fold_row(void *context, const struct limit_row *row)
{
    struct pass *pass = context;
    if ((pass->types & EVENT_BIT(row->type)) == 0)
        return false;
    cJSON *data = cJSON_ParseWithLength(row->data, row->length);
    CHECK(data != NULL);
    for (size_t i = 0; pass->status == STATUS_OK && i < pass->count; i++)
        if ((pass->views[i].projection->types & EVENT_BIT(row->type)) != 0)
            pass->status = fold(&pass->views[i], row, data, pass->error);
    cJSON_Delete(data);
    return true;
}

enum status limit_views_fold(struct limit *limit, struct limit_view *views, size_t count, uint64_t from, uint64_t to,
                             struct tally *tally, struct error *error)
{
    struct pass pass = {.views = views, .count = count, .error = error};
    for (size_t i = 0; pass.status == STATUS_OK && i < count; i++) {
        pass.types |= views[i].projection->types;
        pass.status = database_run(views[i].database, "BEGIN", error);
    }
    if (pass.status != STATUS_OK)
        return pass.status;
    enum status status = limit_visit(limit, from, to, fold_row, &pass, tally, error);
    status = pass.status != STATUS_OK ? pass.status : status;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = database_run(views[i].database, "COMMIT", error);
        if (views[i].log_pages >= LOG_PAGES_MAX)
            sqlite3_wal_checkpoint_v2(views[i].database, NULL, SQLITE_CHECKPOINT_RESTART, NULL, &views[i].log_pages);
    }
    return status;
}

/* ---- their files ---- */

static int count_log(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)database, (void)name;
    ((struct limit_view *)context)->log_pages = pages;
    return SQLITE_OK;
}

enum status limit_view_make(struct limit_view *view, const struct projection *projection, const char *folder,
                            enum limit_view_kind kind, struct error *error)
{
    static const char *const settings[] = {
        [LIMIT_VIEW_BUILT] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -12288",
        [LIMIT_VIEW_LIVE] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048"};
    *view = (struct limit_view){.projection = projection};
    enum status status = path_join(view->path, folder, error, "limit-%s.db", projection->name);
    if (status != STATUS_OK)
        return status;
    database_remove(view->path);
    status = database_open(&view->database, view->path, DATABASE_CREATE, error);
    if (status == STATUS_OK)
        status = database_run(view->database, settings[kind], error);
    if (status == STATUS_OK)
        status = database_run(view->database, projection->schema, error);
    if (status == STATUS_OK && projection->indexes != NULL)
        status = database_run(view->database, projection->indexes, error);
    for (size_t i = 0; status == STATUS_OK && i < sizeof statements / sizeof *statements; i++)
        if (strcmp(statements[i].view, projection->name) == 0)
            status =
                database_prepare(view->database, statements[i].sql, &view->statements[statements[i].number], error);
    if (status == STATUS_OK)
        sqlite3_wal_hook(view->database, count_log, view);
    return status;
}

void limit_view_close(struct limit_view *view)
{
    for (int i = 0; i < LIMIT_VIEW_STATEMENTS; i++)
        sqlite3_finalize(view->statements[i]);
    if (view->database != NULL)
        database_close(&view->database);
    *view = (struct limit_view){0};
}

enum status limit_view_publish(struct limit_view *view, struct error *error)
{
    char built[PATH_SIZE];
    memcpy(built, view->path, sizeof built);
    enum status status = file_sync(built, error);
    if (status == STATUS_OK)
        status = path_format(view->path, error, "%s.published", built);
    if (status == STATUS_OK && rename(built, view->path) != 0)
        status = error_errno(error, "name", view->path);
    return status;
}

/* ---- are they the same? ---- */

/* FNV-1a (Fowler, Noll and Vo). */
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static enum status sum_table(sqlite3 *database, const char *table, uint64_t *sum, struct error *error)
{
    char sql[128];
    sqlite3_stmt *select;
    bool row = true;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
    enum status status = database_prepare(database, sql, &select, error);
    while (status == STATUS_OK) {
        status = database_step(select, &row, "read a view", error);
        if (!row)
            break;
        uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), table, strlen(table));
        for (int i = 0; i < sqlite3_column_count(select); i++) {
            const void *bytes = sqlite3_column_blob(select, i);
            hash = mix(hash, bytes, (size_t)sqlite3_column_bytes(select, i));
        }
        *sum += hash; /* in whatever order */
    }
    sqlite3_finalize(select);
    return status;
}

enum status view_rows_sum(const char *path, uint64_t *sum, struct error *error)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *tables = NULL;
    bool row = false;
    *sum = 0;
    enum status status = database_open(&database, path, DATABASE_READ, error);
    if (status == STATUS_OK)
        status = database_prepare(database, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'",
                                  &tables, error);
    do {
        if (status == STATUS_OK)
            status = database_step(tables, &row, "list a view's tables", error);
        if (status == STATUS_OK && row)
            status = sum_table(database, (const char *)sqlite3_column_text(tables, 0), sum, error);
    } while (status == STATUS_OK && row);
    sqlite3_finalize(tables);
    if (database != NULL)
        database_close(&database);
    return status;
}
