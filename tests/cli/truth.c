#include "tests/cli/truth.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/cli/till.h"

enum { FIRST_MAX = 20, TOP = 10 };

/* ---- JSON ---- */

static cJSON *read_truth(const char *folder)
{
    cJSON *truth = cJSON_Parse(done("cat '%s/truth.json'", folder));
    cr_assert(cJSON_IsObject(truth), "%s/truth.json is no JSON", folder);
    return truth;
}

/* What a listing prints, as an array. */
static cJSON *listing(const char *what)
{
    const char *text = done("till %s --json", what);
    cJSON *rows = cJSON_CreateArray();
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        cJSON *row = cJSON_ParseWithLength(text, (size_t)(end - text));
        cr_assert_not_null(row);
        cJSON_AddItemToArray(rows, row);
    }
    return rows;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* All figures at hand are far below 2^53. */
static int64_t figure_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    cr_assert(cJSON_IsNumber(item), "there is no figure %s", name);
    return (int64_t)item->valuedouble;
}

static void same_figure(const cJSON *truth, const char *name, int64_t figure)
{
    cr_assert_eq(figure, figure_of(truth, name), "%s is %lld, not %lld", name, (long long)figure,
                 (long long)figure_of(truth, name));
}

/* ---- orders ---- */

static int64_t refunded(const char *reason)
{
    int64_t sum = 0;
    cJSON *events = listing("events --type PaymentRefunded");
    const cJSON *event;
    cJSON_ArrayForEach(event, events)
    {
        const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "data");
        if (strcmp(text_of(data, "reason"), reason) == 0)
            sum += figure_of(data, "amount_minor");
    }
    cJSON_Delete(events);
    return sum;
}

static void orders_are_as(const cJSON *truth)
{
    const cJSON *first = cJSON_GetObjectItemCaseSensitive(truth, "first_out_of_stock");
    int confirmed = 0, out_of_stock = 0, customer = 0;
    cJSON *orders = listing("orders");
    const cJSON *order;
    cJSON_ArrayForEach(order, orders)
    {
        const char *status = text_of(order, "status"), *reason = text_of(order, "reason");
        confirmed += strcmp(status, "confirmed") == 0;
        customer += strcmp(status, "cancelled") == 0 && strcmp(reason, "customer") == 0;
        if (strcmp(status, "cancelled") != 0 || strcmp(reason, "out_of_stock") != 0)
            continue;
        if (out_of_stock < FIRST_MAX)
            cr_assert_str_eq(text_of(order, "order_ref"), cJSON_GetArrayItem(first, out_of_stock)->valuestring);
        out_of_stock++;
    }
    same_figure(truth, "confirmed", confirmed);
    same_figure(truth, "cancelled_out_of_stock", out_of_stock);
    same_figure(truth, "cancelled_by_customer", customer);
    same_figure(truth, "refunded_out_of_stock_minor", refunded("out_of_stock"));
    cr_assert_eq(confirmed + out_of_stock + customer, cJSON_GetArraySize(orders), "an order is in another state");
    cJSON_Delete(orders);
}

/* ---- stock and sales ---- */

/* Every row of the listing stands in `figures` with the same value, and no other does. Returns the sum. */
static int64_t same_figures(const char *what, const char *key, const char *name, const cJSON *figures)
{
    int64_t sum = 0;
    cJSON *rows = listing(what);
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        same_figure(figures, text_of(row, key), figure_of(row, name));
        sum += figure_of(row, name);
    }
    cr_assert_eq(cJSON_GetArraySize(rows), cJSON_GetArraySize(figures), "till %s has other rows", what);
    cJSON_Delete(rows);
    return sum;
}

/* Is `row` better than the one before it in the list of the best, or its equal and later by name? */
static bool stands_before(const cJSON *row, const cJSON *other, const char *key, const char *name)
{
    int64_t a = figure_of(row, name), b = figure_of(other, name);
    return a != b ? a > b : strcmp(text_of(row, key), text_of(other, key)) < 0;
}

static void same_best(const char *what, const char *key, const char *name, const cJSON *best)
{
    cJSON *rows = listing(what);
    const cJSON *row, *other;
    int count = cJSON_GetArraySize(rows);
    cJSON_ArrayForEach(row, rows)
    {
        int rank = 0;
        cJSON_ArrayForEach(other, rows) rank += other != row && stands_before(other, row, key, name);
        if (rank >= TOP)
            continue;
        const cJSON *place = cJSON_GetArrayItem(best, rank);
        cr_assert_str_eq(text_of(row, key), cJSON_GetArrayItem(place, 0)->valuestring, "till %s, place %d", what, rank);
        cr_assert_eq(figure_of(row, name), (int64_t)cJSON_GetArrayItem(place, 1)->valuedouble);
    }
    cr_assert_eq(cJSON_GetArraySize(best), count < TOP ? count : TOP);
    cJSON_Delete(rows);
}

void shop_is_as(const char *folder, const char *section)
{
    cJSON *whole = read_truth(folder);
    const cJSON *truth = cJSON_GetObjectItemCaseSensitive(whole, section);
    cr_assert_not_null(truth);
    orders_are_as(truth);
    same_figures("stock", "sku", "available", cJSON_GetObjectItemCaseSensitive(truth, "available"));
    int64_t revenue = same_figures("sales --by day", "day", "revenue_minor",
                                   cJSON_GetObjectItemCaseSensitive(truth, "sales_by_day_minor"));
    same_figure(truth, "revenue_confirmed_minor", revenue);
    same_best("sales --by customer", "customer_id", "revenue_minor",
              cJSON_GetObjectItemCaseSensitive(truth, "top_customers_minor"));
    same_best("sales --by sku", "sku", "units", cJSON_GetObjectItemCaseSensitive(truth, "top_skus_by_units"));
    same_best("sales --by sku", "sku", "revenue_minor",
              cJSON_GetObjectItemCaseSensitive(truth, "top_skus_by_revenue_minor"));
    cJSON_Delete(whole);
}
