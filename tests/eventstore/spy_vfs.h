/* spy_vfs.h - stands between SQLite and the disk, to see who writes what and when, and to break it at any point.
 *
 * Install it before the first handle is opened; from then on every database of this process goes through it. */
#ifndef TESTS_EVENTSTORE_SPY_VFS_H
#define TESTS_EVENTSTORE_SPY_VFS_H

#include <stdbool.h>

struct spy {
    /* What to do. */
    const char *queue_lock; /* path of the lock that whoever writes must hold; NULL: do not look */
    int die_at;             /* SIGKILL instead of this operation, counted from 1; 0: never */
    int fail_at;            /* this operation fails … */
    int fail_count;         /* … and so many from there on */
    int fail_with;          /* with this result code of SQLite's */
    const char *fail_on;    /* only operations on files whose names end so are counted for failing: "-wal" */

    /* What was seen. */
    int operations;       /* writes, cuts, syncs and removals */
    int failing;          /* of those, on files named by fail_on */
    int file_writes;      /* writes to the database file itself: that is what a checkpoint does */
    int checkpoint_locks; /* SQLite's own lock for a checkpoint was taken */
    int syncs;            /* of files named by fail_on */
    int write_locks;      /* SQLite's own lock for a writer was taken */
    int outside;          /* any of the three while nobody held the queue */
};
extern struct spy spy;

void spy_install(void);

/* A test of SQLite's own side, with the spy in its place. Needs given.h. */
#define SPIED_TEST(sentence)                                                                                           \
    static void sentence(struct given *given);                                                                         \
    Test(sqlite, sentence, .timeout = TEST_TIMEOUT_S)                                                                  \
    {                                                                                                                  \
        struct given scene;                                                                                            \
        spy_install();                                                                                                 \
        given_open(&scene, &engine_sqlite);                                                                            \
        sentence(&scene);                                                                                              \
        given_close(&scene);                                                                                           \
    }                                                                                                                  \
    static void sentence(struct given *given)

#endif
