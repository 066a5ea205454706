/* standing.h - what stands in the way of orders now, by order: events that are set aside, and what was given up.
 *
 * It is of now and no part of history: with --at and --as-of nobody asks for it. */
#ifndef CLI_STANDING_H
#define CLI_STANDING_H

#include "base/buffer.h"
#include "cli/cli.h"
#include "services/dead_letters.h"
#include "services/discards.h"

/* Zero-initialised: nothing stands in anybody's way. */
struct standing {
    struct dead_letters letters;
    struct discards discards;
    const struct dead_letter **tried; /* the first of each journey and consumer that was tried already, by order */
    size_t tried_count;
};

enum status standing_load(struct standing *standing, struct eventstore *store, struct error *error) MUST_CHECK;
void standing_clear(struct standing *standing);

/* The n-th of an order; NULL past the last. */
const struct dead_letter *standing_letter(const struct standing *standing, struct uuid order, size_t n);
const struct discard *standing_discard(const struct standing *standing, struct uuid order, size_t n);

/* An order with a dead letter, or that is owed something, waits for a person, however short. */
bool standing_needs_person(const struct standing *standing, struct uuid order);

/* "attempt 2 at 2026-11-23T18:40:00Z: the bank did not answer"; "needs a person after 6 attempts: …" */
void tell_attempt(struct buffer *out, const struct dead_letter *letter);

/* "payment: discarded by ann at 2026-11-23 18:40:00: paid by hand; the shop owes the customer ada 12.50 USD" */
void tell_discard(struct buffer *out, const struct discard *discard);

/* The lines below an order's row, each two blanks in: what is tried, and what was given up. With `advise` each names
 * the command that a person would type next. */
void print_standing(const struct till *till, const struct standing *standing, struct uuid order, bool advise);

/* Adds "needs_person" and "discarded": [{consumer, position, by, at, reason, owed, settled}]. */
void add_standing(cJSON *object, const struct standing *standing, struct uuid order);

#endif
