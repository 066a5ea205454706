/* contract_files.c - the folder of published contracts: one JSON Schema a type and version, OrderPlaced.v2.json. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/contracts.h"
#include "cli/work.h"
#include "domain/contracts/compatibility.h"
#include "domain/contracts/schema.h"

enum { SCHEMA_BYTES_MAX = 256 << 10, TYPE_SIZE = 64 };

struct check {
    const struct till *till;
    const char *folder;
    const struct contract *contract; /* the one that is being checked */
    int breaches;                    /* of promises */
    int unpublished, grown;          /* schemas that are new, or differ from what was published by what is additive */
    int written;
    struct error error; /* of a visitor that cannot return one */
};

/* ---- findings ---- */

/* Who says that it reads the field. */
static void append_field_readers(struct buffer *out, enum event_type type, const char *field)
{
    struct reader readers[READERS_MAX];
    size_t count = all_readers(readers);
    for (size_t i = 0; i < count; i++) {
        const char *fields = reads_of(readers[i].reads, type);
        if (fields != NULL && reads_field(fields, field))
            buffer_format(out, "%s%s", out->length == 0 ? "" : ", ", readers[i].name);
    }
}

static void find(struct check *check, const char *type, int version, const char *field, const char *rule,
                 const char *why)
{
    struct buffer readers = {0};
    enum event_type known;
    if (event_type_from_name(type, &known) && field[0] != '\0')
        append_field_readers(&readers, known, field);
    check->breaches++;
    if (check->till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "type", type);
        json_integer(object, "version", version);
        json_text(object, "field", field[0] == '\0' ? NULL : field);
        json_text(object, "rule", rule);
        json_text(object, "detail", why);
        json_text(object, "readers", readers.length == 0 ? NULL : buffer_string(&readers));
        if (json_line(object, &check->error) != STATUS_OK)
            warn(check->error.text);
    } else {
        say("%s v%d%s%s: %s: %s%s%s", type, version, field[0] == '\0' ? "" : " ", field, rule, why,
            readers.length == 0 ? "" : "; read by ", buffer_string(&readers));
    }
    buffer_clear(&readers);
}

static void find_breach(void *context, const char *field, const char *rule, const char *why)
{
    struct check *check = context;
    find(check, check->contract->name, check->contract->schema_version, field, rule, why);
}

/* ---- from the code to the folder ---- */

static enum status contract_path(const struct check *check, const struct contract *contract, char path[PATH_SIZE],
                                 struct error *error)
{
    return path_join(path, check->folder, error, "%s.v%d.json", contract->name, contract->schema_version);
}

/* What was published of the contract; `*text` is NULL when nothing was, else to be freed. */
static enum status read_published(const char *path, char **text, struct error *error)
{
    *text = NULL;
    if (!file_exists(path))
        return STATUS_OK;
    *text = malloc(SCHEMA_BYTES_MAX);
    size_t length;
    return *text == NULL ? error_memory(error) : file_read_small(path, *text, SCHEMA_BYTES_MAX, &length, error);
}

static enum status check_one(void *context, const struct contract *contract, struct error *error)
{
    struct check *check = context;
    char path[PATH_SIZE], *published = NULL;
    struct buffer today = {0};
    check->contract = contract;
    contract_append_schema(contract, &today);
    enum status status = buffer_ok(&today, error);
    if (status == STATUS_OK)
        status = contract_path(check, contract, path, error);
    if (status == STATUS_OK)
        status = read_published(path, &published, error);
    if (status == STATUS_OK && published == NULL) {
        check->unpublished++;
    } else if (status == STATUS_OK && strcmp(published, buffer_string(&today)) != 0) {
        const int before = check->breaches;
        status = contract_compare(published, buffer_string(&today), find_breach, check, error);
        if (status != STATUS_OK)
            error_within(error, "%s", path);
        check->grown += check->breaches == before;
    }
    free(published);
    buffer_clear(&today);
    return status;
}

static enum status publish_one(void *context, const struct contract *contract, struct error *error)
{
    struct check *check = context;
    char path[PATH_SIZE], draft[PATH_SIZE], *published = NULL;
    struct buffer today = {0};
    contract_append_schema(contract, &today);
    enum status status = buffer_ok(&today, error);
    if (status == STATUS_OK)
        status = contract_path(check, contract, path, error);
    if (status == STATUS_OK)
        status = read_published(path, &published, error);
    if (status == STATUS_OK && (published == NULL || strcmp(published, buffer_string(&today)) != 0)) {
        status = path_draft(draft, path, error);
        if (status == STATUS_OK)
            status = file_write_new(draft, today.data, today.length, error);
        if (status == STATUS_OK && rename(draft, path) != 0)
            status = error_errno(error, "write", path);
        check->written += status == STATUS_OK;
    }
    free(published);
    buffer_clear(&today);
    return status;
}

/* ---- from the folder to the code ---- */

/* Reads "OrderPlaced.v2.json". */
static bool read_name(const char *name, char type[TYPE_SIZE], int64_t *version)
{
    const size_t length = strcspn(name, ".");
    const char *number = name + length + strlen(".v"), *end = strstr(name, ".json");
    char digits[8];
    if (length == 0 || length >= TYPE_SIZE || strncmp(name + length, ".v", 2) != 0 || end == NULL ||
        strcmp(end, ".json") != 0 || end < number || (size_t)(end - number) >= sizeof digits)
        return false;
    snprintf(type, TYPE_SIZE, "%.*s", (int)length, name);
    snprintf(digits, sizeof digits, "%.*s", (int)(end - number), number);
    return integer_from_text(digits, 1, INT16_MAX, version);
}

/* A contract that was published must still be in the code: histories hold such events. Other files are none of ours. */
static void check_name(struct check *check, const char *name)
{
    char type[TYPE_SIZE];
    int64_t version = 0;
    enum event_type known;
    if (!read_name(name, type, &version))
        return;
    if (!event_type_from_name(type, &known) || contract_of_version(known, (int)version) == NULL)
        find(check, type, (int)version, "", "removed", "it was published, and this program cannot read it any more");
}

static enum status check_names(struct check *check, struct error *error)
{
    struct dirent **entries = NULL;
    int count = scandir(check->folder, &entries, NULL, alphasort);
    if (count < 0)
        return error_errno(error, "read the published contracts in", check->folder);
    for (int i = 0; i < count; i++) {
        check_name(check, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return STATUS_OK;
}

/* ---- the commands ---- */

static void conclude_check(const struct check *check, bool publish)
{
    char safe[TEXT_SAFE_SIZE];
    text_safe(safe, check->folder);
    if (check->breaches > 0)
        say("%d %s not additive: give the event a new version and an upcaster.", check->breaches,
            plural(check->breaches, "change is", "changes are"));
    else if (publish)
        say("%d %s written to %s.", check->written, plural(check->written, "schema was", "schemas were"), safe);
    else if (check->unpublished + check->grown > 0)
        say("Nothing breaks a promise. %d new, %d grown: `till contracts publish` writes them.", check->unpublished,
            check->grown);
    else
        say("Everything is as it was promised in %s.", safe);
}

int check_contracts(const struct till *till, const char *folder, bool publish)
{
    struct check check = {.till = till, .folder = folder};
    struct error error = {0};
    enum status status = check_names(&check, &error);
    if (status == STATUS_OK)
        status = each_contract(check_one, &check, &error);
    if (status == STATUS_OK && publish && check.breaches == 0)
        status = each_contract(publish_one, &check, &error);
    if (status != STATUS_OK)
        return fail(&error);
    if (!till->json)
        conclude_check(&check, publish);
    return check.breaches > 0 ? EXIT_REFUSED : EXIT_DONE;
}
