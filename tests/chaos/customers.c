/* customers.c - who orders, cancels, ships, delivers, imports and reads, and never rests.
 *
 * Everyone runs one `till` after the other. A command that ended with 0 is an acknowledgement: it goes into the journal
 * and the journal to the disk before anything else happens. What an order holds follows from the seed and its number,
 * so that anybody can place it again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/chaos/storm.h"

enum {
    CUSTOMERS = 3,
    SKUS = 8, /* the last two are always short */
    SCARCE = 2,
    ARGUMENTS = 24,
    WORD = 48,
    ROOM = 160,
    PAUSE_MIN_US = 20000,
    PAUSE_MAX_US = 100000,
    IMPORT_PAUSE_MIN_US = 100000,
    IMPORT_PAUSE_MAX_US = 400000,
    IMPORT_ORDERS_MIN = 20,
    IMPORT_ORDERS_MAX = 90,
    IMPORT_REPEATS = 10,     /* of the file before, once more */
    ORDERS_CEILING = 200000, /* the importer rests after so many: a storm shall end */
    PLENTY = 1000000,
    FEW = 30,
};

enum errand { PLACE, PLACE_AGAIN, CANCEL, SHIP, RECEIVE, ASK, START };

/* Somebody who runs commands. */
struct runner {
    enum errand errand;
    pid_t process; /* 0: resting */
    int64_t started_us, next_at_us;
    bool
        excused; /* it was killed on purpose, or may have been stopped: how it ends and how long it took says nothing */
    char ref[WORD], sku[WORD];
    int quantity;
};

struct customers {
    struct storm *storm;
    struct dice dice;
    int journal;
    struct runner customers[CUSTOMERS];
    struct runner importer, reader;
    uint64_t placed;              /* orders that customers were told are placed: c-1 … c-placed, give or take */
    uint64_t imported, importing; /* orders that are imported: i-1 … i-imported; and up to here in this file */
    uint64_t acknowledged, refused, imports, killed_imports, reads;
    char file[512];
};

/* ---- what an order holds ---- */

static struct dice dice_of_order(const struct customers *customers, char kind, uint64_t number)
{
    struct dice dice = {customers->storm->seed ^ ((uint64_t)kind << 56) ^ (number << 8)};
    (void)dice_throw(&dice);
    return dice;
}

static const char *throw_card(struct dice *dice)
{
    static const char *const unusual[] = {"tok_declined",   "tok_insufficient_funds", "tok_flaky",
                                          "tok_timeout",    "tok_refund_timeout",     "tok_refund_refused",
                                          "tok_unavailable"};
    size_t thrown = (size_t)dice_between(dice, 0, 19);
    return thrown < sizeof unusual / sizeof unusual[0] ? unusual[thrown] : "tok_ok";
}

static void sku_name(char sku[WORD], int64_t number)
{
    snprintf(sku, WORD, "%s-%lld", number < SKUS - SCARCE ? "plenty" : "scarce", (long long)number);
}

/* One to three lines, each of another sku. */
static int throw_lines(struct dice *dice, char skus[3][WORD], int quantities[3])
{
    int count = (int)dice_between(dice, 1, 3);
    int64_t first = dice_between(dice, 0, SKUS - 1);
    for (int i = 0; i < count; i++) {
        sku_name(skus[i], (first + i) % SKUS);
        quantities[i] = (int)dice_between(dice, 1, 4);
    }
    return count;
}

/* ---- the journal ---- */

static void acknowledge(struct customers *customers, const char *what, const char *ref, int quantity)
{
    char line[ROOM];
    int length = snprintf(line, sizeof line, "%s,%s,%d\n", what, ref, quantity);
    int64_t before_us = clock_monotonic_us();
    if (write(customers->journal, line, (size_t)length) != length || fdatasync(customers->journal) != 0) {
        perror("storm: cannot write the journal");
        exit(3);
    }
    delays_note(customers->storm->delays, DELAY_SYNC, before_us, clock_monotonic_us());
    customers->acknowledged++;
}

/* All of an import at once: one sync. */
static void acknowledge_import(struct customers *customers)
{
    FILE *journal = fdopen(dup(customers->journal), "a");
    for (uint64_t number = customers->imported + 1; journal != NULL && number <= customers->importing; number++)
        fprintf(journal, "placed,i-%llu,0\n", (unsigned long long)number);
    if (journal == NULL || fflush(journal) != 0 || fdatasync(customers->journal) != 0) {
        perror("storm: cannot write the journal");
        exit(3);
    }
    fclose(journal);
    customers->acknowledged += customers->importing - customers->imported;
    customers->imported = customers->importing;
}

/* ---- starting commands ---- */

struct words {
    const char *items[ARGUMENTS];
    char room[8][ROOM];
    int count, used;
};

static void add_word(struct words *words, const char *word)
{
    words->items[words->count++] = word;
}

static char *room_for_word(struct words *words)
{
    char *room = words->room[words->used++];
    add_word(words, room);
    return room;
}

static struct words begin_words(const struct customers *customers, const char *command)
{
    struct words words = {0};
    add_word(&words, customers->storm->till);
    if (command != NULL) {
        add_word(&words, command);
        add_word(&words, "--shop");
        add_word(&words, customers->storm->shop);
    }
    return words;
}

static void start_runner(struct customers *customers, struct runner *runner, const struct words *words)
{
    runner->excused = false;
    runner->started_us = clock_monotonic_us();
    runner->process = process_start(words->items, customers->storm->log);
}

static void start_placing(struct customers *customers, struct runner *runner, uint64_t number)
{
    struct dice dice = dice_of_order(customers, 'c', number);
    char skus[3][WORD];
    int quantities[3], lines = throw_lines(&dice, skus, quantities);
    struct words words = begin_words(customers, "place");
    snprintf(runner->ref, WORD, "c-%llu", (unsigned long long)number);
    add_word(&words, "--ref");
    add_word(&words, runner->ref);
    add_word(&words, "--card");
    add_word(&words, throw_card(&dice));
    add_word(&words, "--customer");
    snprintf(room_for_word(&words), ROOM, "customer-%llu", (unsigned long long)number % 100);
    for (int i = 0; i < lines; i++) {
        add_word(&words, "--line");
        snprintf(room_for_word(&words), ROOM, "%s=%d", skus[i], quantities[i]);
    }
    start_runner(customers, runner, &words);
}

/* An order of either kind that was placed a while ago, or a moment ago. */
static bool throw_ref(struct customers *customers, char ref[WORD])
{
    bool imported = customers->placed == 0 || dice_between(&customers->dice, 0, 1) == 0;
    uint64_t count = imported ? customers->imported : customers->placed;
    if (count == 0)
        return false;
    uint64_t recent = count > 40 && dice_between(&customers->dice, 0, 2) > 0 ? count - 40 : 1;
    snprintf(ref, WORD, "%c-%lld", imported ? 'i' : 'c',
             (long long)dice_between(&customers->dice, (int64_t)recent, (int64_t)count));
    return true;
}

static void start_change(struct customers *customers, struct runner *runner, const char *command)
{
    if (!throw_ref(customers, runner->ref))
        return;
    struct words words = begin_words(customers, command);
    add_word(&words, runner->ref);
    start_runner(customers, runner, &words);
}

static void start_receiving(struct customers *customers, struct runner *runner)
{
    struct words words = begin_words(customers, "receive");
    sku_name(runner->sku, dice_between(&customers->dice, SKUS - SCARCE, SKUS - 1));
    runner->quantity = (int)dice_between(&customers->dice, 1, 9);
    add_word(&words, runner->sku);
    snprintf(room_for_word(&words), ROOM, "%d", runner->quantity);
    start_runner(customers, runner, &words);
}

static enum errand throw_errand(struct dice *dice)
{
    static const enum errand errands[] = {PLACE,  PLACE, PLACE, PLACE, PLACE,   PLACE_AGAIN, CANCEL,
                                          CANCEL, SHIP,  SHIP,  SHIP,  RECEIVE, ASK,         START};
    return errands[dice_between(dice, 0, sizeof errands / sizeof errands[0] - 1)];
}

static void start_errand(struct customers *customers, struct runner *runner)
{
    struct words words;
    runner->errand = throw_errand(&customers->dice);
    switch (runner->errand) {
    case PLACE: start_placing(customers, runner, ++customers->placed); break;
    case PLACE_AGAIN:
        if (customers->placed > 0)
            start_placing(customers, runner, (uint64_t)dice_between(&customers->dice, 1, (int64_t)customers->placed));
        break;
    case CANCEL: start_change(customers, runner, "cancel"); break;
    case SHIP: start_change(customers, runner, "ship"); break;
    case RECEIVE: start_receiving(customers, runner); break;
    case ASK:
        words = begin_words(customers, "stock");
        start_runner(customers, runner, &words);
        break;
    case START:
        words = begin_words(customers, NULL);
        add_word(&words, "--version");
        start_runner(customers, runner, &words);
        break;
    }
}

/* ---- the importer ---- */

static void write_order(const struct customers *customers, FILE *file, uint64_t number)
{
    struct dice dice = dice_of_order(customers, 'i', number);
    char skus[3][WORD];
    int quantities[3], lines = throw_lines(&dice, skus, quantities);
    for (int i = 0; i < lines; i++)
        fprintf(file, "i-%llu,customer-%llu,2026-11-23,%s,%d,2.50\n", (unsigned long long)number,
                (unsigned long long)number % 100, skus[i], quantities[i]);
}

static void write_next_file(struct customers *customers)
{
    uint64_t first = customers->imported > IMPORT_REPEATS ? customers->imported - IMPORT_REPEATS : 1;
    customers->importing =
        customers->imported + (uint64_t)dice_between(&customers->dice, IMPORT_ORDERS_MIN, IMPORT_ORDERS_MAX);
    FILE *file = fopen(customers->file, "we");
    if (file == NULL)
        exit(3);
    fprintf(file, "order_ref,customer_ref,ordered_at,sku,quantity,unit_price\n");
    for (uint64_t number = first; number <= customers->importing; number++)
        write_order(customers, file, number);
    if (fclose(file) != 0)
        exit(3);
}

/* An import that was killed is begun again, with the same file. */
static void start_importing(struct customers *customers)
{
    if (customers->importing == customers->imported)
        write_next_file(customers);
    struct words words = begin_words(customers, "import");
    add_word(&words, "--orders");
    add_word(&words, customers->file);
    start_runner(customers, &customers->importer, &words);
}

static void start_reading(struct customers *customers)
{
    struct words words = begin_words(customers, "events");
    add_word(&words, "--json");
    customers->reader.excused = false;
    customers->reader.started_us = clock_monotonic_us();
    customers->reader.process = process_start(words.items, "/dev/null");
    customers->reads++;
}

/* ---- what all of them do ---- */

struct customers *customers_open(struct storm *storm)
{
    struct customers *customers = calloc(1, sizeof *customers);
    if (customers == NULL)
        exit(3);
    customers->storm = storm;
    customers->dice = (struct dice){storm->seed};
    snprintf(customers->file, sizeof customers->file, "%s/orders.csv", storm->work);
    customers->journal = open(storm->journal_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (customers->journal < 0) {
        perror("storm: cannot open the journal");
        exit(3);
    }
    return customers;
}

static bool is_due(const struct runner *runner, int64_t now_us)
{
    return runner->process == 0 && now_us >= runner->next_at_us;
}

void customers_go_on(struct customers *customers)
{
    int64_t now_us = clock_monotonic_us();
    if (customers->storm->over)
        return;
    for (int i = 0; i < CUSTOMERS; i++)
        if (is_due(&customers->customers[i], now_us))
            start_errand(customers, &customers->customers[i]);
    if (is_due(&customers->importer, now_us) && customers->imported + customers->placed < ORDERS_CEILING)
        start_importing(customers);
    if (is_due(&customers->reader, now_us))
        start_reading(customers);
}

/* 0 is done, 1 a refusal, which is no business of ours for what may be refused. Nobody was killed, so nothing else may
 * be: no writer is kept out for longer than the queue's patience, nothing is damaged, nothing crashes. */
static void judge_ending(struct customers *customers, const struct runner *runner, const char *what, int ended,
                         bool may_be_refused)
{
    if (runner->excused ||
        (WIFEXITED(ended) && (WEXITSTATUS(ended) == 0 || (may_be_refused && WEXITSTATUS(ended) == 1))))
        return;
    if (WIFSIGNALED(ended))
        storm_breach(customers->storm, "%s was ended by signal %d", what, WTERMSIG(ended));
    else
        storm_breach(customers->storm, "%s ended with %d", what, WEXITSTATUS(ended));
}

static bool is_done(int ended)
{
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
}

static void conclude_errand(struct customers *customers, struct runner *runner, int ended, int64_t now_us)
{
    static const char *const words[] = {"till place",   "till place, again", "till cancel",   "till ship",
                                        "till receive", "till stock",        "till --version"};
    bool may_be_refused = runner->errand == CANCEL || runner->errand == SHIP;
    judge_ending(customers, runner, words[runner->errand], ended, may_be_refused);
    delays_note(customers->storm->delays,
                runner->errand == ASK     ? DELAY_QUERY
                : runner->errand == START ? DELAY_START
                                          : DELAY_COMMAND,
                runner->started_us, now_us);
    if (!is_done(ended)) {
        customers->refused++;
        return;
    }
    switch (runner->errand) {
    case PLACE:
    case PLACE_AGAIN: acknowledge(customers, "placed", runner->ref, 0); break;
    case CANCEL: acknowledge(customers, "cancelled", runner->ref, 0); break;
    case SHIP: acknowledge(customers, "shipped", runner->ref, 0); break;
    case RECEIVE: acknowledge(customers, "received", runner->sku, runner->quantity); break;
    case ASK:
    case START: break;
    }
}

static void conclude_import(struct customers *customers, int ended)
{
    judge_ending(customers, &customers->importer, "till import", ended, false);
    customers->imports++;
    if (is_done(ended))
        acknowledge_import(customers);
    else
        customers->killed_imports++;
}

bool customers_reap(struct customers *customers, pid_t process, int ended, int64_t now_us)
{
    struct dice *dice = &customers->dice;
    for (int i = 0; i < CUSTOMERS; i++) {
        struct runner *runner = &customers->customers[i];
        if (runner->process != process)
            continue;
        runner->process = 0;
        runner->next_at_us = now_us + dice_between(dice, PAUSE_MIN_US, PAUSE_MAX_US);
        conclude_errand(customers, runner, ended, now_us);
        return true;
    }
    if (process == customers->importer.process) {
        customers->importer.process = 0;
        customers->importer.next_at_us = now_us + dice_between(dice, IMPORT_PAUSE_MIN_US, IMPORT_PAUSE_MAX_US);
        conclude_import(customers, ended);
        return true;
    }
    if (process == customers->reader.process) {
        judge_ending(customers, &customers->reader, "till events", ended, false);
        customers->reader.process = 0;
        customers->reader.next_at_us = now_us + dice_between(dice, IMPORT_PAUSE_MIN_US, IMPORT_PAUSE_MAX_US);
        return true;
    }
    return false;
}

bool customers_are_done(const struct customers *customers)
{
    bool any = customers->importer.process != 0 || customers->reader.process != 0;
    for (int i = 0; i < CUSTOMERS; i++)
        any = any || customers->customers[i].process != 0;
    return !any;
}

pid_t customers_importer(const struct customers *customers)
{
    return customers->importer.process;
}

pid_t customers_reader(const struct customers *customers)
{
    return customers->reader.process;
}

void customers_excuse(struct customers *customers, pid_t process)
{
    if (process == customers->importer.process)
        customers->importer.excused = true;
    if (process == customers->reader.process)
        customers->reader.excused = true;
}

void customers_report(const struct customers *customers)
{
    printf(
        "customers: %llu acknowledged, %llu refused; %llu orders by hand, %llu imported in %llu imports (%llu killed), "
        "%llu readings of the roll\n",
        (unsigned long long)customers->acknowledged, (unsigned long long)customers->refused,
        (unsigned long long)customers->placed, (unsigned long long)customers->imported,
        (unsigned long long)customers->imports, (unsigned long long)customers->killed_imports,
        (unsigned long long)customers->reads);
}

void customers_close(struct customers *customers)
{
    close(customers->journal);
    free(customers);
}
