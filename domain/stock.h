/* stock.h - one sku on the shelf: what it is called and costs, how many there are, how many are promised. */
#ifndef DOMAIN_STOCK_H
#define DOMAIN_STOCK_H

#include "domain/event.h"
#include "domain/refusal.h"

struct stock {
    bool listed;
    char name[NAME_MAX_BYTES + 1];
    int64_t unit_price_minor;
    struct currency currency;
    int64_t on_hand;  /* received − shipped */
    int64_t reserved; /* held by reservations that live; never above on_hand */
    bool opened;      /* the opening stock was received */
    int64_t opening;  /* how much it was */
};

extern const struct fold stock_fold;
void stock_evolve(void *stock, const struct event *event);

int64_t stock_available(const struct stock *stock);

struct list_product {
    const char *sku;
    const char *name;
    int64_t unit_price_minor;
    struct currency currency;
    int64_t opening_stock; /* 0 … QUANTITY_MAX × 1000; 0 receives nothing. Received once a sku */
};

struct receive_stock {
    const char *sku;
    int64_t quantity;
};

/* ProductListed when anything differs, and the opening stock when there was none yet. REFUSAL_NONE with no event means
 * that all of it stands already. */
enum refusal stock_decide_list(const struct stock *stock, const struct list_product *command, struct event_list *out);

/* StockReceived. REFUSAL_UNKNOWN_SKU when the sku is not listed. */
enum refusal stock_decide_receive(const struct stock *stock, const struct receive_stock *command,
                                  struct event_list *out);

#endif
