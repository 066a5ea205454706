/* journeys.h - every step of every order, with its time: where an order is, and what it waits for.
 *
 * A step is an event of the order's own streams (order, payment, reservation, notification); what happens on the
 * shelves (UnitsReserved …) says nothing new about the journey and is left out. */
#ifndef PROJECTIONS_JOURNEYS_H
#define PROJECTIONS_JOURNEYS_H

#include <stdbool.h>

#include "projections/view.h"

extern const struct projection journeys_projection;

struct journey_step {
    enum event_type event;
    uint64_t position;
    int64_t at_us; /* recorded_at */
};

/* Borrowed until the visitor returns. */
struct journey_row {
    struct uuid order;
    const char *order_ref;
    const char *status;               /* order_phase_name() */
    const struct journey_step *steps; /* in the order of positions; the first is OrderPlaced */
    size_t step_count;
};

typedef enum status (*journey_visitor)(void *context, const struct journey_row *row, struct error *error);

/* Zero-initialised: all journeys. */
struct journey_filter {
    const struct uuid *order; /* only this one; NULL for all */
    int64_t quiet_since_us;   /* only where the last step is older than this; 0 for all */
    bool unsettled_only;      /* only those that are not settled, see journey_is_settled */
};

/* In the order of placing. STATUS_NOT_FOUND when `filter->order` names an order that was never placed. `filter` may be
 * NULL. */
enum status journeys_each(struct view *view, const struct journey_filter *filter, journey_visitor visit, void *context,
                          struct error *error) MUST_CHECK;

/* True when the order itself is at rest: confirmed, rejected, cancelled or shipped. */
bool journey_is_settled(const struct journey_row *row);

/* The service whose answer the journey waits for: "payment", "inventory", "order" or "notification"; NULL when nothing
 * is outstanding. A settled order may still wait: for its mail, or for stock to be shipped or released. When several
 * are outstanding, the first of that list that the order's own fate hangs on. A pure function of the steps. */
const char *journey_waits_for(const struct journey_row *row);

#endif
