/* Whatever allocation fails while a service works or a person decides, it is said, and the next attempt goes well. */
#include <stdio.h>
#include <string.h>

#include "services/batch.h"
#include "services/dead_letters.h"
#include "services/discards.h"
#include "services/folding.h"
#include "services/message.h"
#include "services/outlook.h"
#include "tests/services/saga.h"
#include "tests/simulation/memory.h"
#include "tests/support/mishap.h"

static struct saga saga;

/* Order 1 wants more than there is, and its bank refuses to give the money back; order 2 is shipped, 3 cancelled. */
static void open_shop(void)
{
    mishap_install();
    saga_open(&saga);
    (void)saga_place(&saga, "1", "tea", 11, "tok_refund_refused");
    (void)saga_place(&saga, "2", "tea", 2, "tok_ok");
    (void)saga_place(&saga, "3", "tea", 2, "tok_ok");
    saga_settle(&saga);
    (void)saga_ship(&saga, "2");
    (void)saga_cancel(&saga, "3");
    for (int i = 0; i < 20; i++) {
        saga_settle(&saga);
        saga.time.now_us += 60000000;
    }
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(mishaps, .init = open_shop, .fini = close_shop, .timeout = 7000);

static const char *who = "ann";

static struct operator_desk desk(void)
{
    return (struct operator_desk){.store = saga.store, .who = who, .reason = "by hand"};
}

/* ---- the services at work ---- */

static enum status step(int service, struct error *error)
{
    struct progress progress;
    saga.handled_count = 0;
    return consumer_step(saga.consumers[service], &progress, error);
}

/* No event is to blame for memory that ended. */
static enum status step_blaming_nobody(int service, struct error *error)
{
    const enum status status = step(service, error);
    for (int i = 0; i < saga.handled_count; i++)
        cr_assert_neq(saga.outcomes[i], OUTCOME_DEAD);
    return status;
}

static enum status works(void *context, unsigned turn, struct error *error)
{
    char ref[32];
    (void)context;
    snprintf(ref, sizeof ref, "order %u", turn);
    enum status status = saga_place(&saga, ref, "tea", 1, "tok_ok");
    *error = saga.error;
    for (int i = 0; status == STATUS_OK && i < 4 * SERVICES_COUNT; i++)
        status = step_blaming_nobody(i % SERVICES_COUNT, error);
    if (status == STATUS_OK)
        status = saga_cancel(&saga, ref), *error = saga.error;
    for (int i = 0; status == STATUS_OK && i < 4 * SERVICES_COUNT; i++)
        status = step_blaming_nobody(i % SERVICES_COUNT, error);
    return status;
}

static enum status start_and_step(const char *service, int steps, struct error *error)
{
    struct service_house house;
    enum status status = service_house_open(&house, service, saga.folder, &saga.clock, error);
    if (status != STATUS_OK)
        return status;
    struct consumer *consumer = saga.consumers[PAYMENT]; /* another's */
    const struct consumer_options options = {.clock = &saga.clock, .retry = &saga.retry, .producer = "test"};
    struct progress progress;
    status = consumer_open(&consumer, saga.store, &house.service, &options, error);
    cr_assert(status == STATUS_OK || consumer == NULL, "there is nothing to close");
    for (int i = 0; status == STATUS_OK && i < steps; i++)
        status = consumer_step(consumer, &progress, error);
    if (status == STATUS_OK)
        status = consumer_pass(consumer, error);
    if (status == STATUS_OK)
        status = consumer_rest(consumer, error);
    consumer_close(&consumer);
    service_house_close(&house);
    return status;
}

static enum status starts(void *context, unsigned turn, struct error *error)
{
    (void)context;
    return start_and_step(service_names[turn % SERVICES_COUNT], 1, error);
}

static enum status passes(void *context, unsigned turn, struct error *error)
{
    (void)context, (void)turn;
    return consumer_pass(saga.consumers[PAYMENT], error);
}

/* Those that take over know nothing and have something to do: an order that the bank answers, one that it does not. */
static enum status takes_over(void *context, unsigned turn, struct error *error)
{
    static const char *const cards[] = {"tok_ok", "tok_unavailable"};
    char ref[32];
    enum status status = STATUS_OK;
    (void)context;
    for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
        snprintf(ref, sizeof ref, "order %u %zu", turn, i);
        status = saga_place(&saga, ref, "tea", 1, cards[i]);
        *error = saga.error;
    }
    if (status == STATUS_OK)
        status = start_and_step("payment", 3, error);
    return status == STATUS_OK ? start_and_step("inventory", 3, error) : status;
}

/* ---- one batch ---- */

/* A batch that has nothing prepared, and a shelf whose snapshot is due. */
static enum status note_all(struct batch *batch, struct error *error)
{
    struct loaded *tea = NULL, *cup = NULL, *order = NULL;
    struct commit commit;
    const struct event moved = {.type = EVENT_UNITS_RESERVED, .units_moved = {.sku = "tea", .quantity = 1}};
    const struct recorded_event cause = {.position = 1};
    const struct parked_change parked = {.parked = {.position = 1}};
    enum status status = batch_load(batch, &stock_fold, "tea", &tea, error);
    if (status == STATUS_OK)
        status = batch_load(batch, &stock_fold, "cup", &cup, error);
    if (status == STATUS_OK)
        status = batch_load(batch, &order_fold, "00000000-0000-5000-8000-000000000007", &order, error);
    if (status == STATUS_OK)
        status = batch_guard(batch, &stock_fold, "cup", error);
    if (status == STATUS_OK)
        status = batch_park(batch, &parked, error);
    if (status == STATUS_OK)
        status = batch_answer(batch, &cause, 0, &moved, error);
    if (status == STATUS_OK)
        tea->version = tea->snapshot_version + SNAPSHOT_EVERY;
    return status == STATUS_OK ? batch_fill_commit(batch, &commit, error) : status;
}

static enum status fills_a_batch(void *context, unsigned turn, struct error *error)
{
    struct batch batch;
    (void)context, (void)turn;
    batch_init(&batch, saga.store, "inventory");
    batch_begin(&batch);
    const enum status status = note_all(&batch, error);
    batch_clear(&batch);
    return status;
}

static enum status rehearses(void *context, unsigned turn, struct error *error)
{
    struct batch batch;
    const struct recorded_event received = {.stream = {"stock", "pot"},
                                            .type = "StockReceived",
                                            .schema_version = 1,
                                            .data = "{\"sku\":\"pot\",\"quantity\":1}",
                                            .data_length = 26};
    (void)context, (void)turn;
    batch_init(&batch, saga.store, "inventory");
    batch_begin(&batch);
    const enum status status = batch_watch(&batch, &stock_fold, &received, error);
    batch_clear(&batch);
    return status;
}

static enum status verifies_snapshots(void *context, unsigned turn, struct error *error)
{
    struct snapshot_finding finding;
    (void)context, (void)turn;
    const enum status status = snapshots_verify(saga.store, &stock_fold, &finding, error);
    cr_expect_str_eq(finding.wrong, "");
    return status;
}

static enum status loads_a_snapshot(void *context, unsigned turn, struct error *error)
{
    struct arena arena = {0};
    struct stock stock;
    uint64_t version = 0;
    (void)context, (void)turn;
    const enum status status = snapshot_load(saga.store, &stock_fold, "tea", &arena, &stock, &version, error);
    cr_expect(status != STATUS_OK || version > 0);
    arena_clear(&arena);
    return status;
}

/* Spelled otherwise than the encoder does, it is left to the strict reader, whose memory can end too. */
static void spell_the_snapshot_otherwise(void)
{
    const struct stream_query tea = {.stream = {"stock", "tea"}};
    struct arena arena = {0};
    struct buffer blank = {0};
    struct stock stock = {.listed = false};
    struct folding folding = {.fold = &stock_fold, .state = &stock, .arena = &arena, .currency = saga.desk.currency};
    struct snapshot snapshot;
    uint64_t version;
    enum status status = eventstore_read_stream(saga.store, &tea, &version, fold_event, &folding, &saga.error);
    if (status == STATUS_OK)
        status = snapshot_make(&stock_fold, "tea", &stock, version, &arena, &snapshot, &saga.error);
    cr_assert_eq(status, STATUS_OK, "%s", saga.error.text);
    buffer_format(&blank, " %.*s", (int)snapshot.data_length, snapshot.data);
    snapshot.data = blank.data;
    snapshot.data_length = blank.length;
    const struct commit commit = {.snapshots = &snapshot, .snapshot_count = 1, .actor = "ann", .producer = "test"};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
    buffer_clear(&blank);
    arena_clear(&arena);
}

/* ---- a person ---- */

/* The first dead letter, if there is one. */
static enum status with_letter(enum status (*act)(const struct dead_letter *letter, struct arena *arena,
                                                  struct error *error),
                               struct error *error)
{
    struct dead_letters letters;
    struct arena arena = {0};
    enum status status = dead_letters_load(&letters, saga.store, NULL, error);
    if (status == STATUS_OK && letters.count > 0)
        status = act(&letters.items[0], &arena, error);
    arena_clear(&arena);
    dead_letters_clear(&letters);
    return status;
}

static enum status discard(const struct dead_letter *letter, struct arena *arena, struct error *error)
{
    const struct operator_desk ann = desk();
    return dead_letter_discard(&ann, letter, true, arena, NULL, error);
}

static enum status retry(const struct dead_letter *letter, struct arena *arena, struct error *error)
{
    const struct operator_desk ann = desk();
    (void)arena;
    return dead_letter_retry(&ann, letter, error);
}

static enum status discards_one(void *context, unsigned turn, struct error *error)
{
    (void)context, (void)turn;
    return with_letter(discard, error);
}

/* By nobody: all is done but for the decision itself, so that it can be done again and again. */
static enum status discards_in_vain(void *context, unsigned turn, struct error *error)
{
    who = "";
    const enum status status = discards_one(context, turn, error);
    who = "ann";
    return status == STATUS_INVALID ? STATUS_OK : status;
}

/* It is a dead letter again after the next attempt. */
static enum status retries(void *context, unsigned turn, struct error *error)
{
    const struct operator_desk ann = desk();
    size_t retried = 0;
    (void)context, (void)turn;
    enum status status = with_letter(retry, error);
    for (int i = 0; status == STATUS_OK && i < 2; i++)
        status = step(PAYMENT, error);
    if (status == STATUS_OK)
        status = dead_letters_retry_all(&ann, NULL, &retried, error);
    return status == STATUS_OK ? step(PAYMENT, error) : status;
}

static enum status looks_at_discards(void *context, unsigned turn, struct error *error)
{
    struct discards discards;
    (void)context, (void)turn;
    enum status status = discards_load(&discards, saga.store, error);
    discards_clear(&discards);
    return status;
}

static enum status settles(void *context, unsigned turn, struct error *error)
{
    const struct operator_desk ann = desk();
    (void)turn;
    enum status status = dead_letter_settle(&ann, *(const uint64_t *)context, NULL, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* it was settled already */
}

static enum status settles_in_vain(void *context, unsigned turn, struct error *error)
{
    who = "";
    const enum status status = settles(context, turn, error);
    who = "ann";
    return status == STATUS_INVALID ? STATUS_OK : status;
}

/* ---- looking ahead ---- */

struct looking {
    const char *consumer;
    struct arena arena;
};

static enum status look(void *context, const struct recorded_event *event, struct error *error)
{
    struct looking *looking = context;
    struct outlook outlook;
    return outlook_of(saga.store, looking->consumer, event, &looking->arena, &outlook, error);
}

/* At what only the consumer could ever have set aside: its own commit's causes are of these types. */
static enum status looks_ahead(void *context, unsigned turn, struct error *error)
{
    static const struct {
        const char *consumer, *type;
    } causes[] = {
        {"payment", "OrderPlaced"},         {"payment", "StockReservationFailed"},
        {"inventory", "PaymentCaptured"},   {"inventory", "OrderCancellationRequested"},
        {"order", "StockReserved"},         {"order", "StockReleased"},
        {"notification", "OrderConfirmed"}, {"notification", "OrderShipped"},
    };
    enum status status = STATUS_OK;
    (void)context, (void)turn;
    for (size_t i = 0; status == STATUS_OK && i < sizeof causes / sizeof *causes; i++) {
        struct looking looking = {.consumer = causes[i].consumer};
        const struct roll_query query = {.types = &causes[i].type, .type_count = 1};
        status = eventstore_read_roll(saga.store, &query, look, &looking, error);
        arena_clear(&looking.arena);
    }
    return status;
}

static enum status writes_a_mail(void *context, unsigned turn, struct error *error)
{
    struct buffer out = {0};
    const struct message message = {
        .id = {{7}}, .customer = "ann \"ada\" o'neill", .subject = "Tea — \xE2\x82\xAC", .body = "Hello"};
    (void)context, (void)turn;
    enum status status = message_compose(&message, &out, error);
    buffer_clear(&out);
    return status;
}

Test(mishaps, of_a_mail_are_survived)
{
    survives_no_memory(writes_a_mail, NULL, 1);
}

Test(mishaps, of_services_at_work_are_survived)
{
    (void)saga_list(&saga, "tea", 1000);
    survives_no_memory(works, NULL, 1);
}

Test(mishaps, of_a_batch_are_survived)
{
    survives_no_memory(fills_a_batch, NULL, 1);
    survives_no_memory(rehearses, NULL, 1);
}

/* The snapshot that comes with an answer once a shelf has seen enough since the last. */
Test(mishaps, of_a_snapshot_are_survived)
{
    bool is_struck = true;
    for (unsigned nth = 1; is_struck; nth++) {
        char ref[32];
        enum status status = STATUS_OK;
        const struct receive_stock one = {"tea", 1};
        for (int i = 0; i < SNAPSHOT_EVERY; i++)
            cr_assert_eq(desk_receive(&saga.desk, &one, &saga.error), STATUS_OK, "%s", saga.error.text);
        snprintf(ref, sizeof ref, "order %u", nth);
        cr_assert_eq(saga_place(&saga, ref, "tea", 1, "tok_ok"), STATUS_OK, "%s", saga.error.text);
        while (saga_step(&saga, PAYMENT).handled > 0)
            continue;
        memory_fail_ours(nth);
        for (int i = 0; status == STATUS_OK && i < 4; i++)
            status = step(INVENTORY, &saga.error);
        is_struck = memory_heal();
        cr_expect(status == STATUS_OK || (is_struck && status == STATUS_MEMORY), "%u: %s", nth, saga.error.text);
        saga_settle(&saga);
    }
    survives_no_memory(verifies_snapshots, NULL, 7);
    spell_the_snapshot_otherwise();
    survives_no_memory(loads_a_snapshot, NULL, 1);
}

/* The head is what it reads first, then what is wanted up to there. */
Test(mishaps, of_passing_what_nobody_wants_are_survived)
{
    struct error error = {0};
    (void)saga_list(&saga, "cup", 10);
    cr_assert_eq(saga_place(&saga, "4", "cup", 1, "tok_ok"), STATUS_OK, "%s", saga.error.text);
    mishap_interrupt(1);
    cr_expect_neq(passes(NULL, 0, &error), STATUS_OK);
    cr_assert(mishap_heal());
    survives_interruptions(passes, NULL, 1);
    cr_expect_eq(saga_step(&saga, PAYMENT).handled, 1);
}

Test(mishaps, of_a_service_that_starts_are_survived)
{
    survives_no_memory(starts, NULL, 3);
    survives_system_errors(starts, NULL);
}

Test(mishaps, of_services_that_take_over_are_survived)
{
    (void)saga_list(&saga, "tea", 1000);
    for (int service = 0; service < SERVICES_COUNT; service++)
        consumer_close(&saga.consumers[service]);
    survives_no_memory(takes_over, NULL, 13);
}

Test(mishaps, of_a_retry_are_survived)
{
    survives_no_memory(retries, NULL, 1);
}

Test(mishaps, of_an_outlook_are_survived)
{
    char entity[UUID_TEXT_SIZE], data[96];
    uuid_to_text(desk_order_id(&saga.desk, "2"), entity);
    snprintf(data, sizeof data, "{ \"order_id\":\"%s\",\"carrier\":\"Post\"}", entity);
    const struct new_event unreadable = {
        .id = {{7}}, .type = "StockReservationFailed", .schema_version = 99, .data = "{}", .data_length = 2};
    const struct new_event spelled_otherwise = {
        .id = {{8}}, .type = "OrderShipped", .schema_version = 1, .data = data, .data_length = strlen(data)};
    const struct append appends[] = {
        {.stream = {"reservation", entity}, .expected_version = EXPECTED_ANY, .events = &unreadable, .count = 1},
        {.stream = {"order", entity}, .expected_version = EXPECTED_ANY, .events = &spelled_otherwise, .count = 1},
    };
    const struct commit commit = {.appends = appends, .append_count = 2, .actor = "future", .producer = "till 99"};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
    /* Two that nobody has answered yet. */
    saga_place(&saga, "4", "tea", 1, "tok_ok");
    while (saga_step(&saga, PAYMENT).handled > 0 || saga_step(&saga, INVENTORY).handled > 0)
        continue;
    saga_place(&saga, "5", "tea", 1, "tok_ok");
    while (saga_step(&saga, PAYMENT).handled > 0)
        continue;
    survives_no_memory(looks_ahead, NULL, 1);
}

Test(mishaps, of_discards_and_settlements_are_survived)
{
    struct dead_letters letters;
    cr_assert_eq(dead_letters_load(&letters, saga.store, NULL, &saga.error), STATUS_OK);
    cr_assert_eq(letters.count, 1);
    uint64_t position = letters.items[0].parked.position;
    dead_letters_clear(&letters);
    survives_no_memory(discards_in_vain, NULL, 1);
    survives_no_memory(discards_one, NULL, 1);
    survives_no_memory(looks_at_discards, NULL, 1);
    survives_no_memory(settles_in_vain, &position, 1);
    survives_no_memory(settles, &position, 1);
    survives_no_memory(looks_at_discards, NULL, 1);
}
