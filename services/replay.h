/* replay.h - would today's code answer as it did? The roll as a test of the services.
 *
 * Each answer of a service that stands on the roll is given again, dry: from the state that its streams had in front of
 * it, from what it had consumed up to the cause, and with what the world outside said then, which is taken from the
 * answer itself. Nothing is asked outside and nothing is written. An answer agrees when today's has the same events:
 * the same ids, types and streams, and data that means the same once it is raised to today's versions.
 *
 * Judged is what a service said. That it said nothing is not: the roll does not tell when a service looked at an event
 * that it left unanswered, nor what then stood. Neither are commands, whose words do not stand on the roll. */
#ifndef SERVICES_REPLAY_H
#define SERVICES_REPLAY_H

#include "eventstore/eventstore.h"

enum { REPLAY_TEXT_SIZE = 512 };

struct replay_report {
    uint64_t answers, agree;

    /* The first that differs. */
    uint64_t position; /* of what stands there; 0: none differs */
    uint64_t cause;    /* the position of what was answered */
    char service[EVENTSTORE_NAME_MAX + 1];
    char stands[REPLAY_TEXT_SIZE], today[REPLAY_TEXT_SIZE]; /* "OrderConfirmed {…}", or in words; made safe, cut */
};

/* Replays the roll up to `to` (0: to its head); `progress` may be NULL. STATUS_OK whatever was found. */
enum status replay_roll(struct eventstore *store, uint64_t to, void (*progress)(uint64_t position, uint64_t head),
                        struct replay_report *report, struct error *error) MUST_CHECK;

#endif
