#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "domain/money.h"

static bool json_starved;

static void *allocate_json(size_t bytes)
{
    void *memory = malloc(bytes);
    json_starved = json_starved || memory == NULL;
    return memory;
}

void output_begin(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = allocate_json, .free_fn = free});
}

bool output_is_starved(void)
{
    return json_starved || buffer_any_failed();
}

void complain(const char *who, const char *sentence)
{
    struct buffer safe = {0};
    char start[TEXT_SAFE_SIZE];
    text_append_sentence(&safe, sentence);
    if (safe.failed) {
        text_safe(start, sentence);
        text_mask_cards(start);
    }
    fprintf(stderr, "till%s%s: %s\n", who[0] == '\0' ? "" : " ", who, safe.failed ? start : buffer_string(&safe));
    buffer_clear(&safe);
}

void warn(const char *sentence)
{
    fflush(stdout);
    complain("", sentence);
}

int fail(const struct error *error)
{
    warn(error->text);
    switch (error->status) {
    case STATUS_OK:
    case STATUS_STOPPED: return EXIT_DONE;
    case STATUS_REFUSED:
    case STATUS_NOT_FOUND:
    case STATUS_INVALID: return EXIT_REFUSED;
    case STATUS_DAMAGED:
    case STATUS_FOREIGN:
    case STATUS_NEWER: return EXIT_DAMAGED;
    default: return EXIT_UNAVAILABLE;
    }
}

bool output_is_unread(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

/* ---- text for people ---- */

const char *style(const struct till *till, enum style style)
{
    static const char *const escapes[] = {
        [STYLE_PLAIN] = "\033[0m", [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",   [STYLE_GREEN] = "\033[32m",
        [STYLE_RED] = "\033[31m",  [STYLE_YELLOW] = "\033[33m", [STYLE_BLUE] = "\033[34m", [STYLE_CYAN] = "\033[36m",
    };
    return till->colour ? escapes[style] : "";
}

/* The longest start of `text` that fits into `columns`. */
static size_t bytes_that_fit(const char *text, int columns)
{
    struct buffer start = {0};
    size_t length = strlen(text), fitting = 0;
    const char *end = text + length;
    for (size_t at = 0; at < length;) {
        uint32_t codepoint;
        size_t bytes = text_decode(text + at, end, &codepoint);
        at += bytes == 0 ? 1 : bytes;
        buffer_reset(&start);
        buffer_append(&start, text, at);
        if ((int)text_columns(buffer_string(&start)) > columns)
            break;
        fitting = at;
    }
    buffer_clear(&start);
    return fitting;
}

static void print_blanks(int count)
{
    for (int i = 0; i < count; i++)
        putchar(' ');
}

void print_cell(const struct till *till, const char *text, int columns)
{
    struct buffer safe = {0};
    int width = abs(columns);
    text_append_safe(&safe, text, strlen(text));
    const char *shown = buffer_string(&safe);
    int used = (int)text_columns(shown);
    if (width > 0 && used > width && till->terminal) {
        size_t bytes = bytes_that_fit(shown, width - 1);
        printf("%.*s…", (int)bytes, shown);
        used = width;
    } else {
        if (columns < 0)
            print_blanks(width - used);
        fputs(shown, stdout);
    }
    if (columns > 0)
        print_blanks(width - used);
    buffer_clear(&safe);
}

static void print_cells(const struct till *till, const struct column *columns, const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            print_blanks(2);
        bool last = i + 1 == count && columns[i].width > 0 && !till->terminal; /* no blanks behind the last in a file */
        print_cell(till, cells[i] == NULL ? "" : cells[i], last ? 0 : columns[i].width);
    }
    putchar('\n');
}

void table_titles(const struct till *till, const struct column *columns, size_t count)
{
    const char *titles[16];
    CHECK(count <= 16);
    for (size_t i = 0; i < count; i++)
        titles[i] = columns[i].title;
    fputs(style(till, STYLE_BOLD), stdout);
    print_cells(till, columns, titles, count);
    fputs(style(till, STYLE_PLAIN), stdout);
}

void table_row(const struct till *till, const struct column *columns, const char *const *cells, size_t count)
{
    print_cells(till, columns, cells, count);
}

const char *plural(int64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

const char *money_text(int64_t minor, struct currency currency)
{
    static char texts[4][MONEY_TEXT_SIZE];
    static unsigned next;
    char *text = texts[next++ % 4];
    money_to_text(minor, currency, text);
    return text;
}

/* ---- JSON ---- */

void json_text(cJSON *object, const char *name, const char *text)
{
    if (text == NULL)
        cJSON_AddNullToObject(object, name);
    else
        cJSON_AddStringToObject(object, name, text);
}

void json_integer(cJSON *object, const char *name, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)number);
    cJSON_AddRawToObject(object, name, digits); /* cJSON's own numbers are doubles */
}

void json_time(cJSON *object, const char *name, int64_t at_us)
{
    char text[TIME_TEXT_SIZE];
    time_to_text(at_us, text);
    cJSON_AddStringToObject(object, name, text);
}

void json_uuid(cJSON *object, const char *name, struct uuid id)
{
    char text[UUID_TEXT_SIZE];
    uuid_to_text(id, text);
    cJSON_AddStringToObject(object, name, text);
}

void json_currency(cJSON *object, const char *name, struct currency currency)
{
    cJSON_AddStringToObject(object, name, currency.code);
}

void json_item(cJSON *array, cJSON *item)
{
    if (!cJSON_AddItemToArray(array, item))
        cJSON_Delete(item);
}

enum status json_line(cJSON *object, struct error *error)
{
    struct buffer safe = {0};
    char *line = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (line != NULL)
        json_append_safe(&safe, line, strlen(line));
    cJSON_free(line);
    const enum status status = output_is_starved() ? error_memory(error) : STATUS_OK;
    if (status == STATUS_OK)
        puts(buffer_string(&safe));
    buffer_clear(&safe);
    return status;
}

/* ---- progress ---- */

void progress_bar(const struct till *till, const char *what, uint64_t done, uint64_t total)
{
    enum { EVERY_US = 100000, WIDTH = 40 };
    static int64_t drawn_us;
    int64_t now_us = clock_monotonic_us();
    if (!till->progress || (done < total && now_us - drawn_us < EVERY_US))
        return;
    drawn_us = now_us;
    int filled = total == 0 ? WIDTH : (int)(done * WIDTH / total);
    fprintf(stderr, "\r%-10s [", what);
    for (int i = 0; i < WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3d %%%s", total == 0 ? 100 : (int)(done * 100 / total), done >= total ? "\n" : "");
    fflush(stderr);
}

/* There is one stderr, and eventstore_verify tells its progress without a context. */
static struct {
    const struct till *till;
    const char *what;
    uint64_t head; /* 0: nothing was drawn yet */
} bar;

void progress_begin(const struct till *till, const char *what)
{
    bar.till = till;
    bar.what = what;
    bar.head = 0;
}

void progress_show(uint64_t position, uint64_t head)
{
    bar.head = position < head ? head : 0; /* at its end a bar ends its line itself */
    progress_bar(bar.till, bar.what, position, head);
}

void progress_end(void)
{
    if (bar.head != 0)
        progress_show(bar.head, bar.head);
}
