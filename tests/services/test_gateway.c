/* The simulated bank: what each card does, what a key stands for, and what a batch leaves behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/database.h"
#include "base/file.h"
#include "services/gateway.h"
#include "tests/services/sync_log.h"

enum { DIED_ON_PURPOSE = 7 };

static char folder[64];
static struct gateway *bank;
static struct gateway_answer answer;
static struct error error;

static int64_t monday_evening(void *context)
{
    (void)context;
    return INT64_C(1795459200123456); /* 2026-11-23T18:40:00.123456Z */
}
static const struct clock wall = {.now_us = monday_evening};

/* ---- given ---- */

static void open_bank(void)
{
    cr_assert_eq(gateway_open(&bank, folder, &wall, &error), STATUS_OK, "%s", error.text);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/till-bank-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static const char *path_of(const char *name)
{
    static char path[PATH_SIZE];
    cr_assert_eq(path_join(path, folder, &error, "%s", name), STATUS_OK);
    return path;
}

static void open_shop(void)
{
    make_folder();
    open_bank();
}

static void close_shop(void)
{
    static const char *const files[] = {"run/bank.lock", "gateway.db", "gateway.db-wal", "gateway.db-shm"};
    gateway_close(&bank);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(path_of(files[i]));
    (void)rmdir(path_of("run"));
    cr_expect_eq(rmdir(folder), 0, "the bank leaves no other files in the shop's folder");
}

TestSuite(gateway, .init = open_shop, .fini = close_shop, .timeout = 60);
TestSuite(gateway_open, .init = make_folder, .fini = close_shop, .timeout = 60);

static struct uuid order_number(unsigned number)
{
    struct uuid order = {{0}};
    order.bytes[12] = (uint8_t)(number >> 24);
    order.bytes[13] = (uint8_t)(number >> 16);
    order.bytes[14] = (uint8_t)(number >> 8);
    order.bytes[15] = (uint8_t)number;
    return order;
}

#define ORDER_7     (order_number(7))
#define US_DOLLAR   ((struct currency){"USD"})
#define SWISS_FRANC ((struct currency){"CHF"})

static struct gateway_call a_charge(const char *key, int64_t amount_minor, const char *token)
{
    return (struct gateway_call){.key = key,
                                 .kind = GATEWAY_CHARGE,
                                 .order = ORDER_7,
                                 .amount_minor = amount_minor,
                                 .currency = US_DOLLAR,
                                 .card_token = token};
}

static struct gateway_call a_refund(const char *key, int64_t amount_minor)
{
    struct gateway_call call = a_charge(key, amount_minor, NULL);
    call.kind = GATEWAY_REFUND;
    return call;
}

/* ---- when ---- */

static void begin(void)
{
    cr_assert_eq(gateway_begin(bank, &error), STATUS_OK, "%s", error.text);
}

static void finish(void)
{
    cr_assert_eq(gateway_finish(bank, &error), STATUS_OK, "%s", error.text);
}

static enum status ask(struct gateway_call call)
{
    memset(&answer, 0x55, sizeof answer);
    return gateway_ask(bank, &call, &answer, &error);
}

static enum status ask_in_a_batch(struct gateway_call call)
{
    begin();
    const enum status status = ask(call);
    finish();
    return status;
}

static enum status lookup_in_a_batch(struct gateway_call call)
{
    begin();
    memset(&answer, 0x55, sizeof answer);
    const enum status status = gateway_lookup(bank, &call, &answer, &error);
    finish();
    return status;
}

static enum status void_in_a_batch(struct gateway_call call)
{
    begin();
    memset(&answer, 0x55, sizeof answer);
    const enum status status = gateway_void(bank, &call, &answer, &error);
    finish();
    return status;
}

static void reopen(void)
{
    gateway_close(&bank);
    open_bank();
}

/* Runs `work` in a process of its own that dies without a word. */
static void in_a_process_that_dies(void (*work)(void))
{
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        work();
        _exit(DIED_ON_PURPOSE);
    }
    int state;
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == DIED_ON_PURPOSE, "it died of something else");
}

/* ---- then ---- */

/* All rows of a query, columns parted by a blank and rows by a comma. */
static const char *book(const char *sql)
{
    static char text[4096];
    sqlite3 *database;
    sqlite3_stmt *select;
    cr_assert_eq(database_open(&database, path_of("gateway.db"), DATABASE_READ, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(database_prepare(database, sql, &select, &error), STATUS_OK, "%s", error.text);
    size_t length = 0;
    text[0] = '\0';
    while (sqlite3_step(select) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(select); i++) {
            const char *parting = i > 0 ? " " : length > 0 ? "," : "";
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", parting,
                                       (const char *)sqlite3_column_text(select, i));
            cr_assert_lt(length, sizeof text);
        }
    }
    sqlite3_finalize(select);
    database_close(&database);
    return text;
}

static void book_says(const char *sql, const char *expected)
{
    const char *found = book(sql);
    cr_assert_str_eq(found, expected, "%s\n  says     %s\n  and not  %s", sql, found, expected);
}

static void outcomes_are(const char *expected)
{
    book_says("SELECT outcome FROM attempt ORDER BY number", expected);
}

static void movements_are(const char *expected)
{
    book_says("SELECT kind, amount_minor FROM movement ORDER BY rowid", expected);
}

static void accepted(enum status status)
{
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_assert(answer.accepted, "declined: %s", answer.reason);
    cr_assert_not(answer.unknown);
    cr_assert_str_eq(answer.reason, "");
    cr_assert_str_not_empty(answer.reference);
}

static void declined(enum status status, const char *reason)
{
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_assert_not(answer.accepted);
    cr_assert_not(answer.unknown);
    cr_assert_str_eq(answer.reason, reason);
    cr_assert_str_empty(answer.reference);
}

static void unanswered(enum status status)
{
    cr_assert_eq(status, STATUS_UNAVAILABLE);
    cr_assert_not(answer.accepted);
    cr_assert_str_empty(answer.reference, "a lost answer says nothing");
    cr_assert_str_empty(answer.reason, "a lost answer says nothing");
}

static void unknown(enum status status)
{
    cr_assert_eq(status, STATUS_OK, "%s", error.text);
    cr_assert(answer.unknown);
    cr_assert_not(answer.accepted);
    cr_assert_str_empty(answer.reference);
    cr_assert_str_empty(answer.reason);
}

/* ---- the cards ---- */

Test(gateway, charges_an_ordinary_card_and_writes_it_down)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 1250, "tok_ok")));
    cr_assert_str_eq(answer.reference, "ch_9bc9538cab175705a9320021", "the same key has this reference for ever");

    book_says("SELECT idempotency_key, kind, order_id, amount_minor, currency, at, card_token, reference FROM movement",
              "7:charge charge 00000000-0000-0000-0000-000000000007 1250 USD 2026-11-23T18:40:00.123456Z tok_ok "
              "ch_9bc9538cab175705a9320021");
    book_says("SELECT idempotency_key, kind, order_id, amount_minor, currency, at, outcome, declined FROM attempt",
              "7:charge charge 00000000-0000-0000-0000-000000000007 1250 USD 2026-11-23T18:40:00.123456Z charged 0");
}

Test(gateway, takes_a_token_it_does_not_know_for_an_ordinary_card)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 1, "tok_visa_4242/é")));
    accepted(ask_in_a_batch(a_refund("7:refund", 1)));
    movements_are("charge 1,refund 1");
}

Test(gateway, refunds_to_the_card_that_was_charged)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 1250, "tok_mine")));
    accepted(ask_in_a_batch(a_refund("7:refund", 1250)));
    cr_assert(strncmp(answer.reference, "re_", 3) == 0 && strlen(answer.reference) == 27, "%s", answer.reference);
    movements_are("charge 1250,refund 1250");
    outcomes_are("charged,refunded");
    book_says("SELECT card_token FROM movement WHERE kind = 'refund'", "tok_mine");
}

Test(gateway, declines_by_token_with_a_reason_and_moves_nothing)
{
    declined(ask_in_a_batch(a_charge("1", 5, "tok_declined")), "declined");
    declined(ask_in_a_batch(a_charge("2", 5, "tok_insufficient_funds")), "insufficient_funds");
    movements_are("");
    outcomes_are("declined,insufficient_funds");
}

Test(gateway, a_flaky_card_stays_silent_twice_and_then_works)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    reopen();
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    movements_are("");
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    movements_are("charge 5");
    outcomes_are("timed out,timed out,charged,repeated");
    accepted(ask_in_a_batch(a_refund("7:refund", 5)));
}

Test(gateway, a_flaky_card_counts_each_key_by_itself)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    unanswered(ask_in_a_batch(a_charge("8:charge", 5, "tok_flaky")));
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    unanswered(ask_in_a_batch(a_charge("8:charge", 5, "tok_flaky")));
}

Test(gateway, a_timeout_card_is_charged_though_the_first_answer_is_lost)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    movements_are("charge 5");
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    movements_are("charge 5");
    outcomes_are("timed out,repeated");
    accepted(ask_in_a_batch(a_refund("7:refund", 5)));
}

Test(gateway, an_unavailable_card_never_answers_and_never_charges)
{
    for (int i = 0; i < 20; i++)
        unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_unavailable")));
    movements_are("");
    book_says("SELECT outcome, count(*) FROM attempt GROUP BY outcome", "timed out 20");
}

Test(gateway, a_card_that_refuses_refunds_refuses_every_one)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_refund_refused")));
    declined(ask_in_a_batch(a_refund("7:refund", 5)), "refund_refused");
    declined(ask_in_a_batch(a_refund("7:refund", 5)), "refund_refused");
    declined(ask_in_a_batch(a_refund("7:another", 1)), "refund_refused");
    movements_are("charge 5");
    outcomes_are("charged,refund_refused,repeated,refund_refused");
}

Test(gateway, a_card_with_slow_refunds_refunds_though_the_first_answer_is_lost)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_refund_timeout")));
    unanswered(ask_in_a_batch(a_refund("7:refund", 5)));
    movements_are("charge 5,refund 5");
    accepted(ask_in_a_batch(a_refund("7:refund", 5)));
    movements_are("charge 5,refund 5");
    outcomes_are("charged,timed out,repeated");
}

/* ---- refunds ---- */

Test(gateway, declines_a_refund_of_what_was_never_charged)
{
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_declined")), "declined");
    declined(ask_in_a_batch(a_refund("7:refund", 5)), "no_charge");

    struct gateway_call other = a_charge("8:charge", 5, "tok_ok");
    other.order = order_number(8);
    accepted(ask_in_a_batch(other));
    declined(ask_in_a_batch(a_refund("7:refund again", 5)), "no_charge");
    movements_are("charge 5");
}

Test(gateway, declines_a_refund_in_another_currency_than_the_charge)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    struct gateway_call francs = a_refund("7:refund", 5);
    francs.currency = SWISS_FRANC;
    declined(ask_in_a_batch(francs), "no_charge");
}

Test(gateway, never_gives_back_more_than_was_charged)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
    declined(ask_in_a_batch(a_refund("7:too much", 101)), "exceeds_charge");
    accepted(ask_in_a_batch(a_refund("7:part", 60)));
    declined(ask_in_a_batch(a_refund("7:too much again", 41)), "exceeds_charge");
    accepted(ask_in_a_batch(a_refund("7:rest", 40)));
    declined(ask_in_a_batch(a_refund("7:once more", 1)), "exceeds_charge");
    movements_are("charge 100,refund 60,refund 40");
}

Test(gateway, finds_the_charge_made_in_the_same_batch)
{
    begin();
    accepted(ask(a_charge("7:charge", 100, "tok_ok")));
    accepted(ask(a_refund("7:refund", 100)));
    finish();
    movements_are("charge 100,refund 100");
}

/* ---- keys ---- */

Test(gateway, moves_money_once_for_a_key_however_often_it_is_asked)
{
    char first[GATEWAY_REFERENCE_SIZE];
    begin();
    accepted(ask(a_charge("7:charge", 100, "tok_ok")));
    memcpy(first, answer.reference, sizeof first);
    accepted(ask(a_charge("7:charge", 100, "tok_ok")));
    cr_assert_str_eq(answer.reference, first);
    finish();

    reopen();
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
    cr_assert_str_eq(answer.reference, first);
    movements_are("charge 100");
    outcomes_are("charged,repeated,repeated");
}

Test(gateway, a_moved_key_stays_moved_whatever_the_card_would_say_now)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_declined")));
    movements_are("charge 100");
}

Test(gateway, a_declined_key_stays_declined_whatever_the_card_would_say_now)
{
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_insufficient_funds")), "insufficient_funds");
    reopen();
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")), "insufficient_funds");
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_declined")), "insufficient_funds");
    movements_are("");
    outcomes_are("insufficient_funds,repeated,repeated");
}

Test(gateway, a_declined_refund_stays_declined_though_a_charge_comes_later)
{
    declined(ask_in_a_batch(a_refund("7:refund", 5)), "no_charge");
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    declined(ask_in_a_batch(a_refund("7:refund", 5)), "no_charge");
    movements_are("charge 5");
}

/* Asks for a charge that differs from a standing one in one respect each. */
static void refuses_the_key_for_another_call(const char *key, const char *token)
{
    struct gateway_call others[4];
    for (size_t i = 0; i < 4; i++)
        others[i] = a_charge(key, 100, token);
    others[0].kind = GATEWAY_REFUND;
    others[1].order = order_number(8);
    others[2].amount_minor = 101;
    others[3].currency = SWISS_FRANC;
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(ask_in_a_batch(others[i]), STATUS_REFUSED, "call %zu", i);
        cr_assert_not(answer.accepted);
        cr_assert_str_empty(answer.reference);
        cr_assert_not_null(strstr(error.text, key));
    }
}

Test(gateway, refuses_a_key_that_stands_for_another_movement)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
    refuses_the_key_for_another_call("7:charge", "tok_ok");
    movements_are("charge 100");
    outcomes_are("charged,key reused,key reused,key reused,key reused");
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
}

Test(gateway, refuses_a_key_that_stands_for_another_decline)
{
    declined(ask_in_a_batch(a_charge("7:charge", 100, "tok_declined")), "declined");
    refuses_the_key_for_another_call("7:charge", "tok_ok");
    movements_are("");
    declined(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")), "declined");
}

Test(gateway, a_refused_key_does_not_spoil_its_batch)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 100, "tok_ok")));
    begin();
    cr_assert_eq(ask(a_charge("7:charge", 99, "tok_ok")), STATUS_REFUSED);
    unanswered(ask(a_charge("8:charge", 5, "tok_timeout")));
    accepted(ask(a_charge("9:charge", 5, "tok_ok")));
    finish();
    movements_are("charge 100,charge 5,charge 5");
}

Test(gateway, refuses_calls_that_mean_nothing_and_goes_on)
{
    char long_key[300];
    memset(long_key, 'k', sizeof long_key);
    long_key[sizeof long_key - 1] = '\0';
    struct gateway_call no_currency = a_charge("7", 1, "tok_ok");
    no_currency.currency = (struct currency){""};

    begin();
    cr_assert_eq(ask(a_charge(NULL, 1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("", 1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("a\nb", 1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge(long_key, 1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", 0, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", -1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", AMOUNT_MAX_MINOR + 1, "tok_ok")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", 1, NULL)), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", 1, "")), STATUS_INVALID);
    cr_assert_eq(ask(a_charge("7", 1, long_key)), STATUS_INVALID);
    cr_assert_eq(ask(no_currency), STATUS_INVALID);
    accepted(ask(a_charge("7", AMOUNT_MAX_MINOR, "tok_ok")));
    finish();
    outcomes_are("charged");
}

/* ---- lookup and void ---- */

Test(gateway, looks_up_what_became_of_a_key)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    accepted(lookup_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    const struct gateway_answer found = answer;
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    cr_assert_str_eq(found.reference, answer.reference);

    declined(ask_in_a_batch(a_charge("8:charge", 5, "tok_insufficient_funds")), "insufficient_funds");
    declined(lookup_in_a_batch(a_charge("8:charge", 5, "tok_insufficient_funds")), "insufficient_funds");
    unknown(lookup_in_a_batch(a_charge("9:charge", 5, "tok_ok")));
    movements_are("charge 5");
    outcomes_are("timed out,looked up,repeated,insufficient_funds,looked up,looked up");
}

Test(gateway, a_lookup_changes_nothing)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    unknown(lookup_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    unknown(lookup_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_flaky")));
}

Test(gateway, a_card_that_never_answers_a_charge_can_be_looked_up_and_voided)
{
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_unavailable")));
    unknown(lookup_in_a_batch(a_charge("7:charge", 5, "tok_unavailable")));
    declined(void_in_a_batch(a_charge("7:charge", 5, "tok_unavailable")), "voided");
    declined(lookup_in_a_batch(a_charge("7:charge", 5, "tok_unavailable")), "voided");
    outcomes_are("timed out,looked up,voided,looked up");
}

Test(gateway, a_voided_key_never_charges_however_late_it_is_asked)
{
    declined(void_in_a_batch(a_charge("7:charge", 5, "tok_ok")), "voided");
    reopen();
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")), "voided");
    movements_are("");
    accepted(ask_in_a_batch(a_charge("7:another", 5, "tok_ok")));
}

Test(gateway, a_void_that_comes_after_the_charge_finds_it_and_voids_nothing)
{
    unknown(lookup_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    accepted(void_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    const struct gateway_answer found = answer;
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    cr_assert_str_eq(found.reference, answer.reference);
    movements_are("charge 5");
    outcomes_are("looked up,timed out,not voided,repeated");
}

Test(gateway, repeating_a_void_is_the_same_answer)
{
    for (int i = 0; i < 3; i++)
        declined(void_in_a_batch(a_charge("7:charge", 5, "tok_ok")), "voided");
    outcomes_are("voided,repeated,repeated");
}

Test(gateway, a_void_leaves_a_decline_its_reason)
{
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_declined")), "declined");
    declined(void_in_a_batch(a_charge("7:charge", 5, "tok_declined")), "declined");
}

Test(gateway, a_void_that_is_dropped_voids_nothing)
{
    struct gateway_call call = a_charge("7:charge", 5, "tok_ok");
    begin();
    declined(gateway_void(bank, &call, &answer, &error), "voided");
    gateway_drop(bank);
    accepted(ask_in_a_batch(call));
}

Test(gateway, refuses_to_look_up_or_void_a_key_that_stands_for_another_call)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    cr_assert_eq(lookup_in_a_batch(a_charge("7:charge", 6, "tok_ok")), STATUS_REFUSED);
    cr_assert_eq(void_in_a_batch(a_charge("7:charge", 6, "tok_ok")), STATUS_REFUSED);
    cr_assert_eq(lookup_in_a_batch(a_charge("", 5, "tok_ok")), STATUS_INVALID);
    outcomes_are("charged,key reused,key reused");
}

/* ---- batches ---- */

Test(gateway, a_batch_that_is_dropped_leaves_nothing)
{
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    declined(ask(a_charge("8:charge", 5, "tok_declined")), "declined");
    unanswered(ask(a_charge("9:charge", 5, "tok_flaky")));
    gateway_drop(bank);
    gateway_drop(bank);
    movements_are("");
    outcomes_are("");

    accepted(ask_in_a_batch(a_charge("8:charge", 5, "tok_ok")));
    unanswered(ask_in_a_batch(a_charge("9:charge", 5, "tok_flaky")));
    unanswered(ask_in_a_batch(a_charge("9:charge", 5, "tok_flaky")));
    accepted(ask_in_a_batch(a_charge("9:charge", 5, "tok_flaky")));
}

Test(gateway, a_batch_is_seen_by_others_only_when_it_is_finished)
{
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    movements_are("");
    finish();
    movements_are("charge 5");
}

Test(gateway, beginning_twice_is_one_batch_and_finishing_none_is_fine)
{
    finish();
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    begin();
    accepted(ask(a_charge("8:charge", 6, "tok_ok")));
    finish();
    finish();
    movements_are("charge 5,charge 6");
}

Test(gateway, closing_drops_the_open_batch)
{
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    reopen();
    movements_are("");
    gateway_close(&bank);
    gateway_close(&bank);
    open_bank();
}

static void asks_and_dies(void)
{
    bank = NULL; /* the parent's: an SQLite handle must not be used across fork() */
    open_bank();
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    declined(ask(a_charge("8:charge", 5, "tok_declined")), "declined");
}

static void asks_finishes_and_dies(void)
{
    asks_and_dies();
    finish();
}

Test(gateway_open, a_process_that_dies_before_finish_leaves_no_trace)
{
    in_a_process_that_dies(asks_and_dies);
    open_bank();
    movements_are("");
    outcomes_are("");
    declined(ask_in_a_batch(a_charge("7:charge", 5, "tok_declined")), "declined");
}

Test(gateway_open, a_process_that_dies_after_finish_is_answered_the_same)
{
    in_a_process_that_dies(asks_finishes_and_dies);
    open_bank();
    movements_are("charge 5");
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    cr_assert_str_eq(answer.reference, "ch_9bc9538cab175705a9320021");
    declined(ask_in_a_batch(a_charge("8:charge", 5, "tok_ok")), "declined");
    movements_are("charge 5");
}

Test(gateway, a_batch_is_one_sync_however_many_calls_it_holds)
{
    accepted(ask_in_a_batch(a_charge("0", 5, "tok_ok"))); /* the first one syncs the new log's head as well */
    sync_log_start();
    begin();
    for (int i = 1; i <= 25; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        accepted(ask(a_charge(key, 5, "tok_ok")));
    }
    cr_assert_str_empty(sync_log());
    finish();
    cr_assert_str_eq(sync_log(), "d");
}

Test(gateway, a_batch_that_could_not_be_made_durable_never_was)
{
    accepted(ask_in_a_batch(a_charge("6:charge", 5, "tok_ok")));
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    sync_log_fail('d', 1, EIO);
    cr_assert_eq(gateway_finish(bank, &error), STATUS_IO);
    movements_are("charge 5");
    accepted(ask_in_a_batch(a_charge("7:charge", 6, "tok_ok")));
    movements_are("charge 5,charge 6");
}

/* ---- two at once ---- */

Test(gateway, two_handles_see_each_others_batches)
{
    struct gateway *mine = bank, *other;
    cr_assert_eq(gateway_open(&other, folder, &wall, &error), STATUS_OK, "%s", error.text);
    unanswered(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    bank = other;
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_timeout")));
    accepted(ask_in_a_batch(a_charge("8:charge", 6, "tok_ok")));
    bank = mine;
    accepted(ask_in_a_batch(a_charge("8:charge", 6, "tok_declined")));
    movements_are("charge 5,charge 6");
    gateway_close(&other);
}

Test(gateway, who_finds_a_batch_open_elsewhere_is_told_so_after_a_while)
{
    struct gateway *other;
    cr_assert_eq(gateway_open(&other, folder, &wall, &error), STATUS_OK, "%s", error.text);
    begin();
    cr_assert_eq(gateway_begin(other, &error), STATUS_BUSY);
    cr_assert_not_null(strstr(error.text, "the bank does not answer"), "%s", error.text);
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    finish();
    cr_assert_eq(gateway_begin(other, &error), STATUS_OK, "%s", error.text);
    gateway_close(&other);
    begin();
}

Test(gateway, the_lock_is_held_from_begin_to_the_batchs_end_and_no_longer)
{
    char lock[PATH_SIZE];
    memcpy(lock, path_of("run/bank.lock"), sizeof lock);
    cr_assert_not(file_lock_is_held(lock));
    begin();
    accepted(ask(a_charge("7:charge", 5, "tok_ok")));
    cr_assert(file_lock_is_held(lock));
    finish();
    cr_assert_not(file_lock_is_held(lock));
    begin();
    gateway_drop(bank);
    cr_assert_not(file_lock_is_held(lock));
    begin();
    gateway_close(&bank);
    cr_assert_not(file_lock_is_held(lock));
}

enum { WRITERS = 4, CALLS_EACH = 60 };

static void ask_among_others(unsigned writer)
{
    open_bank();
    for (unsigned i = 0; i < CALLS_EACH; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%u:charge", i); /* each writer asks for all of them */
        struct gateway_call call = a_charge(key, 1 + i, (i + writer) % 3 == 0 ? "tok_timeout" : "tok_ok");
        call.order = order_number(i);
        enum status status = ask_in_a_batch(call);
        if (status == STATUS_UNAVAILABLE)
            status = ask_in_a_batch(call);
        accepted(status);
    }
    gateway_close(&bank);
}

Test(gateway_open, four_processes_asking_the_same_keys_move_each_once)
{
    pid_t children[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        children[i] = fork();
        cr_assert_geq(children[i], 0);
        if (children[i] == 0) {
            ask_among_others(i);
            _exit(DIED_ON_PURPOSE);
        }
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        int state;
        cr_assert_eq(waitpid(children[i], &state, 0), children[i]);
        cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == DIED_ON_PURPOSE);
    }
    book_says("SELECT count(*), sum(amount_minor) FROM movement", "60 1830");
    book_says("PRAGMA integrity_check", "ok");
}

/* ---- the log and its checkpoint ---- */

static off_t size_of(const char *name)
{
    struct stat found;
    return stat(path_of(name), &found) == 0 ? found.st_size : -1;
}

enum { READERS_GRACE_US = 200000 /* what a checkpoint may wait for readers */ };

/* Charges orders in batches of 25 until `*next` reaches `end`. Returns how many batches took as long as a checkpoint
 * that waits for a reader. */
static int charge_many(unsigned *next, unsigned end)
{
    int slow = 0;
    while (*next < end) {
        const int64_t started_us = clock_monotonic_us();
        begin();
        for (int i = 0; i < 25; i++, (*next)++) {
            char key[64];
            (void)snprintf(key, sizeof key, "%08x:charge", *next * 2654435761u);
            struct gateway_call call = a_charge(key, 1, "tok_ok");
            call.order = order_number(*next * 2654435761u);
            accepted(ask(call));
        }
        finish();
        slow += clock_monotonic_us() - started_us >= READERS_GRACE_US;
    }
    return slow;
}

Test(gateway, the_log_is_checkpointed_before_it_grows_far_beyond_eight_mebibytes)
{
    unsigned next = 0;
    (void)charge_many(&next, 6000);
    cr_assert_gt(size_of("gateway.db"), 512 * 1024, "checkpoints have reached the book");
    cr_assert_lt(size_of("gateway.db-wal"), 10 * 1024 * 1024);
    book_says("SELECT count(*) FROM movement", "6000");
    book_says("PRAGMA integrity_check", "ok");
}

Test(gateway, a_reader_holds_up_the_checkpoint_but_no_batch)
{
    unsigned next = 0;
    sqlite3 *reader;
    (void)charge_many(&next, 50);
    cr_assert_eq(database_open(&reader, path_of("gateway.db"), DATABASE_READ, &error), STATUS_OK);
    int64_t before, after;
    cr_assert_eq(database_run(reader, "BEGIN", &error), STATUS_OK);
    cr_assert_eq(database_integer(reader, "SELECT count(*) FROM movement", &before, &error), STATUS_OK);
    cr_assert_lt(charge_many(&next, 4000), 40, "of 158 batches only a few try to checkpoint");
    cr_assert_gt(size_of("gateway.db-wal"), 10 * 1024 * 1024, "a log that somebody reads cannot begin again");
    cr_assert_eq(database_integer(reader, "SELECT count(*) FROM movement", &after, &error), STATUS_OK);
    cr_assert_eq(before, after);
    database_close(&reader);

    const off_t grown = size_of("gateway.db-wal");
    (void)charge_many(&next, 9000);
    cr_assert_lt(size_of("gateway.db-wal"), grown + 10 * 1024 * 1024, "once the reader is gone it does");
    book_says("SELECT count(*) FROM movement", "9000");
}

Test(gateway, closing_makes_no_checkpoint)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    gateway_close(&bank);
    cr_assert_gt(size_of("gateway.db-wal"), 0, "a checkpoint at close would not be made under the bank's lock");
    movements_are("charge 5");
}

/* ---- a book that fails ---- */

static void let_files_grow_to(rlim_t bytes)
{
    cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(gateway, a_batch_that_cannot_be_written_leaves_nothing_and_the_next_one_works)
{
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    begin();
    accepted(ask(a_charge("8:charge", 6, "tok_ok")));
    unanswered(ask(a_charge("9:charge", 7, "tok_timeout")));
    let_files_grow_to((rlim_t)size_of("gateway.db-wal"));
    const enum status status = gateway_finish(bank, &error);
    let_files_grow_to(0);
    cr_assert(status == STATUS_IO || status == STATUS_FULL, "%s", status_name(status));
    movements_are("charge 5");
    outcomes_are("charged");

    accepted(ask_in_a_batch(a_charge("8:charge", 8, "tok_ok")));
    movements_are("charge 5,charge 8");
}

Test(gateway, a_batch_in_which_the_book_failed_can_only_be_dropped)
{
    sqlite3 *vandal;
    cr_assert_eq(sqlite3_open(path_of("gateway.db"), &vandal), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(vandal, "ALTER TABLE attempt RENAME TO gone", NULL, NULL, NULL), SQLITE_OK);
    begin();
    cr_assert_eq(ask(a_charge("7:charge", 5, "tok_ok")), STATUS_IO);
    cr_assert_eq(ask(a_charge("8:charge", 5, "tok_ok")), STATUS_IO);
    cr_assert_eq(gateway_finish(bank, &error), STATUS_IO);
    movements_are("");

    cr_assert_eq(sqlite3_exec(vandal, "ALTER TABLE gone RENAME TO attempt", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_close(vandal), SQLITE_OK);
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    movements_are("charge 5");
}

/* Makes the book refuse every attempt with this key. */
static void spoil(sqlite3 **vandal, const char *key)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TRIGGER spoilt BEFORE INSERT ON attempt WHEN new.idempotency_key = '%s' "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END",
                   key);
    cr_assert_eq(sqlite3_open(path_of("gateway.db"), vandal), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(*vandal, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* The movement is written before its attempt: when the attempt fails, neither may stay. */
Test(gateway, money_never_moves_without_its_attempt)
{
    sqlite3 *vandal;
    spoil(&vandal, "7:charge");
    begin();
    accepted(ask(a_charge("6:charge", 5, "tok_ok")));
    cr_assert_eq(ask(a_charge("7:charge", 5, "tok_ok")), STATUS_DAMAGED);
    cr_assert_not(answer.accepted);
    cr_assert_eq(ask(a_charge("8:charge", 5, "tok_ok")), STATUS_IO, "the batch is spoilt");
    cr_assert_eq(gateway_finish(bank, &error), STATUS_IO);
    movements_are("");
    accepted(ask_in_a_batch(a_charge("8:charge", 6, "tok_ok")));
    movements_are("charge 6");
    cr_assert_eq(sqlite3_close(vandal), SQLITE_OK);
}

Test(gateway, a_decline_that_could_not_be_written_is_no_answer)
{
    sqlite3 *vandal;
    spoil(&vandal, "7:charge");
    begin();
    cr_assert_eq(ask(a_charge("7:charge", 5, "tok_declined")), STATUS_DAMAGED);
    cr_assert_str_empty(answer.reason);
    cr_assert_eq(sqlite3_close(vandal), SQLITE_OK);
}

/* ---- the auditor ---- */

struct audit {
    char text[128];
    int stop_after;
};

static enum status write_down(void *context, const struct gateway_movement *movement, struct error *refusal)
{
    struct audit *audit = context;
    const size_t length = strlen(audit->text);
    (void)snprintf(audit->text + length, sizeof audit->text - length, "%s %s %u %d %s,", movement->key,
                   movement->kind == GATEWAY_CHARGE ? "charge" : "refund", movement->order.bytes[15],
                   (int)movement->amount_minor, movement->currency.code);
    return --audit->stop_after == 0 ? error_set(refusal, STATUS_STOPPED, "enough") : STATUS_OK;
}

Test(gateway, an_auditor_reads_every_movement_in_the_order_of_their_happening)
{
    struct audit all = {"", 0}, one = {"", 1}, none = {"", 0};
    cr_assert_eq(gateway_read_book(bank, write_down, &none, &error), STATUS_OK);
    cr_assert_str_empty(none.text);

    accepted(ask_in_a_batch(a_charge("z", 100, "tok_ok")));
    declined(ask_in_a_batch(a_charge("d", 1, "tok_declined")), "declined");
    accepted(ask_in_a_batch(a_refund("a", 40)));
    cr_assert_eq(gateway_read_book(bank, write_down, &all, &error), STATUS_OK, "%s", error.text);
    cr_assert_str_eq(all.text, "z charge 7 100 USD,a refund 7 40 USD,");
    cr_assert_eq(gateway_read_book(bank, write_down, &one, &error), STATUS_STOPPED);
    cr_assert_str_eq(one.text, "z charge 7 100 USD,");
    accepted(ask_in_a_batch(a_refund("b", 60)));
}

Test(gateway, an_auditor_is_told_of_a_movement_that_is_none)
{
    accepted(ask_in_a_batch(a_charge("z", 100, "tok_ok")));
    sqlite3 *vandal;
    cr_assert_eq(sqlite3_open(path_of("gateway.db"), &vandal), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(vandal, "UPDATE movement SET order_id = 'seven'", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_close(vandal), SQLITE_OK);
    struct audit audit = {"", 0};
    cr_assert_eq(gateway_read_book(bank, write_down, &audit, &error), STATUS_DAMAGED);
}

/* ---- opening ---- */

static void run_sql(const char *sql)
{
    sqlite3 *database;
    cr_assert_eq(sqlite3_open(path_of("gateway.db"), &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    cr_assert_eq(sqlite3_close(database), SQLITE_OK);
}

static size_t read_file(char *bytes, size_t size)
{
    FILE *file = fopen(path_of("gateway.db"), "rb");
    cr_assert_not_null(file);
    const size_t length = fread(bytes, 1, size, file);
    (void)fclose(file);
    return length;
}

/* The file is refused with this status, and not one byte of it is changed. */
static void open_refuses_the_file_as(enum status expected)
{
    static char before[65536], after[65536];
    const size_t length = read_file(before, sizeof before);
    cr_assert_eq(gateway_open(&bank, folder, &wall, &error), expected, "%s", error.text);
    cr_assert_null(bank);
    cr_assert_eq(read_file(after, sizeof after), length);
    cr_assert_arr_eq(before, after, length);
}

Test(gateway_open, makes_a_private_strict_book_in_the_shops_folder)
{
    open_bank();
    struct stat found;
    cr_assert_eq(stat(path_of("gateway.db"), &found), 0);
    cr_assert_eq(found.st_mode & 0777, 0600);
    book_says("PRAGMA journal_mode", "wal");
    book_says(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        "attempt 1,movement 1");
    cr_assert_str_neq(book("PRAGMA application_id"), "0");
    book_says("PRAGMA user_version", "1");
}

Test(gateway_open, opens_while_the_bank_is_busy_and_finds_the_book_later)
{
    struct file_lock lock;
    cr_assert_eq(file_make_folder(path_of("run"), &error), STATUS_OK);
    cr_assert_eq(file_lock_try(&lock, path_of("run/bank.lock"), &error), STATUS_OK);
    open_bank();
    cr_assert_eq(gateway_begin(bank, &error), STATUS_BUSY);
    file_lock_release(&lock);
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    movements_are("charge 5");
}

Test(gateway_open, finds_the_book_that_is_there)
{
    open_bank();
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
    reopen();
    movements_are("charge 5");
}

Test(gateway_open, refuses_another_programs_database)
{
    run_sql("PRAGMA application_id = 4711; CREATE TABLE movement (a)");
    open_refuses_the_file_as(STATUS_FOREIGN);
}

Test(gateway_open, refuses_a_database_that_does_not_say_whose_it_is)
{
    run_sql("CREATE TABLE diary (page TEXT)");
    open_refuses_the_file_as(STATUS_FOREIGN);
}

Test(gateway_open, refuses_what_is_no_database)
{
    FILE *file = fopen(path_of("gateway.db"), "w");
    cr_assert_not_null(file);
    for (int i = 0; i < 200; i++)
        (void)fputs("this is somebody's shopping list, not a database\n", file);
    (void)fclose(file);
    open_refuses_the_file_as(STATUS_FOREIGN);
}

Test(gateway_open, refuses_a_newer_books_format)
{
    open_bank();
    gateway_close(&bank);
    run_sql("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)");
    open_refuses_the_file_as(STATUS_NEWER);
}

Test(gateway_open, takes_an_empty_file_for_a_new_book)
{
    const int file = open(path_of("gateway.db"), O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(file, 0);
    (void)close(file);
    open_bank();
    accepted(ask_in_a_batch(a_charge("7:charge", 5, "tok_ok")));
}

Test(gateway_open, says_that_a_folder_is_missing)
{
    char missing[PATH_SIZE];
    memcpy(missing, path_of("no such shop"), sizeof missing);
    cr_assert_eq(gateway_open(&bank, missing, &wall, &error), STATUS_NOT_FOUND);
    cr_assert_null(bank);
    gateway_close(&bank);
}
