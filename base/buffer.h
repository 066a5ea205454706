/* buffer.h - bytes that grow: for everything we write piece by piece (JSON, mails, lines for people).
 *
 * A buffer remembers its first failure, so that writers need no check after each piece: append, append, append, and
 * ask buffer_ok() once at the end. A buffer that failed stays empty-handed until it is cleared. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Zero-initialised is empty and ready. `data` is NUL-terminated whenever it is not NULL. */
struct buffer {
    char *data;
    size_t length;   /* bytes, without the NUL */
    size_t capacity; /* bytes allocated */
    bool failed;     /* memory ended somewhere on the way */
};

void buffer_append(struct buffer *buffer, const char *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_char(struct buffer *buffer, char byte);
void buffer_integer(struct buffer *buffer, int64_t number);
void buffer_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* The text so far: never NULL, "" when nothing was written or memory ended. Borrowed until the next call. */
const char *buffer_string(const struct buffer *buffer);

/* STATUS_MEMORY when any append failed since the last reset. */
enum status buffer_ok(const struct buffer *buffer, struct error *error) MUST_CHECK;

/* True when memory ever ended for a buffer of this process: for who prints what buffers hold as it comes, and has to
 * say in the end that something is missing. */
bool buffer_any_failed(void);

/* Forgets the text and a failure, keeps the memory. */
void buffer_reset(struct buffer *buffer);

/* Forgets the text and gives the memory back. */
void buffer_clear(struct buffer *buffer);

#endif
