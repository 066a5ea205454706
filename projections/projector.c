#include "projections/projector.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "projections/fold.h"
#include "projections/rebuild.h"

enum {
    STEP_BUDGET_US = 100000,
    LOCK_WAIT_MS = 10, /* for somebody else who folds one of our views; then it is left out of the step */
};

/* One view that is kept. */
struct place {
    const struct projection *projection;
    struct view *view; /* NULL: not opened yet, or gone */
    struct file_lock lock;
    enum view_condition condition;
    struct error why; /* for any condition but good */
};

struct projector {
    const struct view_home *home;
    size_t count;
    struct place places[PROJECTIONS_MAX];
};

enum status projector_open(struct projector **projector, const struct view_home *home,
                           const struct projection *const *chosen, size_t count, struct error *error)
{
    if (chosen == NULL) {
        chosen = projections;
        count = projection_count;
    }
    CHECK(count <= PROJECTIONS_MAX);
    *projector = calloc(1, sizeof **projector);
    if (*projector == NULL)
        return error_memory(error);
    (*projector)->home = home;
    (*projector)->count = count;
    for (size_t i = 0; i < count; i++)
        (*projector)->places[i] =
            (struct place){.projection = chosen[i], .lock = FILE_LOCK_NONE, .condition = VIEW_MISSING};
    return STATUS_OK;
}

void projector_close(struct projector **projector)
{
    if (*projector == NULL)
        return;
    for (size_t i = 0; i < (*projector)->count; i++)
        view_close(&(*projector)->places[i].view);
    free(*projector);
    *projector = NULL;
}

/* ---- a step ---- */

/* Nothing can be folded into it, now or at the next step. */
static bool is_at_rest(const struct place *place)
{
    return view_needs_person(place->condition);
}

/* Remembers the first fault of the world in `trouble`. A damaged file is replaced on the spot. */
static void meet(struct place *place, const struct view_home *home, enum status status, const struct error *why,
                 struct error *trouble)
{
    struct error next = {0};
    view_close(&place->view);
    place->condition = status == STATUS_NEWER ? VIEW_NEWER : VIEW_MISSING;
    place->why = *why;
    if (status == STATUS_NEWER)
        return;
    if (status == STATUS_DAMAGED)
        status = view_file_replace_damaged(&place->view, home, place->projection, &next);
    if (status == STATUS_OK)
        place->condition = VIEW_GOOD;
    else if (trouble->status == STATUS_OK)
        *trouble = next.status != STATUS_OK ? next : *why;
}

/* With the lock held: the view as it stands now. A handle whose files are gone is of no use. */
static enum status open_or_load(struct place *place, const struct view_home *home, struct error *error)
{
    if (place->view != NULL && view_stands(place->view)) {
        enum status status = view_load(place->view, error);
        if (status == STATUS_OK || view_stands(place->view))
            return status;
    }
    view_close(&place->view);
    return view_file_stand(&place->view, home, place->projection, error);
}

static void judge(struct place *place, struct eventstore *store, uint64_t *head)
{
    place->condition = VIEW_GOOD;
    if (view_check_head(store, place->view, head, &place->why) == STATUS_DAMAGED) {
        place->condition = VIEW_AHEAD;
    } else if (place->view->failed && place->view->stop_before != 0) {
        place->condition = VIEW_FAILED;
        view_refuse_failed(place->view, &place->why);
    }
}

/* Takes the lock of a view that has something to fold, and makes sure that it is the live one. */
static void take(struct place *place, const struct view_home *home, uint64_t *head, struct error *trouble)
{
    struct error why = {0};
    if (place->view != NULL && place->view->position >= *head && view_stands(place->view)) {
        judge(place, home->store, head);
        return;
    }
    enum status status = place->view == NULL ? view_supersede(home, place->projection, &why) : STATUS_OK;
    if (status == STATUS_OK)
        status = view_lock(home, place->projection, LOCK_WAIT_MS, &place->lock, &why);
    if (status == STATUS_BUSY)
        return; /* somebody else folds it */
    if (status == STATUS_OK)
        status = open_or_load(place, home, &why);
    if (status != STATUS_OK)
        meet(place, home, status, &why, trouble);
    if (place->view != NULL)
        judge(place, home->store, head);
}

/* What the views whose lock we hold are folded up to: those that lag behind go first, a span at a time. */
static uint64_t choose_end(const struct projector *projector, uint64_t head)
{
    uint64_t lowest = head;
    for (size_t i = 0; i < projector->count; i++) {
        const struct place *place = &projector->places[i];
        if (place->lock.descriptor >= 0 && place->view != NULL && !is_at_rest(place) && place->view->position < lowest)
            lowest = place->view->position;
    }
    return head - lowest > FOLD_SPAN ? lowest + FOLD_SPAN : head;
}

static void leave(struct place *place, const struct view_home *home, uint64_t *head, struct error *trouble)
{
    if (place->lock.descriptor < 0) /* else it has a view */
        return;
    if (place->view->trouble.status != STATUS_OK && !view_stands(place->view)) {
        view_close(&place->view); /* its files went while they were written: the next step starts anew */
    } else if (place->view->trouble.status != STATUS_OK) {
        struct error why = place->view->trouble;
        meet(place, home, why.status, &why, trouble);
    } else {
        judge(place, home->store, head);
        view_tidy(place->view);
    }
}

static void report(const struct projector *projector, uint64_t head, uint64_t handled,
                   struct projector_progress *progress)
{
    *progress = (struct projector_progress){
        .handled = (size_t)handled, .idle = true, .head = head, .view_count = projector->count};
    for (size_t i = 0; i < projector->count; i++) {
        const struct place *place = &projector->places[i];
        struct view_state *state = &progress->views[i];
        state->name = place->projection->name;
        state->condition = place->condition;
        state->position = place->view == NULL ? 0 : place->view->position;
        if (place->condition != VIEW_GOOD)
            memcpy(state->reason, place->why.text, sizeof state->reason);
        if (!is_at_rest(place) && (place->view == NULL || place->view->position < head))
            progress->idle = false;
    }
}

enum status projector_step(struct projector *projector, struct projector_progress *progress, struct error *error)
{
    const struct view_home *home = projector->home;
    struct view *views[PROJECTIONS_MAX] = {0};
    struct error trouble = {0};
    uint64_t head = 0, handled = 0;
    enum status status = eventstore_head(home->store, &head, error);
    for (size_t i = 0; i < projector->count && status == STATUS_OK; i++)
        take(&projector->places[i], home, &head, &trouble);

    uint64_t to = choose_end(projector, head);
    for (size_t i = 0; i < projector->count; i++) {
        struct place *place = &projector->places[i];
        bool is_ours = place->lock.descriptor >= 0 && place->view != NULL;
        if (is_ours && !is_at_rest(place) && place->view->position < to)
            views[i] = place->view;
        else
            file_lock_release(&place->lock); /* nothing to do here in this step: let others in */
    }
    if (status == STATUS_OK)
        status = views_fold(home->store, views, projector->count, to, STEP_BUDGET_US, &handled, error);
    for (size_t i = 0; i < projector->count; i++) {
        leave(&projector->places[i], home, &head, &trouble);
        file_lock_release(&projector->places[i].lock);
    }
    if (progress != NULL)
        report(projector, head, handled, progress);
    if (status != STATUS_OK || trouble.status == STATUS_OK)
        return status;
    *error = trouble;
    return error->status;
}

enum status projector_catch_up(struct projector *projector, int patience_ms, struct projector_progress *progress,
                               struct error *error)
{
    struct projector_progress last;
    int64_t until_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    uint64_t target = 0;
    bool done = false;
    while (!done) {
        enum status status = projector_step(projector, &last, error);
        if (progress != NULL)
            *progress = last;
        if (status != STATUS_OK)
            return status;
        if (target == 0)
            target = last.head;
        done = true;
        for (size_t i = 0; i < projector->count; i++)
            done = done && (is_at_rest(&projector->places[i]) || last.views[i].position >= target);
        if (!done && clock_monotonic_us() >= until_us)
            return error_set(error, STATUS_BUSY, "the views have not caught up within %d ms", patience_ms);
    }
    return STATUS_OK;
}
