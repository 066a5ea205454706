#include "projections/inbox.h"

#include "projections/rows.h"

static const char schema[] = "CREATE TABLE message ("
                             "  position INTEGER PRIMARY KEY,"
                             "  customer_id TEXT NOT NULL,"
                             "  order_id BLOB NOT NULL,"
                             "  kind TEXT NOT NULL,"
                             "  message_id TEXT NOT NULL,"
                             "  sent_at_us INTEGER NOT NULL"
                             ") STRICT;";
static const char indexes[] = "CREATE INDEX message_by_customer ON message (customer_id);";

enum { TELL, ALL, OF_CUSTOMER };
static const char *const statements[] = {
    [TELL] = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [ALL] = "SELECT * FROM message ORDER BY position",
    [OF_CUSTOMER] = "SELECT * FROM message WHERE customer_id = ?1 ORDER BY position",
};

static enum status apply(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error)
{
    const struct notification_sent *sent = &event->notification_sent;
    sqlite3_stmt *insert = view_statement(view, TELL);
    bind_position(insert, 1, recorded->position);
    bind_text(insert, 2, sent->customer);
    bind_uuid(insert, 3, &sent->order);
    bind_text(insert, 4, sent->kind);
    bind_text(insert, 5, sent->message_id);
    bind_integer(insert, 6, recorded->recorded_at_us);
    return rows_write(insert, error);
}

static const struct field_reads reads[] = {
    {EVENT_NOTIFICATION_SENT, "order_id customer_id kind message_id"},
    {0},
};

const struct projection inbox_projection = {
    .name = "inbox",
    .version = 1,
    .types = EVENT_BIT(EVENT_NOTIFICATION_SENT),
    .reads = reads,
    .schema = schema,
    .indexes = indexes,
    .statements = statements,
    .statement_count = sizeof statements / sizeof *statements,
    .apply = apply,
};

enum status inbox_each(struct view *view, const char *customer, inbox_visitor visit, void *context, struct error *error)
{
    enum status status = STATUS_OK;
    sqlite3_stmt *select = view_statement(view, customer == NULL ? ALL : OF_CUSTOMER);
    if (customer != NULL)
        bind_text(select, 1, customer);
    while (rows_next(select, &status, error)) {
        struct inbox_row row = {
            .position = column_position(select, 0),
            .customer = column_text(select, 1),
            .order = column_uuid(select, 2),
            .kind = column_text(select, 3),
            .message_id = column_text(select, 4),
            .sent_at_us = column_integer(select, 5),
        };
        status = visit(context, &row, error);
    }
    return rows_end(select, status);
}
