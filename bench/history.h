/* history.h - the history that everything is measured on: a shop's own, made from a seed.
 *
 * A catalogue, then orders of three lines. Each is what the four services make of it, 8 events on 4 new streams and the
 * streams of 3 skus; a wave of orders goes through the steps side by side, as it does when services answer in batches.
 * One order in CANCELLED_EVERY is cancelled afterwards: its journey has 10 events. */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include "base/arena.h"
#include "domain/event.h"
#include "eventstore/eventstore.h"

enum {
    HISTORY_SKUS = 1000,
    HISTORY_LINES = 3,
    HISTORY_EVENTS_AN_ORDER = 8,
    HISTORY_CANCELLED_EVERY = 64,
    HISTORY_JOURNEY_EVENTS = 10, /* of a cancelled order */
    HISTORY_STREAMS_AN_ORDER = 4,
};

/* One event: as the business states it, and where it goes. Lives until the next wave. */
struct made_event {
    struct event event;
    struct stream stream;
    uint64_t stream_number; /* for who has only numbers; those of an order are four in a row */
    uint64_t position, version;
    struct uuid id, correlation;
    uint64_t causation;
    int64_t recorded_at_us;
    const char *data; /* its bytes, once somebody has encoded it */
    size_t data_offset, data_length;
};

/* A journey of HISTORY_JOURNEY_EVENTS events. */
struct made_journey {
    struct uuid order;
    uint64_t first_stream;
};

extern const struct currency history_currency;

struct history;

enum status history_open(struct history **history, uint64_t events, struct error *error) MUST_CHECK;
void history_close(struct history **history);

/* Makes the next wave. */
enum status history_wave(struct history *history, struct made_event **events, size_t *count,
                         struct error *error) MUST_CHECK;

/* The wave's time: all its events are recorded then. */
int64_t history_now_us(const struct history *history);

/* The orders that were cancelled so far, and the last one that was placed. */
size_t history_journeys(const struct history *history, const struct made_journey **journeys);
struct uuid history_last_order(const struct history *history);

/* The sku with this number, from 0. */
void history_sku(uint64_t number, char sku[ENTITY_SIZE]);
size_t history_sku_count(uint64_t events);

#endif
