/* mutant.h - deliberate mistakes, so that the tests can be tested.
 *
 * Each is one that people really make in systems like this. In an ordinary build MUTANT(…) is `false` and the compiler
 * drops what hangs on it. With the CMake option TILL_MUTANT all of them are in one build, and the environment variable
 * TILL_MUTANT chooses one by its name when the program starts. scripts/mutants.sh runs them all, and each must be
 * caught. */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#include <stdbool.h>

/* Symbol, name, the mistake in words. */
#define MUTANTS(X)                                                                                                     \
    X(CHECKPOINT_APART, "checkpoint-apart", "the checkpoint is saved in a transaction of its own")                     \
    X(PARKED_APART, "parked-apart", "an event is parked after the commit that moves the checkpoint past it")           \
    X(UNFENCED_CHECKPOINT, "unfenced-checkpoint", "a commit does not look where the checkpoint stands")                \
    X(VERSION_UNCHECKED, "version-unchecked", "a commit does not look at the stream's version")                        \
    X(SWALLOWED_ERROR, "swallowed-error", "a failed COMMIT is taken for a good one")                                   \
    X(SYNCHRONOUS_OFF, "synchronous-off", "the log is not synced")                                                     \
    X(CLOCK_TRUSTED, "clock-trusted", "recorded_at is what the clock says, also when it was set back")                 \
    X(HEAD_REMEMBERED, "head-remembered", "the digest is chained to the head as it was before the queue")              \
    X(REFUND_WITHOUT_KEY, "refund-without-key", "a refund is asked with a new key each time")                          \
    X(COMMIT_BEFORE_BANK, "commit-before-bank", "the roll says what the bank has not made durable yet")                \
    X(GIVE_UP_WITHOUT_LOOKUP, "give-up-without-lookup", "no answer is taken for a decline")                            \
    X(GIVE_UP_WITHOUT_VOID, "give-up-without-void", "a key that was given up can still be charged")                    \
    X(RESERVE_LINE_BY_LINE, "reserve-line-by-line", "what is there is reserved, although a line is short")             \
    X(STALE_STOCK, "stale-stock", "what a failed batch had folded is kept")                                            \
    X(DEAD_LETS_PASS, "dead-lets-pass", "later events of a dead letter's journey are handled")                         \
    X(WAITING_FORGOTTEN, "waiting-forgotten", "after a restart nobody looks at what was waiting")                      \
    X(RANDOM_MAIL_NAME, "random-mail-name", "a mail is named anew at each attempt")                                    \
    X(TOLD_AGAIN, "told-again", "the notification service does not look whether it has told")                          \
    X(REPEAT_COUNTED, "repeat-counted", "a projection counts an event that it has seen")                               \
    X(VIEW_RENAMED, "view-renamed", "a view is swapped by renaming over the live file")                                \
    X(POSITION_FIRST, "position-first", "a view says how far it is before its rows are there")

/* The same, of what one thread cannot show: tests/chaos/mutants.sh runs these. */
#define PROCESS_MUTANTS(P)                                                                                             \
    P(QUEUE_SKIPPED, "queue-skipped", "writers do not stand in the queue")                                             \
    P(CHECKPOINT_OUTSIDE, "checkpoint-outside", "the log is checkpointed while somebody else may write")               \
    P(READER_WAITED_FOR_AGAIN, "reader-waited-for-again", "each writer waits for a reader who stays")                  \
    P(CLAIM_NOT_TAKEN, "claim-not-taken", "a second instance of a consumer is not kept out")                           \
    P(ORPHANS_LIVE, "orphans-live", "workers do not die with their supervisor")

#define MUTANT_SYMBOL(symbol, name, mistake) MUTANT_##symbol,
enum mutant { MUTANT_NONE, MUTANTS(MUTANT_SYMBOL) PROCESS_MUTANTS(MUTANT_SYMBOL) MUTANT_COUNT };
#undef MUTANT_SYMBOL

#ifdef TILL_MUTANT
bool mutant_is(enum mutant mutant);
#define MUTANT(symbol) mutant_is(MUTANT_##symbol)
#else
#define MUTANT(symbol) false
#endif

#endif
