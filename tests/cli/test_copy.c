/* `till export` and `till load`: a roll that moves to another shop, and what becomes of it there. */
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(copy, .init = till_begin, .fini = till_end);

static const char *head_of_shop(const char *shop)
{
    return done(
        "sqlite3 -readonly %s/events.db 'SELECT position || hex(digest) FROM event ORDER BY position DESC LIMIT 1'",
        shop);
}

Test(copy, has_the_same_head_and_says_the_same)
{
    small_shop();
    const char *told = done("till export roll --json");
    cr_assert_str_eq(names(told, 0), "file position digest");
    cr_assert_eq(count_lines(done("cat roll")), 1 + 21);
    cr_assert_str_eq(value(done("head -n 1 roll"), 0, "settings.currency"), "USD");
    cr_assert_str_eq(value(done("sed -n 2p roll"), 0, "data.sku"), "tea");
    cr_assert(contains(done("till --shop copy load roll"), "nothing that stands on it is charged or mailed again"));
    cr_assert_str_eq(head_of_shop("copy"), head_of_shop("shop"));
    done("till --shop copy export | cmp - roll");
    done("till --shop copy verify");
    done("for s in shop copy; do till --shop $s orders --json; till --shop $s stock --json; done | sort | uniq -c | "
         "awk '$1 != 2 { exit 1 }'");
    cr_assert_str_eq(done("stat -c %%a roll"), "600\n");
    refused(1, "roll is there already", "till export roll");
}

Test(copy, of_a_roll_in_another_currency_is_refused)
{
    small_shop();
    done("till export roll && sed '1s/USD/EUR/' roll >euros");
    refused(3, "its first line: store_id: is not that of a store made at this created_at with these settings",
            "till --shop copy load euros");
    done("test ! -e copy");
}

Test(copy, goes_on_without_doing_anything_twice)
{
    small_shop();
    done("till place --ref 4 --customer ada --line tea=1"); /* under way: it stays so in the copy */
    done("till export roll");
    done("till init --shop copy");
    done("till --shop copy load roll");
    done("till --shop copy run --until-idle");
    cr_assert_str_eq(head_of_shop("copy"), head_of_shop("shop"));
    cr_assert_str_eq(done("find copy -path 'copy/mail/*' -type f"), ""); /* who never had to write made no box */
    done("till --shop copy place --ref 5 --customer eve --line tea=1");
    done("till --shop copy run --until-idle");
    cr_assert_eq(count_lines(done("find copy/mail -type f")), 1);
    cr_assert_str_eq(done("sqlite3 -readonly copy/gateway.db 'SELECT count(*) FROM movement'"), "1\n");
    cr_assert_str_eq(value(done("till --shop copy order 5 --json"), 0, "status"), "confirmed");
    /* The book of the copy's bank knows nothing of the old charges. */
    done("till --shop copy cancel 1");
    done("till --shop copy run --until-idle --attempts 1");
    cr_assert(contains(run("till --shop copy dead-letters --json").out, "the bank refuses the refund (no_charge)"));
    done("till --shop copy verify");
}

Test(copy, that_was_cut_short_goes_on)
{
    small_shop();
    done("till export roll");
    done("head -n 9 roll >half; head -c 3000 roll >torn");
    refused(3, "the lines end at position 8, but the roll went on to 21", "till --shop copy load half");
    refused(3, "does not end: the file was cut", "till --shop copy load torn");
    cr_assert_str_eq(done("till --shop copy run --until-idle"), "");
    done("{ head -n 1 roll; tail -n +9 roll; } >rest");
    done("cat rest | till --shop copy load -");
    cr_assert_str_eq(head_of_shop("copy"), head_of_shop("shop"));
    cr_assert(contains(done("till --shop copy load roll"), "stands here already"));
}

/* The store's own test kills nothing: here a process dies in the middle, as often as it takes. */
Test(copy, that_was_killed_goes_on)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 1000");
    done("for i in $(seq 700); do echo \"$i,c$i,2026-01-01,tea,1,1.00\"; done >rows; "
         "{ echo order_ref,customer_ref,ordered_at,sku,quantity,unit_price; cat rows; } >orders.csv");
    done("till import --orders orders.csv");
    done("till run --until-idle");
    done("till export roll");
    for (int ms = 5; ms <= 60; ms += 5)
        (void)run("timeout -s KILL 0.%03d till --shop copy load roll", ms);
    done("till --shop copy load roll");
    cr_assert_str_eq(head_of_shop("copy"), head_of_shop("shop"));
    done("till --shop copy verify");
}

Test(copy, of_a_damaged_line_is_refused_with_its_number)
{
    small_shop();
    done("till export roll");
    done("sed '5s/\"quantity\":2/\"quantity\":3/' roll >bad");
    refused(3, "line 5: its digest is not that of what it says", "till --shop a load bad");
    done("sed '7s/\"version\"/\"versoin\"/' roll >bad");
    refused(3, "line 7: versoin: \"version\" must stand here", "till --shop b load bad");
    cr_assert(contains(head_of_shop("b"), "5")); /* what stood before it is there */
    done("sed '4d' roll >bad");
    refused(3, "line 4: it has the position 4, but the roll ends at 2", "till --shop c load bad");
    done("sed '1s/\"position\":21/\"position\":19/' roll >bad");
    refused(3, "the digest in the first line is not that of position 19", "till --shop d load bad");
    done("sed 1d roll >bad");
    refused(3, "bad is no roll of `till export`: its first line", "till --shop e load bad");
    done("sed '1s/\"format\":1/\"format\":9/' roll >bad");
    refused(3, "the lines are of the format 9", "till --shop e load bad");
    done("sed '1s/USD/XXL/;1s/-8\\(...-\\)/-4\\1/' roll >bad"); /* as if made before ids vouched for settings */
    refused(3, "settings: name no currency", "till --shop e load bad");
    refused(1, "cannot open none", "till --shop e load none");
    refused(3, "no roll of `till export`", "till --shop e load /dev/null");
    done("test ! -e e");
}

Test(copy, into_a_shop_that_has_its_own_roll_is_refused)
{
    small_shop();
    done("till export roll");
    done("till init --shop other");
    done("till --shop other list x --name X --price 1");
    refused(3, "are of the store ", "till --shop other load roll");
    done("head -n 9 roll >half");
    (void)run("till --shop copy load half");
    done("till --shop copy receive tea 1");
    refused(1, "line 10: another event stands at position 9 here: this store has moved on by itself",
            "till --shop copy load roll");
    done("till --shop empty init");
    start("till --shop empty run");
    until("till --shop empty status | grep -q '^payment *running'");
    refused(4, "another run is at work here", "till --shop empty load roll");
    stop();
}

Test(copy, of_what_is_not_json_is_the_same_to_the_byte)
{
    small_shop();
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_updated;"
         " UPDATE event SET data = char(27) || \"[31m\" WHERE position = 21'");
    cr_assert(contains(done("till export --from 21"), "\"data_text\":\"\\u001b[31m\""));
    done("sqlite3 shop/events.db 'UPDATE event SET data = CAST(x\"ff\" AS TEXT) WHERE position = 21' 2>&1 || "
         "sqlite3 shop/events.db \"UPDATE event SET data = CAST(x'ff' AS TEXT) WHERE position = 21\"");
    refused(3, "the event at position 21: it cannot be written as JSON", "till export whole");
    done("test ! -e whole");
}

Test(copy, exports_a_part_or_follows)
{
    small_shop();
    cr_assert_eq(count_lines(done("till export --from 5 --to 8")), 1 + 4);
    cr_assert_str_eq(value(done("till export --from 5 --to 8"), 0, "position"), "8");
    cr_assert_eq(count_lines(done("till export --from 999")), 1);
    refused(2, "--follow writes to standard output", "till export --follow roll");
    refused(2, "--follow has no end", "till export --follow --to 3");
    refused(2, "--from takes a whole number", "till export --from 0");
    start("till export --follow");
    done("till receive tea 1");
    until("test $(wc -l <.background-out) -eq 23");
    stop();
    done("cp .background-out roll");
    done("till --shop copy load roll");
    cr_assert_str_eq(head_of_shop("copy"), head_of_shop("shop"));
    cr_assert_eq(count_lines(done("till export --follow | head -n 1")), 1);
}
