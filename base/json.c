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
        while (((unsigned char)key[shown] & 0xC0) == 0x80) /* a key is UTF-8: its first byte begins a character */
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
    va_list arguments;
    va_start(arguments, reason);
    fail(reader, STATUS_INVALID, reason, arguments);
    va_end(arguments);
    if (reader->path[0] == '\0')
        path_append(reader, "at byte %zu", (size_t)(reader->at - reader->start) + 1);
    return false;
}

static bool out_of_memory(struct json_reader *reader)
{
    (void)json_refuse(reader, "out of memory");
    reader->status = STATUS_MEMORY;
    return false;
}

static bool malformed_at(struct json_reader *reader, const char *at, const char *why)
{
    reader->at = at;
    return malformed(reader, "%s", at == reader->end ? "the text ends too early" : why);
}

/* ---- single characters ---- */

static inline bool is_space(char byte)
{
    return byte <= ' ' && (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t');
}

/* The helpers of the hot path take the place in the text and give back the place after, instead of moving `reader->at`:
 * a register is quicker than a store and a load for each character. */
static inline const char *after_space(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

static inline bool is_at(const char *at, const char *end, char wanted)
{
    return at < end && *at == wanted;
}

static inline bool is_digit_at(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static inline char peek(struct json_reader *reader)
{
    if (reader->failed)
        return 0;
    const char *at = after_space(reader->at, reader->end);
    reader->at = at;
    if (at == reader->end)
        return 0;
    switch (*at) {
    case '{':
    case '[':
    case '"':
    case 't':
    case 'f':
    case 'n': return *at;
    case '-': return '0';
    default: return is_digit_at(at, reader->end) ? '0' : 0;
    }
}

char json_peek(struct json_reader *reader)
{
    return peek(reader);
}

static bool unexpected(struct json_reader *reader, const char *wanted)
{
    if (reader->failed)
        return false;
    if (reader->at == reader->end)
        return malformed_at(reader, reader->at, "");
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

/* High bits where a byte of `eight` is DEL or past ASCII, exact up to the first such byte. */
static inline uint64_t not_printable(uint64_t eight)
{
    return (eight | (eight + EVERY_BYTE(1))) & EVERY_BYTE(0x80);
}

static inline bool is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && byte != '"' && byte != '\\';
}

const char *json_plain_end(const char *at, const char *end, uint64_t *odd)
{
    uint64_t eight;
    while ((size_t)(end - at) >= sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        eight = le64toh(eight);
        const uint64_t stops = bytes_below(eight, 0x20) | bytes_below(eight ^ EVERY_BYTE('"'), 1) |
                               bytes_below(eight ^ EVERY_BYTE('\\'), 1);
        if (stops != 0) {
            const uint64_t before = (stops & -stops) - 1;
            *odd |= not_printable(eight) & before;
            return at + __builtin_ctzll(stops) / 8;
        }
        *odd |= not_printable(eight);
        at += sizeof eight;
    }
    while (at < end && is_plain(*at))
        *odd |= not_printable((unsigned char)*at++);
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
    const int kind = end - at < 2 ? '\0' : at[1];
    switch (kind) {
    case '"':
    case '\\':
    case '/': *codepoint = (uint32_t)kind; return 2;
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

/* Past the rest of a string from `at` on, checking all of it; the end is on its closing quote, or NULL. */
static const char *scan_to_quote(struct json_reader *reader, const char *at)
{
    for (;;) {
        uint64_t odd = 0;
        const char *stop = json_plain_end(at, reader->end, &odd);
        const char *why = NULL;
        if (odd != 0 && !text_is_utf8(at, (size_t)(stop - at))) {
            why = "holds bytes that are not UTF-8";
            stop = at;
        } else if (stop == reader->end)
            why = "";
        else if (*stop == '"')
            return stop;
        else if (*stop != '\\')
            why = "holds a control character that is not escaped";

        uint32_t codepoint;
        const size_t taken = why != NULL ? 0 : decode_escape(stop, reader->end, &codepoint, &why);
        if (taken == 0) {
            (void)malformed_at(reader, stop, why);
            return NULL;
        }
        reader->escaped = true;
        at = stop + taken;
    }
}

/* The string whose opening quote is at `at`, checked: its closing quote, or NULL. `reader->escaped` says whether it
 * must be decoded. */
static inline const char *scan_string(struct json_reader *reader, const char *at)
{
    uint64_t odd = 0;
    reader->escaped = false;
    const char *stop = json_plain_end(at + 1, reader->end, &odd);
    return odd == 0 && is_at(stop, reader->end, '"') ? stop : scan_to_quote(reader, at + 1);
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

/* As json_read_text, but not NUL-terminated, and borrowed from the text where it holds no escape. */
static bool read_borrowed(struct json_reader *reader, const char **text, size_t *length)
{
    *text = "";
    *length = 0;
    if (peek(reader) != '"')
        return unexpected(reader, "a text");
    const char *start = reader->at + 1;
    const char *quote = scan_string(reader, reader->at);
    if (quote == NULL)
        return false;
    reader->at = quote + 1;

    struct json_key value = {start, (size_t)(quote - start)};
    if (reader->escaped && !unescape(reader, value, &value))
        return false;
    *text = value.text;
    *length = value.length;
    return true;
}

/* Where a quote stands where one ends an id, and all between is one, it needs no look for quotes and escapes. */
bool json_read_uuid(struct json_reader *reader, struct uuid *id)
{
    enum { LENGTH = UUID_TEXT_SIZE - 1 };
    const char *at = reader->at, *text;
    size_t length;
    *id = (struct uuid){0};
    if (!reader->failed && reader->end - at >= LENGTH + 2 && at[0] == '"' && at[LENGTH + 1] == '"' &&
        uuid_from_canonical(at + 1, LENGTH, id)) {
        reader->at = at + LENGTH + 2;
        return true;
    }
    if (!read_borrowed(reader, &text, &length))
        return false;
    return uuid_from_canonical(text, length, id) ? true : json_refuse(reader, "must be a UUID in lower case");
}

bool json_read_text(struct json_reader *reader, const char **text, size_t *length)
{
    if (!read_borrowed(reader, text, length))
        return false;
    if (!reader->escaped)
        *text = arena_copy_text(reader->arena, *text, *length);
    if (*text != NULL)
        return true;
    *text = "";
    *length = 0;
    return out_of_memory(reader);
}

/* ---- objects and arrays ---- */

void json_read_start(struct json_reader *reader, const char *text, size_t length, struct arena *arena)
{
    json_read_start_long(reader, text, length, JSON_BYTES_MAX, arena);
}

void json_read_start_long(struct json_reader *reader, const char *text, size_t length, size_t bytes_max,
                          struct arena *arena)
{
    /* Field by field: the stacks are large and need no zeroes. */
    reader->start = reader->at = text;
    reader->end = text + length;
    reader->arena = arena;
    reader->depth = 0;
    reader->seen_count = 0;
    reader->failed = false; /* status is what it failed with */
    reader->reason[0] = reader->path[0] = '\0';

    if (length > bytes_max)
        (void)json_refuse(reader, "the text is longer than %zu bytes", bytes_max);
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
    return peek(reader) == '{' ? enter(reader, true) : unexpected(reader, "an object");
}

bool json_enter_array(struct json_reader *reader)
{
    return peek(reader) == '[' ? enter(reader, false) : unexpected(reader, "an array");
}

static struct json_level *innermost(struct json_reader *reader, bool is_object)
{
    CHECK(reader->depth > 0);
    struct json_level *level = &reader->levels[reader->depth - 1];
    CHECK(level->is_object == is_object);
    return level;
}

/* `at` is on the closing bracket. */
static void leave(struct json_reader *reader, const char *at)
{
    reader->at = at + 1;
    reader->depth--;
    reader->seen_count = reader->levels[reader->depth].first_key;
}

/* Notes a key of the innermost object, unless that object has it already. */
static bool remember_key(struct json_reader *reader, struct json_key key)
{
    char shown[TEXT_SAFE_SIZE];
    const size_t first = reader->levels[reader->depth - 1].first_key;
    for (size_t i = first; i < reader->seen_count; i++) {
        const struct json_key *other = &reader->seen[i];
        if (other->length == key.length && memcmp(other->text, key.text, key.length) == 0)
            return malformed(reader, "the key \"%s\" stands twice", shown_key(shown, key.text, key.length));
    }
    if (reader->seen_count == JSON_KEYS_MAX)
        return malformed(reader, "too many keys: at most %d in all open objects", JSON_KEYS_MAX);
    reader->seen[reader->seen_count++] = key;
    return true;
}

/* Past the key at `at` and its colon. The level learns the key last, so that a failure here names the object. */
static bool read_key(struct json_reader *reader, struct json_level *level, const char *at)
{
    if (!is_at(at, reader->end, '"'))
        return malformed_at(reader, at, "a key in quotes must stand here");
    const char *quote = scan_string(reader, at);
    if (quote == NULL)
        return false;
    struct json_key key = {at + 1, (size_t)(quote - at - 1)};
    reader->at = at;
    if (reader->escaped && !unescape(reader, key, &key))
        return false;
    if (!remember_key(reader, key))
        return false;

    at = after_space(quote + 1, reader->end);
    if (!is_at(at, reader->end, ':'))
        return malformed_at(reader, at, "a ':' must stand after a key");
    reader->at = at + 1;
    level->any = true;
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
    const char *at = after_space(reader->at, reader->end);
    if (is_at(at, reader->end, '}')) {
        leave(reader, at);
        return false;
    }
    if (level->any) {
        if (!is_at(at, reader->end, ','))
            return malformed_at(reader, at, "a ',' or '}' must stand after a value");
        at = after_space(at + 1, reader->end);
    }
    if (!read_key(reader, level, at))
        return false;
    *key = level->key;
    *length = level->key_length;
    return true;
}

bool json_take_key(struct json_reader *reader, const char *key, size_t length)
{
    if (reader->failed || reader->seen_count == JSON_KEYS_MAX)
        return false;
    struct json_level *level = innermost(reader, true);
    const char *at = reader->at;
    const size_t spelled = length + sizeof ",\"\":" - 1 - !level->any;
    if ((size_t)(reader->end - at) < spelled || (level->any && *at++ != ','))
        return false;
    if (at[0] != '"' || memcmp(at + 1, key, length) != 0 || at[length + 1] != '"' || at[length + 2] != ':')
        return false;
    level->any = true;
    level->key = at + 1;
    level->key_length = length;
    reader->seen[reader->seen_count++] = (struct json_key){level->key, length};
    reader->at = at + length + 3;
    return true;
}

bool json_next_element(struct json_reader *reader)
{
    if (reader->failed)
        return false;

    struct json_level *level = innermost(reader, false);
    const char *at = after_space(reader->at, reader->end);
    if (is_at(at, reader->end, ']')) {
        leave(reader, at);
        return false;
    }
    if (level->any) {
        if (!is_at(at, reader->end, ','))
            return malformed_at(reader, at, "a ',' or ']' must stand after a value");
        at++;
        level->index++;
    }
    level->any = true;
    reader->at = at;
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

/* Past one or more digits, or NULL. */
static const char *scan_digits(struct json_reader *reader, const char *at)
{
    if (!is_digit_at(at, reader->end)) {
        (void)malformed_at(reader, at, "is a number with a digit missing");
        return NULL;
    }
    while (is_digit_at(at, reader->end))
        at++;
    return at;
}

/* Past what makes a number no integer: ".5", "e3", ".5E-3". `start` is where the number starts. */
static bool scan_fraction(struct json_reader *reader, const char *start, const char *at)
{
    if (*at == '.') {
        at = scan_digits(reader, at + 1);
        if (at == NULL)
            return false;
    }
    if (is_at(at, reader->end, 'e') || is_at(at, reader->end, 'E')) {
        at++;
        if (is_at(at, reader->end, '+') || is_at(at, reader->end, '-'))
            at++;
        at = scan_digits(reader, at);
        if (at == NULL)
            return false;
    }
    if (at - start > NUMBER_BYTES_MAX)
        return malformed(reader, "is a number of more than %d characters", NUMBER_BYTES_MAX);
    if (!is_finite(start, (size_t)(at - start)))
        return malformed(reader, "is a number too large for a double");
    reader->at = at;
    return true;
}

/* Past the number that comes next. */
static bool scan_number(struct json_reader *reader, struct number *number)
{
    const char *start = reader->at;
    const char *digits = *start == '-' ? start + 1 : start;
    const char *at = digits;
    int64_t value = 0;
    for (; is_digit_at(at, reader->end); at++) {
        if (value <= JSON_INTEGER_MAX) /* once past it, it stays there */
            value = value * 10 + (*at - '0');
    }
    if (at == digits)
        return malformed_at(reader, at, "is a number with a digit missing");
    if (*digits == '0' && at > digits + 1)
        return malformed(reader, "is a number that starts with a needless 0");
    number->is_integer = !is_at(at, reader->end, '.') && !is_at(at, reader->end, 'e') && !is_at(at, reader->end, 'E');
    if (!number->is_integer)
        return scan_fraction(reader, start, at);
    if (value > JSON_INTEGER_MAX)
        return malformed(reader, "must be an integer of at most 4503599627370495 either way");
    number->integer = digits == start ? value : -value;
    reader->at = at;
    return true;
}

bool json_read_integer(struct json_reader *reader, int64_t *number)
{
    *number = 0;
    struct number read;
    if (peek(reader) != '0')
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
    const char next = peek(reader);
    if (next == 't' && take_word(reader, "true")) {
        *value = true;
        return true;
    }
    if (next == 'f' && take_word(reader, "false"))
        return true;
    return unexpected(reader, "true or false");
}

/* ---- whole values ---- */

static bool skip_string(struct json_reader *reader)
{
    const char *quote = scan_string(reader, reader->at);
    if (quote == NULL)
        return false;
    reader->at = quote + 1;
    return true;
}

/* Past a value without parts, or into an object or array. */
static bool skip_start(struct json_reader *reader)
{
    struct number number;
    bool value;
    switch (peek(reader)) {
    case '{': return enter(reader, true);
    case '[': return enter(reader, false);
    case '"': return skip_string(reader);
    case '0': return scan_number(reader, &number);
    case 't':
    case 'f': return json_read_boolean(reader, &value);
    case 'n':
        if (take_word(reader, "null"))
            return true;
        return unexpected(reader, "null");
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

bool json_read_raw(struct json_reader *reader, const char **json, size_t *length)
{
    (void)peek(reader);
    *json = reader->at;
    const bool is_read = json_skip(reader);
    *length = is_read ? (size_t)(reader->at - *json) : 0;
    return is_read;
}

enum status json_read_finish(struct json_reader *reader, struct error *error)
{
    if (!reader->failed) {
        reader->at = after_space(reader->at, reader->end);
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
        uint64_t odd = 0;
        const char *stop = json_plain_end(text, end, &odd);
        CHECK(odd == 0 || text_is_utf8(text, (size_t)(stop - text)));
        buffer_append(out, text, (size_t)(stop - text));
        if (stop < end)
            write_escape(out, *stop++);
        text = stop;
    }
    buffer_char(out, '"');
}

void json_append_safe(struct buffer *out, const char *json, size_t length)
{
    const char *end = json + length;
    const char *plain = json; /* what stands as it is and is not appended yet starts here */
    for (const char *at = json; at < end;) {
        uint32_t codepoint;
        const size_t taken = text_decode(at, end, &codepoint);
        if (taken == 0 || text_is_harmful(codepoint)) {
            buffer_append(out, plain, (size_t)(at - plain));
            buffer_format(out, "\\u%04x", taken == 0 ? 0xFFFDu : (unsigned)codepoint);
            plain = at + (taken == 0 ? 1 : taken);
        }
        at += taken == 0 ? 1 : taken;
    }
    buffer_append(out, plain, (size_t)(end - plain));
}
