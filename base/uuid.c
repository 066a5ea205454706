#include "base/uuid.h"

#include <string.h>
#include <uuid/uuid.h>

/* A hex digit's value with bit 4 set, so that 0 means "no digit" and one AND over all of them finds a bad one. */
enum { DIGIT = 0x10 };
static const uint8_t digit_values[256] = {
    ['0'] = DIGIT | 0,  ['1'] = DIGIT | 1,  ['2'] = DIGIT | 2,  ['3'] = DIGIT | 3,
    ['4'] = DIGIT | 4,  ['5'] = DIGIT | 5,  ['6'] = DIGIT | 6,  ['7'] = DIGIT | 7,
    ['8'] = DIGIT | 8,  ['9'] = DIGIT | 9,  ['a'] = DIGIT | 10, ['b'] = DIGIT | 11,
    ['c'] = DIGIT | 12, ['d'] = DIGIT | 13, ['e'] = DIGIT | 14, ['f'] = DIGIT | 15,
};

/* Where each byte's two digits stand; the dashes are at 8, 13, 18 and 23. */
static const uint8_t digit_places[UUID_BYTES] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

void uuid_to_text(struct uuid id, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < UUID_BYTES; i++) {
        text[digit_places[i]] = digits[id.bytes[i] >> 4];
        text[digit_places[i] + 1] = digits[id.bytes[i] & 15];
    }
    text[8] = text[13] = text[18] = text[23] = '-';
    text[UUID_TEXT_SIZE - 1] = '\0';
}

bool uuid_from_canonical(const char *text, size_t length, struct uuid *id)
{
    if (length != UUID_TEXT_SIZE - 1 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return false;

    struct uuid read;
    unsigned valid = DIGIT;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        const unsigned high = digit_values[(unsigned char)text[digit_places[i]]];
        const unsigned low = digit_values[(unsigned char)text[digit_places[i] + 1]];
        valid &= high & low;
        read.bytes[i] = (uint8_t)((high & 15) << 4 | (low & 15));
    }
    if (valid == 0)
        return false;
    *id = read;
    return true;
}

bool uuid_from_text(const char *text, struct uuid *id)
{
    char lower[UUID_TEXT_SIZE];
    const size_t length = strnlen(text, sizeof lower);
    if (length != sizeof lower - 1)
        return false;
    for (size_t i = 0; i < length; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    return uuid_from_canonical(lower, length, id);
}

bool uuid_equal(struct uuid one, struct uuid other)
{
    return memcmp(one.bytes, other.bytes, UUID_BYTES) == 0;
}

bool uuid_is_nil(struct uuid id)
{
    return uuid_equal(id, (struct uuid){0});
}

struct uuid uuid_from_name(struct uuid name_space, const void *name, size_t length)
{
    struct uuid id;
    uuid_generate_sha1(id.bytes, name_space.bytes, name, length);
    return id;
}

struct uuid uuid_random(void)
{
    struct uuid id;
    uuid_generate_random(id.bytes);
    return id;
}
