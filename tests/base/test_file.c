#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/base/folder.h"
#include "tests/support/mishap.h"

static struct error error;

TestSuite(path);
TestSuite(file, .init = folder_begin, .fini = folder_end);
TestSuite(file_lock, .init = folder_begin, .fini = folder_end);

/* ---- paths ---- */

Test(path, beside_this_program_is_where_it_stands_itself)
{
    char path[PATH_SIZE];
    cr_assert_eq(path_beside(path, "base_tests", &error), STATUS_OK);
    cr_assert(file_exists(path), "%s", path);
    cr_assert_eq(path_beside(path, "nothing_of_the_kind", &error), STATUS_OK);
    cr_assert_not(file_exists(path));
}

Test(path, joins_a_folder_and_a_name)
{
    char path[PATH_SIZE];
    cr_assert_eq(path_join(path, "shop", &error, "orders.%d.db", 7), STATUS_OK);
    cr_assert_str_eq(path, "shop/orders.7.db");
    cr_assert_eq(path_join(path, "/srv/shop/", &error, "%s", "run"), STATUS_OK);
    cr_assert_str_eq(path, "/srv/shop/run");
    cr_assert_eq(path_join(path, "/", &error, "tmp"), STATUS_OK);
    cr_assert_str_eq(path, "/tmp");
}

Test(path, fits_to_the_last_byte_or_is_refused_whole)
{
    char path[PATH_SIZE], folder[PATH_SIZE + 10];
    for (int length = PATH_SIZE - 6; length < PATH_SIZE + 4; length++) {
        memset(folder, 'x', (size_t)length);
        folder[length] = '\0';
        const bool fits = length + 1 + 3 < PATH_SIZE;
        cr_expect_eq(path_join(path, folder, &error, "abc"), fits ? STATUS_OK : STATUS_INVALID, "%d", length);
        cr_expect_eq(strlen(path), fits ? (size_t)length + 4 : 0, "never a path that was cut");
    }
    memset(folder, 'x', PATH_SIZE);
    folder[PATH_SIZE] = '\0';
    cr_expect_eq(path_join(path, "f", &error, "%s", folder), STATUS_INVALID);
}

Test(path, needs_a_folder)
{
    char path[PATH_SIZE];
    cr_assert_eq(path_join(path, "", &error, "etc"), STATUS_INVALID);
    cr_assert_str_eq(path, "");
}

Test(path, is_written_printfs_way_or_refused_whole)
{
    char path[PATH_SIZE], name[PATH_SIZE + 1];
    cr_assert_eq(path_format(path, &error, "%s-wal", "events.db"), STATUS_OK);
    cr_assert_str_eq(path, "events.db-wal");
    memset(name, 'x', sizeof name - 1);
    name[PATH_SIZE] = '\0';
    cr_assert_eq(path_format(path, &error, "%s", name), STATUS_INVALID);
    cr_assert_eq(path_format(path, &error, "%s", name + 1), STATUS_OK);
    cr_assert_eq(strlen(path), PATH_SIZE - 1);
}

Test(path, beside_this_program_needs_to_know_where_it_stands)
{
    char path[PATH_SIZE];
    mishap_strike(1, EACCES);
    cr_assert_eq(path_beside(path, "base_tests", &error), STATUS_IO);
    cr_assert(strstr(error.text, "cannot find this program") != NULL, "%s", error.text);
}

/* ---- folders and files ---- */

Test(file, a_folder_is_made_for_its_owner_alone_and_once)
{
    struct stat found;
    const char *path = folder_path("views");
    (void)umask(0);
    cr_assert_not(file_exists(path));
    cr_assert_eq(file_make_folder(path, &error), STATUS_OK);
    cr_assert(file_exists(path));
    cr_assert_eq(stat(path, &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0700);
    cr_assert_eq(file_make_folder(path, &error), STATUS_OK);
}

Test(file, a_folder_is_not_made_where_a_file_stands_or_the_parent_is_missing)
{
    const char *path = folder_file("views", "", 0);
    cr_assert_eq(file_make_folder(path, &error), STATUS_IO);
    cr_assert_not_null(strstr(error.text, "Not a directory"), "%s", error.text);
    cr_assert_eq(file_make_folder(folder_path("a/b"), &error), STATUS_NOT_FOUND);
}

Test(file, a_link_to_a_folder_will_do_and_one_to_nowhere_is_nothing)
{
    cr_assert_eq(file_make_folder(folder_path("real"), &error), STATUS_OK);
    cr_assert_eq(symlink("real", folder_path("link")), 0);
    cr_assert_eq(file_make_folder(folder_path("link"), &error), STATUS_OK);
    cr_assert_eq(symlink("nowhere", folder_path("dangling")), 0);
    cr_assert_not(file_exists(folder_path("dangling")));
}

Test(file, what_others_may_write_to_is_not_ours)
{
    static const struct {
        mode_t mode;
        enum status want;
    } cases[] = {{0600, STATUS_OK}, {0755, STATUS_OK}, {0644, STATUS_OK},  {0620, STATUS_IO},
                 {0602, STATUS_IO}, {0777, STATUS_IO}, {01777, STATUS_IO}, {0400, STATUS_OK}};
    const char *path = folder_file("ours", "", 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(chmod(path, cases[i].mode), 0);
        cr_assert_eq(file_check_ours(path, &error), cases[i].want, "%04o", cases[i].mode);
        char mode[32];
        snprintf(mode, sizeof mode, "(its mode is %04o)", cases[i].mode);
        if (cases[i].want == STATUS_IO)
            cr_assert(strstr(error.text, "chmod go-w ") != NULL && strstr(error.text, mode) != NULL, "%s", error.text);
    }
    cr_assert_eq(file_check_ours(folder_path("missing"), &error), STATUS_OK);
}

Test(file, what_another_user_owns_is_not_ours_but_roots_is)
{
    if (geteuid() != 0)
        cr_skip_test("SKIPPED: it takes root to give a file away");
    const char *path = folder_file("theirs", "", 0);
    cr_assert_eq(chmod(folder_path(""), 0755), 0);
    cr_assert_eq(chown(path, 1234, 1234), 0);
    cr_assert_eq(file_check_ours(path, &error), STATUS_OK, "root asks for its owner");
    const char *roots = folder_file("roots", "", 0);
    cr_assert_eq(seteuid(4321), 0);
    cr_assert_eq(file_check_ours(path, &error), STATUS_IO);
    cr_assert(strstr(error.text, "belongs to another user (number 1234)") != NULL, "%s", error.text);
    cr_assert_eq(file_check_ours(roots, &error), STATUS_OK);
    cr_assert_eq(seteuid(0), 0);
}

/* "<folder>/<name>": a file, and beside it, each with the name of its kind, what only looks like one. */
static void make_the_others(const char *folder)
{
    static const char *const names[] = {"victim", "link", "dangling", "fifo", "socket", "folder"};
    const char *path[sizeof names / sizeof *names];
    char name[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        path[i] = folder_path(name);
    }
    snprintf(name, sizeof name, "%s/victim", folder);
    (void)folder_file(name, "its", 3);
    cr_assert_eq(symlink("victim", path[1]), 0);
    cr_assert_eq(symlink("nowhere", path[2]), 0);
    cr_assert_eq(mkfifo(path[3], 0600), 0);
    cr_assert_eq(mknod(path[4], S_IFSOCK | 0600, 0), 0);
    cr_assert_eq(mkdir(path[5], 0700), 0);
}

Test(file, a_regular_file_of_ours_is_opened_or_made_and_nothing_else, .timeout = 10)
{
    static const char *const others[] = {"run/link", "run/dangling", "run/fifo", "run/socket", "run/folder"};
    static const int ways[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT};
    struct stat found;
    int descriptor;
    cr_assert_eq(mkdir(folder_path("run"), 0700), 0);
    make_the_others("run");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
            cr_expect_eq(file_open_regular(&descriptor, folder_path(others[j]), ways[i], &error), STATUS_IO);
            cr_expect(strstr(error.text, others[j]) != NULL && strstr(error.text, " is no regular file") != NULL, "%s",
                      error.text);
            cr_expect_eq(descriptor, -1);
        }
        cr_expect_eq(file_open_regular(&descriptor, folder_path("run/victim"), ways[i], &error), STATUS_OK);
        cr_assert_eq(fstat(descriptor, &found), 0);
        cr_expect_eq(found.st_size, 3);
        cr_assert_eq(close(descriptor), 0);
    }
    cr_expect_not(file_exists(folder_path("run/nowhere")), "nothing is made through a link");
    cr_expect_eq(file_open_regular(&descriptor, folder_path("run/new"), O_RDWR, &error), STATUS_NOT_FOUND);
    cr_expect_eq(descriptor, -1);
    cr_expect_eq(file_open_regular(&descriptor, folder_path("run/new"), O_RDWR | O_CREAT, &error), STATUS_OK);
    cr_assert_eq(fstat(descriptor, &found), 0);
    cr_expect_eq(found.st_mode & 07777, 0600);
    cr_assert_eq(close(descriptor), 0);
    cr_assert_eq(chmod(folder_path("run/new"), 0620), 0);
    cr_expect_eq(file_open_regular(&descriptor, folder_path("run/new"), O_RDWR, &error), STATUS_IO);
    cr_expect_not_null(strstr(error.text, "others may write to "), "%s", error.text);
    cr_expect_eq(descriptor, -1);
}

Test(file, that_cannot_be_looked_at_is_not_opened)
{
    const char *path = folder_file("victim", "its", 3);
    for (uint32_t nth = 1; nth <= 2; nth++) {
        int descriptor;
        mishap_strike(nth, EIO);
        cr_expect_eq(file_open_regular(&descriptor, path, O_RDONLY, &error), STATUS_IO);
        cr_assert(mishap_heal());
        cr_expect_eq(descriptor, -1);
        cr_expect_not_null(strstr(error.text, nth == 1 ? "cannot open " : "cannot look at "), "%s", error.text);
    }
}

Test(file, a_regular_file_of_ours_is_told_from_what_only_looks_like_one)
{
    static const char *const others[] = {"run/link", "run/dangling", "run/fifo", "run/socket", "run/folder"};
    cr_assert_eq(mkdir(folder_path("run"), 0700), 0);
    make_the_others("run");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_eq(file_check_regular(folder_path(others[i]), &error), STATUS_IO, "%s", others[i]);
    cr_expect_eq(file_check_regular(folder_path("run/victim"), &error), STATUS_OK);
    cr_expect_eq(file_check_regular(folder_path("run/missing"), &error), STATUS_OK);
    cr_assert_eq(chmod(folder_path("run/victim"), 0602), 0);
    cr_expect_eq(file_check_regular(folder_path("run/victim"), &error), STATUS_IO);
    mishap_strike(1, EIO);
    cr_expect_eq(file_check_regular(folder_path("run/victim"), &error), STATUS_IO);
    cr_assert(mishap_heal());
    cr_expect_not_null(strstr(error.text, "cannot look at "), "%s", error.text);
}

static enum status check_run(void)
{
    return file_check_folder(folder_path("run"), &error);
}

Test(file, a_folder_is_ours_when_all_that_stands_in_it_is)
{
    static const char *const others[] = {"run/fifo", "run/socket"};
    static const char *const modes[] = {"run/folder", "run/victim", "run"};
    cr_expect_eq(check_run(), STATUS_OK, "it is missing");
    (void)folder_file("run", "", 0);
    cr_expect_eq(check_run(), STATUS_OK, "there is nothing in a file");
    cr_assert_eq(unlink(folder_path("run")), 0);
    cr_assert_eq(mkdir(folder_path("run"), 0700), 0);
    cr_expect_eq(check_run(), STATUS_OK);
    make_the_others("run");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_eq(check_run(), STATUS_IO);
        cr_expect_not_null(strstr(error.text, "is no regular file"), "%s", error.text);
        cr_assert_eq(unlink(folder_path(others[i])), 0);
    }
    cr_expect_eq(check_run(), STATUS_OK, "%s", error.text);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char sentence[64];
        cr_assert_eq(chmod(folder_path(modes[i]), 0770), 0);
        cr_expect_eq(check_run(), STATUS_IO);
        snprintf(sentence, sizeof sentence, "/%s (its mode is 0770)", modes[i]);
        cr_expect_not_null(strstr(error.text, sentence), "%s", error.text);
        cr_assert_eq(chmod(folder_path(modes[i]), 0700), 0);
    }
    cr_assert_eq(symlink("../elsewhere", folder_path("run/out")), 0);
    cr_expect_eq(check_run(), STATUS_IO);
    cr_expect_not_null(strstr(error.text, "run/out is no regular file"), "%s", error.text);
}

/* Look at the folder, read it, look at each of the two in it, and see where the link leads. */
Test(file, a_folder_that_cannot_be_looked_at_is_not_ours_and_what_goes_meanwhile_does_not_count)
{
    static const int gone[] = {ENOENT, ENOTDIR};
    cr_assert_eq(mkdir(folder_path("run"), 0700), 0);
    cr_assert_eq(symlink("file", folder_path("run/link")), 0);
    (void)folder_file("run/file", "", 0);
    for (uint32_t nth = 1; nth <= 5; nth++) {
        mishap_strike(nth, EACCES);
        cr_expect_eq(check_run(), STATUS_IO, "%u", nth);
        cr_assert(mishap_heal(), "%u", nth);
        for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
            mishap_strike(nth, gone[i]);
            cr_expect_eq(check_run(), STATUS_OK, "%u: %s", nth, error.text);
            cr_assert(mishap_heal(), "%u", nth);
        }
    }
    cr_expect_eq(check_run(), STATUS_OK);
}

Test(file, a_folder_whose_files_have_too_long_a_path_is_not_looked_at)
{
    char path[PATH_SIZE] = "run";
    cr_assert_eq(chdir(folder_path("")), 0);
    cr_assert_eq(mkdir("run", 0700), 0);
    (void)folder_file("run/file", "", 0);
    for (size_t length = strlen(path); length < PATH_SIZE - 4; length += 2)
        memcpy(path + length, "/.", sizeof "/.");
    cr_expect_eq(file_check_folder(path, &error), STATUS_INVALID, "%s", error.text);
}

Test(file, a_new_file_is_there_whole_for_its_owner_alone_and_overwrites_nothing)
{
    char text[16];
    size_t length;
    struct stat found;
    const char *path = folder_path("new");
    cr_assert_eq(file_write_new(path, "words", 5, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(stat(path, &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0600);
    cr_assert_eq(found.st_nlink, 1, "its draft is gone");
    cr_assert_eq(file_write_new(path, "other", 5, &error), STATUS_REFUSED);
    cr_assert(strstr(error.text, "is there already: nothing is overwritten") != NULL, "%s", error.text);
    cr_assert_eq(file_read_small(path, text, sizeof text, &length, &error), STATUS_OK);
    cr_assert_eq(length, 5);
    cr_assert_str_eq(text, "words");
    cr_assert_eq(file_read_small(path, text, 6, &length, &error), STATUS_OK);
    cr_assert_eq(file_read_small(path, text, 5, &length, &error), STATUS_INVALID);
    cr_assert_eq(file_read_small(folder_path(""), text, sizeof text, &length, &error), STATUS_IO);
    cr_assert_eq(file_read_small(folder_path("missing"), text, sizeof text, &length, &error), STATUS_NOT_FOUND);
    cr_assert_eq(file_write_new(folder_path("missing/new"), "", 0, &error), STATUS_NOT_FOUND);
}

Test(file, files_and_folders_are_synced_and_what_is_missing_is_said)
{
    cr_assert_eq(file_sync(folder_file("mail", "x", 1), &error), STATUS_OK);
    cr_assert_eq(file_sync(folder_path(""), &error), STATUS_OK);
    cr_assert_eq(file_sync(folder_path("missing"), &error), STATUS_NOT_FOUND);
}

/* ---- locks ---- */

/* A second process that holds the lock until it is told to let go. */
struct holder {
    pid_t process;
    int told; /* closing this end lets the holder go */
};

static void hold(const char *path, int told, int ready)
{
    struct file_lock lock;
    char byte = file_lock_try(&lock, path, NULL) == STATUS_OK ? 'y' : 'n';
    if (write(ready, &byte, 1) == 1)
        while (read(told, &byte, 1) > 0)
            continue;
    _exit(0);
}

static struct holder start_holder(const char *path)
{
    int told[2], ready[2];
    cr_assert_eq(pipe2(told, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    const pid_t process = fork();
    if (process == 0) {
        (void)close(told[1]);
        hold(path, told[0], ready[1]);
    }
    (void)close(told[0]);
    char byte = 'n';
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return (struct holder){process, told[1]};
}

static void stop_holder(struct holder *holder)
{
    (void)close(holder->told);
    cr_assert_eq(waitpid(holder->process, NULL, 0), holder->process);
}

Test(file_lock, is_held_by_one_at_a_time)
{
    const char *path = folder_path("gate");
    struct file_lock one, other;
    struct stat found;
    cr_assert_not(file_lock_is_held(path));
    cr_assert_not(file_exists(path), "asking makes no file");

    cr_assert_eq(file_lock_try(&one, path, &error), STATUS_OK);
    cr_assert_eq(stat(path, &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0600);
    cr_assert(file_lock_is_held(path));
    cr_assert_eq(file_lock_try(&other, path, &error), STATUS_BUSY);
    cr_assert_eq(other.descriptor, -1);
    cr_assert_not_null(strstr(error.text, "gate"), "%s", error.text);

    file_lock_release(&one);
    cr_assert_eq(one.descriptor, -1);
    cr_assert_not(file_lock_is_held(path));
    cr_assert_eq(file_lock_try(&other, path, &error), STATUS_OK);
    file_lock_release(&other);
    file_lock_release(&other);
}

Test(file_lock, dies_with_its_process)
{
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    struct file_lock lock;
    cr_assert(file_lock_is_held(path));
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_BUSY);
    cr_assert_eq(kill(holder.process, SIGKILL), 0);
    stop_holder(&holder);
    cr_assert_not(file_lock_is_held(path));
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    file_lock_release(&lock);
}

static void assert_patience(const char *path, int patience_ms)
{
    struct file_lock lock;
    const int64_t started_us = clock_monotonic_us();
    cr_assert_eq(file_lock_wait(&lock, path, patience_ms, &error), STATUS_BUSY);
    const int64_t waited_us = clock_monotonic_us() - started_us;
    cr_assert(waited_us >= patience_ms * INT64_C(1000), "gave up after %ld us", (long)waited_us);
    cr_assert(waited_us < patience_ms * INT64_C(1000) + 5000000, "gave up after %ld us", (long)waited_us);
}

Test(file_lock, patience_ends_when_it_should, .timeout = 30)
{
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    for (int patience_ms = 0; patience_ms < 40; patience_ms++)
        assert_patience(path, patience_ms);
    assert_patience(path, 1100);
    stop_holder(&holder);
}

Test(file_lock, patience_ends_for_a_thread_that_blocks_the_signal_it_needs, .timeout = 30)
{
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    sigset_t tick, after;
    cr_assert(sigemptyset(&tick) == 0 && sigaddset(&tick, SIGRTMIN + 3) == 0);
    cr_assert_eq(pthread_sigmask(SIG_BLOCK, &tick, NULL), 0);
    assert_patience(path, 30);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    cr_assert_eq(sigismember(&after, SIGRTMIN + 3), 1, "the thread's mask is as it was");
    stop_holder(&holder);
}

static void nothing(int signal_number)
{
    (void)signal_number;
}

Test(file_lock, other_signals_do_not_shorten_patience, .timeout = 30)
{
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    const struct sigaction action = {.sa_handler = nothing};
    const struct itimerval storm = {{0, 500}, {0, 500}};
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &storm, NULL), 0);
    assert_patience(path, 60);
    cr_assert_eq(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
    (void)close(holder.told);
    while (waitpid(holder.process, NULL, 0) < 0)
        cr_assert_eq(errno, EINTR);
}

/* How many wait in the kernel's queue for the file at `path`. */
static int waiting_for(const char *path)
{
    struct stat found;
    char line[256], inode[32];
    int waiting = 0;
    cr_assert_eq(stat(path, &found), 0);
    (void)snprintf(inode, sizeof inode, ":%lu ", (unsigned long)found.st_ino);
    FILE *locks = fopen("/proc/locks", "r");
    cr_assert_not_null(locks);
    while (fgets(line, sizeof line, locks) != NULL)
        waiting += strstr(line, "->") != NULL && strstr(line, inode) != NULL;
    (void)fclose(locks);
    return waiting;
}

static void wait_until_waiting(const char *path, int count)
{
    const int64_t bound_us = clock_monotonic_us() + 10000000;
    while (waiting_for(path) != count)
        cr_assert(clock_monotonic_us() < bound_us, "%d wait and not %d", waiting_for(path), count);
}

static pid_t start_waiter(const char *path, int report, char name)
{
    const pid_t process = fork();
    if (process == 0) {
        struct file_lock lock;
        if (file_lock_wait(&lock, path, 20000, NULL) == STATUS_OK) {
            (void)!write(report, &name, 1);
            file_lock_release(&lock);
        }
        _exit(0);
    }
    return process;
}

Test(file_lock, who_waits_is_served_in_the_order_of_arrival, .timeout = 30)
{
    enum { WAITERS = 5 };
    const char *path = folder_path("gate");
    int report[2];
    pid_t waiters[WAITERS];
    struct file_lock lock;
    cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = start_waiter(path, report[1], (char)('a' + i));
        wait_until_waiting(path, i + 1);
    }
    file_lock_release(&lock);

    char order[WAITERS + 1] = "";
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(read(report[0], order + i, 1), 1);
    cr_assert_str_eq(order, "abcde");
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(waitpid(waiters[i], NULL, 0), waiters[i]);
}

static pid_t start_asker(const char *path)
{
    const pid_t asker = fork();
    cr_assert_geq(asker, 0);
    if (asker > 0)
        return asker;
    for (int i = 0; i < 20000; i++)
        (void)file_lock_is_held(path);
    _exit(0);
}

Test(file_lock, whoever_merely_asks_turns_nobody_away, .timeout = 30)
{
    const char *path = folder_path("gate");
    const pid_t asker = start_asker(path);
    struct file_lock lock;
    for (int i = 0; i < 5000; i++) {
        cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK, "round %d: %s", i, error.text);
        file_lock_release(&lock);
    }
    cr_assert_eq(waitpid(asker, NULL, 0), asker);
}

Test(file_lock, trying_one_that_is_held_costs_no_wait, .timeout = 30)
{
    enum { TRIES = 500 };
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    struct file_lock lock;
    const int64_t started_us = clock_monotonic_us();
    for (int i = 0; i < TRIES; i++)
        cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_BUSY);
    cr_assert(clock_monotonic_us() - started_us < TRIES * INT64_C(2000));
    stop_holder(&holder);
}

Test(file_lock, a_child_that_was_forked_does_not_keep_it)
{
    const char *path = folder_path("gate");
    int told[2];
    struct file_lock lock;
    cr_assert_eq(pipe2(told, O_CLOEXEC), 0);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    const pid_t child = fork();
    if (child == 0) {
        char byte;
        (void)close(told[1]);
        (void)!read(told[0], &byte, 1);
        _exit(0);
    }
    file_lock_release(&lock);
    cr_assert_not(file_lock_is_held(path));
    (void)close(told[1]);
    (void)close(told[0]);
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

Test(file_lock, a_descriptor_that_is_none_is_an_error_and_no_lock)
{
    cr_assert_eq(file_descriptor_lock(-1, 0), STATUS_IO);
    cr_assert_eq(errno, EBADF);
    cr_assert_eq(file_descriptor_lock(-1, 100), STATUS_IO);
}

/* To wait for one that is held: it is opened and looked at, asked for at once, then with a timer; to try it: asked for
 * at once, and whether it is shared. */
Test(file_lock, that_the_system_does_not_give_is_an_error_and_no_lock)
{
    const char *path = folder_path("gate");
    struct holder holder = start_holder(path);
    struct file_lock lock;
    for (uint32_t nth = 1; nth <= 5; nth++) {
        mishap_strike(nth, EIO);
        cr_assert_eq(file_lock_wait(&lock, path, 20000, &error), STATUS_IO, "%u", nth);
        cr_assert(mishap_heal());
    }
    for (uint32_t nth = 1; nth <= 4; nth++) {
        mishap_strike(nth, EIO);
        cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_IO, "%u", nth);
        cr_assert(mishap_heal());
        cr_assert_eq(lock.descriptor, -1);
    }
    for (uint32_t nth = 1; nth <= 3; nth++) {
        mishap_strike(nth, EIO);
        cr_assert_not(file_lock_is_held(path), "what cannot be told is not said");
        cr_assert(mishap_heal());
    }
    stop_holder(&holder);
}

Test(file_lock, is_taken_through_no_link_and_waits_for_no_fifo, .timeout = 10)
{
    const char *const victim = folder_file("victim", "its", 3), *const link = folder_path("link");
    const char *const fifo = folder_path("fifo");
    const char *const places[] = {link, fifo};
    cr_assert_eq(symlink(victim, link), 0);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct file_lock lock;
        cr_expect_eq(file_lock_try(&lock, places[i], &error), STATUS_IO, "%s", places[i]);
        cr_expect_not_null(strstr(error.text, "is no regular file"), "%s", error.text);
        cr_expect_eq(file_lock_wait(&lock, places[i], 10, &error), STATUS_IO, "%s", places[i]);
        cr_expect_eq(lock.descriptor, -1);
        cr_expect_not(file_lock_is_held(places[i]));
    }
}

Test(file_lock, needs_a_folder_that_is_there)
{
    struct file_lock lock;
    cr_assert_eq(file_lock_try(&lock, folder_path("missing/gate"), &error), STATUS_NOT_FOUND);
    cr_assert_eq(lock.descriptor, -1);
    cr_assert_eq(file_lock_wait(&lock, folder_path(""), 10, &error), STATUS_IO);
}

Test(file_lock, whoever_asks_for_ever_is_outwaited_no_longer_than_a_second, .timeout = 30)
{
    const char *path = folder_file("gate", "", 0);
    struct file_lock lock;
    const int asker = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(flock(asker, LOCK_SH), 0);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_BUSY);
    close(asker);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK, "%s", error.text);
    file_lock_release(&lock);
}

Test(file, without_a_folder_in_its_path_is_made_where_we_are)
{
    cr_assert_eq(chdir(folder_path("")), 0);
    cr_assert_eq(file_write_new("new", "words", 5, &error), STATUS_OK, "%s", error.text);
    cr_assert(file_exists(folder_path("new")));
}

Test(file, with_a_name_that_is_too_long_is_not_written)
{
    char name[PATH_SIZE];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_eq(file_write_new(name, "a", 1, &error), STATUS_INVALID);
}

/* Each call that fails says so, or the file is whole. */
Test(file, is_whole_or_told_to_have_failed_whatever_call_fails)
{
    char text[16];
    size_t length;
    bool has_struck = true;
    mishap_install();
    for (uint32_t nth = 1; has_struck; nth++) {
        const char *path = folder_path("whole");
        mishap_strike(nth, ENOSPC);
        const enum status status = file_write_new(path, "words", 5, &error);
        has_struck = mishap_heal();
        if (status != STATUS_OK)
            continue;
        cr_assert_eq(file_read_small(path, text, sizeof text, &length, &error), STATUS_OK, "%s", error.text);
        cr_assert_str_eq(text, "words", "at call %u", nth);
        cr_assert_eq(unlink(path), 0);
    }
}
