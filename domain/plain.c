#include "domain/plain.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "domain/list.h"
#include "domain/money.h"

enum {
    DIGITS_MAX = 15,                  /* of an integer: within what JSON allows us, whatever they are */
    AROUND_NAME = sizeof "\"\":" - 1, /* in a field's `spelled` */
    UUID_LENGTH = UUID_TEXT_SIZE - 1,
};

/* What is still to be read. */
struct plain {
    const char *at, *end;
    struct arena *arena;
};

static inline size_t left(const struct plain *in)
{
    return (size_t)(in->end - in->at);
}

static inline bool take_char(struct plain *in, char wanted)
{
    if (in->at == in->end || *in->at != wanted)
        return false;
    in->at++;
    return true;
}

/* ---- values ---- */

/* A text between quotes, without escapes. `odd` is 0 when all of it is printable ASCII. */
static inline bool take_quoted(struct plain *in, const char **text, size_t *length, uint64_t *odd)
{
    if (!take_char(in, '"'))
        return false;
    *odd = 0;
    *text = in->at;
    in->at = json_plain_end(in->at, in->end, odd);
    *length = (size_t)(in->at - *text);
    return take_char(in, '"');
}

static bool take_text(struct plain *in, const struct field *field, char *member)
{
    const char *text;
    size_t length;
    uint64_t odd;
    if (!take_quoted(in, &text, &length, &odd) || length == 0 || length > (size_t)field->max)
        return false;
    if (odd != 0 && !text_is_clean(text, length, (size_t)field->max))
        return false;
    const char *copy = arena_copy_text(in->arena, text, length);
    memcpy(member, &copy, sizeof(copy));
    return copy != NULL;
}

static bool take_uuid(struct plain *in, char *member)
{
    struct uuid id;
    if (left(in) < UUID_LENGTH + 2 || in->at[0] != '"' || in->at[UUID_LENGTH + 1] != '"' ||
        !uuid_from_canonical(in->at + 1, UUID_LENGTH, &id))
        return false;
    memcpy(member, &id, sizeof(id));
    in->at += UUID_LENGTH + 2;
    return true;
}

static bool take_currency(struct plain *in, char *member)
{
    struct currency currency = {0};
    const char *text;
    size_t length;
    uint64_t odd;
    if (!take_quoted(in, &text, &length, &odd) || length != sizeof(currency.code) - 1)
        return false;
    memcpy(currency.code, text, length);
    currency = currency_from_code(currency.code);
    memcpy(member, &currency, sizeof(currency));
    return currency.code[0] != '\0';
}

static bool take_integer(struct plain *in, const struct field *field, char *member)
{
    const char *first = in->at;
    int64_t number = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - first < DIGITS_MAX)
        number = 10 * number + (*in->at++ - '0');
    if (in->at == first || (*first == '0' && in->at > first + 1) || number < field->min || number > field->max)
        return false;
    memcpy(member, &number, sizeof(number));
    return true;
}

static bool take_time(struct plain *in, char *member)
{
    char copy[TIME_TEXT_SIZE];
    const char *text;
    size_t length;
    uint64_t odd;
    int64_t at_us;
    if (!take_quoted(in, &text, &length, &odd) || length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!time_from_text(copy, &at_us))
        return false;
    memcpy(member, &at_us, sizeof(at_us));
    return true;
}

static bool take_flag(struct plain *in, char *member)
{
    static const char word[] = "true"; /* a false one is absent */
    if (left(in) < sizeof(word) - 1 || memcmp(in->at, word, sizeof(word) - 1) != 0)
        return false;
    in->at += sizeof(word) - 1;
    *(bool *)member = true;
    return true;
}

static bool take_record(struct plain *in, const struct shape *shape, char *record);

static bool take_list(struct plain *in, const struct field *field, char *member)
{
    const size_t size = field->items->size;
    struct list list = {0};
    size_t room = 0;
    for (char bracket = '['; take_char(in, bracket); bracket = ',') {
        if (list.count == (size_t)field->max || !list_grow(&list, &room, size, in->arena) ||
            !take_record(in, field->items, (char *)list.items + list.count * size))
            return false;
        list.count++;
    }
    memcpy(member, &list, sizeof(list));
    return list.count > 0 && take_char(in, ']');
}

static bool take_value(struct plain *in, const struct field *field, char *member)
{
    switch (field->kind) {
    case FIELD_UUID: return take_uuid(in, member);
    case FIELD_TEXT: return take_text(in, field, member);
    case FIELD_CURRENCY: return take_currency(in, member);
    case FIELD_INTEGER: return take_integer(in, field, member);
    case FIELD_TIME: return take_time(in, member);
    case FIELD_FLAG: return take_flag(in, member);
    case FIELD_LIST: break;
    }
    return take_list(in, field, member);
}

/* ---- fields ---- */

/* The field's name, what stands before it and the colon behind it; `*before` becomes the comma before the next. */
static inline bool take_name(struct plain *in, const struct field *field, char *before)
{
    const size_t spelled = field->name_length + AROUND_NAME;
    if (left(in) < 1 + spelled || *in->at != *before || memcmp(in->at + 1, field->spelled, spelled) != 0)
        return false;
    in->at += 1 + spelled;
    *before = ',';
    return true;
}

/* True as well for an optional field that is absent. */
static inline bool take_field(struct plain *in, const struct field *field, char *before, char *record)
{
    if (!take_name(in, field, before))
        return field->need == FIELD_OPTIONAL;
    return take_value(in, field, record + field->offset);
}

static bool take_record(struct plain *in, const struct shape *shape, char *record)
{
    char before = '{';
    for (size_t i = 0; i < shape->field_count; i++)
        if (!take_field(in, &shape->fields[i], &before, record))
            return false;
    return before == ',' && take_char(in, '}');
}

bool plain_decode(const struct contract *contract, const char *data, size_t length, struct arena *arena, void *payload)
{
    struct plain in = {data, data + length, arena};
    return length <= JSON_BYTES_MAX && take_record(&in, &contract->shape, payload) && in.at == in.end;
}
