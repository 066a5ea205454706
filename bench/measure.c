#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "bench/bench.h"

enum {
    ROUNDS_MIN = 5,
    ROUNDS_SLOW = 3, /* on a machine that takes ages for one */
    ROUNDS_MAX = 25,
    ENOUGH_US = 2000000, /* of rounds, or less: */
    ENOUGH_AN_EVENT_US = 20,
    SIDES_MAX = 4,
};

void samples_add(struct samples *samples, double value)
{
    double *values = array_room(samples->values, samples->count, &samples->capacity, sizeof *values);
    CHECK(values != NULL);
    samples->values = values;
    values[samples->count++] = value;
}

static int by_value(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

double samples_percentile(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, samples->count, sizeof *samples->values, by_value);
    return samples->values[(size_t)((double)(samples->count - 1) * percent / 100 + 0.5)];
}

void samples_clear(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}

static enum status take_turn(const struct side *side, void *context, struct tally *tally, struct error *error)
{
    int64_t started_us = clock_monotonic_us();
    *tally = (struct tally){0};
    enum status status = side->work(context, tally, error);
    if (tally->elapsed_us == 0)
        tally->elapsed_us = clock_monotonic_us() - started_us;
    return status;
}

/* A figure of two different works would say nothing. */
static void insist_on_same(const char *what, const struct side *side, const struct tally *tally,
                           const struct tally *first)
{
    if (tally->count == first->count && tally->sum == first->sum)
        return;
    fprintf(stderr, "till-bench: %s: %s did %llu (%llu), the other side %llu (%llu): that is not the same work\n", what,
            side->name, (unsigned long long)tally->count, (unsigned long long)tally->sum,
            (unsigned long long)first->count, (unsigned long long)first->sum);
    abort();
}

/* One turn for each, beginning with another one each time. */
static enum status round_of(const char *what, const struct side *sides, size_t count, size_t round, void *context,
                            struct samples *per_second, struct error *error)
{
    struct tally tallies[SIDES_MAX];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        size_t turn = (i + round) % count;
        status = take_turn(&sides[turn], context, &tallies[turn], error);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        insist_on_same(what, &sides[i], &tallies[i], &tallies[0]);
        if (round > 0)
            samples_add(&per_second[i], (double)tallies[i].count * 1e6 / (double)tallies[i].elapsed_us);
    }
    return status;
}

enum status compare(const struct bench *bench, const char *what, const struct side *sides, size_t count, void *context,
                    double *per_second, struct error *error)
{
    struct samples samples[SIDES_MAX] = {{0}};
    const int64_t by_events_us = (int64_t)bench->events * ENOUGH_AN_EVENT_US;
    const int64_t budget_us = by_events_us < ENOUGH_US ? by_events_us : ENOUGH_US;
    const int64_t until_us = clock_monotonic_us() + budget_us;
    enum status status = STATUS_OK;
    CHECK(count <= SIDES_MAX);
    for (size_t round = 0; status == STATUS_OK && round <= ROUNDS_MAX; round++) {
        int64_t now_us = clock_monotonic_us();
        if ((round > ROUNDS_MIN && now_us > until_us) || (round > ROUNDS_SLOW && now_us > until_us + 4 * budget_us))
            break;
        bench_tell(bench, what, round, ROUNDS_MIN);
        status = round_of(what, sides, count, round, context, samples, error);
    }
    for (size_t i = 0; i < count; i++) {
        per_second[i] = samples_percentile(&samples[i], 50);
        samples_clear(&samples[i]);
    }
    return status;
}
