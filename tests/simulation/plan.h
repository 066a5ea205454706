/* plan.h - what is going to happen: a list of steps, thrown from one seed.
 *
 * A step is a plain value that depends on no other step, so that any of them can be left out and the rest still means
 * something: that is how a failing plan is shrunk. */
#ifndef TESTS_SIMULATION_PLAN_H
#define TESTS_SIMULATION_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "tests/simulation/disk.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum act {
    ACT_STEP_SERVICE, /* `who` handles one batch of at most `a` events */
    ACT_STEP_SECOND,  /* so does a second instance of it, which was started some time ago, or is now */
    ACT_ORPHAN,       /* `who` goes on as that second instance, and a new one is started in its place */
    ACT_REWIND,       /* the checkpoint of `who` is set back by `a` positions */
    ACT_STEP_PROJECTOR,
    ACT_REBUILD,      /* view `who` */
    ACT_DELETE_VIEWS, /* all of them, or with `a` only view `who` */
    ACT_ASK_VIEW,     /* somebody looks at view `who` */
    ACT_PLACE,        /* the next order */
    ACT_PLACE_AGAIN,  /* order `a`, with `b` other content */
    ACT_CANCEL,       /* order `a` */
    ACT_SHIP,         /* order `a` */
    ACT_RECEIVE,      /* `b` units of sku `a` */
    ACT_RETRY_DEAD,   /* a person retries all dead letters */
    ACT_LATE_CALLS,   /* what was on its way to the bank arrives */
    ACT_BANK_DOWN,    /* for `a` ms it answers nothing */
    ACT_WAIT,         /* `a` ms pass */
    ACT_CLOCK_JUMP,   /* by `a` − PLAN_CLOCK_MIDDLE_MS */
    ACTS
};

enum { PLAN_CLOCK_MIDDLE_MS = 2000000000 /* 23 days */ };

/* How the bank behaves to one step of the payment service. */
enum bank {
    BANK_WELL,
    BANK_LOSES_ANSWER, /* does what it is asked; nobody hears of it */
    BANK_SILENT,       /* neither does it nor answers */
    BANK_LATE_CALL,    /* nobody hears of it, and it is done later */
    BANK_SLOW,         /* answers after 40 s */
    BANK_HANGS,        /* cannot even be asked */
    BANK_REFUSES,      /* refuses refunds today */
    BANKS
};

/* How the process that makes the step ends. */
enum end {
    END_LIVES,
    END_BEFORE_CALL,   /* dies before it has called outside */
    END_BEFORE_COMMIT, /* dies after that, before the commit */
    END_AFTER_COMMIT,
    END_POWER, /* power is lost: where the disk's fault strikes, or after the step */
    ENDS
};

struct step {
    enum act act;
    uint32_t who, a, b;
    enum bank bank;
    enum end end;
    enum disk_fault disk;
    uint32_t disk_nth, disk_count;
    uint32_t memory_nth; /* so many allocations on, one fails; 0: none does */
    /* What somebody else does between the decision of a service and its commit; ACT_STEP_SERVICE for nothing. */
    enum act between;
    uint32_t between_a, between_b;
    uint64_t dice; /* what else is thrown while the step is made */
};

struct plan {
    uint64_t seed;
    uint32_t orders;
    struct step *steps;
    size_t count;
};

/* What may go wrong, as bits. */
enum faults {
    FAULT_KILL = 1,     /* services die */
    FAULT_AGAIN = 2,    /* delivery again: rewound checkpoints, second instances, orphans */
    FAULT_BANK = 4,     /* the bank misbehaves */
    FAULT_DISK = 8,     /* operations fail, the disk is full, locks are not to be had */
    FAULT_POWER = 16,   /* power is lost */
    FAULT_VIEWS = 32,   /* rebuilds, killed or not, and deleted views */
    FAULT_CLOCK = 64,   /* the clock jumps */
    FAULT_RACES = 128,  /* others act between a decision and its commit */
    FAULT_MEMORY = 256, /* an allocation fails */
    FAULTS_ALL = 511
};

/* "kill,bank" or "all" or "none"; false when a word is no fault. `*faults` is a set of bits. */
bool faults_from_text(const char *text, unsigned *faults);

/* Every name with a sentence, a line each, for --help. */
extern const char faults_help[];

/* Throws the steps of `orders` orders, with faults `wild` times (1 …) as often as usual. plan_clear gives them back. */
void plan_throw(struct plan *plan, uint64_t seed, uint32_t orders, unsigned faults, uint32_t wild);
void plan_clear(struct plan *plan);

/* One step in words, without a line's end. */
void step_describe(const struct step *step, struct buffer *out);

#endif
