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
    static const char *const places[] = {"shop",       "shop/events.db", "shop/run",
                                         "shop/views", "shop/mail",      "shop/gateway.db"};
    small_shop();
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
