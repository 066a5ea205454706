/* bench.c - `till bench`: becomes the program till-bench, which stands beside this one. It is a program of its own, so
 * that who only sells need not carry it. */
#include <unistd.h>

#include "cli/commands.h"

enum { WORDS_MAX = 64 };

static const struct option_spec options[] = {
    {"events", "N", "so many events (default 200000)"},
    {"only", "NAME", "only this figure; more names may follow"},
    {"growth", NULL, "at a hundredth, a tenth and all of the events"},
    {"plot", "FILE", "the same, and a picture of it (SVG)"},
    {0},
};

/* What was given, in other words: those of till-bench. */
struct words {
    const char *items[WORDS_MAX + 1];
    int count;
};

static void add(struct words *words, const char *word)
{
    if (words->count < WORDS_MAX)
        words->items[words->count++] = word;
}

static void add_options(struct words *words, const struct arguments *arguments)
{
    static const char *const spelled[] = {"--events", "--only", "--growth", "--plot"};
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        const char *value;
        for (int n = 0; (value = argument_nth(arguments, options[i].name, n)) != NULL; n++) {
            add(words, spelled[i]);
            if (options[i].argument != NULL)
                add(words, value);
        }
    }
}

static int run(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct words words = {{"till-bench"}, 1};
    char path[PATH_SIZE];
    const char *word;
    add_options(&words, arguments);
    if (till->json)
        add(&words, "--json");
    for (int n = 0; (word = argument_word(arguments, n)) != NULL; n++)
        add(&words, word);
    if (path_beside(path, words.items[0], &error) != STATUS_OK)
        return fail(&error);
    execv(path, (char *const *)words.items);
    error_errno(&error, "start", path);
    return fail(&error);
}

const struct command bench_command = {
    .name = "bench",
    .usage = "[--events N] [--only NAME...] [--growth] [--plot FILE]",
    .summary = "measure how fast the store is, against a bare loop on SQLite",
    .details = "Starts till-bench, which stands beside this program; `till-bench --help` lists\n"
               "the figures. Each stands beside a bare C loop on SQLite that does the least\n"
               "possible work for the same rows, in the same run: the ratio is what counts.\n"
               "\n"
               "It works in a folder of its own, in $TMPDIR or here, which must be on a disk,\n"
               "and touches no shop. A target that is missed is no error. With --json: name,\n"
               "value, unit, limit, ratio, target, ok.",
    .options = options,
    .words_max = -1,
    .run = run,
};
