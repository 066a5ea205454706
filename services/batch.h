/* batch.h - one batch of reactions on its way to the roll: what was loaded to decide on, and what was answered.
 *
 * A stream is loaded once a batch and kept, folded, in a map by its name (the literature's identity map). An answer is
 * folded into it at once, so the next reaction of the batch decides on what the one before it said. When the commit
 * fails, all of it is forgotten and read again. Streams that outlive any journey (a sku's) stay in memory between
 * batches, as they stand on the roll, and only what others have written since is read; who starts begins with their
 * snapshots. */
#ifndef SERVICES_BATCH_H
#define SERVICES_BATCH_H

#include "base/arena.h"
#include "domain/event.h"
#include "eventstore/eventstore.h"

/* A stream as this batch sees it. */
struct loaded {
    const char *category;
    char entity[ENTITY_SIZE];
    const struct fold *fold;
    uint64_t version;      /* with what the batch has answered */
    uint64_t read_version; /* as it stands on the roll */
    uint64_t snapshot_version;
    unsigned read_in; /* the number of the batch that looked last */
    bool guarded;     /* by this batch */
    void *state;
    void *state_read; /* of a long-lived one that this batch's answers were folded into: as it stands on the roll */
    struct loaded *next_touched;
};

struct batch {
    struct eventstore *store;
    struct currency currency; /* the shop's */
    const char *writer;       /* the service: part of every answer's id */
    uint64_t as_of;           /* 0, or a rehearsal: streams are read up to here, and answers are not folded in */
    unsigned number;          /* of this batch */
    struct arena arena;       /* everything of this batch */
    struct arena scratch;     /* for one event */
    void *journeys;           /* struct loaded of this batch, a tree */
    void *long_lived;         /* struct loaded that stay, a tree */
    struct loaded *touched;   /* those of them that this batch's answers were folded into */

    struct append *appends;
    size_t append_count, append_capacity;
    struct guard *guards;
    size_t guard_count, guard_capacity;
    struct parked_change *parked;
    size_t parked_count, parked_capacity;
    struct snapshot *snapshots;
    size_t snapshot_count, snapshot_capacity;
};

void batch_init(struct batch *batch, struct eventstore *store, const char *writer);
void batch_clear(struct batch *batch);

/* A new batch: what the last one loaded and answered is gone, long-lived streams are kept. */
void batch_begin(struct batch *batch);

/* The batch came to nothing: long-lived streams are as they were read. */
void batch_abandon(struct batch *batch);

enum status batch_load(struct batch *batch, const struct fold *fold, const char *entity, struct loaded **loaded,
                       struct error *error) MUST_CHECK;

/* In a rehearsal long-lived streams are not read, for each time would be a walk from their head back: what happened in
 * them is told here, event by event. */
enum status batch_watch(struct batch *batch, const struct fold *fold, const struct recorded_event *event,
                        struct error *error) MUST_CHECK;

/* Folds a stream up to a position, apart from the map. */
enum status batch_fold_until(struct batch *batch, const struct fold *fold, const char *entity, uint64_t position,
                             void *state, struct error *error) MUST_CHECK;

/* The commit shall fail if this stream has moved, which must have been loaded. */
enum status batch_guard(struct batch *batch, const struct fold *fold, const char *entity,
                        struct error *error) MUST_CHECK;

/* Adds one event that `cause` made happen, the `ordinal`-th of its answer. Its stream must have been loaded. */
enum status batch_answer(struct batch *batch, const struct recorded_event *cause, unsigned ordinal,
                         const struct event *event, struct error *error) MUST_CHECK;

enum status batch_park(struct batch *batch, const struct parked_change *change, struct error *error) MUST_CHECK;

/* All that the batch wants written, which the commit borrows; with snapshots of the long-lived streams that have grown
 * by so much that their next reader would feel it. The batch is ended by batch_begin, or by batch_abandon if the commit
 * fails. */
enum status batch_fill_commit(struct batch *batch, struct commit *commit, struct error *error) MUST_CHECK;

/* The id of the `ordinal`-th event that `writer` answers to `cause`: the same whenever the reaction runs. */
struct uuid answer_id(struct uuid cause, const char *writer, const char *category, const char *entity, const char *type,
                      unsigned ordinal);

#endif
