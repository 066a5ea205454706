/* The contract of reading: the roll, a stream, an entity's journey, single facts. */
#include <stdlib.h>
#include <string.h>

#include "tests/eventstore/given.h"

#define ROLL(...)   ((struct roll_query){__VA_ARGS__})
#define STREAM(...) ((struct stream_query){.stream = TEA, __VA_ARGS__})

/* Ten events: 1 2 3 of tea, 4 of milk, 5 6 of tea, 7 8 9 of milk, 10 of tea. */
static void ten_events(struct given *given)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must(append(given, MILK, EXPECTED_NONE, 4, 1));
    must(append(given, TEA, 3, 5, 2));
    must(append(given, MILK, 1, 7, 3));
    must(append(given, TEA, 5, 10, 1));
}

/* ---- a batch's reading ---- */

CONTRACT(reading, shows_one_state_until_it_ends)
{
    struct eventstore *other = another_handle(given);
    struct draft draft;
    ten_events(given);
    must(eventstore_begin_reading(given->store, &given->error));
    cr_assert_eq(head_of(given), 10);
    draft_start(&draft);
    draft_append(&draft, TEA, 6, 11, 1);
    must(commit_with(given, other, &draft));
    cr_assert_eq(head_of(given), 10);
    cr_assert_str_eq(numbers(read_stream(given, STREAM(0))), "1 2 3 5 6 10");
    eventstore_end_reading(given->store);
    eventstore_end_reading(given->store);
    cr_assert_eq(head_of(given), 11);
    must(append(given, TEA, 7, 12, 1));
    eventstore_close(&other);
}

/* ---- the roll ---- */

CONTRACT(roll, that_is_empty_shows_nothing)
{
    cr_assert_eq(read_roll(given, ROLL(0))->count, 0);
    cr_assert_eq(read_roll(given, ROLL(.direction = BACKWARDS))->count, 0);
    cr_assert_eq(head_of(given), 0);
}

CONTRACT(roll, is_read_in_both_directions)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(0))), "1 2 3 4 5 6 7 8 9 10");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.direction = BACKWARDS))), "10 9 8 7 6 5 4 3 2 1");
}

CONTRACT(roll, is_read_between_bounds)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 1, .to = 2))), "1 2");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 4, .to = 6))), "4 5 6");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 9, .to = 99))), "9 10");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 9, .to = UINT64_MAX))), "9 10");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 6, .to = 4))), "");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 11))), "");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = UINT64_MAX))), "");
}

CONTRACT(roll, is_read_backwards_between_bounds)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 6, .to = 4, .direction = BACKWARDS))), "6 5 4");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 2, .direction = BACKWARDS))), "2 1");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.to = 9, .direction = BACKWARDS))), "10 9");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = UINT64_MAX, .to = 9, .direction = BACKWARDS))), "10 9");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.from = 4, .to = 6, .direction = BACKWARDS))), "");
}

CONTRACT(roll, is_read_up_to_a_limit)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.limit = 3))), "1 2 3");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.limit = 2, .direction = BACKWARDS))), "10 9");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.limit = 11))), "1 2 3 4 5 6 7 8 9 10");
}

static void write_types(struct given *given)
{
    static const char *const types[] = {"Opened", "Closed", "Opened", "Painted", "Closed", "Opened"};
    for (unsigned i = 0; i < 6; i++) {
        struct draft draft;
        draft_start(&draft);
        draft_append(&draft, TEA, i, i + 1, 1)->type = types[i];
        must(commit(given, &draft));
    }
}

CONTRACT(roll, shows_only_the_types_that_are_wanted)
{
    static const char *const opened[] = {"Opened"}, *const others[] = {"Painted", "Unheard", "Closed"};
    static const char *const unheard[] = {"Unheard"};
    write_types(given);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = opened, .type_count = 1))), "1 3 6");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = opened, .type_count = 1, .limit = 2))), "1 3");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = opened, .type_count = 1, .to = 3))), "1 3");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = opened, .type_count = 1, .from = 2, .to = 9))), "3 6");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = others, .type_count = 3))), "2 4 5");
    cr_assert_str_eq(
        numbers(read_roll(given, ROLL(.types = others, .type_count = 3, .limit = 1, .direction = BACKWARDS))), "5");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = unheard, .type_count = 1))), "");
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = opened, .type_count = 0))), "");
}

/* More than are passed at one go where only some types are wanted, too. */
enum { MANY = 17 * EVENTSTORE_PAGE + 100 };

/* Events 1 to MANY of milk; every 3000th is a Milestone. */
static void write_many(struct given *given)
{
    for (unsigned number = 1; number <= MANY; number += 62) {
        struct draft draft;
        draft_start(&draft);
        struct new_event *events = draft_append(&draft, MILK, number - 1, number, 62);
        for (unsigned i = 0; i < 62; i++)
            if ((number + i) % 3000 == 0)
                events[i].type = "Milestone";
        must(commit(given, &draft));
    }
}

CONTRACT(roll, is_read_page_after_page)
{
    static const char *const milestones[] = {"Milestone"};
    write_many(given);
    const struct reading *reading = read_roll(given, ROLL(.to = MANY));
    cr_assert_eq(reading->count, MANY);
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(reading->events[i].number, i + 1);
    reading = read_roll(given, ROLL(.from = MANY, .direction = BACKWARDS));
    cr_assert_eq(reading->count, MANY);
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(reading->events[i].number, MANY - i);
    cr_assert_eq(read_roll(given, ROLL(.from = 2, .to = EVENTSTORE_PAGE + 1))->count, EVENTSTORE_PAGE);
    cr_assert_eq(read_roll(given, ROLL(.limit = EVENTSTORE_PAGE))->count, EVENTSTORE_PAGE);
    cr_assert_eq(read_roll(given, ROLL(.limit = EVENTSTORE_PAGE + 1))->count, EVENTSTORE_PAGE + 1);
    cr_assert_str_eq(numbers(read_roll(given, ROLL(.types = milestones, .type_count = 1))), "3000 6000");
}

/* ---- visitors ---- */

CONTRACT(visitor, that_stops_ends_the_reading_quietly)
{
    ten_events(given);
    given->reading = (struct reading){.stop_at = 4};
    cr_assert_str_eq(numbers(read_roll(given, ROLL(0))), "1 2 3 4");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(0))), "1 2 3 5");
}

static enum status fail_at_3(void *context, const struct recorded_event *event, struct error *error)
{
    ++*(int *)context;
    if (event->version < 3)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "the printer is on fire");
}

CONTRACT(visitor, that_fails_ends_the_reading_with_its_own_status_and_sentence)
{
    int visited = 0;
    ten_events(given);
    must_be(STATUS_UNAVAILABLE, eventstore_read_roll(given->store, &ROLL(0), fail_at_3, &visited, &given->error));
    cr_assert_str_eq(given->error.text, "the printer is on fire");
    cr_assert_eq(visited, 3);
    must_be(STATUS_UNAVAILABLE,
            eventstore_read_stream(given->store, &STREAM(0), NULL, fail_at_3, &visited, &given->error));
    must_be(STATUS_UNAVAILABLE, eventstore_read_entity(given->store, "tea", 0, fail_at_3, &visited, &given->error));
    must(append(given, TEA, 6, 11, 1)); /* and the handle is as good as before */
}

/* Reads the rest of the store from within a reading, two deep. */
struct nested {
    struct given *given;
    struct reading outer, inner, innermost;
};

static enum status read_on(void *context, const struct recorded_event *event, struct error *error)
{
    struct nested *nested = context;
    struct given *given = nested->given;
    struct stream_query stream = {.stream = event->stream, .to_position = event->position};
    char entity[EVENTSTORE_NAME_MAX + 1];
    strcpy(entity, event->stream.entity); /* the store's own is good only until the next reading */
    stream.stream.entity = entity;
    enum status status = note(&nested->outer, event, error);
    nested->inner.count = nested->innermost.count = 0;
    if (status == STATUS_OK)
        status = eventstore_read_roll(given->store, &ROLL(.to = event->position), note, &nested->inner, error);
    if (status == STATUS_OK)
        status = eventstore_read_stream(given->store, &stream, NULL, note, &nested->innermost, error);
    cr_assert_eq(nested->inner.count, event->position);
    cr_assert_eq(nested->innermost.count, event->version);
    return status;
}

CONTRACT(visitor, may_read_again_from_the_same_handle)
{
    struct nested nested = {.given = given};
    ten_events(given);
    must(eventstore_read_roll(given->store, &ROLL(0), read_on, &nested, &given->error));
    cr_assert_str_eq(numbers(&nested.outer), "1 2 3 4 5 6 7 8 9 10");
    nested.outer.count = 0;
    must(eventstore_read_stream(given->store, &STREAM(0), NULL, read_on, &nested, &given->error));
    cr_assert_str_eq(numbers(&nested.outer), "1 2 3 5 6 10");
    nested.outer.count = 0;
    must(eventstore_read_entity(given->store, "tea", 0, read_on, &nested, &given->error));
    cr_assert_str_eq(numbers(&nested.outer), "1 2 3 5 6 10");
    must(append(given, TEA, 6, 11, 1));
    free(nested.outer.events), free(nested.inner.events), free(nested.innermost.events);
}

/* Appends through another handle while this one reads: what comes after the head the reading began with may be seen
 * or not, but what is seen is whole, in order, and of the types that were asked for. */
struct follower {
    struct given *given;
    struct eventstore *writer;
    struct reading reading;
};

static enum status write_new_type(void *context, const struct recorded_event *event, struct error *error)
{
    struct follower *follower = context;
    if (event->position == EVENTSTORE_PAGE) { /* the last of the first page */
        struct draft draft;
        draft_start(&draft);
        draft_append(&draft, TEA, EXPECTED_NONE, 5000, 1)->type = "Novelty";
        enum status status = eventstore_commit(follower->writer, &draft.commit, NULL, error);
        if (status != STATUS_OK)
            return status;
    }
    return note(&follower->reading, event, error);
}

CONTRACT(roll, knows_a_type_that_was_first_written_while_it_is_read)
{
    static const char *const types[] = {"Happened", "Novelty"};
    struct follower follower = {.given = given, .writer = another_handle(given)};
    write_many(given);
    must(eventstore_read_roll(given->store, &ROLL(.types = types, .type_count = 2), write_new_type, &follower,
                              &given->error));
    cr_assert_eq(follower.reading.events[follower.reading.count - 1].number, 5000);
    given->engine->close(&follower.writer);
    free(follower.reading.events);
}

/* ---- one stream ---- */

CONTRACT(stream, that_does_not_exist_is_empty)
{
    uint64_t version = 1;
    struct stream_query nothing = {.stream = {"stock", "coffee"}};
    ten_events(given);
    must(eventstore_read_stream(given->store, &nothing, &version, note, &given->reading, &given->error));
    cr_assert_eq(version, 0);
    cr_assert_eq(given->reading.count, 0);
    cr_assert_eq(version_of(given, (struct stream){"shelf", "tea"}), 0);
}

CONTRACT(stream, is_read_in_both_directions)
{
    uint64_t version = 0;
    ten_events(given);
    cr_assert_str_eq(numbers(read_stream(given, STREAM(0))), "1 2 3 5 6 10");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.direction = BACKWARDS))), "10 6 5 3 2 1");
    must(eventstore_read_stream(given->store, &STREAM(.limit = 1), &version, note, &given->reading, &given->error));
    cr_assert_eq(version, 6, "the version is the head's, whatever was asked for");
}

CONTRACT(stream, is_read_from_a_version)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = 1))), "1 2 3 5 6 10");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = 4))), "5 6 10");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = 7))), "");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = UINT64_MAX))), "");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = 5, .direction = BACKWARDS))), "10 6");
}

CONTRACT(stream, is_read_up_to_a_position)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.to_position = 5))), "1 2 3 5");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.to_position = 4, .direction = BACKWARDS))), "3 2 1");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.from_version = 2, .to_position = 6))), "2 3 5 6");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.to_position = UINT64_MAX))), "1 2 3 5 6 10");
}

CONTRACT(stream, is_read_up_to_a_limit)
{
    ten_events(given);
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = 2))), "1 2");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = 2, .from_version = 3))), "3 5");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = 2, .direction = BACKWARDS))), "10 6");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = 2, .to_position = 6, .direction = BACKWARDS))), "6 5");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = 99))), "1 2 3 5 6 10");
    cr_assert_str_eq(numbers(read_stream(given, STREAM(.limit = SIZE_MAX, .from_version = 5))), "6 10");
}

/* ---- one entity ---- */

static void two_journeys(struct given *given)
{
    must(append(given, ORDER_7, EXPECTED_NONE, 1, 1));
    must(append(given, ORDER_8, EXPECTED_NONE, 2, 1));
    must(append(given, PAYMENT_7, EXPECTED_NONE, 3, 2));
    must(append(given, ORDER_7, 1, 5, 1));
    must(append(given, PAYMENT_7, 2, 6, 1));
}

static const struct reading *read_entity(struct given *given, const char *entity, uint64_t to_position)
{
    given->reading.count = 0;
    must(eventstore_read_entity(given->store, entity, to_position, note, &given->reading, &given->error));
    return &given->reading;
}

/* More than a reading keeps copies of: the older ones are read again. */
CONTRACT(stream, of_much_data_is_read_like_any_other)
{
    enum { EVENTS = 5, LARGE_BYTES = 700 << 10 };
    char *data = malloc(LARGE_BYTES);
    cr_assert_not_null(data);
    memset(data, 'x', LARGE_BYTES);
    for (unsigned number = 1; number <= EVENTS; number++) {
        struct draft draft;
        draft_start(&draft);
        struct new_event *event = draft_append(&draft, TEA, number - 1, number, 1);
        event->data = data;
        event->data_length = LARGE_BYTES;
        must(commit(given, &draft));
    }
    const struct reading *all = read_stream(given, (struct stream_query){.stream = TEA});
    cr_assert_str_eq(positions(all), "1 2 3 4 5");
    all = read_stream(given, (struct stream_query){.stream = TEA, .direction = BACKWARDS});
    cr_assert_str_eq(positions(all), "5 4 3 2 1");
    all = read_stream(given, (struct stream_query){.stream = TEA, .to_position = 4, .limit = 3});
    cr_assert_str_eq(positions(all), "1 2 3");
    free(data);
}

CONTRACT(entity, shows_its_streams_merged_in_the_order_of_positions)
{
    two_journeys(given);
    cr_assert_str_eq(numbers(read_entity(given, ORDER_7.entity, 0)), "1 3 4 5 6");
    cr_assert_str_eq(given->reading.events[1].category, "payment");
    cr_assert_str_eq(numbers(read_entity(given, ORDER_8.entity, 0)), "2");
}

CONTRACT(entity, is_read_up_to_a_position)
{
    two_journeys(given);
    cr_assert_str_eq(numbers(read_entity(given, ORDER_7.entity, 4)), "1 3 4");
    cr_assert_str_eq(numbers(read_entity(given, ORDER_8.entity, 1)), "");
}

CONTRACT(entity, of_which_nothing_was_written_is_not_found)
{
    struct draft draft;
    draft_start(&draft); /* as somebody's correlation its name is known, but that is no journey */
    draft_append(&draft, TEA, EXPECTED_NONE, 1, 1)->correlation = id_numbered(8);
    must(commit(given, &draft));
    must_be(STATUS_NOT_FOUND, eventstore_read_entity(given->store, "coffee", 0, note, &given->reading, &given->error));
    must_be(STATUS_NOT_FOUND,
            eventstore_read_entity(given->store, ORDER_8.entity, 0, note, &given->reading, &given->error));
}

/* ---- single facts ---- */

CONTRACT(fact, the_id_at_a_position)
{
    struct uuid id;
    ten_events(given);
    must(eventstore_event_id(given->store, 7, &id, &given->error));
    cr_assert(uuid_equal(id, id_numbered(7)));
    must_be(STATUS_NOT_FOUND, eventstore_event_id(given->store, 0, &id, &given->error));
    must_be(STATUS_NOT_FOUND, eventstore_event_id(given->store, 11, &id, &given->error));
    must_be(STATUS_NOT_FOUND, eventstore_event_id(given->store, UINT64_MAX, &id, &given->error));
}

CONTRACT(fact, the_position_at_a_time)
{
    static const int seconds[] = {0, 10, 10, 10, 25, 25, 60};
    uint64_t position = 9;
    must(eventstore_position_at(given->store, MONDAY_EVENING_US, &position, &given->error));
    cr_assert_eq(position, 0);
    for (unsigned i = 0; i < 7; i++) {
        given->time.now_us = MONDAY_EVENING_US + seconds[i] * INT64_C(1000000);
        must(append(given, TEA, i, i + 1, 1));
    }
    static const int ask[] = {-1, 0, 9, 10, 24, 25, 59, 60, 61}, answer[] = {0, 1, 1, 4, 4, 6, 6, 7, 7};
    for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
        must(eventstore_position_at(given->store, MONDAY_EVENING_US + ask[i] * INT64_C(1000000), &position,
                                    &given->error));
        cr_assert_eq(position, (uint64_t)answer[i], "at %d s: %llu", ask[i], (unsigned long long)position);
    }
    must(eventstore_position_at(given->store, INT64_MIN, &position, &given->error));
    cr_assert_eq(position, 0);
    must(eventstore_position_at(given->store, INT64_MAX, &position, &given->error));
    cr_assert_eq(position, 7);
}
