#include "domain/contracts/schema.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

#define UUID_PATTERN "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
#define TIME_PATTERN "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}([.][0-9]{1,6})?Z$"
#define NO_CONTROLS  "^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$"

static void append_quoted(struct buffer *out, const char *text)
{
    json_write_text(out, text, strlen(text));
}

static void append_example_value(const struct field *field, struct buffer *out)
{
    if (field->kind == FIELD_INTEGER || field->kind == FIELD_FLAG)
        buffer_text(out, field->example);
    else
        append_quoted(out, field->example);
}

static void append_value(const struct field *field, struct buffer *out)
{
    switch (field->kind) {
    case FIELD_UUID:
        buffer_text(out, "\"type\": \"string\", \"format\": \"uuid\", \"pattern\": \"" UUID_PATTERN "\"");
        break;
    case FIELD_CURRENCY: buffer_text(out, "\"type\": \"string\", \"pattern\": \"^[A-Z]{3}$\""); break;
    case FIELD_TIME:
        buffer_text(out, "\"type\": \"string\", \"format\": \"date-time\", \"pattern\": \"" TIME_PATTERN "\"");
        break;
    case FIELD_FLAG: buffer_text(out, "\"type\": \"boolean\""); break;
    case FIELD_INTEGER:
        buffer_format(out, "\"type\": \"integer\", \"minimum\": %" PRId64 ", \"maximum\": %" PRId64, field->min,
                      field->max);
        break;
    case FIELD_TEXT:
        buffer_format(out,
                      "\"type\": \"string\", \"minLength\": 1, \"maxLength\": %" PRId64 ", \"x-max-bytes\": %" PRId64
                      ", \"pattern\": \"" NO_CONTROLS "\"",
                      field->max, field->max);
        break;
    case FIELD_LIST:
        buffer_format(out, "\"type\": \"array\", \"minItems\": 1, \"maxItems\": %" PRId64 ", \"items\": ", field->max);
        break;
    }
    if (field->privacy == FIELD_PERSONAL)
        buffer_text(out, ", \"x-personal\": true");
    if (field->kind != FIELD_LIST) {
        buffer_text(out, ", \"examples\": [");
        append_example_value(field, out);
        buffer_char(out, ']');
    }
}

static void append_required(const struct shape *shape, struct buffer *out)
{
    const char *before = "";
    buffer_text(out, "\"required\": [");
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].need == FIELD_REQUIRED) {
            buffer_text(out, before);
            append_quoted(out, shape->fields[i].name);
            before = ", ";
        }
    buffer_char(out, ']');
}

/* What stands between the braces of an object's schema. A list's items are no lists: it calls itself once at most. */
static void append_object(const struct shape *shape, int indent, struct buffer *out)
{
    buffer_format(out, "\"type\": \"object\",\n%*s\"properties\": {", indent, "");
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        buffer_format(out, "%s\n%*s", i == 0 ? "" : ",", indent + 2, "");
        append_quoted(out, field->name);
        buffer_text(out, ": {");
        append_value(field, out);
        if (field->kind == FIELD_LIST) {
            buffer_format(out, "{\n%*s", indent + 4, "");
            append_object(field->items, indent + 4, out);
            buffer_char(out, '}');
        }
        buffer_char(out, '}');
    }
    buffer_format(out, "\n%*s},\n%*s", indent, "", indent, "");
    append_required(shape, out);
}

void contract_append_payload(const struct contract *contract, int indent, struct buffer *out)
{
    buffer_char(out, '{');
    append_object(&contract->shape, indent, out);
    buffer_char(out, '}');
}

void contract_append_id(const struct contract *contract, struct buffer *out)
{
    buffer_format(out, "urn:tillroll:%s.v%d", contract->name, contract->schema_version);
}

void contract_append_schema(const struct contract *contract, struct buffer *out)
{
    buffer_text(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"$id\": \"");
    contract_append_id(contract, out);
    buffer_format(out,
                  "\",\n  \"title\": \"%s\",\n  \"x-version\": %d,\n  \"x-owner\": \"%s\",\n  \"x-stream\": \"%s\",\n",
                  contract->name, contract->schema_version, contract->owner, contract->category);
    if (contract->deprecated_since != NULL)
        buffer_format(out, "  \"x-deprecated-since\": \"%s\",\n", contract->deprecated_since);
    buffer_text(out, "  ");
    append_object(&contract->shape, 2, out);
    buffer_text(out, "\n}\n");
}

/* A list in an example has one item, and that no list: it calls itself once at most. */
static void append_example_object(const struct shape *shape, struct buffer *out)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        buffer_char(out, i == 0 ? '{' : ',');
        append_quoted(out, field->name);
        buffer_char(out, ':');
        if (field->kind == FIELD_LIST) {
            buffer_char(out, '[');
            append_example_object(field->items, out);
            buffer_char(out, ']');
        } else {
            append_example_value(field, out);
        }
    }
    buffer_char(out, '}');
}

void contract_append_example(const struct contract *contract, struct buffer *out)
{
    append_example_object(&contract->shape, out);
}
