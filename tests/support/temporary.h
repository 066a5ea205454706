/* temporary.h - what most suites need: a folder that is gone afterwards, and a clock that a test sets. */
#ifndef TESTS_SUPPORT_TEMPORARY_H
#define TESTS_SUPPORT_TEMPORARY_H

#include <stdint.h>

#include "base/clock.h"

enum { TEMPORARY_SIZE = 256 };

/* Makes a new empty folder, and removes one with all that is in it. A failure ends the test's process. */
void temporary_make(char folder[TEMPORARY_SIZE]);
void temporary_remove(const char *folder);

/* A clock that stands where it was set. `fake` must outlive who uses the clock. */
struct fake_clock {
    int64_t now_us;
};
struct clock fake_clock(struct fake_clock *fake);

/* 2026-11-23T18:40:00Z, a Monday */
#define MONDAY_EVENING_US INT64_C(1795459200000000)

#endif
