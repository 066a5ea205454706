/* leaks.c - which processes of a suite are searched for leaks: the tests, each in a process of its own, and not
 * Criterion's runner, which runs none of our code and now and then leaves something of its own behind. */
#include <stdlib.h>

/* The sanitizer's name, not ours. NOLINTNEXTLINE(bugprone-reserved-identifier) */
int __lsan_is_turned_off(void);

/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
int __lsan_is_turned_off(void)
{
    const int is_runner = getenv("BXFI_MAP") == NULL; /* Criterion sets it for each test's process */
    return is_runner;
}
