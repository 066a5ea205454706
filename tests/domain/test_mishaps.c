/* An arena that has no more memory: what is decoded or decided says so. */
#include "domain/codec.h"
#include "tests/domain/scenario.h"
#include "tests/support/mishap.h"

static const char first_order[] =
    "{\"order_id\":\"00000000-0000-5000-8000-000000000007\",\"order_ref\":\"R \\\"7\\\"\",\"customer_id\":\"anna\","
    "\"lines\":[{\"sku\":\"tea\",\"quantity\":2,\"unit_price_minor\":450},{\"sku\":\"cup\",\"quantity\":1,"
    "\"unit_price_minor\":450}],\"amount\":1350,\"card_token\":\"tok_ok\",\"placed_at\":\"2026-11-23T18:40:00."
    "000000Z\","
    "\"not\\tknown\":null}";

static enum status decodes(void *context, unsigned turn, struct error *error)
{
    struct arena arena = {0};
    struct event event;
    (void)context, (void)turn;
    enum status status =
        event_decode("OrderPlaced", 1, first_order, sizeof first_order - 1, EUR, &arena, &event, error);
    arena_clear(&arena);
    return status;
}

static const char as_written[] =
    "{\"order_id\":\"00000000-0000-5000-8000-000000000007\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2}]}";

static enum status decodes_what_the_encoder_wrote(void *context, unsigned turn, struct error *error)
{
    struct arena arena = {0};
    struct event event;
    (void)context, (void)turn;
    enum status status =
        event_decode("StockReserved", 1, as_written, sizeof as_written - 1, EUR, &arena, &event, error);
    cr_assert(status != STATUS_OK || event.reservation_lines.lines.count == 1);
    arena_clear(&arena);
    return status;
}

static enum status ok(const struct event_list *list, struct error *error)
{
    return list->failed ? error_memory(error) : STATUS_OK;
}

static enum status places(void *context, unsigned turn, struct error *error)
{
    struct arena arena = {0};
    const struct order nobody = {0};
    size_t line = 0;
    struct event_list events = {.arena = &arena};
    const struct wanted_line wanted = {.sku = "tea", .name = "Tea", .quantity = 2, .unit_price_minor = 450};
    const struct place_order command = {.order = ORDER_7,
                                        .order_ref = "R-7",
                                        .customer = "anna",
                                        .currency = EUR,
                                        .lines = &wanted,
                                        .line_count = 1,
                                        .card_token = "tok_ok",
                                        .placed_at_us = MONDAY_EVENING_US};
    (void)context, (void)turn;
    cr_assert_eq(order_decide_place(&nobody, &command, &events, &line), REFUSAL_NONE);
    enum status status = ok(&events, error);
    arena_clear(&arena);
    return status;
}

static enum status finds_it_short(void *context, unsigned turn, struct error *error)
{
    struct arena arena = {0};
    const struct reservation reservation = {0};
    const struct stock empty = {0};
    const struct stock *const stocks[] = {&empty};
    struct order_line line = {.sku = "tea", .name = "Tea", .quantity = 2, .unit_price_minor = 450};
    const struct order_lines wanted = {.items = &line, .count = 1};
    struct sku_quantities needs;
    struct event_list events = {.arena = &arena};
    (void)context, (void)turn;
    enum status status = STATUS_OK;
    if (reservation_needs(&wanted, &arena, &needs))
        reservation_react_captured(&reservation, ORDER_7, &needs, stocks, &events);
    else
        status = error_memory(error);
    if (status == STATUS_OK)
        status = ok(&events, error);
    arena_clear(&arena);
    return status;
}

TestSuite(mishaps, .init = mishap_install);

Test(mishaps, of_decoding_are_survived)
{
    survives_no_memory(decodes, NULL, 1);
    survives_no_memory(decodes_what_the_encoder_wrote, NULL, 1);
}

Test(mishaps, of_placing_are_survived)
{
    survives_no_memory(places, NULL, 1);
}

Test(mishaps, of_a_shortage_are_survived)
{
    survives_no_memory(finds_it_short, NULL, 1);
}
