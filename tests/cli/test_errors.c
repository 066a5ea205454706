/* Errors a user will meet: each is one clear sentence and the exit code of the table in DESIGN, and nothing is lost. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/cli/till.h"

TestSuite(errors, .init = till_begin, .fini = till_end);

static void shop_with_an_order(void)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1");
}

/* The shop is as shop_with_an_order left it. */
static void nothing_is_lost(void)
{
    done("till verify");
    cr_assert_eq(count_lines(done("till events --json")), 3);
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "status"), "confirmed");
}

/* ---- what stands around the command ---- */

Test(errors, checkpoints_after_no_number_of_bytes)
{
    shop_with_an_order();
    static const char *const wrong[] = {"''", "0", "-1", "1.5", "many", "1048577"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(1, "make it a number from 1 to 1048576, or unset it", "TILL_CHECKPOINT_KIB=%s till stock", wrong[i]);
    done("TILL_CHECKPOINT_KIB=1 till stock");
    done("TILL_CHECKPOINT_KIB=1048576 till stock");
    nothing_is_lost();
}

/* ---- what is not there ---- */

Test(errors, no_shop_yet)
{
    static const char *const lines[] = {"list a --name A --price 1",
                                        "receive a 1",
                                        "place --customer c --line a=1",
                                        "cancel 1",
                                        "ship 1",
                                        "run",
                                        "status",
                                        "orders",
                                        "order 1",
                                        "stock",
                                        "sales",
                                        "journeys",
                                        "inbox",
                                        "events",
                                        "trace 1",
                                        "verify",
                                        "rebuild",
                                        "seal note",
                                        "backup copy.db"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        refused(3, "there is no shop in ./shop: make one with `till init`, or name another with --shop", "till %s",
                lines[i]);
    refused(3, "there is no shop in nowhere", "till orders --shop nowhere");
    refused(3, "there is no shop in elsewhere", "TILL_SHOP=elsewhere till orders");
    cr_assert_eq(run("test -e shop || test -e nowhere").code, 1); /* asking makes nothing */
}

Test(errors, unknown_order)
{
    shop_with_an_order();
    static const char *const lines[] = {"order", "trace", "cancel", "ship"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        refused(1, "there is no order 42", "till %s 42", lines[i]);
        refused(1, "there is no order 00000000-0000-0000-0000-000000000000",
                "till %s 00000000-0000-0000-0000-000000000000", lines[i]);
    }
    nothing_is_lost();
}

Test(errors, unknown_sku)
{
    shop_with_an_order();
    refused(1, "cup: the product is not listed", "till receive cup 1");
    refused(1, "cup: the product is not listed", "till place --customer ada --line tea=1 --line cup=1");
    nothing_is_lost();
}

Test(errors, wrong_usage)
{
    shop_with_an_order();
    refused(2, "Usage: till order ORDER", "till order");
    refused(2, "Usage: till receive SKU QTY", "till receive tea");
    refused(2, "Usage: till receive SKU QTY", "till receive tea 1 2");
    refused(2, "Usage: till backup FILE", "till backup");
    refused(2, "--bogus is no option here", "till orders --bogus");
    refused(2, "-z is no option here", "till orders -zz");
    refused(2, "--at needs a value", "till orders --at");
    refused(2, "there is no command sell", "till sell");
    refused(2, "Usage: till stock", "till stock tea");
    nothing_is_lost();
}

/* ---- what cannot be written ---- */

Test(errors, output_that_cannot_be_written)
{
    shop_with_an_order();
    refused(4, "cannot write the output: No space left on device", "till orders >/dev/full");
    refused(4, "cannot write the output: No space left on device", "till orders --json >/dev/full");
    done("for i in $(seq 30); do till list sku$i --name S --price 1; done");
    refused(4, "cannot write the output: ", "till events --json >/dev/full");
}

/* A prefix that runs a line as somebody who owns nothing. */
static const char *stranger(void)
{
    static const char prefix[] = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    if (geteuid() != 0 || run("%s till --version", prefix).code != 0)
        cr_skip_test("SKIPPED: nobody else can run till here (it takes root, setpriv, and a binary for all to read)");
    return prefix;
}

Test(errors, a_folder_that_may_not_be_written)
{
    const char *other = stranger();
    shop_with_an_order();
    done("chmod -R a+rX shop");
    refused(4, "Permission denied", "%s till place --ref 2 --customer ada --line tea=1", other);
    refused(4, "Permission denied", "%s till run --until-idle", other);
    refused(4, "Permission denied", "%s till init --shop other", other);
    nothing_is_lost();
}

Test(errors, a_folder_that_may_not_be_read)
{
    const char *other = stranger();
    shop_with_an_order();
    done("chmod -R go-rwx shop");
    refused(4, "Permission denied", "%s till orders", other);
    refused(4, "Permission denied", "%s till init", other);
    nothing_is_lost();
}

/* ---- what is not ours ---- */

Test(errors, a_shop_made_by_a_newer_version)
{
    shop_with_an_order();
    done("sqlite3 shop/events.db 'PRAGMA user_version = 99'");
    refused(3, "made by a newer version (format 99", "till orders");
    refused(3, "made by a newer version", "till init");
    refused(3, "made by a newer version", "till place --customer ada --line tea=1");
    done("sqlite3 shop/events.db 'PRAGMA user_version = 4'");
    nothing_is_lost();
}

Test(errors, a_file_that_is_no_database)
{
    done("mkdir shop && echo 'not a database, but long enough for its header to be looked at by SQLite: one hundred "
         "bytes are needed for that, and so it goes on and on' >shop/events.db");
    const char *before = done("cat shop/events.db");
    refused(3, "shop/events.db is not a database", "till orders");
    refused(3, "shop/events.db is not a database", "till init");
    cr_assert_str_eq(done("cat shop/events.db"), before);
}

Test(errors, a_database_that_is_no_shop)
{
    done("mkdir shop && sqlite3 shop/events.db 'CREATE TABLE mine (x)'");
    refused(3, "is a database, but not a store of events", "till orders");
    refused(3, "is a database, but not a store of events", "till init");
    cr_assert(contains(done("sqlite3 shop/events.db .schema"), "CREATE TABLE mine"));
}

/* A view is a cache: one of another shop is set aside, said so, and folded again. */
Test(errors, a_view_of_another_shop)
{
    shop_with_an_order();
    done("till init --shop other && till orders --shop other");
    done("till orders");
    done("rm -r shop/views && cp -r other/views shop/views");
    struct answer answer = run("till orders --json");
    cr_assert_eq(answer.code, 0);
    cr_assert_eq(count_lines(answer.out), 1);
    cr_assert(contains(answer.err, "set aside"), "%s", answer.err);
    cr_assert_eq(count_lines(done("till orders --json")), 1);
    nothing_is_lost();
}

Test(errors, a_view_that_is_damaged)
{
    shop_with_an_order();
    done("till orders");
    done("for f in shop/views/*; do test -L $f || printf 'damaged damaged damaged' | dd of=$f conv=notrunc "
         "status=none; done");
    struct answer answer = run("till orders --json");
    cr_assert_eq(answer.code, 0, "%s", answer.err);
    cr_assert_eq(count_lines(answer.out), 1);
    nothing_is_lost();
}

/* ---- on a terminal ---- */

/* What a path holds is printed, but no terminal obeys it. */
Test(errors, paths_are_harmless)
{
    done("till init");
    static const char *const lines[] = {"verify ", "backup there/", "orders --shop ", "init --shop there/", "rebuild "};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct answer answer = run("till %s\"$(printf 'a\\033[31mb')\"", lines[i]);
        cr_assert_neq(answer.code, 0);
        cr_assert(!contains(answer.err, "\033") && !contains(answer.out, "\033"), "till %s: %s", lines[i], answer.err);
    }
}

/* ---- what is at work ---- */

Test(errors, a_second_run)
{
    shop_with_an_order();
    start("till run");
    until("test $(till status --json | grep -c '\"state\":\"running\"') -eq 9");
    refused(4, "another `till run` is at work in ./shop", "till run");
    refused(4, "another `till run` is at work in ./shop", "till run --until-idle");
    refused(4, "another payment is at work", "till run --service payment");
    until("till order 1 --json | grep -q confirmed");
    stop();
    cr_assert_eq(count_lines(done("till status --json | grep stopped")), 9);
    done("till verify");
}
