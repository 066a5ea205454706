/* status.c - `till status`: who reads the roll, how far they are, and what needs a person.
 *
 * Consumers are the services, with a checkpoint in the store, and the views, which the projector keeps. What is shown
 * is looked at without touching anything: no view is folded, no lock taken for longer than a glance. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/work.h"
#include "services/services.h"

struct consumer_state {
    const char *name;
    uint64_t position, head;
    int64_t oldest_unread_us; /* recorded_at of the first unread event; 0 when nothing is unread */
    uint64_t waiting, dead_letters;
    bool at_work; /* somebody runs it */
    bool paused;  /* it asks nobody for a while, because nobody answers; `last_error` says why */
    bool failed;  /* a view that needs a person */
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
    if (parked->state == PARKED_DEAD)
        state->dead_letters++;
    else
        state->waiting++;
    if (parked->reason[0] != '\0' && parked->parked_at_us >= state->last_error_us) {
        state->last_error_us = parked->parked_at_us;
        snprintf(state->last_error, sizeof state->last_error, "%s", parked->reason);
        text_trim_partial(state->last_error);
    }
    return STATUS_OK;
}

static enum status look_at_pause(struct shop *shop, struct consumer_state *state, struct error *error)
{
    struct pause pause;
    enum status status = eventstore_paused(shop->store, state->name, &pause, error);
    state->paused = status == STATUS_OK && pause.until_us > clock_now_us(shop->desk.clock);
    if (state->paused)
        snprintf(state->last_error, sizeof state->last_error, "%s", pause.reason);
    return status;
}

static enum status look_at_service(struct shop *shop, struct consumer_state *state, struct error *error)
{
    const struct parked_query query = {.consumer = state->name};
    state->at_work = eventstore_consumer_is_claimed(shop->store, state->name);
    enum status status = eventstore_checkpoint(shop->store, state->name, &state->position, error);
    if (status == STATUS_OK)
        status = eventstore_read_parked(shop->store, &query, count_parked, state, error);
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
    state->failed = view.condition == VIEW_FAILED || view.condition == VIEW_AHEAD || view.condition == VIEW_NEWER;
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
    json_integer(object, "lag", state->head > state->position ? (int64_t)(state->head - state->position) : 0);
    if (state->oldest_unread_us != 0)
        json_integer(object, "oldest_unread_s", (now_us - state->oldest_unread_us) / 1000000);
    else
        json_text(object, "oldest_unread_s", NULL);
    json_integer(object, "waiting", (int64_t)state->waiting);
    json_integer(object, "dead_letters", (int64_t)state->dead_letters);
    json_text(object, "state", state_name(state));
    json_text(object, "last_error", state->last_error[0] != '\0' ? state->last_error : NULL);
    return json_line(object, error);
}

static void print_state_row(const struct till *till, const struct consumer_state *state, int64_t now_us)
{
    static const struct column columns[] = {{"consumer", 12}, {"state", 7},    {"position", -9},     {"lag", -9},
                                            {"behind", -8},   {"waiting", -7}, {"dead letters", -12}};
    char behind[DURATION_SIZE] = "";
    if (strcmp(state->name, service_names[0]) == 0)
        table_titles(till, columns, COUNT(columns));
    if (state->oldest_unread_us != 0)
        duration_for_people(now_us - state->oldest_unread_us, behind);
    const uint64_t lag = state->head > state->position ? state->head - state->position : 0;
    const char *const cells[] = {state->name,
                                 state_name(state),
                                 number_text((int64_t)state->position),
                                 number_text((int64_t)lag),
                                 behind,
                                 number_text((int64_t)state->waiting),
                                 number_text((int64_t)state->dead_letters)};
    table_row(till, columns, cells, COUNT(columns));
    if (state->last_error[0] == '\0')
        return;
    printf("  %s", style(till, needs_person(state) ? STYLE_RED : STYLE_YELLOW));
    print_rest(till, state->last_error, 2);
    fputs(style(till, STYLE_PLAIN), stdout);
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
    struct statvfs disk;
    uuid_to_text(info->id, id);
    time_to_text(info->created_at_us, created);
    print_fact(till, "shop", till->folder);
    print_fact(till, "store", id);
    print_fact(till, "created", created);
    print_fact(till, "currency", shop->desk.currency.code);
    print_fact(till, "head", number_text((int64_t)head));
    print_fact(till, "log", bytes_for_people(eventstore_log_bytes(shop->store), bytes));
    if (statvfs(till->folder, &disk) == 0)
        print_fact(till, "free", bytes_for_people((uint64_t)disk.f_bavail * disk.f_frsize, bytes));
    print_fact(till, "engine", eventstore_engine(shop->store));
    putchar('\n');
}

/* ---- the command ---- */

struct status_request {
    uint64_t head;
    int64_t now_us;
    bool person_needed;
};

/* A service, or with `projection` a view. */
static enum status look_and_tell(struct shop *shop, const struct till *till, struct status_request *request,
                                 const char *name, const struct projection *projection, struct error *error)
{
    struct consumer_state state = {.name = name, .head = request->head};
    enum status status =
        projection == NULL ? look_at_service(shop, &state, error) : look_at_view(shop, projection, &state, error);
    if (status == STATUS_OK)
        status = find_oldest_unread(shop->store, &state, error);
    if (status != STATUS_OK)
        return status;
    request->person_needed = request->person_needed || needs_person(&state);
    if (till->json)
        return print_state_object(&state, request->now_us, error);
    print_state_row(till, &state, request->now_us);
    return STATUS_OK;
}

static enum status show_status(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct status_request *request = context;
    request->now_us = clock_now_us(&till->clock);
    enum status status = eventstore_head(shop->store, &request->head, error);
    if (status == STATUS_OK && !till->json)
        print_shop(shop, till, request->head);
    for (size_t i = 0; status == STATUS_OK && i < SERVICES_COUNT; i++)
        status = look_and_tell(shop, till, request, service_names[i], NULL, error);
    for (size_t i = 0; status == STATUS_OK && i < projection_count; i++)
        status = look_and_tell(shop, till, request, projections[i]->name, projections[i], error);
    if (status == STATUS_OK && request->person_needed && !till->json)
        printf("\n%sSomething needs a person.%s\n", style(till, STYLE_RED), style(till, STYLE_PLAIN));
    return status;
}

static int run_status(struct till *till, const struct arguments *arguments)
{
    struct status_request request = {0};
    int code = in_shop(till, arguments, "clerk", show_status, &request);
    return code == EXIT_DONE && request.person_needed ? EXIT_REFUSED : code;
}

const struct command status_command = {
    .name = "status",
    .usage = "",
    .summary = "how far the services and views are, and what needs a person",
    .details = "Exits 1 when something needs a person: a dead letter or a failed view. With\n"
               "--json one object a consumer: consumer, position, head, lag, oldest_unread_s\n"
               "(since the first unread event was recorded, or null), waiting, dead_letters,\n"
               "state (running, paused, stopped or failed), last_error.",
    .run = run_status,
};
