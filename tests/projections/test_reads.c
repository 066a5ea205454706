/* What each projection says that it reads is what it reads, and today's contracts give it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "domain/contracts/contract.h"
#include "projections/compare.h"
#include "tests/projections/history.h"
#include "tests/support/blinkers.h"

enum { EVENTS_MAX = 100 };

static struct history *shop;
static struct error error;
static enum event_type types[EVENTS_MAX]; /* of the event at each position */

static enum status note_type(void *context, const struct recorded_event *recorded, struct error *failure)
{
    (void)context, (void)failure;
    cr_assert(event_type_from_name(recorded->type, &types[recorded->position]));
    return STATUS_OK;
}

static void open_shop(void)
{
    const struct roll_query everything = {0};
    shop = history_new();
    busy_week(shop);
    happened(shop, 5, EVENT_STOCK_RESERVATION_FAILED);
    happened(shop, 5, EVENT_RESERVATION_WITHDRAWN);
    happened(shop, 5, EVENT_ORDER_CANCELLED);
    cr_assert_lt(head_of(shop), EVENTS_MAX);
    cr_assert_eq(eventstore_read_roll(shop->store, &everything, note_type, NULL, &error), STATUS_OK);
}

static void close_shop(void)
{
    history_end(shop);
}

TestSuite(reads, .init = open_shop, .fini = close_shop);

/* Folds anew up to a position; false when the projection could not take it. */
static bool fold(const struct projection *projection, uint64_t to, uint8_t digest[VIEW_DIGEST_BYTES])
{
    struct view *view = NULL;
    enum status status = view_open_at(&view, shop->store, projection, to, &error);
    if (status == STATUS_OK)
        cr_assert_eq(view_digest(view, digest, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return status == STATUS_OK;
}

Test(reads, of_every_projection_are_given_by_the_contracts)
{
    for (size_t i = 0; i < projection_count; i++) {
        event_type_set read = 0;
        for (const struct field_reads *reads = projections[i]->reads; reads->fields != NULL; reads++)
            read |= EVENT_BIT(reads->type);
        cr_expect_eq(read, projections[i]->types, "%s", projections[i]->name);
        cr_expect_eq(reads_check(projections[i]->name, projections[i]->reads, &error), STATUS_OK, "%s", error.text);
    }
}

Test(reads, of_every_projection_are_all_that_it_reads)
{
    for (size_t i = 0; i < projection_count; i++) {
        uint8_t all[VIEW_DIGEST_BYTES], declared[VIEW_DIGEST_BYTES];
        cr_assert(fold(projections[i], head_of(shop), all));
        blinkers.reads = projections[i]->reads;
        cr_expect(fold(projections[i], head_of(shop), declared), "%s: %s", projections[i]->name, error.text);
        blinkers.reads = NULL;
        cr_expect_arr_eq(all, declared, VIEW_DIGEST_BYTES, "%s reads more than it says", projections[i]->name);
    }
}

/* Without the field, the view is another one behind at least one event of the type. */
static bool is_read(const struct projection *projection, enum event_type type, const char *field)
{
    bool matters = false;
    for (uint64_t position = 1; !matters && position <= head_of(shop); position++) {
        uint8_t all[VIEW_DIGEST_BYTES], without[VIEW_DIGEST_BYTES];
        if (types[position] != type)
            continue;
        cr_assert(fold(projection, position, all));
        blinkers = (struct blinkers){.type = type, .hidden = field};
        matters = !fold(projection, position, without) || memcmp(all, without, VIEW_DIGEST_BYTES) != 0;
        blinkers = (struct blinkers){0};
    }
    return matters;
}

Test(reads, of_every_projection_are_no_more_than_it_reads)
{
    for (size_t i = 0; i < projection_count; i++) {
        for (const struct field_reads *reads = projections[i]->reads; reads->fields != NULL; reads++) {
            char fields[256], *rest = fields;
            snprintf(fields, sizeof fields, "%s", reads->fields);
            for (const char *field; (field = strsep(&rest, " ")) != NULL;)
                cr_expect(is_read(projections[i], reads->type, field), "%s does not read %s.%s", projections[i]->name,
                          event_type_name(reads->type), field);
        }
    }
}
