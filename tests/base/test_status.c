#include <errno.h>
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/status.h"
#include "base/text.h"

Test(status, a_failure_is_its_status_and_one_sentence)
{
    struct error error;
    cr_assert_eq(error_set(&error, STATUS_NOT_FOUND, "there is no order %s", "web-1"), STATUS_NOT_FOUND);
    cr_assert_eq(error.status, STATUS_NOT_FOUND);
    cr_assert_str_eq(error.text, "there is no order web-1");
}

Test(status, nobody_has_to_read_the_sentence)
{
    cr_assert_eq(error_set(NULL, STATUS_BUSY, "%d", 1), STATUS_BUSY);
    cr_assert_eq(error_memory(NULL), STATUS_MEMORY);
    errno = EACCES;
    cr_assert_eq(error_errno(NULL, "open", "x"), STATUS_IO);
}

Test(status, a_sentence_that_is_too_long_is_cut_at_a_whole_character)
{
    struct error error;
    for (int before = 0; before < 4; before++) {
        char text[ERROR_TEXT_MAX + 64];
        size_t used = (size_t)before;
        memset(text, 'x', used);
        for (; used + 4 < sizeof text; used += 3)
            memcpy(text + used, "€", 4);
        (void)error_set(&error, STATUS_INVALID, "%s", text);
        const size_t length = strlen(error.text);
        cr_expect(length < ERROR_TEXT_MAX && length >= ERROR_TEXT_MAX - 4);
        cr_expect(text_is_utf8(error.text, length));
    }
}

Test(status, the_outer_act_is_put_before_the_inner_reason)
{
    struct error error;
    (void)error_set(&error, STATUS_FULL, "the disk is full");
    cr_assert_eq(error_within(&error, "importing line %d", 7), STATUS_FULL);
    cr_assert_eq(error.status, STATUS_FULL);
    cr_assert_str_eq(error.text, "importing line 7: the disk is full");
}

Test(status, an_outer_act_of_any_length_leaves_a_terminated_sentence)
{
    struct error error;
    char text[2 * ERROR_TEXT_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)error_set(&error, STATUS_IO, "%s", text);
    cr_assert_eq(error_within(&error, "%s", text), STATUS_IO);
    cr_assert_eq(strlen(error.text), ERROR_TEXT_MAX - 1);
}

Test(status, errno_becomes_the_status_that_tells_a_person_what_to_do)
{
    static const struct {
        int code;
        enum status status;
    } rows[] = {{ENOSPC, STATUS_FULL}, {EDQUOT, STATUS_FULL}, {ENOENT, STATUS_NOT_FOUND}, {ENOMEM, STATUS_MEMORY},
                {EACCES, STATUS_IO},   {EIO, STATUS_IO},      {EROFS, STATUS_IO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error;
        errno = rows[i].code;
        cr_expect_eq(error_errno(&error, "open", "the roll"), rows[i].status, "%d", rows[i].code);
        cr_expect_not_null(strstr(error.text, "cannot open the roll: "), "%s", error.text);
        cr_expect_not_null(strstr(error.text, strerror(rows[i].code)), "%s", error.text);
    }
}

Test(status, a_full_disk_comes_with_advice_and_a_path_cannot_write_to_the_terminal)
{
    struct error error;
    errno = ENOSPC;
    (void)error_errno(&error, "write", "a\x1b[31m");
    cr_assert_str_eq(error.text, "cannot write a\\x1B[31m: No space left on device; free some space and try again");
}

Test(status, every_status_has_a_name_of_its_own)
{
    for (int one = STATUS_OK; one <= STATUS_STOPPED; one++) {
        cr_expect_str_neq(status_name((enum status)one), "unknown");
        for (int other = STATUS_OK; other < one; other++)
            cr_expect_str_neq(status_name((enum status)one), status_name((enum status)other));
    }
    cr_assert_str_eq(status_name(STATUS_OK), "ok");
    cr_assert_str_eq(status_name(STATUS_NOT_FOUND), "not_found");
    cr_assert_str_eq(status_name((enum status)99), "unknown");
}

Test(status, a_broken_invariant_stops_the_program, .signal = SIGABRT)
{
    const int versions = 1;
    CHECK(versions == 2);
}

Test(status, an_invariant_that_holds_costs_nothing_but_the_look)
{
    int looks = 0;
    CHECK(++looks == 1);
    cr_assert_eq(looks, 1);
}
