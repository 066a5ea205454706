#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/text.h"

/* ---- UTF-8 ---- */

static size_t encode_loosely(uint32_t codepoint, size_t length, char *out)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1;) {
        out[i] = (char)(0x80 | (codepoint & 0x3F));
        codepoint >>= 6;
    }
    out[0] = (char)(length == 1 ? codepoint : leads[length] | codepoint);
    return length;
}

static size_t shortest(uint32_t codepoint)
{
    return codepoint < 0x80 ? 1 : codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
}

Test(text, every_code_point_is_read_in_its_shortest_form_and_no_other)
{
    for (uint32_t codepoint = 0; codepoint < 0x1FFFFF; codepoint += codepoint < 0x11FFFF ? 1 : 97) {
        for (size_t length = 1; length <= 4; length++) {
            if ((length == 1 && codepoint > 0x7F) || (length == 2 && codepoint > 0x7FF) ||
                (length == 3 && codepoint > 0xFFFF))
                continue;
            char bytes[4];
            (void)encode_loosely(codepoint, length, bytes);
            const bool right =
                length == shortest(codepoint) && codepoint <= 0x10FFFF && !(codepoint >= 0xD800 && codepoint <= 0xDFFF);
            uint32_t read = 0;
            const size_t taken = text_decode(bytes, bytes + length, &read);
            if (taken != (right ? length : 0) || (right && read != codepoint) || text_is_utf8(bytes, length) != right)
                cr_assert_fail("U+%X in %zu bytes", (unsigned)codepoint, length);
        }
    }
}

Test(text, broken_bytes_are_found_at_every_place)
{
    static const char *const broken[] = {"\x80",
                                         "\xBF",
                                         "\xC0\x80",
                                         "\xC1\xBF",
                                         "\xC3",
                                         "\xC3(",
                                         "\xE2\x82",
                                         "\xE2(\xA1",
                                         "\xED\xA0\x80",
                                         "\xED\xBF\xBF",
                                         "\xF0\x9F\x8D",
                                         "\xF4\x90\x80\x80",
                                         "\xF5\x80\x80\x80",
                                         "\xFE",
                                         "\xFF",
                                         "\xF8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            memset(text, 'x', sizeof text);
            memcpy(text + before, broken[i], strlen(broken[i]));
            cr_expect_not(text_is_utf8(text, sizeof text), "%zu at %zu", i, before);
            cr_expect_not(text_is_utf8(text, before + strlen(broken[i])), "%zu ending at %zu", i, before);
        }
    }
}

Test(text, good_text_of_every_length_is_accepted)
{
    const char text[] = "Grüße aus 東京, ☕ für 2 € und 🍵 dazu; the quick brown fox";
    cr_assert(text_is_utf8("", 0));
    size_t length = 0;
    while (length < sizeof text - 1) {
        uint32_t codepoint;
        length += text_decode(text + length, text + sizeof text - 1, &codepoint);
        cr_assert(text_is_utf8(text, length));
    }
    cr_assert(text_is_utf8("a\0b", 3));
}

/* ---- on the way in ---- */

Test(text, a_name_is_short_enough_and_without_controls)
{
    cr_expect(text_is_clean("tea", 3, 3));
    cr_expect(text_is_clean("café ☕", strlen("café ☕"), 64));
    cr_expect(text_is_clean("\u00a0", 2, 2), "the first after C1");
    cr_expect_not(text_is_clean("", 0, 10));
    cr_expect_not(text_is_clean("teas", 4, 3));
    cr_expect_not(text_is_clean("a\0b", 3, 10));
    cr_expect_not(text_is_clean("a\tb", 3, 10));
    cr_expect_not(text_is_clean("a\nb", 3, 10));
    cr_expect_not(text_is_clean("\x1b[31m", 5, 10));
    cr_expect_not(text_is_clean("\x7f", 1, 10));
    cr_expect_not(text_is_clean("\xC2\x80", 2, 10), "the first of C1");
    cr_expect_not(text_is_clean("\xC2\x9F", 2, 10), "the last of C1");
    cr_expect_not(text_is_clean("caf\xE9", 4, 10));
}

/* ---- on the way out ---- */

static void shows_as(const char *bytes, size_t length, const char *expected)
{
    struct buffer out = {0};
    text_append_safe(&out, bytes, length);
    cr_expect_str_eq(buffer_string(&out), expected);
    cr_expect(text_is_utf8(out.data, out.length));

    char fixed[TEXT_SAFE_SIZE];
    cr_expect_str_eq(text_safe_bytes(fixed, bytes, length), expected);
    buffer_clear(&out);
}

#define SHOWS_AS(bytes, expected) shows_as(bytes, sizeof(bytes) - 1, expected)

Test(text, a_control_is_found_at_every_place_of_a_name)
{
    for (size_t length = 1; length <= 24; length++) {
        for (size_t at = 0; at < length; at++) {
            for (int byte = 1; byte < 0x80; byte++) {
                char name[25];
                memset(name, at % 2 == 0 ? '~' : ' ', length); /* the last and the first that is none */
                name[at] = (char)byte;
                cr_assert_eq(text_is_clean(name, length, 24), byte >= 0x20 && byte != 0x7F, "%d at %zu of %zu", byte,
                             at, length);
            }
        }
    }
}

Test(text, harmless_text_stands_as_it_is)
{
    SHOWS_AS("", "");
    SHOWS_AS("plain", "plain");
    SHOWS_AS("Grüße, 東京 ☕ 🍵 e\u0301", "Grüße, 東京 ☕ 🍵 e\u0301");
    SHOWS_AS("a\\b", "a\\b");
}

Test(text, whatever_could_steer_a_terminal_is_shown_and_not_done)
{
    SHOWS_AS("\x1b[31mred", "\\x1B[31mred");
    SHOWS_AS("a\nb\r\tc", "a\\x0Ab\\x0D\\x09c");
    SHOWS_AS("a\0b", "a\\x00b");
    SHOWS_AS("\x7f", "\\x7F");
    SHOWS_AS("\xC2\x9B", "\\u{9B}");
    SHOWS_AS("\xC2\x80\xC2\x9F", "\\u{80}\\u{9F}");
    SHOWS_AS("caf\xE9!", "caf\\xE9!");
    SHOWS_AS("\xE2\x82", "\\xE2\\x82");
    SHOWS_AS("\xED\xA0\x80", "\\xED\\xA0\\x80");
}

Test(text, marks_that_turn_text_around_are_shown)
{
    static const uint32_t marks[] = {0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202B,
                                     0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char bytes[4], expected[32];
        const size_t length = encode_loosely(marks[i], shortest(marks[i]), bytes);
        (void)snprintf(expected, sizeof expected, "\\u{%X}", (unsigned)marks[i]);
        shows_as(bytes, length, expected);
    }
    SHOWS_AS("\u061B\u200D\u2027\u202F\u2065\u206A", "\u061B\u200D\u2027\u202F\u2065\u206A");
}

Test(text, what_was_made_safe_stays_as_it_is)
{
    SHOWS_AS("\\x1B[31m \\u{202E}", "\\x1B[31m \\u{202E}");
}

Test(text, safe_text_for_messages_is_cut_at_a_whole_character)
{
    static const char *const pieces[] = {"x", "é", "€", "🍵", "\x1b", "\u202e"};
    for (size_t piece = 0; piece < sizeof pieces / sizeof *pieces; piece++) {
        for (size_t count = 1; count < 400; count++) {
            char text[2000] = "";
            for (size_t i = 0; i < count; i++)
                memcpy(text + i * strlen(pieces[piece]), pieces[piece], strlen(pieces[piece]) + 1);
            struct buffer whole = {0};
            text_append_safe(&whole, text, strlen(text));
            char out[TEXT_SAFE_SIZE];
            memset(out, 'z', sizeof out);
            cr_assert_eq(text_safe(out, text), out);
            const size_t length = strnlen(out, sizeof out);
            cr_assert(length < TEXT_SAFE_SIZE);
            cr_assert(text_is_utf8(out, length));
            if (whole.length < TEXT_SAFE_SIZE) {
                cr_assert_str_eq(out, buffer_string(&whole));
            } else {
                cr_assert_str_eq(out + length - strlen("…"), "…");
                cr_assert_eq(strncmp(out, buffer_string(&whole), length - strlen("…")), 0);
                cr_assert(length + 8 + strlen("…") > TEXT_SAFE_SIZE, "no more is cut than must be");
            }
            buffer_clear(&whole);
        }
    }
}

Test(text, a_cut_character_is_taken_away_and_a_whole_one_is_not)
{
    static const struct {
        char before[16], after[16];
    } rows[] = {{"", ""},           {"a", "a"},     {"aé", "aé"},
                {"a\xC3", "a"},     {"a€", "a€"},   {"a\xE2\x82", "a"},
                {"a\xE2", "a"},     {"a🍵", "a🍵"},   {"\xF0\x9F\x8D", ""},
                {"a\xF0\x9F", "a"}, {"a\xF0", "a"}, {"\x80\x80", "\x80\x80"},
                {"aé\xC3", "aé"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[16];
        memcpy(text, rows[i].before, sizeof text);
        text_trim_partial(text);
        cr_expect_str_eq(text, rows[i].after, "row %zu", i);
    }
}

/* ---- columns ---- */

/* The tables were read beside Unicode's: whoever changes them counts again. */
Test(text, columns_of_every_character_are_what_the_tables_said_when_they_were_read)
{
    size_t characters[3] = {0};
    for (uint32_t codepoint = 0xA0; codepoint <= 0x10FFFF; codepoint++) {
        char bytes[5] = {0};
        if (codepoint >= 0xD800 && codepoint <= 0xDFFF)
            continue;
        (void)encode_loosely(codepoint, shortest(codepoint), bytes);
        size_t columns = text_columns(bytes);
        cr_assert_leq(columns, 2);
        characters[columns]++;
    }
    cr_expect_eq(characters[0], 908);
    cr_expect_eq(characters[2], 174696);
}

Test(text, columns_are_what_a_terminal_draws)
{
    cr_expect_eq(text_columns(""), 0);
    cr_expect_eq(text_columns("tea"), 3);
    cr_expect_eq(text_columns("café"), 4);
    cr_expect_eq(text_columns("cafe\u0301"), 4);
    cr_expect_eq(text_columns("東京"), 4);
    cr_expect_eq(text_columns("ｱ"), 1);
    cr_expect_eq(text_columns("Ａ"), 2);
    cr_expect_eq(text_columns("서울"), 4);
    cr_expect_eq(text_columns("🍵"), 2);
    cr_expect_eq(text_columns("☕"), 2);
    cr_expect_eq(text_columns("€…—"), 3);
    cr_expect_eq(text_columns("क\u094d"), 1);
    cr_expect_eq(text_columns("a\u200bb"), 2);
    cr_expect_eq(text_columns("\xFF\xFE"), 2);
    cr_expect_eq(text_columns("𠀀"), 2);
}

/* The values that its authors publish for 32 bits. */
Test(text, hashes_are_those_of_fnv_1a)
{
    cr_expect_eq(text_hash(""), UINT32_C(0x811c9dc5));
    cr_expect_eq(text_hash("a"), UINT32_C(0xe40c292c));
    cr_expect_eq(text_hash("foobar"), UINT32_C(0xbf9cf968));
}

/* ---- card numbers ---- */

static void masked_is(const char *text, const char *expected)
{
    char copy[128];
    cr_assert_lt(strlen(text), sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    text_mask_cards(copy);
    cr_expect_str_eq(copy, expected, "%s: %s", text, copy);
}

Test(text, a_card_number_shows_its_last_four_digits_only)
{
    masked_is("4111111111111111", "************1111");
    masked_is("there is no command 4111111111111111.", "there is no command ************1111.");
    masked_is("quantity \"4111111111111111\" is none", "quantity \"************1111\" is none");
    masked_is("--4111-1111-1111-1111", "--****-****-****-1111");
    masked_is("4111 1111 1111 1111 is no price", "**** **** **** 1111 is no price");
    masked_is("3782 822463 10005", "**** ****** *0005");
    masked_is("4222222222222", "*********2222");             /* 13 digits … */
    masked_is("4000000000000000006", "***************0006"); /* … 19 */
    masked_is("4111111111111111 and 4111111111111111", "************1111 and ************1111");
    masked_is("2 4111111111111111", "2 ************1111");
    masked_is("4111111111111111 2", "************1111 2");
    masked_is("tok_4111111111111111", "tok_************1111");
}

Test(text, what_is_no_card_number_stands_as_it_is)
{
    static const char *const texts[] = {
        "",
        "4111111111111112",     /* the sum is wrong */
        "422222222222",         /* 12 digits */
        "40000000000000000002", /* 20 */
        "41111111111111110",
        "x4111111111111111", /* a part of something else */
        "4111111111111111x",
        "4111  1111 1111 1111", /* two blanks */
        "4111 1111-1111 1111",  /* not one kind of sign */
        "4111.1111.1111.1111",
        "41111111-1111-1111-8111-111111111111",          /* an id … */
        "order 41111111-1111-1111-a111-11111111111b is", /* … whose beginning looks like a card's */
        "2024-05-01 2024-05-02",
        "2026-11-23T19:52:36.123456Z",
        "position 123456789012",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        masked_is(texts[i], texts[i]);
}

Test(text, a_sentence_is_harmless_and_without_cards_and_leaves_what_stands_before_it)
{
    struct buffer out = {0};
    text_append_sentence(&out, "");
    text_append_sentence(&out, "4111");
    text_append_sentence(&out, "\x1b"
                               " 4111111111111111");
    cr_assert_str_eq(buffer_string(&out), "4111\\x1B ************1111");
    buffer_clear(&out);
}
