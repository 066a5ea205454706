/* trade.c - what a person asks of the shop: init, list, receive, place, cancel, ship.
 *
 * Each hands one command to the desk (services/commands.h) and says what came of it. What stands already is success and
 * says so. A card token is never printed, in no answer and in no error. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/work.h"
#include "domain/money.h"

/* An answer of the desk on its way out: what a person may read as "no" is a refusal, although the codec or the store
 * found it (a payload above 1 MiB); STATUS_INVALID would be taken for wrong usage. */
static enum status desk_answer(enum status status, struct error *error)
{
    if (status == STATUS_INVALID)
        status = error->status = STATUS_REFUSED;
    return status;
}

/* The last piece of an answer as JSON. */
static enum status print_done(cJSON *object, bool done_already, struct error *error)
{
    cJSON_AddBoolToObject(object, "done_already", done_already);
    return json_line(object, error);
}

/* The value of an option that must be given; NULL after having said that it is missing. */
static const char *needed(const struct arguments *arguments, const char *name)
{
    const char *value = argument_value(arguments, name);
    if (value == NULL)
        usage_error(arguments, "--%s is missing", name);
    return value;
}

/* ---- init ---- */

static enum status tell_shop(struct shop *shop, const struct till *till, bool there, struct error *error)
{
    const struct eventstore_info *info = eventstore_info(shop->store);
    const char *currency = shop->desk.currency.code;
    char id[UUID_TEXT_SIZE];
    uuid_to_text(info->id, id);
    if (!till->json) {
        if (there)
            say("There is a shop in %s already; it sells in %s.", till->folder, currency);
        else
            say("A shop was made in %s; it sells in %s.", till->folder, currency);
        return STATUS_OK;
    }
    cJSON *object = cJSON_CreateObject();
    json_text(object, "shop", till->folder);
    json_text(object, "store_id", id);
    json_text(object, "currency", currency);
    json_time(object, "created_at", info->created_at_us);
    return print_done(object, there, error);
}

struct init_request {
    struct currency currency;
    bool there;
};

static enum status welcome(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const struct init_request *request = context;
    if (request->currency.code[0] != '\0' && !currency_equal(request->currency, shop->desk.currency))
        return error_set(error, STATUS_REFUSED, "the shop that is there sells in %s, not in %s: its currency is fixed",
                         shop->desk.currency.code, request->currency.code);
    return tell_shop(shop, till, request->there, error);
}

static int run_init(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    char safe[TEXT_SAFE_SIZE];
    const char *code = argument_value(arguments, "currency");
    struct init_request request = {.currency = currency_from_code(code != NULL ? code : "USD")};
    if (request.currency.code[0] == '\0')
        return usage_error(arguments, "%s is no currency: give an ISO 4217 code in capitals, such as USD or EUR",
                           text_safe(safe, code));
    enum status status = shop_create(till, request.currency, &request.there, &error);
    if (status != STATUS_OK && !request.there)
        return fail(&error);
    if (code == NULL)
        request.currency = (struct currency){0}; /* whatever the shop sells in */
    return in_shop(till, arguments, "clerk", welcome, &request);
}

static const struct option_spec init_options[] = {
    {"currency", "CODE", "what it sells in, ISO 4217 (default: USD)"},
    {0},
};

const struct command init_command = {
    .name = "init",
    .usage = "[--currency CODE]",
    .summary = "make a shop",
    .details = "Makes the shop's folder and an empty roll in it. A shop that is there already is\n"
               "left as it is; its currency cannot be changed.",
    .options = init_options,
    .run = run_init,
};

/* ---- list ---- */

struct list_request {
    const struct arguments *arguments;
    struct list_product product;
};

/* A number that would be a price if it had but the last of the digits in front of its point. */
static bool is_too_large(const char *text, struct currency currency)
{
    const size_t digits = strspn(text, "0123456789");
    int64_t minor;
    return digits > 0 && money_from_text(text + digits - 1, currency, &minor);
}

static enum status read_price(struct list_request *request, const char *text, struct error *error)
{
    const struct currency currency = request->product.currency;
    char safe[TEXT_SAFE_SIZE];
    if (money_from_text(text, currency, &request->product.unit_price_minor))
        return STATUS_OK;
    if (is_too_large(text, currency))
        return error_set(error, STATUS_INVALID, "%s is too large a price: the most is %s", text_safe(safe, text),
                         money_text(PRICE_MAX_MINOR, currency));
    const char *example = money_text(1250, currency); /* "12.50 USD", "1250 JPY" */
    return error_set(error, STATUS_INVALID, "%s is no price in %s: write it like %.*s", text_safe(safe, text),
                     currency.code, (int)strcspn(example, " "), example);
}

static enum status tell_listed(const struct list_product *product, const struct stock *stock, const struct till *till,
                               bool done_already, struct error *error)
{
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "sku", product->sku);
        json_text(object, "name", stock->name);
        json_integer(object, "unit_price_minor", stock->unit_price_minor);
        json_currency(object, "currency", stock->currency);
        json_integer(object, "opening_stock", stock->opening);
        json_integer(object, "on_hand", stock->on_hand);
        return print_done(object, done_already, error);
    }
    say("%s is listed%s: \"%s\" at %s, %lld on hand.", product->sku, done_already ? " already" : "", stock->name,
        money_text(stock->unit_price_minor, stock->currency), (long long)stock->on_hand);
    return STATUS_OK;
}

static enum status list(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct list_request *request = context;
    struct list_product *product = &request->product;
    struct stock stock;
    bool done_already = false, opening = argument_given(request->arguments, "stock");
    product->currency = shop->desk.currency;
    enum status status = read_price(request, argument_value(request->arguments, "price"), error);
    if (status != STATUS_OK)
        return status;
    status = desk_answer(desk_list(&shop->desk, product, &done_already, error), error);
    if (status == STATUS_OK)
        status = desk_stock(&shop->desk, product->sku, &stock, error);
    if (status == STATUS_OK)
        status = tell_listed(product, &stock, till, done_already, error);
    if (status == STATUS_OK && !till->json && opening && stock.opening != product->opening_stock)
        say("Its opening stock stays %lld: it is received once. Use `till receive` for deliveries.",
            (long long)stock.opening);
    return status;
}

static int run_list(struct till *till, const struct arguments *arguments)
{
    struct list_request request = {.arguments = arguments};
    struct list_product *product = &request.product;
    product->sku = argument_word(arguments, 0);
    product->name = needed(arguments, "name");
    if (product->name == NULL || needed(arguments, "price") == NULL ||
        !argument_integer(arguments, "stock", 0, INT64_C(1000) * QUANTITY_MAX, &product->opening_stock))
        return EXIT_USAGE;
    return in_shop(till, arguments, "clerk", list, &request);
}

static const struct option_spec list_options[] = {
    {"name", "N", "what it is called"},
    {"price", "P", "of one, in the shop's currency: 12.50"},
    {"stock", "Q", "the opening stock, received once a sku"},
    {0},
};

const struct command list_command = {
    .name = "list",
    .usage = "SKU --name N --price P [--stock Q]",
    .summary = "list a product, or give it another name or price",
    .details = "Listing a product again with the same data changes nothing. Orders keep the\n"
               "price they were placed at.",
    .options = list_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_list,
};

/* ---- receive ---- */

static enum status receive(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const struct receive_stock *delivery = context;
    struct stock stock;
    enum status status = desk_answer(desk_receive(&shop->desk, delivery, error), error);
    if (status == STATUS_OK)
        status = desk_stock(&shop->desk, delivery->sku, &stock, error);
    if (status != STATUS_OK)
        return status;
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "sku", delivery->sku);
        json_integer(object, "quantity", delivery->quantity);
        json_integer(object, "on_hand", stock.on_hand);
        json_integer(object, "reserved", stock.reserved);
        json_integer(object, "available", stock_available(&stock));
        return print_done(object, false, error);
    }
    say("%lld of %s received: %lld on hand, %lld available.", (long long)delivery->quantity, delivery->sku,
        (long long)stock.on_hand, (long long)stock_available(&stock));
    return STATUS_OK;
}

static int run_receive(struct till *till, const struct arguments *arguments)
{
    struct receive_stock delivery = {.sku = argument_word(arguments, 0)};
    const char *quantity = argument_word(arguments, 1);
    char safe[TEXT_SAFE_SIZE];
    if (!integer_from_text(quantity, INT64_MIN, INT64_MAX, &delivery.quantity))
        return usage_error(arguments, "%s is no quantity", text_safe(safe, quantity));
    return in_shop(till, arguments, "clerk", receive, &delivery);
}

const struct command receive_command = {
    .name = "receive",
    .usage = "SKU QTY",
    .summary = "receive a delivery of a product",
    .details = "Every call is a delivery of its own: unlike the other commands, doing it twice\n"
               "does it twice.",
    .words_min = 2,
    .words_max = 2,
    .run = run_receive,
};

/* ---- place ---- */

/* "SKU=QTY", split at the last '=': a sku may hold one. */
static enum status read_line(const char *text, struct arena *arena, struct desk_line *line, struct error *error)
{
    const char *equals = strrchr(text, '=');
    char safe[TEXT_SAFE_SIZE];
    if (equals == NULL || equals == text || !integer_from_text(equals + 1, INT64_MIN, INT64_MAX, &line->quantity))
        return error_set(error, STATUS_INVALID, "--line takes SKU=QTY, not %s", text_safe(safe, text));
    line->sku = arena_copy_text(arena, text, (size_t)(equals - text));
    return line->sku != NULL ? STATUS_OK : error_memory(error);
}

static enum status read_lines(const struct arguments *arguments, struct arena *arena, struct desk_order *order,
                              struct error *error)
{
    while (argument_nth(arguments, "line", (int)order->line_count) != NULL)
        order->line_count++;
    if (order->line_count == 0)
        return error_set(error, STATUS_INVALID, "--line is missing");
    struct desk_line *lines = arena_alloc_array(arena, order->line_count, sizeof *lines);
    if (lines == NULL)
        return error_memory(error);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < order->line_count; i++)
        status = read_line(argument_nth(arguments, "line", (int)i), arena, &lines[i], error);
    order->lines = lines;
    return status;
}

enum { MADE_REF_SIZE = 15 };

/* A ref that people can say and type: twelve of Crockford's 32 letters and digits (no I, L, O, U), 60 random bits. */
static void make_ref(char ref[MADE_REF_SIZE])
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    struct uuid random = uuid_random();
    int length = 0;
    for (int i = 0; i < UUID_BYTES && length < MADE_REF_SIZE - 1; i++) {
        if (i == 6 || i == 8) /* the bytes of a UUID that hold its version and variant */
            continue;
        if (length == 4 || length == 9)
            ref[length++] = '-';
        ref[length++] = letters[random.bytes[i] % 32];
    }
    ref[length] = '\0';
}

static enum status tell_placed(const struct order_placed *placed, const struct till *till, bool done_already,
                               struct error *error)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(placed->order, id);
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "order_id", id);
        json_text(object, "order_ref", placed->order_ref);
        json_text(object, "customer_id", placed->customer);
        json_currency(object, "currency", placed->currency);
        json_integer(object, "total_minor", placed->total_minor);
        return print_done(object, done_already, error);
    }
    say("Order %s %s placed%s: %zu %s, %s.", placed->order_ref, done_already ? "was" : "is",
        done_already ? " already" : "", placed->lines.count, plural((int64_t)placed->lines.count, "line", "lines"),
        money_text(placed->total_minor, placed->currency));
    say("  id %s", id);
    return STATUS_OK;
}

static enum status place(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct arena arena = {0};
    struct order_placed placed;
    struct uuid id;
    bool done_already = false;
    enum status status = desk_answer(desk_place(&shop->desk, context, &id, &done_already, error), error);
    if (status == STATUS_OK)
        status = order_as_placed(shop, id, &arena, &placed, NULL, error);
    if (status == STATUS_OK)
        status = tell_placed(&placed, till, done_already, error);
    arena_clear(&arena);
    return status;
}

static int run_place(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct arena arena = {0};
    char made[MADE_REF_SIZE];
    struct desk_order order = {.customer = needed(arguments, "customer"),
                               .order_ref = argument_value(arguments, "ref"),
                               .card_token = argument_value(arguments, "card")};
    if (order.order_ref == NULL) {
        make_ref(made);
        order.order_ref = made;
    }
    if (order.customer == NULL)
        return EXIT_USAGE;
    enum status status = read_lines(arguments, &arena, &order, &error);
    int code =
        status == STATUS_OK ? in_shop(till, arguments, "customer", place, &order) : conclude(arguments, status, &error);
    arena_clear(&arena);
    return code;
}

static const struct option_spec place_options[] = {
    {"customer", "C", "who orders: an opaque id, no name or address"},
    {"line", "SKU=QTY", "what and how many; once for each line"},
    {"card", "TOKEN", "the bank's token for a card (default: tok_ok)"},
    {"ref", "REF", "the customer's own name for it (default: one is made)"},
    {0},
};

const struct command place_command = {
    .name = "place",
    .usage = "--customer C --line SKU=QTY... [--card TOKEN] [--ref REF]",
    .summary = "place an order",
    .details = "Prices come from the catalogue. Placing the same order with the same ref again\n"
               "is one order; the same ref with another content is refused.\n\n"
               "The bank is simulated and does what the token says: tok_ok, tok_declined,\n"
               "tok_insufficient_funds, tok_flaky, tok_timeout, tok_unavailable,\n"
               "tok_refund_refused, tok_refund_timeout. A card number is refused.",
    .options = place_options,
    .run = run_place,
};

/* ---- cancel and ship ---- */

/* What is asked of an order that stands. */
struct change_request {
    const char *order;              /* its id or ref */
    const char *done, *done_before; /* "Order 42 <is shipped>." */
    enum status (*change)(const struct shop_desk *desk, struct uuid order, const void *command, bool *done_already,
                          struct error *error);
    const void *command;
};

static enum status tell_changed(const struct change_request *request, const struct order_placed *placed,
                                const struct till *till, bool done_already, struct error *error)
{
    if (!till->json) {
        say("Order %s %s.", placed->order_ref, done_already ? request->done_before : request->done);
        return STATUS_OK;
    }
    cJSON *object = cJSON_CreateObject();
    json_uuid(object, "order_id", placed->order);
    json_text(object, "order_ref", placed->order_ref);
    return print_done(object, done_already, error);
}

static enum status change(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const struct change_request *request = context;
    struct arena arena = {0};
    struct order_placed placed;
    struct uuid id;
    bool done_already = false;
    enum status status = desk_find_order(&shop->desk, request->order, &id, error);
    if (status == STATUS_OK)
        status = desk_answer(request->change(&shop->desk, id, request->command, &done_already, error), error);
    if (status == STATUS_OK)
        status = order_as_placed(shop, id, &arena, &placed, NULL, error);
    if (status == STATUS_OK)
        status = tell_changed(request, &placed, till, done_already, error);
    arena_clear(&arena);
    return status;
}

static enum status cancel(const struct shop_desk *desk, struct uuid order, const void *command, bool *done_already,
                          struct error *error)
{
    return desk_cancel(desk, order, command, done_already, error);
}

static int run_cancel(struct till *till, const struct arguments *arguments)
{
    const char *reason = argument_value(arguments, "reason");
    const struct cancel_order command = {.reason = reason != NULL ? reason : "no reason given",
                                         .requested_at_us = clock_now_us(&till->clock)};
    struct change_request request = {
        .order = argument_word(arguments, 0),
        .done = "is being cancelled",
        .done_before = "was cancelled already: the first request stands",
        .change = cancel,
        .command = &command,
    };
    return in_shop(till, arguments, "customer", change, &request);
}

static const struct option_spec cancel_options[] = {
    {"reason", "R", "the customer's own words"},
    {0},
};

const struct command cancel_command = {
    .name = "cancel",
    .usage = "ORDER [--reason R]",
    .summary = "ask for an order to be cancelled",
    .details = "ORDER is an order's id or ref. Money comes back and units are released by the\n"
               "services (`till run`). What is shipped or was rejected cannot be cancelled.",
    .options = cancel_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_cancel,
};

static enum status ship(const struct shop_desk *desk, struct uuid order, const void *command, bool *done_already,
                        struct error *error)
{
    return desk_ship(desk, order, command, done_already, error);
}

static int run_ship(struct till *till, const struct arguments *arguments)
{
    const struct ship_order command = {.carrier = argument_value(arguments, "carrier"),
                                       .tracking = argument_value(arguments, "tracking")};
    struct change_request request = {
        .order = argument_word(arguments, 0),
        .done = "is shipped",
        .done_before = "was shipped already: the first carrier and tracking stand",
        .change = ship,
        .command = &command,
    };
    return in_shop(till, arguments, "clerk", change, &request);
}

static const struct option_spec ship_options[] = {
    {"carrier", "C", "who brings it"},
    {"tracking", "T", "the carrier's name for it"},
    {0},
};

const struct command ship_command = {
    .name = "ship",
    .usage = "ORDER [--carrier C] [--tracking T]",
    .summary = "ship a confirmed order",
    .details = "ORDER is an order's id or ref.",
    .options = ship_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_ship,
};
