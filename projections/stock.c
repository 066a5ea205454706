#include "projections/stock.h"

#include <string.h>

#include "projections/rows.h"

static const char schema[] = "CREATE TABLE stock ("
                             "  sku TEXT PRIMARY KEY,"
                             "  name TEXT NOT NULL,"
                             "  on_hand INTEGER NOT NULL,"
                             "  reserved INTEGER NOT NULL,"
                             "  unit_price_minor INTEGER NOT NULL,"
                             "  currency TEXT NOT NULL"
                             ") STRICT, WITHOUT ROWID;";

#define SELECT_STOCK "SELECT sku, name, on_hand, reserved, unit_price_minor, currency FROM stock "

enum { SAVE, FIND, ALL };
static const char *const statements[] = {
    [SAVE] = "REPLACE INTO stock VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [FIND] = SELECT_STOCK "WHERE sku = ?1",
    [ALL] = SELECT_STOCK "ORDER BY sku",
};

static struct stock_row read_row(sqlite3_stmt *select)
{
    return (struct stock_row){
        .sku = column_text(select, 0),
        .name = column_text(select, 1),
        .on_hand = column_integer(select, 2),
        .reserved = column_integer(select, 3),
        .available = column_integer(select, 2) - column_integer(select, 3),
        .unit_price_minor = column_integer(select, 4),
        .currency = column_currency(select, 5),
    };
}

/* A row that this pass has come to. */
struct stock_draft {
    struct draft draft;
    struct stock_row row;
};

static enum status make(struct drafts *drafts, const struct stock_row *row, struct stock_draft **made,
                        struct error *error)
{
    *made = draft_make(drafts, 0, row->sku, strlen(row->sku), sizeof **made);
    const char *sku = draft_text(drafts, row->sku), *name = draft_text(drafts, row->name);
    if (*made == NULL || sku == NULL || name == NULL)
        return error_memory(error);
    (*made)->row = *row;
    (*made)->row.sku = sku;
    (*made)->row.name = name;
    return STATUS_OK;
}

/* NULL for a sku that was never listed. */
static enum status find(struct view *view, const char *sku, struct stock_draft **found, struct error *error)
{
    enum status status = STATUS_OK;
    *found = draft_find(view_drafts(view), 0, sku, strlen(sku));
    if (*found != NULL)
        return STATUS_OK;
    sqlite3_stmt *select = view_statement(view, FIND);
    bind_text(select, 1, sku);
    if (rows_next(select, &status, error)) {
        struct stock_row row = read_row(select);
        status = make(view_drafts(view), &row, found, error);
    }
    return rows_end(select, status);
}

static enum status write(struct view *view, const struct draft *draft, struct error *error)
{
    const struct stock_row *row = &((const struct stock_draft *)draft)->row;
    sqlite3_stmt *save = view_statement(view, SAVE);
    bind_text(save, 1, row->sku);
    bind_text(save, 2, row->name);
    bind_integer(save, 3, row->on_hand);
    bind_integer(save, 4, row->reserved);
    bind_integer(save, 5, row->unit_price_minor);
    bind_text(save, 6, row->currency.code);
    return rows_write(save, error);
}

static enum status list(struct view *view, const struct product_listed *listed, struct error *error)
{
    const struct stock_row row = {.sku = listed->sku,
                                  .name = listed->name,
                                  .unit_price_minor = listed->unit_price_minor,
                                  .currency = listed->currency};
    struct stock_draft *draft;
    enum status status = find(view, listed->sku, &draft, error);
    if (status != STATUS_OK || draft == NULL)
        return status != STATUS_OK ? status : make(view_drafts(view), &row, &draft, error);
    draft->row.name = draft_text(view_drafts(view), row.name);
    draft->row.unit_price_minor = row.unit_price_minor;
    draft->row.currency = row.currency;
    return draft->row.name == NULL ? error_memory(error) : STATUS_OK;
}

static enum status move(struct view *view, const struct recorded_event *recorded, const char *sku, int64_t on_hand,
                        int64_t reserved, struct error *error)
{
    struct stock_draft *draft;
    enum status status = find(view, sku, &draft, error);
    if (status == STATUS_OK && draft == NULL)
        return rows_unknown("sku", recorded, error);
    if (status == STATUS_OK)
        status = rows_add(&draft->row.on_hand, on_hand, error);
    return status == STATUS_OK ? rows_add(&draft->row.reserved, reserved, error) : status;
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
    .write = write,
};

enum status stock_each(struct view *view, stock_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, ALL);
    while (rows_next(select, &status, error)) {
        struct stock_row row = read_row(select);
        status = visit(context, &row, error);
    }
    return rows_end(select, status);
}
