#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/journeys.h"
#include "tests/projections/history.h"

struct journal {
    char text[2048]; /* "ref status: event@position …\n" */
    int64_t last_at_us;
};

static enum status note(void *context, const struct journey_row *row, struct error *error)
{
    (void)error;
    struct journal *journal = context;
    size_t used = strlen(journal->text);
    used += (size_t)snprintf(journal->text + used, sizeof journal->text - used, "%s %s:", row->order_ref, row->status);
    for (size_t i = 0; i < row->step_count; i++)
        used += (size_t)snprintf(journal->text + used, sizeof journal->text - used, " %s@%d",
                                 event_type_name(row->steps[i].event), (int)row->steps[i].position);
    snprintf(journal->text + used, sizeof journal->text - used, "\n");
    journal->last_at_us = row->steps[row->step_count - 1].at_us;
    return STATUS_OK;
}

static struct journal read_all(struct history *shop, const struct journey_filter *filter)
{
    struct journal journal = {0};
    struct error error;
    struct view *view = fresh(shop, &journeys_projection);
    cr_assert_eq(journeys_each(view, filter, note, &journal, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return journal;
}

Test(journeys, hold_every_step_of_the_orders_own_streams_and_no_other)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct uuid third = order_id(3);
    struct journal journal = read_all(shop, &(struct journey_filter){.order = &third});
    cr_assert_str_eq(journal.text, "ref 3 cancelled: OrderPlaced@14 PaymentCaptured@15 StockReserved@17 "
                                   "OrderConfirmed@18 NotificationSent@19 OrderCancellationRequested@20 "
                                   "PaymentRefunded@21 StockReleased@23 OrderCancelled@24 NotificationSent@25\n");
    cr_assert_eq(journal.last_at_us, history_time(25));
    assert_view_equals_roll(shop, &journeys_projection);
    history_end(shop);
}

Test(journeys, can_be_asked_for_those_that_are_unsettled_or_quiet)
{
    struct history *shop = history_new();
    busy_week(shop);
    placed(shop, 6, "tea", 1);
    happened(shop, 6, EVENT_ORDER_CANCELLATION_REQUESTED);
    const char *fifth = "ref 5 placed: OrderPlaced@36\n";
    const char *both = "ref 5 placed: OrderPlaced@36\n"
                       "ref 6 cancelling: OrderPlaced@37 OrderCancellationRequested@38\n";
    struct journey_filter unsettled = {.unsettled_only = true};
    struct journey_filter stuck = {.unsettled_only = true, .quiet_since_us = history_time(38)};
    struct journey_filter none = {.unsettled_only = true, .quiet_since_us = history_time(36)};
    cr_assert_str_eq(read_all(shop, &unsettled).text, both);
    cr_assert_str_eq(read_all(shop, &stuck).text, fifth);
    cr_assert_str_eq(read_all(shop, &none).text, "");
    history_end(shop);
}

Test(journeys, an_order_that_is_not_there_is_not_found)
{
    struct history *shop = history_new();
    struct journal journal = {0};
    struct error error = {0};
    struct uuid ninth = order_id(9);
    busy_week(shop);
    struct view *view = fresh(shop, &journeys_projection);
    cr_assert_eq(journeys_each(view, &(struct journey_filter){.order = &ninth}, note, &journal, &error),
                 STATUS_NOT_FOUND);
    cr_assert_eq(journeys_each(view, NULL, note, &journal, &error), STATUS_OK);
    view_close(&view);
    history_end(shop);
}

/* ---- what a journey waits for: pure, no view ---- */

#define WAITS(who, ...)                                                                                                \
    do {                                                                                                               \
        const char *expected = (who),                                                                                  \
                   *waits = after((enum event_type[]){EVENT_ORDER_PLACED, __VA_ARGS__, EVENT_TYPES});                  \
        cr_assert((waits == NULL) == (expected == NULL) && (waits == NULL || strcmp(waits, expected) == 0),            \
                  "waits for %s, not for %s", waits != NULL ? waits : "nothing",                                       \
                  expected != NULL ? expected : "nothing");                                                            \
    } while (0)

static const char *after(const enum event_type *events)
{
    struct journey_step steps[32];
    size_t count = 0;
    for (; events[count] != EVENT_TYPES; count++)
        steps[count] = (struct journey_step){.event = events[count], .position = count + 1};
    return journey_waits_for(&(struct journey_row){.steps = steps, .step_count = count});
}

#define CAPTURED  EVENT_PAYMENT_CAPTURED
#define DECLINED  EVENT_PAYMENT_DECLINED
#define REFUNDED  EVENT_PAYMENT_REFUNDED
#define RESERVED  EVENT_STOCK_RESERVED
#define FAILED    EVENT_STOCK_RESERVATION_FAILED
#define WITHDRAWN EVENT_RESERVATION_WITHDRAWN
#define RELEASED  EVENT_STOCK_RELEASED
#define CONFIRMED EVENT_ORDER_CONFIRMED
#define REQUESTED EVENT_ORDER_CANCELLATION_REQUESTED
#define CANCELLED EVENT_ORDER_CANCELLED
#define REJECTED  EVENT_ORDER_REJECTED
#define SHIPPED   EVENT_ORDER_SHIPPED
#define TOLD      EVENT_NOTIFICATION_SENT

Test(journey, waits_along_the_happy_path_for_one_service_after_the_other)
{
    cr_assert_str_eq(after((enum event_type[]){EVENT_ORDER_PLACED, EVENT_TYPES}), "payment");
    WAITS("inventory", CAPTURED);
    WAITS("order", CAPTURED, RESERVED);
    WAITS("notification", CAPTURED, RESERVED, CONFIRMED);
    WAITS(NULL, CAPTURED, RESERVED, CONFIRMED, TOLD);
    WAITS("inventory", CAPTURED, RESERVED, CONFIRMED, TOLD, SHIPPED);
    WAITS("notification", CAPTURED, RESERVED, CONFIRMED, TOLD, SHIPPED, EVENT_RESERVATION_SHIPPED);
    WAITS(NULL, CAPTURED, RESERVED, CONFIRMED, TOLD, SHIPPED, EVENT_RESERVATION_SHIPPED, TOLD);
    WAITS("notification", CAPTURED, RESERVED, CONFIRMED, SHIPPED, EVENT_RESERVATION_SHIPPED, TOLD);
}

Test(journey, waits_after_a_refused_card_for_the_order_and_then_the_mail)
{
    WAITS("order", DECLINED);
    WAITS("notification", DECLINED, REJECTED);
    WAITS(NULL, DECLINED, REJECTED, TOLD);
}

Test(journey, waits_when_stock_is_short_for_the_refund_first)
{
    WAITS("payment", CAPTURED, FAILED);
    WAITS("order", CAPTURED, FAILED, REFUNDED);
    WAITS("notification", CAPTURED, FAILED, REFUNDED, CANCELLED);
    WAITS(NULL, CAPTURED, FAILED, REFUNDED, CANCELLED, TOLD);
}

Test(journey, waits_after_a_cancellation_for_whoever_the_order_hangs_on)
{
    WAITS("payment", REQUESTED);
    WAITS("payment", REQUESTED, WITHDRAWN);
    WAITS("payment", REQUESTED, CAPTURED);
    WAITS("order", REQUESTED, CAPTURED, REFUNDED);
    WAITS("inventory", REQUESTED, CAPTURED, REFUNDED, CANCELLED);
    WAITS("notification", REQUESTED, CAPTURED, REFUNDED, CANCELLED, WITHDRAWN);
    WAITS(NULL, REQUESTED, CAPTURED, REFUNDED, CANCELLED, WITHDRAWN, TOLD);
    WAITS("order", REQUESTED, DECLINED, WITHDRAWN);
    WAITS("inventory", REQUESTED, DECLINED, CANCELLED);
}

Test(journey, waits_after_a_late_cancellation_for_refund_and_release)
{
    WAITS("payment", CAPTURED, RESERVED, CONFIRMED, TOLD, REQUESTED);
    WAITS("payment", CAPTURED, RESERVED, CONFIRMED, TOLD, REQUESTED, RELEASED);
    WAITS("order", CAPTURED, RESERVED, CONFIRMED, TOLD, REQUESTED, RELEASED, REFUNDED);
    WAITS("inventory", CAPTURED, RESERVED, CONFIRMED, TOLD, REQUESTED, REFUNDED, CANCELLED, TOLD);
    WAITS(NULL, CAPTURED, RESERVED, CONFIRMED, TOLD, REQUESTED, REFUNDED, CANCELLED, RELEASED, TOLD);
    WAITS("payment", CAPTURED, FAILED, REQUESTED);   /* one refund answers both */
    WAITS("payment", CAPTURED, RESERVED, REQUESTED); /* it will not be confirmed */
}

Test(journeys, with_a_step_that_is_none_are_damaged)
{
    static const char *const damages[] = {
        "UPDATE step SET event = 'OrderBlessed' WHERE position = 15",
        "UPDATE step SET at_us = 9223372036854775807 WHERE position = 15",
        "UPDATE step SET at_us = -9223372036854775807 WHERE position = 15",
        "DELETE FROM step",
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct history *shop = history_new();
        struct journal journal = {0};
        struct error error = {0};
        busy_week(shop);
        (void)read_all(shop, NULL);
        meddle(shop, "views/journeys.1.db", damages[i]);
        struct view *view = fresh(shop, &journeys_projection);
        cr_expect_eq(journeys_each(view, NULL, note, &journal, &error), STATUS_DAMAGED, "%s", damages[i]);
        cr_expect_not_null(strstr(error.text, "the view journeys holds a "), "%s", error.text);
        view_close(&view);
        history_end(shop);
    }
}
