#include "domain/contracts/order_placed_v1.h"

#include "base/status.h"
#include "domain/contracts/fields.h"

static const struct field line_fields[] = {
    TEXT(order_line_v1, sku, "sku", REQUIRED, PLAIN, SKU_MAX, "tea"),
    INTEGER(order_line_v1, quantity, "quantity", 1, QUANTITY_MAX, "2"),
    INTEGER(order_line_v1, unit_price_minor, "unit_price_minor", 1, PRICE_MAX_MINOR, "790"),
};
static const struct shape line_shape = SHAPE(order_line_v1, line_fields);

static const struct field fields[] = {
    UUID(order_placed_v1, order, "order_id"),
    TEXT(order_placed_v1, order_ref, "order_ref", REQUIRED, PLAIN, SKU_MAX, "A-1"),
    TEXT(order_placed_v1, customer, "customer_id", REQUIRED, PERSONAL, SKU_MAX, "ada"),
    LIST(order_placed_v1, lines, "lines", order_lines_v1, line_shape),
    INTEGER(order_placed_v1, amount_minor, "amount", 1, AMOUNT_MAX_MINOR, "1580"),
    TEXT(order_placed_v1, card_token, "card_token", REQUIRED, PERSONAL, SKU_MAX, "tok_ok"),
    TIME(order_placed_v1, placed_at_us, "placed_at"),
};

static bool raise_lines(const struct order_lines_v1 *old, struct arena *arena, struct order_lines *next)
{
    *next =
        (struct order_lines){.items = arena_alloc_array(arena, old->count, sizeof *next->items), .count = old->count};
    if (next->items == NULL)
        return false;
    for (size_t i = 0; i < old->count; i++) {
        const struct order_line_v1 *line = &old->items[i];
        next->items[i] = (struct order_line){.sku = line->sku,
                                             .name = line->sku,
                                             .quantity = line->quantity,
                                             .unit_price_minor = line->unit_price_minor};
    }
    return true;
}

static enum status raise(const void *payload, struct currency currency, struct arena *arena, void *raised,
                         struct error *error)
{
    const struct order_placed_v1 *old = payload;
    struct order_placed *next = raised;
    if (currency.code[0] == '\0')
        return error_set(error, STATUS_INVALID, "has no currency, and the shop does not say in which it sells");
    *next = (struct order_placed){.order = old->order,
                                  .order_ref = old->order_ref,
                                  .customer = old->customer,
                                  .currency = currency,
                                  .total_minor = old->amount_minor,
                                  .card_token = old->card_token,
                                  .placed_at_us = old->placed_at_us};
    return raise_lines(&old->lines, arena, &next->lines) ? STATUS_OK : error_memory(error);
}

const struct contract order_placed_v1_contract = {
    .type = EVENT_ORDER_PLACED,
    .name = "OrderPlaced",
    .schema_version = 1,
    .category = "order",
    .owner = "order",
    .shape = SHAPE(order_placed_v1, fields),
    .deprecated_since = "2026-11-24",
    .raise = raise,
};
