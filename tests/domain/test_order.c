/* The life of an order: every command and every event, in every phase. */
#include <string.h>

#include "tests/domain/scenario.h"

/* ---- when ---- */

static size_t refused_line;

static struct order the_order(void)
{
    struct order order;
    fold_past(&order_fold, &order);
    return order;
}

static void when_cancelled(const char *reason)
{
    struct order order = the_order();
    struct cancel_order command = {reason, MONDAY_EVENING_US};
    struct event_list *answer = new_answer();
    scenario.refusal = order_decide_cancel(&order, &command, answer);
}

static void when_shipped(const char *carrier, const char *tracking)
{
    struct order order = the_order();
    struct ship_order command = {carrier, tracking};
    struct event_list *answer = new_answer();
    scenario.refusal = order_decide_ship(&order, &command, answer);
}

static void when_placed(struct place_order command)
{
    struct order order = the_order();
    struct event_list *answer = new_answer();
    scenario.refusal = order_decide_place(&order, &command, answer, &refused_line);
}

static void when_heard(struct event cause)
{
    struct order order = the_order();
    struct event_list *answer = new_answer();
    order_react(&order, &cause, answer);
}

/* ---- given ---- */

/* The shortest past that leads into a phase. */
static void given_phase(enum order_phase phase)
{
    given_nothing();
    if (phase != ORDER_NONE)
        given(order_placed(ORDER_7, lines("tea", 2)));
    switch (phase) {
    case ORDER_CONFIRMED: given(order_confirmed(ORDER_7)); break;
    case ORDER_REJECTED: given(order_rejected(ORDER_7, "declined")); break;
    case ORDER_CANCELLING: given(cancellation_requested(ORDER_7, "too late")); break;
    case ORDER_CANCELLED:
        given(cancellation_requested(ORDER_7, "too late"));
        given(order_cancelled(ORDER_7, "customer"));
        break;
    case ORDER_SHIPPED:
        given(order_confirmed(ORDER_7));
        given(order_shipped(ORDER_7, NULL, NULL));
        break;
    default: break;
    }
    cr_assert_eq(the_order().phase, phase);
}

/* What was placed as order 7, asked for again. */
static struct place_order the_same(void)
{
    static const struct wanted_line two_teas[] = {{"tea", "tea", 2, 450}};
    return (struct place_order){ORDER_7, "R-7", "anna", EUR, two_teas, 1, "tok_ok", MONDAY_EVENING_US, false};
}

static struct place_order with_lines(const struct wanted_line *wanted, size_t count)
{
    struct place_order command = the_same();
    command.lines = wanted;
    command.line_count = count;
    return command;
}

/* ---- placing ---- */

Test(order, is_placed_with_its_total)
{
    static const struct wanted_line wanted[] = {{"tea", "tea", 2, 450}, {"cup", "cup", 3, 450}};
    when_placed(with_lines(wanted, 2));
    then(order_placed(ORDER_7, and_line(lines("tea", 2), "cup", 3)));
    then_nothing_more();
    cr_assert_eq(scenario.answer.items[0].order_placed.total_minor, 2250);
}

Test(order, may_name_the_same_sku_twice)
{
    static const struct wanted_line wanted[] = {{"tea", "tea", 2, 450}, {"tea", "tea", 1, 450}};
    when_placed(with_lines(wanted, 2));
    then(order_placed(ORDER_7, and_line(lines("tea", 2), "tea", 1)));
    then_nothing_more();
}

Test(order, placed_again_with_the_same_content_is_that_order_in_every_phase)
{
    for (enum order_phase phase = ORDER_PLACED; phase < ORDER_PHASES; phase++) {
        given_phase(phase);
        when_placed(the_same());
        then_nothing();
        cr_assert_eq(refused_line, SIZE_MAX);
    }
}

Test(order, placed_again_may_have_another_card_and_another_time)
{
    given_phase(ORDER_PLACED);
    struct place_order again = the_same();
    again.card_token = "tok_declined";
    again.placed_at_us++;
    when_placed(again);
    then_nothing();
}

Test(order, placed_again_by_another_customer_is_refused_in_every_phase)
{
    for (enum order_phase phase = ORDER_PLACED; phase < ORDER_PHASES; phase++) {
        given_phase(phase);
        struct place_order other = the_same();
        other.customer = "Anna"; /* compared byte by byte */
        when_placed(other);
        then_refused(REFUSAL_OTHER_CUSTOMER);
    }
}

Test(order, placed_again_in_another_currency_is_refused_in_every_phase)
{
    for (enum order_phase phase = ORDER_PLACED; phase < ORDER_PHASES; phase++) {
        given_phase(phase);
        struct place_order other = the_same();
        other.currency = USD;
        when_placed(other);
        then_refused(REFUSAL_OTHER_CURRENCY);
    }
}

Test(order, placed_again_with_other_lines_is_refused_in_every_phase)
{
    static const struct wanted_line others[][2] = {
        {{"tea", "tea", 3, 450}},                         /* another quantity */
        {{"TEA", "tea", 2, 450}},                         /* another sku */
        {{"tea", "tea", 2, 450}, {"tea", "tea", 1, 450}}, /* one line more */
    };
    for (enum order_phase phase = ORDER_PLACED; phase < ORDER_PHASES; phase++) {
        for (size_t i = 0; i < 3; i++) {
            given_phase(phase);
            when_placed(with_lines(others[i], i < 2 ? 1 : 2));
            then_refused(REFUSAL_OTHER_LINES);
        }
    }
}

Test(order, placed_again_names_the_line_that_differs)
{
    static const struct wanted_line other[] = {{"tea", "tea", 2, 450}, {"cup", "cup", 2, 450}};
    given(order_placed(ORDER_7, and_line(lines("tea", 2), "cup", 1)));
    when_placed(with_lines(other, 2));
    then_refused(REFUSAL_OTHER_LINES);
    cr_assert_eq(refused_line, 1);

    when_placed(with_lines(other, 1));
    then_refused(REFUSAL_OTHER_LINES);
    cr_assert_eq(refused_line, SIZE_MAX, "one line fewer is no line's fault");
}

Test(order, lines_in_another_order_are_other_lines)
{
    static const struct wanted_line swapped[] = {{"cup", "cup", 1, 450}, {"tea", "tea", 2, 450}};
    given(order_placed(ORDER_7, and_line(lines("tea", 2), "cup", 1)));
    when_placed(with_lines(swapped, 2));
    then_refused(REFUSAL_OTHER_LINES);
}

Test(order, placed_again_does_not_care_what_the_catalogue_says_today)
{
    static const struct wanted_line repriced[] = {{"tea", "tea", 2, 999}};
    static const struct wanted_line delisted[] = {{"tea", NULL, 2, 0}};
    given_phase(ORDER_CONFIRMED);
    when_placed(with_lines(repriced, 1));
    then_nothing();
    when_placed(with_lines(delisted, 1));
    then_nothing();
}

Test(order, of_an_import_placed_again_at_another_price_is_refused)
{
    static const struct wanted_line repriced[] = {{"tea", "tea", 2, 451}};
    given_phase(ORDER_PLACED);
    struct place_order other = with_lines(repriced, 1);
    other.prices_are_content = true;
    when_placed(other);
    then_refused(REFUSAL_OTHER_LINES);

    struct place_order same = the_same();
    same.prices_are_content = true;
    when_placed(same);
    then_nothing();
}

Test(order, malformed_is_refused_before_it_is_compared)
{
    static const struct wanted_line nothing[] = {{"tea", "tea", 0, 450}};
    given_phase(ORDER_PLACED);
    struct place_order command = with_lines(nothing, 1);
    command.customer = "bert";
    when_placed(command);
    then_refused(REFUSAL_QUANTITY);
}

static const char *text_of(size_t length)
{
    char *text = arena_alloc(&scenario.arena, length + 1);
    memset(text, 'x', length);
    return text;
}

Test(order, needs_texts_that_are_there_short_and_clean)
{
    struct {
        const char *text;
        enum refusal refusal;
    } tries[] = {{NULL, REFUSAL_TEXT},          {"", REFUSAL_TEXT},
                 {text_of(128), REFUSAL_NONE},  {text_of(129), REFUSAL_TEXT},
                 {"a\nb", REFUSAL_TEXT},        {"a\x7f", REFUSAL_TEXT},
                 {"\xc3(", REFUSAL_TEXT},       {"\xc2\x85", REFUSAL_TEXT},
                 {"a b/c ü", REFUSAL_NONE},     {"a\x1b[2J", REFUSAL_TEXT},
                 {"\xed\xa0\x80", REFUSAL_TEXT}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct wanted_line line = {"tea", "tea", 2, 450}, of_sku = {tries[i].text, "tea", 2, 450};
        struct place_order ref = with_lines(&line, 1), customer = ref, card = ref, sku = with_lines(&of_sku, 1);
        ref.order_ref = customer.customer = card.card_token = tries[i].text;
        when_placed(ref);
        cr_expect_eq(scenario.refusal, tries[i].refusal, "ref %zu", i);
        when_placed(customer);
        cr_expect_eq(scenario.refusal, tries[i].refusal, "customer %zu", i);
        when_placed(card);
        cr_expect_eq(scenario.refusal, tries[i].refusal, "card %zu", i);
        cr_expect_eq(refused_line, SIZE_MAX);
        when_placed(sku);
        cr_expect_eq(scenario.refusal, tries[i].refusal, "sku %zu", i);
        cr_expect_eq(refused_line, tries[i].refusal == REFUSAL_NONE ? SIZE_MAX : 0);
    }
}

Test(order, needs_a_clean_product_name_of_at_most_512_bytes)
{
    struct wanted_line line = {"tea", text_of(512), 2, 450};
    when_placed(with_lines(&line, 1));
    cr_assert_eq(scenario.refusal, REFUSAL_NONE);
    line.name = text_of(513);
    when_placed(with_lines(&line, 1));
    then_refused(REFUSAL_TEXT);
    cr_assert_eq(refused_line, 0);
    line.name = "";
    when_placed(with_lines(&line, 1));
    then_refused(REFUSAL_TEXT);
}

Test(order, with_a_card_number_for_a_token_is_refused)
{
    static const char *const numbers[] = {
        "4111111111111111", "5555555555554444",    "4222222222222",       "6304000000000000000",
        "378282246310005",  "4111 1111 1111 1111", "4111-1111-1111-1111",
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct place_order command = the_same();
        command.card_token = numbers[i];
        when_placed(command);
        then_refused(REFUSAL_CARD_NUMBER);
        cr_assert_eq(refused_line, SIZE_MAX);
    }
}

Test(order, with_a_token_that_only_resembles_a_card_number_is_placed)
{
    static const char *const tokens[] = {
        "4111111111111112",     /* fails Luhn */
        "411111111117",         /* 12 digits that pass it */
        "41111111111111111112", /* 20 digits */
        "00000000000000000000", /* 20 digits that pass it */
        "4111.1111.1111.1111",  /* no way to write one */
        "tok4111111111111111",  "4111111111111111x", "-", "tok_ok",
    };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct place_order command = the_same();
        command.card_token = tokens[i];
        when_placed(command);
        cr_expect_eq(scenario.refusal, REFUSAL_NONE, "%s", tokens[i]);
    }
}

Test(order, needs_a_known_currency)
{
    struct place_order command = the_same();
    command.currency = (struct currency){"XXX"};
    when_placed(command);
    then_refused(REFUSAL_CURRENCY);
    command.currency = (struct currency){""};
    when_placed(command);
    then_refused(REFUSAL_CURRENCY);
}

Test(order, has_1_to_10000_lines)
{
    when_placed(with_lines(NULL, 0));
    then_refused(REFUSAL_NO_LINES);

    struct wanted_line *many = arena_alloc_array(&scenario.arena, LINES_MAX + 1, sizeof(*many));
    for (size_t i = 0; i <= LINES_MAX; i++)
        many[i] = (struct wanted_line){"tea", "tea", 1, 450};
    when_placed(with_lines(many, LINES_MAX + 1));
    then_refused(REFUSAL_TOO_MANY_LINES);
    when_placed(with_lines(many, LINES_MAX));
    cr_assert_eq(scenario.refusal, REFUSAL_NONE);
    cr_assert_eq(scenario.answer.items[0].order_placed.lines.count, LINES_MAX);
    cr_assert_eq(scenario.answer.items[0].order_placed.total_minor, INT64_C(450) * LINES_MAX);
}

Test(order, keeps_quantities_and_prices_within_their_limits)
{
    static const struct {
        int64_t quantity, price_minor;
        enum refusal refusal;
    } tries[] = {
        {0, 450, REFUSAL_QUANTITY},
        {-1, 450, REFUSAL_QUANTITY},
        {1, 450, REFUSAL_NONE},
        {1000000, 1, REFUSAL_NONE},
        {1000001, 1, REFUSAL_QUANTITY},
        {INT64_MAX, 1, REFUSAL_QUANTITY},
        {1, 0, REFUSAL_PRICE},
        {1, -450, REFUSAL_PRICE},
        {1, INT64_C(1000000000000), REFUSAL_NONE},
        {1, INT64_C(1000000000001), REFUSAL_PRICE},
        {1, INT64_MIN, REFUSAL_PRICE},
        {4503, INT64_C(1000000000000), REFUSAL_NONE},
        {4504, INT64_C(1000000000000), REFUSAL_OVERFLOW},
        {1000000, INT64_C(1000000000000), REFUSAL_OVERFLOW},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct wanted_line wanted[] = {{"cup", "cup", 1, 1}, {"tea", "tea", tries[i].quantity, tries[i].price_minor}};
        when_placed(with_lines(wanted, 2));
        cr_expect_eq(scenario.refusal, tries[i].refusal, "try %zu", i);
        cr_expect_eq(refused_line, tries[i].refusal == REFUSAL_NONE ? SIZE_MAX : 1, "try %zu", i);
    }
}

Test(order, of_lines_that_fit_may_still_be_too_dear_together)
{
    /* 4503 × 10^12, and 599 627 370 495 are left to 2^52 − 1 */
    struct wanted_line wanted[] = {{"gold", "gold", 4503, INT64_C(1000000000000)},
                                   {"tea", "tea", 1, INT64_C(599627370495)}};
    when_placed(with_lines(wanted, 2));
    cr_assert_eq(scenario.refusal, REFUSAL_NONE);
    cr_assert_eq(scenario.answer.items[0].order_placed.total_minor, AMOUNT_MAX_MINOR);
    wanted[1].unit_price_minor++;
    when_placed(with_lines(wanted, 2));
    then_refused(REFUSAL_OVERFLOW);
    cr_assert_eq(refused_line, 1);
}

Test(order, of_a_sku_that_is_not_listed_is_refused)
{
    static const struct wanted_line wanted[] = {{"tea", "tea", 2, 450}, {"moon", NULL, 1, 0}};
    when_placed(with_lines(wanted, 2));
    then_refused(REFUSAL_UNKNOWN_SKU);
    cr_assert_eq(refused_line, 1);
}

Test(order, may_be_refused_without_asking_for_the_line)
{
    struct order none = {0};
    struct place_order command = with_lines(NULL, 0);
    cr_assert_eq(order_decide_place(&none, &command, new_answer(), NULL), REFUSAL_NO_LINES);
}

/* ---- cancelling and shipping: EVENTS.md, "Commands and refusals" ---- */

Test(order, answers_a_cancellation_in_every_phase)
{
    static const struct {
        enum refusal refusal;
        bool requested;
    } answers[ORDER_PHASES] = {
        [ORDER_NONE] = {REFUSAL_UNKNOWN_ORDER, false}, [ORDER_PLACED] = {REFUSAL_NONE, true},
        [ORDER_CONFIRMED] = {REFUSAL_NONE, true},      [ORDER_REJECTED] = {REFUSAL_OVER, false},
        [ORDER_CANCELLING] = {REFUSAL_NONE, false},    [ORDER_CANCELLED] = {REFUSAL_NONE, false},
        [ORDER_SHIPPED] = {REFUSAL_SHIPPED, false},
    };
    for (enum order_phase phase = 0; phase < ORDER_PHASES; phase++) {
        given_phase(phase);
        when_cancelled("changed my mind");
        if (answers[phase].refusal != REFUSAL_NONE) {
            then_refused(answers[phase].refusal);
            continue;
        }
        if (answers[phase].requested)
            then(cancellation_requested(ORDER_7, "changed my mind"));
        then_nothing_more();
    }
}

Test(order, answers_a_shipment_in_every_phase)
{
    static const struct {
        enum refusal refusal;
        bool shipped;
    } answers[ORDER_PHASES] = {
        [ORDER_NONE] = {REFUSAL_UNKNOWN_ORDER, false},    [ORDER_PLACED] = {REFUSAL_NOT_CONFIRMED, false},
        [ORDER_CONFIRMED] = {REFUSAL_NONE, true},         [ORDER_REJECTED] = {REFUSAL_REJECTED, false},
        [ORDER_CANCELLING] = {REFUSAL_CANCELLING, false}, [ORDER_CANCELLED] = {REFUSAL_CANCELLED, false},
        [ORDER_SHIPPED] = {REFUSAL_NONE, false},
    };
    for (enum order_phase phase = 0; phase < ORDER_PHASES; phase++) {
        given_phase(phase);
        when_shipped("Post", "T-1");
        if (answers[phase].refusal != REFUSAL_NONE) {
            then_refused(answers[phase].refusal);
            continue;
        }
        if (answers[phase].shipped)
            then(order_shipped(ORDER_7, "Post", "T-1"));
        then_nothing_more();
    }
}

Test(order, cancelled_out_of_stock_while_placed_can_be_cancelled_again)
{
    given(order_placed(ORDER_7, lines("tea", 2)));
    given(order_cancelled(ORDER_7, "out_of_stock"));
    when_cancelled("too late");
    then_nothing();
}

Test(order, confirmed_and_then_cancelled_cannot_be_shipped)
{
    given_phase(ORDER_CONFIRMED);
    given(cancellation_requested(ORDER_7, "too late"));
    when_shipped(NULL, NULL);
    then_refused(REFUSAL_CANCELLING);
}

Test(order, needs_a_clean_reason_of_at_most_512_bytes_to_be_cancelled)
{
    given(order_placed(ORDER_7, lines("tea", 2)));
    const char *bad[] = {NULL, "", "a\tb", text_of(513), "\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        when_cancelled(bad[i]);
        then_refused(REFUSAL_TEXT);
    }
    when_cancelled(text_of(512));
    then(cancellation_requested(ORDER_7, text_of(512)));
    then_nothing_more();
}

Test(order, is_shipped_with_or_without_a_carrier_and_tracking)
{
    given_phase(ORDER_CONFIRMED);
    when_shipped(NULL, NULL);
    then(order_shipped(ORDER_7, NULL, NULL));
    then_nothing_more();
    when_shipped("Post", NULL);
    then(order_shipped(ORDER_7, "Post", NULL));
    when_shipped(NULL, "T-1");
    then(order_shipped(ORDER_7, NULL, "T-1"));
    when_shipped("", NULL);
    then_refused(REFUSAL_TEXT);
    when_shipped("Post", "a\nb");
    then_refused(REFUSAL_TEXT);
    when_shipped(text_of(129), NULL);
    then_refused(REFUSAL_TEXT);
}

/* ---- reactions: EVENTS.md, "Reactions" ---- */

/* What the order service states, phase by phase; in all other cases nothing. */
static void then_as_the_reactions_say(enum order_phase phase, enum event_type cause)
{
    bool cancelling = phase == ORDER_CANCELLING;
    if (phase == ORDER_PLACED && cause == EVENT_PAYMENT_DECLINED)
        then(order_rejected(ORDER_7, "declined"));
    if (cancelling && cause == EVENT_PAYMENT_DECLINED)
        then(order_cancelled(ORDER_7, "customer"));
    if (phase == ORDER_PLACED && cause == EVENT_STOCK_RESERVED)
        then(order_confirmed(ORDER_7));
    if ((phase == ORDER_PLACED || cancelling) && cause == EVENT_PAYMENT_REFUNDED)
        then(order_cancelled(ORDER_7, "out_of_stock"));
    then_nothing_more();
}

Test(order, reacts_to_every_event_in_every_phase)
{
    for (enum order_phase phase = 0; phase < ORDER_PHASES; phase++) {
        for (enum event_type cause = 0; cause < EVENT_TYPES; cause++) {
            given_phase(phase);
            when_heard(sample_event(cause));
            then_as_the_reactions_say(phase, cause);
        }
    }
}

Test(order, is_rejected_for_the_reason_the_bank_gave)
{
    given(order_placed(ORDER_7, lines("tea", 2)));
    when_heard(payment_declined(ORDER_7, 900, "payment_unavailable"));
    then(order_rejected(ORDER_7, "payment_unavailable"));
    then_nothing_more();
}

Test(order, that_the_customer_cancels_is_cancelled_by_its_refund)
{
    given_phase(ORDER_CANCELLING);
    when_heard(payment_refunded(ORDER_7, 900, "customer"));
    then(order_cancelled(ORDER_7, "customer"));
    then_nothing_more();
}

Test(order, is_cancelled_once_though_refund_and_refusal_are_heard)
{
    given_phase(ORDER_CANCELLING);
    given(order_cancelled(ORDER_7, "customer"));
    when_heard(payment_refunded(ORDER_7, 900, "out_of_stock"));
    then_nothing();
}

/* ---- evolve ---- */

Test(order, follows_its_own_events_and_no_others)
{
    static const enum order_phase leads_to[EVENT_TYPES] = {
        [EVENT_ORDER_PLACED] = ORDER_PLACED,       [EVENT_ORDER_CONFIRMED] = ORDER_CONFIRMED,
        [EVENT_ORDER_REJECTED] = ORDER_REJECTED,   [EVENT_ORDER_CANCELLATION_REQUESTED] = ORDER_CANCELLING,
        [EVENT_ORDER_CANCELLED] = ORDER_CANCELLED, [EVENT_ORDER_SHIPPED] = ORDER_SHIPPED,
    };
    for (enum order_phase phase = 0; phase < ORDER_PHASES; phase++) {
        for (enum event_type type = 0; type < EVENT_TYPES; type++) {
            given_phase(phase);
            given(sample_event(type));
            cr_assert_eq(the_order().phase, leads_to[type] == ORDER_NONE ? phase : leads_to[type]);
        }
    }
}

Test(order, remembers_what_was_placed)
{
    struct event placed = order_placed(ORDER_8, lines("tea", 2));
    given(placed);
    given(order_confirmed(ORDER_8));
    struct event remembered = {.type = EVENT_ORDER_PLACED, .order_placed = the_order().placed};
    cr_assert(events_equal(&remembered, &placed));
    when_shipped(NULL, NULL);
    then(order_shipped(ORDER_8, NULL, NULL));
}

Test(order, has_a_name_for_each_phase)
{
    static const char *const names[ORDER_PHASES] = {"none",       "placed",    "confirmed", "rejected",
                                                    "cancelling", "cancelled", "shipped"};
    for (enum order_phase phase = 0; phase < ORDER_PHASES; phase++)
        cr_assert_str_eq(order_phase_name(phase), names[phase]);
}

Test(order, was_placed_when_its_stream_says_so_of_it_and_not_of_another)
{
    char entity[UUID_TEXT_SIZE];
    struct order order = the_order();
    uuid_to_text(ORDER_7, entity);
    cr_expect_not(order_was_placed(&order, entity));
    given(order_placed(ORDER_8, lines("tea", 2)));
    order = the_order();
    cr_expect_not(order_was_placed(&order, entity));
    uuid_to_text(ORDER_8, entity);
    cr_expect(order_was_placed(&order, entity));
}
