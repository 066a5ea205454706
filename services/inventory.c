/* inventory.c - the inventory service: holds every line of a paid order, or none.
 *
 *   PaymentCaptured              nothing yet -> StockReserved and UnitsReserved a sku, in one commit;
 *                                               or StockReservationFailed with every short sku
 *   OrderCancellationRequested   nothing yet -> ReservationWithdrawn: a payment that comes later reserves nothing
 *                                reserved    -> StockReleased and UnitsReleased a sku, in one commit
 *   OrderShipped                 reserved    -> ReservationShipped and UnitsShipped a sku, in one commit
 */
#include "domain/order.h"
#include "domain/reservation.h"
#include "services/services.h"

/* The shelves of all needs, at their head. */
static enum status load_stocks(struct reaction *reaction, const struct sku_quantities *needs,
                               const struct stock ***stocks, struct error *error)
{
    *stocks = arena_alloc_array(reaction_arena(reaction), needs->count, sizeof **stocks);
    if (*stocks == NULL)
        return error_memory(error);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < needs->count; i++) {
        const void *stock = NULL;
        status = reaction_load(reaction, &stock_fold, needs->items[i].sku, &stock, error);
        (*stocks)[i] = stock;
    }
    return status;
}

/* A failure writes nothing to the shelves it was decided on, so they are guarded: should one be filled meanwhile, the
 * decision is made again. */
static enum status guard_stocks(struct reaction *reaction, const struct sku_quantities *needs, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < needs->count; i++)
        status = reaction_guard(reaction, &stock_fold, needs->items[i].sku, error);
    return status;
}

static bool is_failure(const struct event_list *answer)
{
    return answer->count > 0 && answer->items[0].type == EVENT_STOCK_RESERVATION_FAILED;
}

static enum status react_captured(struct reaction *reaction, const struct reservation *reservation, struct uuid order,
                                  struct error *error)
{
    struct order ordered;
    char entity[UUID_TEXT_SIZE];
    struct sku_quantities needs;
    const struct stock **stocks = NULL;
    if (reservation->phase != RESERVATION_NONE)
        return STATUS_OK;
    uuid_to_text(order, entity);
    enum status status = reaction_consumed(reaction, &order_fold, entity, &ordered, error);
    if (status != STATUS_OK)
        return status;
    if (ordered.placed.order_ref == NULL)
        return error_set(error, STATUS_INVALID, "a payment for order %s, which nobody placed", entity);
    if (!reservation_needs(&ordered.placed.lines, reaction_arena(reaction), &needs))
        return error_memory(error);
    status = load_stocks(reaction, &needs, &stocks, error);
    if (status != STATUS_OK)
        return status;
    struct event_list answer = {.arena = reaction_arena(reaction)};
    reservation_react_captured(reservation, order, &needs, stocks, &answer);
    if (is_failure(&answer))
        status = guard_stocks(reaction, &needs, error);
    return status == STATUS_OK ? reaction_answer(reaction, &answer, error) : status;
}

/* What is released or shipped goes to the shelves too: they are loaded so that they can be written to. */
static enum status react_held(struct reaction *reaction, const struct reservation *reservation,
                              const struct event *cause, struct error *error)
{
    struct event_list answer = {.arena = reaction_arena(reaction)};
    const struct stock **stocks = NULL;
    reservation_react(reservation, cause, &answer);
    enum status status = STATUS_OK;
    if (answer.count > 1)
        status = load_stocks(reaction, &reservation->lines, &stocks, error);
    return status == STATUS_OK ? reaction_answer(reaction, &answer, error) : status;
}

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    const void *reservation = NULL;
    char entity[ENTITY_SIZE];
    event_entity(cause, entity);
    enum status status = reaction_load(reaction, &reservation_fold, entity, &reservation, error);
    if (status != STATUS_OK)
        return status;
    if (cause->type == EVENT_PAYMENT_CAPTURED)
        return react_captured(reaction, reservation, cause->payment_captured.order, error);
    return react_held(reaction, reservation, cause, error);
}

/* Of its triggers, and of the streams it folds. */
static const struct field_reads reads[] = {
    {EVENT_PAYMENT_CAPTURED, "order_id"},
    {EVENT_ORDER_CANCELLATION_REQUESTED, "order_id"},
    {EVENT_ORDER_SHIPPED, "order_id"},
    {EVENT_ORDER_PLACED, "order_ref lines[].sku lines[].quantity"},
    {EVENT_STOCK_RESERVED, "lines[].sku lines[].quantity"},
    {EVENT_STOCK_RESERVATION_FAILED, ""},
    {EVENT_RESERVATION_WITHDRAWN, ""},
    {EVENT_STOCK_RELEASED, ""},
    {EVENT_RESERVATION_SHIPPED, ""},
    {EVENT_PRODUCT_LISTED, "name"},
    {EVENT_STOCK_RECEIVED, "quantity"},
    {EVENT_UNITS_RESERVED, "quantity"},
    {EVENT_UNITS_RELEASED, "quantity"},
    {EVENT_UNITS_SHIPPED, "quantity"},
    {0},
};

struct service inventory_service(void)
{
    return (struct service){
        .name = "inventory",
        .subscriptions = EVENT_BIT(EVENT_PAYMENT_CAPTURED) | EVENT_BIT(EVENT_ORDER_CANCELLATION_REQUESTED) |
                         EVENT_BIT(EVENT_ORDER_SHIPPED),
        .reads = reads,
        .react = react,
    };
}
