#include "domain/order.h"

#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "domain/money.h"

const struct fold order_fold = {
    .category = "order",
    .state_size = sizeof(struct order),
    .evolve = order_evolve,
};

void order_evolve(void *state, const struct event *event)
{
    struct order *order = state;
    switch (event->type) {
    case EVENT_ORDER_PLACED:
        order->phase = ORDER_PLACED;
        order->placed = event->order_placed;
        break;
    case EVENT_ORDER_CONFIRMED: order->phase = ORDER_CONFIRMED; break;
    case EVENT_ORDER_REJECTED: order->phase = ORDER_REJECTED; break;
    case EVENT_ORDER_CANCELLATION_REQUESTED: order->phase = ORDER_CANCELLING; break;
    case EVENT_ORDER_CANCELLED: order->phase = ORDER_CANCELLED; break;
    case EVENT_ORDER_SHIPPED: order->phase = ORDER_SHIPPED; break;
    default: break;
    }
}

bool order_was_placed(const struct order *order, const char *entity)
{
    char own[UUID_TEXT_SIZE];
    uuid_to_text(order->placed.order, own);
    return order->placed.order_ref != NULL && strcmp(own, entity) == 0;
}

const char *order_phase_name(enum order_phase phase)
{
    static const char *const names[ORDER_PHASES] = {
        [ORDER_NONE] = "none",         [ORDER_PLACED] = "placed",         [ORDER_CONFIRMED] = "confirmed",
        [ORDER_REJECTED] = "rejected", [ORDER_CANCELLING] = "cancelling", [ORDER_CANCELLED] = "cancelled",
        [ORDER_SHIPPED] = "shipped",
    };
    CHECK((unsigned)phase < ORDER_PHASES);
    return names[phase];
}

/* ---- place ---- */

static bool is_clean(const char *text, size_t max_bytes)
{
    return text != NULL && text_is_clean(text, strlen(text), max_bytes);
}

/* True when the whole token is a card number, written in one or in groups ("4111 1111 1111 1111", "4111-1111-…"). */
static bool is_card_number(const char *token)
{
    enum { DIGITS_MIN = 13, DIGITS_MAX = 19 };
    char digits[DIGITS_MAX];
    size_t length = 0;
    for (; *token != '\0'; token++) {
        if (*token == ' ' || *token == '-')
            continue;
        if (*token < '0' || *token > '9' || length == DIGITS_MAX)
            return false;
        digits[length++] = *token;
    }
    return length >= DIGITS_MIN && text_passes_luhn(digits, length);
}

/* What can be said of a command without knowing the shop: is it well-formed? */
static enum refusal check_wording(const struct place_order *command, size_t *line)
{
    if (!is_clean(command->order_ref, SKU_MAX) || !is_clean(command->customer, SKU_MAX) ||
        !is_clean(command->card_token, SKU_MAX))
        return REFUSAL_TEXT;
    if (is_card_number(command->card_token))
        return REFUSAL_CARD_NUMBER;
    if (!currency_is_known(command->currency.code, NULL))
        return REFUSAL_CURRENCY;
    if (command->line_count == 0)
        return REFUSAL_NO_LINES;
    if (command->line_count > LINES_MAX)
        return REFUSAL_TOO_MANY_LINES;
    for (*line = 0; *line < command->line_count; ++*line) {
        const struct wanted_line *wanted = &command->lines[*line];
        if (!is_clean(wanted->sku, SKU_MAX))
            return REFUSAL_TEXT;
        if (wanted->quantity < 1 || wanted->quantity > QUANTITY_MAX)
            return REFUSAL_QUANTITY;
    }
    *line = SIZE_MAX;
    return REFUSAL_NONE;
}

static bool is_same_line(const struct order_line *stands, const struct wanted_line *wanted, bool prices_are_content)
{
    return strcmp(stands->sku, wanted->sku) == 0 && stands->quantity == wanted->quantity &&
           (!prices_are_content || stands->unit_price_minor == wanted->unit_price_minor);
}

/* Is the order that stands the one that is asked for? What the catalogue says today is no matter: a product may have
 * been repriced since. */
static enum refusal compare_content(const struct order_placed *stands, const struct place_order *command, size_t *line)
{
    if (strcmp(stands->customer, command->customer) != 0)
        return REFUSAL_OTHER_CUSTOMER;
    if (!currency_equal(stands->currency, command->currency))
        return REFUSAL_OTHER_CURRENCY;
    if (stands->lines.count != command->line_count)
        return REFUSAL_OTHER_LINES;
    for (*line = 0; *line < command->line_count; ++*line)
        if (!is_same_line(&stands->lines.items[*line], &command->lines[*line], command->prices_are_content))
            return REFUSAL_OTHER_LINES;
    *line = SIZE_MAX;
    return REFUSAL_NONE;
}

static enum refusal check_catalogue(const struct wanted_line *wanted)
{
    if (wanted->name == NULL)
        return REFUSAL_UNKNOWN_SKU;
    if (!is_clean(wanted->name, NAME_MAX_BYTES))
        return REFUSAL_TEXT;
    if (wanted->unit_price_minor < 1 || wanted->unit_price_minor > PRICE_MAX_MINOR)
        return REFUSAL_PRICE;
    return REFUSAL_NONE;
}

/* Every line is listed and priced; `*total_minor` is what all of them cost. */
static enum refusal price_lines(const struct place_order *command, int64_t *total_minor, size_t *line)
{
    *total_minor = 0;
    for (*line = 0; *line < command->line_count; ++*line) {
        const struct wanted_line *wanted = &command->lines[*line];
        enum refusal refusal = check_catalogue(wanted);
        if (refusal != REFUSAL_NONE)
            return refusal;
        int64_t cost_minor;
        if (!money_multiply(wanted->unit_price_minor, wanted->quantity, &cost_minor) ||
            !money_add(total_minor, cost_minor))
            return REFUSAL_OVERFLOW;
    }
    *line = SIZE_MAX;
    return REFUSAL_NONE;
}

static void add_placed(const struct place_order *command, int64_t total_minor, struct event_list *out)
{
    struct order_line *lines = arena_alloc_array(out->arena, command->line_count, sizeof(*lines));
    if (lines == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < command->line_count; i++) {
        const struct wanted_line *wanted = &command->lines[i];
        lines[i] = (struct order_line){wanted->sku, wanted->name, wanted->quantity, wanted->unit_price_minor};
    }
    event_list_add(out, &(struct event){.type = EVENT_ORDER_PLACED,
                                        .order_placed = {.order = command->order,
                                                         .order_ref = command->order_ref,
                                                         .customer = command->customer,
                                                         .currency = command->currency,
                                                         .lines = {lines, command->line_count},
                                                         .total_minor = total_minor,
                                                         .card_token = command->card_token,
                                                         .placed_at_us = command->placed_at_us}});
}

enum refusal order_decide_place(const struct order *order, const struct place_order *command, struct event_list *out,
                                size_t *line)
{
    size_t unwanted;
    if (line == NULL)
        line = &unwanted;
    *line = SIZE_MAX;
    enum refusal refusal = check_wording(command, line);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (order->phase != ORDER_NONE)
        return compare_content(&order->placed, command, line);
    int64_t total_minor;
    refusal = price_lines(command, &total_minor, line);
    if (refusal == REFUSAL_NONE)
        add_placed(command, total_minor, out);
    return refusal;
}

/* ---- cancel and ship ---- */

enum refusal order_decide_cancel(const struct order *order, const struct cancel_order *command, struct event_list *out)
{
    switch (order->phase) {
    case ORDER_PLACED:
    case ORDER_CONFIRMED: break;
    case ORDER_CANCELLING:
    case ORDER_CANCELLED: return REFUSAL_NONE; /* asked twice: the first request stands */
    case ORDER_REJECTED: return REFUSAL_OVER;
    case ORDER_SHIPPED: return REFUSAL_SHIPPED;
    default: return REFUSAL_UNKNOWN_ORDER;
    }
    if (!is_clean(command->reason, NAME_MAX_BYTES))
        return REFUSAL_TEXT;
    event_list_add(out, &(struct event){.type = EVENT_ORDER_CANCELLATION_REQUESTED,
                                        .order_cancellation_requested = {.order = order->placed.order,
                                                                         .reason = command->reason,
                                                                         .requested_at_us = command->requested_at_us}});
    return REFUSAL_NONE;
}

enum refusal order_decide_ship(const struct order *order, const struct ship_order *command, struct event_list *out)
{
    switch (order->phase) {
    case ORDER_CONFIRMED: break;
    case ORDER_SHIPPED: return REFUSAL_NONE; /* asked twice: the first answer stands */
    case ORDER_PLACED: return REFUSAL_NOT_CONFIRMED;
    case ORDER_REJECTED: return REFUSAL_REJECTED;
    case ORDER_CANCELLING: return REFUSAL_CANCELLING;
    case ORDER_CANCELLED: return REFUSAL_CANCELLED;
    default: return REFUSAL_UNKNOWN_ORDER;
    }
    if ((command->carrier != NULL && !is_clean(command->carrier, SKU_MAX)) ||
        (command->tracking != NULL && !is_clean(command->tracking, SKU_MAX)))
        return REFUSAL_TEXT;
    event_list_add(out, &(struct event){.type = EVENT_ORDER_SHIPPED,
                                        .order_shipped = {.order = order->placed.order,
                                                          .carrier = command->carrier,
                                                          .tracking = command->tracking}});
    return REFUSAL_NONE;
}

/* ---- reactions ---- */

static void add_confirmed(const struct order *order, struct event_list *out)
{
    event_list_add(out,
                   &(struct event){.type = EVENT_ORDER_CONFIRMED, .order_confirmed = {.order = order->placed.order}});
}

static void add_rejected(const struct order *order, const char *reason, struct event_list *out)
{
    event_list_add(out, &(struct event){.type = EVENT_ORDER_REJECTED,
                                        .order_rejected = {.order = order->placed.order, .reason = reason}});
}

static void add_cancelled(const struct order *order, const char *reason, struct event_list *out)
{
    event_list_add(out, &(struct event){.type = EVENT_ORDER_CANCELLED,
                                        .order_cancelled = {.order = order->placed.order, .reason = reason}});
}

void order_react(const struct order *order, const struct event *cause, struct event_list *out)
{
    bool placed = order->phase == ORDER_PLACED, cancelling = order->phase == ORDER_CANCELLING;
    switch (cause->type) {
    case EVENT_PAYMENT_DECLINED:
        if (placed)
            add_rejected(order, cause->payment_declined.reason, out);
        else if (cancelling)
            add_cancelled(order, "customer", out); /* nothing was taken, so there is no refund to wait for */
        break;
    case EVENT_STOCK_RESERVED:
        if (placed)
            add_confirmed(order, out); /* never once a cancellation is under way */
        break;
    case EVENT_PAYMENT_REFUNDED:
        if (placed || cancelling)
            add_cancelled(order, cause->payment_refunded.reason, out);
        break;
    default: break;
    }
}
