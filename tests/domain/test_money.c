/* Exact amounts, at their edges. */
#include <string.h>

#include <criterion/criterion.h>

#include "domain/money.h"

static struct currency in(const char *code)
{
    return currency_from_code(code);
}

/* ---- currencies ---- */

Test(money, knows_each_currency_and_its_exponent)
{
    static const struct {
        const char *code;
        int exponent;
    } known[] = {{"EUR", 2}, {"USD", 2}, {"GBP", 2}, {"JPY", 0}, {"KRW", 0}, {"KWD", 3}, {"TND", 3}, {"BHD", 3},
                 {"CLF", 4}, {"UYW", 4}, {"AED", 2}, {"ZWG", 2}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0}, {"CLP", 0},
                 {"UGX", 0}, {"ISK", 0}, {"UYI", 0}, {"IQD", 3}, {"JOD", 3}, {"LYD", 3}, {"OMR", 3}, {"HUF", 2},
                 {"XCG", 2}, {"SLE", 2}, {"VED", 2}, {"VND", 0}, {"VUV", 0}, {"RWF", 0}, {"PYG", 0}, {"KMF", 0},
                 {"GNF", 0}, {"DJF", 0}, {"BIF", 0}, {"CHF", 2}, {"YER", 2}, {"QAR", 2}, {"WST", 2}, {"MRU", 2}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int exponent = -1;
        cr_expect(currency_is_known(known[i].code, &exponent), "%s", known[i].code);
        cr_expect_eq(exponent, known[i].exponent, "%s", known[i].code);
        cr_expect(currency_is_known(known[i].code, NULL));
    }
}

Test(money, knows_as_many_currencies_of_each_exponent_as_iso_4217_lists)
{
    size_t count[5] = {0};
    char code[4] = {0};
    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++)
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++)
            for (code[2] = 'A'; code[2] <= 'Z'; code[2]++) {
                int exponent;
                if (currency_is_known(code, &exponent))
                    count[exponent]++;
            }
    cr_expect_eq(count[0], 17);
    cr_expect_eq(count[1], 0);
    cr_expect_eq(count[2], 141);
    cr_expect_eq(count[3], 7);
    cr_expect_eq(count[4], 2);
}

Test(money, knows_no_other_currency)
{
    static const char *const unknown[] = {"",    "E",   "EU",  "EURO", "eur", "Eur", "XXX", "XTS",
                                          "XAU", "DEM", "E R", "EU\n", "123", "ÄUR", "A",   "AE "};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        cr_expect_not(currency_is_known(unknown[i], NULL), "%s", unknown[i]);
        cr_expect_eq(currency_from_code(unknown[i]).code[0], '\0', "%s", unknown[i]);
    }
}

Test(money, compares_currencies)
{
    cr_assert(currency_equal(in("EUR"), in("EUR")));
    cr_assert_not(currency_equal(in("EUR"), in("EGP")));
    cr_assert_not(currency_equal(in("EUR"), in("")));
    cr_assert_str_eq(in("EUR").code, "EUR");
}

/* ---- reading ---- */

static void expect_read(const char *text, const char *code, int64_t expected)
{
    int64_t minor = -1;
    cr_expect(money_from_text(text, in(code), &minor), "%s %s", text, code);
    cr_expect_eq(minor, expected, "%s %s is %lld", text, code, (long long)minor);
}

static void expect_unread(const char *text, const char *code)
{
    int64_t minor = -77;
    cr_expect_not(money_from_text(text, in(code), &minor), "%s %s is %lld", text, code, (long long)minor);
    cr_expect_eq(minor, -77, "what is refused changes nothing");
}

Test(money, is_read_exactly)
{
    expect_read("9.8", "EUR", 980);
    expect_read("12", "EUR", 1200);
    expect_read("0.05", "EUR", 5);
    expect_read("0", "EUR", 0);
    expect_read("0.00", "EUR", 0);
    expect_read("9.800", "EUR", 980);
    expect_read("9.80000000000000000000000000000000000000", "EUR", 980);
    expect_read("0.29", "EUR", 29); /* 28.999999999999996 in floating point */
    expect_read("1.1", "EUR", 110);
    expect_read("007.5", "EUR", 750);
    expect_read("500", "JPY", 500);
    expect_read("500.0", "JPY", 500);
    expect_read("1.234", "KWD", 1234);
    expect_read("1.2", "KWD", 1200);
    expect_read("0.0001", "CLF", 1);
}

Test(money, is_read_up_to_2_to_the_52_minus_1)
{
    expect_read("45035996273704.95", "EUR", AMOUNT_MAX_MINOR);
    expect_read("4503599627370495", "JPY", AMOUNT_MAX_MINOR);
    expect_read("4503599627370.495", "KWD", AMOUNT_MAX_MINOR);
    expect_unread("45035996273704.96", "EUR");
    expect_unread("4503599627370496", "JPY");
    expect_unread("4503599627370.496", "KWD");
    expect_unread("45035996273705", "EUR");
    expect_unread("99999999999999999999999999999999999999", "EUR");
    expect_unread("18446744073709551616.01", "EUR"); /* 2^64, were it to wrap */
}

Test(money, with_more_decimals_than_the_currency_is_refused)
{
    expect_unread("9.801", "EUR");
    expect_unread("9.8000001", "EUR");
    expect_unread("500.5", "JPY");
    expect_unread("1.2345", "KWD");
    expect_unread("0.005", "EUR");
}

Test(money, that_is_no_plain_decimal_is_refused)
{
    static const char *const texts[] = {"",      " ",     ".",    "5.",   ".5",   "-1",    "+1",  "1e3",
                                        "1,000", "1.2.3", "0x10", " 1",   "1 ",   "1.5 ",  "abc", "1.5EUR",
                                        "١٢",    "NaN",   "inf",  "1..5", "1.-5", "1.5\n", "--1", "1_0"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_unread(texts[i], "EUR");
    expect_unread("5.", "JPY");
    expect_unread("1.5", "???");
    expect_unread("1", "");
}

/* ---- writing ---- */

static void expect_written(int64_t minor, const char *code, const char *expected)
{
    char text[MONEY_TEXT_SIZE];
    memset(text, 'x', sizeof(text));
    money_to_text(minor, in(code), text);
    cr_expect_str_eq(text, expected);
}

Test(money, is_written_with_the_decimals_of_its_currency)
{
    expect_written(123450, "USD", "1234.50 USD");
    expect_written(0, "USD", "0.00 USD");
    expect_written(5, "USD", "0.05 USD");
    expect_written(99, "USD", "0.99 USD");
    expect_written(100, "USD", "1.00 USD");
    expect_written(-5, "USD", "-0.05 USD");
    expect_written(-123450, "USD", "-1234.50 USD");
    expect_written(0, "JPY", "0 JPY");
    expect_written(1234, "JPY", "1234 JPY");
    expect_written(-1, "JPY", "-1 JPY");
    expect_written(1234, "KWD", "1.234 KWD");
    expect_written(1, "KWD", "0.001 KWD");
    expect_written(1, "CLF", "0.0001 CLF");
    expect_written(INT64_MAX, "CLF", "922337203685477.5807 CLF");
    expect_written(INT64_MIN, "KWD", "-9223372036854775.808 KWD");
    expect_written(INT64_MIN, "JPY", "-9223372036854775808 JPY");
}

Test(money, is_read_back_as_it_was_written)
{
    static const char *const codes[] = {"JPY", "EUR", "KWD", "CLF"};
    static const int64_t amounts[] = {0, 1, 9, 10, 99, 100, 999, 1000, 10001, INT64_C(999999999999), AMOUNT_MAX_MINOR};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < sizeof(amounts) / sizeof(amounts[0]); j++) {
            char text[MONEY_TEXT_SIZE];
            money_to_text(amounts[j], in(codes[i]), text);
            *strchr(text, ' ') = '\0';
            expect_read(text, codes[i], amounts[j]);
        }
}

/* ---- arithmetic ---- */

Test(money, is_multiplied_up_to_the_limit_and_not_beyond)
{
    int64_t minor = -1;
    cr_expect(money_multiply(450, 2, &minor) && minor == 900);
    cr_expect(money_multiply(450, 0, &minor) && minor == 0);
    cr_expect(money_multiply(0, 1000000, &minor) && minor == 0);
    cr_expect(money_multiply(AMOUNT_MAX_MINOR, 1, &minor) && minor == AMOUNT_MAX_MINOR);
    cr_expect(money_multiply(1, AMOUNT_MAX_MINOR, &minor) && minor == AMOUNT_MAX_MINOR);
    cr_expect(money_multiply(5, AMOUNT_MAX_MINOR / 5, &minor) && minor == AMOUNT_MAX_MINOR); /* 5 divides it */
    minor = 77;
    cr_expect_not(money_multiply(5, AMOUNT_MAX_MINOR / 5 + 1, &minor));
    cr_expect_not(money_multiply(AMOUNT_MAX_MINOR, 2, &minor));
    cr_expect_not(money_multiply(PRICE_MAX_MINOR, QUANTITY_MAX, &minor));
    cr_expect_not(money_multiply(INT64_MAX, INT64_MAX, &minor));
    cr_expect_not(money_multiply(-1, 1, &minor));
    cr_expect_not(money_multiply(1, -1, &minor));
    cr_expect_not(money_multiply(-1, -1, &minor));
    cr_expect_not(money_multiply(INT64_MIN, 1, &minor));
    cr_expect_eq(minor, 77, "what is refused changes nothing");
}

Test(money, is_added_up_to_the_limit_and_not_beyond)
{
    int64_t total = 0;
    cr_expect(money_add(&total, 5) && total == 5);
    cr_expect(money_add(&total, -3) && total == 2);
    cr_expect(money_add(&total, AMOUNT_MAX_MINOR - 2) && total == AMOUNT_MAX_MINOR);
    cr_expect(money_add(&total, 0) && total == AMOUNT_MAX_MINOR);
    cr_expect_not(money_add(&total, 1));
    cr_expect_not(money_add(&total, INT64_MAX));
    cr_expect_eq(total, AMOUNT_MAX_MINOR, "what is refused changes nothing");
}

Test(money, the_currency_of_a_shop_stands_in_its_settings)
{
    cr_expect_str_eq(currency_from_settings("{\"currency\":\"JPY\"}").code, "JPY");
    cr_expect_str_eq(currency_from_settings("{\"name\":\"Tea\",\"currency\":\"EUR\",\"x\":1}").code, "EUR");
    const char *const silent[] = {"",
                                  "{}",
                                  "{\"currency\":\"",
                                  "{\"currency\":\"E\"}",
                                  "{\"currency\":\"XXX\"}",
                                  "{\"currency\":\"EURO\"}",
                                  "{\"currency\":\"EU",
                                  "{\"currency\":\"EUR"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        cr_expect_str_eq(currency_from_settings(silent[i]).code, "", "%s", silent[i]);
}
