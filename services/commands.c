#include "services/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/codec.h"
#include "domain/money.h"
#include "services/batch.h"

enum { TRIES_MAX = 50 /* somebody else was faster so often: then the shop is busy */ };

/* One command on its way: what was loaded, what was decided, and where the answers go. */
struct request {
    const struct shop_desk *desk;
    struct uuid command_id; /* the answers' ids derive from it: every try makes the same events */
    struct batch batch;
    struct event_list answer;
};

static void request_begin(struct request *request)
{
    batch_begin(&request->batch);
    request->answer = (struct event_list){.arena = &request->batch.arena};
}

static void request_open(struct request *request, const struct shop_desk *desk)
{
    *request = (struct request){.desk = desk, .command_id = uuid_random()};
    batch_init(&request->batch, desk->store, desk->actor);
}

static void request_close(struct request *request)
{
    batch_clear(&request->batch);
}

/* A command's events begin a journey or stand for themselves: an order's have the order as their correlation, a
 * product's are their own. */
static enum status add_answers(struct request *request, struct error *error)
{
    enum status status = request->answer.failed ? error_memory(error) : STATUS_OK;
    struct recorded_event begin = {.id = request->command_id};
    for (size_t i = 0; status == STATUS_OK && i < request->answer.count; i++) {
        const struct event *event = &request->answer.items[i];
        if (!event_order(event, &begin.correlation)) {
            char entity[ENTITY_SIZE];
            event_entity(event, entity);
            begin.correlation = answer_id(begin.id, request->desk->actor, event_category(event->type), entity,
                                          event_type_name(event->type), (unsigned)i);
        }
        status = batch_answer(&request->batch, &begin, (unsigned)i, event, error);
    }
    return status;
}

static enum status request_commit(struct request *request, struct error *error)
{
    if (request->batch.append_count == 0)
        return STATUS_OK;
    struct commit commit = {
        .actor = request->desk->actor, .producer = request->desk->producer, .command_id = &request->command_id};
    enum status status = batch_fill_commit(&request->batch, &commit, error);
    return status == STATUS_OK ? eventstore_commit(request->desk->store, &commit, NULL, error) : status;
}

/* Loads, decides and commits, as often as somebody else is faster. */
typedef enum status (*decision)(struct request *request, const void *command, struct error *error);

static enum status run_command(const struct shop_desk *desk, decision decide, const void *command, bool *done_already,
                               struct error *error)
{
    struct request request;
    request_open(&request, desk);
    enum status status = STATUS_CONFLICT;
    for (int i = 0; status == STATUS_CONFLICT && i < TRIES_MAX; i++) {
        request_begin(&request);
        status = decide(&request, command, error);
        if (status == STATUS_OK)
            status = add_answers(&request, error);
        if (status == STATUS_OK)
            status = request_commit(&request, error);
        if (status == STATUS_CONFLICT)
            batch_abandon(&request.batch);
    }
    if (status == STATUS_CONFLICT)
        status = error_set(error, STATUS_BUSY, "others were faster %d times in a row: try again", TRIES_MAX);
    if (done_already != NULL)
        *done_already = status == STATUS_OK && request.answer.count == 0;
    request_close(&request);
    return status;
}

/* ---- orders ---- */

struct uuid desk_order_id(const struct shop_desk *desk, const char *order_ref)
{
    return uuid_from_name(eventstore_info(desk->store)->id, order_ref, strlen(order_ref));
}

static enum status order_exists(const struct shop_desk *desk, struct uuid order, bool *exists, struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    uint64_t version = 0;
    uuid_to_text(order, entity);
    enum status status = eventstore_stream_version(desk->store, (struct stream){"order", entity}, &version, error);
    *exists = version > 0;
    return status;
}

enum status desk_find_order(const struct shop_desk *desk, const char *id_or_ref, struct uuid *order,
                            struct error *error)
{
    bool exists = false;
    enum status status = STATUS_OK;
    if (uuid_from_text(id_or_ref, order))
        status = order_exists(desk, *order, &exists, error);
    if (status == STATUS_OK && !exists) {
        *order = desk_order_id(desk, id_or_ref);
        status = order_exists(desk, *order, &exists, error);
    }
    char safe[TEXT_SAFE_SIZE];
    if (status == STATUS_OK && !exists)
        return error_set(error, STATUS_NOT_FOUND, "there is no order %s", text_safe(safe, id_or_ref));
    return status;
}

static enum status say_damaged(const struct fold *fold, const char *entity, const char *why, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_DAMAGED,
                     "what stands on the roll of the %s %s is damaged: %.500s. Run `till verify`", fold->category,
                     text_safe(safe, entity), why);
}

/* Events that cannot be understood are no fault of the command that needs them. */
static enum status load(struct request *request, const struct fold *fold, const char *entity, struct loaded **loaded,
                        struct error *error)
{
    enum status status = batch_load(&request->batch, fold, entity, loaded, error);
    if (status != STATUS_INVALID)
        return status;
    const struct error why = *error;
    return say_damaged(fold, entity, why.text, error);
}

static enum status load_order(struct request *request, struct uuid id, const struct order **order, struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    struct loaded *loaded = NULL;
    uuid_to_text(id, entity);
    enum status status = load(request, &order_fold, entity, &loaded, error);
    if (status != STATUS_OK)
        return status;
    *order = loaded->state;
    if (loaded->version > 0 && !order_was_placed(*order, entity))
        return say_damaged(&order_fold, entity, "no OrderPlaced in its stream places it", error);
    return STATUS_OK;
}

static enum status load_stock(struct request *request, const char *sku, const struct stock **stock, struct error *error)
{
    struct loaded *loaded = NULL;
    char safe[TEXT_SAFE_SIZE];
    if (!text_is_clean(sku, strlen(sku), SKU_MAX))
        return error_set(error, STATUS_REFUSED, "\"%s\" is no sku: %s", text_safe(safe, sku),
                         refusal_text(REFUSAL_TEXT));
    enum status status = load(request, &stock_fold, sku, &loaded, error);
    *stock = status == STATUS_OK ? loaded->state : NULL;
    return status;
}

static const char card_by_default[] = "tok_ok";

struct placing {
    struct uuid id;
    const struct desk_order *wanted;
};

static enum status price_lines(struct request *request, const struct desk_order *wanted, struct wanted_line *lines,
                               struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < wanted->line_count; i++) {
        const struct stock *stock = NULL;
        const struct desk_line *line = &wanted->lines[i];
        status = load_stock(request, line->sku, &stock, error);
        if (status != STATUS_OK)
            break;
        CHECK(stock != NULL);
        lines[i] = (struct wanted_line){
            .sku = line->sku, .quantity = line->quantity, .unit_price_minor = line->unit_price_minor};
        if (!stock->listed)
            continue;
        lines[i].name = stock->name;
        if (line->unit_price_minor == 0)
            lines[i].unit_price_minor = stock->unit_price_minor;
    }
    return status;
}

static enum status refuse_placing(const struct desk_order *wanted, enum refusal refusal, size_t line,
                                  struct error *error)
{
    char ref[TEXT_SAFE_SIZE], sku[TEXT_SAFE_SIZE];
    text_safe(ref, wanted->order_ref);
    if (line < wanted->line_count)
        return error_set(error, STATUS_REFUSED, "cannot place order %s: %s: %s", ref,
                         text_safe(sku, wanted->lines[line].sku), refusal_text(refusal));
    return error_set(error, STATUS_REFUSED, "cannot place order %s: %s", ref, refusal_text(refusal));
}

static enum status decide_place(struct request *request, const void *context, struct error *error)
{
    const struct placing *placing = context;
    const struct desk_order *wanted = placing->wanted;
    const struct order *order = NULL;
    struct wanted_line *lines = arena_alloc_array(&request->batch.arena, wanted->line_count, sizeof *lines);
    size_t line = SIZE_MAX;
    bool dated = wanted->dated || wanted->placed_at_us != 0;
    if (lines == NULL)
        return error_memory(error);
    if (wanted->refused_line != NULL)
        *wanted->refused_line = wanted->line_count;
    enum status status = load_order(request, placing->id, &order, error);
    if (status == STATUS_OK)
        status = price_lines(request, wanted, lines, error);
    if (status != STATUS_OK)
        return status;
    const struct place_order command = {
        .order = placing->id,
        .order_ref = wanted->order_ref,
        .customer = wanted->customer,
        .currency = wanted->currency.code[0] != '\0' ? wanted->currency : request->desk->currency,
        .lines = lines,
        .line_count = wanted->line_count,
        .card_token = wanted->card_token != NULL ? wanted->card_token : card_by_default,
        .placed_at_us = dated ? wanted->placed_at_us : clock_now_us(request->desk->clock),
        .prices_are_content = wanted->prices_are_content,
    };
    enum refusal refusal = order_decide_place(order, &command, &request->answer, &line);
    if (wanted->refused_line != NULL && line < wanted->line_count)
        *wanted->refused_line = line;
    return refusal == REFUSAL_NONE ? STATUS_OK : refuse_placing(wanted, refusal, line, error);
}

enum status desk_place(const struct shop_desk *desk, const struct desk_order *order, struct uuid *id,
                       bool *done_already, struct error *error)
{
    struct placing placing = {.id = desk_order_id(desk, order->order_ref), .wanted = order};
    *id = placing.id;
    return run_command(desk, decide_place, &placing, done_already, error);
}

struct desk_batch {
    struct request request;
};

enum status desk_batch_open(struct desk_batch **out, const struct shop_desk *desk, struct error *error)
{
    struct desk_batch *batch = *out = calloc(1, sizeof *batch);
    if (batch == NULL)
        return error_memory(error);
    request_open(&batch->request, desk);
    request_begin(&batch->request);
    return STATUS_OK;
}

/* The batch remembers what was placed in it, so that the same ref is compared with it: `copy` is all the arena's. */
static bool copy_order(struct arena *arena, const struct desk_order *order, struct desk_order *copy)
{
    struct desk_line *lines = arena_alloc_array(arena, order->line_count, sizeof *lines);
    *copy = *order;
    copy->lines = lines;
    copy->order_ref = arena_copy(arena, order->order_ref);
    copy->customer = arena_copy(arena, order->customer);
    copy->card_token = order->card_token != NULL ? arena_copy(arena, order->card_token) : card_by_default;
    bool copied = lines != NULL && copy->order_ref != NULL && copy->customer != NULL && copy->card_token != NULL;
    for (size_t i = 0; copied && i < order->line_count; i++) {
        lines[i] = order->lines[i];
        lines[i].sku = arena_copy(arena, order->lines[i].sku);
        copied = lines[i].sku != NULL;
    }
    return copied;
}

enum status desk_batch_place(struct desk_batch *batch, const struct desk_order *order, bool *done_already,
                             struct error *error)
{
    struct request *request = &batch->request;
    struct desk_order copy;
    struct placing placing = {.id = desk_order_id(request->desk, order->order_ref), .wanted = &copy};
    request->answer = (struct event_list){.arena = &request->batch.arena};
    if (!copy_order(&request->batch.arena, order, &copy))
        return error_memory(error);
    enum status status = decide_place(request, &placing, error);
    if (status != STATUS_OK)
        return status;
    *done_already = request->answer.count == 0;
    return add_answers(request, error);
}

enum status desk_batch_commit(struct desk_batch *batch, struct error *error)
{
    enum status status = request_commit(&batch->request, error);
    if (status != STATUS_OK)
        batch_abandon(&batch->request.batch);
    batch->request.command_id = uuid_random();
    request_begin(&batch->request);
    return status;
}

void desk_batch_close(struct desk_batch **batch)
{
    if (*batch != NULL)
        request_close(&(*batch)->request);
    free(*batch);
    *batch = NULL;
}

struct changing {
    struct uuid order;
    const struct cancel_order *cancel; /* one of the two */
    const struct ship_order *ship;
};

static enum status decide_change(struct request *request, const void *context, struct error *error)
{
    const struct changing *changing = context;
    const struct order *order = NULL;
    char id[UUID_TEXT_SIZE], ref[TEXT_SAFE_SIZE];
    enum status status = load_order(request, changing->order, &order, error);
    if (status != STATUS_OK)
        return status;
    enum refusal refusal = changing->cancel != NULL ? order_decide_cancel(order, changing->cancel, &request->answer)
                                                    : order_decide_ship(order, changing->ship, &request->answer);
    if (refusal == REFUSAL_NONE)
        return STATUS_OK;
    uuid_to_text(changing->order, id);
    return error_set(error, refusal == REFUSAL_UNKNOWN_ORDER ? STATUS_NOT_FOUND : STATUS_REFUSED,
                     "cannot %s order %s: %s", changing->cancel != NULL ? "cancel" : "ship",
                     order->phase == ORDER_NONE ? id : text_safe(ref, order->placed.order_ref), refusal_text(refusal));
}

enum status desk_cancel(const struct shop_desk *desk, struct uuid order, const struct cancel_order *command,
                        bool *done_already, struct error *error)
{
    struct changing changing = {.order = order, .cancel = command};
    return run_command(desk, decide_change, &changing, done_already, error);
}

enum status desk_ship(const struct shop_desk *desk, struct uuid order, const struct ship_order *command,
                      bool *done_already, struct error *error)
{
    struct changing changing = {.order = order, .ship = command};
    return run_command(desk, decide_change, &changing, done_already, error);
}

/* ---- stock ---- */

static enum status refuse_sku(const char *doing, const char *sku, enum refusal refusal, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, STATUS_REFUSED, "cannot %s %s: %s", doing, text_safe(safe, sku), refusal_text(refusal));
}

static enum status decide_list(struct request *request, const void *context, struct error *error)
{
    const struct list_product *command = context;
    const struct stock *stock = NULL;
    enum status status = load_stock(request, command->sku, &stock, error);
    if (status != STATUS_OK)
        return status;
    enum refusal refusal = stock_decide_list(stock, command, &request->answer);
    return refusal == REFUSAL_NONE ? STATUS_OK : refuse_sku("list", command->sku, refusal, error);
}

static enum status decide_receive(struct request *request, const void *context, struct error *error)
{
    const struct receive_stock *command = context;
    const struct stock *stock = NULL;
    enum status status = load_stock(request, command->sku, &stock, error);
    if (status != STATUS_OK)
        return status;
    enum refusal refusal = stock_decide_receive(stock, command, &request->answer);
    return refusal == REFUSAL_NONE ? STATUS_OK : refuse_sku("receive", command->sku, refusal, error);
}

enum status desk_list(const struct shop_desk *desk, const struct list_product *command, bool *done_already,
                      struct error *error)
{
    return run_command(desk, decide_list, command, done_already, error);
}

enum status desk_receive(const struct shop_desk *desk, const struct receive_stock *command, struct error *error)
{
    return run_command(desk, decide_receive, command, NULL, error);
}

enum status desk_stock(const struct shop_desk *desk, const char *sku, struct stock *stock, struct error *error)
{
    struct request request;
    const struct stock *loaded = NULL;
    request_open(&request, desk);
    request_begin(&request);
    enum status status = load_stock(&request, sku, &loaded, error);
    if (status == STATUS_OK && loaded != NULL)
        *stock = *loaded;
    request_close(&request);
    return status;
}
