#include "tests/services/saga.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define OK(call) cr_assert_eq(call, STATUS_OK, "%s", saga->error.text)

static void note_handled(void *context, const struct handled *handled)
{
    struct saga *saga = context;
    CHECK(saga->handled_count < HANDLED_MAX);
    saga->outcomes[saga->handled_count++] = handled->outcome;
}

static void start_consumer(struct saga *saga, int service)
{
    const struct consumer_options options = {.clock = &saga->clock,
                                             .retry = &saga->retry,
                                             .batch_events = saga->batch_events,
                                             .producer = "test",
                                             .tell = note_handled,
                                             .tell_context = saga};
    OK(consumer_open(&saga->consumers[service], saga->store, &saga->houses[service].service, &options, &saga->error));
}

static void start(struct saga *saga, int service)
{
    OK(service_house_open(&saga->houses[service], service_names[service], saga->folder, &saga->clock, &saga->error));
    start_consumer(saga, service);
}

static void stop(struct saga *saga, int service)
{
    consumer_close(&saga->consumers[service]);
    service_house_close(&saga->houses[service]);
}

void saga_open(struct saga *saga)
{
    *saga = (struct saga){.time.now_us = MONDAY_EVENING_US, .batch_events = 1, .retry = retry_policy_default};
    temporary_make(saga->folder);
    saga->clock = fake_clock(&saga->time);
    const struct eventstore_options options = {.clock = &saga->clock, .durability = DURABILITY_NONE};
    OK(eventstore_create(saga->folder, &options, "{\"currency\":\"USD\"}", &saga->error));
    OK(eventstore_open(&saga->store, saga->folder, &options, &saga->error));
    saga->desk = (struct shop_desk){
        .store = saga->store, .currency = {"USD"}, .clock = &saga->clock, .actor = "customer", .producer = "test"};
    for (int service = 0; service < SERVICES_COUNT; service++)
        start(saga, service);
    OK(saga_list(saga, "tea", 10));
}

void saga_close(struct saga *saga)
{
    for (int service = 0; service < SERVICES_COUNT; service++)
        stop(saga, service);
    eventstore_close(&saga->store);
    temporary_remove(saga->folder);
}

void saga_restart(struct saga *saga, int service)
{
    stop(saga, service);
    start(saga, service);
}

void saga_reopen(struct saga *saga, int service)
{
    consumer_close(&saga->consumers[service]);
    start_consumer(saga, service);
}

/* ---- commands ---- */

enum status saga_list(struct saga *saga, const char *sku, int64_t stock)
{
    const struct list_product command = {
        .sku = sku, .name = sku, .unit_price_minor = 500, .currency = {"USD"}, .opening_stock = stock};
    return desk_list(&saga->desk, &command, NULL, &saga->error);
}

enum status saga_place(struct saga *saga, const char *ref, const char *sku, int64_t quantity, const char *card)
{
    const struct desk_line line = {.sku = sku, .quantity = quantity};
    const struct desk_order order = {
        .order_ref = ref, .customer = "ada", .card_token = card, .lines = &line, .line_count = 1};
    struct uuid id;
    return desk_place(&saga->desk, &order, &id, NULL, &saga->error);
}

enum status saga_cancel(struct saga *saga, const char *ref)
{
    const struct cancel_order command = {.reason = "too slow", .requested_at_us = saga->time.now_us};
    return desk_cancel(&saga->desk, desk_order_id(&saga->desk, ref), &command, NULL, &saga->error);
}

enum status saga_ship(struct saga *saga, const char *ref)
{
    const struct ship_order command = {.carrier = "post"};
    return desk_ship(&saga->desk, desk_order_id(&saga->desk, ref), &command, NULL, &saga->error);
}

/* ---- steps ---- */

struct progress saga_step(struct saga *saga, int service)
{
    struct progress progress;
    OK(consumer_step(saga->consumers[service], &progress, &saga->error));
    return progress;
}

void saga_settle(struct saga *saga)
{
    for (bool idle = false; !idle;) {
        idle = true;
        for (int service = 0; service < SERVICES_COUNT; service++)
            idle = saga_step(saga, service).idle && idle;
    }
}

/* ---- looking ---- */

struct listing {
    char types[2000];
};

static enum status add_type(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    struct listing *listing = context;
    size_t used = strlen(listing->types);
    snprintf(listing->types + used, sizeof listing->types - used, "%s%s", used == 0 ? "" : " ", event->type);
    return STATUS_OK;
}

void saga_expect(struct saga *saga, const char *ref, const char *types)
{
    struct listing listing = {0};
    char entity[UUID_TEXT_SIZE];
    uuid_to_text(desk_order_id(&saga->desk, ref), entity);
    OK(eventstore_read_entity(saga->store, entity, 0, add_type, &listing, &saga->error));
    cr_expect_str_eq(listing.types, types);
}

struct finding {
    const char *type, *piece;
    int count;
};

static enum status find_piece(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    struct finding *finding = context;
    if (strcmp(event->type, finding->type) != 0)
        return STATUS_OK;
    finding->count++;
    cr_expect_not_null(strstr(event->data, finding->piece), "%s says %s", event->type, event->data);
    return STATUS_OK;
}

void saga_expect_data(struct saga *saga, const char *ref, const char *type, const char *piece)
{
    struct finding finding = {.type = type, .piece = piece};
    char entity[UUID_TEXT_SIZE];
    uuid_to_text(desk_order_id(&saga->desk, ref), entity);
    OK(eventstore_read_entity(saga->store, entity, 0, find_piece, &finding, &saga->error));
    cr_expect_eq(finding.count, 1, "%s stands %d times", type, finding.count);
}

static enum status count_event(void *context, const struct recorded_event *event, struct error *error)
{
    (void)event, (void)error;
    ++*(int *)context;
    return STATUS_OK;
}

int saga_count(struct saga *saga, const char *type)
{
    int count = 0;
    const struct roll_query query = {.types = &type, .type_count = 1};
    OK(eventstore_read_roll(saga->store, &query, count_event, &count, &saga->error));
    return count;
}

struct audit {
    struct uuid order;
    int64_t kept;
    int movements;
};

static enum status add_movement(void *context, const struct gateway_movement *movement, struct error *error)
{
    (void)error;
    struct audit *audit = context;
    audit->movements++;
    if (uuid_equal(movement->order, audit->order))
        audit->kept += movement->kind == GATEWAY_CHARGE ? movement->amount_minor : -movement->amount_minor;
    return STATUS_OK;
}

static struct audit audit(struct saga *saga, const char *ref)
{
    struct audit audit = {.order = desk_order_id(&saga->desk, ref)};
    OK(gateway_read_book(saga->houses[PAYMENT].gateway, add_movement, &audit, &saga->error));
    return audit;
}

int64_t saga_money_kept(struct saga *saga, const char *ref)
{
    return audit(saga, ref).kept;
}

int saga_movements(struct saga *saga)
{
    return audit(saga, "").movements;
}

int saga_mails(struct saga *saga)
{
    char path[TEMPORARY_SIZE + 16];
    int count = 0;
    snprintf(path, sizeof path, "%s/mail/new", saga->folder);
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

struct stock saga_stock(struct saga *saga, const char *sku)
{
    struct stock stock;
    OK(desk_stock(&saga->desk, sku, &stock, &saga->error));
    return stock;
}

struct parked_list {
    struct saga *saga;
    int count;
    struct parked *first;
};

static enum status add_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    struct parked_list *list = context;
    if (list->count++ > 0 || list->first == NULL)
        return STATUS_OK;
    snprintf(list->saga->parked_reason, sizeof list->saga->parked_reason, "%s", parked->reason);
    *list->first = *parked;
    list->first->reason = list->saga->parked_reason;
    return STATUS_OK;
}

int saga_parked(struct saga *saga, const char *consumer, struct parked *first)
{
    struct parked_list list = {.saga = saga, .first = first};
    const struct parked_query query = {.consumer = consumer};
    OK(eventstore_read_parked(saga->store, &query, add_parked, &list, &saga->error));
    return list.count;
}

static enum status note_dead(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    struct parked_list *list = context;
    if (parked->state == PARKED_DEAD && list->count++ == 0) {
        snprintf(list->saga->parked_reason, sizeof list->saga->parked_reason, "%s", parked->reason);
        *list->first = *parked;
        list->first->reason = list->saga->parked_reason;
    }
    return STATUS_OK;
}

void saga_retry_dead_letter(struct saga *saga, int service)
{
    struct decision retry = {
        .kind = DECISION_RETRY, .consumer = service_names[service], .who = "clerk", .reason = "", .owed = ""};
    struct parked_list list = {.saga = saga, .first = &retry.parked};
    const struct parked_query query = {.consumer = service_names[service]};
    OK(eventstore_read_parked(saga->store, &query, note_dead, &list, &saga->error));
    cr_assert_eq(list.count, 1, "%s has %d dead letters", service_names[service], list.count);
    OK(eventstore_decide(saga->store, &retry, 1, &saga->error));
}
