#include "tests/chaos/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* SQLite's own locks are bytes of the -shm file from SHM_FIRST on, in this order; five readers' at the end
 * (walindex in SQLite's wal.c). */
enum { SHM_FIRST = 120, SHM_WRITE = 0, SHM_CHECKPOINT, SHM_RECOVER, SHM_READ_FIRST };

/* ---- starting ---- */

static void become(const char *const *arguments, const char *log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), input = open("/dev/null", O_RDONLY);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (output < 0 || input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    execv(arguments[0], (char *const *)arguments);
    _exit(127);
}

pid_t process_start(const char *const *arguments, const char *log)
{
    pid_t parent = getpid(), process = fork();
    if (process == 0)
        become(arguments, log, parent);
    if (process < 0) {
        perror("storm: cannot start a process");
        exit(3);
    }
    return process;
}

/* ---- looking ---- */

/* The state letter and the parent, from /proc/PROCESS/stat. False when there is no such process. */
static bool look(pid_t process, char *state, pid_t *parent)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const char *behind_name = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    int number = 0;
    if (behind_name == NULL || sscanf(behind_name, ") %c %d", state, &number) != 2)
        return false;
    *parent = number;
    return true;
}

char process_state(pid_t process)
{
    char state = 0;
    pid_t parent;
    return look(process, &state, &parent) ? state : 0;
}

/* Was it started as `till run … --service NAME`? */
static bool is_worker(pid_t process, const char *name)
{
    char path[64], words[1024];
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)process);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        length = fread(words, 1, sizeof words - 1, file);
        fclose(file);
    }
    words[length] = '\0';
    for (size_t at = 0; at < length; at += strlen(words + at) + 1)
        if (strcmp(words + at, "--service") == 0)
            return strcmp(words + at + strlen("--service") + 1, name) == 0;
    return false;
}

/* Counts the children of `parent`, and finds among them the worker `name`, where one is asked for. */
static int look_at_children(pid_t parent, const char *name, pid_t *found)
{
    int count = 0;
    DIR *folder = opendir("/proc");
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10), of = 0;
        char state = 0;
        if (process <= 0 || !look(process, &state, &of) || of != parent || state == 'Z')
            continue;
        count++;
        if (name != NULL && is_worker(process, name))
            *found = process;
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

pid_t process_find_worker(pid_t supervisor, const char *name)
{
    pid_t found = 0;
    (void)look_at_children(supervisor, name, &found);
    return found;
}

int process_count_children(pid_t parent)
{
    return look_at_children(parent, NULL, NULL);
}

/* ---- locks ---- */

enum { LOOKS = 3, SHM_LOCKS = 8 };

/* A line of /proc/locks. */
struct lock_line {
    bool is_flock, is_exclusive;
    ino_t file;
    long first, last;
};

/* What is seen of a process, all looks together. */
struct seen {
    bool queue, other_queue;
    bool exclusive[SHM_LOCKS], any[SHM_LOCKS]; /* of SQLite's own locks, by place */
};

/* "1: FLOCK  ADVISORY  WRITE 21802 fe:00:10952765 0 EOF"; who only waits has an arrow behind the number. */
static bool read_lock_line(const char *line, pid_t process, struct lock_line *lock)
{
    char kind[16], mode[16], last[24];
    int owner = 0;
    unsigned long file = 0;
    if (sscanf(line, "%*d: %15s %*s %15s %d %*x:%*x:%lu %ld %23s", kind, mode, &owner, &file, &lock->first, last) !=
            6 ||
        owner != process)
        return false;
    lock->is_flock = strcmp(kind, "FLOCK") == 0;
    lock->is_exclusive = strcmp(mode, "WRITE") == 0;
    lock->file = (ino_t)file;
    lock->last = strtol(last, NULL, 10);
    return lock->is_flock || strcmp(kind, "POSIX") == 0;
}

static bool is_file(const struct lock_line *lock, const char *shop, const char *name)
{
    char path[PATH_SIZE];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", shop, name);
    return stat(path, &found) == 0 && found.st_ino == lock->file;
}

static void see_queues(struct seen *seen, const struct lock_line *lock, const char *shop)
{
    static const char *const others[] = {"run/view-orders.lock", "run/view-stock.lock",    "run/view-sales.lock",
                                         "run/view-inbox.lock",  "run/view-journeys.lock", "run/bank.lock"};
    if (is_file(lock, shop, "run/writers-gate.lock") || is_file(lock, shop, "run/writers-counter.lock"))
        seen->queue = true;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        seen->other_queue = seen->other_queue || is_file(lock, shop, others[i]);
}

/* The kernel joins neighbouring locks of one process into one line. */
static void see_places(struct seen *seen, const struct lock_line *lock)
{
    for (long place = 0; place < SHM_LOCKS; place++) {
        if (lock->first > SHM_FIRST + place || lock->last < SHM_FIRST + place)
            continue;
        seen->any[place] = true;
        seen->exclusive[place] = seen->exclusive[place] || lock->is_exclusive;
    }
}

static void look_at_locks(struct seen *seen, pid_t process, const char *shop)
{
    char line[256];
    FILE *locks = fopen("/proc/locks", "re");
    while (locks != NULL && fgets(line, sizeof line, locks) != NULL) {
        struct lock_line lock;
        if (!read_lock_line(line, process, &lock))
            continue;
        if (lock.is_flock)
            see_queues(seen, &lock, shop);
        else if (is_file(&lock, shop, "events.db-shm"))
            see_places(seen, &lock);
    }
    if (locks != NULL)
        fclose(locks);
}

/* Whoever opens the roll or finds the log's index half written takes the writer's lock for a moment, and the
 * checkpointer's beside the one for a recovery. A transaction has a reader's lock too; a checkpoint recovers nothing.
 */
static bool is_writing(const struct seen *seen, bool reading)
{
    return (seen->exclusive[SHM_WRITE] && reading) ||
           (seen->exclusive[SHM_CHECKPOINT] && !seen->exclusive[SHM_RECOVER]);
}

struct holding process_holds(pid_t process, const char *shop)
{
    struct seen seen = {0};
    bool reading = false;
    for (int i = 0; i < LOOKS; i++) /* a long list is read in pieces, and lines that others move may hide ours */
        look_at_locks(&seen, process, shop);
    for (int place = SHM_READ_FIRST; place < SHM_LOCKS; place++)
        reading = reading || seen.any[place];
    return (struct holding){.queue = seen.queue,
                            .other_queue = seen.other_queue,
                            .reading = reading,
                            .writing = is_writing(&seen, reading)};
}
