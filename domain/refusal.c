#include "domain/refusal.h"

#include "base/status.h"

static const char *const texts[REFUSALS] = {
    [REFUSAL_NONE] = "nothing speaks against it",
    [REFUSAL_UNKNOWN_ORDER] = "there is no such order",
    [REFUSAL_OVER] = "it was rejected, so there is nothing left to cancel",
    [REFUSAL_SHIPPED] = "it has been shipped already",
    [REFUSAL_NOT_CONFIRMED] = "it is not confirmed yet: payment or stock is still open",
    [REFUSAL_CANCELLING] = "it is being cancelled",
    [REFUSAL_CANCELLED] = "it was cancelled",
    [REFUSAL_REJECTED] = "it was rejected",
    [REFUSAL_NO_LINES] = "it has no lines",
    [REFUSAL_TOO_MANY_LINES] = "it has more than 10000 lines",
    [REFUSAL_QUANTITY] = "the quantity is out of range (1 to 1000000; an opening stock 0 to 1000000000)",
    [REFUSAL_PRICE] = "the price is out of range (1 to 10^12 minor units)",
    [REFUSAL_OVERFLOW] = "the amount is too large (more than 2^52 - 1 minor units)",
    [REFUSAL_UNKNOWN_SKU] = "the product is not listed",
    [REFUSAL_CURRENCY] = "the currency is unknown, or not the one the product is sold in",
    [REFUSAL_TEXT] = "a text is empty, longer than 128 bytes (a name or reason 512), or not plain UTF-8",
    [REFUSAL_CARD_NUMBER] = "the card token is a card number; give the bank's token for it instead",
    [REFUSAL_OTHER_CUSTOMER] = "its reference stands for an order of another customer",
    [REFUSAL_OTHER_CURRENCY] = "its reference stands for an order in another currency",
    [REFUSAL_OTHER_LINES] = "its reference stands for an order with other lines",
    [REFUSAL_OUT_OF_MEMORY] = "there was not enough memory to decide",
};

const char *refusal_text(enum refusal refusal)
{
    CHECK((unsigned)refusal < REFUSALS);
    return texts[refusal];
}
