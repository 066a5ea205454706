/* options.h - from argv to a command and its arguments. For main.c only; commands see struct arguments through cli.h.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

struct given {
    const char *name;  /* as in the command's table */
    const char *value; /* "" for a flag */
};

struct arguments {
    const struct command *command;
    struct given given[ARGUMENTS_MAX];
    int given_count;
    const char *words[ARGUMENTS_MAX];
    int word_count;
};

/* Options that every command takes; filled where they are met. */
struct global_options {
    const char *shop;
    bool json, help, version;
};

/* Reads the options that stand before the command; `*next` is the index of its name, argc when there is none. False
 * after having said what is wrong. */
bool options_read_global(int argc, char **argv, struct global_options *global, int *next);

/* Reads what stands behind the command's name, argv[first − 1]. */
bool options_read(const struct command *command, int argc, char **argv, int first, struct global_options *global,
                  struct arguments *arguments);

void options_print_help(const struct command *command);

/* What is wrong with the number of words for this command; NULL when nothing is. */
const char *options_check_words(const struct arguments *arguments);

#endif
