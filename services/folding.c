#include "services/folding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "domain/codec.h"
#include "domain/money.h"

enum status fold_event(void *context, const struct recorded_event *recorded, struct error *error)
{
    struct folding *folding = context;
    struct event event;
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      folding->currency, folding->arena, &event, error);
    if (status == STATUS_OK)
        folding->fold->evolve(folding->state, &event);
    if (folding->fold->long_lived)
        arena_reset(folding->arena);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- snapshots ---- */

enum status snapshot_load(struct eventstore *store, const struct fold *fold, const char *entity, struct arena *arena,
                          void *state, uint64_t *version, struct error *error)
{
    struct snapshot snapshot;
    struct error useless;
    const struct stream stream = {fold->category, entity};
    *version = 0;
    enum status status = eventstore_read_snapshot(store, stream, fold->version, arena, &snapshot, error);
    if (status != STATUS_OK || snapshot.version == 0)
        return status;
    status = fold->restore(snapshot.data, snapshot.data_length, arena, state, &useless);
    if (status == STATUS_MEMORY)
        return error_memory(error);
    if (status == STATUS_OK)
        *version = snapshot.version;
    return STATUS_OK;
}

enum status snapshot_make(const struct fold *fold, const char *entity, const void *state, uint64_t version,
                          struct arena *arena, struct snapshot *snapshot, struct error *error)
{
    struct buffer text = {0};
    enum status status = fold->save(state, &text, error);
    *snapshot = (struct snapshot){.stream = {fold->category, entity},
                                  .fold_version = fold->version,
                                  .version = version,
                                  .data_length = text.length};
    if (status == STATUS_OK)
        snapshot->data = arena_copy_text(arena, buffer_string(&text), text.length);
    buffer_clear(&text);
    return status == STATUS_OK && snapshot->data == NULL ? error_memory(error) : status;
}

/* ---- verifying ---- */

/* The names are collected before anything is folded: nobody reads a long stream while a page of the roll is open. */
struct entities {
    struct arena arena;
    const char **names;
    size_t count, capacity;
};

static enum status collect_entity(void *context, const struct recorded_event *event, struct error *error)
{
    struct entities *entities = context;
    if (event->version != 1)
        return STATUS_OK;
    const char **names = array_room(entities->names, entities->count, &entities->capacity, sizeof *names);
    if (names == NULL)
        return error_memory(error);
    entities->names = names;
    names[entities->count] = arena_copy(&entities->arena, event->stream.entity);
    return names[entities->count++] != NULL ? STATUS_OK : error_memory(error);
}

static enum status collect_entities(struct eventstore *store, const char *category, struct entities *entities,
                                    struct error *error)
{
    const char *types[EVENT_TYPES];
    struct roll_query query = {.types = types};
    for (enum event_type type = 0; type < EVENT_TYPES; type++)
        if (strcmp(event_category(type), category) == 0)
            types[query.type_count++] = event_type_name(type);
    return eventstore_read_roll(store, &query, collect_entity, entities, error);
}

/* Folds the events that a snapshot stands for into `state`. */
static enum status fold_to(struct eventstore *store, const struct fold *fold, const char *entity, uint64_t version,
                           void *state, struct error *error)
{
    struct arena arena = {0};
    struct folding folding = {.fold = fold,
                              .state = state,
                              .arena = &arena,
                              .currency = currency_from_settings(eventstore_info(store)->settings)};
    const struct stream_query query = {.stream = {fold->category, entity}, .limit = version};
    memset(state, 0, fold->state_size);
    enum status status = eventstore_read_stream(store, &query, NULL, fold_event, &folding, error);
    arena_clear(&arena);
    return status;
}

static bool is_same_text(const struct snapshot *one, const struct snapshot *other)
{
    return one->data_length == other->data_length && memcmp(one->data, other->data, one->data_length) == 0;
}

/* `state` is room for one. */
static enum status verify_one(struct eventstore *store, const struct fold *fold, const char *entity, void *state,
                              struct arena *arena, struct snapshot_finding *finding, struct error *error)
{
    struct snapshot kept, made;
    const struct stream stream = {fold->category, entity};
    arena_reset(arena);
    enum status status = eventstore_read_snapshot(store, stream, fold->version, arena, &kept, error);
    if (status != STATUS_OK || kept.version == 0)
        return status;
    finding->compared++;
    status = fold_to(store, fold, entity, kept.version, state, error);
    if (status == STATUS_OK)
        status = snapshot_make(fold, entity, state, kept.version, arena, &made, error);
    if (status == STATUS_INVALID || (status == STATUS_OK && !is_same_text(&kept, &made))) {
        snprintf(finding->wrong, sizeof finding->wrong, "%s", entity);
        return STATUS_OK;
    }
    return status;
}

enum status snapshots_verify(struct eventstore *store, const struct fold *fold, struct snapshot_finding *finding,
                             struct error *error)
{
    struct entities entities = {.count = 0};
    struct arena arena = {0};
    void *state = malloc(fold->state_size);
    *finding = (struct snapshot_finding){.compared = 0};
    enum status status =
        state != NULL ? collect_entities(store, fold->category, &entities, error) : error_memory(error);
    for (size_t i = 0; status == STATUS_OK && finding->wrong[0] == '\0' && i < entities.count; i++)
        status = verify_one(store, fold, entities.names[i], state, &arena, finding, error);
    arena_clear(&entities.arena);
    arena_clear(&arena);
    free(entities.names);
    free(state);
    return status;
}
