/* history.h - hand-made histories for the tests of projections: a shop in a temporary folder, and one function a fact.
 *
 * Orders are named by small numbers. Every fact is recorded one second after the one before, from 2026-01-01T00:00:00Z
 * on, so that times can be foretold: the fact at position n is recorded at history_time(n). */
#ifndef TESTS_PROJECTIONS_HISTORY_H
#define TESTS_PROJECTIONS_HISTORY_H

#include <stdbool.h>
#include <sys/types.h>

#include "domain/event.h"
#include "eventstore/eventstore.h"
#include "projections/view.h"
#include "tests/support/temporary.h"

struct history {
    char folder[TEMPORARY_SIZE];
    struct eventstore *store;
    struct view_home home; /* with a notice that counts and keeps the last sentence */
    int notices;
    char notice[ERROR_TEXT_MAX + 256];
    struct fake_clock time;
    struct clock clock;
};

/* A new shop in a temporary folder; and its end. Both fail the test when they cannot. */
struct history *history_new(void);
void history_end(struct history *history);

int64_t history_time(uint64_t position);

/* The id of order `number`. */
struct uuid order_id(int number);

/* States one event in the stream it belongs to. */
void state(struct history *history, const struct event *event);

/* States several in one commit: for large histories. */
void state_all(struct history *history, const struct event *events, size_t count);

/* Writes an event whose data is `data`, whatever it is. */
void state_raw(struct history *history, const char *category, const char *entity, const char *type, int schema_version,
               const char *data);

/* The usual facts. An order has one line, `quantity` of `sku` at 250 minor units, and is placed by "ann". */
void listed(struct history *history, const char *sku);
void received(struct history *history, const char *sku, int64_t quantity);
void placed(struct history *history, int order, const char *sku, int64_t quantity);
void happened(struct history *history, int order, enum event_type type); /* any other event of an order */
void listed_many(struct history *history, int from, int count);          /* large rows: "sku-<from>" and on */

/* Order 1 confirmed, order 2 rejected, order 3 cancelled after it was confirmed, order 4 shipped, all told; order 5
 * only placed: each kind of event at least once. */
void busy_week(struct history *history);

/* A sixth projection, "picky": a table of positions, for what goes wrong while folding. At the event on `at` it does as
 * `fault` says. */
enum {
    PICKY_NEVER,
    PICKY_REFUSES,
    PICKY_DISK_FULL,
    PICKY_DIES,
    PICKY_IS_SLOW, /* from there on: 1 ms an event */
    PICKY_MEDDLES, /* as `meddle` says */
};
struct picky {
    uint64_t at;
    int fault;
    enum status (*meddle)(struct history *history, struct error *error);
    struct history *history; /* whose files it meddles with */
};
extern struct picky picky;
extern const struct projection picky_projection;

uint64_t head_of(struct history *history);
struct view *fresh(struct history *history, const struct projection *projection);
struct view *as_of(struct history *history, const struct projection *projection, uint64_t position);

/* Fails the test unless the live view equals a fold from the first event. */
void assert_view_equals_roll(struct history *history, const struct projection *projection);

/* The first column of the first row. */
int64_t number_in(struct history *history, const char *file, const char *sql);

off_t bytes_of(struct history *history, const char *file);

/* Deletes the folder views, with all that is in it. */
void delete_views(struct history *history);

/* In a child process: runs `act` on a handle of the store of its own. */
void in_child(const struct history *history, void (*act)(struct history *history));

/* Runs `act` in a child process, and expects that the child dies by SIGKILL. */
void dies(struct history *history, void (*act)(struct history *history));

/* Runs SQL on a database in the shop, as a person with the sqlite3 shell might. */
void meddle(struct history *history, const char *file, const char *sql);

/* Overwrites a piece of a file that nobody has open, at most a page. */
void spoil(struct history *history, const char *file, off_t from, size_t length);

/* What the link views/<name>.db names; "" when there is none. */
const char *link_of(struct history *history, const char *name);

/* How many files in views/ begin with `prefix`. */
int files_like(struct history *history, const char *prefix);

#endif
