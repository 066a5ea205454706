#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* glibc 2.36 has the field but not its name */
#endif

enum {
    TICK_MS = 2,
    ASKERS_ROUND_MS = 5,
    ASKERS_ROUNDS_MAX = 200, /* a second in all, for who asked and was then not given the processor */
};

#define NS_PER_MS 1000000L

enum status path_join(char path[PATH_SIZE], const char *folder, struct error *error, const char *format, ...)
{
    const size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    const size_t used = (size_t)snprintf(path, PATH_SIZE, "%s%s", folder, slash); /* a failure is a large number */
    if (length > 0 && used < PATH_SIZE) {
        va_list arguments;
        va_start(arguments, format);
        const size_t more = (size_t)vsnprintf(path + used, PATH_SIZE - used, format, arguments);
        va_end(arguments);
        if (more < PATH_SIZE - used)
            return STATUS_OK;
    }
    path[0] = '\0'; /* a path that was cut would name another file */
    if (length == 0)
        return error_set(error, STATUS_INVALID, "a path needs a folder: name one, \".\" for this one");
    return error_set(error, STATUS_INVALID, "a path here would be longer than %d bytes: use a shorter folder",
                     PATH_SIZE - 1);
}

enum status path_format(char path[PATH_SIZE], struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t length = (size_t)vsnprintf(path, PATH_SIZE, format, arguments);
    va_end(arguments);
    if (length < PATH_SIZE)
        return STATUS_OK;
    path[0] = '\0';
    return error_set(error, STATUS_INVALID, "a path here would be longer than %d bytes", PATH_SIZE - 1);
}

enum status path_beside(char path[PATH_SIZE], const char *name, struct error *error)
{
    char self[PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return error_errno(error, "find", "this program");
    self[length] = '\0';
    return path_format(path, error, "%.*s/%s", (int)(strrchr(self, '/') - self), self, name);
}

enum status file_make_folder(const char *path, struct error *error)
{
    struct stat found;
    if (mkdir(path, 0700) == 0)
        return STATUS_OK;
    if (errno == EEXIST && stat(path, &found) == 0) {
        if (S_ISDIR(found.st_mode))
            return STATUS_OK;
        errno = ENOTDIR;
    }
    return error_errno(error, "make the folder", path);
}

bool file_exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

/* ---- what is ours ---- */

static enum status refuse_others(const struct stat *found, const char *path, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    (void)text_safe(safe, path);
    if ((found->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(error, STATUS_IO,
                         "others may write to %s (its mode is %04o), so it cannot be trusted: chmod go-w %s", safe,
                         found->st_mode & 07777U, safe);
    if (found->st_uid != geteuid() && found->st_uid != 0 && geteuid() != 0)
        return error_set(error, STATUS_IO, "%s belongs to another user (number %ju), who may write to it: ask them",
                         safe, (uintmax_t)found->st_uid);
    return STATUS_OK;
}

static enum status refuse_irregular(const char *path, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_IO,
                     "%s is no regular file (but a link, a FIFO or the like), so it cannot be trusted: "
                     "put the file itself there, or nothing",
                     text_safe(safe, path));
}

static enum status judge_file(const struct stat *found, const char *path, struct error *error)
{
    return S_ISREG(found->st_mode) ? refuse_others(found, path, error) : refuse_irregular(path, error);
}

/* What is not there, or went meanwhile with its folder, needs no judgement. */
static enum status not_there(const char *path, struct error *error)
{
    return errno == ENOENT || errno == ENOTDIR ? STATUS_OK : error_errno(error, "look at", path);
}

enum status file_check_ours(const char *path, struct error *error)
{
    struct stat found;
    return stat(path, &found) == 0 ? refuse_others(&found, path, error) : not_there(path, error);
}

enum status file_check_regular(const char *path, struct error *error)
{
    struct stat found;
    return lstat(path, &found) == 0 ? judge_file(&found, path, error) : not_there(path, error);
}

static enum status check_link(const char *path, struct error *error)
{
    char target[PATH_SIZE];
    const ssize_t length = readlink(path, target, sizeof target);
    if (length < 0)
        return not_there(path, error);
    return memchr(target, '/', (size_t)length) == NULL ? STATUS_OK : refuse_irregular(path, error);
}

static enum status check_entry(const char *folder, const char *name, struct error *error)
{
    char path[PATH_SIZE];
    struct stat found;
    const enum status status = path_join(path, folder, error, "%s", name);
    if (status != STATUS_OK)
        return status;
    if (lstat(path, &found) != 0)
        return not_there(path, error);
    if (S_ISLNK(found.st_mode))
        return check_link(path, error);
    return S_ISDIR(found.st_mode) ? refuse_others(&found, path, error) : judge_file(&found, path, error);
}

static int is_neither_here_nor_above(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

enum status file_check_folder(const char *path, struct error *error)
{
    struct dirent **entries = NULL;
    enum status status = file_check_ours(path, error);
    if (status != STATUS_OK)
        return status;
    const int count = scandir(path, &entries, is_neither_here_nor_above, NULL);
    if (count < 0)
        return not_there(path, error);
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK)
            status = check_entry(path, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum status file_open_regular(int *descriptor, const char *path, int flags, struct error *error)
{
    CHECK((flags & O_TRUNC) == 0);
    struct stat found;
    *descriptor = -1;
    /* O_NONBLOCK, which a regular file does not mind, so that no FIFO is waited for. */
    const int opened = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (opened < 0) /* of a link; of a FIFO that nobody reads, or a socket; of a folder */
        return errno == ELOOP || errno == ENXIO || errno == EISDIR ? refuse_irregular(path, error)
                                                                   : error_errno(error, "open", path);
    const enum status status =
        fstat(opened, &found) == 0 ? judge_file(&found, path, error) : error_errno(error, "look at", path);
    if (status == STATUS_OK)
        *descriptor = opened;
    else
        (void)close(opened);
    return status;
}

/* ---- bytes ---- */

ssize_t file_read_up_to(int descriptor, char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        const ssize_t got = read(descriptor, bytes + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

bool file_write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* ---- waiting for a lock, but not for ever ----
 *
 * flock() has no timeout, and polling would lose the kernel's queue: who polls is overtaken by who waits. So we wait in
 * flock() and have a timer interrupt it. The timer repeats, because its first tick may come after the deadline was last
 * looked at and before the wait begins; the next one then ends the wait. */

static void wake(int signal_number)
{
    (void)signal_number; /* its arrival alone makes flock() return EINTR */
}

/* A real-time signal, which nobody else here uses, for this thread only. */
static int tick_signal(void)
{
    return SIGRTMIN + 3;
}

static void install_wake(void)
{
    struct sigaction action = {.sa_handler = wake}; /* no SA_RESTART */
    CHECK(sigemptyset(&action.sa_mask) == 0);
    CHECK(sigaction(tick_signal(), &action, NULL) == 0);
}

static bool start_ticks(timer_t *timer, int first_ms)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = tick_signal()};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, timer) != 0)
        return false;
    const struct itimerspec ticks = {
        .it_value = {.tv_sec = first_ms / 1000, .tv_nsec = first_ms % 1000 * NS_PER_MS},
        .it_interval = {.tv_nsec = TICK_MS * NS_PER_MS},
    };
    CHECK(timer_settime(*timer, 0, &ticks, NULL) == 0);
    return true;
}

static enum status lock_until(int descriptor, int64_t deadline_us)
{
    for (;;) {
        if (flock(descriptor, LOCK_EX) == 0)
            return STATUS_OK;
        if (errno != EINTR)
            return STATUS_IO;
        if (clock_monotonic_us() >= deadline_us)
            return STATUS_BUSY;
    }
}

static enum status lock_with_ticks(int descriptor, int patience_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, install_wake) == 0);

    const int64_t deadline_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    timer_t timer;
    if (!start_ticks(&timer, patience_ms))
        return STATUS_IO;

    sigset_t tick, before;
    CHECK(sigemptyset(&tick) == 0 && sigaddset(&tick, tick_signal()) == 0);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &tick, &before) == 0); /* a thread may have been started with all blocked */
    const enum status status = lock_until(descriptor, deadline_us);
    const int code = errno;
    CHECK(timer_delete(timer) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    errno = code;
    return status;
}

enum status file_descriptor_lock(int descriptor, int patience_ms)
{
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return STATUS_IO;
    return patience_ms <= 0 ? STATUS_BUSY : lock_with_ticks(descriptor, patience_ms);
}

/* file_lock_is_held asks by taking a shared lock for a moment, and that must turn nobody away: who can share the lock
 * has no holder to fear, only others who ask, and outwaits them. */
static enum status lock_past_askers(int descriptor)
{
    enum status status = file_descriptor_lock(descriptor, 0);
    for (int i = 0; i < ASKERS_ROUNDS_MAX && status == STATUS_BUSY; i++) {
        if (flock(descriptor, LOCK_SH | LOCK_NB) != 0)
            return errno == EWOULDBLOCK ? STATUS_BUSY : STATUS_IO;
        status = file_descriptor_lock(descriptor, ASKERS_ROUND_MS); /* gives up the shared lock first */
    }
    return status;
}

/* Opens the lock's file and takes it: within `patience_ms`, or at once when that is 0. */
static enum status open_and_lock(struct file_lock *lock, const char *path, int patience_ms, struct error *error)
{
    int descriptor;
    *lock = FILE_LOCK_NONE;
    enum status status = file_open_regular(&descriptor, path, O_RDWR | O_CREAT, error);
    if (status != STATUS_OK)
        return status;
    status = patience_ms > 0 ? file_descriptor_lock(descriptor, patience_ms) : lock_past_askers(descriptor);
    if (status == STATUS_OK) {
        lock->descriptor = descriptor;
        return STATUS_OK;
    }
    char safe[TEXT_SAFE_SIZE];
    if (status == STATUS_BUSY)
        (void)error_set(error, STATUS_BUSY, "somebody else holds the lock %s: try again when they are done",
                        text_safe(safe, path));
    else
        (void)error_errno(error, "lock", path);
    (void)close(descriptor);
    return status;
}

enum status file_lock_wait(struct file_lock *lock, const char *path, int patience_ms, struct error *error)
{
    return open_and_lock(lock, path, patience_ms, error);
}

enum status file_lock_try(struct file_lock *lock, const char *path, struct error *error)
{
    return open_and_lock(lock, path, 0, error);
}

void file_lock_release(struct file_lock *lock)
{
    if (lock->descriptor < 0)
        return;
    /* Unlocked by name, because a child that was forked and has not exec'ed yet keeps the open file alive. */
    (void)flock(lock->descriptor, LOCK_UN);
    (void)close(lock->descriptor);
    *lock = FILE_LOCK_NONE;
}

bool file_lock_is_held(const char *path)
{
    int descriptor;
    if (file_open_regular(&descriptor, path, O_RDONLY, NULL) != STATUS_OK)
        return false;
    const bool held = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(descriptor);
    return held;
}

enum status file_sync(const char *path, struct error *error)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_errno(error, "open", path);
    enum status status = STATUS_OK;
    if (fsync(descriptor) != 0)
        status = error_errno(error, "write to disk", path);
    (void)close(descriptor);
    return status;
}

/* ---- files that are there whole or not at all ---- */

enum status path_draft(char draft[PATH_SIZE], const char *path, struct error *error)
{
    char suffix[UUID_TEXT_SIZE];
    uuid_to_text(uuid_random(), suffix);
    return path_format(draft, error, "%s.draft-%s", path, suffix);
}

static enum status sync_folder_of(const char *path, struct error *error)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 1 : (int)(slash - path) + 1;
    CHECK(path_format(folder, error, "%.*s", length, slash == NULL ? "." : path) == STATUS_OK); /* link() took it */
    return file_sync(folder, error);
}

/* link() and not rename(), which would overwrite. */
enum status file_publish(const char *draft, const char *path, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    enum status status = STATUS_OK;
    if (link(draft, path) == 0)
        status = sync_folder_of(path, error);
    else if (errno == EEXIST)
        status = error_set(error, STATUS_REFUSED, "%s is there already: nothing is overwritten", text_safe(safe, path));
    else
        status = error_errno(error, "make", path);
    (void)unlink(draft);
    return status;
}

enum status file_write_new(const char *path, const char *bytes, size_t length, struct error *error)
{
    char draft[PATH_SIZE];
    enum status status = path_draft(draft, path, error);
    if (status != STATUS_OK)
        return status;
    const int descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return error_errno(error, "make", path);
    if (!file_write_all(descriptor, bytes, length) || fsync(descriptor) != 0)
        status = error_errno(error, "write", path);
    (void)close(descriptor);
    if (status == STATUS_OK)
        return file_publish(draft, path, error);
    (void)unlink(draft);
    return status;
}

enum status file_read_small(const char *path, char *text, size_t size, size_t *length, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    *length = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_errno(error, "open", path);
    const ssize_t got = file_read_up_to(descriptor, text, size);
    enum status status = STATUS_OK;
    if (got < 0)
        status = error_errno(error, "read", path);
    else if ((size_t)got == size)
        status = error_set(error, STATUS_INVALID, "%s is too long to be what it should be", text_safe(safe, path));
    (void)close(descriptor);
    if (status == STATUS_OK) {
        text[got] = '\0';
        *length = (size_t)got;
    }
    return status;
}
