/* measure_processes.c - the rows about the shop at work: `till run` as a person starts it, in the shop whose history
 * was made before. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/process.h"
#include "bench/rolls.h"
#include "bench/workers.h"
#include "domain/stock.h"
#include "services/commands.h"
#include "services/folding.h"
#include "services/services.h"

enum {
    IMPORT_ORDERS = 32, /* in a commit, as `till import` does */
    SAGA_ROUNDS = 3,
    SAGA_ORDERS_MAX = 5000,
    SAGA_EVENTS = 7, /* what the services add to an order */
    LATENCY_ORDERS_MIN = 20,
    LATENCY_ORDERS_MAX = 1000,
    PATIENCE_MS = 60000,
    ROW_MAX_US = 30000000, /* then a row makes do with what it has */
    QUIET_MS = 25,         /* between two orders: a shop at work, whose services do not come to rest */
};

/* The shop with the history, in which services work now; its limit is written to as well. */
struct trade {
    struct bench *bench;
    struct rolls *rolls;
    struct eventstore *store; /* with the system's clock */
    struct shop_desk desk;
    uint64_t orders;
};

/* The history is the work of services, so they stand at its end. */
static enum status move_services(struct eventstore *store, struct error *error)
{
    uint64_t head = 0;
    enum status status = eventstore_head(store, &head, error);
    for (int i = 0; status == STATUS_OK && i < SERVICES_COUNT; i++) {
        const struct commit moved = {.consumer = service_names[i], .checkpoint_to = head};
        status = eventstore_commit(store, &moved, NULL, error);
    }
    return status;
}

/* Folds a sku's stream as far as the inventory may have come when it wrote its last snapshot. */
static enum status make_snapshot(struct eventstore *store, uint64_t number, struct arena *arena,
                                 struct snapshot *snapshot, struct error *error)
{
    struct arena scratch = {0};
    struct stock stock = {0};
    struct folding folding = {&stock_fold, &stock, &scratch, history_currency};
    char *sku = arena_alloc(arena, ENTITY_SIZE);
    uint64_t version = 0;
    if (sku == NULL)
        return error_memory(error);
    history_sku(number, sku);
    enum status status = eventstore_stream_version(store, (struct stream){"stock", sku}, &version, error);
    version -= version > SNAPSHOT_EVERY ? number % SNAPSHOT_EVERY : 0;
    const struct stream_query query = {.stream = {"stock", sku}, .limit = version};
    if (status == STATUS_OK)
        status = eventstore_read_stream(store, &query, NULL, fold_event, &folding, error);
    if (status == STATUS_OK)
        status = snapshot_make(&stock_fold, sku, &stock, version, arena, snapshot, error);
    arena_clear(&scratch);
    return status;
}

/* The history is the work of services, so the inventory has left snapshots. */
static enum status leave_snapshots(struct eventstore *store, uint64_t skus, struct error *error)
{
    struct snapshot snapshots[100];
    struct arena arena = {0};
    enum status status = STATUS_OK;
    for (uint64_t at = 0; status == STATUS_OK && at < skus; at += sizeof snapshots / sizeof *snapshots) {
        struct commit commit = {.snapshots = snapshots};
        while (status == STATUS_OK && commit.snapshot_count < sizeof snapshots / sizeof *snapshots &&
               at + commit.snapshot_count < skus) {
            status = make_snapshot(store, at + commit.snapshot_count, &arena, &snapshots[commit.snapshot_count], error);
            commit.snapshot_count++;
        }
        if (status == STATUS_OK)
            status = eventstore_commit(store, &commit, NULL, error);
        arena_reset(&arena);
    }
    arena_clear(&arena);
    return status;
}

static enum status trade_open(struct trade *trade, struct bench *bench, struct error *error)
{
    *trade = (struct trade){.bench = bench, .rolls = bench->rolls};
    enum status status = eventstore_open(&trade->store, bench->rolls->folder, NULL, error);
    if (status == STATUS_OK)
        status = move_services(trade->store, error);
    if (status == STATUS_OK)
        status = leave_snapshots(trade->store, history_sku_count(bench->events), error);
    trade->desk = (struct shop_desk){.store = trade->store,
                                     .currency = history_currency,
                                     .clock = &clock_system,
                                     .actor = "import",
                                     .producer = LIMIT_PRODUCER};
    return status;
}

/* Who asks for so few events wants to see that it works. */
static bool is_small(const struct bench *bench)
{
    return bench->events < 10000;
}

/* ---- orders ---- */

struct order_form {
    char ref[32];
    char skus[HISTORY_LINES][ENTITY_SIZE];
    struct desk_line lines[HISTORY_LINES];
    struct desk_order order;
};

static void fill_in(struct trade *trade, struct order_form *form)
{
    const uint64_t number = trade->orders++, skus = history_sku_count(trade->bench->events) - WORKER_SKUS;
    snprintf(form->ref, sizeof form->ref, "bench-%llu", (unsigned long long)number);
    for (uint64_t i = 0; i < HISTORY_LINES; i++) {
        history_sku(WORKER_SKUS + (number * 7 + i * 331) % skus, form->skus[i]);
        form->lines[i] = (struct desk_line){.sku = form->skus[i], .quantity = 1};
    }
    form->order = (struct desk_order){
        .order_ref = form->ref, .customer = "customer-0001", .lines = form->lines, .line_count = HISTORY_LINES};
}

static enum status import_orders(struct trade *trade, uint64_t count, struct error *error)
{
    struct desk_batch *batch = NULL;
    enum status status = desk_batch_open(&batch, &trade->desk, error);
    for (uint64_t i = 0; status == STATUS_OK && i < count; i++) {
        struct order_form form;
        bool done_already;
        fill_in(trade, &form);
        status = desk_batch_place(batch, &form.order, &done_already, error);
        if (status == STATUS_OK && (i % IMPORT_ORDERS == IMPORT_ORDERS - 1 || i == count - 1))
            status = desk_batch_commit(batch, error);
    }
    desk_batch_close(&batch);
    return status;
}

#define FOUR_SERVICES                                                                                                  \
    "--service", "order", "--service", "payment", "--service", "inventory", "--service", "notification"

/* ---- saga ---- */

static enum status settle(struct trade *trade, struct error *error)
{
    const char *const words[] = {"run", "--until-idle", "--shop", trade->rolls->folder, FOUR_SERVICES, NULL};
    pid_t process;
    enum status status = process_start(&process, trade->bench->till, words, error);
    return status == STATUS_OK ? process_wait(process, error) : status;
}

/* Settles that many orders, and returns in how many microseconds. */
static enum status saga_ours(struct trade *trade, uint64_t orders, int64_t *elapsed_us, struct error *error)
{
    uint64_t before = 0, after = 0;
    enum status status = import_orders(trade, orders, error);
    if (status == STATUS_OK)
        status = eventstore_head(trade->store, &before, error);
    int64_t started_us = clock_monotonic_us();
    if (status == STATUS_OK)
        status = settle(trade, error);
    *elapsed_us = clock_monotonic_us() - started_us;
    if (status == STATUS_OK)
        status = eventstore_head(trade->store, &after, error);
    CHECK(status != STATUS_OK || after - before == orders * SAGA_EVENTS);
    return status;
}

/* Writes as many events by the bare loop. */
static enum status saga_limit(struct trade *trade, uint64_t orders, int64_t *elapsed_us, struct error *error)
{
    int64_t limit_us = 0;
    uint64_t events = 0;
    size_t wave = 0;
    enum status status = STATUS_OK;
    for (; status == STATUS_OK && events < orders * SAGA_EVENTS; events += wave)
        status = rolls_append_limit(trade->rolls, 100, &wave, &limit_us, error);
    *elapsed_us = (int64_t)((double)limit_us * (double)(orders * SAGA_EVENTS) / (double)events);
    return status;
}

static enum status measure_saga(struct trade *trade, struct error *error)
{
    struct samples ours = {0}, limit = {0};
    const uint64_t a_round = trade->bench->events / HISTORY_EVENTS_AN_ORDER / (SAGA_ROUNDS + 1);
    const uint64_t orders = a_round < SAGA_ORDERS_MAX ? a_round : SAGA_ORDERS_MAX;
    enum status status = STATUS_OK;
    const int64_t until_us = clock_monotonic_us() + ROW_MAX_US;
    for (uint64_t round = 0; status == STATUS_OK && round <= SAGA_ROUNDS; round++) {
        if (round > 1 && clock_monotonic_us() > until_us)
            break;
        int64_t ours_us = 1, limit_us = 1;
        bench_tell(trade->bench, "saga", round, SAGA_ROUNDS);
        status = saga_ours(trade, orders, &ours_us, error);
        if (status == STATUS_OK)
            status = saga_limit(trade, orders, &limit_us, error);
        if (round > 0) { /* the first one warms up */
            samples_add(&ours, (double)orders * 1e6 / (double)ours_us);
            samples_add(&limit, (double)orders * 1e6 / (double)limit_us);
        }
    }
    if (status == STATUS_OK)
        bench_set(trade->bench, SAGA, samples_percentile(&ours, 50), samples_percentile(&limit, 50));
    samples_clear(&ours);
    samples_clear(&limit);
    return status;
}

/* ---- latency ---- */

/* Waits until the order's stream of this category has so many events. */
static enum status wait_for(struct trade *trade, const char *category, struct uuid order, uint64_t version,
                            struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    const struct stream stream = {category, entity};
    const int64_t until_us = clock_monotonic_us() + PATIENCE_MS * INT64_C(1000);
    uuid_to_text(order, entity);
    for (;;) {
        uint64_t stands = 0;
        uint32_t bell = eventstore_bell(trade->store);
        enum status status = eventstore_stream_version(trade->store, stream, &stands, error);
        if (status != STATUS_OK || stands >= version)
            return status;
        if (clock_monotonic_us() > until_us)
            return error_set(error, STATUS_UNAVAILABLE, "the services did not answer an order within %d s",
                             PATIENCE_MS / 1000);
        eventstore_wait(trade->store, bell, 100);
    }
}

/* From the moment a customer begins to place an order until its OrderConfirmed is on the roll. */
static enum status confirm_one(struct trade *trade, int64_t *took_us, struct error *error)
{
    struct order_form form;
    struct uuid order;
    fill_in(trade, &form);
    int64_t started_us = clock_monotonic_us();
    enum status status = desk_place(&trade->desk, &form.order, &order, NULL, error);
    if (status == STATUS_OK)
        status = wait_for(trade, "order", order, 2, error);
    *took_us = clock_monotonic_us() - started_us;
    return status == STATUS_OK ? wait_for(trade, "notification", order, 1, error) : status;
}

/* One FULL commit of a bare loop, an order's payload long. */
static enum status commit_one(struct trade *trade, int64_t *took_us, struct error *error)
{
    char payload[400];
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    int64_t started_us = clock_monotonic_us();
    enum status status = limit_fill(&trade->rolls->limit, 1, payload, error);
    *took_us = clock_monotonic_us() - started_us;
    return status;
}

static enum status sample_latency(struct trade *trade, const char *what, struct samples *ours, struct samples *limit,
                                  struct error *error)
{
    const uint64_t wanted = trade->bench->events / 200;
    const uint64_t orders = wanted < LATENCY_ORDERS_MIN   ? LATENCY_ORDERS_MIN
                            : wanted < LATENCY_ORDERS_MAX ? wanted
                                                          : LATENCY_ORDERS_MAX;
    const int64_t until_us = clock_monotonic_us() + ROW_MAX_US;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; status == STATUS_OK && i < orders + orders / 10; i++) {
        if (ours->count > LATENCY_ORDERS_MIN && clock_monotonic_us() > until_us)
            break;
        int64_t ours_us = 0, limit_us = 0;
        bench_tell(trade->bench, what, i, orders + orders / 10);
        status = confirm_one(trade, &ours_us, error);
        usleep(QUIET_MS * 1000);
        if (status == STATUS_OK)
            status = commit_one(trade, &limit_us, error);
        if (i >= orders / 10) { /* those before warm up */
            samples_add(ours, (double)ours_us / 1000);
            samples_add(limit, (double)limit_us / 1000);
        }
    }
    return status;
}

/* Both with and without an importer the limit is a commit without one. */
static enum status measure_latency(struct trade *trade, struct error *error)
{
    struct bench *bench = trade->bench;
    const char *const words[] = {"run", "--shop", trade->rolls->folder, FOUR_SERVICES, NULL};
    struct samples alone = {0}, limit = {0}, beside = {0}, ignored = {0};
    pid_t services = 0, importer = 0;
    enum status status = process_start(&services, bench->till, words, error);
    if (status == STATUS_OK)
        status = sample_latency(trade, "latency", &alone, &limit, error);
    const double commit_ms = samples_percentile(&limit, 50);
    if (status == STATUS_OK) {
        bench_set(bench, LATENCY_P50, samples_percentile(&alone, 50), commit_ms);
        bench_set(bench, LATENCY_P99, samples_percentile(&alone, 99), commit_ms);
    }
    if (status == STATUS_OK && bench->wanted[LATENCY_P99_IMPORT])
        status = worker_start(&importer, WORKER_IMPORT, trade->rolls->folder, error);
    if (importer > 0 && status == STATUS_OK)
        status = sample_latency(trade, "latency beside an importer", &beside, &ignored, error);
    if (status == STATUS_OK)
        bench_set(bench, LATENCY_P99_IMPORT, samples_percentile(&beside, 99), commit_ms);
    process_kill(importer);
    if (services > 0)
        process_stop(services);
    samples_clear(&alone);
    samples_clear(&limit);
    samples_clear(&beside);
    samples_clear(&ignored);
    return status;
}

/* ---- writers ---- */

enum { WRITERS_MAX = WORKER_SKUS, WRITER_ROUNDS = 5, WRITER_ROUND_MS = 600, WRITER_START_MS = 50 };

struct crew {
    int count;
    pid_t processes[WRITERS_MAX];
    struct writer_report *reports[WRITERS_MAX];
    uint32_t began[WRITERS_MAX]; /* commits that were made before we looked */
};

static enum status crew_start(struct crew *crew, const struct trade *trade, int count, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = STATUS_OK;
    *crew = (struct crew){.count = count};
    for (int i = 0; status == STATUS_OK && i < count; i++) {
        status = path_join(path, trade->rolls->folder, error, "writer-%d", i);
        if (status == STATUS_OK && (crew->reports[i] = writer_report_map(path, true)) == NULL)
            status = error_errno(error, "make", path);
        if (status == STATUS_OK)
            status = worker_start(&crew->processes[i], WORKER_WRITER, path, error);
    }
    for (int i = 0; status == STATUS_OK && i < count; i++)
        while (crew->reports[i]->commits == 0 && kill(crew->processes[i], 0) == 0)
            usleep(1000);
    return status;
}

static void crew_end(struct crew *crew)
{
    for (int i = 0; i < crew->count; i++)
        process_kill(crew->processes[i]);
    for (int i = 0; i < crew->count; i++)
        writer_report_unmap(crew->reports[i]);
}

/* Lets so many writers write for a while: commits a second, and how long each took. */
static enum status crew_round(struct trade *trade, int count, struct samples *per_second, struct samples *took_ms,
                              struct error *error)
{
    struct crew crew;
    uint32_t commits = 0;
    enum status status = crew_start(&crew, trade, count, error);
    if (status == STATUS_OK) {
        usleep(WRITER_START_MS * 1000);
        for (int i = 0; i < count; i++)
            crew.began[i] = crew.reports[i]->commits;
        int64_t started_us = clock_monotonic_us();
        usleep(WRITER_ROUND_MS * 1000);
        for (int i = 0; i < count; i++) {
            uint32_t ended = crew.reports[i]->commits;
            for (uint32_t commit = crew.began[i]; commit < ended; commit++)
                samples_add(took_ms, (double)crew.reports[i]->took_us[commit] / 1000);
            commits += ended - crew.began[i];
        }
        samples_add(per_second, (double)commits * 1e6 / (double)(clock_monotonic_us() - started_us));
    }
    crew_end(&crew);
    return status;
}

static enum status measure_writers(struct trade *trade, struct error *error)
{
    struct samples four = {0}, one = {0}, four_ms = {0}, one_ms = {0};
    const int rounds = is_small(trade->bench) ? 2 : WRITER_ROUNDS;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < rounds; i++) {
        bench_tell(trade->bench, "writers", (uint64_t)i, (uint64_t)rounds);
        status = crew_round(trade, WRITERS_MAX, &four, &four_ms, error);
        if (status == STATUS_OK)
            status = crew_round(trade, 1, &one, &one_ms, error);
    }
    if (status == STATUS_OK) {
        bench_set(trade->bench, WRITERS, samples_percentile(&four, 50), samples_percentile(&one, 50));
        bench_set(trade->bench, WRITERS_WAIT, samples_percentile(&four_ms, 100), samples_percentile(&one_ms, 50));
    }
    samples_clear(&four);
    samples_clear(&one);
    samples_clear(&four_ms);
    samples_clear(&one_ms);
    return status;
}

/* ---- idle ---- */

enum { IDLE_MS = 5000, REST_ROUND_MS = 500, REST_ROUNDS_MAX = 120, REST_US = 5000 };

/* What till run needs of the processor in so much time, with nothing to do. */
static enum status measure_idle(struct trade *trade, struct error *error)
{
    const char *const words[] = {"run", "--shop", trade->rolls->folder, NULL};
    const int64_t watched_ms = is_small(trade->bench) ? IDLE_MS / 4 : IDLE_MS;
    pid_t shop = 0;
    enum status status = process_start(&shop, trade->bench->till, words, error);
    if (status != STATUS_OK)
        return status;
    int64_t used_us = REST_US + 1, before_us = process_family_us(shop);
    for (int i = 0; i < REST_ROUNDS_MAX && used_us > REST_US; i++) { /* until it has come to rest */
        bench_tell(trade->bench, "idle", 0, 0);
        usleep(REST_ROUND_MS * 1000);
        used_us = process_family_us(shop) - before_us;
        before_us += used_us;
    }
    int64_t started_us = clock_monotonic_us();
    usleep((useconds_t)watched_ms * 1000);
    used_us = process_family_us(shop) - before_us;
    bench_set(trade->bench, IDLE, (double)used_us * 100 / (double)(clock_monotonic_us() - started_us), 0);
    process_stop(shop);
    return STATUS_OK;
}

/* ---- all of them ---- */

enum status measure_processes(struct bench *bench, struct error *error)
{
    struct trade trade = {0};
    const bool *wanted = bench->wanted;
    const bool latency = wanted[LATENCY_P50] || wanted[LATENCY_P99] || wanted[LATENCY_P99_IMPORT];
    const bool writers = wanted[WRITERS] || wanted[WRITERS_WAIT];
    if (!latency && !writers && !wanted[SAGA] && !wanted[IDLE])
        return STATUS_OK;
    setenv("TILL_LOG", "off", 1);
    enum status status = trade_open(&trade, bench, error);
    if (status == STATUS_OK && wanted[SAGA])
        status = measure_saga(&trade, error);
    if (status == STATUS_OK && latency)
        status = measure_latency(&trade, error);
    if (status == STATUS_OK && wanted[IDLE])
        status = measure_idle(&trade, error);
    if (status == STATUS_OK && writers)
        status = measure_writers(&trade, error);
    eventstore_close(&trade.store);
    return status;
}
