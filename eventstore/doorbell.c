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

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum { BELL_FILE_BYTES = 4096 /* one page: what mmap gives anyway */ };

enum status doorbell_open(struct doorbell *bell, const char *path, struct error *error)
{
    int descriptor;
    bell->counter = NULL;
    enum status status = file_open_regular(&descriptor, path, O_RDWR | O_CREAT, error);
    if (status != STATUS_OK)
        return status;
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

/* These five bits of the hash keep apart what is said of every order; the lowest do not. */
uint32_t doorbell_tone(const char *name)
{
    return UINT32_C(1) << (text_hash(name) >> 5) % 32;
}

void doorbell_ring(struct doorbell *bell, uint32_t tones)
{
    if (bell->counter == NULL)
        return;
    __atomic_add_fetch(bell->counter, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, bell->counter, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, tones);
}

void doorbell_wait(struct doorbell *bell, uint32_t seen, uint32_t tones, int timeout_ms)
{
    CHECK(timeout_ms >= 0 && tones != 0);
    const int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    const struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    if (bell->counter == NULL)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    else
        syscall(SYS_futex, bell->counter, FUTEX_WAIT_BITSET, seen, &until, NULL, tones);
}
