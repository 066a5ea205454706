/* The queue for writers, by itself: whose turn it is, and when its doors are shut. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/file.h"
#include "eventstore/writer_queue.h"
#include "tests/support/temporary.h"

static char folder[TEMPORARY_SIZE];
static struct writer_queue first, second;
static struct error error;

static void open_queues(void)
{
    temporary_make(folder);
    cr_assert_eq(writer_queue_open(&first, folder, &error), STATUS_OK);
    cr_assert_eq(writer_queue_open(&second, folder, &error), STATUS_OK);
}

static void close_queues(void)
{
    writer_queue_close(&first);
    writer_queue_close(&second);
    temporary_remove(folder);
}

TestSuite(writer_queue, .init = open_queues, .fini = close_queues);

static bool is_shut(const char *door)
{
    char path[PATH_SIZE];
    cr_assert_eq(path_join(path, folder, &error, "writers-%s.lock", door), STATUS_OK);
    return file_lock_is_held(path);
}

Test(writer_queue, keeps_its_gate_shut_until_whoever_is_inside_lets_the_next_one_come)
{
    cr_assert_eq(writer_queue_enter(&first, 1000, &error), STATUS_OK);
    cr_expect(is_shut("gate"));
    writer_queue_open_gate(&first);
    cr_expect_not(is_shut("gate"));
    cr_expect(is_shut("counter"));
    writer_queue_leave(&first);
    cr_expect_not(is_shut("counter"));
}

Test(writer_queue, is_free_again_when_somebody_leaves_who_let_nobody_come)
{
    cr_assert_eq(writer_queue_enter(&first, 1000, &error), STATUS_OK);
    writer_queue_leave(&first);
    cr_expect_not(is_shut("gate"));
    cr_expect_not(is_shut("counter"));
    cr_assert_eq(writer_queue_enter(&second, 0, &error), STATUS_OK);
}

Test(writer_queue, does_not_wait_longer_than_it_was_told_to_in_front_of_either_door)
{
    cr_assert_eq(writer_queue_enter(&first, 1000, &error), STATUS_OK);
    cr_assert_eq(writer_queue_enter(&second, 1, &error), STATUS_BUSY);
    writer_queue_open_gate(&first);
    cr_assert_eq(writer_queue_enter(&second, 1, &error), STATUS_BUSY);
    cr_expect_not(is_shut("gate"), "who gave up at the counter keeps nobody out");
    writer_queue_leave(&first);
    cr_assert_eq(writer_queue_enter(&second, 1, &error), STATUS_OK);
}

static void assert_patience(int patience_ms)
{
    const int64_t started_us = clock_monotonic_us();
    cr_assert_eq(writer_queue_enter(&second, patience_ms, &error), STATUS_BUSY);
    const int64_t waited_us = clock_monotonic_us() - started_us;
    cr_expect(waited_us >= patience_ms * INT64_C(1000), "gave up after %ld us", (long)waited_us);
    cr_expect(waited_us < patience_ms * INT64_C(1000) + 5000000, "gave up after %ld us", (long)waited_us);
}

Test(writer_queue, waits_as_long_as_it_was_told_to_in_front_of_either_door)
{
    cr_assert_eq(writer_queue_enter(&first, 1000, &error), STATUS_OK);
    assert_patience(100);
    writer_queue_open_gate(&first);
    assert_patience(100);
}

Test(writer_queue, lets_nobody_in_twice_when_a_gate_was_opened_by_who_had_left_already)
{
    cr_assert_eq(writer_queue_enter(&first, 1000, &error), STATUS_OK);
    writer_queue_leave(&first);
    cr_assert_eq(writer_queue_enter(&second, 1000, &error), STATUS_OK);
    writer_queue_open_gate(&first); /* not its gate any more */
    cr_expect(is_shut("gate"));
}
