/* checks.h - what must hold, looked up with plain SQL in the shop's files and compared with model.h's meaning of the
 * roll. The numbers are those of docs/reliability.md:
 *
 *   1  every acknowledged commit is on the roll and nothing else is; no gaps; recorded_at never falls; the chain holds
 *   2  every order is at rest, or something is parked that says what it waits for and why
 *   3  money: captured − refunded = total when confirmed or shipped, else 0; the bank's book says the same
 *   4  stock: never negative; what is reserved is what live reservations hold
 *   5  no customer is told the same thing twice, and each is told how it ended
 *   6  every view equals itself folded anew
 *   7  no consumer handled a journey's events out of order
 *   8  every answer of a service is given again when the roll is replayed
 *
 * 1, 4 and 7 are checked after every step, for what the step added, and all of it at the end. */
#ifndef TESTS_SIMULATION_CHECKS_H
#define TESTS_SIMULATION_CHECKS_H

#include "tests/simulation/model.h"
#include "tests/simulation/world.h"

struct checks;

struct checks *checks_new(void);
void checks_free(struct checks **checks);

/* For world_open: what was acknowledged, and what was handled. */
struct witness checks_witness(struct checks *checks);

/* After a step. False when something is wrong: checks_wrong says what. Keeps the roll open until power is lost. */
bool checks_step(struct checks *checks, struct world *world);

/* When the shop has come to rest. */
bool checks_end(struct checks *checks, struct world *world);

/* What is wrong, and the order it is about ("" for none). */
const char *checks_wrong(const struct checks *checks);
const char *checks_about(const struct checks *checks);

/* What became of the orders. Valid after checks_end. */
const struct model *checks_model(const struct checks *checks);

/* The journey of an order as it stands on the roll, with what is parked of it, a line each. */
void checks_tell_journey(struct world *world, const char *order, struct buffer *out);

#endif
