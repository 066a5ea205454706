/* test_import.c - what an import takes, what it refuses, and what it says. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "tests/cli/till.h"

TestSuite(import, .init = till_begin, .fini = till_end);

#define PRODUCTS      "sku,name,unit_price,stock\n"
#define ORDERS        "order_ref,customer_ref,ordered_at,sku,quantity,unit_price\n"
#define CANCELLATIONS "order_ref,cancelled_at,reason\n"

static void given_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

/* Sells tea and pots. */
static void given_shop(void)
{
    done("till init");
    given_file("products.csv", PRODUCTS "tea,Green tea,12.50,100\npot,\"Pot, blue\",30,20\n");
    done("till import --products products.csv");
}

static void then_file(const char *name, const char *text)
{
    cr_assert_str_eq(done("cat %s", name), text);
}

/* Imports with these options, and with --json; some of it is refused, with `said` on stderr. Returns the counts. */
static const char *partly(const char *options, const char *said)
{
    struct answer answer = run("till import --json %s", options);
    cr_assert_eq(answer.code, 1, "ended with %d: %s", answer.code, answer.err);
    cr_assert_str_eq(answer.err, said);
    return answer.out;
}

static void then_counts(const char *counts, const char *kind, const char *done_name, const char *done_count,
                        const char *already_name, const char *already_count, const char *refused_count)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", kind, done_name);
    cr_assert_str_eq(value(counts, 0, name), done_count);
    snprintf(name, sizeof name, "%s_%s", kind, already_name);
    cr_assert_str_eq(value(counts, 0, name), already_count);
    snprintf(name, sizeof name, "%s_refused", kind);
    cr_assert_str_eq(value(counts, 0, name), refused_count);
}

static void then_orders(const char *counts, const char *placed, const char *already, const char *refused_count)
{
    then_counts(counts, "orders", "placed", placed, "there_already", already, refused_count);
}

static void then_products(const char *counts, const char *listed, const char *already, const char *refused_count)
{
    then_counts(counts, "products", "listed", listed, "there_already", already, refused_count);
}

static void then_cancellations(const char *counts, const char *requested, const char *already,
                               const char *refused_count)
{
    then_counts(counts, "cancellations", "requested", requested, "done_already", already, refused_count);
}

/* ---- what is taken ---- */

Test(import, takes_products_orders_and_cancellations)
{
    done("till init");
    given_file("products.csv", "\xEF\xBB\xBF\"stock\",sku,unit_price,name\r\n5,tea,9.8,\"Tea,\r\n\"\"green\"\"\"\r\n");
    given_file("orders.csv", ORDERS "7,ada,2024-05-01,tea,2,9.80\n7,ada,2024-05-01T00:00:00Z,tea,1,9.800\n");
    given_file("cancellations.csv", CANCELLATIONS "7,2024-05-01,\"too\n\nlate, \"\n");
    const char *said =
        done("till import --products products.csv --orders orders.csv --cancellations cancellations.csv");
    cr_assert_str_eq(said,
                     "Imported products: 1 listed, 0 there already, 0 refused; orders: 1 placed, 0 there already, "
                     "0 refused; cancellations: 1 requested, 0 done already, 0 refused.\n");
    const char *events = done("till events --json");
    cr_assert_str_eq(value(events, 0, "data.name"), "Tea, \"green\"");
    cr_assert_str_eq(value(events, 0, "data.unit_price_minor"), "980");
    cr_assert_str_eq(value(events, 1, "data.quantity"), "5");
    cr_assert_str_eq(value(events, 2, "data.lines.0.unit_price_minor"), "980");
    cr_assert_str_eq(value(events, 2, "data.lines.1.quantity"), "1");
    cr_assert_str_eq(value(events, 2, "data.total_minor"), "2940");
    cr_assert_str_eq(value(events, 2, "data.placed_at"), "2024-05-01T00:00:00Z");
    cr_assert_str_eq(value(events, 2, "metadata.actor"), "import");
    cr_assert_str_eq(value(events, 3, "data.reason"), "too late, ");
    cr_assert_str_eq(value(events, 3, "data.requested_at"), "2024-05-01T00:00:00Z");
}

Test(import, a_sku_stays_as_it_is_written)
{
    done("till init");
    given_file("products.csv", PRODUCTS " a/b ,Blanks,1,1\n84509c,Small,1,1\n84509C,Large,2,1\n'quoted,Q,1,1\n");
    given_file("orders.csv", ORDERS "1,ada,2024-05-01, a/b ,1,1\n1,ada,2024-05-01,84509C,1,2\n"
                                    "1,ada,2024-05-01,'quoted,1,1\n");
    done("till import --products products.csv --orders orders.csv");
    const char *stock = done("till stock --json");
    cr_assert_str_eq(value(stock, 0, "sku"), " a/b ");
    cr_assert_eq(count_lines(stock), 4);
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "lines.0.sku"), " a/b ");
}

Test(import, orders_are_taken_in_the_order_of_time)
{
    given_shop();
    given_file("orders.csv", ORDERS "late,ada,2024-05-03T00:00:00Z,tea,1,1\n"
                                    "second,ada,2024-05-02T01:00:00+02:00,tea,1,1\n" /* the day before, in UTC */
                                    "tie,ada,2024-05-02,tea,1,1\n"
                                    "also,ada,2024-05-02,tea,1,1\n"
                                    "first,ada,1970-01-01,tea,1,1\n");
    done("till import --orders orders.csv");
    const char *orders = done("till orders --json");
    static const char *const refs[] = {"first", "second", "tie", "also", "late"};
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(value(orders, i, "order_ref"), refs[i]);
    cr_assert_str_eq(value(orders, 0, "placed_at"), "1970-01-01T00:00:00Z");
}

Test(import, orders_come_before_a_cancellation_of_the_same_moment)
{
    given_shop();
    given_file("orders.csv", ORDERS "2,ada,2024-05-02,tea,1,1\n1,ada,2024-05-01,tea,1,1\n3,ada,2024-05-03,tea,1,1\n");
    given_file("cancellations.csv", CANCELLATIONS "3,2024-05-03,c\n1,2024-05-02,a\n2,2024-05-02,b\n");
    done("till import --orders orders.csv --cancellations cancellations.csv");
    const char *events = done("till events --json --from 5");
    static const char *const reasons[] = {NULL, NULL, "a", "b", NULL, "c"};
    cr_assert_eq(count_lines(events), 6);
    for (int i = 0; i < 6; i++) {
        const char *reason = value(events, i, "data.reason");
        cr_assert(reasons[i] == NULL ? reason == NULL : reason != NULL && strcmp(reason, reasons[i]) == 0, "event %d",
                  i);
    }
}

Test(import, reads_standard_input_and_pipes)
{
    given_shop();
    done("printf '" ORDERS "1,ada,2024-05-01,tea,1,1\\n' | till import --orders - >answer");
    done("printf '" ORDERS "2,ada,2024-05-01,tea,1,1\\n' | till import --orders /dev/stdin --rejects r.csv");
    cr_assert_eq(count_lines(done("till orders --json")), 2);
}

Test(import, spreadsheets_write_rows_of_commas)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n,,,,,\n,,,,,\n");
    done("till import --orders orders.csv");
}

/* ---- rows that are refused ---- */

/* Imports orders with these rows between two good ones: the order in them is refused for this reason, in this line (the
 * first row is line 3), and the others are placed. */
static void refuses(const char *rows, int line, const char *reason)
{
    struct buffer text = {0}, said = {0};
    given_shop();
    buffer_format(&text, ORDERS "good,ada,2024-05-01,tea,1,12.50\n%salso good,bob,2024-05-03,pot,1,30\n", rows);
    given_file("orders.csv", buffer_string(&text));
    buffer_format(&said, "till: orders.csv, line %d: %s\n", line, reason);
    then_orders(partly("--orders orders.csv", buffer_string(&said)), "2", "0", "1");
    then_orders(partly("--orders orders.csv", buffer_string(&said)), "0", "2", "1");
    buffer_clear(&text);
    buffer_clear(&said);
    done("rm -r shop");
}

Test(import, refuses_what_cannot_be_sold)
{
    refuses("7,ada,2024-05-02,tee,1,1\n", 3, "cannot place order 7: tee: the product is not listed");
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada,2024-05-02,pot,1,1\n7,ada,2024-05-02,tee,1,1\n", 5,
            "cannot place order 7: tee: the product is not listed");
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada,2024-05-02,TEA,1,1\n7,ada,2024-05-02,tee,1,1\n", 4,
            "cannot place order 7: TEA: the product is not listed");
    refuses("7,ada,2024-05-02,,1,1\n", 3, "order 7: sku is empty");
    refuses("7,ada,2024-05-02,\"te\na\",1,1\n", 3,
            "order 7: sku \"te\\x0Aa\" holds a line break or another control "
            "character");
}

Test(import, refuses_quantities_that_are_none)
{
    refuses("7,ada,2024-05-02,tea,0,1\n", 3, "order 7: quantity \"0\" is not 1 to 1000000");
    refuses("7,ada,2024-05-02,tea,-3,1\n", 3, "order 7: quantity \"-3\" is not 1 to 1000000");
    refuses("7,ada,2024-05-02,tea,1000001,1\n", 3, "order 7: quantity \"1000001\" is not 1 to 1000000");
    refuses("7,ada,2024-05-02,tea,99999999999999999999,1\n", 3,
            "order 7: quantity \"99999999999999999999\" is not 1 to 1000000");
    refuses("7,ada,2024-05-02,tea,2.5,1\n", 3, "order 7: quantity \"2.5\" is no whole number");
    refuses("7,ada,2024-05-02,tea,two,1\n", 3, "order 7: quantity \"two\" is no whole number");
    refuses("7,ada,2024-05-02,tea, 2,1\n", 3, "order 7: quantity \" 2\" is no whole number");
    refuses("7,ada,2024-05-02,tea,,1\n", 3, "order 7: quantity is empty");
}

Test(import, refuses_prices_that_are_none)
{
    refuses("7,ada,2024-05-02,tea,1,0.00\n", 3, "order 7: unit_price \"0.00\" is not positive");
    refuses("7,ada,2024-05-02,tea,1,-9.80\n", 3, "order 7: unit_price \"-9.80\" is not positive");
    refuses("7,ada,2024-05-02,tea,1,9.801\n", 3, "order 7: unit_price \"9.801\" has too many decimals: USD has 2");
    refuses("7,ada,2024-05-02,tea,1,\"9,80\"\n", 3,
            "order 7: unit_price \"9,80\" is no decimal number: write it like 1234.50");
    refuses("7,ada,2024-05-02,tea,1,9.\n", 3, "order 7: unit_price \"9.\" is no decimal number: write it like 1234.50");
    refuses("7,ada,2024-05-02,tea,1,1e2\n", 3,
            "order 7: unit_price \"1e2\" is no decimal number: write it like 1234.50");
    refuses("7,ada,2024-05-02,tea,1,99999999999999999\n", 3, "order 7: unit_price \"99999999999999999\" is too large");
    refuses("7,ada,2024-05-02,tea,1,10000000000.01\n", 3,
            "cannot place order 7: tea: the price is out of range (1 to 10^12 minor units)");
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada,2024-05-02,tea,1000000,10000000000\n", 4,
            "cannot place order 7: tea: the amount is too large (more than 2^52 - 1 minor units)");
    refuses("7,ada,2024-05-02,tea,1,\n", 3, "order 7: unit_price is empty");
}

Test(import, refuses_times_that_are_none_or_differ)
{
    static const char advice[] = "is no time: write it like 1996-07-04T18:30:00Z or 1996-07-04";
    char reason[160];
    static const char *const times[] = {"2023-02-29", "2024-13-01", "yesterday", "2024-05-02T10:00:00", "01.05.2024"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char row[96];
        snprintf(row, sizeof row, "7,ada,%s,tea,1,1\n", times[i]);
        snprintf(reason, sizeof reason, "order 7: ordered_at \"%s\" %s", times[i], advice);
        refuses(row, 3, reason);
    }
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada,2024-05-02T00:00:01Z,pot,1,1\n", 4,
            "order 7: its ordered_at is not the one of line 3");
    snprintf(reason, sizeof reason, "order 7: ordered_at \"soon\" %s", advice);
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada,soon,pot,1,1\n", 4, reason);
}

Test(import, refuses_an_order_of_nobody_or_of_two)
{
    refuses("7,,2024-05-02,tea,1,1\n", 3, "order 7: customer_ref is empty");
    refuses("7,ada,2024-05-02,tea,1,1\n7,eve,2024-05-02,tea,1,1\n", 4,
            "order 7: its customer_ref is not the one of line 3");
    refuses(",eve,2024-05-02,tea,1,1\n", 3, "order_ref is empty");
}

Test(import, refuses_names_that_are_too_long)
{
    char row[256], long_ref[130];
    memset(long_ref, 'x', 129);
    long_ref[129] = '\0';
    snprintf(row, sizeof row, "7,%s,2024-05-02,tea,1,1\n", long_ref);
    refuses(row, 3, "order 7: customer_ref is longer than 128 bytes");
    snprintf(row, sizeof row, "7,ada,2024-05-02,%s,1,1\n", long_ref);
    refuses(row, 3, "order 7: sku is longer than 128 bytes");
}

Test(import, refuses_rows_that_are_no_rows)
{
    refuses("7,ada,2024-05-02,tea,1\n", 3, "order 7: it has 5 fields, the header has 6");
    refuses("7,ada,2024-05-02,tea,1,14,50\n", 3, "order 7: it has 7 fields, the header has 6");
    refuses("7,ada,2024-05-02,tea,1,1\n7,ada\n7,ada,2024-05-02,pot,1,1\n", 4,
            "order 7: it has 2 fields, the header has 6");
    refuses("7,a\"da,2024-05-02,tea,1,1\n", 3,
            "order 7: a quote stands where none may: a field with quotes is put in quotes, and its own are doubled");
    refuses("7,a\rda,2024-05-02,tea,1,1\n", 3,
            "order 7: a carriage return ends no line by itself: end lines with LF or CRLF");
    refuses("7,\xFF,2024-05-02,tea,1,1\n", 3, "order 7: field 2 is not UTF-8");
}

Test(import, a_quote_that_is_never_closed_costs_one_order)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n2,\"ada,2024-05-01,tea,1,1\n3,ada,2024-05-01,tea,1,1\n");
    then_orders(partly("--orders orders.csv",
                       "till: orders.csv, line 3: order 2: the quote that opens in line 3 is never closed\n"),
                "2", "0", "1");
}

/* A row that does not tell its order may be a line of either neighbour: an order without one of its lines is not what
 * was asked for. */
Test(import, a_row_that_tells_no_order_spoils_its_neighbours)
{
    given_shop();
    given_file("orders.csv",
               ORDERS "1,ada,2024-05-01,tea,1,1\n2,ada,2024-05-01,tea,1,1\n\"3\"x,ada,2024-05-01,tea,1,1\n"
                      "4,ada,2024-05-01,tea,1,1\n,,,pot,1,1\n5,ada,2024-05-01,tea,1,1\n"
                      "6,ada,2024-05-01,tea,1,1\n");
    const char *counts = partly(
        "--orders orders.csv",
        "till: orders.csv, line 4: a quote stands where none may: a field with quotes is put in quotes, and its own "
        "are doubled\n"
        "till: orders.csv, line 6: order_ref is empty\n"
        "till: orders.csv, line 3: order 2: line 4 beside it does not tell its order, and may belong to this one\n"
        "till: orders.csv, line 5: order 4: line 4 beside it does not tell its order, and may belong to this one\n"
        "till: orders.csv, line 7: order 5: line 6 beside it does not tell its order, and may belong to this one\n");
    then_orders(counts, "2", "0", "5");
}

Test(import, rows_of_an_order_stand_together)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n2,ada,2024-05-01,tea,1,1\n1,ada,2024-05-01,pot,1,1\n"
                                    "3,ada,2024-05-01,tea,1,1\n1,ada,2024-05-01,pot,1,1\n");
    const char *counts =
        partly("--orders orders.csv",
               "till: orders.csv, line 2: order 1: its rows do not stand together: there are others in line 4\n"
               "till: orders.csv, line 4: order 1: its rows do not stand together: there are others in line 2\n"
               "till: orders.csv, line 6: order 1: its rows do not stand together: there are others in line 4\n");
    then_orders(counts, "2", "0", "3");
}

Test(import, the_same_ref_with_another_content_is_refused)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,12.50\n2,ada,2024-05-01,tea,1,12.50\n"
                                    "3,ada,2024-05-01,tea,1,12.50\n");
    done("till import --orders orders.csv");
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,12.49\n2,ada,2024-05-01,tea,1,12.50\n"
                                    "3,bob,2024-05-01,tea,1,12.50\n");
    const char *counts = partly("--orders orders.csv",
                                "till: orders.csv, line 2: cannot place order 1: tea: its reference stands for an "
                                "order with other lines\n"
                                "till: orders.csv, line 4: cannot place order 3: its reference stands for an order of "
                                "another customer\n");
    then_orders(counts, "0", "1", "2");
}

Test(import, an_order_has_at_most_10000_lines)
{
    struct buffer text = {0};
    given_shop();
    buffer_text(&text, ORDERS);
    for (int i = 0; i < 10000; i++)
        buffer_text(&text, "most,ada,2024-05-01,tea,1,1\n");
    for (int i = 0; i < 10001; i++)
        buffer_text(&text, "more,ada,2024-05-01,tea,1,1\n");
    buffer_text(&text, "last,ada,2024-05-01,tea,1,1\n");
    given_file("orders.csv", buffer_string(&text));
    buffer_clear(&text);
    then_orders(partly("--orders orders.csv",
                       "till: orders.csv, line 10002: order more: it has 10001 lines, more than 10000\n"),
                "2", "0", "1");
}

Test(import, an_order_that_is_too_long_for_the_roll_does_not_stop_the_others)
{
    struct buffer text = {0};
    char name[513];
    done("till init");
    memset(name, 'n', 512);
    name[512] = '\0';
    buffer_format(&text, PRODUCTS "tea,%s,1,1\n", name);
    given_file("products.csv", buffer_string(&text));
    buffer_reset(&text);
    buffer_text(&text, ORDERS "first,ada,2024-05-01,tea,1,1\n");
    for (int i = 0; i < 2000; i++)
        buffer_text(&text, "long,ada,2024-05-01,tea,1,1\n");
    buffer_text(&text, "last,ada,2024-05-01,tea,1,1\n");
    given_file("orders.csv", buffer_string(&text));
    buffer_clear(&text);
    struct answer answer = run("till import --products products.csv --orders orders.csv --json");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.err, "till: orders.csv, line 3: "), "%s", answer.err);
    cr_assert(contains(answer.err, "1048576"), "%s", answer.err);
    then_orders(answer.out, "2", "0", "1");
}

/* ---- products ---- */

Test(import, refuses_products_one_by_one)
{
    done("till init");
    given_file("products.csv", PRODUCTS "a,A,1,1\nb,B,0,1\nc,C,1.234,1\nd,D,1,-1\ne,,1,1\n,F,1,1\ng,G,1\nh,H,1,2.5\n"
                                        "i,\"a\001b\",1,1\nj,J,1,1\n");
    const char *counts =
        partly("--products products.csv", "till: products.csv, line 3: b: unit_price \"0\" is not positive\n"
                                          "till: products.csv, line 4: c: unit_price \"1.234\" has too many decimals: "
                                          "USD has 2\n"
                                          "till: products.csv, line 5: d: stock \"-1\" is not 0 to 1000000000\n"
                                          "till: products.csv, line 6: e: name is empty\n"
                                          "till: products.csv, line 7: sku is empty\n"
                                          "till: products.csv, line 8: g: it has 3 fields, the header has 4\n"
                                          "till: products.csv, line 9: h: stock \"2.5\" is no whole number\n"
                                          "till: products.csv, line 10: i: name \"a\\x01b\" holds a line break or "
                                          "another control character\n");
    then_products(counts, "2", "0", "8");
}

Test(import, an_opening_stock_is_received_once_and_that_is_said)
{
    given_shop();
    given_file("later.csv", PRODUCTS "tea,Green tea,12.50,70\npot,\"Pot, blue\",30,20\nnew,New,1,0\n");
    struct answer answer = run("till import --products later.csv --json");
    cr_assert_eq(answer.code, 0);
    cr_assert_str_eq(answer.err,
                     "till: later.csv, line 2: the opening stock of tea was 100 and stays so, for it is received once; "
                     "70 changes nothing (a delivery is `till receive`)\n");
    then_products(answer.out, "1", "2", "0");
    const char *stock = done("till stock --json");
    cr_assert_str_eq(value(stock, 0, "sku"), "new");
    cr_assert_str_eq(value(stock, 0, "on_hand"), "0");
    cr_assert_str_eq(value(stock, 2, "on_hand"), "100");
}

Test(import, another_name_or_price_lists_a_product_again)
{
    given_shop();
    given_file("later.csv", PRODUCTS "tea,Black tea,13,100\npot,\"Pot, blue\",30.00,20\n");
    then_products(done("till import --products later.csv --json"), "1", "1", "0");
    cr_assert_str_eq(value(done("till stock --json"), 1, "name"), "Black tea");
}

/* Else the two rows would take turns at every import. */
Test(import, a_sku_stands_once_in_a_file)
{
    done("till init");
    given_file("products.csv", PRODUCTS "a,A,1,1\nb,B,1,1\na,A,1.00,1\na,A,2,1\nb,B,1,2\n");
    const char *said = "till: products.csv, line 5: a: the file lists the sku already, in line 2, and otherwise\n"
                       "till: products.csv, line 6: b: the file lists the sku already, in line 3, and otherwise\n";
    then_products(partly("--products products.csv", said), "2", "1", "2");
    done("till events --json >before");
    then_products(partly("--products products.csv", said), "0", "3", "2");
    done("till events --json | cmp before -");
}

/* ---- cancellations ---- */

Test(import, refuses_cancellations_one_by_one)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-02,tea,1,1\n2,ada,2024-05-02,tea,1,1\n3,ada,2024-05-02,tea,1,1\n");
    given_file("cancellations.csv", CANCELLATIONS "1,2024-05-03,no\n9,2024-05-03,no\n2,tomorrow,no\n,2024-05-03,no\n"
                                                  "2,2024-05-01,no\n2,2024-05-03,a,b\n3,2024-05-03,\n"
                                                  "1,2024-05-04,again\n");
    const char *said = "till: cancellations.csv, line 4: order 2: cancelled_at \"tomorrow\" is no time: write it like "
                       "1996-07-04T18:30:00Z or 1996-07-04\n"
                       "till: cancellations.csv, line 7: order 2: it has 4 fields, the header has 3\n"
                       "till: cancellations.csv, line 6: order 2: cancelled_at is before the order was placed, at "
                       "2024-05-02T00:00:00Z\n"
                       "till: cancellations.csv, line 3: there is no order 9\n"
                       "till: cancellations.csv, line 5: order_ref is empty\n";
    const char *later = "till: cancellations.csv, line 6: there is no order 2\n";
    const char *line = "--orders orders.csv --cancellations cancellations.csv";
    struct answer first = run("till import --json %s", line);
    cr_assert_eq(first.code, 1);
    cr_assert(contains(first.err, later), "%s", first.err);
    then_cancellations(first.out, "2", "1", "5");
    done("till events --json >before");
    /* Now the order is there, and yet: importing twice changes nothing. */
    then_cancellations(partly(line, said), "0", "3", "5");
    done("till events --json | cmp before -");
    cr_assert_str_eq(value(done("till events --type OrderCancellationRequested --json"), 1, "data.reason"),
                     "no reason given");
}

Test(import, what_is_over_cannot_be_cancelled)
{
    given_shop();
    done("till place --ref 1 --customer ada --line tea=1 --card tok_declined");
    done("till run --until-idle");
    given_file("cancellations.csv", CANCELLATIONS "1,2999-01-01,no\n");
    then_cancellations(partly("--cancellations cancellations.csv --settle",
                              "till: cancellations.csv, line 2: cannot cancel order 1: it was rejected, so there is "
                              "nothing left to cancel\n"),
                       "0", "0", "1");
}

/* ---- the file of refused rows ---- */

Test(import, refused_rows_are_written_with_their_reason)
{
    given_shop();
    given_file("orders.csv", "order_ref,customer_ref,ordered_at,sku,quantity,unit_price,remark\n"
                             "1,ada,2024-05-01,tea,1,1,fine\n"
                             "2,ada,2024-05-01,tea,1,1,\"one, \"\"two\"\"\nthree\"\n"
                             "2,ada,2024-05-01,tea,0,1,\n"
                             "3,ada,2024-05-02,tea,1,1\n"
                             "4,ada,2024-05-03,tea,1,14,50,x\n"
                             "5,a\"da,2024-05-04,tea,1,1,x\n");
    partly("--orders orders.csv --rejects rejects.csv",
           "till: orders.csv, line 6: order 3: it has 6 fields, the header has 7\n"
           "till: orders.csv, line 7: order 4: it has 8 fields, the header has 7\n"
           "till: orders.csv, line 8: order 5: a quote stands where none may: a field with quotes is put in quotes, "
           "and its own are doubled\n"
           "till: orders.csv, line 5: order 2: quantity \"0\" is not 1 to 1000000\n");
    then_file("rejects.csv",
              "order_ref,customer_ref,ordered_at,sku,quantity,unit_price,remark,refused_because\r\n"
              "3,ada,2024-05-02,tea,1,1,,\"line 6: order 3: it has 6 fields, the header has 7\"\r\n"
              "4,ada,2024-05-03,tea,1,\"14,50,x\",,\"line 7: order 4: it has 8 fields, the header has 7\"\r\n"
              "5,\"a\"\"da,2024-05-04,tea,1,1,x\",,,,,,\"line 8: order 5: a quote stands where none may: a field with "
              "quotes is put in quotes, and its own are doubled\"\r\n"
              "2,ada,2024-05-01,tea,1,1,\"one, \"\"two\"\"\nthree\",\"line 5: order 2: quantity \"\"0\"\" is not 1 to "
              "1000000\"\r\n"
              "2,ada,2024-05-01,tea,0,1,,\"line 5: order 2: quantity \"\"0\"\" is not 1 to 1000000\"\r\n");
}

Test(import, refused_rows_can_be_repaired_and_imported)
{
    given_shop();
    given_file("orders.csv",
               ORDERS "1,ada,2024-05-01,tea,1,1\n2,-ada,2024-05-01,tea,-2,1\n2,-ada,2024-05-01,pot,1,1\n");
    partly("--orders orders.csv --rejects rejects.csv",
           "till: orders.csv, line 3: order 2: quantity \"-2\" is not 1 to 1000000\n");
    cr_assert(contains(done("cat rejects.csv"), "\r\n2,'-ada,2024-05-01,tea,'-2,1,"));
    /* As it is, it is refused again, and written as it was. */
    partly("--orders rejects.csv --rejects again.csv",
           "till: rejects.csv, line 2: order 2: quantity \"-2\" is not 1 to 1000000\n");
    then_file("again.csv", done("sed s/line.3:/line\\ 2:/ rejects.csv"));
    done("sed -i s/\"'-2\"/2/ rejects.csv");
    then_orders(done("till import --orders rejects.csv --rejects none.csv --json"), "1", "0", "0");
    cr_assert_str_eq(value(done("till orders --json"), 1, "customer_id"), "-ada");
    then_file("none.csv", "order_ref,customer_ref,ordered_at,sku,quantity,unit_price,refused_because\r\n");
}

Test(import, refused_rows_of_several_files_stand_in_one)
{
    done("till init");
    given_file("products.csv", PRODUCTS "tea,\"Tea, green\",1,1\npot,Pot,0,1\n");
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n2,ada,2024-05-01,pot,1,1\n");
    given_file("cancellations.csv", CANCELLATIONS "1,2024-05-02,no\n2,2024-05-02,=1+1\n");
    const char *line = "--products products.csv --orders orders.csv --cancellations cancellations.csv";
    char options[256];
    snprintf(options, sizeof options, "%s --rejects rejects.csv", line);
    partly(options, "till: products.csv, line 3: pot: unit_price \"0\" is not positive\n"
                    "till: orders.csv, line 3: cannot place order 2: pot: the product is not listed\n"
                    "till: cancellations.csv, line 3: there is no order 2\n");
    then_file("rejects.csv", "order_ref,customer_ref,ordered_at,sku,quantity,unit_price,name,stock,cancelled_at,reason,"
                             "refused_from,refused_because\r\n"
                             ",,,pot,,0,Pot,1,,,products,\"line 3: pot: unit_price \"\"0\"\" is not positive\"\r\n"
                             "2,ada,2024-05-01,pot,1,1,,,,,orders,line 3: cannot place order 2: pot: the product is "
                             "not listed\r\n"
                             "2,,,,,,,,2024-05-02,'=1+1,cancellations,line 3: there is no order 2\r\n");
    done("sed -i 's/,,,pot,,0,/,,,pot,,30,/' rejects.csv");
    const char *counts =
        done("till import --products rejects.csv --orders rejects.csv --cancellations rejects.csv --json");
    then_products(counts, "1", "0", "0");
    then_orders(counts, "1", "0", "0");
    then_cancellations(counts, "1", "0", "0");
    cr_assert_str_eq(value(done("till events --type OrderCancellationRequested --json"), 1, "data.reason"), "=1+1");
}

Test(import, refused_rows_are_not_written_over_what_is_imported)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n");
    refused(2, "--rejects ./orders.csv is a file that is imported: name another",
            "till import --orders orders.csv --rejects ./orders.csv");
    then_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,1,1\n");
    refused(1, "cannot write nowhere/r.csv", "till import --orders orders.csv --rejects nowhere/r.csv");
}

Test(import, a_full_disk_behind_the_refused_rows_is_said)
{
    given_shop();
    given_file("orders.csv", ORDERS "1,ada,2024-05-01,tea,0,1\n");
    struct answer answer = run("till import --orders orders.csv --rejects /dev/full");
    cr_assert_eq(answer.code, 4);
    cr_assert(contains(answer.err, "till: cannot write /dev/full: No space left on device"), "%s", answer.err);
}

/* ---- files that are none ---- */

Test(import, says_what_is_wrong_with_a_file)
{
    given_shop();
    static const char columns[] = "it must name the columns order_ref,customer_ref,ordered_at,sku,quantity,unit_price";
    static const struct {
        const char *text, *problem;
    } files[] = {
        {"", "its first line is missing, for it is empty"},
        {"order_ref,customer_ref,ordered_at,sku,Quantity,unit_price\n", "lacks the column quantity"},
        {"order_ref,sku,customer_ref,ordered_at,sku,quantity,unit_price\n", "names twice the column sku"},
        {"order_ref;customer_ref;ordered_at;sku;quantity;unit_price\n", "lacks the column order_ref"},
        {"order_ref,customer_ref,ordered_at,sku,quantity,unit_price\r1,a,b,c,d,e\r",
         "cannot be read: a carriage return ends no line by itself"},
        {"\xFF\xFEo\n", "cannot be read: field 1 is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        given_file("orders.csv", files[i].text);
        refused(1, files[i].problem, "till import --products products.csv --orders orders.csv");
        refused(1, columns, "till import --orders orders.csv");
    }
    refused(1, "cannot open nothing.csv: No such file or directory", "till import --orders nothing.csv");
    refused(4, "cannot read .: Is a directory", "till import --orders .");
}

Test(import, looks_at_all_files_before_it_takes_one)
{
    done("till init");
    given_file("products.csv", PRODUCTS "tea,Tea,1,1\n");
    given_file("orders.csv", "nothing\n");
    refused(1, "lacks the column order_ref", "till import --products products.csv --orders orders.csv --rejects r.csv");
    cr_assert_str_empty(done("till events --json"));
    done("test ! -e r.csv");
}

Test(import, needs_a_shop_something_to_import_and_its_currency)
{
    given_file("products.csv", PRODUCTS "tea,Tea,1.5,1\n");
    refused(3, "there is no shop in ./shop: make one with `till init`", "till import --products products.csv");
    done("till init --currency JPY");
    refused(2, "there is nothing to import: give --products, --orders or --cancellations", "till import --settle");
    refused(2, "XXX is no currency", "till import --products products.csv --currency XXX");
    refused(1, "the shop sells in JPY: prices in USD cannot be imported",
            "till import --products products.csv --currency USD");
    partly("--products products.csv --currency JPY",
           "till: products.csv, line 2: tea: unit_price \"1.5\" has too many decimals: JPY has 0\n");
    given_file("products.csv", PRODUCTS "tea,Tea,1.0,1\n");
    done("till import --products products.csv");
}

Test(import, what_comes_from_a_file_is_harmless_on_a_terminal)
{
    given_shop();
    given_file("orders.csv", ORDERS "\033[31m7,ada,2024-05-01,tea,1,1\n8,ada,2024-05-01,tea,\033[2J,1\n");
    partly("--orders orders.csv", "till: orders.csv, line 2: order \\x1B[31m7: order_ref \"\\x1B[31m7\" holds a line "
                                  "break or another control character\n"
                                  "till: orders.csv, line 3: order 8: quantity \"\\x1B[2J\" is no whole number\n");
}
