/* invoices.h - a large shop's files, made up from a seed: the same seed gives the same files.
 *
 * The shape is that of real invoices: most orders have some dozen lines, a few have very many, and a sku may stand
 * twice in one order. */
#ifndef TESTS_SUPPORT_INVOICES_H
#define TESTS_SUPPORT_INVOICES_H

#include <stdint.h>

struct invoices {
    uint64_t seed;
    int skus;
    int orders;
    int lines;     /* of all orders */
    int lines_max; /* of one; some orders have so many */
    int stock;     /* of each sku */
};

/* Writes products.csv and orders.csv into `folder`. A failure ends the test's process. */
void invoices_write(const struct invoices *invoices, const char *folder);

#endif
