/* sync_log.h - watches what a test program makes durable, and when.
 *
 * Takes the place of the system's calls that matter for it, here and in the libraries it uses (SQLite), does what they
 * do and writes one letter for each: 'd' fdatasync, 'f' fsync, 's' syncfs, 'r' renameat. A call can be told to fail. */
#ifndef TESTS_SERVICES_SYNC_LOG_H
#define TESTS_SERVICES_SYNC_LOG_H

/* Forgets what was written so far. */
void sync_log_start(void);

/* The letters since then. */
const char *sync_log(void);

/* The `number`th call of this letter from now on (1 for the next) fails with this errno, and does nothing. */
void sync_log_fail(char letter, int number, int code);

#endif
