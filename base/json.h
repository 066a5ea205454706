/* json.h - a strict reader and a small writer for JSON (RFC 8259).
 *
 * The reader walks the text once and builds no tree: the caller says what it expects next. It refuses what cJSON lets
 * pass: duplicate keys, invalid UTF-8, raw control characters, \u0000 and lone surrogates, numbers that no integer of
 * ±(2^52 − 1) or finite double can hold, more than JSON_DEPTH_MAX levels, anything after the value. The first failure
 * sticks, with the path of the field and the reason; every later call does nothing and returns false.
 *
 *     struct json_reader reader;
 *     json_read_start(&reader, text, length, &arena);
 *     if (json_enter_object(&reader))
 *         while (json_next_key(&reader, &key, &key_length))
 *             … json_read_text / json_read_integer / json_enter_array / json_skip …
 *     return json_read_finish(&reader, error);
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "base/uuid.h"

enum {
    JSON_DEPTH_MAX = 16,     /* our deepest payload has 3 levels */
    JSON_KEYS_MAX = 64,      /* keys of an object and of all it stands in; duplicates are found by comparing */
    JSON_BYTES_MAX = 1 << 20 /* 1 MiB, the largest payload EVENTS.md allows */
};

/* ±(2^52 − 1): what every JSON library reads back as it was written. */
#define JSON_INTEGER_MAX INT64_C(4503599627370495)

struct json_level {
    bool is_object;
    bool any;        /* an element or key was read on this level */
    size_t index;    /* of the current element, in an array */
    const char *key; /* the current key, in an object: decoded, borrowed from the text or the arena */
    size_t key_length;
    size_t first_key; /* where this object's keys start in `seen` */
};

struct json_key {
    const char *text;
    size_t length;
};

/* All fields are the reader's own. */
struct json_reader {
    const char *start, *at, *end;
    struct arena *arena;
    int depth; /* levels entered */
    struct json_level levels[JSON_DEPTH_MAX];
    struct json_key seen[JSON_KEYS_MAX]; /* keys of the open objects, innermost last */
    size_t seen_count;
    bool escaped; /* the string read last holds escapes */
    bool failed;
    enum status status;
    char reason[160];
    char path[160];
};

/* Borrows `text` until json_read_finish. Strings with escapes are decoded into `arena`. */
void json_read_start(struct json_reader *reader, const char *text, size_t length, struct arena *arena);

/* As json_read_start for a text of at most `bytes_max`, which stands for JSON_BYTES_MAX. */
void json_read_start_long(struct json_reader *reader, const char *text, size_t length, size_t bytes_max,
                          struct arena *arena);

/* The value that comes next must be an object (array). Leaving is done by json_next_key (json_next_element) when it
 * finds the end. */
bool json_enter_object(struct json_reader *reader);
bool json_enter_array(struct json_reader *reader);

/* The next key of the object last entered; false at its end (which leaves it) and after a failure. The value after a
 * key must be read or skipped before the next one is asked for. */
bool json_next_key(struct json_reader *reader, const char **key, size_t *length);

/* Takes the key that comes next when it is `key`, spelled as plainly as we write: no blanks, no escapes. Otherwise
 * nothing is taken, and json_next_key has the say. The caller knows that the object has had no such key yet. */
bool json_take_key(struct json_reader *reader, const char *key, size_t length);

/* True when another element follows in the array last entered; false at its end (which leaves it) and after a failure.
 */
bool json_next_element(struct json_reader *reader);

/* The value that comes next must be a string: NUL-terminated, in the arena. This and the other json_read_… set "", 0 or
 * false when they fail, so that a caller may go on and ask once, at the finish. */
bool json_read_text(struct json_reader *reader, const char **text, size_t *length);

/* … a UUID in its canonical form. */
bool json_read_uuid(struct json_reader *reader, struct uuid *id);

/* … an integer (no fraction, no exponent) of ±JSON_INTEGER_MAX. */
bool json_read_integer(struct json_reader *reader, int64_t *number);

bool json_read_boolean(struct json_reader *reader, bool *value);

/* Reads past the value that comes next, whatever it is, checking it as strictly as everything else. */
bool json_skip(struct json_reader *reader);

/* As json_skip, and `*json` is the value as it is spelled in the text, which it borrows from. */
bool json_read_raw(struct json_reader *reader, const char **json, size_t *length);

/* What comes next: '{' '[' '"' 't' 'f' 'n' or '0' for a number; 0 when nothing sensible does. */
char json_peek(struct json_reader *reader);

/* The caller's own refusal of the current field: "must be 1 to 1 000 000"; of the object or array around it once that
 * was left. What it quotes from the text must be made safe (text.h). The first failure sticks. Returns false. */
bool json_refuse(struct json_reader *reader, const char *reason, ...) PRINTF_LIKE(2, 3);

/* STATUS_OK when the whole text was one value and nothing failed; else STATUS_INVALID, or STATUS_MEMORY, with
 * "lines[3].quantity: must be 1 to 1000000", or "at byte 17: …" (the first is 1) where the text is malformed outside of
 * any field. */
enum status json_read_finish(struct json_reader *reader, struct error *error) MUST_CHECK;

/* Checks a whole text against all of the above without reading anything from it. */
enum status json_check(const char *text, size_t length, struct error *error) MUST_CHECK;

/* From `at` on, the first byte that may not stand in a JSON string as it is: a quote, a backslash, a control character;
 * or `end`. `*odd` is changed from 0 where a byte on the way was no printable ASCII. */
const char *json_plain_end(const char *at, const char *end, uint64_t *odd);

/* Appends `text` as a JSON string with its quotes. The bytes must be valid UTF-8. */
void json_write_text(struct buffer *out, const char *text, size_t length);

/* Appends a JSON text that somebody may look at: what is harmful in its strings (text.h) becomes \uXXXX, which means
 * the same, and so do broken bytes U+FFFD. Blanks between its tokens may be no line ends. */
void json_append_safe(struct buffer *out, const char *json, size_t length);

#endif
