/* scenario.h - the words in which the domain's tests are told: given what has happened, when somebody asks for
 * something or hears of something, then these events follow, or a refusal, or nothing.
 *
 * One scenario a test. Criterion runs each test in a process of its own, so that the scenario starts empty. */
#ifndef TESTS_DOMAIN_SCENARIO_H
#define TESTS_DOMAIN_SCENARIO_H

#include <criterion/criterion.h>

#include "base/arena.h"
#include "domain/event.h"
#include "domain/notification.h"
#include "domain/order.h"
#include "domain/payment.h"
#include "domain/refusal.h"
#include "domain/reservation.h"
#include "domain/stock.h"

/* ---- things of the shop ---- */

#define ORDER_7 ((struct uuid){{0, 0, 0, 0, 0, 0, 0x50, 0, 0x80, 0, 0, 0, 0, 0, 0, 7}})
#define ORDER_8 ((struct uuid){{0, 0, 0, 0, 0, 0, 0x50, 0, 0x80, 0, 0, 0, 0, 0, 0, 8}})
#define EUR     ((struct currency){"EUR"})
#define USD     ((struct currency){"USD"})

/* 2026-11-23T18:40:00Z */
#define MONDAY_EVENING_US INT64_C(1795459200000000)

/* One line, at 4.50 a piece; and_line adds another to it. */
struct order_lines lines(const char *sku, int64_t quantity);
struct order_lines and_line(struct order_lines lines, const char *sku, int64_t quantity);
struct sku_quantities units(const char *sku, int64_t quantity);
struct sku_quantities and_units(struct sku_quantities units, const char *sku, int64_t quantity);
struct shortages shortage(const char *sku, int64_t wanted, int64_t available);
struct shortages and_shortage(struct shortages shortages, const char *sku, int64_t wanted, int64_t available);

/* ---- facts ---- */

struct event order_placed(struct uuid order, struct order_lines lines); /* by anna, in EUR, with tok_ok, as "R-7" */
struct event order_confirmed(struct uuid order);
struct event order_rejected(struct uuid order, const char *reason);
struct event cancellation_requested(struct uuid order, const char *reason);
struct event order_cancelled(struct uuid order, const char *reason);
struct event order_shipped(struct uuid order, const char *carrier, const char *tracking);
struct event payment_captured(struct uuid order, int64_t amount_minor);
struct event payment_declined(struct uuid order, int64_t amount_minor, const char *reason);
struct event payment_refunded(struct uuid order, int64_t amount_minor, const char *reason);
struct event product_listed(const char *sku, const char *name, int64_t unit_price_minor);
struct event stock_received(const char *sku, int64_t quantity);
struct event opening_received(const char *sku, int64_t quantity);
struct event units_reserved(const char *sku, struct uuid order, int64_t quantity);
struct event units_released(const char *sku, struct uuid order, int64_t quantity);
struct event units_shipped(const char *sku, struct uuid order, int64_t quantity);
struct event stock_reserved(struct uuid order, struct sku_quantities lines);
struct event reservation_failed(struct uuid order, struct shortages shortages);
struct event reservation_withdrawn(struct uuid order);
struct event stock_released(struct uuid order, struct sku_quantities lines);
struct event reservation_shipped(struct uuid order, struct sku_quantities lines);
struct event notification_sent(struct uuid order, const char *kind);

/* One event of each type, all of order 7 and the sku tea, every optional field there. */
struct event sample_event(enum event_type type);

/* True when both say the same, compared member by member without the contract's tables. */
bool events_equal(const struct event *one, const struct event *other);

/* ---- the scenario ---- */

struct scenario {
    struct arena arena;
    struct event past[32];
    size_t past_count;
    struct event_list answer; /* of the last `when` */
    enum refusal refusal;     /* of the last `when` */
    size_t asserted;          /* events of the answer that a `then` has seen */
};
extern struct scenario scenario;

/* Another thing that has happened. */
void given(struct event event);

/* Forgets everything, for the next round of a loop. */
void given_nothing(void);

/* Folds what was given into a zeroed state. */
void fold_past(const struct fold *fold, void *state);

/* An empty list for the next answer. */
struct event_list *new_answer(void);

/* The next event of the answer is this one. */
void then(struct event expected);

/* All of the answer was named, and it was no refusal. */
void then_nothing_more(void);

/* Decided, and there is nothing to do. */
void then_nothing(void);

void then_refused(enum refusal refusal);

#endif
