#include "projections/sales.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "projections/rows.h"

/* Three tables of sums, and what must be remembered of an order for as long as it may still begin or cease to count:
 * open_order and its lines, one a sku. An order is put in (+1) and taken out (−1) by the same code. */
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

#define ADD_TO(table)                                                                                                  \
    "INSERT INTO " table " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET orders = orders + excluded.orders,"   \
    " units = units + excluded.units, revenue_minor = revenue_minor + excluded.revenue_minor"
#define DROP_EMPTY(table, key) "DELETE FROM " table " WHERE " key " = ?1 AND currency = ?2 AND orders = 0"

enum {
    ADD, /* one for each enum sales_by, and so on */
    DROP = ADD + 3,
    LIST = DROP + 3,
    OPEN_ORDER = LIST + 3,
    OPEN_LINE,
    FIND,
    LINES,
    COUNTS,
    CLOSE_LINES,
    CLOSE_ORDER,
};
static const char *const statements[] = {
    [ADD + SALES_BY_DAY] = ADD_TO("by_day"),
    [ADD + SALES_BY_SKU] = ADD_TO("by_sku"),
    [ADD + SALES_BY_CUSTOMER] = ADD_TO("by_customer"),
    [DROP + SALES_BY_DAY] = DROP_EMPTY("by_day", "day"),
    [DROP + SALES_BY_SKU] = DROP_EMPTY("by_sku", "sku"),
    [DROP + SALES_BY_CUSTOMER] = DROP_EMPTY("by_customer", "customer_id"),
    [LIST + SALES_BY_DAY] = "SELECT * FROM by_day ORDER BY day, currency",
    [LIST + SALES_BY_SKU] = "SELECT * FROM by_sku ORDER BY sku, currency",
    [LIST + SALES_BY_CUSTOMER] = "SELECT * FROM by_customer ORDER BY customer_id, currency",
    [OPEN_ORDER] = "INSERT INTO open_order VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [OPEN_LINE] = ("INSERT INTO open_line VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                   " units = units + excluded.units, revenue_minor = revenue_minor + excluded.revenue_minor"),
    [FIND] = "SELECT * FROM open_order WHERE order_id = ?1",
    [LINES] = "SELECT sku, units, revenue_minor FROM open_line WHERE placed_position = ?1",
    [COUNTS] = "UPDATE open_order SET counts = 1 WHERE placed_position = ?1",
    [CLOSE_LINES] = "DELETE FROM open_line WHERE placed_position = ?1",
    [CLOSE_ORDER] = "DELETE FROM open_order WHERE placed_position = ?1",
};

/* ---- drafts: of sums (their kind is the enum sales_by) and of open orders ---- */

enum { OPEN = SALES_BY_CUSTOMER + 1 };

/* What this pass adds to a sum. */
struct sum_draft {
    struct draft draft;
    const char *key;
    struct currency currency;
    int64_t orders, units, revenue_minor;
    uint64_t counted_at; /* the event that last did: an order counts once, however many lines it has of a sku */
    bool was_lessened;   /* nothing may be left */
};

struct open_line {
    struct open_line *next;
    const char *sku;
    int64_t units, revenue_minor;
};

struct open_draft {
    struct draft draft;
    struct uuid order;
    uint64_t placed_position;
    char day[DAY_TEXT_SIZE];
    const char *customer;
    struct currency currency;
    int64_t units, revenue_minor;
    bool counts;    /* it is in the sums */
    bool is_stored; /* it stands in the tables from before this pass */
    bool is_closed;
    struct open_line *lines;
};

/* NULL when there is none, and none can be made. */
static struct sum_draft *sum_of(struct drafts *drafts, enum sales_by by, const char *text, struct currency currency,
                                struct error *error)
{
    struct {
        struct currency currency;
        char text[SKU_MAX + 1];
    } key = {.currency = currency};
    size_t length = strlen(text);
    if (length >= sizeof key.text) {
        error_set(error, STATUS_DAMAGED, "the view sales holds a key that is too long");
        return NULL;
    }
    memcpy(key.text, text, length);
    length += sizeof key.currency;
    struct sum_draft *sum = draft_find(drafts, (int)by, &key, length);
    if (sum != NULL)
        return sum;
    sum = draft_make(drafts, (int)by, &key, length, sizeof *sum);
    const char *copy = draft_text(drafts, text);
    if (sum == NULL || copy == NULL) {
        error_memory(error);
        return NULL;
    }
    sum->key = copy;
    sum->currency = currency;
    return sum;
}

static enum status count(struct drafts *drafts, enum sales_by by, const char *key, const struct open_draft *order,
                         const struct open_line *line, int sign, struct error *error)
{
    struct sum_draft *sum = sum_of(drafts, by, key, order->currency, error);
    if (sum == NULL)
        return error->status;
    sum->orders += sum->counted_at == drafts->position ? 0 : sign;
    sum->counted_at = drafts->position;
    sum->was_lessened = sum->was_lessened || sign < 0;
    enum status status = rows_add(&sum->units, sign * line->units, error);
    return status == STATUS_OK ? rows_add(&sum->revenue_minor, sign * line->revenue_minor, error) : status;
}

/* Puts an order into the sums (+1) or takes it out (−1). */
static enum status count_order(struct drafts *drafts, struct open_draft *order, int sign, struct error *error)
{
    const struct open_line whole = {.units = order->units, .revenue_minor = order->revenue_minor};
    enum status status = count(drafts, SALES_BY_DAY, order->day, order, &whole, sign, error);
    if (status == STATUS_OK)
        status = count(drafts, SALES_BY_CUSTOMER, order->customer, order, &whole, sign, error);
    for (const struct open_line *line = order->lines; line != NULL && status == STATUS_OK; line = line->next)
        status = count(drafts, SALES_BY_SKU, line->sku, order, line, sign, error);
    order->counts = sign > 0;
    return status;
}

/* ---- writing them ---- */

static enum status write_sum(struct view *view, const struct sum_draft *sum, struct error *error)
{
    sqlite3_stmt *add = view_statement(view, ADD + (size_t)sum->draft.kind);
    bind_text(add, 1, sum->key);
    bind_text(add, 2, sum->currency.code);
    bind_integer(add, 3, sum->orders);
    bind_integer(add, 4, sum->units);
    bind_integer(add, 5, sum->revenue_minor);
    enum status status = rows_write(add, error);
    if (status != STATUS_OK || !sum->was_lessened)
        return status;
    sqlite3_stmt *drop = view_statement(view, DROP + (size_t)sum->draft.kind);
    bind_text(drop, 1, sum->key);
    bind_text(drop, 2, sum->currency.code);
    return rows_write(drop, error);
}

static enum status insert_open(struct view *view, const struct open_draft *order, struct error *error)
{
    sqlite3_stmt *insert = view_statement(view, OPEN_ORDER);
    bind_position(insert, 1, order->placed_position);
    bind_uuid(insert, 2, &order->order);
    bind_text(insert, 3, order->day);
    bind_text(insert, 4, order->customer);
    bind_text(insert, 5, order->currency.code);
    bind_integer(insert, 6, order->units);
    bind_integer(insert, 7, order->revenue_minor);
    bind_integer(insert, 8, order->counts);
    enum status status = rows_write(insert, error);
    insert = view_statement(view, OPEN_LINE);
    for (const struct open_line *line = order->lines; line != NULL && status == STATUS_OK; line = line->next) {
        bind_position(insert, 1, order->placed_position);
        bind_text(insert, 2, line->sku);
        bind_integer(insert, 3, line->units);
        bind_integer(insert, 4, line->revenue_minor);
        status = rows_write(insert, error);
    }
    return status;
}

/* Runs statements first … last for an order that stands in the tables. */
static enum status run(struct view *view, size_t first, size_t last, uint64_t placed_position, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = first; i <= last && status == STATUS_OK; i++) {
        bind_position(view_statement(view, i), 1, placed_position);
        status = rows_write(view_statement(view, i), error);
    }
    return status;
}

static enum status write_open(struct view *view, const struct open_draft *order, struct error *error)
{
    if (order->is_stored && order->is_closed)
        return run(view, CLOSE_LINES, CLOSE_ORDER, order->placed_position, error);
    if (order->is_stored && order->counts)
        return run(view, COUNTS, COUNTS, order->placed_position, error);
    return order->is_stored || order->is_closed ? STATUS_OK : insert_open(view, order, error);
}

static enum status write(struct view *view, const struct draft *draft, struct error *error)
{
    return draft->kind == OPEN ? write_open(view, (const struct open_draft *)draft, error)
                               : write_sum(view, (const struct sum_draft *)draft, error);
}

/* ---- one event ---- */

static enum status add_line(struct drafts *drafts, struct open_draft *order, const char *sku, int64_t units,
                            int64_t revenue_minor, struct error *error)
{
    struct open_line *line = draft_memory(drafts, sizeof *line);
    const char *copy = draft_text(drafts, sku);
    if (line == NULL || copy == NULL)
        return error_memory(error);
    *line = (struct open_line){order->lines, copy, units, revenue_minor};
    order->lines = line;
    return STATUS_OK;
}

/* NULL when memory ends. */
static struct open_draft *make(struct drafts *drafts, const struct open_draft *order)
{
    struct open_draft *made = draft_make(drafts, OPEN, &order->order, sizeof order->order, sizeof *made);
    const char *customer = draft_text(drafts, order->customer);
    if (made == NULL || customer == NULL)
        return NULL;
    const struct draft head = made->draft;
    *made = *order;
    made->draft = head;
    made->customer = customer;
    return made;
}

static enum status place(struct drafts *drafts, const struct order_placed *placed, struct error *error)
{
    struct open_draft order = {.order = placed->order,
                               .placed_position = drafts->position,
                               .customer = placed->customer,
                               .currency = placed->currency,
                               .revenue_minor = placed->total_minor};
    time_to_day(placed->placed_at_us, order.day);
    struct open_draft *made = make(drafts, &order);
    enum status status = made == NULL ? error_memory(error) : STATUS_OK;
    for (size_t i = 0; i < placed->lines.count && status == STATUS_OK; i++) {
        const struct order_line *line = &placed->lines.items[i];
        made->units += line->quantity;
        status = add_line(drafts, made, line->sku, line->quantity, line->quantity * line->unit_price_minor, error);
    }
    return status;
}

static enum status load_lines(struct view *view, struct open_draft *order, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, LINES);
    bind_position(select, 1, order->placed_position);
    while (rows_next(select, &status, error))
        status = add_line(view_drafts(view), order, column_text(select, 0), column_integer(select, 1),
                          column_integer(select, 2), error);
    return rows_end(select, status);
}

/* NULL for an order that is not open. */
static enum status find(struct view *view, const struct uuid *id, struct open_draft **found, struct error *error)
{
    enum status status = STATUS_OK;
    *found = draft_find(view_drafts(view), OPEN, id, sizeof *id);
    if (*found != NULL) {
        *found = (*found)->is_closed ? NULL : *found;
        return STATUS_OK;
    }
    sqlite3_stmt *select = view_statement(view, FIND);
    bind_uuid(select, 1, id);
    if (rows_next(select, &status, error)) {
        struct open_draft order = {.order = *id,
                                   .placed_position = column_position(select, 0),
                                   .customer = column_text(select, 3),
                                   .currency = column_currency(select, 4),
                                   .units = column_integer(select, 5),
                                   .revenue_minor = column_integer(select, 6),
                                   .counts = column_integer(select, 7) != 0,
                                   .is_stored = true};
        snprintf(order.day, sizeof order.day, "%s", column_text(select, 2));
        *found = make(view_drafts(view), &order);
        status = *found == NULL ? error_memory(error) : load_lines(view, *found, error);
    }
    return rows_end(select, status);
}

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    struct uuid id;
    struct open_draft *order;
    if (event->type == EVENT_ORDER_PLACED)
        return place(view_drafts(view), &event->order_placed, error);

    CHECK(event_order(event, &id));
    enum status status = find(view, &id, &order, error);
    if (status != STATUS_OK)
        return status;
    if (event->type == EVENT_ORDER_CONFIRMED)
        return order == NULL || order->counts ? rows_unknown("open order", recorded, error)
                                              : count_order(view_drafts(view), order, 1, error);
    if (order == NULL)
        return STATUS_OK; /* OrderCancelled of an order that was taken out when that was requested */

    /* Rejected, cancelling, cancelled or shipped: whether it counts will not change again. */
    if (order->counts && event->type != EVENT_ORDER_SHIPPED)
        status = count_order(view_drafts(view), order, -1, error);
    order->is_closed = true;
    return status;
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
    .write = write,
};

enum status sales_each(struct view *view, enum sales_by by, sales_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, LIST + (size_t)by);
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
