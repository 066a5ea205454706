#include "tests/services/fraud_watcher.h"

#include <stdio.h>

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    (void)error;
    struct fraud_watcher *watcher = reaction_self(reaction);
    watcher->seen++;
    if (cause->order_placed.total_minor > watcher->limit_minor) {
        watcher->suspicious++;
        snprintf(watcher->last_ref, sizeof watcher->last_ref, "%s", cause->order_placed.order_ref);
    }
    return STATUS_OK;
}

struct service fraud_watcher_service(struct fraud_watcher *watcher)
{
    return (struct service){
        .name = "fraud", .subscriptions = EVENT_BIT(EVENT_ORDER_PLACED), .self = watcher, .react = react};
}
