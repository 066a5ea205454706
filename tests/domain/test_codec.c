/* Events to JSON and back: the exact bytes, and what is refused with which sentence. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "domain/codec.h"
#include "domain/contracts/order_placed_v1.h"
#include "tests/domain/scenario.h"

#define ID "00000000-0000-5000-8000-000000000007"

/* What each sample of scenario.c looks like on the roll. These bytes are published: histories hold them. */
static const char *const golden[EVENT_TYPES] = {
    [EVENT_ORDER_PLACED] =
        "{\"order_id\":\"" ID "\",\"order_ref\":\"R-7\",\"customer_id\":\"anna\",\"currency\":\"EUR\",\"lines\":["
        "{\"sku\":\"tea\",\"name\":\"tea\",\"quantity\":2,\"unit_price_minor\":450},"
        "{\"sku\":\"cup\",\"name\":\"cup\",\"quantity\":1,\"unit_price_minor\":450}],"
        "\"total_minor\":1350,\"card_token\":\"tok_ok\",\"placed_at\":\"2026-11-23T18:40:00Z\"}",
    [EVENT_ORDER_CONFIRMED] = "{\"order_id\":\"" ID "\"}",
    [EVENT_ORDER_REJECTED] = "{\"order_id\":\"" ID "\",\"reason\":\"insufficient_funds\"}",
    [EVENT_ORDER_CANCELLATION_REQUESTED] =
        "{\"order_id\":\"" ID "\",\"reason\":\"I ordered twice\",\"requested_at\":\"2026-11-23T18:40:00Z\"}",
    [EVENT_ORDER_CANCELLED] = "{\"order_id\":\"" ID "\",\"reason\":\"out_of_stock\"}",
    [EVENT_ORDER_SHIPPED] = "{\"order_id\":\"" ID "\",\"carrier\":\"Post\",\"tracking\":\"T-1\"}",
    [EVENT_PAYMENT_CAPTURED] =
        "{\"order_id\":\"" ID "\",\"amount_minor\":1350,\"currency\":\"EUR\",\"gateway_reference\":\"bank-1\"}",
    [EVENT_PAYMENT_DECLINED] =
        "{\"order_id\":\"" ID "\",\"amount_minor\":1350,\"currency\":\"EUR\",\"reason\":\"declined\"}",
    [EVENT_PAYMENT_REFUNDED] = "{\"order_id\":\"" ID "\",\"amount_minor\":1350,\"currency\":\"EUR\","
                               "\"gateway_reference\":\"bank-2\",\"reason\":\"out_of_stock\"}",
    [EVENT_PRODUCT_LISTED] = "{\"sku\":\"tea\",\"name\":\"Green tea\",\"unit_price_minor\":450,\"currency\":\"EUR\"}",
    [EVENT_STOCK_RECEIVED] = "{\"sku\":\"tea\",\"quantity\":12,\"opening\":true}",
    [EVENT_UNITS_RESERVED] = "{\"sku\":\"tea\",\"order_id\":\"" ID "\",\"quantity\":2}",
    [EVENT_UNITS_RELEASED] = "{\"sku\":\"tea\",\"order_id\":\"" ID "\",\"quantity\":2}",
    [EVENT_UNITS_SHIPPED] = "{\"sku\":\"tea\",\"order_id\":\"" ID "\",\"quantity\":2}",
    [EVENT_STOCK_RESERVED] =
        "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2},{\"sku\":\"cup\",\"quantity\":1}]}",
    [EVENT_STOCK_RESERVATION_FAILED] =
        "{\"order_id\":\"" ID "\",\"short\":[{\"sku\":\"tea\",\"wanted\":2,\"available\":0},"
        "{\"sku\":\"cup\",\"wanted\":5,\"available\":4}]}",
    [EVENT_RESERVATION_WITHDRAWN] = "{\"order_id\":\"" ID "\"}",
    [EVENT_STOCK_RELEASED] =
        "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2},{\"sku\":\"cup\",\"quantity\":1}]}",
    [EVENT_RESERVATION_SHIPPED] =
        "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2},{\"sku\":\"cup\",\"quantity\":1}]}",
    [EVENT_NOTIFICATION_SENT] = "{\"order_id\":\"" ID "\",\"customer_id\":\"anna\",\"kind\":\"confirmed\","
                                "\"message_id\":\"<1@shop>\"}",
};

/* ---- when and then ---- */

static struct buffer written;
static struct event read;
static enum status status;
static struct error error;

static void clean_up(void)
{
    buffer_clear(&written);
    arena_clear(&scenario.arena);
}

static void when_encoded(struct event event)
{
    buffer_reset(&written);
    error.text[0] = '\0';
    status = event_encode(&event, &written, &error);
}

static void when_decoded_as(const char *type, int schema_version, const char *data)
{
    /* Without its NUL and on the heap, so that the sanitizer sees who reads past the end. */
    size_t length = strlen(data);
    char *exact = malloc(length + (length == 0));
    memcpy(exact, data, length);
    error.text[0] = '\0';
    memset(&read, 0xaa, sizeof(read)); /* what it held before must not shine through */
    status = event_decode(type, schema_version, exact, length, EUR, &scenario.arena, &read, &error);
    memset(exact, '#', length); /* nothing may still point into the text */
    free(exact);
}

static void when_decoded(enum event_type type, const char *data)
{
    when_decoded_as(event_type_name(type), event_schema_version(type), data);
}

static void then_written(const char *expected)
{
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_expect_str_eq(buffer_string(&written), expected);
}

static void then_read(struct event expected)
{
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_expect(events_equal(&read, &expected), "%s", event_type_name(expected.type));
}

static void then_refused_with(enum status expected, const char *sentence)
{
    cr_expect_eq(status, expected, "%s", status_name(status));
    cr_expect_str_eq(error.text, sentence);
}

TestSuite(codec, .fini = clean_up);

/* ---- there and back ---- */

Test(codec, writes_the_published_bytes_of_every_event)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        when_encoded(sample_event(type));
        then_written(golden[type]);
    }
}

Test(codec, reads_every_event_back)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        when_decoded(type, golden[type]);
        then_read(sample_event(type));
    }
}

Test(codec, leaves_out_what_is_not_there)
{
    when_encoded(order_shipped(ORDER_7, NULL, NULL));
    then_written("{\"order_id\":\"" ID "\"}");
    when_encoded(order_shipped(ORDER_7, NULL, "T-1"));
    then_written("{\"order_id\":\"" ID "\",\"tracking\":\"T-1\"}");
    when_decoded(EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"tracking\":\"T-1\"}");
    then_read(order_shipped(ORDER_7, NULL, "T-1"));
    when_encoded(stock_received("tea", 12));
    then_written("{\"sku\":\"tea\",\"quantity\":12}");
    when_decoded(EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":12}");
    then_read(stock_received("tea", 12));
}

Test(codec, reads_null_and_false_as_not_there)
{
    when_decoded(EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":null,\"tracking\":\"T-1\"}");
    then_read(order_shipped(ORDER_7, NULL, "T-1"));
    when_decoded(EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":12,\"opening\":null}");
    then_read(stock_received("tea", 12));
    when_decoded(EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":12,\"opening\":false}");
    then_read(stock_received("tea", 12));
}

Test(codec, reads_keys_in_any_order_and_with_blanks)
{
    when_decoded(EVENT_UNITS_RESERVED, " {\n\t\"quantity\" : 2 ,\r\n \"order_id\":\"" ID "\", \"sku\" :\"tea\" }\n");
    then_read(units_reserved("tea", ORDER_7, 2));
    when_decoded(EVENT_STOCK_RESERVED, "{\"lines\":[{\"quantity\":2,\"sku\":\"tea\"}],\"order_id\":\"" ID "\"}");
    then_read(stock_reserved(ORDER_7, units("tea", 2)));
}

Test(codec, passes_over_fields_that_a_newer_writer_added)
{
    when_decoded(EVENT_ORDER_CONFIRMED, "{\"by\":{\"a\":[1,2,{\"b\":null}]},\"order_id\":\"" ID
                                        "\",\"gift\":true,\"weight\":1.5e3,\"order_idx\":1,\"order\":2,\"\":3}");
    then_read(order_confirmed(ORDER_7));
    when_decoded(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[{\"shelf\":[],\"sku\":\"tea\","
                                       "\"box\":\"x\",\"quantity\":2}]}");
    then_read(stock_reserved(ORDER_7, units("tea", 2)));
}

Test(codec, writes_and_reads_the_extremes_of_every_limit)
{
    char sku[SKU_MAX + 1], name[NAME_MAX_BYTES + 1];
    memset(sku, 's', SKU_MAX);
    memset(name, 'n', NAME_MAX_BYTES);
    sku[SKU_MAX] = name[NAME_MAX_BYTES] = '\0';
    struct order_line most = {sku, name, QUANTITY_MAX, PRICE_MAX_MINOR};
    struct event placed = {
        .type = EVENT_ORDER_PLACED,
        .order_placed = {ORDER_7, sku, sku, EUR, {&most, 1}, AMOUNT_MAX_MINOR, sku, TIME_MAX_US},
    };
    when_encoded(placed);
    when_decoded(EVENT_ORDER_PLACED, buffer_string(&written));
    then_read(placed);

    struct order_line least = {"s", "n", 1, 1};
    placed.order_placed = (struct order_placed){ORDER_7, "r", "c", {"JPY"}, {&least, 1}, 1, "t", TIME_MIN_US};
    when_encoded(placed);
    when_decoded(EVENT_ORDER_PLACED, buffer_string(&written));
    then_read(placed);

    when_encoded(units_reserved("tea", ORDER_7, INT64_C(10000000000)));
    when_decoded(EVENT_UNITS_RESERVED, buffer_string(&written));
    then_read(units_reserved("tea", ORDER_7, INT64_C(10000000000)));
}

Test(codec, writes_and_reads_10000_lines)
{
    struct order_line *items = arena_alloc_array(&scenario.arena, LINES_MAX, sizeof(*items));
    for (size_t i = 0; i < LINES_MAX; i++)
        items[i] = (struct order_line){"tea", "Green tea", (int64_t)i + 1, 450};
    struct event placed = order_placed(ORDER_7, (struct order_lines){items, LINES_MAX});
    when_encoded(placed);
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_assert_lt(written.length, (size_t)1 << 20);
    when_decoded(EVENT_ORDER_PLACED, buffer_string(&written));
    then_read(placed);
}

Test(codec, writes_and_reads_text_that_json_must_escape_and_text_of_all_the_world)
{
    static const char *const texts[] = {"say \"tea\"",      "a\\b",     "a/b", "84509c", " blank ",
                                        "Größe 42 №5 茶 🍵", "</script>"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct event listed = product_listed(texts[i], texts[i], 450);
        when_encoded(listed);
        when_decoded(EVENT_PRODUCT_LISTED, buffer_string(&written));
        then_read(listed);
    }
    when_encoded(product_listed("a\"b", "c\\d", 1));
    then_written("{\"sku\":\"a\\\"b\",\"name\":\"c\\\\d\",\"unit_price_minor\":1,\"currency\":\"EUR\"}");
    when_decoded(EVENT_PRODUCT_LISTED,
                 "{\"sku\":\"\\u0074ea\",\"name\":\"\\ud83c\\udf75\",\"unit_price_minor\":1,\"currency\":\"EUR\"}");
    then_read(product_listed("tea", "🍵", 1));
}

Test(codec, writes_microseconds_only_where_there_are_any)
{
    struct event requested = cancellation_requested(ORDER_7, "too late");
    requested.order_cancellation_requested.requested_at_us = MONDAY_EVENING_US + 42;
    when_encoded(requested);
    then_written("{\"order_id\":\"" ID "\",\"reason\":\"too late\",\"requested_at\":\"2026-11-23T18:40:00.000042Z\"}");
    when_decoded(EVENT_ORDER_CANCELLATION_REQUESTED, buffer_string(&written));
    then_read(requested);
}

Test(codec, reads_a_time_with_an_offset)
{
    when_decoded(EVENT_ORDER_CANCELLATION_REQUESTED, "{\"order_id\":\"" ID "\",\"reason\":\"too late\","
                                                     "\"requested_at\":\"2026-11-23T19:40:00+01:00\"}");
    then_read(cancellation_requested(ORDER_7, "too late"));
}

Test(codec, appends_to_what_is_written_already)
{
    buffer_text(&written, "data: ");
    struct event confirmed = order_confirmed(ORDER_7);
    cr_assert_eq(event_encode(&confirmed, &written, &error), STATUS_OK);
    cr_assert_str_eq(buffer_string(&written), "data: {\"order_id\":\"" ID "\"}");
}

/* ---- what is not written ---- */

static void expect_unwritten(struct event event, const char *sentence)
{
    buffer_reset(&written);
    buffer_text(&written, "before");
    status = event_encode(&event, &written, &error);
    then_refused_with(STATUS_INVALID, sentence);
    cr_expect_str_eq(buffer_string(&written), "before", "what is refused leaves nothing behind");
    cr_expect_eq(written.length, 6);
    cr_expect_eq(event_encode(&event, &written, NULL), STATUS_INVALID, "nobody needs to read why");
}

Test(codec, writes_nothing_that_it_would_not_read)
{
    struct order_lines good = lines("tea", 2);
    struct event event = order_placed(ORDER_7, good);
    event.order_placed.customer = NULL;
    expect_unwritten(event, "OrderPlaced v2: customer_id: is missing");
    event.order_placed.customer = "";
    expect_unwritten(event, "OrderPlaced v2: customer_id: must be 1 to 128 bytes");
    char long_text[SKU_MAX + 2];
    memset(long_text, 'x', SKU_MAX + 1);
    long_text[SKU_MAX + 1] = '\0';
    event.order_placed.customer = long_text;
    expect_unwritten(event, "OrderPlaced v2: customer_id: must be 1 to 128 bytes");
    event.order_placed.customer = "an\nna";
    expect_unwritten(event, "OrderPlaced v2: customer_id: must be UTF-8 without control characters");
    event.order_placed.customer = "an\xff"
                                  "na";
    expect_unwritten(event, "OrderPlaced v2: customer_id: must be UTF-8 without control characters");

    event = order_placed(ORDER_7, good);
    event.order_placed.currency = (struct currency){"EUX"};
    expect_unwritten(event, "OrderPlaced v2: currency: must be a currency of ISO 4217");
    memcpy(event.order_placed.currency.code, "EURO", 4);
    expect_unwritten(event, "OrderPlaced v2: currency: must be a currency of ISO 4217");

    event = order_placed(ORDER_7, good);
    event.order_placed.total_minor = 0;
    expect_unwritten(event, "OrderPlaced v2: total_minor: must be 1 to 4503599627370495");
    event.order_placed.total_minor = AMOUNT_MAX_MINOR + 1;
    expect_unwritten(event, "OrderPlaced v2: total_minor: must be 1 to 4503599627370495");

    event = order_placed(ORDER_7, good);
    event.order_placed.placed_at_us = TIME_MAX_US + 1;
    expect_unwritten(event, "OrderPlaced v2: placed_at: must be a time of RFC 3339 in the years 0001 to 9999");
    event.order_placed.placed_at_us = INT64_MIN;
    expect_unwritten(event, "OrderPlaced v2: placed_at: must be a time of RFC 3339 in the years 0001 to 9999");

    expect_unwritten(order_placed(ORDER_7, (struct order_lines){0}),
                     "OrderPlaced v2: lines: must have 1 to 10000 items");
    expect_unwritten(order_placed(ORDER_7, (struct order_lines){good.items, 0}),
                     "OrderPlaced v2: lines: must have 1 to 10000 items");
    struct event too_long = order_placed(ORDER_7, good);
    too_long.order_placed.lines.count = LINES_MAX + 1; /* never looked at */
    expect_unwritten(too_long, "OrderPlaced v2: lines: must have 1 to 10000 items");
    event = order_placed(ORDER_7, and_line(and_line(good, "cup", 1), "pot", 1));
    event.order_placed.lines.items[2].quantity = 1000001;
    expect_unwritten(event, "OrderPlaced v2: lines[2].quantity: must be 1 to 1000000");
    event.order_placed.lines.items[1].sku = NULL;
    expect_unwritten(event, "OrderPlaced v2: lines[1].sku: is missing");

    expect_unwritten(order_shipped(ORDER_7, "", NULL), "OrderShipped v1: carrier: must be 1 to 128 bytes");
    expect_unwritten(stock_received("tea", 0), "StockReceived v1: quantity: must be 1 to 1000000000");
    expect_unwritten(reservation_failed(ORDER_7, shortage("tea", 1, -1)),
                     "StockReservationFailed v1: short[0].available: must be 0 to 10000000000");
}

Test(codec, writes_no_more_than_1_MiB)
{
    char name[NAME_MAX_BYTES + 1];
    memset(name, 'n', NAME_MAX_BYTES);
    name[NAME_MAX_BYTES] = '\0';
    struct order_line *items = arena_alloc_array(&scenario.arena, 3000, sizeof(*items));
    for (size_t i = 0; i < 3000; i++)
        items[i] = (struct order_line){"tea", name, 1, 450};
    expect_unwritten(order_placed(ORDER_7, (struct order_lines){items, 3000}),
                     "OrderPlaced v2: is larger than 1048576 bytes");
}

Test(codec, says_when_memory_ended_on_the_way)
{
    struct event confirmed = order_confirmed(ORDER_7);
    written.failed = true;
    cr_assert_eq(event_encode(&confirmed, &written, &error), STATUS_MEMORY);
    struct event bad = order_rejected(ORDER_7, "");
    cr_assert_eq(event_encode(&bad, &written, &error), STATUS_INVALID);
}

/* ---- what is not read ---- */

Test(codec, does_not_know_other_types)
{
    when_decoded_as("OrderEaten", 1, "{}");
    then_refused_with(STATUS_NOT_FOUND, "there is no event type \"OrderEaten\"");
    when_decoded_as("Order\x1b[31m", 1, "{}");
    then_refused_with(STATUS_NOT_FOUND, "there is no event type \"Order\\x1B[31m\"");
}

Test(codec, refuses_a_schema_version_that_it_does_not_know_yet)
{
    when_decoded_as("OrderPlaced", 3, golden[EVENT_ORDER_PLACED]);
    then_refused_with(STATUS_NEWER, "OrderPlaced v3: this program knows versions up to 2; use a newer one");
    when_decoded_as("OrderConfirmed", 2, golden[EVENT_ORDER_CONFIRMED]);
    then_refused_with(STATUS_NEWER, "OrderConfirmed v2: this program knows versions up to 1; use a newer one");
}

Test(codec, refuses_a_schema_version_that_never_was)
{
    when_decoded_as("OrderConfirmed", 0, golden[EVENT_ORDER_CONFIRMED]);
    then_refused_with(STATUS_INVALID, "OrderConfirmed v0: there was never such a version");
}

/* ---- old versions ---- */

#define FIRST_ORDER                                                                                                    \
    "{\"order_id\":\"" ID "\",\"order_ref\":\"R-7\",\"customer_id\":\"anna\",\"lines\":["                              \
    "{\"sku\":\"tea\",\"quantity\":2,\"unit_price_minor\":450},{\"sku\":\"cup\",\"quantity\":1,\"unit_price_minor\":"  \
    "450}],"                                                                                                           \
    "\"amount\":1350,\"card_token\":\"tok_ok\",\"placed_at\":\"2026-11-23T18:40:00Z\"}"

/* The sample's products are named as their skus, so it is today's sample but for the currency, which is the shop's. */
Test(codec, raises_the_first_order_placed_to_todays)
{
    when_decoded_as("OrderPlaced", 1, FIRST_ORDER);
    then_read(sample_event(EVENT_ORDER_PLACED));
}

Test(codec, refuses_an_old_event_by_the_contract_of_its_version)
{
    when_decoded_as("OrderPlaced", 1, golden[EVENT_ORDER_PLACED]);
    then_refused_with(STATUS_INVALID, "OrderPlaced v1: amount is missing");
}

Test(codec, cannot_raise_an_order_of_a_shop_without_a_currency)
{
    struct event event;
    status = event_decode("OrderPlaced", 1, FIRST_ORDER, strlen(FIRST_ORDER), (struct currency){""}, &scenario.arena,
                          &event, &error);
    then_refused_with(STATUS_INVALID, "OrderPlaced v1: has no currency, and the shop does not say in which it sells");
}

Test(codec, writes_an_old_version_as_it_was_written)
{
    struct order_line_v1 two_lines[] = {{"tea", 2, 450}, {"cup", 1, 450}};
    const struct order_placed_v1 placed = {.order = ORDER_7,
                                           .order_ref = "R-7",
                                           .customer = "anna",
                                           .lines = {two_lines, 2},
                                           .amount_minor = 1350,
                                           .card_token = "tok_ok",
                                           .placed_at_us = MONDAY_EVENING_US};
    buffer_reset(&written);
    status = contract_encode(&order_placed_v1_contract, &placed, &written, &error);
    then_written(FIRST_ORDER);
}

static void expect_unread(enum event_type type, const char *data, const char *sentence)
{
    when_decoded(type, data);
    then_refused_with(STATUS_INVALID, sentence);
}

/* The sample of `type` with the first `old` in it replaced. */
static const char *with(enum event_type type, const char *old, const char *new)
{
    const char *at = strstr(golden[type], old);
    cr_assert_not_null(at, "%s is not in %s", old, golden[type]);
    struct buffer text = {0};
    buffer_append(&text, golden[type], (size_t)(at - golden[type]));
    buffer_text(&text, new);
    buffer_text(&text, at + strlen(old));
    const char *copy = arena_copy(&scenario.arena, buffer_string(&text));
    buffer_clear(&text);
    return copy;
}

Test(codec, refuses_a_required_field_that_is_missing)
{
    expect_unread(EVENT_ORDER_CONFIRMED, "{}", "OrderConfirmed v1: order_id is missing");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"customer_id\":\"anna\",", ""),
                  "OrderPlaced v2: customer_id is missing");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, ",\"unit_price_minor\":450},", "},"),
                  "OrderPlaced v2: lines[0]: unit_price_minor is missing");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "{\"sku\":\"cup\",\"name\"", "{\"name\""),
                  "OrderPlaced v2: lines[1]: sku is missing");
    expect_unread(EVENT_STOCK_RESERVATION_FAILED, with(EVENT_STOCK_RESERVATION_FAILED, ",\"available\":0", ""),
                  "StockReservationFailed v1: short[0]: available is missing");
}

/* Every required field of every event, one after the other. */
Test(codec, can_spare_no_required_field)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        for (const char *at = strchr(golden[type], '{'); at != NULL; at = strpbrk(at + 1, "{,")) {
            const char *key = at + strspn(at, "{,");
            size_t length = key[0] == '"' ? strcspn(key + 1, "\"") : 0;
            if (length == 0)
                continue;
            char *renamed = arena_copy(&scenario.arena, golden[type]);
            renamed[key - golden[type] + 1] = '_';
            when_decoded(type, renamed);
            bool optional = strncmp(key, "\"carrier", 8) == 0 || strncmp(key, "\"tracking", 9) == 0 ||
                            strncmp(key, "\"opening", 8) == 0;
            cr_expect_eq(status, optional ? STATUS_OK : STATUS_INVALID, "%s", renamed);
            cr_expect(optional || strstr(error.text, " is missing") != NULL, "%s", error.text);
        }
    }
}

Test(codec, refuses_null_where_something_is_required)
{
    expect_unread(EVENT_ORDER_CONFIRMED, "{\"order_id\":null}", "OrderConfirmed v1: order_id: must be a text");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, ":2,", ":null,"),
                  "OrderPlaced v2: lines[0].quantity: must be an integer");
    expect_unread(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":null}",
                  "StockReserved v1: lines: must be an array");
    expect_unread(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[null]}",
                  "StockReserved v1: lines[0]: must be an object");
}

Test(codec, refuses_a_field_that_stands_twice)
{
    expect_unread(EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\",\"order_id\":\"" ID "\"}",
                  "OrderConfirmed v1: at byte 52: the key \"order_id\" stands twice");
    expect_unread(EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\",\"order\\u005fid\":\"" ID "\"}",
                  "OrderConfirmed v1: at byte 52: the key \"order_id\" stands twice");
    expect_unread(EVENT_ORDER_CONFIRMED, "{\"x\":1,\"order_id\":\"" ID "\",\"x\":2}",
                  "OrderConfirmed v1: at byte 58: the key \"x\" stands twice");
    expect_unread(EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":null,\"carrier\":\"Post\"}",
                  "OrderShipped v1: at byte 67: the key \"carrier\" stands twice");
    expect_unread(EVENT_ORDER_SHIPPED, /* the key after "carrier" is "tracking" as a rule */
                  "{\"tracking\":null,\"order_id\":\"" ID "\",\"carrier\":null,\"tracking\":\"T-1\"}",
                  "OrderShipped v1: at byte 83: the key \"tracking\" stands twice");
    expect_unread(EVENT_STOCK_RESERVED,
                  "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"sku\":\"cup\",\"quantity\":1}]}",
                  "StockReserved v1: lines[0]: the key \"sku\" stands twice");
}

Test(codec, refuses_the_wrong_kind)
{
    expect_unread(EVENT_ORDER_CONFIRMED, "[]", "OrderConfirmed v1: at byte 1: must be an object");
    expect_unread(EVENT_ORDER_CONFIRMED, "{\"order_id\":7}", "OrderConfirmed v1: order_id: must be a text");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"anna\"", "{\"id\":\"anna\"}"),
                  "OrderPlaced v2: customer_id: must be a text");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "1350", "\"1350\""),
                  "OrderPlaced v2: total_minor: must be an integer");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "1350", "1350.0"),
                  "OrderPlaced v2: total_minor: must be an integer, without a fraction or exponent");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "1350", "1e3"),
                  "OrderPlaced v2: total_minor: must be an integer, without a fraction or exponent");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, ":450", ":true"),
                  "OrderPlaced v2: lines[0].unit_price_minor: must be an integer");
    expect_unread(EVENT_STOCK_RECEIVED, with(EVENT_STOCK_RECEIVED, "true", "1"),
                  "StockReceived v1: opening: must be true or false");
    expect_unread(EVENT_STOCK_RECEIVED, with(EVENT_STOCK_RECEIVED, "true", "\"true\""),
                  "StockReceived v1: opening: must be true or false");
    expect_unread(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":{}}",
                  "StockReserved v1: lines: must be an array");
    expect_unread(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[[]]}",
                  "StockReserved v1: lines[0]: must be an object");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"2026-11-23T18:40:00Z\"", "1795459200"),
                  "OrderPlaced v2: placed_at: must be a text");
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"EUR\"", "978"),
                  "OrderPlaced v2: currency: must be a text");
}

Test(codec, refuses_numbers_out_of_range)
{
    static const struct {
        const char *old, *new, *sentence;
    } tries[] = {
        {":2,", ":0,", "OrderPlaced v2: lines[0].quantity: must be 1 to 1000000"},
        {":2,", ":-2,", "OrderPlaced v2: lines[0].quantity: must be 1 to 1000000"},
        {":2,", ":1000001,", "OrderPlaced v2: lines[0].quantity: must be 1 to 1000000"},
        {":1,", ":1000001,", "OrderPlaced v2: lines[1].quantity: must be 1 to 1000000"},
        {":450", ":0", "OrderPlaced v2: lines[0].unit_price_minor: must be 1 to 1000000000000"},
        {":450", ":1000000000001", "OrderPlaced v2: lines[0].unit_price_minor: must be 1 to 1000000000000"},
        {":1350", ":0", "OrderPlaced v2: total_minor: must be 1 to 4503599627370495"},
        {":1350", ":-1", "OrderPlaced v2: total_minor: must be 1 to 4503599627370495"},
        {":1350", ":4503599627370496",
         "OrderPlaced v2: total_minor: must be an integer of at most 4503599627370495 either way"},
        {":1350", ":18446744073709552966",
         "OrderPlaced v2: total_minor: must be an integer of at most 4503599627370495 either way"},
        {":1350", ":01350", "OrderPlaced v2: total_minor: is a number that starts with a needless 0"},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, tries[i].old, tries[i].new), tries[i].sentence);
    expect_unread(EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":1000000001}",
                  "StockReceived v1: quantity: must be 1 to 1000000000");
    expect_unread(EVENT_UNITS_SHIPPED, with(EVENT_UNITS_SHIPPED, ":2", ":10000000001"),
                  "UnitsShipped v1: quantity: must be 1 to 10000000000");
    expect_unread(EVENT_STOCK_RESERVATION_FAILED, with(EVENT_STOCK_RESERVATION_FAILED, ":0}", ":-1}"),
                  "StockReservationFailed v1: short[0].available: must be 0 to 10000000000");
}

/* `text` in quotes, `count` times. */
static const char *quoted(const char *text, size_t count)
{
    struct buffer out = {0};
    buffer_char(&out, '"');
    for (size_t i = 0; i < count; i++)
        buffer_text(&out, text);
    buffer_char(&out, '"');
    const char *copy = arena_copy(&scenario.arena, buffer_string(&out));
    buffer_clear(&out);
    return copy;
}

static void expect_customer_unread(const char *customer, const char *sentence)
{
    expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"anna\"", customer), sentence);
}

Test(codec, refuses_texts_that_cannot_be_trusted)
{
    static const char unclean[] = "OrderPlaced v2: customer_id: must be UTF-8 without control characters";
    static const char size[] = "OrderPlaced v2: customer_id: must be 1 to 128 bytes";
    expect_customer_unread("\"\"", size);
    expect_customer_unread(quoted("x", 129), size);
    expect_customer_unread(quoted("ü", 65), size);
    expect_customer_unread("\"a\\nb\"", unclean);
    expect_customer_unread("\"a\\u001bb\"", unclean);
    expect_customer_unread("\"a\\u007fb\"", unclean);
    expect_customer_unread("\"a\x7f"
                           "b\"",
                           unclean);
    expect_customer_unread("\"a\\u0085b\"", unclean);
    expect_customer_unread("\"a\xc2\x9b"
                           "b\"",
                           unclean);
    expect_customer_unread("\"a\\u0000b\"", "OrderPlaced v2: customer_id: holds \\u0000, which no text may");
    expect_customer_unread("\"a\\ud800b\"", "OrderPlaced v2: customer_id: holds half a surrogate pair");
    expect_customer_unread("\"a\\xb\"", "OrderPlaced v2: customer_id: holds an escape that JSON does not know");
    expect_customer_unread("\"a\nb\"", "OrderPlaced v2: customer_id: holds a control character that is not escaped");
    expect_customer_unread("\"a\xff"
                           "b\"",
                           "OrderPlaced v2: customer_id: holds bytes that are not UTF-8");
    expect_customer_unread("\"\xc0\xaf\"", "OrderPlaced v2: customer_id: holds bytes that are not UTF-8");
    expect_customer_unread("\"\xed\xa0\x80\"", "OrderPlaced v2: customer_id: holds bytes that are not UTF-8");
    when_decoded(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "\"anna\"", quoted("x", 128)));
    cr_expect_eq(status, STATUS_OK, "%s", error.text);
}

Test(codec, refuses_ids_that_are_not_canonical)
{
    static const char *const ids[] = {"",
                                      "7",
                                      "00000000-0000-5000-8000-00000000000",
                                      "00000000-0000-5000-8000-0000000000070",
                                      "00000000-0000-5000-8000-00000000000g",
                                      "0000000000005000800000000000000000007",
                                      "{0000000-0000-5000-8000-00000000000}",
                                      "ABCDEF00-0000-5000-8000-000000000007"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        expect_unread(EVENT_ORDER_CONFIRMED, with(EVENT_ORDER_CONFIRMED, ID, ids[i]),
                      "OrderConfirmed v1: order_id: must be a UUID in lower case");
}

Test(codec, refuses_currencies_that_are_none)
{
    static const char *const codes[] = {"", "eur", "EU", "EURO", "XXX", "EUX"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        expect_unread(EVENT_PAYMENT_CAPTURED, with(EVENT_PAYMENT_CAPTURED, "EUR", codes[i]),
                      "PaymentCaptured v1: currency: must be a currency of ISO 4217");
}

Test(codec, refuses_times_that_are_none)
{
    static const char *const times[] = {"",
                                        "today",
                                        "2026-11-23T18:40:00",
                                        "2026-02-29T00:00:00Z",
                                        "0000-01-01T00:00:00Z",
                                        "2026-11-23T24:00:00Z",
                                        "2026-11-23T18:40:60Z"};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        expect_unread(EVENT_ORDER_PLACED, with(EVENT_ORDER_PLACED, "2026-11-23T18:40:00Z", times[i]),
                      "OrderPlaced v2: placed_at: must be a time of RFC 3339 in the years 0001 to 9999");
}

Test(codec, refuses_lists_that_are_empty_or_too_long)
{
    expect_unread(EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[]}",
                  "StockReserved v1: lines: must have 1 to 10000 items");
    struct buffer text = {0};
    buffer_text(&text, "{\"order_id\":\"" ID "\",\"lines\":[");
    for (size_t i = 0; i <= LINES_MAX; i++)
        buffer_text(&text, i == 0 ? "{\"sku\":\"tea\",\"quantity\":1}" : ",{\"sku\":\"tea\",\"quantity\":1}");
    buffer_text(&text, "]}");
    expect_unread(EVENT_STOCK_RESERVED, buffer_string(&text),
                  "StockReserved v1: lines[10000]: must have 1 to 10000 items");
    buffer_clear(&text);
}

Test(codec, refuses_what_is_no_json)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "nonsense",
                                        "{\"order_id\":\"" ID "\"",
                                        "{\"order_id\":\"" ID "\",}",
                                        "{\"order_id\":\"" ID "\"}}",
                                        "{\"order_id\":\"" ID "\"} {}",
                                        "{order_id:\"" ID "\"}",
                                        "{'order_id':'" ID "'}",
                                        "{\"order_id\"=\"" ID "\"}",
                                        "\xef\xbb\xbf{\"order_id\":\"" ID "\"}",
                                        "{\"order_id\":\"" ID "\",\"x\":NaN}",
                                        "{\"order_id\":\"" ID "\",\"x\":[1,]}",
                                        "{\"order_id\":\"" ID "\" /* no */}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        when_decoded(EVENT_ORDER_CONFIRMED, texts[i]);
        cr_expect_eq(status, STATUS_INVALID, "%s", texts[i]);
        cr_expect_eq(strncmp(error.text, "OrderConfirmed v1: ", 19), 0, "%s", error.text);
    }
}

Test(codec, checks_what_it_passes_over_as_strictly)
{
    static const char *const values[] = {
        "1e999",    "\"\\ud800\"", "[01]", "{\"a\":1,\"a\":2}",
        "\"\xff\"", "tru",         "-",    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buffer text = {0};
        buffer_format(&text, "{\"order_id\":\"" ID "\",\"x\":%s}", values[i]);
        when_decoded(EVENT_ORDER_CONFIRMED, buffer_string(&text));
        cr_expect_eq(status, STATUS_INVALID, "%s", values[i]);
        cr_expect_eq(strncmp(error.text, "OrderConfirmed v1: x", 20), 0, "%s", error.text);
        buffer_clear(&text);
    }
}

/* A stranger's payload, in a field of ours and in one that we pass over: refused with the place and the reason. */
Test(codec, says_where_a_hostile_payload_is_wrong_and_why)
{
    static const struct {
        const char *value, *ours, *passed_over;
    } tries[] = {
        {"1e999", "is a number too large for a double", "is a number too large for a double"},
        {"4503599627370496", "must be an integer of at most 4503599627370495 either way",
         "must be an integer of at most 4503599627370495 either way"},
        {"-9223372036854775809", "must be an integer of at most 4503599627370495 either way",
         "must be an integer of at most 4503599627370495 either way"},
        {"NaN", "must be an integer", "must be a JSON value"},
        {"\"a\\u0000b\"", "must be an integer", "holds \\u0000, which no text may"},
        {"\"\xC0\xAF\"", "must be an integer", "holds bytes that are not UTF-8"},
        {"\"\\udfff\"", "must be an integer", "holds half a surrogate pair"},
        {"\"a\nb\"", "must be an integer", "holds a control character that is not escaped"},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct buffer text = {0}, sentence = {0};
        buffer_format(&text, "{\"sku\":\"tea\",\"quantity\":%s}", tries[i].value);
        buffer_format(&sentence, "StockReceived v1: quantity: %s", tries[i].ours);
        expect_unread(EVENT_STOCK_RECEIVED, buffer_string(&text), buffer_string(&sentence));
        buffer_reset(&text);
        buffer_reset(&sentence);
        buffer_format(&text, "{\"sku\":\"tea\",\"quantity\":1,\"x\":{\"y\":[0,%s]}}", tries[i].value);
        buffer_format(&sentence, "StockReceived v1: x.y[1]: %s", tries[i].passed_over);
        expect_unread(EVENT_STOCK_RECEIVED, buffer_string(&text), buffer_string(&sentence));
        buffer_clear(&text);
        buffer_clear(&sentence);
    }
}

/* Refused before it is followed, whatever its depth, its length or the number of its keys. */
Test(codec, refuses_payloads_made_to_exhaust)
{
    struct buffer text = {0};
    buffer_text(&text, "{\"order_id\":\"" ID "\",\"x\":");
    for (size_t i = 0; i < 100000; i++)
        buffer_char(&text, '[');
    expect_unread(EVENT_ORDER_CONFIRMED, buffer_string(&text),
                  "OrderConfirmed v1: x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: is nested deeper than 16 levels");
    buffer_reset(&text);
    buffer_text(&text, "{\"order_id\":\"" ID "\"");
    for (size_t i = 0; i < 64; i++)
        buffer_format(&text, ",\"k%zu\":0", i);
    buffer_char(&text, '}');
    expect_unread(EVENT_ORDER_CONFIRMED, buffer_string(&text),
                  "OrderConfirmed v1: at byte 546: too many keys: at most 64 in all open objects");
    buffer_reset(&text);
    buffer_text(&text, "{\"order_id\":\"" ID "\",\"x\":\"");
    while (text.length < (size_t)1 << 20)
        buffer_text(&text, "0123456789abcdef");
    buffer_text(&text, "\"}");
    expect_unread(EVENT_ORDER_CONFIRMED, buffer_string(&text),
                  "OrderConfirmed v1: the text is longer than 1048576 bytes");
    buffer_clear(&text);
}

/* Each sample, cut short at every byte: refused, and nothing is read past the end. */
Test(codec, refuses_every_beginning_of_an_event)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        for (size_t length = 0; length < strlen(golden[type]); length++) {
            char *beginning = arena_copy_text(&scenario.arena, golden[type], length);
            when_decoded(type, beginning);
            cr_assert_eq(status, STATUS_INVALID, "%s", beginning);
        }
    }
}

/* Each sample with each byte replaced by a few others: never a crash, and what is read can be written again. */
Test(codec, survives_every_broken_byte)
{
    static const char bytes[] = {'"', '\\', '{', '}', '[', ']',  ',',  ':',
                                 '0', '9',  '-', 'e', ' ', '\n', 0x7f, (char)0xff};
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        char *broken = arena_copy(&scenario.arena, golden[type]);
        for (size_t at = 0; broken[at] != '\0'; at++) {
            for (size_t i = 0; i < sizeof(bytes); i++) {
                broken[at] = bytes[i];
                when_decoded(type, broken);
                if (status == STATUS_OK)
                    when_encoded(read);
                cr_assert(status == STATUS_OK || status == STATUS_INVALID, "%s", error.text);
            }
            broken[at] = golden[type][at];
        }
    }
}

Test(codec, needs_nobody_to_read_why)
{
    struct event event;
    cr_expect_eq(event_decode("Nothing", 1, "{}", 2, EUR, &scenario.arena, &event, NULL), STATUS_NOT_FOUND);
    cr_expect_eq(event_decode("OrderPlaced", 9, "{}", 2, EUR, &scenario.arena, &event, NULL), STATUS_NEWER);
    cr_expect_eq(event_decode("OrderPlaced", 2, "{}", 2, EUR, &scenario.arena, &event, NULL), STATUS_INVALID);
}
