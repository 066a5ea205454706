/* One walk over the text, with a small stack instead of recursion.
 *
 * The stack (`levels`) knows which object or array we are in, so that a failure can name its place; `seen` holds the
 * keys of all open objects, innermost last, so that a key that stands twice is found by comparing with the few before
 * it. A value that nobody wants goes through the same functions as one that is wanted, so nothing is checked less. */
#include "base/json.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    NUMBER_BYTES_MAX = 512,   /* a double of ours needs 24; this is room for whoever writes out all its zeros */
    EXPONENT_MAX = 1 << 20,   /* far past every double, far from overflowing */
    KEY_SHOWN_BYTES_MAX = 40, /* of a key in an error's path */
};

/* ---- failing ---- */

static const char *shown_key(char out[TEXT_SAFE_SIZE], const char *key, size_t length)
{
    size_t shown = length;
    if (shown > KEY_SHOWN_BYTES_MAX) {
        shown = KEY_SHOWN_BYTES_MAX;
        while (shown > 0 && ((unsigned char)key[shown] & 0xC0) == 0x80)
            shown--;
    }
    return text_safe_bytes(out, key, shown);
}

static void path_append(struct json_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);

static void path_append(struct json_reader *reader, const char *format, ...)
{
    const size_t used = strlen(reader->path);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->path + used, sizeof reader->path - used, format, arguments);
    va_end(arguments);
}

static void describe_path(struct json_reader *reader)
{
    reader->path[0] = '\0';
    for (int i = 0; i < reader->depth; i++) {
        const struct json_level *level = &reader->levels[i];
        char key[TEXT_SAFE_SIZE];
        if (!level->is_object && level->any)
            path_append(reader, "[%zu]", level->index);
        else if (level->is_object && level->key != NULL)
            path_append(reader, "%s%s", reader->path[0] == '\0' ? "" : ".",
                        shown_key(key, level->key, level->key_length));
    }
    text_trim_partial(reader->path);
}

static void fail(struct json_reader *reader, enum status status, const char *reason, va_list arguments)
{
    if (reader->failed)
        return;
    reader->failed = true;
    reader->status = status;
    (void)vsnprintf(reader->reason, sizeof reader->reason, reason, arguments);
    text_trim_partial(reader->reason);
    describe_path(reader);
}

bool json_refuse(struct json_reader *reader, const char *reason, ...)
{
    va_list arguments;
    va_start(arguments, reason);
    fail(reader, STATUS_INVALID, reason, arguments);
    va_end(arguments);
    return false;
}

static bool malformed(struct json_reader *reader, const char *reason, ...) PRINTF_LIKE(2, 3);

/* The text itself is wrong at `reader->at`: where no field can be named, the byte is. */
static bool malformed(struct json_reader *reader, const char *reason, ...)
{
    const bool first = !reader->failed;
    va_list arguments;
    va_start(arguments, reason);
    fail(reader, STATUS_INVALID, reason, arguments);
    va_end(arguments);
    if (first && reader->path[0] == '\0')
        path_append(reader, "at byte %zu", (size_t)(reader->at - reader->start) + 1);
    return false;
}

static bool out_of_memory(struct json_reader *reader)
{
    (void)json_refuse(reader, "out of memory");
    reader->status = STATUS_MEMORY;
    return false;
}

/* ---- single characters ---- */

static inline void skip_space(struct json_reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* Past `wanted` when it comes next. */
static inline bool take(struct json_reader *reader, char wanted)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static inline bool is_digit_at(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

char json_peek(struct json_reader *reader)
{
    if (reader->failed)
        return 0;
    skip_space(reader);
    if (reader->at == reader->end)
        return 0;
    switch (*reader->at) {
    case '{':
    case '[':
    case '"':
    case 't':
    case 'f':
    case 'n': return *reader->at;
    case '-': return '0';
    default: return is_digit_at(reader->at, reader->end) ? '0' : 0;
    }
}

static bool unexpected(struct json_reader *reader, const char *wanted)
{
    if (reader->failed)
        return false;
    if (reader->at == reader->end)
        return malformed(reader, "the text ends too early");
    return malformed(reader, "must be %s", wanted);
}

/* ---- strings ---- */

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* High bits where a byte of `eight` is less than `limit` (at most 128), exact up to the first such byte: the
 * classic from Sean Anderson's "Bit Twiddling Hacks". */
static inline uint64_t bytes_below(uint64_t eight, uint8_t limit)
{
    return (eight - EVERY_BYTE(limit)) & ~eight & EVERY_BYTE(0x80);
}

static inline bool is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && byte != '"' && byte != '\\';
}

/* The first quote, backslash or control character from `at` on, or `end`. `high` collects whether any byte on the way
 * was past ASCII. */
static inline const char *plain_end(const char *at, const char *end, uint64_t *high)
{
    uint64_t eight;
    while ((size_t)(end - at) >= sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        eight = le64toh(eight);
        const uint64_t stops = bytes_below(eight, 0x20) | bytes_below(eight ^ EVERY_BYTE('"'), 1) |
                               bytes_below(eight ^ EVERY_BYTE('\\'), 1);
        if (stops != 0) {
            const uint64_t before = (stops & -stops) - 1;
            *high |= eight & before & EVERY_BYTE(0x80);
            return at + __builtin_ctzll(stops) / 8;
        }
        *high |= eight & EVERY_BYTE(0x80);
        at += sizeof eight;
    }
    while (at < end && is_plain(*at))
        *high |= (unsigned char)*at++ & 0x80u;
    return at;
}

static bool read_hex4(const char *at, const char *end, uint32_t *unit)
{
    if (end - at < 4)
        return false;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char digit = at[i];
        if (digit >= '0' && digit <= '9')
            value = value << 4 | (uint32_t)(digit - '0');
        else if ((digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F'))
            value = value << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return false;
    }
    *unit = value;
    return true;
}

/* The escape \uXXXX, or the pair of them, at `at`: its length, or 0 and why not. */
static size_t decode_unicode_escape(const char *at, const char *end, uint32_t *codepoint, const char **why)
{
    uint32_t high, low;
    if (!read_hex4(at + 2, end, &high)) {
        *why = "holds a \\u without four hex digits";
        return 0;
    }
    if (high == 0) {
        *why = "holds \\u0000, which no text may";
        return 0;
    }
    *codepoint = high;
    if (high < 0xD800 || high > 0xDFFF)
        return 6;
    const bool is_pair = high <= 0xDBFF && end - at >= 12 && at[6] == '\\' && at[7] == 'u' &&
                         read_hex4(at + 8, end, &low) && low >= 0xDC00 && low <= 0xDFFF;
    if (!is_pair) {
        *why = "holds half a surrogate pair";
        return 0;
    }
    *codepoint = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

/* The escape at `at` (on its backslash): its length, or 0 and why not. */
static size_t decode_escape(const char *at, const char *end, uint32_t *codepoint, const char **why)
{
    const char kind = end - at < 2 ? '\0' : at[1];
    switch (kind) {
    case '"':
    case '\\':
    case '/': *codepoint = (unsigned char)kind; return 2;
    case 'b': *codepoint = '\b'; return 2;
    case 'f': *codepoint = '\f'; return 2;
    case 'n': *codepoint = '\n'; return 2;
    case 'r': *codepoint = '\r'; return 2;
    case 't': *codepoint = '\t'; return 2;
    case 'u': return decode_unicode_escape(at, end, codepoint, why);
    default: *why = "holds an escape that JSON does not know"; return 0;
    }
}

static size_t encode(uint32_t codepoint, char *out)
{
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    if (codepoint < 0x800) {
        out[0] = (char)(0xC0 | codepoint >> 6);
        out[1] = (char)(0x80 | (codepoint & 0x3F));
        return 2;
    }
    if (codepoint < 0x10000) {
        out[0] = (char)(0xE0 | codepoint >> 12);
        out[1] = (char)(0x80 | (codepoint >> 6 & 0x3F));
        out[2] = (char)(0x80 | (codepoint & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | codepoint >> 18);
    out[1] = (char)(0x80 | (codepoint >> 12 & 0x3F));
    out[2] = (char)(0x80 | (codepoint >> 6 & 0x3F));
    out[3] = (char)(0x80 | (codepoint & 0x3F));
    return 4;
}

static bool malformed_at(struct json_reader *reader, const char *at, const char *why)
{
    reader->at = at;
    return malformed(reader, "%s", why);
}

/* A string between its quotes, as it stands in the text. */
struct raw_string {
    struct json_key raw;
    bool escaped;
};

/* Past the string whose quote comes next, checking all of it. */
static bool scan_string(struct json_reader *reader, struct raw_string *string)
{
    const char *at = reader->at + 1;
    string->raw.text = at;
    string->escaped = false;
    for (;;) {
        uint64_t high = 0;
        const char *stop = plain_end(at, reader->end, &high);
        if (high != 0 && !text_is_utf8(at, (size_t)(stop - at)))
            return malformed_at(reader, at, "holds bytes that are not UTF-8");
        if (stop == reader->end)
            return malformed_at(reader, stop, "the text ends inside a string");
        if (*stop == '"') {
            string->raw.length = (size_t)(stop - string->raw.text);
            reader->at = stop + 1;
            return true;
        }
        if (*stop != '\\')
            return malformed_at(reader, stop, "holds a control character that is not escaped");

        uint32_t codepoint;
        const char *why;
        const size_t taken = decode_escape(stop, reader->end, &codepoint, &why);
        if (taken == 0)
            return malformed_at(reader, stop, why);
        string->escaped = true;
        at = stop + taken;
    }
}

/* Decodes a string that scan_string accepted into the arena. */
static bool unescape(struct json_reader *reader, struct json_key raw, struct json_key *text)
{
    /* Every escape is longer than what it stands for, so the raw length is room enough. */
    char *copy = arena_copy_text(reader->arena, raw.text, raw.length);
    if (copy == NULL)
        return out_of_memory(reader);

    const char *end = raw.text + raw.length;
    char *out = copy;
    for (const char *at = raw.text; at < end;) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        uint32_t codepoint = 0;
        const char *why = NULL;
        const size_t taken = decode_escape(at, end, &codepoint, &why);
        CHECK(taken > 0);
        at += taken;
        out += encode(codepoint, out);
    }
    *out = '\0';
    *text = (struct json_key){copy, (size_t)(out - copy)};
    return true;
}

bool json_read_text(struct json_reader *reader, const char **text, size_t *length)
{
    *text = "";
    *length = 0;
    struct raw_string string;
    if (json_peek(reader) != '"')
        return unexpected(reader, "a text");
    if (!scan_string(reader, &string))
        return false;

    struct json_key value = string.raw;
    if (!string.escaped) {
        value.text = arena_copy_text(reader->arena, value.text, value.length);
        if (value.text == NULL)
            return out_of_memory(reader);
    } else if (!unescape(reader, string.raw, &value)) {
        return false;
    }
    *text = value.text;
    *length = value.length;
    return true;
}

/* ---- objects and arrays ---- */

void json_read_start(struct json_reader *reader, const char *text, size_t length, struct arena *arena)
{
    /* Field by field: the stacks are large and need no zeroes. */
    reader->start = reader->at = text;
    reader->end = text + length;
    reader->arena = arena;
    reader->depth = 0;
    reader->seen_count = 0;
    reader->failed = false;
    reader->status = STATUS_OK;
    reader->reason[0] = reader->path[0] = '\0';

    if (length > JSON_BYTES_MAX)
        (void)json_refuse(reader, "the text is longer than %d bytes", JSON_BYTES_MAX);
    else if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        (void)malformed(reader, "a byte order mark stands before the value: save the text without one");
}

static bool enter(struct json_reader *reader, bool is_object)
{
    if (reader->depth == JSON_DEPTH_MAX)
        return malformed(reader, "is nested deeper than %d levels", JSON_DEPTH_MAX);
    reader->at++;
    struct json_level *level = &reader->levels[reader->depth++];
    level->is_object = is_object;
    level->any = false;
    level->index = 0;
    level->key = NULL;
    level->key_length = 0;
    level->first_key = reader->seen_count;
    return true;
}

bool json_enter_object(struct json_reader *reader)
{
    return json_peek(reader) == '{' ? enter(reader, true) : unexpected(reader, "an object");
}

bool json_enter_array(struct json_reader *reader)
{
    return json_peek(reader) == '[' ? enter(reader, false) : unexpected(reader, "an array");
}

static struct json_level *innermost(struct json_reader *reader, bool is_object)
{
    CHECK(reader->depth > 0);
    struct json_level *level = &reader->levels[reader->depth - 1];
    CHECK(level->is_object == is_object);
    return level;
}

static bool leave(struct json_reader *reader)
{
    reader->depth--;
    reader->seen_count = reader->levels[reader->depth].first_key;
    return false;
}

/* Notes a key of the innermost object, unless that object has it already. */
static bool remember_key(struct json_reader *reader, const struct json_level *level, struct json_key key)
{
    char shown[TEXT_SAFE_SIZE];
    for (size_t i = level->first_key; i < reader->seen_count; i++) {
        const struct json_key *other = &reader->seen[i];
        if (other->length == key.length && memcmp(other->text, key.text, key.length) == 0)
            return malformed(reader, "the key \"%s\" stands twice", shown_key(shown, key.text, key.length));
    }
    if (reader->seen_count == JSON_KEYS_MAX)
        return malformed(reader, "too many keys: at most %d in all open objects", JSON_KEYS_MAX);
    reader->seen[reader->seen_count++] = key;
    return true;
}

/* The key and its colon. */
static bool read_key(struct json_reader *reader, struct json_level *level)
{
    struct raw_string string;
    if (json_peek(reader) != '"')
        return reader->at == reader->end ? malformed(reader, "the text ends too early")
                                         : malformed(reader, "a key in quotes must stand here");
    if (!scan_string(reader, &string))
        return false;
    struct json_key key = string.raw;
    if (string.escaped && !unescape(reader, string.raw, &key))
        return false;
    if (!remember_key(reader, level, key))
        return false;
    if (!take(reader, ':'))
        return malformed(reader, "a ':' must stand after a key");
    level->key = key.text;
    level->key_length = key.length;
    return true;
}

bool json_next_key(struct json_reader *reader, const char **key, size_t *length)
{
    *key = "";
    *length = 0;
    if (reader->failed)
        return false;

    struct json_level *level = innermost(reader, true);
    level->key = NULL; /* what is wrong between two keys belongs to neither */
    if (take(reader, '}'))
        return leave(reader);
    if (level->any && !take(reader, ','))
        return malformed(reader, "a ',' or '}' must stand after a value");
    level->any = true;
    if (!read_key(reader, level))
        return false;
    *key = level->key;
    *length = level->key_length;
    return true;
}

bool json_next_element(struct json_reader *reader)
{
    if (reader->failed)
        return false;

    struct json_level *level = innermost(reader, false);
    if (take(reader, ']'))
        return leave(reader);
    if (level->any && !take(reader, ','))
        return malformed(reader, "a ',' or ']' must stand after a value");
    if (level->any)
        level->index++;
    level->any = true;
    return true;
}

/* ---- numbers and literals ---- */

struct number {
    bool is_integer;
    int64_t integer;
};

/* Whether a number of RFC 8259's grammar is a finite double. The point is taken out first, because what strtod takes
 * for one depends on the locale: 12.5e3 becomes 125e2. */
static bool is_finite(const char *text, size_t length)
{
    char copy[NUMBER_BYTES_MAX + 1];
    char plain[NUMBER_BYTES_MAX + 32];
    CHECK(length <= NUMBER_BYTES_MAX);
    memcpy(copy, text, length);
    copy[length] = '\0';

    size_t used = 0;
    long exponent = 0;
    const char *at = copy;
    bool past_point = false;
    for (; *at != '\0' && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            past_point = true;
            continue;
        }
        plain[used++] = *at;
        exponent -= past_point;
    }
    if (*at != '\0') {
        const long written = strtol(at + 1, NULL, 10);
        exponent += written > EXPONENT_MAX ? EXPONENT_MAX : written < -EXPONENT_MAX ? -EXPONENT_MAX : written;
    }
    (void)snprintf(plain + used, sizeof plain - used, "e%ld", exponent);
    return isfinite(strtod(plain, NULL));
}

/* Past one or more digits. */
static bool scan_digits(struct json_reader *reader)
{
    if (!is_digit_at(reader->at, reader->end))
        return malformed(reader, "is a number with a digit missing");
    while (is_digit_at(reader->at, reader->end))
        reader->at++;
    return true;
}

/* Past what makes a number no integer: ".5", "e3", ".5E-3". `start` is where the number starts. */
static bool scan_fraction(struct json_reader *reader, const char *start)
{
    if (*reader->at == '.') {
        reader->at++;
        if (!scan_digits(reader))
            return false;
    }
    if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        if (!scan_digits(reader))
            return false;
    }
    const size_t length = (size_t)(reader->at - start);
    if (length > NUMBER_BYTES_MAX)
        return malformed(reader, "is a number of more than %d characters", NUMBER_BYTES_MAX);
    return is_finite(start, length) || malformed(reader, "is a number too large for a double");
}

/* Past the number that comes next. */
static bool scan_number(struct json_reader *reader, struct number *number)
{
    const char *start = reader->at;
    const bool negative = *start == '-';
    const char *digits = start + negative;
    reader->at = digits;
    if (!scan_digits(reader))
        return false;
    if (*digits == '0' && reader->at > digits + 1)
        return malformed_at(reader, start, "is a number that starts with a needless 0");
    number->is_integer = reader->at == reader->end || (*reader->at != '.' && (*reader->at | 0x20) != 'e');
    if (!number->is_integer)
        return scan_fraction(reader, start);

    int64_t value = 0;
    for (const char *at = digits; at < reader->at && value <= JSON_INTEGER_MAX; at++)
        value = value * 10 + (*at - '0');
    if (value > JSON_INTEGER_MAX)
        return malformed_at(reader, start, "must be an integer of at most 4503599627370495 either way");
    number->integer = negative ? -value : value;
    return true;
}

bool json_read_integer(struct json_reader *reader, int64_t *number)
{
    *number = 0;
    struct number read;
    if (json_peek(reader) != '0')
        return unexpected(reader, "an integer");
    if (!scan_number(reader, &read))
        return false;
    if (!read.is_integer)
        return malformed(reader, "must be an integer, without a fraction or exponent");
    *number = read.integer;
    return true;
}

/* Past `word` when it comes next. */
static bool take_word(struct json_reader *reader, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

bool json_read_boolean(struct json_reader *reader, bool *value)
{
    *value = false;
    const char next = json_peek(reader);
    if (next == 't' && take_word(reader, "true")) {
        *value = true;
        return true;
    }
    if (next == 'f' && take_word(reader, "false"))
        return true;
    return unexpected(reader, "true or false");
}

/* ---- whole values ---- */

/* Past a value without parts, or into an object or array. */
static bool skip_start(struct json_reader *reader)
{
    struct raw_string string;
    struct number number;
    bool value;
    switch (json_peek(reader)) {
    case '{': return enter(reader, true);
    case '[': return enter(reader, false);
    case '"': return scan_string(reader, &string);
    case '0': return scan_number(reader, &number);
    case 't':
    case 'f': return json_read_boolean(reader, &value);
    case 'n': return take_word(reader, "null") || unexpected(reader, "null");
    default: return unexpected(reader, "a JSON value");
    }
}

bool json_skip(struct json_reader *reader)
{
    const int outside = reader->depth;
    (void)skip_start(reader);
    while (!reader->failed && reader->depth > outside) {
        const char *key;
        size_t length;
        const bool in_object = reader->levels[reader->depth - 1].is_object;
        if (in_object ? json_next_key(reader, &key, &length) : json_next_element(reader))
            (void)skip_start(reader);
    }
    return !reader->failed;
}

enum status json_read_finish(struct json_reader *reader, struct error *error)
{
    if (!reader->failed) {
        skip_space(reader);
        if (reader->depth > 0)
            (void)malformed(reader, "the value was not read to its end");
        else if (reader->at != reader->end)
            (void)malformed(reader, "something stands after the value");
        else
            return STATUS_OK;
    }
    if (reader->status == STATUS_MEMORY)
        return error_memory(error);
    return error_set(error, reader->status, "%s%s%s", reader->path, reader->path[0] == '\0' ? "" : ": ",
                     reader->reason);
}

enum status json_check(const char *text, size_t length, struct error *error)
{
    struct arena arena = {0};
    struct json_reader reader;
    json_read_start(&reader, text, length, &arena);
    (void)json_skip(&reader);
    const enum status status = json_read_finish(&reader, error);
    arena_clear(&arena);
    return status;
}

/* ---- writing ---- */

static void write_escape(struct buffer *out, char byte)
{
    switch (byte) {
    case '"': buffer_text(out, "\\\""); break;
    case '\\': buffer_text(out, "\\\\"); break;
    case '\b': buffer_text(out, "\\b"); break;
    case '\f': buffer_text(out, "\\f"); break;
    case '\n': buffer_text(out, "\\n"); break;
    case '\r': buffer_text(out, "\\r"); break;
    case '\t': buffer_text(out, "\\t"); break;
    default: buffer_format(out, "\\u%04x", (unsigned)(unsigned char)byte); break;
    }
}

void json_write_text(struct buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    buffer_char(out, '"');
    while (text < end) {
        uint64_t high = 0;
        const char *stop = plain_end(text, end, &high);
        CHECK(high == 0 || text_is_utf8(text, (size_t)(stop - text)));
        buffer_append(out, text, (size_t)(stop - text));
        if (stop < end)
            write_escape(out, *stop++);
        text = stop;
    }
    buffer_char(out, '"');
}
