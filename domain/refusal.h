/* refusal.h - every "no" of the business, with the sentence a customer or clerk reads. A refusal is an answer, not an
 * error: nothing broke, and nothing was written. */
#ifndef DOMAIN_REFUSAL_H
#define DOMAIN_REFUSAL_H

enum refusal {
    REFUSAL_NONE, /* decided; zero events means "done already" */
    REFUSAL_UNKNOWN_ORDER,
    REFUSAL_OVER,          /* cancel: the order was rejected, there is nothing left to cancel */
    REFUSAL_SHIPPED,       /* cancel: too late */
    REFUSAL_NOT_CONFIRMED, /* ship: payment or stock is still open */
    REFUSAL_CANCELLING,    /* ship: a cancellation is under way */
    REFUSAL_CANCELLED,     /* ship */
    REFUSAL_REJECTED,      /* ship */
    REFUSAL_NO_LINES,
    REFUSAL_TOO_MANY_LINES,
    REFUSAL_QUANTITY, /* not 1 … 1 000 000 */
    REFUSAL_PRICE,    /* not 1 … 10^12 minor units */
    REFUSAL_OVERFLOW, /* a line or the total is above 2^52 − 1 minor units */
    REFUSAL_UNKNOWN_SKU,
    REFUSAL_CURRENCY,       /* unknown, or not the one the product is sold in */
    REFUSAL_TEXT,           /* a name, ref, reason … is empty, too long or holds control characters */
    REFUSAL_CARD_NUMBER,    /* a card token that is a card number */
    REFUSAL_OTHER_CUSTOMER, /* the ref stands for an order of somebody else */
    REFUSAL_OTHER_CURRENCY,
    REFUSAL_OTHER_LINES,
    REFUSAL_OUT_OF_MEMORY, /* not the business's: the answer did not fit in memory */
    REFUSALS,
};

/* One clause, as in "cannot ship order 42: <clause>". Never NULL. */
const char *refusal_text(enum refusal refusal);

#endif
