/* explore.h - drives the four services through every state one order can be in.
 *
 * A state is the roll, the four checkpoints, the bank, the post and what customer and clerk have done so far. From each
 * state every next step is tried: each service handles its next event, the customer cancels, the clerk tries to ship.
 * States met before are merged. In every state some things must hold; in every state with nothing left to do, all must.
 */
#ifndef TESTS_SAGAS_EXPLORE_H
#define TESTS_SAGAS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exploration {
    /* in */
    int64_t stock; /* of the sku that the order wants two of */
    const char *card_token;
    bool redelivery; /* one service, once, is told everything again */

    /* out */
    size_t states, steps, ends;
    size_t ended_confirmed, ended_shipped, ended_cancelled, ended_rejected;
    char fault[2000]; /* what did not hold, with the roll that shows it; "" when everything did */
};

void explore(struct exploration *exploration);

#endif
