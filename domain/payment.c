#include "domain/payment.h"

#include <string.h>

#include "base/status.h"

const struct fold payment_fold = {
    .category = "payment",
    .state_size = sizeof(struct payment),
    .evolve = payment_evolve,
};

void payment_evolve(void *state, const struct event *event)
{
    struct payment *payment = state;
    switch (event->type) {
    case EVENT_PAYMENT_CAPTURED:
        payment->phase = PAYMENT_CAPTURED;
        payment->amount_minor = event->payment_captured.amount_minor;
        payment->currency = event->payment_captured.currency;
        break;
    case EVENT_PAYMENT_DECLINED:
        payment->phase = PAYMENT_DECLINED;
        payment->amount_minor = event->payment_declined.amount_minor;
        payment->currency = event->payment_declined.currency;
        break;
    case EVENT_PAYMENT_REFUNDED: payment->phase = PAYMENT_REFUNDED; break;
    default: break;
    }
}

static struct payment_request ask_charge(const struct order_placed *placed)
{
    return (struct payment_request){
        .kind = PAYMENT_ASK_CHARGE,
        .order = placed->order,
        .amount_minor = placed->total_minor,
        .currency = placed->currency,
        .card_token = placed->card_token,
    };
}

/* All of what was captured goes back: there are no partial refunds. */
static struct payment_request ask_refund(const struct payment *payment, struct uuid order, const char *reason)
{
    return (struct payment_request){
        .kind = PAYMENT_ASK_REFUND,
        .order = order,
        .amount_minor = payment->amount_minor,
        .currency = payment->currency,
        .reason = reason,
    };
}

struct payment_request payment_react(const struct payment *payment, const struct event *cause)
{
    bool captured = payment->phase == PAYMENT_CAPTURED;
    switch (cause->type) {
    case EVENT_ORDER_PLACED:
        if (payment->phase == PAYMENT_NONE)
            return ask_charge(&cause->order_placed);
        break;
    case EVENT_STOCK_RESERVATION_FAILED:
        if (captured)
            return ask_refund(payment, cause->reservation_failed.order, "out_of_stock");
        break;
    case EVENT_ORDER_CANCELLATION_REQUESTED:
        if (captured)
            return ask_refund(payment, cause->order_cancellation_requested.order, "customer");
        break;
    default: break;
    }
    return (struct payment_request){.kind = PAYMENT_ASK_NOTHING};
}

static struct event captured_event(const struct payment_request *request, const struct payment_answer *answer)
{
    return (struct event){
        .type = EVENT_PAYMENT_CAPTURED,
        .payment_captured = {.order = request->order,
                             .amount_minor = request->amount_minor,
                             .currency = request->currency,
                             .gateway_reference = answer->reference},
    };
}

/* Only we void, and only what the bank did not answer. It may tell us much later: the crash came between the void and
 * our own commit, and the charge was asked once more. */
static const char *why_declined(const struct payment_answer *answer)
{
    return strcmp(answer->reason, "voided") == 0 ? "payment_unavailable" : answer->reason;
}

static struct event declined_event(const struct payment_request *request, const struct payment_answer *answer)
{
    return (struct event){
        .type = EVENT_PAYMENT_DECLINED,
        .payment_declined = {.order = request->order,
                             .amount_minor = request->amount_minor,
                             .currency = request->currency,
                             .reason = why_declined(answer)},
    };
}

static struct event refunded_event(const struct payment_request *request, const struct payment_answer *answer)
{
    return (struct event){
        .type = EVENT_PAYMENT_REFUNDED,
        .payment_refunded = {.order = request->order,
                             .amount_minor = request->amount_minor,
                             .currency = request->currency,
                             .gateway_reference = answer->reference,
                             .reason = request->reason},
    };
}

bool payment_may_be_given_up(const struct payment_request *request)
{
    return request->kind == PAYMENT_ASK_CHARGE;
}

void payment_conclude(const struct payment_request *request, const struct payment_answer *answer,
                      struct event_list *out)
{
    CHECK(request->kind != PAYMENT_ASK_NOTHING);
    struct event fact;
    if (request->kind == PAYMENT_ASK_CHARGE)
        fact = answer->accepted ? captured_event(request, answer) : declined_event(request, answer);
    else {
        CHECK(answer->accepted); /* a refund that is refused leaves the money owed */
        fact = refunded_event(request, answer);
    }
    event_list_add(out, &fact);
}

void payment_key(const struct payment_request *request, char key[PAYMENT_KEY_SIZE])
{
    static const char charge[] = ":charge", refund[] = ":refund";
    _Static_assert(UUID_TEXT_SIZE - 1 + sizeof(charge) <= PAYMENT_KEY_SIZE, "a key holds an id and its purpose");
    _Static_assert(sizeof(charge) == sizeof(refund), "both purposes are copied alike");
    CHECK(request->kind != PAYMENT_ASK_NOTHING);
    uuid_to_text(request->order, key);
    memcpy(key + UUID_TEXT_SIZE - 1, request->kind == PAYMENT_ASK_CHARGE ? charge : refund, sizeof(charge));
}
