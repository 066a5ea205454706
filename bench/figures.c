#include "bench/bench.h"

#include <string.h>

const struct figure figures[FIGURES] = {
    [APPEND_ONE] = {"append_one", "events/s", RATIO_AT_LEAST, 0.90, "one event a commit, FULL",
                    "INSERT of the same row, COMMIT"},
    [APPEND_BATCH] = {"append_batch", "events/s", RATIO_AT_LEAST, 0.60,
                      "commits of 100 events, encoded from structs, guarded, chained",
                      "the same INSERTs of ready bytes"},
    [APPEND_BATCH_1M] = {"append_batch_1m", "events/s", RATIO_AT_LEAST, 0.60,
                         "the same, for the last quarter of what was asked for", "the same INSERTs of ready bytes"},
    [READ_ROLL] = {"read_roll", "events/s", RATIO_AT_LEAST, 1.5, "the whole roll, decoded to structs",
                   "SELECT, cJSON parse of every payload"},
    [READ_ROLL_BARE] = {"read_roll_bare", "events/s", RATIO_AT_LEAST, 0.65, "the whole roll, decoded to structs",
                        "SELECT that looks at every column"},
    [READ_TYPES] = {"read_types", "events/s", RATIO_AT_LEAST, 1.5, "the roll, of which 1 event in 8 is decoded",
                    "SELECT of all rows, cJSON parse of those"},
    [LOAD_ENTITY] = {"load_entity", "events/s", RATIO_AT_LEAST, 1.0, "decide on a journey of 10 events, cold",
                     "SELECT of its 10 rows, cJSON parse"},
    [VERIFY] = {"verify", "events/s", RATIO_AT_LEAST, 0.8, "the chain of the whole roll",
                "SELECT, BLAKE2b of the same bytes"},
    [UPCAST] = {"upcast", "events/s", RATIO_AT_LEAST, 0.9, "orders of version 1, decoded and raised to today's",
                "the same orders of today's version, decoded"},
    [REBUILD_ORDERS] = {"rebuild_orders", "events/s", RATIO_AT_LEAST, 1.5,
                        "the view of orders from nothing, synced, swapped in",
                        "SELECT, cJSON, the same upserts in one pass and transaction"},
    [REBUILD_ALL] = {"rebuild_all", "events/s", RATIO_AT_LEAST, 1.5, "all five views from nothing",
                     "the five passes' work in one"},
    [CATCH_UP] = {"catch_up", "events/s", RATIO_AT_LEAST, 1.0, "the view of orders, live, behind a writer at work",
                  "as rebuild_orders, in the same batches"},
    [REBUILD_MEMORY] = {"rebuild_memory", "MiB", VALUE_AT_MOST, 32, "peak memory of `till rebuild`",
                        "the same, at a tenth of the events"},
    [OPEN] = {"open", "ms", VALUE_AT_MOST, 10, "`till order X`, from its start to its end", "nothing"},
    [SAGA] = {"saga", "orders/s", RATIO_AT_LEAST, 0.35, "orders settled by the four services as processes",
              "as many events written, 100 a transaction"},
    [LATENCY_P50] = {"latency_p50", "ms", RATIO_AT_MOST, 6.5, "an order placed to confirmed, across four processes",
                     "one FULL commit, p50"},
    [LATENCY_P99] = {"latency_p99", "ms", RATIO_AT_MOST, 12, "the same, p99", "one FULL commit, p50"},
    [LATENCY_P99_IMPORT] = {"latency_p99_import", "ms", RATIO_AT_MOST, 50,
                            "the same, beside one who writes 100 events a commit without a pause",
                            "one FULL commit, p50"},
    [WRITERS] = {"writers", "events/s", RATIO_AT_LEAST, 0.75, "four processes, one event a commit", "one such process"},
    [WRITERS_WAIT] = {"writers_wait", "ms", RATIO_AT_MOST, 100, "the longest commit of four processes",
                      "one process's, p50"},
    [IDLE] = {"idle", "percent of a core", VALUE_AT_MOST, 0.3, "`till run`, all its processes, with nothing to do",
              "nothing"},
    [SIZE] = {"size", "bytes an event", RATIO_AT_MOST, 1.2, "the roll's file", "the limit's table"},
};

bool figure_find(const char *name, enum figure_id *id)
{
    for (*id = 0; *id < FIGURES; ++*id)
        if (strcmp(figures[*id].name, name) == 0)
            return true;
    return false;
}

enum { GROWTH_MAX_PERCENT = 15 };

double result_ratio(const struct result *result)
{
    return result->limit > 0 ? result->value / result->limit : 0;
}

bool result_is_ok(const struct figure *figure, const struct result *result)
{
    switch (figure->goal) {
    case RATIO_AT_LEAST: return result_ratio(result) >= figure->target;
    case RATIO_AT_MOST: return result_ratio(result) <= figure->target;
    case VALUE_AT_MOST:
        return result->value <= figure->target && result_ratio(result) * 100 <= 100 + GROWTH_MAX_PERCENT;
    }
    check_failed("a known goal", __FILE__, __LINE__);
}
