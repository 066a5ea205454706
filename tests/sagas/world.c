#include "tests/sagas/world.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/mailbox.h"
#include "services/services.h"

struct eventstore {
    struct world **world;
    struct eventstore_info info;
    bool reading;
};
static struct eventstore the_store;

struct gateway {
    struct world **world;
};
static struct gateway the_gateway;

struct mailbox {
    struct world **world;
};
static struct mailbox the_mailbox;

struct eventstore *world_store(struct world **world)
{
    the_store = (struct eventstore){.world = world, .info = {.id = {{7}}, .settings = "{\"currency\":\"USD\"}"}};
    return &the_store;
}

struct gateway *world_gateway(struct world **world)
{
    the_gateway = (struct gateway){world};
    return &the_gateway;
}

struct mailbox *world_mailbox(struct world **world)
{
    the_mailbox = (struct mailbox){world};
    return &the_mailbox;
}

/* ---- events, each made once ---- */

struct shared_event {
    struct recorded_event event;
    char type[64], category[64], entity[EVENTSTORE_NAME_MAX + 1];
    char *data;
};
static void *shared_events; /* a tree */
static const uint8_t no_digest[EVENTSTORE_DIGEST_BYTES];

/* Ids of commands are random and mean nothing to a saga: two events that differ in nothing else are one. */
static int compare_shared(const void *one, const void *other)
{
    const struct shared_event *a = one, *b = other;
    int order = (a->event.position > b->event.position) - (a->event.position < b->event.position);
    if (order == 0)
        order = (a->event.causation > b->event.causation) - (a->event.causation < b->event.causation);
    if (order == 0)
        order = strcmp(a->type, b->type);
    if (order == 0)
        order = strcmp(a->entity, b->entity);
    if (order == 0)
        order = strcmp(a->data, b->data);
    return order;
}

static void forget_shared(void *node)
{
    struct shared_event *shared = node;
    free(shared->data);
    free(shared);
}

void world_forget_events(void)
{
    tdestroy(shared_events, forget_shared);
    shared_events = NULL;
}

static const struct recorded_event *share_event(const struct new_event *event, struct stream stream, uint64_t position,
                                                uint64_t version)
{
    struct shared_event *shared = calloc(1, sizeof *shared);
    CHECK(shared != NULL);
    snprintf(shared->type, sizeof shared->type, "%s", event->type);
    snprintf(shared->category, sizeof shared->category, "%s", stream.category);
    snprintf(shared->entity, sizeof shared->entity, "%s", stream.entity);
    shared->data = strndup(event->data, event->data_length);
    CHECK(shared->data != NULL);
    shared->event = (struct recorded_event){
        .position = position,
        .stream = {shared->category, shared->entity},
        .version = version,
        .type = shared->type,
        .schema_version = event->schema_version,
        .id = event->id,
        .correlation = event->correlation,
        .causation = event->causation,
        .actor = "somebody",
        .producer = "test",
        .data = shared->data,
        .data_length = event->data_length,
        .digest = no_digest,
    };
    struct shared_event **node = tsearch(shared, &shared_events, compare_shared);
    CHECK(node != NULL);
    if (*node != shared)
        forget_shared(shared);
    return &(*node)->event;
}

/* ---- eventstore.h ---- */

static bool is_of(const struct recorded_event *event, struct stream stream)
{
    return strcmp(event->stream.category, stream.category) == 0 && strcmp(event->stream.entity, stream.entity) == 0;
}

static uint64_t version_of(const struct world *world, struct stream stream)
{
    uint64_t version = 0;
    for (int i = 0; i < world->event_count; i++)
        version += is_of(world->events[i], stream);
    return version;
}

static int consumer_index(const char *consumer)
{
    for (int i = 0; i < WORLD_CONSUMERS; i++)
        if (strcmp(service_names[i], consumer) == 0)
            return i;
    check_failed("a consumer of this world", __FILE__, __LINE__);
}

static enum status append_to(struct world *world, const struct append *append, struct error *error)
{
    uint64_t version = version_of(world, append->stream);
    if (append->expected_version != EXPECTED_ANY && append->expected_version != version)
        return error_set(error, STATUS_CONFLICT, "%s-%s moved", append->stream.category, append->stream.entity);
    for (size_t i = 0; i < append->count; i++) {
        CHECK(world->event_count < WORLD_EVENTS_MAX);
        uint64_t position = (uint64_t)world->event_count + 1;
        world->events[world->event_count++] = share_event(&append->events[i], append->stream, position, ++version);
    }
    return STATUS_OK;
}

enum status eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                              struct error *error)
{
    struct world after = **store->world;
    CHECK(commit->parked_count == 0); /* nothing fails in this world */
    CHECK(!store->reading);
    if (commit->consumer != NULL) {
        uint64_t *checkpoint = &after.checkpoints[consumer_index(commit->consumer)];
        if (*checkpoint != commit->checkpoint_from)
            return error_set(error, STATUS_FENCED, "the checkpoint of %s is elsewhere", commit->consumer);
        *checkpoint = commit->checkpoint_to;
    }
    for (size_t i = 0; i < commit->guard_count; i++)
        if (version_of(&after, commit->guards[i].stream) != commit->guards[i].expected_version)
            return error_set(error, STATUS_CONFLICT, "a guarded stream moved");
    for (size_t i = 0; i < commit->append_count; i++) {
        enum status status = append_to(&after, &commit->appends[i], error);
        if (status != STATUS_OK)
            return status;
    }
    **store->world = after;
    if (head != NULL)
        *head = (uint64_t)after.event_count;
    return STATUS_OK;
}

enum status eventstore_begin_reading(struct eventstore *store, struct error *error)
{
    (void)error;
    CHECK(!store->reading);
    store->reading = true;
    return STATUS_OK;
}

void eventstore_end_reading(struct eventstore *store)
{
    store->reading = false;
}

/* Nobody sleeps here: each service is stepped by hand. */
void eventstore_wait_for(struct eventstore *store, uint32_t seen, const char *const *types, size_t type_count,
                         int timeout_ms)
{
    (void)store, (void)seen, (void)types, (void)type_count, (void)timeout_ms;
    check_failed("a world without sleep", __FILE__, __LINE__);
}

static bool is_wanted(const struct roll_query *query, const struct recorded_event *event)
{
    for (size_t i = 0; i < query->type_count; i++)
        if (strcmp(query->types[i], event->type) == 0)
            return true;
    return query->types == NULL;
}

enum status eventstore_read_roll(struct eventstore *store, const struct roll_query *query, event_visitor visit,
                                 void *context, struct error *error)
{
    const struct world *world = *store->world;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < world->event_count; i++) {
        uint64_t position = world->events[i]->position;
        if (position >= query->from && (query->to == 0 || position <= query->to) && is_wanted(query, world->events[i]))
            status = visit(context, world->events[i], error);
    }
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

enum status eventstore_read_stream(struct eventstore *store, const struct stream_query *query, uint64_t *version,
                                   event_visitor visit, void *context, struct error *error)
{
    const struct world *world = *store->world;
    enum status status = STATUS_OK;
    if (version != NULL)
        *version = version_of(world, query->stream);
    for (int i = 0; status == STATUS_OK && i < world->event_count; i++) {
        const struct recorded_event *event = world->events[i];
        if (is_of(event, query->stream) && event->version >= query->from_version &&
            (query->to_position == 0 || event->position <= query->to_position))
            status = visit(context, event, error);
    }
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

/* Snapshots are a cache, which this store never keeps. */
enum status eventstore_read_snapshot(struct eventstore *store, struct stream stream, int fold_version,
                                     struct arena *arena, struct snapshot *snapshot, struct error *error)
{
    (void)store, (void)arena, (void)error;
    *snapshot = (struct snapshot){.stream = stream, .fold_version = fold_version};
    return STATUS_OK;
}

enum status eventstore_head(struct eventstore *store, uint64_t *position, struct error *error)
{
    (void)error;
    *position = (uint64_t)(*store->world)->event_count;
    return STATUS_OK;
}

enum status eventstore_stream_version(struct eventstore *store, struct stream stream, uint64_t *version,
                                      struct error *error)
{
    (void)error;
    *version = version_of(*store->world, stream);
    return STATUS_OK;
}

enum status eventstore_checkpoint(struct eventstore *store, const char *consumer, uint64_t *position,
                                  struct error *error)
{
    (void)error;
    *position = (*store->world)->checkpoints[consumer_index(consumer)];
    return STATUS_OK;
}

enum status eventstore_read_parked(struct eventstore *store, const struct parked_query *query, parked_visitor visit,
                                   void *context, struct error *error)
{
    (void)store, (void)query, (void)visit, (void)context, (void)error;
    return STATUS_OK;
}

enum status eventstore_pause(struct eventstore *store, const char *consumer, int64_t until_us, const char *reason,
                             struct error *error)
{
    (void)store, (void)consumer, (void)until_us, (void)reason, (void)error;
    check_failed("a consumer that pauses", __FILE__, __LINE__); /* one order is no reason to */
}

enum status eventstore_paused(struct eventstore *store, const char *consumer, struct pause *pause, struct error *error)
{
    (void)store, (void)consumer, (void)error;
    *pause = (struct pause){0};
    return STATUS_OK;
}

const struct eventstore_info *eventstore_info(const struct eventstore *store)
{
    return &store->info;
}

/* ---- gateway.h: money moves once a key, and never under one that was voided ---- */

enum status gateway_begin(struct gateway *gateway, struct error *error)
{
    (void)gateway, (void)error;
    CHECK(!the_store.reading); /* nobody waits while he reads */
    return STATUS_OK;
}

enum status gateway_finish(struct gateway *gateway, struct error *error)
{
    (void)gateway, (void)error;
    return STATUS_OK;
}

void gateway_drop(struct gateway *gateway)
{
    (void)gateway;
}

/* The verdict on a key, if it has one: money that moved, or a void. */
static bool tell_verdict(const struct world *world, const char *key, struct gateway_answer *answer)
{
    *answer = (struct gateway_answer){.unknown = true};
    for (int i = 0; i < world->money_count; i++)
        if (strcmp(world->money[i].key, key) == 0)
            *answer = world->money[i].voided ? (struct gateway_answer){.reason = GATEWAY_VOIDED}
                                             : (struct gateway_answer){.accepted = true, .reference = "ref"};
    return !answer->unknown;
}

static struct world_money *add_money(struct world *world, const struct gateway_call *call)
{
    CHECK(world->money_count < WORLD_MONEY_MAX);
    struct world_money *money = &world->money[world->money_count++];
    *money = (struct world_money){.kind = call->kind, .amount_minor = call->amount_minor};
    snprintf(money->key, sizeof money->key, "%s", call->key);
    return money;
}

enum status gateway_ask(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                        struct error *error)
{
    struct world *world = *gateway->world;
    bool silent = call->kind == GATEWAY_CHARGE && strcmp(call->card_token, "tok_unavailable") == 0;
    bool loses_answer = call->kind == GATEWAY_CHARGE && strcmp(call->card_token, "tok_timeout") == 0;
    bool declined = call->kind == GATEWAY_CHARGE && strcmp(call->card_token, "tok_declined") == 0;
    if (tell_verdict(world, call->key, answer))
        return STATUS_OK;
    if (!declined && !silent)
        (void)add_money(world, call);
    if (silent || loses_answer)
        return error_set(error, STATUS_UNAVAILABLE, "the bank did not answer");
    *answer = declined ? (struct gateway_answer){.reason = "declined"}
                       : (struct gateway_answer){.accepted = true, .reference = "ref"};
    return STATUS_OK;
}

enum status gateway_lookup(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                           struct error *error)
{
    (void)error;
    (void)tell_verdict(*gateway->world, call->key, answer);
    return STATUS_OK;
}

enum status gateway_void(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                         struct error *error)
{
    (void)error;
    if (tell_verdict(*gateway->world, call->key, answer))
        return STATUS_OK;
    add_money(*gateway->world, call)->voided = true;
    (void)tell_verdict(*gateway->world, call->key, answer);
    return STATUS_OK;
}

enum status gateway_open(struct gateway **gateway, const char *folder, const struct clock *clock, struct error *error)
{
    (void)folder, (void)clock, (void)error;
    *gateway = &the_gateway;
    return STATUS_OK;
}

void gateway_close(struct gateway **gateway)
{
    *gateway = NULL;
}

/* ---- mailbox.h: every put is a mail, so that a repeat would show ---- */

enum status mailbox_put(struct mailbox *mailbox, const struct message *message, struct error *error)
{
    (void)error;
    struct world *world = *mailbox->world;
    CHECK(world->mail_count < WORLD_MAILS_MAX);
    world->mails[world->mail_count++] = message->id;
    return STATUS_OK;
}

enum status mailbox_deliver(struct mailbox *mailbox, struct error *error)
{
    (void)mailbox, (void)error;
    return STATUS_OK;
}

void mailbox_drop(struct mailbox *mailbox)
{
    (void)mailbox;
}

enum status mailbox_open(struct mailbox **mailbox, const char *folder, struct error *error)
{
    (void)folder, (void)error;
    *mailbox = &the_mailbox;
    return STATUS_OK;
}

void mailbox_close(struct mailbox **mailbox)
{
    *mailbox = NULL;
}

void message_id_text(struct uuid id, char text[MESSAGE_ID_SIZE])
{
    char name[UUID_TEXT_SIZE];
    uuid_to_text(id, name);
    snprintf(text, MESSAGE_ID_SIZE, "<%s@shop.invalid>", name);
}
