#include "projections/view.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "projections/fold.h"
#include "projections/rebuild.h"

enum { LOCK_SLICE_MS = 50 /* then look again: who holds the lock is folding what we want */ };

enum status view_open_at(struct view **view, struct eventstore *store, const struct projection *projection,
                         uint64_t position, struct error *error)
{
    uint64_t head;
    *view = NULL;
    enum status status = eventstore_head(store, &head, error);
    if (status == STATUS_OK && position > head)
        status = error_set(error, STATUS_NOT_FOUND, "the roll ends at position %" PRIu64 ", before %" PRIu64, head,
                           position);
    if (status == STATUS_OK)
        status = view_file_private(view, projection, &eventstore_info(store)->id, error);
    /* Built without a journal it cannot be rolled back, so a projection that stops leaves nothing to show. */
    if (status == STATUS_OK)
        status = view_fold(store, *view, position, FOLD_SPAN_BIG, NULL, NULL, error);
    if (status == STATUS_OK)
        status = view_add_indexes(*view, error);
    if (status != STATUS_OK)
        view_close(view);
    return status;
}

/* With the lock held: opens the view and folds up to `head`. */
static enum status open_and_fold(struct view **view, const struct view_home *home, const struct projection *projection,
                                 uint64_t *head, struct error *error)
{
    enum status status = view_file_stand(view, home, projection, error);
    if (status == STATUS_OK)
        status = view_check_head(home->store, *view, head, error);
    if (status != STATUS_OK)
        return status;
    status = view_fold(home->store, *view, *head, FOLD_SPAN, NULL, NULL, error);
    if (status == STATUS_DAMAGED && (*view)->trouble.status == STATUS_DAMAGED) {
        view_close(view);
        status = view_file_replace_damaged(view, home, projection, error);
        if (status == STATUS_OK)
            status = view_fold(home->store, *view, *head, FOLD_SPAN, NULL, NULL, error);
    }
    if (status == STATUS_OK)
        view_tidy(*view);
    return status;
}

static enum status pause_if_busy(enum status status)
{
    static const struct timespec slice = {.tv_nsec = LOCK_SLICE_MS * 1000000L};
    if (status == STATUS_BUSY)
        nanosleep(&slice, NULL);
    return status;
}

/* STATUS_BUSY when somebody else holds the lock or builds the view anew, or replaced it while we opened it. */
static enum status try_fresh(struct view **view, const struct view_home *home, const struct projection *projection,
                             uint64_t *head, struct error *error)
{
    enum view_condition condition;
    struct file_lock lock;
    enum status status = view_file_open(view, home, projection, false, &condition, error);
    if (*view == NULL) {
        status = view_supersede(home, projection, error);
        if (status != STATUS_OK)
            return pause_if_busy(status);
    }
    if (*view == NULL || (*view)->position < *head) {
        view_close(view);
        status = view_lock(home, projection, LOCK_SLICE_MS, &lock, error);
        if (status == STATUS_OK)
            status = open_and_fold(view, home, projection, head, error);
        file_lock_release(&lock);
    }
    if (status == STATUS_OK)
        status = view_freeze(*view, error);
    if (status == STATUS_OK)
        status = view_check_head(home->store, *view, head, error);
    if (status == STATUS_OK && !view_stands(*view))
        status = error_set(error, STATUS_BUSY, "the view %s was replaced while it was opened", projection->name);
    return status;
}

enum status view_open_fresh(struct view **view, const struct view_home *home, const struct projection *projection,
                            int patience_ms, struct error *error)
{
    uint64_t head;
    *view = NULL;
    enum status status = eventstore_head(home->store, &head, error);
    if (status != STATUS_OK)
        return status;
    int64_t until_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    do {
        status = try_fresh(view, home, projection, &head, error);
        if (status != STATUS_OK)
            view_close(view);
    } while (status == STATUS_BUSY && clock_monotonic_us() < until_us);
    if (status == STATUS_IO || status == STATUS_FULL) /* the folder cannot be written: no reason not to answer */
        return view_open_at(view, home->store, projection, head, error);
    return status;
}

/* ---- from the outside ---- */

bool view_needs_person(enum view_condition condition)
{
    return condition == VIEW_FAILED || condition == VIEW_AHEAD || condition == VIEW_NEWER;
}

enum status view_inspect(const struct view_home *home, const struct projection *projection, struct view_state *state,
                         struct error *error)
{
    struct view *view = NULL;
    uint64_t head;
    struct error found = {0};
    *state = (struct view_state){.name = projection->name};
    enum status status = eventstore_head(home->store, &head, error);
    if (status != STATUS_OK)
        return status;
    status = view_file_look(&view, home, projection, &state->condition, &found);
    if (status == STATUS_MEMORY) {
        *error = found;
        return status;
    }
    if (status != STATUS_OK) /* busy: it is being replaced this very moment */
        state->condition = status == STATUS_BUSY ? VIEW_MISSING : VIEW_UNREADABLE;
    if (view != NULL) {
        state->position = view->position;
        if (state->condition == VIEW_FAILED)
            view_refuse_failed(view, &found);
        status = view_check_head(home->store, view, &head, &found);
        if (status == STATUS_DAMAGED)
            state->condition = VIEW_AHEAD;
    }
    memcpy(state->reason, found.text, sizeof state->reason);
    view_close(&view);
    return STATUS_OK;
}

enum status view_set_aside(const struct view_home *home, const struct projection *projection, const char *why,
                           struct error *error)
{
    struct file_lock lock;
    struct view *view = NULL;
    enum status status = view_lock(home, projection, VIEW_PATIENCE_MS, &lock, error);
    if (status == STATUS_OK)
        status = view_file_replace(&view, home, projection, why, error);
    view_close(&view);
    file_lock_release(&lock);
    return status;
}
