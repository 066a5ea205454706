/* Whatever allocation or call of the system fails while views are folded, it is said, and the next attempt goes well.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/compare.h"
#include "projections/fold.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/stock.h"
#include "projections/view_file.h"
#include "tests/projections/history.h"
#include "tests/support/mishap.h"

static struct history *shop;

static void open_shop(void)
{
    char entity[UUID_TEXT_SIZE], data[96];
    mishap_install();
    shop = history_new();
    busy_week(shop);
    /* Spelled otherwise than the encoder does: left to the strict reader, whose memory can end too. */
    uuid_to_text(order_id(4), entity);
    snprintf(data, sizeof data, "{ \"order_id\":\"%s\",\"carrier\":\"post\"}", entity);
    state_raw(shop, "order", entity, "OrderShipped", 1, data);
}

static void close_shop(void)
{
    assert_view_equals_roll(shop, &orders_projection);
    assert_view_equals_roll(shop, &stock_projection);
    history_end(shop);
}

TestSuite(mishaps, .init = open_shop, .fini = close_shop, .timeout = 7000);

/* ---- the deeds ---- */

static enum status opens(struct view **view, struct error *error)
{
    return view_open_fresh(view, &shop->home, &orders_projection, VIEW_PATIENCE_MS, error);
}

static enum status folds_anew(void *context, unsigned turn, struct error *error)
{
    struct view *view = NULL;
    (void)context, (void)turn;
    enum status status = view_set_aside(&shop->home, &orders_projection, "it is time", error);
    if (status == STATUS_OK)
        status = opens(&view, error);
    view_close(&view);
    return status;
}

static enum status opens_what_is_there(void *context, unsigned turn, struct error *error)
{
    struct view *view = NULL;
    (void)context, (void)turn;
    enum status status = opens(&view, error);
    view_close(&view);
    return status;
}

/* Its files are known to nobody, so they are looked at under the view's lock. */
static enum status opens_what_nobody_recorded(void *context, unsigned turn, struct error *error)
{
    char record[PATH_SIZE];
    uint8_t digest[VIEW_DIGEST_BYTES];
    struct view *view = NULL;
    (void)context, (void)turn;
    snprintf(record, sizeof record, "%s/run/view-orders.files", shop->folder);
    (void)remove(record);
    enum status status = opens(&view, error);
    if (status == STATUS_OK) {
        cr_assert(view->save != NULL, "it can be folded on");
        status = view_digest(view, digest, error);
    }
    view_close(&view);
    return status;
}

static enum status looks_back(void *context, unsigned turn, struct error *error)
{
    enum status status = STATUS_OK;
    (void)context, (void)turn;
    for (size_t i = 0; status == STATUS_OK && i < projection_count; i++) {
        struct view *view = NULL;
        status = view_open_at(&view, shop->store, projections[i], 20, error);
        view_close(&view);
    }
    return status;
}

static enum status asks_for_the_head(void *context, unsigned turn, struct error *error)
{
    uint64_t head = 0;
    (void)turn;
    return view_check_head(shop->store, context, &head, error);
}

static enum status rebuilds(void *context, unsigned turn, struct error *error)
{
    struct rebuild_report report;
    (void)context, (void)turn;
    return view_rebuild(&shop->home, &orders_projection, NULL, NULL, &report, error);
}

static enum status inspects(void *context, unsigned turn, struct error *error)
{
    struct view_state state;
    (void)context, (void)turn;
    return view_inspect(&shop->home, &orders_projection, &state, error);
}

static enum status opens_a_projector(void *context, unsigned turn, struct error *error)
{
    struct projector *projector = NULL;
    (void)context, (void)turn;
    enum status status = projector_open(&projector, &shop->home, NULL, 0, error);
    projector_close(&projector);
    return status;
}

static enum status projects(void *context, unsigned turn, struct error *error)
{
    static const struct projection *const chosen[] = {&orders_projection, &stock_projection};
    struct projector *projector = NULL;
    (void)context, (void)turn;
    enum status status = view_set_aside(&shop->home, &orders_projection, "it is time", error);
    if (status == STATUS_OK)
        status = projector_open(&projector, &shop->home, chosen, 2, error);
    if (status == STATUS_OK)
        status = projector_catch_up(projector, VIEW_PATIENCE_MS, NULL, error);
    projector_close(&projector);
    return status;
}

SURVIVES(of_a_view_folded_anew_are_survived, folds_anew, 19)
SURVIVES(of_a_view_that_is_there_are_survived, opens_what_is_there, 3)
SURVIVES(of_a_view_that_nobody_recorded_are_survived, opens_what_nobody_recorded, 3)
SURVIVES(of_looking_back_are_survived, looks_back, 11)
SURVIVES(of_a_rebuild_are_survived, rebuilds, 37)
SURVIVES(of_an_inspection_are_survived, inspects, 1)
SURVIVES(of_opening_a_projector_are_survived, opens_a_projector, 1)
SURVIVES(of_the_projector_are_survived, projects, 37)

Test(mishaps, of_a_look_at_the_head_are_survived)
{
    struct view *view = NULL;
    struct error error;
    cr_assert_eq(opens(&view, &error), STATUS_OK, "%s", error.text);
    survives_no_memory(asks_for_the_head, view, 1);
    survives_interruptions(asks_for_the_head, view, 1);
    view_close(&view);
}

/* ---- views that are replaced again and again ---- */

static uint32_t at_each; /* of so many calls */

static void somebody_replaces_the_view(void)
{
    struct error error;
    cr_assert_eq(view_set_aside(&shop->home, &orders_projection, "it is time", &error), STATUS_OK, "%s", error.text);
    mishap_meanwhile(at_each, somebody_replaces_the_view);
}

static enum status open_while_it_is_replaced(struct error *error)
{
    struct view *view = NULL;
    enum view_condition condition;
    mishap_meanwhile(at_each, somebody_replaces_the_view);
    const enum status status = view_file_open(&view, &shop->home, &orders_projection, false, &condition, error);
    (void)mishap_heal();
    view_close(&view);
    return status;
}

/* At one call of those that opening is made of, the worst. */
Test(mishaps, a_view_that_is_replaced_whenever_it_is_opened_counts_as_missing)
{
    struct view_state state;
    struct error error;
    cr_assert_eq(folds_anew(NULL, 0, &error), STATUS_OK, "%s", error.text);
    for (at_each = 1; open_while_it_is_replaced(&error) != STATUS_BUSY; at_each++)
        cr_assert_lt(at_each, 50, "it was always opened");
    cr_expect_not_null(strstr(error.text, "replaced again and again"), "%s", error.text);
    mishap_meanwhile(at_each, somebody_replaces_the_view);
    cr_expect_eq(view_inspect(&shop->home, &orders_projection, &state, &error), STATUS_OK, "%s", error.text);
    (void)mishap_heal();
    cr_expect_eq(state.condition, VIEW_MISSING);
    cr_expect_not_null(strstr(state.reason, "replaced again and again"), "%s", state.reason);
}
