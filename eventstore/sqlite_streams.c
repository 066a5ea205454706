/* sqlite_streams.c - reading a stream, and an entity's journey.
 *
 * A stream is linked from its newest event to its oldest, and most want it the other way round. So whoever walks back
 * keeps copies of what he meets, as long as they are small; of the older events of a long stream he keeps the
 * positions, from which they are read again when their turn comes. */
#include "eventstore/sqlite_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
    KEPT_BYTES_MAX = 1 << 20, /* of data copied in one reading: some thousand events of ours */
};

/* ---- a stream's head ---- */

static enum status check_head(const struct stream_row *row, struct error *error)
{
    if (row->version >= 1 && row->version <= row->position && row->position <= INT64_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_DAMAGED,
                     "the head of a stream (of entity number %lld) is damaged: run `till verify`",
                     (long long)row->entity);
}

static enum status find_stream(struct eventstore *store, struct stream_row *row, struct error *error)
{
    bool found = false;
    sqlite3_stmt *select = store->statements[STATEMENT_FIND_STREAM];
    sqlite3_bind_int64(select, 1, row->entity);
    sqlite3_bind_int64(select, 2, row->category);
    enum status status = database_step(select, &found, "look up a stream", error);
    if (status == STATUS_OK && found) {
        row->version = (uint64_t)sqlite3_column_int64(select, 0);
        row->position = (uint64_t)sqlite3_column_int64(select, 1);
        status = check_head(row, error);
    }
    sqlite3_reset(select);
    return status;
}

enum status read_stream_row(struct eventstore *store, struct stream stream, struct stream_row *row, struct error *error)
{
    *row = (struct stream_row){0};
    enum status status = names_find_category(store, stream.category, false, &row->category, error);
    if (status == STATUS_OK)
        status = names_find_entity(store, stream.entity, &row->entity, error);
    if (status == STATUS_OK && row->category != 0 && row->entity != 0)
        status = find_stream(store, row, error);
    return status;
}

enum status eventstore_stream_version(struct eventstore *store, struct stream stream, uint64_t *version,
                                      struct error *error)
{
    struct stream_row row;
    enum status status = read_stream_row(store, stream, &row, error);
    *version = row.version;
    return status;
}

/* ---- the way back ---- */

struct met {
    uint64_t position;
    const struct recorded_event *event; /* in the arena; NULL where only the position was kept */
};

/* A reading of one or several streams, newest events first as they are met. */
struct stream_walk {
    struct eventstore *store;
    uint64_t from_version, to_version, to_position; /* what is wanted; to_position 0: no bound */
    size_t newest;                                  /* so many, and no older ones */
    struct stream_row at;                           /* the event that comes next, as the newest of its stream */
    struct stream_row *heads;                       /* of the streams whose turn comes later */
    size_t head_count, head_capacity;
    struct row_sink sink;
    struct met *items;
    size_t count, capacity;
    size_t kept_bytes;
    struct arena arena;
};

static enum status add_head(struct stream_walk *walk, struct stream_row head, struct error *error)
{
    struct stream_row *heads = array_room(walk->heads, walk->head_count, &walk->head_capacity, sizeof *heads);
    if (heads == NULL)
        return error_memory(error);
    walk->heads = heads;
    heads[walk->head_count++] = head;
    return STATUS_OK;
}

static enum status add(struct stream_walk *walk, const struct recorded_event *event, struct error *error)
{
    struct met *items = array_room(walk->items, walk->count, &walk->capacity, sizeof *items);
    if (items == NULL)
        return error_memory(error);
    walk->items = items;
    items[walk->count++] = (struct met){walk->at.position, event};
    return STATUS_OK;
}

/* A link must lead back within the stream, one version at a time: otherwise a damaged one could lead in circles. */
static enum status follow_link(struct stream_walk *walk, const struct event_row *row, struct error *error)
{
    struct stream_row *at = &walk->at;
    if (row->entity != at->entity || row->category != at->category || (uint64_t)row->version != at->version)
        return damaged_at(error, at->position, "it is not the one of its stream that belongs there");
    if ((uint64_t)row->previous >= at->position || (at->version > 1) != (row->previous != 0))
        return damaged_at(error, at->position, "its link to the event before it is wrong");
    at->position = (uint64_t)row->previous;
    at->version--;
    return STATUS_OK;
}

/* Does an event come next? Where a stream ends it is the newest of the next stream. */
static bool comes_next(struct stream_walk *walk)
{
    while (walk->at.version == 0 || walk->at.version < walk->from_version) {
        if (walk->head_count == 0)
            return false;
        walk->at = walk->heads[--walk->head_count];
    }
    return walk->count < walk->newest;
}

static bool is_wanted(const struct stream_walk *walk)
{
    return walk->at.version <= walk->to_version && (walk->to_position == 0 || walk->at.position <= walk->to_position);
}

static bool is_room(const struct stream_walk *walk)
{
    return walk->kept_bytes < KEPT_BYTES_MAX;
}

/* An event that cannot be read is met all the same, and said to be so when its turn comes. */
static enum status meet(void *context, const struct event_row *row, struct error *error)
{
    struct stream_walk *walk = context;
    struct recorded_event event;
    const struct recorded_event *copy = NULL;
    if (event_from_row(walk->store, row, &event, NULL) == STATUS_OK)
        copy = recorded_event_copy(&walk->arena, &event);
    walk->kept_bytes += row->data.length;
    enum status status = add(walk, copy, error);
    if (status == STATUS_OK)
        status = follow_link(walk, row, error);
    if (status != STATUS_OK)
        return status;
    if (!comes_next(walk) || !is_wanted(walk) || !is_room(walk))
        walk->sink.rows_left = 0;
    walk->sink.next = walk->at.position;
    return STATUS_OK;
}

/* Reads at least one event, and goes on where the sink wants to for as long as the statement's steps last. */
static enum status read_chain(struct eventstore *store, struct row_sink *sink, struct error *error)
{
    sqlite3_stmt *select;
    bool more;
    const size_t wanted = sink->rows_left;
    enum status status = statement_lend(store, STATEMENT_EVENT_CHAIN, &select, error);
    if (status != STATUS_OK)
        return status;
    status = rows_visit(select, sink, &more, error);
    if (status == STATUS_OK && sink->rows_left == wanted)
        status = damaged_at(error, sink->next, "it is missing");
    statement_return(store, STATEMENT_EVENT_CHAIN, select);
    return status;
}

static enum status keep_some(struct stream_walk *walk, struct error *error)
{
    walk->sink = (struct row_sink){.visit = meet, .context = walk, .rows_left = SIZE_MAX, .next = walk->at.position};
    return read_chain(walk->store, &walk->sink, error);
}

static enum status pass(struct stream_walk *walk, struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = walk->store->statements[STATEMENT_EVENT_LINK];
    sqlite3_bind_int64(select, 1, (int64_t)walk->at.position);
    enum status status = database_step(select, &row, "read a stream", error);
    const struct event_row link = {.previous = sqlite3_column_int64(select, 0),
                                   .version = sqlite3_column_int64(select, 1),
                                   .entity = sqlite3_column_int64(select, 2),
                                   .category = sqlite3_column_int64(select, 3)};
    if (status == STATUS_OK) /* of a row that is not there all columns are 0, which is no link */
        status = follow_link(walk, &link, error);
    sqlite3_reset(select);
    return status;
}

static enum status walk_back(struct stream_walk *walk, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && comes_next(walk)) {
        if (is_wanted(walk) && is_room(walk)) {
            status = keep_some(walk, error);
            continue;
        }
        if (is_wanted(walk))
            status = add(walk, NULL, error);
        if (status == STATUS_OK)
            status = pass(walk, error);
    }
    return status;
}

static void end_walk(struct stream_walk *walk)
{
    free(walk->items);
    free(walk->heads);
    arena_clear(&walk->arena);
}

/* ---- showing what was met ---- */

struct showing {
    struct eventstore *store;
    event_visitor visit;
    void *context;
};

static enum status show_row(void *context, const struct event_row *row, struct error *error)
{
    const struct showing *showing = context;
    struct recorded_event event;
    enum status status = event_from_row(showing->store, row, &event, error);
    return status == STATUS_OK ? showing->visit(showing->context, &event, error) : status;
}

static enum status show_one(struct showing *showing, uint64_t position, struct error *error)
{
    struct row_sink sink = {.visit = show_row, .context = showing, .rows_left = 1, .next = position};
    return read_chain(showing->store, &sink, error);
}

static enum status show_all(const struct stream_walk *walk, bool newest_first, size_t limit, event_visitor visit,
                            void *context, struct error *error)
{
    struct showing showing = {walk->store, visit, context};
    enum status status = STATUS_OK;
    size_t count = limit != 0 && limit < walk->count ? limit : walk->count;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        const struct met *met = &walk->items[newest_first ? i : walk->count - 1 - i];
        status = met->event != NULL ? visit(context, met->event, error) : show_one(&showing, met->position, error);
    }
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

/* The newest version that a reading can show: where the oldest ones are wanted, later ones need not be looked at. */
static uint64_t last_version(const struct stream_query *query)
{
    const uint64_t first = query->from_version > 0 ? query->from_version : 1;
    const bool is_open = query->direction == BACKWARDS || query->limit == 0 || query->to_position != 0;
    return is_open || query->limit > UINT64_MAX - first ? UINT64_MAX : first + query->limit - 1;
}

enum status eventstore_read_stream(struct eventstore *store, const struct stream_query *query, uint64_t *version,
                                   event_visitor visit, void *context, struct error *error)
{
    struct stream_row head;
    const bool backwards = query->direction == BACKWARDS;
    struct stream_walk walk = {.store = store,
                               .from_version = query->from_version,
                               .to_version = last_version(query),
                               .to_position = query->to_position};
    walk.newest = backwards && query->limit != 0 ? query->limit : SIZE_MAX;
    enum status status = read_stream_row(store, query->stream, &head, error);
    if (version != NULL)
        *version = head.version;
    walk.at = head;
    if (status == STATUS_OK)
        status = walk_back(&walk, error);
    if (status == STATUS_OK)
        status = show_all(&walk, backwards, query->limit, visit, context, error);
    end_walk(&walk);
    return status;
}

/* ---- all streams of an entity ---- */

static int newest_first(const void *one, const void *other)
{
    uint64_t a = ((const struct met *)one)->position, b = ((const struct met *)other)->position;
    return (a < b) - (a > b);
}

static enum status find_heads(struct stream_walk *walk, sqlite3_stmt *select, struct error *error)
{
    bool row;
    enum status status;
    while ((status = database_step(select, &row, "look up an entity's streams", error)) == STATUS_OK) {
        const struct stream_row head = {.version = (uint64_t)sqlite3_column_int64(select, 0),
                                        .position = (uint64_t)sqlite3_column_int64(select, 1),
                                        .entity = sqlite3_column_int64(select, 2),
                                        .category = sqlite3_column_int(select, 3)};
        if (head.entity == 0)
            break;
        status = check_head(&head, error);
        if (status == STATUS_OK)
            status = add_head(walk, head, error);
        if (status != STATUS_OK)
            break;
    }
    return status;
}

/* All streams in one transaction: that of the first statement, which is not stepped to its end. */
static enum status walk_streams(struct stream_walk *walk, const char *entity, struct error *error)
{
    struct uuid id;
    sqlite3_stmt *select;
    enum status status = statement_lend(walk->store, STATEMENT_ENTITY_STREAMS, &select, error);
    if (status != STATUS_OK)
        return status;
    names_bind_entity(select, entity, &id);
    status = find_heads(walk, select, error);
    if (status == STATUS_OK && walk->heads == NULL) /* as somebody's correlation its name may be known all the same */
        status = error_set(error, STATUS_NOT_FOUND, "nothing is known of that entity");
    else if (status == STATUS_OK) {
        names_remember_entity(walk->store, entity, walk->heads->entity);
        status = walk_back(walk, error);
    }
    statement_return(walk->store, STATEMENT_ENTITY_STREAMS, select);
    return status;
}

enum status eventstore_read_entity(struct eventstore *store, const char *entity, uint64_t to_position,
                                   event_visitor visit, void *context, struct error *error)
{
    struct stream_walk walk = {
        .store = store, .to_version = UINT64_MAX, .to_position = to_position, .newest = SIZE_MAX};
    enum status status = walk_streams(&walk, entity, error);
    if (status == STATUS_OK && walk.count > 0)
        qsort(walk.items, walk.count, sizeof *walk.items, newest_first);
    if (status == STATUS_OK)
        status = show_all(&walk, false, 0, visit, context, error);
    end_walk(&walk);
    return status;
}
