#include "projections/orders.h"

#include "domain/order.h"
#include "projections/rows.h"

/* The key is the position of OrderPlaced: rows stand in the order of placing, and the orders that are still moving are
 * the last ones, on pages that are warm. */
static const char schema[] = "CREATE TABLE orders ("
                             "  placed_position INTEGER PRIMARY KEY,"
                             "  order_id BLOB NOT NULL UNIQUE,"
                             "  order_ref TEXT NOT NULL,"
                             "  customer_id TEXT NOT NULL,"
                             "  status TEXT NOT NULL,"
                             "  reason TEXT,"
                             "  currency TEXT NOT NULL,"
                             "  total_minor INTEGER NOT NULL,"
                             "  placed_at_us INTEGER NOT NULL,"
                             "  updated_at_us INTEGER NOT NULL,"
                             "  version INTEGER NOT NULL,"
                             "  position INTEGER NOT NULL"
                             ") STRICT;";

#define SELECT_ORDER                                                                                                   \
    "SELECT order_id, order_ref, customer_id, status, reason, currency, total_minor, placed_at_us, updated_at_us,"     \
    " version, position FROM orders "

enum { PLACE, MOVE, ALL, ONE };
static const char *const statements[] = {
    [PLACE] = "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7, ?8, ?9, ?10, ?1)",
    [MOVE] = "UPDATE orders SET status = ?2, reason = ?3, updated_at_us = ?4, version = ?5,"
             " position = ?6 WHERE order_id = ?1",
    [ALL] = SELECT_ORDER "ORDER BY placed_position",
    [ONE] = SELECT_ORDER "WHERE order_id = ?1",
};

static enum status place(struct view *view, const struct recorded_event *recorded, const struct order_placed *placed,
                         struct error *error)
{
    sqlite3_stmt *insert = view_statement(view, PLACE);
    bind_position(insert, 1, recorded->position);
    bind_uuid(insert, 2, &placed->order);
    bind_text(insert, 3, placed->order_ref);
    bind_text(insert, 4, placed->customer);
    bind_text(insert, 5, order_phase_name(ORDER_PLACED));
    bind_text(insert, 6, placed->currency.code);
    bind_integer(insert, 7, placed->total_minor);
    bind_integer(insert, 8, placed->placed_at_us);
    bind_integer(insert, 9, recorded->recorded_at_us);
    bind_position(insert, 10, recorded->version);
    return rows_write(insert, error);
}

static enum status move(struct view *view, const struct recorded_event *recorded, const struct event *event,
                        enum order_phase phase, const char *reason, struct error *error)
{
    struct uuid order;
    CHECK(event_order(event, &order));
    sqlite3_stmt *update = view_statement(view, MOVE);
    bind_uuid(update, 1, &order);
    bind_text(update, 2, order_phase_name(phase));
    bind_text(update, 3, reason);
    bind_integer(update, 4, recorded->recorded_at_us);
    bind_position(update, 5, recorded->version);
    bind_position(update, 6, recorded->position);
    return rows_change(update, "order", recorded, error);
}

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    switch (event->type) {
    case EVENT_ORDER_PLACED: return place(view, recorded, &event->order_placed, error);
    case EVENT_ORDER_CONFIRMED: return move(view, recorded, event, ORDER_CONFIRMED, NULL, error);
    case EVENT_ORDER_REJECTED: return move(view, recorded, event, ORDER_REJECTED, event->order_rejected.reason, error);
    case EVENT_ORDER_CANCELLATION_REQUESTED:
        return move(view, recorded, event, ORDER_CANCELLING, event->order_cancellation_requested.reason, error);
    case EVENT_ORDER_CANCELLED:
        return move(view, recorded, event, ORDER_CANCELLED, event->order_cancelled.reason, error);
    case EVENT_ORDER_SHIPPED: return move(view, recorded, event, ORDER_SHIPPED, NULL, error);
    default: return STATUS_OK;
    }
}

static const struct field_reads reads[] = {
    {EVENT_ORDER_PLACED, "order_id order_ref customer_id currency total_minor placed_at"},
    {EVENT_ORDER_CONFIRMED, "order_id"},
    {EVENT_ORDER_REJECTED, "order_id reason"},
    {EVENT_ORDER_CANCELLATION_REQUESTED, "order_id reason"},
    {EVENT_ORDER_CANCELLED, "order_id reason"},
    {EVENT_ORDER_SHIPPED, "order_id"},
    {0},
};

const struct projection orders_projection = {
    .name = "orders",
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

static enum status visit_rows(sqlite3_stmt *select, size_t *count, order_visitor visit, void *context,
                              struct error *error)
{
    enum status status = STATUS_OK;
    for (*count = 0; rows_next(select, &status, error); ++*count) {
        struct order_row row = {
            .order = column_uuid(select, 0),
            .order_ref = column_text(select, 1),
            .customer = column_text(select, 2),
            .status = column_text(select, 3),
            .reason = column_optional_text(select, 4),
            .currency = column_currency(select, 5),
            .total_minor = column_integer(select, 6),
            .placed_at_us = column_integer(select, 7),
            .updated_at_us = column_integer(select, 8),
            .version = column_position(select, 9),
            .position = column_position(select, 10),
        };
        status = visit(context, &row, error);
    }
    return rows_end(select, status);
}

enum status orders_each(struct view *view, order_visitor visit, void *context, struct error *error)
{
    size_t count;
    return visit_rows(view_statement(view, ALL), &count, visit, context, error);
}

enum status orders_find(struct view *view, struct uuid order, order_visitor visit, void *context, struct error *error)
{
    size_t count;
    sqlite3_stmt *select = view_statement(view, ONE);
    bind_uuid(select, 1, &order);
    enum status status = visit_rows(select, &count, visit, context, error);
    if (status != STATUS_OK || count > 0)
        return status;
    char text[UUID_TEXT_SIZE];
    uuid_to_text(order, text);
    return error_set(error, STATUS_NOT_FOUND, "there is no order %s", text);
}
