#include "domain/event.h"

#include <string.h>

#include "base/status.h"
#include "domain/contracts/contract.h"

_Static_assert(EVENT_TYPES <= 32, "event_type_set has one bit a type");

const char *event_type_name(enum event_type type)
{
    return contract_of(type)->name;
}

bool event_type_from_name(const char *name, enum event_type *type)
{
    const struct contract *contract = contract_of_name(name);
    if (contract != NULL)
        *type = contract->type;
    return contract != NULL;
}

size_t event_type_names(event_type_set types, const char *names[EVENT_TYPES])
{
    size_t count = 0;
    for (enum event_type type = 0; type < EVENT_TYPES; type++)
        if ((types & EVENT_BIT(type)) != 0)
            names[count++] = event_type_name(type);
    return count;
}

int event_schema_version(enum event_type type)
{
    return contract_of(type)->schema_version;
}

const char *event_category(enum event_type type)
{
    return contract_of(type)->category;
}

/* The sku of an event whose stream is a sku's, NULL for all others. */
static const char *stock_stream_sku(const struct event *event)
{
    switch (event->type) {
    case EVENT_PRODUCT_LISTED: return event->product_listed.sku;
    case EVENT_STOCK_RECEIVED: return event->stock_received.sku;
    case EVENT_UNITS_RESERVED:
    case EVENT_UNITS_RELEASED:
    case EVENT_UNITS_SHIPPED: return event->units_moved.sku;
    default: return NULL;
    }
}

void event_entity(const struct event *event, char entity[ENTITY_SIZE])
{
    const char *sku = stock_stream_sku(event);
    if (sku == NULL) {
        uuid_to_text(event->order_confirmed.order, entity); /* every event of an order starts with the order's id */
        return;
    }
    size_t length = strlen(sku);
    CHECK(length > 0 && length <= SKU_MAX);
    memcpy(entity, sku, length + 1);
}

bool event_is_of(const struct event *event, const char *category, const char *entity)
{
    char own[ENTITY_SIZE];
    event_entity(event, own);
    return strcmp(event_category(event->type), category) == 0 && strcmp(own, entity) == 0;
}

bool event_order(const struct event *event, struct uuid *order)
{
    switch (event->type) {
    case EVENT_PRODUCT_LISTED:
    case EVENT_STOCK_RECEIVED: return false;
    case EVENT_UNITS_RESERVED:
    case EVENT_UNITS_RELEASED:
    case EVENT_UNITS_SHIPPED: *order = event->units_moved.order; return true;
    default: *order = event->order_confirmed.order; return true; /* as in event_entity */
    }
}

/* Room for twice as many; an arena cannot grow what it gave, so the old items are copied and left behind. */
static bool event_list_grow(struct event_list *list)
{
    size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
    struct event *items = arena_alloc_array(list->arena, capacity, sizeof(*items));
    if (items == NULL)
        return false;
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    list->items = items;
    list->capacity = capacity;
    return true;
}

void event_list_add(struct event_list *list, const struct event *event)
{
    if (list->failed)
        return;
    if (list->count == list->capacity && !event_list_grow(list)) {
        list->failed = true;
        return;
    }
    list->items[list->count++] = *event;
}
