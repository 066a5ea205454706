/* What the encoder wrote is read the quick way, and nothing is read otherwise than the strict reader does. */
#include <stdlib.h>
#include <string.h>

#include "domain/codec.h"
#include "domain/contracts/fields.h"
#include "domain/contracts/order_placed_v1.h"
#include "domain/plain.h"
#include "tests/domain/scenario.h"

#define ID "00000000-0000-5000-8000-000000000007"

static struct buffer written;
static struct error error;

static void clean_up(void)
{
    buffer_clear(&written);
    arena_clear(&scenario.arena);
}

TestSuite(plain, .fini = clean_up);

static void write_event(struct event event)
{
    buffer_reset(&written);
    cr_assert_eq(event_encode(&event, &written, &error), STATUS_OK, "%s", error.text);
}

/* On the heap, without a NUL: the address sanitizer sees who reads past the end. */
static bool reads(enum event_type type, const char *data, size_t length, struct event *event)
{
    char *exact = malloc(length + (length == 0));
    cr_assert_not_null(exact);
    memcpy(exact, data, length);
    *event = (struct event){.type = type};
    const bool is_read = plain_decode(contract_of(type), exact, length, &scenario.arena, &event->order_placed);
    free(exact);
    return is_read;
}

static void is_read_as_written(struct event event)
{
    struct event read;
    write_event(event);
    cr_assert(reads(event.type, written.data, written.length, &read), "%s", buffer_string(&written));
    cr_expect(events_equal(&read, &event), "%s", buffer_string(&written));
}

Test(plain, every_event_is_read_as_the_encoder_wrote_it)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++)
        is_read_as_written(sample_event(type));
    is_read_as_written(order_shipped(ORDER_7, NULL, NULL));
    is_read_as_written(order_shipped(ORDER_7, NULL, "T-1"));
    is_read_as_written(stock_received("tea", 12));
    is_read_as_written(product_listed("tea", "Größe 42 №5 茶 🍵", 450));
    is_read_as_written(units_reserved("tea", ORDER_7, INT64_C(10000000000)));
}

Test(plain, as_many_lines_as_there_may_be_are_read)
{
    struct order_line *items = arena_alloc_array(&scenario.arena, LINES_MAX, sizeof(*items));
    for (size_t i = 0; i < LINES_MAX; i++)
        items[i] = (struct order_line){"tea", "Green tea", (int64_t)i + 1, 450};
    for (size_t count = 1; count <= 9; count++)
        is_read_as_written(order_placed(ORDER_7, (struct order_lines){items, count}));
    is_read_as_written(order_placed(ORDER_7, (struct order_lines){items, LINES_MAX}));
}

Test(plain, whatever_is_spelled_otherwise_is_left_to_the_strict_reader)
{
    static const struct {
        enum event_type type;
        const char *data;
    } others[] = {
        {EVENT_ORDER_CONFIRMED, ""},
        {EVENT_ORDER_CONFIRMED, "{"},
        {EVENT_ORDER_CONFIRMED, "}"},
        {EVENT_ORDER_CONFIRMED, "{}"},
        {EVENT_ORDER_CONFIRMED, "[\"order_id\":\"" ID "\"}"},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\""},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\"} "},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\": \"" ID "\"}"},
        {EVENT_ORDER_CONFIRMED, "{ \"order_id\":\"" ID "\"}"},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\",\"x\":1}"},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\":\"" ID "\",\"order_id\":\"" ID "\"}"},
        {EVENT_ORDER_CONFIRMED, "{\"order_id\":\"00000000-0000-5000-8000-00000000000A\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":null}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":\"\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":\"a\\\"b\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":\"a\x7f\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":\"a\xC3\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"carrier\":\"a\xC2\x85\"}"},
        {EVENT_ORDER_SHIPPED, "{\"order_id\":\"" ID "\",\"tracking\":\"T\",\"carrier\":\"P\"}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":0}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":-1}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":012}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":12.0}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":1e1}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":\"12\"}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":18446744073709551617}"},
        {EVENT_STOCK_RECEIVED, "{\"sku\":\"tea\",\"quantity\":12,\"opening\":false}"},
        {EVENT_PRODUCT_LISTED, "{\"sku\":\"tea\",\"name\":\"Tea\",\"unit_price_minor\":1,\"currency\":\"EU\"}"},
        {EVENT_PRODUCT_LISTED, "{\"sku\":\"tea\",\"name\":\"Tea\",\"unit_price_minor\":1,\"currency\":\"XXY\"}"},
        {EVENT_PRODUCT_LISTED, "{\"sku\":\"tea\",\"name\":\"Tea\",\"unit_price_minor\":1,\"currency\":\"EURO\"}"},
        {EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[]}"},
        {EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[{}]}"},
        {EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2},]}"},
        {EVENT_STOCK_RESERVED, "{\"order_id\":\"" ID "\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2}"},
        {EVENT_ORDER_CANCELLATION_REQUESTED,
         "{\"order_id\":\"" ID "\",\"reason\":\"r\",\"requested_at\":\"2026-11-23T18:40:00.000000+00:00\"}"},
        {EVENT_ORDER_CANCELLATION_REQUESTED,
         "{\"order_id\":\"" ID "\",\"reason\":\"r\",\"requested_at\":\"2026-02-30T18:40:00Z\"}"},
    };
    struct event read;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_not(reads(others[i].type, others[i].data, strlen(others[i].data), &read), "%s", others[i].data);
}

Test(plain, a_text_that_is_too_long_for_its_field_or_for_an_event_is_left_alone)
{
    struct buffer text = {0};
    struct event read;
    buffer_text(&text, "{\"order_id\":\"" ID "\",\"carrier\":\"");
    for (int i = 0; i < SKU_MAX; i++)
        buffer_char(&text, 'c');
    buffer_text(&text, "\"}");
    cr_expect(reads(EVENT_ORDER_SHIPPED, text.data, text.length, &read));
    text.length -= 2;
    buffer_text(&text, "c\"}");
    cr_expect_not(reads(EVENT_ORDER_SHIPPED, text.data, text.length, &read));

    buffer_reset(&text);
    buffer_text(&text, "{\"order_id\":\"" ID "\",\"lines\":[");
    for (size_t i = 0; i <= LINES_MAX; i++)
        buffer_text(&text, i == 0 ? "{\"sku\":\"tea\",\"quantity\":2}" : ",{\"sku\":\"tea\",\"quantity\":2}");
    buffer_text(&text, "]}");
    cr_expect_not(reads(EVENT_STOCK_RESERVED, text.data, text.length, &read));
    buffer_clear(&text);
}

/* With a blank behind it, a text is the same to the strict reader, and none for the quick one. */
static void is_the_same_to_both(enum event_type type, const char *data, size_t length)
{
    struct event quick, strict;
    if (!reads(type, data, length, &quick))
        return;
    buffer_reset(&written);
    buffer_append(&written, data, length);
    buffer_char(&written, ' ');
    cr_assert_eq(event_decode(event_type_name(type), event_schema_version(type), written.data, written.length, EUR,
                              &scenario.arena, &strict, &error),
                 STATUS_OK, "%s%s", buffer_string(&written), error.text);
    cr_assert(events_equal(&quick, &strict), "%s", buffer_string(&written));
}

Test(plain, with_any_byte_changed_lost_or_doubled_an_event_is_still_the_same_to_both_readers)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        write_event(sample_event(type));
        const size_t length = written.length;
        char *good = arena_copy_text(&scenario.arena, written.data, length);
        char *other = arena_alloc(&scenario.arena, length + 1);
        for (size_t at = 0; at < length; at++) {
            memcpy(other, good, length);
            for (int byte = 0; byte < 256; byte++) {
                other[at] = (char)byte;
                is_the_same_to_both(type, other, length);
            }
            memcpy(other + at, good + at + 1, length - at - 1);
            is_the_same_to_both(type, other, length - 1);
            memcpy(other + at, good + at, 1);
            memcpy(other + at + 1, good + at, length - at);
            is_the_same_to_both(type, other, length + 1);
        }
    }
}

Test(plain, an_old_version_is_read_by_its_own_contract)
{
    static const char first[] = "{\"order_id\":\"" ID "\",\"order_ref\":\"R-7\",\"customer_id\":\"anna\",\"lines\":["
                                "{\"sku\":\"tea\",\"quantity\":2,\"unit_price_minor\":450}],\"amount\":900,"
                                "\"card_token\":\"tok_ok\",\"placed_at\":\"2026-11-23T18:40:00Z\"}";
    struct event quick, strict;
    struct buffer text = {0};
    memset(&quick, 0, sizeof(quick));
    cr_expect(plain_decode(&order_placed_v1_contract, first, sizeof first - 1, &scenario.arena, &quick.order_placed));
    buffer_format(&text, "%s ", first);
    cr_assert_eq(event_decode("OrderPlaced", 1, first, sizeof first - 1, EUR, &scenario.arena, &quick, &error),
                 STATUS_OK);
    cr_assert_eq(event_decode("OrderPlaced", 1, text.data, text.length, EUR, &scenario.arena, &strict, &error),
                 STATUS_OK);
    cr_expect(events_equal(&quick, &strict));
    buffer_clear(&text);
}

struct note {
    bool opening;
};
static const struct field note_fields[] = {
    FLAG(note, opening, "opening"),
};
static const struct contract note_contract = {.name = "all optional", .shape = SHAPE(note, note_fields)};

Test(plain, a_record_without_a_field_is_left_to_the_strict_reader)
{
    struct note note = {.opening = false};
    cr_expect(plain_decode(&note_contract, "{\"opening\":true}", 16, &scenario.arena, &note));
    cr_expect(note.opening);
    cr_expect_not(plain_decode(&note_contract, "{}", 2, &scenario.arena, &note));
    cr_expect_not(plain_decode(&note_contract, "}", 1, &scenario.arena, &note));
}
