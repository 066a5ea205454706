#include "eventstore/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BELL_FILE_BYTES = 4096 /* one page: what mmap gives anyway */ };

enum status doorbell_open(struct doorbell *bell, const char *path, struct error *error)
{
    bell->counter = NULL;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return error_errno(error, "open", path);
    enum status status = STATUS_OK;
    void *page = MAP_FAILED;
    /* Not ftruncate(): a hole in the file would end us with SIGBUS when the bell is first rung on a full disk. */
    errno = posix_fallocate(descriptor, 0, BELL_FILE_BYTES);
    if (errno == 0)
        page = mmap(NULL, BELL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED)
        status = error_errno(error, "map", path);
    else
        bell->counter = page;
    close(descriptor);
    return status;
}

void doorbell_close(struct doorbell *bell)
{
    if (bell->counter != NULL)
        munmap(bell->counter, BELL_FILE_BYTES);
    bell->counter = NULL;
}

uint32_t doorbell_read(const struct doorbell *bell)
{
    return bell->counter == NULL ? 0 : __atomic_load_n(bell->counter, __ATOMIC_ACQUIRE);
}

void doorbell_ring(struct doorbell *bell)
{
    if (bell->counter == NULL)
        return;
    __atomic_add_fetch(bell->counter, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, bell->counter, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void doorbell_wait(struct doorbell *bell, uint32_t seen, int timeout_ms)
{
    CHECK(timeout_ms >= 0);
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    if (bell->counter == NULL)
        nanosleep(&timeout, NULL);
    else
        syscall(SYS_futex, bell->counter, FUTEX_WAIT, seen, &timeout, NULL, 0);
}
