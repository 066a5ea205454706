/* policy.h - how patiently the outside world is asked: the one table of it.
 *
 * A row is a knob. The struct, the defaults, the options of `till run` with their ranges, errors and help, and what the
 * supervisor hands to its services all come from these rows. */
#ifndef SERVICES_POLICY_H
#define SERVICES_POLICY_H

#include <stddef.h>
#include <stdint.h>

/* KNOB(field, option, unit, default, lowest, highest, sentence) */
/* clang-format off */
#define RETRY_KNOBS(KNOB)                                                                                              \
    KNOB(attempts,          "attempts",      "N",       6,     1, 100,      "attempts, then the service gives up")     \
    KNOB(first_delay_ms,    "first-delay",   "MS",      200,   1, 3600000,  "before the second attempt")               \
    KNOB(delay_factor,      "delay-factor",  "N",       3,     1, 100,      "each delay is N times the last")          \
    KNOB(jitter_percent,    "jitter",        "PERCENT", 25,    0, 100,      "up to so much longer, by the event")      \
    KNOB(delay_max_ms,      "delay-max",     "MS",      30000, 1, 86400000, "the longest, jitter apart")               \
    KNOB(breaker_threshold, "breaker-after", "N",       5,     2, 100,      "orders unanswered in a row: pause")       \
    KNOB(cool_down_ms,      "cool-down",     "MS",      10000, 1, 3600000,  "of a pause, then one tries")
/* clang-format on */

#define RETRY_FIELD(field, option, unit, usual, lowest, highest, sentence) int64_t field;
struct retry_policy {
    RETRY_KNOBS(RETRY_FIELD)
};
#undef RETRY_FIELD

#define RETRY_HIGHEST(field, option, unit, usual, lowest, highest, sentence) RETRY_HIGHEST_##field = (highest),
enum { RETRY_KNOBS(RETRY_HIGHEST) };
#undef RETRY_HIGHEST

extern const struct retry_policy retry_policy_default;

/* One row, for whoever walks the table. */
struct retry_knob {
    const char *option; /* of `till run`, without the dashes */
    const char *unit;
    int64_t lowest, highest;
    size_t offset; /* of its int64_t in struct retry_policy */
};

enum { RETRY_KNOB_COUNT = sizeof(struct retry_policy) / sizeof(int64_t) };
extern const struct retry_knob retry_knobs[RETRY_KNOB_COUNT];

int64_t *retry_knob_value(struct retry_policy *policy, const struct retry_knob *knob);

/* How long after attempt number `attempts` (1 for the first) the next one is due, in microseconds. `spread`, 0 to 255,
 * is how much of the jitter it gets: delays that all start at the same moment shall not knock together. */
int64_t retry_delay_us(const struct retry_policy *policy, int64_t attempts, uint8_t spread);

/* The longest there is. What waits for longer than this was told to by a clock that was ahead. */
int64_t retry_delay_longest_us(const struct retry_policy *policy);

#endif
