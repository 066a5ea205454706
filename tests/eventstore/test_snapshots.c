/* The contract of snapshots: they come with a commit, and what cannot be trusted is not found. */
#include <string.h>

#include "tests/eventstore/given.h"

/* Commits one more event to tea, with a snapshot of the stream at `version`. */
static enum status commit_snapshot(struct given *given, unsigned number, int fold_version, uint64_t version,
                                   const char *data)
{
    struct draft draft;
    const struct snapshot snapshot = {
        .stream = TEA, .fold_version = fold_version, .version = version, .data = data, .data_length = strlen(data)};
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, number, 1);
    draft.commit.snapshots = &snapshot;
    draft.commit.snapshot_count = 1;
    return commit(given, &draft);
}

/* The version of tea's snapshot, whose data must be `data`; 0 when there is none. */
static uint64_t found(struct given *given, int fold_version, const char *data)
{
    struct arena arena = {0};
    struct snapshot snapshot;
    must(eventstore_read_snapshot(given->store, TEA, fold_version, &arena, &snapshot, &given->error));
    if (snapshot.version > 0)
        cr_expect_str_eq(snapshot.data, data);
    cr_expect_eq(snapshot.data != NULL, snapshot.version > 0);
    cr_expect_eq(snapshot.data_length, snapshot.version > 0 ? strlen(data) : 0);
    arena_clear(&arena);
    return snapshot.version;
}

CONTRACT(snapshot, is_not_found_where_there_is_none)
{
    cr_expect_eq(found(given, 1, ""), 0, "there is no stream");
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    cr_expect_eq(found(given, 1, ""), 0);
}

CONTRACT(snapshot, is_found_as_it_was_written_and_replaced_by_the_next)
{
    must(commit_snapshot(given, 1, 1, 1, "one"));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    must(append(given, TEA, 1, 3, 1));
    cr_expect_eq(found(given, 1, "one"), 1, "the stream has gone on");
    must(commit_snapshot(given, 4, 1, 3, "three"));
    cr_expect_eq(found(given, 1, "three"), 3);
    reopen(given);
    cr_expect_eq(found(given, 1, "three"), 3);
}

CONTRACT(snapshot, of_another_way_of_folding_is_not_found)
{
    must(commit_snapshot(given, 1, 1, 1, "one"));
    cr_expect_eq(found(given, 2, ""), 0);
    must(commit_snapshot(given, 2, 2, 2, "two"));
    cr_expect_eq(found(given, 2, "two"), 2);
    cr_expect_eq(found(given, 1, ""), 0, "a stream has one");
}

CONTRACT(snapshot, cannot_be_of_what_is_still_to_come)
{
    must(commit_snapshot(given, 1, 1, 1, "one"));
    must_be(STATUS_INVALID, commit_snapshot(given, 2, 1, 3, "three"));
    cr_expect(strstr(given->error.text, "stock-tea cannot be of version 3: the stream is at 2") != NULL, "%s",
              given->error.text);
    cr_expect_eq(version_of(given, TEA), 1, "nothing was written");
    cr_expect_eq(found(given, 1, "one"), 1);
}

CONTRACT(snapshot, of_a_commit_that_conflicts_is_not_written)
{
    struct draft draft;
    const struct snapshot snapshot = {TEA, 1, 2, "two", 3};
    must(append(given, TEA, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, 1, 3, 1);
    draft.commit.snapshots = &snapshot;
    draft.commit.snapshot_count = 1;
    must_be(STATUS_CONFLICT, commit(given, &draft));
    cr_expect_eq(found(given, 1, ""), 0);
}

CONTRACT(snapshot, is_no_part_of_what_makes_a_commit_a_repeat)
{
    struct draft draft;
    const struct snapshot snapshot = {TEA, 1, 1, "one", 3};
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_NONE, 1, 1);
    must(commit(given, &draft));
    draft.commit.snapshots = &snapshot;
    draft.commit.snapshot_count = 1;
    must(commit(given, &draft));
    cr_expect_eq(version_of(given, TEA), 1);
    cr_expect_eq(found(given, 1, ""), 0, "a repeat writes nothing");
}

CONTRACT(snapshot, that_was_changed_is_not_found_and_verify_says_so)
{
    must(commit_snapshot(given, 1, 1, 1, "one"));
    cr_expect_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    given->is_damaged = true;
    given->engine->damage(given->folder, DAMAGE_SNAPSHOT, 1);
    cr_expect_eq(found(given, 1, ""), 0);
    cr_expect(report_has(verify(given, given->store), "consumers: a snapshot (of entity number 1) is not what was "),
              "%s", given->report.text);
    must(commit_snapshot(given, 2, 1, 2, "two"));
    cr_expect_eq(found(given, 1, "two"), 2, "the next one mends it");
    cr_expect_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
}

CONTRACT(snapshot, of_more_than_its_stream_is_not_found_and_verify_says_so)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(commit_snapshot(given, 2, 1, 2, "two"));
    must(move_checkpoint(given, "payment", 0, 2));
    given->is_damaged = true;
    given->engine->damage(given->folder, DAMAGE_TAIL_CUT, 2);
    reopen(given);
    cr_expect_eq(found(given, 1, ""), 0);
    cr_expect(report_has(verify(given, given->store), "is of version 2, but its stream is at 1"), "%s",
              given->report.text);
}
