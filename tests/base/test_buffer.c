#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer.h"

static struct buffer buffer;

static void clear(void)
{
    buffer_clear(&buffer);
}

TestSuite(buffer, .fini = clear);

/* A length that no memory can hold; read at run time, so that the compiler does not refuse the test itself. */
static volatile size_t impossible = SIZE_MAX - 8;

static void assert_sane(void)
{
    cr_assert(buffer.data == NULL || (buffer.length < buffer.capacity && buffer.data[buffer.length] == '\0'));
    cr_assert(!buffer.failed || buffer.length == 0);
}

Test(buffer, is_empty_at_first)
{
    cr_assert_str_eq(buffer_string(&buffer), "");
    cr_assert_eq(buffer_ok(&buffer, NULL), STATUS_OK);
}

Test(buffer, grows_piece_by_piece)
{
    buffer_text(&buffer, "a sale of ");
    buffer_integer(&buffer, 3);
    buffer_char(&buffer, ' ');
    buffer_append(&buffer, "teapots", 3);
    buffer_format(&buffer, " for %d.%02d", 4, 5);
    assert_sane();
    cr_assert_str_eq(buffer_string(&buffer), "a sale of 3 tea for 4.05");
    cr_assert_eq(buffer.length, strlen("a sale of 3 tea for 4.05"));
}

Test(buffer, holds_any_byte_and_is_terminated_at_every_length)
{
    for (size_t i = 0; i < 5000; i++) {
        buffer_char(&buffer, (char)i);
        assert_sane();
    }
    cr_assert_eq(buffer.length, 5000);
    for (size_t i = 0; i < 5000; i++)
        cr_assert_eq(buffer.data[i], (char)i);
}

Test(buffer, formats_texts_of_every_length_around_its_capacity)
{
    char text[300];
    memset(text, 'x', sizeof text);
    for (int length = 0; length < 300; length++) {
        struct buffer fresh = {0};
        buffer_format(&fresh, "%.*s", length, text);
        cr_assert_eq(fresh.length, (size_t)length);
        cr_assert_eq(strlen(buffer_string(&fresh)), (size_t)length);
        buffer_clear(&fresh);
    }
}

Test(buffer, writes_every_integer)
{
    static const struct {
        int64_t number;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {-7, "-7"},
                {10, "10"},
                {-10, "-10"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buffer_reset(&buffer);
        buffer_integer(&buffer, rows[i].number);
        cr_expect_str_eq(buffer_string(&buffer), rows[i].text);
    }
}

Test(buffer, nothing_appended_is_still_terminated)
{
    buffer_append(&buffer, NULL, 0);
    buffer_text(&buffer, "");
    buffer_format(&buffer, "%s", "");
    assert_sane();
    cr_assert_str_eq(buffer_string(&buffer), "");
}

Test(buffer, remembers_its_first_failure_until_it_is_reset)
{
    struct error error;
    buffer_text(&buffer, "before");
    buffer_append(&buffer, "x", impossible);
    assert_sane();
    buffer_text(&buffer, "after");
    buffer_integer(&buffer, 1);
    buffer_format(&buffer, "%d", 2);
    assert_sane();
    cr_assert_str_eq(buffer_string(&buffer), "", "half a text must not pass for a whole one");
    cr_assert_eq(buffer_ok(&buffer, &error), STATUS_MEMORY);
    cr_assert_eq(error.status, STATUS_MEMORY);

    buffer_reset(&buffer);
    buffer_text(&buffer, "again");
    cr_assert_eq(buffer_ok(&buffer, &error), STATUS_OK);
    cr_assert_str_eq(buffer_string(&buffer), "again");
}

Test(buffer, a_fresh_one_that_fails_gives_an_empty_text)
{
    buffer_append(&buffer, "x", impossible);
    cr_assert_str_eq(buffer_string(&buffer), "");
    cr_assert_eq(buffer_ok(&buffer, NULL), STATUS_MEMORY);
    buffer_clear(&buffer);
    cr_assert_eq(buffer_ok(&buffer, NULL), STATUS_OK);
}

Test(buffer, a_reset_keeps_the_memory_and_a_clear_gives_it_back)
{
    buffer_text(&buffer, "some text");
    const char *data = buffer.data;
    buffer_reset(&buffer);
    cr_assert_str_eq(buffer_string(&buffer), "");
    buffer_text(&buffer, "other text");
    cr_assert_eq(buffer.data, data);
    buffer_clear(&buffer);
    cr_assert_null(buffer.data);
    cr_assert_eq(buffer.capacity, 0);
}

Test(buffer, what_cannot_be_formatted_is_a_failure)
{
    static const wchar_t none[] = {0xD800, 0};
    buffer_format(&buffer, "%ls", none); /* half of a pair is no character */
    cr_assert(buffer.failed);
    cr_assert_str_empty(buffer_string(&buffer));
}
