#include "cli/csv.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/text.h"

enum {
    WINDOW_BYTES = 64 * 1024,              /* read at a time */
    ROW_BYTES_MAX = 4 * 1024 * 1024,       /* kept of a row: CSV_FIELDS_MAX fields of CSV_FIELD_MAX bytes */
    PARSER_BYTES_MAX = CSV_FIELD_MAX + 16, /* kept by libcsv of a field; with its closing quote */
    PARSER_BLOCK_BYTES = 4096,             /* its buffer grows in such steps */
};
#define PROBLEM_QUOTE      "a quote stands where none may: a field with quotes is put in quotes, and its own are doubled"
#define PROBLEM_LONG_FIELD "a field is longer than 64 KiB"
#define PROBLEM_RETURN     "a carriage return ends no line by itself: end lines with LF or CRLF"

struct csv_reader {
    int descriptor;
    uint64_t size;
    char *path;

    char window[WINDOW_BYTES]; /* a piece of the input … */
    uint64_t window_offset;    /* … from here … */
    size_t window_length;      /* … so long */

    uint64_t offset; /* of the next byte to read */
    uint64_t line;   /* it stands on */

    struct csv_parser parser;
    struct csv_row row;            /* in the making, then handed out */
    struct buffer text;            /* its fields, each with a NUL behind it */
    size_t starts[CSV_FIELDS_MAX]; /* of the fields in `text`, which moves as it grows */
    bool ended;
    bool broken;         /* it breaks the rules */
    bool inside;         /* between quotes */
    uint64_t last_quote; /* offset behind the last quote of the row */
    uint64_t quote_line; /* where the open field's quote stands */
};

/* ---- the input ---- */

static enum status copy_input(int from, int to, const char *path, struct error *error)
{
    char bytes[16 * 1024];
    for (;;) {
        ssize_t count = read(from, bytes, sizeof bytes);
        if (count == 0)
            return STATUS_OK;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_errno(error, "read", path);
        for (ssize_t written = 0, some; written < count; written += some) {
            some = write(to, bytes + written, (size_t)(count - written));
            if (some < 0 && errno != EINTR)
                return error_errno(error, "write a copy of", path);
            some = some < 0 ? 0 : some;
        }
    }
}

/* Puts a copy in a file without a name in place of an input that can be read only once. */
static enum status make_seekable(int *descriptor, const char *path, struct error *error)
{
    FILE *copy = tmpfile();
    int copied = copy == NULL ? -1 : fcntl(fileno(copy), F_DUPFD_CLOEXEC, 0);
    enum status status = copied < 0 ? error_errno(error, "make a temporary copy of", path) : STATUS_OK;
    if (copy != NULL)
        (void)fclose(copy);
    if (status == STATUS_OK)
        status = copy_input(*descriptor, copied, path, error);
    if (status != STATUS_OK) {
        if (copied >= 0)
            close(copied);
        return status;
    }
    close(*descriptor);
    *descriptor = copied;
    return STATUS_OK;
}

static enum status open_input(struct csv_reader *reader, const char *path, struct error *error)
{
    struct stat found;
    bool standard = strcmp(path, "-") == 0;
    reader->descriptor = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor < 0 || fstat(reader->descriptor, &found) != 0)
        return error_errno(error, "open", path);
    if (!S_ISREG(found.st_mode)) {
        enum status status = make_seekable(&reader->descriptor, path, error);
        if (status != STATUS_OK)
            return status;
        if (fstat(reader->descriptor, &found) != 0)
            return error_errno(error, "open", path);
    }
    reader->size = (uint64_t)found.st_size;
    return STATUS_OK;
}

/* Makes the window hold the byte at `offset`; it stays short only at the end of the input. */
static enum status fill_window(struct csv_reader *reader, uint64_t offset, struct error *error)
{
    if (offset >= reader->window_offset && offset - reader->window_offset < reader->window_length)
        return STATUS_OK;
    ssize_t count;
    do
        count = pread(reader->descriptor, reader->window, WINDOW_BYTES, (off_t)offset);
    while (count < 0 && errno == EINTR);
    reader->window_offset = offset;
    reader->window_length = count < 0 ? 0 : (size_t)count;
    return count < 0 ? error_errno(error, "read", reader->path) : STATUS_OK;
}

/* What the window has from the reader's place on: at least a byte before the end of the input, else nothing. */
static enum status look(struct csv_reader *reader, const char **bytes, size_t *length, struct error *error)
{
    enum status status = fill_window(reader, reader->offset, error);
    size_t start = (size_t)(reader->offset - reader->window_offset);
    *bytes = reader->window + start;
    *length = status == STATUS_OK ? reader->window_length - start : 0;
    return status;
}

/* The byte at the reader's place, -1 at the end. */
static enum status peek(struct csv_reader *reader, int *byte, struct error *error)
{
    const char *bytes;
    size_t length;
    enum status status = look(reader, &bytes, &length, error);
    *byte = length > 0 ? (unsigned char)*bytes : -1;
    return status;
}

/* ---- the parser ---- */

static int nothing_is_blank(unsigned char byte)
{
    (void)byte; /* libcsv would trim blanks */
    return 0;
}

/* libcsv keeps the field it is at in memory: this is what stops it from keeping a gigabyte. */
static void *limited_realloc(void *block, size_t size)
{
    return size > PARSER_BYTES_MAX ? NULL : realloc(block, size);
}

static void note_problem(struct csv_reader *reader, const char *problem)
{
    if (reader->row.problem[0] == '\0')
        (void)snprintf(reader->row.problem, sizeof reader->row.problem, "%s", problem);
}

/* The row breaks the rules: it will be its first line only, and this is its problem, whatever else was found. */
static void break_row(struct csv_reader *reader, const char *problem)
{
    reader->broken = true;
    reader->row.problem[0] = '\0';
    note_problem(reader, problem);
}

static void add_field(struct csv_reader *reader, const char *text, size_t length)
{
    struct csv_row *row = &reader->row;
    if (length > CSV_FIELD_MAX)
        note_problem(reader, PROBLEM_LONG_FIELD);
    if (row->count == CSV_FIELDS_MAX || reader->text.length + length > ROW_BYTES_MAX) {
        note_problem(reader, "the row is too long");
        return;
    }
    reader->starts[row->count] = reader->text.length;
    row->fields[row->count++].length = length;
    buffer_append(&reader->text, text, length);
    buffer_char(&reader->text, '\0');
}

static void on_field(void *text, size_t length, void *context)
{
    add_field(context, text, length);
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    ((struct csv_reader *)context)->ended = true;
}

static void forget_row(struct csv_reader *reader)
{
    (void)csv_fini(&reader->parser, NULL, NULL, NULL);
    buffer_reset(&reader->text);
    reader->row.count = reader->row.read_count = 0;
    reader->ended = reader->broken = reader->inside = false;
}

/* The field is longer than libcsv may keep: puts it back where it was, with nothing in the field yet. It stood in an
 * unquoted field, or between quotes, or behind a quote that may be the closing one. */
static void drop_field_so_far(struct csv_reader *reader, bool inside, bool behind_quote)
{
    const char *again = inside ? "\"" : behind_quote ? "\"\"" : "x";
    note_problem(reader, PROBLEM_LONG_FIELD);
    (void)csv_fini(&reader->parser, NULL, NULL, NULL);
    (void)csv_parse(&reader->parser, again, strlen(again), NULL, NULL, NULL);
}

/* Follows the quotes in `bytes`, which stand at `offset` in the input. */
static void follow_quotes(struct csv_reader *reader, const char *bytes, size_t length, uint64_t offset)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '"')
            continue;
        reader->inside = !reader->inside;
        if (reader->inside && offset + i != reader->last_quote) /* else it is the second of a doubled one */
            reader->quote_line = reader->line;
        reader->last_quote = offset + i + 1;
    }
}

/* Feeds bytes that hold no row's end but at their own. */
static enum status feed(struct csv_reader *reader, const char *bytes, size_t length, uint64_t offset,
                        struct error *error)
{
    for (size_t fed = 0; fed < length;) {
        size_t count = csv_parse(&reader->parser, bytes + fed, length - fed, on_field, on_row, reader);
        follow_quotes(reader, bytes + fed, count, offset + fed);
        fed += count;
        if (fed == length)
            break;
        if (csv_error(&reader->parser) == CSV_EPARSE) {
            break_row(reader, PROBLEM_QUOTE);
            break;
        }
        if (csv_get_buffer_size(&reader->parser) <= CSV_FIELD_MAX)
            return error_memory(error);
        drop_field_so_far(reader, reader->inside, reader->last_quote == offset + fed);
    }
    return STATUS_OK;
}

/* ---- rows that break the rules ---- */

/* The rest of the line at the reader's place, without its end, which is skipped; cut at CSV_FIELD_MAX. */
static enum status read_raw_line(struct csv_reader *reader, struct buffer *line, struct error *error)
{
    for (bool ended = false; !ended;) {
        const char *bytes;
        size_t length;
        enum status status = look(reader, &bytes, &length, error);
        if (status != STATUS_OK)
            return status;
        const char *end = memchr(bytes, '\n', length);
        size_t count = end != NULL ? (size_t)(end - bytes) : length;
        size_t room = CSV_FIELD_MAX - line->length;
        buffer_append(line, bytes, count < room ? count : room);
        reader->offset += count + (end != NULL);
        ended = end != NULL || length == 0;
    }
    reader->line++;
    if (line->length > 0 && line->data[line->length - 1] == '\r')
        line->data[--line->length] = '\0';
    return buffer_ok(line, error);
}

/* Makes the row its first line: the fields that can be read, and the rest of the line raw. */
static enum status give_up_row(struct csv_reader *reader, struct error *error)
{
    struct buffer raw = {0};
    size_t rest = 0;
    forget_row(reader);
    reader->offset = reader->row.offset;
    reader->line = reader->row.line;
    enum status status = read_raw_line(reader, &raw, error);
    for (size_t i = 0; status == STATUS_OK && i < raw.length && !reader->ended; i++) {
        size_t before = reader->row.count;
        if (csv_parse(&reader->parser, raw.data + i, 1, on_field, on_row, reader) == 0)
            break;
        if (reader->row.count > before)
            rest = i + 1;
    }
    (void)csv_fini(&reader->parser, NULL, NULL, NULL);
    reader->row.read_count = reader->row.count;
    if (status == STATUS_OK)
        add_field(reader, raw.data == NULL ? "" : raw.data + rest, raw.length - rest);
    buffer_clear(&raw);
    return status;
}

/* ---- rows ---- */

/* Skips empty lines, and says whether a row follows. */
static enum status skip_empty_lines(struct csv_reader *reader, bool *there, struct error *error)
{
    for (;;) {
        int byte, next = 0;
        enum status status = peek(reader, &byte, error);
        *there = byte >= 0;
        if (status != STATUS_OK || (byte != '\n' && byte != '\r'))
            return status;
        reader->offset++;
        if (byte == '\r')
            status = peek(reader, &next, error);
        if (status != STATUS_OK)
            return status;
        if (byte == '\r' && next >= 0 && next != '\n') { /* no line's end: the row begins with it */
            reader->offset--;
            return STATUS_OK;
        }
        reader->offset += byte == '\r' && next == '\n';
        reader->line++;
    }
}

/* Up to and with the next LF or CR. */
static size_t piece_length(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == '\n' || bytes[i] == '\r')
            return i + 1;
    return length;
}

/* Behind a CR outside quotes: only an LF (or the input's end) makes it a line's end. */
static enum status finish_return(struct csv_reader *reader, struct error *error)
{
    int next;
    enum status status = peek(reader, &next, error);
    if (next >= 0 && next != '\n')
        break_row(reader, PROBLEM_RETURN);
    if (next == '\n') {
        reader->offset++;
        reader->line++;
    }
    return status;
}

static enum status read_piece(struct csv_reader *reader, const char *bytes, size_t length, struct error *error)
{
    size_t count = piece_length(bytes, length);
    char last = bytes[count - 1];
    enum status status = feed(reader, bytes, count, reader->offset, error);
    reader->offset += count;
    reader->line += last == '\n';
    if (status == STATUS_OK && !reader->broken && last == '\r' && !reader->inside)
        status = finish_return(reader, error);
    return status;
}

/* The input ended within a row. */
static void end_row(struct csv_reader *reader)
{
    char problem[CSV_PROBLEM_SIZE];
    if (reader->inside) {
        (void)snprintf(problem, sizeof problem, "the quote that opens in line %llu is never closed",
                       (unsigned long long)reader->quote_line);
        break_row(reader, problem);
        return;
    }
    (void)csv_fini(&reader->parser, on_field, on_row, reader);
    reader->ended = true;
}

static void check_fields(struct csv_reader *reader)
{
    struct csv_row *row = &reader->row;
    char problem[64];
    for (size_t i = 0; i < row->count; i++) {
        struct csv_field *field = &row->fields[i];
        field->text = reader->text.data + reader->starts[i];
        bool has_nul = memchr(field->text, '\0', field->length) != NULL;
        if (!has_nul && text_is_utf8(field->text, field->length))
            continue;
        (void)snprintf(problem, sizeof problem, "field %zu %s", i + 1, has_nul ? "holds a NUL byte" : "is not UTF-8");
        note_problem(reader, problem);
    }
}

static enum status read_row(struct csv_reader *reader, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !reader->ended && !reader->broken) {
        const char *bytes;
        size_t length;
        status = look(reader, &bytes, &length, error);
        if (status == STATUS_OK && length > 0)
            status = read_piece(reader, bytes, length, error);
        else if (status == STATUS_OK)
            end_row(reader);
    }
    reader->row.read_count = reader->row.count;
    if (status == STATUS_OK && reader->broken)
        status = give_up_row(reader, error);
    return status == STATUS_OK ? buffer_ok(&reader->text, error) : status;
}

enum status csv_next(struct csv_reader *reader, const struct csv_row **row, struct error *error)
{
    bool there = false;
    *row = NULL;
    forget_row(reader);
    reader->row.problem[0] = '\0';
    enum status status = skip_empty_lines(reader, &there, error);
    if (status != STATUS_OK || !there)
        return status;
    reader->row.offset = reader->offset;
    reader->row.line = reader->line;
    reader->last_quote = UINT64_MAX;
    status = read_row(reader, error);
    if (status != STATUS_OK)
        return status;
    check_fields(reader);
    *row = &reader->row;
    return STATUS_OK;
}

void csv_seek(struct csv_reader *reader, uint64_t offset, uint64_t line)
{
    reader->offset = offset;
    reader->line = line;
}

/* ---- life cycle ---- */

/* All of them: whoever joins two files leaves a second one, and a table that we write must not begin with one. */
static enum status skip_byte_order_marks(struct csv_reader *reader, struct error *error)
{
    for (;;) {
        const char *bytes;
        size_t length;
        enum status status = look(reader, &bytes, &length, error);
        if (status != STATUS_OK || length < 3 || memcmp(bytes, "\xEF\xBB\xBF", 3) != 0)
            return status;
        reader->offset += 3;
    }
}

enum status csv_open(struct csv_reader **out, const char *path, struct error *error)
{
    struct csv_reader *reader = *out = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_memory(error);
    reader->descriptor = -1;
    reader->line = 1;
    (void)csv_init(&reader->parser, CSV_STRICT); /* cannot fail: the parser is not NULL */
    csv_set_space_func(&reader->parser, nothing_is_blank);
    csv_set_realloc_func(&reader->parser, limited_realloc);
    csv_set_blk_size(&reader->parser, PARSER_BLOCK_BYTES);
    reader->path = strdup(path);
    enum status status = reader->path == NULL ? error_memory(error) : open_input(reader, path, error);
    if (status == STATUS_OK)
        status = skip_byte_order_marks(reader, error);
    if (status != STATUS_OK)
        csv_close(out);
    return status;
}

void csv_close(struct csv_reader **out)
{
    struct csv_reader *reader = *out;
    *out = NULL;
    if (reader == NULL)
        return;
    if (reader->descriptor >= 0)
        close(reader->descriptor);
    csv_free(&reader->parser);
    buffer_clear(&reader->text);
    free(reader->path);
    free(reader);
}

uint64_t csv_offset(const struct csv_reader *reader)
{
    return reader->offset;
}

uint64_t csv_size(const struct csv_reader *reader)
{
    return reader->size;
}

int csv_descriptor(const struct csv_reader *reader)
{
    return reader->descriptor;
}

/* ---- writing ---- */

/* OWASP's list ("CSV Injection"), with the fullwidth forms of the signs, and what shows nothing: a program may drop it,
 * and a formula may stand behind. */
static bool begins_formula(uint32_t codepoint)
{
    switch (codepoint) {
    case '=':
    case '+':
    case '-':
    case '@':
    case 0xFF1D:
    case 0xFF0B:
    case 0xFF0D:
    case 0xFF20: return true;
    default: return text_is_harmful(codepoint);
    }
}

/* True for a cell that begins like a formula, behind any number of apostrophes. */
static bool begins_like_formula(const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    uint32_t codepoint;
    while (at < end && *at == '\'')
        at++;
    return at < end && text_decode(at, end, &codepoint) > 0 && begins_formula(codepoint);
}

void csv_write_cell(FILE *out, const char *text, size_t length)
{
    bool guard = begins_like_formula(text, length), quote = false;
    for (size_t i = 0; i < length && !quote; i++)
        quote = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
    if (quote)
        (void)putc('"', out);
    if (guard)
        (void)putc('\'', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            (void)putc('"', out);
        (void)putc(text[i], out);
    }
    if (quote)
        (void)putc('"', out);
}

struct csv_field csv_unguarded(struct csv_field cell)
{
    if (cell.length > 0 && cell.text[0] == '\'' && begins_like_formula(cell.text, cell.length))
        return (struct csv_field){cell.text + 1, cell.length - 1};
    return cell;
}

void csv_end_row(FILE *out)
{
    (void)fputs("\r\n", out);
}
