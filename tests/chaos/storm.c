#include "tests/chaos/storm.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum {
    TICK_NS = 1000000,
    LOOK_EVERY_US = 200000, /* at the disk */
    ENDING_MAX_US = 30000000,
    BREACHES_MAX = 20, /* then it is enough */
};

/* Of all databases, their logs and our log: a log that nobody checkpoints has filled a disk before. */
#define ROOM_BYTES_MAX(seconds) ((int64_t)(64 + 16 * ((seconds) < 240 ? (seconds) : 240)) << 20)

/* ---- dice ---- */

uint64_t dice_throw(struct dice *dice)
{
    uint64_t mixed = dice->state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

int64_t dice_between(struct dice *dice, int64_t low, int64_t high)
{
    return low + (int64_t)(dice_throw(dice) % (uint64_t)(high - low + 1));
}

/* ---- sentences ---- */

void storm_breach(struct storm *storm, const char *format, ...)
{
    va_list arguments;
    if (++storm->breaches > BREACHES_MAX)
        return;
    va_start(arguments, format);
    fputs("storm: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* ---- the disk ---- */

static int64_t bytes_in(const char *folder)
{
    int64_t bytes = 0;
    DIR *entries = opendir(folder);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        struct stat found;
        if (fstatat(dirfd(entries), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode))
            bytes += (int64_t)found.st_blocks * 512;
    }
    if (entries != NULL)
        closedir(entries);
    return bytes;
}

/* Mails are not counted: there are as many as orders, and of those there is a ceiling. */
static void look_at_disk(struct storm *storm, int64_t now_us)
{
    static int64_t next_us;
    char views[PATH_SIZE];
    if (now_us < next_us || storm->over)
        return;
    next_us = now_us + LOOK_EVERY_US;
    snprintf(views, sizeof views, "%s/views", storm->shop);
    int64_t bytes = bytes_in(storm->shop) + bytes_in(views) + bytes_in(storm->work);
    if (bytes <= ROOM_BYTES_MAX(storm->seconds))
        return;
    storm_breach(storm, "the shop takes %lld MiB: that is too much for %d s", (long long)(bytes >> 20), storm->seconds);
    storm->ends_at_us = now_us;
}

/* ---- the loop ---- */

static void reap(struct storm *storm)
{
    int ended;
    for (pid_t process; (process = waitpid(-1, &ended, WNOHANG)) > 0;) {
        int64_t now_us = clock_monotonic_us();
        if (!customers_reap(storm->customers, process, ended, now_us))
            (void)strikes_reap(storm->strikes, process, ended, now_us); /* else an orphan, who is welcome */
    }
}

/* Waits for a child's end, a tick, or the end of the storm. */
static void wait_a_moment(const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};
    int number = sigtimedwait(signals, NULL, &tick);
    if (number == SIGINT || number == SIGTERM)
        exit(4); /* and all that we started die with us */
}

static void end_all(struct storm *storm, const sigset_t *signals)
{
    int64_t deadline_us = clock_monotonic_us() + ENDING_MAX_US;
    storm->over = true;
    strikes_end(storm->strikes);
    while (!customers_are_done(storm->customers) || !strikes_are_done(storm->strikes)) {
        wait_a_moment(signals);
        reap(storm);
        strikes_go_on(storm->strikes, clock_monotonic_us());
        if (clock_monotonic_us() > deadline_us) {
            storm_breach(storm, "not everybody had ended %d s after the storm", ENDING_MAX_US / 1000000);
            return;
        }
    }
}

static void rage(struct storm *storm)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    while (clock_monotonic_us() < storm->ends_at_us && storm->breaches <= BREACHES_MAX) {
        wait_a_moment(&signals);
        reap(storm);
        customers_go_on(storm->customers);
        strikes_go_on(storm->strikes, clock_monotonic_us());
        look_at_disk(storm, clock_monotonic_us());
    }
    end_all(storm, &signals);
}

/* ---- the program ---- */

static bool read_options(struct storm *storm, char **arguments, int count)
{
    char *end;
    if (count < 5)
        return false;
    storm->run_options = arguments + 5;
    storm->till = arguments[1];
    storm->work = arguments[2];
    storm->seconds = (int)strtol(arguments[3], &end, 10);
    if (*end != '\0' || storm->seconds < 1)
        return false;
    storm->seed = strtoull(arguments[4], &end, 10);
    return *end == '\0';
}

int main(int argc, char **argv)
{
    struct storm storm = {0};
    if (!read_options(&storm, argv, argc)) {
        fprintf(stderr,
                "usage: %s TILL WORK SECONDS SEED [OPTION OF till run]...\nWORK/shop is the shop; scripts/chaos.sh "
                "makes it.\n",
                argv[0]);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    snprintf(storm.shop, sizeof storm.shop, "%s/shop", storm.work);
    snprintf(storm.log, sizeof storm.log, "%s/log", storm.work);
    snprintf(storm.journal_path, sizeof storm.journal_path, "%s/journal", storm.work);
    storm.started_us = clock_monotonic_us();
    storm.ends_at_us = storm.started_us + (int64_t)storm.seconds * 1000000;
    storm.delays = delays_open(&storm);
    storm.customers = customers_open(&storm);
    storm.strikes = strikes_open(&storm);
    rage(&storm);
    customers_report(storm.customers);
    strikes_report(storm.strikes);
    delays_report(storm.delays);
    strikes_close(storm.strikes);
    customers_close(storm.customers);
    delays_close(storm.delays);
    return storm.breaches == 0 ? 0 : 1;
}
