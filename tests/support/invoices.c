#include "tests/support/invoices.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/status.h"

enum { PATH_MAX_BYTES = 512 };

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled"). */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* 0 … below − 1 */
static int below(uint64_t *state, int limit)
{
    return (int)((next_random(state) >> 11) % (uint64_t)limit);
}

static FILE *create(const char *folder, const char *name)
{
    char path[PATH_MAX_BYTES];
    CHECK(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    return file;
}

static int price_of(int sku)
{
    return 50 + sku * 37 % 9950; /* cents */
}

static void write_products(const struct invoices *invoices, const char *folder)
{
    FILE *file = create(folder, "products.csv");
    fputs("sku,name,unit_price,stock\n", file);
    for (int sku = 0; sku < invoices->skus; sku++)
        fprintf(file, "SKU-%05d,\"Thing, no. %d\",%d.%02d,%d\n", sku, sku, price_of(sku) / 100, price_of(sku) % 100,
                invoices->stock);
    CHECK(fclose(file) == 0);
}

/* How many lines each order has: every 400th is as long as may be, the others are filled up evenly. */
static int *make_lengths(const struct invoices *invoices, uint64_t *state)
{
    int *lengths = calloc((size_t)invoices->orders, sizeof *lengths);
    int given = 0;
    CHECK(lengths != NULL && invoices->lines >= invoices->orders);
    for (int i = 0; i < invoices->orders; i++)
        given += lengths[i] = 1;
    for (int i = 399; i < invoices->orders && given + invoices->lines_max <= invoices->lines; i += 400) {
        given += invoices->lines_max - 1;
        lengths[i] = invoices->lines_max;
    }
    while (given < invoices->lines) {
        int order = below(state, invoices->orders), more = 1 + below(state, 40);
        more = more < invoices->lines - given ? more : invoices->lines - given;
        if (lengths[order] + more > invoices->lines_max)
            continue;
        lengths[order] += more;
        given += more;
    }
    return lengths;
}

static void write_order(FILE *file, const struct invoices *invoices, int order, int lines, uint64_t *state)
{
    char at[TIME_TEXT_SIZE];
    time_to_text(INT64_C(1262304000000000) + (int64_t)order * 1000000 * 937, at); /* from 2010 on, some 15 minutes */
    int customer = below(state, 4000);
    for (int i = 0; i < lines; i++) {
        int sku = below(state, invoices->skus);
        fprintf(file, "%d,C%04d,%s,SKU-%05d,%d,%d.%02d\n", 500000 + order, customer, at, sku, 1 + below(state, 12),
                price_of(sku) / 100, price_of(sku) % 100);
    }
}

void invoices_write(const struct invoices *invoices, const char *folder)
{
    uint64_t state = invoices->seed;
    CHECK(state != 0);
    int *lengths = make_lengths(invoices, &state);
    write_products(invoices, folder);
    FILE *file = create(folder, "orders.csv");
    fputs("order_ref,customer_ref,ordered_at,sku,quantity,unit_price\n", file);
    for (int i = 0; i < invoices->orders; i++)
        write_order(file, invoices, i, lengths[i], &state);
    CHECK(fclose(file) == 0);
    free(lengths);
}
