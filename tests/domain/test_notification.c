/* What a customer is told: each thing once, in words that are safe to read. */
#include <signal.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "tests/domain/scenario.h"

static struct notification the_notification(void)
{
    struct notification notification;
    fold_past(&notification_fold, &notification);
    return notification;
}

/* The notice that an event is for the customer, NOTICES for none. */
static enum notice notice_of(enum event_type type)
{
    switch (type) {
    case EVENT_ORDER_CONFIRMED: return NOTICE_CONFIRMED;
    case EVENT_ORDER_REJECTED: return NOTICE_REJECTED;
    case EVENT_ORDER_CANCELLED: return NOTICE_CANCELLED;
    case EVENT_ORDER_SHIPPED: return NOTICE_SHIPPED;
    default: return NOTICES;
    }
}

Test(notification, is_due_for_four_events_unless_told)
{
    for (unsigned told = 0; told < 1u << NOTICES; told++) {
        given_nothing();
        for (enum notice notice = 0; notice < NOTICES; notice++)
            if (told & 1u << notice)
                given(notification_sent(ORDER_7, notice_name(notice)));
        struct notification notification = the_notification();
        for (enum event_type type = 0; type < EVENT_TYPES; type++) {
            struct event cause = sample_event(type);
            enum notice notice = NOTICES;
            bool due = notification_is_due(&notification, &cause, &notice);
            enum notice expected = notice_of(type);
            cr_expect_eq(due, expected < NOTICES && (told & 1u << expected) == 0, "%s", event_type_name(type));
            cr_expect(!due || notice == expected);
        }
    }
}

Test(notification, follows_its_own_event_and_no_others)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        given_nothing();
        given(sample_event(type));
        struct notification notification = the_notification();
        cr_expect_eq(notification.told[NOTICE_CONFIRMED], type == EVENT_NOTIFICATION_SENT);
        cr_expect_not(notification.told[NOTICE_REJECTED] || notification.told[NOTICE_CANCELLED] ||
                      notification.told[NOTICE_SHIPPED]);
    }
}

Test(notification, of_a_kind_that_a_newer_writer_made_up_is_passed_over)
{
    given(notification_sent(ORDER_7, "delayed"));
    struct notification notification = the_notification();
    for (enum notice notice = 0; notice < NOTICES; notice++)
        cr_assert_not(notification.told[notice]);
}

Test(notification, has_a_name_for_each_notice)
{
    static const char *const names[NOTICES] = {"confirmed", "rejected", "cancelled", "shipped"};
    for (enum notice notice = 0; notice < NOTICES; notice++)
        cr_assert_str_eq(notice_name(notice), names[notice]);
}

/* ---- mails ---- */

static struct buffer subject, body;

static void when_composed(struct event placed, struct event cause, int64_t refunded_minor)
{
    struct notice_facts facts = {&placed.order_placed, &cause, refunded_minor};
    buffer_reset(&subject);
    buffer_reset(&body);
    notice_compose(&facts, &subject, &body);
    cr_assert_null(strchr(buffer_string(&subject), '\n'), "a subject is one line");
    cr_assert(text_is_utf8(buffer_string(&body), body.length));
}

static void then_reads(const char *expected_subject, const char *expected_body)
{
    cr_expect_str_eq(buffer_string(&subject), expected_subject);
    cr_expect_str_eq(buffer_string(&body), expected_body);
    buffer_clear(&subject);
    buffer_clear(&body);
}

Test(mail, of_a_confirmed_order_lists_lines_and_total)
{
    struct event placed = order_placed(ORDER_7, and_line(lines("Green tea", 2), "Cup", 1));
    when_composed(placed, order_confirmed(ORDER_7), 0);
    then_reads("Your order R-7 is confirmed", "Hello,\n"
                                              "\n"
                                              "thank you for your order R-7. Here is the news:\n"
                                              "it is paid, and everything in it is set aside for you:\n"
                                              "\n"
                                              "  2 x Green tea at 4.50 EUR\n"
                                              "  1 x Cup at 4.50 EUR\n"
                                              "\n"
                                              "Total: 13.50 EUR\n"
                                              "\n"
                                              "We will write again when it is on its way.\n"
                                              "\n"
                                              "Your shop\n");
}

Test(mail, of_a_rejected_order_says_why_and_that_nothing_was_charged)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), order_rejected(ORDER_7, "insufficient_funds"), 0);
    then_reads("Your order R-7 could not be accepted",
               "Hello,\n"
               "\n"
               "thank you for your order R-7. Here is the news:\n"
               "we could not accept it: there was not enough money on the card.\n"
               "Nothing was charged. You are welcome to try again with another card.\n"
               "\n"
               "Your shop\n");
}

Test(mail, of_a_cancelled_order_says_why_and_what_went_back)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), order_cancelled(ORDER_7, "out_of_stock"), 900);
    then_reads("Your order R-7 is cancelled", "Hello,\n"
                                              "\n"
                                              "thank you for your order R-7. Here is the news:\n"
                                              "it has been cancelled: we do not have enough of it in stock.\n"
                                              "9.00 EUR went back to your card.\n"
                                              "\n"
                                              "Your shop\n");
}

Test(mail, of_an_order_cancelled_before_it_was_charged_says_so)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), order_cancelled(ORDER_7, "customer"), 0);
    then_reads("Your order R-7 is cancelled", "Hello,\n"
                                              "\n"
                                              "thank you for your order R-7. Here is the news:\n"
                                              "it has been cancelled: you asked us to.\n"
                                              "Nothing was charged.\n"
                                              "\n"
                                              "Your shop\n");
}

Test(mail, of_a_shipped_order_names_carrier_and_tracking)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), order_shipped(ORDER_7, "Post", "T-1"), 0);
    then_reads("Your order R-7 is on its way", "Hello,\n"
                                               "\n"
                                               "thank you for your order R-7. Here is the news:\n"
                                               "it is on its way to you with Post.\n"
                                               "Tracking number: T-1\n"
                                               "\n"
                                               "Your shop\n");
}

Test(mail, of_a_shipped_order_may_know_neither)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), order_shipped(ORDER_7, NULL, NULL), 0);
    then_reads("Your order R-7 is on its way", "Hello,\n"
                                               "\n"
                                               "thank you for your order R-7. Here is the news:\n"
                                               "it is on its way to you.\n"
                                               "\n"
                                               "Your shop\n");
}

Test(mail, has_words_for_every_reason_code)
{
    static const char *const reasons[][2] = {
        {"declined", ": your bank declined the payment.\n"},
        {"insufficient_funds", ": there was not enough money on the card.\n"},
        {"payment_unavailable", ": your bank could not be reached.\n"},
        {"out_of_stock", ": we do not have enough of it in stock.\n"},
        {"customer", ": you asked us to.\n"},
        {"moon_phase", ": moon_phase.\n"}, /* a newer writer's */
    };
    struct event placed = order_placed(ORDER_7, lines("tea", 2));
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        when_composed(placed, order_rejected(ORDER_7, reasons[i][0]), 0);
        cr_expect_not_null(strstr(buffer_string(&body), reasons[i][1]), "%s", reasons[i][0]);
        when_composed(placed, order_cancelled(ORDER_7, reasons[i][0]), 0);
        cr_expect_not_null(strstr(buffer_string(&body), reasons[i][1]), "%s", reasons[i][0]);
    }
    buffer_clear(&subject);
    buffer_clear(&body);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

Test(mail, lists_20_lines_and_counts_the_rest)
{
    struct order_lines many = lines("tea", 1);
    while (many.count < 20)
        many = and_line(many, "tea", 1);
    when_composed(order_placed(ORDER_7, many), order_confirmed(ORDER_7), 0);
    cr_expect_eq(count_of(buffer_string(&body), "  1 x tea"), 20);
    cr_expect_null(strstr(buffer_string(&body), "more"));
    many = and_line(and_line(many, "tea", 1), "tea", 1);
    when_composed(order_placed(ORDER_7, many), order_confirmed(ORDER_7), 0);
    cr_expect_eq(count_of(buffer_string(&body), "  1 x tea"), 20);
    cr_expect_not_null(strstr(buffer_string(&body), "\n  and 2 more\n"));
    cr_expect_not_null(strstr(buffer_string(&body), "\nTotal: 99.00 EUR\n"), "the total is that of all lines");
    buffer_clear(&subject);
    buffer_clear(&body);
}

Test(mail, shows_marks_that_reorder_text_instead_of_obeying_them)
{
    struct event placed = order_placed(ORDER_7, lines("tea\xe2\x80\xae"
                                                      "eerf",
                                                      1));
    placed.order_placed.order_ref = "R\xe2\x81\xa6"
                                    "7";
    when_composed(placed, order_confirmed(ORDER_7), 0);
    cr_expect_str_eq(buffer_string(&subject), "Your order R\\u{2066}7 is confirmed");
    cr_expect_not_null(strstr(buffer_string(&body), "your order R\\u{2066}7."));
    cr_expect_not_null(strstr(buffer_string(&body), "  1 x tea\\u{202E}eerf at"));

    struct event shipped = order_shipped(ORDER_7, "Po\xe2\x80\xaest",
                                         "T\xe2\x80\xae"
                                         "1");
    when_composed(placed, shipped, 0);
    cr_expect_null(strstr(buffer_string(&body), "\xe2\x80\xae"));
    when_composed(placed,
                  order_cancelled(ORDER_7, "a\xe2\x80\xae"
                                           "b"),
                  0);
    cr_expect_null(strstr(buffer_string(&body), "\xe2\x80\xae"));
    when_composed(placed,
                  order_rejected(ORDER_7, "a\xe2\x80\xae"
                                          "b"),
                  0);
    cr_expect_null(strstr(buffer_string(&body), "\xe2\x80\xae"));
    buffer_clear(&subject);
    buffer_clear(&body);
}

Test(mail, cuts_a_long_name_at_a_whole_character)
{
    char name[NAME_MAX_BYTES + 1] = "";
    while (strlen(name) + 2 < sizeof(name))
        strcat(name, "ü");
    when_composed(order_placed(ORDER_7, lines(name, 1)), order_confirmed(ORDER_7), 0);
    cr_expect_eq(count_of(buffer_string(&body), "ü"), 60);
    cr_expect_not_null(strstr(buffer_string(&body), "üü… at 4.50 EUR\n"));
    name[120] = '\0'; /* sixty characters, which fit */
    when_composed(order_placed(ORDER_7, lines(name, 1)), order_confirmed(ORDER_7), 0);
    cr_expect_eq(count_of(buffer_string(&body), "ü"), 60);
    cr_expect_null(strstr(buffer_string(&body), "…"));
    buffer_clear(&subject);
    buffer_clear(&body);
}

Test(mail, has_no_line_near_the_998_bytes_of_rfc_5322)
{
    char worst[NAME_MAX_BYTES + 1] = "";
    while (strlen(worst) + 3 < sizeof(worst))
        strcat(worst, "\xe2\x80\xae"); /* eight bytes each, once it is shown */
    char ref[SKU_MAX + 1] = "";
    memcpy(ref, worst, 126);
    struct event placed = order_placed(ORDER_7, lines(worst, QUANTITY_MAX));
    placed.order_placed.order_ref = ref;
    const struct event causes[] = {order_confirmed(ORDER_7), order_rejected(ORDER_7, ref),
                                   order_cancelled(ORDER_7, ref), order_shipped(ORDER_7, ref, ref)};
    for (size_t i = 0; i < 4; i++) {
        when_composed(placed, causes[i], 900);
        cr_expect_lt(subject.length, 900);
        for (const char *line = buffer_string(&body); *line != '\0'; line += strcspn(line, "\n") + 1)
            cr_expect_lt(strcspn(line, "\n"), 900);
    }
    buffer_clear(&subject);
    buffer_clear(&body);
}

Test(mail, is_about_one_of_the_four_events, .signal = SIGABRT)
{
    when_composed(order_placed(ORDER_7, lines("tea", 2)), payment_captured(ORDER_7, 900), 0);
}

Test(mail, shows_a_name_that_is_no_utf_8)
{
    when_composed(order_placed(ORDER_7, lines("tea\xFF", 1)), order_confirmed(ORDER_7), 0);
    cr_expect_not_null(strstr(buffer_string(&body), "tea"), "%s", buffer_string(&body));
    cr_expect_null(strchr(buffer_string(&body), '\xFF'));
    buffer_clear(&subject);
    buffer_clear(&body);
}
