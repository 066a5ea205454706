/* outlook.h - what will happen when a parked event is tried again, and what is left undone when it never is.
 *
 * Asked of the same pure deciders that the services ask, in the state that stands now: nothing is done, nobody is
 * called, and what the world outside answers is not known. */
#ifndef SERVICES_OUTLOOK_H
#define SERVICES_OUTLOOK_H

#include "base/arena.h"
#include "eventstore/eventstore.h"

struct outlook {
    const char *retry; /* "asks the bank to refund 12.50 USD (customer), key …"; "nothing: it was answered meanwhile" */
    const char *owed; /* money or stock that is not moved back when the event is discarded, as a clause of at most
                       * EVENTSTORE_REASON_MAX bytes: "the shop owes the customer ada 12.50 USD"; "" for nothing */
};

/* What `consumer` will do with `event`. The texts live in the arena. */
enum status outlook_of(struct eventstore *store, const char *consumer, const struct recorded_event *event,
                       struct arena *arena, struct outlook *outlook, struct error *error) MUST_CHECK;

#endif
