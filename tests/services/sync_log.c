#include "tests/services/sync_log.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LETTERS_MAX = 4096 };

static char letters[LETTERS_MAX + 1];
static size_t length;
static char failing_letter;
static int calls_before_failure, failure;

void sync_log_start(void)
{
    length = 0;
    letters[0] = '\0';
    failing_letter = '\0';
}

const char *sync_log(void)
{
    return letters;
}

void sync_log_fail(char letter, int number, int code)
{
    failing_letter = letter;
    calls_before_failure = number - 1;
    failure = code;
}

/* Writes the letter down; false when this call shall fail, with errno set. */
static bool may_go_on(char letter)
{
    if (length < LETTERS_MAX) {
        letters[length++] = letter;
        letters[length] = '\0';
    }
    if (letter != failing_letter || calls_before_failure-- > 0)
        return true;
    failing_letter = '\0';
    errno = failure;
    return false;
}

int fdatasync(int descriptor)
{
    return may_go_on('d') ? (int)syscall(SYS_fdatasync, descriptor) : -1;
}

int fsync(int descriptor)
{
    return may_go_on('f') ? (int)syscall(SYS_fsync, descriptor) : -1;
}

int syncfs(int descriptor)
{
    return may_go_on('s') ? (int)syscall(SYS_syncfs, descriptor) : -1;
}

int renameat(int old_folder, const char *old_name, int new_folder, const char *new_name)
{
    return may_go_on('r') ? (int)syscall(SYS_renameat2, old_folder, old_name, new_folder, new_name, 0) : -1;
}
