/* sqlite_store.c - making, opening and closing a store. */
#include "eventstore/sqlite_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mutant.h"
#include "eventstore/store_id.h"

enum {
    PATIENCE_DEFAULT_MS = 10000,
    CHECKPOINT_DEFAULT_BYTES = 16 << 20, /* 12 % of the time at 4 MiB, 8 % at 16, 5 % at 64; pauses of 11 ms at 16 */
    LOG_CEILING_DEFAULT_BYTES = 1 << 30, /* a reader that hangs shall not fill the disk */
};

/* ---- making ---- */

static enum status fill_store_row(sqlite3 *database, const struct clock *clock, const char *settings,
                                  struct error *error)
{
    sqlite3_stmt *insert = NULL;
    enum status status = database_prepare(
        database, "INSERT INTO store (one, id, created_at, settings) VALUES (1, ?1, ?2, ?3)", &insert, error);
    if (status != STATUS_OK)
        return status;
    const int64_t now_us = clock_now_us(clock);
    const struct uuid id = store_id_new(now_us, settings);
    sqlite3_bind_blob(insert, 1, id.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, now_us);
    sqlite3_bind_text(insert, 3, settings, -1, SQLITE_STATIC);
    status = database_execute(insert, "write the store's identity", error);
    sqlite3_finalize(insert);
    return status;
}

enum status run_schema(sqlite3 *database, int format, struct error *error)
{
    enum status status = checksum_register(database, error);
    for (const char *const *sql = schema_sql[format]; status == STATUS_OK && *sql != NULL; sql++)
        status = database_run(database, *sql, error);
    return status;
}

static enum status fill_database(sqlite3 *database, const struct clock *clock, const char *settings,
                                 struct error *error)
{
    char kind[100];
    snprintf(kind, sizeof kind, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
             EVENTSTORE_FORMAT);
    /* Nothing need be on disk before all of it is, so it is synced once, at the end. */
    enum status status = database_run(database, "PRAGMA synchronous = OFF; BEGIN", error);
    for (int format = 1; status == STATUS_OK && format <= EVENTSTORE_FORMAT; format++)
        status = run_schema(database, format, error);
    if (status == STATUS_OK)
        status = fill_store_row(database, clock, settings, error);
    if (status == STATUS_OK)
        status = database_run(database, kind, error);
    return status == STATUS_OK ? database_run(database, "COMMIT; PRAGMA journal_mode = WAL", error) : status;
}

static enum status build_database(const char *path, const struct clock *clock, const char *settings,
                                  struct error *error)
{
    sqlite3 *database = NULL;
    enum status status = database_open(&database, path, DATABASE_CREATE, error);
    if (status != STATUS_OK)
        return status;
    /* This file is nobody else's yet, so the checkpoint at its close is safe, and leaves one whole file. */
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    status = fill_database(database, clock, settings, error);
    database_close(&database);
    return status == STATUS_OK ? file_sync(path, error) : status;
}

static enum status refuse_second(const char *folder, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_REFUSED, "there is a store in %s already", text_safe(safe, folder));
}

/* A store is its owner's alone to write to: whoever else may could do with it what no trigger and no queue refuses. */
static enum status check_ours(const char *folder, struct error *error)
{
    static const char *const names[] = {"events.db", "events.db-wal", "events.db-shm", "events.db-journal"};
    char path[PATH_SIZE];
    enum status status = file_check_ours(folder, error);
    for (size_t i = 0; status == STATUS_OK && i < sizeof names / sizeof *names; i++) {
        status = path_join(path, folder, error, "%s", names[i]);
        if (status == STATUS_OK)
            status = file_check_regular(path, error);
    }
    if (status == STATUS_OK)
        status = path_join(path, folder, error, "run");
    return status == STATUS_OK ? file_check_folder(path, error) : status;
}

enum status store_place(const char *folder, char path[PATH_SIZE], struct error *error)
{
    enum status status = path_join(path, folder, error, "events.db");
    if (status != STATUS_OK)
        return status;
    return file_exists(path) ? refuse_second(folder, error) : check_ours(folder, error);
}

enum status eventstore_create(const char *folder, const struct eventstore_options *options, const char *settings,
                              struct error *error)
{
    char path[PATH_SIZE], draft[PATH_SIZE], run[PATH_SIZE];
    const struct clock *clock = options != NULL && options->clock != NULL ? options->clock : &clock_system;
    CHECK(strlen(settings) < sizeof((struct eventstore_info *)NULL)->settings);
    enum status status = store_place(folder, path, error);
    if (status == STATUS_OK)
        status = path_draft(draft, path, error);
    if (status == STATUS_OK)
        status = path_join(run, folder, error, "run");
    if (status == STATUS_OK)
        status = file_make_folder(run, error);
    if (status != STATUS_OK)
        return status;
    status = build_database(draft, clock, settings, error);
    if (status == STATUS_OK)
        status = file_publish(draft, path, error);
    database_remove(draft);
    return status == STATUS_REFUSED ? refuse_second(folder, error) : status;
}

/* ---- opening ---- */

static enum status check_kind(struct eventstore *store, struct error *error)
{
    int64_t application = 0, format = 0;
    enum status status = database_integer(store->database, "PRAGMA application_id", &application, error);
    if (status == STATUS_OK)
        status = database_integer(store->database, "PRAGMA user_version", &format, error);
    if (status != STATUS_OK)
        return status;
    if (application != APPLICATION_ID)
        return error_set(error, STATUS_FOREIGN, "%s is a database, but not a store of events", store->shown);
    if (format < 1)
        return error_set(error, STATUS_DAMAGED, "%s says that it has the format %lld, which never was", store->shown,
                         (long long)format);
    if (format > EVENTSTORE_FORMAT)
        return error_set(error, STATUS_NEWER,
                         "%s was made by a newer version (format %lld, this program knows %d): use that version",
                         store->shown, (long long)format, EVENTSTORE_FORMAT);
    store->info.format = (int)format;
    return STATUS_OK;
}

enum status read_info(struct eventstore *store, struct eventstore_info *info, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    enum status status =
        database_prepare(store->database, "SELECT id, created_at, settings FROM store", &select, error);
    if (status == STATUS_OK)
        status = database_step(select, &row, "read the store's identity", error);
    if (status == STATUS_OK && (sqlite3_column_bytes(select, 0) != UUID_BYTES ||
                                (size_t)sqlite3_column_bytes(select, 2) >= sizeof info->settings))
        status = error_set(error, STATUS_DAMAGED, "%s does not say which store it is", store->shown);
    if (status == STATUS_OK) {
        memcpy(info->id.bytes, sqlite3_column_blob(select, 0), UUID_BYTES);
        info->created_at_us = sqlite3_column_int64(select, 1);
        snprintf(info->settings, sizeof info->settings, "%s", database_text(select, 2));
        if (!store_id_vouches_for(info))
            status = error_set(error, STATUS_DAMAGED,
                               "%s: when it was made, or with which settings, is not what its id says: take it from a"
                               " backup",
                               store->shown);
    }
    sqlite3_finalize(select);
    return status;
}

static int remember_log_pages(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)database, (void)name;
    struct eventstore *store = context;
    store->log_pages = (uint64_t)pages;
    store->log_is_known = true;
    return SQLITE_OK;
}

static enum status tune(struct eventstore *store, struct error *error)
{
    const char *synchronous = store->options.durability == DURABILITY_FULL && !MUTANT(SYNCHRONOUS_OFF)
                                  ? "PRAGMA synchronous = FULL"
                                  : "PRAGMA synchronous = OFF";
    enum status status = database_run(store->database, synchronous, error);
    if (status == STATUS_OK)
        status = database_run(store->database, "PRAGMA cache_size = -8192", error);
    sqlite3_wal_hook(store->database, remember_log_pages, store);
    return status;
}

/* The bug and the versions that mend it: docs/decisions/0001. */
bool has_reset_bug(int version)
{
    return version < 3044006 || (version >= 3045000 && version < 3050007) || (version >= 3051000 && version < 3051003);
}

static void describe_engine(struct eventstore *store)
{
    static const char *const words[] = {"without the WAL-reset bug",
                                        "has the WAL-reset bug; our checkpoints go around it"};
    snprintf(store->engine, sizeof store->engine, "SQLite %s (%s)", sqlite3_libversion(),
             words[has_reset_bug(sqlite3_libversion_number())]);
}

static void take_options(struct eventstore *store, const struct eventstore_options *options)
{
    if (options != NULL)
        store->options = *options;
    store->clock = store->options.clock != NULL ? *store->options.clock : clock_system;
    if (store->options.patience_ms == 0)
        store->options.patience_ms = PATIENCE_DEFAULT_MS;
    if (store->options.log_ceiling_bytes == 0)
        store->options.log_ceiling_bytes = LOG_CEILING_DEFAULT_BYTES;
    if (store->options.checkpoint_every_bytes == 0)
        store->options.checkpoint_every_bytes = CHECKPOINT_DEFAULT_BYTES;
}

static bool is_for_writing(enum statement which)
{
    return which == STATEMENT_PUT_CHECKPOINT || which == STATEMENT_PUT_PARKED || which == STATEMENT_REMOVE_PARKED;
}

/* Into a table that is a view for a reader of an older format nothing can be written. */
static enum status prepare(struct eventstore *store, enum statement first, enum statement end, struct error *error)
{
    enum status status = STATUS_OK;
    for (enum statement i = first; status == STATUS_OK && i < end; i++)
        if (!store->one_file || !is_for_writing(i))
            status = database_prepare(store->database, statement_sql[i], &store->statements[i], error);
    return status;
}

static enum status lacks_tables(struct eventstore *store, enum status status, struct error *error)
{
    if (status != STATUS_IO || (sqlite3_errcode(store->database) & 0xff) != SQLITE_ERROR)
        return status;
    return error_set(error, STATUS_DAMAGED, "%s lacks tables that every store has: take it from a backup",
                     store->shown);
}

static enum status open_database(struct eventstore *store, struct error *error)
{
    enum database_mode mode = store->one_file ? DATABASE_READ : DATABASE_WRITE;
    (void)text_safe(store->shown, store->path);
    enum status status = database_open(&store->database, store->path, mode, error);
    if (status == STATUS_OK)
        status = checksum_register(store->database, error);
    if (status == STATUS_OK)
        status = rows_register(store->database, error);
    if (status == STATUS_OK)
        status = check_kind(store, error);
    if (status == STATUS_OK)
        status = read_info(store, &store->info, error);
    if (status == STATUS_OK)
        status = tune(store, error);
    if (status == STATUS_OK)
        status = prepare(store, STATEMENT_BEGIN, STATEMENT_COMMIT + 1, error); /* to raise the format with */
    if (status == STATUS_OK)
        status = names_open(store, error);
    return lacks_tables(store, status, error);
}

/* All that is asked of a store of the newest format, or of a file that looks like one. */
static enum status prepare_rest(struct eventstore *store, struct error *error)
{
    enum status status = STATUS_OK;
    if (store->one_file && store->info.format < FIRST_WITH_CHECKSUMS)
        status = database_run(store->database, without_checksums_sql[store->info.format], error);
    if (status == STATUS_OK)
        status = prepare(store, STATEMENT_COMMIT + 1, STATEMENTS_AT_OPEN, error);
    return lacks_tables(store, status, error);
}

/* A store has a write-ahead log; a backup, which is one file, has none until it is put in a store's place. */
static enum status ensure_log(struct eventstore *store, struct error *error)
{
    sqlite3_stmt *pragma = NULL;
    bool row = false;
    enum status status = database_prepare(store->database, "PRAGMA journal_mode", &pragma, error);
    if (status == STATUS_OK)
        status = database_step(pragma, &row, "read the journal's mode", error);
    const bool has_log = strcmp(database_text(pragma, 0), "wal") == 0;
    sqlite3_finalize(pragma);
    if (status != STATUS_OK || has_log)
        return status;
    status = writer_queue_enter(&store->queue, store->options.patience_ms, error);
    if (status != STATUS_OK)
        return status;
    status = database_run(store->database, "PRAGMA journal_mode = WAL", error);
    writer_queue_leave(&store->queue);
    return status;
}

/* What later formats added, given to a store of an older one. */
static enum status add_formats(struct eventstore *store, void *context, struct error *error)
{
    char pragma[40];
    (void)context;
    enum status status = check_kind(store, error); /* somebody may have been faster */
    for (int format = store->info.format + 1; status == STATUS_OK && format <= EVENTSTORE_FORMAT; format++)
        status = run_schema(store->database, format, error);
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", EVENTSTORE_FORMAT);
    if (status == STATUS_OK)
        status = database_run(store->database, pragma, error);
    return lacks_tables(store, status, error);
}

static enum status ensure_format(struct eventstore *store, struct error *error)
{
    if (store->info.format == EVENTSTORE_FORMAT)
        return STATUS_OK;
    enum status status = transact(store, add_formats, NULL, error);
    if (status == STATUS_OK)
        store->info.format = EVENTSTORE_FORMAT;
    return status;
}

static enum status open_run_folder(struct eventstore *store, const char *folder, struct error *error)
{
    char bell[PATH_SIZE];
    enum status status = path_join(store->run_folder, folder, error, "run");
    if (status == STATUS_OK)
        status = path_join(bell, store->run_folder, error, "doorbell");
    if (status == STATUS_OK)
        status = file_make_folder(store->run_folder, error);
    if (status == STATUS_OK)
        status = writer_queue_open(&store->queue, store->run_folder, error);
    if (status == STATUS_OK)
        status = doorbell_open(&store->doorbell, bell, error);
    return status;
}

static struct eventstore *new_handle(const struct eventstore_options *options)
{
    CHECK(sodium_init() >= 0); /* without a source of randomness it does not return */
    struct eventstore *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->queue = (struct writer_queue){.gate = -1, .counter = -1};
    take_options(store, options);
    describe_engine(store);
    return store;
}

enum status eventstore_open(struct eventstore **out, const char *folder, const struct eventstore_options *options,
                            struct error *error)
{
    *out = NULL;
    struct eventstore *store = new_handle(options);
    if (store == NULL)
        return error_memory(error);
    enum status status = path_join(store->path, folder, error, "events.db");
    if (status == STATUS_OK && !file_exists(store->path))
        status = error_set(error, STATUS_NOT_FOUND, "there is no store in %s", text_safe(store->shown, folder));
    if (status == STATUS_OK)
        status = check_ours(folder, error);
    if (status == STATUS_OK)
        status = open_database(store, error);
    if (status == STATUS_OK)
        status = open_run_folder(store, folder, error);
    if (status == STATUS_OK)
        status = ensure_log(store, error);
    if (status == STATUS_OK)
        status = ensure_format(store, error);
    if (status == STATUS_OK)
        status = prepare_rest(store, error);
    if (status != STATUS_OK)
        eventstore_close(&store);
    *out = store;
    return status;
}

/* SQLite would wait for its other end. */
static enum status refuse_fifo(const struct eventstore *store, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    struct stat found;
    if (stat(store->path, &found) != 0 || !S_ISFIFO(found.st_mode))
        return STATUS_OK;
    return error_set(error, STATUS_FOREIGN, "%s is a FIFO and no store: write what comes out of it to a file",
                     text_safe(safe, store->path));
}

enum status eventstore_open_file(struct eventstore **out, const char *file, struct error *error)
{
    *out = NULL;
    struct eventstore *store = new_handle(NULL);
    if (store == NULL)
        return error_memory(error);
    store->one_file = true;
    enum status status = path_format(store->path, error, "%s", file);
    if (status == STATUS_OK)
        status = refuse_fifo(store, error);
    if (status == STATUS_OK)
        status = open_database(store, error);
    if (status == STATUS_OK)
        status = prepare_rest(store, error);
    if (status != STATUS_OK)
        eventstore_close(&store);
    *out = store;
    return status;
}

void eventstore_close(struct eventstore **pointer)
{
    struct eventstore *store = *pointer;
    *pointer = NULL;
    if (store == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    while (store->claim_count > 0)
        file_lock_release(&store->claims[--store->claim_count].lock);
    names_close(store);
    database_close(&store->database);
    writer_queue_close(&store->queue);
    doorbell_close(&store->doorbell);
    free(store);
}

/* ---- asking ---- */

const struct eventstore_info *eventstore_info(const struct eventstore *store)
{
    return &store->info;
}

const char *eventstore_engine(const struct eventstore *store)
{
    return store->engine;
}

uint64_t eventstore_log_bytes(const struct eventstore *store)
{
    char path[PATH_SIZE];
    struct stat file;
    if (path_format(path, NULL, "%s-wal", store->path) != STATUS_OK || stat(path, &file) != 0)
        return 0;
    return (uint64_t)file.st_size;
}

uint64_t eventstore_log_ceiling_bytes(const struct eventstore *store)
{
    return store->options.log_ceiling_bytes;
}

enum status statement_lend(struct eventstore *store, enum statement which, sqlite3_stmt **statement,
                           struct error *error)
{
    sqlite3_stmt **own = &store->statements[which];
    enum status status = STATUS_OK;
    if (*own == NULL)
        status = database_prepare(store->database, statement_sql[which], own, error);
    *statement = *own;
    if (status != STATUS_OK || !sqlite3_stmt_busy(*own))
        return status;
    return database_prepare(store->database, statement_sql[which], statement, error);
}

void statement_return(struct eventstore *store, enum statement which, sqlite3_stmt *statement)
{
    if (statement == store->statements[which])
        sqlite3_reset(statement);
    else
        sqlite3_finalize(statement);
}

enum status statement_write(sqlite3_stmt *statement, const char *doing, struct error *error)
{
    struct error why;
    enum status status = database_execute(statement, doing, &why);
    if (status == STATUS_REFUSED)
        return error_set(error, STATUS_DAMAGED, "the roll is damaged: %.500s. Run `till verify`", why.text);
    return status == STATUS_OK ? status : error_set(error, status, "%s", why.text);
}

/* ---- a batch's reading ---- */

enum status eventstore_begin_reading(struct eventstore *store, struct error *error)
{
    return database_execute(store->statements[STATEMENT_BEGIN_READING], "begin to read", error);
}

/* It has written nothing, so there is nothing that could fail. */
void eventstore_end_reading(struct eventstore *store)
{
    if (sqlite3_get_autocommit(store->database) == 0)
        CHECK(database_execute(store->statements[STATEMENT_COMMIT], "end reading", NULL) == STATUS_OK);
}

/* ---- the doorbell and the consumers' places ---- */

uint32_t eventstore_bell(struct eventstore *store)
{
    return doorbell_read(&store->doorbell);
}

void eventstore_wait(struct eventstore *store, uint32_t seen, int timeout_ms)
{
    doorbell_wait(&store->doorbell, seen, DOORBELL_EVERY_TONE, timeout_ms);
}

void eventstore_wait_for(struct eventstore *store, uint32_t seen, const char *const *types, size_t type_count,
                         int timeout_ms)
{
    uint32_t tones = 0;
    for (size_t i = 0; i < type_count; i++)
        tones |= doorbell_tone(types[i]);
    doorbell_wait(&store->doorbell, seen, tones, timeout_ms);
}

void eventstore_ring(struct eventstore *store)
{
    doorbell_ring(&store->doorbell, DOORBELL_EVERY_TONE);
}

static enum status claim_path(const struct eventstore *store, const char *consumer, char path[PATH_SIZE],
                              struct error *error)
{
    size_t length = strlen(consumer);
    if (!text_is_clean(consumer, length, EVENTSTORE_NAME_MAX) || strchr(consumer, '/') != NULL)
        return error_set(error, STATUS_INVALID, "a consumer's name has 1 to %d bytes and no '/'", EVENTSTORE_NAME_MAX);
    return path_join(path, store->run_folder, error, "consumer-%s.lock", consumer);
}

enum status eventstore_consumer_claim(struct eventstore *store, const char *consumer, struct error *error)
{
    char path[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    CHECK(store->claim_count < CLAIMS_MAX);
    struct claim *claim = &store->claims[store->claim_count];
    enum status status = claim_path(store, consumer, path, error);
    if (status == STATUS_OK)
        status = file_lock_try(&claim->lock, path, error);
    if (MUTANT(CLAIM_NOT_TAKEN)) {
        file_lock_release(&claim->lock);
        status = STATUS_OK;
    }
    if (status == STATUS_BUSY)
        return error_set(error, status, "another %s is at work here", text_safe(safe, consumer));
    if (status == STATUS_OK) {
        snprintf(claim->consumer, sizeof claim->consumer, "%s", consumer);
        store->claim_count++;
    }
    return status;
}

void eventstore_consumer_release(struct eventstore *store, const char *consumer)
{
    for (int i = 0; i < store->claim_count; i++) {
        if (strcmp(store->claims[i].consumer, consumer) == 0) {
            file_lock_release(&store->claims[i].lock);
            store->claims[i] = store->claims[--store->claim_count];
            return;
        }
    }
}

bool eventstore_consumer_is_claimed(struct eventstore *store, const char *consumer)
{
    char path[PATH_SIZE];
    return claim_path(store, consumer, path, NULL) == STATUS_OK && file_lock_is_held(path);
}
