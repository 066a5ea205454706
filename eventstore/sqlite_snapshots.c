/* sqlite_snapshots.c - states that somebody has folded, kept so that nobody folds them again. */
#include "eventstore/sqlite_store.h"

static void bind_key(sqlite3_stmt *statement, const struct stream_row *row, int fold_version)
{
    sqlite3_bind_int64(statement, 1, row->entity);
    sqlite3_bind_int(statement, 2, row->category);
    sqlite3_bind_int(statement, 3, fold_version);
}

static enum status find(struct eventstore *store, const struct stream_row *row, struct arena *arena,
                        struct snapshot *snapshot, struct error *error)
{
    sqlite3_stmt *select;
    bool found = false;
    enum status status = statement_lend(store, STATEMENT_FIND_SNAPSHOT, &select, error);
    if (status != STATUS_OK)
        return status;
    bind_key(select, row, snapshot->fold_version);
    sqlite3_bind_int64(select, 4, (int64_t)row->version);
    status = database_step(select, &found, "read a snapshot", error);
    if (status == STATUS_OK && found) {
        snapshot->version = (uint64_t)sqlite3_column_int64(select, 0);
        snapshot->data_length = (size_t)sqlite3_column_bytes(select, 1);
        snapshot->data = arena_copy_text(arena, database_text(select, 1), snapshot->data_length);
        if (snapshot->data == NULL)
            status = error_memory(error);
    }
    statement_return(store, STATEMENT_FIND_SNAPSHOT, select);
    return status;
}

enum status eventstore_read_snapshot(struct eventstore *store, struct stream stream, int fold_version,
                                     struct arena *arena, struct snapshot *snapshot, struct error *error)
{
    struct stream_row row;
    *snapshot = (struct snapshot){.stream = stream, .fold_version = fold_version};
    if (store->info.format < FIRST_WITH_SNAPSHOTS)
        return STATUS_OK;
    enum status status = read_stream_row(store, stream, &row, error);
    return status == STATUS_OK && row.version > 0 ? find(store, &row, arena, snapshot, error) : status;
}

enum status put_snapshot(struct eventstore *store, const struct snapshot *snapshot, struct error *error)
{
    struct stream_row row;
    char words[TEXT_SAFE_SIZE];
    sqlite3_stmt *put;
    CHECK(snapshot->version > 0 && snapshot->data_length <= EVENTSTORE_DATA_MAX);
    enum status status = read_stream_row(store, snapshot->stream, &row, error);
    if (status == STATUS_OK && snapshot->version > row.version)
        return error_set(error, STATUS_INVALID, "a snapshot of %s cannot be of version %llu: the stream is at %llu",
                         stream_in_words(words, snapshot->stream), (unsigned long long)snapshot->version,
                         (unsigned long long)row.version);
    if (status == STATUS_OK)
        status = statement_lend(store, STATEMENT_PUT_SNAPSHOT, &put, error);
    if (status != STATUS_OK)
        return status;
    bind_key(put, &row, snapshot->fold_version);
    sqlite3_bind_int64(put, 4, (int64_t)snapshot->version);
    sqlite3_bind_text(put, 5, snapshot->data, (int)snapshot->data_length, SQLITE_STATIC);
    status = statement_write(put, "write a snapshot", error);
    sqlite3_clear_bindings(put); /* what was bound is borrowed */
    statement_return(store, STATEMENT_PUT_SNAPSHOT, put);
    return status;
}
