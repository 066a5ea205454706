/* What every event is called, where it belongs, and how a decision collects its events. */
#include <stdlib.h>
#include <string.h>

#include "tests/domain/scenario.h"

/* EVENTS.md, "Streams and payloads". */
static const struct {
    const char *name, *category;
    int schema_version;
} published[EVENT_TYPES] = {
    {"OrderPlaced", "order", 2},
    {"OrderConfirmed", "order", 1},
    {"OrderRejected", "order", 1},
    {"OrderCancellationRequested", "order", 1},
    {"OrderCancelled", "order", 1},
    {"OrderShipped", "order", 1},
    {"PaymentCaptured", "payment", 1},
    {"PaymentDeclined", "payment", 1},
    {"PaymentRefunded", "payment", 1},
    {"ProductListed", "stock", 1},
    {"StockReceived", "stock", 1},
    {"UnitsReserved", "stock", 1},
    {"UnitsReleased", "stock", 1},
    {"UnitsShipped", "stock", 1},
    {"StockReserved", "reservation", 1},
    {"StockReservationFailed", "reservation", 1},
    {"ReservationWithdrawn", "reservation", 1},
    {"StockReleased", "reservation", 1},
    {"ReservationShipped", "reservation", 1},
    {"NotificationSent", "notification", 1},
};

Test(event, has_the_published_name_version_and_category)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        enum event_type found = EVENT_TYPES;
        cr_expect_str_eq(event_type_name(type), published[type].name);
        cr_expect_str_eq(event_category(type), published[type].category);
        cr_expect_eq(event_schema_version(type), published[type].schema_version);
        cr_expect(event_type_from_name(published[type].name, &found));
        cr_expect_eq(found, type);
    }
}

Test(event, of_another_name_is_none_of_ours)
{
    static const char *const names[] = {"", "orderplaced", "OrderPlace", "OrderPlaced ", "OrderPlacedX", "Order"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        enum event_type type = EVENT_TYPES;
        cr_expect_not(event_type_from_name(names[i], &type), "%s", names[i]);
        cr_expect_eq(type, EVENT_TYPES);
    }
}

Test(event, belongs_to_the_stream_of_its_order_or_its_sku)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        struct event event = sample_event(type);
        char entity[ENTITY_SIZE];
        event_entity(&event, entity);
        bool of_a_sku = strcmp(published[type].category, "stock") == 0;
        cr_expect_str_eq(entity, of_a_sku ? "tea" : "00000000-0000-5000-8000-000000000007", "%s", published[type].name);
    }
}

Test(event, is_of_the_stream_that_its_kind_and_its_data_name_and_of_no_other)
{
    struct event event = stock_received("tea", 1);
    cr_expect(event_is_of(&event, "stock", "tea"));
    cr_expect_not(event_is_of(&event, "stock", "milk"));
    cr_expect_not(event_is_of(&event, "order", "tea"));
}

Test(event, belongs_to_a_journey_unless_it_concerns_a_sku_alone)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        struct event event = sample_event(type);
        struct uuid order = {{0}};
        bool alone = type == EVENT_PRODUCT_LISTED || type == EVENT_STOCK_RECEIVED;
        cr_expect_eq(event_order(&event, &order), !alone, "%s", published[type].name);
        cr_expect(alone || uuid_equal(order, ORDER_7), "%s", published[type].name);
    }
}

Test(event, of_a_sku_of_128_bytes_has_room_for_it)
{
    char sku[SKU_MAX + 1];
    char entity[ENTITY_SIZE];
    memset(sku, 's', SKU_MAX);
    sku[SKU_MAX] = '\0';
    struct event event = stock_received(sku, 1);
    event_entity(&event, entity);
    cr_assert_str_eq(entity, sku);
}

Test(event_list, keeps_many_events_in_order)
{
    struct event_list *list = new_answer();
    for (int64_t i = 0; i < 1000; i++) {
        struct event event = stock_received("tea", i);
        event_list_add(list, &event);
    }
    cr_assert_eq(list->count, 1000);
    cr_assert_not(list->failed);
    for (int64_t i = 0; i < 1000; i++)
        cr_assert_eq(list->items[i].stock_received.quantity, i);
}

Test(event_list, that_failed_takes_nothing_more)
{
    struct event_list *list = new_answer();
    struct event event = stock_received("tea", 1);
    list->failed = true;
    event_list_add(list, &event);
    cr_assert_eq(list->count, 0);
    cr_assert(list->failed);
}

Test(event_list, says_when_memory_ended)
{
    struct event_list *list = new_answer();
    struct event event = stock_received("tea", 1);
    list->count = list->capacity = SIZE_MAX / sizeof(event); /* twice as many cannot be had */
    event_list_add(list, &event);
    cr_assert(list->failed);
}
