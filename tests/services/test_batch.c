/* A sku's stream grows by each order that was ever placed. It is folded along its links or in a pass over the roll, and
 * what comes of it is the same. */
#include <stdio.h>
#include <string.h>

#include "domain/codec.h"
#include "domain/stock.h"
#include "services/batch.h"
#include "tests/services/saga.h"

enum { POPULAR_EVENTS = 100000, COMMIT_EVENTS = 1000, SHELF = 1000 };

static struct saga saga;

static void open_shop(void)
{
    saga_open(&saga);
}

static void close_shop(void)
{
    saga_close(&saga);
}

TestSuite(batch, .init = open_shop, .fini = close_shop, .timeout = 120);

/* Reserved, and released again by the next: so many events about a sku, of version `from` and later. */
static void happens_often(const char *sku, uint64_t from, size_t count)
{
    static struct new_event events[COMMIT_EVENTS];
    static struct buffer data[COMMIT_EVENTS];
    for (size_t done = 0; done < count; done += COMMIT_EVENTS) {
        for (size_t i = 0; i < COMMIT_EVENTS; i++) {
            const uint64_t number = from + done + i;
            struct event event = {.type = number % 2 == 0 ? EVENT_UNITS_RESERVED : EVENT_UNITS_RELEASED};
            event.units_moved = (struct units_moved){.sku = sku, .quantity = 1 + (int64_t)(number / 2 % 7)};
            buffer_reset(&data[i]);
            cr_assert_eq(event_encode(&event, &data[i], &saga.error), STATUS_OK, "%s", saga.error.text);
            events[i] = (struct new_event){.type = event_type_name(event.type),
                                           .schema_version = event_schema_version(event.type),
                                           .data = data[i].data,
                                           .data_length = data[i].length};
            memcpy(events[i].id.bytes, &number, sizeof number);
            memcpy(events[i].id.bytes + 8, sku, strlen(sku));
            events[i].correlation = events[i].id;
        }
        const struct append append = {{"stock", sku}, from + done - 1, events, COMMIT_EVENTS};
        const struct commit commit = {.appends = &append, .append_count = 1, .actor = "test", .producer = "test"};
        cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
    }
    for (size_t i = 0; i < COMMIT_EVENTS; i++)
        buffer_clear(&data[i]);
}

static struct loaded *load(struct batch *batch, const char *sku)
{
    struct loaded *loaded = NULL;
    batch_begin(batch);
    cr_assert_eq(batch_load(batch, &stock_fold, sku, &loaded, &saga.error), STATUS_OK, "%s", saga.error.text);
    return loaded;
}

static void expect_same(struct batch *one, struct batch *other, const char *sku)
{
    const struct loaded *a = load(one, sku), *b = load(other, sku);
    cr_expect_eq(a->version, b->version);
    cr_expect_eq(a->read_version, b->read_version);
    cr_expect_arr_eq(a->state, b->state, sizeof(struct stock), "%s", sku);
}

Test(batch, a_stream_of_100000_events_is_the_same_however_it_is_loaded_and_read_once)
{
    struct batch walking, passing;
    batch_init(&walking, saga.store, "inventory");
    batch_init(&passing, saga.store, "inventory");
    (void)saga_list(&saga, "cup", SHELF);
    (void)saga_list(&saga, "pot", SHELF);
    happens_often("cup", 3, POPULAR_EVENTS + COMMIT_EVENTS);
    happens_often("pot", 3, COMMIT_EVENTS);

    cr_assert_eq(load(&passing, "pot")->version, 2 + COMMIT_EVENTS); /* known already: the pass begins behind it */
    cr_assert_eq(batch_load_all(&passing, &stock_fold, &saga.error), STATUS_OK, "%s", saga.error.text);
    expect_same(&walking, &passing, "cup");
    expect_same(&walking, &passing, "pot");
    expect_same(&walking, &passing, "tea");
    cr_expect_eq(load(&walking, "cup")->version, 2 + POPULAR_EVENTS + COMMIT_EVENTS);
    cr_expect_gt(walking.walked, POPULAR_EVENTS);
    cr_expect_eq(passing.walked, 0, "what was passed is not read again");

    happens_often("cup", 3 + POPULAR_EVENTS + COMMIT_EVENTS, COMMIT_EVENTS);
    expect_same(&walking, &passing, "cup");
    cr_expect_eq(passing.walked, COMMIT_EVENTS, "only what is new is read");
    batch_clear(&walking);
    batch_clear(&passing);
}

Test(batch, all_is_loaded_once_single_streams_have_cost_as_much)
{
    struct batch batch;
    batch_init(&batch, saga.store, "inventory");
    (void)saga_list(&saga, "cup", SHELF);
    (void)saga_list(&saga, "pot", SHELF);
    happens_often("cup", 3, 40 * COMMIT_EVENTS);
    happens_often("pot", 3, 4 * COMMIT_EVENTS);
    cr_assert_eq(batch_load_all_when_due(&batch, &saga.error), STATUS_OK);
    cr_expect_not(batch.passed, "nothing was asked for");
    (void)load(&batch, "tea");
    cr_assert_eq(batch_load_all_when_due(&batch, &saga.error), STATUS_OK);
    cr_expect_not(batch.passed, "two events are few");
    (void)load(&batch, "pot");
    cr_assert_eq(batch_load_all_when_due(&batch, &saga.error), STATUS_OK, "%s", saga.error.text);
    cr_expect(batch.passed);
    cr_expect_eq(load(&batch, "cup")->version, 2 + 40 * COMMIT_EVENTS);
    cr_expect_eq(batch.walked, 0);
    batch_clear(&batch);
}
