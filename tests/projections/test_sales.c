#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/sales.h"
#include "tests/projections/history.h"

struct sums {
    char text[512]; /* "key orders units revenue currency\n" */
};

static enum status note(void *context, const struct sales_row *row, struct error *error)
{
    (void)error;
    struct sums *sums = context;
    size_t used = strlen(sums->text);
    snprintf(sums->text + used, sizeof sums->text - used, "%s %d %d %d %s\n", row->key, (int)row->orders,
             (int)row->units, (int)row->revenue_minor, row->currency.code);
    return STATUS_OK;
}

static struct sums sum(struct history *shop, enum sales_by by)
{
    struct sums sums = {0};
    struct error error;
    struct view *view = fresh(shop, &sales_projection);
    cr_assert_eq(sales_each(view, by, note, &sums, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return sums;
}

static void confirmed_of(struct history *shop, int order, const char *customer, const struct order_line *lines,
                         size_t count, const char *currency)
{
    struct order_line copy[4];
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        copy[i] = lines[i];
        total += lines[i].quantity * lines[i].unit_price_minor;
    }
    struct event event = {EVENT_ORDER_PLACED, .order_placed = {.order = order_id(order), .order_ref = "r"}};
    event.order_placed.customer = customer;
    memcpy(event.order_placed.currency.code, currency, 4);
    event.order_placed.lines = (struct order_lines){copy, count};
    event.order_placed.total_minor = total;
    event.order_placed.card_token = "tok_ok";
    event.order_placed.placed_at_us = history_time(0) + 86400000000 - 1; /* the last microsecond of 1 January */
    state(shop, &event);
    happened(shop, order, EVENT_ORDER_CONFIRMED);
}

Test(sales, are_the_confirmed_and_the_shipped_orders)
{
    struct history *shop = history_new();
    busy_week(shop); /* 1 confirmed, 4 shipped */
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "2026-01-02 1 2 500 USD\n2026-01-05 1 2 500 USD\n");
    cr_assert_str_eq(sum(shop, SALES_BY_SKU).text, "tea 2 4 1000 USD\n");
    cr_assert_str_eq(sum(shop, SALES_BY_CUSTOMER).text, "ann 2 4 1000 USD\n");
    assert_view_equals_roll(shop, &sales_projection);
    history_end(shop);
}

Test(sales, an_order_counts_from_its_confirmation_to_the_request_for_its_cancellation)
{
    struct history *shop = history_new();
    placed(shop, 1, "tea", 2);
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "");
    happened(shop, 1, EVENT_ORDER_CONFIRMED);
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "2026-01-02 1 2 500 USD\n");
    happened(shop, 1, EVENT_ORDER_CANCELLATION_REQUESTED);
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "", "the row that fell to no orders is gone");
    cr_assert_str_eq(sum(shop, SALES_BY_SKU).text, "");
    cr_assert_str_eq(sum(shop, SALES_BY_CUSTOMER).text, "");
    happened(shop, 1, EVENT_ORDER_CANCELLED);
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "", "and is taken out once");
    history_end(shop);
}

Test(sales, taking_one_order_out_leaves_the_others_of_the_same_row)
{
    struct history *shop = history_new();
    placed(shop, 1, "tea", 2);
    happened(shop, 1, EVENT_ORDER_CONFIRMED);
    placed(shop, 2, "tea", 3);
    happened(shop, 2, EVENT_ORDER_CONFIRMED);
    happened(shop, 1, EVENT_ORDER_CANCELLATION_REQUESTED);
    cr_assert_str_eq(sum(shop, SALES_BY_SKU).text, "tea 1 3 750 USD\n");
    cr_assert_str_eq(sum(shop, SALES_BY_CUSTOMER).text, "ann 1 3 750 USD\n");
    history_end(shop);
}

Test(sales, an_order_cancelled_before_it_was_confirmed_never_counted)
{
    struct history *shop = history_new();
    placed(shop, 1, "tea", 2);
    happened(shop, 1, EVENT_ORDER_CANCELLATION_REQUESTED);
    happened(shop, 1, EVENT_ORDER_CANCELLED);
    placed(shop, 2, "tea", 2);
    happened(shop, 2, EVENT_ORDER_CANCELLED); /* out of stock */
    placed(shop, 3, "tea", 2);
    happened(shop, 3, EVENT_ORDER_REJECTED);
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "");
    history_end(shop);
}

Test(sales, a_sku_on_two_lines_is_one_order_and_currencies_stay_apart)
{
    struct history *shop = history_new();
    const struct order_line dollars[] = {{"tea", "x", 2, 100}, {"cup", "x", 1, 50}, {"tea", "x", 3, 90}};
    const struct order_line yen[] = {{"tea", "x", 1, 7}};
    confirmed_of(shop, 1, "ann", dollars, 3, "USD");
    confirmed_of(shop, 2, "bob", yen, 1, "JPY");
    cr_assert_str_eq(sum(shop, SALES_BY_SKU).text, "cup 1 1 50 USD\ntea 1 1 7 JPY\ntea 1 5 470 USD\n");
    cr_assert_str_eq(sum(shop, SALES_BY_DAY).text, "2026-01-01 1 1 7 JPY\n2026-01-01 1 6 520 USD\n");
    cr_assert_str_eq(sum(shop, SALES_BY_CUSTOMER).text, "ann 1 6 520 USD\nbob 1 1 7 JPY\n");
    history_end(shop);
}

Test(sales, forget_the_lines_of_orders_that_cannot_change_any_more)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view *view = fresh(shop, &sales_projection);
    view_close(&view);
    /* order 1, confirmed, and order 5, placed */
    cr_assert_eq(number_in(shop, "views/sales.db", "SELECT count(*) FROM open_order"), 2);
    cr_assert_eq(number_in(shop, "views/sales.db", "SELECT count(*) FROM open_line"), 2);
    history_end(shop);
}
