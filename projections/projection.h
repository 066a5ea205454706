/* projection.h - a read model as a value: what it wants to see, and how it folds one event into its tables.
 *
 * A projection is a pure fold from the roll into rows. It has no clock, no randomness and no way to the outside world,
 * so folding the same events again gives the same rows, whatever the batches, and can never send a mail twice. To add
 * one: write a file like stock.c and add one line to the table in projection.c.
 *
 * Rules for a projection's tables:
 *   1. Every table is STRICT and has a PRIMARY KEY, whose columns are its first ones: views are compared in its order.
 *   2. Keys come from the events (a position, an id, a sku), never from AUTOINCREMENT or max(rowid) + 1.
 *   3. No table is called "meta": that one is the view's own.
 *   4. When the schema or the meaning of a row changes, `version` is raised, and every view is folded again. */
#ifndef PROJECTIONS_PROJECTION_H
#define PROJECTIONS_PROJECTION_H

#include <stddef.h>

#include "base/status.h"
#include "domain/contracts/reads.h"
#include "eventstore/eventstore.h"

enum { PROJECTION_STATEMENTS_MAX = 24, PROJECTIONS_MAX = 16 };

struct view;
struct draft;

struct projection {
    const char *name;                /* names the view's file: lower-case letters */
    int version;                     /* of schema and meaning, 1 … */
    event_type_set types;            /* the events it wants; others never reach it */
    const struct field_reads *reads; /* what it reads of them; NULL: not said */
    const char *schema;              /* SQL that makes its tables */
    const char *indexes;             /* SQL for what only queries look up; NULL: nothing. A view that is built
                                      * without being asked gets them at its end */
    const char *const *statements;   /* SQL that it runs again and again, indexed by an enum of its own */
    size_t statement_count;

    /* Folds one event into the view's rows. The view is at all events before it; `event` is `recorded`'s data, decoded,
     * and both are gone after the call. STATUS_INVALID: the history makes no sense to this projection, which then stops
     * as failed; anything of the world (full, busy …) is tried again later. */
    enum status (*apply)(struct view *view, const struct recorded_event *recorded, const struct event *event,
                         struct error *error);

    /* Writes one of the rows that apply() has left as drafts (drafts.h); NULL where it leaves none. */
    enum status (*write)(struct view *view, const struct draft *draft, struct error *error);
};

/* All of them, in the order they are listed to people. */
extern const struct projection *const projections[];
extern const size_t projection_count;

/* NULL when none has this name. */
const struct projection *projection_find(const char *name);

#endif
