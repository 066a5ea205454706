/* till-simulate - a shop under faults, from a seed. See tests/simulation/world.h for what is real in it, and
 * docs/reliability.md for what it found. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/simulation/simulation.h"

enum { ORDERS_DEFAULT = 50, ORDERS_MAX = 100000, WILD_MAX = 100, SHRINK_RUNS = 3000, LARGE_BYTES = 64 << 10 };

static const char help[] = "Usage: till-simulate [--seed S] [--runs R] [--orders N] [--faults all|none|LIST]\n"
                           "                     [--wild W] [--steps] [--no-shrink] [--stop]\n"
                           "\n"
                           "Runs the whole shop in one thread, throws customers and faults at it, lets it come\n"
                           "to rest, and checks orders, money, stock, notices, views and the roll itself. The\n"
                           "same seed prints the same bytes on stdout; timings go to stderr.\n"
                           "\n"
                           "  --seed S      the first seed (default: 1)\n"
                           "  --runs R      so many seeds: S … S+R-1 (default: 1)\n"
                           "  --orders N    orders a seed (default: 50)\n"
                           "  --faults LIST what may go wrong, with commas between (default: all):\n";

static const char more_help[] = "  --wild W      faults W times as often (default: 1)\n"
                                "  --steps       print every step of the plan before it is made\n"
                                "  --no-shrink   print a failing plan as it is\n"
                                "  --stop        end with the first seed that fails\n"
                                "\n"
                                "Exits 1 when a seed fails: then it prints the seed, the step, what is wrong, the\n"
                                "journey of the order concerned, and the shortest list of steps that still fails.\n";

struct options {
    struct seeds seeds;
    bool steps, shrink, stop;
};

static int usage(const char *sentence, const char *value)
{
    fprintf(stderr, "till-simulate: %s %s\ntry till-simulate --help\n", sentence, value);
    return 2;
}

static bool number_of(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && *number >= min && *number <= max;
}

static void print_steps(const struct plan *plan)
{
    struct buffer words = {0};
    for (size_t i = 0; i < plan->count; i++) {
        buffer_reset(&words);
        step_describe(&plan->steps[i], &words);
        printf("%5zu  %s\n", i + 1, buffer_string(&words));
    }
    buffer_clear(&words);
}

static void print_good(uint64_t seed, const struct verdict *verdict)
{
    printf(
        "seed %llu: %u orders, %u events: %u confirmed, %u shipped, %u cancelled, %u rejected, %u waiting; roll %s\n",
        (unsigned long long)seed, verdict->orders, verdict->events, verdict->confirmed, verdict->shipped,
        verdict->cancelled, verdict->rejected, verdict->waiting, verdict->digest);
}

static void print_wrong(const struct plan *plan, const struct verdict *verdict)
{
    if (verdict->step < plan->count)
        printf("after step %zu of %zu: %s\n", verdict->step + 1, plan->count, verdict->wrong);
    else
        printf("when all is quiet, after %zu steps: %s\n", plan->count, verdict->wrong);
    if (verdict->journey[0] != '\0')
        printf("the order's journey:\n%s", verdict->journey);
}

static void print_failure(struct plan *plan, const struct verdict *verdict, const struct options *options)
{
    printf("seed %llu FAILS ", (unsigned long long)plan->seed);
    print_wrong(plan, verdict);
    (void)fflush(stdout);
    if (!options->shrink)
        return;
    const struct verdict shortest = shrink(plan, SHRINK_RUNS);
    printf("shrunk to %zu steps, it fails ", plan->count);
    print_wrong(plan, &shortest);
    print_steps(plan);
}

/* What became of all seeds so far. */
struct tally {
    const struct options *options;
    uint64_t orders, seeds, failed;
};

static bool tell(void *context, uint64_t seed, const struct verdict *verdict)
{
    struct tally *tally = context;
    const struct options *options = tally->options;
    struct plan plan;
    plan_throw(&plan, seed, options->seeds.orders, options->seeds.faults, options->seeds.wild);
    if (options->steps)
        print_steps(&plan);
    if (verdict->good)
        print_good(seed, verdict);
    else
        print_failure(&plan, verdict, options);
    plan_clear(&plan);
    tally->seeds++;
    tally->orders += verdict->orders;
    tally->failed += !verdict->good;
    return verdict->good || !options->stop;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_seeds(const struct options *options)
{
    struct tally tally = {.options = options};
    double started_s = now_s();
    simulate_seeds(&options->seeds, tell, &tally);
    double elapsed_s = now_s() - started_s;
    printf("%llu of %llu seeds failed\n", (unsigned long long)tally.failed, (unsigned long long)tally.seeds);
    fprintf(stderr, "%llu orders in %.1f s: %.0f orders a second\n", (unsigned long long)tally.orders, elapsed_s,
            (double)tally.orders / elapsed_s);
    return tally.failed == 0 ? 0 : 1;
}

int main(int count, char **words)
{
    static const struct option long_options[] = {
        {"seed", required_argument, NULL, 's'},   {"runs", required_argument, NULL, 'r'},
        {"orders", required_argument, NULL, 'o'}, {"faults", required_argument, NULL, 'f'},
        {"steps", no_argument, NULL, 'p'},        {"no-shrink", no_argument, NULL, 'n'},
        {"wild", required_argument, NULL, 'w'},   {"stop", no_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    struct options options = {
        .seeds = {.first = 1, .count = 1, .orders = ORDERS_DEFAULT, .wild = 1, .faults = FAULTS_ALL}, .shrink = true};
    uint64_t number;
    int option;
    while ((option = getopt_long(count, words, "", long_options, NULL)) != -1) {
        switch (option) {
        case 's':
            if (!number_of(optarg, 0, UINT64_MAX / 2, &options.seeds.first))
                return usage("no seed:", optarg);
            break;
        case 'r':
            if (!number_of(optarg, 1, UINT64_MAX / 2, &options.seeds.count))
                return usage("no number of runs:", optarg);
            break;
        case 'o':
            if (!number_of(optarg, 1, ORDERS_MAX, &number))
                return usage("no number of orders (1 … 100000):", optarg);
            options.seeds.orders = (uint32_t)number;
            break;
        case 'f':
            if (!faults_from_text(optarg, &options.seeds.faults))
                return usage("no list of faults:", optarg);
            break;
        case 'w':
            if (!number_of(optarg, 1, WILD_MAX, &number))
                return usage("faults cannot be so many times (1 … 100) as often:", optarg);
            options.seeds.wild = (uint32_t)number;
            break;
        case 'p': options.steps = true; break;
        case 'n': options.shrink = false; break;
        case 'e': options.stop = true; break;
        case 'h': printf("%s%s%s", help, faults_help, more_help); return 0;
        default: fputs("try till-simulate --help\n", stderr); return 2;
        }
    }
    if (optind < count)
        return usage("there are no such words:", words[optind]);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* tables come zeroed from the kernel, page by page as they fill */
    if (access("/dev/shm", W_OK) == 0)            /* in memory: nothing here is meant to reach a disk */
        setenv("TMPDIR", "/dev/shm", 0);
    return run_seeds(&options);
}
