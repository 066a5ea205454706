#include "eventstore/lines.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "eventstore/digest.h"
#include "eventstore/store_id.h"

static const char kind[] = "roll";

/* ---- writing ---- */

static void write_name(struct buffer *out, const char *name)
{
    buffer_format(out, "%c\"%s\":", out->length == 0 ? '{' : ',', name);
}

/* False when the text is none that JSON could hold. */
static bool write_text(struct buffer *out, const char *name, const char *text, size_t length)
{
    if (!text_is_utf8(text, length))
        return false;
    write_name(out, name);
    json_write_text(out, text, length);
    return true;
}

static bool write_word(struct buffer *out, const char *name, const char *text)
{
    return write_text(out, name, text, strlen(text));
}

static void write_number(struct buffer *out, const char *name, uint64_t number)
{
    write_name(out, name);
    buffer_integer(out, (int64_t)number);
}

static void write_null(struct buffer *out, const char *name)
{
    write_name(out, name);
    buffer_text(out, "null");
}

static void write_id(struct buffer *out, const char *name, struct uuid id)
{
    char text[UUID_TEXT_SIZE];
    uuid_to_text(id, text);
    (void)write_word(out, name, text);
}

static void write_time(struct buffer *out, const char *name, int64_t at_us)
{
    char text[TIME_TEXT_SIZE];
    time_to_text(at_us, text);
    (void)write_word(out, name, text);
}

static void write_digest(struct buffer *out, const uint8_t digest[EVENTSTORE_DIGEST_BYTES])
{
    char text[DIGEST_TEXT_SIZE];
    digest_to_text(digest, text);
    (void)write_word(out, "digest", text);
    buffer_char(out, '}');
}

/* Bytes that should be JSON: as they are, or as a text. */
struct stored {
    const char *name, *text_name;
    const char *bytes;
    size_t length;
};

static bool write_stored(struct buffer *out, const struct stored *stored, bool as_text)
{
    if (as_text)
        return write_text(out, stored->text_name, stored->bytes, stored->length);
    write_name(out, stored->name);
    buffer_append(out, stored->bytes, stored->length);
    return true;
}

static bool write_event(struct buffer *out, const struct recorded_event *event, bool as_text)
{
    char stream[2 * EVENTSTORE_NAME_MAX + 2];
    const struct stored data = {"data", "data_text", event->data, event->data_length};
    snprintf(stream, sizeof stream, "%s-%s", event->stream.category, event->stream.entity);
    write_number(out, "position", event->position);
    bool is_text = write_word(out, "stream", stream);
    write_number(out, "version", event->version);
    is_text = is_text && write_word(out, "type", event->type);
    write_number(out, "schema_version", (uint64_t)event->schema_version);
    write_id(out, "event_id", event->id);
    write_id(out, "correlation_id", event->correlation);
    if (event->causation != 0)
        write_number(out, "causation", event->causation);
    else
        write_null(out, "causation");
    write_time(out, "recorded_at", event->recorded_at_us);
    is_text = is_text && write_word(out, "actor", event->actor) && write_word(out, "producer", event->producer);
    if (event->has_command_id)
        write_id(out, "command_id", event->command_id);
    else
        write_null(out, "command_id");
    is_text = is_text && write_stored(out, &data, as_text);
    write_digest(out, event->digest);
    return is_text;
}

static bool write_title(struct buffer *out, const struct line_title *title, bool as_text)
{
    const struct stored settings = {"settings", "settings_text", title->store.settings, strlen(title->store.settings)};
    (void)write_word(out, "tillroll", kind);
    write_number(out, "format", LINES_FORMAT);
    write_id(out, "store_id", title->store.id);
    write_time(out, "created_at", title->store.created_at_us);
    const bool is_text = write_stored(out, &settings, as_text);
    write_number(out, "position", title->position);
    write_digest(out, title->digest);
    return is_text;
}

/* ---- reading ---- */

static bool is_same(const char *one, size_t length, const char *other, size_t other_length)
{
    return length == other_length && (length == 0 || memcmp(one, other, length) == 0);
}

static bool is_key(const char *key, size_t length, const char *name)
{
    return is_same(key, length, name, strlen(name));
}

static bool take_name(struct json_reader *reader, const char *name)
{
    const char *key;
    size_t length;
    if (!json_next_key(reader, &key, &length))
        return json_refuse(reader, "\"%s\" is missing", name);
    return is_key(key, length, name) ? true : json_refuse(reader, "\"%s\" must stand here", name);
}

static const char *take_text(struct json_reader *reader, const char *name, size_t bytes_max)
{
    const char *text = "";
    size_t length;
    if (take_name(reader, name) && json_read_text(reader, &text, &length) && !text_is_clean(text, length, bytes_max))
        (void)json_refuse(reader, "must be 1 to %zu bytes of UTF-8 without control characters", bytes_max);
    return text;
}

static uint64_t take_number(struct json_reader *reader, const char *name, int64_t min, int64_t max)
{
    int64_t number = 0;
    if (take_name(reader, name) && json_read_integer(reader, &number) && (number < min || number > max))
        (void)json_refuse(reader, "must be %lld to %lld", (long long)min, (long long)max);
    return (uint64_t)number;
}

/* The next value is null: it is read. */
static bool take_null(struct json_reader *reader)
{
    return json_peek(reader) == 'n' && json_skip(reader);
}

static struct uuid read_id(struct json_reader *reader)
{
    const char *text;
    size_t length;
    struct uuid id = {{0}};
    if (json_read_text(reader, &text, &length) && !uuid_from_canonical(text, length, &id))
        (void)json_refuse(reader, "must be a UUID in lower case");
    return id;
}

static struct uuid take_id(struct json_reader *reader, const char *name)
{
    return take_name(reader, name) ? read_id(reader) : (struct uuid){{0}};
}

static int64_t take_time(struct json_reader *reader, const char *name)
{
    const char *text = take_text(reader, name, TIME_TEXT_SIZE - 1);
    int64_t at_us = 0;
    if (!reader->failed && !time_from_text(text, &at_us))
        (void)json_refuse(reader, "must be a time of RFC 3339");
    return at_us;
}

static void take_digest(struct json_reader *reader, uint8_t digest[EVENTSTORE_DIGEST_BYTES])
{
    const char *text = take_text(reader, "digest", DIGEST_TEXT_SIZE - 1), *key;
    size_t length = 0;
    if (!reader->failed &&
        (sodium_hex2bin(digest, EVENTSTORE_DIGEST_BYTES, text, strlen(text), NULL, &length, NULL) != 0 ||
         length != EVENTSTORE_DIGEST_BYTES))
        (void)json_refuse(reader, "must be %d hexadecimal digits", DIGEST_TEXT_SIZE - 1);
    if (json_next_key(reader, &key, &length))
        (void)json_refuse(reader, "nothing may stand behind the digest");
}

static void take_stored(struct json_reader *reader, struct stored *stored)
{
    const char *key;
    size_t length;
    if (!json_next_key(reader, &key, &length))
        (void)json_refuse(reader, "\"%s\" is missing", stored->name);
    else if (is_key(key, length, stored->name))
        (void)json_read_raw(reader, &stored->bytes, &stored->length);
    else if (is_key(key, length, stored->text_name))
        (void)json_read_text(reader, &stored->bytes, &stored->length);
    else
        (void)json_refuse(reader, "\"%s\" must stand here", stored->name);
}

static void take_stream(struct json_reader *reader, struct arena *arena, struct stream *stream)
{
    const char *text = take_text(reader, "stream", 2 * EVENTSTORE_NAME_MAX + 1);
    const size_t category = strcspn(text, "-");
    if (reader->failed)
        return;
    if (category == 0 || category > EVENTSTORE_NAME_MAX || text[category] == '\0' || text[category + 1] == '\0' ||
        strlen(text + category + 1) > EVENTSTORE_NAME_MAX) {
        (void)json_refuse(reader, "must be a category, '-' and an entity");
        return;
    }
    *stream = (struct stream){arena_copy_text(arena, text, category), text + category + 1};
}

static void take_event(struct json_reader *reader, struct arena *arena, struct recorded_event *event,
                       uint8_t digest[EVENTSTORE_DIGEST_BYTES])
{
    struct stored data = {.name = "data", .text_name = "data_text", .bytes = ""};
    event->position = take_number(reader, "position", 1, JSON_INTEGER_MAX);
    take_stream(reader, arena, &event->stream);
    event->version = take_number(reader, "version", 1, JSON_INTEGER_MAX);
    event->type = take_text(reader, "type", EVENTSTORE_NAME_MAX);
    event->schema_version = (int)take_number(reader, "schema_version", 1, EVENTSTORE_SCHEMA_VERSION_MAX);
    event->id = take_id(reader, "event_id");
    event->correlation = take_id(reader, "correlation_id");
    if (take_name(reader, "causation") && !take_null(reader)) {
        int64_t causation = 0;
        if (json_read_integer(reader, &causation) && (causation < 1 || (uint64_t)causation >= event->position))
            (void)json_refuse(reader, "must be an earlier position");
        event->causation = (uint64_t)causation;
    }
    event->recorded_at_us = take_time(reader, "recorded_at");
    event->actor = take_text(reader, "actor", EVENTSTORE_NAME_MAX);
    event->producer = take_text(reader, "producer", EVENTSTORE_NAME_MAX);
    event->has_command_id = take_name(reader, "command_id") && !take_null(reader);
    if (event->has_command_id)
        event->command_id = read_id(reader);
    take_stored(reader, &data);
    event->data = arena_copy_text(arena, data.bytes, data.length);
    event->data_length = data.length;
    if (data.length > EVENTSTORE_DATA_MAX)
        (void)json_refuse(reader, "must be at most %d bytes", EVENTSTORE_DATA_MAX);
    take_digest(reader, digest);
}

enum status line_to_event(const char *line, size_t length, struct arena *arena, struct recorded_event *event,
                          struct error *error)
{
    struct json_reader reader;
    uint8_t *digest = arena_alloc(arena, EVENTSTORE_DIGEST_BYTES);
    *event = (struct recorded_event){.digest = digest};
    if (digest == NULL)
        return error_memory(error);
    json_read_start_long(&reader, line, length, LINE_BYTES_MAX, arena);
    if (json_enter_object(&reader))
        take_event(&reader, arena, event, digest);
    enum status status = json_read_finish(&reader, error);
    if (status == STATUS_OK && (event->stream.category == NULL || event->data == NULL))
        return error_memory(error);
    return status;
}

static void take_title(struct json_reader *reader, struct line_title *title)
{
    struct stored settings = {.name = "settings", .text_name = "settings_text", .bytes = ""};
    const char *what = take_text(reader, "tillroll", sizeof kind - 1);
    if (!reader->failed && strcmp(what, kind) != 0)
        (void)json_refuse(reader, "must be \"%s\"", kind);
    title->store.format = (int)take_number(reader, "format", 1, INT32_MAX);
    if (reader->failed || title->store.format != LINES_FORMAT)
        return; /* what follows is of a form that is not known here */
    title->store.id = take_id(reader, "store_id");
    title->store.created_at_us = take_time(reader, "created_at");
    take_stored(reader, &settings);
    if (settings.length >= sizeof title->store.settings)
        (void)json_refuse(reader, "must be less than %zu bytes", sizeof title->store.settings);
    else
        memcpy(title->store.settings, settings.bytes, settings.length);
    title->position = take_number(reader, "position", 0, JSON_INTEGER_MAX);
    take_digest(reader, title->digest);
}

enum status line_to_title(const char *line, size_t length, struct arena *arena, struct line_title *title,
                          struct error *error)
{
    struct json_reader reader;
    *title = (struct line_title){.position = 0};
    json_read_start_long(&reader, line, length, LINE_BYTES_MAX, arena);
    if (json_enter_object(&reader))
        take_title(&reader, title);
    if (!reader.failed && title->store.format != LINES_FORMAT)
        return error_set(error, STATUS_NEWER,
                         "the lines are of the format %d, this program knows %d: use the version that wrote them",
                         title->store.format, LINES_FORMAT);
    enum status status = json_read_finish(&reader, error);
    if (status == STATUS_OK && !store_id_vouches_for(&title->store))
        status = error_set(error, STATUS_INVALID,
                           "store_id: is not that of a store made at this created_at with these settings: the line was"
                           " changed");
    return status;
}

/* ---- whole lines ---- */

/* What a line is made of: one of the two. */
struct source {
    const struct line_title *title;
    const struct recorded_event *event;
};

static bool spell(const struct source *source, bool as_text, struct buffer *plain)
{
    return source->title != NULL ? write_title(plain, source->title, as_text)
                                 : write_event(plain, source->event, as_text);
}

/* Does the line, which was made harmless, give back the bytes it was made of? */
static enum status reads_back(const struct source *source, const struct buffer *line, bool *same, struct error *error)
{
    struct arena arena = {0};
    struct line_title title;
    struct recorded_event event;
    enum status status;
    *same = false;
    if (source->title != NULL) {
        status = line_to_title(line->data, line->length, &arena, &title, error);
        *same = status == STATUS_OK && strcmp(title.store.settings, source->title->store.settings) == 0;
    } else {
        CHECK(source->event != NULL);
        status = line_to_event(line->data, line->length, &arena, &event, error);
        *same = status == STATUS_OK &&
                is_same(event.data, event.data_length, source->event->data, source->event->data_length);
    }
    arena_clear(&arena);
    return status == STATUS_MEMORY ? status : STATUS_OK;
}

static enum status write_line(const struct source *source, bool as_text, struct buffer *line, bool *same,
                              struct error *error)
{
    struct buffer plain = {0};
    const bool is_text = spell(source, as_text, &plain);
    buffer_reset(line);
    json_append_safe(line, buffer_string(&plain), plain.length);
    enum status status = buffer_ok(&plain, error);
    if (status == STATUS_OK)
        status = buffer_ok(line, error);
    buffer_clear(&plain);
    *same = false;
    return status == STATUS_OK && is_text ? reads_back(source, line, same, error) : status;
}

static enum status make_line(const struct source *source, struct buffer *line, struct error *error)
{
    bool same = false;
    enum status status = write_line(source, false, line, &same, error);
    if (status == STATUS_OK && !same)
        status = write_line(source, true, line, &same, error);
    if (status != STATUS_OK || same)
        return status;
    return error_set(error, STATUS_DAMAGED, "it cannot be written as JSON, for it holds bytes that are not UTF-8");
}

enum status line_from_title(const struct line_title *title, struct buffer *line, struct error *error)
{
    return make_line(&(struct source){.title = title}, line, error);
}

enum status line_from_event(const struct recorded_event *event, struct buffer *line, struct error *error)
{
    return make_line(&(struct source){.event = event}, line, error);
}
