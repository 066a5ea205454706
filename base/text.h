/* text.h - text that comes from outside.
 *
 * Two gates. On the way in: is this UTF-8, short enough, without control characters? On the way out: one function that
 * makes any bytes harmless for a terminal, a log or a person (escapes, C0, DEL, C1, bidirectional marks), and for what
 * is said of a failure one that hides card numbers as well. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF). */
bool text_is_utf8(const char *bytes, size_t length);

/* True when a name or id may be used: 1 … max_bytes bytes of UTF-8 without C0, DEL and C1 control characters. */
bool text_is_clean(const char *text, size_t length, size_t max_bytes);

/* Decodes one character at `text` (at least one byte left before `end`), returns its length in bytes, 0 if malformed.
 */
size_t text_decode(const char *text, const char *end, uint32_t *codepoint);

/* True for what a terminal obeys or a reader is deceived by: C0, DEL, C1, bidirectional marks and isolates, line and
 * paragraph separators. None of them is beyond U+FFFF. */
bool text_is_harmful(uint32_t codepoint);

/* Appends `length` bytes for a person to read: controls, bidirectional marks and broken bytes become \xNN or \u{NNNN};
 * everything else stands as it is. */
void text_append_safe(struct buffer *out, const char *text, size_t length);

enum { TEXT_SAFE_SIZE = 160 };

/* As text_append_safe for error messages: into a fixed array, cut at a whole character with "…" when too long.
 * Returns `out`. */
const char *text_safe(char out[TEXT_SAFE_SIZE], const char *text);

/* As text_safe for `length` bytes without a NUL. */
const char *text_safe_bytes(char out[TEXT_SAFE_SIZE], const char *text, size_t length);

/* True when the digits have the sum of a card number: Luhn's, ISO/IEC 7812-1, annex B. */
bool text_passes_luhn(const char *digits, size_t length);

/* Puts '*' in place of the digits of whatever looks like a card number, but for the last four: 13 to 19 digits that
 * pass Luhn's sum, in one or in groups with a blank or a dash between each two, which are no part of a word or of an
 * id. */
void text_mask_cards(char *text);

/* Appends what is told of a failure or of work: as text_append_safe, without card numbers, which people type where they
 * do not belong. */
void text_append_sentence(struct buffer *out, const char *sentence);

/* A number for tables and the like; equal texts have the same (FNV-1a, by Fowler, Noll and Vo). */
uint32_t text_hash(const char *text);

/* Takes away the part of a character that a cut (snprintf into too small an array) left at the end of `text`. */
void text_trim_partial(char *text);

/* Columns a terminal needs for `text`: one a character, none for combining marks, two for wide East Asian ones. */
size_t text_columns(const char *text);

#endif
