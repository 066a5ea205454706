/* faulty_bank.h - what may go wrong between the shop and the bank, told by a test.
 *
 * The linker puts it between payment.c and gateway.c (--wrap, tests/CMakeLists.txt). Without a fault it passes on. */
#ifndef TESTS_SERVICES_FAULTY_BANK_H
#define TESTS_SERVICES_FAULTY_BANK_H

#include <stdbool.h>

#include "services/gateway.h"

enum bank_fault {
    BANK_FINE,
    BANK_LOSES_CALLS,   /* the bank never hears of it */
    BANK_LOSES_ANSWERS, /* the bank does it, and nobody hears of that */
};

struct bank_faults {
    enum bank_fault charge, refund, lookup, voiding;
    bool
        charge_arrives_before_void; /* the last charge that was lost reaches the bank after all, just before the void */
    bool hangs, is_gone;            /* no batch can be begun */
    int begun, charges, lookups;    /* how often it was tried */
};
extern struct bank_faults bank_faults;

/* The last charge that was lost reaches the bank after all. `*answer` is what nobody hears. */
enum status bank_hears_the_lost_charge(struct gateway *gateway, struct gateway_answer *answer, struct error *error);

#endif
