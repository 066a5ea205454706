#include "projections/sales.h"

#include "base/clock.h"
#include "projections/rows.h"

/* Three tables of sums, and what must be remembered of an order for as long as it may still begin or cease to count:
 * open_order and its lines, one a sku. SQL does the adding, so that an order is put in (+1) and taken out (−1) by the
 * same statements. */
static const char schema[] = "CREATE TABLE by_day ("
                             "  day TEXT, currency TEXT,"
                             "  orders INTEGER NOT NULL, units INTEGER NOT NULL, revenue_minor INTEGER NOT NULL,"
                             "  PRIMARY KEY (day, currency)) STRICT, WITHOUT ROWID;"
                             "CREATE TABLE by_sku ("
                             "  sku TEXT, currency TEXT,"
                             "  orders INTEGER NOT NULL, units INTEGER NOT NULL, revenue_minor INTEGER NOT NULL,"
                             "  PRIMARY KEY (sku, currency)) STRICT, WITHOUT ROWID;"
                             "CREATE TABLE by_customer ("
                             "  customer_id TEXT, currency TEXT,"
                             "  orders INTEGER NOT NULL, units INTEGER NOT NULL, revenue_minor INTEGER NOT NULL,"
                             "  PRIMARY KEY (customer_id, currency)) STRICT, WITHOUT ROWID;"
                             "CREATE TABLE open_order ("
                             "  placed_position INTEGER PRIMARY KEY,"
                             "  order_id BLOB NOT NULL UNIQUE,"
                             "  day TEXT NOT NULL,"
                             "  customer_id TEXT NOT NULL,"
                             "  currency TEXT NOT NULL,"
                             "  units INTEGER NOT NULL,"
                             "  revenue_minor INTEGER NOT NULL,"
                             "  counts INTEGER NOT NULL" /* 1 while it is in the sums */
                             ") STRICT;"
                             "CREATE TABLE open_line ("
                             "  placed_position INTEGER, sku TEXT,"
                             "  units INTEGER NOT NULL, revenue_minor INTEGER NOT NULL,"
                             "  PRIMARY KEY (placed_position, sku)) STRICT, WITHOUT ROWID;";

/* ?1 is the order's placed_position, ?2 is 1 or −1. */
#define ADD_TO(table, columns, from)                                                                                   \
    "INSERT INTO " table " SELECT " columns ", ?2, ?2 * units, ?2 * revenue_minor FROM " from                          \
    " WHERE placed_position = ?1 ON CONFLICT DO UPDATE SET orders = orders + excluded.orders,"                         \
    " units = units + excluded.units, revenue_minor = revenue_minor + excluded.revenue_minor"
#define DROP_EMPTY(table, columns, from)                                                                               \
    "DELETE FROM " table " WHERE orders = 0 AND (" columns ") IN"                                                      \
    " (SELECT " columns " FROM " from " WHERE placed_position = ?1)"
#define LINES "(SELECT l.*, o.currency FROM open_line l JOIN open_order o USING (placed_position))"

enum {
    OPEN_ORDER,
    OPEN_LINE,
    FIND,
    COUNTS,
    ADD_DAY,
    ADD_SKU,
    ADD_CUSTOMER,
    DROP_DAY,
    DROP_SKU,
    DROP_CUSTOMER,
    CLOSE_LINES,
    CLOSE_ORDER,
    BY_DAY,
    BY_SKU,
    BY_CUSTOMER,
};
static const char *const statements[] = {
    [OPEN_ORDER] = "INSERT INTO open_order VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
    [OPEN_LINE] = "INSERT INTO open_line VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                  " units = units + excluded.units, revenue_minor = revenue_minor + excluded.revenue_minor",
    [FIND] = "SELECT placed_position, counts FROM open_order WHERE order_id = ?1",
    [COUNTS] = "UPDATE open_order SET counts = 1 WHERE placed_position = ?1",
    [ADD_DAY] = ADD_TO("by_day", "day, currency", "open_order"),
    [ADD_SKU] = ADD_TO("by_sku", "sku, currency", LINES),
    [ADD_CUSTOMER] = ADD_TO("by_customer", "customer_id, currency", "open_order"),
    [DROP_DAY] = DROP_EMPTY("by_day", "day, currency", "open_order"),
    [DROP_SKU] = DROP_EMPTY("by_sku", "sku, currency", LINES),
    [DROP_CUSTOMER] = DROP_EMPTY("by_customer", "customer_id, currency", "open_order"),
    [CLOSE_LINES] = "DELETE FROM open_line WHERE placed_position = ?1",
    [CLOSE_ORDER] = "DELETE FROM open_order WHERE placed_position = ?1",
    [BY_DAY] = "SELECT * FROM by_day ORDER BY day, currency",
    [BY_SKU] = "SELECT * FROM by_sku ORDER BY sku, currency",
    [BY_CUSTOMER] = "SELECT * FROM by_customer ORDER BY customer_id, currency",
};

static enum status open_line(struct view *view, uint64_t position, const struct order_line *line, struct error *error)
{
    sqlite3_stmt *insert = view_statement(view, OPEN_LINE);
    bind_position(insert, 1, position);
    bind_text(insert, 2, line->sku);
    bind_integer(insert, 3, line->quantity);
    bind_integer(insert, 4, line->quantity * line->unit_price_minor);
    return rows_write(insert, error);
}

static enum status place(struct view *view, uint64_t position, const struct order_placed *placed, struct error *error)
{
    char day[DAY_TEXT_SIZE];
    time_to_day(placed->placed_at_us, day);
    int64_t units = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < placed->lines.count && status == STATUS_OK; i++) {
        units += placed->lines.items[i].quantity;
        status = open_line(view, position, &placed->lines.items[i], error);
    }
    if (status != STATUS_OK)
        return status;

    sqlite3_stmt *insert = view_statement(view, OPEN_ORDER);
    bind_position(insert, 1, position);
    bind_uuid(insert, 2, &placed->order);
    bind_text(insert, 3, day);
    bind_text(insert, 4, placed->customer);
    bind_text(insert, 5, placed->currency.code);
    bind_integer(insert, 6, units);
    bind_integer(insert, 7, placed->total_minor);
    return rows_write(insert, error);
}

/* Where the order stands among the open ones: its placed_position, 0 when it is not there; and whether it counts. */
static enum status find(struct view *view, const struct event *event, uint64_t *position, bool *counts,
                        struct error *error)
{
    struct uuid order;
    CHECK(event_order(event, &order));
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, FIND);
    bind_uuid(select, 1, &order);
    *position = 0;
    *counts = false;
    if (rows_next(select, &status, error)) {
        *position = column_position(select, 0);
        *counts = column_integer(select, 1) != 0;
    }
    return rows_end(select, status);
}

/* Runs statements first … last for one open order. */
static enum status run(struct view *view, size_t first, size_t last, uint64_t position, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = first; i <= last && status == STATUS_OK; i++) {
        sqlite3_stmt *statement = view_statement(view, i);
        bind_position(statement, 1, position);
        status = rows_write(statement, error);
    }
    return status;
}

static enum status add(struct view *view, uint64_t position, int sign, struct error *error)
{
    for (size_t i = ADD_DAY; i <= ADD_CUSTOMER; i++)
        bind_integer(view_statement(view, i), 2, sign);
    return run(view, ADD_DAY, ADD_CUSTOMER, position, error);
}

static enum status confirm(struct view *view, uint64_t position, bool counts, const struct recorded_event *recorded,
                           struct error *error)
{
    if (position == 0 || counts)
        return rows_unknown("open order", recorded, error);
    enum status status = add(view, position, 1, error);
    return status == STATUS_OK ? run(view, COUNTS, COUNTS, position, error) : status;
}

static enum status take_out(struct view *view, uint64_t position, struct error *error)
{
    enum status status = add(view, position, -1, error);
    return status == STATUS_OK ? run(view, DROP_DAY, DROP_CUSTOMER, position, error) : status;
}

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    if (event->type == EVENT_ORDER_PLACED)
        return place(view, recorded->position, &event->order_placed, error);

    uint64_t position;
    bool counts;
    enum status status = find(view, event, &position, &counts, error);
    if (status != STATUS_OK)
        return status;
    if (event->type == EVENT_ORDER_CONFIRMED)
        return confirm(view, position, counts, recorded, error);
    if (position == 0)
        return STATUS_OK; /* OrderCancelled of an order that was taken out when that was requested */

    /* Rejected, cancelling, cancelled or shipped: whether it counts will not change again. */
    if (counts && event->type != EVENT_ORDER_SHIPPED)
        status = take_out(view, position, error);
    return status == STATUS_OK ? run(view, CLOSE_LINES, CLOSE_ORDER, position, error) : status;
}

static const struct field_reads reads[] = {
    {EVENT_ORDER_PLACED,
     "order_id customer_id currency lines[].sku lines[].quantity lines[].unit_price_minor total_minor placed_at"},
    {EVENT_ORDER_CONFIRMED, "order_id"},
    {EVENT_ORDER_REJECTED, "order_id"},
    {EVENT_ORDER_CANCELLATION_REQUESTED, "order_id"},
    {EVENT_ORDER_CANCELLED, "order_id"},
    {EVENT_ORDER_SHIPPED, "order_id"},
    {0},
};

const struct projection sales_projection = {
    .name = "sales",
    .version = 1,
    .types = EVENT_BIT(EVENT_ORDER_PLACED) | EVENT_BIT(EVENT_ORDER_CONFIRMED) | EVENT_BIT(EVENT_ORDER_REJECTED) |
             EVENT_BIT(EVENT_ORDER_CANCELLATION_REQUESTED) | EVENT_BIT(EVENT_ORDER_CANCELLED) |
             EVENT_BIT(EVENT_ORDER_SHIPPED),
    .reads = reads,
    .schema = schema,
    .statements = statements,
    .statement_count = sizeof statements / sizeof *statements,
    .apply = apply,
};

enum status sales_each(struct view *view, enum sales_by by, sales_visitor visit, void *context, struct error *error)
{
    static const size_t selects[] = {
        [SALES_BY_DAY] = BY_DAY, [SALES_BY_SKU] = BY_SKU, [SALES_BY_CUSTOMER] = BY_CUSTOMER};
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, selects[by]);
    while (rows_next(select, &status, error)) {
        struct sales_row row = {
            .key = column_text(select, 0),
            .currency = column_currency(select, 1),
            .orders = column_integer(select, 2),
            .units = column_integer(select, 3),
            .revenue_minor = column_integer(select, 4),
        };
        status = visit(context, &row, error);
    }
    return rows_end(select, status);
}
