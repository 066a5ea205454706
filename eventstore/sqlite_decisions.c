/* sqlite_decisions.c - what people decided about parked events, on record for ever.
 *
 * A decision and what it does to the parked event are one transaction. The event must stand as the person saw it, in
 * every field: attempts alone would not tell a dead letter from one that somebody else has just sent to be tried. */
#include "eventstore/sqlite_store.h"

#include <string.h>

static const char *const kinds[] = {
    [DECISION_RETRY] = "retry", [DECISION_DISCARD] = "discard", [DECISION_SETTLE] = "settle"};
#define KINDS (sizeof kinds / sizeof *kinds)

const char *decision_name(enum decision_kind kind)
{
    CHECK((unsigned)kind < KINDS);
    return kinds[kind];
}

/* ---- writing ---- */

static enum status check_words(const char *words, const char *what, struct error *error)
{
    if (words[0] == '\0' || text_is_clean(words, strlen(words), EVENTSTORE_REASON_MAX))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s is at most %d bytes of text without control characters", what,
                     EVENTSTORE_REASON_MAX);
}

static enum status check_decision(const struct decision *decision, struct error *error)
{
    CHECK(decision->parked.position > 0);
    CHECK(decision->kind == DECISION_DISCARD || decision->owed[0] == '\0');
    enum status status = names_check(decision->consumer, "a consumer", error);
    if (status == STATUS_OK)
        status = names_check(decision->who, "whoever decides", error);
    if (status == STATUS_OK)
        status = check_words(decision->reason, "a reason", error);
    return status == STATUS_OK ? check_words(decision->owed, "what is owed", error) : status;
}

static enum status moved_on(const struct decision *decision, struct error *error)
{
    char consumer[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_CONFLICT,
                     "what %s has set aside of position %llu is not as it was: somebody was faster, look again",
                     text_safe(consumer, decision->consumer), (unsigned long long)decision->parked.position);
}

static enum status note_decision(void *context, const struct decision *decision, struct error *error)
{
    (void)decision, (void)error;
    *(bool *)context = true;
    return STATUS_STOPPED;
}

static enum status settle(struct eventstore *store, const struct decision *decision, struct error *error)
{
    bool owed = false;
    const struct decision_query query = {
        .consumer = decision->consumer, .position = decision->parked.position, .owed_only = true};
    enum status status = eventstore_read_decisions(store, &query, note_decision, &owed, error);
    if (status == STATUS_OK && !owed)
        return error_set(error, STATUS_CONFLICT, "nothing is owed for position %llu",
                         (unsigned long long)decision->parked.position);
    return status;
}

static enum status change_as_seen(struct eventstore *store, const struct decision *decision, struct error *error)
{
    struct parked stands, next = decision->parked;
    bool found = false;
    enum status status = parked_find(store, decision->consumer, &next, &found, &stands, error);
    if (status == STATUS_OK && (!found || !is_same_parked(&stands, &next)))
        status = moved_on(decision, error);
    parked_found(store);
    if (status != STATUS_OK)
        return status;
    if (decision->kind == DECISION_DISCARD)
        return parked_remove(store, decision->consumer, &next, error);
    next.state = PARKED_WAITING;
    next.next_attempt_us = clock_now_us(&store->clock);
    return parked_put(store, decision->consumer, &next, error);
}

static enum status insert_decision(struct eventstore *store, const struct decision *decision, struct error *error)
{
    static const char sql[] =
        "INSERT INTO decision (" DECISION_COLUMNS ", checksum) SELECT " DECISION_COLUMNS ", " DECISION_CHECKSUM
        " FROM (SELECT coalesce(max(number), 0) + 1 AS number, ?1 AS consumer, ?2 AS sequence, ?3 AS position,"
        " ?4 AS attempts, ?5 AS failure, ?6 AS kind, ?7 AS decided_by, ?8 AS decided_at, ?9 AS reason, ?10 AS owed"
        " FROM decision)";
    sqlite3_stmt *insert = NULL;
    enum status status = database_prepare(store->database, sql, &insert, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_text(insert, 1, decision->consumer, -1, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, decision->parked.sequence.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, (int64_t)decision->parked.position);
    sqlite3_bind_int(insert, 4, decision->parked.attempts);
    sqlite3_bind_text(insert, 5, decision->parked.reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 6, decision_name(decision->kind), -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 7, decision->who, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 8, clock_now_us(&store->clock));
    sqlite3_bind_text(insert, 9, decision->reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 10, decision->owed, -1, SQLITE_STATIC);
    status = statement_write(insert, "record a decision", error);
    sqlite3_finalize(insert);
    return status;
}

struct deciding {
    const struct decision *decisions;
    size_t count;
};

static enum status write_decisions(struct eventstore *store, void *context, struct error *error)
{
    const struct deciding *deciding = context;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < deciding->count; i++) {
        const struct decision *decision = &deciding->decisions[i];
        status = check_decision(decision, error);
        if (status == STATUS_OK)
            status = decision->kind == DECISION_SETTLE ? settle(store, decision, error)
                                                       : change_as_seen(store, decision, error);
        if (status == STATUS_OK)
            status = insert_decision(store, decision, error);
    }
    return status;
}

enum status eventstore_decide(struct eventstore *store, const struct decision *decisions, size_t count,
                              struct error *error)
{
    struct deciding deciding = {.decisions = decisions, .count = count};
    CHECK(count <= EVENTSTORE_DECISIONS_MAX);
    enum status status = transact(store, write_decisions, &deciding, error);
    if (status == STATUS_OK)
        eventstore_ring(store);
    return status;
}

/* ---- reading ---- */

/* What was owed is so until the next decision about the same event. */
static const char decisions_sql[] =
    "SELECT " DECISION_COLUMNS ", checksum IS " DECISION_CHECKSUM
    " FROM decision d WHERE (?1 IS NULL OR consumer = ?1) AND (?2 IS NULL OR sequence = ?2)"
    " AND (?3 = 0 OR position = ?3)"
    " AND (?4 = 0 OR (owed <> '' AND NOT EXISTS (SELECT 1 FROM decision e WHERE e.position = d.position"
    " AND e.consumer = d.consumer AND e.number > d.number)))"
    " ORDER BY number";

static enum status damaged(struct error *error)
{
    return error_set(error, STATUS_DAMAGED, "a decision is damaged: run `till verify`");
}

static enum status read_kind(const char *name, enum decision_kind *kind, struct error *error)
{
    for (size_t i = 0; i < KINDS; i++) {
        *kind = (enum decision_kind)i;
        if (strcmp(name, kinds[i]) == 0)
            return STATUS_OK;
    }
    return damaged(error);
}

static enum status read_decision_row(sqlite3_stmt *row, struct decision *decision, struct error *error)
{
    if (sqlite3_column_bytes(row, 2) != UUID_BYTES || sqlite3_column_int(row, 11) == 0)
        return damaged(error);
    *decision = (struct decision){
        .number = (uint64_t)sqlite3_column_int64(row, 0),
        .consumer = database_text(row, 1),
        .parked = {.position = (uint64_t)sqlite3_column_int64(row, 3),
                   .attempts = sqlite3_column_int(row, 4),
                   .reason = database_text(row, 5)},
        .who = database_text(row, 7),
        .decided_at_us = sqlite3_column_int64(row, 8),
        .reason = database_text(row, 9),
        .owed = database_text(row, 10),
    };
    memcpy(decision->parked.sequence.bytes, sqlite3_column_blob(row, 2), UUID_BYTES);
    return read_kind(database_text(row, 6), &decision->kind, error);
}

static void bind_decision_query(sqlite3_stmt *select, const struct decision_query *query)
{
    if (query->consumer != NULL)
        sqlite3_bind_text(select, 1, query->consumer, -1, SQLITE_STATIC);
    if (query->sequence != NULL)
        sqlite3_bind_blob(select, 2, query->sequence->bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(select, 3, (int64_t)query->position);
    sqlite3_bind_int(select, 4, query->owed_only);
}

enum status eventstore_read_decisions(struct eventstore *store, const struct decision_query *query,
                                      decision_visitor visit, void *context, struct error *error)
{
    sqlite3_stmt *select = NULL;
    if (store->info.format < 2) /* a backup of the days before there were decisions */
        return STATUS_OK;
    enum status status = database_prepare(store->database, decisions_sql, &select, error);
    if (status != STATUS_OK)
        return status;
    bind_decision_query(select, query);
    while (status == STATUS_OK) {
        bool row = false;
        struct decision decision;
        status = database_step(select, &row, "read the decisions", error);
        if (status != STATUS_OK || !row)
            break;
        status = read_decision_row(select, &decision, error);
        if (status == STATUS_OK)
            status = visit(context, &decision, error);
    }
    sqlite3_finalize(select);
    return status == STATUS_STOPPED ? STATUS_OK : status;
}
