/* `till bench` from a person's side: every figure is there, in words and as JSON, and nothing is left behind. That both
 * sides of a figure did the same work is what the benchmark itself insists on. */
#include <stdlib.h>

#include "tests/cli/till.h"

/* What it makes must stand on a disk: where the programs were built there is one. */
static void begin(void)
{
    till_begin();
    done("ln -s \"$(dirname \"$(readlink -f bin/till)\")/till-bench\" bin/till-bench");
    done("ln -s \"$(mktemp -d \"$(dirname \"$(readlink -f bin/till)\")/bench-XXXXXX\")\" disk");
    setenv("TMPDIR", path_of("disk/"), 1);
}

static void end(void)
{
    done("rmdir \"$(readlink disk)\""); /* which must be empty */
    till_end();
}

TestSuite(bench, .init = begin, .fini = end, .timeout = 300);

Test(bench, every_figure_is_measured_and_printed_as_json)
{
    const char *known = done("till-bench --help | sed -n '1,/^Figures:/d; s/^  \\([a-z][a-z_0-9]*\\) .*/\\1/p'");
    const char *lines = done("till bench --events 2000 --json");
    cr_assert_geq(count_lines(lines), 22, "%s", lines);
    cr_assert_eq(count_lines(lines), count_lines(known), "%s", lines);
    for (int i = 0; i < count_lines(lines); i++) {
        cr_assert_str_eq(names(lines, i), "name value unit limit ratio target ok");
        cr_assert(contains(known, value(lines, i, "name")), "%s", lines);
        cr_assert_gt(strtod(value(lines, i, "value"), NULL), 0, "%s", lines);
    }
}

Test(bench, only_what_is_named_is_measured)
{
    const char *table = done("till-bench --events 2000 --only size read_types");
    cr_assert_eq(count_lines(table), 3, "%s", table);
    cr_assert(contains(table, "\nread_types ") && contains(table, "\nsize "), "%s", table);
}

Test(bench, growth_is_measured_at_three_sizes_and_drawn)
{
    const char *table = done("till bench --events 2000 --plot growth.svg --only size verify");
    cr_assert(contains(table, "beyond the limit's\nverify ") && contains(table, "\nsize "), "%s", table);
    cr_assert_str_eq(done("grep -c '<polyline' growth.svg"), "4\n"); /* ours and the limit, two figures */
    cr_assert_str_eq(done("sed -n '1s/ .*//p; $p' growth.svg"), "<svg\n</svg>\n");
    refused(4, "cannot write", "till bench --events 2000 --plot nowhere/growth.svg");
}

Test(bench, what_means_nothing_is_a_usage_error)
{
    refused(2, "nonsense is no figure", "till bench --only nonsense");
    refused(2, "1999 is no number of events", "till bench --events 1999");
}

Test(bench, stands_beside_till)
{
    cr_assert(contains(done("ln -s bin/till elsewhere && ./elsewhere bench --events 2000 --only size"), "size "));
    refused(1, "cannot start", "mkdir alone && cp \"$(readlink -f bin/till)\" alone/till && alone/till bench");
}

Test(bench, leaves_nothing_when_it_is_killed)
{
    start("till-bench --events 2000000 --only read_roll");
    until("test -s disk/till-bench-*/limit.db");
    done("kill -KILL $(pgrep -P $(cat background))");
    until("test -z \"$(ls disk/)\"");
    done("rm background");
}
