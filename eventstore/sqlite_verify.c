/* sqlite_verify.c - does the store keep what it promises?
 *
 * One pass over the roll recomputes the chain of digests and follows every stream as it grows, so that positions,
 * versions, links and times are checked against what stood before, not against each other. What the pass has seen of
 * each stream (8 bytes of position, 8 of version) is kept in an array by entity and category.
 *
 * Others may write meanwhile. So the pass ends at the head that was read first, and what is compared with each other is
 * read in one statement, which sees one state. */
#include "eventstore/sqlite_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_EVERY = 8192 };

/* What came of one check: fine until something is found, and then the first thing found. */
struct finding {
    bool is_fault;
    char detail[ERROR_TEXT_MAX];
};

struct stream_end {
    uint64_t version, position;
};

struct verification {
    struct eventstore *store;
    void (*progress)(uint64_t position, uint64_t head);
    int64_t head;

    int64_t next;            /* position to go on from */
    bool is_walked;          /* up to the head */
    struct roll_head last;   /* the event before */
    struct stream_end *ends; /* NULL when names have gaps, so that streams cannot be followed */
    size_t entities, categories;
    uint64_t streams;
    struct finding order, chain;
};

static void find_fault(struct finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);

static void find_fault(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!finding->is_fault)
        (void)vsnprintf(finding->detail, sizeof finding->detail, format, arguments);
    va_end(arguments);
    finding->is_fault = true;
}

static void find_event(struct finding *finding, uint64_t position, const char *what)
{
    find_fault(finding, "the event at position %llu %s", (unsigned long long)position, what);
}

static bool is_damage(enum status status)
{
    return status == STATUS_DAMAGED || status == STATUS_FOREIGN;
}

/* ---- the file ---- */

/* quick_check looks at every page and every value, but not whether an index has all of its table's rows: that is asked
 * of the tables that are searched by name. (The streams' order is checked below, and events have no index.) */
static const char *const file_checks[] = {
    "PRAGMA quick_check(1)",
    "PRAGMA main.integrity_check(entity)",
    "PRAGMA main.integrity_check(category)",
    "PRAGMA main.integrity_check(type)",
    "PRAGMA main.integrity_check(origin)",
    "PRAGMA main.integrity_check(checkpoint)",
    "PRAGMA main.integrity_check(parked)",
};
static const char file_check_2[] = "PRAGMA main.integrity_check(decision)"; /* since format 2 */

/* A page that it has no memory for, SQLite takes for one that is not there; the error's number tells. */
static const char no_memory[] = "unable to get the page. error code=7";

static enum status ask_sqlite(struct verification *check, const char *sql, struct finding *finding, struct error *error)
{
    sqlite3_stmt *pragma = NULL;
    bool row = false;
    enum status status = database_prepare(check->store->database, sql, &pragma, error);
    if (status == STATUS_OK)
        status = database_step(pragma, &row, "check the file", error);
    const char *answer = database_text(pragma, 0);
    if (status == STATUS_OK && strstr(answer, no_memory) != NULL) {
        status = error_memory(error);
    } else if (status == STATUS_OK && strcmp(answer, "ok") != 0) {
        char safe[TEXT_SAFE_SIZE];
        find_fault(finding, "%s", text_safe(safe, answer));
    }
    sqlite3_finalize(pragma);
    return status;
}

static enum status check_file(struct verification *check, struct finding *finding, struct error *error)
{
    enum status status = STATUS_OK;
    snprintf(finding->detail, sizeof finding->detail, "the file's pages and indexes are sound");
    for (size_t i = 0; status == STATUS_OK && i < sizeof file_checks / sizeof *file_checks; i++)
        status = ask_sqlite(check, file_checks[i], finding, error);
    if (status == STATUS_OK && check->store->info.format >= 2)
        status = ask_sqlite(check, file_check_2, finding, error);
    return status;
}

/* ---- the schema ---- */

/* The tables, triggers and views of a new store of this format: a backup may be of an older one. */
static enum status open_model(sqlite3 **model, int format, struct error *error)
{
    enum status status = database_open(model, ":memory:", DATABASE_CREATE, error);
    for (int i = 1; status == STATUS_OK && i <= format; i++)
        status = run_schema(*model, i, error);
    return status;
}

/* Finds the first thing that `select` gives in `one` and that is not the same in `other`. */
static enum status compare_schemas(sqlite3 *one, const char *select, sqlite3 *other, const char *what,
                                   struct finding *finding, struct error *error)
{
    sqlite3_stmt *all = NULL, *same = NULL;
    bool row = true, there = true;
    enum status status = database_prepare(one, select, &all, error);
    if (status == STATUS_OK)
        status = database_prepare(other, "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql = ?2", &same, error);
    while (status == STATUS_OK && there) {
        status = database_step(all, &row, "read the schema", error);
        if (status != STATUS_OK || !row)
            break;
        if (sqlite3_bind_value(same, 1, sqlite3_column_value(all, 0)) != SQLITE_OK ||
            sqlite3_bind_value(same, 2, sqlite3_column_value(all, 1)) != SQLITE_OK) /* they are copied */
            status = error_memory(error);
        if (status == STATUS_OK)
            status = database_step(same, &there, "read the schema", error);
        sqlite3_reset(same);
    }
    if (status == STATUS_OK && !there) {
        char safe[TEXT_SAFE_SIZE];
        find_fault(finding, "%s %s", text_safe(safe, (const char *)sqlite3_column_text(all, 0)), what);
    }
    sqlite3_finalize(all);
    sqlite3_finalize(same);
    return status;
}

/* A view or an index that somebody added harms nobody; a trigger might. */
static enum status check_schema(struct verification *check, struct finding *finding, struct error *error)
{
    sqlite3 *model = NULL, *database = check->store->database;
    snprintf(finding->detail, sizeof finding->detail, "tables and triggers are those that guard the roll");
    enum status status = open_model(&model, check->store->info.format, error);
    if (status == STATUS_OK)
        status = compare_schemas(model, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL", database,
                                 "is missing or was changed", finding, error);
    if (status == STATUS_OK)
        status = compare_schemas(database, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'", model,
                                 "is a trigger that is not ours", finding, error);
    database_close(&model);
    return status;
}

/* ---- the names ---- */

/* Names are numbered 1, 2, 3 …; `*count` is −1 when `table` has gaps. */
static enum status count_names(struct verification *check, const char *table, int64_t *count, struct error *error)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT CASE WHEN coalesce(min(id), 1) = 1 AND coalesce(max(id), 0) = count(*) THEN count(*) ELSE -1 END"
             " FROM %s",
             table);
    return database_integer(check->store->database, sql, count, error);
}

static enum status check_names(struct verification *check, struct finding *finding, struct error *error)
{
    static const char *const tables[] = {"category", "type", "origin", "entity"};
    enum status status = STATUS_OK;
    snprintf(finding->detail, sizeof finding->detail, "categories, types, authors and entities run without gaps");
    for (size_t i = 0; status == STATUS_OK && i < sizeof tables / sizeof *tables; i++) {
        int64_t count = 0;
        status = count_names(check, tables[i], &count, error);
        if (status == STATUS_OK && count < 0)
            find_fault(finding, "the numbers in the table %s have gaps", tables[i]);
    }
    return status;
}

/* ---- the roll ---- */

static enum status make_ends(struct verification *check, struct error *error)
{
    int64_t entities = 0, categories = 0;
    enum status status = count_names(check, "entity", &entities, error);
    if (status == STATUS_OK)
        status = count_names(check, "category", &categories, error);
    if (status != STATUS_OK || entities < 0 || categories < 0 || categories > NAMES_MAX)
        return status;
    check->entities = (size_t)entities + 1;
    check->categories = (size_t)categories + 1;
    check->ends = calloc(check->entities * check->categories, sizeof *check->ends);
    return check->ends == NULL ? error_memory(error) : STATUS_OK;
}

static struct stream_end *end_of(struct verification *check, int64_t entity, int64_t category)
{
    if (entity < 1 || category < 1 || (uint64_t)entity >= check->entities || (uint64_t)category >= check->categories)
        return NULL;
    return &check->ends[(size_t)entity * check->categories + (size_t)category];
}

static void follow_stream(struct verification *check, const struct event_row *row)
{
    const uint64_t position = (uint64_t)row->position, version = (uint64_t)row->version;
    struct stream_end *end = end_of(check, row->entity, row->category);
    if (end == NULL || version != end->version + 1 || (uint64_t)row->previous != end->position) {
        find_event(&check->order, position, "is not the next of its stream");
        return;
    }
    check->streams += version == 1;
    *end = (struct stream_end){.version = version, .position = position};
}

/* Looks at the row and not the event, which may be unreadable for another reason. */
static void check_order(struct verification *check, const struct event_row *row)
{
    const uint64_t position = (uint64_t)row->position;
    if (position != check->last.position + 1)
        find_event(&check->order, check->last.position + 1, "is missing");
    if (row->recorded_at_us < check->last.recorded_at_us)
        find_event(&check->order, position, "was recorded before the one in front of it");
    if ((uint64_t)row->causation >= position)
        find_event(&check->order, position, "is caused by a later one");
    if (check->ends != NULL)
        follow_stream(check, row);
    check->last.position = position;
    check->last.recorded_at_us = row->recorded_at_us;
}

static void check_chain(struct verification *check, const struct recorded_event *event)
{
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    digest_link(check->last.digest, event, digest);
    if (memcmp(digest, event->digest, sizeof digest) != 0)
        find_event(&check->chain, event->position, "is not what was written");
    memcpy(check->last.digest, event->digest, sizeof digest);
}

static enum status check_row(void *context, const struct event_row *row, struct error *error)
{
    struct verification *check = context;
    struct recorded_event event;
    if (row->position < check->head) /* which may be the last number there is */
        check->next = row->position + 1;
    else
        check->is_walked = true;
    if (row->position < 1) {
        find_fault(&check->order, "an event stands at position %lld, in front of the first", (long long)row->position);
        return STATUS_OK;
    }
    enum status status = event_from_row(check->store, row, &event, error);
    if (status == STATUS_OK)
        check_chain(check, &event);
    else if (is_damage(status))
        find_event(&check->chain, (uint64_t)row->position, "cannot be read");
    else
        return status;
    check_order(check, row);
    return STATUS_OK;
}

/* Checks up to EVENTSTORE_PAGE events from *next on, like the reading of the roll; but it begins in front of the first
 * and goes on behind what cannot be right. */
static enum status check_page(struct verification *check, struct error *error)
{
    sqlite3_stmt *page;
    struct row_sink sink = {.visit = check_row, .context = check, .rows_left = EVENTSTORE_PAGE};
    bool more = true;
    enum status status = statement_lend(check->store, STATEMENT_ROLL_WHOLE, &page, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(page, 2, check->next);
    sqlite3_bind_int64(page, 3, check->head);
    status = rows_visit(page, &sink, &more, error);
    check->is_walked = check->is_walked || !more;
    statement_return(check->store, STATEMENT_ROLL_WHOLE, page);
    return status;
}

static enum status walk_roll(struct verification *check, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t told = 0;
    check->next = INT64_MIN;
    while (status == STATUS_OK && !check->is_walked) {
        status = check_page(check, error);
        if (check->progress != NULL && check->last.position >= told + PROGRESS_EVERY) {
            told = check->last.position;
            check->progress(told, (uint64_t)check->head);
        }
    }
    if (status == STATUS_OK && check->last.position < (uint64_t)check->head)
        find_event(&check->order, check->last.position + 1, "is missing");
    return status;
}

static enum status check_roll(struct verification *check, struct finding *order, struct error *error)
{
    struct eventstore_info info = {.format = 0};
    enum status status = read_info(check->store, &info, error);
    digest_start(info.id, check->last.digest);
    if (status == STATUS_OK)
        status = database_integer(check->store->database, "SELECT coalesce(max(position), 0) FROM event", &check->head,
                                  error);
    snprintf(check->order.detail, sizeof check->order.detail, "positions, versions and times run without gaps to %lld",
             (long long)check->head);
    snprintf(check->chain.detail, sizeof check->chain.detail, "the chain of digests holds from 1 to %lld",
             (long long)check->head);
    if (status == STATUS_OK)
        status = make_ends(check, error);
    if (status == STATUS_OK)
        status = walk_roll(check, error);
    if (is_damage(status)) {
        find_event(&check->order, check->last.position + 1, "cannot be read");
        find_event(&check->chain, check->last.position + 1, "cannot be read");
        status = STATUS_OK;
    }
    *order = check->order;
    return status;
}

/* A backup, and a store that was restored from one, know where the roll ended when it was copied. */
static enum status check_backup(struct verification *check, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    if (check->store->info.format < FIRST_WITH_CHECKSUMS)
        return STATUS_OK;
    enum status status =
        database_prepare(check->store->database, "SELECT position, digest FROM backup", &select, error);
    if (status == STATUS_OK)
        status = database_step(select, &row, "read where the backup ends", error);
    if (status == STATUS_OK && row) {
        const uint64_t position = (uint64_t)sqlite3_column_int64(select, 0);
        status = eventstore_digest_at(check->store, position, digest, error);
        if (status == STATUS_NOT_FOUND)
            find_fault(&check->chain, "the roll ends at %lld, and was copied at %llu: its tail was cut",
                       (long long)check->head, (unsigned long long)position);
        else if (status == STATUS_OK && (sqlite3_column_bytes(select, 1) != EVENTSTORE_DIGEST_BYTES ||
                                         memcmp(sqlite3_column_blob(select, 1), digest, sizeof digest) != 0))
            find_fault(&check->chain, "another digest stands at position %llu than when the roll was copied there",
                       (unsigned long long)position);
    }
    sqlite3_finalize(select);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The roll was walked once for both. */
static enum status report_chain(struct verification *check, struct finding *chain, struct error *error)
{
    enum status status = check_backup(check, error);
    *chain = check->chain;
    return status;
}

/* ---- the streams' heads ---- */

/* Is the event that a stream's row points to the one it says? For what was written while we looked. */
static enum status points_to_event(struct verification *check, sqlite3_stmt *stream, bool *fits, struct error *error)
{
    bool row = false;
    sqlite3_stmt *event = check->store->statements[STATEMENT_EVENT_LINK];
    sqlite3_bind_int64(event, 1, sqlite3_column_int64(stream, 3));
    enum status status = database_step(event, &row, "read an event", error);
    *fits = status == STATUS_OK && row && sqlite3_column_int64(event, 1) == sqlite3_column_int64(stream, 2) &&
            sqlite3_column_int64(event, 2) == sqlite3_column_int64(stream, 0) &&
            sqlite3_column_int64(event, 3) == sqlite3_column_int64(stream, 1);
    sqlite3_reset(event);
    return status;
}

/* What the walk over the streams' rows has seen. */
struct stream_walk {
    uint64_t heads;
    int64_t entity, category; /* of the last row: they come in order, or lookups would miss some */
};

static enum status check_stream(struct verification *check, sqlite3_stmt *stream, struct stream_walk *walk,
                                struct finding *finding, struct error *error)
{
    int64_t entity = sqlite3_column_int64(stream, 0), category = sqlite3_column_int64(stream, 1);
    struct stream_end *end = end_of(check, entity, category);
    int64_t version = sqlite3_column_int64(stream, 2), position = sqlite3_column_int64(stream, 3);
    bool fits = false;
    enum status status = STATUS_OK;
    if (position > check->head)
        status = points_to_event(check, stream, &fits, error);
    else
        fits = end != NULL && version > 0 && end->version == (uint64_t)version && end->position == (uint64_t)position;
    if (status == STATUS_OK && !fits)
        find_fault(finding, "the head of a stream (of entity number %lld) is not where the roll says",
                   (long long)entity);
    if (entity < walk->entity || (entity == walk->entity && category <= walk->category))
        find_fault(finding, "the heads of the streams (of entity number %lld) are out of order", (long long)entity);
    walk->heads += end != NULL && end->version > 0;
    walk->entity = entity;
    walk->category = category;
    return status;
}

static enum status check_streams(struct verification *check, struct finding *finding, struct error *error)
{
    sqlite3_stmt *select = NULL;
    struct stream_walk walk = {.heads = 0};
    snprintf(finding->detail, sizeof finding->detail, "every stream's head is where the roll says");
    if (check->ends == NULL) {
        find_fault(finding, "the streams cannot be followed, because names have gaps");
        return STATUS_OK;
    }
    enum status status = database_prepare(
        check->store->database, "SELECT entity, category, version, position FROM stream NOT INDEXED", &select, error);
    while (status == STATUS_OK) {
        bool row = false;
        status = database_step(select, &row, "read the streams", error);
        if (status != STATUS_OK || !row)
            break;
        status = check_stream(check, select, &walk, finding, error);
    }
    sqlite3_finalize(select);
    if (status == STATUS_OK && walk.heads < check->streams)
        find_fault(finding, "%llu streams have lost their heads", (unsigned long long)(check->streams - walk.heads));
    return status;
}

/* ---- the consumers ---- */

static const char consumers_sql[] =
    "WITH roll (head) AS (SELECT coalesce(max(position), 0) FROM event)"
    " SELECT consumer || ' stands at ' || position || ', but the roll ends at ' || head FROM checkpoint, roll"
    " WHERE position < 0 OR position > head"
    " UNION ALL SELECT consumer || ' has set aside position ' || position || ', but the roll ends at ' || head"
    " FROM parked, roll WHERE position < 1 OR position > head"
    " UNION ALL SELECT consumer || ' has set aside position ' || position || ' in a sequence that is no id'"
    " FROM parked WHERE length(sequence) <> 16"
    " UNION ALL SELECT consumer || ' has tried position ' || position || ' ' || attempts || ' times'"
    " FROM parked WHERE attempts NOT BETWEEN 0 AND 2147483646"
    " UNION ALL SELECT consumer || ' has set aside position ' || position || ' at a time that is none'"
    " FROM parked WHERE min(next_attempt, parked_at) < ?1 OR max(next_attempt, parked_at) > ?2";
static const char decisions_sql[] = /* since format 2 */
    " UNION ALL SELECT decided_by || ' has decided about position ' || position || ', but the roll ends at ' || head"
    " FROM decision, roll WHERE position < 1 OR position > head"
    " UNION ALL SELECT decided_by || ' has decided about position ' || position || ' in a sequence that is no id'"
    " FROM decision WHERE length(sequence) <> 16"
    " UNION ALL SELECT 'decision ' || number || ' stands where decision ' || (1 + before) || ' belongs' FROM"
    " (SELECT number, count(*) OVER (ORDER BY number) - 1 AS before FROM decision) WHERE number <> 1 + before";

static const char checksums_sql[] = /* since format 3 */
    " UNION ALL SELECT 'the checkpoint of ' || consumer || ' is not what was written' FROM checkpoint"
    " WHERE checksum IS NOT " CHECKPOINT_CHECKSUM
    " UNION ALL SELECT 'what ' || consumer || ' has set aside of position ' || position || ' is not what was written'"
    " FROM parked WHERE checksum IS NOT " PARKED_CHECKSUM
    " UNION ALL SELECT 'the pause of ' || consumer || ' is not what was written' FROM pause"
    " WHERE checksum IS NOT " PAUSE_CHECKSUM
    " UNION ALL SELECT 'decision ' || number || ' is not what was written' FROM decision"
    " WHERE checksum IS NOT " DECISION_CHECKSUM;
static const char snapshots_sql[] = /* since format 4 */
    " UNION ALL SELECT 'a snapshot (of entity number ' || entity || ') is not what was written' FROM snapshot"
    " WHERE checksum IS NOT " SNAPSHOT_CHECKSUM
    " UNION ALL SELECT 'a snapshot (of entity number ' || p.entity || ') is of version ' || p.version ||"
    " ', but its stream is at ' || ifnull(s.version, 0) FROM snapshot p LEFT JOIN stream s USING (entity, category)"
    " WHERE p.version NOT BETWEEN 1 AND ifnull(s.version, 0)";

static enum status check_consumers(struct verification *check, struct finding *finding, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    char sql[sizeof consumers_sql + sizeof decisions_sql + sizeof checksums_sql + sizeof snapshots_sql];
    const int format = check->store->info.format;
    snprintf(sql, sizeof sql, "%s%s%s%s", consumers_sql, format >= 2 ? decisions_sql : "",
             format >= FIRST_WITH_CHECKSUMS ? checksums_sql : "", format >= FIRST_WITH_SNAPSHOTS ? snapshots_sql : "");
    snprintf(finding->detail, sizeof finding->detail, "checkpoints, parked events and decisions are on the roll");
    enum status status = database_prepare(check->store->database, sql, &select, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(select, 1, TIME_MIN_US);
    sqlite3_bind_int64(select, 2, TIME_MAX_US);
    status = database_step(select, &row, "read the checkpoints", error);
    if (status == STATUS_OK && row) {
        char safe[TEXT_SAFE_SIZE];
        find_fault(finding, "%s", text_safe(safe, database_text(select, 0)));
    }
    sqlite3_finalize(select);
    return status;
}

/* ---- all of it ---- */

struct check {
    const char *name;
    enum status (*perform)(struct verification *check, struct finding *finding, struct error *error);
};

static const struct check checks[] = {
    {"file", check_file},    {"schema", check_schema},   {"names", check_names},         {"order", check_roll},
    {"chain", report_chain}, {"streams", check_streams}, {"consumers", check_consumers},
};

/* What cannot be read is found wrong too. */
static enum status perform(struct verification *verification, const struct check *check, struct finding *finding,
                           struct error *error)
{
    struct error damage = {0};
    enum status status = check->perform(verification, finding, &damage);
    if (is_damage(status)) {
        find_fault(finding, "%s", damage.text);
        return STATUS_OK;
    }
    return status == STATUS_OK ? status : error_set(error, status, "%s", damage.text);
}

enum status eventstore_verify(struct eventstore *store, check_visitor report, void *context,
                              void (*progress)(uint64_t position, uint64_t head), struct error *error)
{
    struct verification verification = {.store = store, .progress = progress};
    enum status status = STATUS_OK;
    names_forget(store); /* they are read as they stand now, not as we remember them */
    for (size_t i = 0; status == STATUS_OK && i < sizeof checks / sizeof *checks; i++) {
        struct finding finding = {.is_fault = false};
        status = perform(&verification, &checks[i], &finding, error);
        if (status == STATUS_OK)
            status = report(context, checks[i].name, !finding.is_fault, finding.detail, error);
    }
    free(verification.ends);
    return status;
}
