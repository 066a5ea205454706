/* main.c - till-bench: reads the options, runs the rows, prints what they say. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "bench/bench.h"
#include "bench/growth.h"
#include "bench/workers.h"

enum { EXIT_USAGE = 2, EXIT_DAMAGED = 3, EXIT_UNAVAILABLE = 4 };
enum { EVENTS_DEFAULT = 200000, EVENTS_MIN = 2000, EVENTS_MAX = 10000000 };

static void print_help(void)
{
    printf("Usage: till bench [--events N] [--only NAME...] [--growth] [--plot FILE] [--json]\n"
           "\n"
           "How fast the store is, against what this machine allows: each figure stands beside\n"
           "a bare C loop on SQLite that does the least possible work for the same rows, in\n"
           "the same run. The ratio is what counts.\n"
           "\n"
           "  --events N   so many events (%d to %d; default %d)\n"
           "  --only NAME  only this figure; may be repeated, and more names may follow\n"
           "  --growth     at a hundredth, a tenth and all of the events; and how the cost of an\n"
           "               event grew beyond the limit's\n"
           "  --plot FILE  the same, and a picture of it (SVG)\n"
           "  --json       one object a line: name, value, unit, limit, ratio, target, ok\n"
           "  --help       this text\n"
           "\n"
           "All is made in a folder of its own, in $TMPDIR or here, which must be on a disk;\n"
           "it is gone afterwards. A target that is missed is no error.\n"
           "\nFigures:\n",
           EVENTS_MIN, EVENTS_MAX, EVENTS_DEFAULT);
    for (int i = 0; i < FIGURES; i++)
        printf("  %-18s %s\n%-20s against: %s\n", figures[i].name, figures[i].what, "", figures[i].against);
}

static int usage_error(const char *sentence, const char *word)
{
    char safe[TEXT_SAFE_SIZE];
    fprintf(stderr, "till-bench: %s %s\nTry: till bench --help\n", text_safe(safe, word), sentence);
    return EXIT_USAGE;
}

static bool want(struct bench *bench, const char *name)
{
    enum figure_id id;
    if (!figure_find(name, &id))
        return false;
    bench->wanted[id] = true;
    return true;
}

static bool read_events(const char *text, uint64_t *events)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    *events = number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= EVENTS_MIN && number <= EVENTS_MAX;
}

struct wish {
    bool growth;
    const char *plot; /* where to; or NULL */
};

/* Returns an exit code, or −1 to go on. */
static int read_options(int argc, char **argv, struct bench *bench, struct wish *wish)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"growth", no_argument, NULL, 'g'},
                                            {"plot", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool only = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h')
            return print_help(), EXIT_SUCCESS;
        if (option == 'e' && !read_events(optarg, &bench->events))
            return usage_error("is no number of events: 2000 to 10000000", optarg);
        if (option == 'o' && !want(bench, optarg))
            return usage_error("is no figure", optarg);
        if (option == ':' || option == '?')
            return usage_error(option == ':' ? "needs a value" : "is no option here", argv[optind - 1]);
        only = only || option == 'o';
        bench->json = bench->json || option == 'j';
        wish->growth = wish->growth || option == 'g' || option == 'p';
        wish->plot = option == 'p' ? optarg : wish->plot;
    }
    for (; optind < argc; optind++)
        if (!only || !want(bench, argv[optind]))
            return usage_error(only ? "is no figure" : "is no option here", argv[optind]);
    for (int i = 0; !only && i < FIGURES; i++)
        bench->wanted[i] = true;
    return -1;
}

static int fail(const struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    fprintf(stderr, "till-bench: %s\n", text_safe(safe, error->text));
    return error->status == STATUS_DAMAGED ? EXIT_DAMAGED : EXIT_UNAVAILABLE;
}

/* The picture's file is opened first: who cannot have it wants to know it before all is measured. */
static enum status run_growth(struct bench *bench, const char *plot, struct error *error)
{
    struct growth growth = {0};
    FILE *file = plot != NULL ? fopen(plot, "we") : NULL;
    if (plot != NULL && file == NULL)
        return error_errno(error, "write", plot);
    enum status status = growth_run(bench, &growth, error);
    if (status == STATUS_OK && file != NULL)
        status = growth_plot(&growth, file, error);
    if (file != NULL)
        fclose(file);
    return status;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    struct wish wish = {0};
    struct bench bench = {.events = EVENTS_DEFAULT, .progress = isatty(STDERR_FILENO) == 1};
    if (argc > 1 && strcmp(argv[1], WORKER_OPTION) == 0)
        return worker_run(argv + 2);
    int code = read_options(argc, argv, &bench, &wish);
    if (code >= 0)
        return code;
    setlinebuf(stdout);
    enum status status = path_beside(bench.till, "till", &error);
    if (status == STATUS_OK)
        status = place_make(bench.folder, bench.events, &error);
    if (status == STATUS_OK)
        status = wish.growth ? run_growth(&bench, wish.plot, &error) : bench_run(&bench, &error);
    bench_tell(&bench, "", 0, 0);
    place_remove();
    return status == STATUS_OK ? EXIT_SUCCESS : fail(&error);
}
