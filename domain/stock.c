#include "domain/stock.h"

#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "domain/money.h"

enum { OPENING_MAX = 1000 * QUANTITY_MAX };

const struct fold stock_fold = {
    .category = "stock",
    .state_size = sizeof(struct stock),
    .evolve = stock_evolve,
    .long_lived = true,
};

static void evolve_listed(struct stock *stock, const struct product_listed *listed)
{
    size_t length = strlen(listed->name);
    CHECK(length <= NAME_MAX_BYTES); /* the decoder saw to it */
    stock->listed = true;
    memcpy(stock->name, listed->name, length + 1);
    stock->unit_price_minor = listed->unit_price_minor;
    stock->currency = listed->currency;
}

static void evolve_received(struct stock *stock, const struct stock_received *received)
{
    stock->on_hand += received->quantity;
    if (received->opening) {
        stock->opened = true;
        stock->opening = received->quantity;
    }
}

void stock_evolve(void *state, const struct event *event)
{
    struct stock *stock = state;
    switch (event->type) {
    case EVENT_PRODUCT_LISTED: evolve_listed(stock, &event->product_listed); break;
    case EVENT_STOCK_RECEIVED: evolve_received(stock, &event->stock_received); break;
    case EVENT_UNITS_RESERVED: stock->reserved += event->units_moved.quantity; break;
    case EVENT_UNITS_RELEASED: stock->reserved -= event->units_moved.quantity; break;
    case EVENT_UNITS_SHIPPED:
        stock->reserved -= event->units_moved.quantity;
        stock->on_hand -= event->units_moved.quantity;
        break;
    default: break;
    }
}

int64_t stock_available(const struct stock *stock)
{
    return stock->on_hand - stock->reserved;
}

static bool is_clean(const char *text, size_t max_bytes)
{
    return text != NULL && text_is_clean(text, strlen(text), max_bytes);
}

static enum refusal check_listing(const struct list_product *command)
{
    if (!is_clean(command->sku, SKU_MAX) || !is_clean(command->name, NAME_MAX_BYTES))
        return REFUSAL_TEXT;
    if (command->unit_price_minor < 1 || command->unit_price_minor > PRICE_MAX_MINOR)
        return REFUSAL_PRICE;
    if (!currency_is_known(command->currency.code, NULL))
        return REFUSAL_CURRENCY;
    if (command->opening_stock < 0 || command->opening_stock > OPENING_MAX)
        return REFUSAL_QUANTITY;
    return REFUSAL_NONE;
}

static bool is_listed_so(const struct stock *stock, const struct list_product *command)
{
    return stock->listed && strcmp(stock->name, command->name) == 0 &&
           stock->unit_price_minor == command->unit_price_minor && currency_equal(stock->currency, command->currency);
}

static void add_listed(const struct list_product *command, struct event_list *out)
{
    event_list_add(out, &(struct event){.type = EVENT_PRODUCT_LISTED,
                                        .product_listed = {.sku = command->sku,
                                                           .name = command->name,
                                                           .unit_price_minor = command->unit_price_minor,
                                                           .currency = command->currency}});
}

static void add_received(const char *sku, int64_t quantity, bool opening, struct event_list *out)
{
    event_list_add(out, &(struct event){.type = EVENT_STOCK_RECEIVED,
                                        .stock_received = {.sku = sku, .quantity = quantity, .opening = opening}});
}

enum refusal stock_decide_list(const struct stock *stock, const struct list_product *command, struct event_list *out)
{
    enum refusal refusal = check_listing(command);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!is_listed_so(stock, command))
        add_listed(command, out);
    if (!stock->opened && command->opening_stock > 0)
        add_received(command->sku, command->opening_stock, true, out);
    return REFUSAL_NONE;
}

enum refusal stock_decide_receive(const struct stock *stock, const struct receive_stock *command,
                                  struct event_list *out)
{
    if (!is_clean(command->sku, SKU_MAX))
        return REFUSAL_TEXT;
    if (command->quantity < 1 || command->quantity > QUANTITY_MAX)
        return REFUSAL_QUANTITY;
    if (!stock->listed)
        return REFUSAL_UNKNOWN_SKU;
    add_received(command->sku, command->quantity, false, out);
    return REFUSAL_NONE;
}
