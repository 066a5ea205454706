/* payment.c - the payment service: charges what was ordered, and gives back what cannot be delivered (the compensation
 * of the saga).
 *
 *   OrderPlaced                  nothing yet -> charge: PaymentCaptured or PaymentDeclined
 *   StockReservationFailed       captured -> refund: PaymentRefunded (out_of_stock)
 *   OrderCancellationRequested   captured -> refund: PaymentRefunded (customer)
 *
 * The bank is called before the commit, with a key of the business's own (<order>:charge, <order>:refund): a crash in
 * between asks again with the same key, and two causes of one refund are one refund. */
#include "domain/payment.h"

#include "base/text.h"
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

/* Asks the bank and states what came of it. */
static enum status ask_bank(struct reaction *reaction, const struct payment_request *request, struct error *error)
{
    char key[PAYMENT_KEY_SIZE], reason[TEXT_SAFE_SIZE];
    struct gateway *gateway = reaction_self(reaction);
    struct gateway_answer answer = {0};
    payment_key(request, key);
    struct gateway_call call = call_for(request, key);
    enum status status = gateway_begin(gateway, error);
    if (status == STATUS_OK)
        status = gateway_ask(gateway, &call, &answer, error);
    if (status != STATUS_OK)
        return status;
    if (request->kind == PAYMENT_ASK_REFUND && !answer.accepted)
        return error_set(error, STATUS_REFUSED, "the bank refuses the refund (%s): the shop still owes the customer",
                         text_safe(reason, answer.reason));
    const struct payment_answer conclusion = {
        .accepted = answer.accepted,
        .reference = arena_copy(reaction_arena(reaction), answer.reference),
        .reason = arena_copy(reaction_arena(reaction), answer.reason),
    };
    if (conclusion.reference == NULL || conclusion.reason == NULL)
        return error_memory(error);
    struct event_list events = {.arena = reaction_arena(reaction)};
    payment_conclude(request, &conclusion, &events);
    return reaction_answer(reaction, &events, error);
}

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    const void *payment = NULL;
    char entity[ENTITY_SIZE];
    event_entity(cause, entity);
    enum status status = reaction_load(reaction, &payment_fold, entity, &payment, error);
    if (status != STATUS_OK)
        return status;
    struct payment_request request = payment_react(payment, cause);
    return request.kind == PAYMENT_ASK_NOTHING ? STATUS_OK : ask_bank(reaction, &request, error);
}

static enum status finish(void *self, struct error *error)
{
    return gateway_finish(self, error);
}

static void drop(void *self)
{
    gateway_drop(self);
}

struct service payment_service(struct gateway *gateway)
{
    return (struct service){
        .name = "payment",
        .subscriptions = EVENT_BIT(EVENT_ORDER_PLACED) | EVENT_BIT(EVENT_STOCK_RESERVATION_FAILED) |
                         EVENT_BIT(EVENT_ORDER_CANCELLATION_REQUESTED),
        .self = gateway,
        .react = react,
        .finish = finish,
        .drop = drop,
    };
}
