/* One pass over the roll, called directly: views that stand at different places, that have stopped, that never moved.
 */
#include <criterion/criterion.h>

#include "projections/compare.h"
#include "projections/fold.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/stock.h"
#include "tests/projections/history.h"

static struct error error;

/* A live view at position 0. */
static struct view *empty(struct history *shop, const struct projection *projection)
{
    struct view *view;
    cr_assert_eq(view_file_replace(&view, &shop->home, projection, NULL, &error), STATUS_OK, "%s", error.text);
    return view;
}

static enum status fold_to(struct history *shop, struct view *view, uint64_t to)
{
    return views_fold(shop->store, &view, 1, to, 0, NULL, &error);
}

static void received_often(struct history *shop, int times)
{
    listed(shop, "tea");
    for (int i = 0; i < times; i++)
        received(shop, "tea", 1);
}

Test(fold, a_view_that_stands_further_is_left_alone_until_the_others_have_come_to_it)
{
    struct history *shop = history_new();
    uint8_t digest[VIEW_DIGEST_BYTES], whole[VIEW_DIGEST_BYTES];
    busy_week(shop);
    struct view *views[] = {as_of(shop, &orders_projection, 20), as_of(shop, &stock_projection, 0)};
    cr_assert_eq(views_fold_on(shop->store, views, 2, 36, 5, NULL, NULL, &error), STATUS_OK, "%s", error.text);
    for (size_t i = 0; i < 2; i++) {
        struct view *other = as_of(shop, views[i]->projection, 36);
        cr_assert_eq(views[i]->position, 36);
        cr_assert_eq(view_digest(views[i], digest, &error), STATUS_OK);
        cr_assert_eq(view_digest(other, whole, &error), STATUS_OK);
        cr_expect_arr_eq(digest, whole, sizeof digest);
        view_close(&other);
        view_close(&views[i]);
    }
    history_end(shop);
}

Test(fold, a_view_that_has_stopped_stays_where_it_is)
{
    struct history *shop = history_new();
    received_often(shop, 5);
    struct view *view = empty(shop, &picky_projection);
    picky = (struct picky){.at = 4, .fault = PICKY_REFUSES};
    cr_assert_eq(view_fold(shop->store, view, 6, FOLD_SPAN, NULL, NULL, &error), STATUS_DAMAGED);
    picky.fault = PICKY_NEVER;
    cr_assert_eq(fold_to(shop, view, 6), STATUS_OK, "%s", error.text);
    cr_assert_eq(view->position, 3);
    cr_assert(view->failed);
    view_close(&view);
    history_end(shop);
}

Test(fold, a_pass_that_ends_before_the_event_a_view_cannot_take_does_not_stop_it)
{
    struct history *shop = history_new();
    received_often(shop, 9);
    struct view *view = empty(shop, &picky_projection);
    picky = (struct picky){.at = 6, .fault = PICKY_REFUSES};
    cr_assert_eq(fold_to(shop, view, 10), STATUS_OK);
    cr_assert_eq(view->position, 0, "the pass was undone");
    cr_assert_eq(fold_to(shop, view, 3), STATUS_OK);
    cr_assert_eq(view->position, 3);
    cr_assert_not(view->failed);
    cr_assert_eq(fold_to(shop, view, 10), STATUS_OK);
    cr_assert_eq(view->position, 5);
    cr_assert(view->failed);
    view_close(&view);
    history_end(shop);
}

/* And does not try for ever. */
Test(fold, what_the_roll_cannot_give_ends_who_folds_pass_after_pass)
{
    struct history *shop = history_new();
    received_often(shop, 9);
    struct view *view = empty(shop, &stock_projection);
    struct projector *projector = NULL;
    struct projector_progress progress;
    meddle(shop, "events.db",
           "DROP TRIGGER event_is_never_updated; UPDATE event SET event_id = x'00' WHERE position = 5");
    cr_assert_eq(view_fold(shop->store, view, 10, 2, NULL, NULL, &error), STATUS_DAMAGED);
    view_close(&view);
    cr_assert_eq(projector_open(&projector, &shop->home, NULL, 0, &error), STATUS_OK);
    cr_assert_eq(projector_catch_up(projector, 50, &progress, &error), STATUS_DAMAGED, "%s", error.text);
    projector_close(&projector);
    history_end(shop);
}

Test(fold, what_the_roll_cannot_give_moves_nobody)
{
    struct history *shop = history_new();
    received_often(shop, 9);
    struct view *views[] = {empty(shop, &picky_projection), empty(shop, &stock_projection)};
    picky = (struct picky){.at = 2, .fault = PICKY_REFUSES};
    meddle(shop, "events.db",
           "DROP TRIGGER event_is_never_updated; UPDATE event SET event_id = x'00' WHERE position = 5");
    cr_assert_eq(views_fold(shop->store, views, 2, 10, 0, NULL, &error), STATUS_DAMAGED);
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(views[i]->position, 0);
        view_close(&views[i]);
    }
    history_end(shop);
}
