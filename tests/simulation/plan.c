#include "tests/simulation/plan.h"

#include <stdlib.h>
#include <string.h>

#include "projections/projection.h"
#include "services/services.h"
#include "tests/simulation/world.h"

enum {
    STEPS_PER_ORDER = 3, /* enough that most orders come to rest while things still break */
    STEPS_AT_LEAST = 40,
};

/* ---- the names of faults ---- */

static const struct {
    const char *name;
    unsigned bit;
} fault_names[] = {
    {"kill", FAULT_KILL},
    {"again", FAULT_AGAIN},
    {"bank", FAULT_BANK},
    {"disk", FAULT_DISK},
    {"power", FAULT_POWER},
    {"views", FAULT_VIEWS},
    {"clock", FAULT_CLOCK},
    {"races", FAULT_RACES},
    {"memory", FAULT_MEMORY},
    {"all", FAULTS_ALL},
    {"none", 0},
};

const char faults_help[] = "  kill    services die before a call, before their commit, and after it\n"
                           "  again   checkpoints are set back, second instances and orphans run beside\n"
                           "  bank    answers are lost, late, refused; the bank is down or hangs\n"
                           "  disk    reads, writes and syncs fail, the disk is full, locks are held\n"
                           "  power   power is lost: what was not synced is kept, torn or dropped\n"
                           "  views   views are deleted, and rebuilt by processes that may die\n"
                           "  clock   the clock jumps back or ahead\n"
                           "  races   others write between a decision and its commit\n"
                           "  memory  an allocation fails\n";

bool faults_from_text(const char *text, unsigned *faults)
{
    *faults = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ","), i = 0;
        while (i < COUNT_OF(fault_names) &&
               (strlen(fault_names[i].name) != length || strncmp(fault_names[i].name, text, length) != 0))
            i++;
        if (i == COUNT_OF(fault_names))
            return false;
        *faults |= fault_names[i].bit;
        text += length;
        text += *text == ',';
    }
    return true;
}

/* ---- throwing ---- */

struct throwing {
    struct dice dice;
    uint32_t orders, placed, wild;
    unsigned faults;
};

/* One of them, as often as its weight says. */
struct weight {
    uint32_t value, weight;
    unsigned fault; /* only with this fault; 0: always */
};

static uint32_t weight_of(const struct throwing *throwing, const struct weight *weight)
{
    if (weight->fault == 0)
        return weight->weight;
    return (throwing->faults & weight->fault) != 0 ? weight->weight * throwing->wild : 0;
}

static uint32_t choose(struct throwing *throwing, const struct weight *weights, size_t count)
{
    uint32_t sum = 0, at;
    for (size_t i = 0; i < count; i++)
        sum += weight_of(throwing, &weights[i]);
    at = dice_of(&throwing->dice, sum);
    for (size_t i = 0; i < count; i++) {
        uint32_t weight = weight_of(throwing, &weights[i]);
        if (at < weight)
            return weights[i].value;
        at -= weight;
    }
    check_failed("one of them was chosen", __FILE__, __LINE__);
}

static const struct weight acts[] = {
    {ACT_STEP_SERVICE, 520, 0},
    {ACT_STEP_PROJECTOR, 30, 0},
    {ACT_PLACE, 330, 0},
    {ACT_PLACE_AGAIN, 20, 0},
    {ACT_CANCEL, 40, 0},
    {ACT_SHIP, 80, 0},
    {ACT_RECEIVE, 10, 0},
    {ACT_WAIT, 60, 0},
    {ACT_ASK_VIEW, 8, 0},
    {ACT_STEP_SECOND, 20, FAULT_AGAIN},
    {ACT_ORPHAN, 6, FAULT_AGAIN},
    {ACT_REWIND, 8, FAULT_AGAIN},
    {ACT_RETRY_DEAD, 6, FAULT_BANK},
    {ACT_LATE_CALLS, 12, FAULT_BANK},
    {ACT_BANK_DOWN, 3, FAULT_BANK},
    {ACT_REBUILD, 4, FAULT_VIEWS},
    {ACT_DELETE_VIEWS, 2, FAULT_VIEWS},
    {ACT_CLOCK_JUMP, 4, FAULT_CLOCK},
};

static const struct weight banks[] = {
    {BANK_WELL, 80, 0},
    {BANK_LOSES_ANSWER, 5, FAULT_BANK},
    {BANK_SILENT, 4, FAULT_BANK},
    {BANK_LATE_CALL, 4, FAULT_BANK},
    {BANK_SLOW, 2, FAULT_BANK},
    {BANK_HANGS, 2, FAULT_BANK},
    {BANK_REFUSES, 3, FAULT_BANK},
};

static const struct weight ends[] = {
    {END_LIVES, 1400, 0},
    {END_BEFORE_CALL, 12, FAULT_KILL},
    {END_BEFORE_COMMIT, 25, FAULT_KILL},
    {END_AFTER_COMMIT, 15, FAULT_KILL},
    {END_POWER, 4, FAULT_POWER},
};

static const struct weight disks[] = {
    {DISK_SOUND, 1200, 0},
    {DISK_READ_FAILS, 5, FAULT_DISK},
    {DISK_WRITE_FAILS, 8, FAULT_DISK},
    {DISK_SYNC_FAILS, 5, FAULT_DISK},
    {DISK_FULL, 8, FAULT_DISK},
    {DISK_BUSY, 8, FAULT_DISK},
    {DISK_DIES, 12, FAULT_KILL},
};

static const struct weight betweens[] = {
    {ACT_STEP_SERVICE, 85, 0},     {ACT_CANCEL, 6, FAULT_RACES},      {ACT_SHIP, 4, FAULT_RACES},
    {ACT_RECEIVE, 2, FAULT_RACES}, {ACT_STEP_SECOND, 3, FAULT_RACES},
};

#define CHOOSE(throwing, weights) choose(throwing, weights, COUNT_OF(weights))

/* One that was placed, rather a recent one. */
static uint32_t some_order(struct throwing *throwing)
{
    uint32_t back = dice_of(&throwing->dice, 1 + dice_of(&throwing->dice, 12));
    return throwing->placed == 0 ? 0 : back < throwing->placed ? throwing->placed - 1 - back : 0;
}

static void throw_numbers(struct throwing *throwing, struct step *step)
{
    struct dice *dice = &throwing->dice;
    switch (step->act) {
    case ACT_STEP_SERVICE:
    case ACT_STEP_SECOND:
    case ACT_ORPHAN:
        step->who = dice_of(dice, SERVICES_COUNT);
        step->a = 1u << dice_of(dice, 6);
        break;
    case ACT_REWIND:
        step->who = dice_of(dice, SERVICES_COUNT);
        step->a = 1 + dice_of(dice, 40);
        break;
    case ACT_REBUILD:
    case ACT_DELETE_VIEWS:
    case ACT_ASK_VIEW:
        step->who = dice_of(dice, (uint32_t)projection_count);
        step->a = dice_of(dice, 2);
        break;
    case ACT_PLACE: step->a = throwing->placed++; break;
    case ACT_PLACE_AGAIN:
    case ACT_CANCEL:
        step->a = some_order(throwing);
        step->b = dice_of(dice, 2);
        break;
    case ACT_SHIP: step->a = dice_of(dice, 1 + throwing->placed); break; /* an old one: it has to be confirmed */
    case ACT_RECEIVE:
        step->a = dice_of(dice, WORLD_SKUS);
        step->b = 1 + dice_of(dice, 8);
        break;
    case ACT_BANK_DOWN: step->a = dice_of(dice, 120000); break;
    case ACT_WAIT: step->a = 1u << dice_of(dice, 16); break;
    case ACT_CLOCK_JUMP: step->a = PLAN_CLOCK_MIDDLE_MS / 2 + dice_of(dice, PLAN_CLOCK_MIDDLE_MS); break;
    case ACT_STEP_PROJECTOR:
    case ACT_RETRY_DEAD:
    case ACT_LATE_CALLS:
    case ACTS: break;
    }
}

static bool is_a_step_of_a_service(const struct step *step)
{
    return step->act == ACT_STEP_SERVICE || step->act == ACT_STEP_SECOND;
}

/* Passing time and a moody bank have no process that could die. */
static bool has_a_process(const struct step *step)
{
    return step->act < ACT_LATE_CALLS;
}

static void throw_circumstances(struct throwing *throwing, struct step *step)
{
    struct dice *dice = &throwing->dice;
    step->dice = dice_throw(dice);
    if (!has_a_process(step))
        return;
    step->end = (enum end)CHOOSE(throwing, ends);
    step->disk = (enum disk_fault)CHOOSE(throwing, disks);
    if (step->end == END_POWER && dice_percent(dice, 80))
        step->disk = DISK_DIES;
    if (step->act == ACT_REBUILD && (throwing->faults & FAULT_KILL) != 0 && dice_percent(dice, 40))
        step->disk = DISK_DIES;
    if (step->disk != DISK_SOUND) {
        step->disk_nth = 1 + dice_of(dice, 1u << dice_of(dice, 7));
        step->disk_count = 1 + dice_of(dice, step->disk == DISK_BUSY ? 300 : 4);
    }
    if ((throwing->faults & FAULT_MEMORY) != 0 && dice_percent(dice, throwing->wild))
        step->memory_nth = 1 + dice_of(dice, 1u << dice_of(dice, 13));
    if (!is_a_step_of_a_service(step))
        return;
    step->bank = (enum bank)CHOOSE(throwing, banks);
    step->between = (enum act)CHOOSE(throwing, betweens);
    if (step->between != ACT_STEP_SERVICE) {
        struct step other = {.act = step->between};
        throw_numbers(throwing, &other);
        step->between_a = other.a;
        step->between_b = other.b;
    }
}

static struct step throw_step(struct throwing *throwing)
{
    struct step step = {.act = (enum act)CHOOSE(throwing, acts)};
    if (step.act == ACT_PLACE && throwing->placed == throwing->orders)
        step.act = ACT_STEP_SERVICE;
    throw_numbers(throwing, &step);
    throw_circumstances(throwing, &step);
    return step;
}

void plan_throw(struct plan *plan, uint64_t seed, uint32_t orders, unsigned faults, uint32_t wild)
{
    struct throwing throwing = {.dice = dice_seeded(seed), .orders = orders, .faults = faults, .wild = wild};
    size_t capacity = STEPS_AT_LEAST + (size_t)orders * STEPS_PER_ORDER;
    *plan = (struct plan){.seed = seed, .orders = orders, .steps = calloc(capacity, sizeof *plan->steps)};
    CHECK(plan->steps != NULL);
    while (plan->count < capacity)
        plan->steps[plan->count++] = throw_step(&throwing);
}

void plan_clear(struct plan *plan)
{
    free(plan->steps);
    *plan = (struct plan){0};
}

/* ---- in words ---- */

static const char *const bank_words[BANKS] = {
    [BANK_LOSES_ANSWER] = "the bank's answer is lost",
    [BANK_SILENT] = "the bank neither acts nor answers",
    [BANK_LATE_CALL] = "the call reaches the bank later, unheard",
    [BANK_SLOW] = "the bank answers after 40 s",
    [BANK_HANGS] = "the bank hangs",
    [BANK_REFUSES] = "the bank refuses refunds",
};

static const char *const end_words[ENDS] = {
    [END_BEFORE_CALL] = "dies before its call",
    [END_BEFORE_COMMIT] = "dies before its commit",
    [END_AFTER_COMMIT] = "dies after its commit",
    [END_POWER] = "power is lost",
};

static const char *const disk_words[DISK_FAULTS] = {
    [DISK_READ_FAILS] = "read fails", [DISK_WRITE_FAILS] = "write fails", [DISK_SYNC_FAILS] = "sync fails",
    [DISK_FULL] = "disk full",        [DISK_BUSY] = "lock is busy",       [DISK_DIES] = "operation is its last",
};

static void describe_act(enum act act, uint32_t who, uint32_t a, uint32_t b, struct buffer *out)
{
    const char *service = service_names[who % SERVICES_COUNT];
    const char *view = projections[who % projection_count]->name;
    switch (act) {
    case ACT_STEP_SERVICE: buffer_format(out, "%s handles up to %u events", service, a); break;
    case ACT_STEP_SECOND: buffer_format(out, "a second %s handles up to %u events", service, a); break;
    case ACT_ORPHAN: buffer_format(out, "%s is left behind as an orphan, a new one starts", service); break;
    case ACT_REWIND: buffer_format(out, "the checkpoint of %s is set back by %u", service, a); break;
    case ACT_STEP_PROJECTOR: buffer_text(out, "the projector folds"); break;
    case ACT_REBUILD: buffer_format(out, "the view %s is rebuilt", view); break;
    case ACT_DELETE_VIEWS: buffer_format(out, "%s deleted", a == 0 ? "all views are" : view); break;
    case ACT_ASK_VIEW: buffer_format(out, "somebody asks the view %s", view); break;
    case ACT_PLACE: buffer_format(out, "order %u is placed", a); break;
    case ACT_PLACE_AGAIN:
        buffer_format(out, "order %u is placed again, with %s content", a, b == 0 ? "the same" : "other");
        break;
    case ACT_CANCEL: buffer_format(out, "order %u is cancelled", a); break;
    case ACT_SHIP: buffer_format(out, "order %u is shipped", a); break;
    case ACT_RECEIVE: buffer_format(out, "%u units of sku-%u come in", b, a); break;
    case ACT_RETRY_DEAD: buffer_text(out, "a person retries all dead letters"); break;
    case ACT_LATE_CALLS: buffer_text(out, "what was on its way to the bank arrives"); break;
    case ACT_BANK_DOWN: buffer_format(out, "the bank is down for %u ms", a); break;
    case ACT_WAIT: buffer_format(out, "%u ms pass", a); break;
    case ACT_CLOCK_JUMP: buffer_format(out, "the clock jumps by %lld ms", (long long)a - PLAN_CLOCK_MIDDLE_MS); break;
    case ACTS: break;
    }
}

void step_describe(const struct step *step, struct buffer *out)
{
    describe_act(step->act, step->who, step->a, step->b, out);
    if (bank_words[step->bank] != NULL)
        buffer_format(out, "; %s", bank_words[step->bank]);
    if (step->between != ACT_STEP_SERVICE) {
        buffer_text(out, "; before its commit ");
        describe_act(step->between, step->who, step->between_a, step->between_b, out);
    }
    if (disk_words[step->disk] != NULL)
        buffer_format(out, "; from operation %u on, %u times: %s", step->disk_nth, step->disk_count,
                      disk_words[step->disk]);
    if (step->memory_nth != 0)
        buffer_format(out, "; allocation %u fails", step->memory_nth);
    if (end_words[step->end] != NULL)
        buffer_format(out, "; %s", end_words[step->end]);
}
