/* test_import_truth.c - an import, whole or in pieces, gives what was worked out beforehand. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "eventstore/eventstore.h"
#include "tests/cli/till.h"
#include "tests/cli/truth.h"
#include "tests/support/invoices.h"

TestSuite(import_truth, .init = till_begin, .fini = till_end);

static const char *folder_from(const char *variable, const char *built_in)
{
    const char *given = getenv(variable);
    return given != NULL ? given : built_in;
}

/* Our own small shop: quotes, line breaks, a byte order mark, orders out of the order of time, offsets, ties. */
static const char *own(void)
{
    static char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/tests/data", folder_from("TILL_SOURCE_DIR", TILL_SOURCE_DIR));
    return folder;
}

/* A real shop's files, which are not in this repository; the test is skipped, and says so, where they are not. */
static const char *real(const char *name)
{
    static char folder[PATH_SIZE];
    char orders[PATH_SIZE + 16];
    snprintf(folder, sizeof folder, "%s/%s", folder_from("TILL_DATA_DIR", TILL_DATA_DIR), name);
    snprintf(orders, sizeof orders, "%s/orders.csv", folder);
    if (!file_exists(orders)) {
        fprintf(stderr, "skipped: there is no %s (TILL_DATA_DIR names the folder of real shops)\n", orders);
        cr_skip_test("there is no %s", orders);
    }
    return folder;
}

static const char *import_line(const char *folder, const char *options)
{
    static char line[3 * PATH_SIZE];
    char cancellations[PATH_SIZE + 64] = "";
    snprintf(cancellations, sizeof cancellations, "%s/cancellations.csv", folder);
    bool cancelling = file_exists(cancellations);
    snprintf(line, sizeof line, "till import %s --products '%s/products.csv' --orders '%s/orders.csv'%s%s%s", options,
             folder, folder, cancelling ? " --cancellations '" : "", cancelling ? cancellations : "",
             cancelling ? "'" : "");
    return line;
}

static void imported_stopped_is_as_worked_out(const char *folder)
{
    done("till init");
    done("%s", import_line(folder, ""));
    done("till run --until-idle");
    shop_is_as(folder, "stopped");
    done("till verify");
}

static void imported_settled_is_as_worked_out(const char *folder)
{
    done("till init");
    done("%s", import_line(folder, "--settle"));
    done("till run --until-idle");
    shop_is_as(folder, "settled");
}

Test(import_truth, our_own_shop_with_the_services_stopped)
{
    imported_stopped_is_as_worked_out(own());
}

Test(import_truth, our_own_shop_at_rest_before_each_cancellation)
{
    imported_settled_is_as_worked_out(own());
}

Test(import_truth, northwind_with_the_services_stopped)
{
    imported_stopped_is_as_worked_out(real("northwind"));
}

Test(import_truth, northwind_settled)
{
    imported_settled_is_as_worked_out(real("northwind"));
}

Test(import_truth, classic_models_with_the_services_stopped)
{
    imported_stopped_is_as_worked_out(real("classicmodels"));
}

Test(import_truth, classic_models_at_rest_before_each_cancellation)
{
    imported_settled_is_as_worked_out(real("classicmodels"));
}

/* ---- twice ---- */

static void twice_changes_nothing(const char *options)
{
    const char *line = import_line(own(), options);
    done("till init");
    done("%s", line);
    done("till events --json >before");
    const char *again = done("%s --json", line);
    done("till events --json | cmp before -");
    cr_assert_str_eq(value(again, 0, "products_there_already"), "9");
    cr_assert_str_eq(value(again, 0, "orders_there_already"), "32");
    cr_assert_str_eq(value(again, 0, "cancellations_done_already"), "5");
    done("till run --until-idle");
    done("till events --json >before");
    done("%s", line);
    done("till events --json | cmp before -");
}

Test(import_truth, importing_twice_changes_nothing)
{
    twice_changes_nothing("");
}

Test(import_truth, settling_twice_changes_nothing)
{
    twice_changes_nothing("--settle");
}

/* ---- killed ---- */

static uint64_t head_of(struct eventstore *store)
{
    struct error error;
    uint64_t head = 0;
    cr_assert_eq(eventstore_head(store, &head, &error), STATUS_OK, "%s", error.text);
    return head;
}

static pid_t begin(const char *line)
{
    char command[4 * PATH_SIZE];
    snprintf(command, sizeof command, "exec %s >/dev/null 2>&1", line);
    pid_t process = fork();
    cr_assert_geq(process, 0);
    if (process == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return process;
}

/* Waits until the roll has so many events. False when the process ended (well) before. */
static bool reaches(pid_t process, struct eventstore *store, uint64_t head)
{
    int ended = 0;
    while (head_of(store) < head) {
        if (waitpid(process, &ended, WNOHANG) == process) {
            cr_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "it ended with %x", (unsigned)ended);
            return false;
        }
        usleep(100);
    }
    return true;
}

/* Runs a line and kills it as soon as the roll has so many events. False when it ended before. */
static bool kill_at(struct eventstore *store, uint64_t head, const char *line)
{
    int ended = 0;
    pid_t process = begin(line);
    if (!reaches(process, store, head))
        return false;
    cr_assert_eq(kill(process, SIGKILL), 0);
    cr_assert_eq(waitpid(process, &ended, 0), process);
    return WIFSIGNALED(ended);
}

/* Kills the line at several moments and lets it end then. Returns how often it was killed. */
static int kill_again_and_again(const char *line, const uint64_t *heads, size_t count)
{
    struct eventstore *store;
    struct error error;
    int killed = 0;
    cr_assert_eq(eventstore_open(&store, "shop", NULL, &error), STATUS_OK, "%s", error.text);
    for (size_t i = 0; i < count; i++)
        killed += kill_at(store, heads[i], line);
    eventstore_close(&store);
    done("%s", line);
    return killed;
}

/* The roll without what differs from one run to the next: ids that are made, and times. */
static void keep_roll(const char *shop, const char *file)
{
    done("till --shop %s events --json | sed -E 's/\"(event_id|correlation_id|recorded_at|command_id)\":\"[^\"]*\"//g' "
         ">%s",
         shop, file);
}

static const struct invoices some_invoices = {
    .seed = 7, .skus = 60, .orders = 1500, .lines = 18000, .lines_max = 400, .stock = 900};

Test(import_truth, an_import_that_is_killed_goes_on_where_it_was)
{
    static const uint64_t heads[] = {1, 40, 119, 121, 180, 500, 900, 1300, 1600};
    invoices_write(&some_invoices, ".");
    done("till init");
    done("cp -r shop whole"); /* the same store: an order has the same id in both */
    done("till --shop whole import --products products.csv --orders orders.csv");
    int killed = kill_again_and_again("till import --products products.csv --orders orders.csv", heads,
                                      sizeof heads / sizeof *heads);
    cr_assert_gt(killed, 3, "it was killed only %d times: the test shows nothing", killed);
    keep_roll("shop", "pieces");
    keep_roll("whole", "whole-roll");
    done("cmp pieces whole-roll");
    done("till verify");
}

static void killed_while_settling_is_the_same(const char *folder, const uint64_t *heads, size_t count)
{
    done("till init");
    int killed = kill_again_and_again(import_line(folder, "--settle"), heads, count);
    cr_assert_gt(killed, 3, "it was killed only %d times: the test shows nothing", killed);
    done("till run --until-idle");
    shop_is_as(folder, "settled");
    done("till verify");
}

Test(import_truth, our_own_import_that_is_killed_while_it_settles)
{
    static const uint64_t heads[] = {5, 20, 25, 30, 35, 40, 50, 60, 70, 90, 100, 110, 120, 130, 140, 150, 160, 170};
    killed_while_settling_is_the_same(own(), heads, sizeof heads / sizeof *heads);
}

Test(import_truth, classic_models_killed_while_it_settles)
{
    static const uint64_t heads[] = {100, 230, 300, 400, 500, 700, 900, 1200, 1500, 2000, 2500, 3000};
    killed_while_settling_is_the_same(real("classicmodels"), heads, sizeof heads / sizeof *heads);
}

/* ---- beside others ---- */

static void wait_for_services(void)
{
    struct eventstore *store;
    struct error error;
    cr_assert_eq(eventstore_open(&store, "shop", NULL, &error), STATUS_OK, "%s", error.text);
    for (int i = 0; i < 3000 && !eventstore_consumer_is_claimed(store, "inventory"); i++)
        usleep(10000);
    cr_assert(eventstore_consumer_is_claimed(store, "inventory"));
    eventstore_close(&store);
}

static void import_beside_services(const char *line)
{
    done("till init");
    start("till run");
    wait_for_services();
    done("%s", line);
    stop();
    done("till run --until-idle");
}

/* What a person sees of the shop: no ids, positions or times of recording. */
static void keep_views(const char *shop, const char *file)
{
    done("for view in orders stock 'sales --by day' 'sales --by sku' 'sales --by customer'; do "
         "till --shop %s $view --json; done | "
         "sed -E 's/\"(order_id|updated_at)\":\"[^\"]*\"|\"(version|position)\":[0-9]*//g' >%s",
         shop, file);
}

Test(import_truth, beside_running_services_it_is_the_same)
{
    invoices_write(&some_invoices, ".");
    import_beside_services("till import --products products.csv --orders orders.csv");
    done("till --shop alone init");
    done("till --shop alone import --products products.csv --orders orders.csv");
    done("till --shop alone run --until-idle");
    keep_views("shop", "beside");
    keep_views("alone", "alone-views");
    done("cmp beside alone-views");
    done("grep -q out_of_stock beside");
    done("till verify");
}

Test(import_truth, northwind_beside_running_services)
{
    const char *folder = real("northwind");
    import_beside_services(import_line(folder, ""));
    shop_is_as(folder, "stopped");
}

Test(import_truth, classic_models_settles_beside_running_services)
{
    const char *folder = real("classicmodels");
    import_beside_services(import_line(folder, "--settle"));
    shop_is_as(folder, "settled");
}

Test(import_truth, it_settles_by_itself_when_the_services_stop)
{
    struct eventstore *store;
    struct error error;
    int ended = 0;
    done("till init");
    start("till run");
    wait_for_services();
    cr_assert_eq(eventstore_open(&store, "shop", NULL, &error), STATUS_OK, "%s", error.text);
    pid_t process = begin(import_line(own(), "--settle"));
    cr_assert(reaches(process, store, 40));
    stop();
    cr_assert_eq(waitpid(process, &ended, 0), process);
    cr_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    eventstore_close(&store);
    done("till run --until-idle");
    shop_is_as(own(), "settled");
}

Test(import_truth, two_imports_at_once_are_one)
{
    invoices_write(&some_invoices, ".");
    done("till init");
    done("cp -r shop whole");
    done("till --shop whole import --products products.csv --orders orders.csv");
    start("till import --products products.csv --orders orders.csv");
    done("till import --products products.csv --orders orders.csv");
    until("! grep -s '^State:' /proc/$(cat background)/status | grep -v zombie");
    done("test -z \"$(cat .background-err)\"");
    keep_roll("shop", "both");
    keep_roll("whole", "whole-roll");
    done("cmp both whole-roll");
}
