#include "tests/services/faulty_bank.h"

#include <stdio.h>

struct bank_faults bank_faults;

static struct {
    struct gateway_call call;
    char key[64], token[64];
} lost;

static void remember_lost(const struct gateway_call *call)
{
    lost.call = *call;
    snprintf(lost.key, sizeof lost.key, "%s", call->key);
    snprintf(lost.token, sizeof lost.token, "%s", call->card_token);
    lost.call.key = lost.key;
    lost.call.card_token = lost.token;
}

/* The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) */
typedef enum status gateway_function(struct gateway *gateway, const struct gateway_call *call,
                                     struct gateway_answer *answer, struct error *error);
gateway_function __real_gateway_ask, __wrap_gateway_ask;
gateway_function __real_gateway_lookup, __wrap_gateway_lookup;
gateway_function __real_gateway_void, __wrap_gateway_void;
enum status __real_gateway_begin(struct gateway *gateway, struct error *error);
enum status __wrap_gateway_begin(struct gateway *gateway, struct error *error);

static enum status silence(struct gateway_answer *answer, struct error *error)
{
    *answer = (struct gateway_answer){0};
    return error_set(error, STATUS_UNAVAILABLE, "the bank did not answer");
}

static enum status pass(gateway_function *call_bank, enum bank_fault fault, struct gateway *gateway,
                        const struct gateway_call *call, struct gateway_answer *answer, struct error *error)
{
    if (fault == BANK_LOSES_CALLS)
        return silence(answer, error);
    enum status status = call_bank(gateway, call, answer, error);
    return fault == BANK_LOSES_ANSWERS && status == STATUS_OK ? silence(answer, error) : status;
}

enum status __wrap_gateway_begin(struct gateway *gateway, struct error *error)
{
    bank_faults.begun++;
    if (bank_faults.hangs)
        return error_set(error, STATUS_BUSY, "the bank hangs");
    if (bank_faults.is_gone)
        return error_set(error, STATUS_UNAVAILABLE, "there is no bank");
    return __real_gateway_begin(gateway, error);
}

enum status __wrap_gateway_ask(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                               struct error *error)
{
    if (call->kind == GATEWAY_REFUND)
        return pass(__real_gateway_ask, bank_faults.refund, gateway, call, answer, error);
    bank_faults.charges++;
    if (bank_faults.charge == BANK_LOSES_CALLS)
        remember_lost(call);
    return pass(__real_gateway_ask, bank_faults.charge, gateway, call, answer, error);
}

enum status __wrap_gateway_lookup(struct gateway *gateway, const struct gateway_call *call,
                                  struct gateway_answer *answer, struct error *error)
{
    bank_faults.lookups++;
    return pass(__real_gateway_lookup, bank_faults.lookup, gateway, call, answer, error);
}

enum status __wrap_gateway_void(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                                struct error *error)
{
    struct gateway_answer unheard;
    if (bank_faults.charge_arrives_before_void && __real_gateway_ask(gateway, &lost.call, &unheard, error) != STATUS_OK)
        return error->status;
    return pass(__real_gateway_void, bank_faults.voiding, gateway, call, answer, error);
}

/* NOLINTEND(bugprone-reserved-identifier) */

enum status bank_hears_the_lost_charge(struct gateway *gateway, struct gateway_answer *answer, struct error *error)
{
    enum status status = __real_gateway_begin(gateway, error);
    if (status == STATUS_OK)
        status = __real_gateway_ask(gateway, &lost.call, answer, error);
    return status == STATUS_OK ? gateway_finish(gateway, error) : status;
}
