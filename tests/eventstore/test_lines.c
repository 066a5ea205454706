/* A roll as JSON Lines: what is written is harmless, and what is read is what was stored. */
#include <criterion/criterion.h>
#include <string.h>

#include "eventstore/digest.h"
#include "eventstore/lines.h"
#include "eventstore/store_id.h"
#include "tests/support/harmless.h"

static struct arena arena;
static struct buffer line;
static struct error error;

static void clear(void)
{
    arena_clear(&arena);
    buffer_clear(&line);
}

TestSuite(lines, .fini = clear);

static const uint8_t digest[EVENTSTORE_DIGEST_BYTES] = {0xab, 1, 2, 3};

static struct recorded_event event_with(const char *data, size_t length)
{
    return (struct recorded_event){.position = 8,
                                   .stream = {"stock", "a-b/c"},
                                   .version = 2,
                                   .type = "Happened",
                                   .schema_version = 1,
                                   .id = {{1}},
                                   .correlation = {{2}},
                                   .causation = 7,
                                   .recorded_at_us = 1700000000123456,
                                   .actor = "clerk",
                                   .producer = "till 1",
                                   .has_command_id = true,
                                   .command_id = {{3}},
                                   .data = data,
                                   .data_length = length,
                                   .digest = digest};
}

/* Writes the event and reads it again: nothing is lost, and nothing of it would harm a terminal. */
static void round_trip(const struct recorded_event *event, const char *member)
{
    struct recorded_event again;
    uint8_t before[EVENTSTORE_DIGEST_BYTES], after[EVENTSTORE_DIGEST_BYTES];
    cr_assert_eq(line_from_event(event, &line, &error), STATUS_OK, "%s", error.text);
    cr_assert_null(find_harm(line.data, line.length), "%s", line.data);
    cr_assert_null(strchr(line.data, '\n'));
    cr_assert_not_null(strstr(line.data, member), "%s", line.data);
    cr_assert_eq(line_to_event(line.data, line.length, &arena, &again, &error), STATUS_OK, "%s", error.text);
    digest_link(digest, event, before);
    digest_link(digest, &again, after);
    cr_assert_arr_eq(before, after, sizeof before, "%s", line.data);
    cr_assert_arr_eq(again.digest, digest, sizeof digest);
}

static void keeps(const char *data, const char *member)
{
    const struct recorded_event event = event_with(data, strlen(data));
    round_trip(&event, member);
}

Test(lines, data_stands_there_as_it_is_stored)
{
    keeps("{\"a\":[1,2.50,\"\\u00e9 é\"]}", ",\"data\":{\"a\":[1,2.50,\"\\u00e9 é\"]},\"digest\":\"ab0102");
    keeps("17", ",\"data\":17,");
    keeps("{ \"a\" : null }", ",\"data\":{ \"a\" : null },");
}

Test(lines, data_that_would_not_survive_is_a_text)
{
    keeps("", ",\"data_text\":\"\"");
    keeps("hello", ",\"data_text\":\"hello\"");
    keeps(" {}", ",\"data_text\":\" {}\"");
    keeps("{}\n", ",\"data_text\":\"{}\\n\"");
    keeps("{\"a\":\n1}", ",\"data_text\":");
    keeps("{\"a\":1,\"a\":2}", ",\"data_text\":");
    keeps("{\"evil\":\"\xE2\x80\xAE\"}", ",\"data_text\":\"{\\\"evil\\\":\\\"\\u202e\\\"}\"");
    keeps("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", ",\"data_text\":"); /* as deep as may be, and in a line one deeper */
    keeps("\x1B[31m\x7F", ",\"data_text\":");
}

Test(lines, names_are_made_harmless_and_come_back)
{
    struct recorded_event event = event_with("{}", 2);
    event.stream.entity = "tea \xE2\x80\xAE\"\\ \xF0\x9F\x8D\xB5";
    event.has_command_id = false;
    event.causation = 0;
    round_trip(&event, "\"causation\":null");
}

Test(lines, the_largest_data_fits_whatever_it_is)
{
    char *data = arena_alloc(&arena, EVENTSTORE_DATA_MAX);
    memset(data, 1, EVENTSTORE_DATA_MAX); /* each byte a \u0001 */
    const struct recorded_event event = event_with(data, EVENTSTORE_DATA_MAX);
    round_trip(&event, "\\u0001");
}

Test(lines, bytes_that_are_no_text_are_refused)
{
    struct recorded_event event = event_with("{\"a\":\"\xFF\"}", 9);
    const char **const names[] = {&event.stream.entity, &event.type, &event.actor, &event.producer};
    cr_assert_eq(line_from_event(&event, &line, &error), STATUS_DAMAGED);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        event = event_with("{}", 2);
        *names[i] = "\xC0";
        cr_assert_eq(line_from_event(&event, &line, &error), STATUS_DAMAGED, "name %zu", i);
    }
}

static const char whole[] =
    "{\"position\":8,\"stream\":\"stock-tea\",\"version\":2,\"type\":\"Happened\",\"schema_version\":1,"
    "\"event_id\":\"01000000-0000-0000-0000-000000000000\","
    "\"correlation_id\":\"02000000-0000-0000-0000-000000000000\",\"causation\":7,"
    "\"recorded_at\":\"2026-11-24T01:00:00Z\",\"actor\":\"clerk\",\"producer\":\"till 1\",\"command_id\":null,"
    "\"data\":{},\"digest\":\"ab01020300000000000000000000000000000000000000000000000000000000\"}";

/* `whole` with one piece of it replaced. */
static const char *replaced(const char *piece, const char *by)
{
    const char *at = strstr(whole, piece);
    cr_assert_not_null(at, "%s", piece);
    buffer_reset(&line);
    buffer_append(&line, whole, (size_t)(at - whole));
    buffer_text(&line, by);
    buffer_text(&line, at + strlen(piece));
    return buffer_string(&line);
}

#define LONG_32  "a_word_of_32_letters_that_go_on__"
#define TOO_LONG LONG_32 LONG_32 LONG_32 LONG_32 "e" /* 129 bytes: one more than a name may have */

static void refuses(const char *piece, const char *by, const char *words)
{
    struct recorded_event event;
    const char *text = replaced(piece, by);
    cr_assert_eq(line_to_event(text, strlen(text), &arena, &event, &error), STATUS_INVALID, "%s", text);
    cr_assert_not_null(strstr(error.text, words), "%s\nsays: %s", text, error.text);
}

Test(lines, a_line_that_is_none_is_refused_with_the_reason)
{
    struct recorded_event event;
    cr_assert_eq(line_to_event(whole, strlen(whole), &arena, &event, &error), STATUS_OK, "%s", error.text);
    refuses(whole, "", "the text ends too early");
    refuses(whole, "[]", "must be an object");
    refuses("\"position\":8", "\"position\":0", "position: must be 1 to ");
    refuses("\"position\":8", "\"position\":8.0", "position: must be an integer");
    refuses("\"position\":8,", "", "stream: \"position\" must stand here");
    refuses("\"position\":8", "\"position\":8,\"extra\":1", "extra: \"stream\" must stand here");
    refuses("stock-tea", "stock", "stream: must be a category, '-' and an entity");
    refuses("stock-tea", "-tea", "stream: must be a category");
    refuses("stock-tea", "stock-", "stream: must be a category");
    refuses("stock-tea", "stock-\\u0001", "stream: must be 1 to ");
    refuses("stock-", TOO_LONG "-", "stream: must be a category");
    refuses("-tea", "-" TOO_LONG, "stream: must be a category");
    refuses("Happened", "", "type: must be 1 to 128 bytes");
    refuses("\"schema_version\":1", "\"schema_version\":1001", "schema_version: must be 1 to 1000");
    refuses("01000000-", "0100000-", "event_id: must be a UUID");
    refuses("\"causation\":7", "\"causation\":8", "causation: must be an earlier position");
    refuses("\"causation\":7", "\"causation\":0", "causation: must be an earlier position");
    refuses("\"causation\":7", "\"causation\":\"7\"", "causation: must be an integer");
    refuses("\"causation\":7", "\"causation\":nil", "causation: must be null");
    refuses("2026-11-24T01:00:00Z", "yesterday", "recorded_at: must be a time");
    refuses("\"command_id\":null", "\"command_id\":\"x\"", "command_id: must be a UUID");
    refuses("\"data\":{}", "\"data\":{]", "data: ");
    refuses("\"data\":{}", "\"data_text\":{}", "data_text: must be a text");
    refuses("\"data\":{}", "\"date\":{}", "date: \"data\" must stand here");
    refuses("ab0102", "ab010", "digest: must be 64 hexadecimal digits");
    refuses("ab0102", "ab01", "digest: must be 64 hexadecimal digits");
    refuses("ab0102", "xb0102", "digest: must be 64 hexadecimal digits");
    refuses("000\"}", "000\",\"more\":1}", "more: nothing may stand behind the digest");
    refuses("000\"}", "000\"} {}", "something stands after the value");
}

Test(lines, data_that_is_too_long_is_refused)
{
    const size_t length = sizeof "{\"data_text\":\"\"" + EVENTSTORE_DATA_MAX + 1;
    char *member = arena_alloc(&arena, length);
    cr_assert_not_null(member);
    memset(member, 'x', length - 2);
    memcpy(member, "\"data_text\":\"", sizeof "\"data_text\":\"" - 1);
    member[length - 2] = '"';
    refuses("\"data\":{}", member, "data_text: must be at most 1048576 bytes");
}

Test(lines, a_title_comes_back)
{
    struct line_title again,
        title = {.store = {.id = {{5}}, .created_at_us = 1700000000000001, .format = LINES_FORMAT}, .position = 3};
    memcpy(title.digest, digest, sizeof digest);
    static const char *const settings[] = {"{\"currency\":\"USD\"}", "{\"evil\":\"\xE2\x80\xAE\"}", "no\nJSON"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        strcpy(title.store.settings, settings[i]);
        cr_assert_eq(line_from_title(&title, &line, &error), STATUS_OK, "%s", error.text);
        cr_assert_eq(line_to_title(line.data, line.length, &arena, &again, &error), STATUS_OK, "%s", error.text);
        cr_assert(uuid_equal(again.store.id, title.store.id));
        cr_assert_eq(again.store.created_at_us, title.store.created_at_us);
        cr_assert_str_eq(again.store.settings, title.store.settings);
        cr_assert_eq(again.position, 3);
        cr_assert_arr_eq(again.digest, digest, sizeof digest);
        cr_assert_null(find_harm(line.data, line.length), "%s", line.data);
    }
    cr_assert_not_null(strstr(line.data, "\"settings_text\":\"no\\nJSON\""));
}

Test(lines, settings_that_are_too_long_are_refused)
{
    struct line_title title = {.store = {.format = LINES_FORMAT, .settings = "{}"}};
    struct buffer longer = {0};
    cr_assert_eq(line_from_title(&title, &line, &error), STATUS_OK, "%s", error.text);
    const char *at = strstr(line.data, "\"settings\":{}");
    cr_assert_not_null(at, "%s", line.data);
    buffer_append(&longer, line.data, (size_t)(at - line.data));
    buffer_format(&longer, "\"settings_text\":\"%0*d\"%s", (int)sizeof title.store.settings, 0,
                  at + strlen("\"settings\":{}"));
    cr_assert_eq(line_to_title(longer.data, longer.length, &arena, &title, &error), STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, "settings_text: must be less than "), "%s", error.text);
    buffer_clear(&longer);
}

static void is_refused_with(char *place, char changed)
{
    struct line_title title;
    const char was = *place;
    *place = changed;
    cr_expect_eq(line_to_title(line.data, line.length, &arena, &title, &error), STATUS_INVALID);
    cr_expect(strncmp(error.text, "store_id: is not that of a store", 32) == 0, "%s", error.text);
    *place = was;
}

Test(lines, a_title_whose_settings_or_age_were_changed_is_refused)
{
    struct line_title title = {.store = {.created_at_us = 0, .format = LINES_FORMAT, .settings = "{\"a\":7}"}};
    title.store.id = store_id_new(0, title.store.settings);
    cr_assert_eq(line_from_title(&title, &line, &error), STATUS_OK, "%s", error.text);
    is_refused_with(strstr(buffer_string(&line), "7}"), '8');
    is_refused_with(strstr(buffer_string(&line), "1970-"), '2');
    cr_assert_eq(line_to_title(line.data, line.length, &arena, &title, &error), STATUS_OK, "%s", error.text);
}

Test(lines, a_title_of_another_kind_or_of_times_to_come_is_refused)
{
    struct line_title title;
    const char *newer = "{\"tillroll\":\"roll\",\"format\":2,\"anything\":[]}";
    cr_assert_eq(line_to_title(newer, strlen(newer), &arena, &title, &error), STATUS_NEWER);
    cr_assert_eq(line_to_title(whole, strlen(whole), &arena, &title, &error), STATUS_INVALID);
    const char *other = "{\"tillroll\":\"seal\",\"format\":1}";
    cr_assert_eq(line_to_title(other, strlen(other), &arena, &title, &error), STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, "tillroll: must be \"roll\""), "%s", error.text);
}
