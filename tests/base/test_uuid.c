#include <ctype.h>
#include <string.h>
#include <uuid/uuid.h>

#include <criterion/criterion.h>

#include "base/uuid.h"

static const char known[] = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

Test(uuid, text_and_value_are_the_same_thing)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    cr_assert(uuid_from_canonical(known, strlen(known), &id));
    cr_assert_eq(id.bytes[0], 0x01);
    cr_assert_eq(id.bytes[6], 0x7e);
    cr_assert_eq(id.bytes[15], 0x5b);
    uuid_to_text(id, text);
    cr_assert_str_eq(text, known);
}

Test(uuid, is_read_and_printed_as_libuuid_does)
{
    for (int i = 0; i < 1000; i++) {
        const struct uuid id = uuid_random();
        char ours[UUID_TEXT_SIZE], theirs[UUID_TEXT_SIZE];
        uuid_to_text(id, ours);
        uuid_unparse_lower(id.bytes, theirs);
        cr_assert_str_eq(ours, theirs);

        struct uuid read;
        cr_assert(uuid_from_canonical(theirs, 36, &read));
        cr_assert(uuid_equal(read, id));
    }
}

Test(uuid, every_wrong_byte_at_every_place_is_refused)
{
    struct uuid before = uuid_random();
    for (size_t place = 0; place < 36; place++) {
        const bool is_dash = place == 8 || place == 13 || place == 18 || place == 23;
        for (int byte = 0; byte < 256; byte++) {
            char text[UUID_TEXT_SIZE];
            memcpy(text, known, sizeof text);
            text[place] = (char)byte;
            const bool right = is_dash ? byte == '-' : (byte != 0 && strchr("0123456789abcdef", byte) != NULL);
            struct uuid id = before;
            cr_assert_eq(uuid_from_canonical(text, 36, &id), right, "byte %d at %zu", byte, place);
            cr_assert(right || uuid_equal(id, before), "a refusal leaves the value alone");
        }
    }
}

Test(uuid, only_the_whole_length_is_read)
{
    struct uuid id;
    cr_expect_not(uuid_from_canonical(known, 35, &id));
    cr_expect_not(uuid_from_canonical("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0", 37, &id));
    cr_expect_not(uuid_from_canonical("", 0, &id));
    cr_expect_not(uuid_from_text("", &id));
    cr_expect_not(uuid_from_text("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b ", &id));
    cr_expect_not(uuid_from_text("{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}", &id));
    cr_expect_not(uuid_from_text("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b", &id));
    cr_expect_not(uuid_from_text("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5", &id));
}

Test(uuid, upper_case_is_for_people_only)
{
    char upper[UUID_TEXT_SIZE];
    for (size_t i = 0; i < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)known[i]);
    struct uuid canonical, typed;
    cr_assert(uuid_from_canonical(known, 36, &canonical));
    cr_assert_not(uuid_from_canonical(upper, 36, &typed));
    cr_assert(uuid_from_text(upper, &typed));
    cr_assert(uuid_equal(canonical, typed));
    cr_assert(uuid_from_text(known, &typed));
    cr_assert(uuid_equal(canonical, typed));
    cr_assert_not(uuid_from_text("0190G1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", &typed));
}

Test(uuid, the_same_name_gives_the_same_id_for_ever)
{
    /* RFC 9562, appendix A.4: version 5 of "www.example.com" in the namespace DNS. */
    struct uuid dns, expected;
    cr_assert(uuid_from_text("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &dns));
    cr_assert(uuid_from_text("2ed6657d-e927-568b-95e1-2665a8aea6a2", &expected));
    cr_assert(uuid_equal(uuid_from_name(dns, "www.example.com", 15), expected));
    cr_assert_not(uuid_equal(uuid_from_name(dns, "www.example.com", 14), expected));
    cr_assert_not(uuid_equal(uuid_from_name(expected, "www.example.com", 15), expected));
}

Test(uuid, a_random_one_is_of_version_4_and_new)
{
    const struct uuid one = uuid_random();
    const struct uuid other = uuid_random();
    cr_assert_eq(one.bytes[6] >> 4, 4);
    cr_assert_eq(one.bytes[8] >> 6, 2);
    cr_assert_not(uuid_equal(one, other));
}

Test(uuid, nil_is_all_zeroes)
{
    struct uuid id = {0};
    cr_assert(uuid_is_nil(id));
    for (size_t i = 0; i < UUID_BYTES; i++) {
        id.bytes[i] = 1;
        cr_assert_not(uuid_is_nil(id));
        cr_assert_not(uuid_equal(id, (struct uuid){0}));
        id.bytes[i] = 0;
    }
}
