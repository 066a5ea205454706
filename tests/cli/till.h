/* till.h - the real `till`, typed as a person types it.
 *
 *     TestSuite(trade, .init = till_begin, .fini = till_end);
 *
 *     Test(trade, an_order_is_placed)
 *     {
 *         done("till init");
 *         refused(1, "the product is not listed", "till place --customer ada --line tea=2");
 *     }
 *
 * Every test has a folder of its own, in which its lines are run by the shell, so ./shop is the shop. `till` is the
 * binary that TILL_BINARY names. Without colours and logs. What is returned lives until the test ends. */
#ifndef TESTS_CLI_TILL_H
#define TESTS_CLI_TILL_H

#include <criterion/criterion.h>
#include <stdbool.h>

#include "base/status.h"

void till_begin(void);
/* Stops what was started and removes the folder. */
void till_end(void);

/* "<the test's folder>/<name>". */
const char *path_of(const char *name);

struct answer {
    int code;        /* the shell's: 128 + n for a signal */
    const char *out; /* all of stdout */
    const char *err;
};

/* Runs a line. */
struct answer run(const char *line, ...) PRINTF_LIKE(1, 2);

/* What a process that ended with `code` left in .out and .err of the test's folder. */
struct answer answer_of(int code);

/* A line that must succeed and complain of nothing. Returns what it printed. */
const char *done(const char *line, ...) PRINTF_LIKE(1, 2);

/* A line that must end with `code` and print one sentence on stderr, in which `sentence` stands (with the usage behind
 * it, for code 2); and nothing on stdout. */
void refused(int code, const char *sentence, const char *line, ...) PRINTF_LIKE(3, 4);

/* Starts a line in the background: one at a time. "$(cat background)" is the process that watches its time. */
void start(const char *line, ...) PRINTF_LIKE(1, 2);

/* Asks what was started to end (SIGTERM) and waits until it is gone. */
void stop(void);

/* Runs a line again and again until it succeeds; the test fails when it has not within half a minute. */
void until(const char *line, ...) PRINTF_LIKE(1, 2);

/* Runs SQL on the roll of ./shop behind the store's back, and sums up what is parked and paused as the store would:
 * what stands there then is another story, and no damage. */
void edit_consumers(const char *sql, ...) PRINTF_LIKE(1, 2);

/* ---- what was printed ---- */

bool contains(const char *text, const char *piece);
int count_lines(const char *text);

/* The longest line, in columns. */
int widest(const char *text);

/* Of JSON Lines: the names of the n-th object in their order, with a blank between them; and the value of one of them:
 * a text as it is, anything else as JSON. A name may lead into lists and objects: "steps.0.event". NULL when there is
 * none of that name. */
const char *names(const char *lines, int n);
const char *value(const char *lines, int n, const char *name);

/* ---- a shop ---- */

/* Sells tea (12.50 USD, ten) and "a pot/b=c" (30.00 USD, two). Three orders were settled: 1 of ada for two of tea and a
 * pot, confirmed; 2 of bob for a tea, rejected; 3 of bob for nine pots, cancelled. */
void small_shop(void);

#endif
