/* trace.c - `till trace`: one order's journey, collected here; told by timeline.c, drawn by mermaid.c. */
#include "cli/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/work.h"
#include "domain/codec.h"
#include "services/services.h"

enum { SHELF_ROWS_MAX = 5 /* in a row; more are folded into one */ };

/* ---- all events of a journey ---- */

struct walk {
    struct shop *shop;
    struct uuid order;
    uint64_t to_position;
    event_visitor visit;
    void *context;
};

static bool is_shelf(const struct recorded_event *event)
{
    return strcmp(event->stream.category, event_category(EVENT_UNITS_RESERVED)) == 0;
}

static enum status walk_shelf(void *context, const struct recorded_event *event, struct error *error)
{
    const struct walk *walk = context;
    if (!is_shelf(event) || !uuid_equal(event->correlation, walk->order))
        return STATUS_STOPPED;
    return walk->visit(walk->context, event, error);
}

static bool moves_units(const char *type)
{
    enum event_type event;
    return event_type_from_name(type, &event) &&
           (event == EVENT_STOCK_RESERVED || event == EVENT_STOCK_RELEASED || event == EVENT_RESERVATION_SHIPPED);
}

static enum status walk_event(void *context, const struct recorded_event *event, struct error *error)
{
    struct walk *walk = context;
    const struct roll_query behind = {.from = event->position + 1, .to = walk->to_position};
    const bool units = moves_units(event->type);
    enum status status = walk->visit(walk->context, event, error);
    /* `to` 0 is "no bound": a bound that is reached leaves nothing to read. */
    if (status != STATUS_OK || !units || (behind.to != 0 && behind.from > behind.to))
        return status;
    return eventstore_read_roll(walk->shop->store, &behind, walk_shelf, walk, error);
}

enum status trace_each(struct shop *shop, struct uuid order, uint64_t to_position, event_visitor visit, void *context,
                       struct error *error)
{
    struct walk walk = {.shop = shop, .order = order, .to_position = to_position, .visit = visit, .context = context};
    char entity[UUID_TEXT_SIZE];
    uuid_to_text(order, entity);
    return eventstore_read_entity(shop->store, entity, to_position, walk_event, &walk, error);
}

/* ---- what an event is about, in a few words ---- */

/* The first sku that is short, and how many more are. */
static void note_shortages(struct buffer *out, const struct shortages *short_of)
{
    const struct shortage *first = &short_of->items[0];
    buffer_format(out, "%lld of %lld ", (long long)first->available, (long long)first->wanted);
    text_append_safe(out, first->sku, strlen(first->sku));
    if (short_of->count > 1)
        buffer_format(out, " and %zu more", short_of->count - 1);
}

static void note_units(struct buffer *out, const struct units_moved *moved)
{
    buffer_format(out, "%lld × ", (long long)moved->quantity);
    text_append_safe(out, moved->sku, strlen(moved->sku));
}

static void note_text(struct buffer *out, const char *text)
{
    if (text != NULL)
        text_append_safe(out, text, strlen(text));
}

static void note_event(struct buffer *out, const struct event *event)
{
    switch (event->type) {
    case EVENT_ORDER_PLACED:
        buffer_text(out, money_text(event->order_placed.total_minor, event->order_placed.currency));
        break;
    case EVENT_ORDER_REJECTED: note_text(out, event->order_rejected.reason); break;
    case EVENT_ORDER_CANCELLATION_REQUESTED: note_text(out, event->order_cancellation_requested.reason); break;
    case EVENT_ORDER_CANCELLED: note_text(out, event->order_cancelled.reason); break;
    case EVENT_ORDER_SHIPPED: note_text(out, event->order_shipped.carrier); break;
    case EVENT_PAYMENT_CAPTURED:
        buffer_text(out, money_text(event->payment_captured.amount_minor, event->payment_captured.currency));
        break;
    case EVENT_PAYMENT_DECLINED: note_text(out, event->payment_declined.reason); break;
    case EVENT_PAYMENT_REFUNDED:
        buffer_text(out, money_text(event->payment_refunded.amount_minor, event->payment_refunded.currency));
        break;
    case EVENT_UNITS_RESERVED:
    case EVENT_UNITS_RELEASED:
    case EVENT_UNITS_SHIPPED: note_units(out, &event->units_moved); break;
    case EVENT_STOCK_RESERVATION_FAILED: note_shortages(out, &event->reservation_failed.shortages); break;
    default: break;
    }
}

/* NULL when there is nothing to say, or when the data cannot be read: a trace shows what is there. */
static enum status make_note(struct trace *trace, const struct recorded_event *recorded, const char **text,
                             struct error *error)
{
    struct arena scratch = {0};
    struct buffer note = {0};
    struct event event;
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      trace->currency, &scratch, &event, error);
    if (status == STATUS_OK)
        note_event(&note, &event);
    if (status != STATUS_MEMORY)
        status = buffer_ok(&note, error);
    *text = note.length > 0 ? arena_copy(&trace->arena, buffer_string(&note)) : NULL;
    if (note.length > 0 && *text == NULL)
        status = error_memory(error);
    buffer_clear(&note);
    arena_clear(&scratch);
    return status;
}

/* ---- collecting ---- */

static const char *copy_safe(struct arena *arena, const char *text)
{
    char safe[TEXT_SAFE_SIZE];
    return arena_copy(arena, text_safe(safe, text));
}

static enum status add_step(void *context, const struct recorded_event *event, struct error *error)
{
    struct trace *trace = context;
    struct trace_step *steps = array_room(trace->steps, trace->count, &trace->capacity, sizeof *steps);
    if (steps == NULL)
        return error_memory(error);
    trace->steps = steps;
    struct trace_step step = {.position = event->position,
                              .causation = event->causation,
                              .at_us = event->recorded_at_us,
                              .type = copy_safe(&trace->arena, event->type),
                              .actor = copy_safe(&trace->arena, event->actor),
                              .shelf = is_shelf(event),
                              .count = 1};
    if (step.type == NULL || step.actor == NULL)
        return error_memory(error);
    enum status status = make_note(trace, event, &step.note, error);
    if (status != STATUS_OK)
        return status;
    step.known = event_type_from_name(event->type, &step.event);
    step.service = step.known ? service_of_event(step.event) : step.actor;
    trace->steps[trace->count++] = step;
    return STATUS_OK;
}

static bool is_alike(const struct trace_step *one, const struct trace_step *other)
{
    return one->shelf && other->shelf && one->causation == other->causation && strcmp(one->type, other->type) == 0;
}

static void fold_runs(struct trace *trace)
{
    size_t kept = 0, run = 0;
    for (size_t i = 0; i < trace->count; i += run) {
        run = 1;
        while (i + run < trace->count && is_alike(&trace->steps[i], &trace->steps[i + run]))
            run++;
        if (run <= SHELF_ROWS_MAX) {
            memmove(&trace->steps[kept], &trace->steps[i], run * sizeof *trace->steps);
            kept += run;
        } else {
            trace->steps[kept] = trace->steps[i];
            trace->steps[kept].count = run;
            trace->steps[kept++].note = NULL;
        }
    }
    trace->count = kept;
}

static void find_causes(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_step *step = &trace->steps[i];
        step->cause = NO_CAUSE;
        for (size_t j = i; step->causation != 0 && j-- > 0;)
            if (trace->steps[j].position == step->causation) {
                step->cause = j;
                step->depth = trace->steps[j].depth + 1;
                break;
            }
    }
}

enum status trace_collect(struct trace *trace, struct shop *shop, struct uuid order, uint64_t to_position,
                          struct error *error)
{
    *trace = (struct trace){.currency = shop->desk.currency};
    enum status status = trace_each(shop, order, to_position, add_step, trace, error);
    if (status == STATUS_OK) {
        fold_runs(trace);
        find_causes(trace);
    }
    return status;
}

void trace_clear(struct trace *trace)
{
    free(trace->steps);
    arena_clear(&trace->arena);
    *trace = (struct trace){0};
}

/* ---- the command ---- */

enum trace_format { TRACE_TEXT, TRACE_MERMAID, TRACE_JSON, TRACE_OTLP };

struct trace_request {
    const char *order;
    enum trace_format format;
    struct shop *shop;
    int64_t first_us; /* of the journey's first event; 0 before it was met */
};

static enum status print_trace_object(void *context, const struct recorded_event *event, struct error *error)
{
    struct trace_request *request = context;
    cJSON *object = NULL;
    enum event_type type;
    if (request->first_us == 0)
        request->first_us = event->recorded_at_us;
    enum status status = event_object(request->shop, event, &object, error);
    if (status != STATUS_OK)
        return status;
    json_text(object, "service", event_type_from_name(event->type, &type) ? service_of_event(type) : event->actor);
    json_integer(object, "elapsed_us", event->recorded_at_us - request->first_us);
    return json_line(object, error);
}

static enum status print_collected(struct shop *shop, struct uuid order, enum trace_format format, struct error *error)
{
    struct trace trace;
    enum status status = trace_collect(&trace, shop, order, 0, error);
    if (status == STATUS_OK && format == TRACE_OTLP)
        status = print_otlp(&trace, order, error);
    else if (status == STATUS_OK)
        print_mermaid(&trace);
    trace_clear(&trace);
    return status;
}

static enum status print_trace(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct trace_request *request = context;
    struct uuid order;
    request->shop = shop;
    enum status status = desk_find_order(&shop->desk, request->order, &order, error);
    if (status != STATUS_OK)
        return status;
    switch (request->format) {
    case TRACE_JSON: return trace_each(shop, order, 0, print_trace_object, request, error);
    case TRACE_OTLP:
    case TRACE_MERMAID: return print_collected(shop, order, request->format, error);
    default: return print_timeline(shop, till, order, 0, error);
    }
}

static int run_trace(struct till *till, const struct arguments *arguments)
{
    const char *format = argument_value(arguments, "format");
    char safe[TEXT_SAFE_SIZE];
    struct trace_request request = {.order = argument_word(arguments, 0)};
    static const char *const formats[] = {"text", "mermaid", "json", "otlp"};
    bool known = format == NULL;
    request.format = till->json ? TRACE_JSON : TRACE_TEXT;
    for (size_t i = 0; !known && i < sizeof formats / sizeof *formats; i++) {
        known = strcmp(format, formats[i]) == 0;
        request.format = (enum trace_format)i;
    }
    if (!known)
        return usage_error(arguments, "--format takes text, mermaid, json or otlp, not %s", text_safe(safe, format));
    return in_shop(till, arguments, "reader", print_trace, &request);
}

static const struct option_spec trace_options[] = {
    {"format", "F", "text, mermaid (a sequenceDiagram), json or otlp"},
    {0},
};

const struct command trace_command = {
    .name = "trace",
    .usage = "ORDER [--format text|mermaid|json|otlp]",
    .summary = "follow one order through the services: what caused what",
    .details = "ORDER is an order's id or ref. Each event stands under its cause, whose position\n"
               "is repeated at the end of the row. With --json: the objects of `till events`,\n"
               "and service and elapsed_us (since the journey's first event). As otlp: the spans\n"
               "of OpenTelemetry, one line of JSON for a collector's /v1/traces.",
    .options = trace_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_trace,
};
