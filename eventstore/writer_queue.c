#include "eventstore/writer_queue.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mutant.h"

enum {
    WATCH_ROUNDS = 500, /* some 300 µs where nobody else wants the processor: a commit */
};

static enum status open_lock(int *descriptor, const char *folder, const char *name, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = path_join(path, folder, error, "%s", name);
    return status == STATUS_OK ? file_open_regular(descriptor, path, O_RDWR | O_CREAT, error) : status;
}

enum status writer_queue_open(struct writer_queue *queue, const char *folder, struct error *error)
{
    *queue = (struct writer_queue){.gate = -1, .counter = -1};
    enum status status = open_lock(&queue->gate, folder, "writers-gate.lock", error);
    if (status == STATUS_OK)
        status = open_lock(&queue->counter, folder, "writers-counter.lock", error);
    if (status != STATUS_OK)
        writer_queue_close(queue);
    return status;
}

void writer_queue_close(struct writer_queue *queue)
{
    if (queue->gate >= 0)
        close(queue->gate);
    if (queue->counter >= 0)
        close(queue->counter);
    *queue = (struct writer_queue){.gate = -1, .counter = -1};
}

static enum status refuse(enum status status, int patience_ms, struct error *error)
{
    if (status == STATUS_BUSY)
        return error_set(error, status, "another writer has held the roll for more than %d ms: try again", patience_ms);
    return error_errno(error, "lock", "the writers' queue");
}

/* Who stands at the counter is the next, and whoever is there has about a sync left to do: too short for a sleep, from
 * which a processor needs as long again to wake up. */
static enum status watch_counter(const struct writer_queue *queue)
{
    enum status status = file_descriptor_lock(queue->counter, 0);
    for (int round = 0; status == STATUS_BUSY && round < WATCH_ROUNDS; round++) {
        sched_yield(); /* to him, above all */
        status = file_descriptor_lock(queue->counter, 0);
    }
    return status;
}

static enum status lock_counter(const struct writer_queue *queue, int patience_ms)
{
    const enum status status = watch_counter(queue);
    return status == STATUS_BUSY ? file_descriptor_lock(queue->counter, patience_ms) : status;
}

enum status writer_queue_enter(struct writer_queue *queue, int patience_ms, struct error *error)
{
    CHECK(!queue->held && queue->gate >= 0);
    if (MUTANT(QUEUE_SKIPPED)) {
        queue->held = true;
        return STATUS_OK;
    }
    int64_t started_us = clock_monotonic_us();
    enum status status = file_descriptor_lock(queue->gate, patience_ms);
    if (status != STATUS_OK)
        return refuse(status, patience_ms, error);
    queue->gate_held = true;
    int waited_ms = (int)((clock_monotonic_us() - started_us) / 1000);
    status = lock_counter(queue, patience_ms - waited_ms);
    queue->held = status == STATUS_OK;
    if (status != STATUS_OK) {
        status = refuse(status, patience_ms, error);
        writer_queue_open_gate(queue);
    }
    return status;
}

void writer_queue_open_gate(struct writer_queue *queue)
{
    if (queue->gate_held)
        flock(queue->gate, LOCK_UN);
    queue->gate_held = false;
}

void writer_queue_leave(struct writer_queue *queue)
{
    CHECK(queue->held);
    queue->held = false;
    writer_queue_open_gate(queue);
    flock(queue->counter, LOCK_UN);
}

void writer_queue_leave_note(const struct writer_queue *queue, int64_t note)
{
    CHECK(queue->held);
    ssize_t written = pwrite(queue->counter, &note, sizeof note, 0);
    (void)written; /* on a full disk there is no note */
}

int64_t writer_queue_read_note(const struct writer_queue *queue)
{
    int64_t note;
    CHECK(queue->held);
    return pread(queue->counter, &note, sizeof note, 0) == (ssize_t)sizeof note ? note : 0;
}
