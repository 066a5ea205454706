/* rebuild.h - fold views from the first event again, while the old ones keep serving and following.
 *
 *   1. The roll is read once, and folded into the next generation's file of each view. Nobody else knows these files,
 *      so they need no journal and no sync. Then, one view after the other:
 *   2. It is made durable, becomes a live file (WAL), and catches up with what was written meanwhile.
 *   3. Under the view's lock: the last events are folded, and the link moves to it by rename(), which is the one moment
 *      of change: whoever opens the view sees the old file or the new one, both whole.
 *   4. The old generation is unlinked; whoever still reads it keeps it until it closes.
 *
 * A rebuild that is killed leaves the old view untouched and a file that the next rebuild removes. The link moves, and
 * never a database: renaming over a file in WAL mode would marry the new file to the old one's log. */
#ifndef PROJECTIONS_REBUILD_H
#define PROJECTIONS_REBUILD_H

#include "projections/compare.h"
#include "projections/view.h"

struct rebuild_report {
    struct error error;                /* why the old view stays; its status is STATUS_OK when it does not */
    uint64_t position;                 /* the roll was folded up to here */
    uint64_t events;                   /* so many of them were of a type that the projection wants */
    int64_t elapsed_us;                /* of all views that were rebuilt together, without the digests */
    uint8_t digest[VIEW_DIGEST_BYTES]; /* of the new view at `position` */
};

/* Called now and then. */
typedef void (*rebuild_progress)(void *context, uint64_t position, uint64_t head);

/* Rebuilds `count` different views; `reports` are as many. One that cannot be rebuilt stops none of the others: its
 * report says why. Returns what is wrong with the first of those. `progress` may be NULL. One thread, a few tens of MiB
 * whatever the roll's size and the number of views.
 *
 * STATUS_BUSY     another rebuild of the view is at work, or the view's lock was not to be had
 * STATUS_DAMAGED  the projection cannot handle an event, which the sentence names: the old view stays
 * STATUS_NEWER    likewise, because the event is of a newer version of this program
 * STATUS_FULL, STATUS_IO …  as named: the old view stays */
enum status views_rebuild(const struct view_home *home, const struct projection *const *chosen, size_t count,
                          rebuild_progress progress, void *context, struct rebuild_report *reports,
                          struct error *error) MUST_CHECK;

/* The same for one view. */
enum status view_rebuild(const struct view_home *home, const struct projection *projection, rebuild_progress progress,
                         void *context, struct rebuild_report *report, struct error *error) MUST_CHECK;

/* A view of an older version of its projection serves who still wants it until its successor is built: builds that.
 * STATUS_OK also where there is nothing to do, and where it cannot be built: who opens the view then meets the reason.
 * STATUS_BUSY when somebody else is building it, STATUS_MEMORY. */
enum status view_supersede(const struct view_home *home, const struct projection *projection,
                           struct error *error) MUST_CHECK;

#endif
