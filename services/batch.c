#include "services/batch.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/mutant.h"
#include "base/text.h"
#include "domain/codec.h"
#include "domain/money.h"
#include "services/folding.h"

void batch_init(struct batch *batch, struct eventstore *store, const char *writer)
{
    *batch = (struct batch){
        .store = store, .currency = currency_from_settings(eventstore_info(store)->settings), .writer = writer};
}

static void keep_node(void *node)
{
    (void)node; /* a journey's node is the arena's */
}

static void forget_journeys(struct batch *batch)
{
    tdestroy(batch->journeys, keep_node);
    batch->journeys = NULL;
    batch->touched = NULL;
    arena_reset(&batch->arena);
    batch->append_count = batch->guard_count = batch->parked_count = batch->snapshot_count = 0;
}

void batch_begin(struct batch *batch)
{
    forget_journeys(batch);
    batch->number++;
}

void batch_abandon(struct batch *batch)
{
    for (struct loaded *loaded = batch->touched; loaded != NULL; loaded = loaded->next_touched) {
        if (MUTANT(STALE_STOCK))
            break;
        memcpy(loaded->state, loaded->state_read, loaded->fold->state_size);
        loaded->version = loaded->read_version;
        loaded->snapshot_version = 0; /* of what was taken along, nothing was written: the next answer takes another */
    }
    forget_journeys(batch);
}

void batch_clear(struct batch *batch)
{
    forget_journeys(batch);
    tdestroy(batch->long_lived, free);
    arena_clear(&batch->arena);
    arena_clear(&batch->scratch);
    free(batch->appends);
    free(batch->guards);
    free(batch->parked);
    free(batch->snapshots);
    *batch = (struct batch){0};
}

/* ---- the map ---- */

static int compare_loaded(const void *one, const void *other)
{
    const struct loaded *a = one, *b = other;
    int order = strcmp(a->entity, b->entity);
    return order != 0 ? order : strcmp(a->category, b->category);
}

static struct loaded *find_loaded(struct batch *batch, const char *category, const char *entity, bool long_lived)
{
    struct loaded key = {.category = category};
    CHECK(strlen(entity) < ENTITY_SIZE);
    snprintf(key.entity, sizeof key.entity, "%s", entity);
    void **root = long_lived ? &batch->long_lived : &batch->journeys;
    struct loaded **node = tfind(&key, root, compare_loaded);
    return node == NULL ? NULL : *node;
}

/* The struct and the state behind it are one block, so that one free gives both back. */
static struct loaded *new_loaded(struct batch *batch, const struct fold *fold, const char *entity)
{
    size_t head = (sizeof(struct loaded) + 15) & ~(size_t)15;
    size_t size = head + fold->state_size;
    struct loaded *loaded = fold->long_lived ? calloc(1, size) : arena_alloc(&batch->arena, size);
    if (loaded == NULL)
        return NULL;
    loaded->category = fold->category;
    loaded->fold = fold;
    loaded->state = (char *)loaded + head;
    snprintf(loaded->entity, sizeof loaded->entity, "%s", entity);
    void **root = fold->long_lived ? &batch->long_lived : &batch->journeys;
    if (tsearch(loaded, root, compare_loaded) != NULL)
        return loaded;
    if (fold->long_lived)
        free(loaded);
    return NULL;
}

/* ---- loading ---- */

/* What is known of a stream before its first event is read: nothing, or what its snapshot says. */
static enum status start(struct batch *batch, struct loaded *loaded, struct error *error)
{
    if (loaded->version > 0 || !loaded->fold->long_lived)
        return STATUS_OK;
    enum status status = snapshot_load(batch->store, loaded->fold, loaded->entity, &batch->scratch, loaded->state,
                                       &loaded->version, error);
    loaded->snapshot_version = loaded->version;
    arena_reset(&batch->scratch);
    return status;
}

static enum status read_on(struct batch *batch, struct loaded *loaded, struct error *error)
{
    struct arena *arena = loaded->fold->long_lived ? &batch->scratch : &batch->arena;
    struct folding folding = {
        .fold = loaded->fold, .state = loaded->state, .arena = arena, .currency = batch->currency};
    uint64_t version = 0;
    char safe[TEXT_SAFE_SIZE];
    enum status status = start(batch, loaded, error);
    const struct stream_query query = {
        .stream = {loaded->category, loaded->entity}, .from_version = loaded->version + 1, .to_position = batch->as_of};
    if (status == STATUS_OK)
        status = eventstore_read_stream(batch->store, &query, &version, fold_event, &folding, error);
    if (status == STATUS_OK && version < loaded->version)
        status = error_set(error, STATUS_DAMAGED, "the stream of the %s %s has lost its end: run `till verify`",
                           loaded->category, text_safe(safe, loaded->entity));
    if (status != STATUS_OK) {
        memset(loaded->state, 0, loaded->fold->state_size); /* nobody knows how much of it was folded */
        loaded->version = loaded->read_version = 0;
        return status;
    }
    loaded->version = loaded->read_version = version;
    loaded->read_in = batch->number;
    loaded->guarded = false;
    return STATUS_OK;
}

static struct loaded *find_or_make(struct batch *batch, const struct fold *fold, const char *entity)
{
    struct loaded *loaded = find_loaded(batch, fold->category, entity, fold->long_lived);
    return loaded != NULL ? loaded : new_loaded(batch, fold, entity);
}

enum status batch_load(struct batch *batch, const struct fold *fold, const char *entity, struct loaded **out,
                       struct error *error)
{
    struct loaded *loaded = find_or_make(batch, fold, entity);
    *out = loaded;
    if (loaded == NULL)
        return error_memory(error);
    if (batch->as_of != 0 && fold->long_lived)
        loaded->read_in = batch->number;
    return loaded->read_in == batch->number ? STATUS_OK : read_on(batch, loaded, error);
}

enum status batch_watch(struct batch *batch, const struct fold *fold, const struct recorded_event *event,
                        struct error *error)
{
    struct loaded *loaded = find_or_make(batch, fold, event->stream.entity);
    CHECK(fold->long_lived);
    if (loaded == NULL)
        return error_memory(error);
    struct folding folding = {
        .fold = fold, .state = loaded->state, .arena = &batch->scratch, .currency = batch->currency};
    return fold_event(&folding, event, error);
}

enum status batch_fold_until(struct batch *batch, const struct fold *fold, const char *entity, uint64_t position,
                             void *state, struct error *error)
{
    struct folding folding = {.fold = fold, .state = state, .arena = &batch->arena, .currency = batch->currency};
    struct stream_query query = {.stream = {fold->category, entity}, .to_position = position};
    CHECK(!fold->long_lived);
    memset(state, 0, fold->state_size);
    return eventstore_read_stream(batch->store, &query, NULL, fold_event, &folding, error);
}

/* ---- what goes into the commit ---- */

enum status batch_guard(struct batch *batch, const struct fold *fold, const char *entity, struct error *error)
{
    struct loaded *loaded = find_loaded(batch, fold->category, entity, fold->long_lived);
    CHECK(loaded != NULL && loaded->read_in == batch->number); /* nothing is guarded that was not decided on */
    /* A stream that this batch has written to is guarded by its expected version. */
    if (loaded->guarded || loaded->version != loaded->read_version)
        return STATUS_OK;
    struct guard *guards = array_room(batch->guards, batch->guard_count, &batch->guard_capacity, sizeof *guards);
    if (guards == NULL)
        return error_memory(error);
    batch->guards = guards;
    guards[batch->guard_count++] =
        (struct guard){.stream = {loaded->category, loaded->entity}, .expected_version = loaded->version};
    loaded->guarded = true;
    return STATUS_OK;
}

enum status batch_park(struct batch *batch, const struct parked_change *change, struct error *error)
{
    struct parked_change *parked =
        array_room(batch->parked, batch->parked_count, &batch->parked_capacity, sizeof *parked);
    if (parked == NULL)
        return error_memory(error);
    batch->parked = parked;
    parked[batch->parked_count++] = *change;
    return STATUS_OK;
}

struct uuid answer_id(struct uuid cause, const char *writer, const char *category, const char *entity, const char *type,
                      unsigned ordinal)
{
    char name[4 * EVENTSTORE_NAME_MAX + 32];
    int length = snprintf(name, sizeof name, "%s/%s-%s/%s/%u", writer, category, entity, type, ordinal);
    CHECK(length > 0 && (size_t)length < sizeof name);
    return uuid_from_name(cause, name, (size_t)length);
}

/* The event's data in the arena; NULL with an error. */
static const char *encode(struct batch *batch, const struct event *event, size_t *length, struct error *error)
{
    struct buffer json = {0};
    const char *data = NULL;
    if (event_encode(event, &json, error) == STATUS_OK) {
        *length = json.length;
        data = arena_copy_text(&batch->arena, buffer_string(&json), json.length);
        if (data == NULL)
            error_memory(error);
    }
    buffer_clear(&json);
    return data;
}

static enum status add_append(struct batch *batch, const struct loaded *loaded, const struct new_event *event,
                              struct error *error)
{
    struct append *appends = array_room(batch->appends, batch->append_count, &batch->append_capacity, sizeof *appends);
    if (appends == NULL)
        return error_memory(error);
    batch->appends = appends;
    appends[batch->append_count++] = (struct append){
        .stream = {loaded->category, loaded->entity}, .expected_version = loaded->version, .events = event, .count = 1};
    return STATUS_OK;
}

/* A long-lived state outlives the batch, so it is kept as it was read until the batch's answers are on the roll. */
static enum status touch(struct batch *batch, struct loaded *loaded, struct error *error)
{
    if (!loaded->fold->long_lived || loaded->version != loaded->read_version)
        return STATUS_OK;
    loaded->state_read = arena_alloc(&batch->arena, loaded->fold->state_size);
    if (loaded->state_read == NULL)
        return error_memory(error);
    memcpy(loaded->state_read, loaded->state, loaded->fold->state_size);
    loaded->next_touched = batch->touched;
    batch->touched = loaded;
    return STATUS_OK;
}

enum status batch_answer(struct batch *batch, const struct recorded_event *cause, unsigned ordinal,
                         const struct event *event, struct error *error)
{
    char entity[ENTITY_SIZE];
    const char *category = event_category(event->type), *type = event_type_name(event->type);
    event_entity(event, entity);
    struct loaded *loaded = find_loaded(batch, category, entity, false);
    if (loaded == NULL)
        loaded = find_loaded(batch, category, entity, true);
    CHECK(loaded != NULL && loaded->read_in == batch->number); /* nothing is answered that was not decided on */
    struct new_event *answer = arena_alloc(&batch->arena, sizeof *answer);
    if (answer == NULL)
        return error_memory(error);
    *answer = (struct new_event){.id = answer_id(cause->id, batch->writer, category, entity, type, ordinal),
                                 .type = type,
                                 .schema_version = event_schema_version(event->type),
                                 .correlation = cause->correlation,
                                 .causation = cause->position};
    answer->data = encode(batch, event, &answer->data_length, error);
    if (answer->data == NULL)
        return error->status;
    enum status status = add_append(batch, loaded, answer, error);
    if (status == STATUS_OK && batch->as_of == 0)
        status = touch(batch, loaded, error);
    if (status == STATUS_OK && batch->as_of == 0) {
        loaded->version++;
        loaded->fold->evolve(loaded->state, event);
    }
    return status;
}

/* ---- the commit ---- */

static enum status take_snapshot(struct batch *batch, struct loaded *loaded, struct error *error)
{
    struct snapshot *snapshots =
        array_room(batch->snapshots, batch->snapshot_count, &batch->snapshot_capacity, sizeof *snapshots);
    if (snapshots == NULL)
        return error_memory(error);
    batch->snapshots = snapshots;
    enum status status = snapshot_make(loaded->fold, loaded->entity, loaded->state, loaded->version, &batch->arena,
                                       &snapshots[batch->snapshot_count], error);
    if (status == STATUS_OK) {
        batch->snapshot_count++;
        loaded->snapshot_version = loaded->version;
    }
    return status == STATUS_INVALID ? STATUS_OK : status; /* what cannot be saved is folded each time */
}

enum status batch_fill_commit(struct batch *batch, struct commit *commit, struct error *error)
{
    enum status status = STATUS_OK;
    for (struct loaded *loaded = batch->touched; status == STATUS_OK && loaded != NULL; loaded = loaded->next_touched)
        if (loaded->version - loaded->snapshot_version >= SNAPSHOT_EVERY)
            status = take_snapshot(batch, loaded, error);
    commit->appends = batch->appends;
    commit->append_count = batch->append_count;
    commit->guards = batch->guards;
    commit->guard_count = batch->guard_count;
    commit->parked = batch->parked;
    commit->parked_count = batch->parked_count;
    commit->snapshots = batch->snapshots;
    commit->snapshot_count = batch->snapshot_count;
    return status;
}
