/* mailbox.h - the post: RFC 5322 messages in a Maildir that any mail reader opens.
 *
 * A message is named after the event it tells of. Before one is written it is looked for in `new` and in `cur` (where
 * mail readers move what was seen, with flags behind the name), so that a repeat is no second mail. Messages are
 * written in batches: put any number, then deliver: they are made durable together and appear in `new` at once. A
 * batch that is dropped leaves at most files in `tmp`, which nobody reads. */
#ifndef SERVICES_MAILBOX_H
#define SERVICES_MAILBOX_H

#include <stdint.h>

#include "base/status.h"
#include "base/uuid.h"

struct mailbox;

struct message {
    struct uuid id;       /* of the event that it tells of: its name and its Message-ID */
    const char *customer; /* the local part of <customer>@shop.invalid, whatever characters it has */
    const char *subject;  /* UTF-8; encoded as RFC 2047 asks where it is not plain ASCII */
    const char *body;     /* UTF-8 text with LF line ends */
    int64_t date_us;      /* the Date header */
};

enum { MESSAGE_ID_SIZE = 64 };

/* Opens `folder`/mail, making new, cur and tmp where they are missing. */
enum status mailbox_open(struct mailbox **mailbox, const char *folder, struct error *error) MUST_CHECK;
void mailbox_close(struct mailbox **mailbox);

/* Adds a message to the batch unless it was delivered already.
 *
 * STATUS_INVALID  customer (1 to 400 bytes) or subject (1 to 2000) are too long, no UTF-8 or hold control characters,
 *                 or the body is no UTF-8 or longer than 1 MiB; the batch is as it was */
enum status mailbox_put(struct mailbox *mailbox, const struct message *message, struct error *error) MUST_CHECK;

/* Makes the batch durable and visible. When it fails, the batch is forgotten; what was visible by then stays, and
 * putting the same messages again completes it. */
enum status mailbox_deliver(struct mailbox *mailbox, struct error *error) MUST_CHECK;

/* Forgets the batch. */
void mailbox_drop(struct mailbox *mailbox);

/* "<id>@shop.invalid" in angle brackets: the Message-ID, as NotificationSent records it. */
void message_id_text(struct uuid id, char text[MESSAGE_ID_SIZE]);

#endif
