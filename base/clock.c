/* The calendar is Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that the
 * leap day comes last, and 400 years always have the same number of days. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/status.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

struct date {
    int year, month, day;
};

static int64_t system_now_us(void *context)
{
    (void)context;
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

const struct clock clock_system = {.now_us = system_now_us};

int64_t clock_now_us(const struct clock *clock)
{
    return clock->now_us(clock->context);
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t days_from_date(struct date date)
{
    const int year = date.month > 2 ? date.year : date.year - 1;
    const int era = year / YEARS_PER_ERA; /* never negative: years start at 1 */
    const int year_of_era = year % YEARS_PER_ERA;
    const int month_from_march = (date.month + 9) % 12;
    const int day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static struct date date_from_days(int64_t days)
{
    const int64_t from_march = days + DAYS_TO_1970;
    const int era = (int)(from_march / DAYS_PER_ERA);
    const int day_of_era = (int)(from_march % DAYS_PER_ERA);
    const int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int month_from_march = (5 * day_of_year + 2) / 153;
    const int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct date){
        .year = era * YEARS_PER_ERA + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

static void write_digits(char *text, int number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        text[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* Writes the day's ten characters and returns the microseconds since its midnight. */
static int64_t write_day(int64_t at_us, char *text)
{
    const int64_t clamped = at_us < TIME_MIN_US ? TIME_MIN_US : at_us > TIME_MAX_US ? TIME_MAX_US : at_us;
    const int64_t days = (clamped - TIME_MIN_US) / US_PER_DAY + TIME_MIN_US / US_PER_DAY;
    const struct date date = date_from_days(days);
    write_digits(text, date.year, 4);
    text[4] = '-';
    write_digits(text + 5, date.month, 2);
    text[7] = '-';
    write_digits(text + 8, date.day, 2);
    return clamped - days * US_PER_DAY;
}

void time_to_day(int64_t at_us, char text[DAY_TEXT_SIZE])
{
    (void)write_day(at_us, text);
    text[DAY_TEXT_SIZE - 1] = '\0';
}

void time_to_text(int64_t at_us, char text[TIME_TEXT_SIZE])
{
    const int64_t of_day = write_day(at_us, text);
    text[10] = 'T';
    write_digits(text + 11, (int)(of_day / US_PER_HOUR), 2);
    text[13] = ':';
    write_digits(text + 14, (int)(of_day % US_PER_HOUR / US_PER_MINUTE), 2);
    text[16] = ':';
    write_digits(text + 17, (int)(of_day % US_PER_MINUTE / US_PER_SECOND), 2);

    char *end = text + 19;
    const int fraction_us = (int)(of_day % US_PER_SECOND);
    if (fraction_us != 0) {
        *end = '.';
        write_digits(end + 1, fraction_us, 6);
        end += 7;
    }
    end[0] = 'Z';
    end[1] = '\0';
}

/* Reads exactly `digits` digits and moves past them. */
static bool read_digits(const char **at, int digits, int *number)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        const char digit = (*at)[i]; /* the NUL is no digit, so this never passes the end */
        if (digit < '0' || digit > '9')
            return false;
        value = value * 10 + (digit - '0');
    }
    *at += digits;
    *number = value;
    return true;
}

static bool read_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool read_date(const char **at, struct date *date)
{
    return read_digits(at, 4, &date->year) && read_char(at, '-') && read_digits(at, 2, &date->month) &&
           read_char(at, '-') && read_digits(at, 2, &date->day) && date->year >= 1 && date->month >= 1 &&
           date->month <= 12 && date->day >= 1 && date->day <= days_in_month(date->year, date->month);
}

/* "hh:mm", as in a time and in an offset. */
static bool read_hour_and_minute(const char **at, int64_t *us)
{
    int hour, minute;
    if (!read_digits(at, 2, &hour) || !read_char(at, ':') || !read_digits(at, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *us = hour * US_PER_HOUR + minute * US_PER_MINUTE;
    return true;
}

static bool read_fraction(const char **at, int64_t *us)
{
    *us = 0;
    if (!read_char(at, '.'))
        return true;
    int64_t unit_us = US_PER_SECOND / 10;
    int digit;
    if (**at < '0' || **at > '9')
        return false;
    while (unit_us > 0 && read_digits(at, 1, &digit)) {
        *us += digit * unit_us;
        unit_us /= 10;
    }
    return true; /* a seventh digit is left for read_offset to refuse */
}

static bool read_time_of_day(const char **at, int64_t *us)
{
    int second;
    int64_t fraction_us;
    if (!read_hour_and_minute(at, us) || !read_char(at, ':') || !read_digits(at, 2, &second) || second > 59 ||
        !read_fraction(at, &fraction_us))
        return false;
    *us += second * US_PER_SECOND + fraction_us;
    return true;
}

static bool read_offset(const char **at, int64_t *us)
{
    *us = 0;
    if (read_char(at, 'Z') || read_char(at, 'z'))
        return true;
    const int64_t sign = **at == '-' ? -1 : 1;
    if ((!read_char(at, '+') && !read_char(at, '-')) || !read_hour_and_minute(at, us))
        return false;
    *us *= sign;
    return true;
}

bool time_from_text(const char *text, int64_t *at_us)
{
    const char *at = text;
    struct date date;
    int64_t of_day_us = 0;
    int64_t offset_us = 0;
    if (!read_date(&at, &date))
        return false;
    if (*at != '\0') {
        if (!read_char(&at, 'T') && !read_char(&at, 't') && !read_char(&at, ' '))
            return false;
        if (!read_time_of_day(&at, &of_day_us) || !read_offset(&at, &offset_us) || *at != '\0')
            return false;
    }

    const int64_t read_us = days_from_date(date) * US_PER_DAY + of_day_us - offset_us;
    if (read_us < TIME_MIN_US || read_us > TIME_MAX_US)
        return false;
    *at_us = read_us;
    return true;
}
