/* order_placed_v1.h - OrderPlaced as it was first written: one amount without a currency, for a shop had only one, and
 * lines without the product's name. Rolls hold it for ever; it is raised to version 2 when it is read. */
#ifndef DOMAIN_CONTRACTS_ORDER_PLACED_V1_H
#define DOMAIN_CONTRACTS_ORDER_PLACED_V1_H

#include "domain/contracts/contract.h"

struct order_line_v1 {
    const char *sku;
    int64_t quantity;
    int64_t unit_price_minor;
};
struct order_lines_v1 {
    struct order_line_v1 *items;
    size_t count;
};
struct order_placed_v1 {
    struct uuid order;
    const char *order_ref;
    const char *customer;
    struct order_lines_v1 lines;
    int64_t amount_minor;
    const char *card_token;
    int64_t placed_at_us;
};

extern const struct contract order_placed_v1_contract;

#endif
