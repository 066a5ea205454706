#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "services/commands.h"
#include "services/dead_letters.h"
#include "services/services.h"
#include "tests/simulation/memory.h"
#include "tests/simulation/seams.h"
#include "tests/support/temporary.h"

enum {
    CLOCK_STEP_US = 3000,         /* passes with every step */
    CHECKPOINT_BYTES = 96 * 1024, /* of the store's log: a checkpoint every few orders */
    ORDER_LINES_MAX = 3,
    SETTLE_BATCH = 64,
    SETTLE_ROUNDS_MAX = 4000,
    DEAD_LETTER_ROUNDS = 3, /* a dead letter that dies again and again is left */
};

/* A process that runs a service. */
struct instance {
    struct eventstore *store;
    struct service_house house;
    struct service real; /* as its own file made it */
    struct consumer *consumer;
};

struct world {
    const struct plan *plan;
    const struct witness *witness;
    char folder[TEMPORARY_SIZE];
    struct fake_clock time;
    struct clock clock;
    struct retry_policy retry;
    struct instance first[SERVICES_COUNT], second[SERVICES_COUNT];
    struct {
        struct eventstore *store;
        struct view_home home;
        struct projector *projector;
    } projecting;
    struct {
        struct eventstore *store;
        struct view_home home;
        struct shop_desk desk;
    } counter; /* where customers and clerks are served */

    const struct step *step;  /* the one that is being made; NULL while the shop settles */
    struct instance *running; /* whose step it is */
    uint32_t running_service;
    bool interfered; /* somebody else has acted in this step */
    char trouble[ERROR_TEXT_MAX + 64];
};

static struct world *the_world; /* the services' hooks have no other way to it */

const char *world_folder(const struct world *world)
{
    return world->folder;
}

const char *world_trouble(const struct world *world)
{
    return world->trouble[0] == '\0' ? NULL : world->trouble;
}

/* What a process may say when the disk or the bank fail it, or somebody was faster. The rest means that something is
 * lost or wrong. */
static void heed(struct world *world, enum status status, const struct error *error, const char *who)
{
    if (status == STATUS_MEMORY && world->step != NULL && world->step->memory_nth != 0)
        return;
    switch (status) {
    case STATUS_DAMAGED:
    case STATUS_FOREIGN:
    case STATUS_NEWER:
    case STATUS_MEMORY:
    case STATUS_INVALID:
        if (world->trouble[0] == '\0')
            snprintf(world->trouble, sizeof world->trouble, "%s says: %s", who, error->text);
        break;
    default: break;
    }
}

static void heed_notice(void *context, const char *sentence)
{
    struct error error = {.status = STATUS_DAMAGED};
    snprintf(error.text, sizeof error.text, "%s", sentence);
    heed(context, STATUS_DAMAGED, &error, "a view");
}

/* ---- processes ---- */

static enum status open_store(struct world *world, struct eventstore **store, struct error *error)
{
    const struct eventstore_options options = {.clock = &world->clock, .checkpoint_every_bytes = CHECKPOINT_BYTES};
    return *store != NULL ? STATUS_OK : eventstore_open(store, world->folder, &options, error);
}

static void note_handled(void *context, const struct handled *event)
{
    struct world *world = context;
    memory_spare();
    world->witness->handled(world->witness->context, world->running_service, event);
    memory_spare_no_more();
}

static void instance_close(struct instance *instance)
{
    consumer_close(&instance->consumer);
    service_house_close(&instance->house);
    eventstore_close(&instance->store);
    *instance = (struct instance){0};
}

/* The service dies, and its memory is gone. One death in sixteen takes the handles of the files along; the others
 * leave them to the successor, because opening a store costs more than ten steps. */
static void instance_die(const struct world *world, struct instance *instance)
{
    if (world->step == NULL || world->step->dice % 16 == 0 || disk_is_dead())
        instance_close(instance);
    else
        consumer_close(&instance->consumer);
}

static void interfere(struct world *world);

static bool dies(const struct world *world, enum end end)
{
    return world->step != NULL && !world->interfered && world->step->end == end;
}

static enum status say_died(struct error *error)
{
    return error_set(error, STATUS_IO, "the process died");
}

/* Every service gets this for its `finish`: the moment between the decision and the commit. */
static enum status finish(void *self, struct error *error)
{
    struct world *world = the_world;
    const struct service *real = &world->running->real;
    if (dies(world, END_BEFORE_CALL))
        return say_died(error);
    enum status status = real->finish == NULL ? STATUS_OK : real->finish(self, error);
    if (status != STATUS_OK)
        return status;
    if (dies(world, END_BEFORE_COMMIT))
        return say_died(error);
    interfere(world);
    return STATUS_OK;
}

/* Handles batches of at most `events`. */
static enum status instance_open(struct world *world, struct instance *instance, uint32_t service, uint32_t events,
                                 struct error *error)
{
    if (instance->consumer != NULL)
        return STATUS_OK;
    enum status status = open_store(world, &instance->store, error);
    if (status == STATUS_OK && instance->house.service.name == NULL) {
        status = service_house_open(&instance->house, service_names[service], world->folder, &world->clock, error);
        instance->real = instance->house.service;
        instance->house.service.finish = finish;
    }
    if (status == STATUS_OK) {
        const struct consumer_options options = {.clock = &world->clock,
                                                 .retry = &world->retry,
                                                 .batch_events = events,
                                                 .producer = "simulation",
                                                 .tell = note_handled,
                                                 .tell_context = world};
        status = consumer_open(&instance->consumer, instance->store, &instance->house.service, &options, error);
    }
    if (status != STATUS_OK)
        instance_close(instance);
    return status;
}

static void projecting_close(struct world *world)
{
    projector_close(&world->projecting.projector);
    eventstore_close(&world->projecting.store);
}

static enum status projecting_open(struct world *world, struct error *error)
{
    if (world->projecting.projector != NULL)
        return STATUS_OK;
    enum status status = open_store(world, &world->projecting.store, error);
    world->projecting.home = (struct view_home){
        .store = world->projecting.store, .folder = world->folder, .notice = heed_notice, .context = world};
    return status == STATUS_OK ? projector_open(&world->projecting.projector, &world->projecting.home, NULL, 0, error)
                               : status;
}

static void counter_close(struct world *world)
{
    eventstore_close(&world->counter.store);
}

static enum status counter_open(struct world *world, struct error *error)
{
    enum status status = open_store(world, &world->counter.store, error);
    world->counter.desk = (struct shop_desk){.store = world->counter.store,
                                             .currency = {"USD"},
                                             .clock = &world->clock,
                                             .actor = "customer",
                                             .producer = "simulation"};
    world->counter.home = (struct view_home){
        .store = world->counter.store, .folder = world->folder, .notice = heed_notice, .context = world};
    return status;
}

static void close_all(struct world *world)
{
    for (int i = 0; i < SERVICES_COUNT; i++) {
        instance_close(&world->first[i]);
        instance_close(&world->second[i]);
    }
    projecting_close(world);
    counter_close(world);
}

/* ---- orders ---- */

void world_order_ref(uint32_t order, char ref[32])
{
    snprintf(ref, 32, "order-%u", order);
}

static const char *card_of(const struct world *world, uint32_t order)
{
    static const char *const cards[] = {
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_ok",
        "tok_declined",
        "tok_declined",
        "tok_flaky",
        "tok_timeout",
        "tok_unavailable",
        "tok_insufficient_funds",
        "tok_refund_refused",
        "tok_refund_timeout",
    };
    struct dice dice = dice_seeded(world->plan->seed ^ (order + UINT64_C(0x5eed)) << 20);
    return cards[dice_of(&dice, COUNT_OF(cards))];
}

bool world_refund_is_hopeless(const struct world *world, uint32_t order)
{
    return strcmp(card_of(world, order), "tok_refund_refused") == 0;
}

/* The same number is the same order, but for `other`. */
static enum status place(struct world *world, uint32_t order, bool other, struct error *error)
{
    char ref[32], customer[32], skus[ORDER_LINES_MAX][16];
    struct desk_line lines[ORDER_LINES_MAX];
    struct dice dice = dice_seeded(world->plan->seed ^ order << 1);
    world_order_ref(order, ref);
    snprintf(customer, sizeof customer, "customer-%u", dice_of(&dice, 7));
    size_t count = 1 + dice_of(&dice, ORDER_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(skus[i], sizeof skus[i], "sku-%u", dice_of(&dice, WORLD_SKUS));
        lines[i] = (struct desk_line){.sku = skus[i], .quantity = 1 + dice_of(&dice, 3) + other};
    }
    const struct desk_order wanted = {.order_ref = ref,
                                      .customer = customer,
                                      .card_token = card_of(world, order),
                                      .lines = lines,
                                      .line_count = count};
    struct uuid id;
    return desk_place(&world->counter.desk, &wanted, &id, NULL, error);
}

static enum status cancel_or_ship(struct world *world, uint32_t order, bool ship, struct error *error)
{
    char ref[32];
    struct uuid id;
    world_order_ref(order, ref);
    enum status status = desk_find_order(&world->counter.desk, ref, &id, error);
    if (status != STATUS_OK)
        return status;
    if (ship)
        return desk_ship(&world->counter.desk, id, &(struct ship_order){.carrier = "DHL"}, NULL, error);
    const struct cancel_order command = {.reason = "changed my mind", .requested_at_us = world->time.now_us};
    return desk_cancel(&world->counter.desk, id, &command, NULL, error);
}

static enum status receive(struct world *world, uint32_t sku, uint32_t quantity, struct error *error)
{
    char name[16];
    snprintf(name, sizeof name, "sku-%u", sku);
    return desk_receive(&world->counter.desk, &(struct receive_stock){.sku = name, .quantity = quantity}, error);
}

static enum status act_at_counter(struct world *world, enum act act, uint32_t a, uint32_t b, struct error *error)
{
    enum status status = counter_open(world, error);
    if (status != STATUS_OK)
        return status;
    switch (act) {
    case ACT_PLACE: return place(world, a, false, error);
    case ACT_PLACE_AGAIN: return place(world, a, b != 0, error);
    case ACT_CANCEL: return cancel_or_ship(world, a, false, error);
    case ACT_SHIP: return cancel_or_ship(world, a, true, error);
    default: return receive(world, a, b, error);
    }
}

/* ---- the acts of services ---- */

static enum status step_instance(struct world *world, struct instance *instance, uint32_t service, uint32_t events,
                                 struct error *error)
{
    struct progress progress;
    enum status status = instance_open(world, instance, service, events, error);
    if (status != STATUS_OK)
        return status;
    struct instance *outer = world->running;
    uint32_t outer_service = world->running_service;
    world->running = instance;
    world->running_service = service;
    status = consumer_step(instance->consumer, &progress, error);
    world->running = outer;
    world->running_service = outer_service;
    bool goes_on =
        status == STATUS_OK || status == STATUS_BUSY || status == STATUS_FULL || status == STATUS_UNAVAILABLE;
    if (!goes_on && !disk_is_dead())
        instance_die(world, instance);
    return status;
}

/* What somebody else does between a decision and its commit: once a step. */
static void interfere(struct world *world)
{
    const struct step *step = world->step;
    struct error error = {0};
    enum status status;
    if (step == NULL || world->interfered || step->between == ACT_STEP_SERVICE || disk_is_dead())
        return;
    if (step->between == ACT_STEP_SECOND && step->act == ACT_STEP_SECOND)
        return; /* nobody interferes with himself */
    world->interfered = true;
    if (step->between == ACT_STEP_SECOND)
        status = step_instance(world, &world->second[step->who], step->who, step->between_a, &error);
    else
        status = act_at_counter(world, step->between, step->between_a, step->between_b, &error);
    heed(world, status, &error, "who interferes");
}

/* The new one gets the handles that an earlier second instance leaves. */
static void leave_orphan(struct world *world, uint32_t service)
{
    struct instance handles = world->second[service];
    consumer_close(&handles.consumer);
    world->second[service] = world->first[service];
    world->first[service] = handles;
}

static enum status rewind_checkpoint(struct world *world, uint32_t service, uint32_t by, struct error *error)
{
    uint64_t at = 0;
    enum status status = counter_open(world, error);
    if (status == STATUS_OK)
        status = eventstore_checkpoint(world->counter.store, service_names[service], &at, error);
    if (status != STATUS_OK || at == 0)
        return status;
    const struct commit commit = {.actor = "clerk",
                                  .producer = "simulation",
                                  .consumer = service_names[service],
                                  .checkpoint_from = at,
                                  .checkpoint_to = at > by ? at - by : 0};
    return eventstore_commit(world->counter.store, &commit, NULL, error);
}

/* ---- the acts around views ---- */

static void delete_views(struct world *world, const struct projection *only)
{
    char path[PATH_SIZE];
    CHECK(path_join(path, world->folder, NULL, "views") == STATUS_OK);
    seams_remove_files(path, only == NULL ? "" : only->name);
}

static enum status ask_view(struct world *world, const struct projection *projection, struct error *error)
{
    struct view *view = NULL;
    enum status status = counter_open(world, error);
    if (status == STATUS_OK)
        status = view_open_fresh(&view, &world->counter.home, projection, VIEW_PATIENCE_MS, error);
    view_close(&view);
    return status;
}

static enum status rebuild(struct world *world, const struct projection *projection, struct error *error)
{
    struct rebuild_report report;
    enum status status = counter_open(world, error);
    return status == STATUS_OK ? view_rebuild(&world->counter.home, projection, NULL, NULL, &report, error) : status;
}

static enum status step_projector(struct world *world, struct projector_progress *progress, struct error *error)
{
    enum status status = projecting_open(world, error);
    return status == STATUS_OK ? projector_step(world->projecting.projector, progress, error) : status;
}

static enum status retry_dead(struct world *world, struct error *error)
{
    size_t retried = 0;
    enum status status = counter_open(world, error);
    const struct operator_desk desk = {.store = world->counter.store, .who = "clerk", .reason = "try again"};
    return status == STATUS_OK ? dead_letters_retry_all(&desk, NULL, &retried, error) : status;
}

/* ---- a step ---- */

static enum status act(struct world *world, const struct step *step, struct error *error)
{
    switch (step->act) {
    case ACT_STEP_SERVICE: return step_instance(world, &world->first[step->who], step->who, step->a, error);
    case ACT_STEP_SECOND: return step_instance(world, &world->second[step->who], step->who, step->a, error);
    case ACT_ORPHAN: leave_orphan(world, step->who); return STATUS_OK;
    case ACT_REWIND: return rewind_checkpoint(world, step->who, step->a, error);
    case ACT_STEP_PROJECTOR: return step_projector(world, NULL, error);
    case ACT_REBUILD: return rebuild(world, projections[step->who], error);
    case ACT_DELETE_VIEWS: delete_views(world, step->a == 0 ? NULL : projections[step->who]); return STATUS_OK;
    case ACT_ASK_VIEW: return ask_view(world, projections[step->who], error);
    case ACT_PLACE:
    case ACT_PLACE_AGAIN:
    case ACT_CANCEL:
    case ACT_SHIP:
    case ACT_RECEIVE: return act_at_counter(world, step->act, step->a, step->b, error);
    case ACT_RETRY_DEAD: return retry_dead(world, error);
    case ACT_LATE_CALLS: seams_late_calls(); return STATUS_OK;
    case ACT_BANK_DOWN: seams_bank_down_until(world->time.now_us + (int64_t)step->a * 1000); return STATUS_OK;
    case ACT_WAIT: world->time.now_us += (int64_t)step->a * 1000; return STATUS_OK;
    case ACT_CLOCK_JUMP: world->time.now_us += ((int64_t)step->a - PLAN_CLOCK_MIDDLE_MS) * 1000; return STATUS_OK;
    case ACTS: break;
    }
    check_failed("an act", __FILE__, __LINE__);
}

/* The process that made the step, closed. */
static void kill_actor(struct world *world, const struct step *step)
{
    switch (step->act) {
    case ACT_STEP_SERVICE: instance_die(world, &world->first[step->who]); break;
    case ACT_STEP_SECOND: instance_die(world, &world->second[step->who]); break;
    case ACT_STEP_PROJECTOR: projecting_close(world); break;
    default: counter_close(world); break;
    }
}

static void lose_power(struct world *world, uint64_t seed)
{
    struct dice dice = dice_seeded(seed);
    disk_die();
    close_all(world);
    world->witness->power_lost(world->witness->context);
    disk_heal();
    disk_lose_power(&dice);
    seams_lose_power(&dice);
}

bool world_step(struct world *world, const struct step *step)
{
    struct error error = {0};
    world->step = step;
    world->interfered = false;
    world->time.now_us += CLOCK_STEP_US;
    seams_mood(step->bank);
    if (step->disk != DISK_SOUND)
        disk_fail(step->disk, step->disk_nth, step->disk_count);
    if (step->memory_nth != 0)
        memory_fail(step->memory_nth);
    enum status status = act(world, step, &error);
    bool struck = memory_heal() || disk_is_dead();
    heed(world, status, &error, "a process");
    if (disk_is_dead() || (step->end != END_LIVES && step->end != END_POWER))
        kill_actor(world, step);
    if (step->end == END_POWER)
        lose_power(world, step->dice);
    struck = disk_heal() || struck;
    seams_mood(BANK_WELL);
    world->step = NULL;
    return struck;
}

/* ---- coming to rest ---- */

static void trouble(struct world *world, const char *sentence)
{
    if (world->trouble[0] == '\0')
        snprintf(world->trouble, sizeof world->trouble, "%s", sentence);
}

/* One step of each; `*busy` when any had something to do, `*due_us` the next attempt. */
static void step_services(struct world *world, bool *busy, int64_t *due_us)
{
    *busy = false;
    *due_us = INT64_MAX;
    for (uint32_t i = 0; i < SERVICES_COUNT; i++) {
        struct error error = {0};
        struct progress progress = {0};
        struct instance *instance = &world->first[i];
        enum status status = instance_open(world, instance, i, SETTLE_BATCH, &error);
        world->running = instance;
        world->running_service = i;
        if (status == STATUS_OK)
            status = consumer_step(instance->consumer, &progress, &error);
        if (status == STATUS_OK && progress.idle)
            status = consumer_rest(instance->consumer, &error);
        if (status == STATUS_FENCED) { /* the checkpoint was set back: it starts again from there */
            instance_close(instance);
            *busy = true;
        } else if (status != STATUS_OK) {
            trouble(world, error.text);
        }
        *busy = *busy || !progress.idle;
        int64_t next_us = progress.paused_until_us != 0 ? progress.paused_until_us : progress.next_attempt_us;
        if (next_us != 0 && next_us < *due_us)
            *due_us = next_us;
    }
}

static void run_services_to_rest(struct world *world)
{
    for (int round = 0; round < SETTLE_ROUNDS_MAX && world->trouble[0] == '\0'; round++) {
        bool busy;
        int64_t due_us;
        step_services(world, &busy, &due_us);
        if (!busy && due_us == INT64_MAX)
            return;
        if (!busy && due_us > world->time.now_us)
            world->time.now_us = due_us;
    }
    trouble(world, "the shop does not come to rest");
}

static void run_projector_to_rest(struct world *world)
{
    for (int round = 0; round < SETTLE_ROUNDS_MAX && world->trouble[0] == '\0'; round++) {
        struct error error = {0};
        struct projector_progress progress = {0};
        if (step_projector(world, &progress, &error) != STATUS_OK)
            trouble(world, error.text);
        if (progress.idle)
            return;
    }
    trouble(world, "the views do not come to rest");
}

void world_settle(struct world *world)
{
    struct error error = {0};
    world->step = NULL;
    seams_mood(BANK_WELL);
    seams_bank_down_until(INT64_MIN);
    seams_late_calls();
    for (int i = 0; i < SERVICES_COUNT; i++)
        instance_close(&world->second[i]);
    run_services_to_rest(world);
    for (int i = 0; i < DEAD_LETTER_ROUNDS; i++) {
        if (retry_dead(world, &error) != STATUS_OK)
            trouble(world, error.text);
        run_services_to_rest(world);
    }
    run_projector_to_rest(world);
}

void world_fold_views(struct world *world)
{
    projector_close(&world->projecting.projector);
    delete_views(world, NULL);
    run_projector_to_rest(world);
}

/* ---- the beginning and the end ---- */

static void list_catalogue(struct world *world)
{
    struct error error = {0};
    for (uint32_t i = 0; i < WORLD_SKUS; i++) {
        char sku[16];
        snprintf(sku, sizeof sku, "sku-%u", i);
        const struct list_product command = {.sku = sku,
                                             .name = sku,
                                             .unit_price_minor = 100 + 50 * i,
                                             .currency = {"USD"},
                                             .opening_stock = 2 + world->plan->orders / 2};
        if (desk_list(&world->counter.desk, &command, NULL, &error) != STATUS_OK)
            trouble(world, error.text);
    }
}

/* Each seed has its own patience: who gives up at the first silence meets what others never do. */
static struct retry_policy throw_policy(uint64_t seed)
{
    struct dice dice = dice_seeded(seed ^ UINT64_C(0x9a7e));
    struct retry_policy policy = retry_policy_default;
    policy.attempts = 1 + dice_of(&dice, 6);
    policy.first_delay_ms = 1 + dice_of(&dice, 400);
    policy.breaker_threshold = 2 + dice_of(&dice, 5);
    policy.cool_down_ms = 100 + dice_of(&dice, 20000);
    return policy;
}

/* A new store costs as much as twenty steps: it is made once a process, and its file copied for every other shop. All
 * of them have one id, whatever the seed. */
static enum status make_store(struct world *world, struct error *error)
{
    static struct buffer whole;
    char path[PATH_SIZE], run[PATH_SIZE];
    const struct eventstore_options options = {.clock = &world->clock};
    enum status status = path_join(path, world->folder, error, "events.db");
    if (status == STATUS_OK)
        status = path_join(run, world->folder, error, "run");
    if (status != STATUS_OK)
        return status;
    if (whole.length > 0) {
        status = file_make_folder(run, error);
        return status == STATUS_OK ? seams_write_file(path, &whole, error) : status;
    }
    seams_open(world->folder, &world->time, 0, world->witness);
    status = eventstore_create(world->folder, &options, "{\"currency\":\"USD\"}", error);
    return status == STATUS_OK ? seams_read_file(path, &whole, error) : status;
}

struct world *world_open(const struct plan *plan, const struct witness *witness)
{
    struct world *world = calloc(1, sizeof *world);
    struct error error = {0};
    CHECK(world != NULL && the_world == NULL);
    *world = (struct world){.plan = plan, .witness = witness, .time.now_us = MONDAY_EVENING_US};
    world->retry = throw_policy(plan->seed);
    the_world = world;
    world->clock = fake_clock(&world->time);
    temporary_make(world->folder);
    disk_reset();
    enum status status = make_store(world, &error);
    seams_open(world->folder, &world->time, plan->seed, witness);
    if (status == STATUS_OK)
        status = counter_open(world, &error);
    if (status != STATUS_OK)
        trouble(world, error.text);
    else
        list_catalogue(world);
    return world;
}

void world_close(struct world **world)
{
    close_all(*world);
    disk_reset();
    temporary_remove((*world)->folder);
    free(*world);
    *world = NULL;
    the_world = NULL;
}
