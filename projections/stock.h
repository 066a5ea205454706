/* stock.h - the shelves: one row a listed sku. */
#ifndef PROJECTIONS_STOCK_H
#define PROJECTIONS_STOCK_H

#include "projections/view.h"

extern const struct projection stock_projection;

/* Texts are borrowed until the visitor returns. */
struct stock_row {
    const char *sku;
    const char *name;
    int64_t on_hand;   /* received − shipped */
    int64_t reserved;  /* promised to orders that are not shipped yet */
    int64_t available; /* on_hand − reserved */
    int64_t unit_price_minor;
    struct currency currency;
};

typedef enum status (*stock_visitor)(void *context, const struct stock_row *row, struct error *error);

/* All listed skus, in their bytes' order. */
enum status stock_each(struct view *view, stock_visitor visit, void *context, struct error *error) MUST_CHECK;

#endif
