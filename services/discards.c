#include "services/discards.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
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
    struct discard *items = array_room(discards->items, discards->count, &discards->capacity, sizeof *items);
    if (items == NULL)
        return error_memory(error);
    discards->items = items;
    struct arena *arena = &discards->arena;
    struct discard discard = {
        .order = decision->parked.sequence,
        .consumer = arena_copy(arena, decision->consumer),
        .position = decision->parked.position,
        .who = arena_copy(arena, decision->who),
        .at_us = decision->decided_at_us,
        .reason = arena_copy(arena, decision->reason),
        .debt = arena_copy(arena, decision->owed),
        .owed = "",
    };
    discards->items[discards->count++] = discard;
    bool whole = discard.consumer != NULL && discard.who != NULL && discard.reason != NULL && discard.debt != NULL;
    return whole ? STATUS_OK : error_memory(error);
}

/* A refund that was asked for twice, for want of stock and by the customer, is one refund. */
static bool is_same_debt(const struct discard *one, const struct discard *other)
{
    return one->debt[0] != '\0' && uuid_equal(one->order, other->order) &&
           strcmp(one->consumer, other->consumer) == 0 && strcmp(one->debt, other->debt) == 0;
}

static enum status take_discard(struct discards *discards, const struct decision *decision, struct error *error)
{
    enum status status = add(discards, decision, error);
    if (status != STATUS_OK)
        return status;
    struct discard *last = &discards->items[discards->count - 1];
    for (size_t i = 0; i + 1 < discards->count; i++)
        last->settled = last->settled || (discards->items[i].settled && is_same_debt(&discards->items[i], last));
    return STATUS_OK;
}

static enum status settle(struct discards *discards, const struct discard *settled, const struct decision *decision,
                          struct error *error)
{
    const char *who = arena_copy(&discards->arena, decision->who);
    const char *reason = arena_copy(&discards->arena, decision->reason);
    for (size_t i = 0; i < discards->count; i++) {
        struct discard *discard = &discards->items[i];
        if (discard != settled && !is_same_debt(discard, settled))
            continue;
        discard->settled = true;
        discard->settled_by = who;
        discard->settlement = reason;
        discard->settled_at_us = decision->decided_at_us;
    }
    return who != NULL && reason != NULL ? STATUS_OK : error_memory(error);
}

static enum status take_decision(void *context, const struct decision *decision, struct error *error)
{
    struct discards *discards = context;
    if (decision->kind == DECISION_DISCARD)
        return take_discard(discards, decision, error);
    struct discard *discard = find(discards, decision);
    if (discard != NULL && decision->kind == DECISION_SETTLE)
        return settle(discards, discard, decision, error);
    if (discard != NULL) /* set aside once more, and tried */
        discard->settled = true;
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

/* Is the debt told with a later discard? */
static bool is_told_later(const struct discards *discards, size_t index)
{
    for (size_t i = index + 1; i < discards->count; i++)
        if (is_same_debt(&discards->items[i], &discards->items[index]))
            return true;
    return false;
}

static bool may_be_owed(const struct discards *discards, size_t index)
{
    const struct discard *discard = &discards->items[index];
    return discard->debt[0] != '\0' && !discard->settled && !is_told_later(discards, index);
}

enum status discards_load(struct discards *discards, struct eventstore *store, struct error *error)
{
    const struct decision_query all = {0};
    *discards = (struct discards){.count = 0};
    enum status status = eventstore_read_decisions(store, &all, take_decision, discards, error);
    for (size_t i = 0; status == STATUS_OK && i < discards->count; i++) {
        struct discard *discard = &discards->items[i];
        status = eventstore_checkpoint(store, discard->consumer, &discard->read_to, error);
        if (status == STATUS_OK && may_be_owed(discards, i))
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
