#include "tests/projections/history.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "domain/codec.h"
#include "projections/compare.h"
#include "projections/rows.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error error = {0};                                                                                      \
        cr_assert_eq((call), STATUS_OK, "%s: %s", #call, error.text);                                                  \
    } while (0)

static void keep_notice(void *context, const char *sentence)
{
    struct history *history = context;
    history->notices++;
    snprintf(history->notice, sizeof history->notice, "%s", sentence);
}

struct history *history_new(void)
{
    struct history *history = calloc(1, sizeof *history);
    cr_assert_not_null(history);
    temporary_make(history->folder);
    history->time.now_us = START_US;
    history->clock = fake_clock(&history->time);
    struct eventstore_options options = {.clock = &history->clock, .durability = DURABILITY_NONE};
    MUST(eventstore_create(history->folder, &options, "{\"currency\":\"USD\"}", &error));
    MUST(eventstore_open(&history->store, history->folder, &options, &error));
    history->home = (struct view_home){
        .store = history->store, .folder = history->folder, .notice = keep_notice, .context = history};
    return history;
}

void history_end(struct history *history)
{
    eventstore_close(&history->store);
    temporary_remove(history->folder);
    free(history);
}

int64_t history_time(uint64_t position)
{
    return START_US + (int64_t)position * 1000000;
}

struct uuid order_id(int number)
{
    struct uuid id = {0};
    snprintf((char *)id.bytes, sizeof id.bytes, "order %d", number);
    return id;
}

/* ---- writing ---- */

struct encoded {
    struct buffer data;
    char entity[ENTITY_SIZE];
    struct stream stream;
};

static void encode(const struct event *event, struct encoded *out, struct new_event *written)
{
    static uint64_t serial;
    serial++;
    *out = (struct encoded){0};
    *written = (struct new_event){0};
    MUST(event_encode(event, &out->data, &error));
    event_entity(event, out->entity);
    out->stream = (struct stream){event_category(event->type), out->entity};
    memcpy(written->id.bytes, &serial, sizeof serial);
    if (!event_order(event, &written->correlation))
        written->correlation = written->id;
    written->type = event_type_name(event->type);
    written->schema_version = event_schema_version(event->type);
    written->data = out->data.data;
    written->data_length = out->data.length;
}

static bool is_of(struct stream one, struct stream other)
{
    return strcmp(one.category, other.category) == 0 && strcmp(one.entity, other.entity) == 0;
}

void state_all(struct history *history, const struct event *events, size_t count)
{
    struct encoded *encoded = calloc(count, sizeof *encoded);
    struct new_event *written = calloc(count, sizeof *written);
    struct append *appends = calloc(count, sizeof *appends);
    struct commit commit = {.appends = appends, .actor = "test", .producer = "test 1"};
    cr_assert(encoded != NULL && written != NULL && appends != NULL);
    for (size_t i = 0; i < count; i++) {
        encode(&events[i], &encoded[i], &written[i]);
        if (i == 0 || !is_of(encoded[i].stream, encoded[i - 1].stream))
            appends[commit.append_count++] = (struct append){encoded[i].stream, EXPECTED_ANY, &written[i], 0};
        appends[commit.append_count - 1].count++;
    }
    history->time.now_us += 1000000;
    MUST(eventstore_commit(history->store, &commit, NULL, &error));
    for (size_t i = 0; i < count; i++)
        buffer_clear(&encoded[i].data);
    free(encoded);
    free(written);
    free(appends);
}

void state(struct history *history, const struct event *event)
{
    state_all(history, event, 1);
}

void state_raw(struct history *history, const char *category, const char *entity, const char *type, int schema_version,
               const char *data)
{
    static uint64_t serial = UINT64_C(1) << 32;
    serial++;
    struct new_event event = {.type = type, .schema_version = schema_version, .data = data};
    memcpy(event.id.bytes, &serial, sizeof serial);
    event.correlation = event.id;
    event.data_length = strlen(data);
    struct append append = {{category, entity}, EXPECTED_ANY, &event, 1};
    struct commit commit = {.appends = &append, .append_count = 1, .actor = "test", .producer = "test 1"};
    history->time.now_us += 1000000;
    MUST(eventstore_commit(history->store, &commit, NULL, &error));
}

/* ---- facts ---- */

#define USD ((struct currency){"USD"})

void listed(struct history *history, const char *sku)
{
    state(history,
          &(struct event){EVENT_PRODUCT_LISTED,
                          .product_listed = {.sku = sku, .name = "a thing", .unit_price_minor = 250, .currency = USD}});
}

void received(struct history *history, const char *sku, int64_t quantity)
{
    state(history, &(struct event){EVENT_STOCK_RECEIVED, .stock_received = {.sku = sku, .quantity = quantity}});
}

void placed(struct history *history, int order, const char *sku, int64_t quantity)
{
    char ref[32];
    snprintf(ref, sizeof ref, "ref %d", order);
    struct order_line line = {.sku = sku, .name = "a thing", .quantity = quantity, .unit_price_minor = 250};
    state(history, &(struct event){EVENT_ORDER_PLACED,
                                   .order_placed = {.order = order_id(order),
                                                    .order_ref = ref,
                                                    .customer = "ann",
                                                    .currency = USD,
                                                    .lines = {&line, 1},
                                                    .total_minor = 250 * quantity,
                                                    .card_token = "tok_ok",
                                                    .placed_at_us = START_US + order * INT64_C(86400000000)}});
}

void happened(struct history *history, int order, enum event_type type)
{
    struct uuid id = order_id(order);
    struct sku_quantity line = {"tea", 2};
    struct shortage shortage = {"tea", 2, 1};
    struct event event = {.type = type};
    switch (type) {
    case EVENT_ORDER_REJECTED: event.order_rejected = (struct order_rejected){id, "declined"}; break;
    case EVENT_ORDER_CANCELLATION_REQUESTED:
        event.order_cancellation_requested = (struct order_cancellation_requested){id, "changed my mind", START_US};
        break;
    case EVENT_ORDER_CANCELLED: event.order_cancelled = (struct order_cancelled){id, "customer"}; break;
    case EVENT_ORDER_SHIPPED: event.order_shipped = (struct order_shipped){id, "post", "t1"}; break;
    case EVENT_PAYMENT_CAPTURED: event.payment_captured = (struct payment_captured){id, 500, USD, "g1"}; break;
    case EVENT_PAYMENT_DECLINED: event.payment_declined = (struct payment_declined){id, 500, USD, "declined"}; break;
    case EVENT_PAYMENT_REFUNDED:
        event.payment_refunded = (struct payment_refunded){id, 500, USD, "g2", "customer"};
        break;
    case EVENT_UNITS_RESERVED:
    case EVENT_UNITS_RELEASED:
    case EVENT_UNITS_SHIPPED: event.units_moved = (struct units_moved){"tea", id, 2}; break;
    case EVENT_STOCK_RESERVED:
    case EVENT_STOCK_RELEASED:
    case EVENT_RESERVATION_SHIPPED: event.reservation_lines = (struct reservation_lines){id, {&line, 1}}; break;
    case EVENT_STOCK_RESERVATION_FAILED:
        event.reservation_failed = (struct reservation_failed){id, {&shortage, 1}};
        break;
    case EVENT_NOTIFICATION_SENT:
        event.notification_sent = (struct notification_sent){id, "ann", "confirmed", "<1@shop.invalid>"};
        break;
    default: event.order_confirmed = (struct order_confirmed){id}; break; /* nothing but the order's id */
    }
    state(history, &event);
}

static void confirmed(struct history *history, int order)
{
    placed(history, order, "tea", 2);
    happened(history, order, EVENT_PAYMENT_CAPTURED);
    happened(history, order, EVENT_UNITS_RESERVED);
    happened(history, order, EVENT_STOCK_RESERVED);
    happened(history, order, EVENT_ORDER_CONFIRMED);
    happened(history, order, EVENT_NOTIFICATION_SENT);
}

void listed_many(struct history *history, int from, int count)
{
    enum { MANY_MAX = 2000 };
    static char skus[MANY_MAX][16], name[NAME_MAX_BYTES + 1];
    static struct event events[MANY_MAX];
    cr_assert(count <= MANY_MAX);
    memset(name, 'x', NAME_MAX_BYTES);
    for (int i = 0; i < count; i++) {
        snprintf(skus[i], sizeof skus[i], "sku-%d", from + i);
        events[i] =
            (struct event){EVENT_PRODUCT_LISTED,
                           .product_listed = {.sku = skus[i], .name = name, .unit_price_minor = 1, .currency = USD}};
    }
    state_all(history, events, (size_t)count);
}

void busy_week(struct history *history)
{
    listed(history, "tea");
    listed(history, "cup");
    received(history, "tea", 10);
    confirmed(history, 1);
    placed(history, 2, "cup", 1);
    happened(history, 2, EVENT_PAYMENT_DECLINED);
    happened(history, 2, EVENT_ORDER_REJECTED);
    happened(history, 2, EVENT_NOTIFICATION_SENT);
    confirmed(history, 3);
    happened(history, 3, EVENT_ORDER_CANCELLATION_REQUESTED);
    happened(history, 3, EVENT_PAYMENT_REFUNDED);
    happened(history, 3, EVENT_UNITS_RELEASED);
    happened(history, 3, EVENT_STOCK_RELEASED);
    happened(history, 3, EVENT_ORDER_CANCELLED);
    happened(history, 3, EVENT_NOTIFICATION_SENT);
    confirmed(history, 4);
    happened(history, 4, EVENT_ORDER_SHIPPED);
    happened(history, 4, EVENT_UNITS_SHIPPED);
    happened(history, 4, EVENT_RESERVATION_SHIPPED);
    happened(history, 4, EVENT_NOTIFICATION_SENT);
    placed(history, 5, "tea", 1);
}

/* ---- picky ---- */

struct picky picky;

static enum status apply_picky(struct view *view, const struct recorded_event *recorded, const struct event *event,
                               struct error *error)
{
    (void)event;
    sqlite3_stmt *insert = view_statement(view, 0);
    bind_position(insert, 1, recorded->position);
    enum status status = rows_write(insert, error); /* first the row, then the fault: it has to be undone */
    int64_t until_us = clock_monotonic_us() + 1000;
    while (picky.fault == PICKY_IS_SLOW && recorded->position >= picky.at && clock_monotonic_us() < until_us)
        ;
    if (status != STATUS_OK || recorded->position != picky.at)
        return status;
    switch (picky.fault) {
    case PICKY_REFUSES: return error_set(error, STATUS_INVALID, "it tastes of soap");
    case PICKY_DISK_FULL: return error_set(error, STATUS_FULL, "no room for one more");
    case PICKY_DIES: kill(getpid(), SIGKILL); break;
    case PICKY_MEDDLES: return picky.meddle(picky.history, error);
    default: break;
    }
    return STATUS_OK;
}

static const char *const picky_statements[] = {"INSERT INTO seen VALUES (?1)"};
const struct projection picky_projection = {
    .name = "picky",
    .version = 2,
    .types = EVENT_BIT(EVENT_STOCK_RECEIVED),
    .schema = "CREATE TABLE seen (position INTEGER PRIMARY KEY) STRICT;",
    .statements = picky_statements,
    .statement_count = 1,
    .apply = apply_picky,
};

/* ---- looking ---- */

uint64_t head_of(struct history *history)
{
    uint64_t head;
    MUST(eventstore_head(history->store, &head, &error));
    return head;
}

struct view *fresh(struct history *history, const struct projection *projection)
{
    struct view *view;
    MUST(view_open_fresh(&view, &history->home, projection, 1000, &error));
    cr_assert_eq(view_position(view), head_of(history));
    return view;
}

struct view *as_of(struct history *history, const struct projection *projection, uint64_t position)
{
    struct view *view;
    MUST(view_open_at(&view, history->store, projection, position, &error));
    cr_assert_eq(view_position(view), position);
    return view;
}

void assert_view_equals_roll(struct history *history, const struct projection *projection)
{
    bool same;
    char difference[ERROR_TEXT_MAX];
    uint8_t digest[VIEW_DIGEST_BYTES], other[VIEW_DIGEST_BYTES];
    struct view *live = fresh(history, projection);
    struct view *folded = as_of(history, projection, view_position(live));
    MUST(view_compare(live, folded, &same, difference, &error));
    cr_assert(same, "%s", difference);
    MUST(view_digest(live, digest, &error));
    MUST(view_digest(folded, other, &error));
    cr_assert_arr_eq(digest, other, sizeof digest);
    view_close(&live);
    view_close(&folded);
}

void meddle(struct history *history, const char *file, const char *sql)
{
    char path[PATH_SIZE], *why = NULL;
    sqlite3 *database;
    MUST(path_join(path, history->folder, &error, "%s", file));
    cr_assert_eq(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database, sql, NULL, NULL, &why), SQLITE_OK, "%s", why);
    sqlite3_close(database);
}

int64_t number_in(struct history *history, const char *file, const char *sql)
{
    char path[PATH_SIZE];
    sqlite3 *database;
    sqlite3_stmt *select;
    MUST(path_join(path, history->folder, &error, "%s", file));
    cr_assert_eq(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(database, sql, -1, &select, NULL), SQLITE_OK, "%s", sqlite3_errmsg(database));
    cr_assert_eq(sqlite3_step(select), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    sqlite3_close(database);
    return number;
}

off_t bytes_of(struct history *history, const char *file)
{
    char path[PATH_SIZE];
    struct stat found;
    MUST(path_join(path, history->folder, &error, "%s", file));
    cr_assert_eq(stat(path, &found), 0, "%s", path);
    return found.st_size;
}

void delete_views(struct history *history)
{
    char path[PATH_SIZE];
    MUST(path_join(path, history->folder, &error, "views"));
    temporary_remove(path);
}

void in_child(const struct history *history, void (*act)(struct history *history))
{
    struct history own = *history;
    struct error error;
    own.store = NULL; /* the parent's handle is not ours to use */
    if (eventstore_open(&own.store, own.folder, NULL, &error) != STATUS_OK)
        _exit(1);
    own.home.store = own.store;
    own.home.context = &own;
    act(&own);
    eventstore_close(&own.store);
}

void dies(struct history *history, void (*act)(struct history *history))
{
    int outcome;
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        in_child(history, act);
        _exit(1); /* it should not have come here */
    }
    cr_assert_eq(waitpid(child, &outcome, 0), child);
    cr_assert(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGKILL, "the child lives on");
}

void spoil(struct history *history, const char *file, off_t from, size_t length)
{
    char path[PATH_SIZE], noise[4096];
    MUST(path_join(path, history->folder, &error, "%s", file));
    memset(noise, 0x5a, sizeof noise);
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(descriptor >= 0 && length <= sizeof noise);
    cr_assert_eq(pwrite(descriptor, noise, length, from), (ssize_t)length);
    close(descriptor);
}

const char *link_of(struct history *history, const char *name)
{
    static char target[128];
    char path[PATH_SIZE];
    MUST(path_join(path, history->folder, &error, "views/%s.db", name));
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = '\0';
    return target;
}

int files_like(struct history *history, const char *prefix)
{
    char path[PATH_SIZE];
    int count = 0;
    MUST(path_join(path, history->folder, &error, "views"));
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(folder);
    return count;
}
