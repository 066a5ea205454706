/* discards.h - what people have given up for good, and what is owed for it still. */
#ifndef SERVICES_DISCARDS_H
#define SERVICES_DISCARDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "eventstore/eventstore.h"

struct discard {
    struct uuid order; /* whose journey */
    const char *consumer;
    uint64_t position;
    const char *who;
    int64_t at_us;
    const char *reason;
    uint64_t read_to; /* where its consumer stands now */
    const char *debt; /* what was owed when it was discarded; the same of one order and consumer is one debt */
    bool settled;     /* the debt, by a person, or because the event was set aside once more */
    const char *settled_by, *settlement; /* who settled it, and the reason given; NULL for nobody */
    int64_t settled_at_us;
    const char *owed; /* now; "" for nothing: never, settled, put right by a later event of the journey, or told with a
                       * later discard */
};

struct discards {
    struct discard *items; /* in the order they were decided */
    size_t count, capacity;
    struct arena arena; /* holds the texts */
};

/* All of them: there are few. Clear it in any case. */
enum status discards_load(struct discards *discards, struct eventstore *store, struct error *error) MUST_CHECK;
void discards_clear(struct discards *discards);

#endif
