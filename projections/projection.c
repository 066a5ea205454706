#include "projections/projection.h"

#include <string.h>

#include "projections/inbox.h"
#include "projections/journeys.h"
#include "projections/orders.h"
#include "projections/sales.h"
#include "projections/stock.h"

const struct projection *const projections[] = {
    &orders_projection, &stock_projection, &sales_projection, &journeys_projection, &inbox_projection,
};
const size_t projection_count = sizeof projections / sizeof *projections;

const struct projection *projection_find(const char *name)
{
    for (size_t i = 0; i < projection_count; i++)
        if (strcmp(projections[i]->name, name) == 0)
            return projections[i];
    return NULL;
}
