/* order.c - the order service: what becomes of an order when the others have spoken.
 *
 *   PaymentDeclined   placed -> OrderRejected      cancelling -> OrderCancelled
 *   StockReserved     placed -> OrderConfirmed
 *   PaymentRefunded   placed or cancelling -> OrderCancelled
 */
#include "domain/order.h"
#include "services/services.h"

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    const void *state = NULL;
    char entity[ENTITY_SIZE];
    event_entity(cause, entity);
    enum status status = reaction_load(reaction, &order_fold, entity, &state, error);
    if (status != STATUS_OK)
        return status;
    const struct order *order = state;
    if (!order_was_placed(order, entity))
        return error_set(error, STATUS_INVALID, "news of order %s, which nobody placed", entity);
    struct event_list answer = {.arena = reaction_arena(reaction)};
    order_react(order, cause, &answer);
    return reaction_answer(reaction, &answer, error);
}

/* Of its triggers, and of the streams it folds. */
static const struct field_reads reads[] = {
    {EVENT_ORDER_PLACED, "order_id order_ref"},
    {EVENT_ORDER_CONFIRMED, ""},
    {EVENT_ORDER_REJECTED, ""},
    {EVENT_ORDER_CANCELLATION_REQUESTED, ""},
    {EVENT_ORDER_CANCELLED, ""},
    {EVENT_ORDER_SHIPPED, ""},
    {EVENT_PAYMENT_DECLINED, "order_id reason"},
    {EVENT_STOCK_RESERVED, "order_id"},
    {EVENT_PAYMENT_REFUNDED, "order_id reason"},
    {0},
};

struct service order_service(void)
{
    return (struct service){
        .name = "order",
        .subscriptions =
            EVENT_BIT(EVENT_PAYMENT_DECLINED) | EVENT_BIT(EVENT_STOCK_RESERVED) | EVENT_BIT(EVENT_PAYMENT_REFUNDED),
        .reads = reads,
        .react = react,
    };
}
