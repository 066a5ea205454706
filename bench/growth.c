#include "bench/growth.h"

#include <inttypes.h>
#include <string.h>

enum { GROWTH_MAX_PERCENT = 15, EVENTS_MIN = 2000 };

double growth_cost(const struct figure *figure, double value)
{
    return figure->goal == RATIO_AT_LEAST ? 1e6 / value : value;
}

const char *growth_unit(const struct figure *figure)
{
    if (figure->goal != RATIO_AT_LEAST)
        return figure->unit;
    return strcmp(figure->unit, "orders/s") == 0 ? "µs an order" : "µs an event";
}

bool growth_has(const struct growth *growth, enum figure_id id)
{
    for (int size = 0; size < GROWTH_SIZES; size++)
        if (!growth->results[size][id].measured)
            return false;
    return true;
}

/* By how many percent an event's cost grew, from the smallest size to the largest; beyond the limit's growth if there
 * is a limit. */
static double growth_percent(const struct growth *growth, enum figure_id id)
{
    const struct result *first = &growth->results[0][id], *last = &growth->results[GROWTH_SIZES - 1][id];
    double ours = growth_cost(&figures[id], last->value) / growth_cost(&figures[id], first->value);
    double limit = 1;
    if (first->limit > 0 && last->limit > 0)
        limit = growth_cost(&figures[id], last->limit) / growth_cost(&figures[id], first->limit);
    return (ours / limit - 1) * 100;
}

static void print_growth(const struct growth *growth)
{
    printf("\n%-18s", "growth of the cost");
    for (int size = 0; size < GROWTH_SIZES; size++)
        printf(" %10" PRIu64, growth->events[size]);
    printf(" %-14s beyond the limit's\n", "");
    for (enum figure_id id = 0; id < FIGURES; id++) {
        if (!growth_has(growth, id))
            continue;
        printf("%-18s", figures[id].name);
        for (int size = 0; size < GROWTH_SIZES; size++)
            printf(" %10.2f", growth_cost(&figures[id], growth->results[size][id].value));
        double percent = growth_percent(growth, id);
        printf(" %-14s %+5.0f %%%s\n", growth_unit(&figures[id]), percent,
               growth->results[0][id].limit > 0 && percent > GROWTH_MAX_PERCENT ? "  missed" : "");
    }
}

enum status growth_run(struct bench *bench, struct growth *growth, struct error *error)
{
    char place[PATH_SIZE];
    enum status status = STATUS_OK;
    uint64_t part = 100;
    memcpy(place, bench->folder, sizeof place);
    for (int size = 0; size < GROWTH_SIZES; size++, part /= 10)
        growth->events[size] = bench->events / part < EVENTS_MIN ? EVENTS_MIN : bench->events / part;
    for (int size = 0; status == STATUS_OK && size < GROWTH_SIZES; size++) {
        bench->events = growth->events[size];
        memset(bench->results, 0, sizeof bench->results);
        status = path_join(bench->folder, place, error, "%d", size);
        if (status == STATUS_OK)
            status = file_make_folder(bench->folder, error);
        if (status == STATUS_OK && !bench->json)
            printf("%s%" PRIu64 " events\n", size > 0 ? "\n" : "", bench->events);
        if (status == STATUS_OK)
            status = bench_run(bench, error);
        memcpy(growth->results[size], bench->results, sizeof bench->results);
        place_empty(bench->folder);
    }
    if (status == STATUS_OK && !bench->json)
        print_growth(growth);
    return status;
}
