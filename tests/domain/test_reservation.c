/* What one order holds of the stock: every line or none, in every phase and on every event. */
#include <string.h>

#include "base/buffer.h"
#include "tests/domain/scenario.h"

static struct reservation the_reservation(void)
{
    struct reservation reservation;
    fold_past(&reservation_fold, &reservation);
    return reservation;
}

static void when_heard(struct event cause)
{
    struct reservation reservation = the_reservation();
    reservation_react(&reservation, &cause, new_answer());
}

/* The payment of order 7 is captured; the shelves hold `available` of each need. */
static void when_captured(struct sku_quantities needs, const int64_t *available)
{
    struct reservation reservation = the_reservation();
    struct stock *shelves = arena_alloc_array(&scenario.arena, needs.count, sizeof(*shelves));
    const struct stock **stocks = arena_alloc_array(&scenario.arena, needs.count, sizeof(*stocks));
    for (size_t i = 0; i < needs.count; i++) {
        shelves[i] = (struct stock){.listed = true, .on_hand = available[i] + 100, .reserved = 100};
        stocks[i] = &shelves[i];
    }
    reservation_react_captured(&reservation, ORDER_7, &needs, stocks, new_answer());
}

static struct sku_quantities two_teas_and_a_cup(void)
{
    return and_units(units("tea", 2), "cup", 1);
}

/* The shortest past that leads into a phase. */
static void given_phase(enum reservation_phase phase)
{
    given_nothing();
    if (phase == RESERVATION_HELD || phase == RESERVATION_RELEASED || phase == RESERVATION_SHIPPED)
        given(stock_reserved(ORDER_7, two_teas_and_a_cup()));
    switch (phase) {
    case RESERVATION_FAILED: given(reservation_failed(ORDER_7, shortage("tea", 2, 1))); break;
    case RESERVATION_WITHDRAWN: given(reservation_withdrawn(ORDER_7)); break;
    case RESERVATION_RELEASED: given(stock_released(ORDER_7, two_teas_and_a_cup())); break;
    case RESERVATION_SHIPPED: given(reservation_shipped(ORDER_7, two_teas_and_a_cup())); break;
    default: break;
    }
    cr_assert_eq(the_reservation().phase, phase);
}

/* ---- needs ---- */

static struct sku_quantities needs_of(struct order_lines wanted)
{
    struct sku_quantities needs;
    cr_assert(reservation_needs(&wanted, &scenario.arena, &needs));
    return needs;
}

Test(reservation, needs_each_sku_once_in_the_order_of_first_mention)
{
    struct order_lines wanted = and_line(and_line(and_line(lines("tea", 2), "cup", 1), "tea", 3), "TEA", 4);
    struct sku_quantities needs = needs_of(wanted);
    cr_assert_eq(needs.count, 3);
    cr_assert_str_eq(needs.items[0].sku, "tea");
    cr_assert_eq(needs.items[0].quantity, 5);
    cr_assert_str_eq(needs.items[1].sku, "cup");
    cr_assert_eq(needs.items[1].quantity, 1);
    cr_assert_str_eq(needs.items[2].sku, "TEA", "two skus, byte by byte");
    cr_assert_eq(needs.items[2].quantity, 4);
}

Test(reservation, needs_the_sum_of_10000_lines_of_one_sku)
{
    struct order_line *items = arena_alloc_array(&scenario.arena, LINES_MAX, sizeof(*items));
    for (size_t i = 0; i < LINES_MAX; i++)
        items[i] = (struct order_line){"tea", "tea", QUANTITY_MAX, 1};
    struct sku_quantities needs = needs_of((struct order_lines){items, LINES_MAX});
    cr_assert_eq(needs.count, 1);
    cr_assert_eq(needs.items[0].quantity, INT64_C(10000000000));
}

Test(reservation, needs_10000_skus_of_10000_lines)
{
    struct order_line *items = arena_alloc_array(&scenario.arena, LINES_MAX, sizeof(*items));
    struct buffer sku = {0};
    for (size_t i = 0; i < LINES_MAX; i++) {
        buffer_reset(&sku);
        buffer_format(&sku, "sku %zu", i);
        items[i] = (struct order_line){arena_copy(&scenario.arena, buffer_string(&sku)), "x", (int64_t)i + 1, 1};
    }
    buffer_clear(&sku);
    struct sku_quantities needs = needs_of((struct order_lines){items, LINES_MAX});
    cr_assert_eq(needs.count, LINES_MAX);
    for (size_t i = 0; i < LINES_MAX; i++) {
        cr_assert_str_eq(needs.items[i].sku, items[i].sku);
        cr_assert_eq(needs.items[i].quantity, (int64_t)i + 1);
    }
}

/* ---- PaymentCaptured ---- */

Test(reservation, holds_every_line_when_all_are_there)
{
    when_captured(two_teas_and_a_cup(), (int64_t[]){2, 1}); /* to the last unit */
    then(stock_reserved(ORDER_7, two_teas_and_a_cup()));
    then(units_reserved("tea", ORDER_7, 2));
    then(units_reserved("cup", ORDER_7, 1));
    then_nothing_more();
}

Test(reservation, holds_nothing_when_one_line_is_short)
{
    when_captured(two_teas_and_a_cup(), (int64_t[]){50, 0});
    then(reservation_failed(ORDER_7, shortage("cup", 1, 0)));
    then_nothing_more();
}

Test(reservation, names_every_short_sku)
{
    struct sku_quantities needs = and_units(and_units(units("tea", 2), "cup", 1), "pot", 7);
    when_captured(needs, (int64_t[]){1, 1, 6}); /* there is just the one cup */
    then(reservation_failed(ORDER_7, and_shortage(shortage("tea", 2, 1), "pot", 7, 6)));
    then_nothing_more();
}

Test(reservation, says_that_0_are_available_where_more_is_promised_than_there_is)
{
    when_captured(units("tea", 2), (int64_t[]){-3});
    then(reservation_failed(ORDER_7, shortage("tea", 2, 0)));
    then_nothing_more();
}

Test(reservation, answers_a_payment_once)
{
    for (enum reservation_phase phase = RESERVATION_NONE + 1; phase < RESERVATION_PHASES; phase++) {
        given_phase(phase);
        when_captured(two_teas_and_a_cup(), (int64_t[]){50, 50});
        then_nothing();
        when_captured(two_teas_and_a_cup(), (int64_t[]){0, 0});
        then_nothing();
    }
}

/* ---- OrderCancellationRequested and OrderShipped ---- */

static void then_as_the_reactions_say(enum reservation_phase phase, enum event_type cause)
{
    if (phase == RESERVATION_NONE && cause == EVENT_ORDER_CANCELLATION_REQUESTED)
        then(reservation_withdrawn(ORDER_7));
    if (phase == RESERVATION_HELD && cause == EVENT_ORDER_CANCELLATION_REQUESTED) {
        then(stock_released(ORDER_7, two_teas_and_a_cup()));
        then(units_released("tea", ORDER_7, 2));
        then(units_released("cup", ORDER_7, 1));
    }
    if (phase == RESERVATION_HELD && cause == EVENT_ORDER_SHIPPED) {
        then(reservation_shipped(ORDER_7, two_teas_and_a_cup()));
        then(units_shipped("tea", ORDER_7, 2));
        then(units_shipped("cup", ORDER_7, 1));
    }
    then_nothing_more();
}

Test(reservation, reacts_to_every_event_in_every_phase)
{
    for (enum reservation_phase phase = 0; phase < RESERVATION_PHASES; phase++) {
        for (enum event_type cause = 0; cause < EVENT_TYPES; cause++) {
            given_phase(phase);
            when_heard(sample_event(cause));
            then_as_the_reactions_say(phase, cause);
        }
    }
}

Test(reservation, withdrawn_before_the_payment_holds_nothing_after_it)
{
    when_heard(cancellation_requested(ORDER_7, "too late"));
    then(reservation_withdrawn(ORDER_7));
    given(reservation_withdrawn(ORDER_7));
    when_captured(units("tea", 2), (int64_t[]){50});
    then_nothing();
}

Test(reservation, gives_back_exactly_what_was_held)
{
    given(stock_reserved(ORDER_7, units("pot", 3)));
    when_heard(cancellation_requested(ORDER_7, "too late"));
    then(stock_released(ORDER_7, units("pot", 3)));
    then(units_released("pot", ORDER_7, 3));
    then_nothing_more();
}

/* ---- evolve ---- */

Test(reservation, follows_its_own_events_and_no_others)
{
    static const enum reservation_phase leads_to[EVENT_TYPES] = {
        [EVENT_STOCK_RESERVED] = RESERVATION_HELD,
        [EVENT_STOCK_RESERVATION_FAILED] = RESERVATION_FAILED,
        [EVENT_RESERVATION_WITHDRAWN] = RESERVATION_WITHDRAWN,
        [EVENT_STOCK_RELEASED] = RESERVATION_RELEASED,
        [EVENT_RESERVATION_SHIPPED] = RESERVATION_SHIPPED,
    };
    for (enum reservation_phase phase = 0; phase < RESERVATION_PHASES; phase++) {
        for (enum event_type type = 0; type < EVENT_TYPES; type++) {
            given_phase(phase);
            given(sample_event(type));
            cr_assert_eq(the_reservation().phase, leads_to[type] == RESERVATION_NONE ? phase : leads_to[type]);
        }
    }
}
