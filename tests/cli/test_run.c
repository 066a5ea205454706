/* `till run`: five processes, watched over. */
#include "tests/cli/till.h"

TestSuite(run, .init = till_begin, .fini = till_end, .timeout = 120);

static void open_shop(void)
{
    done("till init");
    done("till list tea --name Tea --price 5.00 --stock 1000");
}

/* Every consumer's lag is 0, and it stands in the store. */
#define SETTLED "! till status --json | grep -v '\"lag\":0,'"

Test(run, until_idle_ends_when_every_order_is_at_rest)
{
    open_shop();
    for (int i = 0; i < 5; i++)
        done("till place --ref %d --customer ada --line tea=%d", i, i + 1);
    done("till run --until-idle");
    cr_expect_eq(count_lines(done("till orders --json | grep '\"status\":\"confirmed\"'")), 5);
    done(SETTLED);
}

Test(run, until_idle_with_nothing_to_do_ends_at_once)
{
    open_shop();
    done("till run --until-idle");
    done("timeout 5 till run --until-idle");
}

Test(run, until_idle_waits_for_what_waits)
{
    open_shop();
    done("till place --ref 1 --customer ada --line tea=1 --card tok_timeout");
    done("till run --until-idle");
    cr_expect_str_eq(value(done("till orders --json"), 0, "status"), "confirmed");
}

Test(run, comes_to_rest_after_every_order_and_not_only_after_the_first)
{
    open_shop();
    start("till run");
    for (int i = 0; i < 20; i++) {
        done("till place --ref %d --customer ada --line tea=1", i);
        until(SETTLED);
    }
    cr_expect_eq(count_lines(done("till orders --json | grep '\"status\":\"confirmed\"'")), 20);
}

Test(run, a_second_one_is_refused)
{
    open_shop();
    start("till run");
    until("till status --json | grep '\"consumer\":\"payment\"' | grep running");
    refused(4, "another `till run` is at work", "till run");
    refused(4, "another payment is at work", "till run --service payment");
}

Test(run, a_service_that_is_killed_is_started_again)
{
    open_shop();
    start("till run");
    until("till status --json | grep '\"consumer\":\"payment\"' | grep running");
    done("pkill -KILL -P $(pgrep -P $(cat background)) -f -- '--service payment'");
    done("till place --ref 1 --customer ada --line tea=1");
    until("till orders --json | grep '\"status\":\"confirmed\"'");
}

Test(run, a_supervisor_that_is_killed_takes_its_children_with_it)
{
    open_shop();
    start("till run");
    until("till status --json | grep '\"consumer\":\"payment\"' | grep running");
    done("pkill -KILL -P $(cat background)"); /* background is the time limit that watches it */
    until("! till status --json | grep running");
    done("timeout 20 till run --until-idle");
}

Test(run, a_supervisor_that_is_asked_to_stop_ends_its_children_and_the_next_goes_on)
{
    open_shop();
    start("till run");
    done("till place --ref 1 --customer ada --line tea=1");
    until("till orders --json | grep '\"status\":\"confirmed\"'");
    stop();
    cr_expect_eq(run("till status --json | grep running").code, 1);
    done("till run --until-idle");
    done(SETTLED);
}

Test(run, one_service_alone_does_its_part)
{
    open_shop();
    done("till place --ref 1 --customer ada --line tea=1");
    done("till run --service payment --until-idle");
    cr_expect_eq(count_lines(done("till events --type PaymentCaptured --json")), 1);
    cr_expect_eq(count_lines(done("till events --type StockReserved --json")), 0);
}

/* ---- views that are deleted ---- */

#define PROJECTOR "pgrep -P $(pgrep -P $(cat background)) -f -- '--service projector'"

Test(run, a_folder_of_views_that_cannot_be_had_for_an_instant_stops_nobody)
{
    open_shop();
    start("till run");
    until(PROJECTOR);
    const char *projector = done(PROJECTOR);
    for (int i = 0; i < 3; i++) {
        until("rm -rf shop/views && set -C && echo >shop/views"); /* the projector makes it anew at any moment */
        done("till place --ref %d --customer ada --line tea=1", i);
        done("sleep 0.2; rm -f shop/views");
        until("till status --json | grep '\"consumer\":\"inbox\"' | grep '\"lag\":0,'");
    }
    cr_expect_str_eq(done(PROJECTOR), projector, "the projector was started again");
}

Test(run, a_folder_of_views_that_can_never_be_had_is_no_instant)
{
    open_shop();
    done("rm -rf shop/views; echo >shop/views");
    struct answer answer = run("timeout 60 till run --until-idle");
    cr_expect_eq(answer.code, 4, "%d: %s", answer.code, answer.err);
}

/* ---- a bank that does not answer ---- */

/* Until the bank is let go, whoever asks it waits in vain: as if it hung. */
static void hold_bank(void)
{
    done("flock -F shop/run/bank.lock sleep 100 >holder-out 2>&1 & echo $! >holder");
    until("! flock -n shop/run/bank.lock true");
}

static void let_bank_go(void)
{
    done("kill $(cat holder)");
}

Test(run, until_idle_ends_with_4_when_only_a_paused_service_has_something_left)
{
    open_shop();
    done("till run --until-idle"); /* makes the lock's file */
    done("till place --ref 1 --customer ada --line tea=1");
    hold_bank();
    refused(4, "payment, which pauses until", "till run --until-idle --breaker-after 2 --cool-down 60000");
    done("till status --json | grep '\"consumer\":\"payment\"' | grep '\"state\":\"paused\"'");
    done("till status | grep 'the bank does not answer'");
    refused(4, "the bank does not answer", "till run --service payment --until-idle --cool-down 60000");
    done("printf 'order_ref,cancelled_at,reason\\n1,2090-01-01,late\\n' >cancellations.csv");
    refused(4, "payment, which pauses until", "till import --cancellations cancellations.csv --settle");
    let_bank_go();
    until("till run --until-idle --cool-down 1"); /* what is remembered is no longer than a cool-down: a millisecond */
    cr_expect_eq(count_lines(done("till orders --json | grep '\"status\":\"confirmed\"'")), 1);
    done("till status --json | grep '\"consumer\":\"payment\"' | grep '\"state\":\"stopped\"'");
}

Test(run, goes_on_by_itself_when_the_bank_is_back)
{
    open_shop();
    done("till run --until-idle");
    hold_bank();
    start("till run --breaker-after 2 --cool-down 200");
    done("till place --ref 1 --customer ada --line tea=1");
    until("till status --json | grep '\"state\":\"paused\"'");
    let_bank_go();
    until("till orders --json | grep '\"status\":\"confirmed\"'");
}

Test(run, tries_again_as_the_options_say)
{
    open_shop();
    done("till place --ref 1 --customer ada --line tea=1 --card tok_unavailable");
    done("till run --until-idle --attempts 3 --first-delay 1 --delay-factor 1 --jitter 0");
    cr_expect_str_eq(value(done("till events --type OrderRejected --json"), 0, "data.reason"), "payment_unavailable");
    cr_expect_str_eq(
        done("sqlite3 -readonly shop/gateway.db \"SELECT count(*) FROM attempt WHERE outcome = 'timed out'\""), "3\n");
}

Test(run, knows_the_ranges_of_its_policy)
{
    open_shop();
    refused(2, "--attempts takes a whole number from 1 to 100, not 0", "till run --attempts 0");
    refused(2, "--jitter takes a whole number from 0 to 100, not 101", "till run --jitter 101");
    refused(2, "--breaker-after takes a whole number from 2 to 100, not 1", "till run --breaker-after 1");
    refused(2, "--cool-down takes a whole number", "till run --cool-down soon");
}

Test(run, knows_its_services)
{
    open_shop();
    refused(2, "there is no service nosuch", "till run --service nosuch");
}

Test(run, logs_one_line_a_handled_event)
{
    open_shop();
    done("till place --ref 1 --customer ada --line tea=1 --card tok_ok");
    done("TILL_LOG=json till run --until-idle 2>log");
    cr_expect_eq(count_lines(done("grep -c . log")), 1);
    const char *line = done("grep '\"event\":\"OrderPlaced\"' log");
    cr_expect_str_eq(value(line, 0, "service"), "payment");
    cr_expect_str_eq(value(line, 0, "outcome"), "answered");
    cr_expect_str_eq(value(line, 0, "level"), "info");
    cr_expect_not_null(value(line, 0, "correlation_id"));
    done("! grep -e tok_ok -e ada log"); /* no secret, no payload */
}

Test(run, until_idle_with_some_services_ends_when_these_are_at_rest)
{
    open_shop();
    done("till place --ref 1 --customer ada --line tea=1");
    done("timeout 20 till run --until-idle --service order --service payment");
    cr_expect_eq(count_lines(done("till events --type PaymentCaptured --json")), 1);
    cr_expect_eq(count_lines(done("till events --type StockReserved --json")), 0);
}

Test(run, a_service_that_is_named_twice_is_one)
{
    open_shop();
    done("timeout 20 till run --until-idle --service order --service order");
}

Test(run, a_demo_that_is_asked_to_stop_stops_at_once_and_claims_nothing)
{
    done("mkdir tmp");
    start("env TMPDIR=%s till demo", path_of("tmp"));
    until("grep 'events stand on the roll' .background-out");
    done("kill -- -$(cat background)"); /* all of its processes, as Ctrl-C does */
    done("timeout 4 sh -c 'while grep -s ^State: /proc/$0/status | grep -v zombie; do sleep 0.1; done' "
         "$(cat background)");
    done("rm background");
    cr_expect_eq(run("grep -i 'as told' .background-out").code, 1);
    done("grep 'Stopped before the end' .background-out");
    cr_expect_str_empty(done("ls tmp"));
}
