/* storm.h - a shop under fire: real processes of `till`, customers and an importer who never rest, and a dice that
 * kills and stops whoever is at work.
 *
 *     storm.c      the program: options, the loop, the report
 *     customers.c  commands one after the other, timed; what was acknowledged goes into the journal
 *     strikes.c    the supervisor, and what befalls it and the others
 *     delays.c     how long commands took, and how long they may have taken
 *     process.c    processes and locks, seen from outside
 *
 * The storm makes no judgement of the shop: scripts/chaos.sh does, when it is over. It judges what only it can see: how
 * commands and services ended, who was refused, and how long each had to wait. */
#ifndef TESTS_CHAOS_STORM_H
#define TESTS_CHAOS_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/chaos/process.h"

/* ---- dice (SplitMix64, S. Vigna) ---- */

struct dice {
    uint64_t state;
};
uint64_t dice_throw(struct dice *dice);
/* From `low` up to and including `high`. */
int64_t dice_between(struct dice *dice, int64_t low, int64_t high);

/* ---- the storm ---- */

struct storm {
    const char *till;         /* the program */
    const char *work;         /* the folder of everything; the shop is work/shop */
    char *const *run_options; /* further ones for `till run`; NULL at the end */
    char shop[512], log[512], journal_path[512];
    uint64_t seed;
    int seconds;
    int64_t started_us, ends_at_us;
    bool over;    /* nothing new is begun */
    int breaches; /* sentences said by storm_breach */

    struct customers *customers;
    struct strikes *strikes;
    struct delays *delays;
};

/* Says what must not be, once and for all. */
void storm_breach(struct storm *storm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- customers ---- */

struct customers *customers_open(struct storm *storm);
/* Begins what is due. */
void customers_go_on(struct customers *customers);
/* True when it was one of theirs. `ended` as from waitpid. */
bool customers_reap(struct customers *customers, pid_t process, int ended, int64_t now_us);
bool customers_are_done(const struct customers *customers);
/* The importer at work; 0 when there is none just now. Whoever kills it says so. */
pid_t customers_importer(const struct customers *customers);
pid_t customers_reader(const struct customers *customers);
void customers_excuse(struct customers *customers, pid_t process);
void customers_report(const struct customers *customers);
void customers_close(struct customers *customers);

/* ---- strikes ---- */

struct strikes *strikes_open(struct storm *storm);
void strikes_go_on(struct strikes *strikes, int64_t now_us);
bool strikes_reap(struct strikes *strikes, pid_t process, int ended, int64_t now_us);
/* Lets everything go on that is stopped, and ends the supervisor. */
void strikes_end(struct strikes *strikes);
bool strikes_are_done(const struct strikes *strikes);
/* Says what a storm of this length must have met and did not: it would have proved nothing. */
void strikes_report(struct strikes *strikes);
void strikes_close(struct strikes *strikes);

/* ---- delays ---- */

enum delay_kind { DELAY_COMMAND, DELAY_QUERY, DELAY_START, DELAY_SYNC, DELAY_KINDS };

struct delays *delays_open(struct storm *storm);
void delays_note(struct delays *delays, enum delay_kind kind, int64_t from_us, int64_t to_us);
void delays_note_stop(struct delays *delays, int64_t from_us, int64_t to_us, struct holding holding);
/* Every command against what it may have taken. */
void delays_report(struct delays *delays);
void delays_close(struct delays *delays);

#endif
