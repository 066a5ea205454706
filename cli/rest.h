/* rest.h - for run.c and whoever waits for it: have the services and the projector anything left to do? */
#ifndef CLI_REST_H
#define CLI_REST_H

#include "cli/cli.h"

/* Where they stand in the store: the projector, and `till run` itself. */
extern const char projector_name[], supervisor_name[];

enum { SETTLED_POLL_MS = 10 /* how often to ask */ };

/* Whom to ask. */
struct crew {
    const char *const *names;
    int count;
    int64_t pause_max_ms; /* a longer pause is not believed: the clock was set back, or it is about to be shortened */
};

/* STATUS_OK: `*settled` says whether nothing is unread that they want to see, nothing waits, and every view is caught
 * up. STATUS_UNAVAILABLE: only one that pauses has something left. Other failures are the store's. */
enum status are_settled(struct shop *shop, const struct crew *crew, bool *settled, struct error *error) MUST_CHECK;

/* A worker that `till run` starts again and again, while it ends each time: a claim of the supervisor says so, which is
 * gone with it. */
struct vain_name {
    char text[32];
};
struct vain_name vain_name_of(const char *worker);
bool is_started_in_vain(struct shop *shop, const char *worker);

/* Does it pause now? Not when it would for longer than any pause may be: see pause_max_ms. */
bool is_pausing(const struct pause *pause, int64_t now_us, int64_t pause_max_ms);

/* What the store could not do now is tried again. */
bool may_pass(enum status status);

#endif
