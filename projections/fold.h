/* fold.h - one pass over the roll into any number of views. For projections/ only.
 *
 * Every event is read and decoded once, and given to each view that wants it and has not seen it. Each view folds in a
 * transaction of its own, so what happens to one is nothing to the others:
 *
 *   an event it cannot handle   the pass is undone for this view; the next pass folds it up to that event and records,
 *                               with the rows before it, that it failed and why
 *   a fault of the world        the pass is undone for this view, `trouble` says why; the next pass tries again */
#ifndef PROJECTIONS_FOLD_H
#define PROJECTIONS_FOLD_H

#include "projections/view_file.h"

enum {
    FOLD_SPAN = 8192,      /* positions a pass over live views covers at most: tens of milliseconds */
    FOLD_SPAN_BIG = 65536, /* where nobody waits for the lock: fewer commits */
};

/* Folds all events up to `to` into those of the views that stand before it and have not failed; entries may be NULL.
 * Who calls holds the locks. After about `budget_us` it ends early, at a position of its choice (0: no budget).
 * `*handled` (may be NULL) grows by the events that some view wanted.
 *
 * What is returned is the roll's failure, or memory's; no view has moved then. A view's own are in the view. */
enum status views_fold(struct eventstore *store, struct view *const *views, size_t count, uint64_t to,
                       int64_t budget_us, uint64_t *handled, struct error *error) MUST_CHECK;

/* Called after each pass. */
typedef void (*fold_progress)(void *context, uint64_t position, uint64_t to);

/* Folds views up to `to`, pass by pass; entries and `progress` may be NULL. A view in trouble or that stops is left
 * behind: view_outcome tells. Returns the roll's failure, or memory's. */
enum status views_fold_on(struct eventstore *store, struct view *const *views, size_t count, uint64_t to, uint64_t span,
                          fold_progress progress, void *context, struct error *error) MUST_CHECK;

/* How the last fold ended for a view: its own trouble, as named; STATUS_DAMAGED (or STATUS_NEWER) when its projection
 * stopped, with the sentence. */
enum status view_outcome(const struct view *view, struct error *error) MUST_CHECK;

/* Both, for one view. */
enum status view_fold(struct eventstore *store, struct view *view, uint64_t to, uint64_t span, fold_progress progress,
                      void *context, struct error *error) MUST_CHECK;

/* STATUS_DAMAGED when the view has seen more than the roll holds now; `*head` is then the roll's. */
enum status view_check_head(struct eventstore *store, const struct view *view, uint64_t *head,
                            struct error *error) MUST_CHECK;

/* The sentence for a view that failed; returns STATUS_DAMAGED, or STATUS_NEWER. */
enum status view_refuse_failed(const struct view *view, struct error *error);

#endif
