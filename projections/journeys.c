#include "projections/journeys.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "domain/order.h"
#include "projections/rows.h"

static const char schema[] = "CREATE TABLE journey ("
                             "  placed_position INTEGER PRIMARY KEY,"
                             "  order_id BLOB NOT NULL UNIQUE,"
                             "  order_ref TEXT NOT NULL,"
                             "  status TEXT NOT NULL"
                             ") STRICT;"
                             "CREATE TABLE step ("
                             "  placed_position INTEGER," /* the journey */
                             "  position INTEGER,"
                             "  event TEXT NOT NULL,"
                             "  at_us INTEGER NOT NULL,"
                             "  PRIMARY KEY (placed_position, position)"
                             ") STRICT, WITHOUT ROWID;";

enum { PLACE, ADD_STEP, STEP, STATUS, ALL, ONE, STEPS };
static const char *const statements[] = {
    [PLACE] = "INSERT INTO journey VALUES (?1, ?2, ?3, ?4)",
    [ADD_STEP] = "INSERT INTO step VALUES (?1, ?2, ?3, ?4)",
    [STEP] = "INSERT INTO step SELECT placed_position, ?2, ?3, ?4 FROM journey WHERE order_id = ?1",
    [STATUS] = "UPDATE journey SET status = ?2 WHERE order_id = ?1",
    [ALL] = "SELECT placed_position, order_id, order_ref, status FROM journey ORDER BY placed_position",
    [ONE] = "SELECT placed_position, order_id, order_ref, status FROM journey WHERE order_id = ?1",
    [STEPS] = "SELECT event, position, at_us FROM step WHERE placed_position = ?1 ORDER BY position",
};

/* The phase an event leads to; ORDER_NONE for one that moves something else. */
static enum order_phase phase_after(enum event_type type)
{
    switch (type) {
    case EVENT_ORDER_PLACED: return ORDER_PLACED;
    case EVENT_ORDER_CONFIRMED: return ORDER_CONFIRMED;
    case EVENT_ORDER_REJECTED: return ORDER_REJECTED;
    case EVENT_ORDER_CANCELLATION_REQUESTED: return ORDER_CANCELLING;
    case EVENT_ORDER_CANCELLED: return ORDER_CANCELLED;
    case EVENT_ORDER_SHIPPED: return ORDER_SHIPPED;
    default: return ORDER_NONE;
    }
}

/* A journey that began in this pass. What happens to an older one is written at once. */
struct step_draft {
    struct step_draft *next;
    struct journey_step step;
};
struct journey_draft {
    struct draft draft; /* its position is that of OrderPlaced */
    struct uuid order;
    const char *order_ref;
    enum order_phase phase;
    struct step_draft first, *last;
};

static enum status place(struct drafts *drafts, const struct order_placed *placed, const struct journey_step *step,
                         struct error *error)
{
    struct journey_draft *made = draft_make(drafts, 0, &placed->order, sizeof placed->order, sizeof *made);
    const char *order_ref = draft_text(drafts, placed->order_ref);
    if (made == NULL || order_ref == NULL)
        return error_memory(error);
    made->order = placed->order;
    made->order_ref = order_ref;
    made->phase = ORDER_PLACED;
    made->first.step = *step;
    made->last = &made->first;
    return STATUS_OK;
}

static enum status go_on(struct drafts *drafts, struct journey_draft *journey, const struct journey_step *step,
                         struct error *error)
{
    struct step_draft *made = draft_memory(drafts, sizeof *made);
    if (made == NULL)
        return error_memory(error);
    made->step = *step;
    journey->last->next = made;
    journey->last = made;
    if (phase_after(step->event) != ORDER_NONE)
        journey->phase = phase_after(step->event);
    return STATUS_OK;
}

static void bind_step(sqlite3_stmt *insert, const struct journey_step *step)
{
    bind_position(insert, 2, step->position);
    bind_text(insert, 3, event_type_name(step->event));
    bind_integer(insert, 4, step->at_us);
}

static enum status write(struct view *view, const struct draft *draft, struct error *error)
{
    const struct journey_draft *journey = (const struct journey_draft *)draft;
    sqlite3_stmt *insert = view_statement(view, PLACE);
    bind_position(insert, 1, draft->position);
    bind_uuid(insert, 2, &journey->order);
    bind_text(insert, 3, journey->order_ref);
    bind_text(insert, 4, order_phase_name(journey->phase));
    enum status status = rows_write(insert, error);
    insert = view_statement(view, ADD_STEP);
    for (const struct step_draft *at = &journey->first; at != NULL && status == STATUS_OK; at = at->next) {
        bind_position(insert, 1, draft->position);
        bind_step(insert, &at->step);
        status = rows_write(insert, error);
    }
    return status;
}

static enum status set_status(struct view *view, const struct uuid *order, enum order_phase phase, struct error *error)
{
    sqlite3_stmt *update = view_statement(view, STATUS);
    bind_uuid(update, 1, order);
    bind_text(update, 2, order_phase_name(phase));
    return rows_write(update, error);
}

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    struct uuid order;
    CHECK(event_order(event, &order));
    const struct journey_step step = {event->type, recorded->position, recorded->recorded_at_us};
    if (event->type == EVENT_ORDER_PLACED)
        return place(view_drafts(view), &event->order_placed, &step, error);
    struct journey_draft *draft = draft_find(view_drafts(view), 0, &order, sizeof order);
    if (draft != NULL)
        return go_on(view_drafts(view), draft, &step, error);

    enum order_phase phase = phase_after(event->type);
    enum status status = phase == ORDER_NONE ? STATUS_OK : set_status(view, &order, phase, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *insert = view_statement(view, STEP);
    bind_uuid(insert, 1, &order);
    bind_step(insert, &step);
    return rows_change(insert, "order", recorded, error);
}

#define BIT(name) EVENT_BIT(EVENT_##name)

static const struct field_reads reads[] = {
    {EVENT_ORDER_PLACED, "order_id order_ref"},   {EVENT_ORDER_CONFIRMED, "order_id"},
    {EVENT_ORDER_REJECTED, "order_id"},           {EVENT_ORDER_CANCELLATION_REQUESTED, "order_id"},
    {EVENT_ORDER_CANCELLED, "order_id"},          {EVENT_ORDER_SHIPPED, "order_id"},
    {EVENT_PAYMENT_CAPTURED, "order_id"},         {EVENT_PAYMENT_DECLINED, "order_id"},
    {EVENT_PAYMENT_REFUNDED, "order_id"},         {EVENT_STOCK_RESERVED, "order_id"},
    {EVENT_STOCK_RESERVATION_FAILED, "order_id"}, {EVENT_RESERVATION_WITHDRAWN, "order_id"},
    {EVENT_STOCK_RELEASED, "order_id"},           {EVENT_RESERVATION_SHIPPED, "order_id"},
    {EVENT_NOTIFICATION_SENT, "order_id"},        {0},
};

const struct projection journeys_projection = {
    .name = "journeys",
    .version = 1,
    .types = BIT(ORDER_PLACED) | BIT(ORDER_CONFIRMED) | BIT(ORDER_REJECTED) | BIT(ORDER_CANCELLATION_REQUESTED) |
             BIT(ORDER_CANCELLED) | BIT(ORDER_SHIPPED) | BIT(PAYMENT_CAPTURED) | BIT(PAYMENT_DECLINED) |
             BIT(PAYMENT_REFUNDED) | BIT(STOCK_RESERVED) | BIT(STOCK_RESERVATION_FAILED) | BIT(RESERVATION_WITHDRAWN) |
             BIT(STOCK_RELEASED) | BIT(RESERVATION_SHIPPED) | BIT(NOTIFICATION_SENT),
    .reads = reads,
    .schema = schema,
    .statements = statements,
    .statement_count = sizeof statements / sizeof *statements,
    .apply = apply,
    .write = write,
};

/* ---- queries ---- */

/* The steps of one journey; the memory is used again for the next. */
struct steps {
    struct journey_step *items;
    size_t count, capacity;
};

static enum status steps_add(struct steps *steps, const struct journey_step *step, struct error *error)
{
    struct journey_step *items = array_room(steps->items, steps->count, &steps->capacity, sizeof *items);
    if (items == NULL)
        return error_memory(error);
    steps->items = items;
    steps->items[steps->count++] = *step;
    return STATUS_OK;
}

static enum status steps_load(struct steps *steps, struct view *view, uint64_t placed_position, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, STEPS);
    bind_position(select, 1, placed_position);
    steps->count = 0;
    while (rows_next(select, &status, error)) {
        struct journey_step step = {.position = column_position(select, 1), .at_us = column_integer(select, 2)};
        if (!event_type_from_name(column_text(select, 0), &step.event) || step.at_us < TIME_MIN_US ||
            step.at_us > TIME_MAX_US)
            status = error_set(error, STATUS_DAMAGED, "the view journeys holds a step that is no event of ours");
        else
            status = steps_add(steps, &step, error);
    }
    if (status == STATUS_OK && steps->count == 0)
        status = error_set(error, STATUS_DAMAGED, "the view journeys holds a journey without steps");
    return rows_end(select, status);
}

static bool is_wanted(const struct journey_filter *filter, const struct journey_row *row)
{
    CHECK(row->step_count > 0);
    if (filter->quiet_since_us != 0 && row->steps[row->step_count - 1].at_us >= filter->quiet_since_us)
        return false;
    return !(filter->unsettled_only && journey_is_settled(row));
}

static enum status visit_rows(struct view *view, sqlite3_stmt *select, const struct journey_filter *filter,
                              journey_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    struct steps steps = {0};
    bool found = false;
    while (rows_next(select, &status, error)) {
        found = true;
        status = steps_load(&steps, view, column_position(select, 0), error);
        if (status != STATUS_OK)
            break;
        struct journey_row row = {
            .order = column_uuid(select, 1),
            .order_ref = column_text(select, 2),
            .status = column_text(select, 3),
            .steps = steps.items,
            .step_count = steps.count,
        };
        if (is_wanted(filter, &row))
            status = visit(context, &row, error);
    }
    free(steps.items);
    status = rows_end(select, status);
    if (status == STATUS_OK && !found && filter->order != NULL) {
        char text[UUID_TEXT_SIZE];
        uuid_to_text(*filter->order, text);
        return error_set(error, STATUS_NOT_FOUND, "there is no order %s", text);
    }
    return status;
}

enum status journeys_each(struct view *view, const struct journey_filter *filter, journey_visitor visit, void *context,
                          struct error *error)
{
    static const struct journey_filter everything = {0};
    if (filter == NULL)
        filter = &everything;
    sqlite3_stmt *select = view_statement(view, filter->order == NULL ? ALL : ONE);
    if (filter->order != NULL)
        bind_uuid(select, 1, filter->order);
    return visit_rows(view, select, filter, visit, context, error);
}

bool journey_is_settled(const struct journey_row *row)
{
    return strcmp(row->status, order_phase_name(ORDER_PLACED)) != 0 &&
           strcmp(row->status, order_phase_name(ORDER_CANCELLING)) != 0;
}

/* EVENTS' table of reactions, read backwards: which answer is missing? */
const char *journey_waits_for(const struct journey_row *row)
{
    const event_type_set told_of =
        BIT(ORDER_CONFIRMED) | BIT(ORDER_REJECTED) | BIT(ORDER_CANCELLED) | BIT(ORDER_SHIPPED);
    event_type_set seen = 0;
    int unheard = 0;
    for (size_t i = 0; i < row->step_count; i++) {
        event_type_set bit = EVENT_BIT(row->steps[i].event);
        seen |= bit;
        unheard += (bit & told_of) != 0;
        unheard -= (bit & BIT(NOTIFICATION_SENT)) != 0;
    }

    bool captured = (seen & BIT(PAYMENT_CAPTURED)) != 0;
    bool cancelling = (seen & BIT(ORDER_CANCELLATION_REQUESTED)) != 0;
    bool owes = captured && (seen & BIT(PAYMENT_REFUNDED)) == 0;
    if (!captured && (seen & BIT(PAYMENT_DECLINED)) == 0)
        return "payment";
    if (owes && (cancelling || (seen & BIT(STOCK_RESERVATION_FAILED)) != 0))
        return "payment";

    bool over = (seen & (BIT(ORDER_REJECTED) | BIT(ORDER_CANCELLED))) != 0;
    bool confirmed = (seen & BIT(ORDER_CONFIRMED)) != 0;
    if (!owes && !over)
        return "order"; /* declined or refunded: it ends here */
    if (!cancelling && !confirmed && !over && (seen & BIT(STOCK_RESERVED)) != 0)
        return "order";

    const event_type_set given_up = BIT(STOCK_RESERVATION_FAILED) | BIT(RESERVATION_WITHDRAWN) | BIT(STOCK_RELEASED);
    if (cancelling ? (seen & given_up) == 0
                   : captured && (seen & (BIT(STOCK_RESERVED) | BIT(STOCK_RESERVATION_FAILED))) == 0)
        return "inventory";
    if ((seen & BIT(ORDER_SHIPPED)) != 0 && (seen & BIT(RESERVATION_SHIPPED)) == 0)
        return "inventory";
    return unheard > 0 ? "notification" : NULL;
}
