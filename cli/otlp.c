/* otlp.c - a journey as OpenTelemetry's viewers read it: OTLP's JSON (an ExportTraceServiceRequest) on one line.
 *
 * An event is a span: it begins when its cause was recorded and ends when it was itself, so its length is how long the
 * service took to answer. What a person began has no length. Each service is a resource of its own.
 *
 * https://opentelemetry.io/docs/specs/otlp/ */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#include "cli/work.h"

enum { KIND_INTERNAL = 1, KIND_CONSUMER = 5 };

/* OTLP writes 64-bit numbers as texts. */
static void add_digits(cJSON *object, const char *name, int64_t number, const char *zeros)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64 "%s", number, zeros);
    json_text(object, name, text);
}

static cJSON *add_attribute(cJSON *attributes, const char *key)
{
    cJSON *attribute = cJSON_CreateObject();
    json_text(attribute, "key", key);
    cJSON *value = cJSON_AddObjectToObject(attribute, "value");
    if (cJSON_AddItemToArray(attributes, attribute))
        return value;
    cJSON_Delete(attribute);
    return NULL;
}

static void add_text(cJSON *attributes, const char *key, const char *text)
{
    if (text != NULL)
        json_text(add_attribute(attributes, key), "stringValue", text);
}

static cJSON *make_span(const struct trace *trace, const struct trace_step *step, struct uuid order)
{
    const struct trace_step *cause = step->cause == NO_CAUSE ? NULL : &trace->steps[step->cause];
    char trace_id[TRACE_ID_SIZE], span_id[SPAN_ID_SIZE];
    cJSON *span = cJSON_CreateObject();
    trace_id_text(order, trace_id);
    json_text(span, "traceId", trace_id);
    span_id_text(step->position, span_id);
    json_text(span, "spanId", span_id);
    if (cause != NULL) {
        span_id_text(cause->position, span_id);
        json_text(span, "parentSpanId", span_id);
    }
    json_text(span, "name", step->type);
    json_integer(span, "kind", cause != NULL ? KIND_CONSUMER : KIND_INTERNAL);
    add_digits(span, "startTimeUnixNano", cause != NULL ? cause->at_us : step->at_us, "000");
    add_digits(span, "endTimeUnixNano", step->at_us, "000");
    cJSON *attributes = cJSON_AddArrayToObject(span, "attributes");
    add_digits(add_attribute(attributes, "tillroll.position"), "intValue", (int64_t)step->position, "");
    add_digits(add_attribute(attributes, "tillroll.events"), "intValue", (int64_t)step->count, "");
    add_text(attributes, "tillroll.actor", step->actor);
    add_text(attributes, "tillroll.note", step->note);
    return span;
}

static cJSON *make_resource(const struct trace *trace, const char *service, struct uuid order)
{
    cJSON *whole = cJSON_CreateObject();
    cJSON *resource = cJSON_AddObjectToObject(whole, "resource");
    add_text(cJSON_AddArrayToObject(resource, "attributes"), "service.name", service);
    cJSON *scope_spans = cJSON_CreateObject();
    cJSON *scope = cJSON_AddObjectToObject(scope_spans, "scope");
    json_text(scope, "name", "tillroll");
    json_text(scope, "version", TILL_VERSION);
    cJSON *spans = cJSON_AddArrayToObject(scope_spans, "spans");
    for (size_t i = 0; i < trace->count; i++)
        if (strcmp(trace->steps[i].service, service) == 0)
            json_item(spans, make_span(trace, &trace->steps[i], order));
    json_item(cJSON_AddArrayToObject(whole, "scopeSpans"), scope_spans);
    return whole;
}

static bool is_first_of_service(const struct trace *trace, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(trace->steps[i].service, trace->steps[at].service) == 0)
            return false;
    return true;
}

enum status print_otlp(const struct trace *trace, struct uuid order, struct error *error)
{
    cJSON *request = cJSON_CreateObject();
    cJSON *resources = cJSON_AddArrayToObject(request, "resourceSpans");
    for (size_t i = 0; i < trace->count; i++)
        if (is_first_of_service(trace, i))
            json_item(resources, make_resource(trace, trace->steps[i].service, order));
    return json_line(request, error);
}
