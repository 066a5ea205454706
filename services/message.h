/* message.h - a mail as RFC 5322 writes it; where it is put is the mailbox's matter (mailbox.h).
 *
 * Whatever a message holds, it cannot end a header and begin another, no line is longer than 998 bytes, lines end in LF
 * only (a Maildir's), and what it says can be read back byte by byte. */
#ifndef SERVICES_MESSAGE_H
#define SERVICES_MESSAGE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "base/uuid.h"

struct message {
    struct uuid id;       /* of the event that it tells of: its name and its Message-ID */
    const char *customer; /* the local part of <customer>@shop.invalid, whatever characters it has */
    const char *subject;  /* UTF-8; encoded as RFC 2047 asks where it is not plain ASCII */
    const char *body;     /* UTF-8 text with LF line ends */
    int64_t date_us;      /* the Date header */
};

enum { MESSAGE_ID_SIZE = 64 };

/* STATUS_INVALID  customer (1 to 240 bytes) or subject (1 to 2000) are too long, no UTF-8 or hold control characters,
 *                 or the body is no UTF-8 or longer than 1 MiB */
enum status message_check(const struct message *message, struct error *error) MUST_CHECK;

/* Checks the message and puts its text in place of what `out` holds. */
enum status message_compose(const struct message *message, struct buffer *out, struct error *error) MUST_CHECK;

/* "<id>@shop.invalid" in angle brackets: the Message-ID, as NotificationSent records it. */
void message_id_text(struct uuid id, char text[MESSAGE_ID_SIZE]);

#endif
