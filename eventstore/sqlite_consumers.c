/* sqlite_consumers.c - what readers of the roll remember: where they stand, and what they have set aside. */
#include "eventstore/sqlite_store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum status eventstore_checkpoint(struct eventstore *store, const char *consumer, uint64_t *position,
                                  struct error *error)
{
    bool row = false;
    char safe[TEXT_SAFE_SIZE];
    sqlite3_stmt *select = store->statements[STATEMENT_FIND_CHECKPOINT];
    sqlite3_bind_text(select, 1, consumer, -1, SQLITE_STATIC);
    enum status status = database_step(select, &row, "read a checkpoint", error);
    *position = row ? (uint64_t)sqlite3_column_int64(select, 0) : 0;
    if (row && sqlite3_column_int(select, 1) == 0)
        status = error_set(error, STATUS_DAMAGED, "the checkpoint of %s is damaged: run `till verify`",
                           text_safe(safe, consumer));
    sqlite3_reset(select);
    return status;
}

enum status put_checkpoint(struct eventstore *store, const char *consumer, uint64_t position, struct error *error)
{
    sqlite3_stmt *put = store->statements[STATEMENT_PUT_CHECKPOINT];
    sqlite3_bind_text(put, 1, consumer, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 2, (int64_t)position);
    return statement_write(put, "move a checkpoint", error);
}

/* The statement that finds the rows by an index, where there is one. */
static enum statement statement_for(const struct parked_query *query)
{
    if (query->consumer != NULL && query->sequence != NULL)
        return STATEMENT_PARKED_OF_SEQUENCE;
    return query->consumer != NULL && query->due_by_us != 0 ? STATEMENT_PARKED_DUE : STATEMENT_PARKED;
}

static void bind_parked_query(sqlite3_stmt *select, const struct parked_query *query)
{
    if (query->consumer != NULL)
        sqlite3_bind_text(select, 1, query->consumer, -1, SQLITE_STATIC);
    if (query->sequence != NULL)
        sqlite3_bind_blob(select, 2, query->sequence->bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(select, 3, query->due_by_us);
    sqlite3_bind_int(select, 4, query->heads_only);
    sqlite3_bind_int64(select, 5, query->limit == 0 ? -1 : (int64_t)query->limit);
}

static bool is_time(int64_t at_us)
{
    return at_us >= TIME_MIN_US && at_us <= TIME_MAX_US;
}

/* What is read is counted on and reckoned with: one more attempt, and how long it is until then. */
static bool can_be_parked(sqlite3_stmt *row)
{
    const int64_t attempts = sqlite3_column_int64(row, 4);
    return sqlite3_column_bytes(row, 1) == UUID_BYTES && sqlite3_column_int64(row, 2) > 0 && attempts >= 0 &&
           attempts < INT_MAX && is_time(sqlite3_column_int64(row, 5)) && is_time(sqlite3_column_int64(row, 6));
}

enum status read_parked_row(sqlite3_stmt *row, struct parked *parked, struct error *error)
{
    const char *state = (const char *)sqlite3_column_text(row, 3);
    if (!can_be_parked(row) || state == NULL || sqlite3_column_text(row, 7) == NULL || sqlite3_column_int(row, 8) == 0)
        return error_set(error, STATUS_DAMAGED, "a parked event is damaged: run `till verify`");
    memcpy(parked->sequence.bytes, sqlite3_column_blob(row, 1), UUID_BYTES);
    parked->position = (uint64_t)sqlite3_column_int64(row, 2);
    parked->state = strcmp(state, "dead") == 0 ? PARKED_DEAD : PARKED_WAITING;
    parked->attempts = sqlite3_column_int(row, 4);
    parked->next_attempt_us = sqlite3_column_int64(row, 5);
    parked->parked_at_us = sqlite3_column_int64(row, 6);
    parked->reason = (const char *)sqlite3_column_text(row, 7);
    return STATUS_OK;
}

enum status eventstore_read_parked(struct eventstore *store, const struct parked_query *query, parked_visitor visit,
                                   void *context, struct error *error)
{
    sqlite3_stmt *select = NULL;
    enum statement which = statement_for(query);
    enum status status = statement_lend(store, which, &select, error);
    if (status != STATUS_OK)
        return status;
    bind_parked_query(select, query);
    while (status == STATUS_OK) {
        bool row = false;
        struct parked parked;
        status = database_step(select, &row, "read the parked events", error);
        if (status != STATUS_OK || !row)
            break;
        status = read_parked_row(select, &parked, error);
        if (status == STATUS_OK)
            status = visit(context, (const char *)sqlite3_column_text(select, 0), &parked, error);
    }
    sqlite3_clear_bindings(select); /* what was bound is borrowed */
    statement_return(store, which, select);
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

/* ---- one row ---- */

bool is_same_parked(const struct parked *one, const struct parked *other)
{
    return one->state == other->state && one->attempts == other->attempts &&
           one->next_attempt_us == other->next_attempt_us && one->parked_at_us == other->parked_at_us &&
           strcmp(one->reason, other->reason) == 0;
}

static void bind_parked_key(sqlite3_stmt *statement, const char *consumer, const struct parked *parked)
{
    sqlite3_bind_text(statement, 1, consumer, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, parked->sequence.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)parked->position);
}

enum status parked_find(struct eventstore *store, const char *consumer, const struct parked *key, bool *found,
                        struct parked *stands, struct error *error)
{
    sqlite3_stmt *select = store->statements[STATEMENT_FIND_PARKED];
    bind_parked_key(select, consumer, key);
    enum status status = database_step(select, found, "look up a parked event", error);
    return status == STATUS_OK && *found ? read_parked_row(select, stands, error) : status;
}

void parked_found(struct eventstore *store)
{
    sqlite3_reset(store->statements[STATEMENT_FIND_PARKED]);
}

enum status parked_put(struct eventstore *store, const char *consumer, const struct parked *parked, struct error *error)
{
    sqlite3_stmt *put = store->statements[STATEMENT_PUT_PARKED];
    bind_parked_key(put, consumer, parked);
    sqlite3_bind_text(put, 4, parked->state == PARKED_DEAD ? "dead" : "waiting", -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 5, parked->attempts);
    sqlite3_bind_int64(put, 6, parked->next_attempt_us);
    sqlite3_bind_int64(put, 7, parked->parked_at_us);
    sqlite3_bind_text(put, 8, parked->reason, -1, SQLITE_STATIC);
    return statement_write(put, "change a parked event", error);
}

enum status parked_remove(struct eventstore *store, const char *consumer, const struct parked *key, struct error *error)
{
    sqlite3_stmt *remove = store->statements[STATEMENT_REMOVE_PARKED];
    bind_parked_key(remove, consumer, key);
    return database_execute(remove, "take a parked event away", error);
}

/* ---- pauses ---- */

struct pausing {
    const char *consumer;
    struct pause pause;
};

static enum status write_pause(struct eventstore *store, void *context, struct error *error)
{
    const struct pausing *pausing = context;
    const bool is_over = pausing->pause.until_us == 0;
    sqlite3_stmt *statement = NULL;
    enum status status = names_check(pausing->consumer, "a consumer", error);
    if (status == STATUS_OK)
        status = database_prepare(store->database,
                                  is_over ? "DELETE FROM pause WHERE consumer = ?1"
                                          : "INSERT OR REPLACE INTO pause (consumer, until, reason, checksum)"
                                            " SELECT consumer, until, reason, " PAUSE_CHECKSUM
                                            " FROM (SELECT ?1 AS consumer, ?2 AS until, ?3 AS reason)",
                                  &statement, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_text(statement, 1, pausing->consumer, -1, SQLITE_STATIC);
    if (!is_over) {
        sqlite3_bind_int64(statement, 2, pausing->pause.until_us);
        sqlite3_bind_text(statement, 3, pausing->pause.reason, -1, SQLITE_STATIC);
    }
    status = database_execute(statement, "remember a pause", error);
    sqlite3_finalize(statement);
    return status;
}

enum status eventstore_pause(struct eventstore *store, const char *consumer, int64_t until_us, const char *reason,
                             struct error *error)
{
    struct pausing pausing = {.consumer = consumer, .pause.until_us = until_us};
    snprintf(pausing.pause.reason, sizeof pausing.pause.reason, "%s", reason);
    text_trim_partial(pausing.pause.reason);
    return transact(store, write_pause, &pausing, error);
}

enum status eventstore_paused(struct eventstore *store, const char *consumer, struct pause *pause, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    char safe[TEXT_SAFE_SIZE];
    *pause = (struct pause){0};
    if (store->info.format < 2) /* a backup of the days before there were pauses */
        return STATUS_OK;
    enum status status = database_prepare(
        store->database, "SELECT until, reason, checksum IS " PAUSE_CHECKSUM " FROM pause WHERE consumer = ?1", &select,
        error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_text(select, 1, consumer, -1, SQLITE_STATIC);
    status = database_step(select, &row, "read a pause", error);
    if (status == STATUS_OK && row && sqlite3_column_int(select, 2) == 0) {
        status = error_set(error, STATUS_DAMAGED, "the pause of %s is damaged: run `till verify`",
                           text_safe(safe, consumer));
    } else if (status == STATUS_OK && row) {
        pause->until_us = sqlite3_column_int64(select, 0);
        snprintf(pause->reason, sizeof pause->reason, "%s", database_text(select, 1));
        text_trim_partial(pause->reason);
    }
    sqlite3_finalize(select);
    return status;
}
