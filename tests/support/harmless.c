#include "tests/support/harmless.h"

#include <stdbool.h>
#include <string.h>

struct marks {
    const char *lead;       /* the first bytes of the character … */
    unsigned char from, to; /* … and what the last one is */
};

static const struct marks harmful[] = {
    {"\xC2", 0x80, 0x9F},     /* C1 */
    {"\xD8", 0x9C, 0x9C},     /* the Arabic letter mark */
    {"\xE2\x80", 0x8E, 0x8F}, /* left-to-right and right-to-left marks */
    {"\xE2\x80", 0xA8, 0xAE}, /* separators, embeddings and overrides */
    {"\xE2\x81", 0xA6, 0xA9}, /* isolates */
};

static bool begins(const char *at, size_t left, const struct marks *marks)
{
    const size_t lead = strlen(marks->lead);
    return left > lead && memcmp(at, marks->lead, lead) == 0 && (unsigned char)at[lead] >= marks->from &&
           (unsigned char)at[lead] <= marks->to;
}

const char *find_harm(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        const unsigned char byte = (unsigned char)text[at];
        if ((byte < 0x20 && byte != '\n') || byte == 0x7F)
            return text + at;
        for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
            if (begins(text + at, length - at, &harmful[i]))
                return text + at;
    }
    return NULL;
}
