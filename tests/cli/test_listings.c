#include <stdio.h>
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(listings, .init = till_begin, .fini = till_end);

/* ---- names and values ---- */

Test(listings, orders_have_these_names_and_values)
{
    small_shop();
    const char *out = done("till orders --json");
    cr_assert_eq(count_lines(out), 3);
    cr_assert_str_eq(names(out, 0), "order_id order_ref customer_id status reason currency total_minor placed_at "
                                    "updated_at version position");
    cr_assert_str_eq(value(out, 0, "order_ref"), "1");
    cr_assert_str_eq(value(out, 0, "customer_id"), "ada");
    cr_assert_str_eq(value(out, 0, "status"), "confirmed");
    cr_assert_str_eq(value(out, 0, "reason"), "null");
    cr_assert_str_eq(value(out, 0, "currency"), "USD");
    cr_assert_str_eq(value(out, 0, "total_minor"), "5500");
    cr_assert_str_eq(value(out, 0, "version"), "2");
    cr_assert_str_eq(value(out, 1, "status"), "rejected");
    cr_assert_str_eq(value(out, 1, "reason"), "declined");
    cr_assert_str_eq(value(out, 2, "status"), "cancelled");
    cr_assert_str_eq(value(out, 2, "reason"), "out_of_stock");
}

Test(listings, one_order_has_its_lines)
{
    small_shop();
    const char *out = done("till order 1 --json");
    cr_assert_eq(count_lines(out), 1);
    cr_assert_str_eq(names(out, 0), "order_id order_ref customer_id status reason currency total_minor placed_at "
                                    "updated_at version position lines waits needs_person discarded");
    cr_assert_str_eq(value(out, 0, "lines"),
                     "[{\"sku\":\"tea\",\"name\":\"Green tea\",\"quantity\":2,\"unit_price_minor\":1250},"
                     "{\"sku\":\"a pot/b=c\",\"name\":\"Pot, blue\",\"quantity\":1,\"unit_price_minor\":3000}]");
    const char *text = done("till order 1");
    cr_assert(contains(text, "order 1: confirmed\n") && contains(text, "  55.00 USD\n") && contains(text, "Green tea"));
    cr_assert(contains(text, "└▶ PaymentCaptured"), "%s", text);
}

Test(listings, stock_has_these_names_and_values)
{
    small_shop();
    const char *out = done("till stock --json");
    cr_assert_str_eq(out,
                     "{\"sku\":\"a pot/b=c\",\"name\":\"Pot, blue\",\"on_hand\":2,\"reserved\":1,\"available\":1}\n"
                     "{\"sku\":\"tea\",\"name\":\"Green tea\",\"on_hand\":10,\"reserved\":2,\"available\":8}\n");
}

Test(listings, sales_are_told_by_day_product_or_customer)
{
    small_shop();
    const char *day = done("till sales --json");
    cr_assert_str_eq(names(day, 0), "day orders units revenue_minor currency");
    cr_assert_eq(strlen(value(day, 0, "day")), strlen("2026-11-23"));
    cr_assert_str_eq(done("till sales --by day --json"), day);
    cr_assert_str_eq(done("till sales --by sku --json"),
                     "{\"sku\":\"a pot/b=c\",\"orders\":1,\"units\":1,\"revenue_minor\":3000,\"currency\":\"USD\"}\n"
                     "{\"sku\":\"tea\",\"orders\":1,\"units\":2,\"revenue_minor\":2500,\"currency\":\"USD\"}\n");
    cr_assert_str_eq(
        done("till sales --by customer --json"),
        "{\"customer_id\":\"ada\",\"orders\":1,\"units\":3,\"revenue_minor\":5500,\"currency\":\"USD\"}\n");
    refused(2, "--by takes day, sku or customer, not week", "till sales --by week");
}

Test(listings, the_inbox_is_everybodys_or_one_customers)
{
    small_shop();
    const char *out = done("till inbox --json");
    cr_assert_eq(count_lines(out), 3);
    cr_assert_str_eq(names(out, 0), "customer_id order_id kind message_id at position");
    out = done("till inbox ada --json");
    cr_assert_eq(count_lines(out), 1);
    cr_assert_str_eq(value(out, 0, "kind"), "confirmed");
    cr_assert(contains(value(out, 0, "message_id"), "@shop.invalid>"));
    cr_assert_eq(count_lines(done("till inbox bob --json")), 2);
    cr_assert_str_eq(done("till inbox eve --json"), "");
    cr_assert_str_eq(done("till inbox eve"), "That customer was told nothing.\n");
}

Test(listings, journeys_have_these_names_and_steps)
{
    small_shop();
    const char *out = done("till journeys --json");
    cr_assert_eq(count_lines(out), 3);
    cr_assert_str_eq(names(out, 0), "order_id order_ref status steps stuck waiting_for needs_person discarded");
    cr_assert_str_eq(value(out, 0, "stuck"), "false");
    cr_assert_str_eq(value(out, 0, "waiting_for"), "null");
    cr_assert_str_eq(value(out, 0, "steps.0.event"), "OrderPlaced");
    cr_assert_str_eq(value(out, 0, "steps.0.elapsed_us"), "0");
    cr_assert_str_eq(value(out, 0, "steps.1.event"), "PaymentCaptured");
    cr_assert_gt(strtol(value(out, 0, "steps.1.elapsed_us"), NULL, 10), 0);
    cr_assert_str_eq(value(out, 0, "steps.4.event"), "NotificationSent");
    cr_assert_null(value(out, 0, "steps.5"));
    cr_assert(contains(value(out, 0, "steps.4"), "{\"event\":\"NotificationSent\",\"position\":"));
    cr_assert(contains(value(out, 0, "steps.4"), "\"at\":\"20"));
}

Test(listings, a_price_change_leaves_old_orders_alone)
{
    small_shop();
    done("till list tea --name 'Green tea' --price 99");
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "lines.0.unit_price_minor"), "1250");
}

/* ---- for people ---- */

Test(listings, tables_fit_80_columns)
{
    static const char *const listings[] = {
        "orders",   "order 1", "stock",   "sales", "sales --by sku", "sales --by customer",
        "journeys", "inbox",   "trace 3", "status"};
    small_shop();
    for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
        cr_assert_leq(widest(done("till %s", listings[i])), 80, "till %s is too wide", listings[i]);
}

Test(listings, money_has_its_decimals_and_its_currency)
{
    done("till init --currency JPY");
    done("till list tea --name Tea --price 1250 --stock 10");
    done("till place --ref 1 --customer ada --line tea=2");
    cr_assert(contains(done("till orders"), "  2500 JPY  "));
    cr_assert_str_eq(value(done("till orders --json"), 0, "total_minor"), "2500");
}

Test(listings, where_there_is_nothing_that_is_said_but_not_in_json)
{
    done("till init");
    cr_assert_str_eq(done("till orders"), "There are no orders.\n");
    cr_assert_str_eq(done("till stock"), "There are no products.\n");
    cr_assert_str_eq(done("till sales"), "Nothing is sold.\n");
    cr_assert_str_eq(done("till inbox"), "Nobody was told anything.\n");
    cr_assert_str_eq(done("till journeys"), "There are no orders.\n");
    cr_assert_str_eq(done("till journeys --stuck"), "No order is stuck.\n");
    cr_assert_str_eq(done("till orders --json; till stock --json; till sales --json; till inbox --json;"
                          "till journeys --json"),
                     "");
}

Test(listings, colour_is_for_terminals_only_and_never_with_no_color)
{
    small_shop();
    cr_assert(!contains(done("NO_COLOR= till trace 1"), "\033"));
    if (run("script -qec true /dev/null").code != 0)
        cr_skip_test("there is no `script` to make a terminal with");
    cr_assert(contains(done("NO_COLOR= script -qec 'till trace 1' /dev/null"), "\033[32mOrderConfirmed"));
    cr_assert(!contains(done("NO_COLOR=1 script -qec 'till trace 1' /dev/null"), "\033"));
}

/* ---- time travel ---- */

Test(listings, a_query_shows_the_shop_as_it_was_at_a_position)
{
    small_shop();
    const char *placed = value(done("till events --type OrderPlaced --limit 1 --json"), 0, "position");
    const char *out = done("till orders --at %s --json", placed);
    cr_assert_eq(count_lines(out), 1);
    cr_assert_str_eq(value(out, 0, "status"), "placed");
    cr_assert(contains(done("till stock --at %s --json", placed), "\"reserved\":0"));
    cr_assert_str_eq(done("till sales --at %s --json", placed), "");
    cr_assert_str_eq(done("till inbox --at %s --json", placed), "");
    cr_assert_str_eq(value(done("till order 1 --at %s --json", placed), 0, "status"), "placed");
    const char *text = done("till order 1 --at %s", placed);
    cr_assert(contains(text, "OrderPlaced") && !contains(text, "PaymentCaptured"), "%s", text);
    cr_assert_str_eq(done("till orders --at 0 --json"), "");
    refused(1, "there was no order 1 yet at position 1", "till order 1 --at 1");
}

Test(listings, a_query_shows_the_shop_as_it_was_at_a_time)
{
    small_shop();
    const char *at = value(done("till events --type OrderConfirmed --json"), 0, "recorded_at");
    cr_assert_str_eq(value(done("till orders --as-of %s --json", at), 0, "status"), "confirmed");
    cr_assert_str_eq(done("till orders --as-of 1996-12-24 --json"), "");
    cr_assert_eq(count_lines(done("till orders --as-of 2999-01-01T00:00:00+02:00 --json")), 3);
}

Test(listings, a_moment_that_is_none_is_wrong_usage_and_a_future_one_is_not_found)
{
    done("till init");
    refused(2, "yesterday is no time", "till orders --as-of yesterday");
    refused(2, "2026-02-30 is no time", "till stock --as-of 2026-02-30");
    refused(2, "-1 is no position", "till orders --at=-1");
    refused(2, "give one", "till orders --at 1 --as-of 2026-01-01");
    refused(1, "the roll ends at position 0, before 7", "till orders --at 7");
}

Test(listings, queries_see_what_was_done_just_before)
{
    small_shop();
    done("till list cup --name Cup --price 1 --stock 3");
    cr_assert_eq(count_lines(done("till stock --json")), 3);
    done("till cancel 1");
    cr_assert_str_eq(value(done("till orders --json"), 0, "status"), "cancelling");
}

Test(listings, views_may_be_deleted_at_any_moment)
{
    small_shop();
    const char *before = done("till orders --json");
    done("rm -r shop/views");
    cr_assert_str_eq(done("till orders --json"), before);
}

/* ---- what is stuck ---- */

/* An order that nobody works on. */
static void waiting_order(void)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1");
}

Test(listings, an_order_that_nobody_answers_is_stuck_after_a_while)
{
    waiting_order();
    cr_assert_str_eq(value(done("till journeys --json"), 0, "stuck"), "false");
    cr_assert_str_eq(value(done("till journeys --json"), 0, "waiting_for"), "payment");
    cr_assert_str_eq(done("till journeys --stuck --json"), "");
    const char *out = done("till journeys --stuck --older-than 0 --json");
    cr_assert_str_eq(value(out, 0, "stuck"), "true");
    cr_assert_str_eq(value(out, 0, "waiting_for"), "payment");
    cr_assert(contains(done("till journeys --older-than 0"), "payment, quiet for "));
    refused(2, "--older-than takes a whole number", "till journeys --older-than soon");
}

Test(listings, a_confirmed_order_that_nobody_ships_is_not_stuck)
{
    small_shop();
    cr_assert_str_eq(done("till journeys --stuck --older-than 0 --json"), "");
}

Test(listings, what_is_stuck_is_judged_by_the_moment_that_is_looked_at)
{
    waiting_order();
    const char *placed = value(done("till events --type OrderPlaced --json"), 0, "position");
    cr_assert_str_eq(value(done("till journeys --at %s --older-than 0 --json", placed), 0, "stuck"), "false");
    cr_assert_str_eq(value(done("till journeys --as-of 2999-01-01 --json"), 0, "stuck"), "true");
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till journeys --at %s --json", placed), 0, "waiting_for"), "payment");
    cr_assert_str_eq(value(done("till journeys --as-of 2999-01-01 --json"), 0, "stuck"), "false");
}

Test(listings, a_journey_says_which_attempt_it_waits_for_and_why)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1 --card tok_unavailable");
    start("till run --service payment");
    until("till journeys --json | grep -q 'payment: attempt '");
    stop();
    const char *out = done("till journeys --json");
    cr_assert(contains(value(out, 0, "waiting_for"), "Z: "), "%s", out);
    cr_assert(contains(done("till journeys"), "\n  attempt "));
    /* What stands parked is of now, and no part of history. */
    const char *head = value(done("till status --json"), 0, "head");
    cr_assert_str_eq(value(done("till journeys --at %s --json", head), 0, "waiting_for"), "payment");
}

Test(listings, a_journey_that_needs_a_person_says_so)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1 --card tok_unavailable");
    start("till run --service payment");
    until("till status --json | grep -q '\"waiting\":1'");
    stop();
    edit_consumers("UPDATE parked SET state = 'dead', attempts = 6");
    cr_assert(
        contains(value(done("till journeys --json"), 0, "waiting_for"), "payment: needs a person after 6 attempts: "));
}
