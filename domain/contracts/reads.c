#include "domain/contracts/reads.h"

#include <string.h>

#include "domain/contracts/contract.h"

const char *reads_of(const struct field_reads *reads, enum event_type type)
{
    for (; reads->fields != NULL; reads++)
        if (reads->type == type)
            return reads->fields;
    return NULL;
}

static size_t name_length(const char *field)
{
    return strcspn(field, " ?");
}

static const char *next_field(const char *field)
{
    field += strcspn(field, " ");
    return field + strspn(field, " ");
}

bool reads_field(const char *fields, const char *field)
{
    for (; *fields != '\0'; fields = next_field(fields))
        if (strlen(field) == name_length(fields) && memcmp(fields, field, name_length(fields)) == 0)
            return true;
    return false;
}

static const struct field *find(const struct shape *shape, const char *name, size_t length)
{
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].name_length == length && memcmp(shape->fields[i].name, name, length) == 0)
            return &shape->fields[i];
    return NULL;
}

/* The field that `path` leads to; NULL when there is none. */
static const struct field *find_path(const struct shape *shape, const char *path, size_t length)
{
    const char *brackets = memchr(path, '[', length);
    if (brackets == NULL)
        return find(shape, path, length);
    const struct field *list = find(shape, path, (size_t)(brackets - path));
    const char *name = brackets + strlen("[].");
    return list == NULL || list->items == NULL ? NULL : find(list->items, name, (size_t)(path + length - name));
}

enum status reads_check(const char *reader, const struct field_reads *reads, struct error *error)
{
    for (; reads->fields != NULL; reads++) {
        const struct contract *contract = contract_of(reads->type);
        for (const char *name = reads->fields; *name != '\0'; name = next_field(name)) {
            const int length = (int)name_length(name);
            const struct field *field = find_path(&contract->shape, name, (size_t)length);
            if (field == NULL)
                return error_set(error, STATUS_REFUSED, "%s reads %.*s of %s, which v%d does not have", reader, length,
                                 name, contract->name, contract->schema_version);
            if (field->need == FIELD_OPTIONAL && name[length] != '?')
                return error_set(
                    error, STATUS_REFUSED,
                    "%s relies on %.*s of %s, which need not be there in v%d: let it cope, and say \"%.*s?\"", reader,
                    length, name, contract->name, contract->schema_version, length, name);
        }
    }
    return STATUS_OK;
}
