/* rolls.h - two rolls with the same history: the store's, and the limit's table. */
#ifndef BENCH_ROLLS_H
#define BENCH_ROLLS_H

#include "bench/bench.h"
#include "bench/history.h"
#include "bench/limit.h"

struct rolls {
    char folder[PATH_SIZE]; /* of the store: a shop */
    char limit_path[PATH_SIZE];
    struct eventstore *store;
    struct limit limit;
    struct history *history;
    struct clock clock;     /* the history's */
    uint64_t events;        /* on each */
    double tenth_mebibytes; /* what a rebuild needed at a tenth of them; 0 when nobody asked */
    struct buffer bytes;
};

enum status rolls_open(struct rolls **rolls, const struct bench *bench, struct error *error) MUST_CHECK;
void rolls_close(struct rolls **rolls);

/* Appends the history's next wave to both, in commits of `commit_events`; adds the times that took. */
enum status rolls_append(struct rolls *rolls, size_t commit_events, size_t *count, int64_t *ours_us, int64_t *limit_us,
                         struct error *error) MUST_CHECK;

/* Writes the next wave to the limit only: for rows during which the store's roll goes its own way. */
enum status rolls_append_limit(struct rolls *rolls, size_t commit_events, size_t *count, int64_t *limit_us,
                               struct error *error) MUST_CHECK;

#endif
