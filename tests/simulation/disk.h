/* disk.h - the disk that a simulated shop stands on: an SQLite VFS between SQLite and real files.
 *
 * What is written goes to the real file at once, where every connection sees it, as in a kernel's page cache. Beside
 * that the disk remembers every write since the file's last sync. When power is lost, each of those writes is kept,
 * dropped, or torn in half, one by one, so that a later one may survive an earlier one: what a real disk may do with
 * what nobody asked it to make durable. What was synced stays.
 *
 * It fails on command: a read, a write or a sync returns an error, the disk is full, a lock is not to be had, or the
 * process dies at its next operation, after which nothing that it does reaches the disk.
 *
 * Not covered: folders (a file that was made is there), and the index of the log (-shm), which is memory. */
#ifndef TESTS_SIMULATION_DISK_H
#define TESTS_SIMULATION_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/dice.h"

/* Makes it SQLite's own VFS from now on, for the whole process. */
void disk_install(void);

/* A new disk: nothing is unsynced, nothing fails. */
void disk_reset(void);

enum disk_fault {
    DISK_SOUND,
    DISK_READ_FAILS,
    DISK_WRITE_FAILS,
    DISK_SYNC_FAILS,
    DISK_FULL,
    DISK_BUSY, /* a lock is not to be had */
    DISK_DIES, /* the process dies: this operation and all that follow have no effect */
    DISK_FAULTS
};

/* The `nth` operation (1: the next) of the fault's kind fails, and the `count` − 1 after it. */
void disk_fail(enum disk_fault fault, uint32_t nth, uint32_t count);

/* The process dies now. */
void disk_die(void);

/* From here on nothing fails. Returns whether the fault had struck, so that a plan can tell a fault from none. */
bool disk_heal(void);

/* True between the moment of a DISK_DIES and disk_heal. */
bool disk_is_dead(void);

/* Loses what was not synced, as the dice say. Every connection must have been closed (while the disk was dead, so that
 * closing wrote nothing). */
void disk_lose_power(struct dice *dice);

/* Somebody else has synced this file: fsync() on a descriptor of their own. */
void disk_was_synced(const char *path);

/* Writes that no sync has covered yet, in all files: for tests. */
int disk_unsynced(void);

#endif
