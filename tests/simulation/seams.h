/* seams.h - where the simulation takes the place of the world outside: the linker's --wrap leads these calls of the
 * shop here.
 *
 *   gateway_begin, _ask, _lookup, _void
 *                                  the way to the bank: calls and answers get lost, late, or refused
 *   eventstore_commit              is witnessed
 *   uuid_random, clock_monotonic_us, nanosleep
 *                                  chance comes from the seed, and nobody waits
 *   file_sync, fsync, syncfs, renameat
 *                                  what is synced of files that are not SQLite's, and which mails may vanish */
#ifndef TESTS_SIMULATION_SEAMS_H
#define TESTS_SIMULATION_SEAMS_H

#include "tests/simulation/plan.h"
#include "tests/simulation/world.h"
#include "tests/support/temporary.h"

/* Everything is borrowed until the next seams_open. */
void seams_open(const char *folder, struct fake_clock *time, uint64_t seed, const struct witness *witness);

/* How the bank behaves to the calls that follow. */
void seams_mood(enum bank bank);
void seams_bank_down_until(int64_t time_us);

/* The calls that were on their way reach the bank; nobody hears its answers. */
void seams_late_calls(void);

/* Mails whose folder was not synced since they were moved into it may be gone. */
void seams_lose_power(struct dice *dice);

/* A whole small file, private to its owner. */
enum status seams_read_file(const char *path, struct buffer *whole, struct error *error) MUST_CHECK;
enum status seams_write_file(const char *path, const struct buffer *whole, struct error *error) MUST_CHECK;

/* Removes the files of a folder whose names begin with `prefix`, and with the empty prefix the folder. */
void seams_remove_files(const char *folder, const char *prefix);

#endif
