#include "tests/simulation/checks.h"

#include <dirent.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "projections/projection.h"
#include "services/replay.h"
#include "services/services.h"

enum query { QUERY_ROWS, QUERY_LAST, QUERY_CHECKPOINTS, QUERIES };

struct checks {
    struct model model;
    bool started;
    sqlite3 *roll; /* open from one step to the next, until power is lost */
    sqlite3_stmt *queries[QUERIES];
    struct map acknowledged; /* an event's id → a set of marks */
    size_t missing;          /* acknowledged, and not seen on the roll yet */
    bool repeated;           /* the last commit had been acknowledged before: somebody else was faster, with the same */
    uint64_t checkpoints[SERVICES_COUNT];
    bool rewound[SERVICES_COUNT]; /* by a person, also perhaps: a commit that failed as the disk did may stand later */
};

enum { MARK_ACKNOWLEDGED = 1, MARK_PERHAPS = 2, MARK_SEEN = 4 };

struct checks *checks_new(void)
{
    struct checks *checks = calloc(1, sizeof *checks);
    CHECK(checks != NULL);
    return checks;
}

const char *checks_wrong(const struct checks *checks)
{
    return checks->model.wrong;
}

const char *checks_about(const struct checks *checks)
{
    return checks->model.about;
}

const struct model *checks_model(const struct checks *checks)
{
    return &checks->model;
}

/* ---- what the processes say ---- */

static uint64_t *marks_of(struct checks *checks, const unsigned char id[16])
{
    return map_at(&checks->acknowledged, map_key(id, 16));
}

/* Of a commit that failed when the disk did, nobody knows whether it stands. */
static bool is_unknown(enum status status)
{
    return status == STATUS_IO || status == STATUS_FULL || status == STATUS_DAMAGED || status == STATUS_MEMORY;
}

static void note_event(struct checks *checks, const struct new_event *event, enum status status)
{
    uint64_t *marks = marks_of(checks, event->id.bytes);
    if (is_unknown(status))
        *marks |= MARK_PERHAPS;
    if (status == STATUS_OK && (*marks & MARK_ACKNOWLEDGED) == 0) {
        *marks |= MARK_ACKNOWLEDGED;
        checks->missing += (*marks & MARK_SEEN) == 0;
    }
}

static bool is_acknowledged(struct checks *checks, const struct commit *commit)
{
    for (size_t i = 0; i < commit->append_count; i++)
        for (size_t j = 0; j < commit->appends[i].count; j++)
            if ((*marks_of(checks, commit->appends[i].events[j].id.bytes) & MARK_ACKNOWLEDGED) == 0)
                return false;
    return true;
}

static void committed(void *context, const struct commit *commit, enum status status)
{
    struct checks *checks = context;
    checks->repeated = is_acknowledged(checks, commit);
    if (commit->consumer != NULL && status == STATUS_OK)
        checks->rewound[model_service(commit->consumer)] = commit->checkpoint_to < commit->checkpoint_from;
    else if (commit->consumer != NULL && is_unknown(status) && commit->checkpoint_to < commit->checkpoint_from)
        checks->rewound[model_service(commit->consumer)] = true;
    for (size_t i = 0; i < commit->append_count; i++)
        for (size_t j = 0; j < commit->appends[i].count; j++)
            note_event(context, &commit->appends[i].events[j], status);
}

/* A service that was told an event again has nothing to do; one that answers an event, or finds that there is nothing
 * to do, has handled all that came before it in the journey. */
static void handled(void *context, uint32_t service, const struct handled *event)
{
    struct checks *checks = context;
    char id[UUID_TEXT_SIZE];
    bool is_done = event->outcome == OUTCOME_ANSWERED || event->outcome == OUTCOME_NOTHING;
    uuid_to_text(event->cause->correlation, id);
    struct model_order *order = model_order(&checks->model, id);
    if (!is_done || order == NULL)
        return;
    uint64_t *last = &order->last_handled[service], position = event->cause->position;
    if (position < *last && event->outcome == OUTCOME_ANSWERED && !checks->repeated)
        (void)model_wrong(&checks->model, id, "%s answered position %llu after it had handled position %llu",
                          service_names[service], (unsigned long long)position, (unsigned long long)*last);
    if (position > *last)
        *last = position;
}

/* ---- SQL ---- */

static sqlite3 *open_file(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    sqlite3 *database = NULL;
    CHECK(path_join(path, folder, NULL, "%s", name) == STATUS_OK);
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        sqlite3_close(database);
        return NULL;
    }
    CHECK(sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK);
    return database;
}

/* Ends a statement; false, with a sentence, when it failed. */
static bool end_query(struct checks *checks, sqlite3 *database, sqlite3_stmt *query, int result)
{
    bool good =
        result == SQLITE_DONE || model_wrong(&checks->model, "", "a check cannot read: %s", sqlite3_errmsg(database));
    sqlite3_finalize(query);
    return good;
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *query = NULL;
    return sqlite3_prepare_v2(database, sql, -1, &query, NULL) == SQLITE_OK ? query : NULL;
}

static const char *text_at(sqlite3_stmt *query, int column)
{
    const char *text = (const char *)sqlite3_column_text(query, column);
    return text != NULL ? text : "";
}

/* ---- 1, 4 and 7: the roll ---- */

static const char *const queries_sql[QUERIES] = {
    [QUERY_ROWS] = "SELECT e.position, e.version, e.causation, t.name, c.name, n.name, o.actor, o.producer, e.data, "
                   "e.schema_version,"
                   " e.recorded_at, e.event_id, coalesce(j.name, e.event_id), e.command_id, e.digest FROM event e"
                   " JOIN type t ON t.id = e.type JOIN category c ON c.id = e.category JOIN entity n ON n.id = e.entity"
                   " JOIN origin o ON o.id = e.origin LEFT JOIN entity j ON j.id = e.correlation"
                   " WHERE e.position > ?1 ORDER BY e.position",
    [QUERY_LAST] = "SELECT digest FROM event WHERE position = ?1",
    [QUERY_CHECKPOINTS] = "SELECT consumer, position FROM checkpoint",
};

static void close_roll(void *context)
{
    struct checks *checks = context;
    for (int i = 0; i < QUERIES; i++) {
        sqlite3_finalize(checks->queries[i]);
        checks->queries[i] = NULL;
    }
    sqlite3_close(checks->roll);
    checks->roll = NULL;
}

static bool open_roll(struct checks *checks, struct world *world)
{
    if (checks->roll == NULL) {
        checks->roll = open_file(world_folder(world), "events.db");
        for (int i = 0; checks->roll != NULL && i < QUERIES; i++)
            checks->queries[i] = prepare(checks->roll, queries_sql[i]);
    }
    return checks->queries[QUERIES - 1] != NULL || model_wrong(&checks->model, "", "the roll cannot be opened");
}

/* Resets a query; false, with a sentence, when it failed. */
static bool rewind_query(struct checks *checks, enum query query, int result)
{
    bool good = result == SQLITE_DONE || result == SQLITE_ROW ||
                model_wrong(&checks->model, "", "a check cannot read: %s", sqlite3_errmsg(checks->roll));
    sqlite3_reset(checks->queries[query]);
    return good;
}

static const char *entity_at(sqlite3_stmt *query, int column, char text[UUID_TEXT_SIZE])
{
    struct uuid id;
    if (sqlite3_column_type(query, column) != SQLITE_BLOB)
        return text_at(query, column);
    memcpy(id.bytes, sqlite3_column_blob(query, column), UUID_BYTES);
    uuid_to_text(id, text);
    return text;
}

static struct row row_of(sqlite3_stmt *query, char entity[UUID_TEXT_SIZE])
{
    return (struct row){
        .position = (uint64_t)sqlite3_column_int64(query, 0),
        .version = (uint64_t)sqlite3_column_int64(query, 1),
        .causation = (uint64_t)sqlite3_column_int64(query, 2),
        .type = text_at(query, 3),
        .category = text_at(query, 4),
        .entity = entity_at(query, 5, entity),
        .actor = text_at(query, 6),
        .producer = text_at(query, 7),
        .data = text_at(query, 8),
        .data_length = (size_t)sqlite3_column_bytes(query, 8),
        .schema_version = sqlite3_column_int64(query, 9),
        .recorded_at_us = sqlite3_column_int64(query, 10),
        .event_id = sqlite3_column_blob(query, 11),
        .correlation = sqlite3_column_blob(query, 12),
        .command_id = sqlite3_column_blob(query, 13),
        .digest = sqlite3_column_blob(query, 14),
    };
}

static bool see_event(struct checks *checks, const struct row *row)
{
    uint64_t *marks = marks_of(checks, row->event_id);
    if ((*marks & (MARK_ACKNOWLEDGED | MARK_PERHAPS)) == 0)
        return model_wrong(&checks->model, row->entity, "%s at position %llu stands there, but its commit was refused",
                           row->type, (unsigned long long)row->position);
    if ((*marks & MARK_SEEN) != 0)
        return model_wrong(&checks->model, row->entity, "%s at position %llu stands on the roll a second time",
                           row->type, (unsigned long long)row->position);
    checks->missing -= (*marks & MARK_ACKNOWLEDGED) != 0;
    *marks |= MARK_SEEN;
    return true;
}

/* What the roll has gained since the model was fed; `first_time`: it has not been seen before. */
static bool read_on(struct checks *checks, struct model *model, bool first_time)
{
    char entity[UUID_TEXT_SIZE];
    sqlite3_stmt *query = checks->queries[QUERY_ROWS];
    bool good = true;
    int result = SQLITE_ROW;
    sqlite3_bind_int64(query, 1, (int64_t)model->position);
    while (good && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const struct row row = row_of(query, entity);
        good = (!first_time || see_event(checks, &row)) && model_feed(model, &row);
    }
    return rewind_query(checks, QUERY_ROWS, result) && good;
}

/* What was seen stands there still. */
static bool check_last(struct checks *checks)
{
    struct model *model = &checks->model;
    sqlite3_stmt *query = checks->queries[QUERY_LAST];
    if (model->position == 0)
        return true;
    sqlite3_bind_int64(query, 1, (int64_t)model->position);
    int result = sqlite3_step(query);
    bool stands = result == SQLITE_ROW && memcmp(sqlite3_column_blob(query, 0), model->digest, MODEL_DIGEST_BYTES) == 0;
    return rewind_query(checks, QUERY_LAST, result) &&
           (stands || model_wrong(model, "", "position %llu, which stood on the roll, is gone or another",
                                  (unsigned long long)model->position));
}

static bool check_checkpoints(struct checks *checks)
{
    sqlite3_stmt *query = checks->queries[QUERY_CHECKPOINTS];
    int result = SQLITE_ROW;
    bool good = true;
    while (good && (result = sqlite3_step(query)) == SQLITE_ROW) {
        unsigned service = model_service(text_at(query, 0));
        uint64_t position = (uint64_t)sqlite3_column_int64(query, 1);
        CHECK(service < SERVICES_COUNT);
        if (position < checks->checkpoints[service] && !checks->rewound[service])
            good =
                model_wrong(&checks->model, "", "the checkpoint of %s fell from %llu to %llu", service_names[service],
                            (unsigned long long)checks->checkpoints[service], (unsigned long long)position);
        checks->checkpoints[service] = position;
    }
    return rewind_query(checks, QUERY_CHECKPOINTS, result) && good;
}

static bool start(struct checks *checks, struct model *model)
{
    sqlite3_stmt *query = prepare(checks->roll, "SELECT id FROM store");
    if (query == NULL || sqlite3_step(query) != SQLITE_ROW) {
        sqlite3_finalize(query);
        return model_wrong(&checks->model, "", "the store is gone");
    }
    model_start(model, sqlite3_column_blob(query, 0));
    sqlite3_finalize(query);
    return true;
}

bool checks_step(struct checks *checks, struct world *world)
{
    struct model *model = &checks->model;
    if (model->wrong[0] != '\0') /* a witness found it */
        return false;
    if (world_trouble(world) != NULL)
        return model_wrong(model, "", "%s", world_trouble(world));
    if (!open_roll(checks, world))
        return false;
    bool good = checks->started || start(checks, model);
    checks->started = true;
    good = good && check_last(checks) && read_on(checks, model, true) && model_balances(model) &&
           check_checkpoints(checks);
    if (good && checks->missing > 0)
        good = model_wrong(model, "", "%zu acknowledged events are not on the roll", checks->missing);
    return good;
}

/* ---- 2: at rest, or it says why not ---- */

static bool is_parked(const struct checks *checks, const char *order)
{
    sqlite3_stmt *query =
        prepare(checks->roll, "SELECT count(*) FROM parked WHERE lower(hex(sequence)) = replace(?1, '-', '')"
                              " AND attempts > 0 AND reason <> ''");
    sqlite3_bind_text(query, 1, order, -1, SQLITE_TRANSIENT);
    bool parked = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_int(query, 0) > 0;
    sqlite3_finalize(query);
    return parked;
}

/* Only a card that refuses every refund keeps an order from coming to rest. */
static bool check_rest(struct checks *checks, const struct world *world)
{
    for (size_t i = 0; i < checks->model.order_count; i++) {
        const struct model_order *order = &checks->model.orders[i];
        unsigned number = 0;
        if (model_is_at_rest(order))
            continue;
        CHECK(sscanf(order->ref, "order-%u", &number) == 1);
        if (!world_refund_is_hopeless(world, number))
            return model_wrong(&checks->model, order->id, "%s is still %s when all is quiet", order->ref,
                               model_phase_name(order->phase));
        if (!is_parked(checks, order->id))
            return model_wrong(&checks->model, order->id, "%s is %s, and nothing says what it waits for", order->ref,
                               model_phase_name(order->phase));
    }
    return true;
}

/* ---- 3: money ---- */

static bool check_kept(struct checks *checks)
{
    for (size_t i = 0; i < checks->model.order_count; i++) {
        const struct model_order *order = &checks->model.orders[i];
        int64_t kept = order->captured_minor - order->refunded_minor;
        bool sold = order->phase == CONFIRMED || order->phase == SHIPPED;
        if (model_is_at_rest(order) && kept != (sold ? order->total_minor : 0))
            return model_wrong(&checks->model, order->id, "%s is %s, and the shop keeps %lld of %lld", order->ref,
                               model_phase_name(order->phase), (long long)kept, (long long)order->total_minor);
    }
    return true;
}

/* Every order of the book is one of ours, and as many of ours have moved money. */
static bool check_book(struct checks *checks, const char *folder)
{
    struct model *model = &checks->model;
    size_t in_book = 0, on_roll = 0;
    bool good = true;
    sqlite3 *book = open_file(folder, "gateway.db");
    if (book == NULL) /* nobody has ever paid */
        return true;
    sqlite3_stmt *query =
        prepare(book, "SELECT order_id, sum(CASE kind WHEN 'charge' THEN amount_minor ELSE 0 END),"
                      " sum(CASE kind WHEN 'refund' THEN amount_minor ELSE 0 END) FROM movement GROUP BY order_id");
    int result = SQLITE_ERROR;
    while (query != NULL && good && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const struct model_order *order = model_order(model, text_at(query, 0));
        int64_t charged = sqlite3_column_int64(query, 1), refunded = sqlite3_column_int64(query, 2);
        in_book++;
        if (order == NULL || order->captured_minor != charged || order->refunded_minor != refunded)
            good = model_wrong(model, text_at(query, 0),
                               "the bank has charged %lld and refunded %lld, the roll says"
                               " %lld and %lld",
                               (long long)charged, (long long)refunded,
                               (long long)(order == NULL ? 0 : order->captured_minor),
                               (long long)(order == NULL ? 0 : order->refunded_minor));
    }
    good = good ? end_query(checks, book, query, result) : (sqlite3_finalize(query), false);
    sqlite3_close(book);
    for (size_t i = 0; i < model->order_count; i++)
        on_roll += model->orders[i].captured_minor > 0;
    return good && (in_book == on_roll ||
                    model_wrong(model, "", "the roll knows of %zu payments, the bank of %zu", on_roll, in_book));
}

/* ---- 5: notices ---- */

static bool check_told(struct checks *checks)
{
    for (size_t i = 0; i < checks->model.order_count; i++) {
        const struct model_order *order = &checks->model.orders[i];
        bool told = order->phase == CONFIRMED   ? order->told_confirmed
                    : order->phase == REJECTED  ? order->told_rejected
                    : order->phase == CANCELLED ? order->told_cancelled
                    : order->phase == SHIPPED   ? order->told_shipped
                                                : true;
        if (!told)
            return model_wrong(&checks->model, order->id, "nobody told the customer that %s is %s", order->ref,
                               model_phase_name(order->phase));
    }
    return true;
}

static size_t count_mails(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    size_t count = 0;
    CHECK(path_join(path, folder, NULL, "%s", name) == STATUS_OK);
    DIR *box = opendir(path);
    if (box == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(box)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(box);
    return count;
}

/* A mail is named after the event that says it was sent. */
static bool check_mails(struct checks *checks, const char *folder)
{
    size_t mails = count_mails(folder, "mail/new") + count_mails(folder, "mail/cur");
    if (mails != checks->model.told)
        return model_wrong(&checks->model, "", "%zu mails are in the box, %zu were sent", mails, checks->model.told);
    sqlite3_stmt *query =
        prepare(checks->roll, "SELECT substr(json_extract(data, '$.message_id'), 2, 36), stream FROM events"
                              " WHERE type = 'NotificationSent'");
    bool good = true;
    int result = SQLITE_ERROR;
    while (query != NULL && good && (result = sqlite3_step(query)) == SQLITE_ROW) {
        char path[PATH_SIZE];
        CHECK(path_join(path, folder, NULL, "mail/new/%s.till", text_at(query, 0)) == STATUS_OK);
        good = access(path, R_OK) == 0 ||
               model_wrong(&checks->model, text_at(query, 1), "the mail %s is not in the box", text_at(query, 0));
    }
    return good ? end_query(checks, checks->roll, query, result) : (sqlite3_finalize(query), false);
}

/* ---- 6: views ---- */

struct dump {
    unsigned char digest[MODEL_DIGEST_BYTES];
};

static void hash_value(crypto_generichash_state *hash, sqlite3_stmt *query, int column)
{
    const unsigned char type = (unsigned char)sqlite3_column_type(query, column);
    const void *bytes = sqlite3_column_blob(query, column);
    const int length = sqlite3_column_bytes(query, column);
    crypto_generichash_update(hash, &type, 1);
    crypto_generichash_update(hash, (const unsigned char *)&length, sizeof length);
    if (length > 0)
        crypto_generichash_update(hash, bytes, (unsigned)length);
}

static void hash_table(crypto_generichash_state *hash, sqlite3 *view, const char *table)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1, 2", table);
    sqlite3_stmt *query = prepare(view, sql);
    CHECK(query != NULL);
    while (sqlite3_step(query) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(query); i++)
            hash_value(hash, query, i);
    sqlite3_finalize(query);
}

static bool dump_view(struct checks *checks, const char *folder, const char *name, struct dump *dump)
{
    char file[64];
    crypto_generichash_state hash;
    snprintf(file, sizeof file, "views/%s.db", name);
    sqlite3 *view = open_file(folder, file);
    if (view == NULL)
        return model_wrong(&checks->model, "", "the view %s cannot be opened", name);
    crypto_generichash_init(&hash, NULL, 0, sizeof dump->digest);
    sqlite3_stmt *tables =
        prepare(view, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' ORDER BY name");
    int result = SQLITE_ERROR;
    while (tables != NULL && (result = sqlite3_step(tables)) == SQLITE_ROW)
        hash_table(&hash, view, text_at(tables, 0));
    crypto_generichash_final(&hash, dump->digest, sizeof dump->digest);
    bool good = end_query(checks, view, tables, result);
    sqlite3_close(view);
    return good;
}

static bool dump_views(struct checks *checks, const char *folder, struct dump *dumps)
{
    bool good = true;
    for (size_t i = 0; good && i < projection_count; i++)
        good = dump_view(checks, folder, projections[i]->name, &dumps[i]);
    return good;
}

static bool check_views(struct checks *checks, struct world *world)
{
    struct dump live[PROJECTIONS_MAX], fresh[PROJECTIONS_MAX];
    if (!dump_views(checks, world_folder(world), live))
        return false;
    world_fold_views(world);
    if (world_trouble(world) != NULL)
        return model_wrong(&checks->model, "", "%s", world_trouble(world));
    if (!dump_views(checks, world_folder(world), fresh))
        return false;
    for (size_t i = 0; i < projection_count; i++)
        if (memcmp(&live[i], &fresh[i], sizeof live[i]) != 0)
            return model_wrong(&checks->model, "", "the view %s differs from itself folded anew", projections[i]->name);
    return true;
}

/* The two that people trade by say what the roll means. */
static bool check_orders_view(struct checks *checks, const char *folder)
{
    sqlite3 *view = open_file(folder, "views/orders.db");
    sqlite3_stmt *query = prepare(view, "SELECT order_id, status FROM orders");
    char id[UUID_TEXT_SIZE];
    size_t count = 0;
    bool good = true;
    int result = SQLITE_ERROR;
    while (query != NULL && good && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const struct model_order *order = model_order(&checks->model, entity_at(query, 0, id));
        const char *stands = order == NULL ? "unknown" : model_phase_name(order->phase);
        count++;
        if (strcmp(stands, text_at(query, 1)) != 0)
            good = model_wrong(&checks->model, id, "the view orders says %s, the roll %s", text_at(query, 1), stands);
    }
    good = good ? end_query(checks, view, query, result) : (sqlite3_finalize(query), false);
    sqlite3_close(view);
    return good && (count == checks->model.order_count ||
                    model_wrong(&checks->model, "", "the view orders holds %zu orders, the roll %zu", count,
                                checks->model.order_count));
}

static bool check_stock_view(struct checks *checks, const char *folder)
{
    sqlite3 *view = open_file(folder, "views/stock.db");
    sqlite3_stmt *query = prepare(view, "SELECT on_hand, reserved FROM stock WHERE sku = ?1");
    bool good = query != NULL;
    for (size_t i = 0; good && i < checks->model.sku_count; i++) {
        const struct model_sku *sku = &checks->model.skus[i];
        sqlite3_bind_text(query, 1, sku->name, -1, SQLITE_STATIC);
        good = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_int64(query, 0) == sku->received - sku->shipped &&
               sqlite3_column_int64(query, 1) == sku->reserved;
        if (!good)
            (void)model_wrong(&checks->model, "", "the view stock is wrong about %s", sku->name);
        sqlite3_reset(query);
    }
    sqlite3_finalize(query);
    sqlite3_close(view);
    return good;
}

/* ---- the services ---- */

static bool check_replay(struct checks *checks, const char *folder)
{
    struct eventstore *roll = NULL;
    struct replay_report report = {.answers = 0};
    struct error error = {0};
    enum status status = eventstore_open(&roll, folder, NULL, &error);
    if (status == STATUS_OK)
        status = replay_roll(roll, 0, NULL, &report, &error);
    eventstore_close(&roll);
    if (status != STATUS_OK)
        return model_wrong(&checks->model, "", "the roll cannot be replayed: %s", error.text);
    return report.position == 0 ||
           model_wrong(&checks->model, "", "%s would answer otherwise at %llu: %s, and not %s", report.service,
                       (unsigned long long)report.position, report.today, report.stands);
}

/* ---- the end ---- */

/* All of the roll once more, from its first event. */
static bool check_all_again(struct checks *checks)
{
    struct model again;
    bool good = start(checks, &again) && read_on(checks, &again, false) && model_balances(&again);
    if (!good)
        (void)model_wrong(&checks->model, again.about, "%s", again.wrong);
    if (good && memcmp(again.digest, checks->model.digest, sizeof again.digest) != 0)
        good = model_wrong(&checks->model, "", "the roll is not the one that was seen while it grew");
    model_clear(&again);
    return good;
}

bool checks_end(struct checks *checks, struct world *world)
{
    const char *folder = world_folder(world);
    if (!checks_step(checks, world))
        return false;
    return check_all_again(checks) && check_rest(checks, world) && check_mails(checks, folder) && check_kept(checks) &&
           check_book(checks, folder) && check_told(checks) && check_views(checks, world) &&
           check_orders_view(checks, folder) && check_stock_view(checks, folder) && check_replay(checks, folder);
}

void checks_free(struct checks **checks)
{
    close_roll(*checks);
    model_clear(&(*checks)->model);
    map_clear(&(*checks)->acknowledged);
    free(*checks);
    *checks = NULL;
}

struct witness checks_witness(struct checks *checks)
{
    return (struct witness){.context = checks, .handled = handled, .committed = committed, .power_lost = close_roll};
}

/* ---- a journey ---- */

void checks_tell_journey(struct world *world, const char *order, struct buffer *out)
{
    sqlite3 *roll = open_file(world_folder(world), "events.db");
    sqlite3_stmt *query =
        prepare(roll, "SELECT printf('%5d  %-26s caused by %5s  %s', e.position, e.type,"
                      " coalesce((SELECT position FROM event c WHERE c.position = r.causation), '-'),"
                      " json_extract(e.metadata, '$.actor')) FROM events e JOIN event r ON r.position = e.position"
                      " WHERE e.correlation_id = ?1 AND e.stream NOT LIKE 'stock-%'"
                      " UNION ALL SELECT printf('%5d  parked by %s: %s, %d attempts, %s', position, consumer, state,"
                      " attempts, reason) FROM parked WHERE lower(hex(sequence)) = replace(?1, '-', '')");
    if (query != NULL)
        sqlite3_bind_text(query, 1, order, -1, SQLITE_STATIC);
    while (query != NULL && sqlite3_step(query) == SQLITE_ROW)
        buffer_format(out, "  %s\n", text_at(query, 0));
    sqlite3_finalize(query);
    sqlite3_close(roll);
}
