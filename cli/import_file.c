#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/import.h"

const struct import_format import_formats[IMPORT_KINDS] = {
    [IMPORT_PRODUCTS] = {"products", {"sku", "name", "unit_price", "stock"}, 4},
    [IMPORT_ORDERS] = {"orders", {"order_ref", "customer_ref", "ordered_at", "sku", "quantity", "unit_price"}, 6},
    [IMPORT_CANCELLATIONS] = {"cancellations", {"order_ref", "cancelled_at", "reason"}, 3},
};

/* ---- the header ---- */

static enum status refuse_header(const struct import_file *file, const char *problem, const char *name,
                                 struct error *error)
{
    const struct import_format *format = &import_formats[file->kind];
    char path[TEXT_SAFE_SIZE], safe[TEXT_SAFE_SIZE], wanted[128] = "";
    for (size_t i = 0; i < format->column_count; i++) {
        size_t used = strlen(wanted);
        (void)snprintf(wanted + used, sizeof wanted - used, "%s%s", i > 0 ? "," : "", format->columns[i]);
    }
    return error_set(error, STATUS_REFUSED, "cannot import %s: its first line %s%s; it must name the columns %s",
                     text_safe(path, file->path), problem, text_safe(safe, name), wanted);
}

/* The place of the one column of this name; SIZE_MAX when there is none. */
static enum status find_column(const struct import_file *file, const char *name, size_t *place, struct error *error)
{
    *place = SIZE_MAX;
    for (size_t i = 0; i < file->width; i++) {
        if (strcmp(file->names[i], name) != 0)
            continue;
        if (*place != SIZE_MAX)
            return refuse_header(file, "names twice the column ", name, error);
        *place = i;
    }
    return STATUS_OK;
}

static enum status find_columns(struct import_file *file, struct error *error)
{
    const struct import_format *format = &import_formats[file->kind];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < format->column_count; i++) {
        status = find_column(file, format->columns[i], &file->place[i], error);
        if (status == STATUS_OK && file->place[i] == SIZE_MAX)
            status = refuse_header(file, "lacks the column ", format->columns[i], error);
    }
    file->kind_place = SIZE_MAX;
    file->rejected = strcmp(file->names[file->width - 1], REJECTS_REASON_COLUMN) == 0;
    if (status == STATUS_OK && file->rejected)
        status = find_column(file, REJECTS_KIND_COLUMN, &file->kind_place, error);
    return status;
}

static enum status read_header(struct import_file *file, struct error *error)
{
    const struct csv_row *row = NULL;
    enum status status = csv_next(file->reader, &row, error);
    if (status != STATUS_OK)
        return status;
    if (row == NULL)
        return refuse_header(file, "is missing, for it is empty", "", error);
    if (row->problem[0] != '\0')
        return refuse_header(file, "cannot be read: ", row->problem, error);
    for (; file->width < row->count; file->width++) {
        file->names[file->width] = strdup(row->fields[file->width].text);
        if (file->names[file->width] == NULL)
            return error_memory(error);
    }
    return find_columns(file, error);
}

enum status import_file_open(struct import_file *file, enum import_kind kind, const char *path, struct error *error)
{
    *file = (struct import_file){.kind = kind, .path = path};
    enum status status = csv_open(&file->reader, path, error);
    if (status == STATUS_OK)
        status = read_header(file, error);
    if (status != STATUS_OK)
        import_file_close(file);
    return status;
}

void import_file_close(struct import_file *file)
{
    csv_close(&file->reader);
    for (size_t i = 0; i < file->width; i++)
        free(file->names[i]);
    file->width = 0;
}

/* ---- rows ---- */

/* Spreadsheets write the rows below a table as commas: like an empty line, they say nothing. */
static bool is_blank(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].length > 0)
            return false;
    return row->problem[0] == '\0';
}

/* A file of refused rows may hold rows of several kinds. A row that cannot be read may be of any. */
static bool is_of_another_kind(const struct import_file *file, const struct csv_row *row)
{
    if (file->kind_place >= row->count || row->problem[0] != '\0')
        return false;
    const char *kind = row->fields[file->kind_place].text;
    for (size_t i = 0; i < IMPORT_KINDS; i++)
        if (i != file->kind && strcmp(kind, import_formats[i].name) == 0)
            return true;
    return false;
}

/* The row as it was before it was refused, and its number of fields checked. */
static const struct csv_row *finish_row(struct import_file *file, const struct csv_row *row)
{
    bool miscounted = row->problem[0] == '\0' && row->count != file->width;
    if (!miscounted && !file->rejected)
        return row;
    file->row = *row;
    if (miscounted)
        (void)snprintf(file->row.problem, sizeof file->row.problem, "it has %zu %s, the header has %zu", row->count,
                       plural((int64_t)row->count, "field", "fields"), file->width);
    for (size_t i = 0; file->rejected && i < row->count; i++)
        file->row.fields[i] = csv_unguarded(row->fields[i]);
    return &file->row;
}

enum status import_file_next(struct import_file *file, const struct csv_row **row, struct error *error)
{
    enum status status;
    do
        status = csv_next(file->reader, row, error);
    while (status == STATUS_OK && *row != NULL && (is_blank(*row) || is_of_another_kind(file, *row)));
    if (status == STATUS_OK && *row != NULL)
        *row = finish_row(file, *row);
    return status;
}

const struct csv_field *import_value(const struct import_file *file, const struct csv_row *row, size_t column)
{
    CHECK(file->place[column] < row->count);
    return &row->fields[file->place[column]];
}

size_t import_last_place(const struct import_file *file)
{
    size_t last = 0;
    for (size_t i = 0; i < import_formats[file->kind].column_count; i++)
        if (file->place[i] > last)
            last = file->place[i];
    return last;
}
