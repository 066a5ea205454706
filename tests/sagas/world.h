/* world.h - a whole shop in memory, small enough to be copied thousands of times a second: the roll, what consumers
 * remember, the bank and the post. It stands in for eventstore/, gateway.c and mailbox.c behind their own headers, so
 * that the real services and the real runtime run on it unchanged.
 *
 * Events are made once and shared by all worlds that hold them: a world is little more than a list of pointers. */
#ifndef TESTS_SAGAS_WORLD_H
#define TESTS_SAGAS_WORLD_H

#include "eventstore/eventstore.h"
#include "services/gateway.h"

enum { WORLD_EVENTS_MAX = 64, WORLD_CONSUMERS = 4, WORLD_MAILS_MAX = 8, WORLD_MONEY_MAX = 4 };

struct world_money {
    char key[64];
    enum gateway_kind kind;
    int64_t amount_minor;
    bool voided; /* no money: the key is dead */
};

struct world {
    const struct recorded_event *events[WORLD_EVENTS_MAX];
    int event_count;
    uint64_t checkpoints[WORLD_CONSUMERS]; /* in the order of service_names */
    struct world_money money[WORLD_MONEY_MAX];
    int money_count;
    struct uuid mails[WORLD_MAILS_MAX];
    int mail_count;
    unsigned actions_taken; /* by the customer and the clerk: bits of the explorer's own */
};

/* The store, bank and mailbox that show the world `world`, which the caller may exchange at any time. */
struct eventstore *world_store(struct world **world);
struct gateway *world_gateway(struct world **world);
struct mailbox;
struct mailbox *world_mailbox(struct world **world);

/* Gives back every event that was ever made; no world may be used after it. */
void world_forget_events(void);

#endif
