/* sqlite_rows.c - a row of the table of events becomes an event. */
#include "eventstore/sqlite_store.h"

#include <string.h>

enum status damaged_at(struct error *error, uint64_t position, const char *what)
{
    return error_set(error, STATUS_DAMAGED, "the event at position %llu is damaged: %s. Run `till verify`",
                     (unsigned long long)position, what);
}

/* ---- till_event(), the function that is handed each row ---- */

static const char sink_type[] = "till_row_sink"; /* what no SQL can make up */

static struct stored_bytes stored_bytes(sqlite3_value *value)
{
    const void *bytes = sqlite3_value_blob(value);
    return (struct stored_bytes){bytes, (size_t)sqlite3_value_bytes(value)};
}

static void fill_row(struct event_row *row, sqlite3_value **columns, int count)
{
    row->position = sqlite3_value_int64(columns[COLUMN_POSITION]);
    row->type = sqlite3_value_int64(columns[COLUMN_TYPE]);
    row->entity = sqlite3_value_int64(columns[COLUMN_ENTITY]);
    row->category = sqlite3_value_int64(columns[COLUMN_CATEGORY]);
    row->version = sqlite3_value_int64(columns[COLUMN_VERSION]);
    row->schema_version = sqlite3_value_int64(columns[COLUMN_SCHEMA_VERSION]);
    row->event_id = stored_bytes(columns[COLUMN_EVENT_ID]);
    row->correlation = sqlite3_value_int64(columns[COLUMN_CORRELATION]);
    row->causation = sqlite3_value_int64(columns[COLUMN_CAUSATION]);
    row->recorded_at_us = sqlite3_value_int64(columns[COLUMN_RECORDED_AT]);
    row->origin = sqlite3_value_int64(columns[COLUMN_ORIGIN]);
    row->command_id = stored_bytes(columns[COLUMN_COMMAND_ID]);
    row->data.bytes = sqlite3_value_text(columns[COLUMN_DATA]); /* with a NUL at its end, which a blob has not */
    row->data.length = (size_t)sqlite3_value_bytes(columns[COLUMN_DATA]);
    row->previous = count > COLUMN_PREVIOUS ? sqlite3_value_int64(columns[COLUMN_PREVIOUS]) : 0;
    row->digest = count > COLUMN_DIGEST ? stored_bytes(columns[COLUMN_DIGEST]) : (struct stored_bytes){0};
    row->has_digest = count > COLUMN_DIGEST;
}

static void hand_over(sqlite3_context *call, int count, sqlite3_value **arguments)
{
    struct event_row row;
    struct row_sink *sink = count > COLUMN_COMMAND_ID + 1 ? sqlite3_value_pointer(arguments[0], sink_type) : NULL;
    if (sink == NULL) {
        sqlite3_result_error(call, "till_event() is the store's own", -1);
        return;
    }
    fill_row(&row, arguments + 1, count - 1);
    sink->rows_left--;
    sink->status = sink->visit(sink->context, &row, sink->error);
    sqlite3_result_int(call, sink->status != STATUS_OK || sink->rows_left == 0);
}

static void tell_next(sqlite3_context *call, int count, sqlite3_value **arguments)
{
    const struct row_sink *sink = sqlite3_value_pointer(arguments[0], sink_type);
    (void)count; /* 1, as it is registered */
    if (sink == NULL)
        sqlite3_result_error(call, "till_next() is the store's own", -1);
    else
        sqlite3_result_int64(call, (int64_t)sink->next);
}

enum status rows_register(sqlite3 *database, struct error *error)
{
    const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
    if (sqlite3_create_function_v2(database, "till_event", -1, flags, NULL, hand_over, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function_v2(database, "till_next", 1, flags, NULL, tell_next, NULL, NULL, NULL) != SQLITE_OK)
        return database_error(database, "prepare to read events", error);
    return STATUS_OK;
}

enum status rows_visit(sqlite3_stmt *select, struct row_sink *sink, bool *more, struct error *error)
{
    sink->status = STATUS_OK;
    sink->error = error;
    sqlite3_bind_pointer(select, 1, sink, sink_type, NULL);
    enum status status = database_step(select, more, "read the roll", error);
    return status == STATUS_OK ? sink->status : status;
}

/* ---- a row as an event ---- */

static bool is_uuid(struct stored_bytes stored, struct uuid *id)
{
    if (stored.length != UUID_BYTES)
        return false;
    CHECK(stored.bytes != NULL);
    memcpy(id->bytes, stored.bytes, UUID_BYTES);
    return true;
}

/* A correlation is kept as the number of the entity it names; none means the event's own id. */
static enum status name_correlation(struct eventstore *store, const struct event_row *row, struct recorded_event *event,
                                    struct error *error)
{
    const struct entity_slot *journey;
    event->correlation = event->id;
    if (row->correlation == 0)
        return STATUS_OK;
    enum status status = names_entity(store, row->correlation, &journey, error);
    if (status == STATUS_OK && !journey->is_uuid)
        status = damaged_at(error, event->position, "its correlation is no id");
    if (status == STATUS_OK)
        event->correlation = journey->uuid;
    return status;
}

static enum status name_event(struct eventstore *store, const struct event_row *row, struct recorded_event *event,
                              struct error *error)
{
    const struct origin_row *origin;
    const struct entity_slot *entity;
    enum status status = names_type(store, row->type, &event->type, error);
    if (status == STATUS_OK)
        status = names_category(store, row->category, &event->stream.category, error);
    if (status == STATUS_OK)
        status = names_origin(store, row->origin, &origin, error);
    if (status == STATUS_OK) {
        event->actor = origin->actor;
        event->producer = origin->producer;
        status = name_correlation(store, row, event, error);
    }
    /* Last, because the name is borrowed until the next entity is looked up. */
    if (status == STATUS_OK)
        status = names_entity(store, row->entity, &entity, error);
    if (status == STATUS_OK)
        event->stream.entity = entity->name;
    return status;
}

/* What stands behind an event cannot be its cause, nor can its stream have more events than the roll has up to it. */
static bool has_its_place(const struct event_row *row)
{
    return row->version >= 1 && row->version <= row->position && row->causation >= 0 && row->causation < row->position;
}

enum status event_from_row(struct eventstore *store, const struct event_row *row, struct recorded_event *event,
                           struct error *error)
{
    *event = (struct recorded_event){
        .position = (uint64_t)row->position,
        .version = (uint64_t)row->version,
        .schema_version = (int)row->schema_version,
        .causation = (uint64_t)row->causation,
        .recorded_at_us = row->recorded_at_us,
        .has_command_id = row->command_id.bytes != NULL, /* nor has a blob of nothing: the digest tells no difference */
        .data = row->data.bytes,
        .data_length = row->data.length,
        .digest = row->digest.bytes,
    };
    if (row->schema_version < 1 || row->schema_version > EVENTSTORE_SCHEMA_VERSION_MAX)
        return damaged_at(error, event->position, "its schema version is none");
    if (!has_its_place(row))
        return damaged_at(error, event->position, "its version or its cause is none");
    if (row->recorded_at_us < TIME_MIN_US || row->recorded_at_us > TIME_MAX_US)
        return damaged_at(error, event->position, "it was recorded at a time that is none");
    if (!is_uuid(row->event_id, &event->id))
        return damaged_at(error, event->position, "its id is no id");
    if (event->has_command_id && !is_uuid(row->command_id, &event->command_id))
        return damaged_at(error, event->position, "its command's id is no id");
    if (event->data == NULL)
        return damaged_at(error, event->position, "it has no data");
    if (row->has_digest && row->digest.length != EVENTSTORE_DIGEST_BYTES)
        return damaged_at(error, event->position, "its digest is none");
    return name_event(store, row, event, error);
}
