#include "projections/rebuild.h"

#include "base/clock.h"
#include "projections/fold.h"
#include "projections/generation.h"

struct rebuild {
    const struct view_home *home;
    const struct projection *projection;
    rebuild_progress progress;
    void *context;
    int cache_kib;
    struct file_lock lock; /* of this rebuild, not of the view */
    struct view *view;     /* the new generation */
    struct rebuild_report *report;
};

static enum status fold_to_head(struct rebuild *rebuild, struct error *error)
{
    uint64_t head;
    enum status status = eventstore_head(rebuild->home->store, &head, error);
    if (status == STATUS_OK)
        status =
            view_fold(rebuild->home->store, rebuild->view, head, FOLD_SPAN, rebuild->progress, rebuild->context, error);
    rebuild->report->events += rebuild->view->events;
    rebuild->view->events = 0;
    return status;
}

/* An older program must not undo what a newer one keeps. */
static enum status refuse_newer(const struct rebuild *rebuild, struct error *error)
{
    enum view_condition condition;
    struct view *old = NULL;
    enum status status = view_file_open(&old, rebuild->home, rebuild->projection, true, &condition, error);
    view_close(&old);
    return status == STATUS_OK && condition == VIEW_NEWER ? STATUS_NEWER : status;
}

/* 1: the next generation's file, after the remains of dead rebuilds have gone. */
static enum status start(struct rebuild *rebuild, struct error *error)
{
    enum status status = refuse_newer(rebuild, error);
    if (status == STATUS_OK)
        status = generation_remove_others(rebuild->home, rebuild->projection, error);
    if (status == STATUS_OK)
        status = view_file_build(&rebuild->view, rebuild->home, rebuild->projection, rebuild->cache_kib, error);
    return status;
}

/* 2, the second half. */
static enum status go_live(struct rebuild *rebuild, struct error *error)
{
    return view_file_go_live(&rebuild->view, rebuild->home, error);
}

/* 3 and 4: what came in meanwhile, then the link, and no one can fold in between. */
static enum status swap(struct rebuild *rebuild, struct error *error)
{
    enum status status = fold_to_head(rebuild, error);
    if (status == STATUS_OK && !view_is_in_place(rebuild->view))
        status = error_set(error, STATUS_IO, "the folder views was deleted while %s was rebuilt: try again",
                           rebuild->projection->name);
    if (status == STATUS_OK)
        status = generation_publish(rebuild->home, rebuild->projection, &rebuild->view->files, error);
    if (status == STATUS_OK)
        status = generation_remove_others(rebuild->home, rebuild->projection, error);
    if (status == STATUS_OK)
        rebuild->report->position = rebuild->view->position;
    return status == STATUS_OK ? view_freeze(rebuild->view, error) : status; /* for the digest */
}

static enum status clear_away(struct rebuild *rebuild, struct error *error)
{
    return generation_remove_others(rebuild->home, rebuild->projection, error);
}

static enum status locked(struct rebuild *rebuild, enum status (*act)(struct rebuild *, struct error *),
                          struct error *error)
{
    struct file_lock lock;
    enum status status = view_lock(rebuild->home, rebuild->projection, VIEW_PATIENCE_MS, &lock, error);
    if (status == STATUS_OK)
        status = act(rebuild, error);
    file_lock_release(&lock);
    return status;
}

/* ---- the steps of one view; what ends it stands in its report ---- */

static enum status begin(struct rebuild *rebuild, struct error *error)
{
    char path[PATH_SIZE];
    const char *name = rebuild->projection->name;
    enum status status = path_join(path, rebuild->home->folder, error, "run/rebuild-%s.lock", name);
    if (status == STATUS_OK)
        status = file_lock_try(&rebuild->lock, path, error);
    if (status == STATUS_BUSY)
        return error_set(error, STATUS_BUSY, "the view %s is being rebuilt already", name);
    return status == STATUS_OK ? locked(rebuild, start, error) : status;
}

static enum status complete(struct rebuild *rebuild, struct error *error)
{
    CHECK(rebuild->view != NULL);
    enum status status = view_outcome(rebuild->view, error);
    rebuild->report->events = rebuild->view->events;
    if (status == STATUS_OK)
        status = view_add_indexes(rebuild->view, error);
    if (status == STATUS_OK)
        status = view_file_sync(rebuild->view, error);
    if (status == STATUS_OK)
        status = locked(rebuild, go_live, error);
    if (status == STATUS_OK)
        status = fold_to_head(rebuild, error); /* so that the lock is held for the last few only */
    return status == STATUS_OK ? locked(rebuild, swap, error) : status;
}

static enum status take_digest(struct rebuild *rebuild, struct error *error)
{
    return view_digest(rebuild->view, rebuild->report->digest, error);
}

static void each(struct rebuild *rebuilds, size_t count, enum status (*act)(struct rebuild *, struct error *))
{
    for (size_t i = 0; i < count; i++) {
        struct error why;
        if (rebuilds[i].report->error.status != STATUS_OK || act(&rebuilds[i], &why) == STATUS_OK)
            continue;
        CHECK(why.status != STATUS_OK);
        rebuilds[i].report->error = why;
    }
}

/* 2, the first half: the one reading of the roll for all of them. */
static void build(struct rebuild *rebuilds, size_t count)
{
    struct view *views[PROJECTIONS_MAX] = {0};
    struct eventstore *store = rebuilds->home->store;
    struct error why;
    uint64_t head;
    for (size_t i = 0; i < count; i++)
        if (rebuilds[i].report->error.status == STATUS_OK)
            views[i] = rebuilds[i].view;
    enum status status = eventstore_head(store, &head, &why);
    if (status == STATUS_OK)
        status = views_fold_on(store, views, count, head, FOLD_SPAN_BIG, rebuilds->progress, rebuilds->context, &why);
    for (size_t i = 0; i < count && status != STATUS_OK; i++)
        if (views[i] != NULL)
            rebuilds[i].report->error = why;
}

static void end(struct rebuild *rebuild)
{
    struct error ignored;
    bool is_left = rebuild->report->error.status != STATUS_OK && rebuild->lock.descriptor >= 0;
    view_close(&rebuild->view);
    if (is_left)
        (void)!locked(rebuild, clear_away, &ignored); /* what this cannot clear away, the next rebuild will */
    file_lock_release(&rebuild->lock);
}

enum status views_rebuild(const struct view_home *home, const struct projection *const *chosen, size_t count,
                          rebuild_progress progress, void *context, struct rebuild_report *reports, struct error *error)
{
    struct rebuild rebuilds[PROJECTIONS_MAX];
    int64_t started_us = clock_monotonic_us();
    CHECK(count > 0 && count <= PROJECTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        reports[i] = (struct rebuild_report){0};
        rebuilds[i] = (struct rebuild){.home = home,
                                       .projection = chosen[i],
                                       .progress = progress,
                                       .context = context,
                                       .cache_kib = BUILD_CACHE_KIB / (int)count,
                                       .lock = FILE_LOCK_NONE,
                                       .report = &reports[i]};
    }
    each(rebuilds, count, begin);
    build(rebuilds, count);
    each(rebuilds, count, complete);
    int64_t elapsed_us = clock_monotonic_us() - started_us;
    each(rebuilds, count, take_digest);

    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        reports[i].elapsed_us = elapsed_us;
        end(&rebuilds[i]);
        if (status == STATUS_OK && reports[i].error.status != STATUS_OK) {
            *error = reports[i].error;
            status = error->status;
        }
    }
    return status;
}

enum status view_rebuild(const struct view_home *home, const struct projection *projection, rebuild_progress progress,
                         void *context, struct rebuild_report *report, struct error *error)
{
    return views_rebuild(home, &projection, 1, progress, context, report, error);
}

enum status view_supersede(const struct view_home *home, const struct projection *projection, struct error *error)
{
    struct view *view = NULL;
    struct rebuild_report report;
    enum view_condition condition;
    enum status status = view_file_look(&view, home, projection, &condition, error);
    view_close(&view);
    if (status == STATUS_OK && condition == VIEW_OLDER)
        status = view_rebuild(home, projection, NULL, NULL, &report, error);
    return status == STATUS_BUSY || status == STATUS_MEMORY ? status : STATUS_OK;
}
