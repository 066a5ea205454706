/* sqlite_commit.c - the only way anything gets onto the roll.
 *
 *   enter the queue · BEGIN IMMEDIATE · fence · appends (guards, before the first that is new) · parked events ·
 *   snapshots · checkpoint · open the queue's gate · COMMIT · (now and then: checkpoint the log) · leave the queue ·
 *   ring the doorbell
 *
 * The true moment of commit is SQLite's COMMIT, which syncs the log. Until then nothing is visible to anyone; after it
 * the commit stands, whatever becomes of us. */
#include "eventstore/sqlite_store.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"

enum {
    READERS_GRACE_MS = 200,        /* how long a checkpoint waits for readers to leave the log */
    CHECKPOINT_RETRY_US = 5000000, /* when they did not leave: how long nobody tries again */
};

/* One commit on its way. */
struct writing {
    struct eventstore *store;
    const struct commit *commit;
    int64_t recorded_at_us;
    int origin;
    bool any_fresh, any_standing; /* appends that are new · that stand on the roll already, byte for byte */
    bool checkpoint_is_there;     /* at its new value already; so is one that there is none of */
    uint32_t tones;               /* of the doorbell, for the types that were written */
};

/* ---- sentences ---- */

const char *stream_in_words(char words[TEXT_SAFE_SIZE], struct stream stream)
{
    char name[2 * NAME_SIZE + 1];
    snprintf(name, sizeof name, "%s-%s", stream.category, stream.entity);
    return text_safe(words, name);
}

static enum status conflict(struct error *error, struct stream stream, uint64_t version, uint64_t expected)
{
    char words[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_CONFLICT, "the stream %s is at version %llu, not at %llu: reload and decide again",
                     stream_in_words(words, stream), (unsigned long long)version, (unsigned long long)expected);
}

static enum status conflict_in_part(struct error *error, struct stream stream)
{
    char words[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_CONFLICT,
                     "what this commit appends to %s stands there already, but not all of the commit does: reload and"
                     " decide again",
                     stream_in_words(words, stream));
}

static enum status fenced(const struct writing *writing, uint64_t stands, struct error *error)
{
    char consumer[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_FENCED,
                     "the checkpoint of %s stands at %llu, not at %llu: another instance is at work",
                     text_safe(consumer, writing->commit->consumer), (unsigned long long)stands,
                     (unsigned long long)writing->commit->checkpoint_from);
}

/* ---- the checks ---- */

static enum status check_fence(struct writing *writing, struct error *error)
{
    const struct commit *commit = writing->commit;
    uint64_t stands = 0;
    writing->checkpoint_is_there = commit->consumer == NULL;
    if (commit->consumer == NULL)
        return STATUS_OK;
    enum status status = names_check(commit->consumer, "a consumer", error);
    if (status == STATUS_OK)
        status = eventstore_checkpoint(writing->store, commit->consumer, &stands, error);
    if (status != STATUS_OK)
        return status;
    writing->checkpoint_is_there = stands == commit->checkpoint_to;
    if (stands != commit->checkpoint_from && !writing->checkpoint_is_there && !MUTANT(UNFENCED_CHECKPOINT))
        return fenced(writing, stands, error);
    if (commit->checkpoint_to > writing->store->head.position)
        return error_set(error, STATUS_INVALID, "a checkpoint cannot stand at %llu: the roll ends at %llu",
                         (unsigned long long)commit->checkpoint_to, (unsigned long long)writing->store->head.position);
    return STATUS_OK;
}

/* Somebody moved the checkpoint to where this commit would: this commit itself, in an earlier try, or a twin. */
static bool is_moved_already(const struct writing *writing)
{
    return writing->checkpoint_is_there && writing->commit->checkpoint_from != writing->commit->checkpoint_to;
}

static enum status check_guards(struct writing *writing, struct error *error)
{
    for (size_t i = 0; i < writing->commit->guard_count; i++) {
        const struct guard *guard = &writing->commit->guards[i];
        struct stream_row row;
        enum status status = read_stream_row(writing->store, guard->stream, &row, error);
        if (status != STATUS_OK)
            return status;
        if (row.version != guard->expected_version)
            return conflict(error, guard->stream, row.version, guard->expected_version);
    }
    return STATUS_OK;
}

/* Now it is known that this is no repeat: what the commit was decided on must hold, and nobody may have been faster. */
static enum status check_before_writing(struct writing *writing, struct error *error)
{
    if (is_moved_already(writing) && !MUTANT(UNFENCED_CHECKPOINT))
        return fenced(writing, writing->commit->checkpoint_to, error);
    return check_guards(writing, error);
}

/* ---- what stands already ---- */

struct comparison {
    const struct append *append;
    size_t at;
    bool same_ids, same_content;
};

static enum status compare_event(void *context, const struct recorded_event *stands, struct error *error)
{
    (void)error;
    struct comparison *comparison = context;
    const struct new_event *wanted = &comparison->append->events[comparison->at++];
    if (!uuid_equal(stands->id, wanted->id))
        comparison->same_ids = false;
    else if (strcmp(stands->type, wanted->type) != 0 || stands->schema_version != wanted->schema_version ||
             stands->data_length != wanted->data_length || stands->causation != wanted->causation ||
             !uuid_equal(stands->correlation, wanted->correlation) ||
             memcmp(stands->data, wanted->data, wanted->data_length) != 0)
        comparison->same_content = false;
    return STATUS_OK;
}

/* Do the events of `append` stand on the roll behind version `after`, as they are? */
static enum status is_standing(struct eventstore *store, const struct append *append, const struct stream_row *row,
                               uint64_t after, bool *standing, struct error *error)
{
    char words[TEXT_SAFE_SIZE];
    *standing = false;
    if (after > row->version || append->count > row->version - after)
        return STATUS_OK;
    struct comparison comparison = {.append = append, .same_ids = true, .same_content = true};
    struct stream_query query = {.stream = append->stream, .from_version = after + 1, .limit = append->count};
    enum status status = eventstore_read_stream(store, &query, NULL, compare_event, &comparison, error);
    if (status == STATUS_OK && comparison.same_ids && !comparison.same_content)
        return error_set(error, STATUS_REFUSED, "other events with the same ids stand in the stream %s already",
                         stream_in_words(words, append->stream));
    *standing = comparison.same_ids;
    return status;
}

static bool is_same_stream(struct stream one, struct stream other)
{
    return strcmp(one.category, other.category) == 0 && strcmp(one.entity, other.entity) == 0;
}

/* The version behind which the events of append number `at` stand, if this commit was made before. Where any version
 * was expected they are the stream's last ones, followed by those that the same commit appends later. */
static uint64_t version_before(const struct writing *writing, size_t at, const struct stream_row *row)
{
    const struct commit *commit = writing->commit;
    const struct append *append = &commit->appends[at];
    uint64_t rest = 0;
    if (append->expected_version != EXPECTED_ANY)
        return append->expected_version;
    for (size_t i = at; i < commit->append_count; i++)
        if (is_same_stream(commit->appends[i].stream, append->stream))
            rest += commit->appends[i].count;
    return rest <= row->version ? row->version - rest : UINT64_MAX;
}

/* ---- writing ---- */

static enum status check_event(const struct writing *writing, const struct new_event *event, struct error *error)
{
    char type[TEXT_SAFE_SIZE];
    CHECK(event->schema_version >= 1 && event->schema_version <= EVENTSTORE_SCHEMA_VERSION_MAX);
    CHECK(event->data != NULL && memchr(event->data, '\0', event->data_length) == NULL);
    if (event->data_length > EVENTSTORE_DATA_MAX)
        return error_set(error, STATUS_INVALID, "an event's data has at most %d bytes, this %s has %zu",
                         EVENTSTORE_DATA_MAX, text_safe(type, event->type), event->data_length);
    if (event->causation > writing->store->head.position)
        return error_set(error, STATUS_INVALID, "an event cannot be caused by position %llu: the roll ends at %llu",
                         (unsigned long long)event->causation, (unsigned long long)writing->store->head.position);
    return STATUS_OK;
}

static enum status bind_correlation(struct eventstore *store, sqlite3_stmt *insert, const struct new_event *event,
                                    struct error *error)
{
    if (uuid_equal(event->correlation, event->id)) {
        sqlite3_bind_null(insert, COLUMN_CORRELATION + 1);
        return STATUS_OK;
    }
    char name[UUID_TEXT_SIZE];
    int64_t number = 0;
    uuid_to_text(event->correlation, name);
    enum status status = names_find_entity(store, name, &number, error);
    if (status == STATUS_OK && number == 0)
        status = names_add_entity(store, name, &number, error);
    sqlite3_bind_int64(insert, COLUMN_CORRELATION + 1, number);
    return status;
}

static void chain(struct writing *writing, const struct new_event *event, struct stream stream, uint64_t version)
{
    const struct commit *commit = writing->commit;
    struct roll_head *head = &writing->store->head;
    struct recorded_event recorded = {
        .position = head->position + 1,
        .stream = stream,
        .version = version,
        .type = event->type,
        .schema_version = event->schema_version,
        .id = event->id,
        .correlation = event->correlation,
        .causation = event->causation,
        .recorded_at_us = writing->recorded_at_us,
        .actor = commit->actor,
        .producer = commit->producer,
        .has_command_id = commit->command_id != NULL,
        .data = event->data,
        .data_length = event->data_length,
    };
    if (commit->command_id != NULL)
        recorded.command_id = *commit->command_id;
    digest_link(head->digest, &recorded, head->digest);
    head->position = recorded.position;
    head->recorded_at_us = recorded.recorded_at_us;
}

static enum status insert_event(struct writing *writing, struct stream_row *row, struct stream stream,
                                const struct new_event *event, struct error *error)
{
    struct eventstore *store = writing->store;
    sqlite3_stmt *insert = store->statements[STATEMENT_INSERT_EVENT];
    int type = 0;
    enum status status = check_event(writing, event, error);
    if (status == STATUS_OK)
        status = names_add_type(store, event->type, &type, error);
    if (status == STATUS_OK)
        status = bind_correlation(store, insert, event, error);
    if (status != STATUS_OK)
        return status;
    chain(writing, event, stream, row->version + 1);
    const struct uuid *command = writing->commit->command_id;
    sqlite3_bind_int64(insert, COLUMN_POSITION + 1, (int64_t)store->head.position);
    sqlite3_bind_int(insert, COLUMN_TYPE + 1, type);
    sqlite3_bind_int64(insert, COLUMN_ENTITY + 1, row->entity);
    sqlite3_bind_int(insert, COLUMN_CATEGORY + 1, row->category);
    sqlite3_bind_int64(insert, COLUMN_VERSION + 1, (int64_t)(row->version + 1));
    sqlite3_bind_int64(insert, COLUMN_PREVIOUS + 1, (int64_t)row->position);
    sqlite3_bind_int(insert, COLUMN_SCHEMA_VERSION + 1, event->schema_version);
    sqlite3_bind_blob(insert, COLUMN_EVENT_ID + 1, event->id.bytes, UUID_BYTES, SQLITE_STATIC);
    if (event->causation != 0)
        sqlite3_bind_int64(insert, COLUMN_CAUSATION + 1, (int64_t)event->causation);
    else
        sqlite3_bind_null(insert, COLUMN_CAUSATION + 1);
    sqlite3_bind_int64(insert, COLUMN_RECORDED_AT + 1, writing->recorded_at_us);
    sqlite3_bind_int(insert, COLUMN_ORIGIN + 1, writing->origin);
    if (command != NULL)
        sqlite3_bind_blob(insert, COLUMN_COMMAND_ID + 1, command->bytes, UUID_BYTES, SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, COLUMN_COMMAND_ID + 1);
    sqlite3_bind_text(insert, COLUMN_DATA + 1, event->data, (int)event->data_length, SQLITE_STATIC);
    sqlite3_bind_blob(insert, COLUMN_DIGEST + 1, store->head.digest, EVENTSTORE_DIGEST_BYTES, SQLITE_STATIC);
    row->version++;
    row->position = store->head.position;
    writing->tones |= doorbell_tone(event->type);
    return statement_write(insert, "write an event", error);
}

static enum status write_append(struct writing *writing, const struct append *append, struct stream_row *row,
                                struct error *error)
{
    struct eventstore *store = writing->store;
    enum status status = names_find_category(store, append->stream.category, true, &row->category, error);
    if (status == STATUS_OK && row->entity == 0)
        status = names_add_entity(store, append->stream.entity, &row->entity, error);
    for (size_t i = 0; status == STATUS_OK && i < append->count; i++)
        status = insert_event(writing, row, append->stream, &append->events[i], error);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *put = store->statements[STATEMENT_PUT_STREAM];
    sqlite3_bind_int64(put, 1, row->entity);
    sqlite3_bind_int64(put, 2, row->category);
    sqlite3_bind_int64(put, 3, (int64_t)row->version);
    sqlite3_bind_int64(put, 4, (int64_t)row->position);
    return statement_write(put, "write a stream's head", error);
}

enum status append_recorded(struct eventstore *store, const struct recorded_event *event, struct error *error)
{
    const struct new_event copy = {.id = event->id,
                                   .type = event->type,
                                   .schema_version = event->schema_version,
                                   .correlation = event->correlation,
                                   .causation = event->causation,
                                   .data = event->data,
                                   .data_length = event->data_length};
    const struct append append = {
        .stream = event->stream, .expected_version = event->version - 1, .events = &copy, .count = 1};
    const struct commit commit = {.actor = event->actor,
                                  .producer = event->producer,
                                  .command_id = event->has_command_id ? &event->command_id : NULL};
    struct writing writing = {.store = store, .commit = &commit, .recorded_at_us = event->recorded_at_us};
    struct stream_row row;
    char words[TEXT_SAFE_SIZE];
    enum status status = read_stream_row(store, event->stream, &row, error);
    if (status == STATUS_OK && row.version != append.expected_version)
        return error_set(error, STATUS_INVALID, "it cannot be version %llu of the stream %s, which is at %llu",
                         (unsigned long long)event->version, stream_in_words(words, event->stream),
                         (unsigned long long)row.version);
    if (status == STATUS_OK)
        status = names_add_origin(store, event->actor, event->producer, &writing.origin, error);
    return status == STATUS_OK ? write_append(&writing, &append, &row, error) : status;
}

/* Only with the first event that is new does the commit begin to write. */
static enum status begin_to_write(struct writing *writing, struct error *error)
{
    const struct commit *commit = writing->commit;
    if (writing->any_fresh)
        return STATUS_OK;
    enum status status = check_before_writing(writing, error);
    if (status == STATUS_OK)
        status = names_add_origin(writing->store, commit->actor, commit->producer, &writing->origin, error);
    writing->any_fresh = status == STATUS_OK;
    return status;
}

/* A commit is new as a whole, or a repeat as a whole; a mixture means that somebody else wrote. */
static enum status do_append(struct writing *writing, size_t at, struct error *error)
{
    const struct append *append = &writing->commit->appends[at];
    struct stream_row row;
    bool standing = false;
    enum status status = read_stream_row(writing->store, append->stream, &row, error);
    if (status == STATUS_OK && append->count > 0)
        status = is_standing(writing->store, append, &row, version_before(writing, at, &row), &standing, error);
    if (status != STATUS_OK)
        return status;
    if (standing) {
        writing->any_standing = true;
        return writing->any_fresh ? conflict_in_part(error, append->stream) : STATUS_OK;
    }
    if (append->expected_version != EXPECTED_ANY && row.version != append->expected_version &&
        !MUTANT(VERSION_UNCHECKED))
        return conflict(error, append->stream, row.version, append->expected_version);
    if (append->count == 0)
        return STATUS_OK;
    if (writing->any_standing)
        return conflict_in_part(error, append->stream);
    status = begin_to_write(writing, error);
    return status == STATUS_OK ? write_append(writing, append, &row, error) : status;
}

static enum status do_appends(struct writing *writing, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < writing->commit->append_count; i++)
        status = do_append(writing, i, error);
    return status;
}

/* ---- parked events and the checkpoint ---- */

/* How the event of `change` stands: with so many attempts (-1: it is not parked), and whether it is as the change
 * would leave it. */
static enum status look_at_parked(struct writing *writing, const struct parked_change *change, int *attempts,
                                  bool *is_done, struct error *error)
{
    struct parked stands;
    bool found = false;
    CHECK(change->remove || change->parked.reason != NULL);
    enum status status =
        parked_find(writing->store, writing->commit->consumer, &change->parked, &found, &stands, error);
    *attempts = status == STATUS_OK && found ? stands.attempts : -1;
    if (status == STATUS_OK)
        *is_done = change->remove ? !found : found && is_same_parked(&stands, &change->parked);
    parked_found(writing->store);
    return status;
}

static enum status change_parked(struct writing *writing, const struct parked_change *change, struct error *error)
{
    const struct parked *parked = &change->parked;
    const char *consumer = writing->commit->consumer;
    int attempts = -1;
    bool is_done = false;
    enum status status = look_at_parked(writing, change, &attempts, &is_done, error);
    if (status != STATUS_OK)
        return status;
    if (attempts != change->expected_attempts)
        return error_set(error, STATUS_CONFLICT, "the parked event at position %llu is not as it was: look again",
                         (unsigned long long)parked->position);
    return change->remove ? parked_remove(writing->store, consumer, parked, error)
                          : parked_put(writing->store, consumer, parked, error);
}

static enum status do_parked(struct writing *writing, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < writing->commit->parked_count; i++)
        status = change_parked(writing, &writing->commit->parked[i], error);
    return status;
}

static enum status do_snapshots(struct writing *writing, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < writing->commit->snapshot_count; i++)
        status = put_snapshot(writing->store, &writing->commit->snapshots[i], error);
    return status;
}

static enum status do_checkpoint(struct writing *writing, struct error *error)
{
    const struct commit *commit = writing->commit;
    if (writing->checkpoint_is_there)
        return STATUS_OK;
    return put_checkpoint(writing->store, commit->consumer, commit->checkpoint_to, error);
}

/* Does all that the commit would write stand already, from an earlier try? Then there is nothing left to do. */
static enum status check_repeat(struct writing *writing, bool *is_repeat, struct error *error)
{
    const struct commit *commit = writing->commit;
    enum status status = STATUS_OK;
    *is_repeat =
        !writing->any_fresh && writing->checkpoint_is_there && (writing->any_standing || is_moved_already(writing));
    for (size_t i = 0; *is_repeat && i < commit->parked_count; i++) {
        int attempts;
        status = look_at_parked(writing, &commit->parked[i], &attempts, is_repeat, error);
        if (status != STATUS_OK)
            break;
    }
    return status;
}

/* ---- the transaction ---- */

static enum status write_all(struct writing *writing, struct error *error)
{
    bool is_repeat = false;
    enum status status = check_fence(writing, error);
    if (status == STATUS_OK)
        status = do_appends(writing, error);
    if (status == STATUS_OK)
        status = check_repeat(writing, &is_repeat, error);
    if (status != STATUS_OK || is_repeat)
        return status;
    if (!writing->any_fresh) /* else it was checked before the first event was written */
        status = check_before_writing(writing, error);
    if (status == STATUS_OK)
        status = do_parked(writing, error);
    if (status == STATUS_OK)
        status = do_snapshots(writing, error);
    return status == STATUS_OK ? do_checkpoint(writing, error) : status;
}

static enum status refresh_head(struct writing *writing, struct error *error)
{
    struct eventstore *store = writing->store;
    const bool is_known = MUTANT(HEAD_REMEMBERED) && store->head.position > 0;
    enum status status = is_known ? STATUS_OK : read_roll_head(store, &store->head, error);
    int64_t now_us = clock_now_us(&store->clock);
    const bool goes_on = now_us > store->head.recorded_at_us || MUTANT(CLOCK_TRUSTED);
    writing->recorded_at_us = goes_on ? now_us : store->head.recorded_at_us;
    return status;
}

static void roll_back(struct eventstore *store)
{
    database_roll_back(store->database);
    names_forget(store);
}

static enum status write_commit(struct eventstore *store, void *writing, struct error *error)
{
    (void)store;
    enum status status = refresh_head(writing, error);
    return status == STATUS_OK ? write_all(writing, error) : status;
}

static enum status run_transaction(struct eventstore *store, transaction_work work, void *context, struct error *error)
{
    enum status status = database_execute(store->statements[STATEMENT_BEGIN], "begin to write", error);
    if (status == STATUS_OK)
        status = work(store, context, error);
    const bool is_done = status == STATUS_OK;
    writer_queue_open_gate(&store->queue);
    if (is_done)
        status = database_execute(store->statements[STATEMENT_COMMIT], "commit", error);
    if (status != STATUS_OK)
        roll_back(store);
    return is_done && MUTANT(SWALLOWED_ERROR) ? STATUS_OK : status;
}

/* ---- the log ---- */

/* Only ever inside the queue: with SQLite 3.40 a checkpoint beside a commit may lose pages (docs/decisions/0001).
 * Readers get a moment to leave. False when they did not, or the disk failed. */
static bool checkpoint_log(struct eventstore *store, int mode)
{
    CHECK(store->queue.held && sqlite3_get_autocommit(store->database));
    if (MUTANT(CHECKPOINT_OUTSIDE)) {
        writer_queue_leave(&store->queue);
        store->queue.held = true;
    }
    sqlite3_busy_timeout(store->database, READERS_GRACE_MS);
    int result = sqlite3_wal_checkpoint_v2(store->database, NULL, mode, NULL, NULL);
    sqlite3_busy_timeout(store->database, DATABASE_PATIENCE_MS);
    if (result == SQLITE_OK)
        store->log_pages = 0;
    return result == SQLITE_OK;
}

static bool is_checkpoint_due(const struct eventstore *store)
{
    return store->log_pages >= store->options.checkpoint_every_bytes / PAGE_BYTES;
}

/* A reader who stays is waited for once, not by each writer in turn: whoever tried in vain leaves a note until when it
 * is of no use. (A note from further ahead than that was left before the clock was set back.) */
static void checkpoint_when_due(struct eventstore *store)
{
    if (!is_checkpoint_due(store))
        return;
    int64_t now_us = clock_now_us(&store->clock), retry_at_us = writer_queue_read_note(&store->queue);
    if (!MUTANT(READER_WAITED_FOR_AGAIN) && now_us < retry_at_us && retry_at_us <= now_us + CHECKPOINT_RETRY_US)
        return;
    if (!checkpoint_log(store, SQLITE_CHECKPOINT_RESTART))
        writer_queue_leave_note(&store->queue, now_us + CHECKPOINT_RETRY_US);
}

/* The log's file shrinks only when it is truncated, so it may be large and hold little; but as nobody else is in the
 * queue, truncating it is the way to find out. While our last commit found little in it nobody asks the file: a look at
 * its size makes Linux keep its next change's time more exactly, which costs the sync 50 µs (docs/decisions/0016). */
static enum status check_ceiling(struct eventstore *store, struct error *error)
{
    if (store->log_is_known && !is_checkpoint_due(store))
        return STATUS_OK;
    if (eventstore_log_bytes(store) < store->options.log_ceiling_bytes)
        return STATUS_OK;
    (void)checkpoint_log(store, SQLITE_CHECKPOINT_TRUNCATE);
    if (eventstore_log_bytes(store) < store->options.log_ceiling_bytes)
        return STATUS_OK;
    return error_set(error, STATUS_FULL,
                     "the log file has reached its ceiling of %llu MiB, because a reader holds on to an old state: "
                     "find who has %s open",
                     (unsigned long long)(store->options.log_ceiling_bytes >> 20), store->shown);
}

enum status transact(struct eventstore *store, transaction_work work, void *context, struct error *error)
{
    if (store->one_file)
        return error_set(error, STATUS_IO, "%s was opened for reading only", store->shown);
    CHECK(sqlite3_txn_state(store->database, NULL) == SQLITE_TXN_NONE); /* no visitor is under way */
    enum status status = writer_queue_enter(&store->queue, store->options.patience_ms, error);
    if (status != STATUS_OK)
        return status;
    status = check_ceiling(store, error);
    if (status == STATUS_OK)
        status = run_transaction(store, work, context, error);
    if (status == STATUS_OK)
        checkpoint_when_due(store);
    writer_queue_leave(&store->queue);
    return status;
}

enum status eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                              struct error *error)
{
    struct writing writing = {.store = store, .commit = commit};
    CHECK(commit->consumer != NULL || commit->parked_count == 0);
    enum status status = transact(store, write_commit, &writing, error);
    if (status == STATUS_OK && head != NULL)
        *head = store->head.position;
    if (status == STATUS_OK && writing.any_fresh)
        doorbell_ring(&store->doorbell, writing.tones);
    return status;
}
