/* eventstore.h - the roll: an append-only log of events, and what its readers remember about it.
 *
 * This header is the contract; it says nothing of SQLite. eventstore/sqlite_*.c keep it today; another engine would
 * keep the same contract and pass the same tests. The store knows nothing of orders: data is bytes, names are names.
 *
 * What it promises:
 *   1. An event's position on the roll is 1, 2, 3 … without gaps. The writers stand in one queue and a position is
 *      given inside it, so a reader that has seen n has seen all before n, and nothing will ever appear there later.
 *      (Stores that take positions from a database sequence cannot promise that: a slow transaction may commit a
 *      lower number after a reader has passed it.)
 *   2. An event's version in its stream is 1, 2, 3 … without gaps.
 *   3. A commit is all or nothing, and a commit that returned STATUS_OK is on disk.
 *   4. recorded_at is taken inside the queue and never earlier than that of the event before.
 *   5. Every event is chained to the one before by a digest (see digest.h), so that a change is evident.
 *   6. Nothing is ever updated or deleted on the roll; corrections are new events.
 *
 * A handle belongs to one thread. Any number of handles, in any number of processes, may work on one store. */
#ifndef EVENTSTORE_EVENTSTORE_H
#define EVENTSTORE_EVENTSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/uuid.h"

enum {
    EVENTSTORE_FORMAT = 4,         /* of the files; an older one is raised when it is opened, a newer one refused */
    EVENTSTORE_NAME_MAX = 128,     /* bytes of a category, an entity, a type, a consumer or an actor */
    EVENTSTORE_DATA_MAX = 1 << 20, /* bytes of one event's data */
    EVENTSTORE_SCHEMA_VERSION_MAX = 1000,
    EVENTSTORE_DIGEST_BYTES = 32,
    EVENTSTORE_PAGE = 512,     /* events a read transaction lives for: a long reader keeps the log file growing */
    EVENTSTORE_TYPES_MAX = 64, /* types a filter may name */
};

struct eventstore;

/* ---- one event ---- */

/* A stream: what aspect (category) of what thing (entity). Written "category-entity". A category has no '-'. Both are
 * clean UTF-8 text. An entity that is a canonical UUID is kept in 16 bytes, which is our affair, not the caller's. */
struct stream {
    const char *category;
    const char *entity;
};

/* An event that is to be written. All pointers are borrowed for the length of the commit. */
struct new_event {
    struct uuid id;
    const char *type;
    int schema_version;      /* 1 … EVENTSTORE_SCHEMA_VERSION_MAX */
    struct uuid correlation; /* the journey; equal to `id` for an event of no journey */
    uint64_t causation;      /* position of the event that caused this one; 0 for none */
    const char *data;        /* UTF-8 text, stored as these bytes */
    size_t data_length;
};

/* An event as it stands on the roll. Pointers are the store's: good until the visitor returns or reads others. */
struct recorded_event {
    uint64_t position;
    struct stream stream;
    uint64_t version;
    const char *type;
    int schema_version;
    struct uuid id;
    struct uuid correlation;
    uint64_t causation; /* a position; 0 for none */
    int64_t recorded_at_us;
    const char *actor;    /* who wrote it: a service, "customer", "import" … */
    const char *producer; /* program and version */
    bool has_command_id;
    struct uuid command_id;
    const char *data; /* NUL-terminated */
    size_t data_length;
    const uint8_t *digest; /* EVENTSTORE_DIGEST_BYTES of them; NULL unless they were asked for (struct roll_query) */
};

/* A copy whose pointers are the arena's; NULL when memory ends. */
struct recorded_event *recorded_event_copy(struct arena *arena, const struct recorded_event *event);

/* ---- a commit ---- */

/* What the writer believed the stream's version to be. Any other number is meant literally. */
#define EXPECTED_NONE UINT64_C(0)
#define EXPECTED_ANY  UINT64_MAX

/* Events for one stream. One commit may append to a stream several times: versions run on inside it, and a later
 * append expects the version the earlier one leaves. One without events writes nothing and only expects. */
struct append {
    struct stream stream;
    uint64_t expected_version;
    const struct new_event *events;
    size_t count;
};

/* A stream that must not have moved, although nothing is written to it. */
struct guard {
    struct stream stream;
    uint64_t expected_version;
};

enum parked_state {
    PARKED_WAITING, /* for its next attempt, or for the one before it in its sequence */
    PARKED_DEAD,    /* a dead letter: needs a person */
};

/* An event that a consumer has set aside. It holds a position, never a copy. */
struct parked {
    uint64_t position;
    struct uuid sequence; /* what must stay in order: for our services the journey */
    enum parked_state state;
    int attempts;            /* made so far; 0 for one that only queues behind another */
    int64_t next_attempt_us; /* a clock time; meaningless for a dead letter */
    int64_t parked_at_us;
    const char *reason; /* one sentence; "" for one that queues. Borrowed */
};

/* A change to the consumer's parked events, made in the same commit as the events. */
struct parked_change {
    bool remove;           /* take the row away (handled, or discarded) instead of writing it */
    int expected_attempts; /* the row must stand there with so many attempts; -1: it must not stand there yet */
    struct parked parked;  /* only position and sequence matter for a removal */
};

/* A state that somebody folded from the events 1 … `version` of a stream, so that the next one goes on from there. A
 * cache: it may be gone at any time, and one that is damaged, or was folded in another way, is not found. */
struct snapshot {
    struct stream stream;
    int fold_version; /* names the way of folding; the caller's to count */
    uint64_t version; /* of the stream; 0 when there is no snapshot */
    const char *data; /* UTF-8 text of at most EVENTSTORE_DATA_MAX bytes */
    size_t data_length;
};

/* One atomic write. Zero-initialise; leave out what is not wanted. Everything is borrowed. */
struct commit {
    const struct append *appends;
    size_t append_count;
    const struct guard *guards;
    size_t guard_count;
    const char *actor;
    const char *producer;
    const struct uuid *command_id; /* or NULL */

    const char *consumer;     /* whose checkpoint moves and whose parked events change; NULL for a plain writer */
    uint64_t checkpoint_from; /* where it must stand now */
    uint64_t checkpoint_to;   /* where it stands after the commit: the same, later, or earlier (set back by a person) */
    const struct parked_change *parked;
    size_t parked_count;

    const struct snapshot *snapshots; /* each of a stream as this commit leaves it; the one before is replaced */
    size_t snapshot_count;
};

/* Does all that `commit` says, in one transaction, and rings the doorbell when events were written. On STATUS_OK the
 * events are on disk and `*head` (may be NULL) is the position of the last event on the roll.
 *
 * Repeating a commit is success: when all that it would write stands already (at its versions events with the same ids
 * and the same bytes, its parked events as it leaves them, the checkpoint at its new value), nothing is written and the
 * answer is STATUS_OK, whatever became of its guards. Actor, producer, command id and snapshots are not compared. (With
 * EXPECTED_ANY a repeat is recognised as long as nothing else was written to the stream since.)
 *
 * STATUS_CONFLICT  a stream (named in the sentence) is not at its expected version, a parked event is not as expected,
 *                  or a part of the commit stands already and another does not: reload and decide again
 * STATUS_REFUSED   events with the same ids but other content stand there already
 * STATUS_FENCED    the checkpoint is not where the consumer left it: another instance is at work
 * STATUS_BUSY      another writer held the queue for longer than our patience
 * STATUS_FULL      the disk, the log file's ceiling, or the number of names a store can hold
 * STATUS_INVALID   a name or data too long, a name with control characters; a cause or checkpoint behind the roll's
 *                  head, a snapshot behind its stream's
 * STATUS_IO, STATUS_DAMAGED, STATUS_MEMORY
 *
 * In all these cases nothing was written. (One exception no store can rule out: a disk that fails at the moment of
 * syncing may have kept what it reported as lost. Repeating the commit is safe and tells.) */
enum status eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                              struct error *error) MUST_CHECK;

/* ---- reading ---- */

enum direction { FORWARDS, BACKWARDS };

/* Is handed one event at a time. Anything but STATUS_OK ends the reading: STATUS_STOPPED quietly (the reading returns
 * STATUS_OK), anything else as the reading's own status, with the sentence the visitor left in `error`. A visitor may
 * read from the same handle, but not commit with it: a page's read transaction is open. */
typedef enum status (*event_visitor)(void *context, const struct recorded_event *event, struct error *error);

struct roll_query {
    uint64_t from; /* first position wanted (FORWARDS: 0 and 1 mean the start; BACKWARDS: 0 means the head) */
    uint64_t to;   /* last position wanted; 0 for no bound */
    size_t limit;  /* at most so many events; 0 for no bound */
    enum direction direction;
    const char *const *types; /* only these types; NULL for all. Others are skipped before their data is touched */
    size_t type_count;
    bool with_digests; /* each event with its digest: for whoever proves or copies, FORWARDS and all types */
};

/* Visits the roll in the order of positions, whatever the disk says: STATUS_DAMAGED where an event stands out of its
 * place or one that belongs there is missing. (Between events of some types only what is out of order can be seen.) */
enum status eventstore_read_roll(struct eventstore *store, const struct roll_query *query, event_visitor visit,
                                 void *context, struct error *error) MUST_CHECK;

struct stream_query {
    struct stream stream;
    uint64_t from_version; /* lowest version wanted, in either direction; 0 and 1 mean the start */
    uint64_t to_position;  /* only events up to this position; 0 for no bound */
    size_t limit;          /* 0 for no bound */
    enum direction direction;
};

/* Visits one stream in the order of versions, without a gap, or says STATUS_DAMAGED. A stream that does not exist is
 * empty. `*version` (may be NULL) is the stream's version at its head, whatever was asked for. */
enum status eventstore_read_stream(struct eventstore *store, const struct stream_query *query, uint64_t *version,
                                   event_visitor visit, void *context, struct error *error) MUST_CHECK;

/* Visits all streams of one entity, its whole journey, in the order of positions, up to `to_position` (0: no bound).
 * STATUS_NOT_FOUND when nothing was ever written about it. */
enum status eventstore_read_entity(struct eventstore *store, const char *entity, uint64_t to_position,
                                   event_visitor visit, void *context, struct error *error) MUST_CHECK;

/* The stream's snapshot, its data in the arena; `snapshot->version` is 0 when there is none of this way of folding. */
enum status eventstore_read_snapshot(struct eventstore *store, struct stream stream, int fold_version,
                                     struct arena *arena, struct snapshot *snapshot, struct error *error) MUST_CHECK;

/* Between these two all that is read by this handle is read in one transaction: it is the store's state at the first
 * of those readings, and costs less. For a batch that waits for nobody in between, because a long reader keeps the log
 * file growing. Nothing can be committed before it has ended; ending what was not begun does nothing. */
enum status eventstore_begin_reading(struct eventstore *store, struct error *error) MUST_CHECK;
void eventstore_end_reading(struct eventstore *store);

/* Position and version of the last event on the roll or in a stream; 0 when there is none. */
enum status eventstore_head(struct eventstore *store, uint64_t *position, struct error *error) MUST_CHECK;
enum status eventstore_stream_version(struct eventstore *store, struct stream stream, uint64_t *version,
                                      struct error *error) MUST_CHECK;

/* The id of the event at `position`, STATUS_NOT_FOUND past the head. */
enum status eventstore_event_id(struct eventstore *store, uint64_t position, struct uuid *id,
                                struct error *error) MUST_CHECK;

/* The position of the last event recorded at or before `at_us`; 0 when there is none. */
enum status eventstore_position_at(struct eventstore *store, int64_t at_us, uint64_t *position,
                                   struct error *error) MUST_CHECK;

/* ---- consumers ---- */

/* Where a consumer stands: 0 for one that never committed. */
enum status eventstore_checkpoint(struct eventstore *store, const char *consumer, uint64_t *position,
                                  struct error *error) MUST_CHECK;

/* As an event_visitor. `parked` is good until it returns. */
typedef enum status (*parked_visitor)(void *context, const char *consumer, const struct parked *parked,
                                      struct error *error);

struct parked_query {
    const char *consumer;        /* NULL for all consumers */
    const struct uuid *sequence; /* NULL for all sequences */
    bool heads_only;             /* only the first of each sequence: those that may be tried */
    int64_t due_by_us; /* only waiting ones whose next attempt is due by then; 0 for all, dead ones included */
    size_t limit;      /* 0 for no bound */
};

/* Visits parked events by consumer and position; with due_by_us, by the time they are due. */
enum status eventstore_read_parked(struct eventstore *store, const struct parked_query *query, parked_visitor visit,
                                   void *context, struct error *error) MUST_CHECK;

/* ---- decisions ---- */

enum {
    EVENTSTORE_REASON_MAX = 512,   /* bytes of a decision's reason, and of what it leaves owed */
    EVENTSTORE_DECISIONS_MAX = 64, /* decisions of one transaction: other writers stand behind it */
};

enum decision_kind {
    DECISION_RETRY,   /* the event is to be tried at once: waiting, due now, its attempts kept */
    DECISION_DISCARD, /* it is given up: taken away, and the next of its sequence is the first */
    DECISION_SETTLE,  /* what a discard left owed was given otherwise: nothing is owed any more */
};
const char *decision_name(enum decision_kind kind); /* "retry", "discard", "settle" */

/* What a person decided about a parked event. Decisions are never changed or removed; they are no events, for they
 * happened to the machinery, not in the business. The store knows nothing of what is owed: it keeps the words. */
struct decision {
    enum decision_kind kind;
    const char *consumer;
    struct parked parked; /* as the person saw it. Of one that is read: position, sequence, attempts and reason */
    const char *who;      /* a name */
    const char *reason;   /* one line; "" for none */
    const char *owed;     /* of a discard: what is left undone, in one line; "" for nothing */

    uint64_t number;       /* 1, 2, 3 … Given by the store, as is … */
    int64_t decided_at_us; /* … the time */
};

/* Records the decisions and does what they say, in one transaction, and rings the doorbell. Each names the parked event
 * as it was seen, and no longer being so is a conflict: whoever was faster, a service or another person, decides anew
 * on what there is now.
 *
 * STATUS_CONFLICT  one of the events is not parked as it was seen; for DECISION_SETTLE: nothing is owed. Nothing was
 *                  written, of the other decisions neither
 * STATUS_INVALID   a name, reason or debt that is too long or has control characters
 * STATUS_BUSY, STATUS_FULL, STATUS_IO, STATUS_DAMAGED, STATUS_MEMORY   as for a commit */
enum status eventstore_decide(struct eventstore *store, const struct decision *decisions, size_t count,
                              struct error *error) MUST_CHECK;

typedef enum status (*decision_visitor)(void *context, const struct decision *decision, struct error *error);

/* Zero-initialised: all decisions. */
struct decision_query {
    const char *consumer;        /* NULL for all consumers */
    const struct uuid *sequence; /* NULL for all sequences */
    uint64_t position;           /* 0 for all */
    bool owed_only;              /* only discards that left something owed, and the last decision about their event */
};

/* Visits decisions in the order they were made. */
enum status eventstore_read_decisions(struct eventstore *store, const struct decision_query *query,
                                      decision_visitor visit, void *context, struct error *error) MUST_CHECK;

/* ---- pauses ---- */

/* A consumer that rests because what it needs outside does not answer. */
struct pause {
    int64_t until_us; /* a clock time; 0: it does not pause. One that is over stands until somebody writes another */
    char reason[EVENTSTORE_REASON_MAX + 1]; /* one sentence */
};

/* Remembers a consumer's pause, for its next start and for whoever looks at it; with `until_us` 0 it is over. No fence:
 * it is for who holds the consumer's place. A reason that is too long is cut. Errors as for a commit. */
enum status eventstore_pause(struct eventstore *store, const char *consumer, int64_t until_us, const char *reason,
                             struct error *error) MUST_CHECK;
enum status eventstore_paused(struct eventstore *store, const char *consumer, struct pause *pause,
                              struct error *error) MUST_CHECK;

/* ---- claims ---- */

/* Takes the one place a consumer has: STATUS_BUSY when another process (or handle) holds it. Held until released or
 * until the process ends. */
enum status eventstore_consumer_claim(struct eventstore *store, const char *consumer, struct error *error) MUST_CHECK;
void eventstore_consumer_release(struct eventstore *store, const char *consumer);
bool eventstore_consumer_is_claimed(struct eventstore *store, const char *consumer);

/* ---- the doorbell ---- */

/* What the doorbell shows now. Read it before you look for news; if there are none, hand it to eventstore_wait. */
uint32_t eventstore_bell(struct eventstore *store);

/* Sleeps until the bell is rung after `seen`, a signal comes, or `timeout_ms` has passed (at most some seconds: the
 * bell is a comfort, the slow poll is the safety net). */
void eventstore_wait(struct eventstore *store, uint32_t seen, int timeout_ms);

/* The same for one who wants to hear of some types only, at least one: events of others let it sleep, but for a few
 * whose names have the same hash. */
void eventstore_wait_for(struct eventstore *store, uint32_t seen, const char *const *types, size_t type_count,
                         int timeout_ms);

/* Wakes everybody who waits, whatever for. */
void eventstore_ring(struct eventstore *store);

/* ---- life cycle ---- */

enum durability {
    DURABILITY_FULL, /* a commit that returned is on disk */
    DURABILITY_NONE, /* for tests only: power loss may take the last commits, a crash of the process does not */
};

struct eventstore_options {
    const struct clock *clock; /* NULL: the system's */
    enum durability durability;
    int patience_ms;                 /* how long to stand in the writers' queue; 0: the default, 10 s */
    uint64_t log_ceiling_bytes;      /* commits are refused when the log file is larger; 0: the default, 1 GiB */
    uint64_t checkpoint_every_bytes; /* of log; 0: the default, 16 MiB */
};

/* What a store says about itself. */
struct eventstore_info {
    struct uuid id;
    int64_t created_at_us;
    int format;
    /* The application's own words, fixed at creation (for a shop: {"currency":"USD"}). The id vouches for them and for
     * the time: store_id.h. */
    char settings[256];
};

/* Makes a new store in `folder` (which must be there): events.db and run/. STATUS_REFUSED when there is one already.
 * A kill at any moment leaves either no store or a whole one. STATUS_IO when others may write to the folder or what is
 * in it. */
enum status eventstore_create(const char *folder, const struct eventstore_options *options, const char *settings,
                              struct error *error) MUST_CHECK;

/* Opens the store in `folder`. `options` may be NULL for the defaults; it is copied.
 * STATUS_NOT_FOUND there is none · STATUS_FOREIGN not a store · STATUS_NEWER · STATUS_DAMAGED · STATUS_IO,
 * also when others than its owner may write to the folder, to events.db and what SQLite keeps beside it, to run/ or
 * to what is in it, or one of these is a link or a FIFO */
enum status eventstore_open(struct eventstore **store, const char *folder, const struct eventstore_options *options,
                            struct error *error) MUST_CHECK;

/* Opens one file (a backup) for reading only: no queue, no doorbell; a commit is refused. A link will do; of a FIFO,
 * which nobody waits for, it is STATUS_FOREIGN. */
enum status eventstore_open_file(struct eventstore **store, const char *file, struct error *error) MUST_CHECK;

/* Closes and sets the pointer to NULL; NULL is fine. */
void eventstore_close(struct eventstore **store);

/* Borrowed until the store is closed. */
const struct eventstore_info *eventstore_info(const struct eventstore *store);

/* Bytes of the write-ahead log on disk, and those at which commits are refused, for `till status`. */
uint64_t eventstore_log_bytes(const struct eventstore *store);
uint64_t eventstore_log_ceiling_bytes(const struct eventstore *store);

/* "SQLite 3.40.1 (has the WAL-reset bug; our checkpoints go around it)" */
const char *eventstore_engine(const struct eventstore *store);

/* ---- proof and copies ---- */

/* One thing that was checked, and how it came out. `detail` is a sentence. */
typedef enum status (*check_visitor)(void *context, const char *check, bool ok, const char *detail,
                                     struct error *error);

/* Checks everything the store promises (positions, versions, links, times, the chain of digests, the names, the
 * engine's own structures) and reports each check once; the first thing found wrong is named with its position.
 * `progress` (may be NULL) is called now and then with the position reached. Returns STATUS_OK when the checking could
 * be done, whatever it found. */
enum status eventstore_verify(struct eventstore *store, check_visitor report, void *context,
                              void (*progress)(uint64_t position, uint64_t head), struct error *error) MUST_CHECK;

/* The head's position and digest. The digest of an empty roll is its first link, made from the store's id. */
enum status eventstore_head_digest(struct eventstore *store, uint64_t *position,
                                   uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct error *error) MUST_CHECK;

/* The digest at `position` (0: the first link), STATUS_NOT_FOUND past the head. It stands for all events up to there
 * when eventstore_verify finds no fault in them: this function reads what is stored and computes nothing. */
enum status eventstore_digest_at(struct eventstore *store, uint64_t position, uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                                 struct error *error) MUST_CHECK;

/* Copies the whole store, while others write, into the new file `file` (refused when it is there), after having
 * verified the copy: STATUS_DAMAGED when anything is wrong, and no file. `*position` and `digest` are those of the
 * copy's head, and stand in the copy, so that eventstore_verify finds one that was cut. A kill at any moment leaves no
 * such file or a whole one. */
enum status eventstore_backup(struct eventstore *store, const char *file, uint64_t *position,
                              uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct error *error) MUST_CHECK;

/* Makes the store in `folder` (which must be there) that was copied into `file`, after having verified all of it:
 * STATUS_DAMAGED when anything is wrong. STATUS_REFUSED when there is a store, or what is left of one. A kill at any
 * moment leaves no store or a whole one. */
enum status eventstore_restore(const char *file, const char *folder, uint64_t *position,
                               uint8_t digest[EVENTSTORE_DIGEST_BYTES],
                               void (*progress)(uint64_t position, uint64_t head), struct error *error) MUST_CHECK;

/* ---- events of another roll ---- */

enum { EVENTSTORE_LOAD_MAX = 512 /* events of one transaction: other writers stand behind it */ };

/* Events as they stand on the roll of another store, to stand here exactly so. Borrowed for the length of the call. */
struct load {
    const struct eventstore_info *origin; /* the store whose roll it is; its `format` is not looked at */
    const struct recorded_event *events;  /* from any position on, without gaps */
    size_t count;                         /* 1 … EVENTSTORE_LOAD_MAX */
    const char *const *consumers;         /* whose checkpoints go to the new head: they have nothing to do here */
    size_t consumer_count;
};

/* Appends the events with the positions, ids and times they have, all of them or none, and in the same transaction
 * moves the consumers' checkpoints behind them. Beside a commit it is the only way anything gets onto the roll. A store
 * whose roll is empty takes the origin's identity over, with its first event; nobody else may have it open then. Events
 * that stand here already are success, so that a loading that was cut short is begun again anywhere.
 *
 * `*number` is how many events were new; after a failure that is one event's the index of that event, else `count`.
 *
 * STATUS_FOREIGN   this is another store, with a roll of its own
 * STATUS_REFUSED   another event stands here at that position: this store has moved on by itself
 * STATUS_INVALID   the event is not the next of the roll or of its stream, earlier than the one before it, caused by a
 *                  later one, has a name that none may have, or its digest is not that of its place and fields
 * Others as for a commit. */
enum status eventstore_load(struct eventstore *store, const struct load *load, size_t *number,
                            struct error *error) MUST_CHECK;

#endif
