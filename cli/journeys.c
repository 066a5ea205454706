/* journeys.c - `till journeys`: every step of every order, which of them are stuck, and what they wait for.
 *
 * What happened comes from the view. What an open journey waits for is read off its steps (journey_waits_for: whose
 * answer is missing?), and joined with what stands in its way now: the attempt that comes next, the reason why a person
 * is needed, what was given up. That is no part of history, so with --at and --as-of only the service is named. */
#include "projections/journeys.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/standing.h"
#include "cli/work.h"

enum { OLDER_THAN_S = 60 };

struct journeys {
    struct listing *listing;
    bool only_stuck;
    int64_t now_us;        /* of the moment that is looked at */
    int64_t older_than_us; /* quiet for longer than this is stuck */
    bool travelling;       /* to another moment than now: nothing is known of what stood parked then */
    struct standing standing;
};

/* ---- one journey ---- */

/* A row, and what was found out about it. */
struct sight {
    const struct journey_row *row;
    int64_t quiet_us;
    bool stuck;
    const char *service;              /* whose answer is missing; NULL for nobody's */
    const struct dead_letter *letter; /* what it waits for, or NULL */
};

/* The one that tells most of an order: a dead letter, or else what the service that is waited for has set aside. */
static const struct dead_letter *find_letter(const struct journeys *journeys, struct uuid order, const char *service)
{
    const struct dead_letter *best = NULL, *letter;
    for (size_t n = 0; (letter = standing_letter(&journeys->standing, order, n)) != NULL; n++) {
        if (letter->parked.state == PARKED_DEAD)
            return letter;
        if (best == NULL || (service != NULL && strcmp(letter->consumer, service) == 0))
            best = letter;
    }
    return best;
}

/* An answer that a person has given up is waited for no more: its service has read all that there is, and has nothing
 * set aside. */
static bool is_given_up(const struct journeys *journeys, const struct journey_row *row, const char *service)
{
    const struct discard *discard;
    for (size_t n = 0; (discard = standing_discard(&journeys->standing, row->order, n)) != NULL; n++)
        if (service != NULL && strcmp(discard->consumer, service) == 0)
            return discard->read_to >= row->steps[row->step_count - 1].position;
    return false;
}

static struct sight look(const struct journeys *journeys, const struct journey_row *row)
{
    struct sight sight = {.row = row, .service = journey_waits_for(row)};
    sight.letter = find_letter(journeys, row->order, sight.service);
    if (sight.letter != NULL)
        sight.service = sight.letter->consumer;
    else if (is_given_up(journeys, row, sight.service))
        sight.service = NULL;
    sight.quiet_us = journeys->now_us - row->steps[row->step_count - 1].at_us;
    sight.stuck = (sight.service != NULL && sight.quiet_us > journeys->older_than_us) ||
                  standing_needs_person(&journeys->standing, row->order);
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
        json_item(steps, item);
    }
}

static enum status print_object(const struct journeys *journeys, const struct sight *sight, struct error *error)
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
    if (sight->letter != NULL) {
        buffer_text(&waits, ": ");
        tell_attempt(&waits, sight->letter);
    }
    json_text(object, "waiting_for", sight->service != NULL ? buffer_string(&waits) : NULL);
    buffer_clear(&waits);
    if (!journeys->travelling)
        add_standing(object, &journeys->standing, sight->row->order);
    return json_line(object, error);
}

/* What is told of attempts and discards are lines of their own: they are sentences, not cells. */
static void print_table_row(struct journeys *journeys, const struct sight *sight)
{
    static const struct column columns[] = {
        {"order", 18}, {"status", 10}, {"steps", -5}, {"took", -8}, {"waits for", 31}};
    const struct journey_row *row = sight->row;
    char took[DURATION_SIZE], quiet[DURATION_SIZE], waits[64] = "";
    duration_for_people(row->steps[row->step_count - 1].at_us - row->steps[0].at_us, took);
    if (sight->service != NULL)
        snprintf(waits, sizeof waits, "%.16s%s%s", sight->service, sight->stuck ? ", quiet for " : "",
                 sight->stuck ? duration_for_people(sight->quiet_us, quiet) : "");
    else if (sight->stuck)
        snprintf(waits, sizeof waits, "a person");
    const char *const cells[] = {row->order_ref, row->status, number_text((int64_t)row->step_count), took, waits};
    print_row(journeys->listing, columns, cells, COUNT(columns));
    print_standing(journeys->listing->till, &journeys->standing, row->order, journeys->only_stuck);
}

static enum status print_journey(void *context, const struct journey_row *row, struct error *error)
{
    struct journeys *journeys = context;
    const struct sight sight = look(journeys, row);
    if (journeys->only_stuck && !sight.stuck)
        return STATUS_OK;
    if (journeys->listing->till->json)
        return print_object(journeys, &sight, error);
    print_table_row(journeys, &sight);
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
    journeys->travelling = argument_given(listing->arguments, "at") || argument_given(listing->arguments, "as-of");
    enum status status = find_now(journeys, error);
    if (status == STATUS_OK && !journeys->travelling)
        status = of_store(listing, standing_load(&journeys->standing, listing->shop->store, error));
    struct journey_filter filter = {0};
    const struct standing *standing = &journeys->standing;
    if (journeys->only_stuck && standing->tried_count == 0 && standing->discards.count == 0)
        filter.quiet_since_us = journeys->now_us - journeys->older_than_us; /* nothing else makes an order stuck */
    if (status == STATUS_OK)
        status = journeys_each(listing->view, &filter, print_journey, journeys, error);
    standing_clear(&journeys->standing);
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
               "more than S seconds; at once, when one of its events is a dead letter or\n"
               "something is owed since one was discarded. A confirmed order that nobody ships\n"
               "waits for no service.\n\n"
               "With --json: order_id, order_ref, status, steps [{event, position, at,\n"
               "elapsed_us}], stuck, waiting_for, needs_person, discarded [{consumer, position,\n"
               "by, at, reason, owed, settled}]. What stands parked is known of now only: with\n"
               "--at and --as-of waiting_for names the service and no attempt, and the last two\n"
               "are not there.",
    .options = journeys_options,
    .run = run_journeys,
};
