/* sqlite_read.c - reading the roll, a stream, an entity's journey.
 *
 * What stands on the roll never changes, so a long reading need not be one transaction: it is read page by page, and a
 * stream is walked link by link, each a read of its own. */
#include "eventstore/sqlite_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define POSITION_MAX (INT64_MAX - 1) /* the one behind it can be counted too */

enum {
    TYPES_PAGE = 8 * EVENTSTORE_PAGE, /* positions a read transaction passes where only some types are wanted */
    MASKED_TYPES = 62,                /* of STATEMENT_ROLL_OF_TYPES */
};

/* Positions are signed where they are stored; a bound past the largest is none. */
static int64_t stored_position(uint64_t position)
{
    return position < POSITION_MAX ? (int64_t)position : POSITION_MAX;
}

enum status damaged_at(struct error *error, uint64_t position, const char *what)
{
    return error_set(error, STATUS_DAMAGED, "the event at position %llu is damaged: %s. Run `till verify`",
                     (unsigned long long)position, what);
}

/* ---- one row ---- */

static bool column_uuid(sqlite3_stmt *row, int column, struct uuid *id)
{
    const void *bytes = sqlite3_column_blob(row, column);
    if (bytes == NULL || sqlite3_column_bytes(row, column) != UUID_BYTES)
        return false;
    memcpy(id->bytes, bytes, UUID_BYTES);
    return true;
}

/* A correlation is kept as the number of the entity it names; none means the event's own id. */
static enum status read_correlation(struct eventstore *store, sqlite3_stmt *row, struct recorded_event *event,
                                    struct error *error)
{
    const struct entity_slot *journey;
    event->correlation = event->id;
    if (sqlite3_column_type(row, COLUMN_CORRELATION) == SQLITE_NULL)
        return STATUS_OK;
    enum status status = names_entity(store, sqlite3_column_int64(row, COLUMN_CORRELATION), &journey, error);
    if (status == STATUS_OK && !journey->is_uuid)
        status = damaged_at(error, event->position, "its correlation is no id");
    if (status == STATUS_OK)
        event->correlation = journey->uuid;
    return status;
}

static enum status read_names(struct eventstore *store, sqlite3_stmt *row, struct recorded_event *event,
                              struct error *error)
{
    const struct origin_row *origin;
    const struct entity_slot *entity;
    enum status status = names_type(store, sqlite3_column_int64(row, COLUMN_TYPE), &event->type, error);
    if (status == STATUS_OK)
        status = names_category(store, sqlite3_column_int64(row, COLUMN_CATEGORY), &event->stream.category, error);
    if (status == STATUS_OK)
        status = names_origin(store, sqlite3_column_int64(row, COLUMN_ORIGIN), &origin, error);
    if (status == STATUS_OK) {
        event->actor = origin->actor;
        event->producer = origin->producer;
        status = read_correlation(store, row, event, error);
    }
    /* Last, because the name is borrowed until the next entity is looked up. */
    if (status == STATUS_OK)
        status = names_entity(store, sqlite3_column_int64(row, COLUMN_ENTITY), &entity, error);
    if (status == STATUS_OK)
        event->stream.entity = entity->name;
    return status;
}

enum status read_event_row(struct eventstore *store, sqlite3_stmt *row, struct recorded_event *event,
                           struct error *error)
{
    event->position = (uint64_t)sqlite3_column_int64(row, COLUMN_POSITION);
    event->version = (uint64_t)sqlite3_column_int64(row, COLUMN_VERSION);
    int64_t schema_version = sqlite3_column_int64(row, COLUMN_SCHEMA_VERSION);
    event->schema_version = (int)schema_version;
    event->causation = (uint64_t)sqlite3_column_int64(row, COLUMN_CAUSATION);
    event->recorded_at_us = sqlite3_column_int64(row, COLUMN_RECORDED_AT);
    if (schema_version < 1 || schema_version > EVENTSTORE_SCHEMA_VERSION_MAX)
        return damaged_at(error, event->position, "its schema version is none");
    if (!column_uuid(row, COLUMN_EVENT_ID, &event->id))
        return damaged_at(error, event->position, "its id is no id");
    event->has_command_id = sqlite3_column_type(row, COLUMN_COMMAND_ID) != SQLITE_NULL;
    if (event->has_command_id && !column_uuid(row, COLUMN_COMMAND_ID, &event->command_id))
        return damaged_at(error, event->position, "its command's id is no id");
    event->data = (const char *)sqlite3_column_text(row, COLUMN_DATA);
    event->data_length = (size_t)sqlite3_column_bytes(row, COLUMN_DATA);
    event->digest = sqlite3_column_blob(row, COLUMN_DIGEST);
    if (event->data == NULL)
        return sqlite3_errcode(store->database) == SQLITE_NOMEM ? error_memory(error)
                                                                : damaged_at(error, event->position, "it has no data");
    if (event->digest == NULL || sqlite3_column_bytes(row, COLUMN_DIGEST) != EVENTSTORE_DIGEST_BYTES)
        return damaged_at(error, event->position, "its digest is none");
    return read_names(store, row, event, error);
}

static enum status visit_one(struct eventstore *store, uint64_t position, event_visitor visit, void *context,
                             struct error *error)
{
    sqlite3_stmt *select;
    bool row = false;
    struct recorded_event event;
    enum status status = statement_lend(store, STATEMENT_EVENT_AT, &select, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(select, 1, (int64_t)position);
    status = database_step(select, &row, "read an event", error);
    if (status == STATUS_OK && !row)
        status = damaged_at(error, position, "it is missing");
    if (status == STATUS_OK)
        status = read_event_row(store, select, &event, error);
    if (status == STATUS_OK)
        status = visit(context, &event, error);
    statement_return(store, STATEMENT_EVENT_AT, select);
    return status;
}

/* ---- the roll ---- */

/* Which types are wanted, by number. Each is decided when it is first met: some may not have been written yet when the
 * reading begins. */
struct type_filter {
    const char *const *types; /* NULL: all */
    size_t count;
    enum { UNDECIDED, WANTED, UNWANTED } verdicts[NAMES_MAX + 1];
};

static bool is_among(const struct type_filter *filter, const char *type)
{
    for (size_t i = 0; i < filter->count; i++)
        if (strcmp(filter->types[i], type) == 0)
            return true;
    return false;
}

static enum status filter_row(struct eventstore *store, struct type_filter *filter, sqlite3_stmt *row, bool *wanted,
                              struct error *error)
{
    const char *name;
    *wanted = true;
    if (filter->types == NULL)
        return STATUS_OK;
    int64_t type = sqlite3_column_int64(row, COLUMN_TYPE);
    bool decided = type > 0 && type <= NAMES_MAX && filter->verdicts[type] != UNDECIDED;
    enum status status = decided ? STATUS_OK : names_type(store, type, &name, error);
    if (status != STATUS_OK)
        return status;
    if (!decided)
        filter->verdicts[type] = is_among(filter, name) ? WANTED : UNWANTED;
    *wanted = filter->verdicts[type] == WANTED;
    return STATUS_OK;
}

/* Bit n: type number n is wanted, or not known yet. */
static int64_t mask_types(const struct eventstore *store, const struct type_filter *filter)
{
    uint64_t mask = UINT64_MAX;
    for (int i = 0; i < store->types.count && i < MASKED_TYPES; i++)
        if (!is_among(filter, store->types.names[i]))
            mask &= ~(UINT64_C(1) << (i + 1));
    return (int64_t)mask;
}

struct roll_walk {
    struct eventstore *store;
    struct type_filter filter;
    event_visitor visit;
    void *context;
    int64_t from, to; /* what is still to be read, the lower bound first */
    bool backwards;
    size_t left; /* events that may still be visited */
    bool more;   /* the last page was full */
};

static enum status visit_row(struct roll_walk *walk, sqlite3_stmt *row, struct error *error)
{
    struct recorded_event event;
    bool wanted;
    enum status status = filter_row(walk->store, &walk->filter, row, &wanted, error);
    if (status != STATUS_OK || !wanted)
        return status;
    status = read_event_row(walk->store, row, &event, error);
    if (status == STATUS_OK)
        status = walk->visit(walk->context, &event, error);
    walk->left--;
    return status;
}

static enum status visit_page(struct roll_walk *walk, sqlite3_stmt *page, struct error *error)
{
    enum status status = STATUS_OK;
    for (int rows = 0; status == STATUS_OK && walk->left > 0 && rows < EVENTSTORE_PAGE; rows++) {
        status = database_step(page, &walk->more, "read the roll", error);
        if (status != STATUS_OK || !walk->more)
            break;
        int64_t position = sqlite3_column_int64(page, COLUMN_POSITION);
        if (walk->backwards)
            walk->to = position - 1;
        else
            walk->from = position + 1;
        status = visit_row(walk, page, error);
    }
    return status;
}

static struct roll_walk begin_walk(struct eventstore *store, const struct roll_query *query)
{
    CHECK(query->type_count <= EVENTSTORE_TYPES_MAX);
    struct roll_walk walk = {.store = store, .backwards = query->direction == BACKWARDS, .more = true};
    walk.filter = (struct type_filter){.types = query->types, .count = query->type_count};
    walk.left = query->limit != 0 ? query->limit : SIZE_MAX;
    if (walk.backwards) {
        walk.from = query->to != 0 ? stored_position(query->to) : 1;
        walk.to = query->from != 0 ? stored_position(query->from) : POSITION_MAX;
    } else {
        walk.from = query->from != 0 ? stored_position(query->from) : 1;
        walk.to = query->to != 0 ? stored_position(query->to) : POSITION_MAX;
    }
    return walk;
}

static enum status walk_pages(struct roll_walk *walk, struct error *error)
{
    enum statement which = walk->backwards ? STATEMENT_ROLL_BACKWARDS : STATEMENT_ROLL_FORWARDS;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && walk->more && walk->left > 0 && walk->from <= walk->to) {
        sqlite3_stmt *page;
        status = statement_lend(walk->store, which, &page, error);
        if (status != STATUS_OK)
            break;
        sqlite3_bind_int64(page, 1, walk->from);
        sqlite3_bind_int64(page, 2, walk->to);
        status = visit_page(walk, page, error);
        statement_return(walk->store, which, page);
    }
    return status;
}

/* Forwards, and only some types: a page is a stretch of positions, for it may hold any number of events. */
static enum status walk_stretch(struct roll_walk *walk, int64_t end, struct error *error)
{
    sqlite3_stmt *page;
    enum status status = statement_lend(walk->store, STATEMENT_ROLL_OF_TYPES, &page, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(page, 1, walk->from);
    sqlite3_bind_int64(page, 2, end);
    sqlite3_bind_int64(page, 3, mask_types(walk->store, &walk->filter));
    status = visit_page(walk, page, error);
    statement_return(walk->store, STATEMENT_ROLL_OF_TYPES, page);
    if (!walk->more)
        walk->from = end + 1;
    return status;
}

static enum status walk_types(struct roll_walk *walk, struct error *error)
{
    uint64_t head;
    enum status status = eventstore_head(walk->store, &head, error);
    while (status == STATUS_OK && walk->left > 0 && walk->from <= walk->to && walk->from <= (int64_t)head) {
        int64_t last = walk->to < (int64_t)head ? walk->to : (int64_t)head;
        status = walk_stretch(walk, last - walk->from < TYPES_PAGE ? last : walk->from + TYPES_PAGE - 1, error);
        if (status == STATUS_OK) /* more may have been written meanwhile */
            status = eventstore_head(walk->store, &head, error);
    }
    return status;
}

enum status eventstore_read_roll(struct eventstore *store, const struct roll_query *query, event_visitor visit,
                                 void *context, struct error *error)
{
    struct roll_walk walk = begin_walk(store, query);
    walk.visit = visit;
    walk.context = context;
    bool some = query->types != NULL && !walk.backwards;
    enum status status = some ? walk_types(&walk, error) : walk_pages(&walk, error);
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

/* ---- streams ---- */

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

/* Positions of a stream's events, newest first as they are found. */
struct positions {
    uint64_t *items;
    size_t count, capacity;
};

static enum status add_position(struct positions *positions, uint64_t position, struct error *error)
{
    uint64_t *items = array_room(positions->items, positions->count, &positions->capacity, sizeof *items);
    if (items == NULL)
        return error_memory(error);
    positions->items = items;
    positions->items[positions->count++] = position;
    return STATUS_OK;
}

/* One step back in a stream: from the event at *position, of *version, to the one before it. */
static enum status step_back(struct eventstore *store, uint64_t *position, uint64_t *version, struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_EVENT_LINK];
    sqlite3_bind_int64(select, 1, (int64_t)*position);
    enum status status = database_step(select, &row, "read a stream", error);
    uint64_t previous = row ? (uint64_t)sqlite3_column_int64(select, 0) : 0;
    bool fits = row && (uint64_t)sqlite3_column_int64(select, 1) == *version && previous < *position;
    sqlite3_reset(select);
    /* A link must lead back, one version at a time: otherwise a damaged one could lead in circles. */
    if (status == STATUS_OK && (!fits || (*version > 1) != (previous != 0)))
        status = damaged_at(error, *position, "its link to the event before it is wrong");
    *position = previous;
    *version -= 1;
    return status;
}

/* Collects the positions of the newest `limit` of the stream's events in versions `from` and later that stand at or
 * before `to` (0: no bound). */
static enum status collect(struct eventstore *store, const struct stream_row *head, uint64_t from, uint64_t to,
                           size_t limit, struct positions *positions, struct error *error)
{
    uint64_t position = head->position, version = head->version;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && version >= from && version > 0 && positions->count < limit) {
        if (to == 0 || position <= to)
            status = add_position(positions, position, error);
        if (status == STATUS_OK)
            status = step_back(store, &position, &version, error);
    }
    return status;
}

static enum status visit_positions(struct eventstore *store, const struct positions *positions, bool newest_first,
                                   size_t limit, event_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    size_t count = limit != 0 && limit < positions->count ? limit : positions->count;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        size_t at = newest_first ? i : positions->count - 1 - i;
        status = visit_one(store, positions->items[at], visit, context, error);
    }
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

enum status eventstore_read_stream(struct eventstore *store, const struct stream_query *query, uint64_t *version,
                                   event_visitor visit, void *context, struct error *error)
{
    struct stream_row head;
    struct positions positions = {0};
    bool backwards = query->direction == BACKWARDS;
    size_t newest = backwards && query->limit != 0 ? query->limit : SIZE_MAX;
    enum status status = read_stream_row(store, query->stream, &head, error);
    if (version != NULL)
        *version = head.version;
    if (status == STATUS_OK)
        status = collect(store, &head, query->from_version, query->to_position, newest, &positions, error);
    if (status == STATUS_OK)
        status = visit_positions(store, &positions, backwards, query->limit, visit, context, error);
    free(positions.items);
    return status;
}

static int newest_first(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a < b) - (a > b);
}

static enum status collect_entity(struct eventstore *store, int64_t entity, uint64_t to, struct positions *positions,
                                  size_t *streams, struct error *error)
{
    sqlite3_stmt *select;
    enum status status = statement_lend(store, STATEMENT_ENTITY_STREAMS, &select, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(select, 1, entity);
    while (status == STATUS_OK) {
        bool row = false;
        status = database_step(select, &row, "look up an entity's streams", error);
        if (status != STATUS_OK || !row)
            break;
        struct stream_row head = {.version = (uint64_t)sqlite3_column_int64(select, 0),
                                  .position = (uint64_t)sqlite3_column_int64(select, 1)};
        status = collect(store, &head, 1, to, SIZE_MAX, positions, error);
        ++*streams;
    }
    statement_return(store, STATEMENT_ENTITY_STREAMS, select);
    return status;
}

enum status eventstore_read_entity(struct eventstore *store, const char *entity, uint64_t to_position,
                                   event_visitor visit, void *context, struct error *error)
{
    int64_t id = 0;
    size_t streams = 0;
    struct positions positions = {0};
    enum status status = names_find_entity(store, entity, &id, error);
    if (status == STATUS_OK)
        status = collect_entity(store, id, to_position, &positions, &streams, error);
    if (status == STATUS_OK && streams == 0) /* as somebody's correlation its name may be known all the same */
        status = error_set(error, STATUS_NOT_FOUND, "nothing is known of that entity");
    if (status == STATUS_OK && positions.count > 0)
        qsort(positions.items, positions.count, sizeof *positions.items, newest_first);
    if (status == STATUS_OK)
        status = visit_positions(store, &positions, false, 0, visit, context, error);
    free(positions.items);
    return status;
}

/* ---- single facts ---- */

enum status read_roll_head(struct eventstore *store, struct roll_head *head, struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_HEAD];
    enum status status = database_step(select, &row, "read the roll's head", error);
    if (status == STATUS_OK && !row) {
        *head = (struct roll_head){0};
        digest_start(store->info.id, head->digest);
    } else if (status == STATUS_OK) {
        head->position = (uint64_t)sqlite3_column_int64(select, 0);
        head->recorded_at_us = sqlite3_column_int64(select, 1);
        if (sqlite3_column_bytes(select, 2) == EVENTSTORE_DIGEST_BYTES)
            memcpy(head->digest, sqlite3_column_blob(select, 2), EVENTSTORE_DIGEST_BYTES);
        else
            status = damaged_at(error, head->position, "its digest is none");
    }
    sqlite3_reset(select);
    return status;
}

enum status eventstore_head(struct eventstore *store, uint64_t *position, struct error *error)
{
    struct roll_head head = {0};
    enum status status = read_roll_head(store, &head, error);
    *position = head.position;
    return status;
}

enum status eventstore_head_digest(struct eventstore *store, uint64_t *position,
                                   uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct error *error)
{
    struct roll_head head = {0};
    enum status status = read_roll_head(store, &head, error);
    *position = head.position;
    memcpy(digest, head.digest, EVENTSTORE_DIGEST_BYTES);
    return status;
}

enum status eventstore_digest_at(struct eventstore *store, uint64_t position, uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                                 struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_EVENT_AT];
    if (position == 0) {
        digest_start(store->info.id, digest);
        return STATUS_OK;
    }
    sqlite3_bind_int64(select, 1, (int64_t)position);
    enum status status = database_step(select, &row, "read an event's digest", error);
    if (status == STATUS_OK && !row)
        status = error_set(error, STATUS_NOT_FOUND, "there is no event at position %llu", (unsigned long long)position);
    else if (status == STATUS_OK && sqlite3_column_bytes(select, COLUMN_DIGEST) != EVENTSTORE_DIGEST_BYTES)
        status = damaged_at(error, position, "its digest is no digest");
    if (status == STATUS_OK)
        memcpy(digest, sqlite3_column_blob(select, COLUMN_DIGEST), EVENTSTORE_DIGEST_BYTES);
    sqlite3_reset(select);
    return status;
}

enum status eventstore_event_id(struct eventstore *store, uint64_t position, struct uuid *id, struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_EVENT_ID];
    sqlite3_bind_int64(select, 1, (int64_t)position);
    enum status status = database_step(select, &row, "read an event's id", error);
    if (status == STATUS_OK && !row)
        status = error_set(error, STATUS_NOT_FOUND, "there is no event at position %llu", (unsigned long long)position);
    if (status == STATUS_OK && !column_uuid(select, 0, id))
        status = damaged_at(error, position, "its id is no id");
    sqlite3_reset(select);
    return status;
}

static enum status recorded_at(struct eventstore *store, uint64_t position, int64_t *at_us, struct error *error)
{
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_RECORDED_AT];
    sqlite3_bind_int64(select, 1, (int64_t)position);
    enum status status = database_step(select, &row, "read an event's time", error);
    if (status == STATUS_OK && !row)
        status = damaged_at(error, position, "it is missing");
    *at_us = row ? sqlite3_column_int64(select, 0) : 0;
    sqlite3_reset(select);
    return status;
}

/* recorded_at never falls along the roll, so the answer is found by halving. */
enum status eventstore_position_at(struct eventstore *store, int64_t at_us, uint64_t *position, struct error *error)
{
    uint64_t before = 0, after = 0; /* recorded by then · recorded later, or past the head */
    enum status status = eventstore_head(store, &after, error);
    after++;
    while (status == STATUS_OK && after - before > 1) {
        uint64_t middle = before + (after - before) / 2;
        int64_t recorded_us = 0;
        status = recorded_at(store, middle, &recorded_us, error);
        if (recorded_us <= at_us)
            before = middle;
        else
            after = middle;
    }
    *position = before;
    return status;
}
