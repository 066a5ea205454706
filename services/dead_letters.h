/* dead_letters.h - what a person may do about an event that a service has set aside.
 *
 * A dead letter was tried as often as its service may, or cannot be understood; the later events of its journey wait
 * behind it. A person has it retried (it is due at once, and keeps its attempts, so that another failure makes it a
 * dead letter again) or discards it (then the next of its journey is tried). A waiting event can be retried too: its
 * next attempt is now. What would leave the customer's money with the shop, or stock with a cancelled order, is
 * discarded only by force; then the journey says what is owed, until somebody says that it is settled.
 *
 * Every decision stays on record with who, when and why (eventstore_decide). Services may be at work meanwhile: what
 * has changed since it was looked at is a conflict, never overwritten. */
#ifndef SERVICES_DEAD_LETTERS_H
#define SERVICES_DEAD_LETTERS_H

#include "base/arena.h"
#include "eventstore/eventstore.h"

/* A parked event and its place in its journey. */
struct dead_letter {
    const char *consumer;
    struct parked parked;
    uint64_t first;  /* position of the journey's first parked event; its own when it is that one */
    uint64_t behind; /* events of its journey that wait behind it */
};

struct dead_letters {
    struct dead_letter *items; /* by position, then by consumer */
    size_t count, capacity;
    struct arena arena; /* holds the texts */
};

/* All that is parked now, waiting ones included, of one consumer or with NULL of all. Clear it in any case. */
enum status dead_letters_load(struct dead_letters *letters, struct eventstore *store, const char *consumer,
                              struct error *error) MUST_CHECK;
void dead_letters_clear(struct dead_letters *letters);

/* The one at `position`, of one consumer or with NULL of whoever has it; borrowed from `letters`.
 *
 * STATUS_NOT_FOUND  nobody has set it aside
 * STATUS_REFUSED    several consumers have: the sentence names them */
enum status dead_letters_find(const struct dead_letters *letters, uint64_t position, const char *consumer,
                              const struct dead_letter **letter, struct error *error) MUST_CHECK;

/* The event itself, copied into `arena`. */
enum status dead_letter_event(struct eventstore *store, const struct dead_letter *letter, struct arena *arena,
                              const struct recorded_event **event, struct error *error) MUST_CHECK;

/* Who decides, where, and why. */
struct operator_desk {
    struct eventstore *store;
    const char *who;    /* a name */
    const char *reason; /* one line; "" for none */
};

/* Has it tried at once.
 *
 * STATUS_REFUSED   it waits behind an earlier event of its journey, which the sentence names
 * STATUS_CONFLICT  it is not as it was any more: look again
 * STATUS_INVALID   a name or reason that cannot be recorded; and as eventstore_decide, here and below */
enum status dead_letter_retry(const struct operator_desk *desk, const struct dead_letter *letter,
                              struct error *error) MUST_CHECK;

/* Has every dead letter tried at once, those of one consumer or with NULL of all, in transactions of at most
 * EVENTSTORE_DECISIONS_MAX. What somebody else changes meanwhile is left to them. `*retried` counts. */
enum status dead_letters_retry_all(const struct operator_desk *desk, const char *consumer, size_t *retried,
                                   struct error *error) MUST_CHECK;

/* Gives it up. `*owed` (may be NULL) is then what that leaves undone, "" for nothing, in the arena.
 *
 * STATUS_REFUSED   it is no dead letter: its service is still trying; or something would be left owed, and not `force`
 * STATUS_CONFLICT  as above */
enum status dead_letter_discard(const struct operator_desk *desk, const struct dead_letter *letter, bool force,
                                struct arena *arena, const char **owed, struct error *error) MUST_CHECK;

/* What a discard left owed was given otherwise. STATUS_NOT_FOUND when nothing is owed for the event at `position`,
 * STATUS_REFUSED when it is for several consumers and `consumer` is NULL. */
enum status dead_letter_settle(const struct operator_desk *desk, uint64_t position, const char *consumer,
                               struct error *error) MUST_CHECK;

#endif
