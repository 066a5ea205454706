/* workers.h - what processes of the benchmark do beside it: till-bench starts itself for that, because SQLite's handles
 * do not survive a fork. */
#ifndef BENCH_WORKERS_H
#define BENCH_WORKERS_H

#include <sys/types.h>

#include "base/status.h"

#define WORKER_OPTION "--worker"

enum worker {
    WORKER_DELIVERIES,       /* writes deliveries to the store in a folder, at a shop's busy pace */
    WORKER_LIMIT_DELIVERIES, /* the same to the limit's table in a file */
    WORKERS,
};

/* Starts one for the folder or file `place`. */
enum status worker_start(pid_t *process, enum worker worker, const char *place, struct error *error) MUST_CHECK;

/* Of that process: does what the words say, and returns the exit code. */
int worker_run(char **words);

#endif
