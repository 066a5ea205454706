/* timeline.c - a journey as a tree in the order of time.
 *
 * Each event stands one level deeper than its cause, under an arrow; a line goes down from a cause as long as effects
 * follow; and at the end of the row stands the cause's position, because two branches may cross:
 *
 *     position    since  service       event                              cause
 *           12     0 ms  order         OrderPlaced  25.00 USD
 *           13   4.1 ms  payment       └▶ PaymentCaptured  25.00 USD      ◀ 12
 *           14   8.3 ms  inventory        └▶ StockReserved                ◀ 13
 *           15   8.3 ms  inventory           │  UnitsReserved  2 × tea    ◀ 13
 *           16  12.0 ms  order               └▶ OrderConfirmed            ◀ 14
 *           17  15.1 ms  notification           └▶ NotificationSent       ◀ 16
 *
 * Shelf events have no arrow of their own: they are the small print of the event that they were committed with. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/trace.h"
#include "cli/work.h"

enum { SINCE_COLUMNS = 8, SERVICE_COLUMNS = 12, LEVEL_COLUMNS = 3 };

struct timeline {
    const struct till *till;
    const struct trace *trace;
    int position_columns, tree_columns;
};

/* Does a line run down through this row at `level`: from an effect's cause above to that effect below? */
static bool has_line(const struct trace *trace, size_t row, size_t level)
{
    for (size_t i = row + 1; i < trace->count; i++) {
        const struct trace_step *step = &trace->steps[i];
        if (!step->shelf && step->depth == level + 1 && step->cause < row)
            return true;
    }
    return false;
}

static void print_branches(const struct trace *trace, size_t row)
{
    const struct trace_step *step = &trace->steps[row];
    const size_t levels = step->shelf ? step->depth + 1 : step->depth;
    for (size_t level = 0; level < levels; level++) {
        const bool line = has_line(trace, row, level);
        if (step->shelf || level + 1 < levels)
            fputs(line ? "│  " : "   ", stdout);
        else
            fputs(line ? "├▶ " : "└▶ ", stdout);
    }
}

/* Columns of a row's tree and name, without its note. */
static int name_columns(const struct trace_step *step)
{
    char count[32] = "";
    if (step->count > 1)
        snprintf(count, sizeof count, " x %zu", step->count);
    return LEVEL_COLUMNS * (int)(step->shelf ? step->depth + 1 : step->depth) + (int)text_columns(step->type) +
           (int)strlen(count);
}

static int note_columns(const struct trace_step *step)
{
    return step->note == NULL ? 0 : 2 + (int)text_columns(step->note);
}

static enum style style_of(const struct trace_step *step)
{
    if (step->shelf)
        return STYLE_DIM;
    switch (step->known ? step->event : EVENT_TYPES) {
    case EVENT_ORDER_CONFIRMED:
    case EVENT_ORDER_SHIPPED: return STYLE_GREEN;
    case EVENT_ORDER_REJECTED:
    case EVENT_PAYMENT_DECLINED:
    case EVENT_STOCK_RESERVATION_FAILED: return STYLE_RED;
    case EVENT_ORDER_CANCELLATION_REQUESTED:
    case EVENT_ORDER_CANCELLED:
    case EVENT_PAYMENT_REFUNDED:
    case EVENT_RESERVATION_WITHDRAWN:
    case EVENT_STOCK_RELEASED: return STYLE_YELLOW;
    default: return STYLE_PLAIN;
    }
}

/* Bytes of the longest start of `text` that fits into `columns`. */
static int bytes_within(const char *text, int columns)
{
    const char *end = text + strlen(text), *at = text;
    while (at < end) {
        uint32_t codepoint;
        char character[8];
        size_t length = text_decode(at, end, &codepoint);
        length = length == 0 ? 1 : length;
        snprintf(character, sizeof character, "%.*s", (int)length, at);
        columns -= (int)text_columns(character);
        if (columns < 0)
            break;
        at += length;
    }
    return (int)(at - text);
}

/* As much of the note as `left` columns hold; returns the columns it took. */
static int print_note(const struct till *till, const char *note, int left)
{
    enum { NOTE_MIN = 2 + 6 /* less says nothing */ };
    const int wanted = 2 + (int)text_columns(note);
    const bool cut = wanted > left;
    if (cut && left < NOTE_MIN)
        return 0;
    printf("  %s%.*s%s%s", style(till, STYLE_DIM), cut ? bytes_within(note, left - 3) : (int)strlen(note), note,
           cut ? "…" : "", style(till, STYLE_PLAIN));
    return cut ? left : wanted;
}

/* The event in its tree, with as much beside it as fits; padded when something follows. */
static void print_event_cell(const struct timeline *timeline, size_t row, bool padded)
{
    const struct till *till = timeline->till;
    const struct trace_step *step = &timeline->trace->steps[row];
    int used = name_columns(step);
    fputs(style(till, STYLE_DIM), stdout);
    print_branches(timeline->trace, row);
    printf("%s%s%s", style(till, STYLE_PLAIN), style(till, style_of(step)), step->type);
    if (step->count > 1)
        printf(" × %zu", step->count);
    fputs(style(till, STYLE_PLAIN), stdout);
    if (step->note != NULL)
        used += print_note(till, step->note, timeline->tree_columns - used);
    if (padded && used < timeline->tree_columns)
        printf("%*s", timeline->tree_columns - used, "");
}

static void print_timeline_row(const struct timeline *timeline, size_t row)
{
    const struct till *till = timeline->till;
    const struct trace_step *step = &timeline->trace->steps[row];
    char since[DURATION_SIZE];
    duration_for_people(step->at_us - timeline->trace->steps[0].at_us, since);
    printf("%*llu %*s  ", timeline->position_columns, (unsigned long long)step->position, SINCE_COLUMNS, since);
    print_cell(till, step->service, SERVICE_COLUMNS);
    fputs("  ", stdout);
    print_event_cell(timeline, row, step->causation != 0);
    if (step->causation != 0)
        printf("  %s◀ %llu%s", style(till, STYLE_DIM), (unsigned long long)step->causation, style(till, STYLE_PLAIN));
    putchar('\n');
}

static int digits(uint64_t number)
{
    return snprintf(NULL, 0, "%llu", (unsigned long long)number);
}

/* The tree is as wide as its longest row, or as what the terminal leaves. */
static void measure(struct timeline *timeline)
{
    const struct trace *trace = timeline->trace;
    const int title = (int)strlen("position"), last = digits(trace->steps[trace->count - 1].position);
    int longest = 0, cause = (int)strlen("cause");
    timeline->position_columns = last > title ? last : title;
    for (size_t i = 0; i < trace->count; i++) {
        const int columns = name_columns(&trace->steps[i]) + note_columns(&trace->steps[i]);
        const int arrow = 2 + digits(trace->steps[i].causation);
        longest = columns > longest ? columns : longest;
        cause = arrow > cause ? arrow : cause;
    }
    const int left =
        timeline->till->columns - timeline->position_columns - 1 - SINCE_COLUMNS - 2 - SERVICE_COLUMNS - 2 - 2 - cause;
    timeline->tree_columns = longest < left ? longest : left;
}

enum status print_timeline(struct shop *shop, const struct till *till, struct uuid order, uint64_t to_position,
                           struct error *error)
{
    struct trace trace;
    enum status status = trace_collect(&trace, shop, order, to_position, error);
    if (status == STATUS_OK && trace.count > 0) {
        struct timeline timeline = {.till = till, .trace = &trace};
        measure(&timeline);
        printf("%s%*s %*s  %-*s  %-*s  cause%s\n", style(till, STYLE_BOLD), timeline.position_columns, "position",
               SINCE_COLUMNS, "since", SERVICE_COLUMNS, "service", timeline.tree_columns, "event",
               style(till, STYLE_PLAIN));
        for (size_t row = 0; row < trace.count; row++)
            print_timeline_row(&timeline, row);
    }
    trace_clear(&trace);
    return status;
}
