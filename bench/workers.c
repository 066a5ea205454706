#include "bench/workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "bench/limit.h"
#include "bench/process.h"

enum {
    DELIVERIES = 20, /* in a commit */
    DELIVERY_PAUSE_US = 2000,
    IMPORTED = 100, /* in a commit */
};

/* ---- deliveries ---- */

static enum status deliver(struct eventstore *store, uint64_t number, size_t count, struct error *error)
{
    char sku[ENTITY_SIZE], data[2 * ENTITY_SIZE];
    struct new_event events[IMPORTED];
    history_sku(number, sku);
    const int length = snprintf(data, sizeof data, "{\"sku\":\"%s\",\"quantity\":1}", sku);
    const struct append append = {{"stock", sku}, EXPECTED_ANY, events, count};
    const struct commit commit = {
        .appends = &append, .append_count = 1, .actor = LIMIT_ACTOR, .producer = LIMIT_PRODUCER};
    CHECK(count <= IMPORTED);
    for (size_t i = 0; i < count; i++) {
        const struct uuid id = uuid_random();
        events[i] = (struct new_event){.id = id,
                                       .type = event_type_name(EVENT_STOCK_RECEIVED),
                                       .schema_version = event_schema_version(EVENT_STOCK_RECEIVED),
                                       .correlation = id,
                                       .data = data,
                                       .data_length = (size_t)length};
    }
    return eventstore_commit(store, &commit, NULL, error);
}

static enum status deliver_on(const char *folder, size_t count, useconds_t pause_us, struct error *error)
{
    struct eventstore *store = NULL;
    enum status status = eventstore_open(&store, folder, NULL, error);
    while (status == STATUS_OK) {
        status = deliver(store, 0, count, error);
        usleep(pause_us);
    }
    eventstore_close(&store);
    return status;
}

static enum status deliver_to_store(const char *folder, struct error *error)
{
    return deliver_on(folder, DELIVERIES, DELIVERY_PAUSE_US, error);
}

static enum status import(const char *folder, struct error *error)
{
    return deliver_on(folder, IMPORTED, 0, error);
}

static enum status deliver_to_limit(const char *path, struct error *error)
{
    struct limit limit;
    enum status status = limit_open(&limit, path, error);
    while (status == STATUS_OK) {
        status = limit_fill(&limit, DELIVERIES, "{\"sku\":\"SKU-00000\",\"quantity\":1}", error);
        usleep(DELIVERY_PAUSE_US);
    }
    limit_close(&limit);
    return status;
}

/* ---- writers ---- */

struct writer_report *writer_report_map(const char *path, bool anew)
{
    void *report = MAP_FAILED;
    int file = open(path, O_RDWR | O_CLOEXEC | (anew ? O_CREAT | O_TRUNC : 0), 0600);
    if (file >= 0 && (!anew || ftruncate(file, sizeof(struct writer_report)) == 0))
        report = mmap(NULL, sizeof(struct writer_report), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    return report == MAP_FAILED ? NULL : report;
}

void writer_report_unmap(struct writer_report *report)
{
    if (report != NULL)
        munmap(report, sizeof *report);
}

static enum status write_on(const char *path, struct error *error)
{
    char folder[PATH_SIZE];
    const char *name = strrchr(path, '/') + 1; /* writer-N */
    const uint64_t sku = strtoull(name + strcspn(name, "0123456789"), NULL, 10);
    struct eventstore *store = NULL;
    struct writer_report *report = writer_report_map(path, false);
    if (report == NULL)
        return error_errno(error, "open", path);
    enum status status = path_format(folder, error, "%.*s", (int)(name - path), path);
    if (status == STATUS_OK)
        status = eventstore_open(&store, folder, NULL, error);
    for (uint32_t i = 0; status == STATUS_OK && i < WRITER_COMMITS_MAX; i++) {
        int64_t started_us = clock_monotonic_us();
        status = deliver(store, sku, 1, error); /* each to a stream of its own */
        report->took_us[i] = (uint32_t)(clock_monotonic_us() - started_us);
        report->commits = i + 1;
    }
    eventstore_close(&store);
    return status;
}

/* ---- starting ---- */

static const struct {
    const char *name;
    enum status (*work)(const char *place, struct error *error);
} workers[WORKERS] = {
    [WORKER_DELIVERIES] = {"deliveries", deliver_to_store},
    [WORKER_LIMIT_DELIVERIES] = {"limit-deliveries", deliver_to_limit},
    [WORKER_IMPORT] = {"import", import},
    [WORKER_WRITER] = {"writer", write_on},
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
