/* sqlite_read.c - reading the roll, and single facts about it.
 *
 * What stands on the roll never changes, so a long reading need not be one transaction: it is read page by page. */
#include "eventstore/sqlite_store.h"

#include <string.h>

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

static enum status is_wanted(struct eventstore *store, struct type_filter *filter, int64_t type, bool *wanted,
                             struct error *error)
{
    const char *name;
    *wanted = true;
    if (filter->types == NULL)
        return STATUS_OK;
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
    int64_t from, to;    /* what is still to be read, the lower bound first */
    int64_t first, last; /* the next event stands between these */
    bool backwards, with_digests;
    size_t left; /* events that may still be visited */
    bool more;   /* the last page was full */
    struct row_sink page;
};

/* Positions have no gaps: of all events the next one's is known, unless the reading begins behind the head and goes
 * back; of those of some types, between which others stand, that it comes later. SQLite believes the order of the rows,
 * so a position that is damaged would be handed over as it stands. */
static enum status take_place(struct roll_walk *walk, int64_t position, struct error *error)
{
    if (position < walk->first || position > walk->last)
        return error_set(error, STATUS_DAMAGED,
                         "the roll is damaged: an event stands at position %lld, out of its place. Run `till verify`",
                         (long long)position);
    if (walk->backwards)
        walk->first = walk->last = walk->to = position - 1;
    else
        walk->first = walk->from = position + 1;
    if (walk->filter.types == NULL)
        walk->last = walk->first;
    return STATUS_OK;
}

static enum status visit_row(void *context, const struct event_row *row, struct error *error)
{
    struct roll_walk *walk = context;
    struct recorded_event event;
    bool wanted;
    enum status status = take_place(walk, row->position, error);
    if (status == STATUS_OK)
        status = is_wanted(walk->store, &walk->filter, row->type, &wanted, error);
    if (status != STATUS_OK || !wanted)
        return status;
    status = event_from_row(walk->store, row, &event, error);
    if (status == STATUS_OK)
        status = walk->visit(walk->context, &event, error);
    if (--walk->left == 0)
        walk->page.rows_left = 0;
    return status;
}

static enum status visit_page(struct roll_walk *walk, sqlite3_stmt *page, struct error *error)
{
    walk->page = (struct row_sink){.visit = visit_row, .context = walk, .rows_left = EVENTSTORE_PAGE};
    return rows_visit(page, &walk->page, &walk->more, error);
}

static struct roll_walk begin_walk(struct eventstore *store, const struct roll_query *query)
{
    CHECK(query->type_count <= EVENTSTORE_TYPES_MAX);
    CHECK(!query->with_digests || (query->direction == FORWARDS && query->types == NULL));
    struct roll_walk walk = {
        .store = store, .backwards = query->direction == BACKWARDS, .with_digests = query->with_digests};
    walk.filter = (struct type_filter){.types = query->types, .count = query->type_count};
    walk.left = query->limit != 0 ? query->limit : SIZE_MAX;
    if (walk.backwards) {
        walk.from = query->to != 0 ? stored_position(query->to) : 1;
        walk.to = query->from != 0 ? stored_position(query->from) : POSITION_MAX;
    } else {
        walk.from = query->from != 0 ? stored_position(query->from) : 1;
        walk.to = query->to != 0 ? stored_position(query->to) : POSITION_MAX;
    }
    walk.first = walk.from;
    walk.last = walk.backwards ? walk.to : walk.from;
    return walk;
}

static enum status walk_page(struct roll_walk *walk, enum statement which, struct error *error)
{
    sqlite3_stmt *page;
    enum status status = statement_lend(walk->store, which, &page, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(page, 2, walk->from);
    sqlite3_bind_int64(page, 3, walk->to);
    status = visit_page(walk, page, error);
    statement_return(walk->store, which, page);
    return status;
}

/* The rows ended, and something is still to be read. Where the roll has its end as well, that was all. */
static enum status is_at_end(struct roll_walk *walk, bool *end, struct error *error)
{
    uint64_t head;
    enum status status = eventstore_head(walk->store, &head, error);
    *end = (int64_t)head < walk->from;
    return status;
}

/* Between the last row and the look at the head somebody may have written, so what is missing is asked for twice. */
static enum status walk_pages(struct roll_walk *walk, struct error *error)
{
    enum statement which = walk->backwards ? STATEMENT_ROLL_BACKWARDS : STATEMENT_ROLL_FORWARDS;
    if (walk->with_digests)
        which = STATEMENT_ROLL_WHOLE;
    enum status status = STATUS_OK;
    bool end = false;
    int in_vain = 0;
    while (status == STATUS_OK && !end && walk->left > 0 && walk->from <= walk->to) {
        const int64_t from = walk->from, to = walk->to;
        if (in_vain == 2)
            return damaged_at(error, (uint64_t)walk->first, "it is missing");
        status = walk_page(walk, which, error);
        in_vain = walk->from == from && walk->to == to ? in_vain + 1 : 0;
        if (status == STATUS_OK && !walk->more && walk->from <= walk->to)
            status = is_at_end(walk, &end, error);
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
    walk->last = end;
    sqlite3_bind_int64(page, 2, walk->from);
    sqlite3_bind_int64(page, 3, end);
    sqlite3_bind_int64(page, 4, mask_types(walk->store, &walk->filter));
    status = visit_page(walk, page, error);
    statement_return(walk->store, STATEMENT_ROLL_OF_TYPES, page);
    if (status == STATUS_OK && !walk->more && walk->from <= end) /* its last row is among them, whatever its type */
        status = damaged_at(error, (uint64_t)end, "it is missing");
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
        const int64_t position = sqlite3_column_int64(select, 0);
        head->position = position < 1 || position > POSITION_MAX ? 0 : (uint64_t)position;
        head->recorded_at_us = sqlite3_column_int64(select, 1);
        if (head->position == 0)
            status = error_set(error, STATUS_DAMAGED,
                               "the roll is damaged: its last event stands at position %lld. Run `till verify`",
                               (long long)position);
        else if (sqlite3_column_bytes(select, 2) == EVENTSTORE_DIGEST_BYTES)
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
    sqlite3_stmt *select = store->statements[STATEMENT_EVENT_DIGEST];
    if (position == 0) {
        digest_start(store->info.id, digest);
        return STATUS_OK;
    }
    sqlite3_bind_int64(select, 1, (int64_t)position);
    enum status status = database_step(select, &row, "read an event's digest", error);
    if (status == STATUS_OK && !row)
        status = error_set(error, STATUS_NOT_FOUND, "there is no event at position %llu", (unsigned long long)position);
    else if (status == STATUS_OK && sqlite3_column_bytes(select, 0) != EVENTSTORE_DIGEST_BYTES)
        status = damaged_at(error, position, "its digest is no digest");
    if (status == STATUS_OK)
        memcpy(digest, sqlite3_column_blob(select, 0), EVENTSTORE_DIGEST_BYTES);
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
    if (status == STATUS_OK && sqlite3_column_bytes(select, 0) != UUID_BYTES)
        status = damaged_at(error, position, "its id is no id");
    if (status == STATUS_OK)
        memcpy(id->bytes, sqlite3_column_blob(select, 0), UUID_BYTES);
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
