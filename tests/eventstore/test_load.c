/* The contract of eventstore_load: a roll that is put together anew from what another one says, and believes nothing.
 */
#include <string.h>

#include "eventstore/digest.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/support/mishap.h"

enum { EVENTS = 4 };

/* A roll of another store, as it was read there. */
struct origin {
    struct eventstore_info info;
    struct recorded_event events[EVENTS];
    uint8_t digests[EVENTS][EVENTSTORE_DIGEST_BYTES];
};

static const struct uuid command = {{7}};

static struct recorded_event event_of(unsigned number, struct stream stream, uint64_t version, const char *data)
{
    return (struct recorded_event){.position = number,
                                   .stream = stream,
                                   .version = version,
                                   .type = "Happened",
                                   .schema_version = 1,
                                   .id = id_numbered(number),
                                   .correlation = id_numbered(1),
                                   .causation = number - 1,
                                   .recorded_at_us = 1000 + (int64_t)number,
                                   .actor = number % 2 == 0 ? "clerk" : "payment",
                                   .producer = "old 1",
                                   .has_command_id = number == 2,
                                   .command_id = number == 2 ? command : (struct uuid){{0}},
                                   .data = data,
                                   .data_length = strlen(data)};
}

/* Gives every event from `first` on the digest that fits. */
static void chain_from(struct origin *origin, size_t first)
{
    uint8_t link[EVENTSTORE_DIGEST_BYTES];
    digest_start(origin->info.id, link);
    for (size_t i = 0; i < EVENTS; i++) {
        if (i >= first)
            digest_link(i == 0 ? link : origin->digests[i - 1], &origin->events[i], origin->digests[i]);
        origin->events[i].digest = origin->digests[i];
    }
}

/* One at a time. */
static struct origin *another_roll(void)
{
    static struct origin origin;
    origin.info =
        (struct eventstore_info){.id = {{9, 9, 9}}, .created_at_us = 500, .settings = "{\"shop\":\"theirs\"}"};
    origin.events[0] = event_of(1, TEA, 1, "{}");
    origin.events[1] = event_of(2, ORDER_7, 1, "{\"n\":2}");
    origin.events[2] = event_of(3, TEA, 2, "no JSON at all");
    origin.events[3] = event_of(4, TEA, 3, "{}");
    chain_from(&origin, 0);
    return &origin;
}

static const char *const consumers[] = {"payment", "order"};

static enum status load_some(struct given *given, const struct origin *origin, size_t from, size_t count,
                             size_t *number)
{
    const struct load load = {.origin = &origin->info,
                              .events = origin->events + from,
                              .count = count,
                              .consumers = consumers,
                              .consumer_count = 2};
    return eventstore_load(given->store, &load, number, &given->error);
}

/* All of it is refused for the sake of the event number `culprit` (from 0), and nothing was written. */
static void refuse(struct given *given, const struct origin *origin, size_t culprit, const char *words)
{
    size_t at = EVENTS + 1;
    must_be(STATUS_INVALID, load_some(given, origin, 0, EVENTS, &at));
    cr_assert_eq(at, culprit, "event %zu: %s", at, given->error.text);
    cr_assert_not_null(strstr(given->error.text, words), "%s", given->error.text);
    cr_assert_eq(head_of(given), 0);
    cr_assert_eq(checkpoint_of(given, "payment"), 0);
}

/* The third event is changed, and keeps its digest. */
#define changed(change)                                                                                                \
    do {                                                                                                               \
        struct origin *origin = another_roll();                                                                        \
        struct recorded_event *third = &origin->events[2];                                                             \
        change;                                                                                                        \
        refuse(given, origin, 2, "its digest is not that of what it says");                                            \
    } while (0)

/* The third event is changed, and every digest from there on is made to fit. */
#define forged(change, words)                                                                                          \
    do {                                                                                                               \
        struct origin *origin = another_roll();                                                                        \
        struct recorded_event *third = &origin->events[2];                                                             \
        change;                                                                                                        \
        chain_from(origin, 2);                                                                                         \
        refuse(given, origin, 2, words);                                                                               \
    } while (0)

CONTRACT(load, makes_an_empty_store_the_same_as_the_other)
{
    const struct origin *origin = another_roll();
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t head = 0;
    size_t number = 0;
    must(load_some(given, origin, 0, EVENTS, &number));
    cr_assert_eq(number, EVENTS);
    must(eventstore_head_digest(given->store, &head, digest, &given->error));
    cr_assert_eq(head, EVENTS);
    cr_assert_arr_eq(digest, origin->digests[EVENTS - 1], sizeof digest);
    cr_assert_str_eq(positions(read_roll(given, (struct roll_query){0})), "1 2 3 4");
    cr_assert_eq(version_of(given, TEA), 3);
    cr_assert(uuid_equal(eventstore_info(given->store)->id, origin->info.id));
    reopen(given);
    cr_assert(uuid_equal(eventstore_info(given->store)->id, origin->info.id));
    cr_assert_eq(eventstore_info(given->store)->created_at_us, 500);
    cr_assert_str_eq(eventstore_info(given->store)->settings, origin->info.settings);
}

CONTRACT(load, leaves_the_consumers_nothing_to_do)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    must(load_some(given, origin, 0, 3, &number));
    cr_assert_eq(checkpoint_of(given, "payment"), 3);
    cr_assert_eq(checkpoint_of(given, "order"), 3);
    cr_assert_eq(checkpoint_of(given, "notification"), 0);
}

CONTRACT(load, goes_on_where_it_was_cut_short)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    must(load_some(given, origin, 0, 1, &number));
    must(load_some(given, origin, 0, 3, &number));
    cr_assert_eq(number, 2);
    reopen(given);
    must(load_some(given, origin, 2, 2, &number)); /* from any position on */
    cr_assert_eq(number, 1);
    cr_assert_eq(head_of(given), EVENTS);
    must(move_checkpoint(given, "payment", EVENTS, 1));
    must(load_some(given, origin, 0, EVENTS, &number));
    cr_assert_eq(number, 0);
    cr_assert_eq(checkpoint_of(given, "payment"), 1); /* nothing was new: nothing is touched */
}

CONTRACT(load, is_followed_by_ordinary_commits)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    must(load_some(given, origin, 0, EVENTS, &number));
    must(append(given, TEA, 3, 50, 1));
    cr_assert_eq(head_of(given), EVENTS + 1);
}

CONTRACT(load, is_refused_by_another_store)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    must(append(given, TEA, EXPECTED_NONE, 50, 1));
    must_be(STATUS_FOREIGN, load_some(given, origin, 0, EVENTS, &number));
    cr_assert_eq(number, EVENTS);
    cr_assert_eq(head_of(given), 1);
}

CONTRACT(load, is_refused_when_the_first_line_says_another_thing_of_the_same_store)
{
    struct origin *origin = another_roll();
    size_t number = 0;
    must(load_some(given, origin, 0, 2, &number));
    origin->info.created_at_us++;
    must_be(STATUS_FOREIGN, load_some(given, origin, 0, EVENTS, &number));
    origin->info.created_at_us--;
    strcpy(origin->info.settings, "{}");
    must_be(STATUS_FOREIGN, load_some(given, origin, 0, EVENTS, &number));
    cr_assert_eq(head_of(given), 2);
}

CONTRACT(load, is_refused_by_a_store_that_has_moved_on_by_itself)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    must(load_some(given, origin, 0, 2, &number));
    must(append(given, MILK, EXPECTED_NONE, 50, 1));
    must_be(STATUS_REFUSED, load_some(given, origin, 0, EVENTS, &number));
    cr_assert_eq(number, 2);
    cr_assert_eq(head_of(given), 3);
}

/* Whatever is changed in an event, its digest tells. */
CONTRACT(load, notices_every_changed_field)
{
    changed(third->data = "no JSON at alL");
    changed(third->type = "Happened2");
    changed(third->schema_version = 2);
    changed(third->id.bytes[3]++);
    changed(third->correlation.bytes[3]++);
    changed(third->causation--);
    changed(third->recorded_at_us++);
    changed(third->actor = "nobody");
    changed(third->producer = "old 2");
    changed(third->has_command_id = true);
    changed(third->stream = MILK; third->version = 1);
    changed(third->stream.category = "shelf"; third->version = 1);
}

CONTRACT(load, notices_that_the_roll_is_another_stores)
{
    struct origin *origin = another_roll();
    origin->info.id.bytes[0]++;
    refuse(given, origin, 0, "its digest is not that of what it says");
}

/* Digests that fit are no excuse: somebody may have made them. */
CONTRACT(load, refuses_what_could_not_have_happened)
{
    forged(third->version = 3, "it cannot be version 3");
    forged(third->position = 4, "the roll ends at 2");
    forged(third->recorded_at_us = 1, "recorded before");
    forged(third->causation = 4, "cannot be caused");
    forged(third->actor = "a\nb", "an actor must be");
    forged(third->type = "", "an event's type must be");
}

CONTRACT(load, into_a_backup_is_refused)
{
    const struct origin *origin = another_roll();
    size_t number = 0;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    const char *file = path_in(given->folder, "copy.db");
    must(eventstore_backup(given->store, file, &position, digest, &given->error));
    struct eventstore *own = given->store;
    must(given->engine->open_file(&given->store, file, &given->error));
    must_be(STATUS_IO, load_some(given, origin, 0, EVENTS, &number));
    given->engine->close(&given->store);
    given->store = own;
}

/* Whatever ends it (a COMMIT may end when it is done), the store is as new as it was or the other's, whole. */
Test(load, that_is_ended_anywhere_has_done_all_or_nothing, .timeout = TEST_TIMEOUT_S)
{
    struct given scene, *given = &scene;
    enum status status = STATUS_STOPPED;
    size_t number = 0;
    mishap_install();
    given_open(given, &engine_sqlite);
    const struct uuid id = eventstore_info(given->store)->id;
    const struct origin *origin = another_roll();
    for (uint32_t nth = 1; status != STATUS_OK; nth++) {
        given->error.text[0] = '\0';
        mishap_interrupt(nth);
        status = load_some(given, origin, 0, EVENTS, &number);
        cr_assert_eq(mishap_heal(), status != STATUS_OK, "%u: %s", nth, given->error.text);
        if (status != STATUS_OK) {
            cr_assert_neq(given->error.text[0], '\0', "%u", nth);
            reopen(given);
            const uint64_t head = head_of(given);
            cr_assert(head == 0 || head == EVENTS, "%u", nth);
            cr_assert(uuid_equal(eventstore_info(given->store)->id, head == 0 ? id : origin->info.id), "%u", nth);
        }
    }
    cr_expect(uuid_equal(eventstore_info(given->store)->id, origin->info.id));
    cr_expect_eq(head_of(given), EVENTS);
    given_close(given);
}
