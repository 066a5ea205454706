/* The contract of eventstore_commit: expected versions, guards, all or nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/eventstore/given.h"

/* ---- expected versions ---- */

CONTRACT(commit, a_new_stream_is_expected_to_be_none)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    cr_assert_eq(version_of(given, TEA), 1);
}

CONTRACT(commit, expecting_none_conflicts_with_a_stream_that_is_there)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must_be(STATUS_CONFLICT, append(given, TEA, EXPECTED_NONE, 2, 1));
    cr_assert_eq(head_of(given), 1);
}

CONTRACT(commit, a_version_is_meant_literally)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must_be(STATUS_CONFLICT, append(given, TEA, 2, 4, 1));
    must_be(STATUS_CONFLICT, append(given, TEA, 4, 4, 1));
    must_be(STATUS_CONFLICT, append(given, TEA, EXPECTED_ANY - 1, 4, 1));
    must(append(given, TEA, 3, 4, 1));
    cr_assert_eq(version_of(given, TEA), 4);
}

CONTRACT(commit, expecting_a_version_of_a_stream_that_is_not_there_conflicts)
{
    must_be(STATUS_CONFLICT, append(given, TEA, 1, 1, 1));
    cr_assert_eq(head_of(given), 0);
}

CONTRACT(commit, any_version_takes_the_stream_as_it_is)
{
    must(append(given, TEA, EXPECTED_ANY, 1, 2));
    must(append(given, TEA, EXPECTED_ANY, 3, 1));
    cr_assert_str_eq(numbers(read_stream(given, (struct stream_query){.stream = TEA})), "1 2 3");
}

CONTRACT(commit, a_conflict_names_its_stream_and_both_versions)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must_be(STATUS_CONFLICT, append(given, TEA, 17, 4, 1));
    cr_assert(strstr(given->error.text, "stock-tea") != NULL, "%s", given->error.text);
    cr_assert(strstr(given->error.text, "version 3, not at 17") != NULL, "%s", given->error.text);
}

CONTRACT(commit, of_two_handles_that_decided_on_one_version_one_wins)
{
    struct eventstore *other = another_handle(given);
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, 1, 2, 1);
    must(commit_with(given, other, &draft));
    must_be(STATUS_CONFLICT, append(given, TEA, 1, 3, 1));
    must(append(given, TEA, 2, 3, 1));
    given->engine->close(&other);
}

/* ---- positions and versions ---- */

CONTRACT(commit, positions_and_versions_run_without_gaps)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    must(append(given, MILK, EXPECTED_NONE, 3, 1));
    must(append(given, TEA, 2, 4, 2));
    cr_assert_eq(given->head, 5);
    cr_assert_str_eq(positions(read_roll(given, (struct roll_query){0})), "1 2 3 4 5");
    cr_assert_str_eq(positions(read_stream(given, (struct stream_query){.stream = TEA})), "1 2 4 5");
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(given->reading.events[i].version, i + 1);
}

CONTRACT(commit, one_commit_may_append_twice_to_a_stream)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 2);
    (void)draft_append(&draft, MILK, EXPECTED_NONE, 3, 1);
    (void)draft_append(&draft, TEA, 2, 4, 1);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 5, 1);
    must(commit(given, &draft));
    cr_assert_str_eq(numbers(read_stream(given, (struct stream_query){.stream = TEA})), "1 2 4 5");
}

CONTRACT(commit, a_later_append_expects_the_version_that_the_earlier_one_leaves)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 2);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 3, 1);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert_eq(head_of(given), 0);
}

CONTRACT(commit, one_commit_may_be_for_more_entities_than_the_store_remembers)
{
    enum { ENTITIES = 3000 };
    struct commit commit = {.actor = "tester", .producer = "tests 1", .append_count = ENTITIES};
    struct append *appends = calloc(ENTITIES, sizeof *appends);
    struct new_event *events = calloc(ENTITIES, sizeof *events);
    char(*names)[UUID_TEXT_SIZE] = calloc(ENTITIES, sizeof *names);
    for (unsigned i = 0; i < ENTITIES; i++) {
        struct uuid order = id_numbered(100000 + i);
        uuid_to_text(order, names[i]);
        events[i] = (struct new_event){.id = id_numbered(i + 1),
                                       .type = "Happened",
                                       .schema_version = 1,
                                       .correlation = order,
                                       .data = "{}",
                                       .data_length = 2};
        appends[i] = (struct append){.stream = {"order", names[i]}, .events = &events[i], .count = 1};
    }
    commit.appends = appends;
    must(eventstore_commit(given->store, &commit, &given->head, &given->error));
    must(eventstore_commit(given->store, &commit, &given->head, &given->error));
    const struct reading *reading = read_roll(given, (struct roll_query){0});
    cr_assert_eq(reading->count, ENTITIES);
    for (size_t i = 0; i < ENTITIES; i++)
        cr_assert_str_eq(reading->events[i].entity, names[i]);
    free(names), free(events), free(appends);
}

CONTRACT(commit, of_nothing_is_fine_and_says_where_the_roll_ends)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    given->head = 0;
    must(commit(given, &draft));
    cr_assert_eq(given->head, 2);
}

CONTRACT(commit, needs_no_author_when_it_writes_no_event)
{
    struct commit commit = {.consumer = "payment", .checkpoint_to = 0};
    must(eventstore_commit(given->store, &commit, NULL, &given->error));
}

CONTRACT(commit, an_append_without_events_only_expects)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    uint32_t bell = eventstore_bell(given->store);
    must(append(given, TEA, 1, 0, 0));
    must(append(given, TEA, EXPECTED_ANY, 0, 0));
    must(append(given, MILK, EXPECTED_NONE, 0, 0));
    must_be(STATUS_CONFLICT, append(given, TEA, 2, 0, 0));
    cr_assert_eq(head_of(given), 1);
    cr_assert_eq(eventstore_bell(given->store), bell);
    must_be(STATUS_NOT_FOUND, eventstore_read_entity(given->store, "milk", 0, note, &given->reading, &given->error));
}

/* ---- all or nothing ---- */

CONTRACT(commit, all_streams_are_written_or_none)
{
    struct draft draft;
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 2, 3);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 5, 2);
    (void)draft_append(&draft, MILK, EXPECTED_NONE, 7, 1); /* the last one conflicts */
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert_eq(head_of(given), 1);
    cr_assert_eq(version_of(given, TEA), 0);
    cr_assert_eq(version_of(given, ORDER_7), 0);
    must_be(STATUS_NOT_FOUND,
            eventstore_read_entity(given->store, ORDER_7.entity, 0, note, &given->reading, &given->error));
}

/* Names are remembered by number; what was numbered in a commit that failed must be forgotten. */
CONTRACT(commit, names_from_a_commit_that_failed_mean_nothing_afterwards)
{
    struct draft draft;
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    draft_start(&draft);
    draft_append(&draft, (struct stream){"ghosts", "casper"}, EXPECTED_NONE, 2, 1)->type = "GhostSeen";
    (void)draft_append(&draft, MILK, EXPECTED_NONE, 3, 1);
    draft.commit.actor = "medium";
    must_be(STATUS_CONFLICT, commit(given, &draft));

    draft_start(&draft);
    draft_append(&draft, (struct stream){"cats", "felix"}, EXPECTED_NONE, 4, 1)->type = "CatSeen";
    draft.commit.actor = "neighbour";
    must(commit(given, &draft));
    must_be(STATUS_NOT_FOUND, eventstore_read_entity(given->store, "casper", 0, note, &given->reading, &given->error));
    reopen(given);
    const struct seen *last = &read_roll(given, (struct roll_query){.from = 2})->events[0];
    cr_assert_str_eq(last->category, "cats");
    cr_assert_str_eq(last->entity, "felix");
    cr_assert_str_eq(last->type, "CatSeen");
}

/* ---- guards ---- */

CONTRACT(commit, a_guard_that_holds_lets_pass)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_guard(&draft, TEA, 2);
    draft_guard(&draft, MILK, EXPECTED_NONE);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 3, 1);
    must(commit(given, &draft));
    cr_assert_eq(version_of(given, TEA), 2);
}

CONTRACT(commit, a_guard_that_moved_is_a_conflict_and_nothing_is_written)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_guard(&draft, TEA, 1);
    (void)draft_append(&draft, ORDER_7, EXPECTED_NONE, 3, 1);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert(strstr(given->error.text, "stock-tea") != NULL, "%s", given->error.text);
    cr_assert_eq(version_of(given, ORDER_7), 0);
}

CONTRACT(commit, a_guard_alone_keeps_a_checkpoint_from_moving)
{
    struct draft draft;
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    draft_guard(&draft, TEA, 1);
    draft_checkpoint(&draft, "payment", 0, 2);
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

CONTRACT(commit, a_guard_sees_its_stream_as_it_was_before_the_commit)
{
    struct draft draft;
    draft_start(&draft);
    draft_guard(&draft, TEA, EXPECTED_NONE);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 2);
    must(commit(given, &draft));
}

/* ---- what is written comes back ---- */

static enum status compare_whole(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    struct uuid command = id_numbered(77), correlation = id_numbered(7);
    if (event->position != 2)
        return STATUS_OK;
    *(bool *)context = true;
    cr_assert_eq(event->version, 1);
    cr_assert_str_eq(event->stream.category, "order");
    cr_assert_str_eq(event->stream.entity, ORDER_7.entity);
    cr_assert_str_eq(event->type, "OrderPlaced");
    cr_assert_eq(event->schema_version, 1000);
    cr_assert(uuid_equal(event->id, id_numbered(2)));
    cr_assert(uuid_equal(event->correlation, correlation));
    cr_assert_eq(event->causation, 1);
    cr_assert_eq(event->recorded_at_us, MONDAY_EVENING_US + 5);
    cr_assert_str_eq(event->actor, "customer");
    cr_assert_str_eq(event->producer, "till 1.0.0");
    cr_assert(event->has_command_id && uuid_equal(event->command_id, command));
    cr_assert_eq(event->data_length, strlen("{\"a\":\"ä\"}"));
    cr_assert_str_eq(event->data, "{\"a\":\"ä\"}");
    return STATUS_OK;
}

CONTRACT(commit, every_field_comes_back_as_it_was_written)
{
    struct draft draft;
    struct uuid command = id_numbered(77);
    bool seen = false;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    given->time.now_us += 5;
    draft_start(&draft);
    draft.commit.actor = "customer";
    draft.commit.producer = "till 1.0.0";
    draft.commit.command_id = &command;
    struct new_event *event = draft_append(&draft, ORDER_7, EXPECTED_NONE, 2, 1);
    event->type = "OrderPlaced";
    event->schema_version = 1000;
    event->correlation = id_numbered(7);
    event->causation = 1;
    event->data = "{\"a\":\"ä\"}";
    event->data_length = strlen(event->data);
    must(commit(given, &draft));
    must(eventstore_read_roll(given->store, &(struct roll_query){0}, compare_whole, &seen, &given->error));
    cr_assert(seen);
}

static enum status take_time(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    ((int64_t *)context)[event->position] = event->recorded_at_us;
    return STATUS_OK;
}

CONTRACT(commit, recorded_at_never_falls_when_the_clock_jumps_back)
{
    int64_t times[5] = {0};
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    given->time.now_us -= INT64_C(3600000000);
    must(append(given, TEA, 1, 2, 1));
    struct draft draft;
    struct eventstore *other = another_handle(given);
    draft_start(&draft);
    (void)draft_append(&draft, TEA, 2, 3, 1);
    must(commit_with(given, other, &draft));
    given->engine->close(&other);
    given->time.now_us = MONDAY_EVENING_US + 1;
    must(append(given, TEA, 3, 4, 1));
    must(eventstore_read_roll(given->store, &(struct roll_query){0}, take_time, times, &given->error));
    cr_assert_eq(times[1], MONDAY_EVENING_US);
    cr_assert_eq(times[2], MONDAY_EVENING_US);
    cr_assert_eq(times[3], MONDAY_EVENING_US);
    cr_assert_eq(times[4], MONDAY_EVENING_US + 1);
}

/* ---- limits ---- */

static enum status measure(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    *(size_t *)context = event->data_length;
    cr_assert_eq(strspn(event->data, "x"), event->data_length);
    return STATUS_OK;
}

CONTRACT(commit, data_may_have_a_mebibyte_and_not_a_byte_more)
{
    struct draft draft;
    char *data = malloc(EVENTSTORE_DATA_MAX + 1);
    size_t length = 0;
    cr_assert_not_null(data);
    memset(data, 'x', EVENTSTORE_DATA_MAX + 1);
    draft_start(&draft);
    struct new_event *event = draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    event->data = data;
    event->data_length = EVENTSTORE_DATA_MAX + 1;
    must_be(STATUS_INVALID, commit(given, &draft));
    cr_assert_eq(head_of(given), 0);
    event->data_length = EVENTSTORE_DATA_MAX;
    must(commit(given, &draft));
    must(eventstore_read_roll(given->store, &(struct roll_query){0}, measure, &length, &given->error));
    cr_assert_eq(length, EVENTSTORE_DATA_MAX);
    free(data);
}

CONTRACT(commit, data_may_be_empty)
{
    struct draft draft;
    size_t length = 1;
    draft_start(&draft);
    draft_append(&draft, TEA, EXPECTED_NONE, 1, 1)->data_length = 0;
    must(commit(given, &draft));
    must(eventstore_read_roll(given->store, &(struct roll_query){0}, measure, &length, &given->error));
    cr_assert_eq(length, 0);
}

CONTRACT(commit, a_cause_must_stand_on_the_roll_already)
{
    static const uint64_t causes[] = {2, 3, UINT64_MAX};
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        struct draft draft;
        draft_start(&draft);
        draft_append(&draft, TEA, 1, 2, 1)->causation = causes[i];
        must_be(STATUS_INVALID, commit(given, &draft));
    }
}

/* ---- what a caller must not do ---- */

static enum status commit_from_within(void *context, const struct recorded_event *event, struct error *error)
{
    (void)event, (void)error;
    struct given *given = context;
    return append(given, MILK, EXPECTED_NONE, 9, 1);
}

static int commit_while_reading(struct process *us, void *context)
{
    (void)us;
    struct given *given = context;
    struct eventstore *store;
    struct roll_query all = {0};
    if (freopen("/dev/null", "w", stderr) == NULL ||
        given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 1;
    given->store = store;
    return eventstore_read_roll(store, &all, commit_from_within, given, &given->error) == STATUS_OK ? 2 : 3;
}

CONTRACT(commit, a_visitor_that_commits_with_the_handle_it_reads_from_is_stopped_at_once)
{
    int status = 0;
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    struct process child = start_process(commit_while_reading, given);
    cr_assert_eq(waitpid(child.id, &status, 0), child.id);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "ended with %x", (unsigned)status);
    cr_assert_eq(head_of(given), 1);
}
