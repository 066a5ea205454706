#include "tests/support/mishap.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "tests/simulation/memory.h"

enum kind { NOTHING, LIBRARY, SYSTEM, INTERRUPTION };

static struct {
    enum kind kind;
    uint32_t countdown;
    int code;
    bool struck;
    unsigned turn;
    void (*meanwhile)(void); /* in place of the failure */
} mishap;

static bool fails(enum kind kind)
{
    if (mishap.kind != kind || --mishap.countdown > 0)
        return false;
    mishap.kind = NOTHING;
    mishap.struck = true;
    if (mishap.meanwhile != NULL) {
        mishap.meanwhile();
        return false;
    }
    errno = mishap.code;
    return true;
}

static int tick(void *context)
{
    (void)context;
    return fails(INTERRUPTION);
}

static int watch(sqlite3 *database, const char **message, const void *routines)
{
    (void)message, (void)routines;
    sqlite3_progress_handler(database, 1, tick, NULL);
    return SQLITE_OK;
}

void mishap_install(void)
{
    /* SQLite's small private heaps would hide most of its allocations. */
    CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
    memory_install();
    CHECK(sqlite3_auto_extension((void (*)(void))watch) == SQLITE_OK);
}

void mishap_strike(uint32_t nth, int code)
{
    mishap.kind = SYSTEM;
    mishap.countdown = nth;
    mishap.code = code;
    mishap.struck = false;
    mishap.meanwhile = NULL;
}

void mishap_interrupt(uint32_t nth)
{
    mishap_strike(nth, 0);
    mishap.kind = INTERRUPTION;
}

void mishap_meanwhile(uint32_t nth, void (*act)(void))
{
    mishap_strike(nth, 0);
    mishap.meanwhile = act;
}

bool mishap_heal(void)
{
    mishap.kind = NOTHING;
    return mishap.struck;
}

/* ---- the calls that fail. The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) ---- */

#define CALL(kind, type, name, failure, parameters, arguments)                                                         \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(kind) ? (failure) : __real_##name arguments;                                                      \
    }
#define SYSTEM_CALL(type, name, failure, parameters, arguments) CALL(SYSTEM, type, name, failure, parameters, arguments)
#define LIBRARY_CALL(type, name, parameters, arguments)         CALL(LIBRARY, type, name, NULL, parameters, arguments)

LIBRARY_CALL(void *, arena_alloc, (struct arena * arena, size_t size), (arena, size))
LIBRARY_CALL(void *, arena_alloc_array, (struct arena * arena, size_t count, size_t size), (arena, count, size))
LIBRARY_CALL(char *, arena_copy, (struct arena * arena, const char *text), (arena, text))
LIBRARY_CALL(char *, arena_copy_text, (struct arena * arena, const char *text, size_t length), (arena, text, length))
LIBRARY_CALL(void *, tsearch, (const void *key, void **root, int (*compare)(const void *, const void *)),
             (key, root, compare))

/* SQLite's only allocation for the backup itself, which says so where SQLite always does. */
sqlite3_backup *__real_sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from, const char *from_name);

static sqlite3_backup *backup_without_memory(sqlite3 *to, const char *to_name, sqlite3 *from, const char *from_name)
{
    memory_fail(1);
    sqlite3_backup *backup = __real_sqlite3_backup_init(to, to_name, from, from_name);
    (void)memory_heal();
    return backup;
}

CALL(LIBRARY, sqlite3_backup *, sqlite3_backup_init, backup_without_memory(to, to_name, from, from_name),
     (sqlite3 * to, const char *to_name, sqlite3 *from, const char *from_name), (to, to_name, from, from_name))

SYSTEM_CALL(int, stat, -1, (const char *path, struct stat *found), (path, found))
SYSTEM_CALL(int, lstat, -1, (const char *path, struct stat *found), (path, found))
SYSTEM_CALL(int, fstat, -1, (int descriptor, struct stat *found), (descriptor, found))
SYSTEM_CALL(int, scandir, -1,
            (const char *path, struct dirent ***entries, int (*choose)(const struct dirent *),
             int (*compare)(const struct dirent **, const struct dirent **)),
            (path, entries, choose, compare))
SYSTEM_CALL(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
SYSTEM_CALL(int, flock, -1, (int descriptor, int operation), (descriptor, operation))
SYSTEM_CALL(int, timer_create, -1, (clockid_t clock, struct sigevent *event, timer_t *timer), (clock, event, timer))
SYSTEM_CALL(int, fsync, -1, (int descriptor), (descriptor))
SYSTEM_CALL(ssize_t, write, -1, (int descriptor, const void *bytes, size_t length), (descriptor, bytes, length))
SYSTEM_CALL(ssize_t, read, -1, (int descriptor, void *bytes, size_t length), (descriptor, bytes, length))
SYSTEM_CALL(int, unlink, -1, (const char *path), (path))
SYSTEM_CALL(int, unlinkat, -1, (int folder, const char *path, int flags), (folder, path, flags))
SYSTEM_CALL(int, symlink, -1, (const char *target, const char *path), (target, path))
SYSTEM_CALL(int, link, -1, (const char *from, const char *to), (from, to))
SYSTEM_CALL(int, rename, -1, (const char *from, const char *to), (from, to))
SYSTEM_CALL(ssize_t, readlink, -1, (const char *path, char *target, size_t size), (path, target, size))
SYSTEM_CALL(DIR *, opendir, NULL, (const char *path), (path))
SYSTEM_CALL(int, ftruncate, -1, (int descriptor, off_t length), (descriptor, length))
SYSTEM_CALL(int, posix_fallocate, mishap.code, (int descriptor, off_t from, off_t length), (descriptor, from, length))
SYSTEM_CALL(void *, mmap, MAP_FAILED,
            (void *address, size_t length, int protection, int flags, int descriptor, off_t from),
            (address, length, protection, flags, descriptor, from))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails(SYSTEM) ? -1 : __real_open(path, flags, mode);
}

/* A path of ours that becomes too long. */
enum status __real_path_join(char path[PATH_SIZE], const char *folder, struct error *error, const char *format, ...);
enum status __wrap_path_join(char path[PATH_SIZE], const char *folder, struct error *error, const char *format, ...)
    PRINTF_LIKE(4, 5);
enum status __wrap_path_join(char path[PATH_SIZE], const char *folder, struct error *error, const char *format, ...)
{
    char name[2 * PATH_SIZE]; /* so that what is too long stays so */
    va_list rest;
    va_start(rest, format);
    (void)vsnprintf(name, sizeof name, format, rest);
    va_end(rest);
    return __real_path_join(path, fails(SYSTEM) ? "" : folder, error, "%s", name);
}

enum status __real_path_format(char path[PATH_SIZE], struct error *error, const char *format, ...);
enum status __wrap_path_format(char path[PATH_SIZE], struct error *error, const char *format, ...) PRINTF_LIKE(3, 4);
enum status __wrap_path_format(char path[PATH_SIZE], struct error *error, const char *format, ...)
{
    char name[2 * PATH_SIZE]; /* so that what is too long stays so */
    va_list rest;
    va_start(rest, format);
    (void)vsnprintf(name, sizeof name, format, rest);
    va_end(rest);
    if (!fails(SYSTEM))
        return __real_path_format(path, error, "%s", name);
    path[0] = '\0';
    return error_set(error, STATUS_INVALID, "a path is too long");
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- doing it again and again ---- */

static void judge(enum status status, bool struck, uint32_t nth, const char *what, const struct error *error)
{
    cr_assert(struck || status == STATUS_OK, "nothing failed, and yet: %s", error->text);
    cr_assert(status == STATUS_OK || error->text[0] != '\0', "call %u, %s: %s without a sentence", nth, what,
              status_name(status));
}

/* Returns whether the `nth` call of the kind came at all. */
static bool try_once(deed_function *deed, void *context, enum kind kind, uint32_t nth, const char *what,
                     enum status *status)
{
    struct error error = {.text = ""};
    mishap.kind = kind;
    mishap.countdown = nth;
    mishap.struck = false;
    mishap.meanwhile = NULL;
    *status = deed(context, mishap.turn++, &error);
    mishap.kind = NOTHING;
    judge(*status, mishap.struck, nth, what, &error);
    return mishap.struck;
}

typedef void fail_function(uint32_t nth);

static bool try_without_heap(deed_function *deed, void *context, fail_function *fail, uint32_t nth, enum status *status)
{
    struct error error = {.text = ""};
    fail(nth);
    *status = deed(context, mishap.turn++, &error);
    const bool struck = memory_heal();
    judge(*status, struck, nth, "no memory", &error);
    return struck;
}

static void survives_no_heap(deed_function *deed, void *context, fail_function *fail, unsigned stride)
{
    enum status status = STATUS_OK;
    for (uint32_t nth = 1; try_without_heap(deed, context, fail, nth, &status); nth += getenv("TILL_LONG") ? 1 : stride)
        cr_assert(status == STATUS_OK || status == STATUS_MEMORY, "allocation %u: %s", nth, status_name(status));
}

/* What the deed keeps for the next time (a statement that was prepared) is there before the last allocations of the
 * first time have had their turn: hence twice, or each of our own, which are few, beside a sample of SQLite's. An arena
 * and a tree seldom ask the heap, or where we do not see it, so their own answers fail as well. */
void survives_no_memory(deed_function *deed, void *context, unsigned stride)
{
    enum status status = STATUS_OK;
    survives_no_heap(deed, context, memory_fail, stride);
    survives_no_heap(deed, context, stride == 1 ? memory_fail : memory_fail_ours, 1);
    for (uint32_t nth = 1; try_once(deed, context, LIBRARY, nth, "no memory", &status); nth++)
        cr_assert(status == STATUS_OK || status == STATUS_MEMORY, "in a library, %u: %s", nth, status_name(status));
}

void survives_system_errors(deed_function *deed, void *context)
{
    static const int codes[] = {EIO, EINTR, ENOENT, EEXIST, EWOULDBLOCK, ENOSPC};
    enum status status;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        uint32_t nth = 0;
        mishap.code = codes[i];
        do
            nth++;
        while (try_once(deed, context, SYSTEM, nth, strerror(codes[i]), &status));
    }
}

void survives_some_interruptions(deed_function *deed, void *context, unsigned stride)
{
    enum status status;
    uint32_t nth = 1;
    while (try_once(deed, context, INTERRUPTION, nth, "an interruption", &status))
        nth += stride;
}

void survives_interruptions(deed_function *deed, void *context, unsigned stride)
{
    survives_some_interruptions(deed, context, getenv("TILL_LONG") != NULL ? 1 : stride);
}
