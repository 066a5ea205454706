#include "domain/reservation.h"

#include <string.h>

#include "base/mutant.h"
#include "base/text.h"

const struct fold reservation_fold = {
    .category = "reservation",
    .state_size = sizeof(struct reservation),
    .evolve = reservation_evolve,
};

void reservation_evolve(void *state, const struct event *event)
{
    struct reservation *reservation = state;
    switch (event->type) {
    case EVENT_STOCK_RESERVED:
        reservation->phase = RESERVATION_HELD;
        reservation->lines = event->reservation_lines.lines;
        break;
    case EVENT_STOCK_RESERVATION_FAILED: reservation->phase = RESERVATION_FAILED; break;
    case EVENT_RESERVATION_WITHDRAWN: reservation->phase = RESERVATION_WITHDRAWN; break;
    case EVENT_STOCK_RELEASED: reservation->phase = RESERVATION_RELEASED; break;
    case EVENT_RESERVATION_SHIPPED: reservation->phase = RESERVATION_SHIPPED; break;
    default: break;
    }
}

/* ---- what an order needs ---- */

/* Where `sku` stands in `needs`, or the free slot where it belongs. A slot holds 1 + the index, 0 is free; there are a
 * power of two of them, and always a free one. */
static size_t *find_slot(size_t *slots, size_t slot_count, const struct sku_quantities *needs, const char *sku)
{
    size_t at = text_hash(sku) & (slot_count - 1);
    while (slots[at] != 0 && strcmp(needs->items[slots[at] - 1].sku, sku) != 0)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

bool reservation_needs(const struct order_lines *lines, struct arena *arena, struct sku_quantities *needs)
{
    size_t slot_count = 4;
    while (slot_count < 2 * lines->count)
        slot_count *= 2;
    size_t *slots = arena_alloc_array(arena, slot_count, sizeof(*slots));
    *needs = (struct sku_quantities){.items = arena_alloc_array(arena, lines->count, sizeof(*needs->items))};
    if (slots == NULL || needs->items == NULL)
        return false;
    for (size_t i = 0; i < lines->count; i++) {
        const struct order_line *line = &lines->items[i];
        size_t *slot = find_slot(slots, slot_count, needs, line->sku);
        if (*slot == 0) {
            needs->items[needs->count++].sku = line->sku;
            *slot = needs->count;
        }
        needs->items[*slot - 1].quantity += line->quantity;
    }
    return true;
}

/* ---- reactions ---- */

/* One event of the reservation, then one of every shelf it concerns. */
static void add_lines_event(enum event_type type, enum event_type units_type, struct uuid order,
                            const struct sku_quantities *lines, struct event_list *out)
{
    event_list_add(out, &(struct event){.type = type, .reservation_lines = {.order = order, .lines = *lines}});
    for (size_t i = 0; i < lines->count; i++)
        event_list_add(out, &(struct event){.type = units_type,
                                            .units_moved = {.sku = lines->items[i].sku,
                                                            .order = order,
                                                            .quantity = lines->items[i].quantity}});
}

static size_t count_short(const struct sku_quantities *needs, const struct stock *const *stocks)
{
    size_t count = 0;
    for (size_t i = 0; i < needs->count; i++)
        count += stock_available(stocks[i]) < needs->items[i].quantity;
    return count;
}

/* Every sku that is short, not only the first: the customer is told once. */
static void add_failed(struct uuid order, const struct sku_quantities *needs, const struct stock *const *stocks,
                       size_t short_count, struct event_list *out)
{
    struct shortages shortages = {.items = arena_alloc_array(out->arena, short_count, sizeof(*shortages.items))};
    if (shortages.items == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < needs->count; i++) {
        int64_t available = stock_available(stocks[i]);
        if (available < needs->items[i].quantity)
            shortages.items[shortages.count++] = (struct shortage){
                .sku = needs->items[i].sku,
                .wanted = needs->items[i].quantity,
                .available = available < 0 ? 0 : available,
            };
    }
    event_list_add(out, &(struct event){.type = EVENT_STOCK_RESERVATION_FAILED,
                                        .reservation_failed = {.order = order, .shortages = shortages}});
}

void reservation_react_captured(const struct reservation *reservation, struct uuid order,
                                const struct sku_quantities *needs, const struct stock *const *stocks,
                                struct event_list *out)
{
    if (reservation->phase != RESERVATION_NONE)
        return;
    size_t short_count = count_short(needs, stocks);
    bool fails = short_count > 0 && !MUTANT(RESERVE_LINE_BY_LINE);
    if (fails)
        add_failed(order, needs, stocks, short_count, out);
    else
        add_lines_event(EVENT_STOCK_RESERVED, EVENT_UNITS_RESERVED, order, needs, out);
}

static void add_withdrawn(struct uuid order, struct event_list *out)
{
    event_list_add(out,
                   &(struct event){.type = EVENT_RESERVATION_WITHDRAWN, .reservation_withdrawn = {.order = order}});
}

void reservation_react(const struct reservation *reservation, const struct event *cause, struct event_list *out)
{
    bool held = reservation->phase == RESERVATION_HELD;
    struct uuid order;
    switch (cause->type) {
    case EVENT_ORDER_CANCELLATION_REQUESTED:
        order = cause->order_cancellation_requested.order;
        if (reservation->phase == RESERVATION_NONE)
            add_withdrawn(order, out);
        else if (held)
            add_lines_event(EVENT_STOCK_RELEASED, EVENT_UNITS_RELEASED, order, &reservation->lines, out);
        break;
    case EVENT_ORDER_SHIPPED:
        order = cause->order_shipped.order;
        if (held)
            add_lines_event(EVENT_RESERVATION_SHIPPED, EVENT_UNITS_SHIPPED, order, &reservation->lines, out);
        break;
    default: break;
    }
}
