/* blinkers.h - for a suite that is linked with --wrap=event_decode: whoever decodes an event sees only what was
 * declared to be read. So a test can prove a declaration: with blinkers on, the outcome is the same. */
#ifndef TESTS_SUPPORT_BLINKERS_H
#define TESTS_SUPPORT_BLINKERS_H

#include "domain/contracts/reads.h"

struct blinkers {
    const struct field_reads *reads; /* what is seen of each type; NULL: everything */
    enum event_type type;            /* of this type … */
    const char *hidden;              /* … this field is hidden in any case ("lines[].sku"); NULL: none */
};
extern struct blinkers blinkers;

#endif
