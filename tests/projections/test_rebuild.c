#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/stock.h"
#include "tests/projections/history.h"

static struct rebuild_report rebuilt(struct history *shop, const struct projection *projection)
{
    struct rebuild_report report;
    struct error error = {0};
    cr_assert_eq(view_rebuild(&shop->home, projection, NULL, NULL, &report, &error), STATUS_OK, "%s", error.text);
    return report;
}

static void fold(struct history *shop, const struct projection *projection)
{
    struct view *view = fresh(shop, projection);
    view_close(&view);
}

Test(rebuild, equals_the_live_view_row_for_row)
{
    struct history *shop = history_new();
    busy_week(shop);
    for (size_t i = 0; i < projection_count; i++) {
        uint8_t live[VIEW_DIGEST_BYTES];
        struct error error;
        struct view *view = fresh(shop, projections[i]);
        cr_assert_eq(view_digest(view, live, &error), STATUS_OK);
        view_close(&view);
        struct rebuild_report report = rebuilt(shop, projections[i]);
        cr_assert_arr_eq(report.digest, live, sizeof live);
        cr_assert_eq(report.position, 36);
        assert_view_equals_roll(shop, projections[i]);
    }
    history_end(shop);
}

Test(rebuild, reports_the_events_it_folded_and_leaves_one_generation)
{
    struct history *shop = history_new();
    busy_week(shop);
    fold(shop, &orders_projection);
    struct rebuild_report report = rebuilt(shop, &orders_projection);
    cr_assert_eq(report.events, 12);
    cr_assert(report.elapsed_us > 0);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(files_like(shop, "orders.1."), 0);
    rebuilt(shop, &orders_projection);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.3.db");
    history_end(shop);
}

Test(rebuild, makes_a_view_where_there_was_none)
{
    struct history *shop = history_new();
    rebuilt(shop, &orders_projection); /* of an empty roll, too */
    busy_week(shop);
    delete_views(shop);
    rebuilt(shop, &orders_projection);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

/* Each of the first two folds leaves one more event to be folded; the last of them nobody can take. */
static void state_one_more(void *context, uint64_t position, uint64_t to)
{
    if (position == to && to < 4) {
        received(context, "tea", 1);
        picky = (struct picky){.at = 4, .fault = PICKY_REFUSES};
    }
}

Test(rebuild, that_cannot_take_what_came_in_last_leaves_the_old_view)
{
    struct history *shop = history_new();
    struct rebuild_report report;
    struct error error = {0};
    listed(shop, "tea");
    received(shop, "tea", 1);
    fold(shop, &picky_projection);
    cr_assert_eq(view_rebuild(&shop->home, &picky_projection, state_one_more, shop, &report, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "position 4 (StockReceived): it tastes of soap") != NULL, "%s", error.text);
    cr_assert_str_eq(link_of(shop, "picky"), "picky.1.db");
    picky.fault = PICKY_NEVER;
    assert_view_equals_roll(shop, &picky_projection);
    history_end(shop);
}

Test(rebuild, mends_a_row_that_was_altered)
{
    struct history *shop = history_new();
    busy_week(shop);
    fold(shop, &orders_projection);
    meddle(shop, "views/orders.db", "UPDATE orders SET status = 'shipped'");
    rebuilt(shop, &orders_projection);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(rebuild, of_a_view_by_a_newer_program_is_refused)
{
    struct history *shop = history_new();
    struct rebuild_report report;
    struct error error = {0};
    busy_week(shop);
    fold(shop, &orders_projection);
    meddle(shop, "views/orders.db", "UPDATE meta SET version = 99");
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, NULL, NULL, &report, &error), STATUS_NEWER);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    history_end(shop);
}

Test(rebuild, that_meets_an_event_it_cannot_handle_leaves_the_old_view)
{
    struct history *shop = history_new();
    struct rebuild_report report;
    struct error error = {0};
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_NEVER};
    fold(shop, &picky_projection);
    picky.fault = PICKY_REFUSES;
    cr_assert_eq(view_rebuild(&shop->home, &picky_projection, NULL, NULL, &report, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "position 2") != NULL && strstr(error.text, "soap") != NULL, "%s", error.text);
    cr_assert_str_eq(link_of(shop, "picky"), "picky.1.db");
    cr_assert_eq(files_like(shop, "picky.2."), 0);
    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT count(*) FROM seen"), 1);
    history_end(shop);
}

/* ---- several at once ---- */

static void count_passes(void *context, uint64_t position, uint64_t head)
{
    cr_assert_eq(position, head);
    ++*(int *)context;
}

Test(rebuild, of_all_views_reads_the_roll_once)
{
    struct history *shop = history_new();
    struct rebuild_report reports[PROJECTIONS_MAX];
    struct error error = {0};
    int passes = 0;
    busy_week(shop);
    cr_assert_eq(views_rebuild(&shop->home, projections, projection_count, count_passes, &passes, reports, &error),
                 STATUS_OK, "%s", error.text);
    cr_assert_eq(passes, 1);
    for (size_t i = 0; i < projection_count; i++) {
        struct rebuild_report alone = rebuilt(shop, projections[i]);
        cr_assert_arr_eq(reports[i].digest, alone.digest, sizeof alone.digest);
        cr_assert_eq(reports[i].events, alone.events);
        cr_assert_eq(reports[i].position, 36);
    }
    history_end(shop);
}

Test(rebuild, of_one_view_that_fails_stops_none_of_the_others)
{
    static const struct projection *const chosen[] = {&picky_projection, &stock_projection, &orders_projection};
    struct history *shop = history_new();
    struct rebuild_report reports[3];
    struct error error = {0};
    busy_week(shop);
    picky = (struct picky){.fault = PICKY_NEVER};
    for (size_t i = 0; i < 3; i++)
        fold(shop, chosen[i]);
    picky = (struct picky){.at = 3, .fault = PICKY_REFUSES};
    meddle(shop, "views/orders.db", "UPDATE meta SET version = 99");
    cr_assert_eq(views_rebuild(&shop->home, chosen, 3, NULL, NULL, reports, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "position 3") != NULL, "%s", error.text);
    cr_assert_eq(reports[0].error.status, STATUS_DAMAGED);
    cr_assert_str_eq(link_of(shop, "picky"), "picky.1.db");
    cr_assert_eq(files_like(shop, "picky.2."), 0);
    cr_assert_eq(reports[1].error.status, STATUS_OK, "%s", reports[1].error.text);
    cr_assert_str_eq(link_of(shop, "stock"), "stock.2.db");
    assert_view_equals_roll(shop, &stock_projection);
    cr_assert_eq(reports[2].error.status, STATUS_NEWER);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    history_end(shop);
}

/* ---- while it runs ---- */

struct meanwhile {
    struct history *shop;
    struct projector *projector;
    int calls;
    int delete_at; /* which call deletes the views */
};

/* Behind the first half, which read the roll. */
static void take_the_roll_away(void *context, uint64_t position, uint64_t head)
{
    if (position == head)
        meddle(context, "events.db", "DROP TABLE event");
}

Test(rebuild, says_that_the_roll_can_no_longer_be_read_and_leaves_the_old_view)
{
    struct history *shop = history_new();
    struct rebuild_report report;
    struct error error = {0};
    busy_week(shop);
    fold(shop, &orders_projection);
    cr_expect_eq(view_rebuild(&shop->home, &orders_projection, take_the_roll_away, shop, &report, &error), STATUS_IO,
                 "%s", error.text);
    cr_expect_not_null(strstr(error.text, "cannot read the roll's head"), "%s", error.text);
    cr_expect_str_eq(link_of(shop, "orders"), "orders.1.db");
    cr_expect_eq(number_in(shop, "views/orders.db", "SELECT count(*) FROM orders"), 5);
    history_end(shop);
}

/* Each time the rebuild has caught up, there is one order more; the old view serves it and follows. */
static void sell_on(void *context, uint64_t position, uint64_t head)
{
    struct meanwhile *meanwhile = context;
    struct error error = {0};
    cr_assert(position <= head);
    if (++meanwhile->calls > 3)
        return;
    placed(meanwhile->shop, 10 + meanwhile->calls, "tea", 1);
    cr_assert_str_eq(link_of(meanwhile->shop, "orders"), "orders.1.db");
    if (meanwhile->calls == 3)
        return; /* now the rebuild holds the lock: nobody else can fold */
    if (meanwhile->calls == 1)
        fold(meanwhile->shop, &orders_projection);
    else
        cr_assert_eq(projector_step(meanwhile->projector, NULL, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(number_in(meanwhile->shop, "views/orders.db", "SELECT count(*) FROM orders"), 5 + meanwhile->calls);
}

Test(rebuild, catches_up_while_the_old_view_serves_and_follows)
{
    struct history *shop = history_new();
    struct meanwhile meanwhile = {.shop = shop};
    struct rebuild_report report;
    struct error error = {0};
    cr_assert_eq(projector_open(&meanwhile.projector, &shop->home, NULL, 0, &error), STATUS_OK);
    busy_week(shop);
    cr_assert_eq(projector_step(meanwhile.projector, NULL, &error), STATUS_OK);
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, sell_on, &meanwhile, &report, &error), STATUS_OK, "%s",
                 error.text);
    cr_assert_eq(meanwhile.calls, 3);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(report.position, 38, "the third came when the last rest was being folded");
    cr_assert_eq(projector_step(meanwhile.projector, NULL, &error), STATUS_OK);
    cr_assert_eq(number_in(shop, "views/orders.2.db", "SELECT count(*) FROM orders"), 8);
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&meanwhile.projector);
    history_end(shop);
}

/* What a program of before still asks: the version that it knows. */
static enum status ask_before(struct history *shop, int64_t *orders, struct error *error)
{
    struct projection before = orders_projection;
    struct view *view = NULL;
    before.version = orders_projection.version - 1;
    enum status status = view_open_fresh(&view, &shop->home, &before, 1000, error);
    *orders = status == STATUS_OK ? number_in(shop, "views/orders.db", "SELECT count(*) FROM orders") : 0;
    view_close(&view);
    return status;
}

static void ask_meanwhile(void *context, uint64_t position, uint64_t head)
{
    struct meanwhile *meanwhile = context;
    struct error error = {0};
    int64_t orders;
    (void)position, (void)head;
    if (++meanwhile->calls > 1)
        return;
    placed(meanwhile->shop, 11, "tea", 1);
    cr_assert_eq(ask_before(meanwhile->shop, &orders, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(orders, 6, "it serves, and follows");
}

Test(rebuild, a_view_of_an_older_version_serves_until_the_new_one_has_caught_up)
{
    struct history *shop = history_new();
    struct meanwhile meanwhile = {.shop = shop};
    struct rebuild_report report;
    struct error error = {0};
    int64_t orders;
    busy_week(shop);
    cr_assert_eq(ask_before(shop, &orders, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, ask_meanwhile, &meanwhile, &report, &error), STATUS_OK,
                 "%s", error.text);
    cr_assert_geq(meanwhile.calls, 1);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    assert_view_equals_roll(shop, &orders_projection);
    cr_assert_eq(ask_before(shop, &orders, &error), STATUS_NEWER);
    history_end(shop);
}

Test(rebuild, is_what_the_projector_does_with_a_view_of_an_older_version)
{
    struct history *shop = history_new();
    struct projector *projector = NULL;
    struct projector_progress progress;
    struct error error = {0};
    int64_t orders;
    busy_week(shop);
    cr_assert_eq(ask_before(shop, &orders, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(projector_open(&projector, &shop->home, NULL, 0, &error), STATUS_OK);
    cr_assert_eq(projector_step(projector, &progress, &error), STATUS_OK);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(shop->notices, 0, "nothing was set aside");
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&projector);
    history_end(shop);
}

static void rebuild_again(void *context, uint64_t position, uint64_t head)
{
    struct rebuild_report report;
    struct error error = {0};
    struct meanwhile *meanwhile = context;
    (void)position;
    (void)head;
    meanwhile->calls++;
    cr_assert_eq(view_rebuild(&meanwhile->shop->home, &orders_projection, NULL, NULL, &report, &error), STATUS_BUSY);
    cr_assert(strstr(error.text, "being rebuilt already") != NULL, "%s", error.text);
}

Test(rebuild, runs_once_at_a_time)
{
    struct history *shop = history_new();
    struct meanwhile meanwhile = {.shop = shop};
    struct rebuild_report report;
    struct error error = {0};
    busy_week(shop);
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, rebuild_again, &meanwhile, &report, &error), STATUS_OK);
    cr_assert(meanwhile.calls > 0);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

static void sell_and_delete(void *context, uint64_t position, uint64_t head)
{
    struct meanwhile *meanwhile = context;
    (void)position;
    (void)head;
    if (++meanwhile->calls == meanwhile->delete_at) {
        delete_views(meanwhile->shop);
        fold(meanwhile->shop, &orders_projection); /* somebody makes a new one, with the same number */
    } else if (meanwhile->calls < meanwhile->delete_at) {
        placed(meanwhile->shop, 10 + meanwhile->calls, "tea", 1);
    }
}

static void gives_up_when_deleted_at(int call)
{
    struct history *shop = history_new();
    struct meanwhile meanwhile = {.shop = shop, .delete_at = call};
    struct rebuild_report report;
    struct error error = {0};
    busy_week(shop);
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, sell_and_delete, &meanwhile, &report, &error),
                 STATUS_IO);
    cr_assert(strstr(error.text, "try again") != NULL, "%s", error.text);
    assert_view_equals_roll(shop, &orders_projection);
    rebuilt(shop, &orders_projection);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(rebuild, gives_up_when_views_is_deleted_while_it_builds)
{
    gives_up_when_deleted_at(1);
}

Test(rebuild, gives_up_when_views_is_deleted_while_it_catches_up)
{
    gives_up_when_deleted_at(2);
}

/* ---- killed ---- */

static int kill_at_call;

/* Gives the rebuild something to do in each of its phases, and dies in one of them. */
static void sell_and_die(void *context, uint64_t position, uint64_t head)
{
    static int calls;
    (void)position;
    (void)head;
    if (++calls == kill_at_call)
        kill(getpid(), SIGKILL);
    placed(context, 10 + calls, "tea", 1);
}

static void rebuild_and_die(struct history *shop)
{
    struct rebuild_report report;
    struct error error;
    (void)!view_rebuild(&shop->home, &orders_projection, sell_and_die, shop, &report, &error);
}

static void expect_no_remains(void *context, uint64_t position, uint64_t head)
{
    (void)position;
    (void)head;
    cr_assert_eq(files_like(context, "orders.2."), 0, "they go first: the new file may need their room");
}

static void killed_in_phase(int phase)
{
    struct rebuild_report report;
    struct error error = {0};
    struct history *shop = history_new();
    busy_week(shop);
    fold(shop, &orders_projection);
    kill_at_call = phase;
    dies(shop, rebuild_and_die);

    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db", "the old view is untouched");
    cr_assert_eq(number_in(shop, "views/orders.db", "SELECT position FROM meta"), 36);
    cr_assert(files_like(shop, "orders.2.db") > 0, "or it was not in the middle of it");
    assert_view_equals_roll(shop, &orders_projection);

    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, expect_no_remains, shop, &report, &error), STATUS_OK,
                 "%s", error.text);
    cr_assert_eq(files_like(shop, "orders.1."), 0);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(rebuild, killed_while_it_builds_leaves_the_old_view)
{
    killed_in_phase(1);
}

Test(rebuild, killed_while_it_catches_up_leaves_the_old_view)
{
    killed_in_phase(2);
}

Test(rebuild, killed_with_the_lock_held_leaves_the_old_view_and_the_lock_free)
{
    killed_in_phase(3);
}
