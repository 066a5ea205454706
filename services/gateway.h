/* gateway.h - the bank: another company's system, simulated with its own book in its own file.
 *
 * It records every call it receives, enforces idempotency keys and behaves as the card token says:
 *
 *   tok_ok                  charges and refunds              (so does any token not named here)
 *   tok_declined            declines: "declined"
 *   tok_insufficient_funds  declines: "insufficient_funds"
 *   tok_flaky               no answer and no charge twice, then works
 *   tok_timeout             charges, but the first answer is lost
 *   tok_unavailable         never answers, never charges
 *   tok_refund_refused      charges; refuses every refund
 *   tok_refund_timeout      charges; refunds, but the first answer is lost
 *
 * A refund goes back to the card that was charged for the order, in the currency of the charge. It is declined when
 * there is none ("no_charge"), when the card refuses it ("refund_refused"), and when together with the order's earlier
 * refunds it would be more than was charged ("exceeds_charge"). A key that was declined stays declined.
 *
 * Who stops asking without having had an answer does not know whether money moved. Two further calls tell, whatever
 * the card is (tok_unavailable never answers a charge, but both of these):
 *
 *   lookup   what became of a key? Nothing is changed; what is on its way may still arrive
 *   void     kills a key under which no money moved: whoever asks with it from now on, however late, is declined
 *            ("voided"). Where money did move nothing is voided, and the answer is the reference of the movement: so a
 *            charge that arrived between a lookup and a void is found, not lost
 *
 * Calls are made in batches: begin, any number of calls, finish. The bank makes a batch durable at `finish`, and only
 * then may the caller rely on its answers. A batch that is dropped (or a process that dies before `finish`) leaves no
 * trace; one that dies after it is asked again with the same keys and gets the same answers.
 *
 * The book, gateway.db: `movement` is the money that moved, one row a key; `attempt` is every call with its outcome. */
#ifndef SERVICES_GATEWAY_H
#define SERVICES_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "domain/event.h"

struct gateway;

enum gateway_kind { GATEWAY_CHARGE, GATEWAY_REFUND };

struct gateway_call {
    const char *key; /* the idempotency key: the caller's own, from the business */
    enum gateway_kind kind;
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
    const char *card_token; /* of a charge; a refund goes back to the card that was charged for the order */
};

enum { GATEWAY_REFERENCE_SIZE = 64, GATEWAY_REASON_SIZE = 64 };

/* What stands in a key's stead when it was voided: the reason why it is declined. */
#define GATEWAY_VOIDED "voided"

struct gateway_answer {
    bool unknown; /* of a lookup: no money moved and nothing was declined, so either may still happen */
    bool accepted;
    char reference[GATEWAY_REFERENCE_SIZE]; /* the bank's, when accepted: one key, one reference, for ever */
    char reason[GATEWAY_REASON_SIZE];       /* why not, when declined; GATEWAY_VOIDED for a key that was voided */
};

/* Opens the bank's book in the shop's folder, making it if it is missing; when the bank is busy for two seconds, the
 * first batch does. `clock` is borrowed. */
enum status gateway_open(struct gateway **gateway, const char *folder, const struct clock *clock,
                         struct error *error) MUST_CHECK;
void gateway_close(struct gateway **gateway);

/* Makes sure a batch is open. Calling it again inside a batch does nothing. STATUS_BUSY: another handle's batch has
 * been open for two seconds. */
enum status gateway_begin(struct gateway *gateway, struct error *error) MUST_CHECK;

/* Makes the open batch durable; without an open batch it does nothing. When it fails, the batch is dropped. */
enum status gateway_finish(struct gateway *gateway, struct error *error) MUST_CHECK;

/* Forgets the open batch, as if none of its calls had been made. */
void gateway_drop(struct gateway *gateway);

/* One call inside a batch.
 *
 * STATUS_OK           answered: accepted, or declined with a reason
 * STATUS_UNAVAILABLE  no answer came: it may have been carried out or not; ask again with the same key
 * STATUS_REFUSED      the key stands for another call (other kind, order, amount or currency)
 * STATUS_INVALID      a key, token, amount or currency that means nothing; not even an attempt
 * STATUS_IO …         the book itself failed: the batch can only be dropped */
enum status gateway_ask(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                        struct error *error) MUST_CHECK;

/* What became of a call, inside a batch: accepted with its reference, declined with its reason, voided, or unknown. A
 * call whose answer was lost is looked up like any other. Errors as gateway_ask, but it is never unanswered. */
enum status gateway_lookup(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                           struct error *error) MUST_CHECK;

/* Sees to it, inside a batch, that no money will ever move under the call's key: declined with GATEWAY_VOIDED. It comes
 * too late where the key has its verdict: where money moved the answer is accepted with the reference, where it was
 * declined, that decline. Repeating it gives the same answer. Errors as gateway_ask, but it is never unanswered. */
enum status gateway_void(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                         struct error *error) MUST_CHECK;

/* ---- the book, for whoever audits it ---- */

/* Money that moved. Borrowed until the visitor returns. */
struct gateway_movement {
    const char *key;
    enum gateway_kind kind;
    struct uuid order;
    int64_t amount_minor;
    struct currency currency;
};

typedef enum status (*gateway_visitor)(void *context, const struct gateway_movement *movement, struct error *error);

/* Visits every movement that is durable, in the order of their happening. Anything but STATUS_OK from the visitor ends
 * the reading, and is its status. */
enum status gateway_read_book(struct gateway *gateway, gateway_visitor visit, void *context,
                              struct error *error) MUST_CHECK;

#endif
