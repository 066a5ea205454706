/* Somebody else is faster: what happens between a decision and its commit. A service's `finish` runs exactly there. */
#include <stdio.h>
#include <string.h>

#include "services/batch.h"
#include "tests/services/saga.h"

static struct saga saga;

/* What somebody else does, once, between the next decision and its commit. */
static void (*meanwhile)(void);

static void let_it_happen(void)
{
    void (*happens)(void) = meanwhile;
    meanwhile = NULL;
    if (happens != NULL)
        happens();
}

static enum status finish_meanwhile(void *self, struct error *error)
{
    (void)self, (void)error;
    let_it_happen();
    return STATUS_OK;
}

/* Only for services without an outside: they have no `finish` of their own. */
static void step_while(int which, void (*happens)(void))
{
    struct service service = saga.houses[which].service;
    const struct consumer_options options = {.clock = &saga.clock, .producer = "test"};
    struct progress progress;
    cr_assert_null(service.finish);
    service.finish = finish_meanwhile;
    meanwhile = happens;
    consumer_close(&saga.consumers[which]);
    cr_assert_eq(consumer_open(&saga.consumers[which], saga.store, &service, &options, &saga.error), STATUS_OK);
    cr_assert_eq(consumer_step(saga.consumers[which], &progress, &saga.error), STATUS_OK, "%s", saga.error.text);
    cr_expect_null(meanwhile, "there was nothing to decide");
}

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(conflicts, .init = open_shop, .fini = close_shop);

static void twenty_are_delivered(void)
{
    const struct receive_stock delivery = {.sku = "tea", .quantity = 20};
    cr_assert_eq(desk_receive(&saga.desk, &delivery, &saga.error), STATUS_OK);
}

static void the_customer_cancels(void)
{
    cr_assert_eq(saga_cancel(&saga, "1"), STATUS_OK);
}

Test(conflicts, a_shelf_that_is_filled_while_it_is_found_short_is_looked_at_again)
{
    saga_place(&saga, "1", "tea", 11, "tok_ok");
    saga_step(&saga, PAYMENT);
    step_while(INVENTORY, twenty_are_delivered);
    cr_expect_eq(saga_count(&saga, "StockReservationFailed"), 0);
    cr_expect_eq(saga_count(&saga, "StockReserved"), 1);
}

Test(conflicts, what_was_decided_before_a_conflict_is_forgotten)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    step_while(INVENTORY, twenty_are_delivered);
    saga_place(&saga, "2", "tea", 28, "tok_ok"); /* exactly what is left */
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "StockReserved"), 2);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 30);
}

Test(conflicts, an_order_that_is_cancelled_while_it_is_being_confirmed_is_not_confirmed)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    saga_step(&saga, INVENTORY);
    step_while(ORDER, the_customer_cancels);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 0);
    cr_expect_eq(saga_count(&saga, "OrderCancellationRequested"), 1);
}

/* Again and again. */
static void somebody_always_delivers(void)
{
    const struct receive_stock delivery = {.sku = "tea", .quantity = 1};
    cr_assert_eq(desk_receive(&saga.desk, &delivery, &saga.error), STATUS_OK);
    meanwhile = somebody_always_delivers;
}

Test(conflicts, who_is_never_fast_enough_says_that_others_are_busy)
{
    struct service service = saga.houses[INVENTORY].service;
    const struct consumer_options options = {.clock = &saga.clock, .producer = "test"};
    struct progress progress;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    service.finish = finish_meanwhile;
    meanwhile = somebody_always_delivers;
    consumer_close(&saga.consumers[INVENTORY]);
    cr_assert_eq(consumer_open(&saga.consumers[INVENTORY], saga.store, &service, &options, &saga.error), STATUS_OK);
    cr_assert_eq(consumer_step(saga.consumers[INVENTORY], &progress, &saga.error), STATUS_BUSY);
    cr_expect(strstr(saga.error.text, "inventory found its streams moved 20 times in a row") != NULL, "%s",
              saga.error.text);
    meanwhile = NULL;
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "StockReserved"), 1);
}

/* ---- the desk: asks its clock after it has loaded the order ---- */

static int64_t clock_meanwhile(void *context)
{
    let_it_happen();
    return fake_clock(context).now_us(context);
}

static enum status place_while(void (*happens)(void), int64_t quantity, bool *done_already)
{
    const struct clock clock = {.now_us = clock_meanwhile, .context = &saga.time};
    const struct desk_line line = {.sku = "tea", .quantity = quantity};
    const struct desk_order order = {.order_ref = "1", .customer = "ada", .lines = &line, .line_count = 1};
    struct shop_desk desk = saga.desk;
    struct uuid id;
    desk.clock = &clock;
    meanwhile = happens;
    return desk_place(&desk, &order, &id, done_already, &saga.error);
}

static void the_same_is_placed(void)
{
    cr_assert_eq(saga_place(&saga, "1", "tea", 2, "tok_ok"), STATUS_OK);
}

Test(conflicts, two_who_place_one_order_at_once_place_one_order)
{
    bool done_already = false;
    cr_expect_eq(place_while(the_same_is_placed, 2, &done_already), STATUS_OK);
    cr_expect(done_already);
    cr_expect_eq(saga_count(&saga, "OrderPlaced"), 1);
}

Test(conflicts, of_two_who_place_different_orders_under_one_ref_the_second_is_refused)
{
    cr_expect_eq(place_while(the_same_is_placed, 3, NULL), STATUS_REFUSED);
    cr_expect_eq(saga_count(&saga, "OrderPlaced"), 1);
}

/* ---- ids: why a repeat makes the same events ---- */

static enum status keep_event(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    *(struct recorded_event *)context = *event;
    return STATUS_STOPPED;
}

/* Its texts are gone, its numbers and ids are good. */
static struct recorded_event first_of(const char *type)
{
    struct recorded_event event = {0};
    const struct roll_query query = {.types = &type, .type_count = 1};
    cr_assert_eq(eventstore_read_roll(saga.store, &query, keep_event, &event, &saga.error), STATUS_OK);
    cr_assert_gt(event.position, 0);
    return event;
}

Test(conflicts, an_answer_has_its_id_from_its_cause)
{
    char order[UUID_TEXT_SIZE];
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    struct recorded_event placed = first_of("OrderPlaced"), captured = first_of("PaymentCaptured");
    uuid_to_text(desk_order_id(&saga.desk, "1"), order);
    struct uuid expected = answer_id(placed.id, "payment", "payment", order, "PaymentCaptured", 0);
    cr_expect(uuid_equal(captured.id, expected));
    cr_expect_eq(captured.causation, placed.position);
    cr_expect(uuid_equal(captured.correlation, desk_order_id(&saga.desk, "1")));
}

Test(conflicts, no_two_answers_have_the_same_id)
{
    const struct uuid cause = {{1}}, other = {{2}};
    const struct uuid id = answer_id(cause, "payment", "payment", "1", "PaymentCaptured", 0);
    cr_expect_not(uuid_equal(id, answer_id(other, "payment", "payment", "1", "PaymentCaptured", 0)));
    cr_expect_not(uuid_equal(id, answer_id(cause, "order", "payment", "1", "PaymentCaptured", 0)));
    cr_expect_not(uuid_equal(id, answer_id(cause, "payment", "order", "1", "PaymentCaptured", 0)));
    cr_expect_not(uuid_equal(id, answer_id(cause, "payment", "payment", "2", "PaymentCaptured", 0)));
    cr_expect_not(uuid_equal(id, answer_id(cause, "payment", "payment", "1", "PaymentDeclined", 0)));
    cr_expect_not(uuid_equal(id, answer_id(cause, "payment", "payment", "1", "PaymentCaptured", 1)));
}

Test(conflicts, a_mail_is_named_after_the_event_that_tells_of_it)
{
    char path[TEMPORARY_SIZE + 2 * UUID_TEXT_SIZE], id[UUID_TEXT_SIZE], line[256];
    bool found = false;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    uuid_to_text(first_of("NotificationSent").id, id);
    snprintf(path, sizeof path, "cat %s/mail/new/*", saga.folder);
    FILE *mail = popen(path, "r");
    cr_assert_not_null(mail);
    while (fgets(line, sizeof line, mail) != NULL)
        found = found || (strncmp(line, "Message-ID:", 11) == 0 && strstr(line, id) != NULL);
    pclose(mail);
    cr_expect(found);
}
