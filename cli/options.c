#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Values of getopt_long: above all characters, so that they tell a long option from a short one. From FIRST_OWN on they
 * are indexes into the command's table. */
enum { OPTION_SHOP = 256, OPTION_JSON, OPTION_HELP, OPTION_VERSION, FIRST_OWN };
enum { OPTIONS_MAX = 24 };

static const struct option_spec global_specs[] = {
    {"shop", "DIR", "the shop's folder (default: $TILL_SHOP, or ./shop)"},
    {"json", NULL, "one JSON object a line, with stable names"},
    {"help", NULL, "this text"},
    {0},
};

static const struct option global_long[] = {
    {"shop", required_argument, NULL, OPTION_SHOP},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};
enum { GLOBAL_COUNT = 4 };

static bool take_global(int option, struct global_options *global)
{
    switch (option) {
    case OPTION_SHOP: global->shop = optarg; return true;
    case OPTION_JSON: global->json = true; return true;
    case 'h':
    case OPTION_HELP: global->help = true; return true;
    case OPTION_VERSION: global->version = true; return true;
    default: return false;
    }
}

static void refuse_option(int option, char **argv, const char *name)
{
    /* A short one may stand among others, and optind is not past them yet: what stands before is no option. */
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_short = optopt != 0 && optopt < OPTION_SHOP; /* a byte of UTF-8 comes as a negative number */
    const char *culprit = is_short ? letter : argv[optind - 1];
    char safe[TEXT_SAFE_SIZE], sentence[ERROR_TEXT_MAX];
    /* Without its value: it may be a card's. */
    (void)snprintf(sentence, sizeof sentence, "%s %s", text_safe_bytes(safe, culprit, strcspn(culprit, "=")),
                   option == ':' ? "needs a value" : "is no option here");
    complain(name, sentence);
    fprintf(stderr, "Try: till %s%s--help\n", name, name[0] == '\0' ? "" : " ");
}

bool options_read_global(int argc, char **argv, struct global_options *global, int *next)
{
    opterr = 0;
    optind = 0; /* begin anew: glibc's way */
    for (;;) {
        int option = getopt_long(argc, argv, "+:h", global_long, NULL);
        if (option == -1)
            break;
        if (!take_global(option, global)) {
            refuse_option(option, argv, "");
            return false;
        }
    }
    *next = optind;
    return true;
}

/* The command's own come first: of two that are alike the first is meant. */
static void build_long_options(const struct command *command, struct option options[OPTIONS_MAX])
{
    int count = 0;
    for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
        CHECK(count + GLOBAL_COUNT < OPTIONS_MAX - 1);
        const struct option_spec *spec = &command->options[i];
        int argument = spec->argument != NULL ? required_argument : no_argument;
        options[count++] = (struct option){spec->name, argument, NULL, FIRST_OWN + i};
    }
    memcpy(options + count, global_long, sizeof global_long);
}

static bool take_own(const struct command *command, int option, struct arguments *arguments)
{
    const struct option_spec *spec = &command->options[option - FIRST_OWN];
    if (arguments->given_count == ARGUMENTS_MAX) {
        usage_error(arguments, "more than %d options", ARGUMENTS_MAX);
        return false;
    }
    arguments->given[arguments->given_count++] =
        (struct given){.name = spec->name, .value = optarg != NULL ? optarg : ""};
    return true;
}

bool options_read(const struct command *command, int argc, char **argv, int first, struct global_options *global,
                  struct arguments *arguments)
{
    struct option options[OPTIONS_MAX];
    build_long_options(command, options);
    arguments->command = command;
    opterr = 0;
    optind = 0; /* begin anew: glibc's way */
    int count = argc - first + 1;
    char **own = argv + first - 1;
    for (;;) {
        int option = getopt_long(count, own, ":h", options, NULL);
        if (option == -1)
            break;
        if (option >= FIRST_OWN ? !take_own(command, option, arguments) : !take_global(option, global)) {
            if (option < FIRST_OWN)
                refuse_option(option, own, command->name);
            return false;
        }
    }
    for (int i = optind; i < count && arguments->word_count < ARGUMENTS_MAX; i++)
        arguments->words[arguments->word_count++] = own[i];
    return true;
}

const char *options_check_words(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    if (arguments->word_count < command->words_min)
        return "something is missing";
    if (command->words_max >= 0 && arguments->word_count > command->words_max)
        return "that is too much";
    return NULL;
}

/* ---- help ---- */

static void print_options(const struct option_spec *specs)
{
    for (int i = 0; specs != NULL && specs[i].name != NULL; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", specs[i].name, specs[i].argument != NULL ? " " : "",
                 specs[i].argument != NULL ? specs[i].argument : "");
        printf("  %-20s %s\n", left, specs[i].help);
    }
}

void options_print_help(const struct command *command)
{
    printf("Usage: till %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details != NULL)
        printf("\n%s\n", command->details);
    printf("\nOptions:\n");
    print_options(command->options);
    print_options(global_specs);
}

/* ---- what commands ask ---- */

const char *argument_value(const struct arguments *arguments, const char *name)
{
    for (int i = arguments->given_count - 1; i >= 0; i--)
        if (strcmp(arguments->given[i].name, name) == 0)
            return arguments->given[i].value;
    return NULL;
}

bool argument_given(const struct arguments *arguments, const char *name)
{
    return argument_value(arguments, name) != NULL;
}

const char *argument_nth(const struct arguments *arguments, const char *name, int n)
{
    for (int i = 0; i < arguments->given_count; i++)
        if (strcmp(arguments->given[i].name, name) == 0 && n-- == 0)
            return arguments->given[i].value;
    return NULL;
}

const char *argument_word(const struct arguments *arguments, int n)
{
    return n < arguments->word_count ? arguments->words[n] : NULL;
}

bool integer_from_text(const char *text, int64_t min, int64_t max, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool starts_well = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    if (!starts_well || *end != '\0' || errno != 0 || value < min || value > max)
        return false;
    *number = value;
    return true;
}

bool argument_integer(const struct arguments *arguments, const char *name, int64_t min, int64_t max, int64_t *number)
{
    const char *text = argument_value(arguments, name);
    char safe[TEXT_SAFE_SIZE];
    if (text == NULL || integer_from_text(text, min, max, number))
        return true;
    usage_error(arguments, "--%s takes a whole number from %lld to %lld, not %s", name, (long long)min, (long long)max,
                text_safe(safe, text));
    return false;
}

int usage_error(const struct arguments *arguments, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    text_trim_partial(text);
    complain(arguments->command->name, text);
    fprintf(stderr, "Usage: till %s %s\n", arguments->command->name, arguments->command->usage);
    return EXIT_USAGE;
}
