/* The contract of names: what may stand in a category, an entity, a type, an actor, and that it comes back unchanged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"

/* A commit in which one name is another. */
enum place { CATEGORY, ENTITY, TYPE, ACTOR, PRODUCER, PLACES };

static enum status commit_named(struct given *given, enum place place, const char *name)
{
    struct draft draft;
    struct stream stream = {place == CATEGORY ? name : "stock", place == ENTITY ? name : "tea"};
    draft_start(&draft);
    struct new_event *event = draft_append(&draft, stream, EXPECTED_ANY, 1, 1);
    event->id = uuid_random();
    if (place == TYPE)
        event->type = name;
    if (place == ACTOR)
        draft.commit.actor = name;
    if (place == PRODUCER)
        draft.commit.producer = name;
    return commit(given, &draft);
}

static void every_place_takes(struct given *given, const char *name)
{
    for (enum place place = 0; place < PLACES; place++)
        must(commit_named(given, place, name));
}

static void no_place_takes(struct given *given, const char *name)
{
    uint64_t head = head_of(given);
    for (enum place place = 0; place < PLACES; place++) {
        must_be(STATUS_INVALID, commit_named(given, place, name));
        cr_assert_eq(strchr(given->error.text, '\033'), NULL, "an error message must not reach a terminal raw");
    }
    cr_assert_eq(head_of(given), head);
}

CONTRACT(name, may_have_128_bytes)
{
    char name[EVENTSTORE_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[EVENTSTORE_NAME_MAX + 1] = '\0';
    no_place_takes(given, name);
    every_place_takes(given, name + 1);
}

CONTRACT(name, may_not_be_empty_or_hold_control_characters_or_broken_text)
{
    static const char *const names[] = {"",           "a\nb",      "a\tb", "\033[2J",     "a\177",
                                        "a\302\205b", "a\300\257", "\377", "\355\240\200"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        no_place_takes(given, names[i]);
}

CONTRACT(name, may_be_any_other_text)
{
    static const char *const names[] = {
        "grün/weiß", "a b",    " ",  "茶",    "🫖", "%s%n",     "'); DROP TABLE event;",
        "84509c",    "84509C", "42", "4.2e1", "NULL", "a\xcc\x88"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        every_place_takes(given, names[i]);
}

CONTRACT(name, of_a_category_has_no_dash)
{
    uint64_t version;
    must_be(STATUS_INVALID, commit_named(given, CATEGORY, "stock-room"));
    must_be(STATUS_INVALID,
            eventstore_stream_version(given->store, (struct stream){"stock-room", "tea"}, &version, &given->error));
    must(commit_named(given, ENTITY, "tea-green-100"));
}

/* ---- entities, which are kept in two ways ---- */

SQLITE_TEST(has_room_for_so_many_who_write_and_then_says_that_it_is_full)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1)); /* by the first of them */
    sqlite3 *rogue = raw_open(given->folder);
    raw_run(rogue, "WITH RECURSIVE writer(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM writer WHERE id < 4095)"
                   " INSERT INTO origin SELECT id, 'clerk ' || id, 'tests 1' FROM writer");
    raw_close(rogue);
    must(commit_named(given, ACTOR, "the last clerk"));
    must_be(STATUS_FULL, commit_named(given, ACTOR, "one too many"));
    must(commit_named(given, ACTOR, "clerk 7"));
}

static void entity_comes_back(struct given *given, const char *entity)
{
    struct stream stream = {"stock", entity};
    uint64_t head = head_of(given);
    must(append(given, stream, EXPECTED_NONE, (unsigned)head + 1, 1));
    cr_assert_eq(version_of(given, stream), 1);
    reopen(given);
    cr_assert_eq(version_of(given, stream), 1);
    cr_assert_str_eq(read_roll(given, (struct roll_query){.from = head + 1})->events[0].entity, entity);
    cr_assert_eq(read_stream(given, (struct stream_query){.stream = stream})->count, 1);
}

CONTRACT(entity_name, comes_back_as_it_was_given)
{
    static const char *const entities[] = {
        "tea",
        "Tea",
        "tea/green",
        "tea green",
        " tea",
        "tea ",
        "茶",
        "84509c",
        "84509C",
        "42",
        "042",
        "42.0",
        "01234567-89ab-cdef-0123-456789abcdef", /* a canonical UUID is kept in 16 bytes … */
        "01234567-89AB-CDEF-0123-456789ABCDEF", /* … and these are no canonical UUIDs */
        "0123456789abcdef0123456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef}",
        "00000000-0000-0000-0000-000000000000",
        "2d2d2d2d-2d2d-2d2d-2d2d-2d2d2d2d2d2d", /* sixteen dashes, and … */
        "----------------",                     /* … the text that has the same bytes */
    };
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        entity_comes_back(given, entities[i]);
    cr_assert_eq(head_of(given), sizeof entities / sizeof *entities);
}

CONTRACT(entity_name, is_compared_byte_by_byte)
{
    must(append(given, (struct stream){"stock", "84509c"}, EXPECTED_NONE, 1, 1));
    must(append(given, (struct stream){"stock", "84509C"}, EXPECTED_NONE, 2, 1));
    must(append(given, (struct stream){"stock", "\xc3\xa4"}, EXPECTED_NONE, 3, 1));
    must(append(given, (struct stream){"stock", "a\xcc\x88"}, EXPECTED_NONE, 4, 1)); /* looks the same */
    cr_assert_eq(version_of(given, (struct stream){"stock", "84509c"}), 1);
}

/* ---- conflicts that name what was given ---- */

CONTRACT(name, in_a_message_is_made_safe)
{
    struct stream evil = {"stock", "\033]0;owned\007"};
    must_be(STATUS_CONFLICT, append(given, evil, 3, 1, 1));
    cr_assert_eq(strchr(given->error.text, '\033'), NULL, "%s", given->error.text);
    must_be(STATUS_FENCED, move_checkpoint(given, "pay\xe2\x80\xaement", 1, 2));
    cr_assert_eq(strstr(given->error.text, "\xe2\x80\xae"), NULL, "%s", given->error.text);
}

/* ---- how many ---- */

CONTRACT(name, of_a_program_or_a_person_may_be_new_for_years)
{
    for (int version = 0; version < 600; version++) {
        char producer[40];
        snprintf(producer, sizeof producer, "till 1.%d.0", version);
        must(commit_named(given, PRODUCER, producer));
    }
    reopen(given);
    cr_assert_eq(read_roll(given, (struct roll_query){0})->count, 600);
}

CONTRACT(name, of_a_type_is_one_of_256)
{
    for (int number = 0; number < 256; number++) {
        char type[40];
        snprintf(type, sizeof type, "Happened%d", number);
        must(commit_named(given, TYPE, type));
    }
    must_be(STATUS_FULL, commit_named(given, TYPE, "OneTooMany"));
    must(commit_named(given, TYPE, "Happened7"));
    reopen(given);
    const struct reading *reading = read_roll(given, (struct roll_query){0});
    cr_assert_eq(reading->count, 257);
    cr_assert_str_eq(reading->events[255].type, "Happened255");
}
