#include "tests/cli/till.h"

TestSuite(trade, .init = till_begin, .fini = till_end);

/* ---- init ---- */

Test(trade, init_makes_a_shop_and_says_where)
{
    const char *out = done("till init --json");
    cr_assert_str_eq(names(out, 0), "shop store_id currency created_at done_already");
    cr_assert_str_eq(value(out, 0, "shop"), "./shop");
    cr_assert_str_eq(value(out, 0, "currency"), "USD");
    cr_assert_str_eq(value(out, 0, "done_already"), "false");
}

Test(trade, init_of_a_shop_that_is_there_is_done_already)
{
    const char *first = done("till init --json");
    const char *second = done("till init --json");
    cr_assert_str_eq(value(second, 0, "done_already"), "true");
    cr_assert_str_eq(value(second, 0, "store_id"), value(first, 0, "store_id"));
    cr_assert(contains(done("till init --currency USD"), "There is a shop in ./shop already"));
}

Test(trade, the_currency_of_a_shop_is_fixed)
{
    done("till init --currency JPY");
    refused(1, "sells in JPY, not in USD", "till init --currency USD");
    cr_assert(contains(done("till init"), "it sells in JPY")); /* whatever it sells in is fine */
}

Test(trade, init_takes_currencies_of_iso_4217_only)
{
    refused(2, "usd is no currency", "till init --currency usd");
    refused(3, "there is no shop", "till orders");
}

/* ---- list and receive ---- */

Test(trade, listing_again_with_the_same_data_changes_nothing)
{
    done("till init");
    const char *out = done("till list tea --name 'Green tea' --price 12.50 --stock 10 --json");
    cr_assert_str_eq(names(out, 0), "sku name unit_price_minor currency opening_stock on_hand done_already");
    cr_assert_str_eq(value(out, 0, "unit_price_minor"), "1250");
    cr_assert_str_eq(value(out, 0, "done_already"), "false");
    out = done("till list tea --name 'Green tea' --price 12.5 --stock 10 --json");
    cr_assert_str_eq(value(out, 0, "done_already"), "true");
    cr_assert_eq(count_lines(done("till events --json")), 2);
}

Test(trade, an_opening_stock_is_received_once_and_that_is_said)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    const char *out = done("till list tea --name Tea --price 2 --stock 99");
    cr_assert(contains(out, "tea is listed: \"Tea\" at 2.00 USD, 10 on hand"), "%s", out);
    cr_assert(contains(out, "Its opening stock stays 10"), "%s", out);
}

Test(trade, a_price_is_an_exact_decimal_of_the_shops_currency)
{
    done("till init --currency KWD");
    cr_assert_str_eq(value(done("till list tea --name T --price 1.005 --json"), 0, "unit_price_minor"), "1005");
    refused(2, "1.0055 is no price in KWD", "till list tea --name T --price 1.0055");
    refused(2, "1,5 is no price", "till list tea --name T --price 1,5");
    refused(1, "the price is out of range", "till list tea --name T --price 0");
    refused(2, "9999999999999.005 is too large a price: the most is 1000000000.000 KWD\n",
            "till list tea --name T --price 9999999999999.005");
    refused(2, "99999999999999999999 is too large", "till list tea --name T --price 99999999999999999999");
    refused(2, "99999999999999999999.0055 is no price", "till list tea --name T --price 99999999999999999999.0055");
    refused(2, "is no price", "till list tea --name T --price .5");
    refused(2, "--price is missing", "till list tea --name T");
    refused(2, "--name is missing", "till list tea --price 1");
}

Test(trade, every_delivery_is_one_of_its_own)
{
    done("till init");
    done("till list tea --name Tea --price 1");
    cr_assert_str_eq(value(done("till receive tea 5 --json"), 0, "on_hand"), "5");
    const char *out = done("till receive tea 5 --json");
    cr_assert_str_eq(names(out, 0), "sku quantity on_hand reserved available done_already");
    cr_assert_str_eq(value(out, 0, "on_hand"), "10");
    cr_assert(contains(done("till receive tea 5"), "5 of tea received: 15 on hand, 15 available."));
    refused(1, "the quantity is out of range", "till receive tea 0");
    refused(1, "the quantity is out of range", "till receive tea -- -5");
    refused(2, "many is no quantity", "till receive tea many");
    refused(1, "coffee: the product is not listed", "till receive coffee 5");
}

/* ---- place ---- */

static void list_tea(void)
{
    done("till init");
    done("till list tea --name Tea --price 12.50 --stock 10");
}

Test(trade, an_order_is_placed_once_a_ref)
{
    list_tea();
    const char *out = done("till place --ref 42 --customer ada --line tea=2 --json");
    cr_assert_str_eq(names(out, 0), "order_id order_ref customer_id currency total_minor done_already");
    cr_assert_str_eq(value(out, 0, "order_ref"), "42");
    cr_assert_str_eq(value(out, 0, "total_minor"), "2500");
    cr_assert_str_eq(value(out, 0, "done_already"), "false");
    const char *again = done("till place --ref 42 --customer ada --line tea=2 --json");
    cr_assert_str_eq(value(again, 0, "order_id"), value(out, 0, "order_id"));
    cr_assert_str_eq(value(again, 0, "done_already"), "true");
    cr_assert(contains(done("till place --ref 42 --customer ada --line tea=2"), "Order 42 was placed already"));
    cr_assert_eq(count_lines(done("till orders --json")), 1);
}

Test(trade, the_same_ref_with_another_content_is_refused_and_says_what_differs)
{
    list_tea();
    done("till place --ref 42 --customer ada --line tea=2");
    refused(1, "an order with other lines", "till place --ref 42 --customer ada --line tea=3");
    refused(1, "an order of another customer", "till place --ref 42 --customer bob --line tea=2");
}

Test(trade, a_ref_is_made_and_printed_when_none_is_given)
{
    list_tea();
    const char *ref = value(done("till place --customer ada --line tea=2 --json"), 0, "order_ref");
    cr_assert_eq(strlen(ref), strlen("0000-0000-0000"), "%s", ref);
    const char *other = value(done("till place --customer ada --line tea=2 --json"), 0, "order_ref");
    cr_assert_str_neq(ref, other);
    cr_assert_str_eq(value(done("till order %s --json", other), 0, "order_ref"), other);
}

Test(trade, a_line_is_split_at_its_last_equals_sign)
{
    done("till init");
    done("till list 'a=b' --name Odd --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line 'a=b=3'");
    const char *out = done("till order 1 --json");
    cr_assert_str_eq(value(out, 0, "lines.0.sku"), "a=b");
    cr_assert_str_eq(value(out, 0, "lines.0.quantity"), "3");
    refused(2, "--line takes SKU=QTY, not a=b", "till place --customer ada --line 'a=b'");
    refused(2, "--line takes SKU=QTY, not tea", "till place --customer ada --line tea");
    refused(2, "--line takes SKU=QTY, not =3", "till place --customer ada --line =3");
}

Test(trade, what_cannot_be_ordered_is_refused_with_its_line)
{
    list_tea();
    refused(1, "coffee: the product is not listed", "till place --customer ada --line tea=1 --line coffee=1");
    refused(1, "tea: the quantity is out of range", "till place --customer ada --line tea=0");
    refused(1, "tea: the quantity is out of range", "till place --customer ada --line tea=1000001");
    refused(2, "--customer is missing", "till place --line tea=1");
    refused(2, "--line is missing", "till place --customer ada");
    cr_assert_str_empty(done("till orders --json"));
}

static void never_echoed(struct answer answer, const char *token)
{
    cr_assert(!contains(answer.out, token) && !contains(answer.err, token), "%s%s", answer.out, answer.err);
}

Test(trade, a_card_token_is_never_echoed)
{
    list_tea();
    never_echoed(run("till place --ref 1 --customer ada --line tea=1 --card tok_declined"), "tok_");
    never_echoed(run("till place --ref 1 --customer ada --line tea=1 --card tok_declined --json"), "tok_");
    never_echoed(run("till order 1; till order 1 --json; till orders; till trace 1"), "tok_");
}

Test(trade, a_card_number_is_refused_and_never_echoed)
{
    static const char number[] = "4111111111111111";
    list_tea();
    refused(1, "the card token is a card number", "till place --customer ada --line tea=1 --card %s", number);
    never_echoed(run("till place --customer ada --line tea=1 --card %s", number), number);
    never_echoed(run("till place --customer ada --line tea=1 --card=%s --bogus", number), number);
    never_echoed(run("till place --customer ada --line tea=1 --crad=%s", number), number);
    never_echoed(run("till place --customer ada --line tea=1 --card %s -zz", number), number);
    never_echoed(run("till place --customer ada --line tea=1 --card %s too many words", number), number);
    cr_assert_neq(run("grep -r %s shop", number).code, 0);
}

/* ---- cancel and ship ---- */

Test(trade, an_order_is_cancelled_once)
{
    list_tea();
    done("till place --ref 1 --customer ada --line tea=1");
    const char *out = done("till cancel 1 --reason 'changed my mind' --json");
    cr_assert_str_eq(names(out, 0), "order_id order_ref done_already");
    cr_assert_str_eq(value(out, 0, "done_already"), "false");
    cr_assert_str_eq(value(done("till cancel 1 --json"), 0, "done_already"), "true");
    cr_assert(contains(done("till cancel 1"), "the first request stands"));
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "reason"), "changed my mind");
}

Test(trade, an_order_is_known_by_its_id_and_by_its_ref)
{
    list_tea();
    const char *id = value(done("till place --ref 1 --customer ada --line tea=1 --json"), 0, "order_id");
    cr_assert_str_eq(value(done("till cancel %s --json", id), 0, "order_ref"), "1");
    cr_assert_str_eq(value(done("till cancel 1 --json"), 0, "order_id"), id);
    cr_assert_str_eq(value(done("till order $(echo %s | tr a-f A-F) --json", id), 0, "order_ref"), "1");
}

Test(trade, an_order_is_shipped_when_it_is_confirmed_and_once)
{
    list_tea();
    done("till place --ref 1 --customer ada --line tea=1");
    refused(1, "cannot ship order 1: it is not confirmed yet", "till ship 1");
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till ship 1 --carrier DHL --tracking X1 --json"), 0, "done_already"), "false");
    cr_assert(contains(done("till ship 1 --carrier UPS"), "the first carrier and tracking stand"));
    refused(1, "cannot cancel order 1: it has been shipped already", "till cancel 1");
    cr_assert_str_eq(value(done("till events --type OrderShipped --json"), 0, "data.carrier"), "DHL");
}

Test(trade, what_is_over_stays_over)
{
    small_shop();
    refused(1, "cannot ship order 2: it was rejected", "till ship 2");
    refused(1, "cannot cancel order 2: it was rejected", "till cancel 2");
    refused(1, "cannot ship order 3: it was cancelled", "till ship 3");
    cr_assert_str_eq(value(done("till cancel 3 --json"), 0, "done_already"), "true");
}

Test(trade, words_from_outside_are_harmless_on_a_terminal)
{
    list_tea();
    refused(1, "there is no order \\x1B[31mred", "till cancel \"$(printf '\\033[31mred')\"");
    refused(1, "a text is empty, longer than 128 bytes", "till list \"$(printf 'a\\tb')\" --name T --price 1");
    done("till place --ref \"$(printf 'a\\342\\200\\256b')\" --customer ada --line tea=1"); /* U+202E turns text around
                                                                                             */
    cr_assert(contains(done("till orders"), "a\\u{202E}b"));
}
