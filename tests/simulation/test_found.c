/* What the simulator has found, each as the shortest list of steps that showed it. The seed decides how patient the
 * services are and what is ordered. */
#include <criterion/criterion.h>

#include "tests/simulation/simulation.h"

enum { ORDER, PAYMENT, INVENTORY, NOTIFICATION }; /* as in service_names */

static void expect_good(uint64_t seed, struct step *steps, size_t count)
{
    const struct plan plan = {.seed = seed, .orders = 50, .steps = steps, .count = count};
    const struct verdict verdict = simulate(&plan);
    cr_assert(verdict.good, "%s\n%s", verdict.wrong, verdict.journey);
}

#define EXPECT_GOOD(seed, steps) expect_good(seed, steps, COUNT_OF(steps))

/* The service had looked for waiting events, found none, and could not look for dead letters: it took that for none,
 * and never looked again. */
Test(found, a_busy_store_makes_nobody_forget_what_is_parked)
{
    struct step steps[] = {
        {.act = ACT_PLACE, .a = 17},
        {.act = ACT_STEP_SERVICE, .who = PAYMENT, .a = 8, .between = ACT_CANCEL, .between_a = 17},
        {.act = ACT_STEP_SERVICE, .who = PAYMENT, .a = 16, .bank = BANK_LOSES_ANSWER},
        {.act = ACT_STEP_SERVICE, .who = PAYMENT, .a = 2, .disk = DISK_BUSY, .disk_nth = 2, .disk_count = 181},
    };
    EXPECT_GOOD(446, steps);
}
