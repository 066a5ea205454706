/* load.c - a roll as JSON Lines from a stranger: eventstore/lines. The first line is a title, the others are events. */
#include <string.h>

#include "base/text.h"
#include "eventstore/digest.h"
#include "eventstore/lines.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harmless.h"

static void check_refusal(enum status status, const struct error *error)
{
    CHECK(status == STATUS_INVALID || status == STATUS_NEWER);
    CHECK(error->text[0] != '\0' && find_harm(error->text, strlen(error->text)) == NULL);
}

static void check_harmless(const struct buffer *line)
{
    CHECK(text_is_utf8(line->data, line->length) && find_harm(line->data, line->length) == NULL);
    CHECK(memchr(line->data, '\n', line->length) == NULL && line->length <= LINE_BYTES_MAX);
}

/* What is accepted is written as a harmless line that says the same. */
static void read_title(const char *text, size_t length)
{
    struct arena arena = {0};
    struct buffer line = {0};
    struct error error = {0};
    struct line_title title, again;
    const enum status status = line_to_title(text, length, &arena, &title, &error);
    if (status != STATUS_OK) {
        check_refusal(status, &error);
    } else {
        CHECK(line_from_title(&title, &line, &error) == STATUS_OK);
        check_harmless(&line);
        CHECK(line_to_title(line.data, line.length, &arena, &again, &error) == STATUS_OK);
        CHECK(uuid_equal(title.store.id, again.store.id) && title.position == again.position);
        CHECK(strcmp(title.store.settings, again.store.settings) == 0);
        CHECK(memcmp(title.digest, again.digest, sizeof title.digest) == 0);
    }
    buffer_clear(&line);
    arena_clear(&arena);
}

static void check_event(const struct recorded_event *event)
{
    CHECK(event->position > 0 && event->version > 0 && event->causation < event->position);
    CHECK(event->schema_version >= 1 && event->schema_version <= EVENTSTORE_SCHEMA_VERSION_MAX);
    CHECK(strchr(event->stream.category, '-') == NULL && event->stream.entity[0] != '\0');
    CHECK(strlen(event->data) == event->data_length && event->data_length <= EVENTSTORE_DATA_MAX);
    CHECK(text_is_clean(event->type, strlen(event->type), EVENTSTORE_NAME_MAX));
}

static void read_event(const char *text, size_t length)
{
    struct arena arena = {0};
    struct buffer line = {0};
    struct error error = {0};
    struct recorded_event event, again;
    uint8_t one[EVENTSTORE_DIGEST_BYTES], other[EVENTSTORE_DIGEST_BYTES];
    const enum status status = line_to_event(text, length, &arena, &event, &error);
    if (status != STATUS_OK) {
        check_refusal(status, &error);
    } else {
        check_event(&event);
        CHECK(line_from_event(&event, &line, &error) == STATUS_OK);
        check_harmless(&line);
        CHECK(line_to_event(line.data, line.length, &arena, &again, &error) == STATUS_OK);
        digest_link(event.digest, &event, one);
        digest_link(again.digest, &again, other);
        CHECK(memcmp(one, other, sizeof one) == 0);
    }
    buffer_clear(&line);
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    for (int number = 0; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((stop == NULL ? end : stop) - at);
        if (number == 0)
            read_title(at, length);
        else
            read_event(at, length);
        at += length + 1;
    }
    return 0;
}
