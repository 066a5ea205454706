/* strikes.c - the supervisor, and what befalls it and the others: one strike after the other, so that a delay can be
 * laid at somebody's door.
 *
 * Somebody is killed; or stopped, for up to two seconds, wherever he is; or stopped inside: in the writers' queue or in
 * a read transaction, which are the places where it hurts. A moment that short is not met by chance, so it is looked
 * for: stop, see which locks are held, let go and try again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/chaos/storm.h"

enum {
    STOP_MIN_US = 100000,
    STOP_MAX_US = 2000000,
    CALM_MIN_US = 50000,
    CALM_MAX_US = 350000,
    SEEK_MAX_US = 3000000, /* how long a moment is looked for */
    STOPPING_MAX_US = 200000,
    KILL_DELAY_MAX_US = 20000,
    WARM_UP_US = 700000,
    SECOND_RUN_MAX_US = 5000000,
    ORPHANS_MAX_US = 1000000,
    RUN_OPTIONS_MAX = 16,
    ALL_BLOWS_S = 15,  /* a storm so long must have had every kind of blow … */
    ALL_KILLED_S = 40, /* … and so long, must have killed everybody */
};

enum victim { ORDER, PAYMENT, INVENTORY, NOTIFICATION, PROJECTOR, SUPERVISOR, IMPORTER, READER, VICTIMS };
static const char *const victim_names[VICTIMS] = {"order",     "payment",    "inventory", "notification",
                                                  "projector", "supervisor", "importer",  "reader"};

/* Everybody's turn comes: a deck is shuffled, and dealt to the end before it is shuffled again. */
enum { DECK_MAX = 24 };
struct deck {
    int cards[DECK_MAX], count, dealt;
};

enum blow { KILL, STOP, STOP_IN_QUEUE, STOP_READING, SECOND_RUN, BLOWS };
static const char *const blow_names[BLOWS] = {"killed", "stopped", "stopped in the queue", "stopped while reading",
                                              "a second till run"};

enum phase { CALM, SEEKING, STOPPED, SECOND_RUNS };

struct strikes {
    struct storm *storm;
    struct dice dice;
    struct deck blows, to_kill, to_stop, to_stop_in_queue, to_stop_reading;
    pid_t supervisor; /* 0: none is at work */
    int64_t supervisor_at_us;
    bool supervisor_was_struck;

    enum phase phase;
    int64_t until_us; /* the phase ends */
    enum blow blow;
    enum victim victim;
    pid_t struck; /* the process that is stopped or looked at */
    int64_t stopped_at_us, stop_us;
    int64_t kill_at_us; /* 0: the victim was not there yet */
    struct holding holding;
    pid_t second;
    int64_t orphans_until_us; /* children of a dead supervisor may still be dying; 0 when there are none */
    uint64_t counts[BLOWS], killed[VICTIMS], stopped[VICTIMS], in_vain;
};

/* ---- decks ---- */

static void deck_add(struct deck *deck, int card, int times)
{
    while (times-- > 0)
        deck->cards[deck->count++] = card;
    deck->dealt = deck->count;
}

static int deck_deal(struct deck *deck, struct dice *dice)
{
    if (deck->dealt == deck->count) {
        for (int i = deck->count - 1; i > 0; i--) {
            int other = (int)dice_between(dice, 0, i), card = deck->cards[i];
            deck->cards[i] = deck->cards[other];
            deck->cards[other] = card;
        }
        deck->dealt = 0;
    }
    return deck->cards[deck->dealt++];
}

static void fill_decks(struct strikes *strikes)
{
    deck_add(&strikes->blows, KILL, 9);
    deck_add(&strikes->blows, STOP, 5);
    deck_add(&strikes->blows, STOP_IN_QUEUE, 3);
    deck_add(&strikes->blows, STOP_READING, 3);
    deck_add(&strikes->blows, SECOND_RUN, 2);
    for (int victim = 0; victim < READER; victim++) {
        deck_add(&strikes->to_kill, victim, 1);
        deck_add(&strikes->to_stop, victim, 1);
    }
    deck_add(&strikes->to_kill, IMPORTER, 1);
    for (int victim = ORDER; victim <= NOTIFICATION; victim++)
        deck_add(&strikes->to_stop_in_queue, victim, 1);
    deck_add(&strikes->to_stop_in_queue, IMPORTER, 2);
    deck_add(&strikes->to_stop_reading, READER, 2);
    deck_add(&strikes->to_stop_reading, PROJECTOR, 1);
    deck_add(&strikes->to_stop_reading, ORDER, 1);
}

/* ---- the supervisor ---- */

static pid_t start_run(const struct storm *storm)
{
    const char *arguments[RUN_OPTIONS_MAX + 5] = {storm->till, "run", "--shop", storm->shop};
    for (int i = 0; i < RUN_OPTIONS_MAX && storm->run_options[i] != NULL; i++)
        arguments[4 + i] = storm->run_options[i];
    return process_start(arguments, storm->log);
}

static void start_supervisor(struct strikes *strikes, int64_t now_us)
{
    strikes->supervisor = start_run(strikes->storm);
    strikes->supervisor_at_us = now_us;
    strikes->supervisor_was_struck = false;
}

struct strikes *strikes_open(struct storm *storm)
{
    struct strikes *strikes = calloc(1, sizeof *strikes);
    if (strikes == NULL)
        exit(3);
    strikes->storm = storm;
    strikes->dice = (struct dice){~storm->seed};
    fill_decks(strikes);
    int64_t now_us = clock_monotonic_us();
    strikes->until_us = now_us + WARM_UP_US;
    start_supervisor(strikes, now_us);
    return strikes;
}

static pid_t find_victim(const struct strikes *strikes, enum victim victim)
{
    switch (victim) {
    case SUPERVISOR: return strikes->supervisor;
    case IMPORTER: return customers_importer(strikes->storm->customers);
    case READER: return customers_reader(strikes->storm->customers);
    default: return strikes->supervisor == 0 ? 0 : process_find_worker(strikes->supervisor, victim_names[victim]);
    }
}

/* ---- blows ---- */

static void be_calm(struct strikes *strikes, int64_t now_us)
{
    strikes->phase = CALM;
    strikes->struck = 0;
    strikes->until_us = now_us + dice_between(&strikes->dice, CALM_MIN_US, CALM_MAX_US);
}

static void kill_victim(struct strikes *strikes, pid_t process)
{
    customers_excuse(strikes->storm->customers, process);
    if (strikes->victim == SUPERVISOR)
        strikes->supervisor_was_struck = true;
    kill(process, SIGKILL);
    strikes->killed[strikes->victim]++;
}

/* Stops the process and waits until it is. False when it ended meanwhile, or hangs in the kernel. */
static bool stop_process(pid_t process)
{
    int64_t deadline_us = clock_monotonic_us() + STOPPING_MAX_US;
    if (kill(process, SIGSTOP) != 0)
        return false;
    char state;
    while ((state = process_state(process)) != 'T')
        if (state == 0 || state == 'Z' || clock_monotonic_us() > deadline_us)
            return false;
    return true;
}

static bool is_where_it_hurts(const struct strikes *strikes)
{
    switch (strikes->blow) {
    case STOP_IN_QUEUE: return strikes->holding.queue;
    case STOP_READING: return strikes->holding.reading && !strikes->holding.queue;
    default: return true;
    }
}

/* Nobody writes or checkpoints the roll but inside the queue. */
static void check_discipline(struct strikes *strikes)
{
    if (strikes->holding.writing && !strikes->holding.queue)
        storm_breach(strikes->storm, "the %s was stopped while it wrote to the roll outside the writers' queue",
                     victim_names[strikes->victim]);
}

/* A worker is looked up once: going through all processes takes longer than the moment that is looked for. */
static pid_t find_sought(struct strikes *strikes)
{
    bool comes_and_goes = strikes->victim == IMPORTER || strikes->victim == READER;
    char state = strikes->struck == 0 ? 0 : process_state(strikes->struck);
    if (comes_and_goes || state == 0 || state == 'Z')
        strikes->struck = find_victim(strikes, strikes->victim);
    return strikes->struck;
}

/* Not at once: who has only just started has done nothing yet. */
static void kill_in_a_moment(struct strikes *strikes, pid_t process, int64_t now_us)
{
    if (strikes->kill_at_us == 0)
        strikes->kill_at_us = now_us + dice_between(&strikes->dice, 0, KILL_DELAY_MAX_US);
    if (now_us < strikes->kill_at_us)
        return;
    kill_victim(strikes, process);
    strikes->counts[KILL]++;
    be_calm(strikes, now_us);
}

static void seek(struct strikes *strikes, int64_t now_us)
{
    if (now_us > strikes->until_us) {
        strikes->in_vain++;
        be_calm(strikes, now_us);
        return;
    }
    pid_t process = find_sought(strikes);
    if (process == 0)
        return;
    if (strikes->blow == KILL) {
        kill_in_a_moment(strikes, process, now_us);
        return;
    }
    if (!stop_process(process)) {
        kill(process, SIGCONT);
        return;
    }
    int64_t stopped_at_us = clock_monotonic_us();
    strikes->holding = process_holds(process, strikes->storm->shop);
    check_discipline(strikes);
    if (!is_where_it_hurts(strikes)) {
        kill(process, SIGCONT);
        return;
    }
    strikes->struck = process;
    strikes->stopped_at_us = stopped_at_us;
    strikes->phase = STOPPED;
    strikes->until_us = stopped_at_us + strikes->stop_us;
    strikes->stopped[strikes->victim]++;
    strikes->counts[strikes->blow]++;
}

/* He goes on, or is killed where he stands. */
static void end_stop(struct strikes *strikes, int64_t now_us)
{
    if (dice_between(&strikes->dice, 0, 3) == 0)
        kill_victim(strikes, strikes->struck);
    else
        kill(strikes->struck, SIGCONT);
    delays_note_stop(strikes->storm->delays, strikes->stopped_at_us, clock_monotonic_us(), strikes->holding);
    be_calm(strikes, now_us);
}

static void start_second_run(struct strikes *strikes, int64_t now_us)
{
    if (now_us - strikes->supervisor_at_us < WARM_UP_US) { /* it may not have come so far itself */
        strikes->blows.dealt--;
        be_calm(strikes, now_us);
        return;
    }
    strikes->second = start_run(strikes->storm);
    strikes->phase = SECOND_RUNS;
    strikes->until_us = now_us + SECOND_RUN_MAX_US;
    strikes->counts[SECOND_RUN]++;
}

static enum victim deal_victim(struct strikes *strikes)
{
    struct dice *dice = &strikes->dice;
    switch (strikes->blow) {
    case KILL: return (enum victim)deck_deal(&strikes->to_kill, dice);
    case STOP_IN_QUEUE: return (enum victim)deck_deal(&strikes->to_stop_in_queue, dice);
    case STOP_READING: return (enum victim)deck_deal(&strikes->to_stop_reading, dice);
    default: return (enum victim)deck_deal(&strikes->to_stop, dice);
    }
}

static void strike(struct strikes *strikes, int64_t now_us)
{
    strikes->blow = (enum blow)deck_deal(&strikes->blows, &strikes->dice);
    if (strikes->blow == SECOND_RUN) {
        start_second_run(strikes, now_us);
        return;
    }
    strikes->victim = deal_victim(strikes);
    strikes->stop_us =
        dice_between(&strikes->dice, STOP_MIN_US, dice_between(&strikes->dice, STOP_MIN_US, STOP_MAX_US));
    strikes->kill_at_us = 0;
    strikes->phase = SEEKING;
    strikes->until_us = now_us + SEEK_MAX_US;
}

/* A supervisor's children die with it. Who does not is our child now, as we are the reaper of orphans. */
static void look_for_orphans(struct strikes *strikes, int64_t now_us)
{
    if (strikes->orphans_until_us == 0 || now_us < strikes->orphans_until_us)
        return;
    strikes->orphans_until_us = 0;
    for (int i = 0; i < SUPERVISOR; i++) {
        pid_t orphan = process_find_worker(getpid(), victim_names[i]);
        if (orphan == 0)
            continue;
        storm_breach(strikes->storm, "the %s outlived its supervisor", victim_names[i]);
        kill(orphan, SIGKILL);
    }
}

void strikes_go_on(struct strikes *strikes, int64_t now_us)
{
    if (strikes->supervisor == 0 && !strikes->storm->over)
        start_supervisor(strikes, now_us);
    if (strikes->phase == SEEKING && !strikes->storm->over)
        seek(strikes, now_us);
    look_for_orphans(strikes, now_us);
    if (now_us < strikes->until_us)
        return;
    if (strikes->phase == STOPPED)
        end_stop(strikes, now_us);
    else if (strikes->phase == SECOND_RUNS)
        kill(strikes->second, SIGKILL);
    else if (strikes->phase == CALM && !strikes->storm->over)
        strike(strikes, now_us);
}

/* ---- endings ---- */

static void reap_supervisor(struct strikes *strikes, int ended, int64_t now_us)
{
    strikes->supervisor = 0;
    if (!strikes->supervisor_was_struck && !(WIFEXITED(ended) && WEXITSTATUS(ended) == 0 && strikes->storm->over))
        storm_breach(strikes->storm, "till run ended by itself, with %s %d", WIFSIGNALED(ended) ? "signal" : "status",
                     WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
    if (strikes->orphans_until_us == 0)
        strikes->orphans_until_us = now_us + ORPHANS_MAX_US;
}

static void reap_second(struct strikes *strikes, int ended, int64_t now_us)
{
    strikes->second = 0;
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 4)
        storm_breach(strikes->storm, "a second till run was not refused with 4 within %d s: it ended with %s %d",
                     SECOND_RUN_MAX_US / 1000000, WIFSIGNALED(ended) ? "signal" : "status",
                     WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
    be_calm(strikes, now_us);
}

bool strikes_reap(struct strikes *strikes, pid_t process, int ended, int64_t now_us)
{
    if (process == strikes->supervisor)
        reap_supervisor(strikes, ended, now_us);
    else if (process == strikes->second)
        reap_second(strikes, ended, now_us);
    else
        return false;
    return true;
}

void strikes_end(struct strikes *strikes)
{
    int64_t now_us = clock_monotonic_us();
    if (strikes->phase == STOPPED) {
        kill(strikes->struck, SIGCONT);
        delays_note_stop(strikes->storm->delays, strikes->stopped_at_us, now_us, strikes->holding);
    }
    if (strikes->second == 0)
        be_calm(strikes, now_us);
    if (strikes->supervisor != 0)
        kill(strikes->supervisor, SIGTERM);
}

bool strikes_are_done(const struct strikes *strikes)
{
    return strikes->supervisor == 0 && strikes->second == 0 && strikes->orphans_until_us == 0;
}

/* ---- the report ---- */

/* A storm that was long enough has met everything, or it would have proved nothing. */
static void expect_any(const struct strikes *strikes, uint64_t count, int after_s, const char *what, const char *whom)
{
    if (count == 0 && strikes->storm->seconds >= after_s)
        storm_breach(strikes->storm, "this storm proves little: in %d s there was no %s%s", strikes->storm->seconds,
                     what, whom);
}

static void print_counts(const char *what, const uint64_t counts[VICTIMS])
{
    printf("%s:", what);
    for (int i = 0; i < VICTIMS; i++)
        printf(" %s %llu", victim_names[i], (unsigned long long)counts[i]);
    printf("\n");
}

void strikes_report(struct strikes *strikes)
{
    for (int i = 0; i < BLOWS; i++) {
        printf("%s%s %llu", i > 0 ? ", " : "blows: ", blow_names[i], (unsigned long long)strikes->counts[i]);
        expect_any(strikes, strikes->counts[i], ALL_BLOWS_S, "blow of the kind: ", blow_names[i]);
    }
    printf("; a moment was looked for in vain: %llu\n", (unsigned long long)strikes->in_vain);
    print_counts("killed", strikes->killed);
    print_counts("stopped", strikes->stopped);
    for (int i = 0; i < READER; i++)
        expect_any(strikes, strikes->killed[i], ALL_KILLED_S, "killed ", victim_names[i]);
}

void strikes_close(struct strikes *strikes)
{
    free(strikes);
}
