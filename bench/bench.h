/* bench.h - till-bench: how fast the store is, against what the machine allows.
 *
 * Every figure stands beside a limit: a bare C loop on SQLite (limit.h) that does the least possible work for the same
 * rows, in the same run, in turns with ours, so that a noisy machine hurts both. The ratio is what counts. Both sides
 * report what they have done, and a difference ends the program: a figure of other work would be a lie.
 *
 * The benchmark lives by the public headers of the project, and by the program `till` that stands beside it. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/file.h"
#include "base/status.h"

/* ---- figures (figures.c) ---- */

enum figure_id {
    APPEND_ONE,
    APPEND_BATCH,
    APPEND_BATCH_1M,
    READ_ROLL,
    READ_ROLL_BARE,
    READ_TYPES,
    LOAD_ENTITY,
    VERIFY,
    SIZE,
    UPCAST,
    REBUILD_ORDERS,
    REBUILD_ALL,
    CATCH_UP,
    REBUILD_MEMORY,
    OPEN,
    SAGA,
    LATENCY_P50,
    LATENCY_P99,
    LATENCY_P99_IMPORT,
    WRITERS,
    WRITERS_WAIT,
    IDLE,
    FIGURES,
};

enum goal {
    RATIO_AT_LEAST, /* the more the better: ours divided by the limit's */
    RATIO_AT_MOST,
    VALUE_AT_MOST, /* and, where something stands beside it, hardly more than that */
};

struct figure {
    const char *name;
    const char *unit;
    enum goal goal;
    double target;
    const char *what, *against; /* for --help and the table: ours, and the limit's loop */
};
extern const struct figure figures[FIGURES];

/* False when no figure has this name. */
bool figure_find(const char *name, enum figure_id *id);

struct result {
    bool measured;
    double value, limit; /* 0: there is no limit */
};
double result_ratio(const struct result *result);
bool result_is_ok(const struct figure *figure, const struct result *result);

/* ---- one run ---- */

struct rolls;

struct bench {
    uint64_t events;        /* as asked for */
    bool json;              /* how figures are printed */
    bool progress;          /* stderr is a terminal */
    bool wanted[FIGURES];   /* --only */
    char folder[PATH_SIZE]; /* all that is made, is made here */
    char till[PATH_SIZE];   /* the program beside us */
    struct rolls *rolls;    /* both, when they are filled */
    struct result results[FIGURES];
};

/* One run over all that is wanted, with rolls of `bench->events` events. */
enum status bench_run(struct bench *bench, struct error *error) MUST_CHECK;

void bench_set(struct bench *bench, enum figure_id id, double value, double limit);

/* A word on stderr, on a terminal: what is being done, and how far it is (0 of 0: nobody knows). */
void bench_tell(const struct bench *bench, const char *what, uint64_t done, uint64_t total);

/* ---- measuring (measure.c) ---- */

/* Zero-initialised is empty. */
struct samples {
    double *values;
    size_t count, capacity;
};
void samples_add(struct samples *samples, double value);
/* The value that `percent` of them are not above; 50 is the median. 0 when there are none. */
double samples_percentile(struct samples *samples, double percent);
void samples_clear(struct samples *samples);

/* What one side of a comparison has done. */
struct tally {
    uint64_t count, sum; /* the same for all sides: how much, and of what */
    int64_t elapsed_us;  /* 0: from its call to its return */
};

/* One way to do a row's work. */
struct side {
    const char *name;
    enum status (*work)(void *context, struct tally *tally, struct error *error);
};

/* Runs the sides in turns, once to warm up and then some times, and says what each handles in a second, by the median
 * of its rounds. `context` is the sides' own. */
enum status compare(const struct bench *bench, const char *what, const struct side *sides, size_t count, void *context,
                    double *per_second, struct error *error) MUST_CHECK;

/* ---- the rows ---- */

enum status measure_appends(struct bench *bench, struct error *error) MUST_CHECK; /* fills the rolls, too */
enum status measure_reads(struct bench *bench, struct error *error) MUST_CHECK;
enum status measure_upcasts(struct bench *bench, struct error *error) MUST_CHECK;
enum status measure_processes(struct bench *bench, struct error *error) MUST_CHECK;
enum status measure_views(struct bench *bench, struct error *error) MUST_CHECK;

/* The most memory that `till rebuild` needs for the roll as it is now. */
enum status measure_rebuild_memory(const struct bench *bench, double *mebibytes, struct error *error) MUST_CHECK;

/* ---- the place where it is done (place.c) ---- */

/* Makes a folder under $TMPDIR or here, whichever is on a disk and has room for `events`. It is gone when this process
 * ends, however it ends: a child waits for that. */
enum status place_make(char folder[PATH_SIZE], uint64_t events, struct error *error) MUST_CHECK;
void place_remove(void);

/* Makes a folder for one shop in the place. */
enum status place_folder(const struct bench *bench, char folder[PATH_SIZE], const char *name,
                         struct error *error) MUST_CHECK;
void place_empty(const char *folder);

#endif
