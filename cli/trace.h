/* trace.h - one order's journey, event by event: collected by trace.c, told by timeline.c, mermaid.c and otlp.c. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "base/arena.h"
#include "cli/cli.h"
#include "domain/event.h"

#define NO_CAUSE SIZE_MAX

/* An event of a journey, or a run of them that are alike. Texts are in the trace's arena, and safe. */
struct trace_step {
    uint64_t position;
    uint64_t causation; /* position of the event that caused it; 0 for none */
    int64_t at_us;
    const char *type;
    const char *service; /* that stated it */
    const char *actor;   /* who wrote it */
    const char *note;    /* what the event is about, in a few words; or NULL */
    bool known;          /* a type of ours: */
    enum event_type event;
    bool shelf;   /* of a sku's stream: UnitsReserved … */
    size_t count; /* so many in a row; 1 unless it stands for a run */
    size_t cause; /* index of the step that caused it; NO_CAUSE for none in this trace */
    size_t depth; /* steps from the first cause down to this one */
};

struct trace {
    struct currency currency; /* the shop's */
    struct arena arena;
    struct trace_step *steps; /* in the order of positions */
    size_t count, capacity;
};

/* Collects the journey up to `to_position` (0: all of it), with runs of more than a few shelf events folded into one
 * step. STATUS_NOT_FOUND for an order that nothing is known of. To be cleared whatever the outcome. */
enum status trace_collect(struct trace *trace, struct shop *shop, struct uuid order, uint64_t to_position,
                          struct error *error) MUST_CHECK;
void trace_clear(struct trace *trace);

/* Visits every event of the journey, none folded.
 *
 * An order's own streams (order, payment, reservation, notification) share its id as their entity. What happened on the
 * shelves stands in the streams of the skus. It is found without looking through those: a service's answer is one
 * commit, so UnitsReserved … stand right behind their StockReserved (StockReleased, ReservationShipped), as long as
 * they bear the order's correlation. */
enum status trace_each(struct shop *shop, struct uuid order, uint64_t to_position, event_visitor visit, void *context,
                       struct error *error) MUST_CHECK;

/* A sequenceDiagram for Mermaid: whose event was whose cause (mermaid.c). */
void print_mermaid(const struct trace *trace);

/* OpenTelemetry's spans, as one line of JSON (otlp.c). */
enum status print_otlp(const struct trace *trace, struct uuid order, struct error *error) MUST_CHECK;

#endif
