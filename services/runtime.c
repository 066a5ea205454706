/* runtime.c - the loop that every service lives in. See runtime.h for what it promises. */
#include "services/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/text.h"
#include "domain/codec.h"
#include "services/batch.h"
#include "services/breaker.h"

enum {
    BATCH_EVENTS_DEFAULT = 256,
    BATCH_BYTES_MAX = 1 << 20, /* of data read: keeps a batch of very long orders small */
    CONFLICTS_MAX = 20,        /* decisions on one event before we say that the store is busy */
};

/* One event of a batch. */
struct item {
    const struct recorded_event *cause;
    const struct parked *parked; /* what stands parked of it, when this is another attempt; else NULL */
    enum outcome outcome;
    int attempt;
    const char *reason;
};

struct consumer {
    struct eventstore *store;
    struct service service;
    struct clock clock;
    struct retry_policy retry;
    size_t batch_events;
    const char *producer;
    void (*tell)(void *context, const struct handled *event);
    void *tell_context;
    const char *types[EVENT_TYPES];
    size_t type_count;

    uint64_t checkpoint; /* as it stands in the store */
    uint64_t position;   /* read up to here */
    size_t batch_limit;  /* of the next batch: half as many events after each that failed, then twice as many again */
    bool any_parked;     /* something may stand parked; only an own commit can make it so */
    bool outside_begun;  /* by this batch */
    struct breaker breaker;
    struct batch batch;
    struct item *items; /* batch_events of them */
    size_t item_count;
};

struct reaction {
    struct consumer *consumer;
    const struct recorded_event *cause;
    const struct event *past; /* NULL but in a rehearsal */
    unsigned answers;
    bool outside_asked;
    bool outside_hangs;
};

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {"answered", "nothing to do", "waiting", "queued", "dead letter"};
    return names[outcome];
}

/* ---- what a reaction may do ---- */

const struct recorded_event *reaction_cause(const struct reaction *reaction)
{
    return reaction->cause;
}

struct arena *reaction_arena(struct reaction *reaction)
{
    return &reaction->consumer->batch.arena;
}

void *reaction_self(const struct reaction *reaction)
{
    return reaction->consumer->service.self;
}

struct uuid reaction_event_id(const struct reaction *reaction, const char *category, const char *entity,
                              enum event_type type)
{
    return answer_id(reaction->cause->id, reaction->consumer->service.name, category, entity, event_type_name(type), 0);
}

enum status reaction_load(struct reaction *reaction, const struct fold *fold, const char *entity, const void **state,
                          struct error *error)
{
    struct loaded *loaded = NULL;
    enum status status = batch_load(&reaction->consumer->batch, fold, entity, &loaded, error);
    *state = status == STATUS_OK ? loaded->state : NULL;
    return status;
}

enum status reaction_consumed(struct reaction *reaction, const struct fold *fold, const char *entity, void *state,
                              struct error *error)
{
    return batch_fold_until(&reaction->consumer->batch, fold, entity, reaction->cause->position, state, error);
}

enum status reaction_guard(struct reaction *reaction, const struct fold *fold, const char *entity, struct error *error)
{
    return batch_guard(&reaction->consumer->batch, fold, entity, error);
}

const struct event *reaction_past(const struct reaction *reaction)
{
    return reaction->past;
}

/* The outside may keep us waiting, and nobody waits while he reads. */
static enum status begin_outside(struct consumer *consumer, struct error *error)
{
    CHECK(consumer->service.begin != NULL);
    if (consumer->outside_begun)
        return STATUS_OK;
    eventstore_end_reading(consumer->store);
    enum status status = consumer->service.begin(consumer->service.self, error);
    consumer->outside_begun = status == STATUS_OK;
    return status == STATUS_OK ? eventstore_begin_reading(consumer->store, error) : status;
}

enum status reaction_begin_outside(struct reaction *reaction, struct error *error)
{
    enum status status = begin_outside(reaction->consumer, error);
    reaction->outside_asked = status == STATUS_OK;
    reaction->outside_hangs = status == STATUS_BUSY;
    return status;
}

enum status reaction_answer(struct reaction *reaction, const struct event_list *events, struct error *error)
{
    enum status status = events->failed ? error_memory(error) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < events->count; i++)
        status =
            batch_answer(&reaction->consumer->batch, reaction->cause, reaction->answers++, &events->items[i], error);
    return status;
}

/* ---- parking ---- */

static enum status park(struct consumer *consumer, struct item *item, enum outcome outcome, struct error *error)
{
    const struct recorded_event *cause = item->cause;
    int64_t now_us = clock_now_us(&consumer->clock);
    struct parked_change change = {.expected_attempts = -1};
    change.parked = (struct parked){.position = cause->position,
                                    .sequence = cause->correlation,
                                    .next_attempt_us = now_us,
                                    .parked_at_us = now_us,
                                    .reason = item->reason};
    if (item->parked != NULL) {
        change.expected_attempts = item->parked->attempts;
        change.parked.parked_at_us = item->parked->parked_at_us;
    }
    if (outcome != OUTCOME_QUEUED)
        change.parked.attempts = item->attempt;
    if (outcome == OUTCOME_WAITING)
        change.parked.next_attempt_us = now_us + retry_delay_us(&consumer->retry, item->attempt, cause->id.bytes[15]);
    if (outcome == OUTCOME_DEAD)
        change.parked.state = PARKED_DEAD;
    item->outcome = outcome;
    return batch_park(&consumer->batch, &change, error);
}

static enum status unpark(struct consumer *consumer, const struct item *item, struct error *error)
{
    struct parked_change change = {
        .remove = true, .expected_attempts = item->parked->attempts, .parked = *item->parked};
    return batch_park(&consumer->batch, &change, error);
}

static enum status note_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)parked, (void)error;
    *(bool *)context = true;
    return STATUS_STOPPED;
}

/* What stands parked of an event's journey. */
struct parked_of_journey {
    uint64_t position; /* of the event */
    bool before;       /* an earlier one, in the store or in this batch */
    bool itself;       /* the event: it is read again because somebody set the checkpoint back */
};

static enum status compare_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    struct parked_of_journey *journey = context;
    const bool is_before = parked->position < journey->position;
    journey->before |= is_before;
    if (MUTANT(DEAD_LETS_PASS) && parked->state == PARKED_DEAD)
        journey->before = false;
    journey->itself = parked->position == journey->position;
    return is_before ? STATUS_OK : STATUS_STOPPED;
}

static enum status look_for_parked(struct consumer *consumer, const struct recorded_event *cause,
                                   struct parked_of_journey *journey, struct error *error)
{
    *journey = (struct parked_of_journey){.position = cause->position};
    for (size_t i = 0; i < consumer->batch.parked_count; i++)
        journey->before = journey->before || uuid_equal(consumer->batch.parked[i].parked.sequence, cause->correlation);
    if (!consumer->any_parked)
        return STATUS_OK;
    const struct parked_query query = {.consumer = consumer->service.name, .sequence = &cause->correlation};
    return eventstore_read_parked(consumer->store, &query, compare_parked, journey, error);
}

/* ---- one event ---- */

/* What a failed reaction means for its event. STATUS_OK: parked; anything else fails the step. */
static enum status settle_failure(struct consumer *consumer, struct item *item, enum status failure,
                                  struct error *error)
{
    item->reason = arena_copy(&consumer->batch.arena, error->text);
    if (item->reason == NULL)
        return error_memory(error);
    switch (failure) {
    case STATUS_UNAVAILABLE:
    case STATUS_REFUSED: /* the bank may think better of it; a person may make it */
        return park(consumer, item, item->attempt < consumer->retry.attempts ? OUTCOME_WAITING : OUTCOME_DEAD, error);
    case STATUS_INVALID:
    case STATUS_NOT_FOUND:
    case STATUS_NEWER: return park(consumer, item, OUTCOME_DEAD, error);
    default: return failure;
    }
}

/* What a reaction has shown of the outside. */
static void note_outside(struct consumer *consumer, const struct reaction *reaction, enum status status,
                         const struct error *error)
{
    const int64_t now_us = clock_now_us(&consumer->clock);
    if (reaction->outside_hangs)
        breaker_note_hang(&consumer->breaker, error->text, now_us);
    else if (status == STATUS_UNAVAILABLE)
        breaker_note_silence(&consumer->breaker, reaction->cause->correlation, error->text, now_us);
    else if (reaction->outside_asked && (status == STATUS_OK || status == STATUS_REFUSED))
        breaker_note_answer(&consumer->breaker);
}

static bool is_paused(struct consumer *consumer)
{
    return breaker_state(&consumer->breaker, clock_now_us(&consumer->clock)) == BREAKER_OPEN;
}

static bool is_probing(struct consumer *consumer)
{
    return breaker_state(&consumer->breaker, clock_now_us(&consumer->clock)) == BREAKER_PROBING;
}

/* An event that speaks of something else than its stream would be answered in a stream that nobody has looked at. */
static enum status decode(struct consumer *consumer, const struct recorded_event *recorded, struct event *event,
                          struct error *error)
{
    const struct stream *stream = &recorded->stream;
    char words[2 * EVENTSTORE_NAME_MAX + 2], safe[TEXT_SAFE_SIZE];
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      consumer->batch.currency, &consumer->batch.arena, event, error);
    if (status != STATUS_OK || event_is_of(event, stream->category, stream->entity))
        return status;
    snprintf(words, sizeof words, "%s-%s", stream->category, stream->entity);
    return error_set(error, STATUS_INVALID, "%s stands in the stream %s, which is another than it speaks of",
                     recorded->type, text_safe(safe, words));
}

static enum status react(struct consumer *consumer, struct item *item, struct error *error)
{
    struct reaction reaction = {.consumer = consumer, .cause = item->cause};
    size_t appends = consumer->batch.append_count;
    struct event event;
    enum status status = decode(consumer, item->cause, &event, error);
    if (status == STATUS_OK)
        status = consumer->service.react(&reaction, &event, error);
    if (status == STATUS_UNAVAILABLE && item->attempt >= consumer->retry.attempts && consumer->service.give_up != NULL)
        status = consumer->service.give_up(&reaction, &event, error);
    note_outside(consumer, &reaction, status, error);
    if (reaction.outside_hangs)
        return error->status = STATUS_UNAVAILABLE; /* nobody was asked: no attempt was made */
    if (status != STATUS_OK) {
        CHECK(status == STATUS_MEMORY ||
              consumer->batch.append_count == appends); /* an answer is a service's last word */
        return settle_failure(consumer, item, status, error);
    }
    item->outcome = reaction.answers > 0 ? OUTCOME_ANSWERED : OUTCOME_NOTHING;
    return item->parked != NULL ? unpark(consumer, item, error) : STATUS_OK;
}

/* `condemned` is why the store will never take this event's answer, or NULL. */
static enum status handle(struct consumer *consumer, struct item *item, const char *condemned, struct error *error)
{
    struct parked_of_journey journey = {0};
    item->attempt = item->parked == NULL ? 1 : item->parked->attempts + 1;
    item->reason = "";
    if (item->parked == NULL) {
        enum status status = look_for_parked(consumer, item->cause, &journey, error);
        if (status != STATUS_OK)
            return status;
    }
    if (journey.itself) {
        item->outcome = OUTCOME_QUEUED; /* it gets its attempts as it stands parked */
        return STATUS_OK;
    }
    if (journey.before)
        return park(consumer, item, OUTCOME_QUEUED, error);
    if (condemned == NULL)
        return react(consumer, item, error);
    item->reason = condemned;
    return park(consumer, item, OUTCOME_DEAD, error);
}

/* ---- one batch ---- */

static enum status finish_outside(struct consumer *consumer, struct error *error)
{
    return consumer->service.finish == NULL ? STATUS_OK : consumer->service.finish(consumer->service.self, error);
}

static void drop_outside(struct consumer *consumer)
{
    if (consumer->service.drop != NULL)
        consumer->service.drop(consumer->service.self);
}

/* Of mutants: first the checkpoint, or all but the parked events; then the rest. */
static enum status commit_apart(struct consumer *consumer, const struct commit *commit, struct error *error)
{
    struct commit first = *commit, second = *commit;
    second.checkpoint_from = commit->checkpoint_to;
    if (MUTANT(CHECKPOINT_APART))
        first.append_count = first.guard_count = 0;
    else
        second.append_count = second.guard_count = 0;
    first.parked_count = first.snapshot_count = 0;
    enum status status = eventstore_commit(consumer->store, &first, NULL, error);
    if (status == STATUS_OK)
        consumer->checkpoint = commit->checkpoint_to;
    return status == STATUS_OK ? eventstore_commit(consumer->store, &second, NULL, error) : status;
}

/* A batch with nothing to write moves no checkpoint: that is done at rest (consumer_rest). */
static enum status commit_batch(struct consumer *consumer, uint64_t checkpoint_to, struct error *error)
{
    struct batch *batch = &consumer->batch;
    struct commit commit = {
        .actor = consumer->service.name,
        .producer = consumer->producer,
        .consumer = consumer->service.name,
        .checkpoint_from = consumer->checkpoint,
        .checkpoint_to = checkpoint_to,
    };
    if (batch->append_count == 0 && batch->parked_count == 0)
        return STATUS_OK;
    enum status status = batch_fill_commit(batch, &commit, error);
    if (status == STATUS_OK && (MUTANT(CHECKPOINT_APART) || MUTANT(PARKED_APART)))
        return commit_apart(consumer, &commit, error);
    if (status == STATUS_OK)
        status = eventstore_commit(consumer->store, &commit, NULL, error);
    if (status == STATUS_OK)
        consumer->checkpoint = checkpoint_to;
    return status;
}

static void tell_all(struct consumer *consumer, int64_t started_us)
{
    if (consumer->tell == NULL)
        return;
    int64_t elapsed_us = clock_monotonic_us() - started_us;
    for (size_t i = 0; i < consumer->item_count; i++) {
        const struct item *item = &consumer->items[i];
        struct handled handled = {.service = consumer->service.name,
                                  .cause = item->cause,
                                  .outcome = item->outcome,
                                  .attempt = item->attempt,
                                  .elapsed_us = elapsed_us / (int64_t)consumer->item_count,
                                  .reason = item->reason};
        consumer->tell(consumer->tell_context, &handled);
    }
}

/* Reacts to the items in turn. When the breaker opens, the batch ends there: the others are read again after the
 * pause. */
static enum status handle_all(struct consumer *consumer, uint64_t *checkpoint_to, const char *condemned,
                              struct error *error)
{
    consumer->outside_begun = false;
    enum status status = eventstore_begin_reading(consumer->store, error);
    for (size_t i = 0; status == STATUS_OK && i < consumer->item_count; i++) {
        status = handle(consumer, &consumer->items[i], condemned, error);
        if (status == STATUS_OK && i + 1 < consumer->item_count && is_paused(consumer)) {
            consumer->item_count = i + 1;
            *checkpoint_to = consumer->items[i].cause->position;
        }
    }
    eventstore_end_reading(consumer->store);
    return status;
}

/* Reacts to all items (or condemns the only one) and commits, the checkpoint moving to `*checkpoint_to`, or to where
 * the batch was cut short. */
static enum status run_batch(struct consumer *consumer, uint64_t *checkpoint_to, const char *condemned,
                             struct error *error)
{
    int64_t started_us = clock_monotonic_us();
    CHECK(condemned == NULL || consumer->item_count == 1);
    enum status status = handle_all(consumer, checkpoint_to, condemned, error);
    /* The outside first: a crash before the commit repeats the calls with the same keys; the other way round, a crash
     * would leave a fact on the roll that never happened. */
    if (status == STATUS_OK && !MUTANT(COMMIT_BEFORE_BANK))
        status = finish_outside(consumer, error);
    if (status == STATUS_OK)
        status = commit_batch(consumer, *checkpoint_to, error);
    if (status == STATUS_OK && MUTANT(COMMIT_BEFORE_BANK))
        status = finish_outside(consumer, error);
    if (status == STATUS_OK) {
        consumer->any_parked = consumer->any_parked || consumer->batch.parked_count > 0;
        tell_all(consumer, started_us);
    } else {
        drop_outside(consumer);
    }
    return status;
}

/* ---- reading ---- */

struct gathering {
    struct consumer *consumer;
    size_t bytes, limit;
    uint64_t last; /* position of the last event gathered */
};

static enum status gather(void *context, const struct recorded_event *event, struct error *error)
{
    struct gathering *gathering = context;
    struct consumer *consumer = gathering->consumer;
    const struct recorded_event *copy = recorded_event_copy(&consumer->batch.arena, event);
    if (copy == NULL)
        return error_memory(error);
    consumer->items[consumer->item_count++] = (struct item){.cause = copy};
    gathering->bytes += event->data_length;
    gathering->last = event->position;
    bool full = consumer->item_count == gathering->limit || gathering->bytes >= BATCH_BYTES_MAX;
    return full ? STATUS_STOPPED : STATUS_OK;
}

/* Gathers the next batch; `*position` is how far the roll was looked at. */
static enum status read_batch(struct consumer *consumer, size_t limit, uint64_t *position, struct error *error)
{
    struct gathering gathering = {.consumer = consumer, .limit = limit};
    uint64_t head = 0;
    consumer->item_count = 0;
    enum status status = eventstore_head(consumer->store, &head, error);
    *position = consumer->position;
    if (status != STATUS_OK || head <= consumer->position)
        return status;
    struct roll_query query = {
        .from = consumer->position + 1, .to = head, .types = consumer->types, .type_count = consumer->type_count};
    status = eventstore_read_roll(consumer->store, &query, gather, &gathering, error);
    bool full = consumer->item_count == limit || gathering.bytes >= BATCH_BYTES_MAX;
    *position = full ? gathering.last : head;
    return status;
}

/* ---- steps ---- */

/* Will the store never take this batch, however often it is decided? Then one of its events is to blame. */
static bool is_final(enum status failure)
{
    return failure == STATUS_REFUSED || failure == STATUS_INVALID;
}

/* The next batch of the roll, at most `limit` events. With `condemned`, the next event alone becomes a dead letter. */
static enum status try_roll(struct consumer *consumer, size_t limit, const char *condemned, uint64_t *position,
                            struct error *error)
{
    batch_begin(&consumer->batch);
    enum status status = read_batch(consumer, limit, position, error);
    if (status == STATUS_OK)
        status = run_batch(consumer, position, condemned, error);
    if (status != STATUS_OK)
        batch_abandon(&consumer->batch);
    return status;
}

/* A batch that failed is halved, and after the next that did not fail the limit doubles again: so the few events
 * around one that is to blame, or around a stream that others write to, are found in a few steps. */
static void adapt_limit(struct consumer *consumer, enum status status)
{
    if (status == STATUS_OK && consumer->batch_limit < consumer->batch_events)
        consumer->batch_limit *= 2;
    else if (status != STATUS_OK && consumer->item_count > 1)
        consumer->batch_limit = consumer->item_count / 2;
    if (consumer->batch_limit > consumer->batch_events)
        consumer->batch_limit = consumer->batch_events;
}

/* The next batch of the roll; after a failure that may be one event's, fewer events: only one that was alone is clearly
 * to blame. */
static enum status step_roll(struct consumer *consumer, struct progress *progress, struct error *error)
{
    char reason[ERROR_TEXT_MAX];
    const char *condemned = NULL;
    uint64_t position = 0;
    enum status status = STATUS_CONFLICT;
    for (int round = 0; status != STATUS_OK && round < CONFLICTS_MAX && !is_paused(consumer); round++) {
        bool alone = condemned != NULL || is_probing(consumer);
        status = try_roll(consumer, alone ? 1 : consumer->batch_limit, condemned, &position, error);
        if (status != STATUS_OK && (consumer->item_count == 0 || (status != STATUS_CONFLICT && !is_final(status))))
            return status;
        adapt_limit(consumer, status);
        if (is_final(status) && consumer->item_count == 1) {
            snprintf(reason, sizeof reason, "%s", error->text);
            condemned = reason;
        }
    }
    if (status != STATUS_OK && is_paused(consumer))
        return STATUS_OK; /* it is decided again after the pause */
    if (status != STATUS_OK)
        return error_set(error, STATUS_BUSY, "%s found its streams moved %d times in a row: try again",
                         consumer->service.name, CONFLICTS_MAX);
    progress->handled += consumer->item_count;
    progress->idle = progress->handled == 0 && position == consumer->position;
    consumer->position = position;
    return STATUS_OK;
}

struct due {
    bool found;
    struct parked parked;
};

static enum status note_due(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    *(struct due *)context = (struct due){.found = true, .parked = *parked};
    ((struct due *)context)->parked.reason = ""; /* borrowed, and not needed for another attempt */
    return STATUS_STOPPED;
}

/* Only who could look knows that there is nothing. */
static enum status look_for_any_parked(struct consumer *consumer, struct error *error)
{
    bool found = false;
    const struct parked_query query = {.consumer = consumer->service.name, .limit = 1};
    enum status status = eventstore_read_parked(consumer->store, &query, note_parked, &found, error);
    consumer->any_parked = found || status != STATUS_OK;
    return status;
}

static enum status gather_one(void *context, const struct recorded_event *event, struct error *error)
{
    struct gathering gathering = {.consumer = context, .limit = 1};
    return gather(&gathering, event, error);
}

static enum status retry_one(struct consumer *consumer, const struct parked *parked, const char *condemned,
                             struct error *error)
{
    struct roll_query query = {.from = parked->position, .to = parked->position};
    batch_begin(&consumer->batch);
    consumer->item_count = 0;
    enum status status = eventstore_read_roll(consumer->store, &query, gather_one, consumer, error);
    if (status == STATUS_OK && consumer->item_count != 1)
        status =
            error_set(error, STATUS_DAMAGED, "the parked event at position %llu is not on the roll: run `till verify`",
                      (unsigned long long)parked->position);
    if (status == STATUS_OK) {
        uint64_t checkpoint = consumer->checkpoint;
        consumer->items[0].parked = parked;
        status = run_batch(consumer, &checkpoint, condemned, error);
    }
    if (status != STATUS_OK)
        batch_abandon(&consumer->batch);
    return status;
}

/* A clock that is set back shall not make an event wait for as long again. */
static bool is_due(const struct consumer *consumer, const struct parked *parked)
{
    const int64_t wait_us = parked->next_attempt_us - clock_now_us(&consumer->clock);
    return wait_us <= 0 || wait_us > retry_delay_longest_us(&consumer->retry);
}

/* At most one waiting event a step, if one is due: the first of its journey. */
static enum status step_parked(struct consumer *consumer, struct progress *progress, struct error *error)
{
    struct due due = {0};
    const struct parked_query query = {
        .consumer = consumer->service.name, .heads_only = true, .due_by_us = INT64_MAX, .limit = 1};
    enum status status = eventstore_read_parked(consumer->store, &query, note_due, &due, error);
    if (status != STATUS_OK)
        return status;
    if (!due.found)
        return look_for_any_parked(consumer, error);
    progress->next_attempt_us = due.parked.next_attempt_us;
    if (!is_due(consumer, &due.parked))
        return STATUS_OK;
    status = retry_one(consumer, &due.parked, NULL, error);
    if (is_final(status)) {
        char reason[ERROR_TEXT_MAX];
        snprintf(reason, sizeof reason, "%s", error->text);
        status = retry_one(consumer, &due.parked, reason, error);
    }
    progress->handled = 1;
    /* A conflict: somebody moved it, or its streams. We look again at the next step. */
    return status == STATUS_CONFLICT ? STATUS_OK : status;
}

/* A probe: one event only. One that asked nobody outside has probed nothing, and the next step goes on. */
static enum status step_probing(struct consumer *consumer, struct progress *progress, struct error *error)
{
    enum status status = step_roll(consumer, progress, error);
    if (status == STATUS_OK && progress->idle && consumer->any_parked)
        status = step_parked(consumer, progress, error);
    progress->idle = progress->idle && progress->handled == 0;
    return status;
}

static enum status step_both(struct consumer *consumer, struct progress *progress, struct error *error)
{
    enum status status = STATUS_OK;
    if (consumer->any_parked)
        status = step_parked(consumer, progress, error);
    /* The roll gets its turn too: however many attempts are due, a new order waits for one of them at most. */
    if (status == STATUS_OK && !is_paused(consumer))
        status = step_roll(consumer, progress, error);
    return status;
}

/* What the breaker says, where others and our next start can read it. */
static enum status save_pause(struct consumer *consumer, struct error *error)
{
    struct breaker *breaker = &consumer->breaker;
    if (!breaker->unsaved)
        return STATUS_OK;
    enum status status = eventstore_pause(consumer->store, consumer->service.name, breaker->pause.until_us,
                                          breaker->pause.reason, error);
    breaker->unsaved = status != STATUS_OK;
    return status;
}

enum status consumer_step(struct consumer *consumer, struct progress *progress, struct error *error)
{
    *progress = (struct progress){0};
    enum status status = STATUS_OK;
    if (is_paused(consumer))
        progress->idle = true;
    else if (is_probing(consumer))
        status = step_probing(consumer, progress, error);
    else
        status = step_both(consumer, progress, error);
    if (is_paused(consumer))
        progress->paused_until_us = consumer->breaker.pause.until_us;
    progress->position = consumer->position;
    /* After a failure the next step does it: the sentence that is told is the failure's. */
    return status == STATUS_OK ? save_pause(consumer, error) : status;
}

void consumer_sleep(struct consumer *consumer, uint32_t seen, int timeout_ms)
{
    eventstore_wait_for(consumer->store, seen, consumer->types, consumer->type_count, timeout_ms);
}

static enum status note_position(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    *(uint64_t *)context = event->position;
    return STATUS_STOPPED;
}

enum status find_unread(struct eventstore *store, event_type_set subscriptions, uint64_t after, uint64_t head,
                        uint64_t *unread, struct error *error)
{
    const char *types[EVENT_TYPES];
    *unread = 0;
    if (after >= head)
        return STATUS_OK;
    const struct roll_query query = {.from = after + 1,
                                     .to = head,
                                     .limit = 1,
                                     .types = types,
                                     .type_count = event_type_names(subscriptions, types)};
    return eventstore_read_roll(store, &query, note_position, unread, error);
}

enum status consumer_pass(struct consumer *consumer, struct error *error)
{
    uint64_t head = 0, unread = 0;
    enum status status = eventstore_head(consumer->store, &head, error);
    if (status == STATUS_OK)
        status =
            find_unread(consumer->store, consumer->service.subscriptions, consumer->position, head, &unread, error);
    if (status != STATUS_OK || head <= consumer->position)
        return status;
    consumer->position = unread != 0 ? unread - 1 : head;
    return STATUS_OK;
}

enum status consumer_rest(struct consumer *consumer, struct error *error)
{
    if (consumer->position == consumer->checkpoint)
        return STATUS_OK;
    struct commit commit = {.actor = consumer->service.name,
                            .producer = consumer->producer,
                            .consumer = consumer->service.name,
                            .checkpoint_from = consumer->checkpoint,
                            .checkpoint_to = consumer->position};
    enum status status = eventstore_commit(consumer->store, &commit, NULL, error);
    if (status == STATUS_OK)
        consumer->checkpoint = consumer->position;
    return status;
}

/* ---- rehearsals ---- */

enum status consumer_rehearse(struct consumer *consumer, const struct recorded_event *cause,
                              const struct recorded_event *past, const struct append **answers, size_t *count,
                              struct error *error)
{
    struct event event, first;
    struct reaction reaction = {.consumer = consumer, .cause = cause, .past = &first};
    struct batch *batch = &consumer->batch;
    CHECK(past->position > cause->position);
    batch_begin(batch);
    batch->as_of = past->position - 1;
    enum status status = decode(consumer, cause, &event, error);
    if (status == STATUS_OK && (consumer->service.subscriptions & EVENT_BIT(event.type)) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "nothing: %s does not want to see %s", consumer->service.name,
                           cause->type);
    if (status == STATUS_OK)
        status = decode(consumer, past, &first, error);
    if (status == STATUS_OK)
        status = consumer->service.react(&reaction, &event, error);
    *answers = batch->appends;
    *count = batch->append_count;
    return status;
}

enum status consumer_watch(struct consumer *consumer, const struct fold *fold, const struct recorded_event *event,
                           struct error *error)
{
    return batch_watch(&consumer->batch, fold, event, error);
}

/* ---- life cycle ---- */

static void take_options(struct consumer *consumer, const struct consumer_options *options)
{
    consumer->clock = options->clock != NULL ? *options->clock : clock_system;
    consumer->retry = options->retry != NULL ? *options->retry : retry_policy_default;
    consumer->batch_events = options->batch_events != 0 ? options->batch_events : BATCH_EVENTS_DEFAULT;
    consumer->batch_limit = consumer->batch_events;
    consumer->producer = options->producer;
    consumer->tell = options->tell;
    consumer->tell_context = options->tell_context;
    consumer->type_count = event_type_names(consumer->service.subscriptions, consumer->types);
}

enum status consumer_open(struct consumer **out, struct eventstore *store, const struct service *service,
                          const struct consumer_options *options, struct error *error)
{
    struct pause pause = {0};
    *out = NULL;
    struct consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL)
        return error_memory(error);
    consumer->store = store;
    consumer->service = *service;
    consumer->any_parked = !MUTANT(WAITING_FORGOTTEN); /* until looked */
    take_options(consumer, options);
    batch_init(&consumer->batch, store, service->name);
    consumer->items = calloc(consumer->batch_events, sizeof *consumer->items);
    enum status status = consumer->items == NULL ? error_memory(error) : STATUS_OK;
    if (status == STATUS_OK)
        status = eventstore_checkpoint(store, service->name, &consumer->checkpoint, error);
    if (status == STATUS_OK)
        status = eventstore_paused(store, service->name, &pause, error);
    breaker_init(&consumer->breaker, &consumer->retry, &pause);
    consumer->position = consumer->checkpoint;
    if (status != STATUS_OK)
        consumer_close(&consumer);
    *out = consumer;
    return status;
}

void consumer_close(struct consumer **pointer)
{
    struct consumer *consumer = *pointer;
    *pointer = NULL;
    if (consumer == NULL)
        return;
    drop_outside(consumer);
    batch_clear(&consumer->batch);
    free(consumer->items);
    free(consumer);
}
