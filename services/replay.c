#include "services/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "domain/codec.h"
#include "domain/money.h"
#include "domain/stock.h"
#include "services/batch.h"
#include "services/services.h"

enum { PROGRESS_EVERY = 1024 };

struct replay {
    struct eventstore *store;
    struct currency currency;
    struct consumer *consumers[SERVICES_COUNT];
    void (*progress)(uint64_t position, uint64_t head);
    uint64_t to;
    struct replay_report *report;

    /* One answer: events in a row with the same cause, by the same service. */
    struct arena arena;
    const struct recorded_event **stands;
    size_t count, capacity;
    int service;
};

/* ---- in words ---- */

static enum status say_safe(char out[REPLAY_TEXT_SIZE], const char *text, struct error *error)
{
    struct buffer safe = {0};
    text_append_safe(&safe, text, strlen(text));
    snprintf(out, REPLAY_TEXT_SIZE, "%s", buffer_string(&safe));
    text_trim_partial(out);
    const enum status status = buffer_ok(&safe, error);
    buffer_clear(&safe);
    return status;
}

static enum status say_event(char out[REPLAY_TEXT_SIZE], const char *type, struct stream stream, const char *data,
                             struct error *error)
{
    struct buffer words = {0};
    buffer_format(&words, "%s in %s-%s: %s", type, stream.category, stream.entity, data);
    enum status status = buffer_ok(&words, error);
    if (status == STATUS_OK)
        status = say_safe(out, buffer_string(&words), error);
    buffer_clear(&words);
    return status;
}

static enum status say_stands(struct replay *replay, const struct recorded_event *event, struct error *error)
{
    return say_event(replay->report->stands, event->type, event->stream, event->data, error);
}

static enum status say_today(struct replay *replay, const struct append *answer, struct error *error)
{
    return say_event(replay->report->today, answer->events->type, answer->stream, answer->events->data, error);
}

/* Begins to tell of a difference; false when it is not the first. */
static bool is_first(struct replay *replay, const struct recorded_event *stands)
{
    struct replay_report *report = replay->report;
    if (report->position != 0)
        return false;
    report->position = stands->position;
    report->cause = stands->causation;
    snprintf(report->service, sizeof report->service, "%s", stands->actor);
    return true;
}

/* ---- comparing ---- */

/* Data of an older version, or with fields that nobody knows any more, is what it means today. */
static enum status means_the_same(struct replay *replay, const struct recorded_event *stands,
                                  const struct new_event *today, bool *same, struct error *error)
{
    struct event event;
    struct buffer again = {0};
    enum status status = event_decode(stands->type, stands->schema_version, stands->data, stands->data_length,
                                      replay->currency, &replay->arena, &event, error);
    if (status == STATUS_OK)
        status = event_encode(&event, &again, error);
    *same =
        status == STATUS_OK && again.length == today->data_length && memcmp(again.data, today->data, again.length) == 0;
    buffer_clear(&again);
    return status == STATUS_MEMORY ? status : STATUS_OK;
}

static enum status is_same(struct replay *replay, const struct recorded_event *stands, const struct append *answer,
                           bool *same, struct error *error)
{
    const struct new_event *today = answer->events;
    *same = uuid_equal(stands->id, today->id) && uuid_equal(stands->correlation, today->correlation) &&
            strcmp(stands->type, today->type) == 0 && strcmp(stands->stream.category, answer->stream.category) == 0 &&
            strcmp(stands->stream.entity, answer->stream.entity) == 0;
    if (!*same ||
        (stands->data_length == today->data_length && memcmp(stands->data, today->data, today->data_length) == 0))
        return STATUS_OK;
    return means_the_same(replay, stands, today, same, error);
}

static enum status compare(struct replay *replay, const struct append *answers, size_t count, struct error *error)
{
    struct replay_report *report = replay->report;
    const size_t common = count < replay->count ? count : replay->count;
    bool same = true;
    size_t at = 0;
    for (; at < common; at++) {
        enum status status = is_same(replay, replay->stands[at], &answers[at], &same, error);
        if (status != STATUS_OK)
            return status;
        if (!same)
            break;
    }
    if (same && count == replay->count) {
        report->agree++;
        return STATUS_OK;
    }
    if (!is_first(replay, replay->stands[at < replay->count ? at : replay->count - 1]))
        return STATUS_OK;
    snprintf(report->stands, sizeof report->stands, "nothing behind it");
    snprintf(report->today, sizeof report->today, "nothing");
    enum status status = at < replay->count ? say_stands(replay, replay->stands[at], error) : STATUS_OK;
    return status == STATUS_OK && at < count ? say_today(replay, &answers[at], error) : status;
}

/* Today's code answers with a failure, which is told as its answer; the store's own failures end the replay. */
static enum status note_failure(struct replay *replay, enum status failure, const struct error *why,
                                struct error *error)
{
    switch (failure) {
    case STATUS_INVALID:
    case STATUS_NOT_FOUND:
    case STATUS_NEWER:
    case STATUS_REFUSED: break;
    default: return error_set(error, failure, "%s", why->text);
    }
    if (!is_first(replay, replay->stands[0]))
        return STATUS_OK;
    enum status status = say_stands(replay, replay->stands[0], error);
    return status == STATUS_OK ? say_safe(replay->report->today, why->text, error) : status;
}

/* ---- one answer ---- */

static enum status copy_event(void *context, const struct recorded_event *event, struct error *error)
{
    struct replay *replay = context;
    const struct recorded_event **stands =
        array_room(replay->stands, replay->count, &replay->capacity, sizeof *replay->stands);
    if (stands == NULL)
        return error_memory(error);
    replay->stands = stands;
    stands[replay->count] = recorded_event_copy(&replay->arena, event);
    return stands[replay->count++] == NULL ? error_memory(error) : STATUS_OK;
}

/* The cause is put behind the answer for as long as it takes to read it. */
static enum status read_cause(struct replay *replay, const struct recorded_event **cause, struct error *error)
{
    const uint64_t position = replay->stands[0]->causation;
    const struct roll_query query = {.from = position, .to = position};
    const size_t count = replay->count;
    enum status status = eventstore_read_roll(replay->store, &query, copy_event, replay, error);
    if (status != STATUS_OK)
        return status;
    CHECK(replay->count == count + 1 && position < replay->stands[0]->position); /* the store knows no other causes */
    *cause = replay->stands[count];
    replay->count = count;
    return STATUS_OK;
}

static enum status judge(struct replay *replay, struct error *error)
{
    const struct recorded_event *cause = NULL;
    const struct append *answers = NULL;
    size_t count = 0;
    struct error why = {0};
    enum status status = read_cause(replay, &cause, error);
    if (status != STATUS_OK)
        return status;
    replay->report->answers++;
    status = consumer_rehearse(replay->consumers[replay->service], cause, replay->stands[0], &answers, &count, &why);
    return status == STATUS_OK ? compare(replay, answers, count, error) : note_failure(replay, status, &why, error);
}

/* Streams that live long are folded as they grow, by all who may decide on them. */
static enum status watch(struct replay *replay, const struct recorded_event *event, struct error *error)
{
    enum status status = STATUS_OK;
    if (strcmp(event->stream.category, stock_fold.category) != 0)
        return STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < SERVICES_COUNT; i++)
        status = consumer_watch(replay->consumers[i], &stock_fold, event, error);
    /* What cannot be read was no help to those who decided then, either. */
    return status == STATUS_MEMORY ? status : STATUS_OK;
}

static enum status end_answer(struct replay *replay, struct error *error)
{
    enum status status = replay->count > 0 ? judge(replay, error) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < replay->count; i++)
        status = watch(replay, replay->stands[i], error);
    replay->count = 0;
    arena_reset(&replay->arena);
    return status;
}

/* ---- the roll ---- */

static int service_number(const char *actor)
{
    for (int i = 0; i < SERVICES_COUNT; i++)
        if (strcmp(service_names[i], actor) == 0)
            return i;
    return -1;
}

static bool goes_on(const struct replay *replay, const struct recorded_event *event)
{
    return replay->count > 0 && event->causation == replay->stands[0]->causation &&
           strcmp(event->actor, replay->stands[0]->actor) == 0;
}

static enum status visit(void *context, const struct recorded_event *event, struct error *error)
{
    struct replay *replay = context;
    enum status status = STATUS_OK;
    if (replay->progress != NULL && event->position % PROGRESS_EVERY == 0)
        replay->progress(event->position, replay->to);
    if (!goes_on(replay, event)) {
        status = end_answer(replay, error);
        replay->service = event->causation == 0 ? -1 : service_number(event->actor);
    }
    if (status != STATUS_OK)
        return status;
    return replay->service >= 0 ? copy_event(replay, event, error) : watch(replay, event, error);
}

static enum status open_consumers(struct replay *replay, struct error *error)
{
    const struct consumer_options options = {.batch_events = 1};
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < SERVICES_COUNT; i++) {
        struct service service = service_described(i);
        service.drop = NULL; /* there is no outside that something could be left in */
        status = consumer_open(&replay->consumers[i], replay->store, &service, &options, error);
    }
    return status;
}

static enum status walk(struct replay *replay, struct error *error)
{
    uint64_t head = 0;
    enum status status = eventstore_head(replay->store, &head, error);
    if (replay->to == 0 || replay->to > head)
        replay->to = head;
    if (status != STATUS_OK || head == 0)
        return status;
    const struct roll_query query = {.to = replay->to};
    status = eventstore_read_roll(replay->store, &query, visit, replay, error);
    return status == STATUS_OK ? end_answer(replay, error) : status;
}

enum status replay_roll(struct eventstore *store, uint64_t to, void (*progress)(uint64_t position, uint64_t head),
                        struct replay_report *report, struct error *error)
{
    struct replay replay = {.store = store,
                            .currency = currency_from_settings(eventstore_info(store)->settings),
                            .progress = progress,
                            .to = to,
                            .report = report,
                            .service = -1};
    *report = (struct replay_report){.answers = 0};
    enum status status = open_consumers(&replay, error);
    if (status == STATUS_OK)
        status = walk(&replay, error);
    for (int i = 0; i < SERVICES_COUNT; i++)
        consumer_close(&replay.consumers[i]);
    free(replay.stands);
    arena_clear(&replay.arena);
    return status;
}
