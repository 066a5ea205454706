#include "bench/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "bench/limit.h"
#include "bench/process.h"
#include "domain/codec.h"

enum { DELIVERIES = 20 /* in a commit */, DELIVERY_PAUSE_US = 2000 };

/* ---- deliveries ---- */

static const char delivery[] = "{\"sku\":\"SKU-00000\",\"quantity\":1}";

static enum status deliver_to_store(const char *folder, struct error *error)
{
    struct eventstore *store = NULL;
    struct new_event events[DELIVERIES];
    const struct append append = {{"stock", "SKU-00000"}, EXPECTED_ANY, events, DELIVERIES};
    const struct commit commit = {
        .appends = &append, .append_count = 1, .actor = LIMIT_ACTOR, .producer = LIMIT_PRODUCER};
    enum status status = eventstore_open(&store, folder, NULL, error);
    while (status == STATUS_OK) {
        for (size_t i = 0; i < DELIVERIES; i++)
            events[i] = (struct new_event){.id = uuid_random(),
                                           .type = event_type_name(EVENT_STOCK_RECEIVED),
                                           .schema_version = event_schema_version(EVENT_STOCK_RECEIVED),
                                           .data = delivery,
                                           .data_length = sizeof delivery - 1};
        for (size_t i = 0; i < DELIVERIES; i++)
            events[i].correlation = events[i].id;
        status = eventstore_commit(store, &commit, NULL, error);
        usleep(DELIVERY_PAUSE_US);
    }
    eventstore_close(&store);
    return status;
}

/* On the stream 0, which no history has; a version that is the position is never there twice. */
static enum status deliver_to_limit(const char *path, struct error *error)
{
    struct limit limit;
    struct made_event events[DELIVERIES];
    uint64_t position = 0;
    enum status status = limit_open(&limit, path, error);
    if (status == STATUS_OK)
        status = limit_head(&limit, &position, error);
    while (status == STATUS_OK) {
        for (size_t i = 0; i < DELIVERIES; i++) {
            const struct uuid id = uuid_random();
            position++;
            events[i] = (struct made_event){.event.type = EVENT_STOCK_RECEIVED,
                                            .position = position,
                                            .version = position,
                                            .id = id,
                                            .correlation = id,
                                            .data = delivery,
                                            .data_length = sizeof delivery - 1};
        }
        status = limit_append(&limit, events, DELIVERIES, error);
        usleep(DELIVERY_PAUSE_US);
    }
    limit_close(&limit);
    return status;
}

/* ---- starting ---- */

static const struct {
    const char *name;
    enum status (*work)(const char *place, struct error *error);
} workers[WORKERS] = {
    [WORKER_DELIVERIES] = {"deliveries", deliver_to_store},
    [WORKER_LIMIT_DELIVERIES] = {"limit-deliveries", deliver_to_limit},
};

enum status worker_start(pid_t *process, enum worker worker, const char *place, struct error *error)
{
    char program[PATH_SIZE];
    const char *const words[] = {WORKER_OPTION, workers[worker].name, place, NULL};
    enum status status = path_beside(program, "till-bench", error);
    return status == STATUS_OK ? process_start(process, program, words, error) : status;
}

int worker_run(char **words)
{
    struct error error = {0};
    for (int i = 0; words[0] != NULL && words[1] != NULL && i < WORKERS; i++)
        if (strcmp(words[0], workers[i].name) == 0 && workers[i].work(words[1], &error) != STATUS_OK)
            fprintf(stderr, "till-bench: %s: %s\n", words[0], error.text);
    return EXIT_FAILURE; /* whoever gets here was not killed */
}
