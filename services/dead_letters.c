#include "services/dead_letters.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "services/batch.h"
#include "services/outlook.h"

/* ---- looking ---- */

static enum status add_letter(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    struct dead_letters *letters = context;
    struct dead_letter *items = array_room(letters->items, letters->count, &letters->capacity, sizeof *items);
    if (items == NULL)
        return error_memory(error);
    letters->items = items;
    struct dead_letter *letter = &letters->items[letters->count++];
    *letter = (struct dead_letter){.consumer = arena_copy(&letters->arena, consumer), .parked = *parked};
    letter->parked.reason = arena_copy(&letters->arena, parked->reason);
    return letter->consumer == NULL || letter->parked.reason == NULL ? error_memory(error) : STATUS_OK;
}

static int compare_positions(const struct dead_letter *one, const struct dead_letter *other)
{
    return one->parked.position < other->parked.position ? -1 : one->parked.position > other->parked.position;
}

static int by_position(const void *one, const void *other)
{
    const struct dead_letter *a = one, *b = other;
    int order = compare_positions(a, b);
    return order != 0 ? order : strcmp(a->consumer, b->consumer);
}

static int compare_journeys(const struct dead_letter *one, const struct dead_letter *other)
{
    int order = strcmp(one->consumer, other->consumer);
    return order != 0 ? order : memcmp(one->parked.sequence.bytes, other->parked.sequence.bytes, UUID_BYTES);
}

static int by_journey(const void *one, const void *other)
{
    int order = compare_journeys(one, other);
    return order != 0 ? order : compare_positions(one, other);
}

static void sort(struct dead_letters *letters, int (*compare)(const void *, const void *))
{
    if (letters->count > 1)
        qsort(letters->items, letters->count, sizeof *letters->items, compare);
}

/* Each learns its place in its journey. */
static void find_places(struct dead_letters *letters)
{
    sort(letters, by_journey);
    for (size_t start = 0, end = 0; start < letters->count; start = end) {
        const struct dead_letter *first = &letters->items[start];
        while (end < letters->count && compare_journeys(first, &letters->items[end]) == 0)
            end++;
        for (size_t i = start; i < end; i++) {
            letters->items[i].first = first->parked.position;
            letters->items[i].behind = end - i - 1;
        }
    }
}

enum status dead_letters_load(struct dead_letters *letters, struct eventstore *store, const char *consumer,
                              struct error *error)
{
    const struct parked_query query = {.consumer = consumer};
    *letters = (struct dead_letters){.count = 0};
    enum status status = eventstore_read_parked(store, &query, add_letter, letters, error);
    if (status != STATUS_OK)
        return status;
    find_places(letters);
    sort(letters, by_position);
    return STATUS_OK;
}

void dead_letters_clear(struct dead_letters *letters)
{
    free(letters->items);
    arena_clear(&letters->arena);
    *letters = (struct dead_letters){.count = 0};
}

static enum status refuse_several(uint64_t position, const char *one, const char *other, struct error *error)
{
    char first[TEXT_SAFE_SIZE], second[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_REFUSED, "both %s and %s have set position %llu aside: name one with --consumer",
                     text_safe(first, one), text_safe(second, other), (unsigned long long)position);
}

enum status dead_letters_find(const struct dead_letters *letters, uint64_t position, const char *consumer,
                              const struct dead_letter **letter, struct error *error)
{
    *letter = NULL;
    for (size_t i = 0; i < letters->count; i++) {
        const struct dead_letter *one = &letters->items[i];
        if (one->parked.position != position || (consumer != NULL && strcmp(one->consumer, consumer) != 0))
            continue;
        if (*letter != NULL)
            return refuse_several(position, (*letter)->consumer, one->consumer, error);
        *letter = one;
    }
    if (*letter != NULL)
        return STATUS_OK;
    char safe[TEXT_SAFE_SIZE];
    if (consumer != NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s has not set position %llu aside", text_safe(safe, consumer),
                         (unsigned long long)position);
    return error_set(error, STATUS_NOT_FOUND, "nobody has set position %llu aside", (unsigned long long)position);
}

struct copying {
    struct arena *arena;
    const struct recorded_event *event;
};

static enum status copy_event(void *context, const struct recorded_event *event, struct error *error)
{
    struct copying *copying = context;
    copying->event = recorded_event_copy(copying->arena, event);
    return copying->event == NULL ? error_memory(error) : STATUS_OK;
}

enum status dead_letter_event(struct eventstore *store, const struct dead_letter *letter, struct arena *arena,
                              const struct recorded_event **event, struct error *error)
{
    struct copying copying = {.arena = arena};
    const struct roll_query query = {.from = letter->parked.position, .to = letter->parked.position};
    enum status status = eventstore_read_roll(store, &query, copy_event, &copying, error);
    *event = copying.event;
    if (status == STATUS_OK && copying.event == NULL)
        return error_set(error, STATUS_DAMAGED,
                         "the parked event at position %llu is not on the roll: run `till verify`",
                         (unsigned long long)letter->parked.position);
    return status;
}

/* ---- retry ---- */

static struct decision decision_of(const struct operator_desk *desk, enum decision_kind kind,
                                   const struct dead_letter *letter)
{
    return (struct decision){.kind = kind,
                             .consumer = letter->consumer,
                             .parked = letter->parked,
                             .who = desk->who,
                             .reason = desk->reason,
                             .owed = ""};
}

enum status dead_letter_retry(const struct operator_desk *desk, const struct dead_letter *letter, struct error *error)
{
    if (letter->first != letter->parked.position)
        return error_set(error, STATUS_REFUSED, "it waits behind position %llu of its journey: retry that one",
                         (unsigned long long)letter->first);
    const struct decision decision = decision_of(desk, DECISION_RETRY, letter);
    return eventstore_decide(desk->store, &decision, 1, error);
}

/* A batch that conflicts is decided one by one: only what has changed is left out. */
static enum status retry_batch(const struct operator_desk *desk, const struct decision *decisions, size_t count,
                               size_t *retried, struct error *error)
{
    enum status status = eventstore_decide(desk->store, decisions, count, error);
    if (status == STATUS_OK)
        *retried += count;
    if (status != STATUS_CONFLICT)
        return status;
    status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = eventstore_decide(desk->store, &decisions[i], 1, error);
        *retried += status == STATUS_OK;
        if (status == STATUS_CONFLICT)
            status = STATUS_OK;
    }
    return status;
}

/* Those that are dead now, once each: one whose attempt fails meanwhile is not asked again and again. */
enum status dead_letters_retry_all(const struct operator_desk *desk, const char *consumer, size_t *retried,
                                   struct error *error)
{
    struct dead_letters letters;
    struct decision decisions[EVENTSTORE_DECISIONS_MAX];
    size_t count = 0;
    *retried = 0;
    enum status status = dead_letters_load(&letters, desk->store, consumer, error);
    for (size_t i = 0; status == STATUS_OK && i < letters.count; i++) {
        if (letters.items[i].parked.state == PARKED_DEAD)
            decisions[count++] = decision_of(desk, DECISION_RETRY, &letters.items[i]);
        if (count == EVENTSTORE_DECISIONS_MAX) {
            status = retry_batch(desk, decisions, count, retried, error);
            count = 0;
        }
    }
    if (status == STATUS_OK && count > 0)
        status = retry_batch(desk, decisions, count, retried, error);
    dead_letters_clear(&letters);
    return status;
}

/* ---- discard ---- */

static enum status check_discard(const struct dead_letter *letter, const struct outlook *outlook, bool force,
                                 struct error *error)
{
    if (letter->parked.state != PARKED_DEAD)
        return error_set(error, STATUS_REFUSED,
                         "position %llu is no dead letter: %s is still trying; only what it has given up can be"
                         " discarded",
                         (unsigned long long)letter->parked.position, letter->consumer);
    if (outlook->owed[0] != '\0' && !force)
        return error_set(error, STATUS_REFUSED,
                         "discarding this leaves a debt: %s. With --force it is done all the same", outlook->owed);
    return STATUS_OK;
}

enum status dead_letter_discard(const struct operator_desk *desk, const struct dead_letter *letter, bool force,
                                struct arena *arena, const char **owed, struct error *error)
{
    const struct recorded_event *event = NULL;
    struct outlook outlook;
    enum status status = dead_letter_event(desk->store, letter, arena, &event, error);
    if (status == STATUS_OK)
        status = outlook_of(desk->store, letter->consumer, event, arena, &outlook, error);
    if (status == STATUS_OK)
        status = check_discard(letter, &outlook, force, error);
    if (status != STATUS_OK)
        return status;
    struct decision decision = decision_of(desk, DECISION_DISCARD, letter);
    decision.owed = outlook.owed;
    if (owed != NULL)
        *owed = outlook.owed;
    return eventstore_decide(desk->store, &decision, 1, error);
}

/* ---- settle ---- */

struct debt {
    struct arena arena;
    struct dead_letter letter; /* `consumer` NULL: none was found */
};

static enum status note_debt(void *context, const struct decision *decision, struct error *error)
{
    struct debt *debt = context;
    if (debt->letter.consumer != NULL)
        return refuse_several(decision->parked.position, debt->letter.consumer, decision->consumer, error);
    debt->letter.parked = decision->parked;
    debt->letter.parked.reason = arena_copy(&debt->arena, decision->parked.reason);
    debt->letter.consumer = arena_copy(&debt->arena, decision->consumer);
    return debt->letter.consumer == NULL || debt->letter.parked.reason == NULL ? error_memory(error) : STATUS_OK;
}

enum status dead_letter_settle(const struct operator_desk *desk, uint64_t position, const char *consumer,
                               struct error *error)
{
    struct debt debt = {.letter = {.consumer = NULL}};
    const struct decision_query query = {.consumer = consumer, .position = position, .owed_only = true};
    enum status status = STATUS_OK;
    if (position != 0) /* to the query that would mean all of them */
        status = eventstore_read_decisions(desk->store, &query, note_debt, &debt, error);
    if (status == STATUS_OK && debt.letter.consumer == NULL)
        status = error_set(error, STATUS_NOT_FOUND, "nothing is owed for position %llu", (unsigned long long)position);
    if (status == STATUS_OK) {
        const struct decision decision = decision_of(desk, DECISION_SETTLE, &debt.letter);
        status = eventstore_decide(desk->store, &decision, 1, error);
    }
    arena_clear(&debt.arena);
    return status;
}
