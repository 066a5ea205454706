#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/orders.h"
#include "tests/projections/history.h"

/* What a listing showed: one line an order, "ref status version position". */
struct listing {
    char text[1024];
    int64_t total_minor, placed_at_us, updated_at_us;
    char reason[64];
    size_t stop_after;
    size_t count;
};

static enum status note(void *context, const struct order_row *row, struct error *error)
{
    (void)error;
    struct listing *listing = context;
    size_t used = strlen(listing->text);
    snprintf(listing->text + used, sizeof listing->text - used, "%s %s %d %d\n", row->order_ref, row->status,
             (int)row->version, (int)row->position);
    listing->total_minor = row->total_minor;
    listing->placed_at_us = row->placed_at_us;
    listing->updated_at_us = row->updated_at_us;
    snprintf(listing->reason, sizeof listing->reason, "%s", row->reason != NULL ? row->reason : "none");
    cr_assert_str_eq(row->customer, "ann");
    cr_assert_str_eq(row->currency.code, "USD");
    return ++listing->count == listing->stop_after ? STATUS_STOPPED : STATUS_OK;
}

static struct listing list(struct view *view)
{
    struct listing listing = {0};
    struct error error;
    cr_assert_eq(orders_each(view, note, &listing, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return listing;
}

static struct listing find(struct history *shop, int order)
{
    struct listing listing = {0};
    struct error error;
    struct view *view = fresh(shop, &orders_projection);
    cr_assert_eq(orders_find(view, order_id(order), note, &listing, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return listing;
}

Test(orders, are_listed_in_the_order_of_placing_with_where_they_stand)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_str_eq(list(fresh(shop, &orders_projection)).text, "ref 1 confirmed 2 8\n"
                                                                 "ref 2 rejected 2 12\n"
                                                                 "ref 3 cancelled 4 24\n"
                                                                 "ref 4 shipped 3 32\n"
                                                                 "ref 5 placed 1 36\n");
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(orders, show_every_phase_as_it_was_then)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_str_eq(list(as_of(shop, &orders_projection, 0)).text, "");
    cr_assert_str_eq(list(as_of(shop, &orders_projection, 4)).text, "ref 1 placed 1 4\n");
    cr_assert_str_eq(list(as_of(shop, &orders_projection, 7)).text, "ref 1 placed 1 4\n");
    cr_assert_str_eq(list(as_of(shop, &orders_projection, 20)).text, "ref 1 confirmed 2 8\n"
                                                                     "ref 2 rejected 2 12\n"
                                                                     "ref 3 cancelling 3 20\n");
    history_end(shop);
}

Test(orders, say_what_they_cost_when_they_were_placed_and_when_they_last_moved)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct listing order = find(shop, 4);
    cr_assert_eq(order.total_minor, 500);
    cr_assert_eq(order.placed_at_us, history_time(0) + 4 * INT64_C(86400000000));
    cr_assert_eq(order.updated_at_us, history_time(32));
    cr_assert_str_eq(order.reason, "none");
    history_end(shop);
}

Test(orders, keep_the_last_reason_that_was_given)
{
    struct history *shop = history_new();
    placed(shop, 1, "tea", 1);
    happened(shop, 1, EVENT_ORDER_CANCELLATION_REQUESTED);
    cr_assert_str_eq(find(shop, 1).reason, "changed my mind");
    happened(shop, 1, EVENT_ORDER_CANCELLED);
    cr_assert_str_eq(find(shop, 1).reason, "customer");
    placed(shop, 2, "tea", 1);
    happened(shop, 2, EVENT_ORDER_REJECTED);
    cr_assert_str_eq(find(shop, 2).reason, "declined");
    history_end(shop);
}

Test(orders, an_order_that_is_not_there_is_not_found_and_a_visitor_may_stop)
{
    struct history *shop = history_new();
    struct listing listing = {.stop_after = 2};
    struct error error = {0};
    busy_week(shop);
    struct view *view = fresh(shop, &orders_projection);
    cr_assert_eq(orders_find(view, order_id(9), note, &listing, &error), STATUS_NOT_FOUND);
    cr_assert(strstr(error.text, "there is no order") != NULL);
    cr_assert_eq(orders_each(view, note, &listing, &error), STATUS_OK);
    cr_assert_eq(listing.count, 2);
    view_close(&view);
    history_end(shop);
}

Test(orders, one_that_moves_without_having_been_placed_stops_the_projection)
{
    struct history *shop = history_new();
    struct view *view;
    struct error error = {0};
    happened(shop, 1, EVENT_ORDER_CONFIRMED);
    cr_assert_eq(view_open_fresh(&view, &shop->home, &orders_projection, 1000, &error), STATUS_DAMAGED);
    cr_assert_null(view);
    cr_assert(strstr(error.text, "position 1 (OrderConfirmed)") != NULL, "%s", error.text);
    history_end(shop);
}
