/* One sku on the shelf: listing, receiving, and what the units' moves add up to. */
#include <string.h>

#include "tests/domain/scenario.h"

static struct stock the_stock(void)
{
    struct stock stock;
    fold_past(&stock_fold, &stock);
    return stock;
}

static void when_listed(struct list_product command)
{
    struct stock stock = the_stock();
    struct event_list *answer = new_answer();
    scenario.refusal = stock_decide_list(&stock, &command, answer);
}

static void when_received(const char *sku, int64_t quantity)
{
    struct stock stock = the_stock();
    struct receive_stock command = {sku, quantity};
    struct event_list *answer = new_answer();
    scenario.refusal = stock_decide_receive(&stock, &command, answer);
}

static struct list_product tea(int64_t opening_stock)
{
    return (struct list_product){"tea", "Green tea", 450, EUR, opening_stock};
}

/* ---- listing ---- */

Test(stock, is_listed_with_its_opening_stock)
{
    when_listed(tea(12));
    then(product_listed("tea", "Green tea", 450));
    then(opening_received("tea", 12));
    then_nothing_more();
}

Test(stock, of_zero_receives_nothing_and_can_be_opened_later)
{
    when_listed(tea(0));
    then(product_listed("tea", "Green tea", 450));
    then_nothing_more();
    given(product_listed("tea", "Green tea", 450));
    cr_assert_not(the_stock().opened);
    when_listed(tea(5));
    then(opening_received("tea", 5));
    then_nothing_more();
}

Test(stock, listed_again_with_the_same_data_changes_nothing)
{
    given(product_listed("tea", "Green tea", 450));
    given(opening_received("tea", 12));
    when_listed(tea(12));
    then_nothing();
}

Test(stock, is_opened_once_whatever_a_later_file_says)
{
    given(product_listed("tea", "Green tea", 450));
    given(opening_received("tea", 12));
    when_listed(tea(99));
    then_nothing();
    when_listed(tea(0));
    then_nothing();
    cr_assert_eq(the_stock().opening, 12, "the caller says what stands");
}

Test(stock, that_was_delivered_to_can_still_be_opened)
{
    given(product_listed("tea", "Green tea", 450));
    given(stock_received("tea", 3));
    when_listed(tea(12));
    then(opening_received("tea", 12));
    then_nothing_more();
}

Test(stock, listed_with_another_name_price_or_currency_is_listed_anew)
{
    given(product_listed("tea", "Green tea", 450));
    given(opening_received("tea", 12));
    when_listed((struct list_product){"tea", "Black tea", 450, EUR, 12});
    then(product_listed("tea", "Black tea", 450));
    then_nothing_more();
    when_listed((struct list_product){"tea", "Green tea", 451, EUR, 12});
    then(product_listed("tea", "Green tea", 451));
    then_nothing_more();
    when_listed((struct list_product){"tea", "Green tea", 450, USD, 12});
    struct event in_dollars = product_listed("tea", "Green tea", 450);
    in_dollars.product_listed.currency = USD;
    then(in_dollars);
    then_nothing_more();
}

Test(stock, listed_back_to_an_older_price_is_listed_anew)
{
    given(product_listed("tea", "Green tea", 450));
    given(product_listed("tea", "Green tea", 500));
    when_listed(tea(0));
    then(product_listed("tea", "Green tea", 450));
    then_nothing_more();
}

static const char *text_of(size_t length)
{
    char *text = arena_alloc(&scenario.arena, length + 1);
    memset(text, 'x', length);
    return text;
}

Test(stock, refuses_a_listing_that_breaks_a_limit)
{
    const struct {
        struct list_product command;
        enum refusal refusal;
    } tries[] = {
        {{NULL, "Green tea", 450, EUR, 0}, REFUSAL_TEXT},
        {{"", "Green tea", 450, EUR, 0}, REFUSAL_TEXT},
        {{"te\na", "Green tea", 450, EUR, 0}, REFUSAL_TEXT},
        {{text_of(128), "Green tea", 450, EUR, 0}, REFUSAL_NONE},
        {{text_of(129), "Green tea", 450, EUR, 0}, REFUSAL_TEXT},
        {{"tea", NULL, 450, EUR, 0}, REFUSAL_TEXT},
        {{"tea", "", 450, EUR, 0}, REFUSAL_TEXT},
        {{"tea", "Green\x1b[31m", 450, EUR, 0}, REFUSAL_TEXT},
        {{"tea", text_of(512), 450, EUR, 0}, REFUSAL_NONE},
        {{"tea", text_of(513), 450, EUR, 0}, REFUSAL_TEXT},
        {{"tea", "Green tea", 0, EUR, 0}, REFUSAL_PRICE},
        {{"tea", "Green tea", -1, EUR, 0}, REFUSAL_PRICE},
        {{"tea", "Green tea", 1, EUR, 0}, REFUSAL_NONE},
        {{"tea", "Green tea", PRICE_MAX_MINOR, EUR, 0}, REFUSAL_NONE},
        {{"tea", "Green tea", PRICE_MAX_MINOR + 1, EUR, 0}, REFUSAL_PRICE},
        {{"tea", "Green tea", 450, {"EUX"}, 0}, REFUSAL_CURRENCY},
        {{"tea", "Green tea", 450, {""}, 0}, REFUSAL_CURRENCY},
        {{"tea", "Green tea", 450, EUR, -1}, REFUSAL_QUANTITY},
        {{"tea", "Green tea", 450, EUR, INT64_C(1000000000)}, REFUSAL_NONE},
        {{"tea", "Green tea", 450, EUR, INT64_C(1000000001)}, REFUSAL_QUANTITY},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        when_listed(tries[i].command);
        cr_expect_eq(scenario.refusal, tries[i].refusal, "try %zu", i);
        cr_expect_eq(scenario.answer.count == 0, tries[i].refusal != REFUSAL_NONE, "try %zu", i);
    }
}

/* ---- receiving ---- */

Test(stock, receives_a_delivery)
{
    given(product_listed("tea", "Green tea", 450));
    given(opening_received("tea", 12));
    when_received("tea", 30);
    then(stock_received("tea", 30));
    then_nothing_more();
}

Test(stock, refuses_a_delivery_of_what_is_not_listed)
{
    when_received("tea", 30);
    then_refused(REFUSAL_UNKNOWN_SKU);
}

Test(stock, refuses_a_delivery_that_breaks_a_limit)
{
    given(product_listed("tea", "Green tea", 450));
    when_received("tea", 0);
    then_refused(REFUSAL_QUANTITY);
    when_received("tea", -5);
    then_refused(REFUSAL_QUANTITY);
    when_received("tea", 1000001);
    then_refused(REFUSAL_QUANTITY);
    when_received("", 1);
    then_refused(REFUSAL_TEXT);
    when_received(NULL, 1);
    then_refused(REFUSAL_TEXT);
    when_received("tea", 1000000);
    then(stock_received("tea", 1000000));
}

/* ---- evolve ---- */

static void then_there_are(int64_t on_hand, int64_t reserved)
{
    struct stock stock = the_stock();
    cr_assert_eq(stock.on_hand, on_hand);
    cr_assert_eq(stock.reserved, reserved);
    cr_assert_eq(stock_available(&stock), on_hand - reserved);
}

Test(stock, counts_what_is_on_hand_promised_and_available)
{
    then_there_are(0, 0);
    given(product_listed("tea", "Green tea", 450));
    then_there_are(0, 0);
    given(opening_received("tea", 12));
    then_there_are(12, 0);
    given(stock_received("tea", 3));
    then_there_are(15, 0);
    given(units_reserved("tea", ORDER_7, 5));
    then_there_are(15, 5);
    given(units_reserved("tea", ORDER_8, 4));
    then_there_are(15, 9);
    given(units_released("tea", ORDER_7, 5));
    then_there_are(15, 4);
    given(units_shipped("tea", ORDER_8, 4));
    then_there_are(11, 0);
}

Test(stock, knows_its_name_price_and_opening)
{
    given(product_listed("tea", "Green tea", 450));
    given(opening_received("tea", 12));
    given(stock_received("tea", 3));
    struct stock stock = the_stock();
    cr_assert(stock.listed);
    cr_assert_str_eq(stock.name, "Green tea");
    cr_assert_eq(stock.unit_price_minor, 450);
    cr_assert_str_eq(stock.currency.code, "EUR");
    cr_assert(stock.opened);
    cr_assert_eq(stock.opening, 12);
    given(product_listed("tea", "Tea", 500)); /* a shorter name leaves nothing of the longer one */
    stock = the_stock();
    cr_assert_str_eq(stock.name, "Tea");
    cr_assert_eq(stock.unit_price_minor, 500);
}

Test(stock, keeps_its_name_when_the_event_is_gone)
{
    char name[] = "Green tea";
    struct stock stock = {0};
    struct event listed = product_listed("tea", name, 450);
    stock_evolve(&stock, &listed);
    memset(name, 'x', sizeof(name) - 1);
    cr_assert_str_eq(stock.name, "Green tea");
}

Test(stock, holds_a_name_of_512_bytes)
{
    given(product_listed("tea", text_of(512), 450));
    cr_assert_eq(strlen(the_stock().name), 512);
}

static bool same_stock(const struct stock *one, const struct stock *other)
{
    return one->listed == other->listed && strcmp(one->name, other->name) == 0 &&
           one->unit_price_minor == other->unit_price_minor && strcmp(one->currency.code, other->currency.code) == 0 &&
           one->on_hand == other->on_hand && one->reserved == other->reserved && one->opened == other->opened &&
           one->opening == other->opening;
}

Test(stock, is_moved_by_its_own_events_and_no_others)
{
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        given_nothing();
        given(product_listed("tea", "Tea", 1));
        given(stock_received("tea", 10));
        struct stock before = the_stock();
        given(sample_event(type));
        struct stock after = the_stock();
        bool moves = type == EVENT_PRODUCT_LISTED || type == EVENT_STOCK_RECEIVED || type == EVENT_UNITS_RESERVED ||
                     type == EVENT_UNITS_RELEASED || type == EVENT_UNITS_SHIPPED;
        cr_assert_neq(same_stock(&before, &after), moves, "%s", event_type_name(type));
    }
}
