/* What the runtime promises to every service: batches, parking, order within a journey, a fifth consumer. */
#include <string.h>

#include "domain/order.h"
#include "eventstore/doorbell.h"
#include "tests/services/fraud_watcher.h"
#include "tests/services/saga.h"

static struct saga saga;

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(runtime, .init = open_shop, .fini = close_shop);

static void restart_all_with_batches_of(size_t events)
{
    saga.batch_events = events;
    for (int service = 0; service < SERVICES_COUNT; service++)
        saga_restart(&saga, service);
}

/* ---- batches ---- */

/* Every order has these, and each service waits for one of them. */
Test(runtime, what_is_said_of_every_order_rings_in_tones_of_its_own)
{
    static const enum event_type types[] = {EVENT_ORDER_PLACED,   EVENT_PAYMENT_CAPTURED, EVENT_STOCK_RESERVED,
                                            EVENT_UNITS_RESERVED, EVENT_ORDER_CONFIRMED,  EVENT_NOTIFICATION_SENT};
    uint32_t tones = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const uint32_t tone = doorbell_tone(event_type_name(types[i]));
        cr_expect_eq(tones & tone, 0, "%s", event_type_name(types[i]));
        tones |= tone;
    }
}

Test(runtime, a_service_sleeps_until_there_is_news_for_it)
{
    const uint32_t seen = eventstore_bell(saga.store);
    consumer_sleep(saga.consumers[PAYMENT], seen, 1);
    saga_place(&saga, "1", "tea", 1, "tok_ok");
    const int64_t started_us = clock_monotonic_us();
    consumer_sleep(saga.consumers[PAYMENT], seen, 10000);
    cr_assert_lt(clock_monotonic_us() - started_us, 5000000);
}

Test(runtime, two_events_of_one_journey_in_one_batch_see_each_other)
{
    restart_all_with_batches_of(50);
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_cancel(&saga, "1");
    cr_expect_eq(saga_step(&saga, PAYMENT).handled, 2);
    saga_settle(&saga);
    saga_expect(&saga, "1",
                "OrderPlaced OrderCancellationRequested PaymentCaptured PaymentRefunded OrderCancelled"
                " ReservationWithdrawn NotificationSent");
}

Test(runtime, orders_of_one_batch_do_not_reserve_the_same_units)
{
    restart_all_with_batches_of(50);
    for (int i = 0; i < 6; i++) {
        char ref[2] = {(char)('1' + i), '\0'};
        saga_place(&saga, ref, "tea", 3, "tok_ok");
    }
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "StockReserved"), 3);
    cr_expect_eq(saga_count(&saga, "StockReservationFailed"), 3);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 9);
}

Test(runtime, a_batch_decides_again_when_somebody_else_wrote_its_streams)
{
    restart_all_with_batches_of(50);
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_place(&saga, "2", "tea", 12, "tok_ok");
    saga_step(&saga, PAYMENT);
    /* The shelf is filled after inventory has looked at it once, so what it remembers is old. */
    saga_step(&saga, INVENTORY);
    saga_place(&saga, "3", "tea", 12, "tok_ok");
    saga_step(&saga, PAYMENT);
    const struct receive_stock delivery = {.sku = "tea", .quantity = 20};
    cr_assert_eq(desk_receive(&saga.desk, &delivery, &saga.error), STATUS_OK);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "StockReserved"), 2);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 14);
}

Test(runtime, a_batch_of_very_long_orders_is_a_small_one)
{
    static struct desk_line lines[LINES_MAX];
    struct desk_order order = {.customer = "ada", .lines = lines, .line_count = LINES_MAX};
    struct uuid id;
    restart_all_with_batches_of(50);
    for (int i = 0; i < LINES_MAX; i++)
        lines[i] = (struct desk_line){.sku = "tea", .quantity = 1};
    for (char ref[] = "a"; ref[0] <= 'e'; ref[0]++) {
        order.order_ref = ref;
        cr_assert_eq(desk_place(&saga.desk, &order, &id, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
    }
    size_t handled = saga_step(&saga, PAYMENT).handled;
    cr_expect_gt(handled, 0);
    cr_expect_lt(handled, 5);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "PaymentCaptured"), 5);
}

/* ---- checkpoints ---- */

static uint64_t checkpoint_of(const char *consumer)
{
    uint64_t position = 0;
    cr_assert_eq(eventstore_checkpoint(saga.store, consumer, &position, &saga.error), STATUS_OK);
    return position;
}

/* Nobody wakes it for that, so it may go to rest without having looked. */
Test(runtime, who_goes_to_rest_has_passed_what_it_does_not_want_to_see_and_nothing_else)
{
    uint64_t head = 0;
    saga_settle(&saga);
    (void)saga_list(&saga, "cup", 10);
    cr_assert_eq(eventstore_head(saga.store, &head, &saga.error), STATUS_OK);
    cr_assert_eq(consumer_pass(saga.consumers[PAYMENT], &saga.error), STATUS_OK);
    cr_assert_eq(consumer_rest(saga.consumers[PAYMENT], &saga.error), STATUS_OK);
    cr_expect_eq(checkpoint_of("payment"), head);
    (void)saga_list(&saga, "can", 10);
    cr_assert_eq(eventstore_head(saga.store, &head, &saga.error), STATUS_OK);
    saga_place(&saga, "1", "cup", 2, "tok_ok");
    saga_place(&saga, "2", "can", 2, "tok_ok");
    cr_assert_eq(consumer_pass(saga.consumers[PAYMENT], &saga.error), STATUS_OK);
    cr_assert_eq(consumer_rest(saga.consumers[PAYMENT], &saga.error), STATUS_OK);
    cr_expect_eq(checkpoint_of("payment"), head);
    cr_expect_eq(saga_step(&saga, PAYMENT).handled, 1);
}

Test(runtime, a_checkpoint_that_moves_without_events_is_written_at_rest)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    uint64_t head = 0;
    cr_assert_eq(eventstore_head(saga.store, &head, &saga.error), STATUS_OK);
    cr_expect_lt(checkpoint_of("payment"), head);
    for (int service = 0; service < SERVICES_COUNT; service++)
        cr_assert_eq(consumer_rest(saga.consumers[service], &saga.error), STATUS_OK);
    for (int service = 0; service < SERVICES_COUNT; service++)
        cr_expect_eq(checkpoint_of(service_names[service]), head);
}

Test(runtime, a_service_that_dies_goes_on_where_the_store_says)
{
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_step(&saga, PAYMENT);
    saga_restart(&saga, PAYMENT);
    saga_settle(&saga);
    cr_expect_eq(saga_movements(&saga), 1);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
}

/* ---- parking ---- */

static void let_pass_s(int64_t seconds)
{
    saga.time.now_us += seconds * 1000000;
}

Test(runtime, a_parked_event_that_is_not_on_the_roll_is_damage)
{
    const struct parked_change change = {.expected_attempts = -1, .parked = {.position = 1000, .reason = "no answer"}};
    struct progress progress;
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    const uint64_t checkpoint = checkpoint_of("payment");
    const struct commit commit = {.actor = "payment",
                                  .producer = "test",
                                  .consumer = "payment",
                                  .checkpoint_from = checkpoint,
                                  .checkpoint_to = checkpoint,
                                  .parked = &change,
                                  .parked_count = 1};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
    saga_restart(&saga, PAYMENT);
    cr_assert_eq(consumer_step(saga.consumers[PAYMENT], &progress, &saga.error), STATUS_DAMAGED);
    cr_expect_str_eq(saga.error.text, "the parked event at position 1000 is not on the roll: run `till verify`");
}

Test(runtime, a_lost_answer_waits_and_is_asked_again_with_the_same_key)
{
    struct parked parked;
    saga_place(&saga, "1", "tea", 2, "tok_timeout");
    saga_settle(&saga);
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    cr_expect_eq(parked.state, PARKED_WAITING);
    cr_expect_eq(parked.attempts, 1);
    cr_expect_gt(parked.next_attempt_us, saga.time.now_us);
    let_pass_s(60);
    saga_settle(&saga);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
    cr_expect_eq(saga_movements(&saga), 1);
    saga_expect(&saga, "1", "OrderPlaced PaymentCaptured StockReserved OrderConfirmed NotificationSent");
}

Test(runtime, one_slow_order_does_not_stop_the_others)
{
    saga_place(&saga, "1", "tea", 2, "tok_flaky");
    saga_place(&saga, "2", "tea", 2, "tok_ok");
    saga_settle(&saga);
    saga_expect(&saga, "1", "OrderPlaced");
    saga_expect(&saga, "2", "OrderPlaced PaymentCaptured StockReserved OrderConfirmed NotificationSent");
}

Test(runtime, later_events_of_a_waiting_journey_queue_behind_it_in_order)
{
    saga_place(&saga, "1", "tea", 2, "tok_flaky");
    saga_settle(&saga);
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 2);
    for (int i = 0; i < 4; i++) {
        let_pass_s(60);
        saga_settle(&saga);
    }
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
    saga_expect(&saga, "1",
                "OrderPlaced OrderCancellationRequested ReservationWithdrawn PaymentCaptured PaymentRefunded"
                " OrderCancelled NotificationSent");
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

Test(runtime, later_events_queue_behind_one_that_fails_in_the_same_batch)
{
    struct parked first;
    restart_all_with_batches_of(50);
    saga_place(&saga, "1", "tea", 2, "tok_flaky");
    saga_cancel(&saga, "1");
    saga_step(&saga, PAYMENT);
    cr_assert_eq(saga_parked(&saga, "payment", &first), 2);
    cr_expect_eq(saga.outcomes[0], OUTCOME_WAITING);
    cr_expect_eq(saga.outcomes[1], OUTCOME_QUEUED);
    for (int i = 0; i < 4; i++) {
        let_pass_s(60);
        saga_settle(&saga);
    }
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 1);
    cr_expect_eq(saga_money_kept(&saga, "1"), 0);
}

Test(runtime, an_event_that_queued_has_all_its_attempts_still_to_come)
{
    struct parked parked;
    int count = 2;
    saga_place(&saga, "1", "tea", 2, "tok_flaky");
    saga_settle(&saga);
    saga_cancel(&saga, "1");
    saga_settle(&saga);
    for (int i = 0; i < 4 && count == 2; i++) {
        let_pass_s(60);
        saga_step(&saga, PAYMENT);
        count = saga_parked(&saga, "payment", &parked);
    }
    cr_assert_eq(count, 1); /* the order is charged, the cancellation has its turn now */
    cr_expect_eq(parked.attempts, 0);
    cr_expect_leq(parked.next_attempt_us, saga.time.now_us);
}

Test(runtime, a_waiting_event_is_not_forgotten_by_a_restart)
{
    saga_place(&saga, "1", "tea", 2, "tok_timeout");
    saga_settle(&saga);
    saga_restart(&saga, PAYMENT);
    let_pass_s(60);
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "PaymentCaptured"), 1);
}

Test(runtime, after_the_last_attempt_an_event_that_nobody_gives_up_is_a_dead_letter)
{
    struct parked parked;
    saga.houses[PAYMENT].service.give_up = NULL;
    saga_reopen(&saga, PAYMENT);
    saga_place(&saga, "1", "tea", 2, "tok_unavailable");
    for (int i = 0; i < 3 * (int)retry_policy_default.attempts; i++) {
        saga_settle(&saga);
        let_pass_s(60);
    }
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    cr_expect_eq(parked.state, PARKED_DEAD);
    cr_expect_eq(parked.attempts, (int)retry_policy_default.attempts);
    cr_expect_eq(saga_step(&saga, PAYMENT).next_attempt_us, 0);
}

Test(runtime, an_event_that_nobody_can_read_is_a_dead_letter_at_once)
{
    const struct uuid id = {{1}};
    const struct new_event event = {
        .id = id, .type = "OrderPlaced", .schema_version = 99, .correlation = id, .data = "{}", .data_length = 2};
    const struct append append = {
        .stream = {"order", "01000000-0000-0000-0000-000000000000"}, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "future", .producer = "till 99"};
    struct parked parked;
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK);
    saga_place(&saga, "1", "tea", 2, "tok_ok");
    saga_settle(&saga);
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    cr_expect_eq(parked.state, PARKED_DEAD);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
}

/* What waits is a position, not a copy: at each attempt the event is read, and raised, again. */
Test(runtime, an_old_event_that_waits_is_raised_at_each_attempt)
{
    static const char order[] =
        "{\"order_id\":\"00000000-0000-5000-8000-000000000009\",\"order_ref\":\"old\","
        "\"customer_id\":\"ada\",\"lines\":[{\"sku\":\"tea\",\"quantity\":2,\"unit_price_minor\":500}],"
        "\"amount\":1000,\"card_token\":\"tok_flaky\",\"placed_at\":\"2026-01-01T00:00:00Z\"}";
    struct uuid id;
    cr_assert(uuid_from_text("00000000-0000-5000-8000-000000000009", &id));
    const struct new_event event = {.id = {{9}},
                                    .type = "OrderPlaced",
                                    .schema_version = 1,
                                    .correlation = id,
                                    .data = order,
                                    .data_length = strlen(order)};
    const struct append append = {
        .stream = {"order", "00000000-0000-5000-8000-000000000009"}, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "customer", .producer = "till 0.9"};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK);
    saga_settle(&saga);
    struct parked parked;
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    cr_expect_eq(parked.state, PARKED_WAITING);
    for (int i = 0; i < 3; i++) {
        saga.time.now_us += 3600 * INT64_C(1000000);
        saga_settle(&saga);
    }
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
    cr_expect_eq(saga_movements(&saga), 1);
    cr_expect_eq(saga_mails(&saga), 1);
}

Test(runtime, a_refused_refund_is_never_concluded)
{
    struct parked parked;
    saga_place(&saga, "1", "tea", 11, "tok_refund_refused");
    saga_settle(&saga);
    cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
    cr_expect_eq(parked.state, PARKED_WAITING);
    for (int i = 0; i < 3 * (int)retry_policy_default.attempts; i++) {
        saga_settle(&saga);
        let_pass_s(60);
    }
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 1);
    cr_expect_eq(saga_count(&saga, "PaymentRefunded"), 0);
    cr_expect_eq(saga_money_kept(&saga, "1"), 11 * 500);
    cr_expect_eq(saga_stock(&saga, "tea").reserved, 0);
}

Test(runtime, delays_grow_and_are_bounded)
{
    struct parked parked;
    int64_t last_us = 0, parked_at_us = saga.time.now_us;
    saga_place(&saga, "1", "tea", 2, "tok_unavailable");
    saga_settle(&saga);
    for (int attempt = 1; attempt < (int)retry_policy_default.attempts; attempt++) {
        cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
        cr_assert_eq(parked.attempts, attempt);
        cr_expect_eq(parked.parked_at_us, parked_at_us, "it was parked once");
        int64_t delay_us = parked.next_attempt_us - saga.time.now_us;
        cr_expect_gt(delay_us, last_us);
        cr_expect_leq(delay_us, retry_policy_default.delay_max_ms * 1000 * 5 / 4);
        last_us = delay_us;
        saga.time.now_us = parked.next_attempt_us - 1;
        saga_settle(&saga);
        cr_assert_eq(saga_parked(&saga, "payment", &parked), 1);
        cr_expect_eq(parked.attempts, attempt, "tried before it was due");
        saga.time.now_us = parked.next_attempt_us;
        saga_settle(&saga);
    }
}

static enum status note_spread(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    int64_t *first_us = context;
    bool first = first_us[0] == 0;
    first_us[first ? 0 : 1] = first || parked->next_attempt_us != first_us[0] ? parked->next_attempt_us : first_us[1];
    return STATUS_OK;
}

Test(runtime, attempts_of_orders_that_failed_together_are_spread)
{
    int64_t due_us[2] = {0}; /* the first, and another one */
    const struct parked_query query = {.consumer = "payment"};
    for (char ref[] = "a"; ref[0] <= 'h'; ref[0]++)
        saga_place(&saga, ref, "tea", 1, "tok_unavailable");
    saga_settle(&saga);
    cr_assert_eq(eventstore_read_parked(saga.store, &query, note_spread, due_us, &saga.error), STATUS_OK);
    cr_expect_neq(due_us[1], 0);
}

/* ---- what a reaction sees ---- */

static enum status look_back(struct reaction *reaction, const struct event *cause, struct error *error)
{
    struct order order;
    char entity[ENTITY_SIZE];
    event_entity(cause, entity);
    enum status status = reaction_consumed(reaction, &order_fold, entity, &order, error);
    *(enum order_phase *)reaction_self(reaction) = order.phase;
    return status;
}

Test(runtime, a_reaction_sees_nothing_that_stands_behind_its_cause)
{
    enum order_phase seen = ORDER_NONE;
    struct consumer *consumer = NULL;
    struct progress progress;
    const struct service service = {
        .name = "historian", .subscriptions = EVENT_BIT(EVENT_ORDER_PLACED), .self = &seen, .react = look_back};
    const struct consumer_options options = {.clock = &saga.clock, .producer = "test"};
    saga_place(&saga, "1", "tea", 1, "tok_ok");
    saga_cancel(&saga, "1");
    cr_assert_eq(consumer_open(&consumer, saga.store, &service, &options, &saga.error), STATUS_OK);
    cr_assert_eq(consumer_step(consumer, &progress, &saga.error), STATUS_OK);
    consumer_close(&consumer);
    cr_expect_eq(seen, ORDER_PLACED);
}

enum { REHEARSED = 2 };

struct keeping {
    struct arena arena;
    const struct recorded_event *events[REHEARSED];
    size_t count;
};

static enum status keep(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    struct keeping *keeping = context;
    if (strcmp(event->stream.category, "order") == 0 && keeping->count < REHEARSED)
        keeping->events[keeping->count++] = recorded_event_copy(&keeping->arena, event);
    return STATUS_OK;
}

Test(runtime, a_rehearsal_is_of_what_the_service_wants_to_see)
{
    enum order_phase seen = ORDER_NONE;
    struct consumer *consumer = NULL;
    struct keeping order = {0};
    const struct append *answers;
    size_t count = 0;
    const struct roll_query everything = {0};
    struct service service = {.name = "historian", .self = &seen, .react = look_back};
    const struct consumer_options options = {.clock = &saga.clock, .producer = "test"};
    saga_place(&saga, "1", "tea", 1, "tok_ok");
    saga_settle(&saga);
    cr_assert_eq(eventstore_read_roll(saga.store, &everything, keep, &order, &saga.error), STATUS_OK);
    cr_assert_eq(order.count, REHEARSED);
    for (int wants = 0; wants <= 1; wants++) {
        service.subscriptions = wants ? EVENT_BIT(EVENT_ORDER_PLACED) : EVENT_BIT(EVENT_ORDER_CONFIRMED);
        cr_assert_eq(consumer_open(&consumer, saga.store, &service, &options, &saga.error), STATUS_OK);
        cr_expect_eq(consumer_rehearse(consumer, order.events[0], order.events[1], &answers, &count, &saga.error),
                     wants ? STATUS_OK : STATUS_NOT_FOUND);
        consumer_close(&consumer);
        cr_expect_eq(seen, wants ? ORDER_PLACED : ORDER_NONE);
    }
    cr_expect_str_eq(saga.error.text, "nothing: historian does not want to see OrderPlaced");
    arena_clear(&order.arena);
}

/* ---- a fifth consumer ---- */

Test(runtime, a_fifth_consumer_is_one_file)
{
    struct fraud_watcher watcher = {.limit_minor = 2000};
    struct service service = fraud_watcher_service(&watcher);
    const struct consumer_options options = {.clock = &saga.clock, .producer = "test"};
    struct consumer *consumer = NULL;
    struct progress progress = {0};
    saga_place(&saga, "1", "tea", 1, "tok_ok");
    saga_place(&saga, "2", "tea", 9, "tok_ok");
    saga_settle(&saga);
    cr_assert_eq(consumer_open(&consumer, saga.store, &service, &options, &saga.error), STATUS_OK);
    while (!progress.idle)
        cr_assert_eq(consumer_step(consumer, &progress, &saga.error), STATUS_OK);
    cr_assert_eq(consumer_rest(consumer, &saga.error), STATUS_OK);
    consumer_close(&consumer);
    cr_expect_eq(watcher.seen, 2);
    cr_expect_eq(watcher.suspicious, 1);
    cr_expect_str_eq(watcher.last_ref, "2");
    cr_expect_gt(checkpoint_of("fraud"), 0);
}
