#include "bench/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
    WAVE_ORDERS = 250,
    CATALOGUE_EVENTS = 2, /* a sku: listed, received */
    CUSTOMERS = 5000,
    STARTED_AT_S = 1767225600, /* 2026-01-01 */
    WAVE_TAKES_US = 200000,
    STOCK = 1000000,
};

/* One order of the wave. */
struct sale {
    struct uuid order;
    uint64_t number;
    uint64_t placed, captured, reserved, confirmed; /* positions */
    size_t skus[HISTORY_LINES];
    struct order_line lines[HISTORY_LINES];
    struct sku_quantity quantities[HISTORY_LINES];
    int64_t total_minor;
};

struct history {
    uint64_t dice;
    size_t skus, wave_orders;
    uint64_t *sku_versions;
    size_t sku_listed; /* so many of the catalogue */
    uint64_t orders, position;
    int64_t now_us;
    struct sale *sales;
    struct arena arena;
    struct made_event *events; /* of the wave */
    size_t count, capacity;
    struct made_journey *journeys;
    size_t journey_count, journey_capacity;
    bool failed; /* memory ended */
};

/* SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t throw(struct history * history)
{
    uint64_t value = history->dice += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static struct uuid make_id(struct history *history)
{
    struct uuid id;
    uint64_t halves[2] = {throw(history), throw(history)};
    memcpy(id.bytes, halves, UUID_BYTES);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x50);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

static const char *text(struct history *history, const char *format, ...) PRINTF_LIKE(2, 3);
static const char *text(struct history *history, const char *format, ...)
{
    char made[128];
    va_list values;
    va_start(values, format);
    vsnprintf(made, sizeof made, format, values);
    va_end(values);
    const char *kept = arena_copy(&history->arena, made);
    history->failed = history->failed || kept == NULL;
    return kept == NULL ? "" : kept;
}

void history_sku(uint64_t number, char sku[ENTITY_SIZE])
{
    snprintf(sku, ENTITY_SIZE, "SKU-%05llu", (unsigned long long)number);
}

size_t history_sku_count(uint64_t events)
{
    const uint64_t skus = events / 20 + HISTORY_LINES;
    return skus < HISTORY_SKUS ? (size_t)skus : HISTORY_SKUS;
}

enum status history_open(struct history **history, uint64_t events, struct error *error)
{
    struct history *made = *history = calloc(1, sizeof **history);
    if (made == NULL)
        return error_memory(error);
    made->dice = 20261124;
    made->skus = history_sku_count(events);
    made->wave_orders = events / 80 < WAVE_ORDERS ? (size_t)(events / 80) + 1 : WAVE_ORDERS;
    made->now_us = STARTED_AT_S * INT64_C(1000000);
    made->sku_versions = calloc(made->skus, sizeof *made->sku_versions);
    made->sales = calloc(made->wave_orders, sizeof *made->sales);
    if (made->sku_versions == NULL || made->sales == NULL) {
        history_close(history);
        return error_memory(error);
    }
    return STATUS_OK;
}

void history_close(struct history **history)
{
    if (*history == NULL)
        return;
    arena_clear(&(*history)->arena);
    free((*history)->sku_versions);
    free((*history)->sales);
    free((*history)->events);
    free((*history)->journeys);
    free(*history);
    *history = NULL;
}

/* ---- one event ---- */

/* Returns its position. */
static uint64_t add(struct history *history, const struct event *event, uint64_t stream_number, uint64_t version,
                    struct uuid correlation, uint64_t causation)
{
    struct made_event *events = array_room(history->events, history->count, &history->capacity, sizeof *events);
    char entity[ENTITY_SIZE];
    if (events == NULL) {
        history->failed = true;
        return 0;
    }
    history->events = events;
    event_entity(event, entity);
    struct made_event *made = &events[history->count++];
    *made = (struct made_event){
        .event = *event,
        .stream = {event_category(event->type), text(history, "%s", entity)},
        .stream_number = stream_number,
        .position = ++history->position,
        .version = version,
        .id = make_id(history),
        .correlation = correlation,
        .causation = causation,
        .recorded_at_us = history->now_us,
    };
    if (uuid_is_nil(correlation))
        made->correlation = made->id;
    return made->position;
}

/* Of a sku; 0 is not the number of any stream. */
static uint64_t add_stock(struct history *history, const struct event *event, size_t sku, struct uuid correlation,
                          uint64_t causation)
{
    return add(history, event, sku + 1, ++history->sku_versions[sku], correlation, causation);
}

enum aspect { ORDER_STREAM, PAYMENT_STREAM, RESERVATION_STREAM, NOTIFICATION_STREAM };

static uint64_t first_stream(const struct sale *sale)
{
    return HISTORY_SKUS + 1 + sale->number * HISTORY_STREAMS_AN_ORDER;
}

static uint64_t add_step(struct history *history, const struct event *event, const struct sale *sale,
                         enum aspect aspect, uint64_t version, uint64_t causation)
{
    return add(history, event, first_stream(sale) + aspect, version, sale->order, causation);
}

/* ---- the catalogue ---- */

static const char *sku_text(struct history *history, size_t sku)
{
    char name[ENTITY_SIZE];
    history_sku(sku, name);
    return text(history, "%s", name);
}

static const char *product_name(struct history *history, size_t sku)
{
    return text(history, "Product number %zu", sku);
}

static int64_t price_of(size_t sku)
{
    return 100 + (int64_t)(sku * 7919 % 9900);
}

const struct currency history_currency = {"USD"};

static void list_product(struct history *history, size_t sku)
{
    const struct event listed = {.type = EVENT_PRODUCT_LISTED,
                                 .product_listed = {.sku = sku_text(history, sku),
                                                    .name = product_name(history, sku),
                                                    .unit_price_minor = price_of(sku),
                                                    .currency = history_currency}};
    const struct event received = {
        .type = EVENT_STOCK_RECEIVED,
        .stock_received = {.sku = listed.product_listed.sku, .quantity = STOCK, .opening = true}};
    add_stock(history, &listed, sku, (struct uuid){{0}}, 0);
    add_stock(history, &received, sku, (struct uuid){{0}}, 0);
}

/* ---- an order's steps ---- */

static const char *customer_of(struct history *history, const struct sale *sale)
{
    return text(history, "customer-%04llu", (unsigned long long)(sale->number * 2654435761U % CUSTOMERS));
}

static void place(struct history *history, struct sale *sale)
{
    size_t sku = throw(history) % history->skus;
    *sale = (struct sale){.order = make_id(history), .number = history->orders++};
    for (size_t i = 0; i < HISTORY_LINES; i++, sku = (sku + 331) % history->skus) {
        const char *name = sku_text(history, sku);
        int64_t quantity = 1 + (int64_t)(throw(history) % 5);
        sale->skus[i] = sku;
        sale->lines[i] = (struct order_line){name, product_name(history, sku), quantity, price_of(sku)};
        sale->quantities[i] = (struct sku_quantity){name, quantity};
        sale->total_minor += quantity * price_of(sku);
    }
    const struct event placed = {
        .type = EVENT_ORDER_PLACED,
        .order_placed = {.order = sale->order,
                         .order_ref = text(history, "order-%llu", (unsigned long long)sale->number),
                         .customer = customer_of(history, sale),
                         .currency = history_currency,
                         .lines = {sale->lines, HISTORY_LINES},
                         .total_minor = sale->total_minor,
                         .card_token = "tok_ok",
                         .placed_at_us = history->now_us + (int64_t)sale->number}};
    sale->placed = add_step(history, &placed, sale, ORDER_STREAM, 1, 0);
}

static void capture(struct history *history, struct sale *sale)
{
    const struct event captured = {
        .type = EVENT_PAYMENT_CAPTURED,
        .payment_captured = {.order = sale->order,
                             .amount_minor = sale->total_minor,
                             .currency = history_currency,
                             .gateway_reference = text(history, "ch_%016llx%08llx", (unsigned long long) throw(history),
                                                       (unsigned long long)sale->number)}};
    sale->captured = add_step(history, &captured, sale, PAYMENT_STREAM, 1, sale->placed);
}

/* StockReserved and UnitsReserved, or StockReleased and UnitsReleased. */
static uint64_t move_stock(struct history *history, struct sale *sale, enum event_type whole, enum event_type units,
                           uint64_t version, uint64_t cause)
{
    const struct event moved = {
        .type = whole, .reservation_lines = {.order = sale->order, .lines = {sale->quantities, HISTORY_LINES}}};
    uint64_t position = add_step(history, &moved, sale, RESERVATION_STREAM, version, cause);
    for (size_t i = 0; i < HISTORY_LINES; i++) {
        const struct event unit = {.type = units,
                                   .units_moved = {sale->quantities[i].sku, sale->order, sale->quantities[i].quantity}};
        add_stock(history, &unit, sale->skus[i], sale->order, cause);
    }
    return position;
}

static void reserve(struct history *history, struct sale *sale)
{
    sale->reserved = move_stock(history, sale, EVENT_STOCK_RESERVED, EVENT_UNITS_RESERVED, 1, sale->captured);
}

static void tell(struct history *history, const struct sale *sale, const char *kind, uint64_t version, uint64_t cause)
{
    const struct event sent = {
        .type = EVENT_NOTIFICATION_SENT,
        .notification_sent = {.order = sale->order,
                              .customer = customer_of(history, sale),
                              .kind = kind,
                              .message_id = text(history, "<%016llx-%016llx@shop.invalid>",
                                                 (unsigned long long) throw(history), (unsigned long long)cause)}};
    add_step(history, &sent, sale, NOTIFICATION_STREAM, version, cause);
}

static void confirm(struct history *history, struct sale *sale)
{
    const struct event confirmed = {.type = EVENT_ORDER_CONFIRMED, .order_confirmed = {.order = sale->order}};
    sale->confirmed = add_step(history, &confirmed, sale, ORDER_STREAM, 2, sale->reserved);
}

static void tell_confirmed(struct history *history, struct sale *sale)
{
    tell(history, sale, "confirmed", 1, sale->confirmed);
}

static void remember(struct history *history, const struct sale *sale)
{
    struct made_journey *journeys =
        array_room(history->journeys, history->journey_count, &history->journey_capacity, sizeof *journeys);
    history->failed = history->failed || journeys == NULL;
    if (journeys == NULL)
        return;
    history->journeys = journeys;
    journeys[history->journey_count++] = (struct made_journey){sale->order, first_stream(sale)};
}

static void cancel(struct history *history, struct sale *sale)
{
    if (sale->number % HISTORY_CANCELLED_EVERY != 0)
        return;
    const struct event requested = {.type = EVENT_ORDER_CANCELLATION_REQUESTED,
                                    .order_cancellation_requested = {.order = sale->order,
                                                                     .reason = "found it in the attic",
                                                                     .requested_at_us = history->now_us}};
    const struct event refunded = {
        .type = EVENT_PAYMENT_REFUNDED,
        .payment_refunded = {.order = sale->order,
                             .amount_minor = sale->total_minor,
                             .currency = history_currency,
                             .gateway_reference = text(history, "re_%016llx%08llx", (unsigned long long) throw(history),
                                                       (unsigned long long)sale->number),
                             .reason = "customer"}};
    const struct event cancelled = {.type = EVENT_ORDER_CANCELLED,
                                    .order_cancelled = {.order = sale->order, .reason = "customer"}};
    uint64_t request = add_step(history, &requested, sale, ORDER_STREAM, 3, 0);
    uint64_t refund = add_step(history, &refunded, sale, PAYMENT_STREAM, 2, request);
    move_stock(history, sale, EVENT_STOCK_RELEASED, EVENT_UNITS_RELEASED, 2, request);
    uint64_t end = add_step(history, &cancelled, sale, ORDER_STREAM, 4, refund);
    tell(history, sale, "cancelled", 2, end);
    remember(history, sale);
}

/* ---- waves ---- */

static void make_orders(struct history *history)
{
    static void (*const steps[])(struct history *, struct sale *) = {place,   capture,        reserve,
                                                                     confirm, tell_confirmed, cancel};
    for (size_t step = 0; step < sizeof steps / sizeof *steps; step++)
        for (size_t i = 0; i < history->wave_orders; i++)
            steps[step](history, &history->sales[i]);
}

static void make_catalogue(struct history *history)
{
    for (size_t i = 0; i < history->wave_orders && history->sku_listed < history->skus; i++)
        list_product(history, history->sku_listed++);
}

enum status history_wave(struct history *history, struct made_event **events, size_t *count, struct error *error)
{
    arena_reset(&history->arena);
    history->count = 0;
    history->now_us += WAVE_TAKES_US;
    if (history->sku_listed < history->skus)
        make_catalogue(history);
    else
        make_orders(history);
    *events = history->events;
    *count = history->count;
    return history->failed ? error_memory(error) : STATUS_OK;
}

int64_t history_now_us(const struct history *history)
{
    return history->now_us;
}

size_t history_journeys(const struct history *history, const struct made_journey **journeys)
{
    *journeys = history->journeys;
    return history->journey_count;
}

struct uuid history_last_order(const struct history *history)
{
    return history->sales[history->wave_orders - 1].order;
}
