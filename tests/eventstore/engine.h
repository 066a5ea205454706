/* engine.h - the storage engine as a parameter.
 *
 * The tests of the contract (eventstore/eventstore.h) are functions of an engine: each runs once for every engine in
 * `engines`. A second engine is one more file like engine_sqlite.c and one more line in given.c. What only one engine
 * has (SQLite's triggers, its log) is tested in a file of its own. */
#ifndef TESTS_EVENTSTORE_ENGINE_H
#define TESTS_EVENTSTORE_ENGINE_H

#include "eventstore/eventstore.h"

/* What somebody with the right tools does to a store behind its back. */
enum damage {
    DAMAGE_DATA,             /* one byte of the event's data is another */
    DAMAGE_DIGEST,           /* the digest is another */
    DAMAGE_DIGEST_CUT,       /* what is left of it is no digest */
    DAMAGE_EVENT_REMOVED,    /* the event is gone */
    DAMAGE_EVENTS_SWAPPED,   /* it and the next have changed places */
    DAMAGE_EVENT_INSERTED,   /* a forged one stands behind the last, with a digest of its own making */
    DAMAGE_EVENT_IN_FRONT,   /* a forged one stands before the first */
    DAMAGE_TIME,             /* recorded an hour earlier */
    DAMAGE_CAUSE,            /* caused by another event */
    DAMAGE_TYPE_NAME,        /* its type has another name */
    DAMAGE_CATEGORY_NAME,    /* its category has another name */
    DAMAGE_ENTITY_NAME,      /* its entity has another name */
    DAMAGE_ACTOR_NAME,       /* whoever wrote it has another name */
    DAMAGE_STREAM_HEAD,      /* its stream is said to end one version later */
    DAMAGE_STREAM_HEAD_OFF,  /* its stream is said to end at a position far behind the roll */
    DAMAGE_STREAM_LOST,      /* its stream's head is gone */
    DAMAGE_CHECKPOINT,       /* a consumer is said to stand behind the roll's head */
    DAMAGE_CHECKPOINT_MOVED, /* all consumers are said to stand at that position */
    DAMAGE_PARKED,           /* it is said to have been tried once more by whoever has set it aside */
    DAMAGE_PAUSE,            /* all pauses are said to end a little later */
    DAMAGE_DECISION,         /* nothing is said to be owed after the decision about it */
    DAMAGE_SNAPSHOT,         /* all snapshots are said to be something else */
    DAMAGE_TAIL_CUT,         /* it and all later events are gone, and all that tells of them but snapshots */
    DAMAGE_REWRITTEN,        /* its data is another, and every digest from there on fits again */
    DAMAGES,
};

struct engine {
    const char *name;

    /* As in eventstore.h. A second handle is a second open. */
    enum status (*create)(const char *folder, const struct eventstore_options *options, const char *settings,
                          struct error *error);
    enum status (*open)(struct eventstore **store, const char *folder, const struct eventstore_options *options,
                        struct error *error);
    enum status (*open_file)(struct eventstore **store, const char *file, struct error *error);
    void (*close)(struct eventstore **store);

    /* Does it to the event at `position` of the store in `folder`, which nobody may be writing to. */
    void (*damage)(const char *folder, enum damage damage, uint64_t position);

    /* Says whether the one file `file` holds all of a store: nothing beside it belongs to it. */
    bool (*is_one_file)(const char *file);
};

extern const struct engine engine_sqlite;

#endif
