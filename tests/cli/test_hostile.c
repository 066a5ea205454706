/* Names, refs, reasons and paths of somebody who wants our output to lie: whatever is printed, listed, logged, mailed
 * or written to a table is harmless, and the shop still knows each of them byte by byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/csv.h"
#include "tests/cli/till.h"
#include "tests/support/harmless.h"

/* What the shop takes, for it is no control character: text that would be read from right to left, that would break the
 * line, that leaves the folder, that would run in SQL, in a shell, in a spreadsheet or in a page. */
#define OVERRIDE  "\xE2\x80\xAE"
#define ISOLATE   "\xE2\x81\xA6"
#define MARK      "\xE2\x80\x8F"
#define LETTER    "\xD8\x9C"
#define SEPARATOR "\xE2\x80\xA8"

static const char *const refs[] = {"R-1" OVERRIDE "gnp.exe", "../../" ISOLATE "etc/passwd",
                                   "'; DROP TABLE event; --" MARK, "$(touch owned) `touch owned` " SEPARATOR,
                                   "=1+1" LETTER "<script>"};
enum { REFS = sizeof refs / sizeof refs[0] };

#define SKU      "t" OVERRIDE "ea/../x"
#define NAME     "=cmd|' /C calc'!A0 " ISOLATE "T" MARK "ea"
#define CUSTOMER "a\"da\\" OVERRIDE "<b@c>, d"
#define REASON   "changed " SEPARATOR LETTER "my mind\t; rm -rf /"

static void harmless(const char *line, const char *stream, const char *text)
{
    const char *harm = find_harm(text, strlen(text));
    cr_assert_null(harm, "%s\nlets byte %zu of its %s through: %s", line, harm == NULL ? 0 : (size_t)(harm - text),
                   stream, text);
}

/* Both streams; an answer in JSON is JSON, line by line. */
static struct answer run_harmless(const char *line, bool json)
{
    struct answer answer = run("%s", line);
    struct error error = {0};
    harmless(line, "answer", answer.out);
    harmless(line, "complaint", answer.err);
    cr_assert_lt(answer.code, 5, "%s\nended with %d", line, answer.code);
    for (const char *at = answer.out; json && *at != '\0'; at += strcspn(at, "\n") + 1)
        cr_assert_eq(json_check(at, strcspn(at, "\n"), &error), STATUS_OK, "%s\nprints %s: %s", line, answer.out,
                     error.text);
    return answer;
}

static void given_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

/* Every order is placed and handled; one is cancelled, one is rejected, one's refund is a dead letter. */
static void hostile_shop(void)
{
    static const char *const cards[REFS] = {"tok_ok", "tok_declined", "tok_refund_refused", "tok_ok",
                                            "tok_unavailable"};
    given_file("products.csv", "sku,name,unit_price,stock\n" SKU ",\"" NAME "\r\nsecond line\",12.50,10\n");
    setenv("CUSTOMER", CUSTOMER, 1);
    setenv("SKU", SKU, 1);
    setenv("REASON", REASON, 1);
    done("till init");
    (void)run_harmless("till import --products products.csv", false);
    for (int i = 0; i < REFS; i++) {
        setenv("REF", refs[i], 1);
        setenv("CARD", cards[i], 1);
        (void)run_harmless("till place --ref \"$REF\" --customer \"$CUSTOMER\" --line \"$SKU=1\" --card $CARD", false);
    }
    setenv("REF", refs[2], 1);
    done("till run --until-idle --attempts 2 --first-delay 1 || test $? = 4");
    (void)run_harmless("till cancel \"$REF\" --reason \"$(printf '%s' \"$REASON\" | tr '\\t' ' ')\"", false);
    setenv("REF", refs[0], 1);
    (void)run_harmless("till ship \"$REF\" --carrier \"$CUSTOMER\" --tracking \"$SKU\"", false);
    done("till run --until-idle --attempts 2 --first-delay 1 || test $? = 4");
}

TestSuite(hostile, .init = till_begin, .fini = till_end, .timeout = 120);

Test(hostile, names_are_harmless_in_every_listing)
{
    static const char *const lines[] = {
        "till orders",
        "till order \"$REF\"",
        "till order \"$REF\" --at 9",
        "till stock",
        "till sales --by day",
        "till sales --by sku",
        "till sales --by customer",
        "till journeys",
        "till journeys --stuck",
        "till inbox",
        "till inbox \"$CUSTOMER\"",
        "till events",
        "till events --stream \"stock-$SKU\"",
        "till trace \"$REF\"",
        "till status",
        "till dead-letters",
        "till dead-letters --waiting",
        "till dead-letters show $DEAD",
        "till verify",
        "till rebuild",
    };
    hostile_shop();
    setenv("DEAD", value(done("till dead-letters --json"), 0, "position"), 1);
    for (int ref = 0; ref < REFS; ref++) {
        setenv("REF", refs[ref], 1);
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
            char line[512];
            if (ref > 0 && strstr(lines[i], "$REF") == NULL)
                continue;
            (void)run_harmless(lines[i], false);
            snprintf(line, sizeof line, "%s --json", lines[i]);
            (void)run_harmless(line, true);
            snprintf(line, sizeof line, "COLUMNS=60 script -qec '%s' /dev/null </dev/null | tr -d '\\r'", lines[i]);
            if (strchr(lines[i], '\'') == NULL)
                (void)run_harmless(line, false);
        }
        (void)run_harmless("till trace \"$REF\" --format mermaid", false);
        (void)run_harmless("till trace \"$REF\" --format otlp", true);
    }
    (void)run_harmless("till export", true);
    (void)run_harmless("till events --format cloudevents", true);
    cr_assert_eq(run("test -e owned").code, 1);
    done("till verify");
}

Test(hostile, json_says_byte_by_byte_what_was_said)
{
    hostile_shop();
    for (int i = 0; i < REFS; i++) {
        setenv("REF", refs[i], 1);
        const char *order = done("till order \"$REF\" --json");
        cr_assert_str_eq(value(order, 0, "order_ref"), refs[i]);
        cr_assert_str_eq(value(order, 0, "customer_id"), CUSTOMER);
        cr_assert_str_eq(value(order, 0, "lines.0.sku"), SKU);
        cr_assert_str_eq(value(order, 0, "lines.0.name"), NAME " second line");
    }
}

Test(hostile, names_are_harmless_in_logs)
{
    given_file("products.csv", "sku,name,unit_price,stock\n" SKU "," NAME ",12.50,10\n");
    setenv("SKU", SKU, 1);
    setenv("CUSTOMER", CUSTOMER, 1);
    setenv("REF", refs[0], 1);
    done("till init && till import --products products.csv");
    done("till place --ref \"$REF\" --customer \"$CUSTOMER\" --line \"$SKU=1\" --card tok_unavailable");
    struct answer logged = run_harmless("TILL_LOG=json till run --until-idle --attempts 2 --first-delay 1", false);
    cr_assert(contains(logged.err, "\"event\":\"OrderPlaced\""), "%s", logged.err);
    done("till place --ref 2 --customer \"$CUSTOMER\" --line \"$SKU=1\"");
    logged = run_harmless("TILL_LOG=text till run --until-idle --attempts 2 --first-delay 1", false);
    cr_assert(contains(logged.err, "OrderPlaced"), "%s", logged.err);
}

/* What a person types, or a path that somebody else named: all of it in one word. */
#define TYPED "a\\033[31m\\r\\177\\302\\233b\\342\\200\\256c\\330\\234"

static const char *const lines_to_type[] = {
    "till \"$TYPED\"",
    "till --\"$TYPED\"",
    "till orders --\"$TYPED\"",
    "till orders \"$TYPED\"",
    "till orders --at \"$TYPED\"",
    "till orders --as-of \"$TYPED\"",
    "till orders --shop \"$TYPED\"",
    "till init --shop \"$TYPED\"",
    "till init --shop \"$TYPED\" --json",
    "till status --shop \"$TYPED\"",
    "till status --shop \"$TYPED\" --json",
    "TILL_SHOP=\"$TYPED\" till status",
    "till init --currency \"$TYPED\"",
    "till list \"$TYPED\" --name x --price 1",
    "till list x --name \"$TYPED\" --price 1",
    "till list x --name x --price \"$TYPED\"",
    "till list x --name x --price 1 --stock \"$TYPED\"",
    "till receive \"$TYPED\" 1",
    "till receive tea \"$TYPED\"",
    "till place --customer \"$TYPED\" --line tea=1",
    "till place --customer ada --line \"$TYPED=1\"",
    "till place --customer ada --line \"tea=$TYPED\"",
    "till place --customer ada --line \"$TYPED\"",
    "till place --customer ada --line tea=1 --ref \"$TYPED\"",
    "till place --customer ada --line tea=1 --card \"$TYPED\"",
    "till cancel \"$TYPED\"",
    "till cancel 1 --reason \"$TYPED\"",
    "till ship \"$TYPED\"",
    "till ship 1 --carrier \"$TYPED\"",
    "till order \"$TYPED\"",
    "till trace \"$TYPED\"",
    "till trace 1 --format \"$TYPED\"",
    "till sales --by \"$TYPED\"",
    "till journeys --older-than \"$TYPED\"",
    "till inbox \"$TYPED\"",
    "till events --stream \"$TYPED\"",
    "till events --stream \"stock-$TYPED\"",
    "till events --type \"$TYPED\"",
    "till events --format \"$TYPED\"",
    "till run --service \"$TYPED\"",
    "till dead-letters --consumer \"$TYPED\"",
    "till dead-letters \"$TYPED\"",
    "till dead-letters show \"$TYPED\"",
    "till rebuild \"$TYPED\"",
    "till verify \"$TYPED\"",
    "till backup \"$TYPED\"",
    "till restore \"$TYPED\"",
    "till seal \"$TYPED\"",
    "till seal --new-key \"$TYPED\"",
    "till verify --seal \"$TYPED\"",
    "till dead-letters settle \"$TYPED\" --reason x",
    "till backup \"there/$TYPED\"",
    "till import --products \"$TYPED\"",
    "till import --products products.csv --rejects \"there/$TYPED\"",
    "till import --products products.csv --currency \"$TYPED\"",
    "TILL_LOG=json till run --until-idle --shop \"$TYPED\"",
    "TILL_LOG=text till run --until-idle --shop \"$TYPED\"",
    "TILL_LOG=\"$TYPED\" till run --until-idle",
    "TMPDIR=\"$TYPED\" till orders --at 1",
    "TMPDIR=\"$TYPED\" till demo",
    "till demo --shop \"$TYPED\"",
};

Test(hostile, what_was_typed_is_harmless_in_answers_and_errors)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1");
    given_file("products.csv", "sku,name,unit_price,stock\ntea,Tea,1,10\n");
    for (size_t i = 0; i < sizeof lines_to_type / sizeof *lines_to_type; i++) {
        char line[512];
        snprintf(line, sizeof line, "export TYPED=\"$(printf '" TYPED "')\"; %s", lines_to_type[i]);
        (void)run_harmless(line, strstr(lines_to_type[i], "--json") != NULL);
    }
    done("till verify");
}

/* OWASP's list ("CSV Injection"), and whatever control character a spreadsheet might drop in front of a formula. */
static bool may_be_run(const struct csv_field *cell)
{
    static const char *const beginnings[] = {"=", "+", "-", "@", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(cell->text, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    const unsigned char first = cell->length > 0 ? (unsigned char)cell->text[0] : 'x';
    return first < 0x20 || first == 0x7F;
}

/* Reads a table as a spreadsheet does: no cell of it is run. */
static void runs_nothing(const char *name)
{
    struct csv_reader *table;
    const struct csv_row *row;
    struct error error = {0};
    size_t rows = 0;
    cr_assert_eq(csv_open(&table, path_of(name), &error), STATUS_OK, "%s", error.text);
    for (; csv_next(table, &row, &error) == STATUS_OK && row != NULL; rows++)
        for (size_t i = 0; i < row->count; i++)
            cr_assert(!may_be_run(&row->fields[i]), "%s", row->fields[i].text);
    cr_assert_gt(rows, 10);
    csv_close(&table);
}

/* A file whose every cell is hostile: refused in words that are harmless, and its rejects run in no spreadsheet. */
Test(hostile, files_are_harmless_in_errors_and_rejects)
{
    static const char *const cells[] = {
        "=1+1", "+1",      "-1",           "@SUM(1)",      "\tx",     "\rx",      "\n=1",       "\x01=1",  "\x1b[2J",
        "\x7f", "\x7f=1",  "\xC2\x9B\x9B", "\xE2\x80\xAE", "../../x", "'=1",      "\uFF1D1",    "\uFF0B1", "\uFF0D1",
        "\xff", "\uFF201", "a\nb=1",       "\"=1",         "'\n=1",   "'\uFF1D1", "x\r\nBcc: y"};
    done("till init");
    done("till list tea --name Tea --price 1");
    for (int column = 0; column < 6; column++) {
        FILE *orders = fopen(path_of("orders.csv"), "w"), *products = fopen(path_of("products.csv"), "w");
        fputs("order_ref,customer_ref,ordered_at,sku,quantity,unit_price\n", orders);
        fputs("sku,name,unit_price,stock\n", products);
        for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
            char good[6][64] = {"", "ada", "2024-05-01", "tea", "0", "1"};
            snprintf(good[0], sizeof good[0], "ref-%zu", i);
            snprintf(good[column], sizeof good[column], "\"%s%s\"", cells[i][0] == '"' ? "\"" : "", cells[i]);
            fprintf(orders, "%s,%s,%s,%s,%s,%s\n", good[0], good[1], good[2], good[3], good[4], good[5]);
            snprintf(good[0], sizeof good[0], "sku-%zu", i);
            fprintf(products, "%s,%s,0,%s\n", good[column == 0 ? 0 : 5], column == 1 ? good[1] : "Name", good[5]);
        }
        fclose(orders);
        fclose(products);
        struct answer answer = run_harmless("till import --orders orders.csv --rejects rejects.csv", false);
        cr_assert_eq(answer.code, 1, "%s", answer.err);
        runs_nothing("rejects.csv");
        cr_assert_eq(run_harmless("till import --products products.csv --rejects rejects.csv", false).code, 1);
        runs_nothing("rejects.csv");
    }
    done("till verify");
}

/* A mail's headers are its own, its file's name is the event's, and both stay in the mailbox. */
Test(hostile, names_are_harmless_in_mails)
{
    hostile_shop();
    done("test -z \"$(find shop/mail -type f | grep -vE '^shop/mail/new/[0-9a-f-]{36}[.]till$')\"");
    (void)run_harmless("cat shop/mail/new/*", false);
    done("for mail in shop/mail/new/*; do "
         "test \"$(sed '/^$/q' \"$mail\" | grep -cE '^[A-Za-z-]+: ')\" = 8 || exit 1; "
         "test \"$(sed '/^$/q' \"$mail\" | grep -cvE '^([A-Za-z-]+: | |$)')\" = 0 || exit 1; done");
    cr_assert_gt(count_lines(done("ls shop/mail/new")), 1);
}
