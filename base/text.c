#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/uuid.h"

enum { ESCAPE_SIZE = 16 /* "\u{10FFFF}" and room */ };

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS        EVERY_BYTE(0x80)

static bool is_continuation(const char *at)
{
    return ((unsigned char)*at & 0xC0) == 0x80;
}

/* Bytes that a character starting with `lead` has, and the smallest code point that needs so many. */
static size_t sequence_length(unsigned char lead, uint32_t *smallest)
{
    if (lead >= 0xC2 && lead <= 0xDF) {
        *smallest = 0x80;
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        *smallest = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *smallest = 0x10000;
        return 4;
    }
    return 0;
}

size_t text_decode(const char *text, const char *end, uint32_t *codepoint)
{
    const unsigned char lead = (unsigned char)*text;
    if (lead < 0x80) {
        *codepoint = lead;
        return 1;
    }

    uint32_t smallest;
    const size_t length = sequence_length(lead, &smallest);
    if (length == 0 || (size_t)(end - text) < length)
        return 0;
    uint32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(text + i))
            return 0;
        value = value << 6 | ((unsigned char)text[i] & 0x3F);
    }
    if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *codepoint = value;
    return length;
}

/* Past the plain ASCII at `at`, eight bytes at a time: most text is nothing else. */
static const char *skip_ascii(const char *at, const char *end)
{
    uint64_t eight;
    while ((size_t)(end - at) >= sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        if ((eight & HIGH_BITS) != 0)
            break;
        at += sizeof eight;
    }
    return at;
}

bool text_is_utf8(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *at = skip_ascii(bytes, end);
    while (at < end) {
        uint32_t codepoint;
        const size_t taken = text_decode(at, end, &codepoint);
        if (taken == 0)
            return false;
        at += taken;
    }
    return true;
}

static bool is_control(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7F && codepoint < 0xA0);
}

/* Past what is ASCII and no control character, eight bytes at a time. In a byte without its high bit, adding 1 carries
 * into that bit for DEL, and taking 0x20 away borrows from it for C0. */
static const char *skip_clean_ascii(const char *at, const char *end)
{
    uint64_t eight;
    while ((size_t)(end - at) >= sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        if (((eight | (eight + EVERY_BYTE(1)) | (eight - EVERY_BYTE(0x20))) & HIGH_BITS) != 0)
            break;
        at += sizeof eight;
    }
    while (at < end && *at >= 0x20 && *at < 0x7F)
        at++;
    return at;
}

bool text_is_clean(const char *text, size_t length, size_t max_bytes)
{
    if (length == 0 || length > max_bytes)
        return false;
    const char *end = text + length;
    for (text = skip_clean_ascii(text, end); text < end; text = skip_clean_ascii(text, end)) {
        uint32_t codepoint;
        const size_t taken = text_decode(text, end, &codepoint);
        if (taken == 0 || is_control(codepoint))
            return false;
        text += taken;
    }
    return true;
}

/* Marks that reorder what stands beside them (the "Trojan Source" trick), and the two that break lines. */
static bool is_deceptive(uint32_t codepoint)
{
    return codepoint == 0x061C || codepoint == 0x200E || codepoint == 0x200F ||
           (codepoint >= 0x2028 && codepoint <= 0x202E) || (codepoint >= 0x2066 && codepoint <= 0x2069);
}

bool text_is_harmful(uint32_t codepoint)
{
    return is_control(codepoint) || is_deceptive(codepoint);
}

/* Reads one character, or one broken byte. When it may not stand as it is, its escape is written, else "". Returns the
 * bytes read. */
static size_t escape_next(const char *at, const char *end, char escape[ESCAPE_SIZE])
{
    uint32_t codepoint;
    const size_t taken = text_decode(at, end, &codepoint);
    escape[0] = '\0';
    if (taken == 0 || (taken == 1 && is_control(codepoint)))
        (void)snprintf(escape, ESCAPE_SIZE, "\\x%02X", (unsigned)(unsigned char)*at);
    else if (text_is_harmful(codepoint))
        (void)snprintf(escape, ESCAPE_SIZE, "\\u{%X}", (unsigned)codepoint);
    return taken == 0 ? 1 : taken;
}

void text_append_safe(struct buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    const char *plain = text; /* what stands as it is and is not appended yet starts here */
    for (const char *at = text; at < end;) {
        char escape[ESCAPE_SIZE];
        const size_t taken = escape_next(at, end, escape);
        if (escape[0] != '\0') {
            buffer_append(out, plain, (size_t)(at - plain));
            buffer_text(out, escape);
            plain = at + taken;
        }
        at += taken;
    }
    buffer_append(out, plain, (size_t)(end - plain));
}

const char *text_safe_bytes(char out[TEXT_SAFE_SIZE], const char *text, size_t length)
{
    static const char more[] = "…";
    const char *end = text + length;
    size_t used = 0;
    size_t cut = 0; /* the last whole character after which `more` still fits */
    for (const char *at = text; at < end;) {
        char escape[ESCAPE_SIZE];
        const size_t taken = escape_next(at, end, escape);
        const char *piece = escape[0] != '\0' ? escape : at;
        const size_t size = escape[0] != '\0' ? strlen(escape) : taken;
        if (used <= TEXT_SAFE_SIZE - sizeof more)
            cut = used;
        if (used + size >= TEXT_SAFE_SIZE) {
            memcpy(out + cut, more, sizeof more);
            return out;
        }
        memcpy(out + used, piece, size);
        used += size;
        at += taken;
    }
    out[used] = '\0';
    return out;
}

const char *text_safe(char out[TEXT_SAFE_SIZE], const char *text)
{
    /* What lies past twice the room cannot show, and `text` may be a megabyte. */
    return text_safe_bytes(out, text, strnlen(text, (size_t)2 * TEXT_SAFE_SIZE));
}

/* ---- card numbers ---- */

bool text_passes_luhn(const char *digits, size_t length)
{
    int sum = 0; /* from the right, every second digit doubled, nines cast out */
    for (size_t i = 0; i < length; i++) {
        const int digit = digits[length - 1 - i] - '0';
        const int weighted = i % 2 == 0 ? digit : 2 * digit;
        sum += weighted > 9 ? weighted - 9 : weighted;
    }
    return sum % 10 == 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_of_word(char byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

/* The end of the longest card number that begins with the digit at `at`; NULL when none does. */
static char *card_end(char *at)
{
    enum { DIGITS_MIN = 13, DIGITS_MAX = 19 };
    char digits[DIGITS_MAX], separator = '\0', *end = NULL;
    for (size_t count = 0;; at++) {
        if (is_digit(*at) && count < DIGITS_MAX) {
            digits[count++] = *at;
            if (count >= DIGITS_MIN && !is_of_word(at[1]) && text_passes_luhn(digits, count))
                end = at + 1;
        } else if ((*at == ' ' || *at == '-') && is_digit(at[1]) && (separator == '\0' || separator == *at)) {
            separator = *at;
        } else {
            return end;
        }
    }
}

static void mask_card(char *begin, char *end)
{
    for (int shown = 0; end-- > begin;)
        if (is_digit(*end) && shown++ >= 4)
            *end = '*';
}

void text_mask_cards(char *text)
{
    struct uuid id;
    for (char *at = text; *at != '\0'; at++) {
        if (at > text && is_of_word(at[-1]))
            continue;
        if (uuid_from_canonical(at, strnlen(at, UUID_TEXT_SIZE - 1), &id)) {
            at += UUID_TEXT_SIZE - 2;
        } else if (is_digit(*at)) {
            char *end = card_end(at);
            if (end != NULL)
                mask_card(at, end);
        }
    }
}

void text_append_sentence(struct buffer *out, const char *sentence)
{
    const size_t begin = out->length;
    text_append_safe(out, sentence, strlen(sentence));
    if (out->length > begin)
        text_mask_cards(out->data + begin);
}

void text_trim_partial(char *text)
{
    const size_t length = strlen(text);
    size_t lead = length;
    while (lead > 0 && length - lead < 3 && is_continuation(text + lead - 1))
        lead--;
    if (lead == 0 || ((unsigned char)text[lead - 1] & 0xC0) != 0xC0)
        return;
    uint32_t codepoint;
    if (text_decode(text + lead - 1, text + length, &codepoint) == 0)
        text[lead - 1] = '\0';
}

struct range {
    uint32_t first, last;
};

/* Marks drawn over the character before them, and what has no shape at all: the scripts a shop's names are likely to
 * use, after Markus Kuhn's wcwidth. The libc's own depends on the locale, and our tables must not. */
static const struct range without_width[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},   {0x05BF, 0x05BF},   {0x05C1, 0x05C2}, {0x05C4, 0x05C5},
    {0x05C7, 0x05C7}, {0x0610, 0x061A}, {0x061C, 0x061C},   {0x064B, 0x065F},   {0x0670, 0x0670}, {0x06D6, 0x06DC},
    {0x06DF, 0x06E4}, {0x06E7, 0x06E8}, {0x06EA, 0x06ED},   {0x0900, 0x0902},   {0x093A, 0x093A}, {0x093C, 0x093C},
    {0x0941, 0x0948}, {0x094D, 0x094D}, {0x0951, 0x0957},   {0x0962, 0x0963},   {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},
    {0x0E47, 0x0E4E}, {0x1160, 0x11FF}, {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF},   {0x200B, 0x200F}, {0x202A, 0x202E},
    {0x2060, 0x2064}, {0x2066, 0x206F}, {0x20D0, 0x20F0},   {0x302A, 0x302D},   {0x3099, 0x309A}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0x1F3FB, 0x1F3FF}, {0xE0100, 0xE01EF},
};

/* Unicode's East Asian Width W and F, and the pictures that terminals draw as wide. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},
    {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},
    {0x2693, 0x2693},   {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},
    {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},
    {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},
    {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97C},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static bool is_within(uint32_t codepoint, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count && ranges[i].first <= codepoint; i++) {
        if (codepoint <= ranges[i].last)
            return true;
    }
    return false;
}

size_t text_columns(const char *text)
{
    const char *end = text + strlen(text);
    size_t columns = 0;
    while (text < end) {
        uint32_t codepoint = 0;
        const size_t taken = text_decode(text, end, &codepoint);
        if (taken <= 1)
            columns += 1; /* a broken byte is drawn as one replacement character */
        else if (!is_within(codepoint, without_width, sizeof without_width / sizeof *without_width))
            columns += is_within(codepoint, wide, sizeof wide / sizeof *wide) ? 2 : 1;
        text += taken == 0 ? 1 : taken;
    }
    return columns;
}

uint32_t text_hash(const char *text)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
    return hash;
}
