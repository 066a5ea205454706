/* run.c - one run: fills the rolls, measures row by row, and prints each figure when it is there. */
#include <inttypes.h>

#include "bench/bench.h"
#include "bench/rolls.h"

/* ---- saying ---- */

void bench_tell(const struct bench *bench, const char *what, uint64_t done, uint64_t total)
{
    if (!bench->progress)
        return;
    fprintf(stderr, "\r\033[K%s", what);
    if (total > 0)
        fprintf(stderr, " %" PRIu64 "%%", done * 100 / total);
}

static void print_titles(void)
{
    printf("%-18s %12s %12s %-16s %6s %9s\n", "", "ours", "limit", "", "ratio", "target");
}

static void print_row(const struct figure *figure, const struct result *result)
{
    const char *bound = figure->goal == RATIO_AT_LEAST ? ">=" : "<=";
    int decimals = result->value < 100 ? 2 : 0;
    char limit[32] = "", ratio[32] = "";
    if (result->limit > 0) {
        snprintf(limit, sizeof limit, "%.*f", decimals, result->limit);
        snprintf(ratio, sizeof ratio, "%.2f", result_ratio(result));
    }
    printf("%-18s %12.*f %12s %-16s %6s %3s %5.2f %s\n", figure->name, decimals, result->value, limit, figure->unit,
           ratio, bound, figure->target, result_is_ok(figure, result) ? "" : " missed");
}

static void print_json(const struct figure *figure, const struct result *result)
{
    char limit[32] = "null", ratio[32] = "null";
    if (result->limit > 0) {
        snprintf(limit, sizeof limit, "%.6g", result->limit);
        snprintf(ratio, sizeof ratio, "%.4g", result_ratio(result));
    }
    printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"limit\":%s,\"ratio\":%s,\"target\":%g,\"ok\":%s}\n",
           figure->name, result->value, figure->unit, limit, ratio, figure->target,
           result_is_ok(figure, result) ? "true" : "false");
}

void bench_set(struct bench *bench, enum figure_id id, double value, double limit)
{
    if (!bench->wanted[id] || value <= 0)
        return;
    bench->results[id] = (struct result){.measured = true, .value = value, .limit = limit};
    bench_tell(bench, "", 0, 0);
    (bench->json ? print_json : print_row)(&figures[id], &bench->results[id]);
}

/* ---- doing ---- */

enum status bench_run(struct bench *bench, struct error *error)
{
    static enum status (*const measures[])(struct bench *, struct error *) = {
        measure_appends, /* which fills the rolls */
        measure_reads, measure_upcasts, measure_views, measure_processes};
    if (!bench->json)
        print_titles();
    enum status status = rolls_open(&bench->rolls, bench, error);
    for (size_t i = 0; status == STATUS_OK && i < sizeof measures / sizeof *measures; i++)
        status = measures[i](bench, error);
    rolls_close(&bench->rolls);
    return status;
}
