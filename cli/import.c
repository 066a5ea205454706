#include "cli/import.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/work.h"
#include "domain/money.h"

bool import_is_refusal(enum status status)
{
    return status == STATUS_REFUSED || status == STATUS_NOT_FOUND || status == STATUS_INVALID;
}

static void erase_bar(const struct till *till)
{
    if (till->progress)
        (void)fputs("\r\033[K", stderr);
}

void import_say(const struct import *import, const struct import_file *file, uint64_t line, const char *sentence)
{
    struct buffer said = {0};
    char path[TEXT_SAFE_SIZE];
    erase_bar(import->till);
    buffer_format(&said, "%s, line %llu: %s", text_safe(path, file->path), (unsigned long long)line, sentence);
    warn(buffer_string(&said));
    buffer_clear(&said);
}

void import_progress(const struct import *import, const struct import_file *file, const char *what)
{
    uint64_t offset = csv_offset(file->reader), size = csv_size(file->reader);
    if (offset < size)
        progress_bar(import->till, what, offset, size);
}

/* ---- the summary ---- */

/* "orders: 830 placed, 0 there already, 0 refused" */
struct summary_words {
    const char *done, *already;           /* for people */
    const char *done_json, *already_json; /* the names behind the kind's */
};

static const struct summary_words summary_words[IMPORT_KINDS] = {
    [IMPORT_PRODUCTS] = {"listed", "there already", "listed", "there_already"},
    [IMPORT_ORDERS] = {"placed", "there already", "placed", "there_already"},
    [IMPORT_CANCELLATIONS] = {"requested", "done already", "requested", "done_already"},
};

static void add_count(cJSON *object, const char *kind, const char *what, int64_t count)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s_%s", kind, what);
    json_integer(object, name, count);
}

static enum status summarise_json(const struct import *import, struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < IMPORT_KINDS; i++) {
        const char *kind = import_formats[i].name;
        add_count(object, kind, summary_words[i].done_json, import->counts[i].done);
        add_count(object, kind, summary_words[i].already_json, import->counts[i].already);
        add_count(object, kind, "refused", import->counts[i].refused);
    }
    return json_line(object, error);
}

static enum status summarise(const struct import *import, struct error *error)
{
    struct buffer line = {0};
    if (import->till->json)
        return summarise_json(import, error);
    for (int i = 0; i < IMPORT_KINDS; i++) {
        const struct import_counts *counts = &import->counts[i];
        if (import->files[i].reader == NULL)
            continue;
        buffer_format(&line, "%s%s: %lld %s, %lld %s, %lld refused", line.length > 0 ? "; " : "",
                      import_formats[i].name, (long long)counts->done, summary_words[i].done,
                      (long long)counts->already, summary_words[i].already, (long long)counts->refused);
    }
    say("Imported %s.", buffer_string(&line));
    enum status status = buffer_ok(&line, error);
    buffer_clear(&line);
    return status;
}

/* ---- the command ---- */

struct import_request {
    const struct arguments *arguments;
    struct currency currency; /* all zero: not given */
    int64_t refused;          /* of all kinds: what became of it */
};

static enum status open_files(struct import *import, const struct arguments *arguments, struct error *error)
{
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < IMPORT_KINDS; i++) {
        const char *path = argument_value(arguments, import_formats[i].name);
        if (path != NULL)
            status = import_file_open(&import->files[i], (enum import_kind)i, path, error);
    }
    const char *rejects = argument_value(arguments, "rejects");
    if (status == STATUS_OK && rejects != NULL)
        status = rejects_open(&import->rejects, rejects, import->files, IMPORT_KINDS, error);
    return status;
}

static enum status take_files(struct import *import, struct error *error)
{
    enum status status = STATUS_OK;
    if (import->files[IMPORT_PRODUCTS].reader != NULL)
        status = import_products(import, error);
    if (status == STATUS_OK)
        status = import_orders(import, error);
    if (status == STATUS_OK)
        return rejects_close(&import->rejects, error);
    erase_bar(import->till);
    return error_within(error, "the import stopped (what it accepted stands; import again to go on)");
}

static enum status import(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct import_request *request = context;
    struct import import = {.till = till, .shop = shop, .settle = argument_given(request->arguments, "settle")};
    if (request->currency.code[0] != '\0' && !currency_equal(request->currency, shop->desk.currency))
        return error_set(error, STATUS_REFUSED, "the shop sells in %s: prices in %s cannot be imported",
                         shop->desk.currency.code, request->currency.code);
    enum status status = open_files(&import, request->arguments, error);
    if (status == STATUS_OK)
        status = take_files(&import, error);
    if (status == STATUS_OK)
        status = summarise(&import, error);
    if (status != STATUS_OK)
        rejects_abandon(&import.rejects);
    for (int i = 0; i < IMPORT_KINDS; i++) {
        import_file_close(&import.files[i]);
        request->refused += import.counts[i].refused;
    }
    return status;
}

static int run_import(struct till *till, const struct arguments *arguments)
{
    struct import_request request = {.arguments = arguments};
    const char *code = argument_value(arguments, "currency");
    char safe[TEXT_SAFE_SIZE];
    bool any = false;
    for (int i = 0; i < IMPORT_KINDS; i++)
        any = any || argument_given(arguments, import_formats[i].name);
    if (!any)
        return usage_error(arguments, "there is nothing to import: give --products, --orders or --cancellations");
    if (code != NULL)
        request.currency = currency_from_code(code);
    if (code != NULL && request.currency.code[0] == '\0')
        return usage_error(arguments, "%s is no currency: give an ISO 4217 code in capitals, such as USD or EUR",
                           text_safe(safe, code));
    int exit_code = in_shop(till, arguments, "import", import, &request);
    return exit_code == EXIT_DONE && request.refused > 0 ? EXIT_REFUSED : exit_code;
}

static const struct option_spec options[] = {
    {"products", "F", "sku,name,unit_price,stock"},
    {"orders", "F", "order_ref,customer_ref,ordered_at,sku,quantity,unit_price"},
    {"cancellations", "F", "order_ref,cancelled_at,reason"},
    {"settle", NULL, "bring the shop to rest before each cancellation"},
    {"currency", "CODE", "the prices' currency; it must be the shop's"},
    {"rejects", "F", "write the rows that are refused, and why, to F"},
    {0},
};

const struct command import_command = {
    .name = "import",
    .usage = "[--products F] [--orders F] [--cancellations F] [--settle]\n"
             "                   [--currency CODE] [--rejects F]",
    .summary = "import products, orders and cancellations from CSV files",
    .details = "A file is RFC 4180 CSV in UTF-8, or - for standard input. Its first line names\n"
               "the columns, in any order; others are ignored. An order has a row for each line,\n"
               "all next to each other. Prices are exact decimals; times are RFC 3339, or dates.\n"
               "Line breaks in a name or reason become a blank.\n"
               "\n"
               "Products come first. Orders and cancellations are taken in the order of time. A\n"
               "row that is wrong refuses its whole order, with file, line and reason on stderr;\n"
               "the import goes on and ends with 1. It may be killed at any moment and run\n"
               "again: what was accepted stands, and importing twice changes nothing. A\n"
               "product's stock is received once.\n"
               "\n"
               "--settle runs the services to rest before each cancellation, and in the end;\n"
               "where `till run` is at work, it waits for them.\n"
               "\n"
               "--rejects F has the columns of the imported file and `refused_because` behind\n"
               "them. When several files are imported at once it has the columns of all kinds,\n"
               "and `refused_from` says which kind a row is. Repair the rows and import F: it\n"
               "takes the rows of the kind you name (`till import --orders F`). Leave these two\n"
               "columns in place. A cell that a spreadsheet would run as a formula gets an\n"
               "apostrophe in front, which importing F takes away again.\n"
               "\n"
               "With --json: products_listed, products_there_already, products_refused,\n"
               "orders_placed, orders_there_already, orders_refused, cancellations_requested,\n"
               "cancellations_done_already, cancellations_refused.",
    .options = options,
    .run = run_import,
};
