#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/stock.h"
#include "tests/projections/history.h"
#include "tests/support/mishap.h"

static struct projector *projector_of(struct history *shop, const struct projection *const *chosen, size_t count)
{
    struct projector *projector;
    struct error error;
    cr_assert_eq(projector_open(&projector, &shop->home, chosen, count, &error), STATUS_OK);
    return projector;
}

static struct projector_progress step(struct projector *projector)
{
    struct projector_progress progress;
    struct error error = {0};
    cr_assert_eq(projector_step(projector, &progress, &error), STATUS_OK, "%s", error.text);
    return progress;
}

static struct projector_progress step_until_idle(struct projector *projector)
{
    struct projector_progress progress = {0};
    for (int i = 0; i < 100 && !progress.idle; i++)
        progress = step(projector);
    cr_assert(progress.idle, "never idle");
    return progress;
}

static void rebuild(struct history *shop, const struct projection *projection)
{
    struct rebuild_report report;
    struct error error = {0};
    cr_assert_eq(view_rebuild(&shop->home, projection, NULL, NULL, &report, &error), STATUS_OK, "%s", error.text);
}

Test(projector, keeps_all_views_in_one_pass)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    busy_week(shop);
    struct projector_progress progress = step(projector);
    cr_assert_eq(progress.handled, 36);
    cr_assert_eq(progress.head, 36);
    cr_assert(progress.idle);
    cr_assert_eq(progress.view_count, projection_count);
    for (size_t i = 0; i < projection_count; i++) {
        cr_assert_str_eq(progress.views[i].name, projections[i]->name);
        cr_assert_eq(progress.views[i].condition, VIEW_GOOD);
        cr_assert_eq(progress.views[i].position, 36);
        struct view_state state;
        struct error error;
        cr_assert_eq(view_inspect(&shop->home, projections[i], &state, &error), STATUS_OK);
        cr_assert_eq(state.position, 36);
        assert_view_equals_roll(shop, projections[i]);
    }
    cr_assert_eq(step(projector).handled, 0);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, folding_event_by_event_gives_the_same_rows)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    for (int order = 1; order <= 4; order++) {
        listed(shop, "tea");
        step(projector);
        placed(shop, order, "tea", 2);
        step(projector);
        happened(shop, order, EVENT_UNITS_RESERVED);
        step(projector);
        happened(shop, order, EVENT_ORDER_CONFIRMED);
        cr_assert(step(projector).idle);
    }
    for (size_t i = 0; i < projection_count; i++)
        assert_view_equals_roll(shop, projections[i]);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, an_event_is_folded_once_however_many_fold)
{
    struct history *shop = history_new();
    const struct projection *stock_only[] = {&stock_projection};
    struct projector *one = projector_of(shop, NULL, 0), *other = projector_of(shop, stock_only, 1);
    listed(shop, "tea");
    for (int i = 0; i < 10; i++) {
        received(shop, "tea", 1);
        step(i % 2 ? one : other);
        step(i % 2 ? other : one);
        struct view *view = fresh(shop, &stock_projection);
        view_close(&view);
    }
    cr_assert_eq(number_in(shop, "views/stock.db", "SELECT on_hand FROM stock"), 10);
    projector_close(&one);
    projector_close(&other);
    history_end(shop);
}

Test(projector, takes_a_long_roll_in_batches_and_catches_up)
{
    enum { BATCH = 2000, BATCHES = 10 };
    static struct event events[BATCH];
    struct history *shop = history_new();
    const struct projection *stock_only[] = {&stock_projection};
    struct projector *projector = projector_of(shop, stock_only, 1);
    struct projector_progress progress;
    struct error error = {0};
    listed(shop, "tea");
    for (int i = 0; i < BATCH; i++)
        events[i] = (struct event){EVENT_STOCK_RECEIVED, .stock_received = {.sku = "tea", .quantity = 1}};
    for (int i = 0; i < BATCHES; i++)
        state_all(shop, events, BATCH);
    progress = step(projector);
    cr_assert(!progress.idle);
    cr_assert(progress.views[0].position > 0 && progress.views[0].position <= 8192);
    cr_assert_eq(progress.handled, progress.views[0].position);
    cr_assert_eq(projector_catch_up(projector, 20000, &progress, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(progress.views[0].position, 1 + BATCH * BATCHES);
    assert_view_equals_roll(shop, &stock_projection);
    projector_close(&projector);
    history_end(shop);
}

static const struct projection *const with_picky[] = {&picky_projection, &stock_projection};

Test(projector, ends_a_batch_early_when_it_takes_long_and_loses_nothing)
{
    enum { EVENTS = 400 };
    static struct event events[EVENTS];
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    listed(shop, "tea");
    for (int i = 0; i < EVENTS; i++)
        events[i] = (struct event){EVENT_STOCK_RECEIVED, .stock_received = {.sku = "tea", .quantity = 1}};
    state_all(shop, events, EVENTS);
    picky = (struct picky){.at = 2, .fault = PICKY_IS_SLOW};
    struct projector_progress progress = step(projector);
    cr_assert(!progress.idle);
    cr_assert(progress.handled >= 32 && progress.handled < EVENTS, "%zu", progress.handled);
    cr_assert_eq(progress.views[0].position, progress.handled);
    cr_assert_eq(progress.views[1].position, progress.handled);
    step_until_idle(projector);
    picky.fault = PICKY_NEVER;
    assert_view_equals_roll(shop, &picky_projection);
    assert_view_equals_roll(shop, &stock_projection);
    projector_close(&projector);
    history_end(shop);
}

/* One view is new and slow, the other lacks the last event only: when time is up before the pass comes to it, it waits.
 */
Test(projector, leaves_a_view_that_is_ahead_where_it_is_when_time_is_up)
{
    enum { EVENTS = 400 };
    static struct event events[EVENTS];
    struct history *shop = history_new();
    const struct projection *chosen[] = {&picky_projection, &stock_projection};
    struct projector *ahead = projector_of(shop, &chosen[1], 1);
    listed(shop, "tea");
    for (int i = 0; i < EVENTS; i++)
        events[i] = (struct event){EVENT_STOCK_RECEIVED, .stock_received = {.sku = "tea", .quantity = 1}};
    state_all(shop, events, EVENTS);
    step_until_idle(ahead);
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_IS_SLOW};
    struct projector *projector = projector_of(shop, chosen, 2);
    struct projector_progress progress = step(projector);
    cr_assert(progress.views[0].position < EVENTS, "or this test shows nothing");
    cr_assert_eq(progress.views[1].position, EVENTS + 1);
    step_until_idle(projector);
    picky.fault = PICKY_NEVER;
    assert_view_equals_roll(shop, &picky_projection);
    assert_view_equals_roll(shop, &stock_projection);
    projector_close(&projector);
    projector_close(&ahead);
    history_end(shop);
}

Test(projector, keeps_the_logs_of_its_views_short)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    off_t largest = 0;
    for (int i = 0; i < 12; i++) {
        listed_many(shop, i * 2000, 2000);
        step_until_idle(projector);
        off_t bytes = bytes_of(shop, "views/stock.1.db-wal");
        largest = bytes > largest ? bytes : largest;
    }
    cr_assert(largest > 1 << 20, "or this test shows nothing");
    cr_assert(largest < 12 << 20, "%ld bytes", (long)largest);
    projector_close(&projector);
    history_end(shop);
}

/* ---- what goes wrong with one view ---- */

Test(projector, a_projection_that_cannot_handle_an_event_stops_alone)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    struct error error = {0};
    struct view *view;
    listed(shop, "tea");
    for (int i = 0; i < 5; i++)
        received(shop, "tea", 1);
    picky = (struct picky){.at = 4, .fault = PICKY_REFUSES};
    struct projector_progress progress = step_until_idle(projector);
    cr_assert_eq(progress.views[0].condition, VIEW_FAILED);
    cr_assert_eq(progress.views[0].position, 3);
    cr_assert(strstr(progress.views[0].reason, "position 4 (StockReceived): it tastes of soap") != NULL, "%s",
              progress.views[0].reason);
    cr_assert_eq(progress.views[1].condition, VIEW_GOOD);
    cr_assert_eq(progress.views[1].position, 6);

    received(shop, "tea", 1);
    progress = step_until_idle(projector);
    cr_assert_eq(progress.views[0].position, 3);
    cr_assert_eq(progress.views[1].position, 7);
    projector_close(&projector);

    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT count(*) FROM seen"), 2, "the rows before it, not its own");
    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT failure LIKE '%soap%' FROM meta"), 1);
    cr_assert_eq(view_open_fresh(&view, &shop->home, &picky_projection, 100, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "soap") != NULL, "%s", error.text);
    history_end(shop);
}

Test(projector, opened_anew_tries_a_failed_projection_again)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    listed(shop, "tea");
    received(shop, "tea", 1);
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_REFUSES};
    cr_assert_eq(step_until_idle(projector).views[0].condition, VIEW_FAILED);
    projector_close(&projector);
    picky.fault = PICKY_NEVER;
    projector = projector_of(shop, with_picky, 2);
    cr_assert_eq(step_until_idle(projector).views[0].condition, VIEW_GOOD);
    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT failure IS NULL FROM meta"), 1);
    assert_view_equals_roll(shop, &picky_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, goes_on_with_a_failed_view_when_a_mended_program_got_past_the_event)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_REFUSES};
    cr_assert_eq(step_until_idle(projector).views[0].condition, VIEW_FAILED);
    picky.fault = PICKY_NEVER;
    struct view *view = fresh(shop, &picky_projection);
    view_close(&view);
    received(shop, "tea", 1);
    struct projector_progress progress = step_until_idle(projector);
    cr_assert_eq(progress.views[0].condition, VIEW_GOOD);
    cr_assert_eq(progress.views[0].position, 3);
    assert_view_equals_roll(shop, &picky_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, a_fault_of_the_world_undoes_one_view_and_is_tried_again)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    struct projector_progress progress;
    struct error error = {0};
    listed(shop, "tea");
    for (int i = 0; i < 3; i++)
        received(shop, "tea", 1);
    picky = (struct picky){.at = 3, .fault = PICKY_DISK_FULL};
    cr_assert_eq(projector_step(projector, &progress, &error), STATUS_FULL);
    cr_assert_str_eq(error.text, "no room for one more");
    cr_assert(!progress.idle);
    cr_assert_eq(progress.views[1].position, 4, "the other went on");
    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT count(*) FROM seen"), 0);
    picky.fault = PICKY_NEVER;
    cr_assert_eq(step_until_idle(projector).views[0].condition, VIEW_GOOD);
    assert_view_equals_roll(shop, &picky_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, a_view_that_is_ahead_or_newer_is_reported_and_the_others_go_on)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    busy_week(shop);
    step(projector);
    projector_close(&projector);
    meddle(shop, "views/orders.db", "UPDATE meta SET position = 1000");
    meddle(shop, "views/sales.db", "UPDATE meta SET version = 99");
    listed(shop, "pot");
    projector = projector_of(shop, NULL, 0);
    struct projector_progress progress = step_until_idle(projector);
    cr_assert_eq(progress.views[0].condition, VIEW_AHEAD);
    cr_assert(strstr(progress.views[0].reason, "the roll ends at 37") != NULL, "%s", progress.views[0].reason);
    cr_assert_eq(progress.views[1].position, 37);
    cr_assert_eq(progress.views[2].condition, VIEW_NEWER);
    cr_assert_eq(progress.views[3].position, 37);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, leaves_a_view_out_that_somebody_else_is_folding)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    struct file_lock lock;
    struct error error = {0};
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(path_join(path, shop->folder, &error, "run/view-orders.lock"), STATUS_OK);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    struct projector_progress progress = step(projector);
    cr_assert_eq(progress.views[0].position, 0);
    cr_assert_eq(progress.views[1].position, 36);
    cr_assert(!progress.idle);
    cr_assert_eq(projector_catch_up(projector, 50, &progress, &error), STATUS_BUSY);
    file_lock_release(&lock);
    cr_assert_eq(projector_catch_up(projector, 5000, &progress, &error), STATUS_OK);
    cr_assert_eq(progress.views[0].position, 36);

    placed(shop, 6, "tea", 1); /* now that the projector has it open */
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    cr_assert_eq(step(projector).views[0].position, 36);
    file_lock_release(&lock);
    cr_assert_eq(step(projector).views[0].position, 37);
    projector_close(&projector);
    history_end(shop);
}

/* ---- the files change under it ---- */

Test(projector, notices_that_views_was_deleted_and_starts_again)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    busy_week(shop);
    step_until_idle(projector);
    delete_views(shop);
    step_until_idle(projector); /* with nothing new on the roll */
    for (size_t i = 0; i < projection_count; i++) {
        struct view_state state;
        struct error error;
        cr_assert_eq(view_inspect(&shop->home, projections[i], &state, &error), STATUS_OK);
        cr_assert_eq(state.condition, VIEW_GOOD, "%s: %s", state.name, state.reason);
        cr_assert_eq(state.position, 36);
    }
    delete_views(shop);
    placed(shop, 6, "tea", 1); /* and with something new */
    step_until_idle(projector);
    for (size_t i = 0; i < projection_count; i++)
        assert_view_equals_roll(shop, projections[i]);
    cr_assert_eq(shop->notices, 0);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, notices_a_log_that_was_deleted_alone)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    char path[PATH_SIZE];
    struct error error = {0};
    busy_week(shop);
    step_until_idle(projector);
    cr_assert_eq(path_join(path, shop->folder, &error, "views/orders.1.db-wal"), STATUS_OK);
    cr_assert_eq(remove(path), 0);
    placed(shop, 6, "tea", 1);
    cr_assert_eq(step_until_idle(projector).views[0].position, 37);
    cr_assert(number_in(shop, "views/orders.db", "SELECT position FROM meta") == 37, "others see it too");
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, follows_a_rebuilt_view_to_its_new_file)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    busy_week(shop);
    step_until_idle(projector);
    rebuild(shop, &orders_projection);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    placed(shop, 6, "tea", 1);
    cr_assert_eq(step_until_idle(projector).views[0].position, 37);
    cr_assert_eq(number_in(shop, "views/orders.2.db", "SELECT position FROM meta"), 37);
    cr_assert_eq(number_in(shop, "views/orders.2.db", "SELECT count(*) FROM orders"), 6);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, leaves_a_view_that_somebody_has_set_aside)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    struct error error = {0};
    busy_week(shop);
    step_until_idle(projector);
    cr_assert_eq(view_set_aside(&shop->home, &orders_projection, "the view orders is damaged", &error), STATUS_OK);
    placed(shop, 6, "tea", 1);
    cr_assert_eq(step_until_idle(projector).views[0].position, 37);
    cr_assert_eq(number_in(shop, "views/orders.1.db", "SELECT position FROM meta"), 36);
    cr_assert_eq(number_in(shop, "views/orders.2.db", "SELECT position FROM meta"), 37);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, brings_a_failed_view_back_when_it_was_rebuilt)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_REFUSES};
    cr_assert_eq(step_until_idle(projector).views[0].condition, VIEW_FAILED);
    picky.fault = PICKY_NEVER;
    rebuild(shop, &picky_projection);
    received(shop, "tea", 1);
    struct projector_progress progress = step_until_idle(projector);
    cr_assert_eq(progress.views[0].condition, VIEW_GOOD);
    cr_assert_eq(progress.views[0].position, 3);
    projector_close(&projector);
    history_end(shop);
}

static enum status lose_the_views(struct history *shop, struct error *error)
{
    delete_views(shop);
    return error_set(error, STATUS_IO, "the disk is gone");
}

Test(projector, starts_again_when_the_files_go_while_it_writes_them)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, with_picky, 2);
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_MEDDLES, .meddle = lose_the_views, .history = shop};
    struct projector_progress progress = step(projector);
    cr_assert(!progress.idle);
    cr_assert_eq(progress.views[0].position, 0);
    picky.fault = PICKY_NEVER;
    cr_assert_eq(step_until_idle(projector).views[0].position, 2);
    assert_view_equals_roll(shop, &picky_projection);
    projector_close(&projector);
    history_end(shop);
}

/* Its handle is open, and its files are those that it has opened. */
static void lose_position(struct history *shop)
{
    meddle(shop, "views/orders.db", "DELETE FROM meta");
    placed(shop, 6, "tea", 1);
}

Test(projector, folds_a_view_again_that_has_lost_its_position)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    busy_week(shop);
    step_until_idle(projector);
    lose_position(shop);
    cr_assert_eq(step(projector).views[0].condition, VIEW_GOOD);
    cr_assert_eq(step_until_idle(projector).views[0].position, 37);
    cr_assert_eq(shop->notices, 1);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(projector, says_why_a_damaged_view_cannot_be_folded_again_and_tries_once_more)
{
    struct history *shop = history_new();
    struct projector *projector = projector_of(shop, NULL, 0);
    struct projector_progress progress;
    struct error error = {0};
    char in_the_way[PATH_SIZE];
    busy_week(shop);
    step_until_idle(projector);
    lose_position(shop);
    cr_assert_eq(path_join(in_the_way, shop->folder, &error, "views/.orders.db.new"), STATUS_OK);
    cr_assert_eq(file_make_folder(in_the_way, &error), STATUS_OK);
    cr_assert_eq(projector_step(projector, &progress, &error), STATUS_IO);
    cr_assert(strstr(error.text, ".orders.db.new") != NULL, "%s", error.text);
    cr_assert_eq(progress.views[0].condition, VIEW_MISSING);
    cr_assert_eq(progress.views[1].position, 37, "the others went on");
    cr_assert_eq(remove(in_the_way), 0);
    cr_assert_eq(step_until_idle(projector).views[0].position, 37);
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&projector);
    history_end(shop);
}

static struct history *deleted_from;

static void somebody_deletes_the_views(void)
{
    delete_views(deleted_from);
}

/* At the `nth` call of the system that a step makes; false when it makes no more. */
static bool gets_over_a_deletion(uint32_t nth, bool is_damaged)
{
    static const struct projection *const chosen[] = {&orders_projection, &stock_projection};
    struct history *shop = deleted_from = history_new();
    struct projector *projector = projector_of(shop, chosen, 2);
    struct error error = {0};
    busy_week(shop);
    step_until_idle(projector);
    if (is_damaged)
        meddle(shop, "views/orders.db", "DELETE FROM meta");
    placed(shop, 6, "tea", 1);
    mishap_meanwhile(nth, somebody_deletes_the_views);
    (void)!projector_step(projector, NULL, &error);
    const bool is_deleted = mishap_heal();
    step_until_idle(projector);
    for (size_t i = 0; i < 2; i++)
        assert_view_equals_roll(shop, chosen[i]);
    projector_close(&projector);
    history_end(shop);
    return is_deleted;
}

Test(projector, starts_again_whenever_the_views_are_deleted, .timeout = 300)
{
    for (int is_damaged = 0; is_damaged <= 1; is_damaged++) {
        uint32_t nth = 1;
        while (gets_over_a_deletion(nth, is_damaged))
            nth++;
        cr_assert_gt(nth, 20, "or this test shows nothing");
    }
}

Test(projection, is_found_by_its_name)
{
    for (size_t i = 0; i < projection_count; i++)
        cr_assert_eq(projection_find(projections[i]->name), projections[i]);
    cr_assert_eq(projection_count, 5);
    cr_assert_null(projection_find("order"));
}
