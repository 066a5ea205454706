/* simulation.h - one seed from its first order to its verdict, and the shortest list of steps that still fails. */
#ifndef TESTS_SIMULATION_SIMULATION_H
#define TESTS_SIMULATION_SIMULATION_H

#include "tests/simulation/plan.h"

/* What became of a plan. */
struct verdict {
    bool good;
    size_t step;         /* after which it was found; the plan's count: when the shop had come to rest */
    char wrong[512];     /* what */
    char journey[16384]; /* of the order concerned, a line an event; "" when it is about none */
    uint32_t struck;     /* steps in which the disk or memory failed, as the plan has it */
    uint32_t orders, events, confirmed, shipped, cancelled, rejected, waiting;
    char digest[17]; /* the first 8 bytes of the roll's last digest, as hex: the same seed makes the same roll */
};

/* Runs a plan in a process of its own, so that whatever it breaks is gone afterwards. */
struct verdict simulate(const struct plan *plan);

/* Which plans to throw: see plan_throw. */
struct seeds {
    uint64_t first, count;
    uint32_t orders, wild;
    unsigned faults;
};

/* Is told of one seed after the other; false ends it. */
typedef bool (*verdict_visitor)(void *context, uint64_t seed, const struct verdict *verdict);

/* Runs one seed after the other in a process beside this one. A seed that fails takes that process with it, and the
 * next seed gets a new one. */
void simulate_seeds(const struct seeds *seeds, verdict_visitor visit, void *context);

/* Leaves out steps, and what happens beside them, for as long as what is left still fails, in at most `runs_max` runs;
 * returns the verdict on what is left. `plan` must have failed. */
struct verdict shrink(struct plan *plan, int runs_max);

#endif
