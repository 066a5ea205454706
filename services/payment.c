/* payment.c - the payment service: charges what was ordered, and gives back what cannot be delivered (the compensation
 * of the saga).
 *
 *   OrderPlaced                  nothing yet -> charge: PaymentCaptured or PaymentDeclined
 *   StockReservationFailed       captured -> refund: PaymentRefunded (out_of_stock)
 *   OrderCancellationRequested   captured -> refund: PaymentRefunded (customer)
 *
 * The bank is called before the commit, with a key of the business's own (<order>:charge, <order>:refund): a crash in
 * between asks again with the same key, and two causes of one refund are one refund.
 *
 * After the last attempt a charge is given up: looked up (PaymentCaptured, PaymentDeclined), and voided when the bank
 * knows nothing of it (PaymentDeclined, payment_unavailable). A refund is not: it becomes a dead letter, for the shop
 * owes the customer. */
#include "domain/payment.h"

#include <stdio.h>

#include "base/mutant.h"
#include "base/text.h"
#include "domain/money.h"
#include "services/services.h"

static struct gateway_call call_for(const struct payment_request *request, const char *key)
{
    return (struct gateway_call){.key = key,
                                 .kind = request->kind == PAYMENT_ASK_CHARGE ? GATEWAY_CHARGE : GATEWAY_REFUND,
                                 .order = request->order,
                                 .amount_minor = request->amount_minor,
                                 .currency = request->currency,
                                 .card_token = request->card_token};
}

/* States what came of a call. */
static enum status conclude(struct reaction *reaction, const struct payment_request *request,
                            const struct gateway_answer *answer, struct error *error)
{
    char reason[TEXT_SAFE_SIZE], money[MONEY_TEXT_SIZE];
    if (request->kind == PAYMENT_ASK_REFUND && !answer->accepted) {
        money_to_text(request->amount_minor, request->currency, money);
        return error_set(error, STATUS_REFUSED, "the bank refuses the refund (%s): the shop still owes the customer %s",
                         text_safe(reason, answer->reason), money);
    }
    const struct payment_answer conclusion = {
        .accepted = answer->accepted,
        .reference = arena_copy(reaction_arena(reaction), answer->reference),
        .reason = arena_copy(reaction_arena(reaction), answer->reason),
    };
    if (conclusion.reference == NULL || conclusion.reason == NULL)
        return error_memory(error);
    struct event_list events = {.arena = reaction_arena(reaction)};
    payment_conclude(request, &conclusion, &events);
    return reaction_answer(reaction, &events, error);
}

/* What the bank is to be asked because of `cause`, in the state the payment is in. */
static enum status find_request(struct reaction *reaction, const struct event *cause, struct payment_request *request,
                                struct error *error)
{
    const void *payment = NULL;
    char entity[ENTITY_SIZE];
    event_entity(cause, entity);
    enum status status = reaction_load(reaction, &payment_fold, entity, &payment, error);
    if (status == STATUS_OK)
        *request = payment_react(payment, cause);
    return status;
}

/* What the bank must have said for us to state `past`. */
static struct gateway_answer recall(const struct event *past)
{
    struct gateway_answer answer = {.accepted = past->type != EVENT_PAYMENT_DECLINED};
    if (past->type == EVENT_PAYMENT_CAPTURED)
        snprintf(answer.reference, sizeof answer.reference, "%s", past->payment_captured.gateway_reference);
    else if (past->type == EVENT_PAYMENT_REFUNDED)
        snprintf(answer.reference, sizeof answer.reference, "%s", past->payment_refunded.gateway_reference);
    else if (past->type == EVENT_PAYMENT_DECLINED)
        snprintf(answer.reason, sizeof answer.reason, "%s", past->payment_declined.reason);
    return answer;
}

static enum status ask(struct reaction *reaction, const struct gateway_call *call, struct gateway_answer *answer,
                       struct error *error)
{
    if (reaction_past(reaction) != NULL) {
        *answer = recall(reaction_past(reaction));
        return STATUS_OK;
    }
    enum status status = reaction_begin_outside(reaction, error);
    return status == STATUS_OK ? gateway_ask(reaction_self(reaction), call, answer, error) : status;
}

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    char key[PAYMENT_KEY_SIZE];
    struct payment_request request;
    struct gateway_answer answer;
    enum status status = find_request(reaction, cause, &request, error);
    if (status != STATUS_OK || request.kind == PAYMENT_ASK_NOTHING)
        return status;
    payment_key(&request, key);
    if (MUTANT(REFUND_WITHOUT_KEY) && request.kind == PAYMENT_ASK_REFUND)
        uuid_to_text(uuid_random(), key);
    const struct gateway_call call = call_for(&request, key);
    status = ask(reaction, &call, &answer, error);
    return status == STATUS_OK ? conclude(reaction, &request, &answer, error) : status;
}

/* The charge may have been carried out, may arrive yet, or never. Looked up first, and voided only when the bank knows
 * nothing of it; if it arrives in between, the void finds it. */
static enum status give_up(struct reaction *reaction, const struct event *cause, struct error *error)
{
    char key[PAYMENT_KEY_SIZE], money[MONEY_TEXT_SIZE];
    struct payment_request request;
    struct gateway_answer answer;
    struct gateway *gateway = reaction_self(reaction);
    enum status status = find_request(reaction, cause, &request, error);
    if (status != STATUS_OK)
        return status;
    if (!payment_may_be_given_up(&request)) {
        money_to_text(request.amount_minor, request.currency, money);
        return error_set(error, STATUS_UNAVAILABLE,
                         "the bank does not answer the refund: until it is made the shop still owes the customer %s",
                         money);
    }
    payment_key(&request, key);
    const struct gateway_call call = call_for(&request, key);
    status = reaction_begin_outside(reaction, error);
    if (status == STATUS_OK)
        status = gateway_lookup(gateway, &call, &answer, error);
    if (MUTANT(GIVE_UP_WITHOUT_LOOKUP) || (MUTANT(GIVE_UP_WITHOUT_VOID) && answer.unknown))
        answer = (struct gateway_answer){.reason = GATEWAY_VOIDED};
    if (status == STATUS_OK && answer.unknown)
        status = gateway_void(gateway, &call, &answer, error);
    return status == STATUS_OK ? conclude(reaction, &request, &answer, error) : status;
}

static enum status begin(void *self, struct error *error)
{
    return gateway_begin(self, error);
}

static enum status finish(void *self, struct error *error)
{
    return gateway_finish(self, error);
}

static void drop(void *self)
{
    gateway_drop(self);
}

/* Of its triggers, and of the streams it folds. */
static const struct field_reads reads[] = {
    {EVENT_ORDER_PLACED, "order_id currency total_minor card_token"},
    {EVENT_STOCK_RESERVATION_FAILED, "order_id"},
    {EVENT_ORDER_CANCELLATION_REQUESTED, "order_id"},
    {EVENT_PAYMENT_CAPTURED, "amount_minor currency"},
    {EVENT_PAYMENT_DECLINED, ""},
    {EVENT_PAYMENT_REFUNDED, ""},
    {0},
};

struct service payment_service(struct gateway *gateway)
{
    return (struct service){
        .name = "payment",
        .subscriptions = EVENT_BIT(EVENT_ORDER_PLACED) | EVENT_BIT(EVENT_STOCK_RESERVATION_FAILED) |
                         EVENT_BIT(EVENT_ORDER_CANCELLATION_REQUESTED),
        .self = gateway,
        .reads = reads,
        .react = react,
        .give_up = give_up,
        .begin = begin,
        .finish = finish,
        .drop = drop,
    };
}
