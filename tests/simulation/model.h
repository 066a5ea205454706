/* model.h - what a roll must mean, written a second time: it shares no code with the shop.
 *
 * Fed with the rows of the roll in the order of their positions, it keeps what the business knows of each order and
 * each sku, and says of the first event that may not stand there why not. */
#ifndef TESTS_SIMULATION_MODEL_H
#define TESTS_SIMULATION_MODEL_H

#include <stdbool.h>

#include "tests/simulation/map.h"

enum { MODEL_DIGEST_BYTES = 32, MODEL_SERVICES = 4, MODEL_SKUS_MAX = 16, MODEL_SENTENCE_SIZE = 512 };

/* A row of the table `event`, its names looked up. Borrowed. */
struct row {
    uint64_t position, version, causation;
    const char *type, *category, *entity, *actor, *producer, *data;
    size_t data_length;
    int64_t schema_version, recorded_at_us;
    const unsigned char *event_id, *correlation, *command_id; /* 16 bytes; command_id may be NULL */
    const unsigned char *digest;
};

enum model_phase { NOT_PLACED, PLACED, CONFIRMED, CANCELLING, REJECTED, CANCELLED, SHIPPED };
enum model_payment { NOT_ASKED, CAPTURED, DECLINED, REFUNDED };
enum model_holding { NOTHING_HELD, HELD, FAILED, WITHDRAWN, RELEASED, GONE };

struct model_order {
    char id[37], ref[40];
    enum model_phase phase;
    enum model_payment payment;
    enum model_holding holding;
    int64_t total_minor, captured_minor, refunded_minor;
    int64_t held[MODEL_SKUS_MAX]; /* by the live reservation */
    bool told_confirmed, told_rejected, told_cancelled, told_shipped;
    uint64_t last_cause[MODEL_SERVICES];   /* of each service's answers */
    uint64_t last_handled[MODEL_SERVICES]; /* for whoever watches the services */
};

struct model_sku {
    char name[40];
    int64_t received, shipped, reserved; /* as the sku's own events say */
    int64_t held;                        /* by live reservations */
};

struct model {
    uint64_t position;
    int64_t recorded_at_us;
    unsigned char digest[MODEL_DIGEST_BYTES];
    struct map versions;
    struct map order_of; /* an entity's key → its index + 1 */
    struct model_order *orders;
    size_t order_count, order_capacity;
    struct model_sku skus[MODEL_SKUS_MAX];
    size_t sku_count;
    size_t told;                     /* NotificationSent in all */
    char wrong[MODEL_SENTENCE_SIZE]; /* the first thing found wrong; "" so far */
    char about[40];                  /* the order it is about, or "" */
};

/* A roll of the store with this id (16 bytes), still empty. */
void model_start(struct model *model, const unsigned char *store_id);
void model_clear(struct model *model);

/* The next event of the roll. False when it may not stand there. */
bool model_feed(struct model *model, const struct row *row);

/* What must hold whenever whole commits have been fed: no sku is oversold, and what the skus say is reserved is what
 * live reservations hold. */
bool model_balances(struct model *model);

/* NULL when there is none of this id. */
struct model_order *model_order(struct model *model, const char *id);

const char *model_phase_name(enum model_phase phase);

/* Over: nothing more will happen by itself. */
bool model_is_at_rest(const struct model_order *order);

/* The index of a service by its name; MODEL_SERVICES for anybody else. */
unsigned model_service(const char *actor);

/* Writes the sentence, unless one stands already; returns false. */
bool model_wrong(struct model *model, const char *order, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
