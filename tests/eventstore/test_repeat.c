/* The contract of eventstore_commit, second part: a client that lost the answer may repeat itself. */
#include <string.h>

#include "tests/eventstore/given.h"

/* What may not change when a commit is repeated. */
struct scene {
    uint64_t head;
    uint32_t bell;
};

static struct scene scene_of(struct given *given)
{
    return (struct scene){.head = head_of(given), .bell = eventstore_bell(given->store)};
}

#define nothing_was_written_since(scene)                                                                               \
    do {                                                                                                               \
        cr_assert_eq(head_of(given), (scene).head);                                                                    \
        cr_assert_eq(eventstore_bell(given->store), (scene).bell);                                                     \
    } while (0)

/* Commits, commits again from a handle that knows nothing of the first time, and sees that nothing came of it. */
static void commit_twice(struct given *given, const struct draft *draft)
{
    must(commit(given, draft));
    struct scene scene = scene_of(given);
    given->head = 0;
    must(commit(given, draft));
    cr_assert_eq(given->head, scene.head);
    struct eventstore *other = another_handle(given);
    must(commit_with(given, other, draft));
    given->engine->close(&other);
    nothing_was_written_since(scene);
}

CONTRACT(repeat, of_a_commit_over_several_streams_is_success_and_writes_nothing)
{
    struct draft draft;
    draft_start(&draft);
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    (void)draft_append(&draft, TEA, 2, 3, 2);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 5, 1);
    commit_twice(given, &draft);
    cr_assert_str_eq(numbers(read_roll(given, (struct roll_query){0})), "1 2 3 4 5");
}

CONTRACT(repeat, of_a_commit_that_appends_twice_to_a_stream_is_success)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    (void)draft_append(&draft, MILK, EXPECTED_NONE, 2, 1);
    (void)draft_append(&draft, TEA, 1, 3, 2);
    commit_twice(given, &draft);
}

CONTRACT(repeat, is_recognised_although_any_version_was_expected)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 2, 2);
    (void)draft_append(&draft, MILK, EXPECTED_ANY, 4, 1);
    commit_twice(given, &draft);
}

CONTRACT(repeat, is_recognised_although_any_version_was_expected_twice_of_one_stream)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 2, 2);
    (void)draft_append(&draft, MILK, EXPECTED_NONE, 4, 1);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 5, 1);
    commit_twice(given, &draft);
    cr_assert_str_eq(numbers(read_stream(given, (struct stream_query){.stream = TEA})), "1 2 3 5");
}

CONTRACT(repeat, is_recognised_after_other_events_have_followed)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 2);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 3, 1);
    must(commit(given, &draft));
    must(append(given, TEA, 2, 4, 3));
    must(append(given, MILK, EXPECTED_NONE, 7, 1));
    struct scene scene = scene_of(given);
    must(commit(given, &draft));
    cr_assert_eq(given->head, 7);
    nothing_was_written_since(scene);
}

CONTRACT(repeat, is_recognised_although_what_it_guarded_has_moved_since)
{
    struct draft draft;
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_guard(&draft, MILK, 1);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 2, 2);
    must(commit(given, &draft));
    must(append(given, MILK, 1, 4, 1));
    struct scene scene = scene_of(given);
    must(commit(given, &draft));
    nothing_was_written_since(scene);
}

CONTRACT(repeat, is_recognised_when_another_program_repeats_it)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    must(commit(given, &draft));
    draft.commit.producer = "tests 2";
    must(commit(given, &draft));
    cr_assert_eq(head_of(given), 1);
}

CONTRACT(repeat, with_a_consumer_finds_the_checkpoint_moved_too)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 2, 1);
    commit_twice(given, &draft);
    cr_assert_eq(checkpoint_of(given, "payment"), 1);
}

CONTRACT(repeat, of_a_checkpoint_move_alone_is_success)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 3));
    must(move_checkpoint(given, "payment", 0, 3));
    cr_assert_eq(checkpoint_of(given, "payment"), 3);
}

/* ---- with parked events ---- */

static const struct parked waiting_1 = {
    .position = 1,
    .sequence = {{7}},
    .attempts = 1,
    .next_attempt_us = MONDAY_EVENING_US + 1000000,
    .parked_at_us = MONDAY_EVENING_US,
    .reason = "the bank does not answer",
};

static int attempts_of_1(struct given *given);

CONTRACT(repeat, with_a_parked_event_finds_it_parked)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 2);
    draft_park(&draft, &waiting_1, -1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 3, 1);
    commit_twice(given, &draft);
    cr_assert_eq(attempts_of_1(given), 1);
}

CONTRACT(repeat, of_parking_without_an_event_is_success)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 2);
    draft_park(&draft, &waiting_1, -1);
    commit_twice(given, &draft);
}

CONTRACT(repeat, of_a_retry_that_worked_finds_the_parked_event_gone)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 2);
    draft_park(&draft, &waiting_1, -1);
    must(commit(given, &draft));

    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 2, 2);
    draft_unpark(&draft, &waiting_1, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 3, 1);
    commit_twice(given, &draft);
    cr_assert_eq(attempts_of_1(given), -1);
}

/* A consumer that was set back answers again, parks, and tries again: its events stand, but the parked one must go, or
 * it would be tried for ever. */
CONTRACT(repeat, of_the_events_alone_still_changes_what_is_parked)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    must(append(given, PAYMENT_7, EXPECTED_NONE, 3, 1));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 1);
    draft_park(&draft, &waiting_1, -1);
    must(commit(given, &draft));

    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 1, 1);
    draft_unpark(&draft, &waiting_1, 1);
    (void)draft_append(&draft, PAYMENT_7, EXPECTED_NONE, 3, 1);
    must(commit(given, &draft));
    cr_assert_eq(attempts_of_1(given), -1);
    cr_assert_eq(head_of(given), 2);
}

/* The twin moved the checkpoint as far, but did not park: what this one set aside must not be lost in silence. */
CONTRACT(repeat, is_none_when_only_the_parked_event_is_new)
{
    struct draft draft;
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 2));
    must(move_checkpoint(given, "payment", 0, 2));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 2);
    draft_park(&draft, &waiting_1, -1);
    must_be(STATUS_FENCED, commit(given, &draft));
}

static enum status take_attempts(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    if (parked->position == 1)
        *(int *)context = parked->attempts;
    return STATUS_OK;
}

static int attempts_of_1(struct given *given)
{
    int attempts = -1;
    must(eventstore_read_parked(given->store, &(struct parked_query){0}, take_attempts, &attempts, &given->error));
    return attempts;
}

/* ---- what is not a repeat ---- */

CONTRACT(repeat, with_other_content_under_the_same_id_is_refused)
{
    struct draft draft;
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    must(append(given, TEA, EXPECTED_NONE, 2, 2));
    for (int change = 0; change < 5; change++) {
        draft_start(&draft);
        struct new_event *event = draft_append(&draft, TEA, EXPECTED_NONE, 2, 2) + 1;
        switch (change) {
        case 0: draft.data[1][5] = '9'; break;
        case 1: event->type = "HappenedOtherwise"; break;
        case 2: event->schema_version = 2; break;
        case 3: event->correlation = id_numbered(99); break;
        default: event->causation = 1; break;
        }
        must_be(STATUS_REFUSED, commit(given, &draft));
        cr_assert(strstr(given->error.text, "stock-tea") != NULL, "%s", given->error.text);
    }
    draft_start(&draft);
    draft_append(&draft, TEA, EXPECTED_ANY, 2, 2)->data_length--;
    must_be(STATUS_REFUSED, commit(given, &draft));
    cr_assert_eq(head_of(given), 3);
}

CONTRACT(repeat, with_other_ids_is_a_conflict)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    must_be(STATUS_CONFLICT, append(given, TEA, EXPECTED_NONE, 3, 2));
    must_be(STATUS_CONFLICT, append(given, TEA, EXPECTED_NONE, 2, 2));
}

CONTRACT(repeat, of_a_part_is_a_conflict)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    must_be(STATUS_CONFLICT, append(given, TEA, EXPECTED_NONE, 1, 3));
    must_be(STATUS_CONFLICT, append(given, TEA, 1, 2, 2));
}

/* One append stands, the other is new: this was never one commit. */
static void mixture_conflicts(struct given *given, uint64_t expected, bool standing_first)
{
    struct draft draft;
    draft_start(&draft);
    if (standing_first)
        (void)draft_append(&draft, TEA, expected, 1, 2);
    (void)draft_append(&draft, MILK, expected, 3, 1);
    if (!standing_first)
        (void)draft_append(&draft, TEA, expected, 1, 2);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert_eq(strstr(given->error.text, "version 2, not at 2"), NULL, "%s", given->error.text);
    cr_assert_eq(head_of(given), 2);
}

CONTRACT(repeat, mixed_with_something_new_is_a_conflict)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    mixture_conflicts(given, EXPECTED_NONE, true);
    mixture_conflicts(given, EXPECTED_NONE, false);
}

CONTRACT(repeat, mixed_with_something_new_is_a_conflict_when_any_version_is_expected)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    mixture_conflicts(given, EXPECTED_ANY, true);
    mixture_conflicts(given, EXPECTED_ANY, false);
}
