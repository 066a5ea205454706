/* Every reachable state of one order. With TILL_LONG set, also with everything delivered twice to one service. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/sagas/explore.h"

static struct exploration run(int64_t stock, const char *card_token)
{
    struct exploration exploration = {
        .stock = stock, .card_token = card_token, .redelivery = getenv("TILL_LONG") != NULL};
    explore(&exploration);
    cr_log_info("%zu states, %zu steps, %zu ends: %zu confirmed, %zu shipped, %zu cancelled, %zu rejected",
                exploration.states, exploration.steps, exploration.ends, exploration.ended_confirmed,
                exploration.ended_shipped, exploration.ended_cancelled, exploration.ended_rejected);
    cr_expect(exploration.fault[0] == '\0', "%s", exploration.fault);
    return exploration;
}

Test(every_state, of_an_order_that_can_be_delivered, .timeout = 3000)
{
    struct exploration found = run(10, "tok_ok");
    cr_expect(found.states > 40000);
    cr_expect(found.ended_confirmed > 0 && found.ended_shipped > 0 && found.ended_cancelled > 0);
    cr_expect(found.ended_rejected == 0);
}

Test(every_state, of_an_order_that_wants_more_than_there_is, .timeout = 3000)
{
    struct exploration found = run(1, "tok_ok");
    cr_expect(found.ended_confirmed == 0 && found.ended_shipped == 0 && found.ended_rejected == 0);
    cr_expect(found.ended_cancelled > 0);
}

Test(every_state, of_an_order_whose_card_is_declined, .timeout = 3000)
{
    struct exploration found = run(10, "tok_declined");
    cr_expect(found.ended_confirmed == 0 && found.ended_shipped == 0);
    cr_expect(found.ended_rejected > 0 && found.ended_cancelled > 0);
}

Test(every_state, of_an_order_whose_charge_is_never_answered_and_voided, .timeout = 3000)
{
    struct exploration found = run(10, "tok_unavailable");
    cr_expect(found.ended_confirmed == 0 && found.ended_shipped == 0);
    cr_expect(found.ended_rejected > 0 && found.ended_cancelled > 0);
}

Test(every_state, of_an_order_whose_lost_charge_is_looked_up, .timeout = 3000)
{
    struct exploration found = run(10, "tok_timeout");
    cr_expect(found.states > 40000);
    cr_expect(found.ended_confirmed > 0 && found.ended_shipped > 0 && found.ended_cancelled > 0);
    cr_expect(found.ended_rejected == 0);
}
