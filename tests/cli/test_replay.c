/* `till replay`: today's code gives the answers that stand, whatever the shop has been through; and when it would not,
 * the first that differs is shown. */
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(replay, .init = till_begin, .fini = till_end);

/* So many answers, and all of them agree. */
static void agrees_at_least(const char *shop, int answers)
{
    const char *out = done("till --shop %s replay --json", shop);
    cr_assert_str_eq(names(out, 0), "answers agree differ");
    cr_assert_geq(atoi(value(out, 0, "answers")), answers, "%s", out);
    cr_assert_str_eq(value(out, 0, "agree"), value(out, 0, "answers"));
}

/* Retries, lost answers, a charge given up, a refund that is refused and discarded, cancellations at every stage,
 * shipments, orders with the same sku twice, and one that runs out of stock while others wait. */
static void eventful_shop(void)
{
    small_shop();
    done("till receive tea 30");
    done("for card in tok_flaky tok_timeout tok_unavailable tok_refund_timeout tok_refund_refused; do "
         "till place --ref $card --customer eve --card $card --line tea=1 --line tea=2; done");
    done("till place --ref early --customer eve --line tea=1 && till cancel early");
    done("till place --ref paid --customer eve --line 'a pot/b=c=1' --line tea=1");
    done("till run --service payment --until-idle --attempts 2 --first-delay 1 --cool-down 1 --breaker-after 100");
    done("till cancel paid");
    done("till run --until-idle --attempts 2 --first-delay 1 --cool-down 1 --breaker-after 100");
    done("till ship 1");
    done("till cancel tok_refund_timeout; till cancel tok_refund_refused; till cancel tok_timeout");
    done("till run --until-idle --attempts 2 --first-delay 1 --cool-down 1 --breaker-after 100");
    const char *dead = value(done("till dead-letters --json"), 0, "position");
    done("till dead-letters discard %s --reason 'paid in cash' --force", dead);
    done("till run --until-idle");
}

Test(replay, agrees_with_an_eventful_roll)
{
    eventful_shop();
    agrees_at_least("shop", 35);
    cr_assert(contains(done("till replay"), "as today's code gives them."));
    cr_assert_str_eq(value(done("till replay --to 1 --json"), 0, "answers"), "0");
    refused(2, "--to takes a whole number", "till replay --to x");
}

Test(replay, needs_neither_the_bank_nor_the_mails_and_writes_nothing)
{
    eventful_shop();
    done("till export roll && till --shop copy load roll && chmod -R a-w copy/events.db");
    agrees_at_least("copy", 35);
    done("test ! -e copy/mail && test ! -e copy/gateway.db");
    done("till --shop copy export | cmp - roll");
}

/* Behind the store's back; `till verify` would say so, and a replay says what it means. */
static void rewrite(const char *type, const char *sql)
{
    done("sqlite3 shop/events.db \"PRAGMA trusted_schema = ON; DROP TRIGGER IF EXISTS event_is_never_updated;"
         " UPDATE event SET %s WHERE type = (SELECT id FROM type WHERE name = '%s')\"",
         sql, type);
}

/* The first answer that differs stands for the type `stands`, and `today` is in what would be answered. */
static void differs(const char *stands, const char *today)
{
    struct answer answer = run("till replay --json");
    cr_assert_eq(answer.code, 1, "%s%s", answer.out, answer.err);
    cr_assert(contains(answer.err, "today's code answers otherwise"), "%s", answer.err);
    cr_assert(contains(value(answer.out, 0, "stands"), stands), "%s", answer.out);
    cr_assert(contains(value(answer.out, 0, "today"), today), "%s", answer.out);
    const char *position = value(answer.out, 0, "position");
    const char *event = done("till events --from %s --limit 1 --json", position);
    cr_assert_str_eq(value(event, 0, "metadata.actor"), value(answer.out, 0, "service"));
    answer = run("till replay");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.out, "The first that differs stands at position"), "%s", answer.out);
}

Test(replay, shows_what_stands_and_what_would_be_answered)
{
    small_shop();
    rewrite("PaymentCaptured", "data = replace(data, '5500', '5501')");
    differs("PaymentCaptured", "5500");
    rewrite("PaymentCaptured", "data = replace(data, '5501', '5500')");
    agrees_at_least("shop", 9);
    rewrite("OrderConfirmed", "event_id = randomblob(16)");
    differs("OrderConfirmed", "OrderConfirmed");
}

Test(replay, notices_an_answer_too_few_and_one_too_many)
{
    small_shop();
    rewrite("UnitsReserved", "causation = NULL"); /* it belongs to no answer any more */
    differs("nothing behind it", "UnitsReserved");
    done("rm -r shop");
    small_shop();
    rewrite("NotificationSent", "origin = (SELECT id FROM origin WHERE actor = 'order')");
    differs("NotificationSent", "nothing: order does not want to see ");
}

Test(replay, tells_a_cause_that_nobody_understands)
{
    small_shop();
    rewrite("OrderPlaced", "data = '{}'");
    differs("PaymentCaptured", "OrderPlaced v2");
}

/* What a service has not said is not judged; a cause that came later is damage. */
Test(replay, of_a_damaged_roll_is_damage)
{
    small_shop();
    rewrite("PaymentCaptured", "causation = position + 2");
    refused(3, "is damaged: its version or its cause is none. Run `till verify`", "till replay");
}

static const char mutant[] = "$(dirname \"$(readlink -f bin/till)\")/till-mutant";

/* One line of a decider is another (base/mutant.h), in a till that is the same in all else. */
Test(replay, fails_when_one_line_of_a_decider_is_changed)
{
    small_shop();
    done("%s replay", mutant);
    struct answer answer = run("TILL_MUTANT=reserve-line-by-line %s replay --json", mutant);
    cr_assert_eq(answer.code, 1, "%s%s", answer.out, answer.err);
    cr_assert_str_eq(value(answer.out, 0, "differ"), "1");
    cr_assert_str_eq(value(answer.out, 0, "service"), "inventory");
    cr_assert(contains(value(answer.out, 0, "stands"), "StockReservationFailed"));
    cr_assert(contains(value(answer.out, 0, "today"), "StockReserved"));
}

/* ---- rolls of other days ---- */

static const char *folder_of(const char *variable, const char *otherwise)
{
    const char *folder = getenv(variable);
    return folder != NULL ? folder : otherwise;
}

Test(replay, agrees_with_the_roll_of_order_placed_version_1)
{
    done("till load '%s/tests/contracts/history/v1.jsonl'", folder_of("TILL_SOURCE_DIR", TILL_SOURCE_DIR));
    agrees_at_least("shop", 100);
}

Test(replay, agrees_with_northwind)
{
    const char *data = folder_of("TILL_DATA_DIR", TILL_DATA_DIR);
    if (run("test -d '%s/northwind'", data).code != 0)
        cr_skip_test("SKIPPED: there is no %s/northwind here", data);
    done("till init");
    done("till import --products '%s/northwind/products.csv' --orders '%s/northwind/orders.csv'", data, data);
    done("till run --until-idle");
    agrees_at_least("shop", 3000);
    struct answer answer = run("TILL_MUTANT=reserve-line-by-line %s replay --json", mutant);
    cr_assert_eq(answer.code, 1, "%s%s", answer.out, answer.err);
}
