#include "cli/contracts.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/work.h"
#include "domain/contracts/schema.h"

#define PUBLISHED "domain/contracts/published"

size_t all_readers(struct reader readers[READERS_MAX])
{
    size_t count = 0;
    for (int i = 0; i < SERVICES_COUNT; i++) {
        const struct service service = service_described(i);
        readers[count++] = (struct reader){service.name, true, service.subscriptions, service.reads};
    }
    for (size_t i = 0; i < projection_count; i++) {
        const struct projection *projection = projections[i];
        readers[count++] = (struct reader){projection->name, false, projection->types, projection->reads};
    }
    return count;
}

void append_readers(struct buffer *out, enum event_type type)
{
    struct reader readers[READERS_MAX];
    size_t count = all_readers(readers);
    for (size_t i = 0; i < count; i++)
        if ((readers[i].subscriptions & EVENT_BIT(type)) != 0)
            buffer_format(out, "%s%s", out->length == 0 ? "" : ", ", readers[i].name);
}

enum status each_contract(enum status (*visit)(void *context, const struct contract *contract, struct error *error),
                          void *context, struct error *error)
{
    enum status status = STATUS_OK;
    for (int type = 0; type < EVENT_TYPES; type++)
        for (const struct contract *contract = contract_of((enum event_type)type);
             contract != NULL && status == STATUS_OK; contract = contract->before)
            status = visit(context, contract, error);
    return status;
}

/* ---- the listing ---- */

static void append_fields(struct buffer *out, const struct shape *shape)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        buffer_format(out, "%s%s%s", i == 0 ? "" : ", ", field->name, field->need == FIELD_OPTIONAL ? "?" : "");
        if (field->privacy == FIELD_PERSONAL)
            buffer_text(out, " (personal)");
        for (size_t j = 0; field->kind == FIELD_LIST && j < field->items->field_count; j++)
            buffer_format(out, "%s%s", j == 0 ? " [" : ", ", field->items->fields[j].name);
        if (field->kind == FIELD_LIST)
            buffer_char(out, ']');
    }
}

static enum status print_contract(const struct till *till, const struct contract *contract, struct error *error)
{
    struct buffer fields = {0}, readers = {0};
    append_fields(&fields, &contract->shape);
    append_readers(&readers, contract->type);
    enum status status = buffer_ok(&fields, error);
    if (status == STATUS_OK)
        status = buffer_ok(&readers, error);
    if (status == STATUS_OK) {
        printf("%s%s v%d%s", style(till, STYLE_BOLD), contract->name, contract->schema_version,
               style(till, STYLE_PLAIN));
        if (contract->deprecated_since != NULL)
            printf(", deprecated since %s", contract->deprecated_since);
        putchar('\n');
        print_fact(till, "stated by", contract->owner);
        print_long_fact(till, "read by", readers.length == 0 ? "nobody" : buffer_string(&readers));
        print_long_fact(till, "fields", buffer_string(&fields));
    }
    buffer_clear(&fields);
    buffer_clear(&readers);
    return status;
}

static void add_fields(cJSON *object, const char *name, const struct shape *shape)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        cJSON *item = cJSON_CreateObject();
        json_text(item, "name", field->name);
        json_text(item, "kind", field_kind_name(field->kind));
        cJSON_AddBoolToObject(item, "required", field->need == FIELD_REQUIRED);
        cJSON_AddBoolToObject(item, "personal", field->privacy == FIELD_PERSONAL);
        if (field->kind == FIELD_LIST)
            add_fields(item, "items", field->items); /* which hold no lists */
        json_item(list, item);
    }
}

static enum status contract_line(const struct contract *contract, struct error *error)
{
    struct reader readers[READERS_MAX];
    size_t count = all_readers(readers);
    cJSON *object = cJSON_CreateObject();
    json_text(object, "type", contract->name);
    json_integer(object, "version", contract->schema_version);
    json_text(object, "owner", contract->owner);
    json_text(object, "category", contract->category);
    json_text(object, "deprecated_since", contract->deprecated_since);
    cJSON *consumers = cJSON_AddArrayToObject(object, "consumers");
    for (size_t i = 0; i < count; i++)
        if ((readers[i].subscriptions & EVENT_BIT(contract->type)) != 0)
            json_item(consumers, cJSON_CreateString(readers[i].name));
    add_fields(object, "fields", &contract->shape);
    return json_line(object, error);
}

static enum status list_contract(void *context, const struct contract *contract, struct error *error)
{
    const struct till *till = context;
    return till->json ? contract_line(contract, error) : print_contract(till, contract, error);
}

/* ---- one schema ---- */

static int show_contract(const struct arguments *arguments)
{
    const char *name = argument_word(arguments, 1);
    char safe[TEXT_SAFE_SIZE];
    enum event_type type;
    int64_t version = 0;
    if (name == NULL)
        return usage_error(arguments, "name a type of event");
    if (!event_type_from_name(name, &type))
        return usage_error(arguments, "there is no event type %s", text_safe(safe, name));
    version = event_schema_version(type);
    if (!argument_integer(arguments, "version", 1, version, &version))
        return EXIT_USAGE;
    struct buffer schema = {0};
    struct error error = {0};
    contract_append_schema(contract_of_version(type, (int)version), &schema);
    enum status status = buffer_ok(&schema, &error);
    if (status == STATUS_OK)
        fputs(buffer_string(&schema), stdout);
    buffer_clear(&schema);
    return status == STATUS_OK ? EXIT_DONE : fail(&error);
}

/* ---- the command ---- */

static int list_contracts(struct till *till, const struct arguments *arguments)
{
    const char *format = argument_value(arguments, "format");
    char safe[TEXT_SAFE_SIZE];
    struct error error = {0};
    enum status status = STATUS_OK;
    if (format != NULL && strcmp(format, "asyncapi") == 0)
        status = print_asyncapi(&error);
    else if (format != NULL && strcmp(format, "markdown") == 0)
        status = each_contract(catalogue_contract, NULL, &error);
    else if (format != NULL && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return usage_error(arguments, "--format takes text, json, markdown or asyncapi, not %s",
                           text_safe(safe, format));
    else {
        till->json = format != NULL ? strcmp(format, "json") == 0 : till->json;
        status = each_contract(list_contract, till, &error);
    }
    return status == STATUS_OK ? EXIT_DONE : fail(&error);
}

static int run_contracts(struct till *till, const struct arguments *arguments)
{
    const char *verb = argument_word(arguments, 0), *folder = argument_word(arguments, 1);
    char safe[TEXT_SAFE_SIZE];
    if (verb == NULL)
        return list_contracts(till, arguments);
    if (strcmp(verb, "show") == 0)
        return show_contract(arguments);
    const bool publish = strcmp(verb, "publish") == 0;
    if (publish || strcmp(verb, "check") == 0)
        return check_contracts(till, folder != NULL ? folder : PUBLISHED, publish);
    return usage_error(arguments, "contracts can be shown, checked and published, not %s", text_safe(safe, verb));
}

static const struct option_spec contracts_options[] = {
    {"format", "F", "text, json, markdown, or asyncapi (AsyncAPI 3.0)"},
    {"version", "N", "of show: the schema of this version, not of the newest"},
    {0},
};

const struct command contracts_command = {
    .name = "contracts",
    .usage = "[--format text|json|markdown|asyncapi]\n"
             "       till contracts show TYPE [--version N] | check [DIR] | publish [DIR]",
    .summary = "what each event holds, and whether it is as promised",
    .details = "Alone it lists every type and version: the service that states it, who reads it,\n"
               "and its fields: \"?\" for those that may be missing, and which could point to a\n"
               "person. show prints the JSON Schema of one. check compares all of them with\n"
               "those that were published in DIR (by default domain/contracts/published) and\n"
               "names every change that is not additive, with exit code 1; publish writes those\n"
               "that are new or have grown, and nothing when check finds anything.\n\n"
               "With --json: type, version, owner, category, deprecated_since, consumers, fields\n"
               "[{name, kind, required, personal, items}]; of check and publish: type, version,\n"
               "field, rule, detail, readers.",
    .options = contracts_options,
    .words_max = 2,
    .run = run_contracts,
};
