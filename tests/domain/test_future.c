/* The day after tomorrow: a type that has three versions, and whose lists' items have a field that may be absent. No
 * contract of today has either; here one has, in the place of OrderPlaced. */
#include <string.h>

#include "base/buffer.h"
#include "domain/codec.h"
#include "domain/contracts/contract.h"
#include "domain/money.h"
#include "tests/domain/scenario.h"
#include "tests/support/mishap.h"

#define ID "00000000-0000-5000-8000-000000000007"

static const char first_version[] =
    "{\"order_id\":\"" ID "\",\"order_ref\":\"R-7\",\"customer_id\":\"anna\",\"lines\":[{\"sku\":\"tea\","
    "\"quantity\":2,\"unit_price_minor\":450}],\"amount\":900,\"card_token\":\"tok_ok\","
    "\"placed_at\":\"2026-11-23T18:40:00Z\"}";

static struct contract second, third; /* third.name is NULL: the present */
static struct field line_fields[4], fields[8];
static struct shape line_shape;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names, not ours. */
const struct contract *__real_contract_of_name(const char *name);
const struct contract *__wrap_contract_of_name(const char *name);
const struct contract *__real_contract_of_version(enum event_type type, int schema_version);
const struct contract *__wrap_contract_of_version(enum event_type type, int schema_version);

const struct contract *__wrap_contract_of_name(const char *name)
{
    return third.name != NULL && strcmp(name, third.name) == 0 ? &third : __real_contract_of_name(name);
}

const struct contract *__wrap_contract_of_version(enum event_type type, int schema_version)
{
    if (third.name == NULL || type != third.type || schema_version < 2)
        return __real_contract_of_version(type, schema_version);
    return schema_version == 2 ? &second : &third;
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* Whoever ordered by the second version is called Mr or Ms by the third. */
static enum status raise_second(const void *payload, struct currency currency, struct arena *arena, void *raised,
                                struct error *error)
{
    const struct order_placed *old = payload;
    struct order_placed *next = raised;
    (void)currency, (void)arena;
    if (strcmp(old->customer, "nobody") == 0)
        return error_set(error, STATUS_INVALID, "was ordered by nobody");
    *next = *old;
    next->customer = "ms anna";
    return STATUS_OK;
}

static void begin_future(void)
{
    mishap_install();
    const struct contract *today = contract_of(EVENT_ORDER_PLACED);
    cr_assert_eq(today->schema_version, 2, "the future has begun: this test is about the one after it");
    second = third = *today;
    second.raise = raise_second;
    third.schema_version = 3;
    third.before = &second;
    memcpy(fields, today->shape.fields, sizeof fields);
    cr_assert_eq(today->shape.field_count, sizeof fields / sizeof *fields);
    third.shape.fields = fields;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].kind == FIELD_LIST) {
            line_shape = *fields[i].items;
            cr_assert_eq(line_shape.field_count, sizeof line_fields / sizeof *line_fields);
            memcpy(line_fields, line_shape.fields, sizeof line_fields);
            line_fields[1].need = FIELD_OPTIONAL;
            line_shape.fields = line_fields;
            fields[i].items = &line_shape;
        }
}

TestSuite(future, .init = begin_future);

static enum status decode(const char *data, struct event *event, struct error *error)
{
    return event_decode("OrderPlaced", 1, data, strlen(data), EUR, &scenario.arena, event, error);
}

Test(future, an_event_of_the_first_version_is_raised_over_the_second_to_the_third)
{
    struct event event;
    struct error error;
    cr_assert_eq(decode(first_version, &event, &error), STATUS_OK, "%s", error.text);
    cr_expect_str_eq(event.order_placed.customer, "ms anna");
    cr_expect(currency_equal(event.order_placed.currency, EUR), "as the second version says");
    cr_expect_str_eq(event.order_placed.lines.items[0].name, "tea", "likewise");
    cr_expect_eq(event.order_placed.total_minor, 900);
}

Test(future, an_event_that_one_version_cannot_raise_is_refused_with_its_number)
{
    char data[sizeof first_version];
    struct event event;
    struct error error;
    memcpy(data, first_version, sizeof data);
    memcpy(strstr(data, "R-7\",\"customer_id\":\"anna\""), "R\",\"customer_id\":\"nobody\"", 25);
    cr_assert_eq(decode(data, &event, &error), STATUS_INVALID);
    cr_expect_str_eq(error.text, "OrderPlaced v2: was ordered by nobody");
}

static enum status raises(void *context, unsigned turn, struct error *error)
{
    struct event event;
    (void)context, (void)turn;
    enum status status = decode(first_version, &event, error);
    arena_clear(&scenario.arena);
    return status;
}

Test(future, memory_may_end_between_two_versions)
{
    survives_no_memory(raises, NULL, 1);
}

Test(future, an_items_field_that_is_absent_is_not_written_and_read_as_absent)
{
    struct buffer data = {0};
    struct error error;
    struct event read, event = order_placed(ORDER_7, lines("tea", 2));
    event.order_placed.lines.items[0].name = NULL;
    /* Not by event_encode, whose events are noted as ones that a shop of today wrote. */
    cr_assert_eq(contract_encode(&third, &event.order_placed, &data, &error), STATUS_OK, "%s", error.text);
    cr_expect_not_null(strstr(buffer_string(&data), "[{\"sku\":\"tea\",\"quantity\":2,"), "%s", buffer_string(&data));
    cr_assert_eq(event_decode("OrderPlaced", 3, buffer_string(&data), data.length, EUR, &scenario.arena, &read, &error),
                 STATUS_OK, "%s", error.text);
    cr_expect_null(read.order_placed.lines.items[0].name);
    buffer_clear(&data);
}
