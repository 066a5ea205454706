/* view_file.h - the file under a view: generations and their link, the lock, the meta row, the transaction, the log.
 * For projections/ only; view.h is what others see.
 *
 * Rules, each of which a crash, a second process or a person with `rm` has a hand in:
 *   1. A view is opened through its link, as the generation that the link names (generation.h).
 *   2. Whoever folds into a live view, makes one, moves its link or removes a generation holds run/view-<name>.lock.
 *   3. A live view is opened when its three files belong together (generation.h), and before each fold: does the link
 *      still name this generation, and are the three still those that were opened? If not, the handle is closed and the
 *      view opened anew (view_stands).
 *   4. Rows and position are one transaction.
 *   5. A live view is in WAL mode and never checkpoints by itself: SQLite 3.40 may lose pages when a checkpoint runs
 *      while another connection commits. Only who holds the lock checkpoints, so nobody commits meanwhile.
 *   6. No database file is ever opened but through SQLite: closing a second descriptor would drop SQLite's locks. */
#ifndef PROJECTIONS_VIEW_FILE_H
#define PROJECTIONS_VIEW_FILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/file.h"
#include "projections/drafts.h"
#include "projections/generation.h"
#include "projections/view.h"

struct view {
    const struct projection *projection;
    sqlite3 *database;
    sqlite3_stmt *load, *save;                           /* the meta row */
    sqlite3_stmt *statements[PROJECTION_STATEMENTS_MAX]; /* the projection's */
    uint64_t position;                                   /* as last loaded or saved */
    bool failed;      /* it is recorded that the projection cannot handle the event after `position` */
    struct error why; /* and the reason */

    bool built; /* without a journal: what went wrong cannot be rolled back, the file is of no use then */

    /* Of a live view. */
    uint64_t generation; /* 0: private */
    char link_path[PATH_SIZE];
    char path[PATH_SIZE];
    struct view_files files; /* those that were opened */
    off_t log_tried_bytes;   /* the log's size when a checkpoint could not be completed; 0 otherwise */

    /* Of the fold that is going on (fold.c). */
    struct drafts drafts;
    bool folding;         /* inside its transaction */
    uint64_t stop_before; /* the event that its projection cannot handle; 0 for none */
    struct error trouble; /* of the world, in the last fold; status STATUS_OK for none */
    uint64_t events;      /* that were folded through this handle */
};

/* Takes the lock of a view. STATUS_BUSY after `patience_ms`; STATUS_IO where the folder cannot be written. */
enum status view_lock(const struct view_home *home, const struct projection *projection, int patience_ms,
                      struct file_lock *lock, struct error *error) MUST_CHECK;

/* Opens the live view as it stands. STATUS_OK: `*condition` says what was found; `*view` is not NULL for VIEW_GOOD and
 * VIEW_FAILED only, for the others `error` has the reason. (VIEW_AHEAD is not looked for.) `is_locked`: the
 * lock is held, and files that are not known to belong together (a copy, or a tool has tidied the log away) are taken
 * over if nobody else has them open; without the lock that is VIEW_MISSING. */
enum status view_file_open(struct view **view, const struct view_home *home, const struct projection *projection,
                           bool is_locked, enum view_condition *condition, struct error *error) MUST_CHECK;

/* As view_file_open, with the lock when it is needed and can be had at once. */
enum status view_file_look(struct view **view, const struct view_home *home, const struct projection *projection,
                           enum view_condition *condition, struct error *error) MUST_CHECK;

/* With the lock held: opens the live view, or makes an empty one when there is none or what is there is of no use,
 * which is then set aside. STATUS_NEWER is refused. */
enum status view_file_stand(struct view **view, const struct view_home *home, const struct projection *projection,
                            struct error *error) MUST_CHECK;

/* With the lock held: makes an empty live view and moves the link to it. `why` opens the notice;
 * NULL when nothing is lost. */
enum status view_file_replace(struct view **view, const struct view_home *home, const struct projection *projection,
                              const char *why, struct error *error) MUST_CHECK;

enum status view_file_replace_damaged(struct view **view, const struct view_home *home,
                                      const struct projection *projection, struct error *error) MUST_CHECK;

/* False when the link names another generation, or the file or its log is not the one that was opened. */
bool view_stands(const struct view *view);

/* As view_stands, but whatever the link says. */
bool view_is_in_place(const struct view *view);

/* An empty view that nobody else knows, without a journal, to be folded in one go: in a file without a name, or with
 * the lock held as the next generation, whose number is then in `(*view)->generation`. `cache_kib` bounds the pages of
 * it that are kept in memory: BUILD_CACHE_KIB for all that are built side by side. */
enum { BUILD_CACHE_KIB = 6144 };
enum status view_file_private(struct view **view, const struct projection *projection, const struct uuid *store_id,
                              struct error *error) MUST_CHECK;
enum status view_file_build(struct view **view, const struct view_home *home, const struct projection *projection,
                            int cache_kib, struct error *error) MUST_CHECK;

/* What only queries need: once a view that was built is folded, because sorting is cheaper than keeping in order. */
enum status view_add_indexes(struct view *view, struct error *error) MUST_CHECK;

/* Makes a view that was built durable. Takes as long as the disk needs, and no lock. */
enum status view_file_sync(struct view *view, struct error *error) MUST_CHECK;

/* With the lock held: opens a view that was built anew, as a live one, which has no link yet. STATUS_IO when somebody
 * has deleted its file. */
enum status view_file_go_live(struct view **view, const struct view_home *home, struct error *error) MUST_CHECK;

/* Reads position and failure anew: somebody else may have folded. */
enum status view_load(struct view *view, struct error *error) MUST_CHECK;

/* Rows and position, together. `failure` is the reason why it stops after `position`; NULL when it goes on. When commit
 * fails the transaction is rolled back. */
enum status view_begin(struct view *view, struct error *error) MUST_CHECK;
enum status view_commit(struct view *view, uint64_t position, const char *failure, struct error *error) MUST_CHECK;

/* All later reads of this handle see this one moment. */
enum status view_freeze(struct view *view, struct error *error) MUST_CHECK;

/* With the lock held: copies the log into the file when it has grown past its limit, waiting a moment for readers. That
 * it could not is no failure: it is tried again when the log has grown further. */
void view_tidy(struct view *view);

#endif
