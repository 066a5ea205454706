/* status.c - `till status`: who reads the roll, how far they are, and what needs a person.
 *
 * Consumers are the services, with a checkpoint in the store, and the views, which the projector keeps. What is shown
 * is looked at without touching anything: no view is folded, no lock taken for longer than a glance. Below the table
 * stands in sentences what a person should do, and the command for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/text.h"
#include "cli/advice.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/rest.h"
#include "cli/work.h"
#include "services/discards.h"
#include "services/services.h"

enum {
    DISK_LOW_BYTES = 256 << 20, /* a rebuild of large views needs as much; without it every commit is refused soon */
    LOG_HIGH_PERCENT = 75,      /* of its ceiling; a log that readers do not hold up stays below a tenth */
    DEBTS_SHOWN = 5,
};

struct consumer_state {
    const char *name;
    bool is_service;
    uint64_t position, head;
    int64_t oldest_unread_us; /* recorded_at of the first unread event; 0 when nothing is unread */
    uint64_t waiting, dead_letters;
    int64_t next_attempt_us; /* of what waits; 0 when nothing does */
    int64_t oldest_dead_us;  /* when the first dead letter was set aside */
    int64_t paused_until_us;
    bool at_work; /* somebody runs it */
    bool paused;  /* it asks nobody for a while, because nobody answers; `last_error` says why */
    bool failed;  /* a view that needs a person, or a service that ends whenever it is started */
    bool newer;   /* a view that only a newer till can read */
    char last_error[ERROR_TEXT_MAX];
    int64_t last_error_us;
};

/* The state in one word. A service that waits for the bank shows it in `waiting` and `last_error`. */
static const char *state_name(const struct consumer_state *state)
{
    if (state->failed)
        return "failed";
    if (state->paused)
        return "paused";
    return state->at_work ? "running" : "stopped";
}

static bool needs_person(const struct consumer_state *state)
{
    return state->failed || state->dead_letters > 0;
}

static uint64_t lag_of(const struct consumer_state *state)
{
    return state->head > state->position ? state->head - state->position : 0;
}

/* ---- looking ---- */

static enum status find_oldest_unread(struct eventstore *store, struct consumer_state *state, struct error *error)
{
    if (state->position >= state->head)
        return STATUS_OK;
    return event_time(store, state->position + 1, &state->oldest_unread_us, error);
}

static enum status count_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    struct consumer_state *state = context;
    (void)consumer, (void)error;
    if (parked->state != PARKED_DEAD)
        state->waiting++;
    else if (state->dead_letters++ == 0 || parked->parked_at_us < state->oldest_dead_us)
        state->oldest_dead_us = parked->parked_at_us;
    if (parked->reason[0] != '\0' && parked->parked_at_us >= state->last_error_us) {
        state->last_error_us = parked->parked_at_us;
        snprintf(state->last_error, sizeof state->last_error, "%s", parked->reason);
        text_trim_partial(state->last_error);
    }
    return STATUS_OK;
}

static enum status note_next(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)consumer, (void)error;
    ((struct consumer_state *)context)->next_attempt_us = parked->next_attempt_us;
    return STATUS_STOPPED;
}

static enum status look_at_parked(struct shop *shop, struct consumer_state *state, struct error *error)
{
    const struct parked_query all = {.consumer = state->name};
    const struct parked_query next = {.consumer = state->name, .heads_only = true, .due_by_us = INT64_MAX, .limit = 1};
    enum status status = eventstore_read_parked(shop->store, &all, count_parked, state, error);
    return status == STATUS_OK ? eventstore_read_parked(shop->store, &next, note_next, state, error) : status;
}

static enum status look_at_pause(struct shop *shop, struct consumer_state *state, struct error *error)
{
    struct pause pause;
    enum status status = eventstore_paused(shop->store, state->name, &pause, error);
    state->paused =
        status == STATUS_OK && is_pausing(&pause, clock_now_us(shop->desk.clock), RETRY_HIGHEST_cool_down_ms);
    state->paused_until_us = pause.until_us;
    if (state->paused)
        snprintf(state->last_error, sizeof state->last_error, "%s", pause.reason);
    return status;
}

static enum status look_at_service(struct shop *shop, struct consumer_state *state, struct error *error)
{
    state->is_service = true;
    state->at_work = eventstore_consumer_is_claimed(shop->store, state->name);
    state->failed = is_started_in_vain(shop, state->name);
    enum status status = eventstore_checkpoint(shop->store, state->name, &state->position, error);
    if (status == STATUS_OK)
        status = look_at_parked(shop, state, error);
    return status == STATUS_OK ? look_at_pause(shop, state, error) : status;
}

/* What the next query mends by itself (missing, older, damaged, of another store) needs no person. */
static enum status look_at_view(struct shop *shop, const struct projection *projection, struct consumer_state *state,
                                struct error *error)
{
    struct view_state view;
    enum status status = view_inspect(&shop->home, projection, &view, error);
    if (status != STATUS_OK)
        return status;
    state->position = view.position;
    state->at_work = eventstore_consumer_is_claimed(shop->store, "projector");
    state->failed = view_needs_person(view.condition);
    state->newer = view.condition == VIEW_NEWER;
    if (view.condition != VIEW_GOOD && view.condition != VIEW_MISSING)
        snprintf(state->last_error, sizeof state->last_error, "%s", view.reason);
    return STATUS_OK;
}

/* ---- telling ---- */

static enum status print_state_object(const struct consumer_state *state, int64_t now_us, struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    json_text(object, "consumer", state->name);
    json_integer(object, "position", (int64_t)state->position);
    json_integer(object, "head", (int64_t)state->head);
    json_integer(object, "lag", (int64_t)lag_of(state));
    if (state->oldest_unread_us != 0)
        json_integer(object, "oldest_unread_s", (now_us - state->oldest_unread_us) / 1000000);
    else
        json_text(object, "oldest_unread_s", NULL);
    json_integer(object, "waiting", (int64_t)state->waiting);
    if (state->next_attempt_us != 0)
        json_time(object, "next_attempt_at", state->next_attempt_us);
    else
        json_text(object, "next_attempt_at", NULL);
    json_integer(object, "dead_letters", (int64_t)state->dead_letters);
    json_text(object, "state", state_name(state));
    json_text(object, "last_error", state->last_error[0] != '\0' ? state->last_error : NULL);
    return json_line(object, error);
}

static void print_state_row(const struct till *till, const struct consumer_state *state, int64_t now_us)
{
    static const struct column columns[] = {{"consumer", 12}, {"state", 7},    {"position", -9}, {"lag", -9},
                                            {"behind", -8},   {"waiting", -7}, {"next try", -8}, {"dead", -4}};
    char behind[DURATION_SIZE] = "", next[DURATION_SIZE] = "";
    if (strcmp(state->name, service_names[0]) == 0)
        table_titles(till, columns, COUNT(columns));
    if (state->oldest_unread_us != 0)
        duration_for_people(now_us - state->oldest_unread_us, behind);
    if (state->next_attempt_us > now_us)
        duration_for_people(state->next_attempt_us - now_us, next);
    else if (state->next_attempt_us != 0)
        snprintf(next, sizeof next, "now");
    const char *const cells[] = {state->name,
                                 state_name(state),
                                 number_text((int64_t)state->position),
                                 number_text((int64_t)lag_of(state)),
                                 behind,
                                 number_text((int64_t)state->waiting),
                                 next,
                                 number_text((int64_t)state->dead_letters)};
    table_row(till, columns, cells, COUNT(columns));
    if (state->last_error[0] == '\0')
        return;
    printf("  %s", style(till, needs_person(state) ? STYLE_RED : STYLE_YELLOW));
    print_paragraph(till, state->last_error, 2);
    fputs(style(till, STYLE_PLAIN), stdout);
}

/* False when the system does not say. */
static bool find_free_bytes(const char *folder, uint64_t *bytes)
{
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0)
        return false;
    *bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return true;
}

static const char *bytes_for_people(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double amount = (double)bytes;
    for (; amount >= 1024 && unit + 1 < COUNT(units); unit++)
        amount /= 1024;
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

static void print_shop(const struct shop *shop, const struct till *till, uint64_t head)
{
    const struct eventstore_info *info = eventstore_info(shop->store);
    char id[UUID_TEXT_SIZE], created[TIME_TEXT_SIZE], bytes[32];
    uint64_t free_bytes;
    uuid_to_text(info->id, id);
    time_to_text(info->created_at_us, created);
    print_fact(till, "shop", till->folder);
    print_fact(till, "store", id);
    print_fact(till, "created", created);
    print_fact(till, "currency", shop->desk.currency.code);
    print_fact(till, "head", number_text((int64_t)head));
    print_fact(till, "log", bytes_for_people(eventstore_log_bytes(shop->store), bytes));
    if (find_free_bytes(till->folder, &free_bytes))
        print_fact(till, "free", bytes_for_people(free_bytes, bytes));
    print_fact(till, "engine", eventstore_engine(shop->store));
    putchar('\n');
}

/* ---- advice ---- */

struct report {
    uint64_t head;
    int64_t now_us;
    struct consumer_state states[SERVICES_COUNT + 16];
    size_t count;
    bool orders_wait; /* for a person */
    struct advice_list advice;
};

static void advise_on_dead_letters(const struct till *till, struct report *report, const struct consumer_state *state)
{
    char age[DURATION_SIZE];
    report->orders_wait = true;
    duration_for_people(report->now_us - state->oldest_dead_us, age);
    advise(&report->advice, true, "The service %s has given up %llu %s, the first %s ago: retry or discard %s.",
           state->name, (unsigned long long)state->dead_letters,
           plural((int64_t)state->dead_letters, "event", "events"), age,
           plural((int64_t)state->dead_letters, "it", "them"));
    advise_command(&report->advice, till, "dead-letters --consumer %s", state->name);
}

static void advise_on_view(const struct till *till, struct report *report, const struct consumer_state *state)
{
    if (state->newer) {
        advise(&report->advice, true, "The view %s was made by a newer version of till: use that version.",
               state->name);
        return;
    }
    advise(&report->advice, true, "The view %s has failed: %s. Fold it anew.", state->name, state->last_error);
    advise_command(&report->advice, till, "rebuild %s", state->name);
}

static void advise_on_debt(const struct till *till, struct shop *shop, struct report *report,
                           const struct discard *discard)
{
    struct arena arena = {0};
    struct order_placed placed;
    char order[UUID_TEXT_SIZE];
    uuid_to_text(discard->order, order);
    bool known = order_as_placed(shop, discard->order, &arena, &placed, NULL, NULL) == STATUS_OK;
    advise(&report->advice, true, "Order %s: %s, since %s discarded position %llu (%s). When it is put right:",
           known ? placed.order_ref : order, discard->owed, discard->who, (unsigned long long)discard->position,
           discard->reason);
    advise_settle(&report->advice, till, discard->consumer, discard->position);
    arena_clear(&arena);
}

static enum status advise_on_debts(const struct till *till, struct shop *shop, struct report *report,
                                   struct error *error)
{
    struct discards discards;
    size_t owed = 0;
    enum status status = discards_load(&discards, shop->store, error);
    for (size_t i = 0; status == STATUS_OK && i < discards.count; i++)
        if (discards.items[i].owed[0] != '\0' && owed++ < DEBTS_SHOWN)
            advise_on_debt(till, shop, report, &discards.items[i]);
    if (owed > DEBTS_SHOWN)
        advise(&report->advice, true, "Something is owed for %zu more discarded events.", owed - DEBTS_SHOWN);
    report->orders_wait = report->orders_wait || owed > 0;
    discards_clear(&discards);
    return status;
}

static void advise_on_room(const struct till *till, struct shop *shop, struct report *report)
{
    struct buffer roll = {0};
    char left[32], ceiling[32];
    uint64_t free_bytes;
    uint64_t log = eventstore_log_bytes(shop->store), most = eventstore_log_ceiling_bytes(shop->store);
    if (find_free_bytes(till->folder, &free_bytes) && free_bytes < DISK_LOW_BYTES) {
        advise(&report->advice, true,
               "The shop's disk is nearly full: %s are left. When nothing is, no order is taken.",
               bytes_for_people(free_bytes, left));
        advise_to_look(&report->advice, "df -h", till->folder);
    }
    if (log >= most / 100 * LOG_HIGH_PERCENT) {
        advise(&report->advice, true,
               "The log has %s and may have %s, because a reader holds on to an old state: find who has it open.",
               bytes_for_people(log, left), bytes_for_people(most, ceiling));
        buffer_format(&roll, "%s/events.db", till->folder);
        advise_to_look(&report->advice, "fuser -v", buffer_string(&roll));
    }
    buffer_clear(&roll);
}

/* It mends itself, as far as that is in our hands. */
static void advise_on_pause(struct report *report, const struct consumer_state *state)
{
    char rest[DURATION_SIZE];
    advise(&report->advice, false, "The service %s pauses for %s more, because nobody answers it; then it tries again.",
           state->name, duration_for_people(state->paused_until_us - report->now_us, rest));
}

static void advise_on_worker(const struct till *till, struct shop *shop, struct report *report, const char *name)
{
    if (!is_started_in_vain(shop, name))
        return;
    advise(&report->advice, true,
           "`till run` starts %s again and again, and each time it ends at once. To hear why:", name);
    advise_command(&report->advice, till, "run --until-idle --service %s", name);
}

/* Nobody at work is no fault: a shop may be closed. */
static void advise_on_work(const struct till *till, struct report *report)
{
    uint64_t unread = 0, waiting = 0;
    char names[ADVICE_TEXT_SIZE / 2] = "";
    for (size_t i = 0; i < report->count; i++) {
        const struct consumer_state *state = &report->states[i];
        size_t used = strlen(names);
        if (!state->is_service || state->at_work || (lag_of(state) == 0 && state->waiting == 0))
            continue;
        snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? "" : ", ", state->name);
        unread = lag_of(state) > unread ? lag_of(state) : unread;
        waiting += state->waiting;
    }
    if (names[0] == '\0')
        return;
    struct buffer work = {0};
    if (unread > 0)
        buffer_format(&work, ", and %llu %s unread", (unsigned long long)unread,
                      plural((int64_t)unread, "event is", "events are"));
    if (waiting > 0)
        buffer_format(&work, ", and %llu %s for another attempt", (unsigned long long)waiting,
                      plural((int64_t)waiting, "event waits", "events wait"));
    advise(&report->advice, false, "Nobody runs %s%s.", names, buffer_string(&work));
    buffer_clear(&work);
    advise_command(&report->advice, till, "run");
}

static enum status gather_advice(const struct till *till, struct shop *shop, struct report *report, struct error *error)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct consumer_state *state = &report->states[i];
        if (state->dead_letters > 0)
            advise_on_dead_letters(till, report, state);
        if (state->failed && !state->is_service)
            advise_on_view(till, report, state);
        if (state->paused)
            advise_on_pause(report, state);
    }
    enum status status = advise_on_debts(till, shop, report, error);
    if (report->orders_wait) {
        advise(&report->advice, true, "The orders that wait for a person, and for what:");
        advise_command(&report->advice, till, "journeys --stuck");
    }
    advise_on_room(till, shop, report);
    for (size_t i = 0; i < WORKERS; i++)
        advise_on_worker(till, shop, report, worker_names[i]);
    if (!shop_is_running(shop)) /* which starts a service that has died again */
        advise_on_work(till, report);
    return status;
}

/* ---- the command ---- */

/* A service, or with `projection` a view. */
static enum status look(struct shop *shop, struct report *report, const char *name, const struct projection *projection,
                        struct error *error)
{
    CHECK(report->count < COUNT(report->states));
    struct consumer_state *state = &report->states[report->count++];
    *state = (struct consumer_state){.name = name, .head = report->head};
    enum status status =
        projection == NULL ? look_at_service(shop, state, error) : look_at_view(shop, projection, state, error);
    return status == STATUS_OK ? find_oldest_unread(shop->store, state, error) : status;
}

static enum status look_at_all(struct shop *shop, struct report *report, struct error *error)
{
    enum status status = eventstore_head(shop->store, &report->head, error);
    for (size_t i = 0; status == STATUS_OK && i < SERVICES_COUNT; i++)
        status = look(shop, report, service_names[i], NULL, error);
    for (size_t i = 0; status == STATUS_OK && i < projection_count; i++)
        status = look(shop, report, projections[i]->name, projections[i], error);
    return status;
}

static enum status show_status(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct report *report = context;
    report->now_us = clock_now_us(&till->clock);
    enum status status = look_at_all(shop, report, error);
    if (status == STATUS_OK)
        status = gather_advice(till, shop, report, error);
    if (status == STATUS_OK && !till->json)
        print_shop(shop, till, report->head);
    for (size_t i = 0; status == STATUS_OK && i < report->count; i++) {
        if (till->json)
            status = print_state_object(&report->states[i], report->now_us, error);
        else
            print_state_row(till, &report->states[i], report->now_us);
    }
    return status == STATUS_OK ? print_advice(till, &report->advice, error) : status;
}

static int run_status(struct till *till, const struct arguments *arguments)
{
    struct report *report = calloc(1, sizeof *report);
    struct error error;
    if (report == NULL) {
        (void)error_memory(&error);
        return fail(&error);
    }
    int code = in_shop(till, arguments, "clerk", show_status, report);
    if (code == EXIT_DONE && advice_needs_person(&report->advice))
        code = EXIT_REFUSED;
    free(report);
    return code;
}

const struct command status_command = {
    .name = "status",
    .usage = "",
    .summary = "how far the services and views are, and what needs a person",
    .details = "Exits 1 when something needs a person: a dead letter, something that is owed\n"
               "since one was discarded, a service that ends whenever it is started, a failed\n"
               "view, a disk that is nearly full, a log near its ceiling. Each is a sentence\n"
               "below the table, with the command to type next.\n\n"
               "With --json one object a consumer: consumer, position, head, lag,\n"
               "oldest_unread_s (since the first unread event was recorded, or null), waiting,\n"
               "next_attempt_at (of what waits, or null), dead_letters, state (running, paused,\n"
               "stopped or failed), last_error; then one a sentence: needs_person, sentence,\n"
               "command.",
    .run = run_status,
};
