/* mailbox.h - the post: RFC 5322 messages in a Maildir that any mail reader opens.
 *
 * A message is named after the event it tells of. Before one is written it is looked for in `new` and in `cur` (where
 * mail readers move what was seen, with flags behind the name), so that a repeat is no second mail. Messages are
 * written in batches: put any number, then deliver: they are made durable together and appear in `new` at once. A
 * batch that is dropped leaves at most files in `tmp`, which nobody reads. */
#ifndef SERVICES_MAILBOX_H
#define SERVICES_MAILBOX_H

#include "base/status.h"
#include "services/message.h"

struct mailbox;

/* Opens `folder`/mail, making new, cur and tmp where they are missing. */
enum status mailbox_open(struct mailbox **mailbox, const char *folder, struct error *error) MUST_CHECK;
void mailbox_close(struct mailbox **mailbox);

/* Adds a message to the batch unless it was delivered already.
 *
 * STATUS_INVALID  it is none (message_check); the batch is as it was */
enum status mailbox_put(struct mailbox *mailbox, const struct message *message, struct error *error) MUST_CHECK;

/* Makes the batch durable and visible. When it fails, the batch is forgotten; what was visible by then stays, and
 * putting the same messages again completes it. */
enum status mailbox_deliver(struct mailbox *mailbox, struct error *error) MUST_CHECK;

/* Forgets the batch. */
void mailbox_drop(struct mailbox *mailbox);

#endif
