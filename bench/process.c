#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 16, LOOK_AGAIN_US = 1000 };

static void die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we could ask to die with it */
        _exit(EXIT_FAILURE);
}

/* Of the child: becomes the program, or says down the pipe why not. */
static void become(const char *program, const char *const *words, int told)
{
    const char *argv[WORDS_MAX + 1] = {program};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i + 1 < WORDS_MAX && words[i] != NULL; i++)
        argv[i + 1] = words[i];
    if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
        execv(program, (char *const *)argv);
    (void)!write(told, &errno, sizeof errno);
    _exit(EXIT_FAILURE);
}

enum status process_start(pid_t *process, const char *program, const char *const *words, struct error *error)
{
    int ends[2], why = 0;
    const pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(error, "make", "a pipe");
    *process = fork();
    if (*process == 0) {
        die_with(parent);
        become(program, words, ends[1]);
    }
    close(ends[1]);
    bool failed = *process < 0 || read(ends[0], &why, sizeof why) == sizeof why;
    close(ends[0]);
    if (!failed)
        return STATUS_OK;
    if (*process > 0)
        waitpid(*process, NULL, 0);
    errno = why != 0 ? why : errno;
    return error_errno(error, "start", program);
}

static enum status judge(int ended, struct error *error)
{
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == EXIT_SUCCESS)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "a process of the benchmark ended with %s %d",
                     WIFSIGNALED(ended) ? "signal" : "code", WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
}

enum status process_wait(pid_t process, struct error *error)
{
    int ended = 0;
    while (waitpid(process, &ended, 0) < 0 && errno == EINTR)
        ;
    return judge(ended, error);
}

/* What `ps` calls the high-water mark. (What wait4() says would be that of our own copy before it became the program.)
 */
static int64_t peak_of(pid_t process)
{
    char path[64], line[128];
    long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoll(line + 6, NULL, 10);
    fclose(file);
    return kib * 1024;
}

enum status process_wait_peak(pid_t process, int64_t *peak_bytes, struct error *error)
{
    int ended = 0;
    *peak_bytes = 0;
    while (waitpid(process, &ended, WNOHANG) == 0) {
        int64_t peak = peak_of(process);
        *peak_bytes = peak > *peak_bytes ? peak : *peak_bytes;
        usleep(LOOK_AGAIN_US);
    }
    return judge(ended, error);
}

void process_kill(pid_t process)
{
    if (process <= 0)
        return;
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

void process_stop(pid_t process)
{
    kill(process, SIGTERM);
    waitpid(process, NULL, 0);
}

static int64_t used_us(pid_t process)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

int64_t process_family_us(pid_t process)
{
    char path[64], children[256] = "";
    size_t length = 0;
    long child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)process);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        length = fread(children, 1, sizeof children - 1, file);
        fclose(file);
    }
    children[length] = '\0';
    int64_t sum_us = used_us(process);
    for (char *at = children, *end; (child = strtol(at, &end, 10)) != 0; at = end)
        sum_us += used_us((pid_t)child);
    return sum_us;
}
