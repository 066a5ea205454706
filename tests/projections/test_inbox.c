#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/inbox.h"
#include "tests/projections/history.h"

struct mails {
    char text[512]; /* "customer kind message position\n" */
    int64_t sent_at_us;
};

static enum status note(void *context, const struct inbox_row *row, struct error *error)
{
    (void)error;
    struct mails *mails = context;
    size_t used = strlen(mails->text);
    snprintf(mails->text + used, sizeof mails->text - used, "%s %s %s %d\n", row->customer, row->kind, row->message_id,
             (int)row->position);
    mails->sent_at_us = row->sent_at_us;
    return STATUS_OK;
}

static void told(struct history *shop, int order, const char *customer, const char *kind)
{
    state(shop, &(struct event){EVENT_NOTIFICATION_SENT,
                                .notification_sent = {order_id(order), customer, kind, "<m@shop.invalid>"}});
}

Test(inbox, shows_who_was_told_what_and_when)
{
    struct history *shop = history_new();
    struct mails all = {0}, bobs = {0}, nobodys = {0};
    struct error error;
    told(shop, 1, "ann", "confirmed");
    told(shop, 2, "bob", "rejected");
    told(shop, 1, "ann", "shipped");
    struct view *view = fresh(shop, &inbox_projection);
    cr_assert_eq(inbox_each(view, NULL, note, &all, &error), STATUS_OK);
    cr_assert_eq(inbox_each(view, "bob", note, &bobs, &error), STATUS_OK);
    cr_assert_eq(inbox_each(view, "Bob", note, &nobodys, &error), STATUS_OK);
    cr_assert_str_eq(all.text, "ann confirmed <m@shop.invalid> 1\n"
                               "bob rejected <m@shop.invalid> 2\n"
                               "ann shipped <m@shop.invalid> 3\n");
    cr_assert_str_eq(bobs.text, "bob rejected <m@shop.invalid> 2\n");
    cr_assert_eq(bobs.sent_at_us, history_time(2));
    cr_assert_str_eq(nobodys.text, "");
    view_close(&view);
    assert_view_equals_roll(shop, &inbox_projection);
    history_end(shop);
}
