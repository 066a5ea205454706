#include "eventstore/writer_queue.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mutant.h"

static enum status open_lock(int *descriptor, const char *folder, const char *name, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = path_join(path, folder, error, "%s", name);
    if (status != STATUS_OK)
        return status;
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *descriptor < 0 ? error_errno(error, "open", path) : STATUS_OK;
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
    int waited_ms = (int)((clock_monotonic_us() - started_us) / 1000);
    status = file_descriptor_lock(queue->counter, patience_ms - waited_ms);
    if (status != STATUS_OK)
        status = refuse(status, patience_ms, error);
    flock(queue->gate, LOCK_UN);
    if (status != STATUS_OK)
        return status;
    queue->held = true;
    return STATUS_OK;
}

void writer_queue_leave(struct writer_queue *queue)
{
    CHECK(queue->held);
    queue->held = false;
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
