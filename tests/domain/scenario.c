#include "tests/domain/scenario.h"

#include <string.h>

#include "base/buffer.h"
#include "domain/codec.h"

struct scenario scenario;

/* ---- things of the shop ---- */

static void *copy_of(const void *items, size_t count, size_t size)
{
    void *copy = arena_alloc_array(&scenario.arena, count + 1, size);
    cr_assert_not_null(copy);
    if (count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

struct order_lines lines(const char *sku, int64_t quantity)
{
    return and_line((struct order_lines){0}, sku, quantity);
}

struct order_lines and_line(struct order_lines before, const char *sku, int64_t quantity)
{
    struct order_lines all = {copy_of(before.items, before.count, sizeof(*all.items)), before.count + 1};
    all.items[before.count] = (struct order_line){sku, sku, quantity, 450};
    return all;
}

struct sku_quantities units(const char *sku, int64_t quantity)
{
    return and_units((struct sku_quantities){0}, sku, quantity);
}

struct sku_quantities and_units(struct sku_quantities before, const char *sku, int64_t quantity)
{
    struct sku_quantities all = {copy_of(before.items, before.count, sizeof(*all.items)), before.count + 1};
    all.items[before.count] = (struct sku_quantity){sku, quantity};
    return all;
}

struct shortages shortage(const char *sku, int64_t wanted, int64_t available)
{
    return and_shortage((struct shortages){0}, sku, wanted, available);
}

struct shortages and_shortage(struct shortages before, const char *sku, int64_t wanted, int64_t available)
{
    struct shortages all = {copy_of(before.items, before.count, sizeof(*all.items)), before.count + 1};
    all.items[before.count] = (struct shortage){sku, wanted, available};
    return all;
}

/* ---- facts ---- */

struct event order_placed(struct uuid order, struct order_lines wanted)
{
    int64_t total_minor = 0;
    for (size_t i = 0; i < wanted.count; i++)
        total_minor += wanted.items[i].quantity * wanted.items[i].unit_price_minor;
    return (struct event){
        .type = EVENT_ORDER_PLACED,
        .order_placed = {order, "R-7", "anna", EUR, wanted, total_minor, "tok_ok", MONDAY_EVENING_US},
    };
}

struct event order_confirmed(struct uuid order)
{
    return (struct event){.type = EVENT_ORDER_CONFIRMED, .order_confirmed = {order}};
}

struct event order_rejected(struct uuid order, const char *reason)
{
    return (struct event){.type = EVENT_ORDER_REJECTED, .order_rejected = {order, reason}};
}

struct event cancellation_requested(struct uuid order, const char *reason)
{
    return (struct event){.type = EVENT_ORDER_CANCELLATION_REQUESTED,
                          .order_cancellation_requested = {order, reason, MONDAY_EVENING_US}};
}

struct event order_cancelled(struct uuid order, const char *reason)
{
    return (struct event){.type = EVENT_ORDER_CANCELLED, .order_cancelled = {order, reason}};
}

struct event order_shipped(struct uuid order, const char *carrier, const char *tracking)
{
    return (struct event){.type = EVENT_ORDER_SHIPPED, .order_shipped = {order, carrier, tracking}};
}

struct event payment_captured(struct uuid order, int64_t amount_minor)
{
    return (struct event){.type = EVENT_PAYMENT_CAPTURED, .payment_captured = {order, amount_minor, EUR, "bank-1"}};
}

struct event payment_declined(struct uuid order, int64_t amount_minor, const char *reason)
{
    return (struct event){.type = EVENT_PAYMENT_DECLINED, .payment_declined = {order, amount_minor, EUR, reason}};
}

struct event payment_refunded(struct uuid order, int64_t amount_minor, const char *reason)
{
    return (struct event){.type = EVENT_PAYMENT_REFUNDED,
                          .payment_refunded = {order, amount_minor, EUR, "bank-2", reason}};
}

struct event product_listed(const char *sku, const char *name, int64_t unit_price_minor)
{
    return (struct event){.type = EVENT_PRODUCT_LISTED, .product_listed = {sku, name, unit_price_minor, EUR}};
}

struct event stock_received(const char *sku, int64_t quantity)
{
    return (struct event){.type = EVENT_STOCK_RECEIVED, .stock_received = {sku, quantity, false}};
}

struct event opening_received(const char *sku, int64_t quantity)
{
    return (struct event){.type = EVENT_STOCK_RECEIVED, .stock_received = {sku, quantity, true}};
}

struct event units_reserved(const char *sku, struct uuid order, int64_t quantity)
{
    return (struct event){.type = EVENT_UNITS_RESERVED, .units_moved = {sku, order, quantity}};
}

struct event units_released(const char *sku, struct uuid order, int64_t quantity)
{
    return (struct event){.type = EVENT_UNITS_RELEASED, .units_moved = {sku, order, quantity}};
}

struct event units_shipped(const char *sku, struct uuid order, int64_t quantity)
{
    return (struct event){.type = EVENT_UNITS_SHIPPED, .units_moved = {sku, order, quantity}};
}

struct event stock_reserved(struct uuid order, struct sku_quantities held)
{
    return (struct event){.type = EVENT_STOCK_RESERVED, .reservation_lines = {order, held}};
}

struct event reservation_failed(struct uuid order, struct shortages shortages)
{
    return (struct event){.type = EVENT_STOCK_RESERVATION_FAILED, .reservation_failed = {order, shortages}};
}

struct event reservation_withdrawn(struct uuid order)
{
    return (struct event){.type = EVENT_RESERVATION_WITHDRAWN, .reservation_withdrawn = {order}};
}

struct event stock_released(struct uuid order, struct sku_quantities held)
{
    return (struct event){.type = EVENT_STOCK_RELEASED, .reservation_lines = {order, held}};
}

struct event reservation_shipped(struct uuid order, struct sku_quantities held)
{
    return (struct event){.type = EVENT_RESERVATION_SHIPPED, .reservation_lines = {order, held}};
}

struct event notification_sent(struct uuid order, const char *kind)
{
    return (struct event){.type = EVENT_NOTIFICATION_SENT, .notification_sent = {order, "anna", kind, "<1@shop>"}};
}

struct event sample_event(enum event_type type)
{
    switch (type) {
    case EVENT_ORDER_PLACED: return order_placed(ORDER_7, and_line(lines("tea", 2), "cup", 1));
    case EVENT_ORDER_CONFIRMED: return order_confirmed(ORDER_7);
    case EVENT_ORDER_REJECTED: return order_rejected(ORDER_7, "insufficient_funds");
    case EVENT_ORDER_CANCELLATION_REQUESTED: return cancellation_requested(ORDER_7, "I ordered twice");
    case EVENT_ORDER_CANCELLED: return order_cancelled(ORDER_7, "out_of_stock");
    case EVENT_ORDER_SHIPPED: return order_shipped(ORDER_7, "Post", "T-1");
    case EVENT_PAYMENT_CAPTURED: return payment_captured(ORDER_7, 1350);
    case EVENT_PAYMENT_DECLINED: return payment_declined(ORDER_7, 1350, "declined");
    case EVENT_PAYMENT_REFUNDED: return payment_refunded(ORDER_7, 1350, "out_of_stock");
    case EVENT_PRODUCT_LISTED: return product_listed("tea", "Green tea", 450);
    case EVENT_STOCK_RECEIVED: return opening_received("tea", 12);
    case EVENT_UNITS_RESERVED: return units_reserved("tea", ORDER_7, 2);
    case EVENT_UNITS_RELEASED: return units_released("tea", ORDER_7, 2);
    case EVENT_UNITS_SHIPPED: return units_shipped("tea", ORDER_7, 2);
    case EVENT_STOCK_RESERVED: return stock_reserved(ORDER_7, and_units(units("tea", 2), "cup", 1));
    case EVENT_STOCK_RESERVATION_FAILED:
        return reservation_failed(ORDER_7, and_shortage(shortage("tea", 2, 0), "cup", 5, 4));
    case EVENT_RESERVATION_WITHDRAWN: return reservation_withdrawn(ORDER_7);
    case EVENT_STOCK_RELEASED: return stock_released(ORDER_7, and_units(units("tea", 2), "cup", 1));
    case EVENT_RESERVATION_SHIPPED: return reservation_shipped(ORDER_7, and_units(units("tea", 2), "cup", 1));
    case EVENT_NOTIFICATION_SENT: return notification_sent(ORDER_7, "confirmed");
    case EVENT_TYPES: break;
    }
    cr_assert(false, "there is no sample of type %d", (int)type);
    return (struct event){.type = EVENT_TYPES};
}

/* ---- are two events the same? ---- */

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_currency(struct currency one, struct currency other)
{
    return strcmp(one.code, other.code) == 0;
}

static bool same_order_lines(struct order_lines one, struct order_lines other)
{
    bool same = one.count == other.count;
    for (size_t i = 0; same && i < one.count; i++)
        same = same_text(one.items[i].sku, other.items[i].sku) && same_text(one.items[i].name, other.items[i].name) &&
               one.items[i].quantity == other.items[i].quantity &&
               one.items[i].unit_price_minor == other.items[i].unit_price_minor;
    return same;
}

static bool same_units(struct sku_quantities one, struct sku_quantities other)
{
    bool same = one.count == other.count;
    for (size_t i = 0; same && i < one.count; i++)
        same = same_text(one.items[i].sku, other.items[i].sku) && one.items[i].quantity == other.items[i].quantity;
    return same;
}

static bool same_shortages(struct shortages one, struct shortages other)
{
    bool same = one.count == other.count;
    for (size_t i = 0; same && i < one.count; i++)
        same = same_text(one.items[i].sku, other.items[i].sku) && one.items[i].wanted == other.items[i].wanted &&
               one.items[i].available == other.items[i].available;
    return same;
}

static bool same_placed(const struct order_placed *one, const struct order_placed *other)
{
    return same_text(one->order_ref, other->order_ref) && same_text(one->customer, other->customer) &&
           same_currency(one->currency, other->currency) && same_order_lines(one->lines, other->lines) &&
           one->total_minor == other->total_minor && same_text(one->card_token, other->card_token) &&
           one->placed_at_us == other->placed_at_us;
}

static bool same_refund(const struct payment_refunded *one, const struct payment_refunded *other)
{
    return one->amount_minor == other->amount_minor && same_currency(one->currency, other->currency) &&
           same_text(one->gateway_reference, other->gateway_reference) && same_text(one->reason, other->reason);
}

static bool same_payload(const struct event *one, const struct event *other)
{
    switch (one->type) {
    case EVENT_ORDER_PLACED: return same_placed(&one->order_placed, &other->order_placed);
    case EVENT_ORDER_REJECTED: return same_text(one->order_rejected.reason, other->order_rejected.reason);
    case EVENT_ORDER_CANCELLATION_REQUESTED:
        return same_text(one->order_cancellation_requested.reason, other->order_cancellation_requested.reason) &&
               one->order_cancellation_requested.requested_at_us == other->order_cancellation_requested.requested_at_us;
    case EVENT_ORDER_CANCELLED: return same_text(one->order_cancelled.reason, other->order_cancelled.reason);
    case EVENT_ORDER_SHIPPED:
        return same_text(one->order_shipped.carrier, other->order_shipped.carrier) &&
               same_text(one->order_shipped.tracking, other->order_shipped.tracking);
    case EVENT_PAYMENT_CAPTURED:
        return one->payment_captured.amount_minor == other->payment_captured.amount_minor &&
               same_currency(one->payment_captured.currency, other->payment_captured.currency) &&
               same_text(one->payment_captured.gateway_reference, other->payment_captured.gateway_reference);
    case EVENT_PAYMENT_DECLINED:
        return one->payment_declined.amount_minor == other->payment_declined.amount_minor &&
               same_currency(one->payment_declined.currency, other->payment_declined.currency) &&
               same_text(one->payment_declined.reason, other->payment_declined.reason);
    case EVENT_PAYMENT_REFUNDED: return same_refund(&one->payment_refunded, &other->payment_refunded);
    case EVENT_PRODUCT_LISTED:
        return same_text(one->product_listed.sku, other->product_listed.sku) &&
               same_text(one->product_listed.name, other->product_listed.name) &&
               one->product_listed.unit_price_minor == other->product_listed.unit_price_minor &&
               same_currency(one->product_listed.currency, other->product_listed.currency);
    case EVENT_STOCK_RECEIVED:
        return same_text(one->stock_received.sku, other->stock_received.sku) &&
               one->stock_received.quantity == other->stock_received.quantity &&
               one->stock_received.opening == other->stock_received.opening;
    case EVENT_UNITS_RESERVED:
    case EVENT_UNITS_RELEASED:
    case EVENT_UNITS_SHIPPED:
        return same_text(one->units_moved.sku, other->units_moved.sku) &&
               one->units_moved.quantity == other->units_moved.quantity;
    case EVENT_STOCK_RESERVED:
    case EVENT_STOCK_RELEASED:
    case EVENT_RESERVATION_SHIPPED: return same_units(one->reservation_lines.lines, other->reservation_lines.lines);
    case EVENT_STOCK_RESERVATION_FAILED:
        return same_shortages(one->reservation_failed.shortages, other->reservation_failed.shortages);
    case EVENT_NOTIFICATION_SENT:
        return same_text(one->notification_sent.customer, other->notification_sent.customer) &&
               same_text(one->notification_sent.kind, other->notification_sent.kind) &&
               same_text(one->notification_sent.message_id, other->notification_sent.message_id);
    case EVENT_ORDER_CONFIRMED:
    case EVENT_RESERVATION_WITHDRAWN: return true; /* nothing but the order */
    case EVENT_TYPES: break;
    }
    return false;
}

bool events_equal(const struct event *one, const struct event *other)
{
    struct uuid order = {{0}}, other_order = {{0}};
    if (one->type != other->type)
        return false;
    if (event_order(one, &order) != event_order(other, &other_order) || !uuid_equal(order, other_order))
        return false;
    return same_payload(one, other);
}

/* ---- the scenario ---- */

void given(struct event event)
{
    cr_assert_lt(scenario.past_count, sizeof(scenario.past) / sizeof(scenario.past[0]));
    scenario.past[scenario.past_count++] = event;
}

void given_nothing(void)
{
    arena_reset(&scenario.arena);
    scenario = (struct scenario){.arena = scenario.arena};
}

void fold_past(const struct fold *fold, void *state)
{
    memset(state, 0, fold->state_size);
    for (size_t i = 0; i < scenario.past_count; i++)
        fold->evolve(state, &scenario.past[i]);
}

struct event_list *new_answer(void)
{
    scenario.answer = (struct event_list){.arena = &scenario.arena};
    scenario.refusal = REFUSAL_NONE;
    scenario.asserted = 0;
    return &scenario.answer;
}

/* "OrderShipped {…}", for a failure's message. */
static const char *in_words(const struct event *event)
{
    struct buffer text = {0};
    struct error error;
    buffer_format(&text, "%s ", event_type_name(event->type));
    if (event_encode(event, &text, &error) != STATUS_OK)
        buffer_text(&text, error.text);
    const char *words = arena_copy(&scenario.arena, buffer_string(&text));
    buffer_clear(&text);
    return words;
}

void then(struct event expected)
{
    cr_assert_eq(scenario.refusal, REFUSAL_NONE, "refused: %s", refusal_text(scenario.refusal));
    cr_assert(scenario.asserted < scenario.answer.count, "expected %s, but nothing more happened", in_words(&expected));
    const struct event *happened = &scenario.answer.items[scenario.asserted++];
    cr_assert(events_equal(happened, &expected), "expected %s\nhappened %s", in_words(&expected), in_words(happened));
}

void then_nothing_more(void)
{
    cr_assert_eq(scenario.refusal, REFUSAL_NONE, "refused: %s", refusal_text(scenario.refusal));
    cr_assert_not(scenario.answer.failed);
    cr_assert_eq(scenario.asserted, scenario.answer.count, "unexpected %s",
                 in_words(&scenario.answer.items[scenario.asserted]));
}

void then_nothing(void)
{
    cr_assert_eq(scenario.asserted, 0);
    then_nothing_more();
}

void then_refused(enum refusal refusal)
{
    cr_assert_eq(scenario.refusal, refusal, "expected \"%s\", got \"%s\"", refusal_text(refusal),
                 refusal_text(scenario.refusal));
    cr_assert_eq(scenario.answer.count, 0, "a refusal states nothing");
}
