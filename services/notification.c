/* notification.c - the notification service: tells the customer how it went, each thing once.
 *
 *   OrderConfirmed, OrderRejected, OrderCancelled, OrderShipped   not told yet -> the mail, then NotificationSent
 *
 * The mail is named after the NotificationSent event, whose id is known before it is written. A crash after the mail
 * and before the commit finds the mail in the box, writes no second one, and commits the event. */
#include "domain/notification.h"

#include "base/mutant.h"
#include "domain/order.h"
#include "domain/payment.h"
#include "services/services.h"

static enum status write_mail(struct reaction *reaction, const struct notice_facts *facts, struct uuid id,
                              struct error *error)
{
    struct buffer subject = {0}, body = {0};
    notice_compose(facts, &subject, &body);
    enum status status = buffer_ok(&subject, error);
    if (status == STATUS_OK)
        status = buffer_ok(&body, error);
    if (status == STATUS_OK) {
        struct message message = {.id = id,
                                  .customer = facts->placed->customer,
                                  .subject = buffer_string(&subject),
                                  .body = buffer_string(&body),
                                  .date_us = reaction_cause(reaction)->recorded_at_us};
        if (reaction_past(reaction) == NULL) /* else it was put there then */
            status = mailbox_put(reaction_self(reaction), &message, error);
    }
    buffer_clear(&subject);
    buffer_clear(&body);
    return status;
}

static enum status answer_sent(struct reaction *reaction, const struct order_placed *placed, enum notice notice,
                               struct uuid id, struct error *error)
{
    char message_id[MESSAGE_ID_SIZE];
    message_id_text(id, message_id);
    struct event_list answer = {.arena = reaction_arena(reaction)};
    struct event sent = {.type = EVENT_NOTIFICATION_SENT,
                         .notification_sent = {.order = placed->order,
                                               .customer = placed->customer,
                                               .kind = notice_name(notice),
                                               .message_id = arena_copy(reaction_arena(reaction), message_id)}};
    if (sent.notification_sent.message_id == NULL)
        return error_memory(error);
    event_list_add(&answer, &sent);
    return reaction_answer(reaction, &answer, error);
}

static enum status react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    const void *notification = NULL;
    char entity[ENTITY_SIZE];
    enum notice notice;
    event_entity(cause, entity);
    enum status status = reaction_load(reaction, &notification_fold, entity, &notification, error);
    if (status != STATUS_OK || !notification_is_due(notification, cause, &notice))
        return status;
    struct order order;
    struct payment payment;
    status = reaction_consumed(reaction, &order_fold, entity, &order, error);
    if (status == STATUS_OK)
        status = reaction_consumed(reaction, &payment_fold, entity, &payment, error);
    if (status != STATUS_OK)
        return status;
    if (!order_was_placed(&order, entity))
        return error_set(error, STATUS_INVALID, "news of order %s, which nobody placed", entity);
    const struct notice_facts facts = {
        .placed = &order.placed,
        .cause = cause,
        .refunded_minor = payment.phase == PAYMENT_REFUNDED ? payment.amount_minor : 0,
    };
    struct uuid id =
        reaction_event_id(reaction, event_category(EVENT_NOTIFICATION_SENT), entity, EVENT_NOTIFICATION_SENT);
    status = write_mail(reaction, &facts, MUTANT(RANDOM_MAIL_NAME) ? uuid_random() : id, error);
    return status == STATUS_OK ? answer_sent(reaction, &order.placed, notice, id, error) : status;
}

static enum status finish(void *self, struct error *error)
{
    return mailbox_deliver(self, error);
}

static void drop(void *self)
{
    mailbox_drop(self);
}

/* Of its triggers, and of the streams it folds. */
static const struct field_reads reads[] = {
    {EVENT_ORDER_CONFIRMED, "order_id"},
    {EVENT_ORDER_REJECTED, "order_id reason"},
    {EVENT_ORDER_CANCELLED, "order_id reason"},
    {EVENT_ORDER_SHIPPED, "order_id carrier? tracking?"},
    {EVENT_ORDER_PLACED,
     "order_id order_ref customer_id currency lines[].name lines[].quantity lines[].unit_price_minor total_minor"},
    {EVENT_PAYMENT_CAPTURED, "amount_minor"},
    {EVENT_PAYMENT_REFUNDED, ""},
    {EVENT_NOTIFICATION_SENT, "kind"},
    {0},
};

struct service notification_service(struct mailbox *mailbox)
{
    return (struct service){
        .name = "notification",
        .subscriptions = EVENT_BIT(EVENT_ORDER_CONFIRMED) | EVENT_BIT(EVENT_ORDER_REJECTED) |
                         EVENT_BIT(EVENT_ORDER_CANCELLED) | EVENT_BIT(EVENT_ORDER_SHIPPED),
        .self = mailbox,
        .reads = reads,
        .react = react,
        .finish = finish,
        .drop = drop,
    };
}
