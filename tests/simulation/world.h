/* world.h - the shop in one thread: every process of `till run`, a customer, a person at the counter, the bank, a disk.
 *
 * The services, the runtime, the store, the projector, the bank and the post are the real ones. A process is a set of
 * handles that are opened when it starts and closed, with nothing written, when it dies. What surrounds them is
 * simulated: the clock stands until a step moves it, the disk is disk.h's, chance comes from the seed, and the calls to
 * the bank pass through a door (the linker's --wrap) where they may get lost. */
#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "services/runtime.h"
#include "tests/simulation/plan.h"

enum { WORLD_SKUS = 5 };

/* What the simulated processes did, for whoever checks them. `service` is an index into service_names. */
struct witness {
    void *context;
    void (*handled)(void *context, uint32_t service, const struct handled *event);
    void (*committed)(void *context, const struct commit *commit, enum status status);
    void (*power_lost)(void *context); /* close every file now */
};

struct world;

/* Makes a shop for a plan and opens its doors: the catalogue is listed. `witness` is borrowed. There is one world at a
 * time in a process. */
struct world *world_open(const struct plan *plan, const struct witness *witness);
void world_close(struct world **world);

const char *world_folder(const struct world *world);

/* Makes one step happen. Returns whether a fault of the disk or of memory that it has struck. */
bool world_step(struct world *world, const struct step *step);

/* Faults heal: the late calls arrive, the bank answers, dead letters are retried, and all services and views come to
 * rest. */
void world_settle(struct world *world);

/* Deletes all views and folds them anew. */
void world_fold_views(struct world *world);

/* What no process may ever say (that the store is damaged, that a view is), in words; NULL so far. */
const char *world_trouble(const struct world *world);

/* The ref of order number `order`, and whether its card refuses every refund. */
void world_order_ref(uint32_t order, char ref[32]);
bool world_refund_is_hopeless(const struct world *world, uint32_t order);

#endif
