#include "domain/codec.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "domain/list.h"
#include "domain/money.h"
#include "domain/plain.h"

/* Encoder and decoder walk the same tables, and both check what passes through them against the same limits: what one
 * writes, the other reads. A list's items hold no lists, so that two plain loops do for every shape we have. */

enum {
    FIELDS_MAX = 32, /* bits of a mask that says which fields were there */
    PIECE_MAX = 64,  /* bytes of a field's name, an id, a time or a currency with its quotes */
};

#define RANGE     "must be %" PRId64 " to %" PRId64
#define BYTES     "must be 1 to %" PRId64 " bytes"
#define ITEMS     "must have 1 to %" PRId64 " items"
#define CONTROLS  "must be UTF-8 without control characters"
#define CURRENCY  "must be a currency of ISO 4217"
#define FLAG      "must be true or false"
#define TIMESTAMP "must be a time of RFC 3339 in the years 0001 to 9999"

static struct list load_list(const char *member)
{
    struct list list;
    memcpy(&list, member, sizeof(list));
    return list;
}

static const char *load_text(const char *member)
{
    const char *text;
    memcpy(&text, member, sizeof(text));
    return text;
}

static int64_t load_integer(const char *member)
{
    int64_t number;
    memcpy(&number, member, sizeof(number));
    return number;
}

static bool is_in_range(const struct field *field, int64_t number)
{
    return number >= field->min && number <= field->max;
}

/* ---- encode ---- */

struct encoder {
    struct buffer *out;
    const struct contract *contract;
    const struct field *list; /* whose item is being written; NULL outside of lists */
    size_t index;             /* of that item */
    struct error error;
    bool failed;
};

/* Keeps the first failure, with its path: "OrderPlaced v2: lines[3].quantity: must be …". */
#define ENCODER_REFUSE(encoder, field, ...)                                                                            \
    (error_set(&(encoder)->error, STATUS_INVALID, __VA_ARGS__), encoder_refuse((encoder), (field)))

static void encoder_refuse(struct encoder *encoder, const struct field *field)
{
    const struct contract *contract = encoder->contract;
    if (encoder->list != NULL)
        error_within(&encoder->error, "%s v%d: %s[%zu].%s", contract->name, contract->schema_version,
                     encoder->list->name, encoder->index, field->name);
    else
        error_within(&encoder->error, "%s v%d: %s", contract->name, contract->schema_version, field->name);
    encoder->failed = true;
}

static void encode_text(struct encoder *encoder, const struct field *field, const char *text)
{
    if (text == NULL) {
        ENCODER_REFUSE(encoder, field, "is missing");
        return;
    }
    size_t length = strlen(text);
    if (length == 0 || length > (size_t)field->max)
        ENCODER_REFUSE(encoder, field, BYTES, field->max);
    else if (!text_is_clean(text, length, (size_t)field->max))
        ENCODER_REFUSE(encoder, field, CONTROLS);
    else
        json_write_text(encoder->out, text, length);
}

/* `text`, which needs no escaping, between quotes; returns the bytes written. One append a piece is what makes the
 * encoder fast. */
static size_t quote(char out[PIECE_MAX], const char *text, size_t length)
{
    CHECK(length + 2 <= PIECE_MAX);
    out[0] = '"';
    memcpy(out + 1, text, length);
    out[length + 1] = '"';
    return length + 2;
}

static void encode_plain(struct encoder *encoder, const char *text)
{
    char piece[PIECE_MAX];
    buffer_append(encoder->out, piece, quote(piece, text, strlen(text)));
}

static void encode_uuid(struct encoder *encoder, const char *member)
{
    struct uuid id;
    memcpy(&id, member, sizeof(id));
    char text[UUID_TEXT_SIZE];
    uuid_to_text(id, text);
    encode_plain(encoder, text);
}

static void encode_currency(struct encoder *encoder, const struct field *field, const char *member)
{
    struct currency currency;
    memcpy(&currency, member, sizeof(currency));
    if (!currency_is_known(currency.code, NULL))
        ENCODER_REFUSE(encoder, field, CURRENCY);
    else
        encode_plain(encoder, currency.code);
}

static void encode_integer(struct encoder *encoder, const struct field *field, int64_t number)
{
    if (!is_in_range(field, number))
        ENCODER_REFUSE(encoder, field, RANGE, field->min, field->max);
    else
        buffer_integer(encoder->out, number);
}

static void encode_time(struct encoder *encoder, const struct field *field, int64_t at_us)
{
    if (!is_in_range(field, at_us)) {
        ENCODER_REFUSE(encoder, field, TIMESTAMP);
        return;
    }
    char text[TIME_TEXT_SIZE];
    time_to_text(at_us, text);
    encode_plain(encoder, text);
}

static void encode_value(struct encoder *encoder, const struct field *field, const char *member)
{
    switch (field->kind) {
    case FIELD_UUID: encode_uuid(encoder, member); break;
    case FIELD_TEXT: encode_text(encoder, field, load_text(member)); break;
    case FIELD_CURRENCY: encode_currency(encoder, field, member); break;
    case FIELD_INTEGER: encode_integer(encoder, field, load_integer(member)); break;
    case FIELD_TIME: encode_time(encoder, field, load_integer(member)); break;
    case FIELD_FLAG: buffer_text(encoder->out, "true"); break; /* a false one is absent */
    case FIELD_LIST: CHECK(false); break;                      /* encode_list's */
    }
}

static bool is_absent(const struct field *field, const char *member)
{
    if (field->need == FIELD_REQUIRED)
        return false;
    CHECK(field->kind == FIELD_TEXT || field->kind == FIELD_FLAG);
    return field->kind == FIELD_TEXT ? load_text(member) == NULL : !*(const bool *)member;
}

/* The name of the next field, with the brace or comma that stands before it: `,"total_minor":`. */
static void encode_name(struct encoder *encoder, const struct field *field, char *before)
{
    char piece[1 + PIECE_MAX + 1];
    piece[0] = *before;
    size_t length = 1 + quote(piece + 1, field->name, field->name_length);
    piece[length++] = ':';
    buffer_append(encoder->out, piece, length);
    *before = ',';
}

static void encode_item(struct encoder *encoder, const struct shape *shape, const char *item)
{
    char before = '{';
    for (size_t i = 0; i < shape->field_count && !encoder->failed; i++) {
        const struct field *field = &shape->fields[i];
        if (is_absent(field, item + field->offset))
            continue;
        encode_name(encoder, field, &before);
        encode_value(encoder, field, item + field->offset);
    }
    buffer_char(encoder->out, '}');
}

static void encode_list(struct encoder *encoder, const struct field *field, const char *member)
{
    struct list list = load_list(member);
    if (list.count == 0 || list.count > (size_t)field->max) {
        ENCODER_REFUSE(encoder, field, ITEMS, field->max);
        return;
    }
    encoder->list = field;
    char before = '[';
    for (encoder->index = 0; encoder->index < list.count && !encoder->failed; encoder->index++) {
        buffer_char(encoder->out, before);
        before = ',';
        encode_item(encoder, field->items, (const char *)list.items + encoder->index * field->items->size);
    }
    buffer_char(encoder->out, ']');
    encoder->list = NULL;
}

static void encode_event(struct encoder *encoder, const char *payload)
{
    const struct shape *shape = &encoder->contract->shape;
    char before = '{';
    for (size_t i = 0; i < shape->field_count && !encoder->failed; i++) {
        const struct field *field = &shape->fields[i];
        const char *member = payload + field->offset;
        if (is_absent(field, member))
            continue;
        encode_name(encoder, field, &before);
        if (field->kind == FIELD_LIST)
            encode_list(encoder, field, member);
        else
            encode_value(encoder, field, member);
    }
    buffer_char(encoder->out, '}');
}

enum status contract_encode(const struct contract *contract, const void *payload, struct buffer *out,
                            struct error *error)
{
    struct encoder encoder = {.out = out, .contract = contract};
    size_t start = out->length;
    encode_event(&encoder, payload);
    if (!encoder.failed && !out->failed && out->length - start > JSON_BYTES_MAX) {
        error_set(&encoder.error, STATUS_INVALID, "%s v%d: is larger than %d bytes", contract->name,
                  contract->schema_version, JSON_BYTES_MAX);
        encoder.failed = true;
    }
    if (!encoder.failed)
        return buffer_ok(out, error);
    if (out->length > start) {
        out->length = start;
        out->data[start] = '\0';
    }
    return error_set(error, encoder.error.status, "%s", encoder.error.text);
}

enum status event_encode(const struct event *event, struct buffer *out, struct error *error)
{
    return contract_encode(contract_of(event->type), &event->order_placed, out, error);
}

/* ---- decode ---- */

struct decoder {
    struct json_reader reader;
    bool memory_ended;
};

/* One object on its way into a struct. */
struct record {
    const struct shape *shape;
    size_t expected;      /* index of the field that probably comes next: writers keep the table's order */
    bool is_out_of_order; /* the keys so far did not */
    uint32_t seen;        /* bit i: field i has a value */
};

static void refuse_for_memory(struct decoder *decoder)
{
    decoder->memory_ended = true;
    json_refuse(&decoder->reader, "out of memory"); /* stops the reader; the caller says it in its own words */
}

static bool is_named(const struct field *field, const char *key, size_t length)
{
    return field->name_length == length && memcmp(field->name, key, length) == 0;
}

/* The index of the field called `key`, or the number of fields when none is. */
static size_t find_field(const struct record *record, const char *key, size_t length)
{
    const struct shape *shape = record->shape;
    if (record->expected < shape->field_count && is_named(&shape->fields[record->expected], key, length))
        return record->expected;
    size_t i = 0;
    while (i < shape->field_count && !is_named(&shape->fields[i], key, length))
        i++;
    return i;
}

/* Names the first required field that was not there. */
static void check_complete(struct json_reader *reader, const struct record *record)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << record->shape->field_count) - 1);
    if (record->seen == all)
        return;
    for (size_t i = 0; i < record->shape->field_count; i++) {
        const struct field *field = &record->shape->fields[i];
        if (field->need == FIELD_REQUIRED && (record->seen & UINT32_C(1) << i) == 0) {
            json_refuse(reader, "%s is missing", field->name);
            return;
        }
    }
}

/* Where the writer kept the table's order, and left nothing out, the next key is known before it is looked at. */
static bool take_expected(struct json_reader *reader, struct record *record)
{
    if (record->is_out_of_order || record->expected == record->shape->field_count)
        return false;
    const struct field *field = &record->shape->fields[record->expected];
    return json_take_key(reader, field->name, field->name_length);
}

/* The index of the next field of ours, past unknown ones; the number of fields at the object's end. */
static size_t next_index(struct json_reader *reader, struct record *record)
{
    const char *key;
    size_t length;
    size_t index = record->expected;
    if (take_expected(reader, record))
        return index;
    while (json_next_key(reader, &key, &length)) {
        index = find_field(record, key, length);
        if (index == record->shape->field_count) {
            json_skip(reader);
            continue;
        }
        record->is_out_of_order = record->is_out_of_order || index < record->expected;
        return index;
    }
    return record->shape->field_count;
}

/* The next field whose value is to be read; passes over `null`, which says that an optional field is absent. NULL at
 * the end of the object, which is checked for completeness. */
static const struct field *next_field(struct json_reader *reader, struct record *record)
{
    size_t index;
    while ((index = next_index(reader, record)) < record->shape->field_count) {
        const struct field *field = &record->shape->fields[index];
        record->expected = index + 1;
        if (field->need == FIELD_OPTIONAL && json_peek(reader) == 'n') {
            json_skip(reader);
            continue;
        }
        record->seen |= UINT32_C(1) << index;
        return field;
    }
    check_complete(reader, record);
    return NULL;
}

static void decode_text(struct json_reader *reader, const struct field *field, char *member)
{
    const char *text;
    size_t length;
    if (!json_read_text(reader, &text, &length))
        return;
    if (length == 0 || length > (size_t)field->max)
        json_refuse(reader, BYTES, field->max);
    else if (!text_is_clean(text, length, (size_t)field->max))
        json_refuse(reader, CONTROLS);
    else
        memcpy(member, &text, sizeof(text));
}

static void decode_uuid(struct json_reader *reader, char *member)
{
    struct uuid id;
    if (json_read_uuid(reader, &id))
        memcpy(member, &id, sizeof(id));
}

static void decode_currency(struct json_reader *reader, char *member)
{
    const char *text;
    size_t length;
    if (!json_read_text(reader, &text, &length))
        return;
    struct currency currency = currency_from_code(text);
    if (currency.code[0] == '\0')
        json_refuse(reader, CURRENCY);
    else
        memcpy(member, &currency, sizeof(currency));
}

static void decode_integer(struct json_reader *reader, const struct field *field, char *member)
{
    int64_t number;
    if (!json_read_integer(reader, &number))
        return;
    if (!is_in_range(field, number))
        json_refuse(reader, RANGE, field->min, field->max);
    else
        memcpy(member, &number, sizeof(number));
}

static void decode_time(struct json_reader *reader, char *member)
{
    const char *text;
    size_t length;
    int64_t at_us;
    if (!json_read_text(reader, &text, &length))
        return;
    if (!time_from_text(text, &at_us)) /* it reads no other times than we write */
        json_refuse(reader, TIMESTAMP);
    else
        memcpy(member, &at_us, sizeof(at_us));
}

static void decode_value(struct json_reader *reader, const struct field *field, char *member)
{
    switch (field->kind) {
    case FIELD_UUID: decode_uuid(reader, member); break;
    case FIELD_TEXT: decode_text(reader, field, member); break;
    case FIELD_CURRENCY: decode_currency(reader, member); break;
    case FIELD_INTEGER: decode_integer(reader, field, member); break;
    case FIELD_TIME: decode_time(reader, member); break;
    case FIELD_FLAG: json_read_boolean(reader, (bool *)member); break;
    case FIELD_LIST: CHECK(false); break; /* decode_list's */
    }
}

static void decode_item(struct json_reader *reader, const struct shape *shape, char *item)
{
    struct record record = {.shape = shape};
    if (!json_enter_object(reader))
        return;
    const struct field *field;
    while ((field = next_field(reader, &record)) != NULL)
        decode_value(reader, field, item + field->offset);
}

static void decode_list(struct decoder *decoder, const struct field *field, char *member)
{
    struct json_reader *reader = &decoder->reader;
    const struct shape *shape = field->items;
    struct list list = {0};
    size_t room = 0;
    if (!json_enter_array(reader))
        return;
    while (json_next_element(reader)) {
        if (list.count == (size_t)field->max) {
            json_refuse(reader, ITEMS, field->max);
            return;
        }
        if (!list_grow(&list, &room, shape->size, reader->arena)) {
            refuse_for_memory(decoder);
            return;
        }
        decode_item(reader, shape, (char *)list.items + list.count * shape->size);
        list.count++;
    }
    if (list.count == 0)
        json_refuse(reader, ITEMS, field->max);
    memcpy(member, &list, sizeof(list));
}

static void decode_event(struct decoder *decoder, const struct shape *shape, char *payload)
{
    struct record record = {.shape = shape};
    CHECK(shape->field_count <= FIELDS_MAX);
    if (!json_enter_object(&decoder->reader))
        return;
    const struct field *field;
    while ((field = next_field(&decoder->reader, &record)) != NULL) {
        if (field->kind == FIELD_LIST)
            decode_list(decoder, field, payload + field->offset);
        else
            decode_value(&decoder->reader, field, payload + field->offset);
    }
}

/* The contract that data of this schema version was written under, which is not today's. */
static enum status find_old_contract(const struct contract *today, int schema_version, const struct contract **old,
                                     struct error *error)
{
    *old = contract_of_version(today->type, schema_version);
    if (*old == NULL && schema_version > today->schema_version)
        return error_set(error, STATUS_NEWER, "%s v%d: this program knows versions up to %d; use a newer one",
                         today->name, schema_version, today->schema_version);
    if (*old == NULL)
        return error_set(error, STATUS_INVALID, "%s v%d: there was never such a version", today->name, schema_version);
    return STATUS_OK;
}

enum status contract_decode(const struct contract *contract, const char *data, size_t length, struct arena *arena,
                            void *payload, struct error *error)
{
    struct decoder decoder;
    struct error inner;
    if (plain_decode(contract, data, length, arena, payload))
        return STATUS_OK;
    memset(payload, 0, contract->shape.size);
    decoder.memory_ended = false;
    json_read_start(&decoder.reader, data, length, arena);
    decode_event(&decoder, &contract->shape, payload);
    enum status status = json_read_finish(&decoder.reader, &inner);
    if (decoder.memory_ended || status == STATUS_MEMORY)
        return error_memory(error);
    if (status != STATUS_OK)
        return error_set(error, status, "%s v%d: %s", contract->name, contract->schema_version, inner.text);
    return STATUS_OK;
}

/* As contract_decode, and then raised, one version after the other, to that of `today`. */
static enum status decode_old(const struct contract *old, const struct contract *today, const char *data, size_t length,
                              struct currency currency, struct arena *arena, void *payload, struct error *error)
{
    void *from = arena_alloc(arena, old->shape.size);
    if (from == NULL)
        return error_memory(error);
    memset(from, 0, old->shape.size);
    enum status status = contract_decode(old, data, length, arena, from, error);
    while (status == STATUS_OK && old != today) {
        const struct contract *next = contract_of_version(old->type, old->schema_version + 1);
        struct error inner;
        void *to = next == today ? payload : arena_alloc(arena, next->shape.size);
        if (to == NULL)
            return error_memory(error);
        status = old->raise(from, currency, arena, to, &inner);
        if (status != STATUS_OK)
            error_set(error, status, "%s v%d: %s", old->name, old->schema_version, inner.text);
        old = next;
        from = to;
    }
    return status;
}

enum status event_decode(const char *type_name, int schema_version, const char *data, size_t length,
                         struct currency currency, struct arena *arena, struct event *event, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    const struct contract *today = contract_of_name(type_name);
    if (today == NULL)
        return error_set(error, STATUS_NOT_FOUND, "there is no event type \"%s\"", text_safe(safe, type_name));
    memset(event, 0, sizeof(*event));
    event->type = today->type;
    if (schema_version == today->schema_version)
        return contract_decode(today, data, length, arena, &event->order_placed, error);
    const struct contract *old;
    enum status status = find_old_contract(today, schema_version, &old, error);
    return status == STATUS_OK ? decode_old(old, today, data, length, currency, arena, &event->order_placed, error)
                               : status;
}
