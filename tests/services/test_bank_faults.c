/* Every race of EVENTS.md that has a fault of the bank in it, by its name: each is one story, on the real store, with
 * the bank's own book counted at its end. */
#include <string.h>

#include "tests/services/faulty_bank.h"
#include "tests/services/saga.h"

#define REJECTED  "OrderPlaced PaymentDeclined OrderRejected NotificationSent"
#define CONFIRMED "OrderPlaced PaymentCaptured StockReserved OrderConfirmed NotificationSent"

static struct saga saga;

static void open_shop(void)
{
    bank_faults = (struct bank_faults){0};
    saga_open(&saga);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(bank_faults, .init = open_shop, .fini = close_shop);

/* Long enough for every attempt that is still to come. */
static void let_all_attempts_pass(void)
{
    for (int64_t i = 0; i <= 2 * saga.retry.attempts; i++) {
        saga_settle(&saga);
        saga.time.now_us += 60000000;
    }
    saga_settle(&saga);
}

static struct parked the_only_parked(void)
{
    struct parked parked = {0};
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    return parked;
}

/* ---- the bank times out having charged, or not ---- */

Test(bank_faults, timed_out_having_charged_is_asked_again_with_the_same_key)
{
    bank_faults.charge = BANK_LOSES_ANSWERS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    bank_faults.charge = BANK_FINE;
    let_all_attempts_pass();
    saga_expect(&saga, "1", CONFIRMED);
    cr_expect_eq(saga_movements(&saga), 1);
    cr_expect_eq(bank_faults.charges, 2);
}

Test(bank_faults, timed_out_not_having_charged_is_asked_again_with_the_same_key)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    bank_faults.charge = BANK_FINE;
    let_all_attempts_pass();
    saga_expect(&saga, "1", CONFIRMED);
    cr_expect_eq(saga_movements(&saga), 1);
}

Test(bank_faults, after_the_last_attempt_a_charge_that_the_bank_knows_is_captured)
{
    bank_faults.charge = BANK_LOSES_ANSWERS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", CONFIRMED);
    cr_expect_eq(bank_faults.charges, saga.retry.attempts);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
}

Test(bank_faults, after_the_last_attempt_a_decline_that_the_bank_knows_is_declined)
{
    bank_faults.charge = BANK_LOSES_ANSWERS;
    saga_place(&saga, "1", "tea", 2, "tok_insufficient_funds");
    let_all_attempts_pass();
    saga_expect(&saga, "1", REJECTED);
    saga_expect_data(&saga, "1", "OrderRejected", "\"reason\":\"insufficient_funds\"");
}

Test(bank_faults, after_the_last_attempt_a_charge_that_the_bank_never_heard_of_is_voided_and_the_order_rejected)
{
    saga_place(&saga, "1", "tea", 2, "tok_unavailable");
    let_all_attempts_pass();
    saga_expect(&saga, "1", REJECTED);
    saga_expect_data(&saga, "1", "OrderRejected", "\"reason\":\"payment_unavailable\"");
    cr_expect_eq(saga_movements(&saga), 0);
    cr_expect_eq(saga_mails(&saga), 1);
}

Test(bank_faults, a_charge_that_arrives_after_the_void_moves_nothing)
{
    struct gateway_answer answer;
    bank_faults.charge = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", REJECTED);
    cr_assert_eq(bank_hears_the_lost_charge(saga.houses[PAYMENT].gateway, &answer, &saga.error), STATUS_OK);
    cr_expect_not(answer.accepted);
    cr_expect_eq(saga_movements(&saga), 0);
}

Test(bank_faults, a_charge_that_arrives_between_lookup_and_void_is_captured)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    bank_faults.charge_arrives_before_void = true;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", CONFIRMED);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(bank_faults, a_service_that_dies_between_void_and_commit_says_unavailable_all_the_same)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    bank_faults.voiding = BANK_LOSES_ANSWERS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", "OrderPlaced");
    bank_faults = (struct bank_faults){0};
    saga_retry_dead_letter(&saga, PAYMENT);
    saga_settle(&saga);
    saga_expect(&saga, "1", REJECTED);
    saga_expect_data(&saga, "1", "OrderRejected", "\"reason\":\"payment_unavailable\"");
}

Test(bank_faults, a_bank_that_cannot_be_reached_at_all_leaves_the_order_to_a_person)
{
    bank_faults.charge = bank_faults.lookup = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", "OrderPlaced");
    cr_expect_eq(the_only_parked().state, PARKED_DEAD);
    cr_expect_eq(the_only_parked().attempts, saga.retry.attempts);
}

Test(bank_faults, a_bank_of_which_no_batch_can_be_had_is_not_looked_up_either)
{
    bank_faults.is_gone = true;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "1", "OrderPlaced");
    cr_expect_eq(the_only_parked().state, PARKED_DEAD);
    cr_expect_eq(bank_faults.charges + bank_faults.lookups, 0);
}

Test(bank_faults, a_bank_that_is_back_is_asked_again_when_a_person_retries)
{
    bank_faults.charge = bank_faults.lookup = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    bank_faults = (struct bank_faults){0};
    saga_retry_dead_letter(&saga, PAYMENT);
    saga_settle(&saga);
    saga_expect(&saga, "1", CONFIRMED);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(bank_faults, a_retry_that_is_not_answered_gives_up_the_same_way)
{
    bank_faults.charge = bank_faults.lookup = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    bank_faults.lookup = BANK_FINE;
    saga_retry_dead_letter(&saga, PAYMENT);
    saga_settle(&saga);
    saga_expect(&saga, "1", REJECTED);
}

Test(bank_faults, an_order_that_waits_does_not_wait_for_a_clock_that_was_set_back)
{
    saga_place(&saga, "1", "tea", 2, "tok_timeout");
    saga_settle(&saga);
    saga.time.now_us -= INT64_C(86400000000);
    saga_settle(&saga);
    saga_expect(&saga, "1", CONFIRMED);
}

/* ---- the bank refuses or loses a refund ---- */

static void expect_refund_owed(void)
{
    let_all_attempts_pass();
    const struct parked parked = the_only_parked();
    cr_expect_eq(parked.state, PARKED_DEAD);
    cr_expect_not_null(strstr(saga.parked_reason, "the shop still owes the customer 10.00 USD"), "%s",
                       saga.parked_reason);
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 0);
    cr_expect_eq(saga_count(&saga, "OrderCancelled"), 0);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 0, "the stock is free all the same");
}

static void confirm_then_cancel(const char *card)
{
    saga_place(&saga, "1", "tea", 2, card);
    saga_settle(&saga);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 2);
    saga_cancel(&saga, "1");
}

Test(bank_faults, a_refund_that_is_refused_is_parked_and_the_stock_is_free)
{
    confirm_then_cancel("tok_refund_refused");
    expect_refund_owed();
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(bank_faults, a_refund_that_never_arrives_is_parked_and_the_stock_is_free)
{
    bank_faults.refund = BANK_LOSES_CALLS;
    confirm_then_cancel("tok_ok");
    expect_refund_owed();
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(bank_faults, a_refund_whose_answers_are_lost_is_parked_until_a_person_asks_again)
{
    bank_faults.refund = BANK_LOSES_ANSWERS;
    confirm_then_cancel("tok_ok");
    expect_refund_owed();
    bank_faults.refund = BANK_FINE;
    saga_retry_dead_letter(&saga, PAYMENT);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 1);
    cr_expect_eq(saga_count(&saga, "OrderCancelled"), 1);
    cr_expect_eq(saga_movements(&saga), 2);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

/* ---- a parked event retried after compensation ---- */

Test(bank_faults, a_charge_retried_after_the_cancellation_is_charged_then_refunded)
{
    bank_faults.charge = bank_faults.lookup = BANK_LOSES_CALLS;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    let_all_attempts_pass();
    cr_assert_eq(the_only_parked().state, PARKED_DEAD);
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 2, "the cancellation waits behind the charge");
    bank_faults = (struct bank_faults){0};
    saga_retry_dead_letter(&saga, PAYMENT);
    let_all_attempts_pass();
    saga_expect(&saga, "1",
                "OrderPlaced OrderCancellationRequested ReservationWithdrawn PaymentCaptured PaymentRefunded"
                " OrderCancelled NotificationSent");
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
    cr_expect_eq(saga_count(&saga, "UnitsReserved"), 0);
}

static enum status fail_to_react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    (void)reaction, (void)cause;
    return error_set(error, STATUS_NOT_FOUND, "out of order");
}

Test(bank_faults, a_reservation_retried_after_the_cancellation_is_reserved_then_released)
{
    struct service *inventory = &saga.houses[INVENTORY].service;
    const struct service sound = *inventory;
    inventory->react = fail_to_react;
    saga_reopen(&saga, INVENTORY);
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    cr_assert_eq(saga_parked(&saga, "inventory", NULL), 2, "the cancellation waits behind the capture");
    *inventory = sound;
    saga_reopen(&saga, INVENTORY);
    saga_retry_dead_letter(&saga, INVENTORY);
    let_all_attempts_pass();
    saga_expect(&saga, "1",
                "OrderPlaced PaymentCaptured OrderCancellationRequested PaymentRefunded OrderCancelled"
                " NotificationSent StockReserved StockReleased");
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 0);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 0);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

/* ---- backoff lets a later order reserve first ---- */

Test(bank_faults, backoff_lets_a_later_order_reserve_first)
{
    saga_place(&saga, "1", "tea", 8, "tok_flaky");
    saga_settle(&saga);
    saga_place(&saga, "2", "tea", 8, "tok_ok");
    let_all_attempts_pass();
    saga_expect(&saga, "2", CONFIRMED);
    saga_expect(&saga, "1",
                "OrderPlaced PaymentCaptured StockReservationFailed PaymentRefunded OrderCancelled NotificationSent");
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 8);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}
