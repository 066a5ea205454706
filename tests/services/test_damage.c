/* A roll that says what nobody can have written: a service sets it aside or says that it is damaged, and a command says
 * so; nothing is answered in a stream that it is not about. */
#include <string.h>

#include "base/database.h"
#include "base/file.h"
#include "domain/codec.h"
#include "domain/order.h"
#include "domain/stock.h"
#include "services/batch.h"
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

TestSuite(damage, .init = open_shop, .fini = close_shop, .timeout = 120);

#define OK(call)       IS(STATUS_OK, call)
#define IS(want, call) cr_assert_eq(call, want, "%s", saga.error.text)

static struct uuid order_id(const char *ref)
{
    return desk_order_id(&saga.desk, ref);
}

static void write_data(const char *type, const char *category, const char *ref, const char *data)
{
    char entity[UUID_TEXT_SIZE];
    enum event_type known;
    cr_assert(event_type_from_name(type, &known));
    uuid_to_text(order_id(ref), entity);
    const struct new_event event = {.id = uuid_random(),
                                    .type = type,
                                    .schema_version = event_schema_version(known),
                                    .correlation = order_id(ref),
                                    .data = data,
                                    .data_length = strlen(data)};
    const struct append append = {
        .stream = {category, entity}, .expected_version = EXPECTED_ANY, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "test", .producer = "test"};
    OK(eventstore_commit(saga.store, &commit, NULL, &saga.error));
}

/* The event, in a stream of the order `ref`, whatever it speaks of. */
static void write_into(const char *category, const char *ref, struct event event)
{
    struct buffer data = {0};
    OK(event_encode(&event, &data, &saga.error));
    write_data(event_type_name(event.type), category, ref, buffer_string(&data));
    buffer_clear(&data);
}

static struct event declined(const char *ref)
{
    return (struct event){
        .type = EVENT_PAYMENT_DECLINED,
        .payment_declined = {
            .order = order_id(ref), .amount_minor = 500, .currency = saga.desk.currency, .reason = "declined"}};
}

static struct event confirmed(const char *ref)
{
    return (struct event){.type = EVENT_ORDER_CONFIRMED, .order_confirmed = {.order = order_id(ref)}};
}

static struct event placed(const char *ref)
{
    static const struct order_line line = {.sku = "tea", .name = "Tea", .quantity = 1, .unit_price_minor = 500};
    return (struct event){.type = EVENT_ORDER_PLACED,
                          .order_placed = {.order = order_id(ref),
                                           .order_ref = ref,
                                           .customer = "ada",
                                           .currency = saga.desk.currency,
                                           .lines = {(struct order_line *)&line, 1},
                                           .total_minor = 500,
                                           .card_token = "tok_ok"}};
}

static void expect_dead_letter(const char *consumer, const char *reason)
{
    struct parked first;
    cr_assert_eq(saga_parked(&saga, consumer, &first), 1, "%s", consumer);
    cr_expect_eq(first.state, PARKED_DEAD);
    cr_expect_not_null(strstr(saga.parked_reason, reason), "%s", saga.parked_reason);
}

/* PaymentDeclined of order `of`, in a stream of order 1. */
static void expect_no_answer(const char *category, const char *of, const char *reason)
{
    OK(saga_place(&saga, "1", "tea", 1, "tok_ok"));
    OK(saga_place(&saga, "2", "tea", 1, "tok_ok"));
    write_into(category, "1", declined(of));
    saga_step(&saga, ORDER);
    expect_dead_letter("order", reason);
    cr_expect_eq(saga_count(&saga, "OrderRejected"), 0);
}

Test(damage, an_event_that_speaks_of_another_order_than_its_stream_is_answered_by_nobody)
{
    expect_no_answer("payment", "2", "PaymentDeclined stands in the stream payment-");
}

Test(damage, an_event_in_a_stream_of_another_kind_is_answered_by_nobody)
{
    expect_no_answer("reservation", "1", "PaymentDeclined stands in the stream reservation-");
}

Test(damage, of_an_order_whose_stream_places_another_is_known_to_services_and_commands)
{
    write_into("order", "1", placed("2"));
    write_into("payment", "1", declined("1"));
    write_into("order", "1", confirmed("1"));
    saga_step(&saga, ORDER);
    saga_step(&saga, NOTIFICATION);
    expect_dead_letter("order", "which nobody placed");
    expect_dead_letter("notification", "which nobody placed");
    IS(STATUS_DAMAGED, saga_ship(&saga, "1"));
    IS(STATUS_DAMAGED, saga_cancel(&saga, "1"));
    IS(STATUS_DAMAGED, saga_place(&saga, "1", "tea", 1, "tok_ok"));
    cr_expect_not_null(strstr(saga.error.text, "is damaged: no OrderPlaced in its stream places it. Run `till verify`"),
                       "%s", saga.error.text);
}

Test(damage, of_an_order_that_was_never_placed_is_told_by_commands)
{
    write_into("order", "1", confirmed("1"));
    IS(STATUS_DAMAGED, saga_ship(&saga, "1"));
    IS(STATUS_DAMAGED, saga_cancel(&saga, "1"));
    IS(STATUS_DAMAGED, saga_place(&saga, "1", "tea", 1, "tok_ok"));
}

Test(damage, of_data_is_told_by_commands_and_is_no_fault_of_theirs)
{
    OK(saga_place(&saga, "1", "tea", 1, "tok_ok"));
    write_data("OrderConfirmed", "order", "1", "{\"order_id\":\"tea\"}");
    IS(STATUS_DAMAGED, saga_ship(&saga, "1"));
    cr_expect_not_null(strstr(saga.error.text, "what stands on the roll of the order "), "%s", saga.error.text);
    cr_expect_not_null(strstr(saga.error.text, "order_id: "), "%s", saga.error.text);
    cr_expect_not_null(strstr(saga.error.text, ". Run `till verify`"), "%s", saga.error.text);
}

/* A stream that stays in memory is read on from where it ended. */
Test(damage, of_a_stream_that_lost_its_end_is_told_by_who_has_read_it)
{
    struct batch batch;
    struct loaded *loaded = NULL;
    sqlite3 *rogue;
    batch_init(&batch, saga.store, "inventory");
    batch_begin(&batch);
    OK(batch_load(&batch, &stock_fold, "tea", &loaded, &saga.error));
    cr_assert_eq(loaded->version, 2);
    char path[PATH_SIZE];
    OK(path_join(path, saga.folder, &saga.error, "events.db"));
    OK(database_open(&rogue, path, DATABASE_WRITE, &saga.error));
    OK(database_run(rogue, "UPDATE stream SET version = 1, position = 1", &saga.error));
    database_close(&rogue);
    batch_begin(&batch);
    IS(STATUS_DAMAGED, batch_load(&batch, &stock_fold, "tea", &loaded, &saga.error));
    cr_expect_str_eq(saga.error.text, "the stream of the stock tea has lost its end: run `till verify`");
    batch_clear(&batch);
}
