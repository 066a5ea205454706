/* listings.c - what a person asks of the views: orders, order, stock, sales, inbox (journeys.c has the journeys).
 *
 * Each listing is a table for people or, with --json, one object a row. All of them look at the shop as it is now, with
 * everything that was just written, or with --at and --as-of as it was. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/standing.h"
#include "cli/work.h"
#include "projections/inbox.h"
#include "projections/orders.h"
#include "projections/sales.h"
#include "projections/stock.h"

/* ---- orders ---- */

static cJSON *order_object(const struct order_row *row)
{
    cJSON *object = cJSON_CreateObject();
    json_uuid(object, "order_id", row->order);
    json_text(object, "order_ref", row->order_ref);
    json_text(object, "customer_id", row->customer);
    json_text(object, "status", row->status);
    json_text(object, "reason", row->reason);
    json_currency(object, "currency", row->currency);
    json_integer(object, "total_minor", row->total_minor);
    json_time(object, "placed_at", row->placed_at_us);
    json_time(object, "updated_at", row->updated_at_us);
    json_integer(object, "version", (int64_t)row->version);
    json_integer(object, "position", (int64_t)row->position);
    return object;
}

static enum status print_order_row(void *context, const struct order_row *row, struct error *error)
{
    static const struct column columns[] = {
        {"order", 16}, {"customer", 12}, {"status", 10}, {"total", -14}, {"placed (UTC)", 19}};
    struct listing *listing = context;
    char placed[PEOPLE_TIME_SIZE];
    if (listing->till->json)
        return json_line(order_object(row), error);
    const char *const cells[] = {row->order_ref, row->customer, row->status,
                                 money_text(row->total_minor, row->currency),
                                 time_for_people(row->placed_at_us, placed)};
    print_row(listing, columns, cells, COUNT(columns));
    return STATUS_OK;
}

static enum status list_orders(struct listing *listing, struct error *error)
{
    return orders_each(listing->view, print_order_row, listing, error);
}

static int run_orders(struct till *till, const struct arguments *arguments)
{
    struct listing listing = {.till = till,
                              .arguments = arguments,
                              .projection = &orders_projection,
                              .rows = list_orders,
                              .nothing = "There are no orders."};
    return run_listing(&listing);
}

const struct command orders_command = {
    .name = "orders",
    .usage = "[--at POSITION | --as-of TIME]",
    .summary = "list all orders",
    .details = "In the order of placing. With --json: order_id, order_ref, customer_id, status,\n"
               "reason, currency, total_minor, placed_at, updated_at, version, position.",
    .options = listing_options,
    .run = run_orders,
};

/* ---- one order ---- */

static void print_facts(const struct till *till, const struct order_row *row)
{
    char id[UUID_TEXT_SIZE], placed[PEOPLE_TIME_SIZE];
    uuid_to_text(row->order, id);
    printf("%sorder ", style(till, STYLE_BOLD));
    print_cell(till, row->order_ref, 0);
    printf("%s: %s\n", style(till, STYLE_PLAIN), row->status);
    print_fact(till, "id", id);
    print_fact(till, "customer", row->customer);
    print_fact(till, "placed at", time_for_people(row->placed_at_us, placed));
    print_fact(till, "total", money_text(row->total_minor, row->currency));
    if (row->reason != NULL)
        print_fact(till, "reason", row->reason);
}

static void print_lines(const struct till *till, const struct order_placed *placed)
{
    static const struct column columns[] = {{"quantity", -8}, {"sku", 16}, {"name", 34}, {"price of one", -16}};
    putchar('\n');
    table_titles(till, columns, COUNT(columns));
    for (size_t i = 0; i < placed->lines.count; i++) {
        const struct order_line *line = &placed->lines.items[i];
        const char *const cells[] = {number_text(line->quantity), line->sku, line->name,
                                     money_text(line->unit_price_minor, placed->currency)};
        table_row(till, columns, cells, COUNT(columns));
    }
    putchar('\n');
}

static void add_lines(cJSON *object, const struct order_placed *placed)
{
    cJSON *lines = cJSON_AddArrayToObject(object, "lines");
    for (size_t i = 0; i < placed->lines.count; i++) {
        const struct order_line *line = &placed->lines.items[i];
        cJSON *item = cJSON_CreateObject();
        json_text(item, "sku", line->sku);
        json_text(item, "name", line->name);
        json_integer(item, "quantity", line->quantity);
        json_integer(item, "unit_price_minor", line->unit_price_minor);
        json_item(lines, item);
    }
}

/* What stands in an order's way is of now: nothing is known of it with --at and --as-of. */
static bool is_now(const struct listing *listing)
{
    return !argument_given(listing->arguments, "at") && !argument_given(listing->arguments, "as-of");
}

static void add_waits(cJSON *object, const struct standing *standing, struct uuid order)
{
    const struct dead_letter *letter;
    cJSON *list = cJSON_AddArrayToObject(object, "waits");
    for (size_t n = 0; (letter = standing_letter(standing, order, n)) != NULL; n++) {
        struct buffer words = {0};
        buffer_format(&words, "%s: ", letter->consumer);
        tell_attempt(&words, letter);
        json_item(list, cJSON_CreateString(buffer_string(&words)));
        buffer_clear(&words);
    }
}

static enum status print_order(void *context, const struct order_row *row, struct error *error)
{
    struct listing *listing = context;
    struct arena arena = {0};
    struct order_placed placed;
    struct standing standing = {.tried = NULL};
    enum status status = of_store(listing, order_as_placed(listing->shop, row->order, &arena, &placed, NULL, error));
    if (status == STATUS_OK && is_now(listing))
        status = of_store(listing, standing_load(&standing, listing->shop->store, error));
    if (status == STATUS_OK && listing->till->json) {
        cJSON *object = order_object(row);
        add_lines(object, &placed);
        if (is_now(listing)) {
            add_waits(object, &standing, row->order);
            add_standing(object, &standing, row->order);
        }
        status = json_line(object, error);
    } else if (status == STATUS_OK) {
        print_facts(listing->till, row);
        print_standing(listing->till, &standing, row->order, true);
        print_lines(listing->till, &placed);
        status = of_store(
            listing, print_timeline(listing->shop, listing->till, row->order, view_position(listing->view), error));
    }
    standing_clear(&standing);
    arena_clear(&arena);
    return status;
}

/* An order that stands on the roll was placed later, or the view has lost it. */
static enum status say_not_found(struct listing *listing, const char *name, struct uuid order, struct error *error)
{
    struct arena arena = {0};
    struct order_placed placed;
    uint64_t position = 0, seen = view_position(listing->view);
    enum status status = of_store(listing, order_as_placed(listing->shop, order, &arena, &placed, &position, error));
    arena_clear(&arena);
    if (status != STATUS_OK)
        return status;
    if (position > seen)
        return error_set(error, STATUS_NOT_FOUND, "there was no order %s yet at position %" PRIu64, name, seen);
    return error_set(error, STATUS_DAMAGED, "the view orders has lost order %s", name);
}

static enum status show_order(struct listing *listing, struct error *error)
{
    const char *name = argument_word(listing->arguments, 0);
    struct uuid order;
    char safe[TEXT_SAFE_SIZE];
    enum status status = desk_find_order(&listing->shop->desk, name, &order, error);
    if (status != STATUS_OK)
        return status;
    status = orders_find(listing->view, order, print_order, listing, error);
    return status == STATUS_NOT_FOUND ? say_not_found(listing, text_safe(safe, name), order, error) : status;
}

static int run_order(struct till *till, const struct arguments *arguments)
{
    struct listing listing = {
        .till = till, .arguments = arguments, .projection = &orders_projection, .rows = show_order};
    return run_listing(&listing);
}

const struct command order_command = {
    .name = "order",
    .usage = "ORDER [--at POSITION | --as-of TIME]",
    .summary = "show one order: its lines and its journey",
    .details = "ORDER is an order's id or ref. With --json: the names of `till orders`,\n"
               "lines: [{sku, name, quantity, unit_price_minor}], and of now waits (what was\n"
               "tried in vain, in words), needs_person and discarded (as `till journeys`).\n"
               "`till trace ORDER --json` has the journey's events.",
    .options = listing_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_order,
};

/* ---- stock ---- */

static enum status print_stock_row(void *context, const struct stock_row *row, struct error *error)
{
    static const struct column columns[] = {
        {"sku", 16}, {"name", 30}, {"on hand", -8}, {"reserved", -8}, {"available", -9}};
    struct listing *listing = context;
    if (listing->till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "sku", row->sku);
        json_text(object, "name", row->name);
        json_integer(object, "on_hand", row->on_hand);
        json_integer(object, "reserved", row->reserved);
        json_integer(object, "available", row->available);
        return json_line(object, error);
    }
    const char *const cells[] = {row->sku, row->name, number_text(row->on_hand), number_text(row->reserved),
                                 number_text(row->available)};
    print_row(listing, columns, cells, COUNT(columns));
    return STATUS_OK;
}

static enum status list_stock(struct listing *listing, struct error *error)
{
    return stock_each(listing->view, print_stock_row, listing, error);
}

static int run_stock(struct till *till, const struct arguments *arguments)
{
    struct listing listing = {.till = till,
                              .arguments = arguments,
                              .projection = &stock_projection,
                              .rows = list_stock,
                              .nothing = "There are no products."};
    return run_listing(&listing);
}

const struct command stock_command = {
    .name = "stock",
    .usage = "[--at POSITION | --as-of TIME]",
    .summary = "list all products: on hand, reserved, available",
    .details = "With --json: sku, name, on_hand, reserved, available.",
    .options = listing_options,
    .run = run_stock,
};

/* ---- sales ---- */

struct sales_kind {
    const char *name; /* of --by, and the title */
    const char *json; /* the key's name */
    enum sales_by by;
};

static const struct sales_kind sales_kinds[] = {
    {"day", "day", SALES_BY_DAY},
    {"sku", "sku", SALES_BY_SKU},
    {"customer", "customer_id", SALES_BY_CUSTOMER},
};

static enum status print_sales_row(void *context, const struct sales_row *row, struct error *error)
{
    struct listing *listing = context;
    const struct sales_kind *kind = listing->request;
    const struct column columns[] = {{kind->name, 32}, {"orders", -10}, {"units", -10}, {"revenue", -22}};
    if (listing->till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, kind->json, row->key);
        json_integer(object, "orders", row->orders);
        json_integer(object, "units", row->units);
        json_integer(object, "revenue_minor", row->revenue_minor);
        json_currency(object, "currency", row->currency);
        return json_line(object, error);
    }
    const char *const cells[] = {row->key, number_text(row->orders), number_text(row->units),
                                 money_text(row->revenue_minor, row->currency)};
    print_row(listing, columns, cells, COUNT(columns));
    return STATUS_OK;
}

static enum status list_sales(struct listing *listing, struct error *error)
{
    const struct sales_kind *kind = listing->request;
    return sales_each(listing->view, kind->by, print_sales_row, listing, error);
}

static int run_sales(struct till *till, const struct arguments *arguments)
{
    const char *by = argument_value(arguments, "by");
    char safe[TEXT_SAFE_SIZE];
    for (size_t i = 0; i < COUNT(sales_kinds); i++) {
        struct sales_kind kind = sales_kinds[i];
        struct listing listing = {.till = till,
                                  .arguments = arguments,
                                  .projection = &sales_projection,
                                  .rows = list_sales,
                                  .nothing = "Nothing is sold.",
                                  .request = &kind};
        if (by == NULL || strcmp(by, kind.name) == 0)
            return run_listing(&listing);
    }
    return usage_error(arguments, "--by takes day, sku or customer, not %s", text_safe(safe, by));
}

static const struct option_spec sales_options[] = {
    {"by", "KIND", "day (the default), sku or customer"},
    TIME_TRAVEL_OPTIONS,
    {0},
};

const struct command sales_command = {
    .name = "sales",
    .usage = "[--by day|sku|customer] [--at POSITION | --as-of TIME]",
    .summary = "what is sold, by day, product or customer",
    .details = "Sold is what is confirmed or shipped and not cancelled; a day is the UTC day of\n"
               "placing. With --json: day, sku or customer_id, then orders, units,\n"
               "revenue_minor, currency.",
    .options = sales_options,
    .run = run_sales,
};

/* ---- inbox ---- */

static enum status print_inbox_row(void *context, const struct inbox_row *row, struct error *error)
{
    static const struct column columns[] = {{"told (UTC)", 19}, {"customer", 10}, {"what", 9}, {"order", 36}};
    struct listing *listing = context;
    if (listing->till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "customer_id", row->customer);
        json_uuid(object, "order_id", row->order);
        json_text(object, "kind", row->kind);
        json_text(object, "message_id", row->message_id);
        json_time(object, "at", row->sent_at_us);
        json_integer(object, "position", (int64_t)row->position);
        return json_line(object, error);
    }
    char told[PEOPLE_TIME_SIZE], id[UUID_TEXT_SIZE];
    uuid_to_text(row->order, id);
    const char *const cells[] = {time_for_people(row->sent_at_us, told), row->customer, row->kind, id};
    print_row(listing, columns, cells, COUNT(columns));
    return STATUS_OK;
}

static enum status list_inbox(struct listing *listing, struct error *error)
{
    return inbox_each(listing->view, argument_word(listing->arguments, 0), print_inbox_row, listing, error);
}

static int run_inbox(struct till *till, const struct arguments *arguments)
{
    const bool one = argument_word(arguments, 0) != NULL;
    struct listing listing = {.till = till,
                              .arguments = arguments,
                              .projection = &inbox_projection,
                              .rows = list_inbox,
                              .nothing = one ? "That customer was told nothing." : "Nobody was told anything."};
    return run_listing(&listing);
}

const struct command inbox_command = {
    .name = "inbox",
    .usage = "[CUSTOMER] [--at POSITION | --as-of TIME]",
    .summary = "what customers were told",
    .details = "With --json: customer_id, order_id, kind, message_id, at, position.",
    .options = listing_options,
    .words_max = 1,
    .run = run_inbox,
};
