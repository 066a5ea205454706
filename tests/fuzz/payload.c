/* payload.c - an event's data as a stranger writes it: the strict reader (base/json) and the decoder (domain/codec).
 *
 * The input is a line "OrderPlaced 2", and behind it the data. */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "domain/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harmless.h"

enum { TYPE_SIZE = 64 };

static void check_refusal(const struct error *error)
{
    const size_t length = strlen(error->text);
    CHECK(length > 0 && text_is_utf8(error->text, length) && find_harm(error->text, length) == NULL);
    CHECK(strchr(error->text, '\n') == NULL);
}

/* No object has a key twice, however deep it stands. */
static void check_keys(const cJSON *tree, int depth)
{
    const cJSON *one, *other;
    CHECK(depth <= JSON_DEPTH_MAX);
    cJSON_ArrayForEach(one, tree)
    {
        for (other = one->next; cJSON_IsObject(tree) && other != NULL; other = other->next)
            CHECK(strcmp(one->string, other->string) != 0);
        check_keys(one, depth + (cJSON_IsObject(one) || cJSON_IsArray(one)));
    }
}

/* What we accept, laxer readers accept; and no byte of it is broken. */
static bool check_json(const char *text, size_t length)
{
    struct error error = {0};
    if (json_check(text, length, &error) != STATUS_OK) {
        check_refusal(&error);
        return false;
    }
    CHECK(text_is_utf8(text, length) && memchr(text, '\0', length) == NULL);
    cJSON *tree = cJSON_ParseWithLength(text, length);
    CHECK(tree != NULL);
    check_keys(tree, cJSON_IsObject(tree) || cJSON_IsArray(tree));
    cJSON_Delete(tree);
    return true;
}

static const struct currency shop_currency = {"EUR"};

/* Written and read again, an event is the same event, also one that was raised from an old version. */
static void check_round_trip(const struct event *event)
{
    struct arena arena = {0};
    struct buffer first = {0}, second = {0};
    struct event again;
    struct error error = {0};
    CHECK(event_encode(event, &first, &error) == STATUS_OK);
    CHECK(check_json(first.data, first.length));
    CHECK(event_decode(event_type_name(event->type), event_schema_version(event->type), first.data, first.length,
                       shop_currency, &arena, &again, &error) == STATUS_OK);
    CHECK(event_encode(&again, &second, &error) == STATUS_OK);
    CHECK(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    buffer_clear(&first);
    buffer_clear(&second);
    arena_clear(&arena);
}

/* With a blank behind it a text is the same to the strict reader, and none for the quick one (domain/plain.h). */
static void check_strictly(const char *type, int version, const char *payload, size_t length, const struct event *event)
{
    struct arena arena = {0};
    struct buffer text = {0}, quick = {0}, strict = {0};
    struct event again;
    buffer_append(&text, payload, length);
    buffer_char(&text, ' ');
    CHECK(event_decode(type, version, text.data, text.length, shop_currency, &arena, &again, NULL) == STATUS_OK);
    CHECK(event_encode(event, &quick, NULL) == STATUS_OK && event_encode(&again, &strict, NULL) == STATUS_OK);
    CHECK(quick.length == strict.length && memcmp(quick.data, strict.data, quick.length) == 0);
    buffer_clear(&text);
    buffer_clear(&quick);
    buffer_clear(&strict);
    arena_clear(&arena);
}

/* Any text of ours survives being written as JSON. */
static void check_writing(const char *text, size_t length)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct json_reader reader;
    const char *back;
    size_t back_length;
    if (!text_is_utf8(text, length) || memchr(text, '\0', length) != NULL)
        return;
    json_write_text(&json, text, length);
    json_read_start(&reader, json.data, json.length, &arena);
    CHECK(json_read_text(&reader, &back, &back_length));
    CHECK(json_read_finish(&reader, NULL) == STATUS_OK);
    CHECK(back_length == length && memcmp(back, text, length) == 0);
    buffer_clear(&json);
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *input = (const char *)data, *line_end = memchr(input, '\n', size);
    char line[TYPE_SIZE], type[TYPE_SIZE];
    int version = 0;
    if (line_end == NULL || line_end - input >= TYPE_SIZE)
        return 0;
    memcpy(line, input, (size_t)(line_end - input));
    line[line_end - input] = '\0';
    if (sscanf(line, "%63s %9d", type, &version) != 2)
        return 0;

    const char *payload = line_end + 1;
    const size_t length = size - (size_t)(payload - input);
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    const bool is_json = check_json(payload, length);
    if (event_decode(type, version, payload, length, shop_currency, &arena, &event, &error) == STATUS_OK) {
        CHECK(is_json);
        check_round_trip(&event);
        if (length < JSON_BYTES_MAX)
            check_strictly(type, version, payload, length, &event);
    } else {
        check_refusal(&error);
    }
    check_writing(payload, length);
    arena_clear(&arena);
    return 0;
}
