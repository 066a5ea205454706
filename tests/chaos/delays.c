/* delays.c - how long commands took while processes were stopped.
 *
 * What a command may take:
 *
 *     its own cost                  what the same run measured where nobody was stopped
 *   + each stop of a writer         as far as the command saw it: who holds the queue, holds it until he goes on
 *   + 0.5 s, once                   when any reader was stopped meanwhile
 *
 * A command that folds a view waits for the view's lock in the same way as one that writes waits for the queue. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/chaos/storm.h"

enum {
    READERS_DELAY_US = 500000,
    LINE_OF_WRITERS = 8, /* four services, the importer and the customers */
    SYNCS_IN_LINE = 4,   /* of who stood inside: the commit, and both of a checkpoint; and our own */
};

struct sample {
    int64_t from_us, to_us;
};

struct samples {
    struct sample *items;
    size_t count, capacity;
};

struct stop {
    struct sample span;
    struct holding holding;
};

struct delays {
    struct storm *storm;
    struct samples samples[DELAY_KINDS];
    struct stop *stops;
    size_t stop_count, stop_capacity;
};

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 256 : 2 * *capacity;
    items = realloc(items, *capacity * size);
    if (items == NULL)
        exit(3);
    return items;
}

struct delays *delays_open(struct storm *storm)
{
    struct delays *delays = calloc(1, sizeof *delays);
    if (delays == NULL)
        exit(3);
    delays->storm = storm;
    return delays;
}

void delays_note(struct delays *delays, enum delay_kind kind, int64_t from_us, int64_t to_us)
{
    struct samples *samples = &delays->samples[kind];
    samples->items = grown(samples->items, samples->count, &samples->capacity, sizeof *samples->items);
    samples->items[samples->count++] = (struct sample){from_us, to_us};
}

void delays_note_stop(struct delays *delays, int64_t from_us, int64_t to_us, struct holding holding)
{
    delays->stops = grown(delays->stops, delays->stop_count, &delays->stop_capacity, sizeof *delays->stops);
    delays->stops[delays->stop_count++] = (struct stop){{from_us, to_us}, holding};
}

/* ---- the judgement ---- */

static int64_t overlap_us(struct sample one, struct sample other)
{
    int64_t from = one.from_us > other.from_us ? one.from_us : other.from_us;
    int64_t to = one.to_us < other.to_us ? one.to_us : other.to_us;
    return to > from ? to - from : 0;
}

/* What a command saw stopped, and what that may have added. */
struct seen {
    int64_t writers_us, readers_us;
};

static struct seen seen_by(const struct delays *delays, enum delay_kind kind, struct sample sample)
{
    struct seen all = {0};
    for (size_t i = 0; i < delays->stop_count; i++) {
        const struct stop *stop = &delays->stops[i];
        int64_t seen = overlap_us(sample, stop->span);
        if (stop->holding.queue || (kind == DELAY_QUERY && stop->holding.other_queue))
            all.writers_us += seen;
        else if (seen > 0)
            all.readers_us = READERS_DELAY_US;
    }
    return all;
}

static int64_t allowed_us(const struct delays *delays, enum delay_kind kind, struct sample sample)
{
    struct seen seen = seen_by(delays, kind, sample);
    return seen.writers_us + seen.readers_us;
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

struct spread {
    size_t count;
    int64_t p50_us, p99_us, max_us;
};

enum light { ALL, UNDISTURBED, READERS_STOPPED, WRITERS_STOPPED };

static bool stands_in(const struct delays *delays, enum delay_kind kind, struct sample sample, enum light light)
{
    struct seen seen = seen_by(delays, kind, sample);
    switch (light) {
    case UNDISTURBED: return seen.writers_us == 0 && seen.readers_us == 0;
    case READERS_STOPPED: return seen.writers_us == 0 && seen.readers_us > 0;
    case WRITERS_STOPPED: return seen.writers_us > 0;
    default: return true;
    }
}

static struct spread spread_of(const struct delays *delays, enum delay_kind kind, enum light light)
{
    const struct samples *samples = &delays->samples[kind];
    struct spread spread = {0};
    int64_t *times = calloc(samples->count + 1, sizeof *times);
    if (times == NULL)
        exit(3);
    for (size_t i = 0; i < samples->count; i++)
        if (stands_in(delays, kind, samples->items[i], light))
            times[spread.count++] = samples->items[i].to_us - samples->items[i].from_us;
    if (spread.count > 0) {
        qsort(times, spread.count, sizeof *times, compare_times);
        spread.p50_us = times[spread.count / 2];
        spread.p99_us = times[spread.count * 99 / 100];
        spread.max_us = times[spread.count - 1];
    }
    free(times);
    return spread;
}

/* What a command costs here by itself: the slowest start of a process and the slowest syncs, its turn at the end of a
 * line of writers of which each takes as long as commands usually do, and what one in a hundred takes anyway. */
static int64_t own_cost_us(const struct delays *delays, enum delay_kind kind)
{
    struct spread usual = spread_of(delays, kind, UNDISTURBED);
    return spread_of(delays, DELAY_START, ALL).max_us + SYNCS_IN_LINE * spread_of(delays, DELAY_SYNC, ALL).max_us +
           LINE_OF_WRITERS * usual.p50_us + usual.p99_us;
}

static void print_spread(const char *what, struct spread spread)
{
    printf("%s: %zu, p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", what, spread.count, (double)spread.p50_us / 1000,
           (double)spread.p99_us / 1000, (double)spread.max_us / 1000);
}

/* Commands that took too long; the longest delay by a reader and by a writer, beyond what the stop itself explains. */
static void judge(struct delays *delays, enum delay_kind kind, const char *what)
{
    const struct samples *samples = &delays->samples[kind];
    int64_t cost = own_cost_us(delays, kind), longest_excess = 0;
    for (size_t i = 0; i < samples->count; i++) {
        int64_t took = samples->items[i].to_us - samples->items[i].from_us;
        int64_t allowed = allowed_us(delays, kind, samples->items[i]);
        if (allowed == 0)
            allowed = READERS_DELAY_US; /* nobody was stopped, so nobody is to blame: it shall be no slower than that */
        else if (took - allowed > longest_excess)
            longest_excess = took - allowed;
        if (took > allowed + cost)
            storm_breach(
                delays->storm, "a %s took %lld ms, %lld ms after the start: no more than %lld + %lld ms were allowed",
                what, (long long)took / 1000, (long long)(samples->items[i].from_us - delays->storm->started_us) / 1000,
                (long long)allowed / 1000, (long long)cost / 1000);
    }
    printf("delay of a %s beyond what stops explain: at most %.1f ms; %.1f ms are its own cost\n", what,
           (double)longest_excess / 1000, (double)cost / 1000);
}

void delays_report(struct delays *delays)
{
    print_spread("commands while nobody was stopped", spread_of(delays, DELAY_COMMAND, UNDISTURBED));
    print_spread("commands while a reader was stopped", spread_of(delays, DELAY_COMMAND, READERS_STOPPED));
    print_spread("commands while a writer was stopped", spread_of(delays, DELAY_COMMAND, WRITERS_STOPPED));
    print_spread("queries while nobody was stopped", spread_of(delays, DELAY_QUERY, UNDISTURBED));
    print_spread("queries while somebody was stopped elsewhere", spread_of(delays, DELAY_QUERY, READERS_STOPPED));
    print_spread("queries while their view was held by one who was stopped",
                 spread_of(delays, DELAY_QUERY, WRITERS_STOPPED));
    print_spread("starts of a process", spread_of(delays, DELAY_START, ALL));
    print_spread("syncs of the journal", spread_of(delays, DELAY_SYNC, ALL));
    judge(delays, DELAY_COMMAND, "command");
    judge(delays, DELAY_QUERY, "query");
}

void delays_close(struct delays *delays)
{
    for (int kind = 0; kind < DELAY_KINDS; kind++)
        free(delays->samples[kind].items);
    free(delays->stops);
    free(delays);
}
