#include "projections/fold.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/database.h"
#include "base/mutant.h"
#include "domain/codec.h"
#include "domain/money.h"

enum { EVENTS_BETWEEN_LOOKS = 32 /* at the clock */ };

struct pass {
    struct view *const *views;
    size_t count;
    struct currency currency; /* the shop's */
    struct arena arena;
    uint64_t reached; /* the last event visited */
    uint64_t handled;
    int64_t until_us; /* 0: no bound */
    bool out_of_time;
};

/* ---- one event ---- */

/* Is it the history that this projection cannot take, rather than the world that is in the way? */
static bool is_fault_of_history(enum status status)
{
    return status == STATUS_INVALID || status == STATUS_NEWER || status == STATUS_REFUSED; /* by its tables */
}

static void undo_pass(struct view *view)
{
    database_roll_back(view->database);
    drafts_forget(&view->drafts);
    view->folding = false;
}

static void leave_pass(struct view *view, uint64_t position, enum event_type type, const struct error *why)
{
    undo_pass(view);
    if (is_fault_of_history(why->status)) {
        view->stop_before = position;
        error_set(&view->why, why->status, "cannot handle the event at position %" PRIu64 " (%s): %.400s", position,
                  event_type_name(type), why->text);
    } else {
        view->trouble = *why;
    }
}

/* A row that cannot be written is a fault of the event that made it. */
static void write_drafts(struct view *view)
{
    struct error why = {0};
    for (const struct draft *draft = view->drafts.first; draft != NULL; draft = draft->next)
        if (view->projection->write(view, draft, &why) != STATUS_OK) {
            leave_pass(view, draft->position, draft->type, &why);
            return;
        }
    drafts_forget(&view->drafts);
}

static void fold_event(struct view *view, const struct recorded_event *recorded, const struct event *event)
{
    struct error why = {0};
    view->drafts.position = recorded->position;
    view->drafts.type = event->type;
    if (view->projection->apply(view, recorded, event, &why) != STATUS_OK)
        leave_pass(view, recorded->position, event->type, &why);
    else if (drafts_are_many(&view->drafts))
        write_drafts(view);
    view->events++;
}

static bool wants(const struct view *view, const struct recorded_event *recorded, enum event_type type)
{
    return view->folding && (recorded->position > view->position || MUTANT(REPEAT_COUNTED)) &&
           (view->stop_before == 0 || recorded->position < view->stop_before) &&
           (view->projection->types & EVENT_BIT(type)) != 0;
}

static enum status pass_event(void *context, const struct recorded_event *recorded, struct error *error)
{
    struct pass *pass = context;
    struct event event;
    struct error why = {0};
    enum event_type type;
    CHECK(recorded->position > pass->reached);
    CHECK(event_type_from_name(recorded->type, &type)); /* only types that were asked for are read */
    arena_reset(&pass->arena);
    enum status decoded = event_decode(recorded->type, recorded->schema_version, recorded->data, recorded->data_length,
                                       pass->currency, &pass->arena, &event, &why);
    if (decoded == STATUS_MEMORY)
        return error_memory(error);

    bool wanted = false;
    for (size_t i = 0; i < pass->count; i++) {
        struct view *view = pass->views[i];
        if (view == NULL || !wants(view, recorded, type))
            continue;
        wanted = true;
        if (decoded == STATUS_OK)
            fold_event(view, recorded, &event);
        else
            leave_pass(view, recorded->position, type, &why);
    }
    pass->reached = recorded->position;
    pass->handled += wanted;
    if (pass->until_us != 0 && pass->handled % EVENTS_BETWEEN_LOOKS == 0)
        pass->out_of_time = clock_monotonic_us() >= pass->until_us;
    return pass->out_of_time ? STATUS_STOPPED : STATUS_OK;
}

/* ---- one pass ---- */

/* Of a mutant. */
static void save_position_first(struct view *view, uint64_t to)
{
    uint64_t position = view->position;
    if (view_begin(view, &view->trouble) == STATUS_OK)
        (void)!view_commit(view, to, NULL, &view->trouble);
    view->position = position;
}

static void begin(struct view *view, uint64_t to)
{
    view->trouble = (struct error){0};
    view->folding = false;
    if (view->position >= to)
        return;
    if (MUTANT(POSITION_FIRST))
        save_position_first(view, to);
    if (view_begin(view, &view->trouble) == STATUS_OK)
        view->folding = true;
}

/* Rows and position become one. A view that stops does so before the event it cannot handle. */
static void finish(struct view *view, uint64_t reached)
{
    if (view->folding)
        write_drafts(view);
    if (!view->folding)
        return;
    if (reached < view->position) { /* time was up before the pass came to where it stands */
        undo_pass(view);
        return;
    }
    bool stops = view->stop_before != 0 && view->stop_before <= reached + 1;
    uint64_t position = stops ? view->stop_before - 1 : reached;
    CHECK(position >= view->position);
    if (view_commit(view, position, stops ? view->why.text : NULL, &view->trouble) != STATUS_OK)
        CHECK(view->trouble.status != STATUS_OK);
    view->folding = false;
}

static void give_up(struct view *const *views, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (views[i] != NULL)
            undo_pass(views[i]);
}

/* The events from the first that some view lacks to `to`, of the types that some view wants. */
static struct roll_query make_query(struct view *const *views, size_t count, uint64_t to,
                                    const char *names[EVENT_TYPES])
{
    event_type_set types = 0;
    struct roll_query query = {.from = to + 1, .to = to, .types = names};
    for (size_t i = 0; i < count; i++)
        if (views[i] != NULL && views[i]->folding) {
            types |= views[i]->projection->types;
            query.from = views[i]->position + 1 < query.from ? views[i]->position + 1 : query.from;
        }
    query.type_count = event_type_names(types, names);
    return query;
}

enum status views_fold(struct eventstore *store, struct view *const *views, size_t count, uint64_t to,
                       int64_t budget_us, uint64_t *handled, struct error *error)
{
    const char *names[EVENT_TYPES];
    struct pass pass = {
        .views = views, .count = count, .currency = currency_from_settings(eventstore_info(store)->settings)};
    pass.until_us = budget_us == 0 ? 0 : clock_monotonic_us() + budget_us;
    for (size_t i = 0; i < count; i++)
        if (views[i] != NULL)
            begin(views[i], to);
    struct roll_query query = make_query(views, count, to, names);
    enum status status = STATUS_OK;
    if (query.from <= to)
        status = eventstore_read_roll(store, &query, pass_event, &pass, error);
    if (status != STATUS_OK)
        give_up(views, count);
    for (size_t i = 0; i < count; i++)
        if (views[i] != NULL)
            finish(views[i], pass.out_of_time ? pass.reached : to);
    if (handled != NULL)
        *handled += pass.handled;
    arena_clear(&pass.arena);
    return status;
}

/* ---- one view ---- */

enum status view_refuse_failed(const struct view *view, struct error *error)
{
    return error_set(error, view->why.status == STATUS_NEWER ? STATUS_NEWER : STATUS_DAMAGED,
                     "the view %s stopped: %.500s", view->projection->name, view->why.text);
}

enum status view_check_head(struct eventstore *store, const struct view *view, uint64_t *head, struct error *error)
{
    if (view->position <= *head)
        return STATUS_OK;
    enum status status = eventstore_head(store, head, error); /* it may have grown since we looked */
    if (status != STATUS_OK || view->position <= *head)
        return status;
    return error_set(error, STATUS_DAMAGED,
                     "the view %s has seen position %" PRIu64 ", the roll ends at %" PRIu64
                     ": it belongs to a longer roll. If the roll was taken back on purpose, delete the folder views",
                     view->projection->name, view->position, *head);
}

enum status view_outcome(const struct view *view, struct error *error)
{
    if (view->stop_before != 0 && (view->failed || view->built))
        return view_refuse_failed(view, error);
    *error = view->trouble;
    return error->status;
}

enum status views_fold_on(struct eventstore *store, struct view *const *views, size_t count, uint64_t to, uint64_t span,
                          fold_progress progress, void *context, struct error *error)
{
    struct view *going[PROJECTIONS_MAX];
    struct error why;
    CHECK(count <= PROJECTIONS_MAX);
    memcpy(going, views, count * sizeof *views);
    for (;;) {
        uint64_t lowest = to;
        for (size_t i = 0; i < count; i++)
            if (going[i] != NULL && going[i]->position < lowest)
                lowest = going[i]->position;
        if (lowest == to)
            return STATUS_OK;
        uint64_t end = to - lowest > span ? lowest + span : to;
        enum status status = views_fold(store, going, count, end, 0, NULL, error);
        if (status != STATUS_OK)
            return status;
        for (size_t i = 0; i < count; i++)
            if (going[i] != NULL && view_outcome(going[i], &why) != STATUS_OK)
                going[i] = NULL;
        if (progress != NULL)
            progress(context, end, to);
    }
}

enum status view_fold(struct eventstore *store, struct view *view, uint64_t to, uint64_t span, fold_progress progress,
                      void *context, struct error *error)
{
    enum status status = views_fold_on(store, &view, 1, to, span, progress, context, error);
    return status == STATUS_OK ? view_outcome(view, error) : status;
}
