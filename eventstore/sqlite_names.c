/* sqlite_names.c - names to numbers and back.
 *
 * There are dozens of categories, types and origins: all of them are kept in memory, where name n stands at place
 * n − 1, and read again when a number or a name is met that is not there yet (another process may have added it).
 * Entities are many: those met last are remembered, once by number and once by name. By number, those with a
 * name in words (skus, that come again and again) are kept apart from UUIDs (orders, that come and go) which would push
 * them out. */
#include "eventstore/sqlite_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_AHEAD = 32, /* entities: whoever walks along the roll meets them in the order of their numbers */
};

enum status names_open(struct eventstore *store, struct error *error)
{
    store->categories.names = calloc(NAMES_MAX, NAME_SIZE);
    store->types.names = calloc(NAMES_MAX, NAME_SIZE);
    store->origins = calloc(ORIGINS_MAX, sizeof *store->origins);
    store->entities_by_id[false] = calloc(ENTITY_SLOTS, sizeof(struct entity_slot));
    store->entities_by_id[true] = calloc(ENTITY_SLOTS, sizeof(struct entity_slot));
    store->entities_by_name = calloc(ENTITY_NAMES, sizeof *store->entities_by_name);
    if (store->categories.names == NULL || store->types.names == NULL || store->origins == NULL ||
        store->entities_by_id[false] == NULL || store->entities_by_id[true] == NULL || store->entities_by_name == NULL)
        return error_memory(error);
    return STATUS_OK;
}

void names_close(struct eventstore *store)
{
    free(store->categories.names);
    free(store->types.names);
    free(store->origins);
    free(store->entities_by_id[false]);
    free(store->entities_by_id[true]);
    free(store->entities_by_name);
}

void names_forget(struct eventstore *store)
{
    store->categories.count = store->types.count = store->origin_count = 0;
    for (int i = 0; i < ENTITY_SLOTS; i++)
        store->entities_by_id[false][i].id = store->entities_by_id[true][i].id = 0;
    for (int i = 0; i < ENTITY_NAMES; i++)
        store->entities_by_name[i].id = 0;
}

enum status names_check(const char *name, const char *what, struct error *error)
{
    if (text_is_clean(name, strlen(name), EVENTSTORE_NAME_MAX))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s must be 1 to %d bytes of UTF-8 without control characters", what,
                     EVENTSTORE_NAME_MAX);
}

/* A NUL within would hide what stands behind it from all who read C strings, the digest among them. */
static bool column_name(sqlite3_stmt *row, int column, char name[NAME_SIZE])
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    int length = sqlite3_column_bytes(row, column);
    if (text == NULL || length == 0 || length >= NAME_SIZE || memchr(text, '\0', (size_t)length) != NULL)
        return false;
    memcpy(name, text, (size_t)length + 1);
    return true;
}

/* ---- categories and types ---- */

static enum status refresh_names(struct eventstore *store, struct name_table *table, const char *sql,
                                 struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    table->count = 0;
    enum status status = database_prepare(store->database, sql, &select, error);
    while (status == STATUS_OK) {
        status = database_step(select, &row, "read the names", error);
        if (status != STATUS_OK || !row)
            break;
        if (sqlite3_column_int64(select, 0) != table->count + 1 || table->count == NAMES_MAX ||
            !column_name(select, 1, table->names[table->count]))
            status = error_set(error, STATUS_DAMAGED, "the store's table of names is damaged: run `till verify`");
        else
            table->count++;
    }
    sqlite3_finalize(select);
    return status;
}

static int search_names(const struct name_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->names[i], name) == 0)
            return i + 1;
    return 0;
}

static enum status insert_name(struct eventstore *store, const char *sql, int id, const char *one, const char *two,
                               struct error *error)
{
    sqlite3_stmt *insert = NULL;
    enum status status = database_prepare(store->database, sql, &insert, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_bind_int(insert, 1, id);
    sqlite3_bind_text(insert, 2, one, -1, SQLITE_STATIC);
    if (two != NULL)
        sqlite3_bind_text(insert, 3, two, -1, SQLITE_STATIC);
    status = statement_write(insert, "write a name", error);
    sqlite3_finalize(insert);
    return status;
}

struct name_kind {
    const char *select, *insert, *what;
};
static const struct name_kind category_kind = {"SELECT id, name FROM category ORDER BY id",
                                               "INSERT INTO category (id, name) VALUES (?1, ?2)", "a category"};
static const struct name_kind type_kind = {"SELECT id, name FROM type ORDER BY id",
                                           "INSERT INTO type (id, name) VALUES (?1, ?2)", "an event's type"};

static enum status find_name(struct eventstore *store, struct name_table *table, const struct name_kind *kind,
                             const char *name, bool add, int *id, struct error *error)
{
    *id = search_names(table, name);
    if (*id != 0)
        return STATUS_OK;
    enum status status = refresh_names(store, table, kind->select, error);
    if (status != STATUS_OK)
        return status;
    *id = search_names(table, name);
    if (*id != 0 || !add)
        return STATUS_OK;
    status = names_check(name, kind->what, error);
    if (status == STATUS_OK && table->count == NAMES_MAX)
        status = error_set(error, STATUS_FULL, "a store has at most %d names of a kind", NAMES_MAX);
    if (status == STATUS_OK)
        status = insert_name(store, kind->insert, table->count + 1, name, NULL, error);
    if (status == STATUS_OK) {
        snprintf(table->names[table->count], NAME_SIZE, "%s", name);
        *id = ++table->count;
    }
    return status;
}

enum status names_find_category(struct eventstore *store, const char *name, bool add, int *id, struct error *error)
{
    if (strchr(name, '-') != NULL)
        return error_set(error, STATUS_INVALID, "a category has no '-' in its name");
    return find_name(store, &store->categories, &category_kind, name, add, id, error);
}

enum status names_add_type(struct eventstore *store, const char *name, int *id, struct error *error)
{
    return find_name(store, &store->types, &type_kind, name, true, id, error);
}

static enum status name_of(struct eventstore *store, struct name_table *table, const struct name_kind *kind, int64_t id,
                           const char **name, struct error *error)
{
    if (id > table->count || id < 1) {
        enum status status = refresh_names(store, table, kind->select, error);
        if (status != STATUS_OK)
            return status;
    }
    if (id > table->count || id < 1)
        return error_set(error, STATUS_DAMAGED,
                         "an event names %s, number %lld, that the store does not know: run `till verify`", kind->what,
                         (long long)id);
    *name = table->names[id - 1];
    return STATUS_OK;
}

enum status names_category(struct eventstore *store, int64_t id, const char **name, struct error *error)
{
    return name_of(store, &store->categories, &category_kind, id, name, error);
}

enum status names_type(struct eventstore *store, int64_t id, const char **name, struct error *error)
{
    return name_of(store, &store->types, &type_kind, id, name, error);
}

/* ---- origins ---- */

static enum status refresh_origins(struct eventstore *store, struct error *error)
{
    sqlite3_stmt *select = NULL;
    bool row = false;
    store->origin_count = 0;
    enum status status =
        database_prepare(store->database, "SELECT id, actor, producer FROM origin ORDER BY id", &select, error);
    while (status == STATUS_OK) {
        status = database_step(select, &row, "read the origins", error);
        if (status != STATUS_OK || !row)
            break;
        struct origin_row *origin = &store->origins[store->origin_count]; /* not looked at when they are full */
        if (store->origin_count == ORIGINS_MAX || sqlite3_column_int64(select, 0) != store->origin_count + 1 ||
            !column_name(select, 1, origin->actor) || !column_name(select, 2, origin->producer))
            status = error_set(error, STATUS_DAMAGED, "the store's table of origins is damaged: run `till verify`");
        else
            store->origin_count++;
    }
    sqlite3_finalize(select);
    return status;
}

static int search_origins(const struct eventstore *store, const char *actor, const char *producer)
{
    for (int i = 0; i < store->origin_count; i++)
        if (strcmp(store->origins[i].actor, actor) == 0 && strcmp(store->origins[i].producer, producer) == 0)
            return i + 1;
    return 0;
}

enum status names_add_origin(struct eventstore *store, const char *actor, const char *producer, int *id,
                             struct error *error)
{
    *id = search_origins(store, actor, producer);
    if (*id != 0)
        return STATUS_OK;
    enum status status = refresh_origins(store, error);
    if (status != STATUS_OK)
        return status;
    *id = search_origins(store, actor, producer);
    if (*id != 0)
        return STATUS_OK;
    status = names_check(actor, "an actor", error);
    if (status == STATUS_OK)
        status = names_check(producer, "a producer", error);
    if (status == STATUS_OK && store->origin_count == ORIGINS_MAX)
        status = error_set(error, STATUS_FULL, "a store has at most %d pairs of actor and producer", ORIGINS_MAX);
    if (status == STATUS_OK)
        status = insert_name(store, "INSERT INTO origin (id, actor, producer) VALUES (?1, ?2, ?3)",
                             store->origin_count + 1, actor, producer, error);
    if (status == STATUS_OK) {
        struct origin_row *origin = &store->origins[store->origin_count];
        snprintf(origin->actor, NAME_SIZE, "%s", actor);
        snprintf(origin->producer, NAME_SIZE, "%s", producer);
        *id = ++store->origin_count;
    }
    return status;
}

enum status names_origin(struct eventstore *store, int64_t id, const struct origin_row **origin, struct error *error)
{
    if (id > store->origin_count || id < 1) {
        enum status status = refresh_origins(store, error);
        if (status != STATUS_OK)
            return status;
    }
    if (id > store->origin_count || id < 1)
        return error_set(error, STATUS_DAMAGED,
                         "an event names an origin, number %lld, that the store does not know: run `till verify`",
                         (long long)id);
    *origin = &store->origins[id - 1];
    return STATUS_OK;
}

/* ---- entities ---- */

static struct entity_slot *slot_by_name(struct eventstore *store, const char *name)
{
    return &store->entities_by_name[text_hash(name) % ENTITY_NAMES];
}

void names_bind_entity(sqlite3_stmt *statement, const char *name, struct uuid *id)
{
    size_t length = strlen(name);
    if (uuid_from_canonical(name, length, id))
        sqlite3_bind_blob(statement, 1, id->bytes, UUID_BYTES, SQLITE_STATIC);
    else
        sqlite3_bind_text(statement, 1, name, (int)length, SQLITE_STATIC);
}

static enum status look_entity_up(struct eventstore *store, const char *name, int64_t *id, struct error *error)
{
    struct uuid uuid;
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_FIND_ENTITY];
    names_bind_entity(select, name, &uuid);
    enum status status = database_step(select, &row, "look up an entity", error);
    if (status == STATUS_OK)
        *id = row ? sqlite3_column_int64(select, 0) : 0;
    sqlite3_reset(select);
    return status;
}

static enum status insert_entity(struct eventstore *store, const char *name, int64_t *id, struct error *error)
{
    struct uuid uuid;
    enum status status = names_check(name, "an entity", error);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *insert = store->statements[STATEMENT_ADD_ENTITY];
    names_bind_entity(insert, name, &uuid);
    status = statement_write(insert, "write an entity", error);
    *id = sqlite3_last_insert_rowid(store->database);
    return status;
}

static struct entity_slot *slot_by_id(struct eventstore *store, bool is_uuid, int64_t id)
{
    return &store->entities_by_id[is_uuid][(uint64_t)id % ENTITY_SLOTS];
}

void names_remember_entity(struct eventstore *store, const char *name, int64_t id)
{
    struct entity_slot met = {.id = id};
    met.is_uuid = uuid_from_canonical(name, strlen(name), &met.uuid);
    snprintf(met.name, NAME_SIZE, "%s", name);
    *slot_by_name(store, name) = met;
    *slot_by_id(store, met.is_uuid, id) = met;
}

enum status names_find_entity(struct eventstore *store, const char *name, int64_t *id, struct error *error)
{
    struct entity_slot *slot = slot_by_name(store, name);
    if (slot->id != 0 && strcmp(slot->name, name) == 0) {
        *id = slot->id;
        return STATUS_OK;
    }
    enum status status = look_entity_up(store, name, id, error);
    if (status == STATUS_OK && *id != 0)
        names_remember_entity(store, name, *id);
    return status;
}

enum status names_add_entity(struct eventstore *store, const char *name, int64_t *id, struct error *error)
{
    enum status status = insert_entity(store, name, id, error);
    if (status == STATUS_OK)
        names_remember_entity(store, name, *id);
    return status;
}

/* Each name has one form; in the other it would read the same, but never be found. */
static bool entity_from_row(sqlite3_stmt *row, struct entity_slot *entity)
{
    struct uuid id;
    entity->id = sqlite3_column_int64(row, 0);
    entity->is_uuid = sqlite3_column_type(row, 1) == SQLITE_BLOB;
    if (!entity->is_uuid)
        return sqlite3_column_type(row, 1) == SQLITE_TEXT && column_name(row, 1, entity->name) &&
               !uuid_from_canonical(entity->name, strlen(entity->name), &id);
    if (sqlite3_column_bytes(row, 1) != UUID_BYTES)
        return false;
    memcpy(entity->uuid.bytes, sqlite3_column_blob(row, 1), UUID_BYTES);
    uuid_to_text(entity->uuid, entity->name);
    return true;
}

/* Reads entity number `id`, and those behind it when it was its turn. NULL when there is none. */
static enum status read_entities(struct eventstore *store, int64_t id, const struct entity_slot **entity,
                                 struct error *error)
{
    struct entity_slot met;
    bool row = false;
    sqlite3_stmt *select = store->statements[STATEMENT_ENTITIES_FROM];
    sqlite3_bind_int64(select, 1, id);
    sqlite3_bind_int(select, 2, id == store->next_uuid_entity ? READ_AHEAD : 1);
    *entity = NULL;
    enum status status = database_step(select, &row, "read an entity's name", error);
    while (status == STATUS_OK && row && entity_from_row(select, &met) && (*entity != NULL || met.id == id)) {
        struct entity_slot *slot = slot_by_id(store, met.is_uuid, met.id);
        *slot = met;
        if (met.id == id)
            *entity = slot;
        if (met.is_uuid)
            store->next_uuid_entity = met.id + 1;
        status = database_step(select, &row, "read an entity's name", error);
    }
    sqlite3_reset(select);
    return status;
}

enum status names_entity(struct eventstore *store, int64_t id, const struct entity_slot **entity, struct error *error)
{
    *entity = slot_by_id(store, true, id);
    if ((*entity)->id != id)
        *entity = slot_by_id(store, false, id);
    if ((*entity)->id == id && id != 0)
        return STATUS_OK;
    enum status status = read_entities(store, id, entity, error);
    if (status == STATUS_OK && *entity == NULL)
        status = error_set(error, STATUS_DAMAGED,
                           "an event names entity number %lld, which the store does not know: run `till verify`",
                           (long long)id);
    return status;
}
