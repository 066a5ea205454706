/* asyncapi.c - all contracts as one AsyncAPI 3.0 document: a category of streams is a channel, an event's version a
 * message; a service sends what it owns, and whoever subscribes receives it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/contracts.h"
#include "domain/contracts/schema.h"

enum { NAME_SIZE = 96 };

/* What stands beside an event's data, as `till events --json` prints it. */
static const char envelope[] =
    "{\"headers\":{\"type\":\"object\",\"properties\":{\"position\":{\"type\":\"integer\",\"minimum\":1},"
    "\"stream\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\",\"minimum\":1},\"type\":{\"type\":\"string\"},"
    "\"schema_version\":{\"type\":\"integer\",\"minimum\":1},\"event_id\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"correlation_id\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"causation_id\":{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"},"
    "\"recorded_at\":{\"type\":\"string\",\"format\":\"date-time\"}}},"
    "\"correlationId\":{\"description\":\"the journey: the order's "
    "id\",\"location\":\"$message.header#/correlation_id\"}}";

static void put(cJSON *object, const char *name, cJSON *item)
{
    if (!cJSON_AddItemToObject(object, name, item))
        cJSON_Delete(item);
}

static cJSON *make_reference(const char *path, const char *name)
{
    char target[2 * NAME_SIZE + 8];
    cJSON *reference = cJSON_CreateObject();
    snprintf(target, sizeof target, "#/%s/%s", path, name);
    json_text(reference, "$ref", target);
    return reference;
}

static void message_name(const struct contract *contract, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s.v%d", contract->name, contract->schema_version);
}

static cJSON *child(cJSON *parent, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(parent, name);
    return item != NULL ? item : cJSON_AddObjectToObject(parent, name);
}

/* ---- channels and messages ---- */

static cJSON *channel_of(cJSON *document, const struct contract *contract)
{
    char address[NAME_SIZE];
    cJSON *channel = child(child(document, "channels"), contract->category);
    if (cJSON_GetObjectItemCaseSensitive(channel, "address") == NULL) {
        snprintf(address, sizeof address, "%s-{entity}", contract->category);
        json_text(channel, "address", address);
        json_text(child(child(channel, "parameters"), "entity"), "description",
                  strcmp(contract->category, "stock") == 0 ? "a sku" : "an order's id");
    }
    return channel;
}

static enum status add_message(void *context, const struct contract *contract, struct error *error)
{
    char name[NAME_SIZE];
    struct buffer payload = {0};
    cJSON *document = context;
    message_name(contract, name);
    contract_append_payload(contract, 0, &payload);
    enum status status = buffer_ok(&payload, error);
    cJSON *message = child(child(child(document, "components"), "messages"), name);
    json_text(message, "name", contract->name);
    json_text(message, "title", name);
    if (contract->deprecated_since != NULL)
        json_text(message, "x-deprecated-since", contract->deprecated_since);
    json_item(cJSON_AddArrayToObject(message, "traits"), make_reference("components/messageTraits", "envelope"));
    put(message, "payload", cJSON_Parse(buffer_string(&payload)));
    buffer_clear(&payload);
    put(child(channel_of(document, contract), "messages"), name, make_reference("components/messages", name));
    return status;
}

/* ---- operations ---- */

/* Adds the message to what `who` sends to the channel, or receives from it. */
static void add_operation(cJSON *document, const char *who, const char *action, const struct contract *contract)
{
    char name[NAME_SIZE], path[NAME_SIZE];
    snprintf(name, sizeof name, "%s.%ss.%s", who, action, contract->category);
    cJSON *operation = child(child(document, "operations"), name);
    if (cJSON_GetObjectItemCaseSensitive(operation, "action") == NULL) {
        json_text(operation, "action", action);
        put(operation, "channel", make_reference("channels", contract->category));
        cJSON_AddArrayToObject(operation, "messages");
    }
    snprintf(path, sizeof path, "channels/%s/messages", contract->category);
    message_name(contract, name);
    json_item(cJSON_GetObjectItemCaseSensitive(operation, "messages"), make_reference(path, name));
}

static enum status add_operations(void *context, const struct contract *contract, struct error *error)
{
    struct reader readers[READERS_MAX];
    size_t count = all_readers(readers);
    (void)error;
    if (contract == contract_of(contract->type)) /* old versions are only read */
        add_operation(context, contract->owner, "send", contract);
    for (size_t i = 0; i < count; i++)
        if ((readers[i].subscriptions & EVENT_BIT(contract->type)) != 0)
            add_operation(context, readers[i].name, "receive", contract);
    return STATUS_OK;
}

/* ---- the document ---- */

static cJSON *begin_document(void)
{
    cJSON *document = cJSON_CreateObject();
    json_text(document, "asyncapi", "3.0.0");
    cJSON *info = child(document, "info");
    json_text(info, "title", "Tillroll");
    json_text(info, "version", TILL_VERSION);
    json_text(info, "description", "A shop whose only memory is an append-only roll of events.");
    json_text(document, "defaultContentType", "application/json");
    return document;
}

enum status print_asyncapi(struct error *error)
{
    cJSON *document = begin_document();
    enum status status = each_contract(add_message, document, error);
    if (status == STATUS_OK)
        status = each_contract(add_operations, document, error);
    put(child(child(document, "components"), "messageTraits"), "envelope", cJSON_Parse(envelope));
    char *text = cJSON_Print(document);
    if (status == STATUS_OK && output_is_starved())
        status = error_memory(error);
    if (status == STATUS_OK)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(document);
    return status;
}
