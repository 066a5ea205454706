/* measure_views.c - the rows about views: folding them anew, following a live writer, opening one, and memory. */
#include "base/clock.h"
#include "bench/limit_views.h"
#include "bench/process.h"
#include "bench/rolls.h"
#include "bench/workers.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"

enum {
    SPAN = 8192, /* positions of a batch, as the projector's */
    OPENINGS = 25,
};

/* The views that a row folds, on both sides. */
struct folding {
    struct bench *bench;
    const struct projection *const *projections;
    size_t count;
};

static struct view_home home_of(const struct rolls *rolls)
{
    return (struct view_home){.store = rolls->store, .folder = rolls->folder};
}

static enum status view_path(const struct rolls *rolls, const struct projection *projection, char path[PATH_SIZE],
                             struct error *error)
{
    return path_join(path, rolls->folder, error, "views/%s.db", projection->name);
}

/* ---- from nothing ---- */

static enum status rebuild_ours(void *context, struct tally *tally, struct error *error)
{
    struct folding *folding = context;
    struct rolls *rolls = folding->bench->rolls;
    const struct view_home home = home_of(rolls);
    struct rebuild_report reports[PROJECTIONS_MAX];
    enum status status = views_rebuild(&home, folding->projections, folding->count, NULL, NULL, reports, error);
    tally->elapsed_us = reports[0].elapsed_us;
    for (size_t i = 0; status == STATUS_OK && i < folding->count; i++) {
        char path[PATH_SIZE];
        uint64_t sum = 0;
        status = view_path(rolls, folding->projections[i], path, error);
        if (status == STATUS_OK)
            status = view_rows_sum(path, &sum, error);
        tally->sum += sum;
    }
    tally->count = rolls->events;
    return status;
}

static enum status rebuild_limit(void *context, struct tally *tally, struct error *error)
{
    struct folding *folding = context;
    struct rolls *rolls = folding->bench->rolls;
    struct limit_view views[LIMIT_VIEWS] = {0};
    struct tally folded = {0};
    enum status status = STATUS_OK;
    int64_t started_us = clock_monotonic_us();
    for (size_t i = 0; status == STATUS_OK && i < folding->count; i++)
        status = limit_view_make(&views[i], folding->projections[i], folding->bench->folder, LIMIT_VIEW_BUILT, error);
    if (status == STATUS_OK)
        status = limit_views_fold(&rolls->limit, views, folding->count, 1, rolls->events, &folded, error);
    for (size_t i = 0; status == STATUS_OK && i < folding->count; i++)
        status = limit_view_publish(&views[i], error);
    tally->elapsed_us = clock_monotonic_us() - started_us;
    tally->count = rolls->events;
    for (size_t i = 0; status == STATUS_OK && i < folding->count; i++) {
        uint64_t sum = 0;
        status = view_rows_sum(views[i].path, &sum, error);
        tally->sum += sum;
    }
    for (size_t i = 0; i < folding->count; i++)
        limit_view_close(&views[i]);
    return status;
}

static enum status measure_rebuild(struct bench *bench, enum figure_id id, const struct projection *const *chosen,
                                   size_t count, struct error *error)
{
    static const struct side sides[] = {{"ours", rebuild_ours}, {"the limit", rebuild_limit}};
    struct folding folding = {bench, chosen, count};
    double per_second[2];
    CHECK(count <= LIMIT_VIEWS);
    if (!bench->wanted[id])
        return STATUS_OK;
    enum status status = compare(bench, figures[id].name, sides, 2, &folding, per_second, error);
    bench_set(bench, id, per_second[0], per_second[1]);
    return status;
}

/* ---- behind a live writer ---- */

static enum status remove_views(const struct rolls *rolls, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = path_join(path, rolls->folder, error, "views");
    if (status == STATUS_OK)
        place_empty(path);
    return status;
}

static enum status follow_ours(struct rolls *rolls, const struct projection *projection, struct tally *tally,
                               struct error *error)
{
    const struct view_home home = home_of(rolls);
    struct projector *projector = NULL;
    struct projector_progress progress = {0};
    int64_t started_us = clock_monotonic_us();
    enum status status = projector_open(&projector, &home, &projection, 1, error);
    while (status == STATUS_OK && progress.views[0].position < rolls->events)
        status = projector_step(projector, &progress, error);
    tally->elapsed_us = clock_monotonic_us() - started_us;
    projector_close(&projector);
    return status;
}

static enum status catch_up_ours(void *context, struct tally *tally, struct error *error)
{
    struct folding *folding = context;
    struct rolls *rolls = folding->bench->rolls;
    char path[PATH_SIZE];
    pid_t writer = 0;
    enum status status = remove_views(rolls, error);
    if (status == STATUS_OK)
        status = worker_start(&writer, WORKER_DELIVERIES, rolls->folder, error);
    if (status == STATUS_OK)
        status = follow_ours(rolls, folding->projections[0], tally, error);
    process_kill(writer);
    tally->count = rolls->events;
    if (status == STATUS_OK)
        status = view_path(rolls, folding->projections[0], path, error);
    return status == STATUS_OK ? view_rows_sum(path, &tally->sum, error) : status;
}

static enum status follow_limit(struct rolls *rolls, struct limit_view *view, struct tally *tally, struct error *error)
{
    struct tally folded = {0};
    enum status status = STATUS_OK;
    int64_t started_us = clock_monotonic_us();
    for (uint64_t from = 1; status == STATUS_OK && from <= rolls->events; from += SPAN) {
        uint64_t to = from + SPAN - 1 < rolls->events ? from + SPAN - 1 : rolls->events;
        status = limit_views_fold(&rolls->limit, view, 1, from, to, &folded, error);
    }
    tally->elapsed_us = clock_monotonic_us() - started_us;
    return status;
}

static enum status catch_up_limit(void *context, struct tally *tally, struct error *error)
{
    struct folding *folding = context;
    struct rolls *rolls = folding->bench->rolls;
    struct limit_view view = {0};
    pid_t writer = 0;
    enum status status =
        limit_view_make(&view, folding->projections[0], folding->bench->folder, LIMIT_VIEW_LIVE, error);
    if (status == STATUS_OK)
        status = worker_start(&writer, WORKER_LIMIT_DELIVERIES, rolls->limit_path, error);
    if (status == STATUS_OK)
        status = follow_limit(rolls, &view, tally, error);
    process_kill(writer);
    tally->count = rolls->events;
    if (status == STATUS_OK)
        status = view_rows_sum(view.path, &tally->sum, error);
    limit_view_close(&view);
    return status;
}

static enum status measure_catch_up(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"ours", catch_up_ours}, {"the limit", catch_up_limit}};
    const struct projection *const orders = &orders_projection;
    struct folding folding = {bench, &orders, 1};
    double per_second[2];
    if (!bench->wanted[CATCH_UP])
        return STATUS_OK;
    enum status status = compare(bench, "catch_up", sides, 2, &folding, per_second, error);
    bench_set(bench, CATCH_UP, per_second[0], per_second[1]);
    return status;
}

/* ---- from the outside ---- */

static enum status measure_open(struct bench *bench, struct error *error)
{
    char order[UUID_TEXT_SIZE];
    struct samples samples = {0};
    enum status status = STATUS_OK;
    uuid_to_text(history_last_order(bench->rolls->history), order);
    const char *const words[] = {"order", order, "--shop", bench->rolls->folder, NULL};
    for (int i = 0; status == STATUS_OK && bench->wanted[OPEN] && i <= OPENINGS; i++) {
        pid_t process;
        bench_tell(bench, "open", (uint64_t)i, OPENINGS);
        int64_t started_us = clock_monotonic_us();
        status = process_start(&process, bench->till, words, error);
        if (status == STATUS_OK)
            status = process_wait(process, error);
        if (i > 0) /* the first one folds what the view has not seen yet */
            samples_add(&samples, (double)(clock_monotonic_us() - started_us) / 1000);
    }
    bench_set(bench, OPEN, samples_percentile(&samples, 50), 0);
    samples_clear(&samples);
    return status;
}

enum status measure_rebuild_memory(const struct bench *bench, double *mebibytes, struct error *error)
{
    const char *const words[] = {"rebuild", "--shop", bench->rolls->folder, NULL};
    pid_t process;
    int64_t peak_bytes = 0;
    enum status status = process_start(&process, bench->till, words, error);
    if (status == STATUS_OK)
        status = process_wait_peak(process, &peak_bytes, error);
    *mebibytes = (double)peak_bytes / (1 << 20);
    return status;
}

enum status measure_views(struct bench *bench, struct error *error)
{
    double mebibytes = 0;
    const struct projection *const orders = &orders_projection;
    enum status status = measure_rebuild(bench, REBUILD_ORDERS, &orders, 1, error);
    if (status == STATUS_OK)
        status = measure_rebuild(bench, REBUILD_ALL, projections, projection_count, error);
    if (status == STATUS_OK)
        status = measure_catch_up(bench, error);
    if (status == STATUS_OK && bench->wanted[REBUILD_MEMORY])
        status = measure_rebuild_memory(bench, &mebibytes, error);
    bench_set(bench, REBUILD_MEMORY, mebibytes, bench->rolls->tenth_mebibytes);
    return status == STATUS_OK ? measure_open(bench, error) : status;
}
