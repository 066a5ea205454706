/* reservation.h - what one order holds of the stock: every line or none. */
#ifndef DOMAIN_RESERVATION_H
#define DOMAIN_RESERVATION_H

#include "domain/event.h"
#include "domain/stock.h"

enum reservation_phase {
    RESERVATION_NONE,
    RESERVATION_HELD,
    RESERVATION_FAILED,
    RESERVATION_WITHDRAWN, /* cancelled before there was anything to hold */
    RESERVATION_RELEASED,
    RESERVATION_SHIPPED,
    RESERVATION_PHASES,
};

struct reservation {
    enum reservation_phase phase;
    struct sku_quantities lines; /* what is (or was) held; borrowed from the event */
};

extern const struct fold reservation_fold;
void reservation_evolve(void *reservation, const struct event *event);

/* The needs of an order: each sku once (in the order of first mention), quantities summed. In `arena`; false when
 * memory ends. */
bool reservation_needs(const struct order_lines *lines, struct arena *arena, struct sku_quantities *needs);

/* The answer to PaymentCaptured. `stocks[i]` is the shelf of `needs->items[i]`. Adds StockReserved and one
 * UnitsReserved a sku, or StockReservationFailed with every short sku, or nothing when it is answered already. */
void reservation_react_captured(const struct reservation *reservation, struct uuid order,
                                const struct sku_quantities *needs, const struct stock *const *stocks,
                                struct event_list *out);

/* The answer to OrderCancellationRequested (ReservationWithdrawn; or StockReleased and UnitsReleased a sku) and to
 * OrderShipped (ReservationShipped and UnitsShipped a sku). */
void reservation_react(const struct reservation *reservation, const struct event *cause, struct event_list *out);

#endif
