/* shortage.h - `till` in a process whose memory ends, or whose disk fails, at the n-th operation.
 *
 * The command's own main() is called in a forked child: that takes a millisecond, so that every n can be tried. What
 * fails is what tests/simulation's memory.h and disk.h make fail. */
#ifndef TESTS_CLI_SHORTAGE_H
#define TESTS_CLI_SHORTAGE_H

#include <stdint.h>

#include "tests/cli/till.h"
#include "tests/simulation/disk.h"

struct shortage {
    bool of_memory;
    enum disk_fault of_disk; /* DISK_SOUND: of nothing on the disk */
    uint32_t nth;            /* 1: the first; 0: nothing fails */
};

struct attempt {
    struct answer answer; /* its code is -signal when the process died */
    bool struck;          /* false: the command was over before its n-th operation */
};

/* Runs "till WORD WORD ...", words parted by single blanks, in the test's folder. */
struct attempt attempt(const char *line, struct shortage shortage);

/* A digest of names, modes and contents of all that stands there now; 0 when nothing does. */
uint64_t look_of(const char *path);

#endif
