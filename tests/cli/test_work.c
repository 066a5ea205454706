#include "cli/work.h"
#include "tests/cli/till.h"

static const char *duration(int64_t elapsed_us)
{
    static char text[DURATION_SIZE];
    return duration_for_people(elapsed_us, text);
}

Test(work, durations_are_told_in_the_unit_that_fits)
{
    cr_expect_str_eq(duration(0), "0 ms");
    cr_expect_str_eq(duration(99), "0 ms");
    cr_expect_str_eq(duration(100), "0.1 ms");
    cr_expect_str_eq(duration(4150), "4.1 ms");
    cr_expect_str_eq(duration(99999), "99.9 ms");
    cr_expect_str_eq(duration(100000), "100 ms");
    cr_expect_str_eq(duration(999999), "999 ms");
    cr_expect_str_eq(duration(1000000), "1.0 s");
    cr_expect_str_eq(duration(59999999), "59.9 s");
    cr_expect_str_eq(duration(60000000), "1m 00s");
    cr_expect_str_eq(duration(INT64_C(3599) * 1000000), "59m 59s");
    cr_expect_str_eq(duration(INT64_C(3600) * 1000000), "1h 00m");
    cr_expect_str_eq(duration(INT64_C(86399) * 1000000), "23h 59m");
    cr_expect_str_eq(duration(INT64_C(86400) * 1000000), "1d 00h");
    cr_expect_str_eq(duration(INT64_C(9999) * 86400 * 1000000), "9999d 00h");
}

Test(work, times_are_told_to_the_second)
{
    char text[PEOPLE_TIME_SIZE];
    cr_expect_str_eq(time_for_people(0, text), "1970-01-01 00:00:00");
    cr_expect_str_eq(time_for_people(INT64_C(1795459205999999), text), "2026-11-23 18:40:05");
    cr_expect_str_eq(time_for_people(TIME_MAX_US, text), "9999-12-31 23:59:59");
}
