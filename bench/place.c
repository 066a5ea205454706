#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "bench/bench.h"

enum {
    BYTES_AN_EVENT = 3000, /* both rolls, a log each, five views and their rebuilds */
    BYTES_AT_LEAST = 256 << 20,
    DESCRIPTORS_MAX = 16,
    REMOVE_TRIES = 100, /* what dies with us may still write for a moment */
    REMOVE_PAUSE_US = 20000,
};

static pid_t janitor;
static int lifeline = -1; /* the janitor reads from its other end, and cleans up when nobody holds this one any more */

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found, (void)kind, (void)where;
    return remove(path);
}

void place_empty(const char *folder)
{
    for (int i = 0; i < REMOVE_TRIES && nftw(folder, remove_one, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS) != 0; i++)
        usleep(REMOVE_PAUSE_US);
}

static void clean_up_after(int end, const char *folder)
{
    char byte;
    setsid(); /* a signal for the terminal's whole group is not for us */
    signal(SIGTERM, SIG_IGN);
    while (read(end, &byte, 1) == -1 && errno == EINTR)
        ;
    place_empty(folder);
    _exit(0);
}

static enum status start_janitor(const char *folder, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(error, "make", "a pipe");
    janitor = fork();
    if (janitor < 0)
        return error_errno(error, "start", "a process");
    if (janitor == 0) {
        close(ends[1]);
        clean_up_after(ends[0], folder);
    }
    close(ends[0]);
    lifeline = ends[1];
    return STATUS_OK;
}

/* A disk, with room? In memory nothing is synced, and the figures would be dreams. */
static enum status check_place(const char *folder, uint64_t events, struct error *error)
{
    struct statfs system;
    struct statvfs room;
    char safe[TEXT_SAFE_SIZE];
    uint64_t needed = BYTES_AT_LEAST + events * BYTES_AN_EVENT;
    if (statfs(folder, &system) != 0 || statvfs(folder, &room) != 0)
        return error_errno(error, "look at", folder);
    if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC)
        return error_set(error, STATUS_UNAVAILABLE,
                         "%s is in memory, where a sync costs nothing: set TMPDIR to a folder on a disk",
                         text_safe(safe, folder));
    if ((uint64_t)room.f_bavail * room.f_frsize < needed)
        return error_set(error, STATUS_FULL, "%s has no room for %llu MiB: set TMPDIR, or ask for fewer events",
                         text_safe(safe, folder), (unsigned long long)(needed >> 20));
    return STATUS_OK;
}

enum status place_make(char folder[PATH_SIZE], uint64_t events, struct error *error)
{
    char here[PATH_SIZE];
    const char *parent = getenv("TMPDIR");
    enum status status = STATUS_NOT_FOUND;
    if (parent != NULL && parent[0] != '\0')
        status = check_place(parent, events, error);
    if (status != STATUS_OK) {
        if (getcwd(here, sizeof here) == NULL)
            return error_errno(error, "find", "the current folder");
        parent = here;
        status = check_place(parent, events, error);
    }
    if (status == STATUS_OK)
        status = path_join(folder, parent, error, "till-bench-XXXXXX");
    if (status != STATUS_OK)
        return status;
    if (mkdtemp(folder) == NULL)
        return error_errno(error, "make the folder", folder);
    status = start_janitor(folder, error);
    if (status != STATUS_OK)
        place_empty(folder);
    return status;
}

void place_remove(void)
{
    if (janitor <= 0)
        return;
    close(lifeline);
    waitpid(janitor, NULL, 0);
    janitor = 0;
}

enum status place_folder(const struct bench *bench, char folder[PATH_SIZE], const char *name, struct error *error)
{
    enum status status = path_join(folder, bench->folder, error, "%s", name);
    return status == STATUS_OK ? file_make_folder(folder, error) : status;
}
