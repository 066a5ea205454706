/* projector.h - keeps views up to date: one pass over the roll folds each event into every view that wants it.
 *
 * A projector is a value with a step, like a service: a process loops over it, a test or the simulator drives it by
 * hand. It may share its views with queries and other projectors: who folds a view holds its lock, rows and position
 * are one transaction, and events that a view has seen are skipped. Before each fold it makes sure that the file it
 * holds is still the one the link names, so a deleted views/ or a rebuilt view is noticed at once.
 *
 * A projection that cannot handle an event stops as failed; its rows stay at the event before, the reason stands in
 * the view, and the others go on. Opening the projector anew, or rebuilding the view, tries the event again. */
#ifndef PROJECTIONS_PROJECTOR_H
#define PROJECTIONS_PROJECTOR_H

#include <stdbool.h>

#include "projections/view.h"

struct projector;

struct projector_progress {
    size_t handled; /* events that were folded into at least one view in this step */
    bool idle;      /* every view that can be folded has seen the whole roll */
    uint64_t head;  /* the roll's, when the step began */
    size_t view_count;
    struct view_state views[PROJECTIONS_MAX]; /* in the order they were given to projector_open */
};

/* `chosen` are `count` projections; NULL and 0 for all. Borrows everything but the list itself. Touches no file: views
 * are opened, or made, by the first step. */
enum status projector_open(struct projector **projector, const struct view_home *home,
                           const struct projection *const *chosen, size_t count, struct error *error) MUST_CHECK;

/* Folds one batch (some thousand events or 100 ms, whichever ends first) into all views and returns; `*progress` may
 * be NULL and is filled whatever the outcome. A view that somebody else is folding is left out of this step. A failed
 * projection is no error of the step: see progress->views. On STATUS_FULL, STATUS_IO and the like (the first one met)
 * the view concerned is as before and the others went on: step again later. */
enum status projector_step(struct projector *projector, struct projector_progress *progress,
                           struct error *error) MUST_CHECK;

/* Steps until every view that can be folded has seen all the roll held when the call began. STATUS_BUSY when that takes
 * longer than `patience_ms`. */
enum status projector_catch_up(struct projector *projector, int patience_ms, struct projector_progress *progress,
                               struct error *error) MUST_CHECK;

/* Closes and sets the pointer to NULL; NULL is fine. */
void projector_close(struct projector **projector);

#endif
