#include "projections/stock.h"

#include "projections/rows.h"

static const char schema[] = "CREATE TABLE stock ("
                             "  sku TEXT PRIMARY KEY,"
                             "  name TEXT NOT NULL,"
                             "  on_hand INTEGER NOT NULL,"
                             "  reserved INTEGER NOT NULL,"
                             "  unit_price_minor INTEGER NOT NULL,"
                             "  currency TEXT NOT NULL"
                             ") STRICT, WITHOUT ROWID;";

enum { LIST, MOVE, ALL };
static const char *const statements[] = {
    [LIST] = ("INSERT INTO stock VALUES (?1, ?2, 0, 0, ?3, ?4) ON CONFLICT DO UPDATE SET"
              " name = excluded.name, unit_price_minor = excluded.unit_price_minor, currency = excluded.currency"),
    [MOVE] = "UPDATE stock SET on_hand = on_hand + ?2, reserved = reserved + ?3 WHERE sku = ?1",
    [ALL] = "SELECT sku, name, on_hand, reserved, unit_price_minor, currency FROM stock ORDER BY sku",
};

static enum status list(struct view *view, const struct product_listed *listed, struct error *error)
{
    sqlite3_stmt *upsert = view_statement(view, LIST);
    bind_text(upsert, 1, listed->sku);
    bind_text(upsert, 2, listed->name);
    bind_integer(upsert, 3, listed->unit_price_minor);
    bind_text(upsert, 4, listed->currency.code);
    return rows_write(upsert, error);
}

static enum status move(struct view *view, const struct recorded_event *recorded, const char *sku, int64_t on_hand,
                        int64_t reserved, struct error *error)
{
    sqlite3_stmt *update = view_statement(view, MOVE);
    bind_text(update, 1, sku);
    bind_integer(update, 2, on_hand);
    bind_integer(update, 3, reserved);
    return rows_change(update, "sku", recorded, error);
}

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    const struct units_moved *moved = &event->units_moved;
    switch (event->type) {
    case EVENT_PRODUCT_LISTED: return list(view, &event->product_listed, error);
    case EVENT_STOCK_RECEIVED:
        return move(view, recorded, event->stock_received.sku, event->stock_received.quantity, 0, error);
    case EVENT_UNITS_RESERVED: return move(view, recorded, moved->sku, 0, moved->quantity, error);
    case EVENT_UNITS_RELEASED: return move(view, recorded, moved->sku, 0, -moved->quantity, error);
    case EVENT_UNITS_SHIPPED: return move(view, recorded, moved->sku, -moved->quantity, -moved->quantity, error);
    default: return STATUS_OK;
    }
}

static const struct field_reads reads[] = {
    {EVENT_PRODUCT_LISTED, "sku name unit_price_minor currency"},
    {EVENT_STOCK_RECEIVED, "sku quantity"},
    {EVENT_UNITS_RESERVED, "sku quantity"},
    {EVENT_UNITS_RELEASED, "sku quantity"},
    {EVENT_UNITS_SHIPPED, "sku quantity"},
    {0},
};

const struct projection stock_projection = {
    .name = "stock",
    .version = 1,
    .types = EVENT_BIT(EVENT_PRODUCT_LISTED) | EVENT_BIT(EVENT_STOCK_RECEIVED) | EVENT_BIT(EVENT_UNITS_RESERVED) |
             EVENT_BIT(EVENT_UNITS_RELEASED) | EVENT_BIT(EVENT_UNITS_SHIPPED),
    .reads = reads,
    .schema = schema,
    .statements = statements,
    .statement_count = sizeof statements / sizeof *statements,
    .apply = apply,
};

enum status stock_each(struct view *view, stock_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, ALL);
    while (rows_next(select, &status, error)) {
        struct stock_row row = {
            .sku = column_text(select, 0),
            .name = column_text(select, 1),
            .on_hand = column_integer(select, 2),
            .reserved = column_integer(select, 3),
            .available = column_integer(select, 2) - column_integer(select, 3),
            .unit_price_minor = column_integer(select, 4),
            .currency = column_currency(select, 5),
        };
        status = visit(context, &row, error);
    }
    return rows_end(select, status);
}
