/* event.h - every fact the shop can state, as C structs.
 *
 * An event is an immutable fact in the past tense. This header says what each one holds; contracts/contract.c says how
 * it is written down (names, kinds, limits), and codec.h turns one into the other. Nothing here does I/O, knows the
 * time or decides anything.
 *
 * Texts and lists are borrowed: from the arena an event was decoded into, or from whoever states it. */
#ifndef DOMAIN_EVENT_H
#define DOMAIN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "base/uuid.h"

/* Limits of the business; each is in EVENTS' contract and refused with a sentence. */
enum {
    SKU_MAX = 128,        /* bytes of a sku, ref, customer, carrier … */
    NAME_MAX_BYTES = 512, /* bytes of a product's name or a customer's reason */
    LINES_MAX = 10000,    /* lines an order: nine times the largest real invoice at hand (1 114) */
    QUANTITY_MAX = 1000000,
};
#define PRICE_MAX_MINOR  INT64_C(1000000000000)    /* 10^12 */
#define AMOUNT_MAX_MINOR INT64_C(4503599627370495) /* 2^52 − 1: what every JSON library reads back as written */

enum event_type {
    EVENT_ORDER_PLACED,
    EVENT_ORDER_CONFIRMED,
    EVENT_ORDER_REJECTED,
    EVENT_ORDER_CANCELLATION_REQUESTED,
    EVENT_ORDER_CANCELLED,
    EVENT_ORDER_SHIPPED,
    EVENT_PAYMENT_CAPTURED,
    EVENT_PAYMENT_DECLINED,
    EVENT_PAYMENT_REFUNDED,
    EVENT_PRODUCT_LISTED,
    EVENT_STOCK_RECEIVED,
    EVENT_UNITS_RESERVED,
    EVENT_UNITS_RELEASED,
    EVENT_UNITS_SHIPPED,
    EVENT_STOCK_RESERVED,
    EVENT_STOCK_RESERVATION_FAILED,
    EVENT_RESERVATION_WITHDRAWN,
    EVENT_STOCK_RELEASED,
    EVENT_RESERVATION_SHIPPED,
    EVENT_NOTIFICATION_SENT,
    EVENT_TYPES, /* how many there are */
};

/* A set of event types, one bit each: subscriptions and filters. */
typedef uint32_t event_type_set;
#define EVENT_BIT(type) (UINT32_C(1) << (type))

struct currency {
    char code[4]; /* ISO 4217, NUL-terminated */
};

struct order_line {
    const char *sku;
    const char *name;
    int64_t quantity;
    int64_t unit_price_minor;
};
struct order_lines {
    struct order_line *items;
    size_t count;
};

struct sku_quantity {
    const char *sku;
    int64_t quantity;
};
struct sku_quantities {
    struct sku_quantity *items;
    size_t count;
};

struct shortage {
    const char *sku;
    int64_t wanted;
    int64_t available;
};
struct shortages {
    struct shortage *items;
    size_t count;
};

struct order_placed {
    struct uuid order;
    const char *order_ref;
    const char *customer;
    struct currency currency;
    struct order_lines lines;
    int64_t total_minor;
    const char *card_token;
    int64_t placed_at_us;
};
struct order_confirmed {
    struct uuid order;
};
struct order_rejected {
    struct uuid order;
    const char *reason;
};
struct order_cancellation_requested {
    struct uuid order;
    const char *reason; /* the customer's own words */
    int64_t requested_at_us;
};
struct order_cancelled {
    struct uuid order;
    const char *reason;
};
struct order_shipped {
    struct uuid order;
    const char *carrier;  /* or NULL */
    const char *tracking; /* or NULL */
};
struct payment_captured {
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
    const char *gateway_reference;
};
struct payment_declined {
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
    const char *reason;
};
struct payment_refunded {
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
    const char *gateway_reference;
    const char *reason;
};
struct product_listed {
    const char *sku;
    const char *name;
    int64_t unit_price_minor;
    struct currency currency;
};
struct stock_received {
    const char *sku;
    int64_t quantity;
    bool opening; /* the opening stock of an imported catalogue, received once a sku; false for a delivery */
};
struct units_moved { /* UnitsReserved, UnitsReleased, UnitsShipped */
    const char *sku;
    struct uuid order;
    int64_t quantity;
};
struct reservation_lines { /* StockReserved, StockReleased, ReservationShipped */
    struct uuid order;
    struct sku_quantities lines;
};
struct reservation_failed {
    struct uuid order;
    struct shortages shortages;
};
struct reservation_withdrawn {
    struct uuid order;
};
struct notification_sent {
    struct uuid order;
    const char *customer;
    const char *kind;
    const char *message_id;
};

struct event {
    enum event_type type;
    union {
        struct order_placed order_placed;
        struct order_confirmed order_confirmed;
        struct order_rejected order_rejected;
        struct order_cancellation_requested order_cancellation_requested;
        struct order_cancelled order_cancelled;
        struct order_shipped order_shipped;
        struct payment_captured payment_captured;
        struct payment_declined payment_declined;
        struct payment_refunded payment_refunded;
        struct product_listed product_listed;
        struct stock_received stock_received;
        struct units_moved units_moved;
        struct reservation_lines reservation_lines;
        struct reservation_failed reservation_failed;
        struct reservation_withdrawn reservation_withdrawn;
        struct notification_sent notification_sent;
    };
};

/* "OrderPlaced" … Never NULL. */
const char *event_type_name(enum event_type type);

/* False when no type of ours has this name. */
bool event_type_from_name(const char *name, enum event_type *type);

/* The names of those in the set, as a store's filter wants them; returns how many. */
size_t event_type_names(event_type_set types, const char *names[EVENT_TYPES]);

/* The schema version that today's code writes. */
int event_schema_version(enum event_type type);

/* The category of the stream this type of event belongs to: "order", "payment", "stock", "reservation",
 * "notification". */
const char *event_category(enum event_type type);

enum { ENTITY_SIZE = SKU_MAX + 1 };

/* The entity of the stream this event belongs to: the order's id, or for the category "stock" the sku. Writes into
 * `entity`, which must have ENTITY_SIZE bytes. */
void event_entity(const struct event *event, char entity[ENTITY_SIZE]);

/* Is that the stream this event belongs to? */
bool event_is_of(const struct event *event, const char *category, const char *entity);

/* True when the event belongs to an order's journey (and not to a sku alone); `*order` is then the order's id. */
bool event_order(const struct event *event, struct uuid *order);

/* What a decision answers: events in the order they happened. Lives in an arena. */
struct event_list {
    struct arena *arena;
    struct event *items;
    size_t count;
    size_t capacity;
    bool failed; /* memory ended: check once, after deciding */
};

void event_list_add(struct event_list *list, const struct event *event);

/* How a stream's past becomes the state a decision needs: the fold of its events over a zeroed struct. States are
 * plain values that may borrow from the events they were folded from. */
struct fold {
    const char *category;
    size_t state_size;
    void (*evolve)(void *state, const struct event *event);
    bool long_lived; /* the stream outlives any order and grows long; its state borrows nothing and may be kept */

    /* Of a long-lived one: its state as text that a snapshot holds, and back. `version` counts up whenever evolve or
     * the text changes, were it only by an event type more. A state that cannot be saved has no snapshot. */
    int version;
    enum status (*save)(const void *state, struct buffer *out, struct error *error);
    enum status (*restore)(const char *data, size_t length, struct arena *arena, void *state, struct error *error);
};

#endif
