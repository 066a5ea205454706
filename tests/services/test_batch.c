/* A sku's stream grows by each order that was ever placed. It is folded from its start or on from its snapshot, and
 * what comes of it is the same. */
#include <stdio.h>
#include <string.h>

#include "domain/codec.h"
#include "domain/money.h"
#include "domain/stock.h"
#include "services/batch.h"
#include "services/folding.h"
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

/* The version of the sku's snapshot; 0 when there is none. */
static uint64_t snapshot_of(const char *sku)
{
    struct arena arena = {0};
    struct snapshot snapshot;
    const struct stream stream = {"stock", sku};
    cr_assert_eq(eventstore_read_snapshot(saga.store, stream, stock_fold.version, &arena, &snapshot, &saga.error),
                 STATUS_OK);
    arena_clear(&arena);
    return snapshot.version;
}

/* The sku's state and version, as a batch that starts with `fold` finds them. */
static struct stock load(const struct fold *fold, const char *sku, uint64_t *version)
{
    struct batch batch;
    struct loaded *loaded = NULL;
    batch_init(&batch, saga.store, "inventory");
    batch_begin(&batch);
    cr_assert_eq(batch_load(&batch, fold, sku, &loaded, &saga.error), STATUS_OK, "%s", saga.error.text);
    const struct stock stock = *(const struct stock *)loaded->state;
    *version = loaded->version;
    cr_expect_eq(loaded->read_version, loaded->version);
    batch_clear(&batch);
    return stock;
}

/* One that finds no snapshots: those that stand were folded in another way. */
static struct stock load_from_the_start(const char *sku, uint64_t *version)
{
    struct fold fold = stock_fold;
    fold.version = 1000;
    return load(&fold, sku, version);
}

static void expect_same_stock(const struct stock *one, const struct stock *other)
{
    cr_expect_eq(one->listed, other->listed);
    cr_expect_str_eq(one->name, other->name);
    cr_expect_eq(one->unit_price_minor, other->unit_price_minor);
    cr_expect(currency_equal(one->currency, other->currency));
    cr_expect_eq(one->on_hand, other->on_hand);
    cr_expect_eq(one->reserved, other->reserved);
    cr_expect_eq(one->opened, other->opened);
    cr_expect_eq(one->opening, other->opening);
}

static void receive(const char *sku, int64_t quantity)
{
    const struct receive_stock delivery = {sku, quantity};
    cr_assert_eq(desk_receive(&saga.desk, &delivery, &saga.error), STATUS_OK, "%s", saga.error.text);
}

static void forge_snapshot(const char *sku, uint64_t version, const char *data)
{
    const struct snapshot forged = {{"stock", sku}, stock_fold.version, version, data, strlen(data)};
    const struct commit commit = {.actor = "eve", .producer = "test", .snapshots = &forged, .snapshot_count = 1};
    cr_assert_eq(eventstore_commit(saga.store, &commit, NULL, &saga.error), STATUS_OK, "%s", saga.error.text);
}

static struct snapshot_finding verify(void)
{
    struct snapshot_finding finding;
    cr_assert_eq(snapshots_verify(saga.store, &stock_fold, &finding, &saga.error), STATUS_OK, "%s", saga.error.text);
    return finding;
}

Test(batch, a_stream_of_100000_events_is_the_same_with_its_snapshot_and_without)
{
    uint64_t with, without;
    (void)saga_list(&saga, "cup", SHELF);
    happens_often("cup", 3, POPULAR_EVENTS);
    receive("cup", 5);
    cr_expect_eq(snapshot_of("cup"), POPULAR_EVENTS + 3);
    happens_often("cup", POPULAR_EVENTS + 4, COMMIT_EVENTS);
    const struct stock on = load(&stock_fold, "cup", &with), anew = load_from_the_start("cup", &without);
    expect_same_stock(&on, &anew);
    cr_expect_eq(on.on_hand, SHELF + 5);
    cr_expect_eq(with, POPULAR_EVENTS + COMMIT_EVENTS + 3);
    cr_expect_eq(without, with);
    const struct snapshot_finding finding = verify();
    cr_expect_str_eq(finding.wrong, "");
    cr_expect_eq(finding.compared, 1);
}

/* As many as 32 events of one stream are read by whoever loads it, and no more. */
Test(batch, a_snapshot_is_written_whenever_a_stream_has_grown_by_so_much)
{
    for (uint64_t version = 3; version <= 2 * SNAPSHOT_EVERY + 1; version++) {
        receive("tea", 1);
        cr_expect_eq(snapshot_of("tea"), version / SNAPSHOT_EVERY * SNAPSHOT_EVERY, "at version %zu", (size_t)version);
    }
}

Test(batch, the_inventory_writes_snapshots_with_its_answers)
{
    uint64_t with, without;
    (void)saga_list(&saga, "cup", SHELF);
    for (int i = 0; i < SNAPSHOT_EVERY; i++) {
        char ref[16];
        snprintf(ref, sizeof ref, "%d", i);
        cr_assert_eq(saga_place(&saga, ref, "cup", 1 + i % 3, "tok_ok"), STATUS_OK, "%s", saga.error.text);
    }
    saga_settle(&saga);
    cr_expect_eq(snapshot_of("cup"), SNAPSHOT_EVERY);
    cr_expect_eq(snapshot_of("tea"), 0);
    const struct stock on = load(&stock_fold, "cup", &with), anew = load_from_the_start("cup", &without);
    expect_same_stock(&on, &anew);
    saga_restart(&saga, INVENTORY);
    cr_assert_eq(saga_place(&saga, "next", "cup", 7, "tok_ok"), STATUS_OK, "%s", saga.error.text);
    saga_settle(&saga);
    cr_expect_eq(saga_stock(&saga, "cup").reserved, on.reserved + 7);
    cr_expect_str_eq(verify().wrong, "");
}

Test(batch, what_a_snapshot_stands_for_is_not_read_again_and_verifying_finds_what_it_says_wrong)
{
    uint64_t version;
    receive("tea", 1);
    forge_snapshot("tea", 2,
                   "{\"name\":\"Tea\",\"unit_price_minor\":1,\"currency\":\"USD\",\"on_hand\":70,\"reserved\":0,"
                   "\"opening\":10,\"opened\":true}");
    cr_expect_eq(load(&stock_fold, "tea", &version).on_hand, 70 + 1);
    cr_expect_eq(version, 3);
    cr_expect_eq(load_from_the_start("tea", &version).on_hand, 10 + 1);
    cr_expect_str_eq(verify().wrong, "tea");
}

Test(batch, a_snapshot_that_is_no_state_is_not_used_and_found_wrong)
{
    static const char *const useless[] = {"", "tea", "{}", "{\"name\":\"Tea\"}"};
    uint64_t version;
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        forge_snapshot("tea", 2, useless[i]);
        cr_expect_eq(load(&stock_fold, "tea", &version).on_hand, 10, "%s", useless[i]);
        cr_expect_eq(version, 2);
        cr_expect_str_eq(verify().wrong, "tea");
    }
}

Test(batch, a_snapshot_that_differs_in_one_letter_is_found_wrong)
{
    struct arena arena = {0};
    struct snapshot snapshot;
    uint64_t version;
    const struct stock stock = load(&stock_fold, "tea", &version);
    cr_assert_eq(snapshot_make(&stock_fold, "tea", &stock, version, &arena, &snapshot, &saga.error), STATUS_OK);
    char *data = arena_copy(&arena, snapshot.data);
    forge_snapshot("tea", version, data);
    cr_expect_str_eq(verify().wrong, "");
    *strstr(data, "tea") = 'p';
    forge_snapshot("tea", version, data);
    cr_expect_str_eq(verify().wrong, "tea");
    arena_clear(&arena);
}

Test(batch, a_snapshot_of_a_state_that_cannot_be_saved_is_found_wrong)
{
    happens_often("unknown", 1, COMMIT_EVENTS);
    forge_snapshot("unknown", COMMIT_EVENTS, "{}");
    cr_expect_str_eq(verify().wrong, "unknown");
}

/* No shop of ours has one, but a roll may come from anywhere. */
Test(batch, a_state_that_cannot_be_saved_is_folded_each_time)
{
    uint64_t version;
    happens_often("unlisted", 1, COMMIT_EVENTS);
    cr_expect_eq(saga_list(&saga, "unlisted", SHELF), STATUS_OK, "%s", saga.error.text);
    cr_expect_eq(snapshot_of("unlisted"), COMMIT_EVENTS + 2, "now it is listed");
    happens_often("unknown", 1, COMMIT_EVENTS);
    struct batch batch;
    struct loaded *loaded;
    struct commit commit = {0};
    batch_init(&batch, saga.store, "inventory");
    batch_begin(&batch);
    const struct recorded_event cause = {.id = {{1}}};
    struct event event = {.type = EVENT_UNITS_RESERVED, .units_moved = {.sku = "unknown", .quantity = 1}};
    cr_assert_eq(batch_load(&batch, &stock_fold, "unknown", &loaded, &saga.error), STATUS_OK);
    cr_assert_eq(batch_answer(&batch, &cause, 0, &event, &saga.error), STATUS_OK, "%s", saga.error.text);
    cr_expect_eq(batch_fill_commit(&batch, &commit, &saga.error), STATUS_OK, "%s", saga.error.text);
    cr_expect_eq(commit.append_count, 1);
    cr_expect_eq(commit.snapshot_count, 0);
    batch_clear(&batch);
    cr_expect_not(load(&stock_fold, "unknown", &version).listed);
}

Test(batch, a_commit_that_failed_has_written_no_snapshot_so_the_next_takes_one)
{
    struct batch batch;
    struct loaded *loaded;
    const struct recorded_event cause = {.id = {{1}}};
    const struct event event = {.type = EVENT_UNITS_RESERVED, .units_moved = {.sku = "tea", .quantity = 1}};
    for (int i = 0; i < SNAPSHOT_EVERY; i++)
        receive("tea", 1);
    batch_init(&batch, saga.store, "inventory");
    for (int i = 0; i < 2; i++) {
        struct commit commit = {0};
        batch_begin(&batch);
        cr_assert_eq(batch_load(&batch, &stock_fold, "tea", &loaded, &saga.error), STATUS_OK);
        loaded->snapshot_version = i == 0 ? 0 : loaded->snapshot_version;
        cr_assert_eq(batch_answer(&batch, &cause, 0, &event, &saga.error), STATUS_OK, "%s", saga.error.text);
        cr_assert_eq(batch_fill_commit(&batch, &commit, &saga.error), STATUS_OK, "%s", saga.error.text);
        cr_expect_eq(commit.snapshot_count, 1, "in round %d", i);
        cr_expect_eq(commit.snapshots[0].version, SNAPSHOT_EVERY + 3);
        batch_abandon(&batch);
        cr_expect_eq(loaded->version, SNAPSHOT_EVERY + 2);
    }
    batch_clear(&batch);
}
