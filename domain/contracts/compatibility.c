#include "domain/contracts/compatibility.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"

struct comparison {
    const char *list; /* "lines[]." while a list's items are compared, else "" */
    breach_visitor visit;
    void *context;
    bool failed; /* memory ended */
};

static void breach(struct comparison *comparison, const char *field, const char *rule, const char *why)
{
    struct buffer path = {0};
    buffer_text(&path, comparison->list);
    buffer_text(&path, field);
    comparison->failed = comparison->failed || path.failed;
    comparison->visit(comparison->context, buffer_string(&path), rule, why);
    buffer_clear(&path);
}

static const cJSON *get(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A word of a schema is a text, a number or a flag; numbers of ours are whole and exact. */
static bool is_same(const cJSON *one, const cJSON *other)
{
    if (one == NULL || other == NULL)
        return one == other;
    if (cJSON_IsString(one) && cJSON_IsString(other))
        return strcmp(one->valuestring, other->valuestring) == 0;
    if (cJSON_IsNumber(one) && cJSON_IsNumber(other))
        return one->valuedouble >= other->valuedouble && one->valuedouble <= other->valuedouble;
    return cJSON_IsBool(one) && cJSON_IsBool(other) && cJSON_IsTrue(one) == cJSON_IsTrue(other);
}

static bool is_any_other(const cJSON *one, const cJSON *other, const char *const *words)
{
    for (; *words != NULL; words++)
        if (!is_same(get(one, *words), get(other, *words)))
            return true;
    return false;
}

static bool is_required(const cJSON *object, const char *field)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, get(object, "required"))
    {
        if (cJSON_IsString(name) && strcmp(name->valuestring, field) == 0)
            return true;
    }
    return false;
}

static void compare_field(struct comparison *comparison, const cJSON *old, const cJSON *new)
{
    static const char *const kind[] = {"type", "format", "pattern", NULL};
    static const char *const limits[] = {"minimum",  "maximum",  "minLength",   "maxLength",
                                         "minItems", "maxItems", "x-max-bytes", NULL};
    if (is_any_other(old, new, kind))
        breach(comparison, old->string, "kind", "it was of another kind");
    else if (is_any_other(old, new, limits))
        breach(comparison, old->string, "limits", "its limits were others");
    if (cJSON_IsTrue(get(old, "x-personal")) && !cJSON_IsTrue(get(new, "x-personal")))
        breach(comparison, old->string, "personal", "it could point to a person and is no longer marked");
}

/* The fields of two objects, without those of their lists. */
static void compare_objects(struct comparison *comparison, const cJSON *old, const cJSON *new)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, get(old, "properties"))
    {
        const cJSON *now = get(get(new, "properties"), field->string);
        if (now == NULL) {
            breach(comparison, field->string, "removed", "it was promised and is gone");
            continue;
        }
        compare_field(comparison, field, now);
        if (is_required(old, field->string) && !is_required(new, field->string))
            breach(comparison, field->string, "optional", "readers rely on it, and it need not be there any more");
    }
    cJSON_ArrayForEach(field, get(new, "properties"))
    {
        if (is_required(new, field->string) && !is_required(old, field->string))
            breach(comparison, field->string, "required", "it must be there, and is missing in what stands on rolls");
    }
}

static void compare_lists(struct comparison *comparison, const cJSON *old, const cJSON *new)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, get(old, "properties"))
    {
        const cJSON *items = get(field, "items"), *now = get(get(get(new, "properties"), field->string), "items");
        if (items == NULL || now == NULL)
            continue;
        struct buffer list = {0};
        buffer_format(&list, "%s[].", field->string);
        comparison->list = buffer_string(&list);
        compare_objects(comparison, items, now);
        comparison->list = "";
        comparison->failed = comparison->failed || list.failed;
        buffer_clear(&list);
    }
}

static void compare_events(struct comparison *comparison, const cJSON *old, const cJSON *new)
{
    if (!is_same(get(old, "x-owner"), get(new, "x-owner")))
        breach(comparison, "", "owner", "another service states it");
    if (!is_same(get(old, "x-stream"), get(new, "x-stream")))
        breach(comparison, "", "stream", "it stands in another stream");
    compare_objects(comparison, old, new);
    compare_lists(comparison, old, new);
}

enum status contract_compare(const char *published, const char *today, breach_visitor visit, void *context,
                             struct error *error)
{
    struct comparison comparison = {.list = "", .visit = visit, .context = context};
    enum status status = json_check(published, strlen(published), error);
    if (status != STATUS_OK)
        return status;
    cJSON *old = cJSON_Parse(published), *new = cJSON_Parse(today);
    if (old == NULL || new == NULL)
        status = error_memory(error);
    else if (!cJSON_IsObject(get(old, "properties")))
        status = error_set(error, STATUS_INVALID, "is no schema of an event: it has no properties");
    else
        compare_events(&comparison, old, new);
    if (comparison.failed)
        status = error_memory(error);
    cJSON_Delete(old);
    cJSON_Delete(new);
    return status;
}
