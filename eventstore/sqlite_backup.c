/* sqlite_backup.c - a whole copy of the store while others work. */
#include "eventstore/sqlite_store.h"

#include <unistd.h>

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
    return status == STATUS_OK ? file_sync(draft, error) : status;
}

static enum status read_copy(const char *draft, uint64_t *position, uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                             struct error *error)
{
    struct eventstore *copy = NULL;
    enum status status = eventstore_open_file(&copy, draft, error);
    if (status == STATUS_OK)
        status = eventstore_head_digest(copy, position, digest, error);
    eventstore_close(&copy);
    return status;
}

static enum status refuse_to_overwrite(const char *file, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_REFUSED, "%s is there already: a backup overwrites nothing", text_safe(safe, file));
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
        status = read_copy(draft, position, digest, error);
    if (status == STATUS_OK)
        status = file_publish(draft, file, error);
    (void)unlink(draft);
    return status == STATUS_REFUSED ? refuse_to_overwrite(file, error) : status;
}
