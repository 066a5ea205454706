/* sqlite_verify.c - does the store keep what it promises?
 *
 * One pass over the roll recomputes the chain of digests and follows every stream as it grows, so that positions,
 * versions, links and times are checked against what stood before, not against each other. What the pass has seen of
 * each stream (8 bytes of position, 8 of version) is kept in an array by entity and category. */
#include "eventstore/sqlite_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_EVERY = 8192 };

struct stream_end {
    uint64_t version, position;
};

struct verification {
    struct eventstore *store;
    check_visitor report;
    void *context;
    void (*progress)(uint64_t position, uint64_t head);
    uint64_t head;

    struct roll_head last; /* the event before */
    struct stream_end *ends;
    size_t entities, categories;
    uint64_t streams;
    bool order_ok, chain_ok; /* until something is found */
    char order_detail[200], chain_detail[200];
};

static enum status tell(struct verification *check, const char *name, bool ok, const char *detail, struct error *error)
{
    return check->report(check->context, name, ok, detail, error);
}

/* ---- the engine ---- */

static enum status check_engine(struct verification *check, struct error *error)
{
    sqlite3_stmt *pragma = NULL;
    bool row = false;
    enum status status = database_prepare(check->store->database, "PRAGMA integrity_check(1)", &pragma, error);
    if (status == STATUS_OK)
        status = database_step(pragma, &row, "check the database", error);
    if (status == STATUS_OK || status == STATUS_DAMAGED) {
        const char *answer = status == STATUS_OK && row ? (const char *)sqlite3_column_text(pragma, 0) : "damaged";
        bool ok = answer != NULL && strcmp(answer, "ok") == 0;
        char detail[200];
        snprintf(detail, sizeof detail, "%s", ok ? "the file's pages and indexes are sound" : answer);
        for (char *at = detail; *at != '\0'; at++)
            if (*at == '\n')
                *at = ' ';
        status = tell(check, "file", ok, detail, error);
    }
    sqlite3_finalize(pragma);
    return status;
}

/* The tables, triggers and views of a new store, as text. */
static enum status expected_schema(sqlite3 **model, struct error *error)
{
    enum status status = database_open(model, ":memory:", DATABASE_CREATE, error);
    for (const char *const *sql = schema_sql; status == STATUS_OK && *sql != NULL; sql++)
        status = database_run(*model, *sql, error);
    return status;
}

static enum status find_missing(sqlite3 *model, sqlite3 *database, char missing[100], struct error *error)
{
    sqlite3_stmt *all = NULL, *one = NULL;
    enum status status =
        database_prepare(model, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL", &all, error);
    if (status == STATUS_OK)
        status = database_prepare(database, "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql = ?2", &one, error);
    bool row = false, there = false;
    while (status == STATUS_OK && missing[0] == '\0') {
        status = database_step(all, &row, "read the schema", error);
        if (status != STATUS_OK || !row)
            break;
        sqlite3_bind_value(one, 1, sqlite3_column_value(all, 0));
        sqlite3_bind_value(one, 2, sqlite3_column_value(all, 1));
        status = database_step(one, &there, "read the schema", error);
        if (status == STATUS_OK && !there)
            snprintf(missing, 100, "%s", (const char *)sqlite3_column_text(all, 0));
        sqlite3_reset(one);
    }
    sqlite3_finalize(all);
    sqlite3_finalize(one);
    return status;
}

static enum status check_schema(struct verification *check, struct error *error)
{
    sqlite3 *model = NULL;
    char missing[100] = "", detail[200] = "tables and triggers are those that guard the roll";
    enum status status = expected_schema(&model, error);
    if (status == STATUS_OK)
        status = find_missing(model, check->store->database, missing, error);
    database_close(&model);
    if (missing[0] != '\0')
        snprintf(detail, sizeof detail, "%s is missing or was changed", missing);
    return status == STATUS_OK ? tell(check, "schema", missing[0] == '\0', detail, error) : status;
}

/* ---- the roll ---- */

static enum status make_ends(struct verification *check, struct error *error)
{
    int64_t entities = 0, categories = 0, streams = 0;
    sqlite3 *database = check->store->database;
    enum status status = database_integer(database, "SELECT coalesce(max(id), 0) FROM entity", &entities, error);
    if (status == STATUS_OK)
        status = database_integer(database, "SELECT coalesce(max(id), 0) FROM category", &categories, error);
    if (status == STATUS_OK)
        status = database_integer(database, "SELECT count(*) FROM entity", &streams, error);
    if (status != STATUS_OK)
        return status;
    if (entities != streams || entities < 0 || categories < 0 || categories > NAMES_MAX)
        return error_set(error, STATUS_DAMAGED, "the store's table of names has gaps");
    check->entities = (size_t)entities + 1;
    check->categories = (size_t)categories + 1;
    check->ends = calloc(check->entities * check->categories, sizeof *check->ends);
    return check->ends == NULL ? error_memory(error) : STATUS_OK;
}

static void find_fault(bool *ok, char detail[200], uint64_t position, const char *what)
{
    if (*ok)
        snprintf(detail, 200, "the event at position %llu %s", (unsigned long long)position, what);
    *ok = false;
}

static struct stream_end *end_of(struct verification *check, sqlite3_stmt *row)
{
    int64_t entity = sqlite3_column_int64(row, COLUMN_ENTITY), category = sqlite3_column_int64(row, COLUMN_CATEGORY);
    if (entity < 1 || category < 1 || (uint64_t)entity >= check->entities || (uint64_t)category >= check->categories)
        return NULL;
    return &check->ends[(size_t)entity * check->categories + (size_t)category];
}

static void check_order(struct verification *check, sqlite3_stmt *row, const struct recorded_event *event)
{
    struct stream_end *end = end_of(check, row);
    uint64_t previous = (uint64_t)sqlite3_column_int64(row, COLUMN_PREVIOUS);
    bool *ok = &check->order_ok;
    char *detail = check->order_detail;
    if (event->position != check->last.position + 1)
        find_fault(ok, detail, check->last.position + 1, "is missing");
    if (event->recorded_at_us < check->last.recorded_at_us)
        find_fault(ok, detail, event->position, "was recorded before the one in front of it");
    if (event->causation >= event->position)
        find_fault(ok, detail, event->position, "is caused by a later one");
    if (end == NULL || event->version != end->version + 1 || previous != end->position) {
        find_fault(ok, detail, event->position, "is not the next of its stream");
        return;
    }
    check->streams += event->version == 1;
    *end = (struct stream_end){.version = event->version, .position = event->position};
}

static void check_chain(struct verification *check, const struct recorded_event *event)
{
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    digest_link(check->last.digest, event, digest);
    if (memcmp(digest, event->digest, sizeof digest) != 0)
        find_fault(&check->chain_ok, check->chain_detail, event->position, "is not what was written");
    memcpy(check->last.digest, event->digest, sizeof digest);
}

static enum status check_row(struct verification *check, sqlite3_stmt *row, struct error *error)
{
    struct recorded_event event;
    enum status status = read_event_row(check->store, row, &event, error);
    uint64_t position = (uint64_t)sqlite3_column_int64(row, COLUMN_POSITION);
    if (status == STATUS_DAMAGED) {
        find_fault(&check->chain_ok, check->chain_detail, position, "cannot be read");
        check->last.position = position;
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    check_order(check, row, &event);
    check_chain(check, &event);
    check->last.position = position;
    check->last.recorded_at_us = event.recorded_at_us;
    return STATUS_OK;
}

/* Like the reading of the roll, page by page; but it goes on behind what cannot be right. */
static enum status check_page(struct verification *check, bool *more, struct error *error)
{
    sqlite3_stmt *page = check->store->statements[STATEMENT_ROLL_FORWARDS];
    sqlite3_bind_int64(page, 1, (int64_t)check->last.position + 1);
    sqlite3_bind_int64(page, 2, (int64_t)check->head);
    enum status status = STATUS_OK;
    int rows = 0;
    for (; status == STATUS_OK && rows < EVENTSTORE_PAGE; rows++) {
        status = database_step(page, more, "read the roll", error);
        if (status != STATUS_OK || !*more)
            break;
        status = check_row(check, page, error);
    }
    sqlite3_reset(page);
    return status;
}

static enum status check_roll(struct verification *check, struct error *error)
{
    enum status status = make_ends(check, error);
    bool more = true;
    uint64_t told = 0;
    while (status == STATUS_OK && more) {
        status = check_page(check, &more, error);
        if (check->progress != NULL && check->last.position >= told + PROGRESS_EVERY) {
            told = check->last.position;
            check->progress(told, check->head);
        }
    }
    if (status == STATUS_DAMAGED) {
        find_fault(&check->chain_ok, check->chain_detail, check->last.position + 1, "cannot be read");
        status = STATUS_OK;
    }
    if (status == STATUS_OK && check->last.position < check->head)
        find_fault(&check->order_ok, check->order_detail, check->last.position + 1, "is missing");
    if (status == STATUS_OK)
        status = tell(check, "order", check->order_ok, check->order_detail, error);
    return status == STATUS_OK ? tell(check, "chain", check->chain_ok, check->chain_detail, error) : status;
}

/* ---- the streams' heads and the consumers ---- */

static bool head_fits(struct verification *check, sqlite3_stmt *row)
{
    int64_t entity = sqlite3_column_int64(row, 0), category = sqlite3_column_int64(row, 1);
    if (entity < 1 || category < 1 || (uint64_t)entity >= check->entities || (uint64_t)category >= check->categories)
        return false;
    struct stream_end *end = &check->ends[(size_t)entity * check->categories + (size_t)category];
    uint64_t version = (uint64_t)sqlite3_column_int64(row, 2), position = (uint64_t)sqlite3_column_int64(row, 3);
    /* What was written while we looked is no fault. */
    return position > check->head || (end->version == version && end->position == position);
}

static enum status check_streams(struct verification *check, struct error *error)
{
    sqlite3_stmt *select = NULL;
    uint64_t heads = 0;
    bool ok = true;
    char detail[200] = "every stream's head is where the roll says";
    enum status status = database_prepare(check->store->database,
                                          "SELECT entity, category, version, position FROM stream", &select, error);
    while (status == STATUS_OK) {
        bool row = false;
        status = database_step(select, &row, "read the streams", error);
        if (status != STATUS_OK || !row)
            break;
        heads++;
        if (ok && !head_fits(check, select)) {
            snprintf(detail, sizeof detail, "the head of a stream (of entity number %lld) is not where the roll says",
                     (long long)sqlite3_column_int64(select, 0));
            ok = false;
        }
    }
    sqlite3_finalize(select);
    if (ok && heads < check->streams) {
        snprintf(detail, sizeof detail, "%llu streams have lost their heads",
                 (unsigned long long)(check->streams - heads));
        ok = false;
    }
    return status == STATUS_OK ? tell(check, "streams", ok, detail, error) : status;
}

static enum status check_consumers(struct verification *check, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    char detail[200] = "checkpoints and parked events are on the roll";
    enum status status =
        database_prepare(check->store->database,
                         "SELECT consumer, position FROM checkpoint WHERE position > ?1 OR position < 0"
                         " UNION ALL SELECT consumer, position FROM parked WHERE position > ?1 OR"
                         " position < 1",
                         &select, error);
    if (status != STATUS_OK)
        return status;
    uint64_t head = 0;
    status = eventstore_head(check->store, &head, error);
    sqlite3_bind_int64(select, 1, (int64_t)head);
    if (status == STATUS_OK)
        status = database_step(select, &row, "read the checkpoints", error);
    if (status == STATUS_OK && row)
        snprintf(detail, sizeof detail, "%.60s stands at %lld, but the roll ends at %llu",
                 (const char *)sqlite3_column_text(select, 0), (long long)sqlite3_column_int64(select, 1),
                 (unsigned long long)head);
    sqlite3_finalize(select);
    return status == STATUS_OK ? tell(check, "consumers", !row, detail, error) : status;
}

enum status eventstore_verify(struct eventstore *store, check_visitor report, void *context,
                              void (*progress)(uint64_t position, uint64_t head), struct error *error)
{
    struct verification check = {.store = store, .report = report, .context = context, .progress = progress};
    check.order_ok = check.chain_ok = true;
    digest_start(store->info.id, check.last.digest);
    enum status status = eventstore_head(store, &check.head, error);
    snprintf(check.order_detail, sizeof check.order_detail, "positions, versions and times run without gaps to %llu",
             (unsigned long long)check.head);
    snprintf(check.chain_detail, sizeof check.chain_detail, "the chain of digests holds from 1 to %llu",
             (unsigned long long)check.head);
    if (status == STATUS_OK)
        status = check_engine(&check, error);
    if (status == STATUS_OK)
        status = check_schema(&check, error);
    if (status == STATUS_OK)
        status = check_roll(&check, error);
    if (status == STATUS_OK)
        status = check_streams(&check, error);
    if (status == STATUS_OK)
        status = check_consumers(&check, error);
    free(check.ends);
    return status;
}
