#include "projections/view_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/database.h"
#include "base/text.h"
#include "projections/generation.h"
#include "projections/rows.h"

enum {
    LOG_BYTES_MAX = 8 << 20,   /* of a view's log, then it is checkpointed */
    LOG_READERS_WAIT_MS = 100, /* for readers, at a checkpoint */
    LOOK_WAIT_MS = 200,        /* for who folds a view that is only looked at */
    DELETION_PAUSE_MS = 10,    /* between two attempts at a view whose files go while we open it */
    OPEN_ATTEMPTS_MAX = 8,     /* at that, or at one whose link moves */
};

static const char live_settings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048;";

static const char meta_schema[] = "CREATE TABLE meta ("
                                  "  id INTEGER PRIMARY KEY CHECK (id = 1),"
                                  "  store_id BLOB NOT NULL,"
                                  "  projection TEXT NOT NULL,"
                                  "  version INTEGER NOT NULL,"
                                  "  position INTEGER NOT NULL,"
                                  "  failure TEXT" /* why the event after `position` cannot be handled */
                                  ") STRICT;";

enum status view_lock(const struct view_home *home, const struct projection *projection, int patience_ms,
                      struct file_lock *lock, struct error *error)
{
    char path[PATH_SIZE];
    *lock = FILE_LOCK_NONE;
    enum status status = path_join(path, home->folder, error, "run/view-%s.lock", projection->name);
    return status == STATUS_OK ? file_lock_wait(lock, path, patience_ms, error) : status;
}

/* ---- the handle ---- */

static struct view *view_new(const struct projection *projection, struct error *error)
{
    CHECK(projection->statement_count <= PROJECTION_STATEMENTS_MAX);
    struct view *view = calloc(1, sizeof *view);
    if (view == NULL)
        error_memory(error);
    else
        view->projection = projection;
    return view;
}

void view_close(struct view **view)
{
    if (*view == NULL)
        return;
    sqlite3_finalize((*view)->load);
    sqlite3_finalize((*view)->save);
    for (size_t i = 0; i < PROJECTION_STATEMENTS_MAX; i++)
        sqlite3_finalize((*view)->statements[i]);
    database_close(&(*view)->database);
    arena_clear(&(*view)->drafts.arena);
    free(*view);
    *view = NULL;
}

uint64_t view_position(const struct view *view)
{
    return view->position;
}

sqlite3_stmt *view_statement(const struct view *view, size_t index)
{
    CHECK(index < view->projection->statement_count && view->statements[index] != NULL);
    return view->statements[index];
}

struct drafts *view_drafts(struct view *view)
{
    return &view->drafts;
}

static enum status prepare_statements(struct view *view, struct error *error)
{
    enum status status =
        database_prepare(view->database, "UPDATE meta SET position = ?1, failure = ?2", &view->save, error);
    for (size_t i = 0; i < view->projection->statement_count && status == STATUS_OK; i++)
        status = database_prepare(view->database, view->projection->statements[i], &view->statements[i], error);
    return status;
}

enum status view_add_indexes(struct view *view, struct error *error)
{
    const char *indexes = view->projection->indexes;
    return indexes == NULL ? STATUS_OK : database_run(view->database, indexes, error);
}

/* The tables and the meta row, at position 0. */
static enum status fill(struct view *view, const struct uuid *store_id, struct error *error)
{
    sqlite3_stmt *insert = NULL;
    enum status status = database_run(view->database, "BEGIN IMMEDIATE", error);
    if (status == STATUS_OK)
        status = database_run(view->database, meta_schema, error);
    if (status == STATUS_OK)
        status = database_run(view->database, view->projection->schema, error);
    if (status == STATUS_OK && !view->built)
        status = view_add_indexes(view, error);
    if (status == STATUS_OK)
        status = database_prepare(view->database, "INSERT INTO meta VALUES (1, ?1, ?2, ?3, 0, NULL)", &insert, error);
    if (status == STATUS_OK) {
        bind_uuid(insert, 1, store_id);
        bind_text(insert, 2, view->projection->name);
        bind_integer(insert, 3, view->projection->version);
        status = rows_write(insert, error);
    }
    sqlite3_finalize(insert);
    return status == STATUS_OK ? database_run(view->database, "COMMIT", error) : status;
}

/* ---- the meta row ---- */

#define SELECT_META "SELECT position, failure, version, store_id, projection FROM meta WHERE id = 1"

static enum status read_meta(struct view *view, bool *row, struct error *error)
{
    enum status status = database_step(view->load, row, "read a view's position", error);
    if (status != STATUS_OK || !*row)
        return status;
    const char *failure = column_optional_text(view->load, 1);
    view->position = column_position(view->load, 0);
    view->failed = failure != NULL;
    if (failure != NULL)
        error_set(&view->why, STATUS_DAMAGED, "%s", failure);
    return STATUS_OK;
}

enum status view_load(struct view *view, struct error *error)
{
    bool row;
    enum status status = read_meta(view, &row, error);
    sqlite3_reset(view->load);
    if (status == STATUS_OK && !row)
        return error_set(error, STATUS_DAMAGED, "the view %s has lost its position", view->projection->name);
    if (status == STATUS_OK && view->position >= view->stop_before)
        view->stop_before = 0; /* somebody else got past it */
    return status;
}

/* Whose view is it? Leaves the sentence in `error` unless it is ours. */
static enum view_condition judge(struct view *view, const struct view_home *home, struct error *error)
{
    const char *name = view->projection->name;
    struct uuid store_id = column_uuid(view->load, 3);
    int64_t version = column_integer(view->load, 2);
    if (!uuid_equal(store_id, eventstore_info(home->store)->id) || strcmp(column_text(view->load, 4), name) != 0) {
        error_set(error, STATUS_FOREIGN, "the view %s belongs to another store", name);
        return VIEW_FOREIGN;
    }
    if (version > view->projection->version) {
        error_set(error, STATUS_NEWER,
                  "the view %s is of version %" PRId64 " of its projection, and this program knows version %d: use the "
                  "newer program, or delete the folder views",
                  name, version, view->projection->version);
        return VIEW_NEWER;
    }
    if (version < view->projection->version) {
        error_set(error, STATUS_CONFLICT, "the view %s is of version %" PRId64 " of its projection, which is now %d",
                  name, version, view->projection->version);
        return VIEW_OLDER;
    }
    return view->failed ? VIEW_FAILED : VIEW_GOOD;
}

/* A failure that says something of the file, and not of the world around it. */
static bool is_damage(const struct view *view, enum status status)
{
    return status == STATUS_DAMAGED || status == STATUS_FOREIGN ||
           (view->database != NULL && sqlite3_errcode(view->database) == SQLITE_ERROR); /* a table is missing */
}

static enum status examine(struct view *view, const struct view_home *home, enum view_condition *condition,
                           struct error *error)
{
    bool row = false;
    enum status status = database_prepare(view->database, SELECT_META, &view->load, error);
    if (status == STATUS_OK)
        status = read_meta(view, &row, error);
    if (status == STATUS_OK && !row)
        status = error_set(error, STATUS_DAMAGED, "the view %s has lost its position", view->projection->name);
    if (status == STATUS_OK)
        *condition = judge(view, home, error);
    if (view->load != NULL)
        sqlite3_reset(view->load);
    if (status == STATUS_OK && (*condition == VIEW_GOOD || *condition == VIEW_FAILED))
        status = prepare_statements(view, error);
    return status;
}

/* ---- a live view ---- */

static enum status set_paths(struct view *view, const struct view_home *home, uint64_t generation, struct error *error)
{
    view->generation = generation;
    enum status status = generation_link_path(view->link_path, home, view->projection, error);
    return status == STATUS_OK ? generation_path(view->path, home, view->projection, generation, error) : status;
}

/* Where a view stands when it is opened. */
enum custody {
    CUSTODY_SHARED, /* others may have it open, make or replace it */
    CUSTODY_LOCKED, /* linked, and we hold its lock */
    CUSTODY_OWN,    /* a rebuild's: nobody else knows it */
};

/* With the lock held: files that are not known to belong together may be used when nobody else has the database open,
 * because then SQLite puts them in order: a tool may have tidied the log away, or they are a copy. To leave WAL mode
 * needs to be alone. */
static enum status claim(struct view *view, struct error *error)
{
    sqlite3_busy_timeout(view->database, 0);
    enum status status = database_run(view->database, "PRAGMA journal_mode = DELETE", error);
    sqlite3_busy_timeout(view->database, DATABASE_PATIENCE_MS);
    return status;
}

static enum status open_file(struct view *view, const struct view_home *home, enum custody custody,
                             enum view_condition *condition, struct error *error)
{
    struct view_files known = generation_recall(home, view->projection);
    struct view_files before = generation_files(view->path, view->generation);
    bool is_trusted = view_files_equal(&before, &known) && view_files_are_all_there(&before);
    if (before.database == 0 || before.irregular || (!is_trusted && custody == CUSTODY_SHARED))
        return STATUS_OK;
    enum status status = database_open(&view->database, view->path, DATABASE_WRITE, error);
    if (status == STATUS_OK && !is_trusted && custody == CUSTODY_LOCKED)
        status = claim(view, error);
    if (!is_trusted && (status == STATUS_BUSY || status == STATUS_IO))
        return STATUS_OK; /* somebody has it open with other files: they are being deleted */
    if (status == STATUS_OK)
        status = database_run(view->database, live_settings, error);
    if (status == STATUS_OK)
        status = examine(view, home, condition, error);
    view->files = generation_files(view->path, view->generation);
    if (status != STATUS_OK)
        return status;
    if (is_trusted ? !view_files_equal(&before, &view->files) : !view_files_are_all_there(&view->files))
        *condition = VIEW_MISSING; /* deleted while we opened it */
    else if (custody == CUSTODY_LOCKED && !is_trusted)
        status = generation_record(home, view->projection, &view->files, error);
    return status;
}

/* Opens one generation. Damage is a condition; what is returned is the world's. */
static enum status open_generation(struct view *view, const struct view_home *home, uint64_t generation,
                                   enum custody custody, enum view_condition *condition, struct error *error)
{
    char reason[TEXT_SAFE_SIZE];
    *condition = VIEW_MISSING;
    enum status status = set_paths(view, home, generation, error);
    if (status == STATUS_OK)
        status = open_file(view, home, custody, condition, error);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (!is_damage(view, status))
        return status;
    text_safe(reason, view->database == NULL ? "it is no database" : sqlite3_errmsg(view->database));
    error_set(error, STATUS_DAMAGED, "the view %s is damaged (%s)", view->projection->name, reason);
    *condition = VIEW_DAMAGED;
    return STATUS_OK;
}

static bool is_usable(enum view_condition condition)
{
    return condition == VIEW_GOOD || condition == VIEW_FAILED;
}

static enum status open_linked(struct view **view, const struct view_home *home, const struct projection *projection,
                               enum custody custody, enum view_condition *condition, struct error *error)
{
    struct stat found;
    *view = view_new(projection, error);
    if (*view == NULL)
        return STATUS_MEMORY;
    enum status status = generation_link_path((*view)->link_path, home, projection, error);
    uint64_t generation = generation_linked((*view)->link_path, projection->name);
    if (status == STATUS_OK && generation != 0) {
        status = open_generation(*view, home, generation, custody, condition, error);
    } else if (status == STATUS_OK) {
        bool there = lstat((*view)->link_path, &found) == 0;
        *condition = there ? VIEW_DAMAGED : VIEW_MISSING;
        error_set(error, STATUS_DAMAGED, "views/%s.db is no link to a view", projection->name);
    }
    if (status == STATUS_OK && *condition == VIEW_MISSING)
        error_set(error, STATUS_NOT_FOUND, "the view %s is not folded yet", projection->name);
    if (status != STATUS_OK || !is_usable(*condition))
        view_close(view);
    return status;
}

enum status view_file_open(struct view **view, const struct view_home *home, const struct projection *projection,
                           bool is_locked, enum view_condition *condition, struct error *error)
{
    enum custody custody = is_locked ? CUSTODY_LOCKED : CUSTODY_SHARED;
    for (int attempt = 0; attempt < OPEN_ATTEMPTS_MAX; attempt++) {
        enum status status = open_linked(view, home, projection, custody, condition, error);
        if (*view == NULL || view_stands(*view))
            return status;
        view_close(view); /* the link moved, or the file went, while we opened it */
    }
    return error_set(error, STATUS_BUSY, "the view %s is replaced again and again", projection->name);
}

enum status view_file_look(struct view **view, const struct view_home *home, const struct projection *projection,
                           enum view_condition *condition, struct error *error)
{
    struct file_lock lock;
    struct error ignored;
    enum status status = view_file_open(view, home, projection, false, condition, error);
    if (status == STATUS_OK && *condition == VIEW_MISSING &&
        view_lock(home, projection, LOOK_WAIT_MS, &lock, &ignored) == STATUS_OK) {
        status = view_file_open(view, home, projection, true, condition, error);
        file_lock_release(&lock);
    }
    return status;
}

static bool has_moved(const struct view *view)
{
    int moved = 1;
    sqlite3_file_control(view->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

bool view_is_in_place(const struct view *view)
{
    struct view_files now = generation_files(view->path, view->generation);
    return !has_moved(view) && view_files_equal(&view->files, &now);
}

bool view_stands(const struct view *view)
{
    return view_is_in_place(view) && generation_linked(view->link_path, view->projection->name) == view->generation;
}

/* ---- making one ---- */

/* Nobody reads such a file before it is whole, so a crash may spoil it. */
static enum status set_to_build(struct view *view, int cache_kib, struct error *error)
{
    char settings[96];
    snprintf(settings, sizeof settings, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -%d",
             cache_kib);
    sqlite3_db_config(view->database, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL); /* else there is no journal_mode OFF */
    return database_run(view->database, settings, error);
}

/* A live file gets its tables before it gets a log, so that it is a whole view, if an old one, even without its log. */
static enum status create(struct view *view, const struct view_home *home, int cache_kib, struct error *error)
{
    uint64_t generation = 0;
    enum status status = generation_next(home, view->projection, &generation, error);
    if (status == STATUS_OK)
        status = set_paths(view, home, generation, error);
    if (status == STATUS_OK)
        status = database_open(&view->database, view->path, DATABASE_CREATE, error);
    if (status == STATUS_OK && view->built)
        status = set_to_build(view, cache_kib, error);
    if (status == STATUS_OK)
        status = fill(view, &eventstore_info(home->store)->id, error);
    if (status == STATUS_OK && !view->built)
        status = database_run(view->database, live_settings, error);
    return status;
}

/* Opens the statements of a view that was just filled. */
static enum status attend(struct view *view, struct error *error)
{
    enum status status = database_prepare(view->database, SELECT_META, &view->load, error);
    if (status == STATUS_OK)
        status = view_load(view, error);
    return status == STATUS_OK ? prepare_statements(view, error) : status;
}

static enum status make(struct view **view, const struct view_home *home, const struct projection *projection,
                        int build_cache_kib, struct error *error)
{
    bool built = build_cache_kib != 0;
    *view = view_new(projection, error);
    if (*view == NULL)
        return STATUS_MEMORY;
    (*view)->built = built;
    enum status status = create(*view, home, build_cache_kib, error);
    if (status == STATUS_OK)
        status = attend(*view, error);
    (*view)->files = generation_files((*view)->path, (*view)->generation);
    if (status == STATUS_OK && !built && !view_files_are_all_there(&(*view)->files))
        status = error_set(error, STATUS_IO, "the folder views was deleted just now: try again");
    if (status != STATUS_OK)
        view_close(view);
    return status;
}

enum status view_file_build(struct view **view, const struct view_home *home, const struct projection *projection,
                            int cache_kib, struct error *error)
{
    return make(view, home, projection, cache_kib, error);
}

enum status view_file_private(struct view **view, const struct projection *projection, const struct uuid *store_id,
                              struct error *error)
{
    *view = view_new(projection, error);
    if (*view == NULL)
        return STATUS_MEMORY;
    (*view)->built = true;
    /* The empty name: SQLite makes a file in its folder for temporary ones, and removes it at once. */
    enum status status = STATUS_OK;
    if (sqlite3_open_v2("", &(*view)->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        status = database_error((*view)->database, "open a temporary view", error);
    if (status == STATUS_OK)
        status = set_to_build(*view, BUILD_CACHE_KIB, error);
    if (status == STATUS_OK)
        status = fill(*view, store_id, error);
    if (status == STATUS_OK)
        status = attend(*view, error);
    if (status != STATUS_OK)
        view_close(view);
    return status;
}

enum status view_file_sync(struct view *view, struct error *error)
{
    /* Through SQLite's own descriptor, see rule 6. */
    sqlite3_file *file = NULL;
    sqlite3_file_control(view->database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    CHECK(file != NULL && file->pMethods != NULL);
    if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK)
        return STATUS_OK;
    return error_set(error, STATUS_IO, "cannot write the new view %s to disk: try again", view->projection->name);
}

enum status view_file_go_live(struct view **view, const struct view_home *home, struct error *error)
{
    const struct projection *projection = (*view)->projection;
    enum view_condition condition = VIEW_MISSING;
    uint64_t generation = (*view)->generation;
    bool in_place = !has_moved(*view);
    view_close(view);
    *view = view_new(projection, error);
    if (*view == NULL)
        return STATUS_MEMORY;
    enum status status = STATUS_OK;
    if (in_place)
        status = open_generation(*view, home, generation, CUSTODY_OWN, &condition, error);
    if (status == STATUS_OK && !is_usable(condition))
        status = error_set(error, STATUS_IO, "the file of the new view %s went away while it was folded: try again",
                           projection->name);
    if (status != STATUS_OK)
        view_close(view);
    return status;
}

enum status view_file_replace(struct view **view, const struct view_home *home, const struct projection *projection,
                              const char *why, struct error *error)
{
    char sentence[ERROR_TEXT_MAX + 128], kept[256] = "";
    uint64_t old = 0;
    enum status status = make(view, home, projection, 0, error);
    if (status == STATUS_OK) {
        old = generation_linked((*view)->link_path, projection->name);
        status = generation_publish(home, projection, &(*view)->files, error);
    }
    if (status != STATUS_OK) {
        view_close(view);
        return status;
    }
    if (why == NULL || home->notice == NULL)
        return STATUS_OK;
    if (old != 0)
        snprintf(kept, sizeof kept, " (views/%s.%" PRIu64 ".db is kept until the next rebuild)", projection->name, old);
    snprintf(sentence, sizeof sentence, "%s: set aside, and folded again%s", why, kept);
    home->notice(home->context, sentence);
    return STATUS_OK;
}

enum status view_file_replace_damaged(struct view **view, const struct view_home *home,
                                      const struct projection *projection, struct error *error)
{
    char why[128];
    snprintf(why, sizeof why, "the view %s is damaged", projection->name);
    return view_file_replace(view, home, projection, why, error);
}

static enum status open_or_replace(struct view **view, const struct view_home *home,
                                   const struct projection *projection, struct error *error)
{
    enum view_condition condition;
    struct error why = {0};
    enum status status = view_file_open(view, home, projection, true, &condition, &why);
    if (status != STATUS_OK || condition == VIEW_NEWER) {
        *error = why;
        return status != STATUS_OK ? status : STATUS_NEWER;
    }
    if (is_usable(condition))
        return STATUS_OK;
    return view_file_replace(view, home, projection, condition == VIEW_MISSING ? NULL : why.text, error);
}

enum status view_file_stand(struct view **view, const struct view_home *home, const struct projection *projection,
                            struct error *error)
{
    static const struct timespec pause = {.tv_nsec = DELETION_PAUSE_MS * 1000000L};
    enum status status = open_or_replace(view, home, projection, error);
    for (int i = 1; i < OPEN_ATTEMPTS_MAX && status == STATUS_IO; i++) {
        nanosleep(&pause, NULL); /* perhaps somebody is deleting views/ this very moment, file by file */
        status = open_or_replace(view, home, projection, error);
    }
    return status;
}

/* ---- transactions ---- */

enum status view_begin(struct view *view, struct error *error)
{
    return database_run(view->database, "BEGIN IMMEDIATE", error);
}

enum status view_commit(struct view *view, uint64_t position, const char *failure, struct error *error)
{
    bind_position(view->save, 1, position);
    bind_text(view->save, 2, failure);
    enum status status = rows_write(view->save, error);
    bind_text(view->save, 2, NULL); /* `failure` is borrowed */
    if (status == STATUS_OK)
        status = database_run(view->database, "COMMIT", error);
    if (status != STATUS_OK) {
        database_roll_back(view->database);
        return status;
    }
    view->position = position;
    view->failed = failure != NULL;
    return STATUS_OK;
}

enum status view_freeze(struct view *view, struct error *error)
{
    enum status status = database_run(view->database, "BEGIN", error);
    return status == STATUS_OK ? view_load(view, error) : status; /* the first read fixes the moment */
}

void view_tidy(struct view *view)
{
    char log_path[PATH_SIZE];
    struct stat log;
    struct error ignored;
    if (path_format(log_path, &ignored, "%s-wal", view->path) != STATUS_OK || stat(log_path, &log) != 0 ||
        log.st_size < LOG_BYTES_MAX + view->log_tried_bytes || !view_is_in_place(view))
        return;
    sqlite3_busy_timeout(view->database, LOG_READERS_WAIT_MS);
    int result = sqlite3_wal_checkpoint_v2(view->database, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(view->database, DATABASE_PATIENCE_MS);
    view->log_tried_bytes = result == SQLITE_OK ? 0 : log.st_size;
}
