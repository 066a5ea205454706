/* The contract of eventstore_verify: it finds what was done behind the store's back, and names the place. */
#include <stdio.h>

#include "tests/eventstore/given.h"

/* Six events: 1 of tea, 2 of milk, 3 of order 7, 4 and 5 of tea, 6 of milk. 3 to 6 are by another author. */
static void six_events(struct given *given)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    draft_start(&draft);
    draft.commit.actor = "customer";
    draft_append(&draft, ORDER_7, EXPECTED_NONE, 3, 1)->type = "OrderPlaced";
    draft_append(&draft, TEA, 1, 4, 2)->causation = 3;
    (void)draft_append(&draft, MILK, 1, 6, 1);
    must(commit(given, &draft));
    must(move_checkpoint(given, "payment", 0, 6));
}

/* Does the damage and looks for `words` in what verify says, through the handle that wrote the events and knows
 * everything by heart, and through one that is new. */
static void finds(struct given *given, enum damage damage, uint64_t position, const char *words)
{
    six_events(given);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    given->is_damaged = true;
    given->engine->damage(given->folder, damage, position);
    cr_assert(report_has(verify(given, given->store), words), "%s", given->report.text);
    reopen(given);
    cr_assert(report_has(verify(given, given->store), words), "%s", given->report.text);
}

CONTRACT(verify, finds_no_fault_where_there_is_none)
{
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    six_events(given);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    reopen(given);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
}

CONTRACT(verify, finds_changed_data)
{
    finds(given, DAMAGE_DATA, 4, "chain: the event at position 4 ");
    cr_assert_not(report_has(&given->report, "order:"), "%s", given->report.text);
}

CONTRACT(verify, finds_a_changed_digest)
{
    finds(given, DAMAGE_DIGEST, 4, "chain: the event at position 4 ");
}

CONTRACT(verify, finds_the_last_digest_changed)
{
    finds(given, DAMAGE_DIGEST, 6, "chain: the event at position 6 ");
}

CONTRACT(verify, finds_a_removed_event)
{
    finds(given, DAMAGE_EVENT_REMOVED, 4, "order: the event at position 4 is missing");
    cr_assert(report_has(&given->report, "chain: the event at position 5 "), "%s", given->report.text);
}

CONTRACT(verify, finds_the_first_event_removed)
{
    finds(given, DAMAGE_EVENT_REMOVED, 1, "order: the event at position 1 is missing");
}

/* A cut tail leaves a chain that holds: only what else was remembered tells. */
CONTRACT(verify, finds_a_cut_tail_by_what_points_to_it)
{
    finds(given, DAMAGE_EVENT_REMOVED, 6, "streams: ");
    cr_assert(report_has(&given->report, "consumers: "), "%s", given->report.text);
}

CONTRACT(verify, finds_swapped_events)
{
    finds(given, DAMAGE_EVENTS_SWAPPED, 4, "order: the event at position 4 ");
    cr_assert(report_has(&given->report, "chain: the event at position 4 "), "%s", given->report.text);
}

CONTRACT(verify, finds_an_inserted_event)
{
    finds(given, DAMAGE_EVENT_INSERTED, 3, "chain: the event at position 7 ");
}

CONTRACT(verify, finds_an_event_in_front_of_the_first)
{
    finds(given, DAMAGE_EVENT_IN_FRONT, 3, "order: an event stands at position 0");
}

CONTRACT(verify, finds_a_changed_time)
{
    finds(given, DAMAGE_TIME, 4, "chain: the event at position 4 ");
    cr_assert(report_has(&given->report, "order: the event at position 4 was recorded before"), "%s",
              given->report.text);
}

CONTRACT(verify, finds_a_changed_cause)
{
    finds(given, DAMAGE_CAUSE, 4, "chain: the event at position 4 ");
}

CONTRACT(verify, finds_a_changed_type)
{
    finds(given, DAMAGE_TYPE_NAME, 3, "chain: the event at position 3 ");
}

CONTRACT(verify, finds_a_changed_category)
{
    finds(given, DAMAGE_CATEGORY_NAME, 3, "chain: the event at position 3 ");
}

CONTRACT(verify, finds_a_changed_entity)
{
    finds(given, DAMAGE_ENTITY_NAME, 2, "chain: the event at position 2 ");
}

CONTRACT(verify, finds_a_changed_author)
{
    finds(given, DAMAGE_ACTOR_NAME, 3, "chain: the event at position 3 ");
}

CONTRACT(verify, finds_a_changed_stream_head)
{
    finds(given, DAMAGE_STREAM_HEAD, 4, "streams: ");
}

CONTRACT(verify, finds_a_stream_head_that_points_behind_the_roll)
{
    finds(given, DAMAGE_STREAM_HEAD_OFF, 4, "streams: ");
}

CONTRACT(verify, finds_a_lost_stream_head)
{
    finds(given, DAMAGE_STREAM_LOST, 4, "streams: ");
}

CONTRACT(verify, finds_a_checkpoint_behind_the_roll)
{
    finds(given, DAMAGE_CHECKPOINT, 1, "consumers: hasty stands at 1000000");
}

/* A consumer that remembers all that a consumer can. */
static void remembered(struct given *given)
{
    struct draft draft;
    const struct parked parked = {.position = 1, .sequence = {{9}}, .state = PARKED_DEAD, .reason = "why"},
                        other = {.position = 2, .sequence = {{8}}, .state = PARKED_DEAD, .reason = "why"};
    const struct decision decision = {
        .kind = DECISION_DISCARD, .consumer = "payment", .parked = parked, .who = "ann", .reason = "", .owed = "much"};
    six_events(given);
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 6, 6);
    draft_park(&draft, &parked, -1);
    draft_park(&draft, &other, -1);
    must(commit(given, &draft));
    must(eventstore_decide(given->store, &decision, 1, &given->error));
    must(eventstore_pause(given->store, "payment", given->time.now_us + 1000, "no answer", &given->error));
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    given->is_damaged = true;
}

static enum status take_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)context, (void)consumer, (void)parked, (void)error;
    return STATUS_OK;
}

static enum status take_decision(void *context, const struct decision *decision, struct error *error)
{
    (void)context, (void)decision, (void)error;
    return STATUS_OK;
}

/* Who asks is told, and not what somebody made of it. */
CONTRACT(verify, finds_a_moved_checkpoint_and_so_does_its_consumer)
{
    uint64_t position;
    struct draft draft;
    remembered(given);
    given->engine->damage(given->folder, DAMAGE_CHECKPOINT_MOVED, 3);
    cr_assert(report_has(verify(given, given->store), "consumers: the checkpoint of payment is not what was written"),
              "%s", given->report.text);
    must_be(STATUS_DAMAGED, eventstore_checkpoint(given->store, "payment", &position, &given->error));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 3, 4);
    must_be(STATUS_DAMAGED, commit(given, &draft));
}

CONTRACT(verify, finds_a_changed_parked_event_and_so_does_its_consumer)
{
    const struct parked_query all = {0};
    remembered(given);
    given->engine->damage(given->folder, DAMAGE_PARKED, 2);
    cr_assert(report_has(verify(given, given->store), "consumers: what payment has set aside of position 2 is not"),
              "%s", given->report.text);
    must_be(STATUS_DAMAGED, eventstore_read_parked(given->store, &all, take_parked, NULL, &given->error));
}

CONTRACT(verify, finds_a_changed_pause_and_so_does_its_consumer)
{
    struct pause pause;
    remembered(given);
    given->engine->damage(given->folder, DAMAGE_PAUSE, 1);
    cr_assert(report_has(verify(given, given->store), "consumers: the pause of payment is not"), "%s",
              given->report.text);
    must_be(STATUS_DAMAGED, eventstore_paused(given->store, "payment", &pause, &given->error));
}

CONTRACT(verify, finds_a_changed_decision_and_so_does_who_asks_what_is_owed)
{
    const struct decision_query all = {0};
    remembered(given);
    given->engine->damage(given->folder, DAMAGE_DECISION, 1);
    cr_assert(report_has(verify(given, given->store), "consumers: decision 1 is not what was written"), "%s",
              given->report.text);
    must_be(STATUS_DAMAGED, eventstore_read_decisions(given->store, &all, take_decision, NULL, &given->error));
}

/* ---- beside others at work ---- */

/* New streams, new names, new checkpoints, as fast as they go: two events a commit, and the consumer follows. */
static int write_all_the_time(struct process *us, void *context)
{
    struct given *given = context;
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 1;
    for (unsigned number = 1;; number += 2) {
        struct draft draft;
        char entity[40];
        snprintf(entity, sizeof entity, "tea %u", number);
        draft_start(&draft);
        draft_checkpoint(&draft, "payment", number < 3 ? 0 : number - 3, number - 1);
        (void)draft_append(&draft, (struct stream){"stock", entity}, EXPECTED_NONE, number, 1);
        (void)draft_append(&draft, TEA, EXPECTED_ANY, number + 1, 1);
        if (commit_with(given, store, &draft) != STATUS_OK)
            return 2;
        if (number == 1)
            wave(us);
    }
}

CONTRACT(verify, finds_no_fault_while_another_process_writes)
{
    struct process writer = start_process(write_all_the_time, given);
    wait_for_wave(&writer);
    for (int round = 0; round < 30; round++)
        cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    kill_now(&writer);
    cr_assert_gt(head_of(given), 60, "the writer wrote meanwhile");
}

/* ---- progress ---- */

static uint64_t told, told_head;

static void take_progress(uint64_t position, uint64_t head)
{
    cr_assert_gt(position, told);
    told = position;
    told_head = head;
}

static enum status ignore_check(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)check, (void)detail, (void)error;
    *(bool *)context &= ok;
    return STATUS_OK;
}

CONTRACT(verify, tells_how_far_it_is)
{
    bool ok = true;
    for (unsigned number = 1; number < 9000; number += 60)
        must(append(given, TEA, number - 1, number, 60));
    told = told_head = 0;
    must(eventstore_verify(given->store, ignore_check, &ok, take_progress, &given->error));
    cr_assert(ok);
    cr_assert_gt(told, 8000);
    cr_assert_eq(told_head, 9000);
}

static enum status refuse_check(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)context, (void)check, (void)ok, (void)detail;
    return error_set(error, STATUS_UNAVAILABLE, "no paper");
}

CONTRACT(verify, ends_when_nobody_listens)
{
    must_be(STATUS_UNAVAILABLE, eventstore_verify(given->store, refuse_check, NULL, NULL, &given->error));
    cr_assert_str_eq(given->error.text, "no paper");
}
