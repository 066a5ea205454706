/* clock.h - time as a parameter. Nothing below cli/ asks the system for the time: it is handed a clock, so that a test
 * or a simulator can hand it another. Times are microseconds since 1970-01-01T00:00:00Z; on paper they are RFC 3339 in
 * UTC with `Z`, and microseconds only where there are any. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { TIME_TEXT_SIZE = 28 /* "2026-11-23T18:40:00.123456Z" and a NUL */, DAY_TEXT_SIZE = 11 };

/* The years 0001 to 9999, which is what RFC 3339 can write. */
#define TIME_MIN_US INT64_C(-62135596800000000)
#define TIME_MAX_US INT64_C(253402300799999999)

/* A source of time. `context` is the source's own. */
struct clock {
    int64_t (*now_us)(void *context);
    void *context;
};

/* The system's wall clock. */
extern const struct clock clock_system;

int64_t clock_now_us(const struct clock *clock);

/* Microseconds that only ever go forward, from an arbitrary start: for measuring how long something took. */
int64_t clock_monotonic_us(void);

/* Writes `at_us` as RFC 3339; outside TIME_MIN_US … TIME_MAX_US it is clamped. */
void time_to_text(int64_t at_us, char text[TIME_TEXT_SIZE]);

/* The UTC day of `at_us`, "2026-11-23". */
void time_to_day(int64_t at_us, char text[DAY_TEXT_SIZE]);

/* Reads RFC 3339 with `Z` or an offset, up to six decimals of a second, or a bare date (its midnight in UTC). A space
 * for the `T` is accepted, a day that is not in the calendar is not, a leap second (`:60`) is not. */
bool time_from_text(const char *text, int64_t *at_us);

#endif
