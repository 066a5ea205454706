#include "cli/advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/work.h"

enum { SENTENCE_INDENT = 2, COMMAND_INDENT = 4 };

void advise(struct advice_list *list, bool needs_person, const char *format, ...)
{
    va_list values;
    if (list->count == ADVICE_MAX)
        return;
    struct advice *advice = &list->items[list->count++];
    *advice = (struct advice){.needs_person = needs_person};
    va_start(values, format);
    vsnprintf(advice->sentence, sizeof advice->sentence, format, values);
    va_end(values);
    text_trim_partial(advice->sentence);
}

/* "till", or as it must be typed to find this shop from here: `folder` in quotes, unless it needs more than that. */
static void put_program(const struct till *till, char *command, size_t size)
{
    const char *from_environment = getenv("TILL_SHOP");
    const char *by_itself = from_environment != NULL ? from_environment : "./shop";
    if (strcmp(till->folder, by_itself) == 0 || strchr(till->folder, '\'') != NULL)
        snprintf(command, size, "till ");
    else if (till->folder[strspn(till->folder, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")] ==
             '\0')
        snprintf(command, size, "till --shop %s ", till->folder);
    else
        snprintf(command, size, "till --shop '%s' ", till->folder);
}

void advise_command(struct advice_list *list, const struct till *till, const char *format, ...)
{
    va_list values;
    CHECK(list->count > 0);
    char *command = list->items[list->count - 1].command;
    const char *name = "till ";
    size_t skipped = strncmp(format, name, strlen(name)) == 0 ? strlen(name) : 0;
    command[0] = '\0';
    if (skipped > 0)
        put_program(till, command, ADVICE_TEXT_SIZE);
    size_t used = strlen(command);
    va_start(values, format);
    vsnprintf(command + used, ADVICE_TEXT_SIZE - used, format + skipped, values);
    va_end(values);
    text_trim_partial(command);
}

bool advice_needs_person(const struct advice_list *list)
{
    for (int i = 0; i < list->count; i++)
        if (list->items[i].needs_person)
            return true;
    return false;
}

static enum status print_object(const struct advice *advice, struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddBoolToObject(object, "needs_person", advice->needs_person);
    json_text(object, "sentence", advice->sentence);
    json_text(object, "command", advice->command[0] != '\0' ? advice->command : NULL);
    return json_line(object, error);
}

static void print_kind(const struct till *till, const struct advice_list *list, bool needs_person, const char *title,
                       enum style colour)
{
    bool titled = false;
    for (int i = 0; i < list->count; i++) {
        const struct advice *advice = &list->items[i];
        if (advice->needs_person != needs_person)
            continue;
        if (!titled)
            printf("\n%s%s%s\n", style(till, colour), title, style(till, STYLE_PLAIN));
        titled = true;
        printf("%*s", SENTENCE_INDENT, "");
        print_paragraph(till, advice->sentence, SENTENCE_INDENT);
        if (advice->command[0] == '\0')
            continue;
        printf("%*s%s", COMMAND_INDENT, "", style(till, STYLE_BOLD)); /* in one line: it is there to be copied */
        print_cell(till, advice->command, 0);
        printf("%s\n", style(till, STYLE_PLAIN));
    }
}

enum status print_advice(const struct till *till, const struct advice_list *list, struct error *error)
{
    enum status status = STATUS_OK;
    if (!till->json) {
        print_kind(till, list, true, "This needs a person:", STYLE_RED);
        print_kind(till, list, false, "Worth knowing:", STYLE_YELLOW);
        return STATUS_OK;
    }
    for (int i = 0; status == STATUS_OK && i < list->count; i++)
        status = print_object(&list->items[i], error);
    return status;
}
