/* The money of one order: what the bank is asked, in every phase and on every event, and what its answer means. */
#include <signal.h>
#include <string.h>

#include "tests/domain/scenario.h"

static struct payment_request asked;

static struct payment the_payment(void)
{
    struct payment payment;
    fold_past(&payment_fold, &payment);
    return payment;
}

static void when_heard(struct event cause)
{
    struct payment payment = the_payment();
    asked = payment_react(&payment, &cause);
}

static void then_nothing_is_asked(void)
{
    cr_assert_eq(asked.kind, PAYMENT_ASK_NOTHING);
}

static void then_charge(struct uuid order, int64_t amount_minor, const char *card_token)
{
    cr_assert_eq(asked.kind, PAYMENT_ASK_CHARGE);
    cr_assert(uuid_equal(asked.order, order));
    cr_assert_eq(asked.amount_minor, amount_minor);
    cr_assert_str_eq(asked.currency.code, "EUR");
    cr_assert_str_eq(asked.card_token, card_token);
}

static void then_refund(struct uuid order, int64_t amount_minor, const char *reason)
{
    cr_assert_eq(asked.kind, PAYMENT_ASK_REFUND);
    cr_assert(uuid_equal(asked.order, order));
    cr_assert_eq(asked.amount_minor, amount_minor);
    cr_assert_str_eq(asked.currency.code, "EUR");
    cr_assert_str_eq(asked.reason, reason);
}

/* The shortest past that leads into a phase. */
static void given_phase(enum payment_phase phase)
{
    given_nothing();
    if (phase == PAYMENT_DECLINED)
        given(payment_declined(ORDER_7, 900, "declined"));
    if (phase == PAYMENT_CAPTURED || phase == PAYMENT_REFUNDED)
        given(payment_captured(ORDER_7, 900));
    if (phase == PAYMENT_REFUNDED)
        given(payment_refunded(ORDER_7, 900, "customer"));
    cr_assert_eq(the_payment().phase, phase);
}

/* ---- reactions ---- */

static void then_as_the_reactions_say(enum payment_phase phase, enum event_type cause)
{
    if (phase == PAYMENT_NONE && cause == EVENT_ORDER_PLACED)
        then_charge(ORDER_7, 1350, "tok_ok");
    else if (phase == PAYMENT_CAPTURED && cause == EVENT_STOCK_RESERVATION_FAILED)
        then_refund(ORDER_7, 900, "out_of_stock");
    else if (phase == PAYMENT_CAPTURED && cause == EVENT_ORDER_CANCELLATION_REQUESTED)
        then_refund(ORDER_7, 900, "customer");
    else
        then_nothing_is_asked();
}

Test(payment, reacts_to_every_event_in_every_phase)
{
    for (enum payment_phase phase = 0; phase < PAYMENT_PHASES; phase++) {
        for (enum event_type cause = 0; cause < EVENT_TYPES; cause++) {
            given_phase(phase);
            when_heard(sample_event(cause));
            then_as_the_reactions_say(phase, cause);
        }
    }
}

Test(payment, gives_back_what_was_captured_whatever_the_order_says)
{
    given(payment_captured(ORDER_7, 1234));
    when_heard(cancellation_requested(ORDER_7, "too late"));
    then_refund(ORDER_7, 1234, "customer");
}

Test(payment, is_refunded_once_for_two_causes)
{
    given(payment_captured(ORDER_7, 900));
    when_heard(reservation_failed(ORDER_7, shortage("tea", 2, 0)));
    then_refund(ORDER_7, 900, "out_of_stock");
    given(payment_refunded(ORDER_7, 900, "out_of_stock"));
    when_heard(cancellation_requested(ORDER_7, "too late"));
    then_nothing_is_asked();
}

/* ---- conclusions ---- */

static void when_the_bank_says(struct payment_request request, struct payment_answer answer)
{
    payment_conclude(&request, &answer, new_answer());
}

static struct payment_request charge_of(int64_t amount_minor)
{
    return (struct payment_request){PAYMENT_ASK_CHARGE, ORDER_7, amount_minor, EUR, "tok_ok", NULL};
}

static struct payment_request refund_of(int64_t amount_minor, const char *reason)
{
    return (struct payment_request){PAYMENT_ASK_REFUND, ORDER_7, amount_minor, EUR, NULL, reason};
}

Test(payment, is_captured_when_the_bank_accepts_a_charge)
{
    when_the_bank_says(charge_of(900), (struct payment_answer){true, "bank-1", NULL});
    then(payment_captured(ORDER_7, 900));
    then_nothing_more();
}

Test(payment, is_declined_when_the_bank_does_not)
{
    when_the_bank_says(charge_of(900), (struct payment_answer){false, NULL, "insufficient_funds"});
    then(payment_declined(ORDER_7, 900, "insufficient_funds"));
    then_nothing_more();
}

Test(payment, is_unavailable_when_we_voided_the_charge)
{
    when_the_bank_says(charge_of(900), (struct payment_answer){false, NULL, "voided"});
    then(payment_declined(ORDER_7, 900, "payment_unavailable"));
    then_nothing_more();
}

Test(payment, gives_up_a_charge_and_never_a_refund)
{
    struct payment_request charge = charge_of(900), refund = refund_of(900, "customer");
    struct payment_request nothing = {.kind = PAYMENT_ASK_NOTHING};
    cr_assert(payment_may_be_given_up(&charge));
    cr_assert_not(payment_may_be_given_up(&refund));
    cr_assert_not(payment_may_be_given_up(&nothing));
}

Test(payment, is_refunded_when_the_bank_accepts_a_refund)
{
    when_the_bank_says(refund_of(900, "customer"), (struct payment_answer){true, "bank-2", NULL});
    then(payment_refunded(ORDER_7, 900, "customer"));
    then_nothing_more();
}

Test(payment, concludes_nothing_from_a_refused_refund, .signal = SIGABRT)
{
    when_the_bank_says(refund_of(900, "customer"), (struct payment_answer){false, NULL, "refused"});
}

Test(payment, concludes_nothing_from_an_answer_to_no_question, .signal = SIGABRT)
{
    when_the_bank_says((struct payment_request){.kind = PAYMENT_ASK_NOTHING}, (struct payment_answer){true, "x", NULL});
}

/* ---- keys ---- */

Test(payment, has_one_key_for_the_charge_and_one_for_the_refund)
{
    char key[PAYMENT_KEY_SIZE];
    struct payment_request request = charge_of(900);
    payment_key(&request, key);
    cr_assert_str_eq(key, "00000000-0000-5000-8000-000000000007:charge");
    request = refund_of(900, "customer");
    payment_key(&request, key);
    cr_assert_str_eq(key, "00000000-0000-5000-8000-000000000007:refund");
}

Test(payment, has_the_same_key_for_either_cause_of_a_refund)
{
    char one[PAYMENT_KEY_SIZE], other[PAYMENT_KEY_SIZE];
    struct payment_request customer = refund_of(900, "customer"), stock = refund_of(900, "out_of_stock");
    payment_key(&customer, one);
    payment_key(&stock, other);
    cr_assert_str_eq(one, other);
}

Test(payment, has_no_key_for_no_question, .signal = SIGABRT)
{
    char key[PAYMENT_KEY_SIZE];
    payment_key(&(struct payment_request){.kind = PAYMENT_ASK_NOTHING}, key);
}

/* ---- evolve ---- */

Test(payment, follows_its_own_events_and_no_others)
{
    for (enum payment_phase phase = 0; phase < PAYMENT_PHASES; phase++) {
        for (enum event_type type = 0; type < EVENT_TYPES; type++) {
            given_phase(phase);
            given(sample_event(type));
            enum payment_phase expected = type == EVENT_PAYMENT_CAPTURED   ? PAYMENT_CAPTURED
                                          : type == EVENT_PAYMENT_DECLINED ? PAYMENT_DECLINED
                                          : type == EVENT_PAYMENT_REFUNDED ? PAYMENT_REFUNDED
                                                                           : phase;
            cr_assert_eq(the_payment().phase, expected);
        }
    }
}

Test(payment, remembers_the_amount_of_a_capture_and_of_a_refusal)
{
    given(payment_captured(ORDER_7, 1234));
    cr_assert_eq(the_payment().amount_minor, 1234);
    cr_assert_str_eq(the_payment().currency.code, "EUR");
    given(payment_refunded(ORDER_7, 1234, "customer"));
    cr_assert_eq(the_payment().amount_minor, 1234);
    given_nothing();
    given(payment_declined(ORDER_7, 77, "declined"));
    cr_assert_eq(the_payment().amount_minor, 77);
    cr_assert_str_eq(the_payment().currency.code, "EUR");
}
