/* options.c - a command line: cli/options. The input is its words, each ended by a NUL, without the program's name. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harmless.h"

enum { WORDS_MAX = 64 };

struct line {
    char *text; /* of all words, each with its NUL */
    size_t length;
    int argc;
    char *argv[WORDS_MAX + 2];
};

static void split(struct line *line, const uint8_t *data, size_t size)
{
    static char program[] = "till";
    line->text = malloc(size + 1);
    CHECK(line->text != NULL);
    memcpy(line->text, data, size);
    line->text[size] = '\0';
    line->length = size;
    line->argv[0] = program;
    line->argc = 1;
    for (size_t at = 0; at < size && line->argc <= WORDS_MAX; at += strlen(line->text + at) + 1)
        line->argv[line->argc++] = line->text + at;
    line->argv[line->argc] = NULL;
}

static bool is_within(const struct line *line, const char *text)
{
    return text >= line->text && text <= line->text + line->length;
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

static void check_given(const struct line *line, const struct given *given, const struct command *command)
{
    const struct option_spec *spec = command->options;
    while (spec->name != NULL && strcmp(spec->name, given->name) != 0)
        spec++;
    CHECK(spec->name != NULL);
    if (spec->argument == NULL)
        CHECK(given->value[0] == '\0');
    else
        CHECK(is_within(line, given->value));
}

/* Every option is one of the command's, every word one that was typed; a number is one in its range or a complaint. */
static void check_arguments(const struct line *line, const struct arguments *arguments)
{
    for (int i = 0; i < arguments->given_count; i++) {
        const struct given *given = &arguments->given[i];
        int64_t number = -1;
        check_given(line, given, arguments->command);
        CHECK(argument_given(arguments, given->name) && argument_nth(arguments, given->name, 0) != NULL);
        if (argument_integer(arguments, given->name, 1, 1000, &number))
            CHECK(number >= 1 && number <= 1000);
    }
    for (int i = 0; i < arguments->word_count; i++) {
        const char *word = argument_word(arguments, i);
        CHECK(is_within(line, word));
        for (int j = 0; j < i; j++)
            CHECK(argument_word(arguments, j) != word);
    }
    CHECK(argument_word(arguments, arguments->word_count) == NULL);
}

/* True when the line was understood. */
static bool read_line(struct line *line, struct arguments *arguments)
{
    struct global_options global = {0};
    int next = 0;
    if (!options_read_global(line->argc, line->argv, &global, &next))
        return false;
    CHECK(next >= 1 && next <= line->argc);
    CHECK(global.shop == NULL || is_within(line, global.shop));
    const struct command *command = next < line->argc ? find_command(line->argv[next]) : NULL;
    if (command == NULL)
        return true;
    if (!options_read(command, line->argc, line->argv, next + 1, &global, arguments))
        return false;
    CHECK(global.shop == NULL || is_within(line, global.shop));
    (void)options_check_words(arguments);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line line;
    struct arguments *arguments = calloc(1, sizeof *arguments);
    char *said = NULL;
    size_t said_length = 0;
    FILE *terminal = stderr;
    CHECK(arguments != NULL);
    split(&line, data, size);

    stderr = open_memstream(&said, &said_length); /* glibc lets it be another */
    CHECK(stderr != NULL);
    const bool understood = read_line(&line, arguments);
    (void)fflush(stderr);
    const bool complained = said_length > 0;
    if (understood && arguments->command != NULL)
        check_arguments(&line, arguments);
    (void)fclose(stderr);
    stderr = terminal;

    CHECK(understood != complained);
    CHECK(find_harm(said, said_length) == NULL);
    free(said);
    free(line.text);
    free(arguments);
    return 0;
}
