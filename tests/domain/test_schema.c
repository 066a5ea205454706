/* Contracts as JSON Schema, and which of their changes break a promise. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/json.h"
#include "domain/codec.h"
#include "domain/contracts/compatibility.h"
#include "domain/contracts/reads.h"
#include "domain/contracts/schema.h"
#include "tests/domain/scenario.h"

static struct buffer schema;

static const char *schema_of(enum event_type type)
{
    buffer_reset(&schema);
    contract_append_schema(contract_of(type), &schema);
    return buffer_string(&schema);
}

Test(schema, says_what_a_producer_writes)
{
    cr_expect_str_eq(
        schema_of(EVENT_ORDER_SHIPPED),
        "{\n"
        "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
        "  \"$id\": \"urn:tillroll:OrderShipped.v1\",\n"
        "  \"title\": \"OrderShipped\",\n"
        "  \"x-version\": 1,\n"
        "  \"x-owner\": \"order\",\n"
        "  \"x-stream\": \"order\",\n"
        "  \"type\": \"object\",\n"
        "  \"properties\": {\n"
        "    \"order_id\": {\"type\": \"string\", \"format\": \"uuid\", \"pattern\": "
        "\"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$\", \"examples\": [\"c3344274-af8f-54e3-8d5d-95f6ce257cf7\"]},\n"
        "    \"carrier\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 128, \"x-max-bytes\": "
        "128, \"pattern\": "
        "\"^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\", \"examples\": [\"Post\"]},\n"
        "    \"tracking\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 128, \"x-max-bytes\": "
        "128, \"pattern\": "
        "\"^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\", \"x-personal\": true, \"examples\": [\"T-1\"]}\n"
        "  },\n"
        "  \"required\": [\"order_id\"]\n"
        "}\n");
    buffer_clear(&schema);
}

Test(schema, of_every_contract_is_json_with_each_field_of_its_table)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        for (const struct contract *contract = contract_of(type); contract != NULL; contract = contract->before) {
            buffer_reset(&schema);
            contract_append_schema(contract, &schema);
            cr_assert_eq(json_check(schema.data, schema.length, NULL), STATUS_OK, "%s", schema.data);
            cJSON *document = cJSON_Parse(schema.data);
            const cJSON *properties = cJSON_GetObjectItem(document, "properties");
            cr_expect_eq(cJSON_GetArraySize(properties), (int)contract->shape.field_count);
            for (size_t i = 0; i < contract->shape.field_count; i++)
                cr_expect_not_null(cJSON_GetObjectItemCaseSensitive(properties, contract->shape.fields[i].name));
            cJSON_Delete(document);
        }
    }
    buffer_clear(&schema);
}

/* It is read, and written again as it was. */
Test(schema, has_examples_that_are_true)
{
    struct buffer example = {0}, again = {0};
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        for (const struct contract *contract = contract_of(type); contract != NULL; contract = contract->before) {
            struct event event;
            struct error error = {0};
            buffer_reset(&example);
            buffer_reset(&again);
            contract_append_example(contract, &example);
            cr_assert_eq(event_decode(contract->name, contract->schema_version, example.data, example.length, USD,
                                      &scenario.arena, &event, &error),
                         STATUS_OK, "%s: %s", example.data, error.text);
            cr_assert_eq(event_encode(&event, &again, &error), STATUS_OK, "%s", error.text);
            if (contract->deprecated_since == NULL)
                cr_expect_str_eq(again.data, example.data);
        }
    }
    buffer_clear(&example);
    buffer_clear(&again);
    arena_clear(&scenario.arena);
}

/* ---- what may change ---- */

static char found[400];

static void note(void *context, const char *field, const char *rule, const char *why)
{
    (void)context;
    cr_expect_gt(strlen(why), 10);
    snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s%s%s", found[0] == '\0' ? "" : ", ", field,
             field[0] == '\0' ? "" : " ", rule);
}

/* OrderPlaced is published, and then `old` in its schema becomes `new`: which rules are broken? */
static void expect_found(const char *old, const char *new, const char *breaches)
{
    const char *published = schema_of(EVENT_ORDER_PLACED), *at = strstr(published, old);
    struct buffer changed = {0};
    struct error error;
    cr_assert_not_null(at, "%s is not in %s", old, published);
    buffer_append(&changed, published, (size_t)(at - published));
    buffer_text(&changed, new);
    buffer_text(&changed, at + strlen(old));
    found[0] = '\0';
    cr_assert_eq(contract_compare(published, changed.data, note, NULL, &error), STATUS_OK, "%s", error.text);
    cr_expect_str_eq(found, breaches, "%s -> %s: %s", old, new, found);
    buffer_clear(&changed);
    buffer_clear(&schema);
}

#define LINE_QUANTITY "\"quantity\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000000, \"examples\": [2]},"

Test(compatibility, what_is_added_and_need_not_be_there_is_no_breach)
{
    expect_found("    \"currency\":", "    \"gift\": {\"type\": \"boolean\"},\n    \"currency\":", "");
    expect_found(LINE_QUANTITY, LINE_QUANTITY "\"colour\": {\"type\": \"string\"},", "");
    expect_found("  \"x-stream\"", "  \"x-deprecated-since\": \"2027-01-01\",\n  \"x-stream\"", "");
    expect_found("\"currency\": {", "\"currency\": {\"x-personal\": true, ", "");
    expect_found("  \"title\"", "  \"title\"", "");
}

Test(compatibility, names_what_breaks_a_promise)
{
    expect_found(LINE_QUANTITY, "", "lines[].quantity removed");
    expect_found("\"currency\": {\"type\": \"string\", \"pattern\": \"^[A-Z]{3}$\", \"examples\": [\"USD\"]},", "",
                 "currency removed");
    expect_found("\"total_minor\": {\"type\": \"integer\"", "\"total_minor\": {\"type\": \"string\"",
                 "total_minor kind");
    expect_found("\"format\": \"uuid\"", "\"format\": \"uri\"", "order_id kind");
    expect_found("\"maximum\": 1000000,", "\"maximum\": 999999,", "lines[].quantity limits");
    expect_found("\"maximum\": 1000000,", "\"maximum\": 1000001,", "lines[].quantity limits");
    expect_found("\"maxItems\": 10000", "\"maxItems\": 1", "lines limits");
    expect_found("\"x-personal\": true", "\"x-personal\": false", "customer_id personal");
    expect_found("\"required\": [\"order_id\", ", "\"required\": [", "order_id optional");
    expect_found("\"required\": [\"sku\", ", "\"required\": [", "lines[].sku optional");
    expect_found("\"x-owner\": \"order\"", "\"x-owner\": \"payment\"", "owner");
    expect_found("\"x-stream\": \"order\"", "\"x-stream\": \"stock\"", "stream");
}

/* A field that must be there, new or old, is missing in what stands on rolls. */
Test(compatibility, nothing_becomes_required)
{
    struct error error;
    static const char published[] = "{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[]}";
    found[0] = '\0';
    cr_assert_eq(contract_compare(published,
                                  "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{}},\"required\":[\"b\",\"a\"]}",
                                  note, NULL, &error),
                 STATUS_OK);
    cr_expect_str_eq(found, "a required, b required");
}

Test(compatibility, refuses_what_is_no_schema)
{
    struct error error;
    const char *const others[] = {"", "{", "[]", "{}", "{\"properties\":1}", "{\"properties\":{},\"properties\":{}}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_eq(contract_compare(others[i], schema_of(EVENT_ORDER_PLACED), note, NULL, &error), STATUS_INVALID,
                     "%s", others[i]);
    buffer_clear(&schema);
}

/* ---- readers ---- */

static void expect_reads(enum event_type type, const char *fields, const char *sentence)
{
    const struct field_reads reads[] = {{EVENT_ORDER_CONFIRMED, ""}, {type, fields}, {0}};
    struct error error = {0};
    enum status status = reads_check("auditor", reads, &error);
    cr_expect_eq(status, sentence[0] == '\0' ? STATUS_OK : STATUS_REFUSED, "%s", fields);
    cr_expect_str_eq(error.text, sentence);
}

Test(reads, are_given_by_todays_contract_or_the_reader_is_named)
{
    expect_reads(EVENT_ORDER_PLACED, "order_id lines[].sku total_minor", "");
    expect_reads(EVENT_ORDER_SHIPPED, "order_id carrier?", "");
    expect_reads(EVENT_ORDER_PLACED, "order_id amount", "auditor reads amount of OrderPlaced, which v2 does not have");
    expect_reads(EVENT_ORDER_PLACED, "lines[].colour",
                 "auditor reads lines[].colour of OrderPlaced, which v2 does not have");
    expect_reads(EVENT_ORDER_PLACED, "currency[].sku",
                 "auditor reads currency[].sku of OrderPlaced, which v2 does not have");
    expect_reads(EVENT_ORDER_SHIPPED, "carrier",
                 "auditor relies on carrier of OrderShipped, which need not be there in v1: let it cope, and say "
                 "\"carrier?\"");
}

Test(reads, know_their_fields)
{
    cr_expect(reads_field("order_id carrier? lines[].sku", "carrier"));
    cr_expect(reads_field("order_id carrier? lines[].sku", "lines[].sku"));
    cr_expect_not(reads_field("order_id carrier? lines[].sku", "order"));
    cr_expect_not(reads_field("", "order_id"));
}
