#include "domain/notification.h"

#include <inttypes.h>
#include <string.h>

#include "base/mutant.h"
#include "base/status.h"
#include "base/text.h"
#include "domain/money.h"

enum {
    MAIL_LINES_MAX = 20,       /* lines of an order that a mail lists; of the others it says how many */
    MAIL_NAME_CHARACTERS = 60, /* of a product's name: a line of a mail must stay far below 998 bytes (RFC 5322) */
};

const struct fold notification_fold = {
    .category = "notification",
    .state_size = sizeof(struct notification),
    .evolve = notification_evolve,
};

const char *notice_name(enum notice notice)
{
    static const char *const names[NOTICES] = {
        [NOTICE_CONFIRMED] = "confirmed",
        [NOTICE_REJECTED] = "rejected",
        [NOTICE_CANCELLED] = "cancelled",
        [NOTICE_SHIPPED] = "shipped",
    };
    CHECK((unsigned)notice < NOTICES);
    return names[notice];
}

/* A kind that is not ours (a newer writer's) was told as well, but is none of our four. */
void notification_evolve(void *state, const struct event *event)
{
    struct notification *notification = state;
    if (event->type != EVENT_NOTIFICATION_SENT)
        return;
    for (enum notice notice = 0; notice < NOTICES; notice++)
        if (strcmp(event->notification_sent.kind, notice_name(notice)) == 0)
            notification->told[notice] = true;
}

static bool notice_of(const struct event *cause, enum notice *notice)
{
    switch (cause->type) {
    case EVENT_ORDER_CONFIRMED: *notice = NOTICE_CONFIRMED; return true;
    case EVENT_ORDER_REJECTED: *notice = NOTICE_REJECTED; return true;
    case EVENT_ORDER_CANCELLED: *notice = NOTICE_CANCELLED; return true;
    case EVENT_ORDER_SHIPPED: *notice = NOTICE_SHIPPED; return true;
    default: return false;
    }
}

bool notification_is_due(const struct notification *notification, const struct event *cause, enum notice *notice)
{
    return notice_of(cause, notice) && (!notification->told[*notice] || MUTANT(TOLD_AGAIN));
}

/* ---- the mail ---- */

static void append_safe(struct buffer *out, const char *text)
{
    text_append_safe(out, text, strlen(text));
}

static void append_money(struct buffer *out, int64_t minor, struct currency currency)
{
    char text[MONEY_TEXT_SIZE];
    money_to_text(minor, currency, text);
    buffer_text(out, text);
}

/* At most MAIL_NAME_CHARACTERS characters of a name. */
static void append_name(struct buffer *out, const char *name)
{
    const char *end = name + strlen(name), *cut = name;
    for (int characters = 0; cut < end && characters < MAIL_NAME_CHARACTERS; characters++) {
        uint32_t codepoint;
        size_t length = text_decode(cut, end, &codepoint);
        cut += length > 0 ? length : 1;
    }
    text_append_safe(out, name, (size_t)(cut - name));
    if (cut < end)
        buffer_text(out, "…");
}

/* A reason code in words; one that a newer writer has invented stands as it is. */
static void append_reason(struct buffer *out, const char *reason)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"declined", "your bank declined the payment"},
        {"insufficient_funds", "there was not enough money on the card"},
        {"payment_unavailable", "your bank could not be reached"},
        {"out_of_stock", "we do not have enough of it in stock"},
        {"customer", "you asked us to"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].code, reason) == 0) {
            buffer_text(out, known[i].words);
            return;
        }
    }
    append_safe(out, reason);
}

static void append_lines(struct buffer *out, const struct order_placed *placed)
{
    size_t listed = placed->lines.count < MAIL_LINES_MAX ? placed->lines.count : MAIL_LINES_MAX;
    for (size_t i = 0; i < listed; i++) {
        const struct order_line *line = &placed->lines.items[i];
        buffer_format(out, "  %" PRId64 " x ", line->quantity);
        append_name(out, line->name);
        buffer_text(out, " at ");
        append_money(out, line->unit_price_minor, placed->currency);
        buffer_char(out, '\n');
    }
    if (listed < placed->lines.count)
        buffer_format(out, "  and %zu more\n", placed->lines.count - listed);
    buffer_text(out, "\nTotal: ");
    append_money(out, placed->total_minor, placed->currency);
    buffer_text(out, "\n\nWe will write again when it is on its way.\n");
}

static void append_confirmed(struct buffer *out, const struct notice_facts *facts)
{
    buffer_text(out, "it is paid, and everything in it is set aside for you:\n\n");
    append_lines(out, facts->placed);
}

static void append_rejected(struct buffer *out, const struct notice_facts *facts)
{
    buffer_text(out, "we could not accept it: ");
    append_reason(out, facts->cause->order_rejected.reason);
    buffer_text(out, ".\nNothing was charged. You are welcome to try again with another card.\n");
}

static void append_cancelled(struct buffer *out, const struct notice_facts *facts)
{
    buffer_text(out, "it has been cancelled: ");
    append_reason(out, facts->cause->order_cancelled.reason);
    buffer_text(out, ".\n");
    if (facts->refunded_minor > 0) {
        append_money(out, facts->refunded_minor, facts->placed->currency);
        buffer_text(out, " went back to your card.\n");
    } else
        buffer_text(out, "Nothing was charged.\n");
}

static void append_shipped(struct buffer *out, const struct notice_facts *facts)
{
    const struct order_shipped *shipped = &facts->cause->order_shipped;
    buffer_text(out, "it is on its way to you");
    if (shipped->carrier != NULL) {
        buffer_text(out, " with ");
        append_safe(out, shipped->carrier);
    }
    buffer_text(out, ".\n");
    if (shipped->tracking != NULL) {
        buffer_text(out, "Tracking number: ");
        append_safe(out, shipped->tracking);
        buffer_char(out, '\n');
    }
}

void notice_compose(const struct notice_facts *facts, struct buffer *subject, struct buffer *body)
{
    static void (*const append[NOTICES])(struct buffer *, const struct notice_facts *) = {
        [NOTICE_CONFIRMED] = append_confirmed,
        [NOTICE_REJECTED] = append_rejected,
        [NOTICE_CANCELLED] = append_cancelled,
        [NOTICE_SHIPPED] = append_shipped,
    };
    static const char *const news[NOTICES] = {
        [NOTICE_CONFIRMED] = " is confirmed",
        [NOTICE_REJECTED] = " could not be accepted",
        [NOTICE_CANCELLED] = " is cancelled",
        [NOTICE_SHIPPED] = " is on its way",
    };
    enum notice notice = NOTICES;
    CHECK(notice_of(facts->cause, &notice));
    buffer_text(subject, "Your order ");
    append_safe(subject, facts->placed->order_ref);
    buffer_text(subject, news[notice]);

    buffer_text(body, "Hello,\n\nthank you for your order ");
    append_safe(body, facts->placed->order_ref);
    buffer_text(body, ". Here is the news:\n");
    append[notice](body, facts);
    buffer_text(body, "\nYour shop\n");
}
