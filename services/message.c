/* What a message may hold: a customer that is no dot-atom becomes a quoted string (RFC 5322 3.2.4), in which characters
 * beyond ASCII stand as they are (RFC 6532), so that what the reader sees is the customer and nothing is encoded that
 * somebody would have to decode again; all but bidirectional marks, which would show another. A subject that is not
 * short and plain becomes encoded words (RFC 2047). Control characters are refused in both, so that neither can end its
 * header and begin another. */
#include "services/message.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

enum {
    CUSTOMER_BYTES_MAX = 240, /* so that its header, two bytes in eight at worst, stays under LINE_BYTES_MAX */
    SUBJECT_BYTES_MAX = 2000,
    BODY_BYTES_MAX = 1 << 20,
    LINE_BYTES_MAX = 998,        /* RFC 5322 2.1.1, without the line's end */
    SUBJECT_PLAIN_MAX = 69,      /* "Subject: " and this are 78, the line's length that RFC 5322 recommends */
    ENCODED_WORD_BYTES_MAX = 39, /* in base64 and its frame 64: with "Subject: " under RFC 2047's 76 */
    QUOTED_LINE_MAX = 75,        /* and the '=' of a soft break are RFC 2045's 76 */
};

void message_id_text(struct uuid id, char text[MESSAGE_ID_SIZE])
{
    static const char domain[] = "@shop.invalid>";
    text[0] = '<';
    uuid_to_text(id, text + 1);
    memcpy(text + UUID_TEXT_SIZE, domain, sizeof domain);
}

/* ---- the headers ---- */

static bool is_atom_character(char character)
{
    const bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    const bool digit = character >= '0' && character <= '9';
    return letter || digit || strchr("!#$%&'*+-/=?^_`{|}~", character) != NULL;
}

/* RFC 5322 3.2.3: atoms with single dots between them. */
static bool is_dot_atom(const char *text)
{
    char before = '.';
    for (; *text != '\0'; before = *text++)
        if (!is_atom_character(*text) && (*text != '.' || before == '.'))
            return false;
    return before != '.';
}

/* A quoted string; what would reorder the words beside it (text_append_safe) as its escape, for a reader shows the
 * header as it stands. */
static void append_quoted(struct buffer *out, const char *customer)
{
    struct buffer safe = {0};
    text_append_safe(&safe, customer, strlen(customer));
    out->failed = out->failed || safe.failed;
    buffer_char(out, '"');
    for (const char *at = buffer_string(&safe); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buffer_char(out, '\\');
        buffer_char(out, *at);
    }
    buffer_char(out, '"');
    buffer_clear(&safe);
}

static void append_address(struct buffer *out, const char *customer)
{
    if (is_dot_atom(customer))
        buffer_text(out, customer);
    else
        append_quoted(out, customer);
    buffer_text(out, "@shop.invalid");
}

static void append_base64(struct buffer *out, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        buffer_char(out, digits[three >> 18]);
        buffer_char(out, digits[three >> 12 & 63]);
        buffer_char(out, left > 1 ? digits[three >> 6 & 63] : '=');
        buffer_char(out, left > 2 ? digits[three & 63] : '=');
    }
}

/* How many bytes of `text` fit into one encoded word without cutting a character. */
static size_t encoded_word_bytes(const char *text, const char *end)
{
    const char *at = text;
    while (at < end) {
        uint32_t codepoint;
        const size_t length = text_decode(at, end, &codepoint);
        CHECK(length > 0); /* the subject was checked */
        if ((size_t)(at - text) + length > ENCODED_WORD_BYTES_MAX)
            break;
        at += length;
    }
    return (size_t)(at - text);
}

/* Of a subject that message_check let pass: it fits its line, and no reader would take it for something else: for an
 * encoded word, or for a blank that folding left behind. */
static bool is_plain_subject(const char *subject)
{
    const size_t length = strlen(subject);
    if (length > SUBJECT_PLAIN_MAX || subject[0] == ' ' || subject[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)subject[i] > 0x7e)
            return false;
    return strstr(subject, "=?") == NULL;
}

static void append_subject(struct buffer *out, const char *subject)
{
    if (is_plain_subject(subject)) {
        buffer_text(out, subject);
        return;
    }
    const char *end = subject + strlen(subject);
    while (subject < end) {
        const size_t length = encoded_word_bytes(subject, end);
        buffer_text(out, "=?UTF-8?B?");
        append_base64(out, (const unsigned char *)subject, length);
        buffer_text(out, "?=");
        subject += length;
        if (subject < end)
            buffer_text(out, "\n "); /* a blank between encoded words is none of the subject's */
    }
}

/* "Mon, 23 Nov 2026 18:40:00 +0000" */
static void append_date(struct buffer *out, int64_t at_us)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int64_t clamped_us = at_us < TIME_MIN_US ? TIME_MIN_US : at_us > TIME_MAX_US ? TIME_MAX_US : at_us;
    const time_t second = (time_t)((clamped_us - TIME_MIN_US) / 1000000 + TIME_MIN_US / 1000000);
    struct tm utc;
    CHECK(gmtime_r(&second, &utc) != NULL);
    buffer_format(out, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                  utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* ---- the body ---- */

/* True when a line is too long to stand as it is, or holds a control character that a mail may not or should not. */
static bool needs_quoted_printable(const char *body)
{
    size_t line_bytes = 0;
    for (const char *at = body; *at != '\0'; at++) {
        line_bytes = *at == '\n' ? 0 : line_bytes + 1;
        const bool is_control = ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
        if (is_control || line_bytes > LINE_BYTES_MAX)
            return true;
    }
    return false;
}

/* RFC 2045 6.7, rules 1 to 3: a blank may stand as it is, but not at the end of a line. */
static bool is_quoted_literal(const char *at)
{
    if (*at == ' ' || *at == '\t')
        return at[1] != '\n' && at[1] != '\0';
    return *at > 0x20 && *at < 0x7f && *at != '=';
}

static void append_quoted_printable(struct buffer *out, const char *body)
{
    size_t column = 0;
    for (const char *at = body; *at != '\0'; at++) {
        if (*at == '\n') {
            buffer_char(out, '\n');
            column = 0;
            continue;
        }
        const bool literal = is_quoted_literal(at);
        const size_t width = literal ? 1 : 3;
        if (column + width > QUOTED_LINE_MAX) {
            buffer_text(out, "=\n");
            column = 0;
        }
        if (literal)
            buffer_char(out, *at);
        else
            buffer_format(out, "=%02X", (unsigned)(unsigned char)*at);
        column += width;
    }
}

/* ---- the message ---- */

enum status message_check(const struct message *message, struct error *error)
{
    CHECK(!uuid_is_nil(message->id));
    if (!text_is_clean(message->customer, strlen(message->customer), CUSTOMER_BYTES_MAX))
        return error_set(error, STATUS_INVALID, "a mail's customer must be 1 to %d bytes without control characters",
                         CUSTOMER_BYTES_MAX);
    if (!text_is_clean(message->subject, strlen(message->subject), SUBJECT_BYTES_MAX))
        return error_set(error, STATUS_INVALID, "a mail's subject must be 1 to %d bytes without control characters",
                         SUBJECT_BYTES_MAX);
    const size_t length = strlen(message->body);
    if (length > BODY_BYTES_MAX || !text_is_utf8(message->body, length))
        return error_set(error, STATUS_INVALID, "a mail's body must be UTF-8 of at most %d bytes", BODY_BYTES_MAX);
    return STATUS_OK;
}

enum status message_compose(const struct message *message, struct buffer *out, struct error *error)
{
    const enum status status = message_check(message, error);
    if (status != STATUS_OK)
        return status;
    const bool quoted = needs_quoted_printable(message->body);
    char id[MESSAGE_ID_SIZE];
    message_id_text(message->id, id);

    buffer_reset(out);
    buffer_text(out, "From: Tillroll <shop@shop.invalid>\nTo: ");
    append_address(out, message->customer);
    buffer_text(out, "\nSubject: ");
    append_subject(out, message->subject);
    buffer_text(out, "\nDate: ");
    append_date(out, message->date_us);
    buffer_format(out, "\nMessage-ID: %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n", id);
    buffer_format(out, "Content-Transfer-Encoding: %s\n\n", quoted ? "quoted-printable" : "8bit");
    if (quoted)
        append_quoted_printable(out, message->body);
    else
        buffer_text(out, message->body);
    if (!out->failed && out->data[out->length - 1] != '\n')
        buffer_char(out, '\n');
    return buffer_ok(out, error);
}
