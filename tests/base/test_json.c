/* The strict reader: what cJSON lets pass is refused here, and every refusal names its place. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/json.h"
#include "base/text.h"

static struct arena arena;
static struct buffer text;
static struct error error;

static void clear(void)
{
    arena_clear(&arena);
    buffer_clear(&text);
}

TestSuite(json, .fini = clear);

/* Checks a copy that ends where the text ends, so that the address sanitizer sees a look past it. */
static enum status check(const char *json, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);
    cr_assert_not_null(copy);
    memcpy(copy, json, length);
    const enum status status = json_check(copy, length, &error);
    free(copy);
    return status;
}

static void accepts(const char *json)
{
    cr_expect_eq(check(json, strlen(json)), STATUS_OK, "%s: %s", json, error.text);
}

static void refuses(const char *json, const char *sentence)
{
    cr_expect_eq(check(json, strlen(json)), STATUS_INVALID, "%s", json);
    cr_expect_str_eq(error.text, sentence);
}

static void start(struct json_reader *reader, const char *json)
{
    json_read_start(reader, json, strlen(json), &arena);
}

static void repeat(const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_text(&text, piece);
}

/* ---- whole texts ---- */

Test(json, accepts_every_kind_of_value)
{
    accepts("{}");
    accepts("[]");
    accepts("\"\"");
    accepts("0");
    accepts("true");
    accepts("false");
    accepts("null");
    accepts(" \t\r\n{ \"a\" : [ 1 , { } , [ ] , \"x\" , null , true , false , -1.5e3 ] , \"b\" : \"\" } \n");
    accepts("{\"a\":{\"a\":{\"a\":1}},\"A\":2,\"\":3}");
}

Test(json, refuses_what_is_not_one_value)
{
    refuses("", "at byte 1: the text ends too early");
    refuses(" \n ", "at byte 4: the text ends too early");
    refuses("{} {}", "at byte 4: something stands after the value");
    refuses("1 2", "at byte 3: something stands after the value");
    refuses("[1],", "at byte 4: something stands after the value");
    refuses("]", "at byte 1: must be a JSON value");
    refuses("\v1", "at byte 1: must be a JSON value");
    refuses("\xC2\xA0"
            "1",
            "at byte 1: must be a JSON value");
    refuses("/* tea */ 1", "at byte 1: must be a JSON value");
    refuses("'a'", "at byte 1: must be a JSON value");
    cr_expect_eq(check("1\0", 2), STATUS_INVALID, "a NUL is no blank");
    cr_expect_eq(check("{}\0{}", 5), STATUS_INVALID);
}

Test(json, refuses_words_that_are_nearly_right)
{
    refuses("tru", "at byte 1: must be true or false");
    refuses("truE", "at byte 1: must be true or false");
    refuses("falsy", "at byte 1: must be true or false");
    refuses("nul", "at byte 1: must be null");
    refuses("nulll", "at byte 5: something stands after the value");
    refuses("True", "at byte 1: must be a JSON value");
    refuses("NaN", "at byte 1: must be a JSON value");
    refuses("Infinity", "at byte 1: must be a JSON value");
    refuses("-Infinity", "at byte 2: is a number with a digit missing");
}

Test(json, refuses_a_byte_order_mark)
{
    refuses("\xEF\xBB\xBF{}", "at byte 1: a byte order mark stands before the value: save the text without one");
    cr_expect_eq(check("\xFF\xFE{\0}\0", 6), STATUS_INVALID);
    cr_expect_eq(check("{\0}\0", 4), STATUS_INVALID);
}

Test(json, refuses_broken_structure)
{
    refuses("[1,]", "[1]: must be a JSON value");
    refuses("[,1]", "[0]: must be a JSON value");
    refuses("[1 2]", "[0]: a ',' or ']' must stand after a value");
    refuses("[1,,2]", "[1]: must be a JSON value");
    refuses("[1}", "[0]: a ',' or ']' must stand after a value");
    refuses("{\"a\":1,}", "at byte 8: a key in quotes must stand here");
    refuses("{,\"a\":1}", "at byte 2: a key in quotes must stand here");
    refuses("{a:1}", "at byte 2: a key in quotes must stand here");
    refuses("{1:1}", "at byte 2: a key in quotes must stand here");
    refuses("{\"a\" 1}", "at byte 6: a ':' must stand after a key");
    refuses("{\"a\":}", "a: must be a JSON value");
    refuses("{\"a\":1 \"b\":2}", "at byte 8: a ',' or '}' must stand after a value");
    refuses("{\"a\":1]", "at byte 7: a ',' or '}' must stand after a value");
    refuses("{\"a\":1,\"b\":[{\"c\":x}]}", "b[0].c: must be a JSON value");
}

Test(json, refuses_every_text_that_was_cut_and_never_looks_past_its_end)
{
    static const char whole[] = "{\"id\":\"0190a1b2-c3d4\",\"note\":\"caf\xC3\xA9 \\u20ac \\ud83c\\udf75 \\\\ \","
                                "\"lines\":[{\"sku\":\"tea\",\"n\":-12.5e+2},[true,false,null]],\"z\":{}}";
    const size_t length = sizeof whole - 1;
    cr_assert_eq(check(whole, length), STATUS_OK, "%s", error.text);
    for (size_t cut = 0; cut < length; cut++)
        cr_expect_eq(check(whole, cut), STATUS_INVALID, "cut at %zu", cut);
}

Test(json, survives_any_byte_at_any_place)
{
    static const char whole[] = "{\"a\":[1,-2.5e3,\"x\\n\\u00e9\",true],\"b\":{\"c\":null}}";
    for (size_t place = 0; place < sizeof whole - 1; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char changed[sizeof whole];
            memcpy(changed, whole, sizeof whole);
            changed[place] = (char)byte;
            const enum status status = check(changed, sizeof whole - 1);
            cr_assert(status == STATUS_OK || (status == STATUS_INVALID && error.text[0] != '\0'));
            cr_assert(text_is_utf8(error.text, strlen(error.text)));
            cr_assert(status == STATUS_OK || strpbrk(error.text, "\x1b\n\r\x7f") == NULL);
        }
    }
}

/* ---- strings ---- */

Test(json, finds_what_a_string_may_not_hold_at_every_place)
{
    static const struct {
        const char *bytes;
        const char *why;
    } bad[] = {
        {"\n", "holds a control character that is not escaped"},
        {"\x1f", "holds a control character that is not escaped"},
        {"\x01", "holds a control character that is not escaped"},
        {"\xFF", "holds bytes that are not UTF-8"},
        {"\x80", "holds bytes that are not UTF-8"},
        {"\xC0\xAF", "holds bytes that are not UTF-8"},
        {"\xED\xA0\x80", "holds bytes that are not UTF-8"},
        {"\xF4\x90\x80\x80", "holds bytes that are not UTF-8"},
        {"\\x", "holds an escape that JSON does not know"},
        {"\\u00e", "holds a \\u without four hex digits"},
        {"\\u0000", "holds \\u0000, which no text may"},
        {"\\ud800", "holds half a surrogate pair"},
        {"\\udc00", "holds half a surrogate pair"},
        {"\\ud800\\u0041", "holds half a surrogate pair"},
        {"\\ud800\\ud800", "holds half a surrogate pair"},
        {"\\ud800\\n", "holds half a surrogate pair"},
        {"\\udbff\\ue000", "holds half a surrogate pair"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t place = 0; place < (size_t)20 * 10; place++) {
            buffer_reset(&text);
            buffer_text(&text, "[\"");
            repeat("x", place / 10);
            buffer_text(&text, bad[i].bytes);
            repeat("g", place % 10);
            buffer_text(&text, "\"]");
            cr_expect_eq(check(text.data, text.length), STATUS_INVALID, "%s", text.data);
            cr_expect_not_null(strstr(error.text, bad[i].why), "%s", error.text);
            cr_expect_eq(strncmp(error.text, "[0]: ", 5), 0, "%s", error.text);
        }
    }
    cr_expect_eq(check("\"a\0b\"", 5), STATUS_INVALID, "a raw NUL");
}

static void reads_text(const char *json, const char *expected, size_t expected_length)
{
    struct json_reader reader;
    const char *value;
    size_t length;
    start(&reader, json);
    cr_expect(json_read_text(&reader, &value, &length), "%s", json);
    cr_expect_eq(json_read_finish(&reader, &error), STATUS_OK, "%s: %s", json, error.text);
    cr_expect_eq(length, expected_length);
    cr_expect_eq(memcmp(value, expected, length + 1), 0, "%s: and it is terminated", json);
}

Test(json, decodes_every_escape)
{
    reads_text("\"\"", "", 0);
    reads_text("\"tea\"", "tea", 3);
    reads_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    reads_text("\"\\u0041\\u00e9\\u00E9\\u20AC\\uFFFF\"", "A\xC3\xA9\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBF", 11);
    reads_text("\"\\ud83c\\udf75\\uDBFF\\uDFFF\"", "\xF0\x9F\x8D\xB5\xF4\x8F\xBF\xBF", 8);
    reads_text("\"\\u007f\\u0080\\u07ff\\u0800\"", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80", 8);
    reads_text("\"\\u0001\"", "\x01", 1);
    reads_text("\"caf\xC3\xA9 \\u0026 \xF0\x9F\x8D\xB5\"", "caf\xC3\xA9 & \xF0\x9F\x8D\xB5", 12);
}

Test(json, finds_quotes_and_escapes_at_every_place)
{
    for (size_t before = 0; before < 40; before++) {
        for (size_t after = 0; after < 12; after++) {
            buffer_reset(&text);
            repeat("x", before);
            buffer_text(&text, "\"\\\x7f");
            repeat("y", after);
            struct buffer json = {0};
            json_write_text(&json, text.data, text.length);
            reads_text(buffer_string(&json), text.data, text.length);
            buffer_clear(&json);
        }
    }
}

Test(json, a_text_that_was_read_outlives_what_it_was_read_from)
{
    char json[] = "{\"k\":\"value\"}";
    struct json_reader reader;
    const char *key, *value;
    size_t key_length, length;
    start(&reader, json);
    cr_assert(json_enter_object(&reader));
    cr_assert(json_next_key(&reader, &key, &key_length));
    cr_assert(json_read_text(&reader, &value, &length));
    cr_assert_not(json_next_key(&reader, &key, &key_length));
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_OK);
    memset(json, 'x', sizeof json - 1);
    cr_assert_str_eq(value, "value");
}

Test(json, a_plain_text_ends_at_what_may_not_stand_in_a_string_as_it_is)
{
    static const struct {
        const char *text;
        size_t plain;
        bool is_printable;
    } cases[] = {
        {"", 0, true},
        {"tea", 3, true},
        {"te\"a", 2, true},
        {"tea and cakes \\n", 14, true},
        {"tea\x1f", 3, true},
        {"tea and cake\n", 12, true},
        {"caf\xC3\xA9 au lait\"", 13, false},
        {"au lait, caf\xC3\xA9", 14, false},
        {"\x7f", 1, false},
        {"au lait\x7f", 8, false},
        {"au lait\"\x7f", 7, true},
        {"~~~~~~~~~", 9, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t length = strlen(cases[i].text);
        char *copy = malloc(length + (length == 0)); /* the address sanitizer sees a look past it */
        cr_assert_not_null(copy);
        memcpy(copy, cases[i].text, length);
        uint64_t odd = 0;
        cr_expect_eq(json_plain_end(copy, copy + length, &odd), copy + cases[i].plain, "%s", cases[i].text);
        cr_expect_eq(odd == 0, cases[i].is_printable, "%s", cases[i].text);
        free(copy);
    }
}

Test(json, an_id_is_read_however_it_is_spelled_and_nothing_else)
{
    static const char id_text[] = "c3344274-af8f-54e3-8d5d-95f6ce257cf7";
    static const struct {
        const char *json, *sentence;
    } cases[] = {
        {"\"c3344274-af8f-54e3-8d5d-95f6ce257cf7\"", NULL},
        {" \"c3344274-af8f-54e3-8d5d-95f6ce257cf7\" ", NULL},
        {"\"\\u0063334427\\u0034-af8f-54e3-8d5d-95f6ce257cf7\"", NULL},
        {"\"C3344274-af8f-54e3-8d5d-95f6ce257cf7\"", "must be a UUID in lower case"},
        {"\"c3344274-af8f-54e3-8d5d-95f6ce257cf70\"", "must be a UUID in lower case"},
        {"\"c3344274-af8f-54e3-8d5d-95f6ce257cf\"", "must be a UUID in lower case"},
        {"\"c3344274-af8f-54e3-8d5d-95f6ce257cf\\\"", "at byte 39: the text ends too early"},
        {"\"c3344274-af8f-54e3-8d5d-95f6ce257cf7", "at byte 38: the text ends too early"},
        {"\"c3344274-af8f-54e3-8d5d", "at byte 25: the text ends too early"},
        {"\"\"", "must be a UUID in lower case"},
        {"7", "at byte 1: must be a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_reader reader;
        struct uuid id;
        char shown[UUID_TEXT_SIZE];
        const size_t length = strlen(cases[i].json);
        char *copy = malloc(length); /* ends where the text ends: the address sanitizer sees a look past it */
        cr_assert_not_null(copy);
        memcpy(copy, cases[i].json, length);
        json_read_start(&reader, copy, length, &arena);
        const bool is_read = json_read_uuid(&reader, &id);
        const enum status status = json_read_finish(&reader, &error);
        free(copy);
        uuid_to_text(id, shown);
        cr_assert_eq(is_read, cases[i].sentence == NULL, "%s", cases[i].json);
        cr_assert_eq(status, is_read ? STATUS_OK : STATUS_INVALID);
        cr_expect_str_eq(is_read ? shown : error.text, is_read ? id_text : cases[i].sentence, "%s", cases[i].json);
    }
}

Test(json, what_is_written_is_read_back)
{
    static const char beyond[] = "\u00e9\u2028\uffff\U0001f375";
    char all[256];
    size_t length = 0;
    for (char byte = 1; byte < 0x7f; byte++)
        all[length++] = byte;
    all[length++] = 0x7f;
    memcpy(all + length, beyond, sizeof beyond);
    length += sizeof beyond - 1;
    struct buffer json = {0};
    json_write_text(&json, all, length);
    reads_text(buffer_string(&json), all, length);
    buffer_clear(&json);
}

Test(json, writes_the_short_escapes_and_leaves_the_rest_alone)
{
    static const char all[] = "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\u00e9\u2028";
    json_write_text(&text, all, sizeof all - 1);
    cr_assert_str_eq(buffer_string(&text), "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\u00e9\u2028\"");
    buffer_reset(&text);
    json_write_text(&text, "", 0);
    cr_assert_str_eq(buffer_string(&text), "\"\"");
    buffer_reset(&text);
    json_write_text(&text, "a\0b", 3);
    cr_assert_str_eq(buffer_string(&text), "\"a\\u0000b\"");
}

static void is_shown_as(const char *json, const char *expected)
{
    buffer_reset(&text);
    json_append_safe(&text, json, strlen(json));
    cr_expect_str_eq(buffer_string(&text), expected);
}

Test(json, what_a_terminal_obeys_is_shown_as_escapes_that_mean_the_same)
{
    is_shown_as("", "");
    is_shown_as("{\"caf\u00e9\":[\"\U0001f375\u00a0\\n\",-1.5]}", "{\"caf\u00e9\":[\"\U0001f375\u00a0\\n\",-1.5]}");
    is_shown_as("[\"a\x7F\xC2\x9B\"]", "[\"a\\u007f\\u009b\"]");
    is_shown_as("[\"\u202Eb\u2066\u2069\u061C\u200E\u2028\"]", "[\"\\u202eb\\u2066\\u2069\\u061c\\u200e\\u2028\"]");
    is_shown_as("[\"\xFF\xE2\x80\"]", "[\"\\ufffd\\ufffd\\ufffd\"]");
    is_shown_as("\u202D", "\\u202d");
}

Test(json, never_writes_broken_text, .signal = SIGABRT)
{
    json_write_text(&text, "caf\xE9", 4);
}

/* ---- numbers ---- */

Test(json, accepts_the_numbers_of_rfc_8259)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "-1",
                                       "10",
                                       "4503599627370495",
                                       "-4503599627370495",
                                       "0.5",
                                       "-0.0",
                                       "1e2",
                                       "1E+2",
                                       "1e-2",
                                       "12.5e3",
                                       "1.7976931348623157e308",
                                       "1e-999",
                                       "0e999",
                                       "0.0e99",
                                       "5e-324",
                                       "1e00000002",
                                       "-1e1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts(good[i]);
}

Test(json, refuses_what_only_looks_like_a_number)
{
    refuses("01", "at byte 1: is a number that starts with a needless 0");
    refuses("[01]", "[0]: is a number that starts with a needless 0");
    refuses("[-00]", "[0]: is a number that starts with a needless 0");
    refuses("[00.5]", "[0]: is a number that starts with a needless 0");
    refuses("[-]", "[0]: is a number with a digit missing");
    refuses("[--1]", "[0]: is a number with a digit missing");
    refuses("[1.]", "[0]: is a number with a digit missing");
    refuses("[1.e3]", "[0]: is a number with a digit missing");
    refuses("[1e]", "[0]: is a number with a digit missing");
    refuses("[1e+]", "[0]: is a number with a digit missing");
    refuses("[1e+-2]", "[0]: is a number with a digit missing");
    refuses("[.5]", "[0]: must be a JSON value");
    refuses("[+1]", "[0]: must be a JSON value");
    refuses("[0x10]", "[0]: a ',' or ']' must stand after a value");
    refuses("[1_000]", "[0]: a ',' or ']' must stand after a value");
    refuses("[1.5.5]", "[0]: a ',' or ']' must stand after a value");
    refuses("1e", "at byte 3: the text ends too early");
    refuses("-", "at byte 2: the text ends too early");
}

Test(json, refuses_numbers_that_nothing_can_hold)
{
    static const char sentence[] = "[0]: must be an integer of at most 4503599627370495 either way";
    refuses("[4503599627370496]", sentence);
    refuses("[-4503599627370496]", sentence);
    refuses("[9223372036854775808]", sentence);
    refuses("[18446744073709551617]", sentence);
    refuses("[1e999]", "[0]: is a number too large for a double");
    refuses("[-1e309]", "[0]: is a number too large for a double");
    refuses("[1.8e308]", "[0]: is a number too large for a double");
    refuses("[1e99999999999999999999]", "[0]: is a number too large for a double");
    refuses("[123456789.5e301]", "[0]: is a number too large for a double");
    accepts("[1e-99999999999999999999]");
    accepts("[12345678.5e301]");

    buffer_text(&text, "[");
    repeat("9", 100000);
    buffer_text(&text, "]");
    refuses(buffer_string(&text), sentence);
}

Test(json, a_double_has_at_most_512_characters)
{
    buffer_text(&text, "0.");
    repeat("1", 510);
    accepts(buffer_string(&text));
    buffer_text(&text, "1");
    refuses(buffer_string(&text), "at byte 1: is a number of more than 512 characters");
    buffer_reset(&text);
    repeat("1", 310);
    buffer_text(&text, ".5");
    refuses(buffer_string(&text), "at byte 1: is a number too large for a double");
}

static void reads_integer(const char *json, int64_t expected)
{
    struct json_reader reader;
    int64_t number;
    start(&reader, json);
    cr_expect(json_read_integer(&reader, &number), "%s", json);
    cr_expect_eq(json_read_finish(&reader, &error), STATUS_OK, "%s: %s", json, error.text);
    cr_expect_eq(number, expected, "%s", json);
}

Test(json, reads_integers_to_their_very_ends)
{
    reads_integer("0", 0);
    reads_integer("-0", 0);
    reads_integer(" 42 ", 42);
    reads_integer("-42", -42);
    reads_integer("1000000000000000", INT64_C(1000000000000000));
    reads_integer("4503599627370495", JSON_INTEGER_MAX);
    reads_integer("-4503599627370495", -JSON_INTEGER_MAX);
}

Test(json, an_integer_has_no_fraction_and_no_exponent)
{
    static const char *const bad[] = {"1.0", "1e2", "1E0", "0.0", "-0.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_reader reader;
        int64_t number = 7;
        start(&reader, bad[i]);
        cr_expect_not(json_read_integer(&reader, &number));
        cr_expect_eq(number, 0);
        cr_expect_eq(json_read_finish(&reader, &error), STATUS_INVALID);
        cr_expect_not_null(strstr(error.text, "must be an integer, without a fraction or exponent"), "%s", error.text);
    }
}

/* ---- objects ---- */

Test(json, broken_text_is_found_where_it_begins)
{
    refuses("\"tea \xC3 and\"", "at byte 2: holds bytes that are not UTF-8");
    refuses("\"tea\\n\xFF and\"", "at byte 7: holds bytes that are not UTF-8");
}

Test(json, a_key_stands_once_however_it_is_written)
{
    refuses("{\"a\":1,\"a\":1}", "at byte 8: the key \"a\" stands twice");
    refuses("{\"a\":1,\"\\u0061\":1}", "at byte 8: the key \"a\" stands twice");
    refuses("{\"\\u0061\":1,\"b\":2,\"a\":1}", "at byte 19: the key \"a\" stands twice");
    refuses("{\"\":1,\"\":1}", "at byte 7: the key \"\" stands twice");
    refuses("{\"x\":[{\"a\":{\"b\":1,\"c\":2,\"b\":3}}]}", "x[0].a: the key \"b\" stands twice");
    refuses("[0,{\"a\":{\"b\":[]},\"a\":0}]", "[1]: the key \"a\" stands twice");
    accepts("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"b\":{\"a\":1}}");
    accepts("{\"ab\":1,\"a\":2,\"abc\":3,\"b\":4,\"A\":5,\"\xC3\xA4\":6}");
}

Test(json, a_key_that_stands_twice_is_found_in_what_nobody_reads)
{
    struct json_reader reader;
    const char *key;
    size_t length;
    start(&reader, "{\"known\":1,\"unknown\":{\"deep\":[{\"k\":1,\"k\":2}]}}");
    cr_assert(json_enter_object(&reader));
    while (json_next_key(&reader, &key, &length))
        (void)json_skip(&reader);
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "unknown.deep[0]: the key \"k\" stands twice");
}

Test(json, a_key_that_is_expected_is_taken_where_it_is_spelled_plainly)
{
    static const char *const others[] = {
        "{ \"a\":1}", "{\"a\" :1}", "{\"\\u0061\":1}", "{\"b\":1}", "{\"ab\":1}",
        "{\"\":1}",   "{}",         "{\"a\"",          "{\"a",      "{",
    };
    struct json_reader reader;
    int64_t number;
    start(&reader, "{\"a\":1,\"bc\":2}");
    cr_assert(json_enter_object(&reader));
    cr_expect_not(json_take_key(&reader, "bc", 2));
    cr_assert(json_take_key(&reader, "a", 1) && json_read_integer(&reader, &number));
    cr_expect_not(json_take_key(&reader, "b", 1));
    cr_assert(json_take_key(&reader, "bc", 2) && json_read_integer(&reader, &number));
    cr_expect_eq(number, 2);
    cr_expect_not(json_take_key(&reader, "d", 1));
    cr_expect_not(json_next_key(&reader, &(const char *){NULL}, &(size_t){0}));
    cr_expect_eq(json_read_finish(&reader, &error), STATUS_OK);

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const size_t length = strlen(others[i]);
        char *copy = malloc(length); /* ends where the text ends: the address sanitizer sees a look past it */
        cr_assert_not_null(copy);
        memcpy(copy, others[i], length);
        json_read_start(&reader, copy, length, &arena);
        cr_assert(json_enter_object(&reader));
        cr_expect_not(json_take_key(&reader, "a", 1), "%s", others[i]);
        free(copy);
    }
}

Test(json, a_key_that_was_taken_has_stood_and_names_its_place)
{
    struct json_reader reader;
    int64_t number;
    start(&reader, "{\"a\":1,\"a\":2}");
    cr_assert(json_enter_object(&reader) && json_take_key(&reader, "a", 1) && json_read_integer(&reader, &number));
    cr_expect_not(json_next_key(&reader, &(const char *){NULL}, &(size_t){0}));
    cr_expect_eq(json_read_finish(&reader, &error), STATUS_INVALID);
    cr_expect_str_eq(error.text, "at byte 8: the key \"a\" stands twice");

    start(&reader, "{\"a\":\"1\"}");
    cr_assert(json_enter_object(&reader) && json_take_key(&reader, "a", 1));
    cr_expect_not(json_read_integer(&reader, &number));
    cr_expect_not(json_take_key(&reader, "a", 1));
    cr_expect_eq(json_read_finish(&reader, &error), STATUS_INVALID);
    cr_expect_str_eq(error.text, "a: must be an integer");
}

Test(json, open_objects_have_at_most_64_keys_together)
{
    for (int keys = JSON_KEYS_MAX; keys <= JSON_KEYS_MAX + 1; keys++) {
        buffer_reset(&text);
        for (int i = 0; i < keys; i++)
            buffer_format(&text, "%s\"key %d\":%d", i == 0 ? "{" : ",", i, i);
        buffer_text(&text, "}");
        cr_expect_eq(check(text.data, text.length), keys <= JSON_KEYS_MAX ? STATUS_OK : STATUS_INVALID);
    }
    cr_expect_not_null(strstr(error.text, "too many keys: at most 64 in all open objects"), "%s", error.text);

    struct json_reader reader;
    char key[16];
    int64_t number;
    json_read_start(&reader, text.data, text.length, &arena);
    cr_assert(json_enter_object(&reader));
    for (int i = 0; i <= JSON_KEYS_MAX; i++) {
        snprintf(key, sizeof key, "key %d", i);
        cr_expect_eq(json_take_key(&reader, key, strlen(key)), i < JSON_KEYS_MAX, "%d", i);
        cr_expect_eq(json_read_integer(&reader, &number), i < JSON_KEYS_MAX);
    }
}

Test(json, keys_of_objects_that_were_closed_count_no_more)
{
    buffer_text(&text, "[");
    for (int i = 0; i < 1000; i++)
        buffer_format(&text, "%s{\"a\":%d,\"b\":{\"c\":1},\"d\":2}", i == 0 ? "" : ",", i);
    buffer_text(&text, "]");
    accepts(buffer_string(&text));
}

Test(json, depth_is_bounded_and_costs_no_stack)
{
    repeat("[", JSON_DEPTH_MAX);
    repeat("]", JSON_DEPTH_MAX);
    accepts(buffer_string(&text));
    buffer_reset(&text);
    repeat("{\"k\":", JSON_DEPTH_MAX);
    buffer_text(&text, "1");
    repeat("}", JSON_DEPTH_MAX);
    accepts(buffer_string(&text));
    buffer_reset(&text);
    repeat("[", JSON_BYTES_MAX);
    refuses(buffer_string(&text), "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: is nested deeper than 16 levels");
}

Test(json, a_text_has_at_most_a_mebibyte)
{
    buffer_char(&text, '"');
    repeat("x", JSON_BYTES_MAX - 2);
    buffer_char(&text, '"');
    accepts(buffer_string(&text));
    buffer_char(&text, ' ');
    refuses(buffer_string(&text), "the text is longer than 1048576 bytes");
}

/* ---- reading what one expects ---- */

struct order {
    const char *customer;
    bool gift;
    int64_t quantities[8];
    size_t lines;
};

static void read_line(struct json_reader *reader, int64_t *quantity)
{
    const char *key;
    size_t length;
    if (!json_enter_object(reader))
        return;
    while (json_next_key(reader, &key, &length)) {
        if (length == 8 && memcmp(key, "quantity", 8) == 0) {
            if (json_read_integer(reader, quantity) && (*quantity < 1 || *quantity > 1000000))
                (void)json_refuse(reader, "must be 1 to %d", 1000000);
        } else {
            (void)json_skip(reader);
        }
    }
    if (*quantity == 0)
        (void)json_refuse(reader, "quantity is missing");
}

static enum status read_order(const char *json, struct order *order)
{
    struct json_reader reader;
    const char *key;
    size_t length, customer_length;
    *order = (struct order){0};
    start(&reader, json);
    if (json_enter_object(&reader))
        while (json_next_key(&reader, &key, &length)) {
            if (length == 8 && memcmp(key, "customer", 8) == 0)
                (void)json_read_text(&reader, &order->customer, &customer_length);
            else if (length == 4 && memcmp(key, "gift", 4) == 0)
                (void)json_read_boolean(&reader, &order->gift);
            else if (length == 5 && memcmp(key, "lines", 5) == 0 && json_enter_array(&reader))
                while (json_next_element(&reader) && order->lines < 8)
                    read_line(&reader, &order->quantities[order->lines++]);
            else
                (void)json_skip(&reader);
        }
    if (order->customer == NULL)
        (void)json_refuse(&reader, "customer is missing");
    return json_read_finish(&reader, &error);
}

Test(json, reads_what_is_known_and_skips_what_is_not)
{
    struct order order;
    cr_assert_eq(read_order("{\"new\":{\"x\":[1,2,{\"y\":null}]},\"lines\":[{\"quantity\":2,\"sku\":\"tea\"},{\"q\":[],"
                            "\"quantity\":3}],\"gift\":true,\"cust\\u006fmer\":\"Zo\xC3\xAB\",\"more\":1.5}",
                            &order),
                 STATUS_OK, "%s", error.text);
    cr_assert_str_eq(order.customer, "Zo\xC3\xAB");
    cr_assert(order.gift);
    cr_assert_eq(order.lines, 2);
    cr_assert_eq(order.quantities[0], 2);
    cr_assert_eq(order.quantities[1], 3);
}

static void order_refused(const char *json, const char *sentence)
{
    struct order order;
    cr_expect_eq(read_order(json, &order), STATUS_INVALID, "%s", json);
    cr_expect_str_eq(error.text, sentence);
}

Test(json, a_refusal_names_the_field_and_the_reason)
{
    order_refused("{\"customer\":\"a\",\"lines\":[{\"quantity\":1},{\"quantity\":1},{},{\"quantity\":1}]}",
                  "lines[2]: quantity is missing");
    order_refused("{\"lines\":[{\"quantity\":1},{\"quantity\":0}]}", "lines[1].quantity: must be 1 to 1000000");
    order_refused("{\"lines\":[{\"quantity\":\"1\"}]}", "lines[0].quantity: must be an integer");
    order_refused("{\"lines\":[{\"quantity\":1},2]}", "lines[1]: must be an object");
    order_refused("{\"lines\":[7,{\"quantity\":1}]}", "lines[0]: must be an object");
    order_refused("{\"customer\":null}", "customer: must be a text");
    order_refused("{\"gift\":1}", "gift: must be true or false");
    order_refused("{\"gift\":\"true\"}", "gift: must be true or false");
    order_refused("[]", "at byte 1: must be an object");
    order_refused("{\"lines\":[{\"quantity\":", "lines[0].quantity: the text ends too early");
}

Test(json, the_callers_own_refusal_of_the_whole_needs_no_place)
{
    order_refused("{}", "customer is missing");
}

Test(json, the_first_failure_sticks)
{
    struct json_reader reader;
    const char *key = "x", *value = "x";
    size_t length = 9;
    int64_t number = 9;
    bool flag = true;
    start(&reader, "[false, 1, \"a\"]");
    cr_assert(json_enter_array(&reader));
    cr_assert(json_next_element(&reader));
    cr_assert_not(json_refuse(&reader, "is the first"));
    cr_assert_not(json_refuse(&reader, "is the second"));
    cr_assert_not(json_read_text(&reader, &value, &length));
    cr_assert_str_eq(value, "");
    cr_assert_eq(length, 0);
    cr_assert_not(json_read_integer(&reader, &number));
    cr_assert_eq(number, 0);
    cr_assert_not(json_read_boolean(&reader, &flag));
    cr_assert_not(flag);
    struct uuid id;
    cr_assert_not(json_read_uuid(&reader, &id));
    cr_assert_not(json_enter_object(&reader));
    cr_assert_not(json_enter_array(&reader));
    cr_assert_not(json_next_element(&reader));
    cr_assert_not(json_next_key(&reader, &key, &length));
    cr_assert_str_eq(key, "");
    cr_assert_not(json_skip(&reader));
    cr_assert_eq(json_peek(&reader), 0);
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "[0]: is the first");
}

Test(json, a_value_that_was_not_read_to_its_end_is_no_success)
{
    struct json_reader reader;
    start(&reader, "[1]");
    cr_assert(json_enter_array(&reader));
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_INVALID);
    start(&reader, "[");
    cr_assert(json_enter_array(&reader));
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_INVALID);
}

Test(json, peek_tells_what_comes_next)
{
    static const struct {
        const char *json;
        char kind;
    } rows[] = {{"{}", '{'}, {" [", '['}, {"\n\"a\"", '"'}, {"true", 't'}, {"false", 'f'}, {"null", 'n'},
                {"7", '0'},  {"-7", '0'}, {"", 0},          {"}", 0},      {"x", 0},       {":", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_reader reader;
        start(&reader, rows[i].json);
        cr_expect_eq(json_peek(&reader), rows[i].kind, "%s", rows[i].json);
        cr_expect_eq(json_peek(&reader), rows[i].kind, "and looking changes nothing");
    }
}

Test(json, what_an_error_quotes_is_harmless_and_short)
{
    refuses("{\"\\u001b[31m\":x}", "\\x1B[31m: must be a JSON value");
    refuses("{\"\\u202e\":1,\"\\u202e\":2}", "at byte 13: the key \"\\u{202E}\" stands twice");

    for (int before = 0; before < 2; before++) { /* the cut is at a character, and within one */
        buffer_reset(&text);
        buffer_format(&text, "{\"%.*s", before, "x");
        repeat("\xC3\xA9", 1000);
        buffer_text(&text, "\":x}");
        cr_expect_eq(check(text.data, text.length), STATUS_INVALID);
        cr_expect(text_is_utf8(error.text, strlen(error.text)));
        cr_expect(strlen(error.text) < 80, "%s", error.text);
        cr_expect_null(strstr(error.text, "\\x"), "%s", error.text);
        cr_expect_not_null(strstr(error.text, ": must be a JSON value"));
    }
}

Test(json, a_long_path_is_cut_at_a_whole_character)
{
    for (int before = 0; before < 3; before++) {
        buffer_reset(&text);
        buffer_format(&text, "{\"%.*s\":", before, "xx");
        for (int i = 1; i < JSON_DEPTH_MAX; i++)
            buffer_text(&text, "{\"\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\":");
        buffer_text(&text, "x");
        cr_expect_eq(check(text.data, text.length), STATUS_INVALID);
        cr_expect(text_is_utf8(error.text, strlen(error.text)), "%s", error.text);
        cr_expect_not_null(strstr(error.text, ": must be a JSON value"));
    }
}

Test(json, asking_for_a_key_outside_of_an_object_is_the_callers_bug, .signal = SIGABRT)
{
    struct json_reader reader;
    const char *key;
    size_t length;
    start(&reader, "[1]");
    cr_assert(json_enter_array(&reader));
    (void)json_next_key(&reader, &key, &length);
}

/* ---- values as they are spelled ---- */

Test(json, gives_a_value_as_it_is_spelled)
{
    struct json_reader reader;
    const char *key, *raw;
    size_t length;
    start(&reader, "{ \"a\" : { \"b\":[1, 2.50] } , \"c\":\"\\u00e9\"}");
    cr_assert(json_enter_object(&reader) && json_next_key(&reader, &key, &length));
    cr_assert(json_read_raw(&reader, &raw, &length));
    cr_assert_str_eq(arena_copy_text(&arena, raw, length), "{ \"b\":[1, 2.50] }");
    cr_assert(json_next_key(&reader, &key, &length) && json_read_raw(&reader, &raw, &length));
    cr_assert_str_eq(arena_copy_text(&arena, raw, length), "\"\\u00e9\"");
    cr_assert(!json_next_key(&reader, &key, &length));
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_OK, "%s", error.text);

    start(&reader, "{\"a\":{\"b\":]}");
    cr_assert(json_enter_object(&reader) && json_next_key(&reader, &key, &length));
    cr_assert(!json_read_raw(&reader, &raw, &length));
    cr_assert_eq(length, 0);
}

Test(json, may_be_longer_where_the_caller_says_so)
{
    struct json_reader reader;
    const char *read;
    size_t length;
    buffer_text(&text, "\"");
    repeat("x", JSON_BYTES_MAX);
    buffer_text(&text, "\"");
    json_read_start_long(&reader, text.data, text.length, JSON_BYTES_MAX + 2, &arena);
    cr_assert(json_read_text(&reader, &read, &length));
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(length, JSON_BYTES_MAX);
    json_read_start_long(&reader, text.data, text.length, JSON_BYTES_MAX + 1, &arena);
    cr_assert_eq(json_read_finish(&reader, &error), STATUS_INVALID);
}
