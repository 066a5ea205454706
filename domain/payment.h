/* payment.h - the money of one order. The bank is asked between two pure functions: one says what to ask, the other
 * what the answer means. */
#ifndef DOMAIN_PAYMENT_H
#define DOMAIN_PAYMENT_H

#include "domain/event.h"

enum payment_phase { PAYMENT_NONE, PAYMENT_CAPTURED, PAYMENT_DECLINED, PAYMENT_REFUNDED, PAYMENT_PHASES };

struct payment {
    enum payment_phase phase;
    int64_t amount_minor; /* of the capture or the refusal */
    struct currency currency;
};

extern const struct fold payment_fold;
void payment_evolve(void *payment, const struct event *event);

enum payment_request_kind { PAYMENT_ASK_NOTHING, PAYMENT_ASK_CHARGE, PAYMENT_ASK_REFUND };

/* What to ask the bank. */
struct payment_request {
    enum payment_request_kind kind;
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
    const char *card_token; /* of a charge */
    const char *reason;     /* of a refund: "out_of_stock", "customer" */
};

/* What the bank says at last. */
struct payment_answer {
    bool accepted;
    const char *reference; /* the bank's, when accepted */
    const char *reason;    /* why not, when a charge was declined: "declined", "insufficient_funds", "voided" … */
};

/* The answer to OrderPlaced, StockReservationFailed and OrderCancellationRequested, in the state the payment is in. */
struct payment_request payment_react(const struct payment *payment, const struct event *cause);

/* May the shop stop asking, when the bank has not answered for long? A charge, yes: it is looked up, and voided when
 * the bank knows nothing of it, so that the customer keeps the money and the order is rejected. A refund, never: the
 * shop would keep what it owes. */
bool payment_may_be_given_up(const struct payment_request *request);

/* The fact that follows from the bank's answer: PaymentCaptured, PaymentDeclined or PaymentRefunded. A charge that we
 * voided is declined because it was unavailable ("payment_unavailable"), whenever the bank says so. A refund that is
 * refused is no fact of ours (the money is still owed): the caller must not conclude it, which is checked. */
void payment_conclude(const struct payment_request *request, const struct payment_answer *answer,
                      struct event_list *out);

enum { PAYMENT_KEY_SIZE = UUID_TEXT_SIZE + 8 };

/* The business's idempotency key: "<order id>:charge" or "<order id>:refund". */
void payment_key(const struct payment_request *request, char key[PAYMENT_KEY_SIZE]);

#endif
