#include "services/discards.h"

#include <stdlib.h>
#include <string.h>

#include "services/dead_letters.h"
#include "services/outlook.h"

static struct discard *find(struct discards *discards, const struct decision *decision)
{
    for (size_t i = discards->count; i > 0; i--) {
        struct discard *discard = &discards->items[i - 1];
        if (discard->position == decision->parked.position && strcmp(discard->consumer, decision->consumer) == 0)
            return discard;
    }
    return NULL;
}

static enum status add(struct discards *discards, const struct decision *decision, struct error *error)
{
    if (discards->count == discards->capacity) {
        size_t capacity = discards->capacity == 0 ? 16 : 2 * discards->capacity;
        struct discard *grown = realloc(discards->items, capacity * sizeof *grown);
        if (grown == NULL)
            return error_memory(error);
        discards->items = grown;
        discards->capacity = capacity;
    }
    struct arena *arena = &discards->arena;
    struct discard discard = {
        .order = decision->parked.sequence,
        .consumer = arena_copy(arena, decision->consumer),
        .position = decision->parked.position,
        .who = arena_copy(arena, decision->who),
        .at_us = decision->decided_at_us,
        .reason = arena_copy(arena, decision->reason),
        .owed = arena_copy(arena, decision->owed),
    };
    discards->items[discards->count++] = discard;
    bool whole = discard.consumer != NULL && discard.who != NULL && discard.reason != NULL && discard.owed != NULL;
    return whole ? STATUS_OK : error_memory(error);
}

/* Only the last word about an event counts. */
static enum status take_decision(void *context, const struct decision *decision, struct error *error)
{
    struct discards *discards = context;
    if (decision->kind == DECISION_DISCARD)
        return add(discards, decision, error);
    struct discard *discard = find(discards, decision);
    if (discard != NULL)
        discard->owed = "";
    return STATUS_OK;
}

/* A later event of the journey may have brought what the discarded one did not: then a retry would do nothing. */
static enum status look_again(struct discards *discards, struct eventstore *store, struct discard *discard,
                              struct error *error)
{
    const struct dead_letter letter = {.parked = {.position = discard->position}};
    const struct recorded_event *event = NULL;
    struct outlook outlook;
    enum status status = dead_letter_event(store, &letter, &discards->arena, &event, error);
    if (status == STATUS_OK)
        status = outlook_of(store, discard->consumer, event, &discards->arena, &outlook, error);
    if (status == STATUS_OK)
        discard->owed = outlook.owed;
    return status;
}

enum status discards_load(struct discards *discards, struct eventstore *store, struct error *error)
{
    const struct decision_query all = {0};
    *discards = (struct discards){.count = 0};
    enum status status = eventstore_read_decisions(store, &all, take_decision, discards, error);
    for (size_t i = 0; status == STATUS_OK && i < discards->count; i++) {
        struct discard *discard = &discards->items[i];
        status = eventstore_checkpoint(store, discard->consumer, &discard->read_to, error);
        if (status == STATUS_OK && discard->owed[0] != '\0')
            status = look_again(discards, store, discard, error);
    }
    return status;
}

void discards_clear(struct discards *discards)
{
    free(discards->items);
    arena_clear(&discards->arena);
    *discards = (struct discards){.count = 0};
}
