/* orders.h - one row an order: what `till orders` and `till order` show. */
#ifndef PROJECTIONS_ORDERS_H
#define PROJECTIONS_ORDERS_H

#include "projections/view.h"

extern const struct projection orders_projection;

/* Texts are borrowed until the visitor returns. */
struct order_row {
    struct uuid order;
    const char *order_ref;
    const char *customer;
    const char *status; /* order_phase_name(): placed, confirmed, rejected, cancelling, cancelled, shipped */
    const char *reason; /* why it is rejected, cancelling or cancelled; NULL otherwise */
    struct currency currency;
    int64_t total_minor;
    int64_t placed_at_us;  /* business time */
    int64_t updated_at_us; /* recorded_at of the order stream's last event */
    uint64_t version;      /* of the order stream */
    uint64_t position;     /* of its last event */
};

/* Anything but STATUS_OK ends the listing: STATUS_STOPPED quietly, all else as the listing's own status. So it is for
 * the visitors of all views. */
typedef enum status (*order_visitor)(void *context, const struct order_row *row, struct error *error);

/* All orders, in the order of placing. */
enum status orders_each(struct view *view, order_visitor visit, void *context, struct error *error) MUST_CHECK;

/* One order; STATUS_NOT_FOUND when there is none. */
enum status orders_find(struct view *view, struct uuid order, order_visitor visit, void *context,
                        struct error *error) MUST_CHECK;

#endif
