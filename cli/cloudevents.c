/* cloudevents.c - an event of the roll for the world outside: CloudEvents 1.0 in its JSON format.
 *
 *   id, time           the event's own            source   the store, urn:uuid:…
 *   type, dataschema   type and contract          subject  the stream
 *   sequence           the position, in twenty digits, so that it sorts as text (the extension "Sequence")
 *   traceparent        the journey and the event (the extension "Distributed Tracing")
 *   correlationid, causationid (absent without a cause)
 *
 * https://github.com/cloudevents/spec */
#include <inttypes.h>
#include <stdio.h>

#include "cli/work.h"

void trace_id_text(struct uuid journey, char text[TRACE_ID_SIZE])
{
    for (size_t i = 0; i < UUID_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", journey.bytes[i]);
}

void span_id_text(uint64_t position, char text[SPAN_ID_SIZE])
{
    snprintf(text, SPAN_ID_SIZE, "%016" PRIx64, position);
}

static void add_format(cJSON *object, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

static void add_format(cJSON *object, const char *name, const char *format, ...)
{
    char text[2 * EVENTSTORE_NAME_MAX + 64];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof text, format, values);
    va_end(values);
    json_text(object, name, text);
}

enum status cloud_event(struct shop *shop, const struct recorded_event *event, cJSON **object, struct error *error)
{
    char store[UUID_TEXT_SIZE], trace[TRACE_ID_SIZE], span[SPAN_ID_SIZE];
    struct uuid cause;
    enum status status = event_object_begin(shop, event, object, &cause, error);
    if (status != STATUS_OK)
        return status;
    uuid_to_text(eventstore_info(shop->store)->id, store);
    trace_id_text(event->correlation, trace);
    span_id_text(event->position, span);
    json_text(*object, "specversion", "1.0");
    json_uuid(*object, "id", event->id);
    add_format(*object, "source", "urn:uuid:%s", store);
    json_text(*object, "type", event->type);
    add_format(*object, "subject", "%s-%s", event->stream.category, event->stream.entity);
    json_time(*object, "time", event->recorded_at_us);
    json_text(*object, "datacontenttype", "application/json");
    add_format(*object, "dataschema", "urn:tillroll:%s.v%d", event->type, event->schema_version);
    add_format(*object, "traceparent", "00-%s-%s-01", trace, span);
    add_format(*object, "sequence", "%020" PRIu64, event->position);
    json_uuid(*object, "correlationid", event->correlation);
    if (event->causation != 0)
        json_uuid(*object, "causationid", cause);
    add_event_data(*object, event);
    return STATUS_OK;
}
