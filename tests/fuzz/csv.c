/* csv.c - a file for `till import`: cli/csv and, of cli/import_*, all that needs no shop. The input is the file.
 *
 * Every reading is of a file in memory, by its name in /proc. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "base/uuid.h"
#include "cli/import.h"
#include "domain/money.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harmless.h"

/* What stands in for services/commands.c, which would ask a store: the linker leads the call here. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
struct uuid __wrap_desk_order_id(const struct shop_desk *desk, const char *order_ref);
struct uuid __wrap_desk_order_id(const struct shop_desk *desk, const char *order_ref)
{
    const struct uuid nil = {{0}};
    (void)desk;
    return uuid_from_name(nil, order_ref, strlen(order_ref));
}

struct memory_file {
    int descriptor;
    char path[32];
};

static struct memory_file input, written; /* made once, filled again for each input */

static void fill_file(struct memory_file *file, const void *bytes, size_t length)
{
    if (file->path[0] == '\0') {
        file->descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->descriptor);
    }
    CHECK(ftruncate(file->descriptor, 0) == 0);
    CHECK(pwrite(file->descriptor, bytes, length, 0) == (ssize_t)length);
}

static struct csv_reader *open_csv(const char *path)
{
    struct csv_reader *reader;
    struct error error = {0};
    CHECK(csv_open(&reader, path, &error) == STATUS_OK);
    return reader;
}

static bool fields_equal(struct csv_field one, struct csv_field other)
{
    return one.length == other.length && memcmp(one.text, other.text, one.length) == 0;
}

static void check_words(const char *text)
{
    const size_t length = strlen(text);
    CHECK(text_is_utf8(text, length) && find_harm(text, length) == NULL && strchr(text, '\n') == NULL);
}

/* ---- rows ---- */

static void check_fields(const struct csv_row *row)
{
    CHECK(row->count >= 1 && row->count <= CSV_FIELDS_MAX && row->read_count <= row->count);
    check_words(row->problem);
    for (size_t i = 0; i < row->count; i++) {
        const struct csv_field *field = &row->fields[i];
        CHECK(field->text[field->length] == '\0');
        if (row->problem[0] == '\0')
            CHECK(strlen(field->text) == field->length && text_is_utf8(field->text, field->length));
    }
}

/* Whoever goes to a row by its place finds the same row there. */
static void check_again(struct csv_reader *reader, const struct csv_row *row)
{
    const struct csv_row *again;
    csv_seek(reader, row->offset, row->line);
    CHECK(csv_next(reader, &again, NULL) == STATUS_OK && again != NULL);
    CHECK(again->offset == row->offset && again->line == row->line && again->count == row->count);
    CHECK(again->read_count == row->read_count && strcmp(again->problem, row->problem) == 0);
    for (size_t i = 0; i < row->count; i++)
        CHECK(fields_equal(again->fields[i], row->fields[i]));
}

/* A row's line is one more than the line ends before it; rows stand behind each other. */
static void check_places(const char *text, size_t size)
{
    struct csv_reader *reader = open_csv(input.path), *other = open_csv(input.path);
    const struct csv_row *row;
    uint64_t line = 1;
    size_t counted = 0;
    for (size_t behind = 0;; behind = csv_offset(reader)) {
        CHECK(csv_next(reader, &row, NULL) == STATUS_OK);
        if (row == NULL)
            break;
        CHECK(row->offset >= behind && row->offset < csv_offset(reader) && csv_offset(reader) <= size);
        for (; counted < row->offset; counted++)
            line += text[counted] == '\n';
        CHECK(row->line == line);
        check_fields(row);
        check_again(other, row);
    }
    csv_close(&reader);
    csv_close(&other);
}

/* ---- cells ---- */

static bool can_be_written(const struct csv_row *row)
{
    const bool is_empty_line = row->count == 1 && row->fields[0].length == 0;
    return row->problem[0] == '\0' && !is_empty_line;
}

static void write_rows(void)
{
    struct csv_reader *reader = open_csv(input.path);
    const struct csv_row *row;
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    CHECK(out != NULL);
    (void)fputs("header", out); /* in the first row a byte order mark would be lost */
    csv_end_row(out);
    while (csv_next(reader, &row, NULL) == STATUS_OK && row != NULL) {
        for (size_t i = 0; can_be_written(row) && i < row->count; i++) {
            if (i > 0)
                (void)putc(',', out);
            csv_write_cell(out, row->fields[i].text, row->fields[i].length);
        }
        if (can_be_written(row))
            csv_end_row(out);
    }
    CHECK(fclose(out) == 0);
    fill_file(&written, text, length);
    free(text);
    csv_close(&reader);
}

static bool is_formula(struct csv_field cell)
{
    static const char *const beginnings[] = {"=", "+", "-", "@", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(cell.text, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return cell.length > 0 && ((unsigned char)cell.text[0] < 0x20 || cell.text[0] == 0x7F);
}

/* What is written as cells is read as the same cells, and none of them is a formula. */
static void check_cells(void)
{
    write_rows();
    struct csv_reader *before = open_csv(input.path), *after = open_csv(written.path);
    const struct csv_row *row, *again;
    CHECK(csv_next(after, &again, NULL) == STATUS_OK && again != NULL);
    while (csv_next(before, &row, NULL) == STATUS_OK && row != NULL) {
        if (!can_be_written(row))
            continue;
        CHECK(csv_next(after, &again, NULL) == STATUS_OK && again != NULL);
        CHECK(again->problem[0] == '\0' && again->count == row->count);
        for (size_t i = 0; i < row->count; i++) {
            CHECK(!is_formula(again->fields[i]));
            CHECK(fields_equal(csv_unguarded(again->fields[i]), row->fields[i]));
        }
    }
    CHECK(csv_next(after, &again, NULL) == STATUS_OK && again == NULL);
    csv_close(&before);
    csv_close(&after);
}

/* ---- values ---- */

static void check_status(enum status status, const struct error *error)
{
    CHECK(status == STATUS_OK || status == STATUS_REFUSED);
    if (status == STATUS_REFUSED)
        check_words(error->text);
}

static void check_price(const struct csv_field *field, const char *code)
{
    const struct currency currency = currency_from_code(code);
    struct error error = {0};
    char text[MONEY_TEXT_SIZE];
    int64_t minor, again;
    const enum status status = import_price("price", field, currency, &minor, &error);
    check_status(status, &error);
    if (status != STATUS_OK)
        return;
    CHECK(minor >= 1 && minor <= AMOUNT_MAX_MINOR);
    money_to_text(minor, currency, text);
    text[strlen(text) - strlen(" USD")] = '\0';
    CHECK(money_from_text(text, currency, &again) && again == minor);
}

static void check_time(const struct csv_field *field)
{
    struct error error = {0};
    char text[TIME_TEXT_SIZE];
    int64_t at_us, again;
    const enum status status = import_time("time", field, &at_us, &error);
    check_status(status, &error);
    if (status != STATUS_OK)
        return;
    time_to_text(at_us, text);
    CHECK(at_us >= TIME_MIN_US && at_us <= TIME_MAX_US && time_from_text(text, &again) && again == at_us);
}

static void check_values(const struct csv_field *field)
{
    struct error error = {0};
    struct buffer words = {0};
    int64_t number = 0;
    const enum status is_text = import_text("name", field, NAME_MAX_BYTES, &error);
    check_status(is_text, &error);
    CHECK((is_text == STATUS_OK) == text_is_clean(field->text, field->length, NAME_MAX_BYTES));
    const enum status is_number = import_number("number", field, -5, 5, &number, &error);
    check_status(is_number, &error);
    CHECK(is_number != STATUS_OK || (number >= -5 && number <= 5));
    CHECK(strpbrk(import_words(field, &words), "\r\n\t") == NULL);
    check_price(field, "JPY");
    check_price(field, "USD");
    check_price(field, "BHD");
    check_time(field);
    buffer_clear(&words);
}

/* ---- import files ---- */

/* Refuses every row of the file; returns how many there are. */
static size_t reject_all(struct import_file *file)
{
    struct rejects rejects;
    struct error error = {0};
    const struct csv_row *row;
    size_t count = 0;
    fill_file(&written, "", 0);
    CHECK(rejects_open(&rejects, written.path, file, 1, &error) == STATUS_OK);
    for (; import_file_next(file, &row, &error) == STATUS_OK && row != NULL; count++) {
        rejects_write(&rejects, file, row, row->problem[0] != '\0' ? row->problem : "no reason");
        for (size_t i = 0; row->problem[0] == '\0' && i < import_formats[file->kind].column_count; i++)
            check_values(import_value(file, row, i));
    }
    CHECK(rejects_close(&rejects, &error) == STATUS_OK);
    return count;
}

/* Every refused row can be imported again, and says what it said. */
static void check_rejects(enum import_kind kind, size_t count)
{
    struct import_file before, after;
    struct error error = {0};
    const struct csv_row *row, *again;
    CHECK(import_file_open(&before, kind, input.path, &error) == STATUS_OK);
    CHECK(import_file_open(&after, kind, written.path, &error) == STATUS_OK);
    for (; import_file_next(&before, &row, &error) == STATUS_OK && row != NULL; count--) {
        CHECK(import_file_next(&after, &again, &error) == STATUS_OK && again != NULL);
        if (row->problem[0] != '\0')
            continue;
        CHECK(again->problem[0] == '\0');
        for (size_t i = 0; i < import_formats[kind].column_count; i++)
            CHECK(fields_equal(*import_value(&before, row, i), *import_value(&after, again, i)));
    }
    CHECK(count == 0);
    CHECK(import_file_next(&after, &again, &error) == STATUS_OK && again == NULL);
    import_file_close(&before);
    import_file_close(&after);
}

/* Each row is of one step, and the steps are in the order of time. */
static void check_steps(enum import_kind kind, size_t count)
{
    struct till till = {0};
    struct shop shop = {0};
    struct import import = {.till = &till, .shop = &shop};
    struct import_steps steps = {0};
    struct error error = {0};
    size_t rows = 0;
    CHECK(import_file_open(&import.files[kind], kind, input.path, &error) == STATUS_OK);
    CHECK(import_steps_read(&import, &import.files[kind], &steps, &error) == STATUS_OK);
    for (size_t i = 0; i < steps.count; i++) {
        rows += steps.items[i].rows;
        CHECK(i == 0 || steps.items[i - 1].at_us <= steps.items[i].at_us);
    }
    CHECK(rows == count);
    import_steps_clear(&steps);
    import_file_close(&import.files[kind]);
}

static void check_import(enum import_kind kind)
{
    struct import_file file;
    struct error error = {0};
    const enum status status = import_file_open(&file, kind, input.path, &error);
    check_status(status, &error);
    if (status != STATUS_OK)
        return;
    const size_t count = reject_all(&file);
    import_file_close(&file);
    check_rejects(kind, count);
    if (kind != IMPORT_PRODUCTS)
        check_steps(kind, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fill_file(&input, data, size);
    check_places((const char *)data, size);
    check_cells();
    for (int kind = 0; kind < IMPORT_KINDS; kind++)
        check_import((enum import_kind)kind);
    return 0;
}
