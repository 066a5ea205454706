/* cli.h - what all subcommands of `till` share: options, output, exit codes, the shop's folder.
 *
 * A subcommand is a value: its name, its options and one function. It reads its options from `struct arguments`, works,
 * prints to stdout (lines for people, or with --json one object a line), and returns an exit code. Errors are one
 * sentence on stderr, through fail(). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "eventstore/eventstore.h"
#include "projections/view.h"
#include "services/commands.h"
#include "services/services.h"

enum exit_code {
    EXIT_DONE = 0,    /* done, or done already */
    EXIT_REFUSED = 1, /* refused or not found, or something needs a person */
    EXIT_USAGE = 2,
    EXIT_DAMAGED = 3,     /* damaged, not a shop, made by a newer version, of another store */
    EXIT_UNAVAILABLE = 4, /* cannot be done now */
};

/* ---- options (options.c) ---- */

enum { ARGUMENTS_MAX = 12500 /* options and words of one call: a line is two of them, an order has 10 000 at most */ };

struct option_spec {
    const char *name;     /* without the dashes */
    const char *argument; /* its name in the help, "F"; NULL for a flag */
    const char *help;
};

struct till;
struct arguments;

struct command {
    const char *name;
    const char *usage;                 /* what follows the name, "ORDER [--reason R]" */
    const char *summary;               /* one line for the list of commands */
    const char *details;               /* further paragraphs for --help; or NULL */
    const struct option_spec *options; /* up to one without a name; or NULL */
    int words_min, words_max;          /* words that are no options; -1 for any number */
    int (*run)(struct till *till, const struct arguments *arguments);
};

/* The last value given for an option; NULL when it was not given. A flag's value is "". */
const char *argument_value(const struct arguments *arguments, const char *name);
bool argument_given(const struct arguments *arguments, const char *name);
/* The n-th value of an option that may be repeated; NULL past the last. */
const char *argument_nth(const struct arguments *arguments, const char *name, int n);
/* The n-th word; NULL past the last. */
const char *argument_word(const struct arguments *arguments, int n);

/* Each reads a value or prints why it is none, and returns false: the command then returns EXIT_USAGE. An option that
 * was not given leaves `*number` as it was. */
bool argument_integer(const struct arguments *arguments, const char *name, int64_t min, int64_t max, int64_t *number);
bool integer_from_text(const char *text, int64_t min, int64_t max, int64_t *number);

/* Prints the sentence and "try till NAME --help" and returns EXIT_USAGE. */
int usage_error(const struct arguments *arguments, const char *format, ...) PRINTF_LIKE(2, 3);

/* Every subcommand, in the order of the help, NULL at the end (commands.c). */
extern const struct command *const commands[];

/* ---- one call of till ---- */

struct till {
    const char *folder;  /* the shop's */
    const char *program; /* argv[0] */
    bool json;
    bool colour;   /* stdout is a terminal and NO_COLOR is not set */
    bool terminal; /* stdout is one */
    bool progress; /* stderr is one */
    int columns;   /* of the terminal, 80 when there is none */
    struct clock clock;
};

#define TILL_PRODUCER "till " TILL_VERSION

/* Prints "till who: <sentence>" to stderr, made safe and without card numbers; "till: <sentence>" of nobody (""). */
void complain(const char *who, const char *sentence);

/* Prints "till: <sentence>" to stderr, made safe: a path may stand in it. Without memory for a long sentence, its
 * beginning. */
void warn(const char *sentence);

/* Warns of an error and returns the exit code of its status. */
int fail(const struct error *error);

/* ---- output (output.c) ---- */

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GREEN, STYLE_RED, STYLE_YELLOW, STYLE_BLUE, STYLE_CYAN };

/* Before the first JSON object is made. */
void output_begin(void);

/* True when memory ended while something was made that was to be printed: it may be missing. */
bool output_is_starved(void);

/* True when stdout is a pipe whose reader went away (till events | head): nobody misses what is not printed. */
bool output_is_unread(void);

/* The escape sequence, or "" without colour. */
const char *style(const struct till *till, enum style style);

/* Prints `text` made safe for people (base/text.h), padded with blanks to `columns` (negative: to the right); on a
 * terminal, longer text is cut with "…". 0 columns: as it is. */
void print_cell(const struct till *till, const char *text, int columns);

/* A table whose rows are printed as they come. */
struct column {
    const char *title;
    int width; /* columns; negative: aligned to the right; 0 for the last, as wide as it is */
};
void table_titles(const struct till *till, const struct column *columns, size_t count);
/* `cells` are `count` texts; NULL is an empty cell. */
void table_row(const struct till *till, const struct column *columns, const char *const *cells, size_t count);

/* One JSON object as one line, harmless for a terminal (json_append_safe); consumes the object. STATUS_MEMORY when
 * memory ended here or while anything was put into it: nothing was printed. */
void json_text(cJSON *object, const char *name, const char *text); /* NULL text: null */
void json_integer(cJSON *object, const char *name, int64_t number);
void json_time(cJSON *object, const char *name, int64_t at_us);
void json_uuid(cJSON *object, const char *name, struct uuid id);
void json_currency(cJSON *object, const char *name, struct currency currency);
void json_item(cJSON *array, cJSON *item); /* consumes the item */
enum status json_line(cJSON *object, struct error *error) MUST_CHECK;

/* A bar on stderr, on a terminal only: draws at most ten times a second, done at `done` == `total`. */
void progress_bar(const struct till *till, const char *what, uint64_t done, uint64_t total);

/* The same for a reading of the roll, of which there is one at a time. What is printed after progress_end begins a
 * line, however far the bar has come. */
void progress_begin(const struct till *till, const char *what);
void progress_show(uint64_t position, uint64_t head);
void progress_end(void);

/* The noun that goes with the count: "order" for 1, "orders" for all else. */
const char *plural(int64_t count, const char *one, const char *many);

/* ---- the shop (shop.c) ---- */

/* An open shop: the roll, the desk where commands are handed in, and the home of the views. */
struct shop {
    struct eventstore *store;
    struct shop_desk desk;
    struct view_home home;
};

/* Opens till->folder. `actor` is who asks ("customer", "clerk", "import"). The sentence for a folder that is no shop
 * says how to make one. */
enum status shop_open(struct shop *shop, const struct till *till, const char *actor, struct error *error) MUST_CHECK;
void shop_close(struct shop *shop);

/* Makes a new shop. STATUS_REFUSED when there is one already (`*there` is then true). */
enum status shop_create(const struct till *till, struct currency currency, bool *there, struct error *error) MUST_CHECK;

/* The options --at and --as-of, for the option tables of queries. */
#define TIME_TRAVEL_OPTIONS                                                                                            \
    {"at", "POSITION", "as of this position on the roll"},                                                             \
    {                                                                                                                  \
        "as-of", "TIME", "as of this time (RFC 3339, or a date: midnight UTC)"                                         \
    }

/* Where a query looks: at --at or --as-of, else at the head. `*position` is 0 at the head (then `*travelling` is
 * false). STATUS_INVALID for a time or position that is none. */
enum status time_travel(struct shop *shop, const struct arguments *arguments, bool *travelling, uint64_t *position,
                        struct error *error) MUST_CHECK;

/* Opens a view for a query, with --at and --as-of heeded. */
enum status query_view(struct shop *shop, const struct arguments *arguments, const struct projection *projection,
                       struct view **view, struct error *error) MUST_CHECK;

/* A number of decimals and the code, for people: "12.50 USD". In a static buffer of four, used in turn. */
const char *money_text(int64_t minor, struct currency currency);

/* ---- running (run.c) ---- */

/* What `till run` keeps at work: the services and the projector. */
enum { WORKERS = SERVICES_COUNT + 1 };
extern const char *const worker_names[WORKERS];

/* Runs all services and the projector inside this process, one after the other, until nothing is left to do: for
 * `import --settle` where no `till run` is at work. STATUS_BUSY when one is; STATUS_UNAVAILABLE when only a service
 * that pauses has anything left to do. */
enum status settle_here(struct shop *shop, const struct till *till, struct error *error) MUST_CHECK;

/* True when `till run` is at work in the shop. */
bool shop_is_running(struct shop *shop);

/* Waits until the workers that run elsewhere have nothing left to do, at most `patience_ms`. STATUS_BUSY when they
 * have, or when a signal asked us to stop. STATUS_UNAVAILABLE when only one that pauses has. */
enum status wait_until_settled(struct shop *shop, int patience_ms, struct error *error) MUST_CHECK;

/* Starts `till run --service NAME` as a process that dies with this one; −1 when that fails. */
pid_t start_worker(const struct till *till, const char *name, const struct retry_policy *retry, bool end_when_full);

/* Ends such processes (0 and less are none) and waits for them: asks first, and kills what does not listen. `store` may
 * be NULL; it is used to wake those that sleep. */
void stop_workers(struct eventstore *store, const pid_t *processes, int count);

/* ---- timelines (timeline.c) ---- */

/* Prints an order's journey as a timeline: position, time since its first event, service, event, and an arrow to what
 * caused it. `to_position` 0: all of it. */
enum status print_timeline(struct shop *shop, const struct till *till, struct uuid order, uint64_t to_position,
                           struct error *error) MUST_CHECK;

#endif
