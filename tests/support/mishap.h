/* mishap.h - each thing that can fail, fails once.
 *
 * A deed is done again and again: each allocation in it (ours and SQLite's) fails in its turn, then each call of the
 * system that our own code makes, in several ways, and each path that it joins; and each statement is interrupted
 * wherever it is. Whatever fails, the deed must succeed all the same or say why it did not; and when nothing fails it
 * must succeed. SQLite's own calls are tests/eventstore/spy_vfs.h's to break. */
#ifndef TESTS_SUPPORT_MISHAP_H
#define TESTS_SUPPORT_MISHAP_H

#include <criterion/criterion.h>
#include <stdint.h>

#include "base/status.h"

/* Done anew each time; `turn` is another number in each. */
typedef enum status deed_function(void *context, unsigned turn, struct error *error);

/* Before SQLite is used for the first time. */
void mishap_install(void);

/* Without TILL_LONG one allocation in `stride` fails, of our own (not SQLite's) each. Ends the test where the deed does
 * not stand it. */
void survives_no_memory(deed_function *deed, void *context, unsigned stride);
void survives_system_errors(deed_function *deed, void *context);

/* Without TILL_LONG at one in `stride` of the operations that SQLite's statements are made of. */
void survives_interruptions(deed_function *deed, void *context, unsigned stride);

/* Always at one in `stride`: for a deed that takes more operations each time, whose end would never be reached else. */
void survives_some_interruptions(deed_function *deed, void *context, unsigned stride);

/* Fails the `nth` call of the system from now on, once, with `code` as errno; says whether it has. */
void mishap_strike(uint32_t nth, int code);
bool mishap_heal(void);

/* Ends SQLite's `nth` operation from now on, and with it its statement. */
void mishap_interrupt(uint32_t nth);

/* At the `nth` call of the system from now on somebody else does `act`, once, and the call works. */
void mishap_meanwhile(uint32_t nth, void (*act)(void));

/* All of it, as a test of the suite `mishaps`. */
#define SURVIVES(sentence, deed, stride)                                                                               \
    Test(mishaps, sentence)                                                                                            \
    {                                                                                                                  \
        survives_no_memory(deed, NULL, stride);                                                                        \
        survives_system_errors(deed, NULL);                                                                            \
        survives_interruptions(deed, NULL, 7 * (stride));                                                              \
    }

#endif
