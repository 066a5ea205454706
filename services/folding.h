/* folding.h - states from streams: event by event, and on from a snapshot.
 *
 * A snapshot is a folded state that is kept in the store, so that a stream which grew long is not folded from its start
 * (docs/decisions/0014). It is a cache: without one everything is the same, only slower. */
#ifndef SERVICES_FOLDING_H
#define SERVICES_FOLDING_H

#include "domain/event.h"
#include "eventstore/eventstore.h"

enum {
    SNAPSHOT_EVERY = 32, /* events that a stream grows by: who loads it reads half as many on average, in 50 µs */
};

/* The context of fold_event. */
struct folding {
    const struct fold *fold;
    void *state;
    struct arena *arena;      /* what the state borrows; of a long-lived one it is reset after each event */
    struct currency currency; /* the shop's */
};

/* An event_visitor that folds each event into the state. One of a type that this program does not know is passed: a
 * newer program wrote it, and no state of ours needs it. */
enum status fold_event(void *folding, const struct recorded_event *recorded, struct error *error);

/* Restores the state of the stream's snapshot. `*version` is 0, and the state as it was, when there is none that can be
 * used. */
enum status snapshot_load(struct eventstore *store, const struct fold *fold, const char *entity, struct arena *arena,
                          void *state, uint64_t *version, struct error *error) MUST_CHECK;

/* Makes the snapshot of a state, for a commit; its data is in the arena. STATUS_INVALID: it cannot be saved. */
enum status snapshot_make(const struct fold *fold, const char *entity, const void *state, uint64_t version,
                          struct arena *arena, struct snapshot *snapshot, struct error *error) MUST_CHECK;

struct snapshot_finding {
    uint64_t compared;
    char wrong[ENTITY_SIZE]; /* whose snapshot is not what its events say; "" for nobody */
};

/* Compares the snapshots of the fold's streams with a new fold of their events. */
enum status snapshots_verify(struct eventstore *store, const struct fold *fold, struct snapshot_finding *finding,
                             struct error *error) MUST_CHECK;

#endif
