#include "bench/limit.h"

#include <cjson/cJSON.h>
#include <sodium.h>
#include <string.h>

#include "base/database.h"

enum { CHECKPOINT_PAGES = (16 << 20) / 4096 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS event ("
    " position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, version INTEGER NOT NULL, type INTEGER NOT NULL,"
    " schema_version INTEGER NOT NULL, event_id BLOB NOT NULL, correlation BLOB NOT NULL, causation INTEGER NOT NULL,"
    " recorded_at INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (stream, version)) STRICT";

#define COLUMNS "position, stream, version, type, schema_version, event_id, correlation, causation, recorded_at, data"

enum column { POSITION, STREAM, VERSION, TYPE, SCHEMA_VERSION, EVENT_ID, CORRELATION, CAUSATION, RECORDED_AT, DATA };

/* ---- writing ---- */

static int count_log(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)database, (void)name;
    ((struct limit *)context)->log_pages = pages;
    return SQLITE_OK;
}

enum status limit_open(struct limit *limit, const char *path, struct error *error)
{
    *limit = (struct limit){0};
    enum status status = database_open(&limit->database, path, DATABASE_CREATE, error);
    if (status == STATUS_OK)
        status = database_run(limit->database,
                              "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192", error);
    if (status == STATUS_OK)
        status = database_run(limit->database, schema, error);
    if (status == STATUS_OK)
        status = database_prepare(limit->database, "BEGIN IMMEDIATE", &limit->begin, error);
    if (status == STATUS_OK)
        status = database_prepare(limit->database, "COMMIT", &limit->commit, error);
    if (status == STATUS_OK)
        status = database_prepare(limit->database,
                                  "INSERT INTO event (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                                  &limit->insert, error);
    if (status != STATUS_OK)
        limit_close(limit);
    else
        sqlite3_wal_hook(limit->database, count_log, limit);
    return status;
}

void limit_close(struct limit *limit)
{
    sqlite3_finalize(limit->begin);
    sqlite3_finalize(limit->insert);
    sqlite3_finalize(limit->commit);
    if (limit->database != NULL)
        database_close(&limit->database);
    *limit = (struct limit){0};
}

static enum status insert(struct limit *limit, const struct made_event *made, struct error *error)
{
    sqlite3_stmt *row = limit->insert;
    sqlite3_bind_int64(row, POSITION + 1, (int64_t)made->position);
    sqlite3_bind_int64(row, STREAM + 1, (int64_t)made->stream_number);
    sqlite3_bind_int64(row, VERSION + 1, (int64_t)made->version);
    sqlite3_bind_int(row, TYPE + 1, (int)made->event.type);
    sqlite3_bind_int(row, SCHEMA_VERSION + 1, event_schema_version(made->event.type));
    sqlite3_bind_blob(row, EVENT_ID + 1, made->id.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(row, CORRELATION + 1, made->correlation.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(row, CAUSATION + 1, (int64_t)made->causation);
    sqlite3_bind_int64(row, RECORDED_AT + 1, made->recorded_at_us);
    sqlite3_bind_text(row, DATA + 1, made->data, (int)made->data_length, SQLITE_STATIC);
    return database_execute(row, "write a row of the limit", error);
}

enum status limit_append(struct limit *limit, const struct made_event *events, size_t count, struct error *error)
{
    enum status status = database_execute(limit->begin, "begin", error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = insert(limit, &events[i], error);
    if (status == STATUS_OK)
        status = database_execute(limit->commit, "commit", error);
    if (status == STATUS_OK && limit->log_pages >= CHECKPOINT_PAGES) {
        if (sqlite3_wal_checkpoint_v2(limit->database, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) != SQLITE_OK)
            return database_error(limit->database, "checkpoint the limit's log", error);
        limit->log_pages = 0;
    }
    return status;
}

enum status limit_head(struct limit *limit, uint64_t *position, struct error *error)
{
    int64_t last = 0;
    enum status status =
        database_integer(limit->database, "SELECT coalesce(max(position), 0) FROM event", &last, error);
    *position = (uint64_t)last;
    return status;
}

/* A version that is the position is never there twice. */
enum status limit_fill(struct limit *limit, size_t count, const char *data, struct error *error)
{
    struct made_event events[LIMIT_FILL_MAX];
    uint64_t last = 0;
    CHECK(count <= LIMIT_FILL_MAX);
    enum status status = limit_head(limit, &last, error);
    for (size_t i = 0; i < count; i++) {
        const uint64_t position = last + 1 + i;
        events[i] = (struct made_event){.event.type = EVENT_STOCK_RECEIVED,
                                        .position = position,
                                        .version = position,
                                        .data = data,
                                        .data_length = strlen(data)};
    }
    return status == STATUS_OK ? limit_append(limit, events, count, error) : status;
}

enum status limit_bytes(struct limit *limit, int64_t *bytes, struct error *error)
{
    int64_t pages = 0, page_bytes = 0;
    enum status status = database_integer(limit->database, "PRAGMA page_count", &pages, error);
    if (status == STATUS_OK)
        status = database_integer(limit->database, "PRAGMA page_size", &page_bytes, error);
    *bytes = pages * page_bytes;
    return status;
}

/* ---- reading ---- */

static inline struct limit_row row_of(sqlite3_stmt *select)
{
    return (struct limit_row){
        .position = (uint64_t)sqlite3_column_int64(select, POSITION),
        .stream = (uint64_t)sqlite3_column_int64(select, STREAM),
        .version = (uint64_t)sqlite3_column_int64(select, VERSION),
        .type = (enum event_type)sqlite3_column_int(select, TYPE),
        .schema_version = sqlite3_column_int(select, SCHEMA_VERSION),
        .id = sqlite3_column_blob(select, EVENT_ID),
        .correlation = sqlite3_column_blob(select, CORRELATION),
        .causation = (uint64_t)sqlite3_column_int64(select, CAUSATION),
        .recorded_at_us = sqlite3_column_int64(select, RECORDED_AT),
        .data = (const char *)sqlite3_column_text(select, DATA),
        .length = (size_t)sqlite3_column_bytes(select, DATA),
    };
}

/* Inlined into each loop, so that a call by pointer is no burden on the limit. */
static inline __attribute__((always_inline)) enum status read_rows(struct limit *limit, sqlite3_stmt *select,
                                                                   limit_visitor visit, void *context,
                                                                   struct tally *tally, struct error *error)
{
    int result;
    while ((result = sqlite3_step(select)) == SQLITE_ROW) {
        const struct limit_row row = row_of(select);
        if (!visit(context, &row))
            continue;
        tally->count++;
        tally->sum += row.length;
    }
    if (sqlite3_reset(select) != SQLITE_OK || result != SQLITE_DONE)
        return database_error(limit->database, "read the limit's rows", error);
    return STATUS_OK;
}

static inline __attribute__((always_inline)) enum status read_span(struct limit *limit, uint64_t from, uint64_t to,
                                                                   limit_visitor visit, void *context,
                                                                   struct tally *tally, struct error *error)
{
    sqlite3_stmt *select;
    enum status status = database_prepare(
        limit->database, "SELECT " COLUMNS " FROM event WHERE position BETWEEN ?1 AND ?2 ORDER BY position", &select,
        error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int64(select, 1, (int64_t)from);
    sqlite3_bind_int64(select, 2, (int64_t)to);
    status = read_rows(limit, select, visit, context, tally, error);
    sqlite3_finalize(select);
    return status;
}

enum status limit_visit(struct limit *limit, uint64_t from, uint64_t to, limit_visitor visit, void *context,
                        struct tally *tally, struct error *error)
{
    return read_span(limit, from, to, visit, context, tally, error);
}

static inline bool look(void *context, const struct limit_row *row)
{
    (void)context;
    return row->data != NULL && row->id != NULL && row->correlation != NULL;
}

static inline bool parse(void *context, const struct limit_row *row)
{
    if ((*(const event_type_set *)context & EVENT_BIT(row->type)) == 0)
        return false;
    cJSON *parsed = cJSON_ParseWithLength(row->data, row->length);
    CHECK(parsed != NULL);
    cJSON_Delete(parsed);
    return true;
}

enum status limit_read(struct limit *limit, struct tally *tally, struct error *error)
{
    return read_span(limit, 1, INT64_MAX, look, NULL, tally, error);
}

enum status limit_read_parsed(struct limit *limit, event_type_set types, struct tally *tally, struct error *error)
{
    return read_span(limit, 1, INT64_MAX, parse, &types, tally, error);
}

enum status limit_journey(struct limit *limit, sqlite3_stmt *select, uint64_t first_stream, struct tally *tally,
                          struct error *error)
{
    event_type_set all = ~(event_type_set)0;
    sqlite3_bind_int64(select, 1, (int64_t)first_stream);
    return read_rows(limit, select, parse, &all, tally, error);
}

enum status limit_journey_prepare(struct limit *limit, sqlite3_stmt **select, struct error *error)
{
    return database_prepare(limit->database, "SELECT " COLUMNS " FROM event WHERE stream BETWEEN ?1 AND ?1 + 3", select,
                            error);
}

/* ---- the chain ---- */

/* The same bytes that eventstore/digest.h publishes, put together in one place and hashed at one go. */
struct spelling {
    uint8_t bytes[2048];
    size_t length;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    char skus[HISTORY_SKUS][ENTITY_SIZE]; /* made beforehand: the limit does the least possible work */
};

static inline void put(struct spelling *spelling, const void *bytes, size_t length)
{
    CHECK(length <= sizeof spelling->bytes - spelling->length);
    memcpy(spelling->bytes + spelling->length, bytes, length);
    spelling->length += length;
}

static inline void put_number(struct spelling *spelling, uint64_t number)
{
    put(spelling, &number, sizeof number); /* little endian, as this machine is: the last digest tells */
}

static inline void put_text(struct spelling *spelling, const void *text, size_t length)
{
    uint32_t bytes = (uint32_t)length;
    put(spelling, &bytes, sizeof bytes);
    put(spelling, text, length);
}

static inline bool link(void *context, const struct limit_row *row)
{
    struct spelling *spelling = context;
    char order_text[UUID_TEXT_SIZE];
    const char *entity = order_text;
    const char *category = event_category(row->type), *type = event_type_name(row->type);
    if (row->stream <= HISTORY_SKUS) {
        entity = spelling->skus[row->stream - 1];
    } else {
        struct uuid order;
        memcpy(order.bytes, row->correlation, UUID_BYTES);
        uuid_to_text(order, order_text);
    }
    spelling->length = 0;
    put(spelling, spelling->digest, sizeof spelling->digest);
    put_number(spelling, row->position);
    put_text(spelling, category, strlen(category));
    put_text(spelling, entity, strlen(entity));
    put_number(spelling, row->version);
    put_text(spelling, type, strlen(type));
    put_number(spelling, (uint64_t)row->schema_version);
    put(spelling, row->id, UUID_BYTES);
    put(spelling, row->correlation, UUID_BYTES);
    put_number(spelling, row->causation);
    put_number(spelling, (uint64_t)row->recorded_at_us);
    put_text(spelling, LIMIT_ACTOR, sizeof LIMIT_ACTOR - 1);
    put_text(spelling, LIMIT_PRODUCER, sizeof LIMIT_PRODUCER - 1);
    put_text(spelling, "", 0); /* no command */
    put_text(spelling, row->data, row->length);
    CHECK(crypto_generichash(spelling->digest, sizeof spelling->digest, spelling->bytes, spelling->length, NULL, 0) ==
          0);
    return true;
}

enum status limit_digest(struct limit *limit, uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct tally *tally,
                         struct error *error)
{
    static struct spelling spelling;
    for (size_t i = 0; i < HISTORY_SKUS; i++)
        history_sku(i, spelling.skus[i]);
    memcpy(spelling.digest, digest, sizeof spelling.digest);
    enum status status = read_span(limit, 1, INT64_MAX, link, &spelling, tally, error);
    memcpy(digest, spelling.digest, sizeof spelling.digest);
    return status;
}
