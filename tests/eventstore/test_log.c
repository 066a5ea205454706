/* The contract of the log: it is cut now and then, a reader that stays makes it grow, and a ceiling stops that. */
#include "tests/eventstore/given.h"

enum { KIB = 1024, EVERY_BYTES = 128 * KIB, CEILING_BYTES = 256 * KIB };

static void with_options(struct given *given, uint64_t every_bytes, uint64_t ceiling_bytes)
{
    given->options.checkpoint_every_bytes = every_bytes;
    given->options.log_ceiling_bytes = ceiling_bytes;
    reopen(given);
}

static enum status append_one(struct given *given, struct eventstore *store)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 1, 1);
    draft.events[0].id = uuid_random();
    return commit_with(given, store, &draft);
}

CONTRACT(log, is_cut_now_and_then)
{
    with_options(given, EVERY_BYTES, 0);
    for (int i = 0; i < 300; i++)
        must(append_one(given, given->store));
    cr_assert_lt(eventstore_log_bytes(given->store), 2 * EVERY_BYTES);
}

/* Like a command line that is called again and again: each time a new handle, one commit. */
static enum status append_from_a_new_handle(struct given *given)
{
    struct eventstore *store = another_handle(given);
    enum status status = append_one(given, store);
    given->engine->close(&store);
    return status;
}

CONTRACT(log, is_cut_although_every_handle_commits_only_once)
{
    with_options(given, EVERY_BYTES, 0);
    for (int i = 0; i < 100; i++)
        must(append_from_a_new_handle(given));
    cr_assert_lt(eventstore_log_bytes(given->store), 2 * EVERY_BYTES);
}

/* A reader that does not come back: it appends from within its visit until it is refused. */
struct hog {
    struct given *given;
    struct eventstore *writer;
    enum status (*write)(struct hog *hog);
    enum status refused;
    uint64_t largest_bytes;
};

static enum status append_by_the_same_handle(struct hog *hog)
{
    return append_one(hog->given, hog->writer);
}

static enum status append_by_new_handles(struct hog *hog)
{
    return append_from_a_new_handle(hog->given);
}

static enum status stay_and_watch(void *context, const struct recorded_event *event, struct error *error)
{
    (void)event, (void)error;
    struct hog *hog = context;
    for (int i = 0; i < 2000 && hog->refused == STATUS_OK; i++)
        hog->refused = hog->write(hog);
    hog->largest_bytes = eventstore_log_bytes(hog->given->store);
    return STATUS_STOPPED;
}

static void a_reader_stays(struct given *given, enum status (*write)(struct hog *hog))
{
    with_options(given, EVERY_BYTES, CEILING_BYTES);
    must(append_one(given, given->store));
    struct hog hog = {.given = given, .writer = another_handle(given), .write = write};
    struct roll_query all = {0};
    must(eventstore_read_roll(given->store, &all, stay_and_watch, &hog, &given->error));
    cr_assert_eq(hog.refused, STATUS_FULL, "%s", status_name(hog.refused));
    cr_assert_lt(hog.largest_bytes, CEILING_BYTES + EVERY_BYTES);

    /* Now it has left. */
    uint64_t head = head_of(given);
    must(append_one(given, hog.writer));
    cr_assert_eq(given->head, head + 1, "what was refused was not written");
    for (int i = 0; i < 20; i++)
        must(append_one(given, hog.writer));
    cr_assert_lt(eventstore_log_bytes(given->store), CEILING_BYTES);
    given->engine->close(&hog.writer);
}

CONTRACT(log, that_a_reader_keeps_from_being_cut_ends_at_the_ceiling)
{
    a_reader_stays(given, append_by_the_same_handle);
}

CONTRACT(log, ends_at_the_ceiling_although_every_handle_commits_only_once)
{
    a_reader_stays(given, append_by_new_handles);
}
