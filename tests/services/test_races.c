/* Every race of EVENTS.md that needs no fault, by its name. That they hold in every order of handling, tests/sagas
 * shows; here each is one story, on the real store, with the bank's book and the mails counted. */
#include <sqlite3.h>
#include <stdio.h>

#include "tests/services/saga.h"

static struct saga saga;

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(races, .init = open_shop, .fini = close_shop);

Test(races, cancelled_before_payment_has_run_is_charged_then_refunded)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_cancel(&saga, "1");
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    saga_settle(&saga);
    saga_expect(&saga, "1",
                "OrderPlaced OrderCancellationRequested PaymentCaptured PaymentRefunded OrderCancelled"
                " ReservationWithdrawn NotificationSent");
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 0);
    cr_expect_eq(saga_count(&saga, "UnitsReserved"), 0);
}

Test(races, cancelled_before_payment_has_run_with_a_bad_card_is_declined_and_cancelled)
{
    saga_place(&saga, "1", "tea", 2, "tok_declined");
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    saga_expect(&saga, "1",
                "OrderPlaced OrderCancellationRequested PaymentDeclined ReservationWithdrawn OrderCancelled"
                " NotificationSent");
    cr_expect_eq(saga_movements(&saga), 0);
}

Test(races, cancelled_between_payment_and_reservation_is_withdrawn_when_the_cancellation_is_handled_first)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_cancel(&saga, "1"); /* stands before the capture on the roll: inventory sees it first */
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "ReservationWithdrawn"), 1);
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 1);
    cr_expect_eq(saga_count(&saga, "OrderCancelled"), 1);
}

Test(races, cancelled_between_payment_and_reservation_is_released_when_the_capture_is_handled_first)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    saga_cancel(&saga, "1");
    saga_step(&saga, INVENTORY);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 2);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "StockReleased"), 1);
    cr_expect_eq(saga_count(&saga, "UnitsReleased"), 1);
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 1);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 0);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 0);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

Test(races, out_of_stock_and_cancelled_at_once_is_one_refund_for_the_first_cause_handled)
{
    saga_place(&saga, "1", "tea", 11, "tok_ok");
    saga_step(&saga, PAYMENT);
    saga_step(&saga, INVENTORY);
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    saga_expect(&saga, "1",
                "OrderPlaced PaymentCaptured StockReservationFailed OrderCancellationRequested PaymentRefunded"
                " OrderCancelled NotificationSent");
    cr_expect_eq(saga_movements(&saga), 2);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

Test(races, declined_and_cancelled_at_once_is_rejected_if_the_refusal_came_first)
{
    saga_place(&saga, "1", "tea", 2, "tok_declined");
    saga_step(&saga, PAYMENT);
    saga_step(&saga, ORDER);
    cr_expect_eq(saga_cancel(&saga, "1"), STATUS_REFUSED);
    saga_settle(&saga);
    saga_expect(&saga, "1", "OrderPlaced PaymentDeclined OrderRejected NotificationSent");
    cr_expect_eq(saga_mails(&saga), 1);
}

Test(races, declined_and_cancelled_at_once_is_cancelled_if_the_cancellation_came_first)
{
    saga_place(&saga, "1", "tea", 2, "tok_declined");
    saga_step(&saga, PAYMENT);
    cr_expect_eq(saga_cancel(&saga, "1"), STATUS_OK);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderCancelled"), 1);
    cr_expect_eq(saga_count(&saga, "OrderRejected"), 0);
    cr_expect_eq(saga_mails(&saga), 1);
}

Test(races, there_is_no_confirmation_after_a_cancellation_request)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    saga_step(&saga, INVENTORY);
    saga_cancel(&saga, "1");
    saga_step(&saga, ORDER); /* handles StockReserved while cancelling */
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 0);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 0);
    cr_expect_eq(saga_mails(&saga), 1);
}

Test(races, shipped_and_cancelled_at_once_lets_one_of_them_win)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    cr_expect_eq(saga_ship(&saga, "1"), STATUS_OK);
    cr_expect_eq(saga_cancel(&saga, "1"), STATUS_REFUSED);
    saga_place(&saga, "2", "tea", 2, "tok_ok");
    saga_settle(&saga);
    cr_expect_eq(saga_cancel(&saga, "2"), STATUS_OK);
    cr_expect_eq(saga_ship(&saga, "2"), STATUS_REFUSED);
    saga_settle(&saga);
    struct stock tea = saga_stock(&saga, "tea");
    cr_expect_eq(tea.on_hand, 8);
    cr_expect_eq(tea.reserved, 0);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
    cr_expect_eq(saga_money_kept(&saga, "2"), 0);
}

/* A service that has lost its place is told everything again: its own state says what it has answered. */
static void set_back(const char *consumer)
{
    struct error error = {0};
    uint64_t stands = 0;
    cr_assert_eq(eventstore_checkpoint(saga.store, consumer, &stands, &error), STATUS_OK);
    char path[TEMPORARY_SIZE + 16], sql[128];
    sqlite3 *raw = NULL;
    snprintf(path, sizeof path, "%s/events.db", saga.folder);
    snprintf(sql, sizeof sql, "DELETE FROM checkpoint WHERE consumer = '%s'", consumer);
    cr_assert_eq(sqlite3_open(path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, "PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(raw);
}

Test(races, a_checkpoint_set_back_makes_nothing_happen_twice)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_place(&saga, "2", "tea", 11, "tok_ok");
    saga_place(&saga, "3", "tea", 1, "tok_declined");
    saga_settle(&saga);
    uint64_t before = 0, after = 0;
    struct error error = {0};
    cr_assert_eq(eventstore_head(saga.store, &before, &error), STATUS_OK);
    for (int service = 0; service < SERVICES_COUNT; service++) {
        set_back(service_names[service]);
        saga_restart(&saga, service);
    }
    int movements = saga_movements(&saga), mails = saga_mails(&saga);
    saga_settle(&saga);
    cr_assert_eq(eventstore_head(saga.store, &after, &error), STATUS_OK);
    cr_expect_eq(before, after);
    cr_expect_eq(saga_movements(&saga), movements);
    cr_expect_eq(saga_mails(&saga), mails);
}

Test(races, a_second_instance_of_a_service_is_fenced_and_writes_nothing)
{
    struct service_house twin_house;
    struct consumer *twin = NULL;
    struct progress progress;
    struct error error = {0};
    const struct consumer_options options = {.clock = &saga.clock, .batch_events = 1, .producer = "test"};
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_place(&saga, "2", "tea", 2, "tok_ok");
    cr_assert_eq(service_house_open(&twin_house, "payment", saga.folder, &saga.clock, &error), STATUS_OK);
    cr_assert_eq(consumer_open(&twin, saga.store, &twin_house.service, &options, &error), STATUS_OK);
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    /* The twin still believes that it stands at the beginning: own state makes it answer nothing for what is paid, and
     * its checkpoint is refused when it comes to write. */
    enum status status = STATUS_OK;
    for (int i = 0; i < 5 && status == STATUS_OK; i++)
        status = consumer_step(twin, &progress, &error);
    saga_place(&saga, "3", "tea", 1, "tok_ok");
    if (status == STATUS_OK)
        status = consumer_step(twin, &progress, &error);
    cr_expect_eq(status, STATUS_FENCED);
    consumer_close(&twin);
    service_house_close(&twin_house);
    saga_settle(&saga);
    cr_expect_eq(saga_movements(&saga), 3);
    cr_expect_eq(saga_count(&saga, "PaymentCaptured"), 3);
}

Test(races, the_same_ref_placed_twice_is_one_order)
{
    cr_expect_eq(saga_place(&saga, "1", "tea", 2, "tok_ok"), STATUS_OK);
    cr_expect_eq(saga_place(&saga, "1", "tea", 2, "tok_ok"), STATUS_OK);
    cr_expect_eq(saga_place(&saga, "1", "tea", 3, "tok_ok"), STATUS_REFUSED);
    saga_settle(&saga);
    cr_expect_eq(saga_place(&saga, "1", "tea", 2, "tok_ok"), STATUS_OK);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderPlaced"), 1);
    cr_expect_eq(saga_movements(&saga), 1);
}
