/* sales.h - what was sold, by day, by sku and by customer.
 *
 * Sales are the orders that are confirmed or shipped now. An order counts from OrderConfirmed on, under the UTC day of
 * its placed_at. When its cancellation is requested it is neither confirmed nor shipped any more (it can only end as
 * cancelled), so it is taken out at OrderCancellationRequested and does not wait for OrderCancelled. A row that falls
 * to no orders is gone. Currencies are never added up: a day with two of them has two rows. */
#ifndef PROJECTIONS_SALES_H
#define PROJECTIONS_SALES_H

#include "projections/view.h"

extern const struct projection sales_projection;

enum sales_by { SALES_BY_DAY, SALES_BY_SKU, SALES_BY_CUSTOMER };

/* Texts are borrowed until the visitor returns. */
struct sales_row {
    const char *key; /* "2026-11-23", a sku, a customer's id */
    struct currency currency;
    int64_t orders; /* distinct orders: an order with the same sku on two lines is one */
    int64_t units;
    int64_t revenue_minor;
};

typedef enum status (*sales_visitor)(void *context, const struct sales_row *row, struct error *error);

/* In the order of the key's bytes, then of the currency. */
enum status sales_each(struct view *view, enum sales_by by, sales_visitor visit, void *context,
                       struct error *error) MUST_CHECK;

#endif
