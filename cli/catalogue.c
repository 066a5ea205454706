/* catalogue.c - all contracts as one page of Markdown: docs/contracts.md ends with it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/contracts.h"
#include "domain/contracts/schema.h"

static void print_limits(const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT: printf(" of at most %" PRId64 " bytes", field->max); break;
    case FIELD_INTEGER: printf(", %" PRId64 " to %" PRId64, field->min, field->max); break;
    case FIELD_LIST: printf(" of at most %" PRId64, field->max); break;
    default: break;
    }
}

/* A row a field; `list` is "" or the list whose items these are. */
static void print_fields(const struct shape *shape, const char *list)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        printf("| `%s%s%s` | %s", list, list[0] == '\0' ? "" : "[].", field->name, field_kind_name(field->kind));
        print_limits(field);
        printf(" |%s%s |\n", field->need == FIELD_OPTIONAL ? " may be missing" : "",
               field->privacy == FIELD_PERSONAL ? " personal" : "");
        if (field->kind == FIELD_LIST)
            print_fields(field->items, field->name); /* which hold no lists */
    }
}

enum status catalogue_contract(void *context, const struct contract *contract, struct error *error)
{
    struct buffer readers = {0}, example = {0};
    (void)context;
    append_readers(&readers, contract->type);
    contract_append_example(contract, &example);
    enum status status = buffer_ok(&readers, error);
    if (status == STATUS_OK)
        status = buffer_ok(&example, error);
    if (status == STATUS_OK) {
        printf("\n### %s, version %d\n\nStated by %s in `%s-…`, read by %s.", contract->name, contract->schema_version,
               contract->owner, contract->category, readers.length == 0 ? "nobody" : buffer_string(&readers));
        if (contract->deprecated_since != NULL)
            printf(" Deprecated since %s: it is read, and never written any more.", contract->deprecated_since);
        printf("\n\n| field | kind | |\n| --- | --- | --- |\n");
        print_fields(&contract->shape, "");
        printf("\n```json\n%s\n```\n", buffer_string(&example));
    }
    buffer_clear(&readers);
    buffer_clear(&example);
    return status;
}
