/* The contract of a store's life: made, opened, refused, copied. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/eventstore/given.h"

/* ---- making ---- */

CONTRACT(create, gives_each_store_an_id_and_keeps_its_settings)
{
    char folder[TEMPORARY_SIZE];
    struct eventstore *other;
    temporary_make(folder);
    must(given->engine->create(folder, NULL, "", &given->error));
    must(given->engine->open(&other, folder, NULL, &given->error));
    const struct eventstore_info *one = eventstore_info(given->store), *two = eventstore_info(other);
    cr_assert_not(uuid_equal(one->id, two->id));
    cr_assert_eq(one->created_at_us, MONDAY_EVENING_US);
    cr_assert_eq(one->format, EVENTSTORE_FORMAT);
    cr_assert_str_eq(one->settings, "{\"currency\":\"EUR\"}");
    cr_assert_str_eq(two->settings, "");
    given->engine->close(&other);
    temporary_remove(folder);
}

CONTRACT(create, refuses_a_folder_with_a_store)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must_be(STATUS_REFUSED, given->engine->create(given->folder, NULL, "", &given->error));
    cr_assert_eq(head_of(given), 1);
}

CONTRACT(create, needs_its_folder)
{
    must_be(STATUS_NOT_FOUND, given->engine->create(path_in(given->folder, "nowhere"), NULL, "", &given->error));
}

struct maker {
    const struct engine *engine;
    char folder[TEMPORARY_SIZE];
};

static int create_when_told(struct process *us, void *context)
{
    struct maker *maker = context;
    struct error error;
    wait_for_wave(us);
    return (int)maker->engine->create(maker->folder, NULL, "", &error);
}

CONTRACT(create, by_several_processes_at_once_makes_one_store)
{
    enum { MAKERS = 4, ROUNDS = 5 };
    for (int round = 0; round < ROUNDS; round++) {
        struct maker maker = {.engine = given->engine};
        struct process makers[MAKERS];
        int made = 0;
        struct eventstore *store;
        temporary_make(maker.folder);
        for (int i = 0; i < MAKERS; i++)
            makers[i] = start_process(create_when_told, &maker);
        for (int i = 0; i < MAKERS; i++)
            wave(&makers[i]);
        for (int i = 0; i < MAKERS; i++) {
            int status = end_of(&makers[i]);
            cr_assert(status == STATUS_OK || status == STATUS_REFUSED, "%d", status);
            made += status == STATUS_OK;
        }
        cr_assert_eq(made, 1);
        must(given->engine->open(&store, maker.folder, NULL, &given->error));
        cr_assert_eq(verify(given, store)->faults, 0, "%s", given->report.text);
        given->engine->close(&store);
        temporary_remove(maker.folder);
    }
}

/* Killed after a random while; what is there afterwards is no store or a whole one, and making one works. */
CONTRACT(create, that_is_killed_leaves_no_store_or_a_whole_one)
{
    enum { ROUNDS = 40, LONGEST_US = 6000 };
    srand((unsigned)getpid());
    for (int round = 0; round < ROUNDS; round++) {
        struct maker maker = {.engine = given->engine};
        struct eventstore *store;
        struct timespec while_ns = {.tv_nsec = rand() % LONGEST_US * 1000L};
        temporary_make(maker.folder);
        struct process child = start_process(create_when_told, &maker);
        wave(&child);
        (void)ppoll(NULL, 0, &while_ns, NULL); /* not waiting for anything: choosing a moment */
        kill_now(&child);
        enum status status = given->engine->open(&store, maker.folder, NULL, &given->error);
        if (status == STATUS_NOT_FOUND) {
            must(given->engine->create(maker.folder, NULL, "", &given->error));
            must(given->engine->open(&store, maker.folder, NULL, &given->error));
        } else {
            cr_assert_eq(status, STATUS_OK, "%s", given->error.text);
        }
        cr_assert_eq(verify(given, store)->faults, 0, "%s", given->report.text);
        given->engine->close(&store);
        temporary_remove(maker.folder);
    }
}

/* ---- opening ---- */

CONTRACT(open, where_there_is_no_store_finds_none)
{
    struct eventstore *store = given->store;
    char folder[TEMPORARY_SIZE];
    temporary_make(folder);
    must_be(STATUS_NOT_FOUND, given->engine->open(&store, folder, NULL, &given->error));
    cr_assert_null(store);
    must_be(STATUS_NOT_FOUND, given->engine->open_file(&store, "/nowhere/at.all", &given->error));
    cr_assert_null(store);
    temporary_remove(folder);
}

CONTRACT(open, again_finds_everything_as_it_was_left)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 2));
    struct uuid id = eventstore_info(given->store)->id;
    reopen(given);
    cr_assert(uuid_equal(eventstore_info(given->store)->id, id));
    cr_assert_str_eq(numbers(read_roll(given, (struct roll_query){0})), "1 2 3");
    cr_assert_eq(checkpoint_of(given, "payment"), 2);
    must(append(given, TEA, 3, 4, 1));
}

CONTRACT(close, of_no_store_is_fine)
{
    struct eventstore *none = NULL;
    given->engine->close(&none);
    cr_assert_null(none);
}

/* ---- copies ---- */

static const char *copy_path(struct given *given)
{
    return path_in(given->folder, "copy.db");
}

static void head_digest_is(struct given *given, struct eventstore *store, uint64_t position, const uint8_t *digest)
{
    uint8_t stands[EVENTSTORE_DIGEST_BYTES];
    uint64_t at = 0;
    must(eventstore_head_digest(store, &at, stands, &given->error));
    cr_assert_eq(at, position);
    cr_assert_arr_eq(stands, digest, EVENTSTORE_DIGEST_BYTES);
}

CONTRACT(backup, is_the_whole_store_in_one_file)
{
    struct eventstore *copy;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position = 0;
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must(move_checkpoint(given, "payment", 0, 2));
    must(eventstore_backup(given->store, copy_path(given), &position, digest, &given->error));
    cr_assert_eq(position, 3);
    head_digest_is(given, given->store, 3, digest);
    must(append(given, TEA, 3, 4, 1)); /* later: not in the copy */

    cr_assert(given->engine->is_one_file(copy_path(given)));
    cr_assert_eq(files_beginning(given->folder, "copy"), 1, "no draft is left");
    must(given->engine->open_file(&copy, copy_path(given), &given->error));
    cr_assert_eq(verify(given, copy)->faults, 0, "%s", given->report.text);
    head_digest_is(given, copy, 3, digest);
    cr_assert(uuid_equal(eventstore_info(copy)->id, eventstore_info(given->store)->id));
    uint64_t checkpoint = 0;
    must(eventstore_checkpoint(copy, "payment", &checkpoint, &given->error));
    cr_assert_eq(checkpoint, 2);
    given->engine->close(&copy);
    cr_assert(given->engine->is_one_file(copy_path(given)));
}

CONTRACT(backup, of_an_empty_roll_has_the_first_link)
{
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position = 1;
    must(eventstore_backup(given->store, copy_path(given), &position, digest, &given->error));
    cr_assert_eq(position, 0);
    head_digest_is(given, given->store, 0, digest);
}

CONTRACT(backup, overwrites_nothing)
{
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position;
    FILE *file = fopen(copy_path(given), "w");
    cr_assert_not_null(file);
    fputs("precious", file);
    fclose(file);
    must_be(STATUS_REFUSED, eventstore_backup(given->store, copy_path(given), &position, digest, &given->error));
    struct stat found;
    cr_assert_eq(stat(copy_path(given), &found), 0);
    cr_assert_eq(found.st_size, 8);
    cr_assert_neq(eventstore_backup(given->store, "/nowhere/copy.db", &position, digest, &given->error), STATUS_OK);
    char longest[PATH_SIZE];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    must_be(STATUS_INVALID, eventstore_backup(given->store, longest, &position, digest, &given->error));
}

static int write_until_killed(struct process *us, void *context)
{
    struct given *given = context;
    struct eventstore *store;
    if (given->engine->open(&store, given->folder, &given->options, &given->error) != STATUS_OK)
        return 1;
    given->store = store;
    for (unsigned number = 1;; number += 3) {
        if (append(given, TEA, number - 1, number, 3) != STATUS_OK)
            return 2;
        if (number == 1)
            wave(us);
    }
}

CONTRACT(backup, is_whole_while_another_process_writes)
{
    struct process writer = start_process(write_until_killed, given);
    wait_for_wave(&writer);
    for (int round = 0; round < 10; round++) {
        struct eventstore *copy;
        uint8_t digest[EVENTSTORE_DIGEST_BYTES];
        uint64_t position = 0;
        must(eventstore_backup(given->store, copy_path(given), &position, digest, &given->error));
        must(given->engine->open_file(&copy, copy_path(given), &given->error));
        cr_assert_eq(verify(given, copy)->faults, 0, "%s", given->report.text);
        head_digest_is(given, copy, position, digest);
        cr_assert_eq(position % 3, 0, "a commit is in the copy as a whole or not at all");
        given->engine->close(&copy);
        cr_assert_eq(remove(copy_path(given)), 0);
    }
    kill_now(&writer);
}

CONTRACT(backup, is_opened_for_reading_only)
{
    struct eventstore *copy;
    struct draft draft;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position;
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must(eventstore_backup(given->store, copy_path(given), &position, digest, &given->error));
    must(given->engine->open_file(&copy, copy_path(given), &given->error));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, EXPECTED_ANY, 4, 1);
    must_be(STATUS_IO, commit_with(given, copy, &draft));
    cr_assert_neq(eventstore_consumer_claim(copy, "payment", &given->error), STATUS_OK);
    cr_assert_not(eventstore_consumer_is_claimed(copy, "payment"));
    eventstore_ring(copy);
    eventstore_wait(copy, eventstore_bell(copy), 1);
    given->reading.count = 0;
    must(eventstore_read_roll(copy, &(struct roll_query){0}, note, &given->reading, &given->error));
    cr_assert_str_eq(numbers(&given->reading), "1 2 3");
    given->engine->close(&copy);
}

CONTRACT(backup, may_be_put_in_the_place_of_a_store)
{
    char folder[TEMPORARY_SIZE];
    struct eventstore *restored;
    struct draft draft;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position;
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    temporary_make(folder);
    must(eventstore_backup(given->store, path_in(folder, "events.db"), &position, digest, &given->error));
    draft_start(&draft);
    (void)draft_append(&draft, TEA, 3, 4, 1);
    for (int opened = 0; opened < 2; opened++) { /* the second commit is a repeat */
        must(given->engine->open(&restored, folder, &given->options, &given->error));
        must(commit_with(given, restored, &draft));
        cr_assert_eq(given->head, 4);
        cr_assert_eq(verify(given, restored)->faults, 0, "%s", given->report.text);
        given->engine->close(&restored);
    }
    temporary_remove(folder);
}

/* ---- others ---- */

CONTRACT(life, a_folder_that_others_may_write_to_is_refused)
{
    struct eventstore *store;
    static const mode_t lax[] = {0770, 0707, 0730, 01777};
    for (size_t i = 0; i < sizeof lax / sizeof *lax; i++) {
        cr_assert_eq(chmod(given->folder, lax[i]), 0);
        must_be(STATUS_IO, given->engine->open(&store, given->folder, NULL, &given->error));
        cr_assert_null(store);
        cr_assert(strstr(given->error.text, "chmod go-w ") != NULL, "%s", given->error.text);
    }
    cr_assert_eq(chmod(given->folder, 0755), 0);
    given->engine->close(&given->store);
    must(given->engine->open(&given->store, given->folder, NULL, &given->error));
}

CONTRACT(life, a_store_is_not_made_where_others_may_write)
{
    char folder[TEMPORARY_SIZE];
    temporary_make(folder);
    cr_assert_eq(chmod(folder, 0777), 0);
    must_be(STATUS_IO, given->engine->create(folder, NULL, "", &given->error));
    cr_assert_eq(rmdir(folder), 0, "nothing was made");
}

/* ---- the way back ---- */

CONTRACT(life, a_restored_store_is_the_one_that_was_copied_and_goes_on)
{
    char folder[TEMPORARY_SIZE], copy[PATH_SIZE];
    uint64_t position, again;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES], same[EVENTSTORE_DIGEST_BYTES];
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    must(append(given, TEA, 3, 4, 1));
    temporary_make(folder);
    must(eventstore_restore(copy, folder, &again, same, NULL, &given->error));
    cr_expect_eq(again, position);
    cr_expect_eq(memcmp(same, digest, sizeof digest), 0);
    must_be(STATUS_REFUSED, eventstore_restore(copy, folder, &again, same, NULL, &given->error));
    given->engine->close(&given->store);
    must(given->engine->open(&given->store, folder, &given->options, &given->error));
    cr_expect_eq(head_of(given), 3);
    must(append(given, TEA, 3, 4, 2));
    cr_expect_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    reopen(given);
    temporary_remove(folder);
}

/* A copy knows where it ended: a seal of its own, without a signature. */
CONTRACT(life, a_copy_that_was_cut_is_found_and_not_restored)
{
    char folder[TEMPORARY_SIZE];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    must(append(given, TEA, EXPECTED_NONE, 1, 3));
    must(append(given, MILK, EXPECTED_NONE, 4, 1));
    must(append(given, TEA, 3, 5, 1));
    must(move_checkpoint(given, "payment", 0, 5));
    temporary_make(folder);
    must(eventstore_backup(given->store, path_in(folder, "copy"), &position, digest, &given->error));
    cr_assert_eq(mkdir(path_in(folder, "cut"), 0700), 0);
    cr_assert_eq(mkdir(path_in(folder, "made"), 0700), 0);
    cr_assert_eq(rename(path_in(folder, "copy"), path_in(folder, "cut/events.db")), 0);
    given->engine->damage(path_in(folder, "cut"), DAMAGE_TAIL_CUT, 5);
    must_be(STATUS_DAMAGED, eventstore_restore(path_in(folder, "cut/events.db"), path_in(folder, "made"), &position,
                                               digest, NULL, &given->error));
    cr_assert(strstr(given->error.text, "and was copied at 5: its tail was cut") != NULL, "%s", given->error.text);
    cr_assert_not(file_exists(path_in(folder, "made/events.db")));
    temporary_remove(folder);
}
