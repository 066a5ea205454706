/* The tables of the published shapes are sound: what the encoder, the decoder and the schemas rely on. */
#include <string.h>

#include <criterion/criterion.h>

#include "domain/contracts/contract.h"

/* The names of EVENTS.md, field by field: additions are welcome, renaming is not. */
static const char order_placed_names[] = "order_id, order_ref, customer_id, currency, "
                                         "lines [sku, name, quantity, unit_price_minor], "
                                         "total_minor, card_token, placed_at";
static const char *const published[EVENT_TYPES] = {
    [EVENT_ORDER_PLACED] = order_placed_names,
    [EVENT_ORDER_CONFIRMED] = "order_id",
    [EVENT_ORDER_REJECTED] = "order_id, reason",
    [EVENT_ORDER_CANCELLATION_REQUESTED] = "order_id, reason, requested_at",
    [EVENT_ORDER_CANCELLED] = "order_id, reason",
    [EVENT_ORDER_SHIPPED] = "order_id, carrier?, tracking?",
    [EVENT_PAYMENT_CAPTURED] = "order_id, amount_minor, currency, gateway_reference",
    [EVENT_PAYMENT_DECLINED] = "order_id, amount_minor, currency, reason",
    [EVENT_PAYMENT_REFUNDED] = "order_id, amount_minor, currency, gateway_reference, reason",
    [EVENT_PRODUCT_LISTED] = "sku, name, unit_price_minor, currency",
    [EVENT_STOCK_RECEIVED] = "sku, quantity, opening?",
    [EVENT_UNITS_RESERVED] = "sku, order_id, quantity",
    [EVENT_UNITS_RELEASED] = "sku, order_id, quantity",
    [EVENT_UNITS_SHIPPED] = "sku, order_id, quantity",
    [EVENT_STOCK_RESERVED] = "order_id, lines [sku, quantity]",
    [EVENT_STOCK_RESERVATION_FAILED] = "order_id, short [sku, wanted, available]",
    [EVENT_RESERVATION_WITHDRAWN] = "order_id",
    [EVENT_STOCK_RELEASED] = "order_id, lines [sku, quantity]",
    [EVENT_RESERVATION_SHIPPED] = "order_id, lines [sku, quantity]",
    [EVENT_NOTIFICATION_SENT] = "order_id, customer_id, kind, message_id",
};

static void list_items(const struct shape *shape, char *out)
{
    strcat(out, " [");
    for (size_t i = 0; i < shape->field_count; i++) {
        strcat(out, i == 0 ? "" : ", ");
        strcat(out, shape->fields[i].name);
    }
    strcat(out, "]");
}

Test(contract, has_the_published_names)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        const struct shape *shape = &contract_of(type)->shape;
        char names[400] = "";
        for (size_t i = 0; i < shape->field_count; i++) {
            strcat(names, i == 0 ? "" : ", ");
            strcat(names, shape->fields[i].name);
            if (shape->fields[i].need == FIELD_OPTIONAL)
                strcat(names, "?");
            if (shape->fields[i].kind == FIELD_LIST)
                list_items(shape->fields[i].items, names);
        }
        cr_expect_str_eq(names, published[type]);
    }
}

Test(contract, every_old_version_has_an_upcaster_and_the_day_it_ended)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        cr_expect_null(contract_of(type)->deprecated_since, "today's is not deprecated");
        const struct contract *next = contract_of(type);
        for (const struct contract *old = next->before; old != NULL; next = old, old = old->before) {
            cr_expect_eq(old->type, type);
            cr_expect_eq(old->schema_version, next->schema_version - 1);
            cr_expect_str_eq(old->name, next->name);
            cr_expect_str_eq(old->category, next->category);
            cr_expect_str_eq(old->owner, next->owner);
            cr_expect(old->raise != NULL && old->deprecated_since != NULL, "%s v%d", old->name, old->schema_version);
        }
        cr_expect_eq(next->schema_version, 1, "%s has all its versions", next->name);
    }
}

Test(contract, names_the_service_that_states_each_event)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        const struct contract *contract = contract_of(type);
        const char *owner = contract->category;
        if (strcmp(owner, "stock") == 0 || strcmp(owner, "reservation") == 0)
            owner = "inventory";
        cr_expect_eq(contract->type, type);
        cr_expect_str_eq(contract->owner, owner, "%s", contract->name);
    }
}

/* Every field that could point to a person, and no other. */
Test(contract, marks_what_could_point_to_a_person)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        const struct contract *contract = contract_of(type);
        for (size_t i = 0; i < contract->shape.field_count; i++) {
            const struct field *field = &contract->shape.fields[i];
            bool personal = strcmp(field->name, "customer_id") == 0 || strcmp(field->name, "card_token") == 0 ||
                            strcmp(field->name, "tracking") == 0 ||
                            (type == EVENT_ORDER_CANCELLATION_REQUESTED && strcmp(field->name, "reason") == 0);
            cr_expect_eq(field->privacy == FIELD_PERSONAL, personal, "%s.%s", contract->name, field->name);
        }
    }
}

static size_t size_of_kind(enum field_kind kind)
{
    switch (kind) {
    case FIELD_UUID: return sizeof(struct uuid);
    case FIELD_TEXT: return sizeof(const char *);
    case FIELD_CURRENCY: return sizeof(struct currency);
    case FIELD_INTEGER:
    case FIELD_TIME: return sizeof(int64_t);
    case FIELD_FLAG: return sizeof(bool);
    case FIELD_LIST: return sizeof(struct order_lines);
    }
    return 0;
}

/* Fields lie inside the struct, one after another, and no two share a byte or a name. */
static void expect_sound(const struct shape *shape, const char *of)
{
    cr_expect(shape->field_count > 0 && shape->field_count <= 32, "%s", of);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        size_t end = field->offset + size_of_kind(field->kind);
        cr_expect_leq(end, shape->size, "%s.%s", of, field->name);
        for (size_t j = 0; j < i; j++) {
            const struct field *other = &shape->fields[j];
            cr_expect_str_neq(field->name, other->name, "%s", of);
            cr_expect(field->offset >= other->offset + size_of_kind(other->kind) || other->offset >= end, "%s.%s", of,
                      field->name);
        }
        if (field->need == FIELD_OPTIONAL)
            cr_expect(field->kind == FIELD_TEXT || field->kind == FIELD_FLAG, "%s.%s", of, field->name);
        if (field->kind == FIELD_FLAG)
            cr_expect_eq(field->need, FIELD_OPTIONAL, "a false flag is absent: %s.%s", of, field->name);
        if (field->kind == FIELD_INTEGER)
            cr_expect(field->min <= field->max && field->min >= 0 && field->max <= AMOUNT_MAX_MINOR, "%s.%s", of,
                      field->name);
        if (field->kind == FIELD_TEXT)
            cr_expect(field->max == SKU_MAX || field->max == NAME_MAX_BYTES, "%s.%s", of, field->name);
        cr_expect_eq(field->kind == FIELD_LIST, field->items != NULL, "%s.%s", of, field->name);
    }
}

Test(contract, has_tables_that_fit_their_structs)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        const struct contract *contract = contract_of(type);
        expect_sound(&contract->shape, contract->name);
        cr_expect_leq(contract->shape.size, sizeof(struct event));
        for (size_t i = 0; i < contract->shape.field_count; i++) {
            const struct field *field = &contract->shape.fields[i];
            if (field->kind != FIELD_LIST)
                continue;
            cr_expect_eq(field->max, LINES_MAX);
            expect_sound(field->items, contract->name);
            for (size_t j = 0; j < field->items->field_count; j++)
                cr_expect_neq(field->items->fields[j].kind, FIELD_LIST, "the codec knows no lists within lists");
        }
    }
}

static const struct field *field_of(enum event_type type, const char *list, const char *name)
{
    const struct shape *shape = &contract_of(type)->shape;
    for (size_t i = 0; list != NULL && i < shape->field_count; i++)
        if (strcmp(shape->fields[i].name, list) == 0) {
            shape = shape->fields[i].items;
            list = NULL;
        }
    for (size_t i = 0; i < shape->field_count; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    cr_assert(false, "there is no field %s", name);
    return NULL;
}

static void expect_limits(enum event_type type, const char *list, const char *name, int64_t min, int64_t max)
{
    const struct field *field = field_of(type, list, name);
    cr_expect_eq(field->min, min, "%s.%s", contract_of(type)->name, name);
    cr_expect_eq(field->max, max, "%s.%s", contract_of(type)->name, name);
}

Test(contract, has_the_published_limits)
{
    const int64_t amount = INT64_C(4503599627370495), price = INT64_C(1000000000000), need = INT64_C(10000000000);
    expect_limits(EVENT_ORDER_PLACED, "lines", "quantity", 1, 1000000);
    expect_limits(EVENT_ORDER_PLACED, "lines", "unit_price_minor", 1, price);
    expect_limits(EVENT_ORDER_PLACED, "lines", "sku", 1, 128);
    expect_limits(EVENT_ORDER_PLACED, "lines", "name", 1, 512);
    expect_limits(EVENT_ORDER_PLACED, NULL, "lines", 1, 10000);
    expect_limits(EVENT_ORDER_PLACED, NULL, "total_minor", 1, amount);
    expect_limits(EVENT_ORDER_PLACED, NULL, "order_ref", 1, 128);
    expect_limits(EVENT_ORDER_PLACED, NULL, "customer_id", 1, 128);
    expect_limits(EVENT_ORDER_PLACED, NULL, "card_token", 1, 128);
    expect_limits(EVENT_ORDER_CANCELLATION_REQUESTED, NULL, "reason", 1, 512);
    expect_limits(EVENT_ORDER_CANCELLED, NULL, "reason", 1, 128);
    expect_limits(EVENT_PAYMENT_CAPTURED, NULL, "amount_minor", 1, amount);
    expect_limits(EVENT_PAYMENT_DECLINED, NULL, "amount_minor", 1, amount);
    expect_limits(EVENT_PAYMENT_REFUNDED, NULL, "amount_minor", 1, amount);
    expect_limits(EVENT_PRODUCT_LISTED, NULL, "unit_price_minor", 1, price);
    expect_limits(EVENT_PRODUCT_LISTED, NULL, "name", 1, 512);
    expect_limits(EVENT_STOCK_RECEIVED, NULL, "quantity", 1, INT64_C(1000000000));
    expect_limits(EVENT_UNITS_RESERVED, NULL, "quantity", 1, need);
    expect_limits(EVENT_STOCK_RESERVED, "lines", "quantity", 1, need);
    expect_limits(EVENT_STOCK_RESERVATION_FAILED, "short", "wanted", 1, need);
    expect_limits(EVENT_STOCK_RESERVATION_FAILED, "short", "available", 0, need);
}
