/* note_events.c - for suites that are linked with --wrap=event_encode: where TILL_EVENTS names a file, every event they
 * make is noted there, a line each, for tests/conformance. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "domain/codec.h"

enum { NOTES_MAX = 5000 /* a process: what comes later is more of the same */ };

/* The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) */
typedef enum status encode_function(const struct event *event, struct buffer *out, struct error *error);
encode_function __real_event_encode, __wrap_event_encode;
/* NOLINTEND(bugprone-reserved-identifier) */

/* One write a line: several processes append to the file. */
static void note(const char *file, const struct event *event, const char *data, size_t length)
{
    struct buffer line = {0};
    buffer_format(&line, "{\"type\":\"%s\",\"schema_version\":%d,\"data\":", event_type_name(event->type),
                  event_schema_version(event->type));
    buffer_append(&line, data, length);
    buffer_text(&line, "}\n");
    int descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK(descriptor >= 0 && write(descriptor, line.data, line.length) == (ssize_t)line.length);
    close(descriptor);
    buffer_clear(&line);
}

enum status __wrap_event_encode(const struct event *event, struct buffer *out, struct error *error)
{
    static int notes;
    const char *file = getenv("TILL_EVENTS");
    size_t start = out->length;
    enum status status = __real_event_encode(event, out, error);
    if (status == STATUS_OK && file != NULL && notes++ < NOTES_MAX)
        note(file, event, out->data + start, out->length - start);
    return status;
}
