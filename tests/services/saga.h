/* saga.h - a shop on a real store in a temporary folder, whose services are stepped by hand.
 *
 *     struct saga saga;
 *     saga_open(&saga);
 *     saga_place(&saga, "1", "tea", 2, "tok_ok");
 *     saga_step(&saga, PAYMENT);
 *     saga_cancel(&saga, "1");
 *     saga_settle(&saga);
 *     saga_expect(&saga, "1", "OrderPlaced PaymentCaptured …");
 *     saga_close(&saga);
 */
#ifndef TESTS_SERVICES_SAGA_H
#define TESTS_SERVICES_SAGA_H

#include <criterion/criterion.h>

#include "services/commands.h"
#include "services/services.h"
#include "tests/support/temporary.h"

enum { ORDER, PAYMENT, INVENTORY, NOTIFICATION }; /* as in service_names */

enum { HANDLED_MAX = 256 };

struct saga {
    char folder[TEMPORARY_SIZE];
    struct fake_clock time;
    struct clock clock;
    struct eventstore *store;
    struct shop_desk desk;
    struct service_house houses[SERVICES_COUNT];
    struct consumer *consumers[SERVICES_COUNT];
    size_t batch_events;       /* for consumers that are started from now on */
    struct retry_policy retry; /* likewise */
    struct error error;        /* of the last command */
    char parked_reason[ERROR_TEXT_MAX];
    enum outcome outcomes[HANDLED_MAX]; /* of all handled events, in order */
    int handled_count;
};

/* A shop that sells tea: ten on the shelf, at 5.00 USD. Every service steps one event at a time. */
void saga_open(struct saga *saga);
void saga_close(struct saga *saga);

/* Commands; the status is the answer, the sentence is in saga->error. */
enum status saga_list(struct saga *saga, const char *sku, int64_t stock);
enum status saga_place(struct saga *saga, const char *ref, const char *sku, int64_t quantity, const char *card);
enum status saga_cancel(struct saga *saga, const char *ref);
enum status saga_ship(struct saga *saga, const char *ref);

/* One batch of one service. */
struct progress saga_step(struct saga *saga, int service);

/* All services in turn until none has anything to do now; waiting events stay waiting. */
void saga_settle(struct saga *saga);

/* The service dies and is started again: it knows only what the store knows. */
void saga_restart(struct saga *saga, int service);

/* Its consumer only: the house stays as the test has changed it. */
void saga_reopen(struct saga *saga, int service);

/* The events of an order's own streams are these, in this order, named with a blank between them. */
void saga_expect(struct saga *saga, const char *ref, const char *types);

/* The only event of this type in the order's streams has `piece` in its data. */
void saga_expect_data(struct saga *saga, const char *ref, const char *type, const char *piece);

/* How often an event of this type stands on the whole roll. */
int saga_count(struct saga *saga, const char *type);

/* Money kept of an order, from the bank's own book; and how many movements there are in all. */
int64_t saga_money_kept(struct saga *saga, const char *ref);
int saga_movements(struct saga *saga);

/* Mails in the box. */
int saga_mails(struct saga *saga);

struct stock saga_stock(struct saga *saga, const char *sku);

/* Parked events of a consumer, and the state of the first; its reason is then in saga->parked_reason. */
int saga_parked(struct saga *saga, const char *consumer, struct parked *first);

/* A person has the only dead letter of a service tried again. */
void saga_retry_dead_letter(struct saga *saga, int service);

#endif
