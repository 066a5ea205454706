/* main.c - `till`: find the command, read its options, run it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"

static void print_overview(void)
{
    printf("Usage: till [--shop DIR] COMMAND [OPTIONS]\n\n"
           "A shop whose only memory is an append-only roll of events.\n\nCommands:\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        printf("  %-12s %s\n", (*command)->name, (*command)->summary);
    printf("\n`till COMMAND --help` says more. The shop is the folder --shop, $TILL_SHOP or\n./shop.\n");
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

static int terminal_columns(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20;
    return known ? size.ws_col : 80;
}

static struct till make_till(const struct global_options *global, const char *program)
{
    const char *from_environment = getenv("TILL_SHOP");
    const char *no_colour = getenv("NO_COLOR");
    struct till till = {.program = program, .json = global->json, .clock = clock_system};
    till.folder = global->shop != NULL ? global->shop : from_environment != NULL ? from_environment : "./shop";
    till.terminal = isatty(STDOUT_FILENO) == 1;
    till.progress = isatty(STDERR_FILENO) == 1;
    till.colour = till.terminal && (no_colour == NULL || no_colour[0] == '\0');
    till.columns = till.terminal ? terminal_columns() : 80;
    return till;
}

/* What could not be printed was not said: a full disk behind stdout, or want of memory, is an error of the command. A
 * reader that went
 * away (till events | head) is not. */
static int close_output(int code)
{
    const bool lost = ferror(stdout) != 0; /* of a write that is long over, and whose errno is gone */
    struct error starved;
    if (output_is_starved() && code != EXIT_UNAVAILABLE && error_memory(&starved) != STATUS_OK)
        code = fail(&starved);
    if ((fflush(stdout) == 0 && !lost) || output_is_unread())
        return code;
    fprintf(stderr, "till: cannot write the output: %s\n", lost ? "part of it was lost" : strerror(errno));
    return code == EXIT_DONE ? EXIT_UNAVAILABLE : code;
}

static int run(const struct command *command, int argc, char **argv, int first, struct global_options *global)
{
    struct arguments *arguments = calloc(1, sizeof *arguments);
    if (arguments == NULL) {
        fprintf(stderr, "till: there is no memory left\n");
        return EXIT_UNAVAILABLE;
    }
    int code = EXIT_USAGE;
    if (options_read(command, argc, argv, first, global, arguments)) {
        const char *wrong = options_check_words(arguments);
        struct till till = make_till(global, argv[0]);
        if (global->help) {
            options_print_help(command);
            code = EXIT_DONE;
        } else if (wrong != NULL) {
            usage_error(arguments, "%s", wrong);
        } else {
            code = command->run(&till, arguments);
        }
    }
    free(arguments);
    return close_output(code);
}

int main(int argc, char **argv)
{
    struct global_options global = {0};
    char safe[TEXT_SAFE_SIZE], sentence[ERROR_TEXT_MAX];
    int next = argc;
    (void)umask(S_IRWXG | S_IRWXO); /* whatever a shop is made of is its owner's */
    output_begin();
    if (!options_read_global(argc, argv, &global, &next))
        return EXIT_USAGE;
    if (global.version) {
        printf("till %s\n", TILL_VERSION);
        return close_output(EXIT_DONE);
    }
    if (next == argc) {
        print_overview();
        return close_output(global.help ? EXIT_DONE : EXIT_USAGE);
    }
    const struct command *command = find_command(argv[next]);
    if (command == NULL) {
        (void)snprintf(sentence, sizeof sentence, "there is no command %s. `till --help` lists them.",
                       text_safe(safe, argv[next]));
        complain("", sentence);
        return EXIT_USAGE;
    }
    return run(command, argc, argv, next + 1, &global);
}
