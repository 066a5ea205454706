/* A shop that was opened when OrderPlaced had its first version, and is open still: tests/contracts/history/v1.jsonl
 * must load for ever, be shown by all views, and be continued by today's services. And one in which a newer till is at
 * work beside today's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain/codec.h"
#include "eventstore/eventstore.h"
#include "services/services.h"
#include "tests/cli/till.h"

#define MUST(call) cr_assert_eq(call, STATUS_OK, "%s", error.text)

static struct error error;

/* The bank kept its own book of what it was asked in those days. */
static enum status remember_charge(void *context, const struct recorded_event *recorded, struct error *failure)
{
    struct arena arena = {0};
    struct event captured;
    struct gateway_answer answer;
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      (struct currency){""}, &arena, &captured, failure);
    char key[UUID_TEXT_SIZE + 8], id[UUID_TEXT_SIZE];
    uuid_to_text(captured.payment_captured.order, id);
    snprintf(key, sizeof key, "%s:charge", id);
    const struct gateway_call charge = {.key = key,
                                        .kind = GATEWAY_CHARGE,
                                        .order = captured.payment_captured.order,
                                        .amount_minor = captured.payment_captured.amount_minor,
                                        .currency = captured.payment_captured.currency,
                                        .card_token = "tok_ok"};
    if (status == STATUS_OK)
        status = gateway_begin(context, failure);
    if (status == STATUS_OK)
        status = gateway_ask(context, &charge, &answer, failure);
    arena_clear(&arena);
    return status;
}

static void fill_the_banks_book(void)
{
    static const char *const types[] = {"PaymentCaptured"};
    const struct roll_query query = {.types = types, .type_count = 1};
    struct gateway *gateway = NULL;
    struct eventstore *store = NULL;
    MUST(eventstore_open(&store, path_of("shop"), NULL, &error));
    MUST(gateway_open(&gateway, path_of("shop"), &clock_system, &error));
    MUST(eventstore_read_roll(store, &query, remember_charge, gateway, &error));
    MUST(gateway_finish(gateway, &error));
    gateway_close(&gateway);
    eventstore_close(&store);
}

/* To the first event of the roll. */
static void set_services_back(void)
{
    struct eventstore *store = NULL;
    MUST(eventstore_open(&store, path_of("shop"), NULL, &error));
    for (int i = 0; i < SERVICES_COUNT; i++) {
        struct commit commit = {.consumer = service_names[i], .actor = "test", .producer = "test"};
        MUST(eventstore_checkpoint(store, service_names[i], &commit.checkpoint_from, &error));
        MUST(eventstore_commit(store, &commit, NULL, &error));
    }
    eventstore_close(&store);
}

static void open_the_old_shop(void)
{
    const char *source = getenv("TILL_SOURCE_DIR");
    till_begin();
    done("till load '%s/tests/contracts/history/v1.jsonl'", source != NULL ? source : TILL_SOURCE_DIR);
    fill_the_banks_book();
}

TestSuite(history, .init = open_the_old_shop, .fini = till_end);

/* ---- the tests ---- */

static const char *status_of(const char *ref)
{
    return value(done("till order %s --json", ref), 0, "status");
}

Test(history, is_folded_by_every_view)
{
    const char *orders = done("till orders --json");
    cr_assert_eq(count_lines(orders), 37);
    cr_assert_str_eq(value(orders, 0, "currency"), "EUR");
    const char *sales = done("till sales --json"), *stock = done("till stock --json");
    cr_assert_eq(count_lines(sales), 1);
    cr_assert_str_eq(value(sales, 0, "orders"), "19");
    cr_assert_str_eq(value(sales, 0, "currency"), "EUR");
    cr_assert_eq(count_lines(stock), 5);
    cr_assert_eq(count_lines(done("till journeys --json")), 37);
    cr_assert_eq(count_lines(done("till inbox --json")), 40);
    const char *lines = done("till order 1 --json");
    cr_assert_str_eq(value(lines, 0, "lines.1.name"), "sugar"); /* which is its sku */
    done("till verify");
    done("till rebuild");
}

Test(history, stays_as_it_was_written_and_can_be_seen_in_todays_shape)
{
    const char *stored = done("till events --type OrderPlaced --limit 1 --json");
    cr_assert_str_eq(value(stored, 0, "schema_version"), "1");
    cr_assert_not_null(value(stored, 0, "data.amount"));
    cr_assert_null(value(stored, 0, "data.currency"));
    const char *raised = done("till events --type OrderPlaced --limit 1 --json --upcast");
    cr_assert_str_eq(value(raised, 0, "schema_version"), "2");
    cr_assert_str_eq(value(raised, 0, "data.total_minor"), value(stored, 0, "data.amount"));
    cr_assert_str_eq(value(raised, 0, "data.currency"), "EUR");
    cr_assert_str_eq(value(raised, 0, "data.lines.0.name"), value(stored, 0, "data.lines.0.sku"));
    cr_assert_str_eq(value(raised, 0, "event_id"), value(stored, 0, "event_id"));
    cr_assert_str_eq(done("till events --from 260 --limit 1 --type PaymentCaptured --json --upcast"),
                     done("till events --from 260 --limit 1 --type PaymentCaptured --json")); /* which is today's */
}

/* Today's services read all of it from the start: what was answered then is not answered again, and what was left open
 * goes on. */
Test(history, is_continued_by_todays_services)
{
    set_services_back();
    const char *before = done("till events --json");
    done("till run --until-idle");
    const char *after = done("till events --json");
    cr_assert_eq(strncmp(before, after, strlen(before)), 0, "the roll was rewritten");
    const char *orders = done("till orders --json");
    const char *const ends[] = {"confirmed", "confirmed", "cancelled", "rejected"};
    for (int i = 0; i < 4; i++)
        cr_assert_str_eq(value(orders, 33 + i, "status"), ends[i]);
    cr_assert_eq(count_lines(done("till inbox --json")), 40 + 4);
    cr_assert_eq(count_lines(done("till journeys --stuck --json")), 0);
    cr_assert_str_eq(value(done("till status --json"), 0, "dead_letters"), "0");
    done("till verify");
}

/* A mail about an old order, and money that goes back: its amount and currency come through the upcaster. */
Test(history, an_old_order_can_be_changed_and_a_new_one_placed_beside_it)
{
    cr_assert_str_eq(status_of("12"), "confirmed");
    done("till cancel 12");
    done("till place --ref new --customer anna --line tea=1");
    done("till run --until-idle");
    cr_assert_str_eq(status_of("12"), "cancelled");
    const char *orders = done("till orders --json");
    cr_assert_str_eq(value(orders, 37, "status"), "confirmed");
    const char *newest = done("till events --type OrderPlaced --from 271 --json");
    cr_assert_str_eq(value(newest, 0, "schema_version"), "2");
    cr_assert_eq(run("grep -rl 'EUR went back to your card' shop/mail | grep -q .").code, 0);
    refused(1, "cannot ship order 12: it was cancelled", "till ship 12");
    done("till verify");
}

/* ---- a newer till beside today's ---- */

static void open_a_shop(void)
{
    till_begin();
    done("till init --currency EUR");
    done("till list tea --name Tea --price 4.50 --stock 5");
    done("till place --ref 1 --customer anna --line tea=1");
}

TestSuite(tomorrow, .init = open_a_shop, .fini = till_end);

/* As a newer program would write it, behind the last event of the stream. */
static void state_tomorrow(const char *category, const char *entity, const char *type, int version, const char *data)
{
    struct eventstore *store = NULL;
    struct uuid id = uuid_random(), order;
    MUST(eventstore_open(&store, path_of("shop"), NULL, &error));
    cr_assert(uuid_from_text(entity, &order));
    const struct new_event event = {.id = id,
                                    .type = type,
                                    .schema_version = version,
                                    .correlation = order,
                                    .data = data,
                                    .data_length = strlen(data)};
    const struct append append = {
        .stream = {category, entity}, .expected_version = EXPECTED_ANY, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "order", .producer = "till 9.0.0"};
    MUST(eventstore_commit(store, &commit, NULL, &error));
    eventstore_close(&store);
}

Test(tomorrow, a_field_that_nobody_knows_is_passed_over_and_kept)
{
    char data[200];
    done("till run --until-idle");
    const char *id = value(done("till order 1 --json"), 0, "order_id");
    snprintf(data, sizeof data, "{\"order_id\":\"%s\",\"carrier\":\"Post\",\"drone\":{\"rotors\":[4,6]}}", id);
    state_tomorrow("order", id, "OrderShipped", 1, data);
    done("till run --until-idle");
    cr_assert_str_eq(status_of("1"), "shipped");
    cr_assert_str_eq(value(done("till stock --json"), 0, "on_hand"), "4");
    cr_assert_str_eq(value(done("till events --type OrderShipped --json"), 0, "data"), data);
    cr_assert_str_eq(value(done("till events --type OrderShipped --json --upcast"), 0, "data"), data);
    done("till verify");
}

Test(tomorrow, a_type_that_nobody_knows_is_passed_over_by_all)
{
    const char *id = value(done("till order 1 --json"), 0, "order_id");
    state_tomorrow("order", id, "OrderGiftWrapped", 1, "{\"ribbon\":\"red\"}");
    done("till run --until-idle");
    cr_assert_str_eq(status_of("1"), "confirmed");
    cr_assert(contains(done("till events --json"), "{\"ribbon\":\"red\"}"));
    cr_assert(contains(done("till trace 1"), "OrderGiftWrapped"));
    done("till verify");
}

/* Never guessed: a service sets the event aside with the reason, a view stops before it, a command is refused. */
Test(tomorrow, a_version_that_nobody_knows_stops_whoever_needs_it)
{
    static const char order[] = "00000000-0000-5000-8000-000000000009", reason[] = "OrderPlaced v3: this program knows "
                                                                                   "versions up to 2; use a newer one";
    done("till run --until-idle");
    state_tomorrow("order", order, "OrderPlaced", 3, "{\"basket\":[]}");
    done("till place --ref 2 --customer ben --line tea=1");
    done("till run --until-idle");
    const char *letters = done("till dead-letters --json");
    cr_assert_eq(count_lines(letters), 1);
    cr_assert_str_eq(value(letters, 0, "consumer"), "payment");
    cr_assert(contains(letters, reason));
    refused(3, reason, "till orders");
    refused(3, reason, "till cancel %s", order);
    cr_assert_eq(count_lines(done("till inbox --json")), 2); /* everybody else goes on */
    cr_assert(contains(done("till events --json"), "{\"basket\":[]}"));
}
