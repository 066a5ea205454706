/* mail.h - reads back what services/message.c wrote, as strictly as the standards allow. */
#ifndef TESTS_SUPPORT_MAIL_H
#define TESTS_SUPPORT_MAIL_H

#include <stdbool.h>

#include "base/buffer.h"

/* The encoded words (RFC 2047) of a header's value, folded or not. False when it is anything else, when a word is
 * longer than 75 bytes, or when one ends within a character. */
bool mail_read_words(const char *value, struct buffer *text);

/* A quoted-printable body (RFC 2045). False when it is none, or when a blank stands at a line's end. */
bool mail_read_quoted_printable(const char *text, struct buffer *body);

#endif
