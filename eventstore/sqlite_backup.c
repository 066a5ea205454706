/* sqlite_backup.c - a whole copy of the store while others work, and the way back.
 *
 * A copy is made beside the place where it will stand and gets its name when it is sound and on disk; a kill at any
 * moment leaves a draft that nobody takes for more. It says in itself where the roll ended when it was copied (table
 * backup), so that verify finds a copy that was cut. */
#include "eventstore/sqlite_store.h"

#include <string.h>

/* All pages in one step: one consistent state, and no start from the beginning whenever somebody commits. The read
 * transaction lives as long as the copying, which a second a gigabyte makes bearable. */
static enum status copy_pages(struct eventstore *store, sqlite3 *copy, struct error *error)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", store->database, "main");
    if (backup == NULL)
        return database_error(copy, "begin a backup", error);
    (void)sqlite3_backup_step(backup, -1); /* what it says, finish says again */
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        return database_error(copy, "write the backup", error);
    /* A backup is one file: no log beside it. */
    return database_run(copy, "PRAGMA journal_mode = DELETE", error);
}

static enum status write_copy(struct eventstore *store, const char *draft, struct error *error)
{
    sqlite3 *copy = NULL;
    enum status status = database_open(&copy, draft, DATABASE_CREATE, error);
    if (status == STATUS_OK)
        status = copy_pages(store, copy, error);
    database_close(&copy);
    return status;
}

static enum status refuse_fault(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)context, (void)check;
    return ok ? STATUS_OK : error_set(error, STATUS_DAMAGED, "%s", detail);
}

/* What was verified and what gets the name must be the same bytes, whoever has the original open: so the copy is
 * verified, which keeps nobody from working on. */
static enum status verify_copy(const char *draft, uint64_t *position, uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                               void (*progress)(uint64_t position, uint64_t head), struct error *error)
{
    struct eventstore *copy = NULL;
    enum status status = eventstore_open_file(&copy, draft, error);
    if (status == STATUS_OK)
        status = eventstore_verify(copy, refuse_fault, NULL, progress, error);
    if (status == STATUS_OK)
        status = eventstore_head_digest(copy, position, digest, error);
    eventstore_close(&copy);
    return status;
}

static enum status note_end(const char *draft, uint64_t position, const uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                            struct error *error)
{
    sqlite3 *copy = NULL;
    sqlite3_stmt *insert = NULL;
    enum status status = database_open(&copy, draft, DATABASE_WRITE, error);
    if (status == STATUS_OK)
        status = database_prepare(copy, "INSERT OR REPLACE INTO backup (one, position, digest) VALUES (1, ?1, ?2)",
                                  &insert, error);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(insert, 1, (int64_t)position);
        sqlite3_bind_blob(insert, 2, digest, EVENTSTORE_DIGEST_BYTES, SQLITE_STATIC);
        status = database_execute(insert, "say in the backup where it ends", error);
    }
    sqlite3_finalize(insert);
    database_close(&copy);
    return status;
}

static enum status refuse_to_overwrite(const char *file, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_REFUSED, "%s is there already: a backup overwrites nothing", text_safe(safe, file));
}

/* Without the advice to use another copy, which may stand behind what was found. */
static enum status refuse_roll(struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(
        error, STATUS_DAMAGED,
        "there is no backup, for the roll is not sound: %s. `till verify` tells all that is wrong; to keep the "
        "roll as it is, copy events.db and events.db-wal while nothing is at work",
        text_safe_bytes(safe, error->text, strcspn(error->text, ";")));
}

enum status eventstore_backup(struct eventstore *store, const char *file, uint64_t *position,
                              uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct error *error)
{
    char draft[PATH_SIZE];
    enum status status = path_draft(draft, file, error);
    if (status != STATUS_OK)
        return status;
    if (file_exists(file))
        return refuse_to_overwrite(file, error);
    status = write_copy(store, draft, error);
    if (status == STATUS_OK)
        status = verify_copy(draft, position, digest, NULL, error);
    if (status == STATUS_DAMAGED)
        status = refuse_roll(error);
    if (status == STATUS_OK && store->info.format >= FIRST_WITH_CHECKSUMS) /* else there is no table for it */
        status = note_end(draft, *position, digest, error);
    if (status == STATUS_OK)
        status = file_sync(draft, error);
    if (status == STATUS_OK)
        status = file_publish(draft, file, error);
    database_remove(draft);
    return status == STATUS_REFUSED ? refuse_to_overwrite(file, error) : status;
}

/* ---- the way back ---- */

static enum status refuse_backup(struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_DAMAGED, "nothing was put in place, for the backup is not sound: %s",
                     text_safe(safe, error->text));
}

/* A log that stands beside would be taken for the new file's own: SQLite would play it into it. */
static enum status refuse_remains(const char *folder, struct error *error)
{
    static const char *const names[] = {"events.db-wal", "events.db-shm", "events.db-journal"};
    char path[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof names / sizeof *names; i++) {
        status = path_join(path, folder, error, "%s", names[i]);
        if (status == STATUS_OK && file_exists(path))
            status = error_set(error, STATUS_REFUSED, "%s is left of another roll: move it away first",
                               text_safe(safe, path));
    }
    return status;
}

enum status eventstore_restore(const char *file, const char *folder, uint64_t *position,
                               uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                               void (*progress)(uint64_t position, uint64_t head), struct error *error)
{
    char path[PATH_SIZE], draft[PATH_SIZE];
    struct eventstore *backup = NULL;
    enum status status = store_place(folder, path, error);
    if (status == STATUS_OK)
        status = refuse_remains(folder, error);
    if (status == STATUS_OK)
        status = path_draft(draft, path, error);
    if (status == STATUS_OK)
        status = eventstore_open_file(&backup, file, error);
    if (status != STATUS_OK)
        return status;
    status = write_copy(backup, draft, error);
    eventstore_close(&backup);
    if (status == STATUS_OK)
        status = verify_copy(draft, position, digest, progress, error);
    if (status == STATUS_DAMAGED)
        status = refuse_backup(error);
    if (status == STATUS_OK)
        status = file_sync(draft, error);
    if (status == STATUS_OK)
        status = file_publish(draft, path, error);
    database_remove(draft);
    return status;
}
