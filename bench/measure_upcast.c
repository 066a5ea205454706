/* measure_upcast.c - what it costs that old events are read: the same orders, as the first version wrote them down and
 * as today's does. */
#include <string.h>

#include "bench/bench.h"
#include "bench/history.h"
#include "domain/codec.h"

#define BEGINNING                                                                                                      \
    "{\"order_id\":\"c3344274-af8f-54e3-8d5d-95f6ce257cf7\",\"order_ref\":\"A-1\",\"customer_id\":\"ada\","
#define END ",\"card_token\":\"tok_ok\",\"placed_at\":\"2026-11-23T18:40:00Z\"}"

static const char *const versions[] = {
    BEGINNING "\"lines\":[{\"sku\":\"tea\",\"quantity\":2,\"unit_price_minor\":790},"
              "{\"sku\":\"pot\",\"quantity\":1,\"unit_price_minor\":3900}],\"amount\":5480" END,
    BEGINNING
    "\"currency\":\"USD\",\"lines\":["
    "{\"sku\":\"tea\",\"name\":\"Assam tea, 250 g\",\"quantity\":2,\"unit_price_minor\":790},"
    "{\"sku\":\"pot\",\"name\":\"Tea pot\",\"quantity\":1,\"unit_price_minor\":3900}],\"total_minor\":5480" END,
};

enum { DECODED = 20000 };

static enum status decode_all(struct arena *arena, int version, struct tally *tally, struct error *error)
{
    const char *data = versions[version - 1];
    const size_t length = strlen(data);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && tally->count < DECODED) {
        struct event event;
        arena_reset(arena);
        status = event_decode("OrderPlaced", version, data, length, history_currency, arena, &event, error);
        if (status != STATUS_OK)
            break;
        tally->count++;
        tally->sum += (uint64_t)event.order_placed.total_minor + event.order_placed.lines.count;
    }
    return status;
}

static enum status decode_first(void *arena, struct tally *tally, struct error *error)
{
    return decode_all(arena, 1, tally, error);
}

static enum status decode_todays(void *arena, struct tally *tally, struct error *error)
{
    return decode_all(arena, 2, tally, error);
}

enum status measure_upcasts(struct bench *bench, struct error *error)
{
    static const struct side sides[] = {{"version 1", decode_first}, {"version 2", decode_todays}};
    struct arena arena = {0};
    double per_second[2];
    if (!bench->wanted[UPCAST])
        return STATUS_OK;
    enum status status = compare(bench, "upcast", sides, 2, &arena, per_second, error);
    arena_clear(&arena);
    bench_set(bench, UPCAST, per_second[0], per_second[1]);
    return status;
}
