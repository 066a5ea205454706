/* `till dead-letters`, and what journeys, orders and the status say of them, as a person types it. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(dead_letters, .init = till_begin, .fini = till_end);

/* Two orders whose refund the bank refuses: 1 for want of stock, and cancelled besides, so that one event waits behind
 * another; 2 because it was cancelled. With few attempts they are soon dead letters. */
static void dead_refunds(void)
{
    setenv("USER", "ann", 1);
    unsetenv("SUDO_USER");
    done("till init");
    done("till list tea --name Tea --price 12.50 --stock 10");
    done("till place --ref 1 --customer ada --line tea=11 --card tok_refund_refused");
    done("till place --ref 2 --customer bob --line tea=1 --card tok_refund_refused");
    done("till run --until-idle --attempts 2 --first-delay 1");
    done("till cancel 1");
    done("till cancel 2");
    done("till run --until-idle --attempts 2 --first-delay 1");
}

/* What stands at n of the list, as text: good until the test ends. */
static const char *listed(int n, const char *name)
{
    return value(done("till dead-letters --json"), n, name);
}

/* ---- list and show ---- */

Test(dead_letters, there_are_none_in_a_shop_that_works)
{
    small_shop();
    cr_assert_str_eq(done("till dead-letters"), "There are no dead letters.\n");
    cr_assert_str_eq(done("till dead-letters --json"), "");
    cr_assert_str_eq(done("till dead-letters --waiting"), "Nothing is set aside.\n");
    cr_assert_str_eq(done("till dead-letters retry --all"), "There are no dead letters.\n");
}

Test(dead_letters, are_listed_with_their_error_and_what_waits_behind_them)
{
    dead_refunds();
    const char *out = done("till dead-letters --json");
    cr_assert_eq(count_lines(out), 2);
    cr_assert_str_eq(names(out, 0), "position consumer event order_id order_ref customer_id state attempts parked_at "
                                    "next_attempt_at error behind");
    cr_assert_str_eq(value(out, 0, "consumer"), "payment");
    cr_assert_str_eq(value(out, 0, "event"), "StockReservationFailed");
    cr_assert_str_eq(value(out, 0, "order_ref"), "1");
    cr_assert_str_eq(value(out, 0, "state"), "dead");
    cr_assert_str_eq(value(out, 0, "attempts"), "2");
    cr_assert_str_eq(value(out, 0, "behind"), "1");
    cr_assert_str_eq(value(out, 1, "behind"), "0");
    cr_assert_str_eq(value(out, 0, "next_attempt_at"), "null");
    cr_assert(contains(value(out, 0, "error"), "the bank refuses the refund"));
    const char *text = done("till dead-letters");
    cr_assert(contains(text, "position  consumer      event                       attempts  behind     since\n"));
    cr_assert(contains(text, "\n  order 1 of ada: the bank refuses the refund (refund_refused): the shop still\n  "
                             "owes the customer 137.50 USD\n"),
              "%s", text);
    cr_assert_leq(widest(text), 80);
    cr_assert_eq(count_lines(done("till dead-letters --waiting --json")), 3);
    cr_assert(contains(done("till dead-letters --waiting"), "\n  order 1 of ada: waits behind position "));
    cr_assert_str_eq(done("till dead-letters --consumer order"), "There are no dead letters.\n");
    cr_assert_eq(count_lines(done("till dead-letters list --consumer payment --json")), 2);
}

Test(dead_letters, show_what_will_happen)
{
    dead_refunds();
    const char *position = listed(0, "position");
    const char *out = done("till dead-letters show %s --json", position);
    cr_assert_eq(count_lines(out), 1);
    cr_assert_str_eq(names(out, 0), "position consumer event order_id order_ref customer_id state attempts parked_at "
                                    "next_attempt_at error behind on_retry owed_when_discarded decisions");
    cr_assert(contains(value(out, 0, "on_retry"), "asks the bank to refund 137.50 USD (out_of_stock), key "), "%s",
              out);
    cr_assert_str_eq(value(out, 0, "owed_when_discarded"), "the shop owes the customer ada 137.50 USD");
    const char *text = done("till dead-letters show %s --consumer payment", position);
    cr_assert(contains(text, "StockReservationFailed, set aside by payment\n"), "%s", text);
    cr_assert(contains(text, "\ncustomer  ada\n"), "%s", text);
    cr_assert(contains(text, "\nbehind it 1 later event of this order for payment\n"), "%s", text);
    cr_assert_leq(widest(text), 80);
}

Test(dead_letters, a_waiting_event_is_shown_and_retried_too)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1 --card tok_timeout");
    start("till run --first-delay 3600000 --delay-max 3600000");
    until("till status --json | grep -q '\"waiting\":1'");
    const char *position = value(done("till dead-letters --waiting --json"), 0, "position");
    cr_assert(contains(done("till dead-letters show %s", position), "\nstate     waits for attempt 2 at 2"));
    refused(1, "payment is still trying", "till dead-letters discard %s --reason x --force", position);
    /* The service is at work, and sleeps until the bell rings. */
    cr_assert_str_eq(done("till dead-letters retry %s --json", position), "{\"retried\":1}\n");
    until("till order 1 --json | grep -q '\"status\":\"confirmed\"'");
    stop();
}

/* ---- retry ---- */

Test(dead_letters, that_are_retried_are_tried_at_once_and_stay_on_record)
{
    dead_refunds();
    const char *position = listed(0, "position");
    const char *out = done("till dead-letters retry %s --reason 'the bank has called'", position);
    cr_assert(
        contains(out, "is due at once: payment tries it again.\nNobody runs the service payment:\n    till run\n"),
        "%s", out);
    done("till run --until-idle --attempts 2 --first-delay 1");
    cr_assert_str_eq(listed(0, "attempts"), "3");
    out = done("till dead-letters show %s --json", position);
    cr_assert_str_eq(value(out, 0, "decisions.0.decision"), "retry");
    cr_assert_str_eq(value(out, 0, "decisions.0.by"), "ann");
    cr_assert_str_eq(value(out, 0, "decisions.0.reason"), "the bank has called");
    cr_assert_str_eq(value(out, 0, "decisions.0.attempts"), "2");
    cr_assert(contains(done("till dead-letters show %s", position), "\ndecided   retry by ann at 2"));
}

Test(dead_letters, are_retried_while_their_service_is_at_work)
{
    dead_refunds();
    start("till run --attempts 2 --first-delay 1");
    until("till status --json | grep -q '\"consumer\":\"payment\".*\"state\":\"running\"'");
    for (int i = 0; i < 3; i++) { /* each time it is asleep, or about to be */
        char attempts[12];
        cr_assert_not(contains(done("till dead-letters retry %s", listed(0, "position")), "Nobody runs"));
        snprintf(attempts, sizeof attempts, "%d", 3 + i);
        until("till dead-letters --json | head -1 | grep -q '\"state\":\"dead\",\"attempts\":%s,'", attempts);
    }
    stop();
    (void)done("till verify");
}

Test(dead_letters, are_retried_all_at_once)
{
    dead_refunds();
    cr_assert_str_eq(done("till dead-letters retry --all --consumer inventory"), "There are no dead letters.\n");
    cr_assert(contains(done("till dead-letters retry --all"), "2 dead letters are due at once.\n"));
    cr_assert_str_eq(done("till dead-letters"), "There are no dead letters.\n");
}

Test(dead_letters, that_succeed_let_their_order_go_on)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1 --card tok_timeout");
    start("till run --service payment --first-delay 3600000 --delay-max 3600000");
    until("till status --json | grep -q '\"waiting\":1'");
    stop();
    edit_consumers("UPDATE parked SET state = 'dead', attempts = 6");
    cr_assert_eq(run("till status").code, 1);
    const char *position = listed(0, "position");
    cr_assert_str_eq(value(done("till dead-letters show %s --json", position), 0, "owed_when_discarded"),
                     "the bank may have charged the customer ada 1.00 USD, which the roll does not know");
    refused(1, "leaves a debt: the bank may have charged", "till dead-letters discard %s --reason x", position);
    done("till dead-letters retry %s", position);
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "status"), "confirmed");
    (void)done("till status");
}

/* ---- discard and settle ---- */

Test(dead_letters, a_refund_is_discarded_only_by_force_and_the_journey_says_what_is_owed)
{
    dead_refunds();
    const char *position = listed(1, "position");
    cr_assert_eq(count_lines(done("till journeys --stuck --older-than 1000000 --json")), 2); /* at once */
    refused(1, "discarding this leaves a debt: the shop owes the customer bob 12.50 USD",
            "till dead-letters discard %s --reason 'paid by hand'", position);
    cr_assert_eq(count_lines(done("till dead-letters --json")), 2);
    cr_assert(contains(done("till dead-letters discard %s --reason 'paid by hand' --force", position),
                       "Now the shop owes the customer bob 12.50 USD"));
    const char *out = done("till journeys --stuck --older-than 1000000 --json");
    cr_assert_eq(count_lines(out), 2); /* at once, both of them: a dead letter and a debt */
    cr_assert_str_eq(value(out, 0, "needs_person"), "true");
    cr_assert(contains(value(out, 0, "waiting_for"), "payment: needs a person after 2 attempts: "));
    cr_assert_str_eq(value(out, 1, "waiting_for"), "null");
    cr_assert_str_eq(value(out, 1, "discarded.0.by"), "ann");
    cr_assert_str_eq(value(out, 1, "discarded.0.reason"), "paid by hand");
    cr_assert_str_eq(value(out, 1, "discarded.0.owed"), "the shop owes the customer bob 12.50 USD");
    const char *text = done("till journeys");
    cr_assert(contains(text, "\n  payment: discarded by ann at 2"), "%s", text);
    cr_assert_leq(widest(text), 80);
    cr_assert_leq(widest(done("till journeys --stuck")), 80);
    cr_assert(contains(done("till order 2"), "\n  payment: discarded by ann at 2"));
    cr_assert(contains(done("till order 1"), "\n  needs a person after 2 attempts: the bank refuses"));
    cr_assert(contains(value(done("till order 1 --json"), 0, "waits.0"), "payment: needs a person after 2 attempts"));
}

Test(dead_letters, what_is_parked_or_discarded_is_of_now)
{
    dead_refunds();
    const char *head = value(done("till status --json || true"), 0, "head");
    cr_assert_str_eq(names(done("till journeys --json --at %s", head), 0),
                     "order_id order_ref status steps stuck waiting_for");
    cr_assert_str_eq(value(done("till journeys --json --at %s", head), 0, "waiting_for"), "payment");
    cr_assert_not(contains(done("till order 1 --at %s", head), "needs a person"));
    cr_assert_not(contains(done("till order 1 --json --as-of 2999-01-01"), "waits"));
}

Test(dead_letters, a_debt_needs_a_person_until_it_is_settled)
{
    dead_refunds();
    const char *first = listed(0, "position"), *second = listed(1, "position");
    refused(1, "nothing is owed for position", "till dead-letters settle %s --reason x", second);
    done("till dead-letters discard %s --reason 'paid by hand' --force", second);
    done("till dead-letters discard %s --reason 'paid by hand' --force", first);
    struct answer answer = run("till status");
    cr_assert_eq(answer.code, 1);
    cr_assert(
        contains(answer.out, "Order 2: the shop owes the customer bob 12.50 USD, since ann discarded\n  position "),
        "%s", answer.out);
    cr_assert(contains(answer.out, "\n    till journeys --stuck\n"), "%s", answer.out);
    cr_assert_leq(widest(answer.out), 80);
    answer = run("till status --json");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(value(answer.out, 9, "needs_person"), "true");
    char command[100];
    snprintf(command, sizeof command, "till dead-letters settle %s --consumer payment --reason \"HOW\"", second);
    cr_assert_str_eq(value(answer.out, 9, "command"), command);
    done("till dead-letters settle %s --reason cheque", first);
    done("%s", command);
    refused(1, "nothing is owed for position", "till dead-letters settle %s --reason x", second);
    cr_assert_not(contains(run("till status").out, "owes"));
    const char *out = done("till dead-letters show %s --json", second);
    cr_assert_str_eq(value(out, 0, "state"), "gone");
    cr_assert_str_eq(value(out, 0, "decisions.1.decision"), "settle");
    cr_assert_str_eq(value(out, 0, "decisions.1.reason"), "HOW");
    cr_assert(contains(done("till dead-letters show %s", second), "decided   settle by ann at 2"));
    /* Nothing will happen to the order any more, and its page says why. */
    cr_assert(contains(done("till order 2 --json"), "\"settled\":\"HOW\""));
    cr_assert(contains(done("till journeys"), "settled by"));
}

/* The line of `text` that is a command in which `word` stands. */
static const char *command_with(const char *text, const char *word)
{
    return done("printf '%%s' '%s' | grep '^    till ' | grep -- '%s' | head -1", text, word);
}

/* What is told to be typed works as it stands, wherever the shop is and whoever else has set the event aside. */
Test(dead_letters, are_shown_with_commands_that_can_be_copied)
{
    dead_refunds();
    const char *position = listed(1, "position");
    edit_consumers("INSERT INTO parked SELECT 'inventory', sequence, position, state, attempts,"
                   " next_attempt, parked_at, 'x', 0 FROM parked WHERE position = %s",
                   position);
    done("mv shop 'the shop'");
    const char *stuck = done("till journeys --stuck --shop 'the shop' | tr \"'\" '\"'");
    cr_assert_leq(widest(stuck), 80);
    cr_assert(contains(done("%s", command_with(stuck, "inventory")), "set aside by inventory\n"));
    cr_assert(contains(done("%s", command_with(stuck, "payment")), "set aside by payment\n"));
    const char *out = done("till dead-letters discard %s --shop 'the shop' --consumer payment --reason x --force"
                           " | tr \"'\" '\"'",
                           position);
    const char *stuck_after = done("till order 2 --shop 'the shop' | tr \"'\" '\"'");
    cr_assert_str_eq(command_with(stuck_after, "settle"), command_with(out, "settle"));
    cr_assert(contains(done("%s", command_with(out, "settle")), "Nothing is owed"));
}

Test(dead_letters, what_waited_behind_a_discarded_one_is_tried_next)
{
    dead_refunds();
    done("till dead-letters discard %s --reason x --force", listed(0, "position"));
    done("till run --until-idle --attempts 2 --first-delay 1");
    const char *out = done("till dead-letters --json");
    cr_assert_eq(count_lines(out), 2);
    cr_assert_str_eq(value(out, 0, "event"), "OrderCancellationRequested");
    cr_assert_str_eq(value(out, 0, "order_ref"), "1");
}

Test(dead_letters, what_owes_nothing_is_discarded_without_force)
{
    dead_refunds();
    /* A mail that could not be written. */
    edit_consumers("INSERT INTO parked SELECT 'notification', x'00112233445566778899aabbccddeeff',"
                   " position, 'dead', 6, 0, 0, 'the mailbox is full', 0 FROM event ORDER BY position LIMIT 1");
    cr_assert_str_eq(done("till dead-letters discard 1 --reason 'nobody reads it' --json"),
                     "{\"position\":1,\"consumer\":\"notification\",\"owed\":null}\n");
    cr_assert_eq(count_lines(done("till dead-letters --json")), 2);
}

/* What is damaged is told, and nothing that is sound is thrown away for it. */
Test(dead_letters, that_are_damaged_are_not_the_fault_of_a_view)
{
    dead_refunds();
    done("till rebuild && ls shop/views >before");
    edit_consumers("UPDATE parked SET attempts = -1");
    refused(3, "a parked event is damaged: run `till verify`", "till journeys");
    refused(3, "a parked event is damaged: run `till verify`", "till order 1");
    refused(3, "a parked event is damaged: run `till verify`", "till dead-letters");
    refused(3, "a parked event is damaged: run `till verify`", "till status");
    cr_assert(contains(run("till verify").out, "-1 times"));
    done("ls shop/views | diff before -");
}

/* ---- two at once ---- */

Test(dead_letters, of_two_people_at_once_one_decides)
{
    dead_refunds();
    const char *position = listed(0, "position");
    done("for i in 1 2 3 4 5 6 7 8; do till dead-letters discard %s --reason $i --force >out$i 2>err$i & done; wait",
         position);
    cr_assert_str_eq(done("cat out? | grep -c 'is discarded'"), "1\n");
    const char *out = done("till dead-letters show %s --json", position);
    cr_assert_null(value(out, 0, "decisions.1.decision"));
    const char *errors = done("cat err?");
    cr_assert_eq(count_lines(errors), 7, "%s", errors);
}

Test(dead_letters, one_that_two_consumers_have_set_aside_is_named_with_its_consumer)
{
    dead_refunds();
    const char *position = listed(1, "position");
    edit_consumers("INSERT INTO parked SELECT 'inventory', sequence, position, state, attempts,"
                   " next_attempt, parked_at, 'x', 0 FROM parked WHERE position = %s",
                   position);
    refused(1, "both inventory and payment have set position", "till dead-letters show %s", position);
    refused(1, "name one with --consumer", "till dead-letters retry %s", position);
    cr_assert(contains(done("till dead-letters show %s --consumer inventory", position), "set aside by inventory\n"));
}

/* ---- wrong usage ---- */

Test(dead_letters, hostile_words_are_refused)
{
    dead_refunds();
    const char *position = listed(0, "position");
    static const char *const no_positions[] = {"0", "00", "1x", "''", "99999999999999999999", "0x1", "+"};
    for (size_t i = 0; i < sizeof no_positions / sizeof *no_positions; i++)
        refused(2, "is no position", "till dead-letters show %s", no_positions[i]);
    refused(2, "is no option here", "till dead-letters show -1");
    refused(2, "is no position", "till dead-letters show -- -1");
    refused(1, "nobody has set position 9223372036854775807 aside", "till dead-letters show 9223372036854775807");
    refused(1, "nobody has set position 1 aside", "till dead-letters retry 1");
    refused(1, "order has not set position", "till dead-letters retry %s --consumer order", position);
    refused(2, "there is no service bank", "till dead-letters --consumer bank");
    refused(2, "there is no service \\x1B[2J", "till dead-letters --consumer \"$(printf '\\033[2J')\"");
    refused(2, "list, show, retry, discard or settle, not drop", "till dead-letters drop 1");
    refused(2, "POSITION is missing", "till dead-letters show");
    refused(2, "POSITION is missing", "till dead-letters retry");
    refused(2, "5 is too much", "till dead-letters retry --all 5");
    refused(2, "5 is too much", "till dead-letters list 5");
    refused(2, "that is too much", "till dead-letters show 5 6");
    refused(2, "--reason is missing", "till dead-letters discard %s", position);
    refused(2, "--reason is missing", "till dead-letters discard %s --reason ''", position);
    refused(2, "--reason is missing", "till dead-letters settle %s", position);
    refused(2, "--reason takes one line", "till dead-letters discard %s --reason \"$(printf 'a\\nb')\"", position);
    refused(2, "--reason takes one line", "till dead-letters retry %s --reason \"$(printf 'a\\033[2Jb')\"", position);
    refused(2, "--reason takes one line",
            "till dead-letters retry %s --reason \"$(head -c 513 /dev/zero | tr '\\0' x)\"", position);
    refused(2, "--reason takes one line", "till dead-letters retry %s --reason \"$(printf '\\377')\"", position);
    refused(2, "--force means nothing for retry", "till dead-letters retry %s --force", position);
    refused(2, "--all means nothing for discard", "till dead-letters discard %s --all --reason x", position);
    refused(2, "--waiting means nothing for show", "till dead-letters show %s --waiting", position);
    cr_assert_eq(count_lines(done("till dead-letters --json")), 2);
    done("till dead-letters retry %s --reason \"$(head -c 512 /dev/zero | tr '\\0' x)\"", position);
}

/* Names that cannot be recorded are not: the next best is. */
Test(dead_letters, whoever_decides_is_the_person_behind_sudo_else_the_user)
{
    dead_refunds();
    const char *first = listed(0, "position"), *second = listed(1, "position");
    done("SUDO_USER=eve till dead-letters retry %s", first);
    cr_assert_str_eq(value(done("till dead-letters show %s --json", first), 0, "decisions.0.by"), "eve");
    done("env -u SUDO_USER USER=\"$(printf 'a\\033b')\" till dead-letters retry %s", second);
    const char *by = value(done("till dead-letters show %s --json", second), 0, "decisions.0.by");
    const char *login = done("id -un");
    cr_assert(strncmp(login, by, strlen(by)) == 0 && strlen(by) > 0, "%s", by);
}
