/* work.h - what the commands that ask and trade share: the frame around a piece of work in a shop, an order as it was
 * placed, an event as JSON, times for people. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "base/arena.h"
#include "cli/cli.h"
#include "domain/event.h"

/* A piece of work in an open shop. It prints its own answer; `request` is the command's own. */
typedef enum status (*shop_work)(struct shop *shop, const struct till *till, void *request, struct error *error);

/* The exit code for what became of a command, after having said what went wrong. STATUS_INVALID is a usage error: words
 * or values that mean nothing. What the business refuses must be STATUS_REFUSED. */
int conclude(const struct arguments *arguments, enum status status, const struct error *error);

/* Opens the shop for `actor`, does the work, closes the shop and concludes. */
int in_shop(const struct till *till, const struct arguments *arguments, const char *actor, shop_work work,
            void *request);

/* What was ordered, decoded into `arena`, and at which position (may be NULL). STATUS_NOT_FOUND when the order was
 * never placed, STATUS_DAMAGED when its first event is not what places it. */
enum status order_as_placed(struct shop *shop, struct uuid order, struct arena *arena, struct order_placed *placed,
                            uint64_t *position, struct error *error) MUST_CHECK;

/* When the event at `position` was recorded; past the head `*at_us` stays as it is. */
enum status event_time(struct eventstore *store, uint64_t position, int64_t *at_us, struct error *error) MUST_CHECK;

/* An event of the roll with all that stands beside its data, as `till events --json` prints it. `data` is raw JSON, as
 * it is stored; where a damaged roll holds something else, a string. The caller owns `*object`. */
enum status event_object(struct shop *shop, const struct recorded_event *event, cJSON **object,
                         struct error *error) MUST_CHECK;

/* For who follows the roll: the safety net under the doorbell, and how soon a signal is heeded at the latest. */
enum { SLOW_POLL_MS = 1000 };

#define POSITION_MAX INT64_C(1000000000000) /* of options: no roll is longer */

/* "<sentence> <file>.", and the position and digest that a copy of the roll ends with. */
enum status tell_copied(const struct till *till, const char *file, const char *sentence, uint64_t position,
                        const uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct error *error) MUST_CHECK;

/* The same event as CloudEvents 1.0 has it, in its JSON format (cloudevents.c). */
enum status cloud_event(struct shop *shop, const struct recorded_event *event, cJSON **object,
                        struct error *error) MUST_CHECK;

enum { TRACE_ID_SIZE = 2 * UUID_BYTES + 1, SPAN_ID_SIZE = 17 };

/* A journey is a trace, whose id is the order's; an event is a span of it, whose id is its position: unique in the
 * trace, never 0, and known to whoever knows the cause. In the hexadecimal digits of W3C Trace Context. */
void trace_id_text(struct uuid journey, char text[TRACE_ID_SIZE]);
void span_id_text(uint64_t position, char text[SPAN_ID_SIZE]);

/* What both begin with: an empty object, which the caller owns, and the id of the event's cause when it has one. */
enum status event_object_begin(struct shop *shop, const struct recorded_event *event, cJSON **object,
                               struct uuid *cause, struct error *error) MUST_CHECK;

/* Adds the event's data as it is stored; where a damaged roll holds what is no line of JSON, as a string. */
void add_event_data(cJSON *object, const struct recorded_event *event);

/* One line on stdout; whatever came into it from outside is made safe. */
void say(const char *format, ...) PRINTF_LIKE(1, 2);

/* The rest of a line, made safe; on a terminal it is cut where the line ends. */
void print_rest(const struct till *till, const char *text, int used_columns);

/* "name      value": a line of a page about one thing. */
void print_fact(const struct till *till, const char *name, const char *value);

/* A text of any length, made safe, its lines filled up to the terminal's width (80 columns in a file) and `indent`
 * blanks before each but the first, which is where the caller left off: `indent` columns are used already. */
void print_paragraph(const struct till *till, const char *text, int indent);

/* As print_fact, for a value that may need several lines. */
void print_long_fact(const struct till *till, const char *name, const char *value);

enum { PEOPLE_TIME_SIZE = 20, DURATION_SIZE = 24 };

/* "2026-11-23 18:40:05", UTC: for tables. Returns `text`. */
const char *time_for_people(int64_t at_us, char text[PEOPLE_TIME_SIZE]);

/* "4.1 ms", "123 ms", "12.3 s", "4m 05s", "3h 07m", "12d 03h". At most 8 columns below 1000 days. Returns `text`. */
const char *duration_for_people(int64_t elapsed_us, char text[DURATION_SIZE]);

#endif
