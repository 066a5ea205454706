/* drafts.h - rows that are not written yet. For projections only.
 *
 * A pass over thousands of events comes to the same rows again and again: an order is placed and soon confirmed, a sku
 * is reserved by every other order. A projection may keep such a row as a draft, change it in memory, and have it
 * written once: fold.c hands each draft to the projection's `write` before the pass is committed, and whenever there
 * are too many of them; after that there are none. A pass that is undone forgets its drafts.
 *
 * So a draft is found only by who looks within the same pass, and who does not find one asks the tables. */
#ifndef PROJECTIONS_DRAFTS_H
#define PROJECTIONS_DRAFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "domain/event.h"

/* The head of a projection's own struct, which lives until the drafts are written or forgotten. */
struct draft {
    struct draft *next; /* in the order they were made */
    struct draft *chain;
    const void *key;
    uint32_t hash, length;
    int kind;             /* the projection's own: which table */
    uint64_t position;    /* of the event that made it, */
    enum event_type type; /* and what that was */
};

enum { DRAFT_CHAINS = 4096 };

/* Zero-initialised is empty and ready. */
struct drafts {
    struct arena arena;
    size_t bytes;
    struct draft *first, *last;
    struct draft *chains[DRAFT_CHAINS];
    uint64_t position; /* of the event that is being folded; fold.c keeps it */
    enum event_type type;
};

/* The newest draft of this kind with this key; NULL when there is none. */
void *draft_find(const struct drafts *drafts, int kind, const void *key, size_t length);

/* Makes one of `size` bytes, all zero behind its head; the key is copied. NULL when memory ends. */
void *draft_make(struct drafts *drafts, int kind, const void *key, size_t length, size_t size);

/* Memory that lives as long as the drafts; NULL when it ends. */
void *draft_memory(struct drafts *drafts, size_t size);
char *draft_text(struct drafts *drafts, const char *text);

bool drafts_are_many(const struct drafts *drafts);
void drafts_forget(struct drafts *drafts);

#endif
