/* import_orders.c - places the orders and hands in the cancellations, in the order of time, orders first on a tie.
 *
 * Orders are placed many in one commit. A cancellation is a commit of its own, after everything before it. One that is
 * older than its order is refused, also when the order stands by now: importing twice changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/import.h"
#include "cli/work.h"

enum {
    BATCH_ORDERS_MAX = 32,
    BATCH_LINES_MAX = 2000,      /* then the batch is full: one more order has LINES_MAX at most */
    SETTLE_PATIENCE_S = 30 * 60, /* for services that run elsewhere, behind a large import … */
    SETTLE_LOOK_MS = 2000,       /* … looking every now and then whether they still do */
};

/* The orders that were put into the desk's batch, whatever came of it, since its last commit. */
struct import_batch {
    struct desk_batch *desk;
    size_t tried, lines;
    const struct import_step *placed[BATCH_ORDERS_MAX]; /* and not yet committed */
    size_t placed_count;
};

/* The order that was read last. */
struct import_order {
    struct arena arena;
    struct desk_order wanted;
    struct desk_line lines[LINES_MAX];
    uint32_t rows[LINES_MAX]; /* line of the file for each */
    uint32_t bad_row;         /* line of the file that is to blame for a refusal */
    size_t refused_line;
};

struct stepping {
    struct import *import;
    struct import_steps orders, cancellations;
    struct import_batch batch;
    struct import_order *order;
    struct buffer reason;
};

/* ---- refusing ---- */

/* Says why, and writes the step's rows to the rejects. `line` is the one to blame. */
static enum status refuse_step(struct stepping *stepping, struct import_file *file, const struct import_step *step,
                               uint64_t line, const char *reason, struct error *error)
{
    struct import *import = stepping->import;
    char because[ERROR_TEXT_MAX + 32];
    enum status status = STATUS_OK;
    import->counts[file->kind].refused++;
    import_say(import, file, line, reason);
    if (import->rejects.out == NULL)
        return STATUS_OK;
    (void)snprintf(because, sizeof because, "line %llu: %s", (unsigned long long)line, reason);
    csv_seek(file->reader, step->offset, step->line);
    for (uint32_t i = 0; status == STATUS_OK && i < step->rows; i++) {
        const struct csv_row *row;
        status = import_file_next(file, &row, error);
        if (row == NULL)
            break;
        rejects_write(&import->rejects, file, row, because);
    }
    return status;
}

/* Puts the order's ref, where it is known, before the reason. */
static enum status blame(struct error *error, const char *ref)
{
    char safe[TEXT_SAFE_SIZE];
    return ref[0] == '\0' ? error->status : error_within(error, "order %s", text_safe(safe, ref));
}

/* The ref in a row that may have a problem; "" when it cannot be read. In orders and in cancellations. */
static const char *row_ref(const struct import_file *file, const struct csv_row *row)
{
    size_t place = file->place[ORDER_REF];
    return place < row->read_count ? row->fields[place].text : "";
}

/* ---- reading an order ---- */

static enum status file_changed(const struct import_file *file, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_IO, "%s was changed while it was imported: import it again",
                     text_safe(safe, file->path));
}

static const char *keep(struct import_order *order, const struct csv_field *field)
{
    return arena_copy_text(&order->arena, field->text, field->length);
}

/* What all rows of an order have in common comes from its first one. */
static enum status read_head(struct import *import, const struct csv_row *row, struct import_order *order,
                             struct error *error)
{
    const struct import_file *file = &import->files[IMPORT_ORDERS];
    const struct csv_field *customer = import_value(file, row, ORDER_CUSTOMER);
    struct desk_order *wanted = &order->wanted;
    enum status status = import_text("order_ref", import_value(file, row, ORDER_REF), SKU_MAX, error);
    if (status == STATUS_OK)
        status = import_text("customer_ref", customer, SKU_MAX, error);
    if (status == STATUS_OK)
        status = import_time("ordered_at", import_value(file, row, ORDER_AT), &wanted->placed_at_us, error);
    if (status != STATUS_OK)
        return status;
    wanted->customer = keep(order, customer);
    return wanted->customer != NULL ? STATUS_OK : error_memory(error);
}

/* … and every further one must say the same. */
static enum status compare_head(struct import *import, const struct csv_row *row, const struct import_order *order,
                                struct error *error)
{
    const struct import_file *file = &import->files[IMPORT_ORDERS];
    int64_t at_us = 0;
    enum status status = import_time("ordered_at", import_value(file, row, ORDER_AT), &at_us, error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(import_value(file, row, ORDER_REF)->text, order->wanted.order_ref) != 0)
        return file_changed(file, error);
    if (strcmp(import_value(file, row, ORDER_CUSTOMER)->text, order->wanted.customer) != 0)
        return error_set(error, STATUS_REFUSED, "its customer_ref is not the one of line %u", order->rows[0]);
    if (at_us != order->wanted.placed_at_us)
        return error_set(error, STATUS_REFUSED, "its ordered_at is not the one of line %u", order->rows[0]);
    return STATUS_OK;
}

static enum status read_line(struct import *import, const struct csv_row *row, struct import_order *order,
                             struct desk_line *line, struct error *error)
{
    const struct import_file *file = &import->files[IMPORT_ORDERS];
    const struct csv_field *sku = import_value(file, row, ORDER_SKU);
    enum status status = import_text("sku", sku, SKU_MAX, error);
    if (status == STATUS_OK)
        status =
            import_number("quantity", import_value(file, row, ORDER_QUANTITY), 1, QUANTITY_MAX, &line->quantity, error);
    if (status == STATUS_OK)
        status = import_price("unit_price", import_value(file, row, ORDER_PRICE), import->shop->desk.currency,
                              &line->unit_price_minor, error);
    if (status == STATUS_OK && (line->sku = keep(order, sku)) == NULL)
        status = error_memory(error);
    return status;
}

static enum status read_row(struct import *import, const struct csv_row *row, struct import_order *order,
                            struct error *error)
{
    size_t n = order->wanted.line_count;
    order->bad_row = order->rows[n] = (uint32_t)row->line;
    if (n == 0)
        order->wanted.order_ref = arena_copy(&order->arena, row_ref(&import->files[IMPORT_ORDERS], row));
    if (order->wanted.order_ref == NULL)
        return error_memory(error);
    if (row->problem[0] != '\0')
        return error_set(error, STATUS_REFUSED, "%s", row->problem);
    enum status status = n == 0 ? read_head(import, row, order, error) : compare_head(import, row, order, error);
    if (status == STATUS_OK)
        status = read_line(import, row, order, &order->lines[n], error);
    if (status == STATUS_OK)
        order->wanted.line_count++;
    return status;
}

static enum status check_doubt(const struct import_step *step, struct error *error)
{
    if (step->doubt == DOUBT_SCATTERED)
        return error_set(error, STATUS_REFUSED, "its rows do not stand together: there are others in line %u",
                         step->doubt_line);
    if (step->doubt == DOUBT_BESIDE)
        return error_set(error, STATUS_REFUSED, "line %u beside it does not tell its order, and may belong to this one",
                         step->doubt_line);
    if (step->rows > LINES_MAX)
        return error_set(error, STATUS_REFUSED, "it has %u lines, more than %d", step->rows, LINES_MAX);
    return STATUS_OK;
}

/* Reads all rows; on a refusal `bad_row` is the one to blame, and the ref stands in `wanted` if it can be read. */
static enum status read_order(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import_file *file = &stepping->import->files[IMPORT_ORDERS];
    struct import_order *order = stepping->order;
    arena_reset(&order->arena);
    order->wanted = (struct desk_order){.order_ref = "",
                                        .lines = order->lines,
                                        .dated = true,
                                        .prices_are_content = true,
                                        .refused_line = &order->refused_line};
    csv_seek(file->reader, step->offset, step->line);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < step->rows && i < LINES_MAX; i++) {
        const struct csv_row *row;
        status = import_file_next(file, &row, error);
        if (status == STATUS_OK)
            status = row == NULL ? file_changed(file, error) : read_row(stepping->import, row, order, error);
    }
    if (status != STATUS_OK)
        return status;
    if (!uuid_equal(desk_order_id(&stepping->import->shop->desk, order->wanted.order_ref), step->id))
        return file_changed(file, error);
    order->bad_row = step->line;
    return check_doubt(step, error);
}

/* ---- placing ---- */

/* What became of the order that was read last, when it is refused: by us, or by the desk, who names the order itself.
 */
static enum status refuse_order(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import_file *file = &stepping->import->files[IMPORT_ORDERS];
    return refuse_step(stepping, file, step, stepping->order->bad_row, error->text, error);
}

static enum status refuse_placing(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import_order *order = stepping->order;
    if (order->refused_line < order->wanted.line_count)
        order->bad_row = order->rows[order->refused_line];
    return refuse_order(stepping, step, error);
}

static enum status place_alone(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import_counts *counts = &stepping->import->counts[IMPORT_ORDERS];
    struct uuid id;
    bool already = false;
    enum status status = read_order(stepping, step, error);
    if (status == STATUS_OK)
        status = desk_place(&stepping->import->shop->desk, &stepping->order->wanted, &id, &already, error);
    if (status == STATUS_OK)
        *(already ? &counts->already : &counts->done) += 1;
    return import_is_refusal(status) ? refuse_placing(stepping, step, error) : status;
}

/* Commits what was placed; when that is refused as a whole, each order by itself. */
static enum status flush(struct stepping *stepping, struct error *error)
{
    struct import_batch *batch = &stepping->batch;
    size_t count = batch->placed_count;
    batch->tried = batch->lines = batch->placed_count = 0;
    enum status status = desk_batch_commit(batch->desk, error);
    if (status == STATUS_OK)
        stepping->import->counts[IMPORT_ORDERS].done += (int64_t)count;
    if (status != STATUS_CONFLICT && !import_is_refusal(status))
        return status;
    status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = place_alone(stepping, batch->placed[i], error);
    return status;
}

static enum status place_in_batch(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import_batch *batch = &stepping->batch;
    bool already = false;
    enum status status = desk_batch_place(batch->desk, &stepping->order->wanted, &already, error);
    batch->tried++;
    batch->lines += stepping->order->wanted.line_count;
    if (status == STATUS_OK && already)
        stepping->import->counts[IMPORT_ORDERS].already++;
    else if (status == STATUS_OK)
        batch->placed[batch->placed_count++] = step;
    if (import_is_refusal(status))
        status = refuse_placing(stepping, step, error);
    if (status == STATUS_OK && (batch->tried == BATCH_ORDERS_MAX || batch->lines >= BATCH_LINES_MAX))
        status = flush(stepping, error);
    return status;
}

static enum status take_order(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    enum status status = read_order(stepping, step, error);
    if (import_is_refusal(status)) {
        (void)blame(error, stepping->order->wanted.order_ref);
        return refuse_order(stepping, step, error);
    }
    return status == STATUS_OK ? place_in_batch(stepping, step, error) : status;
}

/* ---- cancelling ---- */

/* By us, or by whoever runs the services; he may begin or stop at any moment. */
static enum status settle(struct import *import, struct error *error)
{
    const int64_t deadline_us = clock_monotonic_us() + INT64_C(1000000) * SETTLE_PATIENCE_S;
    enum status status;
    do
        status = shop_is_running(import->shop) ? wait_until_settled(import->shop, SETTLE_LOOK_MS, error)
                                               : settle_here(import->shop, import->till, error);
    while (status == STATUS_BUSY && clock_monotonic_us() < deadline_us);
    if (status == STATUS_BUSY)
        error_set(error, status, "the shop did not come to rest within %d minutes: see `till status`",
                  SETTLE_PATIENCE_S / 60);
    return status;
}

/* All services are done with all that stands on the roll; nothing to do when that was seen already. */
static enum status bring_to_rest(struct import *import, struct error *error)
{
    uint64_t head = 0;
    enum status status = eventstore_head(import->shop->store, &head, error);
    if (status != STATUS_OK || (import->rested && head == import->rested_head))
        return status;
    status = settle(import, error);
    if (status == STATUS_OK)
        status = eventstore_head(import->shop->store, &import->rested_head, error);
    import->rested = status == STATUS_OK;
    return status;
}

static enum status find_cancelled(struct import *import, const char *ref, const struct cancel_order *cancel,
                                  struct uuid *id, struct error *error)
{
    struct arena arena = {0};
    struct order_placed placed;
    char placed_at[TIME_TEXT_SIZE];
    enum status status = desk_find_order(&import->shop->desk, ref, id, error);
    if (status == STATUS_OK)
        status = order_as_placed(import->shop, *id, &arena, &placed, NULL, error);
    if (status == STATUS_OK && cancel->requested_at_us < placed.placed_at_us) {
        time_to_text(placed.placed_at_us, placed_at);
        error_set(error, STATUS_REFUSED, "cancelled_at is before the order was placed, at %s", placed_at);
        status = blame(error, ref);
    }
    arena_clear(&arena);
    return status;
}

static enum status read_cancellation(struct stepping *stepping, const struct csv_row *row, struct cancel_order *cancel,
                                     struct error *error)
{
    const struct import_file *file = &stepping->import->files[IMPORT_CANCELLATIONS];
    if (row->problem[0] != '\0')
        return error_set(error, STATUS_REFUSED, "%s", row->problem);
    enum status status = import_text("order_ref", import_value(file, row, CANCELLATION_REF), SKU_MAX, error);
    if (status == STATUS_OK)
        status = import_time("cancelled_at", import_value(file, row, CANCELLATION_AT), &cancel->requested_at_us, error);
    if (status != STATUS_OK)
        return status;
    const char *reason = import_words(import_value(file, row, CANCELLATION_REASON), &stepping->reason);
    const struct csv_field words = {reason, strlen(reason)};
    cancel->reason = words.length > 0 ? reason : "no reason given";
    return words.length > 0 ? import_text("reason", &words, NAME_MAX_BYTES, error) : STATUS_OK;
}

static enum status cancel(struct import *import, const char *ref, const struct cancel_order *cancel, bool *already,
                          struct error *error)
{
    struct uuid id;
    enum status status = find_cancelled(import, ref, cancel, &id, error);
    if (status == STATUS_OK && import->settle)
        status = bring_to_rest(import, error);
    return status == STATUS_OK ? desk_cancel(&import->shop->desk, id, cancel, already, error) : status;
}

static enum status take_cancellation(struct stepping *stepping, const struct import_step *step, struct error *error)
{
    struct import *import = stepping->import;
    struct import_file *file = &import->files[IMPORT_CANCELLATIONS];
    struct import_counts *counts = &import->counts[IMPORT_CANCELLATIONS];
    const struct csv_row *row = NULL;
    struct cancel_order command = {0};
    bool already = false;
    enum status status = stepping->batch.tried > 0 ? flush(stepping, error) : STATUS_OK;
    csv_seek(file->reader, step->offset, step->line);
    if (status == STATUS_OK)
        status = import_file_next(file, &row, error);
    if (status != STATUS_OK || row == NULL)
        return status == STATUS_OK ? file_changed(file, error) : status;
    const char *ref = row_ref(file, row);
    status = read_cancellation(stepping, row, &command, error);
    if (status != STATUS_OK)
        status = blame(error, ref);
    else
        status = cancel(import, ref, &command, &already, error);
    if (status == STATUS_OK)
        *(already ? &counts->already : &counts->done) += 1;
    return import_is_refusal(status) ? refuse_step(stepping, file, step, step->line, error->text, error) : status;
}

/* ---- all of it ---- */

static enum status take_steps(struct stepping *stepping, struct error *error)
{
    const struct import_steps *orders = &stepping->orders, *cancellations = &stepping->cancellations;
    size_t total = orders->count + cancellations->count;
    enum status status = STATUS_OK;
    for (size_t i = 0, j = 0; status == STATUS_OK && i + j < total;) {
        bool order =
            j == cancellations->count || (i < orders->count && orders->items[i].at_us <= cancellations->items[j].at_us);
        if (order)
            status = take_order(stepping, &orders->items[i++], error);
        else
            status = take_cancellation(stepping, &cancellations->items[j++], error);
        progress_bar(stepping->import->till, "orders", i + j, total);
    }
    if (status == STATUS_OK)
        status = flush(stepping, error);
    if (status == STATUS_OK && stepping->import->rested) /* what came behind the last cancellation; importing this */
        status = bring_to_rest(stepping->import, error); /* again would else find the shop not at rest */
    return status;
}

static enum status read_steps(struct stepping *stepping, enum import_kind kind, struct import_steps *steps,
                              struct error *error)
{
    struct import_file *file = &stepping->import->files[kind];
    return file->reader == NULL ? STATUS_OK : import_steps_read(stepping->import, file, steps, error);
}

enum status import_orders(struct import *import, struct error *error)
{
    struct stepping stepping = {.import = import, .order = calloc(1, sizeof *stepping.order)};
    enum status status = stepping.order == NULL ? error_memory(error) : STATUS_OK;
    if (status == STATUS_OK)
        status = desk_batch_open(&stepping.batch.desk, &import->shop->desk, error);
    if (status == STATUS_OK)
        status = read_steps(&stepping, IMPORT_ORDERS, &stepping.orders, error);
    if (status == STATUS_OK)
        status = read_steps(&stepping, IMPORT_CANCELLATIONS, &stepping.cancellations, error);
    if (status == STATUS_OK)
        status = take_steps(&stepping, error);
    desk_batch_close(&stepping.batch.desk);
    import_steps_clear(&stepping.orders);
    import_steps_clear(&stepping.cancellations);
    buffer_clear(&stepping.reason);
    if (stepping.order != NULL)
        arena_clear(&stepping.order->arena);
    free(stepping.order);
    return status;
}
