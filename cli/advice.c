#include "cli/advice.h"

#include <stdio.h>

#include "cli/type_next.h"
#include "cli/work.h"

enum { SENTENCE_INDENT = 2, COMMAND_WORDS_SIZE = 256 };

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

/* One that does not fit is left out: half a command is none. */
static void keep_command(struct advice_list *list, struct buffer *command)
{
    CHECK(list->count > 0);
    struct advice *advice = &list->items[list->count - 1];
    if (command->length < sizeof advice->command)
        snprintf(advice->command, sizeof advice->command, "%s", buffer_string(command));
    buffer_clear(command);
}

void advise_command(struct advice_list *list, const struct till *till, const char *format, ...)
{
    va_list values;
    char words[COMMAND_WORDS_SIZE];
    struct buffer command = {0};
    va_start(values, format);
    vsnprintf(words, sizeof words, format, values);
    va_end(values);
    put_till(&command, till);
    buffer_format(&command, " %s", words);
    keep_command(list, &command);
}

void advise_settle(struct advice_list *list, const struct till *till, const char *consumer, uint64_t position)
{
    struct buffer command = {0};
    put_till(&command, till);
    put_settle(&command, consumer, position);
    keep_command(list, &command);
}

void advise_to_look(struct advice_list *list, const char *program, const char *path)
{
    struct buffer command = {0};
    buffer_format(&command, "%s ", program);
    put_word(&command, path);
    keep_command(list, &command);
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
        print_command(till, advice->command);
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
