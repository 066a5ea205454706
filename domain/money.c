#include "domain/money.h"

#include <string.h>

/* ISO 4217, list one: everything that has a minor unit, by first letter; the other two letters, then the exponent.
 * A code that is withdrawn one day stays here: histories hold it, and they must load for ever. */
static const char *const currencies[26] = {
    ['A' - 'A'] = "ED2 FN2 LL2 MD2 NG2 OA2 RS2 UD2 WG2 ZN2",
    ['B' - 'A'] = "AM2 BD2 DT2 GN2 HD3 IF0 MD2 ND2 OB2 OV2 RL2 SD2 TN2 WP2 YN2 ZD2",
    ['C' - 'A'] = "AD2 DF2 HE2 HF2 HW2 LF4 LP0 NY2 OP2 OU2 RC2 UP2 VE2 ZK2",
    ['D' - 'A'] = "JF0 KK2 OP2 ZD2",
    ['E' - 'A'] = "GP2 RN2 TB2 UR2",
    ['F' - 'A'] = "JD2 KP2",
    ['G' - 'A'] = "BP2 EL2 HS2 IP2 MD2 NF0 TQ2 YD2",
    ['H' - 'A'] = "KD2 NL2 TG2 UF2",
    ['I' - 'A'] = "DR2 LS2 NR2 QD3 RR2 SK0",
    ['J' - 'A'] = "MD2 OD3 PY0",
    ['K' - 'A'] = "ES2 GS2 HR2 MF0 PW2 RW0 WD3 YD2 ZT2",
    ['L' - 'A'] = "AK2 BP2 KR2 RD2 SL2 YD3",
    ['M' - 'A'] = "AD2 DL2 GA2 KD2 MK2 NT2 OP2 RU2 UR2 VR2 WK2 XN2 XV2 YR2 ZN2",
    ['N' - 'A'] = "AD2 GN2 IO2 OK2 PR2 ZD2",
    ['O' - 'A'] = "MR3",
    ['P' - 'A'] = "AB2 EN2 GK2 HP2 KR2 LN2 YG0",
    ['Q' - 'A'] = "AR2",
    ['R' - 'A'] = "ON2 SD2 UB2 WF0",
    ['S' - 'A'] = "AR2 BD2 CR2 DG2 EK2 GD2 HP2 LE2 OS2 RD2 SP2 TN2 VC2 YP2 ZL2",
    ['T' - 'A'] = "HB2 JS2 MT2 ND3 OP2 RY2 TD2 WD2 ZS2",
    ['U' - 'A'] = "AH2 GX0 SD2 SN2 YI0 YU2 YW4 ZS2",
    ['V' - 'A'] = "ED2 ES2 ND0 UV0",
    ['W' - 'A'] = "ST2",
    ['X' - 'A'] = "AD2 AF0 CD2 CG2 OF0 PF0",
    ['Y' - 'A'] = "ER2",
    ['Z' - 'A'] = "AR2 MW2 WG2",
};

bool currency_is_known(const char *code, int *exponent)
{
    if (code[0] < 'A' || code[0] > 'Z')
        return false;
    if (code[1] == '\0' || code[2] == '\0' || code[3] != '\0')
        return false;
    for (const char *entry = currencies[code[0] - 'A'];; entry += 4) {
        if (entry[0] == code[1] && entry[1] == code[2]) {
            if (exponent != NULL)
                *exponent = entry[2] - '0';
            return true;
        }
        if (entry[3] == '\0')
            return false;
    }
}

struct currency currency_from_code(const char *code)
{
    struct currency currency = {{0}};
    if (currency_is_known(code, NULL))
        memcpy(currency.code, code, sizeof(currency.code));
    return currency;
}

struct currency currency_from_settings(const char *settings)
{
    static const char key[] = "\"currency\":\"";
    char code[4] = "";
    const char *at = strstr(settings, key);
    if (at != NULL)
        at += sizeof key - 1;
    if (at != NULL && strcspn(at, "\"") == 3 && at[3] == '"')
        memcpy(code, at, 3);
    return currency_from_code(code);
}

bool currency_equal(struct currency one, struct currency other)
{
    return memcmp(one.code, other.code, sizeof(one.code)) == 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* *minor = 10 × *minor + digit, or false above AMOUNT_MAX_MINOR. */
static bool push_digit(int64_t *minor, char digit)
{
    int64_t next = *minor * 10 + (digit - '0'); /* no overflow: *minor is at most 2^52 */
    if (next > AMOUNT_MAX_MINOR)
        return false;
    *minor = next;
    return true;
}

/* The digits after the point, exactly `exponent` of them: missing ones are zeros, and more may only be zeros. */
static bool push_decimals(const char *decimals, int exponent, int64_t *minor)
{
    int pushed = 0;
    for (; is_digit(*decimals); decimals++) {
        if (pushed == exponent && *decimals != '0')
            return false;
        if (pushed < exponent && !push_digit(minor, *decimals))
            return false;
        pushed += pushed < exponent;
    }
    for (; pushed < exponent; pushed++)
        if (!push_digit(minor, '0'))
            return false;
    return *decimals == '\0';
}

bool money_from_text(const char *text, struct currency currency, int64_t *minor)
{
    int exponent;
    if (!currency_is_known(currency.code, &exponent) || !is_digit(text[0]))
        return false;
    int64_t amount = 0;
    for (; is_digit(*text); text++)
        if (!push_digit(&amount, *text))
            return false;
    if (*text == '.' && !is_digit(*++text))
        return false; /* "5." and "." */
    if (!push_decimals(text, exponent, &amount))
        return false;
    *minor = amount;
    return true;
}

void money_to_text(int64_t minor, struct currency currency, char text[MONEY_TEXT_SIZE])
{
    int exponent = 0;
    currency_is_known(currency.code, &exponent);
    uint64_t rest = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    char reversed[MONEY_TEXT_SIZE];
    size_t length = 0;
    for (int digits = 0; digits <= exponent || rest > 0; digits++, rest /= 10) {
        if (digits == exponent && exponent > 0)
            reversed[length++] = '.';
        reversed[length++] = (char)('0' + rest % 10);
    }
    if (minor < 0)
        reversed[length++] = '-';
    for (size_t i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    text[length] = ' ';
    memcpy(text + length + 1, currency.code, sizeof(currency.code));
}

bool money_multiply(int64_t price_minor, int64_t quantity, int64_t *minor)
{
    if (price_minor < 0 || quantity < 0)
        return false;
    if (quantity > 0 && price_minor > AMOUNT_MAX_MINOR / quantity)
        return false;
    *minor = price_minor * quantity;
    return true;
}

bool money_add(int64_t *total_minor, int64_t minor)
{
    if (minor > 0 && *total_minor > AMOUNT_MAX_MINOR - minor)
        return false;
    *total_minor += minor;
    return true;
}
