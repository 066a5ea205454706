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
    [PLACE] = "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [MOVE] = "UPDATE orders SET status = ?2, reason = ?3, updated_at_us = ?4, version = ?5,"
             " position = ?6 WHERE order_id = ?1",
    [ALL] = SELECT_ORDER "ORDER BY placed_position",
    [ONE] = SELECT_ORDER "WHERE order_id = ?1",
};

/* An order that was placed in this pass. One that was placed before is changed where it stands. */
struct order_draft {
    struct draft draft; /* its position is that of OrderPlaced */
    struct order_row row;
};

static enum status place(struct drafts *drafts, const struct recorded_event *recorded,
                         const struct order_placed *placed, struct error *error)
{
    struct order_draft *made = draft_make(drafts, 0, &placed->order, sizeof placed->order, sizeof *made);
    const char *order_ref = draft_text(drafts, placed->order_ref), *customer = draft_text(drafts, placed->customer);
    if (made == NULL || order_ref == NULL || customer == NULL)
        return error_memory(error);
    made->row = (struct order_row){
        .order = placed->order,
        .order_ref = order_ref,
        .customer = customer,
        .status = order_phase_name(ORDER_PLACED),
        .currency = placed->currency,
        .total_minor = placed->total_minor,
        .placed_at_us = placed->placed_at_us,
        .updated_at_us = recorded->recorded_at_us,
        .version = recorded->version,
        .position = recorded->position,
    };
    return STATUS_OK;
}

static enum status write(struct view *view, const struct draft *draft, struct error *error)
{
    const struct order_row *row = &((const struct order_draft *)draft)->row;
    sqlite3_stmt *insert = view_statement(view, PLACE);
    bind_position(insert, 1, draft->position);
    bind_uuid(insert, 2, &row->order);
    bind_text(insert, 3, row->order_ref);
    bind_text(insert, 4, row->customer);
    bind_text(insert, 5, row->status);
    bind_text(insert, 6, row->reason);
    bind_text(insert, 7, row->currency.code);
    bind_integer(insert, 8, row->total_minor);
    bind_integer(insert, 9, row->placed_at_us);
    bind_integer(insert, 10, row->updated_at_us);
    bind_position(insert, 11, row->version);
    bind_position(insert, 12, row->position);
    return rows_write(insert, error);
}

static enum status move(struct view *view, const struct recorded_event *recorded, const struct event *event,
                        enum order_phase phase, const char *reason, struct error *error)
{
    struct uuid order;
    CHECK(event_order(event, &order));
    struct order_draft *draft = draft_find(view_drafts(view), 0, &order, sizeof order);
    if (draft != NULL) {
        draft->row.status = order_phase_name(phase);
        draft->row.reason = reason == NULL ? NULL : draft_text(view_drafts(view), reason);
        draft->row.updated_at_us = recorded->recorded_at_us;
        draft->row.version = recorded->version;
        draft->row.position = recorded->position;
        return reason != NULL && draft->row.reason == NULL ? error_memory(error) : STATUS_OK;
    }
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
    case EVENT_ORDER_PLACED: return place(view_drafts(view), recorded, &event->order_placed, error);
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
    .write = write,
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
