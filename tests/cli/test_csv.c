#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/csv.h"
#include "tests/support/temporary.h"

static char folder[TEMPORARY_SIZE];
static char path[TEMPORARY_SIZE + 16];
static struct buffer seen;
static struct csv_reader *reader;

static void begin(void)
{
    temporary_make(folder);
    snprintf(path, sizeof path, "%s/table.csv", folder);
}

static void end(void)
{
    csv_close(&reader);
    buffer_clear(&seen);
    temporary_remove(folder);
}

TestSuite(csv, .init = begin, .fini = end);

static void given_bytes(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
    struct error error;
    csv_close(&reader);
    cr_assert_eq(csv_open(&reader, path, &error), STATUS_OK, "%s", error.text);
}

static void given(const char *text)
{
    given_bytes(text, strlen(text));
}

static const struct csv_row *next(void)
{
    struct error error;
    const struct csv_row *row;
    cr_assert_eq(csv_next(reader, &row, &error), STATUS_OK, "%s", error.text);
    return row;
}

/* "2: [a] [b] problem": the line, the fields, what is wrong; raw rests of lines stand in {}. */
static void describe(const struct csv_row *row)
{
    buffer_format(&seen, "%llu:", (unsigned long long)row->line);
    for (size_t i = 0; i < row->count; i++) {
        bool raw = i >= row->read_count;
        cr_assert_eq(row->fields[i].text[row->fields[i].length], '\0');
        buffer_text(&seen, raw ? " {" : " [");
        buffer_append(&seen, row->fields[i].text, row->fields[i].length);
        buffer_text(&seen, raw ? "}" : "]");
    }
    buffer_format(&seen, "%s%s\n", row->problem[0] != '\0' ? " " : "", row->problem);
}

static void then_rows(const char *expected)
{
    const struct csv_row *row;
    buffer_reset(&seen);
    while ((row = next()) != NULL)
        describe(row);
    cr_assert_str_eq(buffer_string(&seen), expected);
}

#define QUOTE_PROBLEM  " a quote stands where none may: a field with quotes is put in quotes, and its own are doubled\n"
#define RETURN_PROBLEM " a carriage return ends no line by itself: end lines with LF or CRLF\n"

/* ---- what RFC 4180 says ---- */

Test(csv, rows_end_at_lf_and_crlf_and_at_the_end_of_the_file)
{
    given("a,b\r\nc,d\ne,f");
    then_rows("1: [a] [b]\n2: [c] [d]\n3: [e] [f]\n");
}

Test(csv, a_quoted_field_holds_commas_quotes_and_line_breaks)
{
    given("\"a,b\",\"say \"\"hi\"\"\",\"one\ntwo\r\nthree\rfour\",x\nnext,\"\"\"\"\n");
    then_rows("1: [a,b] [say \"hi\"] [one\ntwo\r\nthree\rfour] [x]\n4: [next] [\"]\n");
}

Test(csv, an_empty_field_is_a_field)
{
    given(",\n\"\",\"\"\na,,\n");
    then_rows("1: [] []\n2: [] []\n3: [a] [] []\n");
}

Test(csv, blanks_at_the_ends_of_a_field_are_part_of_it)
{
    given(" a\t,\" b \", \n");
    then_rows("1: [ a\t] [ b ] [ ]\n");
}

Test(csv, a_blank_between_a_quoted_field_and_the_comma_is_a_mistake)
{
    given("\"a\" ,b\n");
    then_rows("1: {\"a\" ,b}" QUOTE_PROBLEM);
}

/* ---- what files from the world bring along ---- */

Test(csv, a_byte_order_mark_is_skipped_also_before_a_quote)
{
    given("\xEF\xBB\xBF\"sku\",name\n");
    const struct csv_row *row = next();
    cr_assert_eq(row->offset, 3);
    describe(row);
    cr_assert_str_eq(buffer_string(&seen), "1: [sku] [name]\n");
}

Test(csv, lines_with_nothing_on_them_are_no_rows_but_lines)
{
    given("\n\r\na\n\n\r\n\"x\n\ny\"\n\n");
    then_rows("3: [a]\n6: [x\n\ny]\n");
}

Test(csv, an_empty_file_has_no_rows)
{
    given("");
    then_rows("");
    given("\xEF\xBB\xBF");
    then_rows("");
}

Test(csv, a_carriage_return_by_itself_ends_no_line)
{
    given("a,b\rc,d\ne,f\n\rg\nh\r\r\ni\n\"q\"\rr\nlast\r");
    then_rows("1: [a] [b] {c,d}" RETURN_PROBLEM "2: [e] [f]\n3: {\rg}" RETURN_PROBLEM "4: [h] {}" RETURN_PROBLEM
              "5: [i]\n6: [q] {r}" RETURN_PROBLEM "7: [last]\n");
    given("a\n\r");
    then_rows("1: [a]\n");
}

/* ---- rows that break the rules ---- */

Test(csv, a_stray_quote_spoils_its_line_only)
{
    given("a,b\"c,d\n\"e\"f,g\nh,i\n");
    then_rows("1: [a] {b\"c,d}" QUOTE_PROBLEM "2: {\"e\"f,g}" QUOTE_PROBLEM "3: [h] [i]\n");
}

Test(csv, a_forgotten_quote_takes_no_further_rows_with_it)
{
    given("a,\"b,c\nd,e\n\"f\",g\nh,i\n");
    then_rows("1: [a] {\"b,c}" QUOTE_PROBLEM "2: [d] [e]\n3: [f] [g]\n4: [h] [i]\n");
}

Test(csv, a_quote_that_is_never_closed_is_named_by_the_line_it_opens_in)
{
    given("a,b\n\"x\ny\",\"c,\"\"d\ne,f\n");
    then_rows("1: [a] [b]\n2: {\"x} the quote that opens in line 3 is never closed\n"
              "3: {y\",\"c,\"\"d}" QUOTE_PROBLEM "4: [e] [f]\n");
}

Test(csv, bytes_that_are_no_text_are_a_problem_of_their_row)
{
    static const char bytes[] = "a,b\0c\nd\xFF,e\n\xC3\xA9,\xE2\x82\xAC\n";
    given_bytes(bytes, sizeof bytes - 1);
    const struct csv_row *row = next();
    cr_assert_str_eq(row->problem, "field 2 holds a NUL byte");
    cr_assert_eq(row->fields[1].length, 3);
    cr_assert_str_eq(next()->problem, "field 1 is not UTF-8");
    cr_assert_str_eq(next()->problem, "");
    cr_assert_null(next());
}

/* ---- limits ---- */

/* A row whose second field has `length` bytes, some in the quotes' own way, and a row behind it. */
static void given_long_field(size_t length, bool quoted)
{
    struct buffer text = {0};
    buffer_text(&text, quoted ? "a,\"" : "a,");
    for (size_t i = 0; i < length; i++) {
        bool special = quoted && i % 1000 == 999;
        buffer_text(&text, !special ? "x" : i % 3000 == 2999 ? "\n" : "\"\"");
    }
    buffer_text(&text, quoted ? "\",z\nb,c\n" : ",z\nb,c\n");
    given_bytes(buffer_string(&text), text.length);
    buffer_clear(&text);
}

Test(csv, a_field_may_have_64_KiB)
{
    for (int quoted = 0; quoted < 2; quoted++) {
        given_long_field(CSV_FIELD_MAX, quoted);
        const struct csv_row *row = next();
        cr_assert_str_eq(row->problem, "");
        cr_assert_eq(row->fields[1].length, CSV_FIELD_MAX);
    }
}

Test(csv, a_longer_field_is_read_to_its_end_but_not_kept)
{
    static const size_t more[] = {1, 2, 14, 15, 16, 17, 18, 19, 20, 4096, 65536, 200000};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        for (int quoted = 0; quoted < 2; quoted++) {
            given_long_field(CSV_FIELD_MAX + more[i], quoted);
            const struct csv_row *row = next();
            cr_assert_str_eq(row->problem, "a field is longer than 64 KiB");
            cr_assert_eq(row->count, 3);
            cr_assert_str_eq(row->fields[2].text, "z");
            row = next();
            cr_assert_str_eq(row->fields[0].text, "b", "%zu more, %s", more[i], quoted ? "quoted" : "plain");
            cr_assert_eq(row->line, quoted ? 2 + (CSV_FIELD_MAX + more[i]) / 3000 : 2);
        }
    }
}

Test(csv, a_row_with_too_many_fields_has_a_problem)
{
    struct buffer text = {0};
    for (int i = 0; i < 1000; i++)
        buffer_text(&text, "x,");
    buffer_text(&text, "\nb\n");
    given(buffer_string(&text));
    cr_assert_str_eq(next()->problem, "the row is too long");
    cr_assert_str_eq(next()->fields[0].text, "b");
    buffer_clear(&text);
}

/* ---- places ---- */

Test(csv, any_row_can_be_read_again_from_where_it_began)
{
    struct {
        uint64_t offset, line;
        char *text;
    } rows[4000];
    struct buffer text = {0};
    size_t count = 0;
    for (int i = 0; i < 4000; i++) /* longer than the reader's window */
        buffer_format(&text, "%d,\"line\n%s%d\"\r\n%s", i, i % 7 == 0 ? "\"\"" : "", i, i % 5 == 0 ? "\n" : "");
    given_bytes(buffer_string(&text), text.length);
    buffer_clear(&text);
    for (const struct csv_row *row; (row = next()) != NULL; count++) {
        buffer_reset(&seen);
        describe(row);
        rows[count].offset = row->offset;
        rows[count].line = row->line;
        rows[count].text = strdup(buffer_string(&seen));
    }
    cr_assert_eq(count, 4000);
    for (size_t i = 0; i < count; i++) {
        size_t other = i * 2654435761 % count;
        csv_seek(reader, rows[other].offset, rows[other].line);
        buffer_reset(&seen);
        describe(next());
        cr_assert_str_eq(buffer_string(&seen), rows[other].text);
    }
    for (size_t i = 0; i < count; i++)
        free(rows[i].text);
}

/* However the input is cut into what is read at a time, the rows are the same: here each byte of a table stands once at
 * the end of the reader's window. */
Test(csv, what_is_read_at_a_time_makes_no_difference)
{
    static const char table[] = "a,\"b\"\"\r\n\"\"c\",d\r\n\n\"e\rf\",g\r\nh\"i,j\r\nk,l\n";
    static const char rows[] = ": [a] [b\"\r\n\"c] [d]\n: [e\rf] [g]\n: {h\"i,j}" QUOTE_PROBLEM ": [k] [l]\n";
    for (size_t shift = 0; shift <= sizeof table; shift++) {
        struct buffer text = {0};
        while (text.length + 2 + shift < (size_t)64 * 1024)
            buffer_text(&text, "\r\n");
        while (text.length + shift < (size_t)64 * 1024)
            buffer_char(&text, '\n');
        buffer_append(&text, table, sizeof table - 1);
        given_bytes(buffer_string(&text), text.length);
        buffer_clear(&text);
        buffer_reset(&seen);
        for (const struct csv_row *row; (row = next()) != NULL;) {
            struct csv_row copy = *row;
            copy.line = 0;
            describe(&copy);
        }
        struct buffer plain = {0};
        for (const char *at = buffer_string(&seen); *at != '\0'; at++)
            if (!(at[0] == '0' && at[1] == ':'))
                buffer_char(&plain, *at);
        cr_assert_str_eq(buffer_string(&plain), rows, "shifted by %zu", shift);
        buffer_clear(&plain);
    }
}

Test(csv, a_pipe_is_read_as_a_file_is)
{
    int ends[2];
    char name[32];
    struct error error;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "a,b\nc,d\n", 8), 8);
    cr_assert_eq(close(ends[1]), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    cr_assert_eq(csv_open(&reader, name, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(csv_size(reader), 8);
    then_rows("1: [a] [b]\n2: [c] [d]\n");
    csv_seek(reader, 4, 2);
    then_rows("2: [c] [d]\n");
    cr_assert_eq(close(ends[0]), 0);
}

Test(csv, what_cannot_be_read_is_said)
{
    struct error error;
    cr_assert_eq(csv_open(&reader, "/nowhere/table.csv", &error), STATUS_NOT_FOUND);
    cr_assert_null(reader);
    cr_assert_eq(csv_open(&reader, folder, &error), STATUS_IO);
    cr_assert_null(reader);
    cr_assert_not_null(strstr(error.text, folder));
}

/* ---- writing ---- */

/* A row of one cell, written and read back. */
static struct csv_field written_and_read(const char *cell, size_t length)
{
    FILE *file = fopen(path, "w");
    struct error error;
    cr_assert_not_null(file);
    csv_write_cell(file, "first", 5);
    putc(',', file);
    csv_write_cell(file, cell, length);
    csv_end_row(file);
    cr_assert_eq(fclose(file), 0);
    csv_close(&reader);
    cr_assert_eq(csv_open(&reader, path, &error), STATUS_OK);
    const struct csv_row *row = next();
    cr_assert_eq(row->count, 2);
    return row->fields[1];
}

Test(csv, what_is_written_comes_back)
{
    static const char *const cells[] = {
        "plain",  "",       " a b ",   "a,b",      "say \"hi\"", "one\ntwo", "\r\n",       "é €",  "=1+1",       "+1",
        "-5",     "@x",     "\tx",     "\rx",      "'x",         "'",        "'=1+1",      "''=1", "''",         "'-",
        "\"=1\"", "-,\n\"", "x=1",     "'=\n",     "=\"a\",",    "'''@x",    "=",          "a'",   "2024-01-01", "\n=1",
        "'\n=1",  "\x01",   "\uFF1D1", "'\uFF0B1", "\uFF1C1",    "\xEF\xBC", "'\xC2\x85=1"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct csv_field back = csv_unguarded(written_and_read(cells[i], strlen(cells[i])));
        cr_assert_str_eq(back.text, cells[i]);
        cr_assert_eq(back.length, strlen(cells[i]));
    }
    struct csv_field nul = csv_unguarded(written_and_read("a\0=", 3));
    cr_assert_eq(nul.length, 3);
    cr_assert_arr_eq(nul.text, "a\0=", 3);
}

Test(csv, no_cell_begins_like_a_formula)
{
    static const char *const cells[] = {"=1+1",  "+1",     "-5",      "@SUM(A1)",  "\t=1",    "\r=1",
                                        "'=1",   "\n=1",   "\uFF1D1", "\uFF0B1",   "\uFF0D1", "\uFF20A",
                                        "'\n=1", "\x01=1", "\x7F=1",  "\xC2\x85=1"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct csv_field back = written_and_read(cells[i], strlen(cells[i]));
        cr_assert_eq(back.text[0], '\'', "%s", cells[i]);
        cr_assert_str_eq(back.text + 1, cells[i]);
    }
    struct csv_field nul = written_and_read("\0=1", 3);
    cr_assert_eq(nul.length, 4);
    cr_assert_arr_eq(nul.text, "'\0=1", 4);
    cr_assert_arr_eq(csv_unguarded(nul).text, "\0=1", 3);
}
