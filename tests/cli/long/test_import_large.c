/* test_import_large.c - a large shop goes through in minutes, in little memory: 20 000 orders, 530 000 lines. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "eventstore/eventstore.h"
#include "tests/support/invoices.h"
#include "tests/support/temporary.h"

enum { RESIDENT_KIB_MAX = 200 * 1024, IMPORT_SECONDS_MAX = 600, SERVICES_SECONDS_MAX = 1800 };

static char folder[TEMPORARY_SIZE];

static void begin(void)
{
    temporary_make(folder);
    cr_assert_eq(chdir(folder), 0);
    setenv("TILL_LOG", "off", 1);
}

static void end(void)
{
    cr_assert_eq(chdir("/"), 0);
    temporary_remove(folder);
}

TestSuite(import_large, .init = begin, .fini = end, .timeout = 3500);

/* Runs `till` with these words, checks that it ends well and within its memory, and says how long it took. What it
 * prints goes to the test's own output. */
static double till(double seconds_max, const char *const *words)
{
    const char *binary = getenv("TILL_BINARY") != NULL ? getenv("TILL_BINARY") : TILL_BINARY;
    struct rusage usage;
    int ended = 0;
    (void)fflush(NULL);
    int64_t start_us = clock_monotonic_us();
    pid_t process = fork();
    if (process == 0) {
        execv(binary, (char *const *)words);
        _exit(127);
    }
    cr_assert_eq(wait4(process, &ended, 0, &usage), process);
    double seconds = (double)(clock_monotonic_us() - start_us) / 1e6;
    double busy = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    fprintf(stderr, "till %s: %.1f s (%.0f s of a processor), %ld MiB resident at most\n", words[1], seconds, busy,
            usage.ru_maxrss / 1024); /* of it, or of the largest process that it waited for */
    cr_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "till %s ended with %x", words[1], (unsigned)ended);
    cr_assert_leq(usage.ru_maxrss, RESIDENT_KIB_MAX);
    cr_assert_leq(seconds, seconds_max);
    return seconds;
}
#define TILL(seconds_max, ...) till(seconds_max, (const char *const[]){"till", __VA_ARGS__, NULL})

static uint64_t head(void)
{
    struct eventstore *store;
    struct error error;
    uint64_t position = 0;
    cr_assert_eq(eventstore_open(&store, "shop", NULL, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(eventstore_head(store, &position, &error), STATUS_OK, "%s", error.text);
    eventstore_close(&store);
    return position;
}

Test(import_large, half_a_million_lines_go_through_in_minutes)
{
    static const struct invoices invoices = {
        .seed = 42, .skus = 4000, .orders = 20000, .lines = 530000, .lines_max = 1200, .stock = 800};
    invoices_write(&invoices, ".");
    TILL(10, "init");
    TILL(IMPORT_SECONDS_MAX, "import", "--products", "products.csv", "--orders", "orders.csv");
    uint64_t imported = head();
    cr_assert_eq(imported, 4000 + 4000 + 20000); /* listed, received, placed */
    TILL(IMPORT_SECONDS_MAX, "import", "--orders", "orders.csv");
    cr_assert_eq(head(), imported, "importing twice changed something");
    TILL(SERVICES_SECONDS_MAX, "run", "--until-idle");
    uint64_t settled = head();
    cr_assert_gt(settled, imported + 60000); /* three more events at least an order */
    TILL(IMPORT_SECONDS_MAX, "import", "--products", "products.csv", "--orders", "orders.csv");
    cr_assert_eq(head(), settled);
    TILL(SERVICES_SECONDS_MAX, "verify");
}
