#include "tests/support/blinkers.h"

#include <stdio.h>
#include <string.h>

#include "domain/codec.h"

struct blinkers blinkers;

/* The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) */
typedef enum status decode_function(const char *type_name, int schema_version, const char *data, size_t length,
                                    struct currency currency, struct arena *arena, struct event *event,
                                    struct error *error);
decode_function __real_event_decode, __wrap_event_decode;
/* NOLINTEND(bugprone-reserved-identifier) */

static size_t member_size(enum field_kind kind)
{
    switch (kind) {
    case FIELD_UUID: return sizeof(struct uuid);
    case FIELD_TEXT: return sizeof(const char *);
    case FIELD_CURRENCY: return sizeof(struct currency);
    case FIELD_INTEGER:
    case FIELD_TIME: return sizeof(int64_t);
    case FIELD_FLAG: return sizeof(bool);
    case FIELD_LIST: break; /* is looked into */
    }
    return 0;
}

static bool is_seen(enum event_type type, const char *field)
{
    if (blinkers.hidden != NULL && blinkers.type == type && strcmp(blinkers.hidden, field) == 0)
        return false;
    if (blinkers.reads == NULL)
        return true;
    const char *fields = reads_of(blinkers.reads, type);
    return fields != NULL && reads_field(fields, field);
}

static void blank(enum event_type type, const struct shape *shape, const char *list, char *payload)
{
    char path[64];
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        snprintf(path, sizeof path, "%s%s", list, field->name);
        if (field->kind == FIELD_LIST || is_seen(type, path))
            continue;
        const char *text = NULL;
        if (field->kind == FIELD_TEXT)
            memcpy(&text, payload + field->offset, sizeof text);
        memset(payload + field->offset, 0, member_size(field->kind));
        if (text != NULL) /* what must be there is there, but empty */
            memcpy(payload + field->offset, &(const char *){""}, sizeof text);
    }
}

static void blank_lists(const struct contract *contract, char *payload)
{
    for (size_t i = 0; i < contract->shape.field_count; i++) {
        const struct field *field = &contract->shape.fields[i];
        struct order_lines list; /* as all lists */
        char path[64];
        if (field->kind != FIELD_LIST)
            continue;
        memcpy(&list, payload + field->offset, sizeof list);
        snprintf(path, sizeof path, "%s[].", field->name);
        for (size_t item = 0; item < list.count; item++)
            blank(contract->type, field->items, path, (char *)list.items + item * field->items->size);
    }
}

enum status __wrap_event_decode(const char *type_name, int schema_version, const char *data, size_t length,
                                struct currency currency, struct arena *arena, struct event *event, struct error *error)
{
    enum status status = __real_event_decode(type_name, schema_version, data, length, currency, arena, event, error);
    if (status == STATUS_OK) {
        const struct contract *contract = contract_of(event->type);
        blank(event->type, &contract->shape, "", (char *)&event->order_placed);
        blank_lists(contract, (char *)&event->order_placed);
    }
    return status;
}
