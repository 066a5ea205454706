/* view.h - asking a read model.
 *
 * A view is the file a projection folds into: shop/views/orders.db is a symbolic link to orders.<generation>.db. It is
 * a cache: everything in it can be folded from the roll again, and deleting views/ at any moment is safe.
 *
 * Queries never lie about age: view_open_fresh first folds what the view has not seen yet, so a person always sees the
 * effect of the command just given. Time travel is view_open_at: the roll folded up to a position into a private
 * temporary view, asked with the same functions (orders.h, stock.h, sales.h, journeys.h, inbox.h).
 *
 *     struct view *view;
 *     status = view_open_fresh(&view, &home, &orders_projection, VIEW_PATIENCE_MS, error);
 *     if (status == STATUS_OK)
 *         status = orders_each(view, print_order, &out, error);
 *     view_close(&view);
 *
 * A view that is damaged, of another store or of an older version of its projection is set aside, said so, and folded
 * again. One written by a newer program is refused, and so is one that has seen more than the roll holds. */
#ifndef PROJECTIONS_VIEW_H
#define PROJECTIONS_VIEW_H

#include <stdint.h>

#include "base/status.h"
#include "eventstore/eventstore.h"
#include "projections/projection.h"

enum { VIEW_PATIENCE_MS = 10000 /* a fair wait for somebody else who folds the same view */ };

/* Where views live. Borrowed by whoever is given it, for as long as that lives. */
struct view_home {
    struct eventstore *store;
    const char *folder;                                  /* the shop's: views/ and run/ are in it */
    void (*notice)(void *context, const char *sentence); /* told of what was set aside; or NULL */
    void *context;
};

/* Opens the view at the roll's head as of now, folding what is missing (all of it, if there is no view yet) while it
 * holds the view's lock. All queries on the handle see one moment, view_position; do not keep it open for long, because
 * the view's log grows as long as somebody looks at a moment of the past. Where the folder cannot be written, a
 * private temporary view is folded instead.
 *
 * STATUS_BUSY     somebody held the view's lock for longer than `patience_ms`
 * STATUS_NEWER    the view, or an event in it, is of a newer version of this program
 * STATUS_DAMAGED  the projection stopped at an event it cannot handle, or the view has seen more than the roll holds
 * STATUS_IO …     as named. On failure `*view` is NULL. */
enum status view_open_fresh(struct view **view, const struct view_home *home, const struct projection *projection,
                            int patience_ms, struct error *error) MUST_CHECK;

/* Folds the roll up to `position` (0: nothing yet) into a private temporary view: a file without a name, gone on close;
 * about a second for a million events, in a few MiB. STATUS_NOT_FOUND when the roll ends before `position`. */
enum status view_open_at(struct view **view, struct eventstore *store, const struct projection *projection,
                         uint64_t position, struct error *error) MUST_CHECK;

/* The last position that is folded into what the handle shows. */
uint64_t view_position(const struct view *view);

/* Closes and sets the pointer to NULL; NULL is fine. */
void view_close(struct view **view);

/* ---- a view from the outside, for `till status` and `till verify` ---- */

enum view_condition {
    VIEW_GOOD,
    VIEW_MISSING,    /* not folded yet, or deleted: the next query makes it */
    VIEW_FAILED,     /* stopped at an event that its projection cannot handle */
    VIEW_AHEAD,      /* has seen more than the roll holds: it belongs to a longer roll */
    VIEW_OLDER,      /* of an older version of its projection: will be folded again */
    VIEW_NEWER,      /* of a newer version of this program */
    VIEW_FOREIGN,    /* of another store */
    VIEW_UNREADABLE, /* the disk or a right is in the way: queries fold a private one */
    VIEW_DAMAGED,
};

/* Such a view does not mend itself: neither the projector nor a query can fold it on. */
bool view_needs_person(enum view_condition condition);

struct view_state {
    const char *name;
    enum view_condition condition;
    uint64_t position;           /* 0 when it cannot be told */
    char reason[ERROR_TEXT_MAX]; /* a sentence for all conditions but good; else "" */
};

/* Looks at a view without folding, making or setting aside anything. Returns STATUS_OK whatever it found. */
enum status view_inspect(const struct view_home *home, const struct projection *projection, struct view_state *state,
                         struct error *error) MUST_CHECK;

/* Sets the live view aside, for whoever found it damaged while asking it: the next view_open_fresh folds a new one.
 * `why` opens the notice: "the view orders is damaged". */
enum status view_set_aside(const struct view_home *home, const struct projection *projection, const char *why,
                           struct error *error) MUST_CHECK;

#endif
