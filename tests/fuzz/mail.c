/* mail.c - a mail whose customer, subject and body are a stranger's: services/message. The input is the three, with a
 * NUL between them. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "services/message.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harmless.h"
#include "tests/support/mail.h"

enum { LINE_MAX_BYTES = 998 };

static const char *const headers[] = {"From",       "To",           "Subject",      "Date",
                                      "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
enum { HEADERS = sizeof headers / sizeof *headers };

/* The value of the header at `*at`, which is the one called `name`, with its folds; `*at` is then on the next. */
static char *take_header(const char **at, const char *name)
{
    const size_t length = strlen(name);
    CHECK(strncmp(*at, name, length) == 0 && strncmp(*at + length, ": ", 2) == 0);
    const char *from = *at + length + 2, *to = from;
    while (*to != '\n' || to[1] == ' ')
        to++;
    *at = to + 1;
    char *value = strndup(from, (size_t)(to - from));
    CHECK(value != NULL);
    return value;
}

static void check_lines(const struct buffer *mail)
{
    CHECK(memchr(mail->data, '\r', mail->length) == NULL && memchr(mail->data, '\0', mail->length) == NULL);
    CHECK(mail->length > 0 && mail->data[mail->length - 1] == '\n');
    CHECK(text_is_utf8(mail->data, mail->length));
    for (const char *at = mail->data; *at != '\0'; at += strcspn(at, "\n") + 1)
        CHECK(strcspn(at, "\n") <= LINE_MAX_BYTES);
}

/* The customer, made safe, out of "alice@shop.invalid" or out of a quoted string. */
static void check_address(const char *value, const char *customer)
{
    struct buffer safe = {0};
    const bool quoted = *value == '"';
    text_append_safe(&safe, customer, strlen(customer));
    value += quoted;
    for (const char *at = buffer_string(&safe); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            CHECK(quoted && *value++ == '\\');
        CHECK(*value++ == *at);
    }
    CHECK(!quoted || *value++ == '"');
    CHECK(strcmp(value, "@shop.invalid") == 0);
    buffer_clear(&safe);
}

static void check_subject(const char *value, const char *subject)
{
    struct buffer text = {0};
    const bool encoded = strstr(value, "=?") != NULL;
    CHECK(!encoded || mail_read_words(value, &text));
    CHECK(strcmp(encoded ? buffer_string(&text) : value, subject) == 0);
    buffer_clear(&text);
}

static void check_body(const char *encoding, const char *written, const char *body)
{
    struct buffer text = {0};
    const bool quoted = strcmp(encoding, "quoted-printable") == 0;
    const size_t length = strlen(body);
    CHECK(quoted || strcmp(encoding, "8bit") == 0);
    CHECK(!quoted || mail_read_quoted_printable(written, &text));
    const char *back = quoted ? buffer_string(&text) : written;
    CHECK(strncmp(back, body, length) == 0);
    CHECK(back[length] == '\0' || strcmp(back + length, "\n") == 0);
    buffer_clear(&text);
}

/* Its headers are ours and no others, and it says what it was asked to say. */
static void check_mail(const struct buffer *mail, const struct message *message)
{
    const char *at = mail->data;
    char *values[HEADERS];
    check_lines(mail);
    for (size_t i = 0; i < HEADERS; i++)
        values[i] = take_header(&at, headers[i]);
    CHECK(*at == '\n');
    CHECK(find_harm(mail->data, (size_t)(at - mail->data)) == NULL);
    check_address(values[1], message->customer);
    check_subject(values[2], message->subject);
    CHECK(find_harm(values[3], strlen(values[3])) == NULL &&
          strlen(values[3]) == strlen("Mon, 23 Nov 2026 18:40:00 +0000"));
    check_body(values[HEADERS - 1], at + 1, message->body);
    for (size_t i = 0; i < HEADERS; i++)
        free(values[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *parts = calloc(1, size + 3); /* two ends that may be missing, and the last */
    struct message message = {.id = {{7}}};
    struct buffer mail = {0};
    struct error error = {0};
    CHECK(parts != NULL);
    memcpy(parts, data, size);
    memcpy(&message.date_us, data, size < sizeof message.date_us ? size : sizeof message.date_us);
    message.customer = parts;
    message.subject = message.customer + strlen(message.customer) + 1;
    message.body = message.subject + strlen(message.subject) + 1;

    if (message_compose(&message, &mail, &error) == STATUS_OK)
        check_mail(&mail, &message);
    else
        CHECK(error.status == STATUS_INVALID && find_harm(error.text, strlen(error.text)) == NULL);
    buffer_clear(&mail);
    free(parts);
    return 0;
}
