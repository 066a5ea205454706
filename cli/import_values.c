#include <string.h>

#include "base/text.h"
#include "cli/import.h"
#include "domain/money.h"

static enum status refuse(struct error *error, const char *column, const struct csv_field *field, const char *clause)
{
    char safe[TEXT_SAFE_SIZE];
    if (field->length == 0)
        return error_set(error, STATUS_REFUSED, "%s is empty", column);
    return error_set(error, STATUS_REFUSED, "%s \"%s\" %s", column, text_safe_bytes(safe, field->text, field->length),
                     clause);
}

enum status import_text(const char *column, const struct csv_field *field, size_t max_bytes, struct error *error)
{
    if (field->length > max_bytes)
        return error_set(error, STATUS_REFUSED, "%s is longer than %zu bytes", column, max_bytes);
    if (!text_is_clean(field->text, field->length, max_bytes))
        return refuse(error, column, field, "holds a line break or another control character");
    return STATUS_OK;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

enum status import_number(const char *column, const struct csv_field *field, int64_t min, int64_t max, int64_t *number,
                          struct error *error)
{
    const char *text = field->text;
    char clause[64];
    size_t digits = strspn(text + (text[0] == '-'), "0123456789");
    if (digits == 0 || text[(text[0] == '-') + digits] != '\0')
        return refuse(error, column, field, "is no whole number");
    (void)snprintf(clause, sizeof clause, "is not %lld to %lld", (long long)min, (long long)max);
    return integer_from_text(text, min, max, number) ? STATUS_OK : refuse(error, column, field, clause);
}

/* Reads past a decimal number without a sign, and counts its decimals but for zeros at the end; NULL when it is none.
 */
static const char *skip_decimal(const char *text, int *decimals)
{
    *decimals = 0;
    if (!is_digit(*text))
        return NULL;
    while (is_digit(*text))
        text++;
    if (*text != '.')
        return text;
    const char *point = text++;
    if (!is_digit(*text))
        return NULL;
    for (; is_digit(*text); text++)
        if (*text != '0')
            *decimals = (int)(text - point);
    return text;
}

enum status import_price(const char *column, const struct csv_field *field, struct currency currency, int64_t *minor,
                         struct error *error)
{
    char clause[80];
    int decimals, exponent = 0;
    bool negative = field->text[0] == '-';
    if (money_from_text(field->text, currency, minor))
        return *minor > 0 ? STATUS_OK : refuse(error, column, field, "is not positive");
    const char *end = skip_decimal(field->text + negative, &decimals);
    if (end == NULL || *end != '\0')
        return refuse(error, column, field, "is no decimal number: write it like 1234.50");
    if (negative)
        return refuse(error, column, field, "is not positive");
    (void)currency_is_known(currency.code, &exponent);
    if (decimals <= exponent)
        return refuse(error, column, field, "is too large");
    (void)snprintf(clause, sizeof clause, "has too many decimals: %s has %d", currency.code, exponent);
    return refuse(error, column, field, clause);
}

enum status import_time(const char *column, const struct csv_field *field, int64_t *at_us, struct error *error)
{
    if (time_from_text(field->text, at_us))
        return STATUS_OK;
    return refuse(error, column, field, "is no time: write it like 1996-07-04T18:30:00Z or 1996-07-04");
}

const char *import_words(const struct csv_field *field, struct buffer *words)
{
    bool blank = false;
    buffer_reset(words);
    for (size_t i = 0; i < field->length; i++) {
        bool is_break = strchr("\r\n\t", field->text[i]) != NULL;
        if (!is_break && blank && words->length > 0)
            buffer_char(words, ' ');
        if (!is_break)
            buffer_char(words, field->text[i]);
        blank = is_break;
    }
    return buffer_string(words);
}
