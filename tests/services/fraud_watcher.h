/* fraud_watcher.h - a fifth consumer, as a reader would add one: it counts orders that are suspiciously large. */
#ifndef TESTS_SERVICES_FRAUD_WATCHER_H
#define TESTS_SERVICES_FRAUD_WATCHER_H

#include "services/runtime.h"

struct fraud_watcher {
    int64_t limit_minor;
    int seen, suspicious;
    char last_ref[64];
};

struct service fraud_watcher_service(struct fraud_watcher *watcher);

#endif
