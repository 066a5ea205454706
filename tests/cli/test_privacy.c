/* What a shop is made of is its owner's alone, and what it tells of its work tells nothing of a customer's card. */
#include <unistd.h>

#include "tests/cli/till.h"

TestSuite(privacy, .init = till_begin, .fini = till_end);

/* ---- modes ---- */

Test(privacy, whatever_a_shop_is_made_of_is_its_owners_whatever_the_umask)
{
    done("umask 000; till init && till list tea --name Tea --price 1 --stock 5 &&"
         " till place --customer ada --line tea=1 && till run --until-idle && till orders && till rebuild &&"
         " till seal --new-key && till seal note && till backup copy.db");
    cr_assert_str_empty(done("find shop note copy.db ! -type l -perm /077"));
    cr_assert_str_eq(done("stat -c %%a shop shop/events.db shop/run shop/views shop/mail/new shop/gateway.db"),
                     "700\n600\n700\n700\n700\n600\n");
}

Test(privacy, a_shop_that_others_may_write_to_is_refused_until_it_is_mended_as_told)
{
    static const char *const places[] = {"shop",
                                         "shop/events.db",
                                         "shop/run",
                                         "shop/run/doorbell",
                                         "shop/run/writers-gate.lock",
                                         "shop/run/consumer-payment.lock",
                                         "shop/run/view-orders.lock",
                                         "shop/run/view-orders.files",
                                         "shop/views",
                                         "shop/views/orders.db",
                                         "shop/views/orders.1.db-wal",
                                         "shop/views/orders.1.db-shm",
                                         "shop/mail",
                                         "shop/mail/tmp",
                                         "shop/mail/new",
                                         "shop/mail/cur",
                                         "shop/gateway.db",
                                         "shop/gateway.db-shm"};
    small_shop();
    (void)done("till orders");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        done("chmod g+w %s", places[i]);
        refused(4, "others may write to ./shop", "till orders");
        refused(4, "others may write to ./shop", "till run --until-idle");
        refused(4, "so it cannot be trusted: chmod go-w ./", "till place --customer ada --line tea=1");
        done("$(till orders 2>&1 | sed 's/.*: chmod/chmod/')");
        (void)done("till orders");
    }
    done("mkdir -m 1777 open");
    refused(4, "others may write to open (its mode is ", "till init --shop open");
    cr_assert_str_empty(done("ls open"));
}

/* Whoever opens a FIFO waits for its other end, and whoever opens a link writes to what it names. */
Test(privacy, a_link_or_a_fifo_among_the_files_of_a_shop_is_refused_and_neither_written_through_nor_waited_for)
{
    static const char *const places[] = {"run/doorbell",
                                         "run/writers-gate.lock",
                                         "run/writers-counter.lock",
                                         "run/consumer-payment.lock",
                                         "run/view-orders.lock",
                                         "run/view-orders.files",
                                         "run/bank.lock",
                                         "views/orders.1.db",
                                         "views/orders.1.db-wal",
                                         "views/orders.db",
                                         "mail/new",
                                         "gateway.db",
                                         "gateway.db-wal",
                                         "events.db-wal",
                                         "events.db"};
    static const char *const others[] = {"ln -s \"$PWD/victim\"", "mkfifo"};
    static const char *const lines[] = {"till orders", "till status", "till run --until-idle", "till init"};
    small_shop();
    (void)done("till orders");
    done("printf 'whose this is' >victim && chmod 600 victim");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        done("mv shop/%s kept", places[i]);
        for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
            done("%s shop/%s", others[j], places[i]);
            for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
                refused(4, "is no regular file", "timeout 20 %s", lines[k]);
            done("rm shop/%s", places[i]);
        }
        done("mv kept shop/%s", places[i]);
    }
    cr_assert_str_eq(done("cat victim"), "whose this is");
    (void)done("till verify");
}

Test(privacy, a_key_in_the_shop_is_a_file_of_its_owner)
{
    static const char *const lines[] = {"till seal later", "till verify --seal note >/dev/null"};
    static const char *const keys[] = {"seal.key", "seal.key.pub"};
    small_shop();
    done("till seal --new-key && till seal note");
    for (size_t i = 0; i < 2; i++) {
        done("chmod g+w shop/%s", keys[i]);
        refused(4, "others may write to ./shop/seal.key", "%s", lines[i]);
        done("mv shop/%s kept && mkfifo shop/%s", keys[i], keys[i]);
        refused(4, "is no regular file", "timeout 20 %s", lines[i]);
        done("rm shop/%s && chmod g-w kept && mv kept shop/%s", keys[i], keys[i]);
        (void)done("%s", lines[i]);
    }
}

Test(privacy, another_users_shop_is_not_ours)
{
    static const char other[] = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    if (geteuid() != 0 || run("%s till --version", other).code != 0)
        cr_skip_test("SKIPPED: nobody else can run till here (it takes root, setpriv, and a binary for all to read)");
    small_shop();
    (void)done("till orders");
    done("chmod -R a+rX shop && chown -R 1234 shop");
    refused(4, "belongs to another user (number 1234)", "%s till orders", other);
    refused(4, "Permission denied", "chmod -R go-rwx shop; %s till orders", other);
    (void)done("till orders"); /* root may look at anybody's */
    done("mkdir -m 700 theirs && chown 65534 theirs && %s till init --shop theirs/shop", other);
    cr_assert_str_eq(done("stat -c '%%a %%u' theirs/shop theirs/shop/events.db"), "700 65534\n600 65534\n");
}

/* ---- what is told ---- */

static void nothing_is_told(const char *file)
{
    static const char *const secrets[] = {"tok_", "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111",
                                          "zq7",  "unit_price",       "customer_ref"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        cr_assert_str_empty(run("grep -F '%s' %s", secrets[i], file).out, "%s is told in %s", secrets[i], file);
}

/* Every way in which an order can fail, with the log of all services, and payloads that cannot be read. */
Test(privacy, logs_and_errors_tell_no_card_no_token_and_no_payload)
{
    static const char *const cards[] = {"ok",      "declined",    "insufficient_funds", "flaky",
                                        "timeout", "unavailable", "refund_refused",     "refund_timeout"};
    done("till init && till list tea --name Tea --price 1 --stock 50");
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++)
        done("till place --customer zq7 --line tea=1 --card tok_%s --ref r%zu 2>>log", cards[i], i);
    done("till cancel r6; till cancel r7");
    for (size_t i = 0; i < 2; i++)
        done("TILL_LOG=%s till run --until-idle --attempts 2 --first-delay 1 --cool-down 1 2>>log || true",
             i == 0 ? "json" : "text");
    done("for c in 4111111111111111 '4111 1111 1111 1111' 4111-1111-1111-1111; do"
         " till place --customer zq7 --line tea=1 --card \"$c\" 2>>log && exit 9;"
         " till place --customer zq7 --line tea=1 --card=\"$c\" 2>>log && exit 9;"
         " till place --customer zq7 --line tea=1 --crad \"$c\" 2>>log && exit 9;"
         " till place --customer zq7 --line tea=1 --crad=\"$c\" 2>>log && exit 9; done; true");
    done("for c in 4111111111111111 '4111 1111 1111 1111' 4111-1111-1111-1111; do"
         " till \"$c\" 2>>log; till --\"$c\" 2>>log; till place --\"$c\" 2>>log; till order \"$c\" 2>>log;"
         " till dead-letters \"$c\" 2>>log; till list tea --name T --price \"$c\" 2>>log;"
         " printf 'order_ref,customer_ref,ordered_at,sku,quantity,unit_price\\n7,ada,2024-05-01,tea,%%s,1\\n' \"$c\""
         " >orders.csv; till import --orders orders.csv 2>>log; done; true");
    cr_assert(contains(done("cat log"), "quantity \"************1111\" is not 1 to 1000000"), "%s", done("cat log"));
    done("{ till status; till dead-letters; till verify; till journeys; } 2>>log >answers; true");
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_updated;"
         " UPDATE event SET data = substr(data, 1, length(data) - 1) WHERE position > 2' 2>>log");
    done("rm -r shop/views; for c in orders stock sales journeys inbox verify 'trace r1' 'order r1' 'seal note'"
         " 'cancel r1' 'ship r1' 'run --until-idle'; do TILL_LOG=text till $c 2>>log >/dev/null; done; true");
    done("test $(wc -l <log) -gt 50");
    nothing_is_told("log");
    nothing_is_told("-r shop/run");
}
