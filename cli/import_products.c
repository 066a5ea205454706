#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/uuid.h"
#include "cli/import.h"
#include "domain/money.h"

/* A sku that this file listed already: what it said of it, as a digest, for a catalogue may be long. The second row of
 * a sku says the same or is refused: else the two would take turns whenever the file is imported. */
struct seen {
    struct uuid sku;
    struct uuid content;
    uint64_t line;
};

struct catalogue {
    struct import *import;
    struct import_file *file;
    void *seen; /* struct seen, a tree by sku */
    struct buffer name;
};

static int compare_seen(const void *one, const void *other)
{
    return memcmp(&((const struct seen *)one)->sku, &((const struct seen *)other)->sku, sizeof(struct uuid));
}

static struct seen make_seen(const struct list_product *product, uint64_t line)
{
    const struct uuid nil = {{0}};
    struct seen seen = {.sku = uuid_from_name(nil, product->sku, strlen(product->sku)), .line = line};
    struct uuid name = uuid_from_name(nil, product->name, strlen(product->name));
    const int64_t figures[] = {product->unit_price_minor, product->opening_stock};
    seen.content = uuid_from_name(name, figures, sizeof figures);
    return seen;
}

/* STATUS_REFUSED when the file said something else of this sku before. */
static enum status compare_with_seen(struct catalogue *catalogue, const struct seen *seen, struct error *error)
{
    struct seen **before = tfind(seen, &catalogue->seen, compare_seen);
    if (before == NULL || uuid_equal((*before)->content, seen->content))
        return STATUS_OK;
    return error_set(error, STATUS_REFUSED, "the file lists the sku already, in line %llu, and otherwise",
                     (unsigned long long)(*before)->line);
}

static enum status remember(struct catalogue *catalogue, const struct seen *seen, struct error *error)
{
    struct seen *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return error_memory(error);
    *copy = *seen;
    struct seen **node = tsearch(copy, &catalogue->seen, compare_seen);
    if (node == NULL || *node != copy)
        free(copy);
    return node == NULL ? error_memory(error) : STATUS_OK;
}

static enum status read_product(struct catalogue *catalogue, const struct csv_row *row, struct list_product *product,
                                struct error *error)
{
    const struct import_file *file = catalogue->file;
    const struct csv_field *sku = import_value(file, row, PRODUCT_SKU), *name = import_value(file, row, PRODUCT_NAME);
    *product = (struct list_product){.sku = sku->text, .currency = catalogue->import->shop->desk.currency};
    enum status status = import_text("sku", sku, SKU_MAX, error);
    if (status == STATUS_OK) {
        product->name = import_words(name, &catalogue->name);
        const struct csv_field words = {product->name, strlen(product->name)};
        status = import_text("name", &words, NAME_MAX_BYTES, error);
    }
    if (status == STATUS_OK)
        status = import_price("unit_price", import_value(file, row, PRODUCT_PRICE), product->currency,
                              &product->unit_price_minor, error);
    if (status == STATUS_OK)
        status = import_number("stock", import_value(file, row, PRODUCT_STOCK), 0, INT64_C(1000) * QUANTITY_MAX,
                               &product->opening_stock, error);
    return status;
}

/* Says that an opening stock stays what it was. */
static void tell_opening(const struct catalogue *catalogue, const struct csv_row *row,
                         const struct list_product *product, const struct stock *before)
{
    char sentence[ERROR_TEXT_MAX], safe[TEXT_SAFE_SIZE];
    if (!before->opened || before->opening == product->opening_stock)
        return;
    (void)snprintf(sentence, sizeof sentence,
                   "the opening stock of %s was %lld and stays so, for it is received once; %lld changes nothing "
                   "(a delivery is `till receive`)",
                   text_safe(safe, product->sku), (long long)before->opening, (long long)product->opening_stock);
    import_say(catalogue->import, catalogue->file, row->line, sentence);
}

static enum status list_product(struct catalogue *catalogue, const struct csv_row *row, bool *already,
                                struct error *error)
{
    const struct shop_desk *desk = &catalogue->import->shop->desk;
    struct list_product product;
    struct stock before;
    enum status status = read_product(catalogue, row, &product, error);
    if (status != STATUS_OK)
        return status;
    const struct seen seen = make_seen(&product, row->line);
    status = compare_with_seen(catalogue, &seen, error);
    if (status == STATUS_OK)
        status = desk_stock(desk, product.sku, &before, error);
    if (status == STATUS_OK)
        status = desk_list(desk, &product, already, error);
    if (status == STATUS_OK)
        status = remember(catalogue, &seen, error);
    if (status == STATUS_OK)
        tell_opening(catalogue, row, &product, &before);
    return status;
}

static void refuse_product(struct catalogue *catalogue, const struct csv_row *row, const char *reason)
{
    struct import *import = catalogue->import;
    char sentence[2 * ERROR_TEXT_MAX], because[2 * ERROR_TEXT_MAX + 32], safe[TEXT_SAFE_SIZE];
    size_t place = catalogue->file->place[PRODUCT_SKU];
    const char *sku = place < row->read_count ? row->fields[place].text : "";
    (void)snprintf(sentence, sizeof sentence, "%s%s%s", text_safe(safe, sku), sku[0] != '\0' ? ": " : "", reason);
    (void)snprintf(because, sizeof because, "line %llu: %s", (unsigned long long)row->line, sentence);
    import->counts[IMPORT_PRODUCTS].refused++;
    import_say(import, catalogue->file, row->line, sentence);
    rejects_write(&import->rejects, catalogue->file, row, because);
}

static enum status take_row(struct catalogue *catalogue, const struct csv_row *row, struct error *error)
{
    struct import_counts *counts = &catalogue->import->counts[IMPORT_PRODUCTS];
    bool already = false;
    if (row->problem[0] != '\0') {
        refuse_product(catalogue, row, row->problem);
        return STATUS_OK;
    }
    enum status status = list_product(catalogue, row, &already, error);
    if (import_is_refusal(status)) {
        refuse_product(catalogue, row, error->text);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        *(already ? &counts->already : &counts->done) += 1;
    return status;
}

enum status import_products(struct import *import, struct error *error)
{
    struct catalogue catalogue = {.import = import, .file = &import->files[IMPORT_PRODUCTS]};
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        const struct csv_row *row;
        import_progress(import, catalogue.file, "products");
        status = import_file_next(catalogue.file, &row, error);
        if (row == NULL)
            break;
        status = take_row(&catalogue, row, error);
    }
    progress_bar(import->till, "products", 1, 1);
    tdestroy(catalogue.seen, free);
    buffer_clear(&catalogue.name);
    return status;
}
