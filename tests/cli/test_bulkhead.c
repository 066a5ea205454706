/* A bank that hangs stops nobody but those who need it, measured on five real processes.
 *
 * Orders are paid for at the same pace twice: first with a bank that answers, then, for HANGING_S seconds, with one
 * that hangs. How long it takes from PaymentCaptured to the customer's mail is read off the roll, and the slow ends
 * (p99) of both are compared. In the second half the charges were made just before the bank stopped answering, and the
 * test states them one by one in the payment service's stead; meanwhile the service itself pauses over an import.
 *
 * With TILL_LONG set the bank hangs for a minute. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "domain/codec.h"
#include "services/commands.h"
#include "services/gateway.h"
#include "tests/cli/till.h"

enum {
    HANGING_S = 7,
    HANGING_LONG_S = 60,
    PACE_MS = 40,
    IMPORTED = 100,
    PRICE_MINOR = 500,
    SLOWER_MAX_MS = 1000, /* what a busy machine may add to p99; who waits for the bank once waits for two seconds */
};

TestSuite(bulkhead, .init = till_begin, .fini = till_end, .timeout = 600);

static struct eventstore *store;
static struct shop_desk desk;
static struct error error;

#define OK(call) cr_assert_eq(call, STATUS_OK, "%s", error.text)

static bool is_long(void)
{
    return getenv("TILL_LONG") != NULL;
}

static int orders_of_a_half(void)
{
    return (is_long() ? HANGING_LONG_S : HANGING_S) * 1000 / PACE_MS;
}

/* ---- orders ---- */

static struct uuid place(const char *kind, int number)
{
    char ref[32];
    struct uuid id;
    const struct desk_line line = {.sku = "tea", .quantity = 1};
    const struct desk_order order = {.order_ref = ref, .customer = "ada", .lines = &line, .line_count = 1};
    snprintf(ref, sizeof ref, "%s-%d", kind, number);
    OK(desk_place(&desk, &order, &id, NULL, &error));
    return id;
}

/* As the payment service would. `answer` is the bank's. */
static void charge(struct gateway *bank, struct uuid order, struct gateway_answer *answer)
{
    char key[UUID_TEXT_SIZE + 8], id[UUID_TEXT_SIZE];
    uuid_to_text(order, id);
    snprintf(key, sizeof key, "%s:charge", id);
    const struct gateway_call call = {.key = key,
                                      .kind = GATEWAY_CHARGE,
                                      .order = order,
                                      .amount_minor = PRICE_MINOR,
                                      .currency = desk.currency,
                                      .card_token = "tok_ok"};
    OK(gateway_ask(bank, &call, answer, &error));
    cr_assert(answer->accepted);
}

static void state_capture(struct uuid order, const struct gateway_answer *answer)
{
    char entity[UUID_TEXT_SIZE];
    struct buffer data = {0};
    const struct event captured = {.type = EVENT_PAYMENT_CAPTURED,
                                   .payment_captured = {.order = order,
                                                        .amount_minor = PRICE_MINOR,
                                                        .currency = desk.currency,
                                                        .gateway_reference = answer->reference}};
    OK(event_encode(&captured, &data, &error));
    const struct new_event event = {.id = uuid_random(),
                                    .type = event_type_name(captured.type),
                                    .schema_version = event_schema_version(captured.type),
                                    .correlation = order,
                                    .data = buffer_string(&data),
                                    .data_length = data.length};
    uuid_to_text(order, entity);
    const struct append append = {.stream = {"payment", entity}, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "payment", .producer = "test"};
    OK(eventstore_commit(store, &commit, NULL, &error));
    buffer_clear(&data);
}

/* ---- the measure ---- */

static uint64_t head(void)
{
    uint64_t position = 0;
    OK(eventstore_head(store, &position, &error));
    return position;
}

/* From the capture, between these positions, to the first mail. */
static long p99_ms(uint64_t from, uint64_t to, int count)
{
    const char *slowest = done(
        "sqlite3 -readonly shop/events.db \""
        "WITH step AS (SELECT e.correlation, e.position, e.recorded_at, t.name FROM event e JOIN type t ON t.id = "
        "e.type),"
        " paid AS (SELECT * FROM step WHERE name = 'PaymentCaptured' AND position > %llu AND position <= %llu),"
        " told AS (SELECT correlation, min(recorded_at) AS at FROM step WHERE name = 'NotificationSent' GROUP BY 1)"
        " SELECT (told.at - paid.recorded_at) / 1000 FROM paid JOIN told USING (correlation) ORDER BY 1\"",
        (unsigned long long)from, (unsigned long long)to);
    cr_assert_eq(count_lines(slowest), count, "%d of %d orders were told", count_lines(slowest), count);
    for (int i = 0; i < count * 99 / 100; i++)
        slowest = strchr(slowest, '\n') + 1;
    return strtol(slowest, NULL, 10);
}

static void keep_pace(void)
{
    const struct timespec pace = {.tv_nsec = PACE_MS * 1000000L};
    nanosleep(&pace, NULL);
}

#define TOLD(count)                                                                                                    \
    "[ $(sqlite3 -readonly shop/events.db \"SELECT count(*) FROM events WHERE type = 'NotificationSent'\") = %d ]",    \
        count

/* ---- the halves ---- */

static long with_a_bank_that_answers(int count)
{
    const uint64_t from = head();
    for (int i = 0; i < count; i++) {
        (void)place("before", i);
        keep_pace();
    }
    until(TOLD(count));
    return p99_ms(from, head(), count);
}

static int hold_bank(void)
{
    int lock = open(path_of("shop/run/bank.lock"), O_RDWR | O_CLOEXEC);
    cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    return lock;
}

static void import_orders(void)
{
    done("{ echo order_ref,customer_ref,ordered_at,sku,quantity,unit_price; for i in $(seq %d); do"
         " echo import-$i,bob,2026-11-23,tea,1,5.00; done; } >orders.csv",
         IMPORTED);
    cr_expect(contains(done("timeout 5 till import --orders orders.csv"), "100 placed"));
}

#define PAYMENT_IS(state) "till status --json | grep '\"consumer\":\"payment\"' | grep '\"state\":\"" state "\"'"

static long with_a_bank_that_hangs(int count)
{
    struct uuid *orders = calloc((size_t)count, sizeof *orders);
    struct gateway_answer *answers = calloc((size_t)count, sizeof *answers);
    struct gateway *bank = NULL;
    cr_assert(orders != NULL && answers != NULL);
    OK(gateway_open(&bank, path_of("shop"), &clock_system, &error));
    OK(gateway_begin(bank, &error));
    for (int i = 0; i < count; i++) {
        orders[i] = place("while", i);
        charge(bank, orders[i], &answers[i]);
    }
    OK(gateway_finish(bank, &error));
    gateway_close(&bank);

    int lock = hold_bank();
    start("till run --breaker-after 2 --cool-down 1000");
    const uint64_t from = head();
    for (int i = 0; i < count; i++) {
        state_capture(orders[i], &answers[i]);
        if (i == count / 2)
            import_orders();
        keep_pace();
    }
    const uint64_t to = head();
    until(PAYMENT_IS("paused"));
    until(TOLD(2 * count));
    long p99 = p99_ms(from, to, count);
    close(lock);
    free(orders);
    free(answers);
    return p99;
}

static void money_is_right(int orders)
{
    until("! till status --json | grep -v '\"lag\":0,'");
    cr_expect_eq(count_lines(done("till orders --json | grep '\"status\":\"confirmed\"'")), orders);
    const char *book = done("sqlite3 -readonly shop/gateway.db \"SELECT count(*), count(DISTINCT order_id),"
                            " sum(amount_minor) FROM movement WHERE kind = 'charge'\"");
    char expected[64];
    snprintf(expected, sizeof expected, "%d|%d|%d\n", orders, orders, orders * PRICE_MINOR);
    cr_expect_str_eq(book, expected);
    cr_expect_eq(count_lines(done("till events --type PaymentCaptured --json")), orders);
    done("till verify");
}

Test(bulkhead, orders_that_are_paid_for_do_not_wait_for_a_bank_that_hangs)
{
    const int count = orders_of_a_half();
    const struct eventstore_options options = {0};
    done("till init");
    done("till list tea --name Tea --price 5.00 --stock 100000");
    OK(eventstore_open(&store, path_of("shop"), &options, &error));
    desk = (struct shop_desk){
        .store = store, .currency = {"USD"}, .clock = &clock_system, .actor = "customer", .producer = "test"};

    start("till run");
    const long answering_ms = with_a_bank_that_answers(count);
    stop();
    const long hanging_ms = with_a_bank_that_hangs(count);
    cr_log_info("told after payment, p99 of %d orders: %ld ms with a bank that answers, %ld ms with one that hangs",
                count, answering_ms, hanging_ms);
    cr_expect_leq(hanging_ms, answering_ms + SLOWER_MAX_MS);
    money_is_right(2 * count + IMPORTED);
    eventstore_close(&store);
}
