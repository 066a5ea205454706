/* process.h - processes that the benchmark starts. Each dies with it, however it ends. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

/* Starts a program with these words, NULL at the end; its output goes nowhere, its complaints come to us. When this
 * returns it is that program already. */
enum status process_start(pid_t *process, const char *program, const char *const *words,
                          struct error *error) MUST_CHECK;

/* Waits until it has ended; STATUS_UNAVAILABLE when it did so badly. */
enum status process_wait(pid_t process, struct error *error) MUST_CHECK;

/* As process_wait, and says how much memory it had at most. */
enum status process_wait_peak(pid_t process, int64_t *peak_bytes, struct error *error) MUST_CHECK;

/* Kills it; 0 is none. */
void process_kill(pid_t process);

/* Asks it to end, and waits. */
void process_stop(pid_t process);

/* The processor's time that it and its children have used. */
int64_t process_family_us(pid_t process);

#endif
