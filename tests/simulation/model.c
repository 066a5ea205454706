#include "tests/simulation/model.h"

#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

bool model_wrong(struct model *model, const char *order, const char *format, ...)
{
    va_list values;
    if (model->wrong[0] != '\0')
        return false;
    va_start(values, format);
    vsnprintf(model->wrong, sizeof model->wrong, format, values);
    va_end(values);
    snprintf(model->about, sizeof model->about, "%s", order);
    return false;
}

/* ---- the chain: the layout is published in eventstore/digest.h ---- */

static void hash_number(crypto_generichash_state *hash, uint64_t number, unsigned bytes)
{
    unsigned char little_endian[8];
    for (unsigned i = 0; i < bytes; i++)
        little_endian[i] = (unsigned char)(number >> (8 * i));
    crypto_generichash_update(hash, little_endian, bytes);
}

static void hash_bytes(crypto_generichash_state *hash, const void *bytes, size_t length)
{
    crypto_generichash_update(hash, bytes, length);
}

static void hash_text(crypto_generichash_state *hash, const char *text, size_t length)
{
    hash_number(hash, length, 4);
    hash_bytes(hash, text, length);
}

static void hash_string(crypto_generichash_state *hash, const char *text)
{
    hash_text(hash, text, strlen(text));
}

static void chain(struct model *model, const struct row *row)
{
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, MODEL_DIGEST_BYTES);
    hash_bytes(&hash, model->digest, MODEL_DIGEST_BYTES);
    hash_number(&hash, row->position, 8);
    hash_string(&hash, row->category);
    hash_string(&hash, row->entity);
    hash_number(&hash, row->version, 8);
    hash_string(&hash, row->type);
    hash_number(&hash, (uint64_t)row->schema_version, 8);
    hash_bytes(&hash, row->event_id, 16);
    hash_bytes(&hash, row->correlation, 16);
    hash_number(&hash, row->causation, 8);
    hash_number(&hash, (uint64_t)row->recorded_at_us, 8);
    hash_string(&hash, row->actor);
    hash_string(&hash, row->producer);
    hash_text(&hash, (const char *)row->command_id, row->command_id != NULL ? 16 : 0);
    hash_text(&hash, row->data, row->data_length);
    crypto_generichash_final(&hash, model->digest, MODEL_DIGEST_BYTES);
}

void model_start(struct model *model, const unsigned char *store_id)
{
    crypto_generichash_state hash;
    *model = (struct model){0};
    crypto_generichash_init(&hash, NULL, 0, MODEL_DIGEST_BYTES);
    hash_bytes(&hash, "tillroll roll 1", strlen("tillroll roll 1"));
    hash_bytes(&hash, store_id, 16);
    crypto_generichash_final(&hash, model->digest, MODEL_DIGEST_BYTES);
}

void model_clear(struct model *model)
{
    map_clear(&model->versions);
    map_clear(&model->order_of);
    free(model->orders);
    *model = (struct model){0};
}

/* ---- orders and skus ---- */

struct model_order *model_order(struct model *model, const char *id)
{
    uint64_t index = *map_at(&model->order_of, map_key(id, strlen(id)));
    return index == 0 ? NULL : &model->orders[index - 1];
}

static struct model_order *new_order(struct model *model, const char *id)
{
    if (model->order_count == model->order_capacity) {
        model->order_capacity = model->order_capacity == 0 ? 64 : 2 * model->order_capacity;
        model->orders = realloc(model->orders, model->order_capacity * sizeof *model->orders);
        CHECK(model->orders != NULL);
    }
    struct model_order *order = &model->orders[model->order_count++];
    *order = (struct model_order){0};
    snprintf(order->id, sizeof order->id, "%s", id);
    *map_at(&model->order_of, map_key(id, strlen(id))) = model->order_count;
    return order;
}

static size_t sku_index(struct model *model, const char *name)
{
    for (size_t i = 0; i < model->sku_count; i++)
        if (strcmp(model->skus[i].name, name) == 0)
            return i;
    CHECK(model->sku_count < MODEL_SKUS_MAX);
    snprintf(model->skus[model->sku_count].name, sizeof model->skus[0].name, "%s", name);
    return model->sku_count++;
}

const char *model_phase_name(enum model_phase phase)
{
    static const char *const names[] = {"not placed", "placed",    "confirmed", "cancelling",
                                        "rejected",   "cancelled", "shipped"};
    return names[phase];
}

bool model_is_at_rest(const struct model_order *order)
{
    return order->phase == CONFIRMED || order->phase == REJECTED || order->phase == CANCELLED ||
           order->phase == SHIPPED;
}

unsigned model_service(const char *actor)
{
    static const char *const names[MODEL_SERVICES] = {"order", "payment", "inventory", "notification"};
    unsigned i = 0;
    while (i < MODEL_SERVICES && strcmp(names[i], actor) != 0)
        i++;
    return i;
}

/* ---- what may follow what ---- */

static int64_t number_of(const cJSON *data, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1;
}

static const char *text_of(const cJSON *data, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

struct feeding {
    struct model *model;
    const struct row *row;
    const cJSON *data;
    struct model_order *order;
};

static bool illegal(const struct feeding *feeding, const char *stands)
{
    return model_wrong(feeding->model, feeding->row->entity, "%s at position %llu, but the order is %s",
                       feeding->row->type, (unsigned long long)feeding->row->position, stands);
}

static bool move_order(const struct feeding *feeding, unsigned from, enum model_phase to)
{
    struct model_order *order = feeding->order;
    if ((from & 1u << order->phase) == 0)
        return illegal(feeding, model_phase_name(order->phase));
    order->phase = to;
    return true;
}

static bool feed_order(const struct feeding *feeding)
{
    const char *type = feeding->row->type;
    struct model_order *order = feeding->order;
    if (strcmp(type, "OrderPlaced") == 0) {
        order->total_minor = number_of(feeding->data, "total_minor");
        snprintf(order->ref, sizeof order->ref, "%s", text_of(feeding->data, "order_ref"));
        return move_order(feeding, 1u << NOT_PLACED, PLACED);
    }
    if (strcmp(type, "OrderConfirmed") == 0)
        return move_order(feeding, 1u << PLACED, CONFIRMED) &&
               (order->holding == HELD || illegal(feeding, "not reserved"));
    if (strcmp(type, "OrderRejected") == 0)
        return move_order(feeding, 1u << PLACED, REJECTED) &&
               (order->payment == DECLINED || illegal(feeding, "not declined"));
    if (strcmp(type, "OrderCancellationRequested") == 0)
        return move_order(feeding, 1u << PLACED | 1u << CONFIRMED, CANCELLING);
    if (strcmp(type, "OrderCancelled") == 0)
        return move_order(feeding, 1u << PLACED | 1u << CANCELLING, CANCELLED) &&
               (order->payment == REFUNDED || order->payment == DECLINED || illegal(feeding, "not refunded"));
    return move_order(feeding, 1u << CONFIRMED, SHIPPED);
}

static bool feed_payment(const struct feeding *feeding)
{
    const char *type = feeding->row->type;
    struct model_order *order = feeding->order;
    int64_t amount_minor = number_of(feeding->data, "amount_minor");
    bool captured = strcmp(type, "PaymentCaptured") == 0, declined = strcmp(type, "PaymentDeclined") == 0;
    if (order->payment != (captured || declined ? NOT_ASKED : CAPTURED))
        return illegal(feeding, "charged, declined or refunded already");
    if (amount_minor != order->total_minor)
        return illegal(feeding, "about another amount");
    order->payment = captured ? CAPTURED : declined ? DECLINED : REFUNDED;
    order->captured_minor += captured ? amount_minor : 0;
    order->refunded_minor += captured || declined ? 0 : amount_minor;
    return true;
}

static void hold_lines(const struct feeding *feeding)
{
    const cJSON *line;
    cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(feeding->data, "lines"))
    {
        size_t sku = sku_index(feeding->model, text_of(line, "sku"));
        feeding->order->held[sku] += number_of(line, "quantity");
        feeding->model->skus[sku].held += number_of(line, "quantity");
    }
}

static void let_go(const struct feeding *feeding)
{
    for (size_t i = 0; i < feeding->model->sku_count; i++)
        feeding->model->skus[i].held -= feeding->order->held[i];
    memset(feeding->order->held, 0, sizeof feeding->order->held);
}

static bool feed_reservation(const struct feeding *feeding)
{
    static const struct {
        const char *type;
        enum model_holding from, to;
    } moves[] = {
        {"StockReserved", NOTHING_HELD, HELD},
        {"StockReservationFailed", NOTHING_HELD, FAILED},
        {"ReservationWithdrawn", NOTHING_HELD, WITHDRAWN},
        {"StockReleased", HELD, RELEASED},
        {"ReservationShipped", HELD, GONE},
    };
    struct model_order *order = feeding->order;
    size_t i = 0;
    while (i < sizeof moves / sizeof moves[0] && strcmp(moves[i].type, feeding->row->type) != 0)
        i++;
    if (i == sizeof moves / sizeof moves[0] || order->holding != moves[i].from)
        return illegal(feeding, "reserved, released or shipped already");
    order->holding = moves[i].to;
    if (order->holding == HELD)
        hold_lines(feeding);
    else
        let_go(feeding);
    return true;
}

static bool feed_notification(const struct feeding *feeding)
{
    const char *kind = text_of(feeding->data, "kind");
    struct model_order *order = feeding->order;
    bool *told = strcmp(kind, "confirmed") == 0   ? &order->told_confirmed
                 : strcmp(kind, "rejected") == 0  ? &order->told_rejected
                 : strcmp(kind, "cancelled") == 0 ? &order->told_cancelled
                                                  : &order->told_shipped;
    if (*told)
        return model_wrong(feeding->model, feeding->row->entity, "the customer is told \"%s\" a second time", kind);
    *told = true;
    feeding->model->told++;
    return true;
}

static void feed_stock(const struct feeding *feeding)
{
    struct model_sku *sku = &feeding->model->skus[sku_index(feeding->model, text_of(feeding->data, "sku"))];
    int64_t quantity = number_of(feeding->data, "quantity");
    const char *type = feeding->row->type;
    if (strcmp(type, "StockReceived") == 0)
        sku->received += quantity;
    else if (strcmp(type, "UnitsReserved") == 0)
        sku->reserved += quantity;
    else if (strcmp(type, "UnitsReleased") == 0)
        sku->reserved -= quantity;
    else if (strcmp(type, "UnitsShipped") == 0) {
        sku->reserved -= quantity;
        sku->shipped += quantity;
    }
}

/* A service answers the events of a journey in their order. */
static bool check_cause(const struct feeding *feeding)
{
    const struct row *row = feeding->row;
    unsigned service = model_service(row->actor);
    if (service == MODEL_SERVICES)
        return true;
    if (row->causation == 0 || row->causation >= row->position)
        return model_wrong(feeding->model, row->entity, "%s at position %llu has no cause before it", row->type,
                           (unsigned long long)row->position);
    if (row->causation < feeding->order->last_cause[service])
        return model_wrong(feeding->model, row->entity, "%s answered position %llu of this journey after position %llu",
                           row->actor, (unsigned long long)row->causation,
                           (unsigned long long)feeding->order->last_cause[service]);
    feeding->order->last_cause[service] = row->causation;
    return true;
}

static bool feed_journey(struct feeding *feeding)
{
    struct model *model = feeding->model;
    const char *category = feeding->row->category;
    feeding->order = model_order(model, feeding->row->entity);
    if (feeding->order == NULL)
        feeding->order = new_order(model, feeding->row->entity);
    if (!check_cause(feeding))
        return false;
    if (strcmp(category, "order") == 0)
        return feed_order(feeding);
    if (strcmp(category, "payment") == 0)
        return feed_payment(feeding);
    return strcmp(category, "reservation") == 0 ? feed_reservation(feeding) : feed_notification(feeding);
}

/* ---- one event ---- */

static bool check_row(struct model *model, const struct row *row)
{
    char name[256];
    int length = snprintf(name, sizeof name, "%s-%s", row->category, row->entity);
    uint64_t *version = map_at(&model->versions, map_key(name, (size_t)length));
    unsigned long long position = row->position;
    if (row->position != model->position + 1)
        return model_wrong(model, row->entity, "position %llu follows position %llu", position,
                           (unsigned long long)model->position);
    if (row->version != *version + 1)
        return model_wrong(model, row->entity, "at position %llu version %llu of %s follows version %llu", position,
                           (unsigned long long)row->version, name, (unsigned long long)*version);
    if (row->recorded_at_us < model->recorded_at_us)
        return model_wrong(model, row->entity, "position %llu was recorded before the event before it", position);
    *version = row->version;
    model->position = row->position;
    model->recorded_at_us = row->recorded_at_us;
    chain(model, row);
    if (memcmp(model->digest, row->digest, MODEL_DIGEST_BYTES) != 0)
        return model_wrong(model, row->entity, "the digest chain breaks at position %llu", position);
    return true;
}

bool model_feed(struct model *model, const struct row *row)
{
    struct feeding feeding = {.model = model, .row = row};
    if (!check_row(model, row))
        return false;
    cJSON *data = cJSON_ParseWithLength(row->data, row->data_length);
    if (data == NULL)
        return model_wrong(model, row->entity, "the data at position %llu is no JSON",
                           (unsigned long long)row->position);
    feeding.data = data;
    bool good = true;
    if (strcmp(row->category, "stock") == 0)
        feed_stock(&feeding);
    else
        good = feed_journey(&feeding);
    cJSON_Delete(data);
    return good;
}

bool model_balances(struct model *model)
{
    for (size_t i = 0; i < model->sku_count; i++) {
        const struct model_sku *sku = &model->skus[i];
        int64_t on_hand = sku->received - sku->shipped;
        if (sku->reserved < 0 || on_hand < sku->reserved)
            return model_wrong(model, "", "%s: %lld on hand, %lld of them reserved", sku->name, (long long)on_hand,
                               (long long)sku->reserved);
        if (sku->reserved != sku->held)
            return model_wrong(model, "", "%s: %lld units are reserved, but live reservations hold %lld", sku->name,
                               (long long)sku->reserved, (long long)sku->held);
    }
    return true;
}
