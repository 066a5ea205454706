/* roll.c - `till events`: the roll itself, from any position, and on as it grows.
 *
 * With --follow it sleeps on the doorbell between two readings. The bell is read before the roll is: what is written in
 * between rings it, so nothing is slept over. A reader that went away (till events --follow | head) ends it as well. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/signals.h"
#include "cli/work.h"
#include "domain/codec.h"

struct reading {
    const struct arguments *arguments;
    const struct till *till;
    struct shop *shop;
    bool follow, upcast;
    enum events_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CLOUDEVENTS } format;
    const char *types[EVENTSTORE_TYPES_MAX];
    size_t type_count;
    char category[EVENTSTORE_NAME_MAX + 1];
    struct stream stream;  /* of --stream; both NULL without */
    uint64_t next_version; /* of that stream */
    uint64_t from;         /* next position wanted */
    uint64_t left;         /* so many more events are wanted */
    uint64_t printed;
    struct arena arena; /* of one event that is raised, and its data */
    struct buffer data;
};

/* ---- one event ---- */

static void print_event_row(struct reading *reading, const struct recorded_event *event)
{
    const int before = 8 + 19 + 26 + 3 * 2, wanted = reading->till->columns - before;
    const struct column columns[] = {
        {"position", -8}, {"recorded (UTC)", 19}, {"event", 26}, {"stream", wanted > 8 ? wanted : 8}};
    char stream[2 * EVENTSTORE_NAME_MAX + 2], recorded[PEOPLE_TIME_SIZE];
    snprintf(stream, sizeof stream, "%s-%s", event->stream.category, event->stream.entity);
    const char *const cells[] = {number_text((int64_t)event->position),
                                 time_for_people(event->recorded_at_us, recorded), event->type, stream};
    if (reading->printed == 0)
        table_titles(reading->till, columns, COUNT(columns));
    table_row(reading->till, columns, cells, COUNT(columns));
}

/* An event of an old version becomes today's; any other stays as it is stored. */
static enum status raise(struct reading *reading, struct recorded_event *event, struct error *error)
{
    enum event_type type;
    struct event raised;
    struct error why;
    if (!event_type_from_name(event->type, &type) || event->schema_version >= event_schema_version(type))
        return STATUS_OK;
    arena_reset(&reading->arena);
    buffer_reset(&reading->data);
    enum status status = event_decode(event->type, event->schema_version, event->data, event->data_length,
                                      reading->shop->desk.currency, &reading->arena, &raised, &why);
    if (status == STATUS_OK)
        status = event_encode(&raised, &reading->data, &why);
    if (status != STATUS_OK)
        return error_set(error, status == STATUS_INVALID ? STATUS_DAMAGED : status,
                         "the event at position %" PRIu64 " cannot be raised: %s", event->position, why.text);
    event->schema_version = event_schema_version(type);
    event->data = reading->data.data;
    event->data_length = reading->data.length;
    return STATUS_OK;
}

static enum status print_event(struct reading *reading, const struct recorded_event *event, struct error *error)
{
    cJSON *object = NULL;
    struct recorded_event shown = *event;
    if (reading->format == FORMAT_TEXT) {
        print_event_row(reading, event);
        return STATUS_OK;
    }
    enum status status = reading->upcast ? raise(reading, &shown, error) : STATUS_OK;
    if (status == STATUS_OK)
        status = (reading->format == FORMAT_JSON ? event_object : cloud_event)(reading->shop, &shown, &object, error);
    return status == STATUS_OK ? json_line(object, error) : status;
}

static bool is_wanted(const struct reading *reading, const struct recorded_event *event)
{
    if (event->position < reading->from)
        return false;
    bool wanted = reading->type_count == 0;
    for (size_t i = 0; !wanted && i < reading->type_count; i++)
        wanted = strcmp(event->type, reading->types[i]) == 0;
    return wanted;
}

static bool is_over(const struct reading *reading)
{
    return reading->left == 0 || ferror(stdout) != 0 || (reading->follow && signal_to_stop());
}

static enum status visit(void *context, const struct recorded_event *event, struct error *error)
{
    struct reading *reading = context;
    reading->next_version = event->version + 1;
    if (!is_wanted(reading, event))
        return STATUS_OK;
    enum status status = print_event(reading, event, error);
    reading->from = event->position + 1;
    reading->printed++;
    reading->left--;
    return status == STATUS_OK && is_over(reading) ? STATUS_STOPPED : status;
}

/* ---- readings ---- */

static enum status read_stream(struct reading *reading, struct error *error)
{
    uint64_t version = 0;
    char safe[TEXT_SAFE_SIZE];
    const struct stream_query query = {.stream = reading->stream, .from_version = reading->next_version};
    enum status status = eventstore_read_stream(reading->shop->store, &query, &version, visit, reading, error);
    if (status == STATUS_OK && version == 0 && !reading->follow)
        return error_set(error, STATUS_NOT_FOUND, "there is no stream %s",
                         text_safe(safe, argument_value(reading->arguments, "stream")));
    return status;
}

static enum status read_roll(struct reading *reading, struct error *error)
{
    uint64_t head = 0;
    enum status status = eventstore_head(reading->shop->store, &head, error);
    if (status != STATUS_OK || head < reading->from)
        return status;
    const struct roll_query query = {.from = reading->from,
                                     .to = head,
                                     .types = reading->type_count > 0 ? reading->types : NULL,
                                     .type_count = reading->type_count};
    status = eventstore_read_roll(reading->shop->store, &query, visit, reading, error);
    if (status == STATUS_OK && !is_over(reading))
        reading->from = head + 1; /* past those of other types, too */
    return status;
}

static enum status read_events(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct reading *reading = context;
    reading->shop = shop;
    reading->till = till;
    for (;;) {
        const uint32_t bell = eventstore_bell(shop->store);
        enum status status = reading->stream.entity != NULL ? read_stream(reading, error) : read_roll(reading, error);
        if (status != STATUS_OK || !reading->follow)
            return status;
        fflush(stdout);
        if (is_over(reading) || output_is_unread())
            return STATUS_OK;
        eventstore_wait(shop->store, bell, SLOW_POLL_MS);
    }
}

/* ---- the command ---- */

static bool take_types(struct reading *reading, const struct arguments *arguments)
{
    char safe[TEXT_SAFE_SIZE];
    const char *name;
    enum event_type type;
    while ((name = argument_nth(arguments, "type", (int)reading->type_count)) != NULL) {
        if (!event_type_from_name(name, &type)) {
            usage_error(arguments, "there is no event type %s", text_safe(safe, name));
            return false;
        }
        if (reading->type_count == EVENT_TYPES) { /* some of them twice, then */
            usage_error(arguments, "there are only %d event types", (int)EVENT_TYPES);
            return false;
        }
        reading->types[reading->type_count++] = event_type_name(type);
    }
    return true;
}

/* "category-entity": a category has no '-', an entity may. */
static bool take_stream(struct reading *reading, const struct arguments *arguments)
{
    const char *name = argument_value(arguments, "stream");
    char safe[TEXT_SAFE_SIZE];
    if (name == NULL)
        return true;
    const size_t length = strcspn(name, "-");
    if (length == 0 || length >= sizeof reading->category || name[length] == '\0' || name[length + 1] == '\0') {
        usage_error(arguments, "%s is no stream: order-<order id> is one, or stock-<sku>", text_safe(safe, name));
        return false;
    }
    memcpy(reading->category, name, length);
    reading->stream = (struct stream){.category = reading->category, .entity = name + length + 1};
    return true;
}

static bool take_format(struct reading *reading, const struct till *till, const struct arguments *arguments)
{
    static const char *const formats[] = {"text", "json", "cloudevents"};
    const char *format = argument_value(arguments, "format");
    char safe[TEXT_SAFE_SIZE];
    reading->format = till->json ? FORMAT_JSON : FORMAT_TEXT;
    for (size_t i = 0; format != NULL && i < COUNT(formats); i++)
        if (strcmp(format, formats[i]) == 0) {
            reading->format = (enum events_format)i;
            return true;
        }
    if (format != NULL)
        usage_error(arguments, "--format takes text, json or cloudevents, not %s", text_safe(safe, format));
    return format == NULL;
}

static int run_events(struct till *till, const struct arguments *arguments)
{
    int64_t from = 1, limit = INT64_MAX;
    struct reading reading = {.arguments = arguments,
                              .follow = argument_given(arguments, "follow"),
                              .upcast = argument_given(arguments, "upcast")};
    if (!take_types(&reading, arguments) || !take_stream(&reading, arguments) ||
        !take_format(&reading, till, arguments) || !argument_integer(arguments, "from", 1, POSITION_MAX, &from) ||
        !argument_integer(arguments, "limit", 1, POSITION_MAX, &limit))
        return EXIT_USAGE;
    reading.from = (uint64_t)from;
    reading.left = (uint64_t)limit;
    if (reading.follow)
        signals_catch();
    int code = in_shop(till, arguments, "reader", read_events, &reading);
    arena_clear(&reading.arena);
    buffer_clear(&reading.data);
    return code;
}

static const struct option_spec events_options[] = {
    {"stream", "S", "only this stream: order-<order id>, stock-<sku> …"},
    {"type", "T", "only this type of event; may be repeated"},
    {"from", "N", "from this position on"},
    {"limit", "N", "at most so many"},
    {"follow", NULL, "go on as the roll grows, until SIGINT or SIGTERM"},
    {"format", "F", "text, json (the same as --json) or cloudevents"},
    {"upcast", NULL, "data of an old schema version in today's shape (json)"},
    {0},
};

const struct command events_command = {
    .name = "events",
    .usage = "[--stream S] [--type T]... [--from N] [--limit N] [--follow]\n"
             "                   [--format text|json|cloudevents] [--upcast]",
    .summary = "print the roll",
    .details = "With --json each event is one object: position, stream, version, type,\n"
               "schema_version, event_id, correlation_id, causation_id (of the event that caused\n"
               "it, or null), recorded_at, data (as it is stored), metadata {actor, command_id,\n"
               "producer}. As cloudevents: CloudEvents 1.0, with the extensions traceparent,\n"
               "sequence (the position in 20 digits), correlationid and causationid.",
    .options = events_options,
    .run = run_events,
};
