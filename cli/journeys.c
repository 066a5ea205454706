/* journeys.c - `till journeys`: every step of every order, which of them are stuck, and what they wait for.
 *
 * What happened comes from the view. What an open journey waits for is read off its steps (journey_waits_for: whose
 * answer is missing?), and joined with what stands parked of it now: the attempt that comes next, or the reason why a
 * person is needed. Parked events are no part of history, so with --at and --as-of only the service is named. */
#include "projections/journeys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/work.h"

enum { OLDER_THAN_S = 60 };

/* A parked event that may be tried next, or that needs a person: the first of its journey, for one consumer. */
struct waiting {
    struct uuid order;
    const char *consumer;
    const char *reason;
    enum parked_state state;
    int attempts;
    int64_t next_attempt_us;
};

struct journeys {
    struct listing *listing;
    bool only_stuck;
    int64_t now_us;        /* of the moment that is looked at */
    int64_t older_than_us; /* quiet for longer than this is stuck */
    struct arena arena;
    struct waiting *waiting; /* sorted by order */
    size_t waiting_count, waiting_capacity;
};

/* ---- what stands parked ---- */

static enum status grow_waiting(struct journeys *journeys, struct error *error)
{
    size_t capacity = journeys->waiting_capacity == 0 ? 64 : 2 * journeys->waiting_capacity;
    struct waiting *grown = realloc(journeys->waiting, capacity * sizeof *grown);
    if (grown == NULL)
        return error_memory(error);
    journeys->waiting = grown;
    journeys->waiting_capacity = capacity;
    return STATUS_OK;
}

static enum status add_waiting(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    struct journeys *journeys = context;
    if (parked->attempts == 0) /* it was never tried: there is nothing to tell but whose it is */
        return STATUS_OK;
    if (journeys->waiting_count == journeys->waiting_capacity && grow_waiting(journeys, error) != STATUS_OK)
        return STATUS_MEMORY;
    struct waiting waiting = {.order = parked->sequence,
                              .consumer = arena_copy(&journeys->arena, consumer),
                              .reason = arena_copy(&journeys->arena, parked->reason),
                              .state = parked->state,
                              .attempts = parked->attempts,
                              .next_attempt_us = parked->next_attempt_us};
    if (waiting.consumer == NULL || waiting.reason == NULL)
        return error_memory(error);
    journeys->waiting[journeys->waiting_count++] = waiting;
    return STATUS_OK;
}

static int by_order(const void *one, const void *other)
{
    const struct waiting *a = one, *b = other;
    return memcmp(a->order.bytes, b->order.bytes, UUID_BYTES);
}

static enum status load_waiting(struct journeys *journeys, struct error *error)
{
    const struct parked_query query = {.heads_only = true};
    enum status status = eventstore_read_parked(journeys->listing->shop->store, &query, add_waiting, journeys, error);
    if (journeys->waiting_count > 1)
        qsort(journeys->waiting, journeys->waiting_count, sizeof *journeys->waiting, by_order);
    return status;
}

/* What stands parked of an order, best of the consumer it waits for; NULL when nothing does. */
static const struct waiting *find_waiting(const struct journeys *journeys, struct uuid order, const char *consumer)
{
    const struct waiting key = {.order = order};
    const struct waiting *end = journeys->waiting + journeys->waiting_count, *best = NULL;
    if (journeys->waiting_count == 0)
        return NULL;
    const struct waiting *at = bsearch(&key, journeys->waiting, journeys->waiting_count, sizeof key, by_order);
    while (at != NULL && at > journeys->waiting && uuid_equal(at[-1].order, order))
        at--;
    for (; at != NULL && at < end && uuid_equal(at->order, order); at++)
        if (best == NULL || (consumer != NULL && strcmp(at->consumer, consumer) == 0))
            best = at;
    return best;
}

/* "attempt 2 at 2026-11-23T18:40:00Z: the bank did not answer" */
static void tell_attempt(struct buffer *out, const struct waiting *waiting)
{
    char at[TIME_TEXT_SIZE];
    time_to_text(waiting->next_attempt_us, at);
    if (waiting->state == PARKED_DEAD)
        buffer_format(out, "needs a person after %d %s: ", waiting->attempts,
                      plural(waiting->attempts, "attempt", "attempts"));
    else
        buffer_format(out, "attempt %d at %s: ", waiting->attempts + 1, at);
    buffer_text(out, waiting->reason);
}

/* ---- one journey ---- */

/* A row, and what was found out about it. */
struct sight {
    const struct journey_row *row;
    int64_t quiet_us;
    bool stuck;
    const char *service;           /* whose answer is missing; NULL for nobody's */
    const struct waiting *waiting; /* or NULL */
};

static struct sight look(const struct journeys *journeys, const struct journey_row *row)
{
    struct sight sight = {.row = row, .service = journey_waits_for(row)};
    sight.waiting = find_waiting(journeys, row->order, sight.service);
    if (sight.waiting != NULL)
        sight.service = sight.waiting->consumer;
    sight.quiet_us = journeys->now_us - row->steps[row->step_count - 1].at_us;
    sight.stuck = sight.service != NULL && sight.quiet_us > journeys->older_than_us;
    return sight;
}

static void add_steps(cJSON *object, const struct journey_row *row)
{
    cJSON *steps = cJSON_AddArrayToObject(object, "steps");
    for (size_t i = 0; i < row->step_count; i++) {
        const struct journey_step *step = &row->steps[i];
        cJSON *item = cJSON_CreateObject();
        json_text(item, "event", event_type_name(step->event));
        json_integer(item, "position", (int64_t)step->position);
        json_time(item, "at", step->at_us);
        json_integer(item, "elapsed_us", step->at_us - row->steps[0].at_us);
        cJSON_AddItemToArray(steps, item);
    }
}

static enum status print_object(const struct sight *sight, struct error *error)
{
    struct buffer waits = {0};
    cJSON *object = cJSON_CreateObject();
    json_uuid(object, "order_id", sight->row->order);
    json_text(object, "order_ref", sight->row->order_ref);
    json_text(object, "status", sight->row->status);
    add_steps(object, sight->row);
    cJSON_AddBoolToObject(object, "stuck", sight->stuck);
    if (sight->service != NULL)
        buffer_text(&waits, sight->service);
    if (sight->waiting != NULL) {
        buffer_text(&waits, ": ");
        tell_attempt(&waits, sight->waiting);
    }
    json_text(object, "waiting_for", sight->service != NULL ? buffer_string(&waits) : NULL);
    buffer_clear(&waits);
    return json_line(object, error);
}

/* What is told of an attempt is a line of its own: it is a sentence, not a cell. */
static void print_table_row(struct listing *listing, const struct sight *sight)
{
    static const struct column columns[] = {
        {"order", 18}, {"status", 10}, {"steps", -5}, {"took", -8}, {"waits for", 31}};
    const struct till *till = listing->till;
    const struct journey_row *row = sight->row;
    char took[DURATION_SIZE], quiet[DURATION_SIZE], waits[64] = "";
    duration_for_people(row->steps[row->step_count - 1].at_us - row->steps[0].at_us, took);
    if (sight->service != NULL)
        snprintf(waits, sizeof waits, "%.16s%s%s", sight->service, sight->stuck ? ", quiet for " : "",
                 sight->stuck ? duration_for_people(sight->quiet_us, quiet) : "");
    const char *const cells[] = {row->order_ref, row->status, number_text((int64_t)row->step_count), took, waits};
    print_row(listing, columns, cells, COUNT(columns));
    if (sight->waiting == NULL)
        return;
    struct buffer attempt = {0};
    tell_attempt(&attempt, sight->waiting);
    printf("  %s", style(till, sight->waiting->state == PARKED_DEAD ? STYLE_RED : STYLE_YELLOW));
    print_rest(till, buffer_string(&attempt), 2);
    fputs(style(till, STYLE_PLAIN), stdout);
    buffer_clear(&attempt);
}

static enum status print_journey(void *context, const struct journey_row *row, struct error *error)
{
    struct journeys *journeys = context;
    const struct sight sight = look(journeys, row);
    if (journeys->only_stuck && !sight.stuck)
        return STATUS_OK;
    if (journeys->listing->till->json)
        return print_object(&sight, error);
    print_table_row(journeys->listing, &sight);
    return STATUS_OK;
}

/* ---- the command ---- */

/* The moment that is looked at: now, the time of --as-of, or when the event at --at was recorded. */
static enum status find_now(struct journeys *journeys, struct error *error)
{
    const struct listing *listing = journeys->listing;
    const char *as_of = argument_value(listing->arguments, "as-of");
    uint64_t position = view_position(listing->view);
    journeys->now_us = clock_now_us(&listing->till->clock);
    if (as_of != NULL && time_from_text(as_of, &journeys->now_us))
        return STATUS_OK;
    if (position == 0 || !argument_given(listing->arguments, "at"))
        return STATUS_OK;
    return event_time(listing->shop->store, position, &journeys->now_us, error);
}

static enum status list_journeys(struct listing *listing, struct error *error)
{
    struct journeys *journeys = listing->request;
    journeys->listing = listing;
    bool travelling = argument_given(listing->arguments, "at") || argument_given(listing->arguments, "as-of");
    enum status status = find_now(journeys, error);
    if (status == STATUS_OK && !travelling)
        status = load_waiting(journeys, error);
    struct journey_filter filter = {0};
    if (journeys->only_stuck)
        filter.quiet_since_us = journeys->now_us - journeys->older_than_us;
    if (status == STATUS_OK)
        status = journeys_each(listing->view, &filter, print_journey, journeys, error);
    free(journeys->waiting);
    arena_clear(&journeys->arena);
    return status;
}

static int run_journeys(struct till *till, const struct arguments *arguments)
{
    int64_t older_than_s = OLDER_THAN_S;
    if (!argument_integer(arguments, "older-than", 0, 1000000000, &older_than_s))
        return EXIT_USAGE;
    struct journeys journeys = {.only_stuck = argument_given(arguments, "stuck"),
                                .older_than_us = older_than_s * 1000000};
    struct listing listing = {.till = till,
                              .arguments = arguments,
                              .projection = &journeys_projection,
                              .rows = list_journeys,
                              .nothing = journeys.only_stuck ? "No order is stuck." : "There are no orders.",
                              .request = &journeys};
    return run_listing(&listing);
}

static const struct option_spec journeys_options[] = {
    {"stuck", NULL, "only those that are stuck"},
    {"older-than", "S", "quiet for more than S seconds is stuck (default: 60)"},
    TIME_TRAVEL_OPTIONS,
    {0},
};

const struct command journeys_command = {
    .name = "journeys",
    .usage = "[--stuck] [--older-than S] [--at POSITION | --as-of TIME]",
    .summary = "every step of every order: what is stuck, and what it waits for",
    .details = "A journey is stuck when a service owes it an answer and nothing has happened for\n"
               "more than S seconds. A confirmed order that nobody ships waits for no service.\n\n"
               "With --json: order_id, order_ref, status, steps [{event, position, at,\n"
               "elapsed_us}], stuck, waiting_for. What stands parked is known of now only: with\n"
               "--at and --as-of waiting_for names the service and no attempt.",
    .options = journeys_options,
    .run = run_journeys,
};
