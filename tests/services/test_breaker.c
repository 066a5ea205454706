/* When the bank does not answer: who stops asking, for how long, and who goes on. A fake clock is stepped by hand. */
#include <stdio.h>
#include <string.h>

#include "services/breaker.h"
#include "tests/services/faulty_bank.h"
#include "tests/services/saga.h"

enum { MANY = 64 };

static struct saga saga;

static int64_t cool_down_us(void)
{
    return saga.retry.cool_down_ms * 1000;
}

static void restart_payment_with_batches_of(size_t events)
{
    saga.batch_events = events;
    saga_restart(&saga, PAYMENT);
}

static void open_shop(void)
{
    bank_faults = (struct bank_faults){0};
    saga_open(&saga);
    cr_assert_eq(saga_list(&saga, "rice", 1000), STATUS_OK);
    saga_settle(&saga);
    restart_payment_with_batches_of(MANY);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(breaker, .init = open_shop, .fini = close_shop);

static void place(int first, int count, const char *card)
{
    for (int i = first; i < first + count; i++) {
        char ref[16];
        snprintf(ref, sizeof ref, "%d", i);
        cr_assert_eq(saga_place(&saga, ref, "rice", 1, card), STATUS_OK, "%s", saga.error.text);
    }
}

static struct progress step(void)
{
    return saga_step(&saga, PAYMENT);
}

static struct pause remembered(void)
{
    struct pause pause;
    cr_assert_eq(eventstore_paused(saga.store, "payment", &pause, &saga.error), STATUS_OK);
    return pause;
}

static int threshold(void)
{
    return (int)saga.retry.breaker_threshold;
}

/* So many orders in a row are not answered. */
static void open_breaker(void)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    place(1, threshold(), "tok_ok");
    cr_assert_eq(step().paused_until_us, saga.time.now_us + cool_down_us());
    bank_faults.charges = 0;
}

static void pass_the_pause(void)
{
    saga.time.now_us = remembered().until_us;
}

static int attempts_of_first(void)
{
    struct parked first;
    cr_assert_gt(saga_parked(&saga, "payment", &first), 0);
    return first.attempts;
}

/* ---- opening ---- */

Test(breaker, opens_after_so_many_orders_in_a_row_and_cuts_the_batch_short)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    place(1, MANY, "tok_ok");
    const struct progress progress = step();
    cr_expect_eq(bank_faults.charges, threshold(), "the bank was asked %d times", bank_faults.charges);
    cr_expect_eq((int)progress.handled, threshold());
    cr_expect_eq(progress.paused_until_us, saga.time.now_us + cool_down_us());
    cr_expect_eq(saga_parked(&saga, "payment", NULL), threshold(), "the others are not even read");
}

Test(breaker, stays_closed_one_order_below_the_threshold)
{
    bank_faults.charge = BANK_LOSES_CALLS;
    place(1, threshold() - 1, "tok_ok");
    cr_expect_eq(step().paused_until_us, 0);
    bank_faults.charge = BANK_FINE;
    place(100, MANY, "tok_ok");
    cr_expect_eq((int)step().handled, MANY);
}

Test(breaker, counts_anew_after_every_answer)
{
    for (int i = 0; i < 3 * threshold(); i++) {
        place(10 * i, threshold() - 1, "tok_unavailable");
        place(10 * i + 9, 1, i % 2 == 0 ? "tok_ok" : "tok_declined");
        while (!step().idle)
            cr_expect_eq(remembered().until_us, 0);
    }
}

Test(breaker, takes_a_refused_refund_for_an_answer)
{
    place(1, 1, "tok_refund_refused");
    saga_settle(&saga);
    place(10, threshold() - 1, "tok_unavailable");
    saga_cancel(&saga, "1");
    place(20, 1, "tok_unavailable");
    cr_expect_eq((int)step().handled, threshold() + 1);
    cr_expect_eq(step().paused_until_us, 0);
}

Test(breaker, does_not_take_an_event_that_asked_nobody_for_an_answer)
{
    place(50, 1, "tok_declined");
    step();
    place(1, threshold() - 1, "tok_unavailable");
    saga_cancel(&saga, "50"); /* nothing was captured, so nothing is asked */
    place(20, 1, "tok_unavailable");
    cr_expect_gt(step().paused_until_us, 0);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), threshold());
}

Test(breaker, is_never_opened_by_one_poisoned_journey)
{
    place(1, 1, "tok_unavailable");
    for (int64_t i = 0; i < 2 * saga.retry.attempts; i++) {
        cr_expect_eq(step().paused_until_us, 0);
        saga.time.now_us += 60000000;
    }
    saga_settle(&saga);
    saga_expect(&saga, "1", "OrderPlaced PaymentDeclined OrderRejected NotificationSent");
}

Test(breaker, belongs_to_one_service_and_stops_no_other)
{
    place(200, 3, "tok_ok");
    step();
    open_breaker();
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 3);
    cr_expect_eq(saga_mails(&saga), 3);
}

/* ---- open ---- */

Test(breaker, while_open_asks_nobody_and_uses_up_no_attempt)
{
    open_breaker();
    place(100, 10, "tok_ok");
    const int parked = saga_parked(&saga, "payment", NULL);
    for (saga.time.now_us += 1; saga.time.now_us < remembered().until_us; saga.time.now_us += 500000) {
        const struct progress progress = step();
        cr_expect(progress.idle && progress.handled == 0 && progress.paused_until_us == remembered().until_us);
    }
    cr_expect_eq(bank_faults.charges, 0);
    cr_expect_eq(attempts_of_first(), 1);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), parked);
}

Test(breaker, says_to_others_until_when_and_why)
{
    open_breaker();
    cr_expect_eq(remembered().until_us, saga.time.now_us + cool_down_us());
    cr_expect_str_eq(remembered().reason, "the bank did not answer");
}

Test(breaker, survives_a_restart)
{
    open_breaker();
    const int64_t until_us = remembered().until_us;
    saga.time.now_us += 1000000;
    saga_restart(&saga, PAYMENT);
    cr_expect_eq(step().paused_until_us, until_us);
    cr_expect_eq(bank_faults.charges, 0);
    pass_the_pause();
    saga_restart(&saga, PAYMENT);
    place(100, 10, "tok_ok");
    cr_expect_gt(step().paused_until_us, until_us, "it was probing, and is open again after one");
    cr_expect_eq(bank_faults.charges, 1);
}

Test(breaker, is_not_kept_open_by_a_clock_that_is_set_back)
{
    open_breaker();
    saga.time.now_us -= INT64_C(86400000000);
    cr_expect_eq(step().paused_until_us, saga.time.now_us + cool_down_us());
    cr_expect_eq(remembered().until_us, saga.time.now_us + cool_down_us(), "others are told as well");
    saga.time.now_us -= INT64_C(86400000000);
    saga_restart(&saga, PAYMENT);
    cr_expect_eq(step().paused_until_us, saga.time.now_us + cool_down_us());
}

/* ---- probing ---- */

Test(breaker, after_the_pause_lets_one_order_try_and_closes_when_it_is_answered)
{
    open_breaker();
    place(100, 10, "tok_ok");
    pass_the_pause();
    bank_faults.charge = BANK_FINE;
    const struct progress progress = step();
    cr_expect_eq(bank_faults.charges, 1);
    cr_expect_eq((int)progress.handled, 1);
    cr_expect_eq(progress.paused_until_us, 0);
    cr_expect_eq(remembered().until_us, 0);
    cr_expect_geq((int)step().handled, 9);
    saga.time.now_us += 60000000;
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 10 + threshold());
}

Test(breaker, after_the_pause_lets_one_order_try_and_opens_again_when_it_is_not_answered)
{
    open_breaker();
    place(100, 10, "tok_ok");
    for (int pause = 1; pause <= 3; pause++) {
        pass_the_pause();
        cr_expect_eq(step().paused_until_us, saga.time.now_us + cool_down_us());
        cr_expect_eq(bank_faults.charges, pause);
    }
    cr_expect_eq(attempts_of_first(), 1, "new orders tried, not those that had waited");
}

Test(breaker, with_nothing_new_on_the_roll_lets_one_that_waits_try)
{
    open_breaker();
    saga.time.now_us += 60000000;
    bank_faults.charge = BANK_FINE;
    cr_expect_eq((int)step().handled, 1);
    cr_expect_eq(bank_faults.charges, 1);
    cr_expect_eq(remembered().until_us, 0);
}

Test(breaker, is_not_closed_by_a_probe_that_asked_nobody)
{
    open_breaker();
    saga_cancel(&saga, "1");
    pass_the_pause();
    cr_expect_eq((int)step().handled, 1);
    cr_expect_neq(remembered().until_us, 0);
    place(100, 10, "tok_ok");
    cr_expect_gt(step().paused_until_us, 0);
    cr_expect_eq(bank_faults.charges, 1);
}

Test(breaker, closes_when_a_charge_that_was_never_answered_is_looked_up)
{
    open_breaker();
    for (int i = 0; i < 100 && remembered().until_us != 0; i++) {
        saga.time.now_us += 60000000;
        step();
    }
    cr_expect_eq(remembered().until_us, 0, "the bank answers lookups");
    cr_expect_gt(saga_count(&saga, "PaymentDeclined"), 0);
}

/* ---- a bank that hangs ---- */

static enum status step_in_vain(void)
{
    struct progress progress;
    return consumer_step(saga.consumers[PAYMENT], &progress, &saga.error);
}

Test(breaker, opens_when_the_bank_hangs_and_no_attempt_was_made)
{
    bank_faults.hangs = true;
    place(1, MANY, "tok_ok");
    for (int i = 0; i < threshold(); i++)
        cr_expect_eq(step_in_vain(), STATUS_UNAVAILABLE);
    cr_expect_eq(bank_faults.begun, threshold(), "once a step, not once an order");
    cr_expect_gt(step().paused_until_us, 0);
    cr_expect_gt(remembered().until_us, 0);
    cr_expect_eq(bank_faults.begun, threshold());
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0, "no event is to blame");
}

Test(breaker, a_bank_that_hangs_while_it_is_probed_opens_it_again)
{
    open_breaker();
    bank_faults.hangs = true;
    pass_the_pause();
    place(100, 1, "tok_ok");
    cr_expect_eq(step_in_vain(), STATUS_UNAVAILABLE);
    cr_expect_gt(step().paused_until_us, 0);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), threshold());
}

Test(breaker, a_waiting_event_that_finds_the_bank_hanging_keeps_its_attempts)
{
    place(1, 1, "tok_timeout");
    step();
    saga.time.now_us += 60000000;
    bank_faults.hangs = true;
    for (int i = 0; i < 10; i++) {
        cr_expect_neq(step_in_vain(), STATUS_BUSY);
        saga.time.now_us += 60000000;
    }
    cr_expect_eq(attempts_of_first(), 1);
    bank_faults.hangs = false;
    saga.time.now_us += 60000000;
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
}

/* ---- the policy ---- */

Test(policy, delays_are_those_of_the_table)
{
    struct retry_policy policy = {.first_delay_ms = 200, .delay_factor = 3, .jitter_percent = 25, .delay_max_ms = 5000};
    static const int64_t delays_ms[] = {200, 600, 1800, 5000, 5000};
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        cr_expect_eq(retry_delay_us(&policy, (int64_t)i + 1, 0), delays_ms[i] * 1000);
        cr_expect_eq(retry_delay_us(&policy, (int64_t)i + 1, 255), delays_ms[i] * 1250, "the jitter is a quarter");
        cr_expect_eq(retry_delay_us(&policy, (int64_t)i + 1, 51), delays_ms[i] * 1050, "a fifth of it");
    }
    policy.jitter_percent = 0;
    cr_expect_eq(retry_delay_us(&policy, 2, 255), 600000);
    policy.delay_factor = 1;
    cr_expect_eq(retry_delay_us(&policy, 100, 0), 200000);
}

Test(policy, the_longest_of_all_delays_can_be_computed)
{
    struct retry_policy policy;
    for (size_t i = 0; i < RETRY_KNOB_COUNT; i++)
        *retry_knob_value(&policy, &retry_knobs[i]) = retry_knobs[i].highest;
    cr_expect_eq(retry_delay_us(&policy, 100, 255), INT64_C(2) * 86400000 * 1000);
}

Test(policy, the_default_of_every_knob_is_in_its_range)
{
    struct retry_policy policy = retry_policy_default;
    cr_expect_eq(policy.attempts, 6);
    for (size_t i = 0; i < RETRY_KNOB_COUNT; i++) {
        const int64_t value = *retry_knob_value(&policy, &retry_knobs[i]);
        cr_expect(retry_knobs[i].lowest <= value && value <= retry_knobs[i].highest, "%s", retry_knobs[i].option);
    }
}

Test(breaker, attempts_are_due_when_the_table_says)
{
    struct parked parked;
    saga.retry = (struct retry_policy){.attempts = 5,
                                       .first_delay_ms = 100,
                                       .delay_factor = 4,
                                       .jitter_percent = 10,
                                       .delay_max_ms = 1000,
                                       .breaker_threshold = 2,
                                       .cool_down_ms = 1000};
    static const int64_t delays_us[] = {100000, 400000, 1000000, 1000000};
    saga_reopen(&saga, PAYMENT);
    place(1, 1, "tok_unavailable");
    step();
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
        cr_assert_eq(parked.attempts, i + 1);
        cr_expect_geq(parked.next_attempt_us, saga.time.now_us + delays_us[i]);
        cr_expect_leq(parked.next_attempt_us, saga.time.now_us + delays_us[i] * 11 / 10);
        saga.time.now_us = parked.next_attempt_us;
        step();
    }
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0, "given up after the fifth");
}

/* ---- while others write ---- */

static enum status (*real_finish)(void *self, struct error *error);

/* Somebody else writes to the stream of order 1, which the bank has answered for. */
static enum status finish_too_late(void *self, struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    const struct uuid order = desk_order_id(&saga.desk, "1");
    uuid_to_text(order, entity);
    const struct new_event event = {.id = uuid_random(),
                                    .type = "PaymentDeclined",
                                    .schema_version = 1,
                                    .correlation = order,
                                    .data = "{}",
                                    .data_length = 2};
    const struct append append = {
        .stream = {"payment", entity}, .expected_version = EXPECTED_ANY, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "other", .producer = "test"};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, error), STATUS_OK, "%s", error->text);
    return real_finish(self, error);
}

Test(breaker, what_was_decided_in_vain_when_it_opened_is_decided_again_after_the_pause)
{
    struct service *service = &saga.houses[PAYMENT].service;
    real_finish = service->finish;
    service->finish = finish_too_late;
    saga_reopen(&saga, PAYMENT);
    place(1, 1, "tok_ok");
    place(2, threshold(), "tok_unavailable");
    const struct progress progress = step();
    cr_expect_eq(progress.handled, 0);
    cr_expect_eq(progress.paused_until_us, saga.time.now_us + cool_down_us());
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0, "nothing of it was written");
}

Test(breaker, probes_when_nothing_is_set_aside_and_nothing_is_to_do)
{
    cr_assert_eq(eventstore_pause(saga.store, "payment", saga.time.now_us + 1000, "no answer", &saga.error), STATUS_OK);
    saga_restart(&saga, PAYMENT);
    cr_expect_gt(step().paused_until_us, 0);
    pass_the_pause();
    struct progress progress = {.idle = false};
    for (int i = 0; i < 4; i++) { /* past what it does not want, then to look for what is set aside, then knowing */
        progress = step();
        cr_expect_eq(progress.handled, 0);
        cr_expect_eq(progress.paused_until_us, 0);
    }
    cr_expect(progress.idle);
}
