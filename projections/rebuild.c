#include "projections/rebuild.h"

#include "base/clock.h"
#include "projections/fold.h"
#include "projections/generation.h"

struct rebuild {
    const struct view_home *home;
    const struct projection *projection;
    rebuild_progress progress;
    void *context;
    struct view *view; /* the new generation */
    uint64_t events;
};

static enum status fold_to_head(struct rebuild *rebuild, uint64_t span, struct error *error)
{
    uint64_t head;
    enum status status = eventstore_head(rebuild->home->store, &head, error);
    if (status != STATUS_OK)
        return status;
    return view_fold(rebuild->home->store, rebuild->view, head, span, rebuild->progress, rebuild->context,
                     &rebuild->events, error);
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
    return status == STATUS_OK ? view_file_build(&rebuild->view, rebuild->home, rebuild->projection, error) : status;
}

/* 2, the second half. */
static enum status go_live(struct rebuild *rebuild, struct error *error)
{
    return view_file_go_live(&rebuild->view, rebuild->home, error);
}

/* 3 and 4: what came in meanwhile, then the link, and no one can fold in between. */
static enum status swap(struct rebuild *rebuild, struct error *error)
{
    enum status status = fold_to_head(rebuild, FOLD_SPAN, error);
    if (status == STATUS_OK && !view_is_in_place(rebuild->view))
        status = error_set(error, STATUS_IO, "the folder views was deleted while %s was rebuilt: try again",
                           rebuild->projection->name);
    if (status == STATUS_OK)
        status = generation_publish(rebuild->home, rebuild->projection, &rebuild->view->files, error);
    if (status == STATUS_OK)
        status = generation_remove_others(rebuild->home, rebuild->projection, error);
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

static enum status run(struct rebuild *rebuild, struct error *error)
{
    enum status status = locked(rebuild, start, error);
    if (status == STATUS_OK)
        status = fold_to_head(rebuild, FOLD_SPAN_BIG, error);
    if (status == STATUS_OK)
        status = view_file_sync(rebuild->view, error);
    if (status == STATUS_OK)
        status = locked(rebuild, go_live, error);
    if (status == STATUS_OK)
        status = fold_to_head(rebuild, FOLD_SPAN, error); /* so that the lock is held for the last few only */
    if (status == STATUS_OK)
        status = locked(rebuild, swap, error);
    if (status != STATUS_OK) {
        view_close(&rebuild->view);
        struct error ignored;
        (void)!locked(rebuild, clear_away, &ignored); /* what this cannot clear away, the next rebuild will */
    }
    return status;
}

enum status view_rebuild(const struct view_home *home, const struct projection *projection, rebuild_progress progress,
                         void *context, struct rebuild_report *report, struct error *error)
{
    char path[PATH_SIZE];
    struct file_lock lock = FILE_LOCK_NONE;
    int64_t started_us = clock_monotonic_us();
    struct rebuild rebuild = {.home = home, .projection = projection, .progress = progress, .context = context};
    *report = (struct rebuild_report){0};
    enum status status = path_join(path, home->folder, error, "run/rebuild-%s.lock", projection->name);
    if (status == STATUS_OK)
        status = file_lock_try(&lock, path, error);
    if (status == STATUS_BUSY)
        error_set(error, STATUS_BUSY, "the view %s is being rebuilt already", projection->name);
    if (status == STATUS_OK)
        status = run(&rebuild, error);
    report->elapsed_us = clock_monotonic_us() - started_us;
    if (status == STATUS_OK) {
        report->position = rebuild.view->position;
        report->events = rebuild.events;
        status = view_digest(rebuild.view, report->digest, error);
    }
    view_close(&rebuild.view);
    file_lock_release(&lock);
    return status;
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
