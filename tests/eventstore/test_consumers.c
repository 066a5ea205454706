/* The contract of what readers remember: checkpoints and their fence, parked events, claims, the doorbell. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/eventstore/given.h"

/* ---- the fence ---- */

CONTRACT(consumer, that_never_committed_stands_at_zero)
{
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

CONTRACT(consumer, moves_its_checkpoint_with_its_events)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 2, 1);
    must(commit(given, &draft));
    cr_assert_eq(checkpoint_of(given, "payment"), 1);
    cr_assert_eq(checkpoint_of(given, "inventory"), 0);
    reopen(given);
    cr_assert_eq(checkpoint_of(given, "payment"), 1);
}

CONTRACT(consumer, whose_events_conflict_keeps_its_checkpoint)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 1);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 2, 1);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

CONTRACT(consumer, that_runs_twice_is_fenced)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 2));
    draft_start(&draft); /* the second instance still believes in 0 */
    draft_checkpoint(&draft, "payment", 0, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 4, 1);
    must_be(STATUS_FENCED, commit(given, &draft));
    cr_assert(strstr(given->error.text, "payment stands at 2, not at 0") != NULL, "%s", given->error.text);
    must_be(STATUS_FENCED, move_checkpoint(given, "payment", 1, 3));
    cr_assert_eq(head_of(given), 3);
    cr_assert_eq(checkpoint_of(given, "payment"), 2);
}

CONTRACT(consumer, that_runs_twice_and_writes_other_events_is_fenced)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 3));
    draft_start(&draft); /* the checkpoint stands where this one would put it, but its events do not */
    draft_checkpoint(&draft, "payment", 0, 3);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 4, 1);
    must_be(STATUS_FENCED, commit(given, &draft));
    cr_assert_eq(head_of(given), 3);
}

CONTRACT(consumer, that_was_set_back_is_fenced_where_it_stood)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 3));
    must(move_checkpoint(given, "payment", 3, 1)); /* by a person */
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 3, 3);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 4, 1);
    must_be(STATUS_FENCED, commit(given, &draft));
    cr_assert_eq(checkpoint_of(given, "payment"), 1);
}

CONTRACT(consumer, that_was_set_back_finds_its_events_standing_and_goes_on)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 2, 1);
    must(commit(given, &draft));
    must(move_checkpoint(given, "payment", 1, 0));
    must(commit(given, &draft));
    cr_assert_eq(checkpoint_of(given, "payment"), 1);
    cr_assert_eq(head_of(given), 2);
}

CONTRACT(consumer, cannot_have_read_what_is_not_written)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must_be(STATUS_INVALID, move_checkpoint(given, "payment", 0, 4));
    must_be(STATUS_INVALID, move_checkpoint(given, "payment", 0, UINT64_MAX));
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

CONTRACT(consumer, needs_a_name_that_can_be_shown)
{
    char long_name[EVENTSTORE_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    long_name[EVENTSTORE_NAME_MAX + 1] = '\0';
    must_be(STATUS_INVALID, move_checkpoint(given, long_name, 0, 0));
    must_be(STATUS_INVALID, move_checkpoint(given, "", 0, 0));
    must_be(STATUS_INVALID, move_checkpoint(given, "pay\033[2J", 0, 0));
    must(move_checkpoint(given, long_name + 1, 0, 0));
}

/* ---- parked events ---- */

static struct parked parked(uint64_t position, uint8_t sequence, int attempts)
{
    return (struct parked){
        .position = position,
        .sequence = {{sequence}},
        .state = PARKED_WAITING,
        .attempts = attempts,
        .next_attempt_us = MONDAY_EVENING_US + (int64_t)position * 1000000,
        .parked_at_us = MONDAY_EVENING_US,
        .reason = attempts == 0 ? "" : "the bank does not answer",
    };
}

static enum status park(struct given *given, const char *consumer, struct parked parked, int expected_attempts)
{
    struct draft draft;
    uint64_t stands = checkpoint_of(given, consumer);
    draft_start(&draft);
    draft_checkpoint(&draft, consumer, stands, stands);
    draft_park(&draft, &parked, expected_attempts);
    return commit(given, &draft);
}

static enum status unpark(struct given *given, const char *consumer, struct parked parked, int expected_attempts)
{
    struct draft draft;
    uint64_t stands = checkpoint_of(given, consumer);
    draft_start(&draft);
    draft_checkpoint(&draft, consumer, stands, stands);
    draft_unpark(&draft, &parked, expected_attempts);
    return commit(given, &draft);
}

struct list {
    char text[400]; /* "payment:3 payment:7" */
    struct parked last;
    char last_reason[80];
    size_t stop_at, count;
};

static enum status list_one(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    struct list *list = context;
    size_t used = strlen(list->text);
    (void)error;
    snprintf(list->text + used, sizeof list->text - used, "%s%s:%llu", used == 0 ? "" : " ", consumer,
             (unsigned long long)parked->position);
    list->last = *parked;
    snprintf(list->last_reason, sizeof list->last_reason, "%s", parked->reason);
    return ++list->count == list->stop_at ? STATUS_STOPPED : STATUS_OK;
}

static struct list list_parked(struct given *given, struct parked_query query)
{
    struct list list = {.text = ""};
    must(eventstore_read_parked(given->store, &query, list_one, &list, &given->error));
    return list;
}

#define parked_are(query, text_) cr_assert_str_eq(list_parked(given, query).text, text_)
#define QUERY(...)               ((struct parked_query){__VA_ARGS__})

CONTRACT(parked, event_comes_back_as_it_was_set_aside)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    struct parked dead = parked(2, 9, 8);
    dead.state = PARKED_DEAD;
    dead.reason = "the card is no card";
    must(park(given, "payment", dead, -1));
    struct list list = list_parked(given, (struct parked_query){0});
    cr_assert_str_eq(list.text, "payment:2");
    cr_assert(uuid_equal(list.last.sequence, dead.sequence));
    cr_assert_eq(list.last.state, PARKED_DEAD);
    cr_assert_eq(list.last.attempts, 8);
    cr_assert_eq(list.last.next_attempt_us, dead.next_attempt_us);
    cr_assert_eq(list.last.parked_at_us, dead.parked_at_us);
    cr_assert_str_eq(list.last_reason, "the card is no card");
}

CONTRACT(parked, event_is_changed_from_the_attempts_it_had)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(park(given, "payment", parked(2, 9, 1), -1));
    must(park(given, "payment", parked(2, 9, 2), 1));
    cr_assert_eq(list_parked(given, (struct parked_query){0}).last.attempts, 2);
    must_be(STATUS_CONFLICT, park(given, "payment", parked(2, 9, 3), 1));
    must_be(STATUS_CONFLICT, park(given, "payment", parked(2, 9, 3), -1));
    must_be(STATUS_CONFLICT, park(given, "payment", parked(3, 9, 2), 1)); /* not parked */
    cr_assert_eq(list_parked(given, (struct parked_query){0}).last.attempts, 2);
}

CONTRACT(parked, event_is_taken_away_from_the_attempts_it_had)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(park(given, "payment", parked(2, 9, 1), -1));
    must_be(STATUS_CONFLICT, unpark(given, "payment", parked(2, 9, 1), 2));
    must_be(STATUS_CONFLICT, unpark(given, "inventory", parked(2, 9, 1), 1));
    must(unpark(given, "payment", parked(2, 9, 1), 1));
    parked_are((struct parked_query){0}, "");
    must_be(STATUS_CONFLICT, unpark(given, "payment", parked(2, 9, 1), 1));
}

CONTRACT(parked, event_that_conflicts_takes_the_whole_commit_with_it)
{
    struct draft draft;
    struct parked one = parked(1, 9, 1), two = parked(2, 9, 1);
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 3);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 4, 1);
    draft_park(&draft, &one, -1);
    draft_park(&draft, &two, 1);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    parked_are((struct parked_query){0}, "");
    cr_assert_eq(head_of(given), 3);
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

/* Two journeys: of 8, the events 2 and 4; of 9, the events 1, 3 and 5. Another consumer has set 1 aside too. */
static void two_journeys(struct given *given)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 9));
    must(park(given, "payment", parked(4, 8, 0), -1));
    must(park(given, "payment", parked(2, 8, 1), -1));
    must(park(given, "payment", parked(5, 9, 0), -1));
    must(park(given, "payment", parked(3, 9, 0), -1));
    must(park(given, "payment", parked(1, 9, 2), -1));
    must(park(given, "inventory", parked(1, 9, 1), -1));
}

CONTRACT(parked, events_are_read_by_consumer_and_position)
{
    two_journeys(given);
    struct uuid journey_8 = {{8}}, journey_9 = {{9}};
    parked_are((struct parked_query){0}, "inventory:1 payment:1 payment:2 payment:3 payment:4 payment:5");
    parked_are(QUERY(.consumer = "payment", .sequence = &journey_8), "payment:2 payment:4");
    parked_are(QUERY(.sequence = &journey_9), "inventory:1 payment:1 payment:3 payment:5");
    parked_are(QUERY(.limit = 2), "inventory:1 payment:1");
    parked_are(QUERY(.consumer = "order"), "");
}

CONTRACT(parked, heads_are_the_first_of_each_sequence_of_each_consumer)
{
    two_journeys(given);
    parked_are(QUERY(.heads_only = true), "inventory:1 payment:1 payment:2");
    must(unpark(given, "payment", parked(1, 9, 2), 2));
    parked_are(QUERY(.consumer = "payment", .heads_only = true), "payment:2 payment:3");
}

CONTRACT(parked, events_that_are_due_come_in_the_order_of_their_times)
{
    two_journeys(given);
    struct parked late = parked(1, 9, 3);
    late.next_attempt_us = MONDAY_EVENING_US + 60000000;
    must(park(given, "payment", late, 2));
    parked_are(QUERY(.consumer = "payment", .due_by_us = MONDAY_EVENING_US), "");
    parked_are(QUERY(.consumer = "payment", .due_by_us = MONDAY_EVENING_US + 2000000), "payment:2");
    parked_are(QUERY(.consumer = "payment", .due_by_us = MONDAY_EVENING_US + 60000000, .heads_only = true),
               "payment:2 payment:1");
    parked_are(QUERY(.consumer = "payment", .due_by_us = MONDAY_EVENING_US + 60000000, .limit = 2),
               "payment:2 payment:3");
}

CONTRACT(parked, a_dead_letter_is_never_due_and_holds_up_its_sequence)
{
    two_journeys(given);
    struct parked dead = parked(1, 9, 3);
    dead.state = PARKED_DEAD;
    must(park(given, "payment", dead, 2));
    int64_t late_us = MONDAY_EVENING_US + INT64_C(3600000000);
    parked_are(QUERY(.consumer = "payment", .due_by_us = late_us, .heads_only = true), "payment:2");
    parked_are(QUERY(.consumer = "payment", .due_by_us = late_us), "payment:2 payment:3 payment:4 payment:5");
    parked_are(QUERY(.consumer = "payment", .heads_only = true), "payment:1 payment:2");
}

static enum status fail_here(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)context, (void)consumer;
    return error_set(error, STATUS_UNAVAILABLE, "no more of %llu", (unsigned long long)parked->position);
}

CONTRACT(parked, a_visitor_may_stop_or_fail)
{
    two_journeys(given);
    struct list list = {.stop_at = 2};
    struct parked_query all = {0};
    must(eventstore_read_parked(given->store, &all, list_one, &list, &given->error));
    cr_assert_eq(list.count, 2);
    must_be(STATUS_UNAVAILABLE, eventstore_read_parked(given->store, &all, fail_here, NULL, &given->error));
    cr_assert_str_eq(given->error.text, "no more of 1");
}

/* ---- pauses ---- */

static struct pause pause_of(struct given *given, const char *consumer)
{
    struct pause pause;
    must(eventstore_paused(given->store, consumer, &pause, &given->error));
    return pause;
}

CONTRACT(paused, is_no_consumer_that_never_said_so)
{
    cr_assert_eq(pause_of(given, "payment").until_us, 0);
    cr_assert_str_empty(pause_of(given, "payment").reason);
}

CONTRACT(paused, is_a_consumer_until_its_time_and_remembered)
{
    must(eventstore_pause(given->store, "payment", MONDAY_EVENING_US, "the bank does not answer", &given->error));
    reopen(given);
    cr_assert_eq(pause_of(given, "payment").until_us, MONDAY_EVENING_US);
    cr_assert_str_eq(pause_of(given, "payment").reason, "the bank does not answer");
    cr_assert_eq(pause_of(given, "inventory").until_us, 0);
}

CONTRACT(paused, by_another_pause_is_for_that_one)
{
    must(eventstore_pause(given->store, "payment", MONDAY_EVENING_US, "once", &given->error));
    must(eventstore_pause(given->store, "payment", MONDAY_EVENING_US + 1, "again", &given->error));
    cr_assert_eq(pause_of(given, "payment").until_us, MONDAY_EVENING_US + 1);
    cr_assert_str_eq(pause_of(given, "payment").reason, "again");
}

CONTRACT(paused, no_longer_is_a_consumer_whose_pause_is_over)
{
    must(eventstore_pause(given->store, "payment", MONDAY_EVENING_US, "once", &given->error));
    must(eventstore_pause(given->store, "inventory", MONDAY_EVENING_US, "once", &given->error));
    must(eventstore_pause(given->store, "payment", 0, "", &given->error));
    must(eventstore_pause(given->store, "payment", 0, "", &given->error));
    cr_assert_eq(pause_of(given, "payment").until_us, 0);
    cr_assert_eq(pause_of(given, "inventory").until_us, MONDAY_EVENING_US);
}

CONTRACT(paused, for_a_long_reason_keeps_whole_characters_of_it)
{
    char reason[2 * EVENTSTORE_REASON_MAX + 1];
    for (size_t i = 0; i < EVENTSTORE_REASON_MAX; i++)
        memcpy(reason + 2 * i, "\xc3\xa9", 2); /* é */
    reason[2 * EVENTSTORE_REASON_MAX] = '\0';
    must(eventstore_pause(given->store, "payment", MONDAY_EVENING_US, reason + 1, &given->error));
    cr_assert_eq(strlen(pause_of(given, "payment").reason) % 2, 1);
    must_be(STATUS_INVALID, eventstore_pause(given->store, "", 1, "", &given->error));
}

/* ---- claims ---- */

CONTRACT(claim, is_busy_for_a_second_handle_until_it_is_released)
{
    struct eventstore *other = another_handle(given);
    cr_assert_not(eventstore_consumer_is_claimed(other, "payment"));
    must(eventstore_consumer_claim(given->store, "payment", &given->error));
    must(eventstore_consumer_claim(given->store, "inventory", &given->error));
    cr_assert(eventstore_consumer_is_claimed(other, "payment"));
    cr_assert(eventstore_consumer_is_claimed(given->store, "payment"));
    must_be(STATUS_BUSY, eventstore_consumer_claim(other, "payment", &given->error));
    must_be(STATUS_BUSY, eventstore_consumer_claim(given->store, "payment", &given->error));
    eventstore_consumer_release(given->store, "payment");
    cr_assert_not(eventstore_consumer_is_claimed(other, "payment"));
    cr_assert(eventstore_consumer_is_claimed(other, "inventory"));
    must(eventstore_consumer_claim(other, "payment", &given->error));
    given->engine->close(&other);
    cr_assert_not(eventstore_consumer_is_claimed(given->store, "payment"));
}

CONTRACT(claim, cannot_lead_out_of_its_folder)
{
    must_be(STATUS_INVALID, eventstore_consumer_claim(given->store, "../payment", &given->error));
    must_be(STATUS_INVALID, eventstore_consumer_claim(given->store, "", &given->error));
    cr_assert_not(eventstore_consumer_is_claimed(given->store, "../payment"));
    eventstore_consumer_release(given->store, "nobody");
}

static int claim_and_wait(struct process *us, void *context)
{
    struct given *given = context;
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK ||
        eventstore_consumer_claim(store, "payment", &given->error) != STATUS_OK)
        return 1;
    wave(us);
    for (;;)
        pause();
}

CONTRACT(claim, is_freed_when_its_process_is_killed)
{
    struct process other = start_process(claim_and_wait, given);
    wait_for_wave(&other);
    must_be(STATUS_BUSY, eventstore_consumer_claim(given->store, "payment", &given->error));
    kill_now(&other);
    must(eventstore_consumer_claim(given->store, "payment", &given->error));
}

/* ---- the doorbell ---- */

CONTRACT(doorbell, rings_for_events_and_for_nothing_else)
{
    uint32_t bell = eventstore_bell(given->store);
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    cr_assert_neq(eventstore_bell(given->store), bell);
    bell = eventstore_bell(given->store);
    must(move_checkpoint(given, "payment", 0, 1));
    must(park(given, "payment", parked(1, 9, 1), -1));
    must_be(STATUS_CONFLICT, append(given, ORDER_7, EXPECTED_NONE, 2, 1));
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1)); /* a repeat */
    cr_assert_eq(eventstore_bell(given->store), bell);
    eventstore_ring(given->store);
    cr_assert_neq(eventstore_bell(given->store), bell);
}

CONTRACT(doorbell, that_was_rung_since_it_was_read_lets_nobody_sleep)
{
    uint32_t seen = eventstore_bell(given->store);
    int64_t started_us = clock_monotonic_us();
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    eventstore_wait(given->store, seen, 10000);
    cr_assert_lt(clock_monotonic_us() - started_us, 5000000);
}

CONTRACT(doorbell, lets_go_when_the_time_is_over)
{
    eventstore_wait(given->store, eventstore_bell(given->store), 1);
    eventstore_wait(given->store, eventstore_bell(given->store), 0);
}

static int wait_for_news(struct process *us, void *context)
{
    struct given *given = context;
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 1;
    uint32_t seen = eventstore_bell(store);
    wave(us);
    int64_t started_us = clock_monotonic_us();
    eventstore_wait(store, seen, 10000);
    bool soon = clock_monotonic_us() - started_us < 5000000;
    return soon && eventstore_bell(store) != seen ? 0 : 2;
}

/* Awake, it finds both events on the roll, or was woken too early. */
static int wait_for_a_type(struct process *us, void *context)
{
    static const char *const types[] = {"Heard"};
    struct given *given = context;
    struct eventstore *store;
    uint64_t head = 0;
    if (given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 1;
    uint32_t seen = eventstore_bell(store);
    wave(us);
    int64_t started_us = clock_monotonic_us();
    eventstore_wait_for(store, seen, types, 1, 10000);
    bool soon = clock_monotonic_us() - started_us < 5000000;
    return soon && eventstore_head(store, &head, &given->error) == STATUS_OK && head == 2 ? 0 : 2;
}

CONTRACT(doorbell, lets_sleep_who_wants_to_hear_of_other_types)
{
    struct draft draft;
    struct process sleeper = start_process(wait_for_a_type, given);
    wait_for_wave(&sleeper);
    wait_until_asleep(&sleeper);
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    wait_until_asleep(&sleeper);
    draft_start(&draft);
    draft_append(&draft, ORDER_7, 1, 2, 1)->type = "Heard";
    must(commit(given, &draft));
    cr_assert_eq(end_of(&sleeper), 0);
}

CONTRACT(doorbell, who_listens_for_a_type_hears_who_rings_for_everybody)
{
    static const char *const types[] = {"Heard"};
    uint32_t seen = eventstore_bell(given->store);
    int64_t started_us = clock_monotonic_us();
    eventstore_ring(given->store);
    eventstore_wait_for(given->store, seen, types, 1, 10000);
    eventstore_wait_for(given->store, eventstore_bell(given->store), types, 1, 1);
    cr_assert_lt(clock_monotonic_us() - started_us, 5000000);
}

CONTRACT(doorbell, wakes_another_process_that_sleeps)
{
    struct process sleeper = start_process(wait_for_news, given);
    wait_for_wave(&sleeper);
    wait_until_asleep(&sleeper);
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    cr_assert_eq(end_of(&sleeper), 0);
}
