/* What a person does about dead letters: retried, discarded, settled, and what the outlook says beforehand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/batch.h"
#include "services/dead_letters.h"
#include "services/discards.h"
#include "services/outlook.h"
#include "tests/services/saga.h"
#include "tests/support/mishap.h"

static struct saga saga;
static struct arena arena;
static struct dead_letters letters;

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    dead_letters_clear(&letters);
    arena_clear(&arena);
    saga_close(&saga);
}

TestSuite(dead_letters, .init = open_shop, .fini = close_shop);
TestSuite(outlook, .init = open_shop, .fini = close_shop);

#define OK(call)          cr_assert_eq(call, STATUS_OK, "%s", saga.error.text)
#define IS(wanted, call)  cr_assert_eq(call, wanted, "%s", saga.error.text)
#define SAYS(words)       cr_expect(strstr(saga.error.text, words) != NULL, "%s", saga.error.text)
#define BY(who_, reason_) (&(struct operator_desk){.store = saga.store, .who = who_, .reason = reason_})

static void reload(void)
{
    dead_letters_clear(&letters);
    OK(dead_letters_load(&letters, saga.store, NULL, &saga.error));
}

/* The only dead letter that `consumer`, or with NULL anybody, has now. */
static const struct dead_letter *dead_letter_of(const char *consumer)
{
    const struct dead_letter *found = NULL;
    reload();
    for (size_t i = 0; i < letters.count; i++) {
        const struct dead_letter *letter = &letters.items[i];
        if (letter->parked.state != PARKED_DEAD || (consumer != NULL && strcmp(letter->consumer, consumer) != 0))
            continue;
        cr_assert_null(found, "there are several");
        found = letter;
    }
    cr_assert_not_null(found, "there is no dead letter");
    return found;
}

static const struct dead_letter *the_dead_letter(void)
{
    return dead_letter_of(NULL);
}

static struct outlook outlook(const struct dead_letter *letter)
{
    const struct recorded_event *event;
    struct outlook found;
    OK(dead_letter_event(saga.store, letter, &arena, &event, &saga.error));
    OK(outlook_of(saga.store, letter->consumer, event, &arena, &found, &saga.error));
    return found;
}

static void expect_outlook(const struct dead_letter *letter, const char *retry, const char *owed)
{
    const struct outlook found = outlook(letter);
    cr_expect(strstr(found.retry, retry) != NULL, "%s", found.retry);
    cr_expect_str_eq(found.owed, owed);
}

/* Long enough for every attempt. */
static void exhaust_attempts(void)
{
    for (int i = 0; i < 20; i++) {
        saga_settle(&saga);
        saga.time.now_us += 60000000;
    }
    saga_settle(&saga);
}

/* Order 1 wants more than there is, and its bank refuses to give the money back. */
static void owe_a_refund(void)
{
    OK(saga_place(&saga, "1", "tea", 11, "tok_refund_refused"));
    exhaust_attempts();
}

struct history {
    char text[1000];
};

static enum status note_decision(void *context, const struct decision *decision, struct error *error)
{
    struct history *history = context;
    size_t used = strlen(history->text);
    (void)error;
    snprintf(history->text + used, sizeof history->text - used, "%s%s by %s: %s (%s)", used == 0 ? "" : "; ",
             decision_name(decision->kind), decision->who, decision->reason, decision->owed);
    return STATUS_OK;
}

static void expect_history(const char *text)
{
    struct history history = {.text = ""};
    const struct decision_query all = {0};
    OK(eventstore_read_decisions(saga.store, &all, note_decision, &history, &saga.error));
    cr_expect_str_eq(history.text, text);
}

/* ---- looking ---- */

Test(dead_letters, show_how_often_they_were_tried_and_what_waits_behind_them)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    const struct dead_letter *letter = the_dead_letter();
    cr_expect_str_eq(letter->consumer, "payment");
    cr_expect_eq(letter->parked.attempts, 6);
    cr_expect_eq(letter->behind, 1);
    cr_expect_eq(letter->first, letter->parked.position);
    cr_assert_eq(letters.count, 2);
    const struct dead_letter *behind = &letters.items[1];
    cr_expect_eq(behind->first, letter->parked.position);
    cr_expect_eq(behind->behind, 0);
}

Test(dead_letters, are_found_by_position_and_by_consumer)
{
    const struct dead_letter *found;
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    uint64_t position = letter->parked.position;
    OK(dead_letters_find(&letters, position, NULL, &found, &saga.error));
    cr_expect_eq(found, letter);
    OK(dead_letters_find(&letters, position, "payment", &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, position, "order", &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, position + 1, NULL, &found, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letters_find(&letters, 0, NULL, &found, &saga.error));
}

/* ---- retry ---- */

Test(dead_letters, that_are_retried_in_vain_are_dead_letters_again)
{
    owe_a_refund();
    OK(dead_letter_retry(BY("ann", "the bank has called"), the_dead_letter(), &saga.error));
    saga_settle(&saga);
    cr_expect_eq(the_dead_letter()->parked.attempts, 7);
    expect_history("retry by ann: the bank has called ()");
}

/* What is parked of order 1 becomes a dead letter, as if its attempts were used up. */
static void declare_dead(const char *consumer)
{
    uint64_t checkpoint = 0;
    reload();
    cr_assert_eq(letters.count, 1);
    struct parked_change change = {.expected_attempts = letters.items[0].parked.attempts,
                                   .parked = letters.items[0].parked};
    change.parked.state = PARKED_DEAD;
    OK(eventstore_checkpoint(saga.store, consumer, &checkpoint, &saga.error));
    const struct commit commit = {.actor = consumer,
                                  .producer = "test",
                                  .consumer = consumer,
                                  .checkpoint_from = checkpoint,
                                  .checkpoint_to = checkpoint,
                                  .parked = &change,
                                  .parked_count = 1};
    OK(eventstore_commit(saga.store, &commit, NULL, &saga.error));
}

Test(dead_letters, that_are_retried_with_success_let_the_journey_go_on)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_timeout"));
    saga_settle(&saga);
    declare_dead("payment");
    saga.time.now_us += INT64_C(3600000000);
    saga_settle(&saga);
    const struct dead_letter *letter = the_dead_letter();
    expect_outlook(letter, "asks the bank to charge 10.00 USD, key ",
                   "the bank may have charged the customer ada 10.00 USD, which the roll does not know");
    OK(dead_letter_retry(BY("ann", ""), letter, &saga.error));
    saga_settle(&saga);
    reload();
    cr_expect_eq(letters.count, 0);
    cr_expect_eq(saga_count(&saga, "OrderConfirmed"), 1);
    cr_expect_eq(saga_money_kept(&saga, "1"), 1000);
}

Test(dead_letters, a_waiting_event_is_retried_at_once_too)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_flaky"));
    saga_step(&saga, PAYMENT);
    reload();
    cr_assert_eq(letters.count, 1);
    for (int i = 0; i < 2; i++) {
        cr_expect(saga_step(&saga, PAYMENT).idle, "it is not due yet");
        reload();
        OK(dead_letter_retry(BY("ann", ""), &letters.items[0], &saga.error));
        cr_expect_eq(saga_step(&saga, PAYMENT).handled, 1);
    }
    saga_settle(&saga);
    cr_expect_eq(saga_count(&saga, "PaymentCaptured"), 1);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
}

Test(dead_letters, what_waits_behind_another_is_not_retried)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    reload();
    IS(STATUS_REFUSED, dead_letter_retry(BY("ann", ""), &letters.items[1], &saga.error));
    SAYS("waits behind position");
}

Test(dead_letters, are_all_retried_once)
{
    size_t retried = 0;
    for (int i = 0; i < EVENTSTORE_DECISIONS_MAX + 6; i++) {
        char ref[12];
        snprintf(ref, sizeof ref, "%d", i);
        OK(saga_place(&saga, ref, "tea", 11, "tok_refund_refused"));
        saga.handled_count = 0;
        exhaust_attempts();
    }
    saga.handled_count = 0;
    OK(dead_letters_retry_all(BY("ann", ""), "inventory", &retried, &saga.error));
    cr_expect_eq(retried, 0);
    OK(dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error));
    cr_expect_eq(retried, EVENTSTORE_DECISIONS_MAX + 6);
    OK(dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error));
    cr_expect_eq(retried, 0);
    saga_settle(&saga);
    cr_expect_eq(saga_parked(&saga, "payment", NULL), EVENTSTORE_DECISIONS_MAX + 6);
}

/* With a handle of their own. */
static void somebody_retries_the_first(void)
{
    struct eventstore *store;
    const struct eventstore_options options = {.clock = &saga.clock, .durability = DURABILITY_NONE};
    OK(eventstore_open(&store, saga.folder, &options, &saga.error));
    const struct operator_desk bob = {.store = store, .who = "bob", .reason = ""};
    OK(dead_letter_retry(&bob, &letters.items[0], &saga.error));
    eventstore_close(&store);
}

Test(dead_letters, are_all_retried_but_for_what_somebody_has_retried_meanwhile)
{
    size_t retried = 0;
    for (char ref[] = "1"; ref[0] <= '3'; ref[0]++)
        OK(saga_place(&saga, ref, "tea", 11, "tok_refund_refused"));
    exhaust_attempts();
    reload();
    cr_assert_eq(letters.count, 3);
    mishap_meanwhile(1, somebody_retries_the_first); /* all are known, and none is decided about */
    OK(dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error));
    cr_assert(mishap_heal());
    cr_expect_eq(retried, 2);
    expect_history("retry by bob:  (); retry by ann:  (); retry by ann:  ()");
}

static uint32_t disk_fails_at;

static void somebody_retries_the_first_and_the_disk_fails(void)
{
    somebody_retries_the_first();
    mishap_strike(disk_fails_at, EIO);
}

/* One by one, some are retried and then it ends: what was done is said, and stays. */
Test(dead_letters, of_which_some_cannot_be_retried_are_left_as_they_were)
{
    bool is_struck = true, is_cut_short = false;
    for (char ref[] = "1"; ref[0] <= '3'; ref[0]++)
        OK(saga_place(&saga, ref, "tea", 11, "tok_refund_refused"));
    for (disk_fails_at = 1; is_struck; disk_fails_at++) {
        size_t retried = 0;
        saga.handled_count = 0;
        exhaust_attempts();
        reload();
        cr_assert_eq(letters.count, 3);
        mishap_meanwhile(1, somebody_retries_the_first_and_the_disk_fails);
        const enum status status = dead_letters_retry_all(BY("ann", ""), NULL, &retried, &saga.error);
        is_struck = mishap_heal();
        cr_expect(status == STATUS_OK || (is_struck && status == STATUS_IO), "%u: %s", disk_fails_at, saga.error.text);
        is_cut_short |= status == STATUS_IO && retried > 0;
        reload();
        size_t waiting = 0;
        for (size_t i = 0; i < letters.count; i++)
            waiting += letters.items[i].parked.state != PARKED_DEAD;
        cr_expect_eq(waiting, retried + 1, "%u: %zu are waiting", disk_fails_at, waiting);
    }
    cr_expect(is_cut_short);
}

Test(dead_letters, whose_event_is_not_on_the_roll_are_damage)
{
    const struct recorded_event *event;
    owe_a_refund();
    struct dead_letter letter = *the_dead_letter();
    letter.parked.position = 1000;
    IS(STATUS_DAMAGED, dead_letter_event(saga.store, &letter, &arena, &event, &saga.error));
    IS(STATUS_DAMAGED, dead_letter_discard(BY("ann", "x"), &letter, true, &arena, NULL, &saga.error));
    SAYS("the parked event at position 1000 is not on the roll: run `till verify`");
}

/* ---- discard ---- */

Test(dead_letters, a_refund_is_discarded_only_by_force_and_is_owed_then)
{
    const char *owed = NULL;
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    expect_outlook(letter, "asks the bank to refund 55.00 USD (out_of_stock), key ",
                   "the shop owes the customer ada 55.00 USD");
    IS(STATUS_REFUSED, dead_letter_discard(BY("ann", "paid by hand"), letter, false, &arena, NULL, &saga.error));
    SAYS("owes the customer ada 55.00 USD");
    expect_history("");
    OK(dead_letter_discard(BY("ann", "paid by hand"), letter, true, &arena, &owed, &saga.error));
    cr_expect_str_eq(owed, "the shop owes the customer ada 55.00 USD");
    expect_history("discard by ann: paid by hand (the shop owes the customer ada 55.00 USD)");
    cr_expect_eq(saga_parked(&saga, "payment", NULL), 0);
}

Test(dead_letters, what_waited_behind_a_discarded_one_is_tried_next)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    saga_settle(&saga);
    reload();
    cr_assert_eq(letters.count, 1);
    cr_expect_eq(letters.items[0].parked.attempts, 1);
    expect_outlook(&letters.items[0], "asks the bank to refund 55.00 USD (customer), key ",
                   "the shop owes the customer ada 55.00 USD");
}

Test(dead_letters, what_its_service_still_tries_is_not_discarded)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_flaky"));
    saga_step(&saga, PAYMENT);
    reload();
    IS(STATUS_REFUSED, dead_letter_discard(BY("ann", "x"), &letters.items[0], true, &arena, NULL, &saga.error));
    SAYS("payment is still trying");
}

Test(dead_letters, two_people_at_once_are_a_conflict_for_the_second)
{
    owe_a_refund();
    const struct dead_letter *letter = the_dead_letter();
    OK(dead_letter_retry(BY("ann", ""), letter, &saga.error));
    IS(STATUS_CONFLICT, dead_letter_discard(BY("bob", "x"), letter, true, &arena, NULL, &saga.error));
    IS(STATUS_CONFLICT, dead_letter_retry(BY("bob", ""), letter, &saga.error));
    expect_history("retry by ann:  ()");
}

Test(dead_letters, what_is_owed_is_settled_by_a_person)
{
    owe_a_refund();
    uint64_t position = the_dead_letter()->parked.position;
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, NULL, &saga.error));
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), 0, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, "order", &saga.error));
    OK(dead_letter_settle(BY("bob", "sent a cheque"), position, NULL, &saga.error));
    IS(STATUS_NOT_FOUND, dead_letter_settle(BY("ann", ""), position, NULL, &saga.error));
    expect_history("discard by ann: x (the shop owes the customer ada 55.00 USD); settle by bob: sent a cheque ()");
}

/* ---- the outlook, whoever has set the event aside ---- */

static enum status find_event(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    *(const struct recorded_event **)context = recorded_event_copy(&arena, event);
    return STATUS_OK;
}

static const struct recorded_event *last_of(const char *type)
{
    const struct recorded_event *event = NULL;
    const struct roll_query query = {.types = &type, .type_count = 1};
    OK(eventstore_read_roll(saga.store, &query, find_event, &event, &saga.error));
    cr_assert_not_null(event, "there is no %s", type);
    return event;
}

/* As if `consumer` had set the last event of this type aside. */
static void expect_outlook_of(const char *consumer, const char *type, const char *retry, const char *owed)
{
    struct outlook found;
    OK(outlook_of(saga.store, consumer, last_of(type), &arena, &found, &saga.error));
    cr_expect_str_eq(found.retry, retry, "%s of %s: %s", consumer, type, found.retry);
    cr_expect_str_eq(found.owed, owed, "%s of %s: %s", consumer, type, found.owed);
}

static const char answered[] = "nothing: it was answered meanwhile";

Test(outlook, of_inventory_is_what_it_reserves)
{
    OK(saga_list(&saga, "cup", 0));
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_step(&saga, PAYMENT);
    expect_outlook_of("inventory", "PaymentCaptured", "reserves 2 of tea", "");
    saga_settle(&saga);
    expect_outlook_of("inventory", "PaymentCaptured", answered, "");
    OK(saga_place(&saga, "2", "tea", 9, "tok_ok"));
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    expect_outlook_of("inventory", "PaymentCaptured",
                      "finds too little stock, as things stand: 9 of tea wanted, 8 there", "");
}

Test(outlook, of_inventory_is_what_it_releases_or_withdraws)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    OK(saga_cancel(&saga, "1"));
    expect_outlook_of("inventory", "OrderCancellationRequested", "releases 2 of tea",
                      "2 of tea stay reserved for an order that was cancelled");
    saga_settle(&saga);
    expect_outlook_of("inventory", "OrderCancellationRequested", answered, "");
    OK(saga_place(&saga, "2", "tea", 2, "tok_ok"));
    OK(saga_cancel(&saga, "2"));
    expect_outlook_of("inventory", "OrderCancellationRequested",
                      "withdraws the order: a payment that comes later reserves nothing",
                      "a payment that comes later will reserve stock for an order that was cancelled");
}

Test(outlook, of_inventory_is_what_it_ships)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    OK(saga_ship(&saga, "1"));
    expect_outlook_of("inventory", "OrderShipped", "takes what was shipped off the shelves: 2 of tea", "");
}

Test(outlook, names_two_products_and_counts_the_others)
{
    static const char *const skus[] = {"cup", "pot", "jar"};
    struct desk_line lines[4] = {{.sku = "tea", .quantity = 1}};
    for (int i = 0; i < 3; i++) {
        OK(saga_list(&saga, skus[i], 5));
        lines[i + 1] = (struct desk_line){.sku = skus[i], .quantity = 2};
    }
    struct desk_order order = {
        .order_ref = "1", .customer = "ada", .card_token = "tok_ok", .lines = lines, .line_count = 2};
    struct uuid id;
    OK(desk_place(&saga.desk, &order, &id, NULL, &saga.error));
    saga_settle(&saga);
    OK(saga_cancel(&saga, "1"));
    expect_outlook_of("inventory", "OrderCancellationRequested", "releases 1 of tea and 2 of cup",
                      "1 of tea and 2 of cup stay reserved for an order that was cancelled");
    order.order_ref = "2";
    order.line_count = 4;
    OK(desk_place(&saga.desk, &order, &id, NULL, &saga.error));
    saga_settle(&saga);
    OK(saga_cancel(&saga, "2"));
    expect_outlook_of("inventory", "OrderCancellationRequested", "releases 1 of tea, 2 of cup and 2 other products",
                      "1 of tea, 2 of cup and 2 other products stay reserved for an order that was cancelled");
}

Test(outlook, of_order_is_what_becomes_of_it)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_step(&saga, PAYMENT);
    saga_step(&saga, INVENTORY);
    expect_outlook_of("order", "StockReserved", "the order becomes OrderConfirmed", "");
    saga_settle(&saga);
    expect_outlook_of("order", "StockReserved", answered, "");
}

Test(outlook, of_notification_is_the_mail)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_declined"));
    saga_step(&saga, PAYMENT);
    saga_step(&saga, ORDER);
    expect_outlook_of("notification", "OrderRejected", "writes ada a mail: the order is rejected", "");
    saga_settle(&saga);
    expect_outlook_of("notification", "OrderRejected", answered, "");
}

Test(outlook, of_a_consumer_that_nobody_knows_is_that_it_gets_the_event)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    expect_outlook_of("fraud", "OrderPlaced", "hands the event to fraud once more", "");
}

/* An event of order 1, whatever it says. */
static void write_raw(const char *category, const char *type, int schema_version, const char *data)
{
    char entity[UUID_TEXT_SIZE];
    const struct uuid order = desk_order_id(&saga.desk, "1");
    uuid_to_text(order, entity);
    const struct new_event event = {.id = uuid_random(),
                                    .type = type,
                                    .schema_version = schema_version,
                                    .correlation = order,
                                    .data = data,
                                    .data_length = strlen(data)};
    const struct append append = {
        .stream = {category, entity}, .expected_version = EXPECTED_ANY, .events = &event, .count = 1};
    const struct commit commit = {.appends = &append, .append_count = 1, .actor = "future", .producer = "till 99"};
    OK(eventstore_commit(saga.store, &commit, NULL, &saga.error));
}

/* As a newer program writes it. */
static void write_from_the_future(const char *category, const char *type)
{
    write_raw(category, type, 99, "{}");
}

static void expect_unreadable(const char *consumer, const char *type, const char *owed)
{
    struct outlook found;
    OK(outlook_of(saga.store, consumer, last_of(type), &arena, &found, &saga.error));
    cr_expect_not_null(strstr(found.retry, "it fails again, for it cannot be understood: "), "%s", found.retry);
    cr_expect_str_eq(found.owed, owed, "%s of %s: %s", consumer, type, found.owed);
}

Test(outlook, of_what_cannot_be_understood_says_why_and_tells_what_is_owed_all_the_same)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    write_from_the_future("reservation", "StockReservationFailed");
    saga_settle(&saga);
    const struct dead_letter *letter = the_dead_letter();
    cr_assert_str_eq(letter->consumer, "payment");
    expect_outlook(letter, "it fails again, for it cannot be understood: ", "the shop owes the customer ada 10.00 USD");
    IS(STATUS_REFUSED, dead_letter_discard(BY("ann", "x"), letter, false, &arena, NULL, &saga.error));
    OK(dead_letter_discard(BY("ann", "x"), letter, true, &arena, NULL, &saga.error));
}

Test(outlook, on_a_state_that_cannot_be_read_does_not_say_that_nothing_is_owed)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    write_from_the_future("payment", "PaymentCaptured");
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    expect_outlook(dead_letter_of("payment"), "it fails again, for it cannot be understood: ",
                   "money or stock may be left where it should not be, which cannot be told");
}

Test(outlook, of_what_cannot_be_understood_tells_by_type_and_order_what_may_be_owed)
{
    static const struct {
        const char *consumer, *category, *type;
    } from_the_future[] = {
        {"order", "payment", "CustomerTeleported"}, /* a type that nobody knows */
        {"order", "payment", "PaymentCaptured"},
    };
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    for (size_t i = 0; i < sizeof from_the_future / sizeof *from_the_future; i++) {
        write_from_the_future(from_the_future[i].category, from_the_future[i].type);
        expect_unreadable(from_the_future[i].consumer, from_the_future[i].type, "");
    }
    write_raw("order", "OrderCancellationRequested", 99, "{}");
    expect_unreadable("payment", "OrderCancellationRequested",
                      "money or stock may be left where it should not be, which cannot be told");
    write_raw("reservation", "StockReservationFailed", 1, "{}");
    expect_unreadable("payment", "StockReservationFailed",
                      "money or stock may be left where it should not be, which cannot be told");
    struct recorded_event nobodys = *last_of("StockReservationFailed");
    struct outlook found;
    nobodys.stream.entity = "no order";
    OK(outlook_of(saga.store, "payment", &nobodys, &arena, &found, &saga.error));
    cr_expect_str_eq(found.owed, "");
}

Test(outlook, without_a_readable_order_names_no_customer)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    OK(saga_cancel(&saga, "1"));
    write_from_the_future("order", "OrderConfirmed");
    const struct recorded_event *event = last_of("OrderCancellationRequested");
    struct outlook found;
    OK(outlook_of(saga.store, "payment", event, &arena, &found, &saga.error));
    cr_expect_str_eq(found.owed, "the shop owes the customer 10.00 USD");
    expect_unreadable("order", "StockReserved", "");
}

/* The last event of a type, as if it were of an order that nobody placed. */
static struct recorded_event of_another_order(const char *type)
{
    char entity[UUID_TEXT_SIZE], another[UUID_TEXT_SIZE];
    struct recorded_event event = *last_of(type);
    uuid_to_text(desk_order_id(&saga.desk, "1"), entity);
    uuid_to_text(desk_order_id(&saga.desk, "2"), another);
    char *data = arena_copy(&arena, event.data);
    for (char *at; (at = strstr(data, entity)) != NULL;)
        memcpy(at, another, strlen(another));
    event.data = data;
    return event;
}

Test(outlook, of_an_order_that_nobody_placed_says_so)
{
    static const struct {
        const char *consumer, *type;
    } causes[] = {
        {"inventory", "PaymentCaptured"},
        {"order", "StockReserved"},
        {"notification", "OrderConfirmed"},
    };
    struct outlook found;
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        struct recorded_event event = of_another_order(causes[i].type);
        OK(outlook_of(saga.store, causes[i].consumer, &event, &arena, &found, &saga.error));
        cr_expect_str_eq(found.retry, "it fails again, for it cannot be understood: nobody placed the order");
    }
    struct recorded_event placed = of_another_order("OrderPlaced"); /* whose customer is looked up all the same */
    OK(outlook_of(saga.store, "payment", &placed, &arena, &found, &saga.error));
    cr_expect_str_eq(found.owed, "the bank may have charged the customer 10.00 USD, which the roll does not know");
}

Test(outlook, of_two_products_that_are_short_counts_the_other)
{
    const struct desk_line lines[] = {{.sku = "tea", .quantity = 11}, {.sku = "cup", .quantity = 1}};
    const struct desk_order order = {
        .order_ref = "1", .customer = "ada", .card_token = "tok_ok", .lines = lines, .line_count = 2};
    struct uuid id;
    OK(saga_list(&saga, "cup", 0));
    OK(desk_place(&saga.desk, &order, &id, NULL, &saga.error));
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    saga_step(&saga, PAYMENT);
    struct outlook found;
    OK(outlook_of(saga.store, "inventory", last_of("PaymentCaptured"), &arena, &found, &saga.error));
    cr_expect_not_null(strstr(found.retry, ", and 1 other products"), "%s", found.retry);
}

/* ---- what was discarded ---- */

/* "payment:7 by ann: x (the shop owes …)" for each, and how many there are. */
static size_t read_discards(char text[600])
{
    struct discards discards;
    OK(discards_load(&discards, saga.store, &saga.error));
    text[0] = '\0';
    for (size_t i = 0; i < discards.count; i++) {
        const struct discard *discard = &discards.items[i];
        size_t used = strlen(text);
        cr_expect(uuid_equal(discard->order, desk_order_id(&saga.desk, "1")));
        snprintf(text + used, 600 - used, "%s%s by %s: %s (%s)", used == 0 ? "" : "; ", discard->consumer, discard->who,
                 discard->reason, discard->owed);
    }
    size_t count = discards.count;
    discards_clear(&discards);
    return count;
}

static void expect_discards(const char *expected)
{
    char text[600];
    (void)read_discards(text);
    cr_expect_str_eq(text, expected);
}

Test(dead_letters, what_was_discarded_is_told_with_what_is_owed_for_it_still)
{
    expect_discards("");
    owe_a_refund();
    uint64_t position = the_dead_letter()->parked.position;
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (the shop owes the customer ada 55.00 USD)");
    OK(dead_letter_settle(BY("bob", "sent a cheque"), position, NULL, &saga.error));
    expect_discards("payment by ann: x ()");
}

Test(dead_letters, what_the_bank_gives_back_after_all_is_not_owed)
{
    OK(saga_place(&saga, "1", "tea", 11, "tok_refund_timeout"));
    saga_settle(&saga);
    declare_dead("payment");
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (the shop owes the customer ada 55.00 USD)");
    saga_settle(&saga); /* the cancellation has its turn, and the bank gives the money back */
    cr_assert_eq(saga_count(&saga, "PaymentRefunded"), 1);
    expect_discards("payment by ann: x ()");
}

/* Two causes of one refund are one refund: who reads of two debts pays twice. */
Test(dead_letters, what_is_owed_for_two_causes_is_owed_once)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    const uint64_t first = the_dead_letter()->parked.position;
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    exhaust_attempts();
    OK(dead_letter_discard(BY("ann", "y"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (); payment by ann: y (the shop owes the customer ada 55.00 USD)");
    OK(dead_letter_settle(BY("bob", "sent a cheque"), first, NULL, &saga.error));
    expect_discards("payment by ann: x (); payment by ann: y ()");
}

Test(dead_letters, what_was_settled_is_not_owed_again_for_another_cause)
{
    owe_a_refund();
    OK(saga_cancel(&saga, "1"));
    saga_settle(&saga);
    const uint64_t first = the_dead_letter()->parked.position;
    OK(dead_letter_discard(BY("ann", "x"), the_dead_letter(), true, &arena, NULL, &saga.error));
    OK(dead_letter_settle(BY("bob", "sent a cheque"), first, NULL, &saga.error));
    exhaust_attempts();
    OK(dead_letter_discard(BY("ann", "y"), the_dead_letter(), true, &arena, NULL, &saga.error));
    expect_discards("payment by ann: x (); payment by ann: y ()");
}

/* ---- debts of every kind ---- */

/* As if `consumer` had given the event at `position` of order 1 up. */
static struct decision give_up(const char *consumer, uint64_t position)
{
    uint64_t checkpoint = 0;
    const struct parked_change change = {.expected_attempts = -1,
                                         .parked = {.position = position,
                                                    .sequence = desk_order_id(&saga.desk, "1"),
                                                    .state = PARKED_DEAD,
                                                    .attempts = 1,
                                                    .reason = "no answer"}};
    OK(eventstore_checkpoint(saga.store, consumer, &checkpoint, &saga.error));
    const struct commit commit = {.actor = consumer,
                                  .producer = "test",
                                  .consumer = consumer,
                                  .checkpoint_from = checkpoint,
                                  .checkpoint_to = checkpoint,
                                  .parked = &change,
                                  .parked_count = 1};
    OK(eventstore_commit(saga.store, &commit, NULL, &saga.error));
    return (struct decision){.consumer = consumer, .parked = change.parked, .who = "ann", .reason = "x", .owed = ""};
}

static void decide(struct decision decision, enum decision_kind kind, const char *owed)
{
    decision.kind = kind;
    decision.owed = owed;
    OK(eventstore_decide(saga.store, &decision, 1, &saga.error));
}

/* One letter a discard, in the order they were decided: s for settled, o for open. */
static void expect_settled(const char *expected)
{
    struct discards discards;
    char text[16] = "";
    OK(discards_load(&discards, saga.store, &saga.error));
    for (size_t i = 0; i < discards.count; i++)
        strcat(text, discards.items[i].settled ? "s" : "o");
    cr_expect_str_eq(text, expected);
    discards_clear(&discards);
}

Test(dead_letters, a_debt_is_its_orders_its_consumers_and_its_own)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    struct decision payment = give_up("payment", 4), inventory = give_up("inventory", 4);
    decide(payment, DECISION_DISCARD, "money");
    decide(inventory, DECISION_DISCARD, "money");
    IS(STATUS_REFUSED, dead_letter_settle(BY("bob", ""), 4, NULL, &saga.error));
    SAYS("both payment and inventory have set position 4 aside: name one with --consumer");
    OK(dead_letter_settle(BY("bob", "sent a cheque"), 4, "payment", &saga.error));
    expect_settled("so");
    decide(give_up("payment", 5), DECISION_DISCARD, "stock");
    expect_settled("soo");
    decide(give_up("payment", 6), DECISION_DISCARD, "money");
    expect_settled("soos");
    decide(give_up("payment", 7), DECISION_DISCARD, "money"); /* of which there are two now */
    expect_settled("sooss");
}

Test(dead_letters, what_is_set_aside_once_more_and_tried_is_open_no_longer)
{
    OK(saga_place(&saga, "1", "tea", 2, "tok_ok"));
    saga_settle(&saga);
    decide(give_up("payment", 4), DECISION_DISCARD, "");
    expect_settled("o");
    decide(give_up("payment", 5), DECISION_RETRY, ""); /* of which nothing was discarded */
    expect_settled("o");
    decide(give_up("payment", 4), DECISION_RETRY, "");
    expect_settled("s");
    decide(give_up("payment", 6), DECISION_DISCARD, ""); /* to owe nothing is no debt that could be settled */
    expect_settled("so");
}
