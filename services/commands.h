/* commands.h - what a person (or an import) may ask of the shop: load the stream, decide, commit; decide again when
 * somebody else was faster.
 *
 * A refusal is STATUS_REFUSED (or STATUS_NOT_FOUND for an order that is unknown) with the sentence to print. */
#ifndef SERVICES_COMMANDS_H
#define SERVICES_COMMANDS_H

#include "domain/order.h"
#include "domain/stock.h"
#include "eventstore/eventstore.h"

/* Who asks, of which shop. Borrowed by every command. */
struct shop_desk {
    struct eventstore *store;
    struct currency currency; /* the shop's */
    const struct clock *clock;
    const char *actor;    /* "customer", "clerk", "import" … */
    const char *producer; /* program and version */
};

/* The order id a ref has in this store: UUIDv5 of the ref in the namespace of the store's id. */
struct uuid desk_order_id(const struct shop_desk *desk, const char *order_ref);

/* The id of an order that exists, by its id or its ref. STATUS_NOT_FOUND: "there is no order 42". */
enum status desk_find_order(const struct shop_desk *desk, const char *id_or_ref, struct uuid *order,
                            struct error *error) MUST_CHECK;

/* `*done_already` (may be NULL) is true when nothing had to be written. */

struct desk_line {
    const char *sku;
    int64_t quantity;
    int64_t unit_price_minor; /* 0: the catalogue's */
};

struct desk_order {
    const char *order_ref;
    const char *customer;
    const char *card_token;   /* NULL: tok_ok */
    struct currency currency; /* all zero: the shop's */
    int64_t placed_at_us;     /* 0: now, unless it is `dated` */
    bool dated;               /* placed_at_us is meant, also the first moment of 1970 */
    const struct desk_line *lines;
    size_t line_count;
    bool prices_are_content;
    size_t *refused_line; /* or NULL; on a refusal the index of the line it is about, line_count for none of them */
};

enum status desk_place(const struct shop_desk *desk, const struct desk_order *order, struct uuid *id,
                       bool *done_already, struct error *error) MUST_CHECK;
/* Many orders in one commit, as an import wants it. Orders that are refused leave the batch as it was. */
struct desk_batch;
enum status desk_batch_open(struct desk_batch **batch, const struct shop_desk *desk, struct error *error) MUST_CHECK;
enum status desk_batch_place(struct desk_batch *batch, const struct desk_order *order, bool *done_already,
                             struct error *error) MUST_CHECK;
/* Writes what was placed and starts the next batch. STATUS_CONFLICT: somebody else was faster, nothing was written and
 * the batch is empty: place each order by itself. */
enum status desk_batch_commit(struct desk_batch *batch, struct error *error) MUST_CHECK;
void desk_batch_close(struct desk_batch **batch);

enum status desk_cancel(const struct shop_desk *desk, struct uuid order, const struct cancel_order *command,
                        bool *done_already, struct error *error) MUST_CHECK;
enum status desk_ship(const struct shop_desk *desk, struct uuid order, const struct ship_order *command,
                      bool *done_already, struct error *error) MUST_CHECK;
enum status desk_list(const struct shop_desk *desk, const struct list_product *command, bool *done_already,
                      struct error *error) MUST_CHECK;
enum status desk_receive(const struct shop_desk *desk, const struct receive_stock *command,
                         struct error *error) MUST_CHECK;

/* What stands of a sku now. */
enum status desk_stock(const struct shop_desk *desk, const char *sku, struct stock *stock,
                       struct error *error) MUST_CHECK;

#endif
