/* breaker.h - when to stop asking somebody who does not answer (after M. Nygard, Release It!).
 *
 *              answers                    so many unanswered in a row
 *     closed ----------- closed     closed ------------------------- open
 *
 *               the pause is over              answered
 *        open --------------------- probing ------------ closed
 *                                           not answered
 *                                   probing ------------ open, for another pause
 *
 * What counts is how many different journeys were not answered, with no answer in between: one order that is never
 * answered, however often it is tried, says nothing about the bank. An outside that hangs (nobody could even be asked)
 * is nobody's own fault and counts each time.
 *
 * While it is open nobody is asked; while it is probing, one at a time. A value without any clock of its own. */
#ifndef SERVICES_BREAKER_H
#define SERVICES_BREAKER_H

#include <stdbool.h>

#include "base/uuid.h"
#include "eventstore/eventstore.h"
#include "services/policy.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct breaker {
    int64_t threshold, cool_down_us;
    struct uuid silent[RETRY_HIGHEST_breaker_threshold]; /* journeys that were not answered since the last answer */
    int64_t silent_count, hang_count;
    struct pause pause; /* until_us 0: closed */
    bool unsaved;       /* the pause is not what the store remembers */
};

/* `remembered` is the pause that a consumer of the same name has left. */
void breaker_init(struct breaker *breaker, const struct retry_policy *policy, const struct pause *remembered);

/* A clock that is set back does not prolong a pause beyond its length from now on. */
enum breaker_state breaker_state(struct breaker *breaker, int64_t now_us);

void breaker_note_answer(struct breaker *breaker);

/* Nothing was answered to this journey; `reason` is the sentence that says so. */
void breaker_note_silence(struct breaker *breaker, struct uuid journey, const char *reason, int64_t now_us);

/* Nobody could be asked at all. */
void breaker_note_hang(struct breaker *breaker, const char *reason, int64_t now_us);

#endif
