/* import_steps.c - where each order and cancellation begins, in the order of time.
 *
 * Lines of an order stand together in its file, but orders may stand in any order. Sorting the rows themselves would
 * take memory without bound, so only their places are sorted: one reading to find them, another one, mostly from front
 * to back, to take them. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "cli/import.h"

/* ---- the list ---- */

static struct import_step *add_step(struct import_steps *steps)
{
    struct import_step *items = array_room(steps->items, steps->count, &steps->capacity, sizeof *items);
    if (items == NULL)
        return NULL;
    steps->items = items;
    return &steps->items[steps->count++];
}

void import_steps_clear(struct import_steps *steps)
{
    free(steps->items);
    *steps = (struct import_steps){0};
}

static int compare_offsets(const struct import_step *a, const struct import_step *b)
{
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int compare_ids(const void *one, const void *other)
{
    const struct import_step *a = one, *b = other;
    int order = memcmp(&a->id, &b->id, sizeof a->id);
    return order != 0 ? order : compare_offsets(a, b);
}

static int compare_times(const void *one, const void *other)
{
    const struct import_step *a = one, *b = other;
    return a->at_us != b->at_us ? (a->at_us > b->at_us) - (a->at_us < b->at_us) : compare_offsets(a, b);
}

/* ---- reading the places ---- */

struct indexing {
    struct import *import;
    struct import_file *file;
    struct import_steps *steps;
    struct buffer ref;   /* of the order whose rows are being counted */
    bool open;           /* there is one */
    uint32_t stray_line; /* of the row before, when its order cannot be told; else 0 */
};

/* The order's ref; NULL when the row does not tell it. */
static const struct csv_field *row_ref(const struct import_file *file, const struct csv_row *row)
{
    size_t place = file->place[ORDER_REF];
    const struct csv_field *ref = &row->fields[place];
    if (place >= row->read_count || ref->length == 0 || memchr(ref->text, '\0', ref->length) != NULL)
        return NULL;
    return ref;
}

/* A row without a ref, but with a customer, is an order without a ref. Without either, or broken, it may be a line of
 * the order before it or of the one behind it. */
static bool may_be_of_neighbours(const struct import_file *file, const struct csv_row *row)
{
    return row_ref(file, row) == NULL &&
           (row->problem[0] != '\0' || import_value(file, row, ORDER_CUSTOMER)->length == 0);
}

static int64_t row_time(const struct import_file *file, const struct csv_row *row)
{
    size_t column = file->kind == IMPORT_ORDERS ? ORDER_AT : CANCELLATION_AT;
    int64_t at_us;
    if (row->problem[0] != '\0' || !time_from_text(import_value(file, row, column)->text, &at_us))
        return INT64_MIN;
    return at_us;
}

static enum status begin_step(struct indexing *indexing, const struct csv_row *row, const struct csv_field *ref,
                              struct error *error)
{
    const struct import_file *file = indexing->file;
    struct import_step *step = add_step(indexing->steps);
    if (step == NULL)
        return error_memory(error);
    *step = (struct import_step){
        .at_us = row_time(file, row), .offset = row->offset, .line = (uint32_t)row->line, .rows = 1};
    indexing->open = ref != NULL && file->kind == IMPORT_ORDERS;
    if (indexing->open) {
        step->id = desk_order_id(&indexing->import->shop->desk, ref->text);
        buffer_reset(&indexing->ref);
        buffer_append(&indexing->ref, ref->text, ref->length);
    }
    return buffer_ok(&indexing->ref, error);
}

/* `stray`: the row of the newest step may belong to the step before it or to the one behind it. */
static void doubt_neighbours(struct indexing *indexing, bool stray, uint32_t line)
{
    struct import_step *step = &indexing->steps->items[indexing->steps->count - 1];
    if (stray && indexing->steps->count > 1 && step[-1].doubt == DOUBT_NONE) {
        step[-1].doubt = DOUBT_BESIDE;
        step[-1].doubt_line = line;
    }
    if (!stray && indexing->stray_line != 0) {
        step->doubt = DOUBT_BESIDE;
        step->doubt_line = indexing->stray_line;
    }
    indexing->stray_line = stray ? line : 0;
}

static enum status index_row(struct indexing *indexing, const struct csv_row *row, struct error *error)
{
    const struct csv_field *ref = row_ref(indexing->file, row);
    if (row->line > UINT32_MAX)
        return error_set(error, STATUS_REFUSED, "cannot import a file of more than %u lines", UINT32_MAX);
    if (indexing->open && ref != NULL && ref->length == indexing->ref.length &&
        memcmp(ref->text, buffer_string(&indexing->ref), ref->length) == 0) {
        indexing->steps->items[indexing->steps->count - 1].rows++;
        return STATUS_OK;
    }
    enum status status = begin_step(indexing, row, ref, error);
    if (status == STATUS_OK && indexing->file->kind == IMPORT_ORDERS)
        doubt_neighbours(indexing, may_be_of_neighbours(indexing->file, row), (uint32_t)row->line);
    return status;
}

/* An order whose rows stand in several places is none of them: half an order is not what was asked for. */
static void doubt_scattered(struct import_steps *steps)
{
    const struct uuid nil = {{0}};
    if (steps->count > 0)
        qsort(steps->items, steps->count, sizeof *steps->items, compare_ids);
    for (size_t i = 1; i < steps->count; i++) {
        struct import_step *step = &steps->items[i];
        if (!uuid_equal(step[-1].id, step->id) || uuid_equal(step->id, nil))
            continue;
        step->doubt = DOUBT_SCATTERED;
        step->doubt_line = step[-1].line;
        if (step[-1].doubt != DOUBT_SCATTERED) {
            step[-1].doubt = DOUBT_SCATTERED;
            step[-1].doubt_line = step->line;
        }
    }
}

enum status import_steps_read(struct import *import, struct import_file *file, struct import_steps *steps,
                              struct error *error)
{
    struct indexing indexing = {.import = import, .file = file, .steps = steps};
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        const struct csv_row *row;
        import_progress(import, file, "reading");
        status = import_file_next(file, &row, error);
        if (row == NULL)
            break;
        status = index_row(&indexing, row, error);
    }
    progress_bar(import->till, "reading", 1, 1);
    buffer_clear(&indexing.ref);
    if (file->kind == IMPORT_ORDERS)
        doubt_scattered(steps);
    if (steps->count > 0)
        qsort(steps->items, steps->count, sizeof *steps->items, compare_times);
    return status;
}
