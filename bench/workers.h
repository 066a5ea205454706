/* workers.h - what processes of the benchmark do beside it: till-bench starts itself for that, because SQLite's handles
 * do not survive a fork. */
#ifndef BENCH_WORKERS_H
#define BENCH_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

#define WORKER_OPTION "--worker"

/* Skus that deliveries are for: the first ones of the catalogue. */
enum { WORKER_SKUS = 4 };

enum worker {
    WORKER_DELIVERIES,       /* writes deliveries to the store in a folder, at a shop's busy pace */
    WORKER_LIMIT_DELIVERIES, /* the same to the limit's table in a file */
    WORKER_IMPORT,           /* writes deliveries to the store in a folder, 100 a commit, as fast as it can */
    WORKER_WRITER,           /* writes one event a commit as fast as it can: `place` is its writer's file */
    WORKERS,
};

/* Starts one for the folder or file `place`. */
enum status worker_start(pid_t *process, enum worker worker, const char *place, struct error *error) MUST_CHECK;

/* Of that process: does what the words say, and returns the exit code. */
int worker_run(char **words);

/* ---- what writers tell ---- */

enum { WRITER_COMMITS_MAX = 1 << 16 };

/* The contents of a writer's file, which stands in the folder of the store. */
struct writer_report {
    _Atomic uint32_t commits;
    uint32_t took_us[WRITER_COMMITS_MAX]; /* of each, from the call to the return */
};

/* Maps the file, made anew and empty by whoever reads it; NULL when that fails. */
struct writer_report *writer_report_map(const char *path, bool anew);
void writer_report_unmap(struct writer_report *report);

#endif
