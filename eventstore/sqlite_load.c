/* sqlite_load.c - events of another roll, put where they stood there.
 *
 * Nothing that comes from outside is believed. An event that is to be new must be the next of the roll and of its
 * stream; the digest is made here from its place and its fields, and must be the one that it says it has. So a store
 * that was loaded holds what the other one held, or the first event that differs is named. */
#include "eventstore/sqlite_store.h"

#include <string.h>

struct loading {
    const struct load *load;
    size_t at;                   /* the event that is looked at */
    size_t fresh;                /* events that did not stand here */
    struct eventstore_info info; /* of this store, from now on */
};

/* ---- identity ---- */

static bool is_same_store(const struct eventstore_info *one, const struct eventstore_info *other)
{
    return uuid_equal(one->id, other->id) && one->created_at_us == other->created_at_us &&
           strcmp(one->settings, other->settings) == 0;
}

static enum status write_identity(struct eventstore *store, const struct eventstore_info *origin, struct error *error)
{
    sqlite3_stmt *update = NULL;
    enum status status = database_run(store->database, identity_unlock_sql, error);
    if (status == STATUS_OK)
        status = database_prepare(store->database, identity_sql, &update, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_blob(update, 1, origin->id.bytes, UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(update, 2, origin->created_at_us);
    sqlite3_bind_text(update, 3, origin->settings, -1, SQLITE_STATIC);
    status = database_execute(update, "take the store's identity over", error);
    sqlite3_finalize(update);
    return status == STATUS_OK ? database_run(store->database, identity_lock_sql, error) : status;
}

static enum status refuse_other(const struct eventstore *store, const struct eventstore_info *origin,
                                struct error *error)
{
    char ours[UUID_TEXT_SIZE], theirs[UUID_TEXT_SIZE];
    uuid_to_text(store->info.id, ours);
    uuid_to_text(origin->id, theirs);
    if (uuid_equal(store->info.id, origin->id))
        return error_set(error, STATUS_FOREIGN,
                         "the store %s was not made then, or with other settings: its first line was changed", ours);
    return error_set(error, STATUS_FOREIGN, "the events are of the store %s, and this is %s, with a roll of its own",
                     theirs, ours);
}

/* As the row says now: another process may have loaded. */
static enum status settle_identity(struct eventstore *store, struct loading *loading, struct error *error)
{
    const struct eventstore_info *origin = loading->load->origin;
    enum status status = read_info(store, &store->info, error);
    loading->info = store->info;
    if (status == STATUS_OK)
        status = read_roll_head(store, &store->head, error);
    if (status != STATUS_OK || is_same_store(&store->info, origin))
        return status;
    if (store->head.position > 0)
        return refuse_other(store, origin, error);
    loading->info = *origin;
    loading->info.format = store->info.format;
    digest_start(origin->id, store->head.digest);
    return write_identity(store, origin, error);
}

/* ---- events ---- */

static enum status check_standing(struct eventstore *store, const struct recorded_event *event, struct error *error)
{
    uint8_t stands[EVENTSTORE_DIGEST_BYTES];
    enum status status = eventstore_digest_at(store, event->position, stands, error);
    if (status != STATUS_OK || memcmp(stands, event->digest, sizeof stands) == 0)
        return status;
    return error_set(error, STATUS_REFUSED,
                     "another event stands at position %llu here: this store has moved on by itself",
                     (unsigned long long)event->position);
}

static enum status append_next(struct eventstore *store, const struct recorded_event *event, struct error *error)
{
    if (event->position != store->head.position + 1)
        return error_set(error, STATUS_INVALID, "it has the position %llu, but the roll ends at %llu here",
                         (unsigned long long)event->position, (unsigned long long)store->head.position);
    if (event->recorded_at_us < store->head.recorded_at_us)
        return error_set(error, STATUS_INVALID, "it was recorded before the event in front of it");
    enum status status = append_recorded(store, event, error);
    if (status == STATUS_OK && memcmp(store->head.digest, event->digest, EVENTSTORE_DIGEST_BYTES) != 0)
        status = error_set(error, STATUS_INVALID,
                           "its digest is not that of what it says: it was changed, or is not"
                           " this roll's");
    return status;
}

static enum status load_events(struct eventstore *store, void *context, struct error *error)
{
    struct loading *loading = context;
    const struct load *load = loading->load;
    enum status status = settle_identity(store, loading, error);
    if (status != STATUS_OK)
        loading->at = load->count; /* it is no event's fault */
    while (status == STATUS_OK && loading->at < load->count) {
        const struct recorded_event *event = &load->events[loading->at];
        const bool stands = event->position <= store->head.position;
        status = stands ? check_standing(store, event, error) : append_next(store, event, error);
        if (status == STATUS_OK)
            loading->at++;
        loading->fresh += !stands;
    }
    for (size_t i = 0; status == STATUS_OK && loading->fresh > 0 && i < load->consumer_count; i++)
        status = put_checkpoint(store, load->consumers[i], store->head.position, error);
    return status;
}

enum status eventstore_load(struct eventstore *store, const struct load *load, size_t *number, struct error *error)
{
    struct loading loading = {.load = load};
    CHECK(load->count >= 1 && load->count <= EVENTSTORE_LOAD_MAX);
    enum status status = transact(store, load_events, &loading, error);
    *number = status == STATUS_OK ? loading.fresh : loading.at;
    if (status != STATUS_OK)
        return status;
    store->info = loading.info;
    if (loading.fresh > 0)
        eventstore_ring(store);
    return STATUS_OK;
}
