/* inbox.h - what each customer was told, and when. */
#ifndef PROJECTIONS_INBOX_H
#define PROJECTIONS_INBOX_H

#include "projections/view.h"

extern const struct projection inbox_projection;

/* Texts are borrowed until the visitor returns. */
struct inbox_row {
    const char *customer;
    struct uuid order;
    const char *kind; /* notice_name(): confirmed, rejected, cancelled, shipped */
    const char *message_id;
    int64_t sent_at_us; /* recorded_at of NotificationSent */
    uint64_t position;  /* of that event */
};

typedef enum status (*inbox_visitor)(void *context, const struct inbox_row *row, struct error *error);

/* In the order they were told; only `customer`'s, or everybody's when it is NULL. A customer who was told nothing has
 * no rows. */
enum status inbox_each(struct view *view, const char *customer, inbox_visitor visit, void *context,
                       struct error *error) MUST_CHECK;

#endif
