/* growth.h - what becomes of each figure as the roll grows: the same rows at a hundredth, a tenth and all of the
 * events.
 */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include "bench/bench.h"

enum { GROWTH_SIZES = 3 };

struct growth {
    uint64_t events[GROWTH_SIZES];
    struct result results[GROWTH_SIZES][FIGURES];
};

/* Measures all sizes, prints each as it goes, and then how the cost of an event grew beyond the limit's own growth. */
enum status growth_run(struct bench *bench, struct growth *growth, struct error *error) MUST_CHECK;

/* True when the figure was measured at every size. */
bool growth_has(const struct growth *growth, enum figure_id id);

/* What one event (or order) costs, and in what: microseconds, or the figure's own unit where that is no speed. */
double growth_cost(const struct figure *figure, double value);
const char *growth_unit(const struct figure *figure);

/* Draws the curves, a panel for each figure, as SVG. STATUS_FULL when it cannot be written. */
enum status growth_plot(const struct growth *growth, FILE *file, struct error *error) MUST_CHECK;

#endif
