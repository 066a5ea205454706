#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/clock.h"

#define DAY_US INT64_C(86400000000)

static void reads_as(const char *text, int64_t expected_us)
{
    int64_t at_us = -1;
    cr_expect(time_from_text(text, &at_us), "%s", text);
    cr_expect_eq(at_us, expected_us, "%s: %ld", text, (long)at_us);
}

static void writes_as(int64_t at_us, const char *expected)
{
    char text[TIME_TEXT_SIZE];
    time_to_text(at_us, text);
    cr_expect_str_eq(text, expected);
}

Test(clock, writes_a_moment_with_microseconds_only_where_there_are_any)
{
    writes_as(0, "1970-01-01T00:00:00Z");
    writes_as(1, "1970-01-01T00:00:00.000001Z");
    writes_as(500000, "1970-01-01T00:00:00.500000Z");
    writes_as(INT64_C(1795459200000000) + 123456, "2026-11-23T18:40:00.123456Z");
}

Test(clock, writes_moments_before_1970)
{
    writes_as(-1, "1969-12-31T23:59:59.999999Z");
    writes_as(-DAY_US, "1969-12-31T00:00:00Z");
    writes_as(-DAY_US - 1, "1969-12-30T23:59:59.999999Z");
    writes_as(TIME_MIN_US, "0001-01-01T00:00:00Z");
    writes_as(TIME_MAX_US, "9999-12-31T23:59:59.999999Z");
}

Test(clock, clamps_what_rfc_3339_cannot_write)
{
    writes_as(INT64_MIN, "0001-01-01T00:00:00Z");
    writes_as(TIME_MIN_US - 1, "0001-01-01T00:00:00Z");
    writes_as(INT64_MAX, "9999-12-31T23:59:59.999999Z");
    writes_as(TIME_MAX_US + 1, "9999-12-31T23:59:59.999999Z");
}

Test(clock, agrees_with_the_c_library_on_every_day_of_ten_thousand_years)
{
    const int64_t last = TIME_MAX_US / DAY_US;
    for (int64_t day = TIME_MIN_US / DAY_US; day <= last; day++) {
        const time_t second = (time_t)(day * 86400 + day % 3600 + 43200);
        struct tm tm;
        char expected[64], text[TIME_TEXT_SIZE], name[DAY_TEXT_SIZE];
        cr_assert_not_null(gmtime_r(&second, &tm));
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        time_to_text(second * INT64_C(1000000), text);
        time_to_day(second * INT64_C(1000000), name);
        int64_t read_us;
        if (strcmp(text, expected) != 0 || strncmp(name, expected, 10) != 0 || name[10] != '\0' ||
            !time_from_text(text, &read_us) || read_us != second * INT64_C(1000000))
            cr_assert_fail("day %ld: %s is not %s", (long)day, text, expected);
    }
}

Test(clock, the_day_is_the_day_in_utc)
{
    char day[DAY_TEXT_SIZE];
    time_to_day(-1, day);
    cr_expect_str_eq(day, "1969-12-31");
    time_to_day(0, day);
    cr_expect_str_eq(day, "1970-01-01");
    time_to_day(INT64_MAX, day);
    cr_expect_str_eq(day, "9999-12-31");
    time_to_day(INT64_MIN, day);
    cr_expect_str_eq(day, "0001-01-01");
}

Test(clock, reads_what_rfc_3339_allows)
{
    reads_as("1970-01-01T00:00:00Z", 0);
    reads_as("1970-01-01t00:00:00z", 0);
    reads_as("1970-01-01 00:00:00Z", 0);
    reads_as("1970-01-01", 0);
    reads_as("1970-01-02", DAY_US);
    reads_as("1970-01-01T00:00:00.5Z", 500000);
    reads_as("1970-01-01T00:00:00.000001Z", 1);
    reads_as("1970-01-01T00:00:00.120Z", 120000);
    reads_as("2000-02-29T23:59:59Z", INT64_C(951868799000000));
    reads_as("2024-02-29", INT64_C(1709164800000000));
    reads_as("0001-01-01T00:00:00Z", TIME_MIN_US);
    reads_as("9999-12-31T23:59:59.999999Z", TIME_MAX_US);
}

Test(clock, an_offset_is_taken_off)
{
    const int64_t hour_us = INT64_C(3600000000);
    reads_as("1970-01-01T01:00:00+01:00", 0);
    reads_as("1969-12-31T19:00:00-05:00", 0);
    reads_as("1970-01-01T00:00:00-00:00", 0);
    reads_as("1970-01-01T05:45:00.25+05:45", 250000);
    reads_as("1970-01-01T00:00:00+23:59", -24 * hour_us + 60000000);
    reads_as("0001-01-01T05:00:00+05:00", TIME_MIN_US);
    reads_as("9999-12-31T22:59:59.999999-01:00", TIME_MAX_US);
}

Test(clock, refuses_what_is_no_moment)
{
    static const char *const bad[] = {
        "",
        "1970",
        "1970-01",
        "1970-1-1",
        "70-01-01",
        "01970-01-01",
        "0000-01-01",
        "0000-12-31T23:59:59Z",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2026-02-29",
        "1900-02-29",
        "2026-01-01 ",
        " 2026-01-01",
        "2026-01-01T",
        "2026-01-01T00:00:00./Z",
        "2026-01-01T10",
        "2026-01-01T10:00",
        "2026-01-01T10:00Z",
        "2026-01-01T10:00:00",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-12-31T23:59:60Z",
        "2026-01-01T10:00:00.Z",
        "2026-01-01T10:00:00,5Z",
        "2026-01-01T10:00:00.1234567Z",
        "2026-01-01T10:00:00ZZ",
        "2026-01-01T10:00:00Z ",
        "2026-01-01T10:00:00Z\n",
        "2026-01-01T10:00:00+24:00",
        "2026-01-01T10:00:00+01:60",
        "2026-01-01T10:00:00+0100",
        "2026-01-01T10:00:00+01",
        "2026-01-01T10:00:00+",
        "2026-01-01T10:00:00 01:00",
        "2026-01-01X10:00:00Z",
        "2026/01/01",
        "2026-01-01T1O:00:00Z",
        "+026-01-01",
        "2026--1-01",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t at_us = 42;
        cr_expect_not(time_from_text(bad[i], &at_us), "%s", bad[i]);
        cr_expect_eq(at_us, 42, "a refusal leaves the value alone");
    }
}

static int64_t ten_more(void *context)
{
    int64_t *at_us = context;
    *at_us += 10;
    return *at_us;
}

Test(clock, is_whatever_the_caller_hands_over)
{
    int64_t at_us = 5;
    const struct clock clock = {ten_more, &at_us};
    cr_assert_eq(clock_now_us(&clock), 15);
    cr_assert_eq(clock_now_us(&clock), 25);
}

Test(clock, the_systems_own_is_the_wall_clock)
{
    const int64_t before_us = (int64_t)time(NULL) * 1000000;
    const int64_t now_us = clock_now_us(&clock_system);
    cr_assert(now_us >= before_us - 1000000 && now_us < before_us + 60 * INT64_C(1000000));
}

Test(clock, the_measuring_one_never_goes_back)
{
    int64_t before_us = clock_monotonic_us();
    for (int i = 0; i < 10000; i++) {
        const int64_t now_us = clock_monotonic_us();
        cr_assert(now_us >= before_us);
        before_us = now_us;
    }
}
