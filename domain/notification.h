/* notification.h - what a customer is told: each thing once. */
#ifndef DOMAIN_NOTIFICATION_H
#define DOMAIN_NOTIFICATION_H

#include "base/buffer.h"
#include "domain/event.h"

enum notice { NOTICE_CONFIRMED, NOTICE_REJECTED, NOTICE_CANCELLED, NOTICE_SHIPPED, NOTICES };

struct notification {
    bool told[NOTICES];
};

extern const struct fold notification_fold;
void notification_evolve(void *notification, const struct event *event);

/* "confirmed", "rejected", "cancelled", "shipped". */
const char *notice_name(enum notice notice);

/* True when `cause` is something the customer has yet to hear; `*notice` says what. */
bool notification_is_due(const struct notification *notification, const struct event *cause, enum notice *notice);

/* What the mail can be made of. */
struct notice_facts {
    const struct order_placed *placed;
    const struct event *cause; /* OrderConfirmed, OrderRejected, OrderCancelled or OrderShipped */
    int64_t refunded_minor;    /* what went back to the card, 0 for nothing */
};

/* Subject and body of the mail, as plain text with LF line ends; the subject is one line. */
void notice_compose(const struct notice_facts *facts, struct buffer *subject, struct buffer *body);

#endif
