/* rest.c - is there anything left to do? What the store and the views say about it, whoever is at work. */
#include "cli/rest.h"

#include <stdio.h>
#include <string.h>

#include "cli/signals.h"
#include "services/services.h"

const char projector_name[] = "projector";
const char supervisor_name[] = "run";

/* A pause is no rest: there is something to do, but nobody who would answer. */
enum rest { AT_WORK, PAUSED, AT_REST };

bool is_pausing(const struct pause *pause, int64_t now_us, int64_t pause_max_ms)
{
    return pause->until_us > now_us && pause->until_us <= now_us + pause_max_ms * 1000;
}

static enum status find_waiting(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)parked, (void)error;
    *(bool *)context = true;
    return STATUS_STOPPED;
}

static event_type_set subscriptions_of(const char *name)
{
    for (int i = 0; i < SERVICES_COUNT; i++) {
        const struct service service = service_described(i);
        if (strcmp(service.name, name) == 0)
            return service.subscriptions;
    }
    check_failed("the name of a service", __FILE__, __LINE__);
}

/* At rest: nothing unread up to `head` that it wants to see, and nothing waiting. What it does not want to see it may
 * have passed without writing it down. Dead letters wait for a person, not for us. */
static enum status find_service_rest(struct shop *shop, const char *name, int64_t pause_max_ms, uint64_t head,
                                     enum rest *rest, struct error *error)
{
    const int64_t now_us = clock_now_us(shop->desk.clock);
    uint64_t checkpoint = 0, unread = 0;
    bool waiting = false;
    struct pause pause = {0};
    const struct parked_query query = {.consumer = name, .heads_only = true, .due_by_us = INT64_MAX, .limit = 1};
    enum status status = eventstore_checkpoint(shop->store, name, &checkpoint, error);
    if (status == STATUS_OK)
        status = find_unread(shop->store, subscriptions_of(name), checkpoint, head, &unread, error);
    if (status == STATUS_OK && unread == 0)
        status = eventstore_read_parked(shop->store, &query, find_waiting, &waiting, error);
    if (status == STATUS_OK && (unread != 0 || waiting))
        status = eventstore_paused(shop->store, name, &pause, error);
    if (unread == 0 && !waiting)
        *rest = AT_REST;
    else
        *rest = is_pausing(&pause, now_us, pause_max_ms) ? PAUSED : AT_WORK;
    return status;
}

/* A view that will not catch up is not waited for. */
static enum status find_views_rest(struct shop *shop, uint64_t head, enum rest *rest, struct error *error)
{
    enum status status = STATUS_OK;
    *rest = AT_REST;
    for (size_t i = 0; status == STATUS_OK && *rest == AT_REST && i < projection_count; i++) {
        struct view_state state;
        status = view_inspect(&shop->home, projections[i], &state, error);
        if (!view_needs_person(state.condition) && (state.condition != VIEW_GOOD || state.position < head))
            *rest = AT_WORK;
    }
    return status;
}

/* Have they anything left to do? Paused: nothing but what a paused one has. `*paused` is then its name. */
static enum status find_rest(struct shop *shop, const struct crew *crew, enum rest *rest, const char **paused,
                             struct error *error)
{
    uint64_t head = 0, head_after = 0;
    enum rest all = AT_REST;
    *rest = AT_WORK;
    enum status status = eventstore_head(shop->store, &head, error);
    for (int i = 0; status == STATUS_OK && all != AT_WORK && i < crew->count; i++) {
        enum rest one = AT_WORK;
        status = strcmp(crew->names[i], projector_name) == 0
                     ? find_views_rest(shop, head, &one, error)
                     : find_service_rest(shop, crew->names[i], crew->pause_max_ms, head, &one, error);
        if (one == PAUSED)
            *paused = crew->names[i];
        if (one < all)
            all = one;
    }
    /* Another attempt that succeeds takes its event from the parked and puts its answer on the roll: who looked at the
     * roll before and at the parked after it would see neither. */
    if (status == STATUS_OK && all != AT_WORK)
        status = eventstore_head(shop->store, &head_after, error);
    if (status == STATUS_OK && head_after == head)
        *rest = all;
    return status;
}

static enum status only_paused_left(struct shop *shop, const char *name, struct error *error)
{
    struct pause pause = {0};
    char until[TIME_TEXT_SIZE];
    enum status status = eventstore_paused(shop->store, name, &pause, error);
    if (status != STATUS_OK)
        return status;
    time_to_text(pause.until_us, until);
    return error_set(error, STATUS_UNAVAILABLE,
                     "nothing is left to do but for %s, which pauses until %s: %s. Try again then", name, until,
                     pause.reason);
}

enum status are_settled(struct shop *shop, const struct crew *crew, bool *settled, struct error *error)
{
    enum rest rest = AT_WORK;
    const char *paused = NULL;
    enum status status = find_rest(shop, crew, &rest, &paused, error);
    *settled = status == STATUS_OK && rest == AT_REST;
    return status == STATUS_OK && rest == PAUSED ? only_paused_left(shop, paused, error) : status;
}

bool may_pass(enum status status)
{
    return status == STATUS_BUSY || status == STATUS_FULL;
}

struct vain_name vain_name_of(const char *worker)
{
    struct vain_name name;
    snprintf(name.text, sizeof name.text, "%s-in-vain", worker);
    return name;
}

bool is_started_in_vain(struct shop *shop, const char *worker)
{
    return eventstore_consumer_is_claimed(shop->store, vain_name_of(worker).text);
}

bool shop_is_running(struct shop *shop)
{
    return eventstore_consumer_is_claimed(shop->store, supervisor_name);
}

enum status wait_until_settled(struct shop *shop, int patience_ms, struct error *error)
{
    const struct crew everybody = {worker_names, WORKERS, RETRY_HIGHEST_cool_down_ms};
    int64_t deadline_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    for (;;) {
        bool settled = false;
        enum status status = are_settled(shop, &everybody, &settled, error);
        if (settled || (status != STATUS_OK && !may_pass(status)))
            return status;
        if (signal_to_stop())
            return error_set(error, STATUS_BUSY, "stopped before the shop came to rest");
        if (clock_monotonic_us() > deadline_us)
            return error_set(error, STATUS_BUSY, "the shop did not come to rest within %d s: see `till status`",
                             patience_ms / 1000);
        pause_ms(SETTLED_POLL_MS);
    }
}
