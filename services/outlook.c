#include "services/outlook.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "domain/codec.h"
#include "domain/money.h"
#include "domain/notification.h"
#include "domain/order.h"
#include "domain/payment.h"
#include "domain/reservation.h"
#include "services/batch.h"

enum { SKUS_SHOWN = 2 /* in a sentence of at most EVENTSTORE_REASON_MAX bytes, a sku being up to SKU_MAX of them */ };

/* One looking ahead. */
struct ahead {
    struct batch batch;        /* loads and folds streams; nothing is ever written from it */
    struct event cause;        /* what can be read of it */
    const char *unreadable;    /* why it cannot be understood, or NULL */
    char entity[ENTITY_SIZE];  /* of the cause's stream */
    const char *customer;      /* in words: "the customer ada" */
    struct buffer retry, owed; /* the answer */
};

static enum status load(struct ahead *ahead, const struct fold *fold, const char *entity, const void **state,
                        struct error *error)
{
    struct loaded *loaded = NULL;
    enum status status = batch_load(&ahead->batch, fold, entity, &loaded, error);
    *state = status == STATUS_OK ? loaded->state : NULL;
    return status;
}

static void say_answered(struct ahead *ahead)
{
    buffer_text(&ahead->retry, "nothing: it was answered meanwhile");
}

static bool is_about_data(enum status status)
{
    return status == STATUS_NOT_FOUND || status == STATUS_NEWER || status == STATUS_INVALID;
}

/* ---- payment ---- */

static void say_request(struct ahead *ahead, const struct payment_request *request)
{
    char money[MONEY_TEXT_SIZE], key[PAYMENT_KEY_SIZE];
    money_to_text(request->amount_minor, request->currency, money);
    payment_key(request, key);
    if (request->kind == PAYMENT_ASK_CHARGE) {
        buffer_format(&ahead->retry,
                      "asks the bank to charge %s, key %s; if it does not answer, the charge is"
                      " looked up, and voided where the bank knows nothing of it",
                      money, key);
        buffer_format(&ahead->owed, "the bank may have charged %s %s, which the roll does not know", ahead->customer,
                      money);
        return;
    }
    buffer_format(&ahead->retry, "asks the bank to refund %s (%s), key %s", money, request->reason, key);
    buffer_format(&ahead->owed, "the shop owes %s %s", ahead->customer, money);
}

/* Without a name where the order cannot be read: that something is owed is to be told all the same. */
static enum status name_customer(struct ahead *ahead, struct error *error)
{
    const void *state = NULL;
    struct buffer words = {0};
    buffer_text(&words, "the customer");
    enum status status = load(ahead, &order_fold, ahead->entity, &state, error);
    if (status == STATUS_OK && ((const struct order *)state)->placed.customer != NULL)
        buffer_format(&words, " %s", ((const struct order *)state)->placed.customer);
    ahead->customer = arena_copy(&ahead->batch.arena, buffer_string(&words));
    buffer_clear(&words);
    if (ahead->customer == NULL)
        return error_memory(error);
    return is_about_data(status) ? STATUS_OK : status;
}

static enum status look_at_payment(struct ahead *ahead, struct error *error)
{
    const void *payment = NULL;
    enum status status = load(ahead, &payment_fold, ahead->entity, &payment, error);
    if (status != STATUS_OK)
        return status;
    struct payment_request request = payment_react(payment, &ahead->cause);
    if (request.kind == PAYMENT_ASK_NOTHING) {
        say_answered(ahead);
        return STATUS_OK;
    }
    status = name_customer(ahead, error);
    if (status == STATUS_OK)
        say_request(ahead, &request);
    return status;
}

/* ---- inventory ---- */

static void say_lines(struct buffer *out, const struct sku_quantities *lines)
{
    size_t shown = lines->count <= SKUS_SHOWN ? lines->count : SKUS_SHOWN;
    for (size_t i = 0; i < shown; i++)
        buffer_format(out, "%s%" PRId64 " of %s",
                      i == 0                 ? ""
                      : i + 1 < lines->count ? ", "
                                             : " and ",
                      lines->items[i].quantity, lines->items[i].sku);
    if (shown < lines->count)
        buffer_format(out, " and %zu other products", lines->count - shown);
}

static void say_shortage(struct ahead *ahead, const struct shortages *shortages)
{
    const struct shortage *first = &shortages->items[0];
    buffer_format(&ahead->retry, "finds too little stock, as things stand: %" PRId64 " of %s wanted, %" PRId64 " there",
                  first->wanted, first->sku, first->available);
    if (shortages->count > 1)
        buffer_format(&ahead->retry, ", and %zu other products", shortages->count - 1);
}

/* An answer of the reservation: its own event comes first. */
static void say_reservation(struct ahead *ahead, const struct event_list *answer)
{
    if (answer->count == 0) {
        say_answered(ahead);
        return;
    }
    const struct event *first = &answer->items[0];
    switch (first->type) {
    case EVENT_STOCK_RESERVED: buffer_text(&ahead->retry, "reserves "); break;
    case EVENT_STOCK_RELEASED: buffer_text(&ahead->retry, "releases "); break;
    case EVENT_RESERVATION_SHIPPED: buffer_text(&ahead->retry, "takes what was shipped off the shelves: "); break;
    case EVENT_RESERVATION_WITHDRAWN:
        buffer_text(&ahead->retry, "withdraws the order: a payment that comes later reserves nothing");
        buffer_text(&ahead->owed, "a payment that comes later will reserve stock for an order that was cancelled");
        return;
    default: say_shortage(ahead, &first->reservation_failed.shortages); return;
    }
    say_lines(&ahead->retry, &first->reservation_lines.lines);
    if (first->type == EVENT_STOCK_RELEASED) {
        say_lines(&ahead->owed, &first->reservation_lines.lines);
        buffer_text(&ahead->owed, " stay reserved for an order that was cancelled");
    }
}

/* The shelves as they are now. */
static enum status load_stocks(struct ahead *ahead, const struct sku_quantities *needs, const struct stock ***stocks,
                               struct error *error)
{
    *stocks = arena_alloc_array(&ahead->batch.arena, needs->count, sizeof **stocks);
    if (*stocks == NULL)
        return error_memory(error);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < needs->count; i++) {
        const void *stock = NULL;
        status = load(ahead, &stock_fold, needs->items[i].sku, &stock, error);
        (*stocks)[i] = stock;
    }
    return status;
}

static enum status react_captured(struct ahead *ahead, const struct reservation *reservation, struct event_list *answer,
                                  struct error *error)
{
    const void *state = NULL;
    const struct stock **stocks = NULL;
    struct sku_quantities needs;
    enum status status = load(ahead, &order_fold, ahead->entity, &state, error);
    if (status != STATUS_OK)
        return status;
    const struct order *order = state;
    if (order->placed.order_ref == NULL) {
        ahead->unreadable = "nobody placed the order";
        return STATUS_OK;
    }
    if (!reservation_needs(&order->placed.lines, &ahead->batch.arena, &needs))
        return error_memory(error);
    status = load_stocks(ahead, &needs, &stocks, error);
    if (status == STATUS_OK)
        reservation_react_captured(reservation, ahead->cause.payment_captured.order, &needs, stocks, answer);
    return status;
}

static enum status look_at_inventory(struct ahead *ahead, struct error *error)
{
    const void *reservation = NULL;
    struct event_list answer = {.arena = &ahead->batch.arena};
    enum status status = load(ahead, &reservation_fold, ahead->entity, &reservation, error);
    if (status != STATUS_OK)
        return status;
    if (ahead->cause.type == EVENT_PAYMENT_CAPTURED)
        status = react_captured(ahead, reservation, &answer, error);
    else
        reservation_react(reservation, &ahead->cause, &answer);
    if (status == STATUS_OK)
        say_reservation(ahead, &answer);
    return answer.failed ? error_memory(error) : status;
}

/* ---- order and notification ---- */

static enum status load_order(struct ahead *ahead, const struct order **order, struct error *error)
{
    const void *state = NULL;
    enum status status = load(ahead, &order_fold, ahead->entity, &state, error);
    *order = state;
    if (status == STATUS_OK && (*order)->placed.order_ref == NULL)
        ahead->unreadable = "nobody placed the order";
    return status;
}

static enum status look_at_order(struct ahead *ahead, struct error *error)
{
    const struct order *order = NULL;
    struct event_list answer = {.arena = &ahead->batch.arena};
    enum status status = load_order(ahead, &order, error);
    if (status != STATUS_OK || ahead->unreadable != NULL)
        return status;
    order_react(order, &ahead->cause, &answer);
    if (answer.count == 0)
        say_answered(ahead);
    else
        buffer_format(&ahead->retry, "the order becomes %s", event_type_name(answer.items[0].type));
    return answer.failed ? error_memory(error) : STATUS_OK;
}

static enum status look_at_notification(struct ahead *ahead, struct error *error)
{
    const void *notification = NULL;
    const struct order *order = NULL;
    enum notice notice;
    enum status status = load(ahead, &notification_fold, ahead->entity, &notification, error);
    if (status == STATUS_OK)
        status = load_order(ahead, &order, error);
    if (status != STATUS_OK || ahead->unreadable != NULL)
        return status;
    if (notification_is_due(notification, &ahead->cause, &notice))
        buffer_format(&ahead->retry, "writes %s a mail: the order is %s", order->placed.customer, notice_name(notice));
    else
        say_answered(ahead);
    return STATUS_OK;
}

/* ---- whose event it is ---- */

static const struct {
    const char *consumer;
    enum status (*look)(struct ahead *ahead, struct error *error);
    bool moves_goods; /* or money */
} lookouts[] = {
    {"payment", look_at_payment, true},
    {"inventory", look_at_inventory, true},
    {"order", look_at_order, false},
    {"notification", look_at_notification, false},
};

static enum status note_unreadable(struct ahead *ahead, const struct error *why, struct error *error)
{
    ahead->unreadable = arena_copy(&ahead->batch.arena, why->text);
    return ahead->unreadable == NULL ? error_memory(error) : STATUS_OK;
}

/* The event may be readable and what it is decided on not. */
static enum status look(struct ahead *ahead, const char *consumer, struct error *error)
{
    size_t i = 0;
    struct error why = {0};
    while (i < sizeof lookouts / sizeof *lookouts && strcmp(lookouts[i].consumer, consumer) != 0)
        i++;
    if (i == sizeof lookouts / sizeof *lookouts) {
        buffer_format(&ahead->retry, "hands the event to %s once more", consumer);
        return STATUS_OK;
    }
    enum status status = lookouts[i].look(ahead, &why);
    if (!is_about_data(status))
        return status == STATUS_OK ? status : error_set(error, status, "%s", why.text);
    if (lookouts[i].moves_goods)
        buffer_text(&ahead->owed, "money or stock may be left where it should not be, which cannot be told");
    return note_unreadable(ahead, &why, error);
}

/* Of an event whose data cannot be understood the type and the order are known still: enough to tell whether money or
 * stock would be left where it is. */
static bool guess_cause(const struct recorded_event *event, struct event *cause)
{
    struct uuid order;
    *cause = (struct event){0};
    if (!event_type_from_name(event->type, &cause->type) || !uuid_from_text(event->stream.entity, &order))
        return false;
    if (cause->type == EVENT_ORDER_CANCELLATION_REQUESTED)
        cause->order_cancellation_requested.order = order;
    else if (cause->type == EVENT_STOCK_RESERVATION_FAILED)
        cause->reservation_failed.order = order;
    else
        return false;
    return true;
}

/* `*known` becomes false when not even the guess tells what it was. */
static enum status read_cause(struct ahead *ahead, const struct recorded_event *event, bool *known, struct error *error)
{
    struct error why = {0};
    *known = true;
    enum status status = event_decode(event->type, event->schema_version, event->data, event->data_length,
                                      ahead->batch.currency, &ahead->batch.arena, &ahead->cause, &why);
    if (status == STATUS_OK) {
        event_entity(&ahead->cause, ahead->entity);
        return STATUS_OK;
    }
    if (!is_about_data(status))
        return error_set(error, status, "%s", why.text);
    *known = guess_cause(event, &ahead->cause);
    if (*known)
        uuid_to_text(event->correlation, ahead->entity);
    return note_unreadable(ahead, &why, error);
}

static enum status take_answer(struct ahead *ahead, struct arena *arena, struct outlook *outlook, struct error *error)
{
    if (ahead->unreadable != NULL) {
        buffer_reset(&ahead->retry);
        buffer_format(&ahead->retry, "it fails again, for it cannot be understood: %s", ahead->unreadable);
    }
    enum status status = buffer_ok(&ahead->retry, error);
    if (status == STATUS_OK)
        status = buffer_ok(&ahead->owed, error);
    if (status != STATUS_OK)
        return status;
    CHECK(ahead->owed.length <= EVENTSTORE_REASON_MAX);
    outlook->retry = arena_copy(arena, buffer_string(&ahead->retry));
    outlook->owed = arena_copy(arena, buffer_string(&ahead->owed));
    return outlook->retry == NULL || outlook->owed == NULL ? error_memory(error) : STATUS_OK;
}

enum status outlook_of(struct eventstore *store, const char *consumer, const struct recorded_event *event,
                       struct arena *arena, struct outlook *outlook, struct error *error)
{
    struct ahead ahead = {.unreadable = NULL};
    bool known = false;
    batch_init(&ahead.batch, store, consumer);
    batch_begin(&ahead.batch);
    enum status status = read_cause(&ahead, event, &known, error);
    if (status == STATUS_OK && known)
        status = look(&ahead, consumer, error);
    if (status == STATUS_OK)
        status = take_answer(&ahead, arena, outlook, error);
    buffer_clear(&ahead.retry);
    buffer_clear(&ahead.owed);
    batch_clear(&ahead.batch);
    return status;
}
