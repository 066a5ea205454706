/* runtime.h - what all services share: read a batch after the checkpoint, react, and commit the answers and the new
 * checkpoint as one.
 *
 * A service is a value: a name, the types it wants, and one function that answers an event. The runtime gives it what
 * it may decide from and takes what it answers:
 *
 *   - its own streams, at their head, folded (reaction_load). Each stream is loaded once a batch; what the batch has
 *     answered so far is folded in, so that two events of one journey in one batch see each other;
 *   - what it has already consumed of a journey (reaction_consumed): never what stands further on, so that the same
 *     history always gives the same decisions;
 *   - its answer, events for streams that it has loaded (reaction_answer): the runtime derives their ids from the
 *     cause, so that answering twice makes the same events, and expects the versions that were loaded.
 *
 * Why nothing happens twice: the answers and the checkpoint are one commit. A second instance, an orphan or a rewound
 * consumer fails at the checkpoint's fence or finds its own state saying that the event was answered.
 *
 * A failure of the outside world (STATUS_UNAVAILABLE) parks the event: it waits for its next attempt, and every later
 * event of its journey waits behind it, in order, while all other journeys go on. An event that cannot be understood
 * becomes a dead letter. A conflict decides the batch again, with fewer events; a busy store is waited for.
 *
 * When many journeys in a row are not answered, or the outside hangs, the consumer pauses (breaker.h): it reads nothing
 * and tries nothing, so that no event uses up its attempts on somebody who is not there. The pause is remembered in the
 * store: a restart does not shorten it, and others see it.
 *
 * One thread, no hidden state: a test or a simulator drives any number of consumers with consumer_step. */
#ifndef SERVICES_RUNTIME_H
#define SERVICES_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "domain/contracts/reads.h"
#include "eventstore/eventstore.h"
#include "services/policy.h"

struct reaction;

struct service {
    const char *name;                /* consumer and actor */
    event_type_set subscriptions;    /* what it wants to see */
    const struct field_reads *reads; /* what it reads of those, and of the streams it folds; NULL: not said */
    void *self;                      /* the service's own handles: the bank, the mailbox; or NULL */

    /* Answers one event. STATUS_OK, with or without an answer; STATUS_UNAVAILABLE when the outside world did not
     * answer; anything else is handled as the runtime's comment says. */
    enum status (*react)(struct reaction *reaction, const struct event *cause, struct error *error);

    /* The service's own answer to an event when react has said STATUS_UNAVAILABLE at the last attempt; called right
     * after it. Returns as react does: without STATUS_OK the event becomes a dead letter, with this sentence as its
     * reason. NULL: there is no such answer. */
    enum status (*give_up)(struct reaction *reaction, const struct event *cause, struct error *error);

    /* Gets the outside ready to be asked, or finds it ready (see reaction_begin_outside); NULL when there is nothing to
     * get ready. STATUS_BUSY: it hangs. */
    enum status (*begin)(void *self, struct error *error);

    /* Makes durable what react did outside, before the answers are committed; NULL when it does nothing outside. */
    enum status (*finish)(void *self, struct error *error);

    /* Forgets what react did outside and did not finish; NULL likewise. */
    void (*drop)(void *self);
};

/* The event that is being answered, as it stands on the roll. */
const struct recorded_event *reaction_cause(const struct reaction *reaction);

/* Lives until the batch is committed: for what the answer borrows. */
struct arena *reaction_arena(struct reaction *reaction);

/* The service's own value. */
void *reaction_self(const struct reaction *reaction);

/* The id that the reaction's first event will have, if it is of `type` and goes to this stream: known before it is
 * written, so that the outside can be told. */
struct uuid reaction_event_id(const struct reaction *reaction, const char *category, const char *entity,
                              enum event_type type);

/* `*state` becomes the stream's state at its head, this batch's answers included. Owned by the runtime. */
enum status reaction_load(struct reaction *reaction, const struct fold *fold, const char *entity, const void **state,
                          struct error *error) MUST_CHECK;

/* Folds another service's stream up to the event that is being answered into `state` (fold->state_size bytes, zeroed
 * here). Borrows live as long as reaction_arena. */
enum status reaction_consumed(struct reaction *reaction, const struct fold *fold, const char *entity, void *state,
                              struct error *error) MUST_CHECK;

/* The commit shall fail if this stream, loaded before, has moved: the answer was decided on it, though it is not
 * written to. */
enum status reaction_guard(struct reaction *reaction, const struct fold *fold, const char *entity,
                           struct error *error) MUST_CHECK;

/* Before react or give_up ask anything outside. A status other than STATUS_OK is theirs to return at once. When the
 * outside hangs nothing was asked: the event has not used up an attempt, and the step fails with STATUS_UNAVAILABLE. */
enum status reaction_begin_outside(struct reaction *reaction, struct error *error) MUST_CHECK;

/* In a rehearsal the first event that the service answered then, from which follows what the outside said: nobody is to
 * be asked. NULL otherwise. */
const struct event *reaction_past(const struct reaction *reaction);

/* Adds events to the answer. Each belongs to a stream that was loaded before. */
enum status reaction_answer(struct reaction *reaction, const struct event_list *events, struct error *error) MUST_CHECK;

/* ---- the consumer -------------------------------------------------------------------------------------------------
 */

enum outcome {
    OUTCOME_ANSWERED, /* events were written */
    OUTCOME_NOTHING,  /* nothing to do: not an answer, or answered already */
    OUTCOME_WAITING,  /* parked for another attempt */
    OUTCOME_QUEUED,   /* parked behind an earlier event of its journey, or parked already */
    OUTCOME_DEAD,     /* parked as a dead letter */
};
const char *outcome_name(enum outcome outcome);

/* One handled event, for logs and tests; told after the commit. */
struct handled {
    const char *service;
    const struct recorded_event *cause;
    enum outcome outcome;
    int attempt;        /* 1 for the first */
    int64_t elapsed_us; /* of the batch it was in, divided by its events */
    const char *reason; /* of a failure, or "" */
};

struct consumer_options {
    const struct clock *clock;                                /* NULL: the system's */
    const struct retry_policy *retry;                         /* NULL: the default */
    size_t batch_events;                                      /* 0: the default */
    const char *producer;                                     /* "till 1.0.0" */
    void (*tell)(void *context, const struct handled *event); /* or NULL */
    void *tell_context;
};

struct consumer;

/* What a step did. */
struct progress {
    size_t handled;          /* events that were answered, skipped after thought, or parked */
    uint64_t position;       /* read up to here */
    bool idle;               /* nothing was unread and nothing due, or the consumer pauses */
    int64_t next_attempt_us; /* when a waiting event is due; 0 for none. Not known during a pause */
    int64_t paused_until_us; /* until then a step does nothing; 0 for no pause */
};

/* Borrows all of it until the consumer is closed. Claims nothing: see eventstore_consumer_claim. */
enum status consumer_open(struct consumer **consumer, struct eventstore *store, const struct service *service,
                          const struct consumer_options *options, struct error *error) MUST_CHECK;

/* Handles one parked event, if one is due, then one batch of the roll, and returns: each is a commit of its own. After
 * a pause it is one event only, of the roll if there is one, for a new order is likelier to be answered than one that
 * never was.
 *
 * After STATUS_BUSY, STATUS_FULL and the like the one that failed did not happen: step again later. STATUS_UNAVAILABLE:
 * the same, because the outside hangs; after some of these the consumer pauses. STATUS_FENCED: another instance is at
 * work; this one must stop. */
enum status consumer_step(struct consumer *consumer, struct progress *progress, struct error *error) MUST_CHECK;

/* Sleeps until there may be news for it since the bell showed `seen`, a signal comes, or `timeout_ms` has passed. */
void consumer_sleep(struct consumer *consumer, uint32_t seen, int timeout_ms);

/* Where the first event behind `after` and up to `head` stands that a service with these subscriptions wants to see: 0
 * when there is none. */
enum status find_unread(struct eventstore *store, event_type_set subscriptions, uint64_t after, uint64_t head,
                        uint64_t *unread, struct error *error) MUST_CHECK;

/* Passes what stands on the roll next that it does not want to see: nobody wakes it for that, so it may not have looked
 * since. Before it goes to rest. */
enum status consumer_pass(struct consumer *consumer, struct error *error) MUST_CHECK;

/* Writes the checkpoint if it moved without events since the last commit: at idle and at a stop. */
enum status consumer_rest(struct consumer *consumer, struct error *error) MUST_CHECK;

/* ---- rehearsals: see replay.h. A consumer that was opened for them must not step. */

/* What the service answers to `cause` in the state that its streams had in front of `past`, its first answer then.
 * `*answers` are appends of one event each, borrowed until the next call. Fails as react does, with STATUS_NOT_FOUND
 * too when the service does not want such events any more. */
enum status consumer_rehearse(struct consumer *consumer, const struct recorded_event *cause,
                              const struct recorded_event *past, const struct append **answers, size_t *count,
                              struct error *error) MUST_CHECK;

/* Every event of a long-lived fold's streams is told once, in the order of positions, before what was decided on it is
 * rehearsed. */
enum status consumer_watch(struct consumer *consumer, const struct fold *fold, const struct recorded_event *event,
                           struct error *error) MUST_CHECK;

/* Forgets everything; writes nothing. */
void consumer_close(struct consumer **consumer);

#endif
