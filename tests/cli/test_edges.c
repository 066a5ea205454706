/* Numbers at every edge, through the real till: the last that is taken, the first that is not, and the sentence. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/cli/till.h"

TestSuite(edges, .init = till_begin, .fini = till_end, .timeout = 120);

#define ORDERS "order_ref,customer_ref,ordered_at,sku,quantity,unit_price"

/* Imports one row of an order, which is refused with this sentence, as one row and in the file of rejects. */
static void import_refuses(const char *row, const char *sentence)
{
    done("printf '" ORDERS "\\n%s\\n' >orders.csv", row);
    struct answer answer = run("till import --orders orders.csv --rejects rejects.csv");
    cr_assert_eq(answer.code, 1, "%s: %s", row, answer.err);
    cr_assert(contains(answer.err, sentence), "%s: %s", row, answer.err);
    cr_assert_eq(count_lines(done("cat rejects.csv")), 2);
}

static void import_takes(const char *row)
{
    done("printf '" ORDERS "\\n%s\\n' >orders.csv", row);
    cr_assert(contains(done("till import --orders orders.csv"), "orders: 1 placed"), "%s", row);
}

Test(edges, quantities)
{
    const char *sentence = "tea: the quantity is out of range (1 to 1000000; an opening stock 0 to 1000000000)";
    done("till init");
    done("till list tea --name Tea --price 1");
    cr_assert(contains(done("till place --customer ada --line tea=1"), "1 line, 1.00 USD"));
    cr_assert(contains(done("till place --customer ada --line tea=1000000"), "1 line, 1000000.00 USD"));
    refused(1, sentence, "till place --customer ada --line tea=0");
    refused(1, sentence, "till place --customer ada --line tea=-1");
    refused(1, sentence, "till place --customer ada --line tea=1000001");
    refused(1, sentence, "till place --customer ada --line tea=9223372036854775807");
    refused(2, "--line takes SKU=QTY, not tea=9223372036854775808",
            "till place --customer ada --line tea=9223372036854775808");
    refused(2, "--line takes SKU=QTY, not tea=1e3", "till place --customer ada --line tea=1e3");

    import_takes("1,ada,2024-05-01,tea,1,1");
    import_takes("2,ada,2024-05-01,tea,1000000,1");
    import_refuses("3,ada,2024-05-01,tea,0,1", "order 3: quantity \"0\" is not 1 to 1000000\n");
    import_refuses("3,ada,2024-05-01,tea,1000001,1", "order 3: quantity \"1000001\" is not 1 to 1000000\n");
    import_refuses("3,ada,2024-05-01,tea,-1,1", "order 3: quantity \"-1\" is not 1 to 1000000\n");
    import_refuses("3,ada,2024-05-01,tea,9223372036854775808,1",
                   "order 3: quantity \"9223372036854775808\" is not 1 to 1000000\n");

    done("till receive tea 1000000");
    refused(1, sentence + 5, "till receive tea 1000001");
    refused(1, sentence + 5, "till receive tea 0");
    done("till list cup --name Cup --price 1 --stock 1000000000");
    refused(2, "--stock takes a whole number from 0 to 1000000000, not 1000000001",
            "till list pot --name Pot --price 1 --stock 1000000001");
    cr_assert(contains(done("till list pot --name Pot --price 1 --stock 0"), "0 on hand"));
    done("till run --until-idle");
    done("till verify");
}

/* The largest amount is 2^52 − 1 = 4503599627370495 minor units. */
Test(edges, totals)
{
    const char *sentence = "gold: the amount is too large (more than 2^52 - 1 minor units)\n";
    done("till init --currency JPY");
    done("till list gold --name Gold --price 1000000000000");
    done("till list dust --name Dust --price 1");
    done("till list rest --name Rest --price 599627370495");
    refused(1, "cannot list lead: the price is out of range (1 to 10^12 minor units)",
            "till list lead --name Lead --price 1000000000001");
    refused(1, "cannot list lead: the price is out of range", "till list lead --name Lead --price 0");
    cr_assert(
        contains(done("till place --ref 1 --customer ada --line gold=4503 --line rest=1"), "4503599627370495 JPY"));
    refused(1, "dust: the amount is too large",
            "till place --customer ada --line gold=4503 --line rest=1 --line dust=1");
    refused(1, sentence, "till place --customer ada --line gold=4504");
    refused(1, sentence, "till place --customer ada --line gold=1000000");
    refused(1, sentence, "till place --customer ada --line dust=1 --line gold=4503 --line gold=1");
    import_takes("2,ada,2024-05-01,gold,4503,1000000000000");
    import_refuses("3,ada,2024-05-01,gold,4504,1000000000000", sentence);
    import_refuses("3,ada,2024-05-01,gold,1,1000000000001", "the price is out of range (1 to 10^12 minor units)\n");
    import_refuses("3,ada,2024-05-01,gold,1,9223372036854775808", "unit_price \"9223372036854775808\" is too large\n");
    done("till receive gold 9006 && till receive rest 1");
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "total_minor"), "4503599627370495");
    cr_assert_str_eq(value(done("till order 1 --json"), 0, "status"), "confirmed");
    cr_assert_str_eq(value(done("till sales --by customer --json"), 0, "revenue_minor"), "9006599627370495");
    done("till verify");
}

/* Sums of sums have their end too: past 2^63 the view of sales says so and stops; nothing else does. */
Test(edges, sums_that_no_integer_holds_stop_the_view_of_sales_and_nothing_else)
{
    done("till init --currency JPY");
    done("till list gold --name Gold --price 1000000000000 --stock 1000000000");
    done("{ echo " ORDERS
         "; for i in $(seq 2049); do echo $i,ada,2024-05-01,gold,4503,1000000000000; done; } >orders.csv");
    cr_assert(contains(done("till import --orders orders.csv"), "orders: 2049 placed"));
    (void)run("till run --until-idle");
    refused(3, "the view sales stopped", "till sales");
    cr_assert_eq(count_lines(done("till orders --json | grep '\"status\":\"confirmed\"'")), 2049);
    done("till journeys >journeys && till stock && till order 2049 >order");
    done("till place --customer ada --line gold=1");
}

Test(edges, ten_thousand_lines)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 20000");
    done("for i in $(seq 10000); do printf ' --line tea=1'; done >lines");
    cr_assert(contains(done("till place --ref 1 --customer ada $(cat lines)"), "10000 lines, 10000.00 USD"));
    refused(1, "cannot place order 2: it has more than 10000 lines",
            "till place --ref 2 --customer ada $(cat lines) --line tea=1");
    done("{ echo " ORDERS "; for i in $(seq 10000); do echo 3,ada,2024-05-01,tea,1,1; done; } >orders.csv");
    cr_assert(contains(done("till import --orders orders.csv"), "orders: 1 placed"));
    done("sed s/^3,/4,/ orders.csv >more.csv && echo 4,ada,2024-05-01,tea,1,1 >>more.csv");
    struct answer answer = run("till import --orders more.csv --rejects rejects.csv");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(answer.err, "till: more.csv, line 2: order 4: it has 10001 lines, more than 10000\n");
    cr_assert_eq(count_lines(done("cat rejects.csv")), 10002);
    done("till run --until-idle");
    cr_assert_str_eq(value(done("till order 3 --json"), 0, "status"), "confirmed");
    done("till verify");
}

/* A currency of each number of decimals: what fits, what is one too many, and an example that it would take. */
Test(edges, decimals_of_currencies)
{
    static const struct {
        const char *code, *price, *shown, *finer, *example;
    } rows[] = {
        {"JPY", "12", "12 JPY", "12.5", "1250"},
        {"USD", "12.34", "12.34 USD", "12.345", "12.50"},
        {"BHD", "12.345", "12.345 BHD", "12.3456", "1.250"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sentence[128];
        setenv("TILL_SHOP", rows[i].code, 1);
        done("till init --currency %s", rows[i].code);
        cr_assert(contains(done("till list tea --name Tea --price %s", rows[i].price), rows[i].shown));
        snprintf(sentence, sizeof sentence, "%s is no price in %s: write it like %s\n", rows[i].finer, rows[i].code,
                 rows[i].example);
        refused(2, sentence, "till list cup --name Cup --price %s", rows[i].finer);
        done("till list cup --name Cup --price %s", rows[i].example);
        done("printf 'sku,name,unit_price,stock\\npot,Pot,%s,1\\nlid,Lid,%s,1\\n' >products.csv", rows[i].price,
             rows[i].finer);
        struct answer answer = run("till import --products products.csv");
        cr_assert_eq(answer.code, 1);
        snprintf(sentence, sizeof sentence, "lid: unit_price \"%s\" has too many decimals: %s has %zu\n", rows[i].finer,
                 rows[i].code, i == 0 ? 0 : i + 1);
        cr_assert(contains(answer.err, sentence), "%s", answer.err);
        cr_assert(contains(answer.out, "products: 1 listed, 0 there already, 1 refused"), "%s", answer.out);
    }
}

Test(edges, currencies_that_are_none)
{
    static const char *const codes[] = {"XXX", "usd", "EURO", "US", "\"\"", "'US '"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        refused(2, " is no currency: give an ISO 4217 code in capitals, such as USD or EUR\n",
                "till init --currency %s", codes[i]);
    cr_assert_eq(run("test -e shop").code, 1);
    done("till init && touch products.csv");
    refused(2, "XXX is no currency: give an ISO 4217 code in capitals, such as USD or EUR\n",
            "till import --products products.csv --currency XXX");
    refused(1, "the shop sells in USD: prices in JPY cannot be imported",
            "till import --products products.csv --currency JPY");
}
