#include "tests/cli/shortage.h"

#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/simulation/memory.h"

enum {
    WORDS_MAX = 32,
    LINE_SIZE = 512,
    CHUNK_SIZE = 65536,
    DESCRIPTORS_MAX = 16,
    NOON_S = 1900000000,
    LOOKS_A_SECOND = 1000
};

int till_main(int argc, char **argv); /* cli/main.c under another name */

static bool is_child;

/* It is noon, and time passes when somebody looks at the clock: "quiet for 3 s" and "in 0.2 s" are always the same. The
 * linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) */
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    static long looks;
    *time = (struct timespec){.tv_sec = NOON_S};
    if (clock != CLOCK_REALTIME && is_child)
        time->tv_sec += ++looks / LOOKS_A_SECOND,
            time->tv_nsec = looks % LOOKS_A_SECOND * (1000000000 / LOOKS_A_SECOND);
    return is_child ? 0 : __real_clock_gettime(clock, time);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void redirect(const char *path, int to)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, to) < 0)
        abort();
}

static int split(char *line, char *words[WORDS_MAX])
{
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < WORDS_MAX - 1;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    words[count] = NULL;
    return count;
}

/* In the child. What a sanitizer finds leaked when it exits stands in .leaks, and shows in the exit code. */
static _Noreturn void live(const char *line, struct shortage shortage, volatile bool *struck)
{
    char text[LINE_SIZE], *words[WORDS_MAX];
    snprintf(text, sizeof text, "%s", line);
    int count = split(text, words);
    is_child = true;
    redirect(".out", STDOUT_FILENO);
    redirect(".err", STDERR_FILENO);
    memory_install();
    if (shortage.of_disk != DISK_SOUND) {
        disk_install();
        disk_fail(shortage.of_disk, shortage.nth, 1);
    }
    memory_fail(shortage.of_memory ? shortage.nth : 0);
    int code = till_main(count, words);
    bool memory_struck = memory_heal();
    *struck = disk_heal() || memory_struck;
    fflush(NULL);
    redirect(".leaks", STDERR_FILENO);
    exit(code);
}

struct attempt attempt(const char *line, struct shortage shortage)
{
    static volatile bool *struck;
    int ended;
    if (struck == NULL)
        struck = mmap(NULL, sizeof *struck, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(struck, MAP_FAILED);
    *struck = false;
    fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        live(line, shortage, struck);
    cr_assert_eq(waitpid(child, &ended, 0), child);
    int code = WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
    return (struct attempt){.answer = answer_of(code), .struck = *struck};
}

static uint64_t look;

/* Added up: a folder gives its entries in any order. */
static int look_at(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    char chunk[CHUNK_SIZE];
    uint64_t digest[crypto_generichash_BYTES_MIN / sizeof(uint64_t)];
    crypto_generichash_state hash;
    (void)where;
    crypto_generichash_init(&hash, NULL, 0, sizeof digest);
    crypto_generichash_update(&hash, (const unsigned char *)path, strlen(path) + 1);
    crypto_generichash_update(&hash, (const unsigned char *)&found->st_mode, sizeof found->st_mode);
    if (kind == FTW_F) {
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        cr_assert_geq(file, 0, "%s", path);
        for (ssize_t length; (length = read(file, chunk, sizeof chunk)) > 0;)
            crypto_generichash_update(&hash, (const unsigned char *)chunk, (size_t)length);
        close(file);
    }
    crypto_generichash_final(&hash, (unsigned char *)digest, sizeof digest);
    look += digest[0];
    return 0;
}

uint64_t look_of(const char *path)
{
    look = 0;
    if (access(path, F_OK) == 0)
        cr_assert_eq(nftw(path, look_at, DESCRIPTORS_MAX, FTW_PHYS), 0, "%s", path);
    return look;
}
