#include "domain/stock.h"

#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "domain/codec.h"
#include "domain/contracts/fields.h"
#include "domain/money.h"

enum {
    OPENING_MAX = 1000 * QUANTITY_MAX,
    FOLD_VERSION = 1,
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

/* ---- snapshots ---- */

/* The numbers are whatever the past made of them: what may happen is for those who decide. */
#define ANY_NUMBER(member) INTEGER(saved_stock, member, #member, -AMOUNT_MAX_MINOR, AMOUNT_MAX_MINOR, "0")

struct saved_stock {
    const char *name;
    int64_t unit_price_minor;
    struct currency currency;
    int64_t on_hand, reserved, opening;
    bool opened;
};

static const struct field saved_stock_fields[] = {
    TEXT(saved_stock, name, "name", REQUIRED, PLAIN, NAME_MAX_BYTES, "Assam tea, 250 g"),
    INTEGER(saved_stock, unit_price_minor, "unit_price_minor", 1, PRICE_MAX_MINOR, "790"),
    CURRENCY(saved_stock, currency, "currency"),
    ANY_NUMBER(on_hand),
    ANY_NUMBER(reserved),
    ANY_NUMBER(opening),
    FLAG(saved_stock, opened, "opened"),
};

/* A sku is listed before anything else happens to it, so what is not listed need not be saved. */
static const struct contract saved_stock_contract = {
    .name = "stock's snapshot",
    .schema_version = FOLD_VERSION,
    .shape = SHAPE(saved_stock, saved_stock_fields),
};

static enum status stock_save(const void *state, struct buffer *out, struct error *error)
{
    const struct stock *stock = state;
    const struct saved_stock saved = {stock->name,     stock->unit_price_minor, stock->currency, stock->on_hand,
                                      stock->reserved, stock->opening,          stock->opened};
    return contract_encode(&saved_stock_contract, &saved, out, error);
}

static enum status stock_restore(const char *data, size_t length, struct arena *arena, void *state, struct error *error)
{
    struct stock *stock = state;
    struct saved_stock saved = {.name = NULL};
    enum status status = contract_decode(&saved_stock_contract, data, length, arena, &saved, error);
    if (status != STATUS_OK)
        return status;
    *stock = (struct stock){.listed = true,
                            .unit_price_minor = saved.unit_price_minor,
                            .currency = saved.currency,
                            .on_hand = saved.on_hand,
                            .reserved = saved.reserved,
                            .opened = saved.opened,
                            .opening = saved.opening};
    memcpy(stock->name, saved.name, strlen(saved.name) + 1);
    return STATUS_OK;
}

const struct fold stock_fold = {
    .category = "stock",
    .state_size = sizeof(struct stock),
    .evolve = stock_evolve,
    .long_lived = true,
    .version = FOLD_VERSION,
    .save = stock_save,
    .restore = stock_restore,
};

/* ---- deciding ---- */

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
