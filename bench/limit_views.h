/* limit_views.h - the five views, folded by hand: one pass, cJSON, the same rows in the same tables. */
#ifndef BENCH_LIMIT_VIEWS_H
#define BENCH_LIMIT_VIEWS_H

#include "bench/limit.h"
#include "projections/projection.h"

enum { LIMIT_VIEWS = 5, LIMIT_VIEW_STATEMENTS = 14 };

struct limit_view {
    const struct projection *projection; /* for its name, its tables and the types it wants */
    char path[PATH_SIZE];
    sqlite3 *database;
    sqlite3_stmt *statements[LIMIT_VIEW_STATEMENTS];
    int log_pages;
};

enum limit_view_kind {
    LIMIT_VIEW_BUILT, /* no journal, no sync: nobody knows it yet */
    LIMIT_VIEW_LIVE,  /* WAL, as a view that is asked while it is folded */
};

/* Makes an empty view in the place of one that is there. */
enum status limit_view_make(struct limit_view *view, const struct projection *projection, const char *folder,
                            enum limit_view_kind kind, struct error *error) MUST_CHECK;
void limit_view_close(struct limit_view *view);

/* Folds the events of these positions into the views, in a transaction each. `tally` is of the events that some view
 * wanted. */
enum status limit_views_fold(struct limit *limit, struct limit_view *views, size_t count, uint64_t from, uint64_t to,
                             struct tally *tally, struct error *error) MUST_CHECK;

/* Makes a built view durable and gives it its final name, which is `path` from then on. */
enum status limit_view_publish(struct limit_view *view, struct error *error) MUST_CHECK;

/* A sum over all rows of all tables but `meta`: two views with the same rows have the same. */
enum status view_rows_sum(const char *path, uint64_t *sum, struct error *error) MUST_CHECK;

#endif
