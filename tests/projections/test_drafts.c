/* What a pass keeps in memory and writes at its end comes to the same rows as writing event by event. */
#include <criterion/criterion.h>
#include <string.h>

#include "projections/compare.h"
#include "projections/drafts.h"
#include "projections/fold.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/sales.h"
#include "projections/stock.h"
#include "tests/projections/history.h"

/* The roll in passes of `span` positions: of one, no draft meets a second event. */
static struct view *in_passes_of(struct history *shop, const struct projection *projection, uint64_t span)
{
    struct view *view;
    struct error error = {0};
    cr_assert_eq(view_file_private(&view, projection, &eventstore_info(shop->store)->id, &error), STATUS_OK);
    cr_assert_eq(view_fold(shop->store, view, head_of(shop), span, NULL, NULL, &error), STATUS_OK, "%s", error.text);
    return view;
}

static void assert_same_in_all_passes(struct history *shop, const struct projection *projection)
{
    struct view *whole = in_passes_of(shop, projection, head_of(shop));
    for (uint64_t span = 1; span < head_of(shop); span = 2 * span + 1) {
        struct view *parts = in_passes_of(shop, projection, span);
        struct error error = {0};
        char difference[ERROR_TEXT_MAX];
        bool same = false;
        cr_assert_eq(view_compare(whole, parts, &same, difference, &error), STATUS_OK, "%s", error.text);
        cr_expect(same, "%s in passes of %d: %s", projection->name, (int)span, difference);
        view_close(&parts);
    }
    view_close(&whole);
}

Test(drafts, come_to_the_same_rows_however_the_roll_is_cut_into_passes)
{
    struct history *shop = history_new();
    struct order_line lines[] = {{"tea", "Tea", 2, 100}, {"cup", "Cup", 1, 300}, {"tea", "Tea", 3, 90}};
    struct event twice = {EVENT_ORDER_PLACED, .order_placed = {.order = order_id(9), .order_ref = "r"}};
    twice.order_placed.customer = "ann";
    memcpy(twice.order_placed.currency.code, "USD", 4);
    twice.order_placed.lines = (struct order_lines){lines, 3};
    twice.order_placed.total_minor = 770;
    twice.order_placed.card_token = "tok_ok";
    busy_week(shop);
    state(shop, &twice);
    happened(shop, 9, EVENT_ORDER_CONFIRMED);
    listed(shop, "cup");
    happened(shop, 1, EVENT_ORDER_CANCELLATION_REQUESTED);
    happened(shop, 1, EVENT_ORDER_CANCELLED);
    for (size_t i = 0; i < projection_count; i++)
        assert_same_in_all_passes(shop, projections[i]);
    history_end(shop);
}

/* Half a mebibyte of them is not many, two are. */
Test(drafts, are_many_by_their_bytes_whatever_these_are)
{
    enum { PARTS = 64, MEBIBYTE = 1 << 20 };
    static struct drafts of_memory, of_text, of_rows;
    static char text[2 * MEBIBYTE / PARTS + 1];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < PARTS; i++) {
        cr_assert_not_null(draft_memory(&of_memory, sizeof text - 1));
        cr_assert_not_null(draft_text(&of_text, text));
        cr_assert_not_null(draft_make(&of_rows, 0, &i, sizeof i, sizeof text - 1));
        cr_assert(i > PARTS / 4 || !drafts_are_many(&of_memory));
        cr_assert(i > PARTS / 4 || !drafts_are_many(&of_text));
        cr_assert(i > PARTS / 4 || !drafts_are_many(&of_rows));
    }
    cr_assert(drafts_are_many(&of_memory) && drafts_are_many(&of_text) && drafts_are_many(&of_rows));
    drafts_forget(&of_memory);
    drafts_forget(&of_text);
    drafts_forget(&of_rows);
    cr_assert_not(drafts_are_many(&of_memory));
}

Test(drafts, are_written_when_they_are_too_many)
{
    struct history *shop = history_new();
    listed_many(shop, 0, 2000);
    listed_many(shop, 2000, 2000);
    received(shop, "sku-0", 7);
    received(shop, "sku-3999", 7);
    assert_same_in_all_passes(shop, &stock_projection);
    history_end(shop);
}

Test(drafts, that_cannot_be_written_are_a_fault_of_the_event_that_made_them)
{
    struct history *shop = history_new();
    struct projector *projector;
    struct projector_progress progress;
    struct rebuild_report report;
    struct error error = {0};
    const struct projection *const orders = &orders_projection;
    placed(shop, 1, "tea", 1);
    placed(shop, 2, "tea", 1);
    happened(shop, 2, EVENT_ORDER_CONFIRMED);
    placed(shop, 1, "cup", 1);
    happened(shop, 1, EVENT_ORDER_CONFIRMED);
    cr_assert_eq(projector_open(&projector, &shop->home, &orders, 1, &error), STATUS_OK);
    cr_assert_eq(projector_catch_up(projector, 1000, &progress, &error), STATUS_OK, "%s", error.text);
    projector_close(&projector);
    cr_assert_eq(progress.views[0].condition, VIEW_FAILED);
    cr_assert_eq(progress.views[0].position, 3);
    cr_assert(strstr(progress.views[0].reason, "position 4 (OrderPlaced)") != NULL, "%s", progress.views[0].reason);
    cr_assert_eq(number_in(shop, "views/orders.db", "SELECT count(*) FROM orders"), 2);
    cr_assert_eq(number_in(shop, "views/orders.db", "SELECT count(*) FROM orders WHERE status = 'confirmed'"), 1);
    cr_assert_eq(view_rebuild(&shop->home, orders, NULL, NULL, &report, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "position 4 (OrderPlaced)") != NULL, "%s", error.text);
    history_end(shop);
}

Test(drafts, of_a_sum_that_nobody_can_hold_stop_at_the_event_that_is_too_much)
{
    enum { ORDERS = 2049 };
    static struct event events[2 * ORDERS];
    static struct order_line line = {"tea", "Tea", 1, 250};
    struct history *shop = history_new();
    struct view *view;
    struct error error = {0};
    for (int i = 0; i < ORDERS; i++) {
        struct event *placing = &events[2 * (size_t)i], *confirming = placing + 1;
        *placing = (struct event){EVENT_ORDER_PLACED, .order_placed = {.order = order_id(i),
                                                                       .order_ref = "r",
                                                                       .customer = "ann",
                                                                       .currency = {"USD"},
                                                                       .lines = {&line, 1},
                                                                       .total_minor = AMOUNT_MAX_MINOR,
                                                                       .card_token = "tok_ok"}};
        *confirming = (struct event){EVENT_ORDER_CONFIRMED, .order_confirmed = {.order = order_id(i)}};
    }
    state_all(shop, events, 2 * ORDERS);
    cr_assert_eq(view_open_fresh(&view, &shop->home, &sales_projection, 1000, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "position 4098 (OrderConfirmed)") != NULL, "%s", error.text);
    cr_assert_eq(number_in(shop, "views/sales.db", "SELECT position FROM meta"), 4097);
    history_end(shop);
}
