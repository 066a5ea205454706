#include "tests/support/mail.h"

#include <string.h>

#include "base/text.h"

enum { ENCODED_WORD_MAX = 75 };

/* ---- encoded words ---- */

static int base64_value(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Four digits, the last of which may be '='. */
static bool read_four(const char *four, struct buffer *text)
{
    int values[4];
    const int count = four[2] == '=' ? 2 : four[3] == '=' ? 3 : 4;
    for (int i = 0; i < count; i++)
        if ((values[i] = base64_value(four[i])) < 0)
            return false;
    for (int i = 1; i < count; i++)
        buffer_char(text, (char)(values[i - 1] << (2 * i) | values[i] >> (6 - 2 * i)));
    return count == 4 || four[3] == '=';
}

static bool read_base64(const char *at, const char *end, struct buffer *text)
{
    const size_t start = text->length;
    if (at == end || (end - at) % 4 != 0)
        return false;
    for (; at < end; at += 4)
        if (!read_four(at, text))
            return false;
    return text_is_utf8(text->data + start, text->length - start);
}

bool mail_read_words(const char *value, struct buffer *text)
{
    static const char frame[] = "=?UTF-8?B?";
    buffer_reset(text);
    for (const char *at = value;;) {
        const char *end = strncmp(at, frame, sizeof frame - 1) == 0 ? strstr(at + sizeof frame - 1, "?=") : NULL;
        if (end == NULL || end + 2 - at > ENCODED_WORD_MAX || !read_base64(at + sizeof frame - 1, end, text))
            return false;
        at = end + 2;
        if (*at == '\0')
            return true;
        if (at[0] != '\n' || at[1] != ' ')
            return false;
        at += 2;
    }
}

/* ---- quoted-printable ---- */

static int hex_value(char digit)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? -1 : (int)(found - digits);
}

static bool is_literal(const char *at)
{
    if (*at == ' ' || *at == '\t')
        return at[1] != '\n' && at[1] != '\0';
    return *at == '\n' || (*at > 0x20 && *at < 0x7F);
}

bool mail_read_quoted_printable(const char *text, struct buffer *body)
{
    buffer_reset(body);
    while (*text != '\0') {
        if (*text != '=') {
            if (!is_literal(text))
                return false;
            buffer_char(body, *text++);
        } else if (text[1] == '\n') {
            text += 2;
        } else {
            const int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);
            if (low < 0)
                return false;
            buffer_char(body, (char)(high << 4 | low));
            text += 3;
        }
    }
    return true;
}
