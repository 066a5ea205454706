/* What one event that fails may cost the others: nothing. Around a service that refuses what the test tells it to. */
#include <stdlib.h>
#include <string.h>

#include "tests/services/saga.h"

enum { BATCH = 8 };

static struct saga saga;
static struct consumer *consumer;

/* The service: remembers whom it has seen, and at the end of a batch refuses what it shall. */
static struct {
    char seen[256];       /* every ref that was handled, in order */
    const char *unwanted; /* the ref whose batch is refused */
    const char *unready;  /* the ref that is not to be had now */
    const char *arriving; /* a ref that is placed while the next event is handled */
    enum status next;     /* how the next batch that is not refused ends */
    enum status refusal;  /* how it is refused */
    bool unwanted_in_batch;
} picky;

static enum status picky_react(struct reaction *reaction, const struct event *cause, struct error *error)
{
    (void)reaction;
    const char *ref = cause->order_placed.order_ref;
    if (picky.unready != NULL && strcmp(ref, picky.unready) == 0)
        return error_set(error, STATUS_UNAVAILABLE, "not now");
    if (picky.unwanted != NULL && strcmp(ref, picky.unwanted) == 0)
        picky.unwanted_in_batch = true;
    strcat(picky.seen, ref);
    return STATUS_OK;
}

static enum status picky_finish(void *self, struct error *error)
{
    (void)self;
    const char *arriving = picky.arriving;
    picky.arriving = NULL;
    if (arriving != NULL)
        cr_assert_eq(saga_place(&saga, arriving, "tea", 1, "tok_ok"), STATUS_OK);
    if (picky.unwanted_in_batch)
        return error_set(error, picky.refusal, "not this one");
    enum status status = picky.next;
    picky.next = STATUS_OK;
    return status == STATUS_OK ? status : error_set(error, status, "not now");
}

static void picky_drop(void *self)
{
    (void)self;
    picky.unwanted_in_batch = false;
}

static void note_outcome(void *context, const struct handled *handled)
{
    (void)context;
    saga.outcomes[saga.handled_count++] = handled->outcome;
}

static void start_picky(void)
{
    const struct service service = {.name = "picky",
                                    .subscriptions = EVENT_BIT(EVENT_ORDER_PLACED),
                                    .react = picky_react,
                                    .finish = picky_finish,
                                    .drop = picky_drop};
    const struct consumer_options options = {
        .clock = &saga.clock, .batch_events = BATCH, .producer = "test", .tell = note_outcome};
    cr_assert_eq(consumer_open(&consumer, saga.store, &service, &options, &saga.error), STATUS_OK);
}

static void open_shop(void)
{
    saga_open(&saga);
    picky.refusal = STATUS_REFUSED;
    start_picky();
}

static void close_shop(void)
{
    consumer_close(&consumer);
    saga_close(&saga);
}

TestSuite(failures, .init = open_shop, .fini = close_shop);

static void place(const char *refs)
{
    for (; *refs != '\0'; refs++) {
        const char ref[] = {*refs, '\0'};
        cr_assert_eq(saga_place(&saga, ref, "tea", 1, "tok_ok"), STATUS_OK);
    }
}

static struct progress step(void)
{
    struct progress progress;
    cr_assert_eq(consumer_step(consumer, &progress, &saga.error), STATUS_OK, "%s", saga.error.text);
    return progress;
}

static void settle(void)
{
    for (int i = 0; !step().idle; i++)
        cr_assert_lt(i, 100, "it never comes to rest");
}

static void expect_outcomes(const char *initials)
{
    char found[HANDLED_MAX + 1] = {0};
    for (int i = 0; i < saga.handled_count; i++)
        found[i] = outcome_name(saga.outcomes[i])[0];
    cr_expect_str_eq(found, initials);
}

/* ---- batches that are refused ---- */

Test(failures, a_batch_that_is_refused_costs_only_the_event_that_is_to_blame)
{
    place("abcde");
    picky.unwanted = "c";
    settle();
    expect_outcomes("nndnn");
    cr_expect_eq(saga_parked(&saga, "picky", NULL), 1);
    place("fgh");
    cr_expect_eq(step().handled, 3, "what follows is a batch again");
}

Test(failures, a_batch_that_is_refused_is_halved_and_the_next_are_twice_as_long_again)
{
    place("abcdefgh");
    picky.unwanted = "h";
    settle();
    cr_expect_str_eq(picky.seen, "abcdefgh"
                                 "abcd"
                                 "efgh"
                                 "ef"
                                 "gh"
                                 "g"
                                 "h");
    expect_outcomes("nnnnnnnd");
}

Test(failures, an_answer_that_is_invalid_is_to_blame_as_well)
{
    place("abc");
    picky.unwanted = "b";
    picky.refusal = STATUS_INVALID;
    settle();
    expect_outcomes("ndn");
}

Test(failures, an_event_that_arrives_while_another_is_refused_is_not_to_blame)
{
    place("a");
    picky.unwanted = "a";
    picky.arriving = "b";
    settle();
    expect_outcomes("dn");
    cr_expect_eq(saga_parked(&saga, "picky", NULL), 1);
}

Test(failures, a_waiting_event_whose_next_attempt_is_refused_for_good_is_a_dead_letter)
{
    struct parked parked;
    place("a");
    picky.unready = "a";
    settle();
    picky.unready = NULL;
    picky.unwanted = "a";
    saga.time.now_us += 60000000;
    settle();
    cr_assert_eq(saga_parked(&saga, "picky", &parked), 1);
    cr_expect_eq(parked.state, PARKED_DEAD);
    place("b");
    settle();
    expect_outcomes("wdn");
}

Test(failures, a_waiting_event_is_not_blamed_for_one_that_was_refused_before_it)
{
    struct progress progress;
    place("a");
    picky.unready = "a";
    settle();
    place("b");
    picky.unwanted = "b";
    picky.unready = NULL;
    picky.next = STATUS_BUSY; /* as b is set aside */
    cr_assert_eq(consumer_step(consumer, &progress, &saga.error), STATUS_BUSY);
    saga.time.now_us += 60000000;
    settle();
    expect_outcomes("wnd");
}

Test(failures, many_waiting_events_do_not_keep_a_new_order_waiting)
{
    place("a");
    picky.unready = "a";
    settle();
    place("b");
    picky.unready = "b";
    settle();
    saga.time.now_us += 60000000;
    picky.unready = NULL;
    place("c");
    picky.seen[0] = '\0';
    step();
    cr_expect_not_null(strchr(picky.seen, 'c'));
    settle();
    cr_expect_eq(saga_parked(&saga, "picky", NULL), 0);
}

/* ---- checkpoints set back ---- */

static void set_back(void)
{
    uint64_t stands = 0;
    consumer_close(&consumer);
    cr_assert_eq(eventstore_checkpoint(saga.store, "picky", &stands, &saga.error), STATUS_OK);
    const struct commit commit = {.actor = "clerk", .producer = "test", .consumer = "picky", .checkpoint_from = stands};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK);
    start_picky();
}

Test(failures, a_checkpoint_set_back_behind_a_parked_event_leaves_it_parked_as_it_is)
{
    struct parked before, after;
    place("a");
    picky.unready = "a";
    settle();
    cr_assert_eq(saga_parked(&saga, "picky", &before), 1);
    set_back();
    settle();
    cr_assert_eq(saga_parked(&saga, "picky", &after), 1);
    cr_expect_eq(before.attempts, after.attempts);
    cr_expect_eq(before.next_attempt_us, after.next_attempt_us);
    picky.unready = NULL;
    saga.time.now_us += 60000000;
    settle();
    cr_expect_eq(saga_parked(&saga, "picky", NULL), 0);
    cr_expect_str_eq(picky.seen, "a");
}

/* ---- what only a damaged or a foreign history holds ---- */

#define STRAY "01000000-0000-0000-0000-000000000000"

/* An event of an order that was never placed. */
static void write_stray(const char *category, const char *type, const char *data)
{
    static uint8_t last;
    const struct uuid order = {{1}};
    const struct new_event event = {.id = {{2, ++last}},
                                    .type = type,
                                    .schema_version = 1,
                                    .correlation = order,
                                    .data = data,
                                    .data_length = strlen(data)};
    const struct append append = {.stream = {category, STRAY}, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "future", .producer = "till 99"};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
}

static void expect_one_dead_letter(const char *service)
{
    struct parked parked;
    saga_settle(&saga);
    cr_assert_eq(saga_parked(&saga, service, &parked), 1);
    cr_expect_eq(parked.state, PARKED_DEAD);
}

Test(failures, news_of_an_order_that_nobody_placed_is_a_dead_letter)
{
    write_stray("order", "OrderConfirmed", "{\"order_id\":\"" STRAY "\"}");
    expect_one_dead_letter("notification");
}

Test(failures, a_payment_of_an_order_that_nobody_placed_is_a_dead_letter)
{
    write_stray("order", "OrderCancellationRequested",
                "{\"order_id\":\"" STRAY "\",\"reason\":\"x\",\"requested_at\":\"2026-01-01T00:00:00Z\"}");
    write_stray("payment", "PaymentDeclined",
                "{\"order_id\":\"" STRAY "\",\"amount_minor\":5,\"currency\":\"USD\",\"reason\":\"declined\"}");
    expect_one_dead_letter("order");
}

/* ---- the desk ---- */

static enum status place_in_batch(struct desk_batch *batch, const char *ref, const char *sku, bool *done_already)
{
    /* On the heap, and gone when this returns: a batch must not need it longer. */
    char *own_ref = strdup(ref), *own_sku = strdup(sku);
    struct desk_line *line = calloc(1, sizeof *line);
    cr_assert(own_ref != NULL && own_sku != NULL && line != NULL);
    *line = (struct desk_line){.sku = own_sku, .quantity = 1};
    const struct desk_order order = {
        .order_ref = own_ref, .customer = own_ref, .card_token = own_sku, .lines = line, .line_count = 1};
    enum status status = desk_batch_place(batch, &order, done_already, &saga.error);
    free(line);
    free(own_sku);
    free(own_ref);
    return status;
}

Test(failures, an_order_that_is_placed_twice_in_a_batch_is_one_order)
{
    struct desk_batch *batch = NULL;
    bool done_already = true;
    cr_assert_eq(desk_batch_open(&batch, &saga.desk, &saga.error), STATUS_OK);
    cr_expect_eq(place_in_batch(batch, "a", "tea", &done_already), STATUS_OK);
    cr_expect_not(done_already);
    cr_expect_eq(place_in_batch(batch, "a", "tea", &done_already), STATUS_OK);
    cr_expect(done_already);
    cr_expect_eq(place_in_batch(batch, "b", "tea", &done_already), STATUS_OK);
    cr_expect_eq(desk_batch_commit(batch, &saga.error), STATUS_OK);
    desk_batch_close(&batch);
    cr_expect_eq(saga_count(&saga, "OrderPlaced"), 2);
}
