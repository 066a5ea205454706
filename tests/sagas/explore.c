#include "tests/sagas/explore.h"

#include <search.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/order.h"
#include "services/commands.h"
#include "services/mailbox.h"
#include "services/services.h"
#include "tests/sagas/world.h"

/* The steps: service n handles its next event; customer and clerk act; the checkpoint of service n is set back. */
enum { CUSTOMER_CANCELS = WORLD_CONSUMERS, CLERK_SHIPS, SET_BACK, STEPS = SET_BACK + WORLD_CONSUMERS };
enum { DID_CANCEL = 1, DID_SHIP = 2, DID_SET_BACK = 4 };
enum { KEY_BYTES = 16, WANTED = 2, PRICE = 500 };

/* States still to be looked at, newest first, and the keys of all that were met. */
struct explorer {
    struct exploration *result;
    struct world *current; /* the world that store, bank and post show */
    struct shop_desk desk;
    struct service services[WORLD_CONSUMERS];
    struct uuid order;
    uint64_t beginning; /* where every service starts: behind the catalogue */
    struct world *todo;
    size_t todo_count, todo_capacity;
    void *met; /* a tree of keys */
};

/* ---- keys ---- */

/* Steps of different services that do not touch each other lead to the same roll in another order; only a roll that is
 * the same event for event is the same state. */
static void make_key(const struct world *world, uint8_t key[KEY_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)world->events,
                              sizeof(*world->events) * (size_t)world->event_count);
    crypto_generichash_update(&state, (const uint8_t *)world->checkpoints, sizeof world->checkpoints);
    crypto_generichash_update(&state, (const uint8_t *)&world->actions_taken, sizeof world->actions_taken);
    crypto_generichash_final(&state, key, KEY_BYTES);
}

static int compare_keys(const void *one, const void *other)
{
    return memcmp(one, other, KEY_BYTES);
}

/* True when the world was not met before; remembers it. */
static bool is_new(struct explorer *explorer, const struct world *world)
{
    uint8_t *key = malloc(KEY_BYTES);
    CHECK(key != NULL);
    make_key(world, key);
    uint8_t **node = tsearch(key, &explorer->met, compare_keys);
    CHECK(node != NULL);
    if (*node == key)
        return true;
    free(key);
    return false;
}

static void add_todo(struct explorer *explorer, const struct world *world)
{
    if (explorer->todo_count == explorer->todo_capacity) {
        explorer->todo_capacity = explorer->todo_capacity == 0 ? 64 : explorer->todo_capacity * 2;
        explorer->todo = realloc(explorer->todo, explorer->todo_capacity * sizeof *world);
        CHECK(explorer->todo != NULL);
    }
    explorer->todo[explorer->todo_count++] = *world;
}

/* ---- steps ---- */

/* A service that has just started: it knows nothing but what the store says. One event, then it is gone again. */
static void service_steps(struct explorer *explorer, int which)
{
    struct error error = {0};
    struct consumer *consumer = NULL;
    struct progress progress;
    /* Nothing waits in this world: the first attempt is the last. */
    struct retry_policy retry = retry_policy_default;
    retry.attempts = 1;
    const struct consumer_options options = {.retry = &retry, .batch_events = 1, .producer = "test"};
    enum status status = consumer_open(&consumer, explorer->desk.store, &explorer->services[which], &options, &error);
    if (status == STATUS_OK)
        status = consumer_step(consumer, &progress, &error);
    if (status == STATUS_OK)
        status = consumer_rest(consumer, &error);
    consumer_close(&consumer);
    if (status != STATUS_OK)
        snprintf(explorer->result->fault, sizeof explorer->result->fault, "%s: %s", service_names[which], error.text);
}

static void customer_cancels(struct explorer *explorer)
{
    struct cancel_order command = {.reason = "too slow", .requested_at_us = 1};
    enum status status = desk_cancel(&explorer->desk, explorer->order, &command, NULL, NULL);
    (void)status; /* refused or not: both are worth following */
    explorer->current->actions_taken |= DID_CANCEL;
}

static void clerk_ships(struct explorer *explorer)
{
    struct ship_order command = {.carrier = "post"};
    enum status status = desk_ship(&explorer->desk, explorer->order, &command, NULL, NULL);
    (void)status;
    explorer->current->actions_taken |= DID_SHIP;
}

static void set_back(struct explorer *explorer, int which)
{
    explorer->current->checkpoints[which] = explorer->beginning;
    explorer->current->actions_taken |= DID_SET_BACK;
}

static void take_step(struct explorer *explorer, int step)
{
    if (step == CUSTOMER_CANCELS)
        customer_cancels(explorer);
    else if (step == CLERK_SHIPS)
        clerk_ships(explorer);
    else if (step >= SET_BACK)
        set_back(explorer, step - SET_BACK);
    else
        service_steps(explorer, step);
}

/* ---- what must hold ---- */

static int count_events(const struct world *world, const char *type)
{
    int count = 0;
    for (int i = 0; i < world->event_count; i++)
        count += strcmp(world->events[i]->type, type) == 0;
    return count;
}

static int64_t money_kept(const struct world *world)
{
    int64_t kept = 0;
    for (int i = 0; i < world->money_count; i++)
        if (!world->money[i].voided)
            kept +=
                world->money[i].kind == GATEWAY_CHARGE ? world->money[i].amount_minor : -world->money[i].amount_minor;
    return kept;
}

/* In every state: nothing happens twice, and what excludes each other does. */
static const char *fault_always(const struct world *world, int64_t stock)
{
    static const char *const once[] = {"OrderConfirmed",         "OrderRejected",        "OrderCancellationRequested",
                                       "OrderCancelled",         "OrderShipped",         "PaymentCaptured",
                                       "PaymentDeclined",        "PaymentRefunded",      "StockReserved",
                                       "StockReservationFailed", "ReservationWithdrawn", "StockReleased",
                                       "ReservationShipped"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (count_events(world, once[i]) > 1)
            return "something happened twice";
    if (count_events(world, "PaymentCaptured") + count_events(world, "PaymentDeclined") > 1)
        return "paid and declined";
    if (count_events(world, "OrderShipped") + count_events(world, "OrderCancelled") +
            count_events(world, "OrderRejected") >
        1)
        return "two ends of one order";
    if (count_events(world, "OrderShipped") > 0 && count_events(world, "OrderCancellationRequested") > 0)
        return "shipped and being cancelled";
    if (count_events(world, "UnitsReserved") > 0 && stock < WANTED)
        return "units reserved that are not there";
    if (money_kept(world) < 0)
        return "more given back than taken";
    if (world->mail_count != count_events(world, "NotificationSent"))
        return "a mail without its event, or twice";
    return NULL;
}

/* In an end: everything is answered, money and stock are where the order says, and the customer knows. */
static const char *fault_at_end(const struct world *world)
{
    bool shipped = count_events(world, "OrderShipped") == 1, cancelled = count_events(world, "OrderCancelled") == 1;
    bool rejected = count_events(world, "OrderRejected") == 1;
    bool confirmed = count_events(world, "OrderConfirmed") == 1 && !shipped && !cancelled;
    int held = count_events(world, "UnitsReserved") - count_events(world, "UnitsReleased") -
               count_events(world, "UnitsShipped");
    int told = count_events(world, "OrderConfirmed") + shipped + cancelled + rejected;
    if (shipped + cancelled + rejected + confirmed != 1)
        return "the order is not at an end";
    if (money_kept(world) != (shipped || confirmed ? WANTED * PRICE : 0))
        return "the money is not where it belongs";
    if (held != (confirmed ? 1 : 0))
        return "the stock is not where it belongs";
    if (shipped && count_events(world, "UnitsShipped") != 1)
        return "shipped, but still on the shelf";
    if (count_events(world, "NotificationSent") != told)
        return "the customer was not told each thing once";
    return NULL;
}

static void report(struct explorer *explorer, const struct world *world, const char *fault)
{
    char *text = explorer->result->fault;
    size_t size = sizeof explorer->result->fault, used = (size_t)snprintf(text, size, "%s:", fault);
    for (int i = 0; i < world->event_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " %s", world->events[i]->type);
}

static void count_end(struct exploration *result, const struct world *world)
{
    result->ends++;
    if (count_events(world, "OrderShipped") > 0)
        result->ended_shipped++;
    else if (count_events(world, "OrderCancelled") > 0)
        result->ended_cancelled++;
    else if (count_events(world, "OrderRejected") > 0)
        result->ended_rejected++;
    else
        result->ended_confirmed++;
}

/* ---- the search ---- */

static bool has_step(const struct explorer *explorer, const struct world *world, int step)
{
    if (step >= SET_BACK)
        return explorer->result->redelivery && (world->actions_taken & DID_SET_BACK) == 0 &&
               world->checkpoints[step - SET_BACK] > explorer->beginning;
    if (step == CUSTOMER_CANCELS)
        return (world->actions_taken & DID_CANCEL) == 0;
    if (step == CLERK_SHIPS)
        return (world->actions_taken & DID_SHIP) == 0;
    return world->checkpoints[step] < (uint64_t)world->event_count;
}

/* Services at rest is an end too, whatever customer and clerk may still do: that is followed as well. */
static void look_at(struct explorer *explorer, const struct world *world)
{
    bool services_at_rest = true;
    for (int step = 0; step < STEPS && explorer->result->fault[0] == '\0'; step++) {
        if (!has_step(explorer, world, step))
            continue;
        struct world next = *world;
        explorer->current = &next;
        services_at_rest = services_at_rest && step >= WORLD_CONSUMERS;
        take_step(explorer, step);
        explorer->result->steps++;
        if (is_new(explorer, &next))
            add_todo(explorer, &next);
    }
    const char *fault = fault_always(world, explorer->result->stock);
    if (services_at_rest && fault == NULL) {
        fault = fault_at_end(world);
        count_end(explorer->result, world);
    }
    if (fault != NULL && explorer->result->fault[0] == '\0')
        report(explorer, world, fault);
}

static void begin(struct explorer *explorer, struct world *world)
{
    struct error error = {0};
    explorer->current = world;
    struct list_product tea = {.sku = "tea",
                               .name = "Tea",
                               .unit_price_minor = PRICE,
                               .currency = explorer->desk.currency,
                               .opening_stock = explorer->result->stock};
    /* Two lines of one sku: one need of the sum. */
    struct desk_line lines[] = {{.sku = "tea", .quantity = 1}, {.sku = "tea", .quantity = WANTED - 1}};
    struct desk_order order = {.order_ref = "1",
                               .customer = "ada",
                               .card_token = explorer->result->card_token,
                               .placed_at_us = 1,
                               .lines = lines,
                               .line_count = 2};
    CHECK(desk_list(&explorer->desk, &tea, NULL, &error) == STATUS_OK);
    /* The services have seen the catalogue: what they skip is no state of the order. */
    explorer->beginning = (uint64_t)world->event_count;
    for (int i = 0; i < WORLD_CONSUMERS; i++)
        world->checkpoints[i] = explorer->beginning;
    CHECK(desk_place(&explorer->desk, &order, &explorer->order, NULL, &error) == STATUS_OK);
}

void explore(struct exploration *exploration)
{
    struct explorer explorer = {.result = exploration};
    struct world world = {0};
    explorer.desk = (struct shop_desk){.store = world_store(&explorer.current),
                                       .currency = {"USD"},
                                       .clock = &clock_system,
                                       .actor = "customer",
                                       .producer = "test"};
    explorer.services[0] = order_service();
    explorer.services[1] = payment_service(world_gateway(&explorer.current));
    explorer.services[2] = inventory_service();
    explorer.services[3] = notification_service(world_mailbox(&explorer.current));
    begin(&explorer, &world);
    is_new(&explorer, &world);
    add_todo(&explorer, &world);
    while (explorer.todo_count > 0 && exploration->fault[0] == '\0') {
        struct world next = explorer.todo[--explorer.todo_count];
        exploration->states++;
        look_at(&explorer, &next);
    }
    free(explorer.todo);
    tdestroy(explorer.met, free);
    world_forget_events();
}
