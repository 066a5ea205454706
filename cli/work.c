#include "cli/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "domain/codec.h"
#include "eventstore/digest.h"

int conclude(const struct arguments *arguments, enum status status, const struct error *error)
{
    if (status == STATUS_INVALID)
        return usage_error(arguments, "%s", error->text);
    return status == STATUS_OK ? EXIT_DONE : fail(error);
}

int in_shop(const struct till *till, const struct arguments *arguments, const char *actor, shop_work work,
            void *request)
{
    struct error error = {0};
    struct shop shop;
    enum status status = shop_open(&shop, till, actor, &error);
    if (status != STATUS_OK)
        return fail(&error);
    status = work(&shop, till, request, &error);
    shop_close(&shop);
    return conclude(arguments, status, &error);
}

void say(const char *format, ...)
{
    struct buffer safe = {0};
    char text[2 * ERROR_TEXT_MAX];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    text_trim_partial(text);
    text_append_safe(&safe, text, strlen(text));
    puts(buffer_string(&safe));
    buffer_clear(&safe);
}

void print_rest(const struct till *till, const char *text, int used_columns)
{
    print_cell(till, text, till->terminal ? till->columns - used_columns : 0);
    putchar('\n');
}

/* Prints the words of a line that is `used` columns long already. */
static void fill_lines(const char *safe, int indent, int columns)
{
    int used = indent;
    bool first = true;
    for (const char *word = safe + strspn(safe, " "); *word != '\0'; word += strspn(word, " ")) {
        struct buffer one = {0};
        size_t length = strcspn(word, " ");
        buffer_append(&one, word, length);
        int width = (int)text_columns(buffer_string(&one));
        if (!first && used + 1 + width > columns) {
            printf("\n%*s", indent, "");
            used = indent;
            first = true;
        }
        printf("%s%s", first ? "" : " ", buffer_string(&one));
        used += (first ? 0 : 1) + width;
        first = false;
        word += length;
        buffer_clear(&one);
    }
    putchar('\n');
}

void print_paragraph(const struct till *till, const char *text, int indent)
{
    struct buffer safe = {0};
    text_append_safe(&safe, text, strlen(text));
    fill_lines(buffer_string(&safe), indent, till->columns);
    buffer_clear(&safe);
}

enum { NAME_COLUMNS = 10 };

void print_long_fact(const struct till *till, const char *name, const char *value)
{
    printf("%s%-*s%s", style(till, STYLE_DIM), NAME_COLUMNS, name, style(till, STYLE_PLAIN));
    print_paragraph(till, value, NAME_COLUMNS);
}

void print_fact(const struct till *till, const char *name, const char *value)
{
    printf("%s%-*s%s", style(till, STYLE_DIM), NAME_COLUMNS, name, style(till, STYLE_PLAIN));
    print_rest(till, value, NAME_COLUMNS);
}

enum status tell_copied(const struct till *till, const char *file, const char *sentence, uint64_t position,
                        const uint8_t bytes[EVENTSTORE_DIGEST_BYTES], struct error *error)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_to_text(bytes, digest);
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "file", file);
        json_integer(object, "position", (int64_t)position);
        json_text(object, "digest", digest);
        return json_line(object, error);
    }
    say("%s %s.", sentence, file);
    say("  position  %llu", (unsigned long long)position);
    say("  digest    %s", digest);
    return STATUS_OK;
}

/* ---- orders ---- */

struct decoding {
    struct currency currency;
    struct arena *arena;
    struct event event;
    uint64_t position; /* 0: nothing was found */
};

static enum status decode_first(void *context, const struct recorded_event *recorded, struct error *error)
{
    struct decoding *decoding = context;
    decoding->position = recorded->position;
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      decoding->currency, decoding->arena, &decoding->event, error);
    return status == STATUS_OK ? STATUS_STOPPED : status;
}

static bool is_placing(const struct event *event, struct uuid order)
{
    return event->type == EVENT_ORDER_PLACED && uuid_equal(event->order_placed.order, order);
}

enum status order_as_placed(struct shop *shop, struct uuid order, struct arena *arena, struct order_placed *placed,
                            uint64_t *position, struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    struct error why = {0};
    struct decoding decoding = {.currency = shop->desk.currency, .arena = arena};
    struct stream_query query = {.stream = {"order", entity}, .limit = 1};
    uuid_to_text(order, entity);
    enum status status = eventstore_read_stream(shop->store, &query, NULL, decode_first, &decoding, &why);
    if (status == STATUS_OK && decoding.position == 0)
        return error_set(error, STATUS_NOT_FOUND, "there is no order %s", entity);
    if (status == STATUS_OK && !is_placing(&decoding.event, order))
        status = error_set(&why, STATUS_INVALID, "it does not place the order");
    if (status == STATUS_INVALID || status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_DAMAGED,
                         "the event at position %" PRIu64
                         ", the first of order %s, is damaged: %.500s. Run `till verify`",
                         decoding.position, entity, why.text);
    if (status != STATUS_OK)
        return error_set(error, status, "%s", why.text);
    *placed = decoding.event.order_placed;
    if (position != NULL)
        *position = decoding.position;
    return STATUS_OK;
}

/* ---- events ---- */

static enum status note_time(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    *(int64_t *)context = event->recorded_at_us;
    return STATUS_STOPPED;
}

enum status event_time(struct eventstore *store, uint64_t position, int64_t *at_us, struct error *error)
{
    const struct roll_query query = {.from = position, .to = position};
    return eventstore_read_roll(store, &query, note_time, at_us, error);
}

/* What is to stand in a line of JSON Lines as it is must be JSON, and one line. */
static bool is_one_line_of_json(const char *text, size_t length)
{
    return memchr(text, '\n', length) == NULL && memchr(text, '\r', length) == NULL &&
           json_check(text, length, NULL) == STATUS_OK;
}

void add_event_data(cJSON *object, const struct recorded_event *event)
{
    if (is_one_line_of_json(event->data, event->data_length)) {
        cJSON_AddRawToObject(object, "data", event->data);
        return;
    }
    struct buffer safe = {0};
    text_append_safe(&safe, event->data, event->data_length);
    json_text(object, "data", buffer_string(&safe));
    buffer_clear(&safe);
}

static void add_metadata(cJSON *object, const struct recorded_event *event)
{
    cJSON *metadata = cJSON_AddObjectToObject(object, "metadata");
    json_text(metadata, "actor", event->actor);
    if (event->has_command_id)
        json_uuid(metadata, "command_id", event->command_id);
    json_text(metadata, "producer", event->producer);
}

enum status event_object_begin(struct shop *shop, const struct recorded_event *event, cJSON **object,
                               struct uuid *cause, struct error *error)
{
    if (event->causation != 0) {
        enum status status = eventstore_event_id(shop->store, event->causation, cause, error);
        if (status == STATUS_NOT_FOUND)
            return error_set(error, STATUS_DAMAGED,
                             "the event at position %" PRIu64 ", which caused the one at %" PRIu64
                             ", is missing: the roll is damaged. Run `till verify`",
                             event->causation, event->position);
        if (status != STATUS_OK)
            return status;
    }
    *object = cJSON_CreateObject();
    return *object == NULL ? error_memory(error) : STATUS_OK;
}

enum status event_object(struct shop *shop, const struct recorded_event *event, cJSON **object, struct error *error)
{
    char stream[2 * EVENTSTORE_NAME_MAX + 2];
    struct uuid cause;
    enum status status = event_object_begin(shop, event, object, &cause, error);
    if (status != STATUS_OK)
        return status;
    snprintf(stream, sizeof stream, "%s-%s", event->stream.category, event->stream.entity);
    json_integer(*object, "position", (int64_t)event->position);
    json_text(*object, "stream", stream);
    json_integer(*object, "version", (int64_t)event->version);
    json_text(*object, "type", event->type);
    json_integer(*object, "schema_version", event->schema_version);
    json_uuid(*object, "event_id", event->id);
    json_uuid(*object, "correlation_id", event->correlation);
    if (event->causation != 0)
        json_uuid(*object, "causation_id", cause);
    else
        json_text(*object, "causation_id", NULL);
    json_time(*object, "recorded_at", event->recorded_at_us);
    add_event_data(*object, event);
    add_metadata(*object, event);
    return STATUS_OK;
}

/* ---- times ---- */

const char *time_for_people(int64_t at_us, char text[PEOPLE_TIME_SIZE])
{
    char whole[TIME_TEXT_SIZE];
    time_to_text(at_us, whole);
    snprintf(text, PEOPLE_TIME_SIZE, "%.10s %.8s", whole, whole + 11);
    return text;
}

const char *duration_for_people(int64_t elapsed_us, char text[DURATION_SIZE])
{
    const int64_t ms = elapsed_us / 1000, seconds = ms / 1000, minutes = seconds / 60, hours = minutes / 60;
    if (elapsed_us < 100)
        snprintf(text, DURATION_SIZE, "0 ms");
    else if (ms < 100)
        snprintf(text, DURATION_SIZE, "%lld.%lld ms", (long long)ms, (long long)(elapsed_us / 100 % 10));
    else if (ms < 1000)
        snprintf(text, DURATION_SIZE, "%lld ms", (long long)ms);
    else if (seconds < 60)
        snprintf(text, DURATION_SIZE, "%lld.%lld s", (long long)seconds, (long long)(ms / 100 % 10));
    else if (minutes < 60)
        snprintf(text, DURATION_SIZE, "%lldm %02llds", (long long)minutes, (long long)(seconds % 60));
    else if (hours < 24)
        snprintf(text, DURATION_SIZE, "%lldh %02lldm", (long long)hours, (long long)(minutes % 60));
    else
        snprintf(text, DURATION_SIZE, "%lldd %02lldh", (long long)(hours / 24), (long long)(hours % 24));
    return text;
}
