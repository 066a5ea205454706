/* order.h - the life of an order, as two pure functions: decide (may this happen?) and evolve (it has happened).
 * This is the decider of the literature (Jérémie Chassaing, "Functional Event Sourcing Decider").
 *
 *                      ┌────────── OrderRejected (declined)
 *   none ── OrderPlaced ── placed ── OrderConfirmed ── confirmed ── OrderShipped
 *                            │                            │
 *                            └── OrderCancellationRequested ── cancelling ── OrderCancelled
 *   (out of stock: placed ── OrderCancelled)
 */
#ifndef DOMAIN_ORDER_H
#define DOMAIN_ORDER_H

#include "domain/event.h"
#include "domain/refusal.h"

enum order_phase {
    ORDER_NONE, /* nothing is known of it */
    ORDER_PLACED,
    ORDER_CONFIRMED,
    ORDER_REJECTED,
    ORDER_CANCELLING,
    ORDER_CANCELLED,
    ORDER_SHIPPED,
    ORDER_PHASES,
};

struct order {
    enum order_phase phase;
    struct order_placed placed; /* what was ordered; borrowed from the event it was folded from */
};

extern const struct fold order_fold;
void order_evolve(void *order, const struct event *event);

/* "placed", "confirmed" … as in `till orders`. */
const char *order_phase_name(enum order_phase phase);

/* ---- commands ---- */

/* One wanted line; the price and name come from the catalogue, or for an import from its file. */
struct wanted_line {
    const char *sku;
    const char *name; /* NULL: the sku is not listed */
    int64_t quantity;
    int64_t unit_price_minor;
};

struct place_order {
    struct uuid order;
    const char *order_ref;
    const char *customer;
    struct currency currency;
    const struct wanted_line *lines;
    size_t line_count;
    const char *card_token;
    int64_t placed_at_us;
    bool prices_are_content; /* an import: the same ref with other prices is another order */
};

struct cancel_order {
    const char *reason;
    int64_t requested_at_us;
};

struct ship_order {
    const char *carrier;  /* or NULL */
    const char *tracking; /* or NULL */
};

/* Each adds its events to `out`, or names a refusal and adds nothing. REFUSAL_NONE with no event means that it is done
 * already. `*line` (may be NULL) is the index of the line that place refuses, SIZE_MAX when it is no line's fault.
 *
 * Of place: what is malformed is refused first; then an order that stands is compared, whatever the catalogue says
 * today; only then is the catalogue asked. A card number written in groups ("4111 1111 …") is one as well. */
enum refusal order_decide_place(const struct order *order, const struct place_order *command, struct event_list *out,
                                size_t *line);
enum refusal order_decide_cancel(const struct order *order, const struct cancel_order *command, struct event_list *out);
enum refusal order_decide_ship(const struct order *order, const struct ship_order *command, struct event_list *out);

/* Was it placed, and as the order whose stream `entity` names? Whoever answers in that stream asks. */
bool order_was_placed(const struct order *order, const char *entity);

/* ---- reactions ---- */

/* What the order service answers to PaymentDeclined, StockReserved and PaymentRefunded. */
void order_react(const struct order *order, const struct event *cause, struct event_list *out);

#endif
