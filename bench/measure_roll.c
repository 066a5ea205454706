/* measure_roll.c - the rows about the roll itself: appending, reading, loading, proving, and its size. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/database.h"
#include "bench/rolls.h"
#include "domain/codec.h"
#include "domain/order.h"
#include "eventstore/digest.h"

/* ---- appending ---- */

enum {
    COMMIT_EVENTS = 100,
    ROUNDS = 10,
    ROUND_EVENTS_MAX = 20000, /* a log's checkpoint is in each */
    SINGLES_MAX = 2000,
    TENTH_EVENTS_MIN = 100000,
    LOAD_STRIDE = 1000003, /* a prime: journeys are loaded in no order */
};

/* Both sides' speed, a sample a round. */
struct speeds {
    struct samples ours, limit;
};

static void speeds_add(struct speeds *speeds, uint64_t events, int64_t ours_us, int64_t limit_us)
{
    samples_add(&speeds->ours, (double)events * 1e6 / (double)ours_us);
    samples_add(&speeds->limit, (double)events * 1e6 / (double)limit_us);
}

static void speeds_settle(struct bench *bench, enum figure_id id, struct speeds *speeds)
{
    bench_set(bench, id, samples_percentile(&speeds->ours, 50), samples_percentile(&speeds->limit, 50));
    samples_clear(&speeds->ours);
    samples_clear(&speeds->limit);
}

/* Appends about so many events to both. */
static enum status append_round(struct bench *bench, uint64_t events, size_t commit_events, struct speeds *speeds,
                                struct error *error)
{
    int64_t ours_us = 0, limit_us = 0;
    uint64_t done = 0;
    size_t wave = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && done < events) {
        bench_tell(bench, "appending", bench->rolls->events, bench->events);
        status = rolls_append(bench->rolls, commit_events, &wave, &ours_us, &limit_us, error);
        done += wave;
    }
    if (status == STATUS_OK)
        speeds_add(speeds, done, ours_us, limit_us);
    return status;
}

/* How much memory a rebuild needs on the way: below so many events its cache is not full yet. */
static enum status measure_tenth(struct bench *bench, struct error *error)
{
    struct rolls *rolls = bench->rolls;
    if (!bench->wanted[REBUILD_MEMORY] || rolls->tenth_mebibytes > 0 || rolls->events < bench->events / 10 ||
        rolls->events < TENTH_EVENTS_MIN)
        return STATUS_OK;
    return measure_rebuild_memory(bench, &rolls->tenth_mebibytes, error);
}

enum status measure_appends(struct bench *bench, struct error *error)
{
    struct speeds all = {0}, last = {0}, singles = {0}, warm_up = {0};
    const uint64_t round = bench->events / ROUNDS < ROUND_EVENTS_MAX ? bench->events / ROUNDS : ROUND_EVENTS_MAX;
    enum status status = append_round(bench, round / 4, COMMIT_EVENTS, &warm_up, error);
    while (status == STATUS_OK && bench->rolls->events < bench->events) {
        bool is_last = bench->rolls->events >= bench->events - bench->events / 4 - round;
        status = append_round(bench, round, COMMIT_EVENTS, is_last ? &last : &all, error);
        if (status == STATUS_OK)
            status = measure_tenth(bench, error);
    }
    for (int i = 0; status == STATUS_OK && bench->wanted[APPEND_ONE] && i < ROUNDS; i++)
        status = append_round(bench, (round < SINGLES_MAX ? round : SINGLES_MAX) / ROUNDS, 1, &singles, error);
    for (size_t i = 0; i < last.ours.count; i++) {
        samples_add(&all.ours, last.ours.values[i]);
        samples_add(&all.limit, last.limit.values[i]);
    }
    speeds_settle(bench, APPEND_BATCH, &all);
    speeds_settle(bench, APPEND_BATCH_1M, &last);
    speeds_settle(bench, APPEND_ONE, &singles);
    samples_clear(&warm_up.ours);
    samples_clear(&warm_up.limit);
    return status;
}

/* ---- reading ---- */

struct reading {
    struct rolls *rolls;
    struct arena arena;
    event_type_set parsed; /* of the limit */
    struct tally *tally;
};

static enum status decode(void *context, const struct recorded_event *recorded, struct error *error)
{
    struct reading *reading = context;
    struct event event;
    arena_reset(&reading->arena);
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      history_currency, &reading->arena, &event, error);
    reading->tally->count++;
    reading->tally->sum += recorded->data_length;
    return status;
}

static enum status read_ours(void *context, struct tally *tally, struct error *error)
{
    struct reading *reading = context;
    const struct roll_query all = {0};
    reading->tally = tally;
    return eventstore_read_roll(reading->rolls->store, &all, decode, reading, error);
}

/* One event in eight is of this type. */
static const enum event_type one_type = EVENT_PAYMENT_CAPTURED;

static enum status read_one_type(void *context, struct tally *tally, struct error *error)
{
    struct reading *reading = context;
    const char *const name = event_type_name(one_type);
    const struct roll_query one = {.types = &name, .type_count = 1};
    reading->tally = tally;
    enum status status = eventstore_read_roll(reading->rolls->store, &one, decode, reading, error);
    tally->count = reading->rolls->events; /* all of them were passed */
    return status;
}

static enum status read_parsed(void *context, struct tally *tally, struct error *error)
{
    struct reading *reading = context;
    return limit_read_parsed(&reading->rolls->limit, ~(event_type_set)0, tally, error);
}

static enum status read_parsed_one_type(void *context, struct tally *tally, struct error *error)
{
    struct reading *reading = context;
    enum status status = limit_read_parsed(&reading->rolls->limit, EVENT_BIT(one_type), tally, error);
    tally->count = reading->rolls->events;
    return status;
}

static enum status read_bare(void *context, struct tally *tally, struct error *error)
{
    struct reading *reading = context;
    return limit_read(&reading->rolls->limit, tally, error);
}

static enum status measure_roll(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"ours", read_ours}, {"cJSON", read_parsed}, {"bare", read_bare}};
    struct reading reading = {.rolls = bench->rolls};
    double per_second[3];
    enum status status = compare(bench, "read_roll", sides, 3, &reading, per_second, error);
    arena_clear(&reading.arena);
    bench_set(bench, READ_ROLL, per_second[0], per_second[1]);
    bench_set(bench, READ_ROLL_BARE, per_second[0], per_second[2]);
    return status;
}

static enum status measure_types(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"ours", read_one_type}, {"cJSON", read_parsed_one_type}};
    struct reading reading = {.rolls = bench->rolls};
    double per_second[2];
    enum status status = compare(bench, "read_types", sides, 2, &reading, per_second, error);
    arena_clear(&reading.arena);
    bench_set(bench, READ_TYPES, per_second[0], per_second[1]);
    return status;
}

/* ---- loading ---- */

/* A fresh handle for each round: what it finds is what the system keeps of the file, and nothing else. */
struct loading {
    struct bench *bench;
    struct arena arena;
    struct order order;
    struct tally *tally;
};

static enum status evolve(void *context, const struct recorded_event *recorded, struct error *error)
{
    struct loading *loading = context;
    struct event event;
    enum status status = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                      history_currency, &loading->arena, &event, error);
    if (status == STATUS_OK)
        order_evolve(&loading->order, &event);
    loading->tally->count++;
    loading->tally->sum += recorded->data_length;
    return status;
}

static enum status decide(struct loading *loading, struct eventstore *store, struct uuid order, struct error *error)
{
    char entity[UUID_TEXT_SIZE];
    struct event_list answer = {.arena = &loading->arena};
    const struct ship_order ship = {0};
    arena_reset(&loading->arena);
    loading->order = (struct order){0};
    uuid_to_text(order, entity);
    enum status status = eventstore_read_entity(store, entity, 0, evolve, loading, error);
    CHECK(status != STATUS_OK || order_decide_ship(&loading->order, &ship, &answer) != REFUSAL_NONE);
    return status;
}

static enum status load_ours(void *context, struct tally *tally, struct error *error)
{
    struct loading *loading = context;
    const struct made_journey *journeys;
    size_t count = history_journeys(loading->bench->rolls->history, &journeys);
    struct eventstore *store = NULL;
    enum status status = eventstore_open(&store, loading->bench->rolls->folder, NULL, error);
    int64_t started_us = clock_monotonic_us();
    loading->tally = tally;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = decide(loading, store, journeys[i * LOAD_STRIDE % count].order, error);
    tally->elapsed_us = clock_monotonic_us() - started_us;
    eventstore_close(&store);
    return status;
}

static enum status load_limit(void *context, struct tally *tally, struct error *error)
{
    struct loading *loading = context;
    const struct made_journey *journeys;
    size_t count = history_journeys(loading->bench->rolls->history, &journeys);
    struct limit limit;
    sqlite3_stmt *select = NULL;
    enum status status = limit_open(&limit, loading->bench->rolls->limit_path, error);
    if (status == STATUS_OK)
        status = limit_journey_prepare(&limit, &select, error);
    int64_t started_us = clock_monotonic_us();
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = limit_journey(&limit, select, journeys[i * LOAD_STRIDE % count].first_stream, tally, error);
    tally->elapsed_us = clock_monotonic_us() - started_us;
    sqlite3_finalize(select);
    limit_close(&limit);
    return status;
}

static enum status measure_load(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"ours", load_ours}, {"cJSON", load_limit}};
    struct loading loading = {.bench = bench};
    double per_second[2];
    enum status status = compare(bench, "load_entity", sides, 2, &loading, per_second, error);
    arena_clear(&loading.arena);
    bench_set(bench, LOAD_ENTITY, per_second[0], per_second[1]);
    return status;
}

/* ---- proving ---- */

/* `till verify` checks more than the chain: the file, the schema, the names before it, the streams after it. */
struct proving {
    struct rolls *rolls;
    int64_t names_us, chain_us; /* when these were reported */
};

static enum status note_check(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    struct proving *proving = context;
    if (!ok)
        return error_set(error, STATUS_DAMAGED, "the benchmark's own roll: %s: %s", check, detail);
    if (strcmp(check, "names") == 0)
        proving->names_us = clock_monotonic_us();
    if (strcmp(check, "chain") == 0)
        proving->chain_us = clock_monotonic_us();
    return STATUS_OK;
}

static enum status verify_ours(void *context, struct tally *tally, struct error *error)
{
    struct proving *proving = context;
    enum status status = eventstore_verify(proving->rolls->store, note_check, proving, NULL, error);
    tally->elapsed_us = proving->chain_us - proving->names_us;
    tally->count = proving->rolls->events;
    return status;
}

static enum status verify_limit(void *context, struct tally *tally, struct error *error)
{
    struct proving *proving = context;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES], head[EVENTSTORE_DIGEST_BYTES];
    uint64_t position;
    digest_start(eventstore_info(proving->rolls->store)->id, digest);
    enum status status = limit_digest(&proving->rolls->limit, digest, tally, error);
    if (status == STATUS_OK)
        status = eventstore_head_digest(proving->rolls->store, &position, head, error);
    CHECK(status != STATUS_OK || memcmp(digest, head, sizeof head) == 0); /* the same events, byte for byte */
    tally->sum = 0;
    return status;
}

static enum status measure_verify(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"ours", verify_ours}, {"BLAKE2b", verify_limit}};
    struct proving proving = {.rolls = bench->rolls};
    double per_second[2];
    enum status status = compare(bench, "verify", sides, 2, &proving, per_second, error);
    bench_set(bench, VERIFY, per_second[0], per_second[1]);
    return status;
}

/* ---- size ---- */

static enum status measure_size(struct bench *bench, struct error *error)
{
    char path[PATH_SIZE];
    int64_t limit_size = 0, our_size = 0;
    struct limit ours = {0};
    enum status status = path_join(path, bench->rolls->folder, error, "events.db");
    if (status == STATUS_OK)
        status = database_open(&ours.database, path, DATABASE_READ, error);
    if (status == STATUS_OK)
        status = limit_bytes(&ours, &our_size, error);
    if (status == STATUS_OK)
        status = limit_bytes(&bench->rolls->limit, &limit_size, error);
    limit_close(&ours);
    double events = (double)bench->rolls->events;
    bench_set(bench, SIZE, (double)our_size / events, (double)limit_size / events);
    return status;
}

enum status measure_reads(struct bench *bench, struct error *error)
{
    enum status status = STATUS_OK;
    if (bench->wanted[READ_ROLL] || bench->wanted[READ_ROLL_BARE])
        status = measure_roll(bench, error);
    if (status == STATUS_OK && bench->wanted[READ_TYPES])
        status = measure_types(bench, error);
    if (status == STATUS_OK && bench->wanted[LOAD_ENTITY])
        status = measure_load(bench, error);
    if (status == STATUS_OK && bench->wanted[VERIFY])
        status = measure_verify(bench, error);
    if (status == STATUS_OK && bench->wanted[SIZE])
        status = measure_size(bench, error);
    return status;
}
