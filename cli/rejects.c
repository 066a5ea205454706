#include "cli/rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/import.h"

/* The columns of all kinds; an order's first, for they are what is refused most. */
static const char *const united_columns[] = {
    "order_ref",  "customer_ref", "ordered_at", "sku",          "quantity",
    "unit_price", "name",         "stock",      "cancelled_at", "reason",
};
enum { UNITED_COUNT = sizeof united_columns / sizeof *united_columns };

/* ---- the file ---- */

static bool is_same_file(int descriptor, int other)
{
    struct stat one, two;
    return fstat(descriptor, &one) == 0 && fstat(other, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

/* Opens it without touching what is in it, for it may be one of the files that are imported. */
static enum status open_file(struct rejects *rejects, const struct import_file *files, size_t count,
                             struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    int descriptor = open(rejects->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return error_errno(error, "write", rejects->path);
    for (size_t i = 0; i < count; i++) {
        if (files[i].reader == NULL || !is_same_file(descriptor, csv_descriptor(files[i].reader)))
            continue;
        close(descriptor);
        return error_set(error, STATUS_INVALID, "--rejects %s is a file that is imported: name another",
                         text_safe(safe, rejects->path));
    }
    struct stat found;
    if (fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode) && ftruncate(descriptor, 0) != 0) {
        enum status status = error_errno(error, "empty", rejects->path);
        close(descriptor);
        return status;
    }
    rejects->out = fdopen(descriptor, "w");
    if (rejects->out != NULL)
        return STATUS_OK;
    close(descriptor);
    return error_memory(error);
}

static void write_cell(FILE *out, const char *text, size_t length)
{
    csv_write_cell(out, text, length);
    (void)putc(',', out);
}

/* Columns that an earlier rejects file has at its end are not repeated. */
static bool is_own_column(const char *name)
{
    return strcmp(name, REJECTS_KIND_COLUMN) == 0 || strcmp(name, REJECTS_REASON_COLUMN) == 0;
}

static void write_header(struct rejects *rejects, const struct import_file *file)
{
    FILE *out = rejects->out;
    for (size_t i = 0; rejects->united && i < UNITED_COUNT; i++)
        write_cell(out, united_columns[i], strlen(united_columns[i]));
    for (size_t i = 0; !rejects->united && i < file->width; i++)
        if (!is_own_column(file->names[i]))
            write_cell(out, file->names[i], strlen(file->names[i]));
    if (rejects->united)
        (void)fputs(REJECTS_KIND_COLUMN ",", out);
    (void)fputs(REJECTS_REASON_COLUMN, out);
    csv_end_row(out);
}

enum status rejects_open(struct rejects *rejects, const char *path, const struct import_file *files, size_t count,
                         struct error *error)
{
    const struct import_file *only = NULL;
    size_t given = 0;
    for (size_t i = 0; i < count; i++) {
        if (files[i].reader != NULL) {
            only = &files[i];
            given++;
        }
    }
    CHECK(given > 0);
    *rejects = (struct rejects){.path = path, .united = given > 1};
    enum status status = open_file(rejects, files, count, error);
    if (status == STATUS_OK)
        write_header(rejects, only);
    return status;
}

enum status rejects_close(struct rejects *rejects, struct error *error)
{
    FILE *out = rejects->out;
    rejects->out = NULL;
    if (out == NULL)
        return STATUS_OK;
    errno = 0;
    bool failed = fflush(out) != 0 || ferror(out) != 0;
    int code = errno;
    if (fclose(out) == 0 && !failed)
        return STATUS_OK;
    errno = code != 0 ? code : errno;
    return error_errno(error, "write", rejects->path);
}

void rejects_abandon(struct rejects *rejects)
{
    if (rejects->out != NULL)
        (void)fclose(rejects->out);
    rejects->out = NULL;
}

/* ---- rows ---- */

/* The field at a place of the file's header. Where a row has more fields than the header, the last column that counts
 * takes all the rest, so that "14,50" does not come back as 14. */
static void write_field(FILE *out, const struct import_file *file, const struct csv_row *row, size_t place)
{
    bool overfull = row->count > file->width;
    size_t last = import_last_place(file);
    if (place < row->count && (!overfull || place < last)) {
        write_cell(out, row->fields[place].text, row->fields[place].length);
        return;
    }
    struct buffer rest = {0};
    for (size_t i = last; overfull && place == last && i < row->count; i++) {
        if (i > last)
            buffer_char(&rest, ',');
        buffer_append(&rest, row->fields[i].text, row->fields[i].length);
    }
    write_cell(out, buffer_string(&rest), rest.length);
    buffer_clear(&rest);
}

static size_t find_place(const struct import_file *file, const char *column)
{
    const struct import_format *format = &import_formats[file->kind];
    for (size_t i = 0; i < format->column_count; i++)
        if (strcmp(format->columns[i], column) == 0)
            return file->place[i];
    return SIZE_MAX;
}

void rejects_write(struct rejects *rejects, const struct import_file *file, const struct csv_row *row,
                   const char *reason)
{
    FILE *out = rejects->out;
    if (out == NULL)
        return;
    for (size_t i = 0; rejects->united && i < UNITED_COUNT; i++)
        write_field(out, file, row, find_place(file, united_columns[i]));
    for (size_t i = 0; !rejects->united && i < file->width; i++)
        if (!is_own_column(file->names[i]))
            write_field(out, file, row, i);
    if (rejects->united)
        (void)fprintf(out, "%s,", import_formats[file->kind].name);
    csv_write_cell(out, reason, strlen(reason));
    csv_end_row(out);
}
