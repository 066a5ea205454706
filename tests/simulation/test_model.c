/* The meaning of the roll, and that each break of it is noticed. */
#include "tests/simulation/model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "eventstore/digest.h"

#define ORDER "00000000-0000-4000-8000-000000000001"
#define OTHER "00000000-0000-4000-8000-000000000002"

static struct model model;
static const struct uuid store = {{1}}, id = {{2}}, journey = {{3}};
static uint8_t digest[MODEL_DIGEST_BYTES];
static struct row next;
static char data[256];

static void start_roll(void)
{
    model_start(&model, store.bytes);
    digest_start(store, digest);
    next = (struct row){.recorded_at_us = 1000};
}

static void end_roll(void)
{
    model_clear(&model);
}

TestSuite(model, .init = start_roll, .fini = end_roll);

/* The digest as the store makes it: two programs, one layout. */
static void chain(void)
{
    const struct recorded_event event = {.position = next.position,
                                         .stream = {next.category, next.entity},
                                         .version = next.version,
                                         .type = next.type,
                                         .schema_version = 1,
                                         .id = id,
                                         .correlation = journey,
                                         .causation = next.causation,
                                         .recorded_at_us = next.recorded_at_us,
                                         .actor = next.actor,
                                         .producer = "test",
                                         .data = next.data,
                                         .data_length = next.data_length};
    digest_link(digest, &event, digest);
}

/* Makes the next row: an event of a stream, which continues what was fed. */
static void prepare(const char *actor, uint64_t cause, const char *category, const char *entity, uint64_t version,
                    const char *type, const char *json)
{
    snprintf(data, sizeof data, "%s", json);
    next = (struct row){.position = next.position + 1,
                        .version = version,
                        .causation = cause,
                        .type = type,
                        .category = category,
                        .entity = entity,
                        .actor = actor,
                        .producer = "test",
                        .data = data,
                        .data_length = strlen(data),
                        .schema_version = 1,
                        .recorded_at_us = next.recorded_at_us + 1,
                        .event_id = id.bytes,
                        .correlation = journey.bytes,
                        .digest = digest};
}

static bool feed(void)
{
    chain();
    return model_feed(&model, &next);
}

static bool feed_event(const char *actor, uint64_t cause, const char *category, uint64_t version, const char *type,
                       const char *json)
{
    prepare(actor, cause, category, ORDER, version, type, json);
    return feed();
}

static void stock_in(int quantity)
{
    char json[64];
    snprintf(json, sizeof json, "{\"sku\":\"tea\",\"quantity\":%d}", quantity);
    prepare("clerk", 0, "stock", "tea", 1, "StockReceived", json);
    cr_assert(feed());
}

static void place_and_pay(void)
{
    cr_assert(feed_event("customer", 0, "order", 1, "OrderPlaced", "{\"order_ref\":\"7\",\"total_minor\":500}"));
    cr_assert(feed_event("payment", next.position, "payment", 1, "PaymentCaptured", "{\"amount_minor\":500}"));
}

static bool reserve(int held, int units)
{
    char json[96];
    uint64_t cause = next.position;
    snprintf(json, sizeof json, "{\"lines\":[{\"sku\":\"tea\",\"quantity\":%d}]}", held);
    cr_assert(feed_event("inventory", cause, "reservation", 1, "StockReserved", json));
    snprintf(json, sizeof json, "{\"sku\":\"tea\",\"quantity\":%d}", units);
    prepare("inventory", cause, "stock", "tea", 2, "UnitsReserved", json);
    cr_assert(feed());
    return model_balances(&model);
}

static void expect_wrong(bool good, const char *words)
{
    cr_assert_not(good);
    cr_assert(strstr(model.wrong, words) != NULL, "\"%s\" does not say \"%s\"", model.wrong, words);
}

Test(model, follows_an_order_to_its_end)
{
    stock_in(5);
    place_and_pay();
    cr_assert(reserve(2, 2));
    cr_assert(feed_event("order", 4, "order", 2, "OrderConfirmed", "{}"));
    cr_assert(feed_event("notification", 6, "notification", 1, "NotificationSent", "{\"kind\":\"confirmed\"}"));
    const struct model_order *order = model_order(&model, ORDER);
    cr_assert_eq(order->phase, CONFIRMED);
    cr_assert(model_is_at_rest(order));
    cr_assert(order->told_confirmed);
    cr_assert_eq(order->captured_minor - order->refunded_minor, 500);
    cr_assert_eq(model.skus[0].reserved, 2);
}

Test(model, notices_a_gap_between_positions)
{
    prepare("customer", 0, "order", ORDER, 1, "OrderPlaced", "{}");
    next.position++;
    expect_wrong(feed(), "position 2 follows position 0");
}

Test(model, notices_a_gap_between_versions)
{
    prepare("customer", 0, "order", ORDER, 2, "OrderPlaced", "{}");
    expect_wrong(feed(), "follows version 0");
}

Test(model, notices_time_that_runs_back)
{
    stock_in(1);
    prepare("customer", 0, "order", ORDER, 1, "OrderPlaced", "{}");
    next.recorded_at_us -= 2;
    expect_wrong(feed(), "recorded before");
}

Test(model, notices_one_byte_of_data)
{
    prepare("customer", 0, "order", ORDER, 1, "OrderPlaced", "{\"total_minor\":500}");
    chain();
    data[16] = '9';
    expect_wrong(model_feed(&model, &next), "the digest chain breaks at position 1");
}

Test(model, notices_an_order_that_is_confirmed_while_it_is_cancelled)
{
    stock_in(5);
    place_and_pay();
    cr_assert(reserve(2, 2));
    cr_assert(feed_event("customer", 0, "order", 2, "OrderCancellationRequested", "{}"));
    expect_wrong(feed_event("order", 4, "order", 3, "OrderConfirmed", "{}"), "but the order is cancelling");
}

Test(model, notices_an_order_that_is_cancelled_and_keeps_the_money)
{
    place_and_pay();
    expect_wrong(feed_event("order", 2, "order", 2, "OrderCancelled", "{}"), "not refunded");
}

Test(model, notices_a_second_payment)
{
    place_and_pay();
    expect_wrong(feed_event("payment", 2, "payment", 2, "PaymentCaptured", "{\"amount_minor\":500}"), "already");
}

Test(model, notices_a_payment_of_another_amount)
{
    cr_assert(feed_event("customer", 0, "order", 1, "OrderPlaced", "{\"total_minor\":500}"));
    expect_wrong(feed_event("payment", 1, "payment", 1, "PaymentCaptured", "{\"amount_minor\":400}"), "another amount");
}

Test(model, notices_a_customer_who_is_told_twice)
{
    place_and_pay();
    cr_assert(feed_event("notification", 1, "notification", 1, "NotificationSent", "{\"kind\":\"shipped\"}"));
    expect_wrong(feed_event("notification", 2, "notification", 2, "NotificationSent", "{\"kind\":\"shipped\"}"),
                 "a second time");
}

Test(model, notices_answers_out_of_order)
{
    place_and_pay();
    cr_assert(feed_event("notification", 2, "notification", 1, "NotificationSent", "{\"kind\":\"confirmed\"}"));
    expect_wrong(feed_event("notification", 1, "notification", 2, "NotificationSent", "{\"kind\":\"shipped\"}"),
                 "answered position 1 of this journey after position 2");
}

Test(model, notices_what_is_sold_twice)
{
    stock_in(1);
    place_and_pay();
    expect_wrong(reserve(2, 2), "1 on hand, 2 of them reserved");
}

Test(model, notices_units_that_no_reservation_holds)
{
    stock_in(5);
    place_and_pay();
    expect_wrong(reserve(2, 3), "3 units are reserved, but live reservations hold 2");
}
