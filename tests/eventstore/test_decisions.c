/* The contract of decisions: what a person does to a parked event is done and recorded as one. */
#include <stdio.h>
#include <string.h>

#include "tests/eventstore/given.h"

static const struct uuid journey_9 = {{9}};

static struct parked dead_letter(uint64_t position)
{
    return (struct parked){
        .position = position,
        .sequence = journey_9,
        .state = PARKED_DEAD,
        .attempts = 6,
        .next_attempt_us = MONDAY_EVENING_US - 1000000,
        .parked_at_us = MONDAY_EVENING_US,
        .reason = "the bank refuses the refund",
    };
}

/* A dead letter of payment, and one event that waits behind it. */
static void set_aside(struct given *given)
{
    struct draft draft;
    struct parked first = dead_letter(2), second = dead_letter(3);
    second.state = PARKED_WAITING;
    second.attempts = 0;
    second.reason = "";
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 3);
    draft_park(&draft, &first, -1);
    draft_park(&draft, &second, -1);
    must(commit(given, &draft));
}

static struct decision decision(enum decision_kind kind)
{
    return (struct decision){
        .kind = kind, .consumer = "payment", .parked = dead_letter(2), .who = "ann", .reason = "", .owed = ""};
}

static enum status decide(struct given *given, struct decision decision)
{
    return eventstore_decide(given->store, &decision, 1, &given->error);
}

struct seen_parked {
    struct parked items[8];
    char reasons[8][80];
    int count;
};

static enum status see_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    struct seen_parked *seen = context;
    (void)consumer, (void)error;
    cr_assert_lt(seen->count, 8);
    snprintf(seen->reasons[seen->count], sizeof seen->reasons[0], "%s", parked->reason);
    seen->items[seen->count++] = *parked;
    return STATUS_OK;
}

static struct seen_parked parked_now(struct given *given)
{
    struct seen_parked seen = {.count = 0};
    const struct parked_query query = {.consumer = "payment"};
    must(eventstore_read_parked(given->store, &query, see_parked, &seen, &given->error));
    return seen;
}

/* "1 retry payment:2 by ann: it works again; 2 discard …" */
static enum status write_decision(void *context, const struct decision *decision, struct error *error)
{
    char *text = context;
    size_t used = strlen(text);
    (void)error;
    snprintf(text + used, 600 - used, "%s%llu %s %s:%llu/%d by %s: %s (%s)", used == 0 ? "" : "; ",
             (unsigned long long)decision->number, decision_name(decision->kind), decision->consumer,
             (unsigned long long)decision->parked.position, decision->parked.attempts, decision->who, decision->reason,
             decision->owed);
    cr_expect_eq(decision->decided_at_us, MONDAY_EVENING_US + 5);
    cr_expect(uuid_equal(decision->parked.sequence, journey_9));
    return STATUS_OK;
}

static const char *decisions(struct given *given, struct decision_query query)
{
    static char text[600];
    text[0] = '\0';
    must(eventstore_read_decisions(given->store, &query, write_decision, text, &given->error));
    return text;
}

#define decisions_are(text, ...)                                                                                       \
    cr_expect_str_eq(decisions(given, (struct decision_query){__VA_ARGS__}), text, "%s",                               \
                     decisions(given, (struct decision_query){__VA_ARGS__}))

CONTRACT(decision, to_retry_makes_a_dead_letter_wait_for_an_attempt_now)
{
    set_aside(given);
    given->time.now_us += 5;
    struct decision retry = decision(DECISION_RETRY);
    retry.reason = "it works again";
    must(decide(given, retry));
    struct seen_parked seen = parked_now(given);
    cr_assert_eq(seen.count, 2);
    cr_expect_eq(seen.items[0].state, PARKED_WAITING);
    cr_expect_eq(seen.items[0].attempts, 6);
    cr_expect_eq(seen.items[0].next_attempt_us, MONDAY_EVENING_US + 5);
    cr_expect_eq(seen.items[0].parked_at_us, MONDAY_EVENING_US);
    cr_expect_str_eq(seen.reasons[0], "the bank refuses the refund");
    cr_expect_eq(checkpoint_of(given, "payment"), 3);
    cr_expect_eq(head_of(given), 3);
    reopen(given);
    decisions_are("1 retry payment:2/6 by ann: it works again ()", 0);
}

CONTRACT(decision, to_discard_makes_the_next_of_its_sequence_the_first)
{
    set_aside(given);
    given->time.now_us += 5;
    struct decision discard = decision(DECISION_DISCARD);
    discard.reason = "paid by hand";
    discard.owed = "12.50 USD";
    must(decide(given, discard));
    struct seen_parked seen = parked_now(given);
    cr_assert_eq(seen.count, 1);
    cr_expect_eq(seen.items[0].position, 3);
    decisions_are("1 discard payment:2/6 by ann: paid by hand (12.50 USD)", 0);
}

CONTRACT(decision, on_what_is_no_longer_so_is_a_conflict)
{
    set_aside(given);
    given->time.now_us += 5;
    struct decision late = decision(DECISION_DISCARD), twice = decision(DECISION_RETRY);
    late.parked.attempts = 5;
    must_be(STATUS_CONFLICT, decide(given, late));
    late = decision(DECISION_DISCARD);
    late.parked.position = 1;
    must_be(STATUS_CONFLICT, decide(given, late));
    late = decision(DECISION_DISCARD);
    late.consumer = "inventory";
    must_be(STATUS_CONFLICT, decide(given, late));
    late = decision(DECISION_DISCARD);
    late.parked.next_attempt_us++;
    must_be(STATUS_CONFLICT, decide(given, late));
    late = decision(DECISION_DISCARD);
    late.parked.parked_at_us++;
    must_be(STATUS_CONFLICT, decide(given, late));
    late = decision(DECISION_DISCARD);
    late.parked.reason = "another";
    must_be(STATUS_CONFLICT, decide(given, late));
    must(decide(given, twice));
    must_be(STATUS_CONFLICT, decide(given, twice)); /* the same attempts, but it is no dead letter any more */
    must_be(STATUS_CONFLICT, decide(given, decision(DECISION_DISCARD)));
    cr_assert(strstr(given->error.text, "somebody was faster") != NULL, "%s", given->error.text);
    cr_expect_eq(parked_now(given).count, 2);
    decisions_are("1 retry payment:2/6 by ann:  ()", 0);
}

CONTRACT(decision, that_conflicts_takes_the_others_of_its_batch_with_it)
{
    struct decision both[2] = {decision(DECISION_DISCARD), decision(DECISION_DISCARD)};
    set_aside(given);
    given->time.now_us += 5;
    both[1].parked.position = 3; /* which is as the first, and not as it stands */
    must_be(STATUS_CONFLICT, eventstore_decide(given->store, both, 2, &given->error));
    cr_expect_eq(parked_now(given).count, 2);
    decisions_are("", 0);
}

CONTRACT(decision, by_a_service_that_was_faster_is_not_lost)
{
    struct draft draft;
    struct parked tried_again = dead_letter(2);
    set_aside(given);
    tried_again.attempts = 7;
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 3, 3);
    draft_park(&draft, &tried_again, 6);
    must(commit(given, &draft));
    must_be(STATUS_CONFLICT, decide(given, decision(DECISION_RETRY)));
    cr_expect_eq(parked_now(given).items[0].attempts, 7);
}

CONTRACT(decision, that_was_faster_than_a_service_is_not_lost)
{
    struct draft draft;
    struct parked gone = dead_letter(2);
    set_aside(given);
    must(decide(given, decision(DECISION_DISCARD)));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 3, 3);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 4, 1);
    draft_unpark(&draft, &gone, 6);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_expect_eq(head_of(given), 3);
}

CONTRACT(decision, leaves_something_owed_until_it_is_settled)
{
    set_aside(given);
    given->time.now_us += 5;
    struct decision discard = decision(DECISION_DISCARD), settle = decision(DECISION_SETTLE);
    discard.owed = "12.50 USD";
    must_be(STATUS_CONFLICT, decide(given, settle));
    must(decide(given, discard));
    decisions_are("1 discard payment:2/6 by ann:  (12.50 USD)", .owed_only = true);
    settle.who = "bob";
    must(decide(given, settle));
    decisions_are("", .owed_only = true);
    must_be(STATUS_CONFLICT, decide(given, settle));
    decisions_are("1 discard payment:2/6 by ann:  (12.50 USD); 2 settle payment:2/6 by bob:  ()", 0);
}

CONTRACT(decision, is_found_by_consumer_sequence_and_position)
{
    struct uuid other = {{8}};
    set_aside(given);
    given->time.now_us += 5;
    must(decide(given, decision(DECISION_RETRY)));
    decisions_are("", .consumer = "inventory");
    decisions_are("", .sequence = &other);
    decisions_are("", .position = 3);
    decisions_are("", .owed_only = true);
    decisions_are("1 retry payment:2/6 by ann:  ()", .consumer = "payment", .sequence = &journey_9, .position = 2);
}

CONTRACT(decision, is_made_by_somebody_in_words_that_can_be_shown)
{
    char long_reason[EVENTSTORE_REASON_MAX + 2];
    set_aside(given);
    struct decision bad = decision(DECISION_DISCARD);
    bad.consumer = "";
    must_be(STATUS_INVALID, decide(given, bad));
    bad = decision(DECISION_DISCARD);
    bad.who = "";
    must_be(STATUS_INVALID, decide(given, bad));
    bad.who = "a\033[2Jnn";
    must_be(STATUS_INVALID, decide(given, bad));
    bad = decision(DECISION_DISCARD);
    bad.reason = "two\nlines";
    must_be(STATUS_INVALID, decide(given, bad));
    memset(long_reason, 'x', sizeof long_reason);
    long_reason[EVENTSTORE_REASON_MAX + 1] = '\0';
    bad.reason = long_reason;
    must_be(STATUS_INVALID, decide(given, bad));
    bad.reason = "";
    bad.owed = long_reason;
    must_be(STATUS_INVALID, decide(given, bad));
    bad.owed = long_reason + 1;
    must(decide(given, bad));
}

static enum status fail_here(void *context, const struct decision *decision, struct error *error)
{
    (void)context;
    return error_set(error, STATUS_UNAVAILABLE, "no more of %llu", (unsigned long long)decision->number);
}

CONTRACT(decision, a_visitor_may_fail)
{
    const struct decision_query all = {0};
    set_aside(given);
    must(decide(given, decision(DECISION_RETRY)));
    must_be(STATUS_UNAVAILABLE, eventstore_read_decisions(given->store, &all, fail_here, NULL, &given->error));
    cr_assert_str_eq(given->error.text, "no more of 1");
}

CONTRACT(decision, wakes_those_who_wait)
{
    set_aside(given);
    uint32_t seen = eventstore_bell(given->store);
    must(decide(given, decision(DECISION_RETRY)));
    cr_assert_neq(eventstore_bell(given->store), seen);
}

CONTRACT(decision, is_in_a_backup)
{
    char file[TEMPORARY_SIZE + 16];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    set_aside(given);
    given->time.now_us += 5;
    must(decide(given, decision(DECISION_RETRY)));
    snprintf(file, sizeof file, "%s/copy.db", given->folder);
    must(eventstore_backup(given->store, file, &position, digest, &given->error));
    given->engine->close(&given->store);
    must(given->engine->open_file(&given->store, file, &given->error));
    decisions_are("1 retry payment:2/6 by ann:  ()", 0);
    must_be(STATUS_IO, decide(given, decision(DECISION_DISCARD)));
}
