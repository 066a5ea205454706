/* What a person does about dead letters: retried, discarded, settled, and what the outlook says beforehand. */
#include <stdio.h>
#include <string.h>

#include "services/dead_letters.h"
#include "services/discards.h"
#include "services/outlook.h"
#include "tests/services/saga.h"

static struct saga saga;
static struct arena arena;
static struct dead_letters letters;

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    dead_letters_clear(&letters);
    arena_clear(&arena);
    saga_close(&saga);
}

TestSuite(dead_letters, .init = open_shop, .fini = close_shop);

#define OK(call)          cr_assert_eq(call, STATUS_OK, "%s", saga.error.text)
#define IS(wanted, call)  cr_assert_eq(call, wanted, "%s", saga.error.text)
#define SAYS(words)       cr_expect(strstr(saga.error.text, words) != NULL, "%s", saga.error.text)
#define BY(who_, reason_) (&(struct operator_desk){.store = saga.store, .who = who_, .reason = reason_})

static void reload(void)
{
    dead_letters_clear(&letters);
    OK(dead_letters_load(&letters, saga.store, NULL, &saga.error));
}

/* The only dead letter that there is now. */
static const struct dead_letter *the_dead_letter(void)
{
    const struct dead_letter *found = NULL;
    reload();
    for (size_t i = 0; i < letters.count; i++)
        if (letters.items[i].parked.state == PARKED_DEAD) {
            cr_assert_null(found, "there are several");
            found = &letters.items[i];
        }
    cr_assert_not_null(found, "there is no dead letter");
    return found;
}

static struct outlook outlook(const struct dead_letter *letter)
{
    const struct recorded_event *event;
    struct outlook found;
    OK(dead_letter_event(saga.store, letter, &arena, &event, &saga.error));
    OK(outlook_of(saga.store, letter->consumer, event, &arena, &found, &saga.error));
    return found;
}

static void expect_outlook(const struct dead_letter *letter, const char *retry, const char *owed)
{
    const struct outlook found = outlook(letter);
    cr_expect(strstr(found.retry, retry) != NULL, "%s", found.retry);
    cr_expect_str_eq(found.owed, owed);
}

/* Long enough for every attempt. */
static void exhaust_attempts(void)
{
    for (int i = 0; i < 20; i++) {
        saga_settle(&saga);
        saga.time.now_us += 60000000;
    }
    saga_settle(&saga);
}

/* Order 1 wants more than there is, and its bank refuses to give the money back. */
static void owe_a_refund(void)
{
    OK(saga_place(&saga, "1", "tea", 11, "tok_refund_refused"));
    exhaust_attempts();
}

struct history {
    char text[1000];
};

static enum status note_decision(void *context, const struct decision *decision, struct error *error)
{
    struct history *history = context;
    size_t used = strlen(history->text);
    (void)error;
    snprintf(history->text + used, sizeof history->text - used, "%s%s by %s: %s (%s)", used == 0 ? "" : "; ",
             decision_name(decision->kind), decision->who, decision->reason, decision->owed);
    return STATUS_OK;
}

static void expect_history(const char *text)
{
    struct history history = {.text = ""};
    const struct decision_query all = {0};
    OK(eventstore_read_decisions(saga.store, &all, note_decision, &history, &saga.error));
    cr_expect_str_eq(history.text, text);
}

/* ---- looking ---- */

Test(dead_letters, show_how_often_they_were_tried_and_what_waits_behind_them)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    const struct dead_letter *letter = the_dead_letter();
    cr_expect_str_eq(letter->consumer, "payment");
    cr_expect_eq(letter->parked.attempts, 6);
    cr_expect_eq(letter->behind, 1);
    cr_expect_eq(letter->first, letter->parked.position);
    cr_assert_eq(letters.count, 2);
    const struct dead_letter *behind = &letters.items[1];
    cr_expect_eq(behind->first, letter->parked.position);
    cr_expect_eq(behind->behind, 0);
}

Test(dead_letters, are_found_by_position_and_by_consumer)
{
    const struct dead_letter *found;
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    uint64_t position = letter->parked.position;
    OK(dead_letters_find(&letters, position, NULL, &found, &saga.error));
    cr_expect_eq(found, letter);
    OK(dead_letters_find(&letters, position, "payment", &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, position, "order", &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, position + 1, NULL, &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, 0, NULL, &found, &saga.error));
}

/* ---- retry ---- */

Test(dead_letters, that_are_retried_in_vain_are_dead_letters_again)
{
    owe_a_refund();
    OK(dead_letter_retry(BY("ann", "the bank has called"), the_dead_letter(), &saga.error));
    saga_settle(&saga);
    cr_expect_eq(the_dead_letter()->parked.attempts, 7);
    expect_history("retry by ann: the bank has called ()");
}

/* What is parked of order 1 becomes a dead letter, as if its attempts were used up. */
static void declare_dead(const char *consumer)
{
    uint64_t checkpoint = 0;
    reload();
    cr_assert_eq(letters.count, 1);
    struct parked_change change = {.expected_attempts = letters.items[0].parked.attempts,
                                   .parked = letters.items[0].parked};
    change.parked.state = PARKED_DEAD;
    OK(eventstore_checkpoint(saga.store, consumer, &checkpoint, &saga.error));
    const struct commit commit = {.actor = consumer,
                                  .producer = "test",
                                  .consumer = consumer,
                                  .checkpoint_from = checkpoint,
                                  .checkpoint_to = checkpoint,
                                  .parked = &change,
                                  .parked_count = 1};
    OK(eventstore_commit(saga.store, &commit, NULL, &saga.error));
}

Test(dead_letters, that_are_retried_with_success_let_the_journey_go_on)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_timeout"));
    saga_settle(&saga);
    declare_dead("payment");
    saga.time.now_us += INT64_C(3600000000);
    saga_settle(&saga);
    const struct dead_letter *letter = the_dead_letter();
    expect_outlook(letter, "asks the bank to charge 10.00 USD, key ",
                   "the bank may have charged the customer 10.00 USD, which the roll does not know");
    OK(dead_letter_retry(BY("ann", ""), letter, &saga.error));
    saga_settle(&saga);
    reload();
    cr_expect_eq(letters.count, 0);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(dead_letters, a_waiting_event_is_retried_at_once_too)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_flaky"));
    saga_step(&saga, PAYMENT);
    reload();
    cr_assert_eq(letters.count, 1);
    for (int i = 0; i < 2; i++) {
        cr_expect(saga_step(&saga, PAYMENT).idle, "it is not due yet");
        reload();
        OK(dead_letter_retry(BY("ann", ""), &letters.items[0], &saga.error));
        cr_expect_eq(saga_step(&saga, PAYMENT).handled, 1);
    }
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "PaymentCaptured"), 1);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
}

Test(dead_letters, what_waits_behind_another_is_not_retried)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    reload();
    IS(STATUS_REFUSED, dead_letter_retry(BY("ann", ""), &letters.items[1], &saga.error));
    SAYS("waits behind position");
}

Test(dead_letters, are_all_retried_once)
{
    size_t retried = 0;
    for (int i = 0; i < EVENTSTORE_DECISIONS_MAX + 6; i++) {
        char ref[12];
        snprintf(ref, sizeof ref, "%d", i);
        OK(saga_place(&saga, ref, "tea", 11, "tok_refund_refused"));
        saga.handled_count = 0;
        exhaust_attempts();
    }
    saga.handled_count = 0;
    OK(dead_letters_retry_all(BY("ann", ""), "inventory", &retried, &saga.error));
    cr_expect_eq(retried, 0);
    OK(dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error));
    cr_expect_eq(retried, EVENTSTORE_DECISIONS_MAX + 6);
    OK(dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error));
    cr_expect_eq(retried, 0);
    saga_settle(&saga);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), EVENTSTORE_DECISIONS_MAX + 6);
}

/* ---- discard ---- */

Test(dead_letters, a_refund_is_discarded_only_by_force_and_is_owed_then)
{
    const char *owed = NULL;
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    expect_outlook(letter, "asks the bank to refund 55.00 USD (out_of_stock), key ",
                   "the shop owes the customer 55.00 USD");
    IS(STATUS_REFUSED, dead_letter_discard(BY("ann", "paid by hand"), letter, false, &arena, NULL, &saga.error));
    SAYS("owes the customer 55.00 USD");
    expect_history("");
    OK(dead_letter_discard(BY("ann", "paid by hand"), letter, true, &arena, &owed, &saga.error));
    cr_expect_str_eq(owed, "the shop owes the customer 55.00 USD");
    expect_history("discard by ann: paid by hand (the shop owes the customer 55.00 USD)");
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
}

Test(dead_letters, what_waited_behind_a_discarded_one_is_tried_next)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    saga_settle(&saga);
    reload();
    cr_assert_eq(letters.count, 1);
    cr_expect_eq(letters.items[0].parked.attempts, 1);
    expect_outlook(&letters.items[0], "asks the bank to refund 55.00 USD (customer), key ",
                   "the shop owes the customer 55.00 USD");
}

Test(dead_letters, what_its_service_still_tries_is_not_discarded)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_flaky"));
    saga_step(&saga, PAYMENT);
    reload();
    IS(STATUS_REFUSED, dead_letter_discard(BY("ann", "x"), &letters.items[0], true, &arena, NULL, &saga.error));
    SAYS("payment is still trying");
}

Test(dead_letters, two_people_at_once_are_a_conflict_for_the_second)
{
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    OK(dead_letter_retry(BY("ann", ""), letter, &saga.error));
    IS(STATUS_CONFLICT, dead_letter_discard(BY("bob", "x"), letter, true, &arena, NULL, &saga.error));
    IS(STATUS_CONFLICT, dead_letter_retry(BY("bob", ""), letter, &saga.error));
    expect_history("retry by ann:  ()");
}

Test(dead_letters, what_is_owed_is_settled_by_a_person)
{
    owe_a_refund();
    uint64_t position = the_dead_letter()->parked.position;
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, NULL, &saga.error));
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), 0, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, "order", &saga.error));
    OK(dead_letter_settle(BY("bob", "sent a cheque"), position, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, NULL, &saga.error));
    expect_history("discard by ann: x (the shop owes the customer 55.00 USD); settle by bob: sent a cheque ()");
}

/* ---- what was discarded ---- */

/* "payment:7 by ann: x (the shop owes …)" for each, and how many there are. */
static size_t read_discards(char text[600])
{
    struct discards discards;
    OK(discards_load(&discards, saga.store, &saga.error));
    text[0] = '\0';
    for (size_t i = 0; i < discards.count; i++) {
        const struct discard *discard = &discards.items[i];
        size_t used = strlen(text);
        cr_expect(uuid_equal(discard->order, desk_order_id(&saga.desk, "1")));
        snprintf(text + used, 600 - used, "%s%s by %s: %s (%s)", used == 0 ? "" : "; ", discard->consumer, discard->who,
                 discard->reason, discard->owed);
    }
    size_t count = discards.count;
    discards_clear(&discards);
    return count;
}

static void expect_discards(const char *expected)
{
    char text[600];
    (void)read_discards(text);
    cr_expect_str_eq(text, expected);
}

Test(dead_letters, what_was_discarded_is_told_with_what_is_owed_for_it_still)
{
    expect_discards("");
    owe_a_refund();
    uint64_t position = the_dead_letter()->parked.position;
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (the shop owes the customer 55.00 USD)");
    OK(dead_letter_settle(BY("bob", "sent a cheque"), position, NULL, &saga.error));
    expect_discards("payment by ann: x ()");
}

Test(dead_letters, what_the_bank_gives_back_after_all_is_not_owed)
{
    OK(saga_place(&saga, "1", "tea", 11, "tok_refund_timeout"));
    saga_settle(&saga);
    declare_dead("payment");
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (the shop owes the customer 55.00 USD)");
    saga_settle(&saga); /* the cancellation has its turn, and the bank gives the money back */
    cr_assert_eq(saga_count(&saga, "PaymentRefunded"), 1);
    expect_discards("payment by ann: x ()");
}
