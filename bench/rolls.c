#include "bench/rolls.h"

#include <stdlib.h>

#include "base/clock.h"
#include "domain/codec.h"

enum { COMMIT_EVENTS_MAX = 100 };

static int64_t history_clock(void *context)
{
    return history_now_us(((const struct rolls *)context)->history);
}

static enum status open_store(struct rolls *rolls, struct error *error)
{
    rolls->clock = (struct clock){history_clock, rolls};
    const struct eventstore_options options = {.clock = &rolls->clock};
    enum status status = eventstore_create(rolls->folder, &options, "{\"currency\":\"USD\"}", error);
    return status == STATUS_OK ? eventstore_open(&rolls->store, rolls->folder, &options, error) : status;
}

enum status rolls_open(struct rolls **rolls, const struct bench *bench, struct error *error)
{
    struct rolls *made = *rolls = calloc(1, sizeof **rolls);
    if (made == NULL)
        return error_memory(error);
    enum status status = place_folder(bench, made->folder, "shop", error);
    if (status == STATUS_OK)
        status = path_join(made->limit_path, bench->folder, error, "limit.db");
    if (status == STATUS_OK)
        status = history_open(&made->history, bench->events, error);
    if (status == STATUS_OK)
        status = open_store(made, error);
    if (status == STATUS_OK)
        status = limit_open(&made->limit, made->limit_path, error);
    if (status != STATUS_OK)
        rolls_close(rolls);
    return status;
}

void rolls_close(struct rolls **rolls)
{
    if (*rolls == NULL)
        return;
    eventstore_close(&(*rolls)->store);
    limit_close(&(*rolls)->limit);
    history_close(&(*rolls)->history);
    buffer_clear(&(*rolls)->bytes);
    free(*rolls);
    *rolls = NULL;
}

static enum status encode(struct rolls *rolls, struct made_event *events, size_t count, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        events[i].data_offset = rolls->bytes.length;
        status = event_encode(&events[i].event, &rolls->bytes, error);
        events[i].data_length = rolls->bytes.length - events[i].data_offset;
    }
    return status;
}

/* The bytes move while they grow. */
static void point_to_bytes(const struct rolls *rolls, struct made_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        events[i].data = rolls->bytes.data + events[i].data_offset;
}

/* Ours: from structs to a commit on disk. */
static enum status commit(struct rolls *rolls, struct made_event *events, size_t count, struct error *error)
{
    struct new_event written[COMMIT_EVENTS_MAX];
    struct append appends[COMMIT_EVENTS_MAX];
    enum status status = encode(rolls, events, count, error);
    if (status != STATUS_OK)
        return status;
    point_to_bytes(rolls, events, count);
    for (size_t i = 0; i < count; i++) {
        const struct made_event *made = &events[i];
        written[i] = (struct new_event){.id = made->id,
                                        .type = event_type_name(made->event.type),
                                        .schema_version = event_schema_version(made->event.type),
                                        .correlation = made->correlation,
                                        .causation = made->causation,
                                        .data = made->data,
                                        .data_length = made->data_length};
        appends[i] = (struct append){made->stream, made->version - 1, &written[i], 1};
    }
    const struct commit all = {
        .appends = appends, .append_count = count, .actor = LIMIT_ACTOR, .producer = LIMIT_PRODUCER};
    uint64_t head = 0;
    status = eventstore_commit(rolls->store, &all, &head, error);
    CHECK(status != STATUS_OK || head == events[count - 1].position);
    return status;
}

/* Calls `write` for each `commit_events` of the wave. */
static enum status in_commits(struct rolls *rolls, struct made_event *events, size_t count, size_t commit_events,
                              bool ours, int64_t *elapsed_us, struct error *error)
{
    int64_t started_us = clock_monotonic_us();
    enum status status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < count; at += commit_events) {
        size_t some = count - at < commit_events ? count - at : commit_events;
        status = ours ? commit(rolls, events + at, some, error) : limit_append(&rolls->limit, events + at, some, error);
    }
    *elapsed_us += clock_monotonic_us() - started_us;
    return status;
}

enum status rolls_append(struct rolls *rolls, size_t commit_events, size_t *count, int64_t *ours_us, int64_t *limit_us,
                         struct error *error)
{
    struct made_event *events;
    CHECK(commit_events <= COMMIT_EVENTS_MAX);
    enum status status = history_wave(rolls->history, &events, count, error);
    if (status != STATUS_OK)
        return status;
    buffer_reset(&rolls->bytes);
    status = in_commits(rolls, events, *count, commit_events, true, ours_us, error);
    point_to_bytes(rolls, events, *count);
    if (status == STATUS_OK)
        status = in_commits(rolls, events, *count, commit_events, false, limit_us, error);
    rolls->events += *count;
    return status;
}

enum status rolls_append_limit(struct rolls *rolls, size_t commit_events, size_t *count, int64_t *limit_us,
                               struct error *error)
{
    struct made_event *events;
    uint64_t last = 0;
    enum status status = history_wave(rolls->history, &events, count, error);
    buffer_reset(&rolls->bytes);
    if (status == STATUS_OK)
        status = encode(rolls, events, *count, error);
    if (status == STATUS_OK)
        status = limit_head(&rolls->limit, &last, error);
    if (status != STATUS_OK)
        return status;
    point_to_bytes(rolls, events, *count);
    for (size_t i = 0; i < *count; i++)
        events[i].position = last + 1 + i; /* others have written there, too */
    return in_commits(rolls, events, *count, commit_events, false, limit_us, error);
}
