/* money.h - exact amounts: 64-bit minor units and an ISO 4217 currency, whose exponent says where the point goes.
 * No floating point anywhere. */
#ifndef DOMAIN_MONEY_H
#define DOMAIN_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/event.h"

enum { MONEY_TEXT_SIZE = 32 };

/* True for an active ISO 4217 code in capitals. `*exponent` (may be NULL) is its number of decimals: JPY 0, USD 2,
 * KWD 3. */
bool currency_is_known(const char *code, int *exponent);

/* The currency for a code that is known; all zero for one that is not. */
struct currency currency_from_code(const char *code);

/* The currency of a shop, from its store's settings as `till init` writes them, {"currency":"USD"}: all zero when they
 * do not say. */
struct currency currency_from_settings(const char *settings);

bool currency_equal(struct currency one, struct currency other);

/* Reads an exact decimal ("9.8", "12", "0.05") in major units; no sign, no exponent, no thousands separators.
 * False when it is none, has more decimals than the currency, or exceeds AMOUNT_MAX_MINOR. Trailing zeros beyond the
 * currency's decimals are fine ("9.800" is 980 cents). */
bool money_from_text(const char *text, struct currency currency, int64_t *minor);

/* "1234.50 USD"; a negative amount has a minus. */
void money_to_text(int64_t minor, struct currency currency, char text[MONEY_TEXT_SIZE]);

/* quantity × price; false above AMOUNT_MAX_MINOR or for negative factors. */
bool money_multiply(int64_t price_minor, int64_t quantity, int64_t *minor);

/* *total += minor; false (and unchanged) above AMOUNT_MAX_MINOR. */
bool money_add(int64_t *total_minor, int64_t minor);

#endif
