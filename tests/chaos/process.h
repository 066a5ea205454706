/* process.h - the processes that the storm starts and strikes: what they are called, whether they run, and which of the
 * shop's locks they hold. All of it is seen from outside, through /proc: nothing here asks the code under test. */
#ifndef TESTS_CHAOS_PROCESS_H
#define TESTS_CHAOS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts a program that is killed when we die, however we die. stdout and stderr are appended to `log`. Ends the storm
 * when there are no more processes to be had. */
pid_t process_start(const char *const *arguments, const char *log);

/* The letter of proc(5): T for one that is stopped, Z for one that has ended; 0 when there is none. */
char process_state(pid_t process);

/* The worker `name` of a supervisor; 0 when it has none just now. */
pid_t process_find_worker(pid_t supervisor, const char *name);

/* How many children it has. */
int process_count_children(pid_t parent);

/* What of the shop a process holds, if it is stopped: else it changes while we look. */
struct holding {
    bool queue;       /* the writers' gate or counter */
    bool other_queue; /* a view's lock or the bank's */
    bool reading;     /* a read transaction on the roll */
    bool writing;     /* a write transaction or a checkpoint of the roll */
};
struct holding process_holds(pid_t process, const char *shop);

#endif
