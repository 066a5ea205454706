#include "services/policy.h"

#include "base/status.h"

#define DEFAULT(field_, option_, unit_, usual_, lowest_, highest_, sentence_) .field_ = (usual_),
const struct retry_policy retry_policy_default = {RETRY_KNOBS(DEFAULT)};

#define ROW(field_, option_, unit_, usual_, lowest_, highest_, sentence_)                                              \
    {.option = (option_),                                                                                              \
     .unit = (unit_),                                                                                                  \
     .lowest = (lowest_),                                                                                              \
     .highest = (highest_),                                                                                            \
     .offset = offsetof(struct retry_policy, field_)},
const struct retry_knob retry_knobs[RETRY_KNOB_COUNT] = {RETRY_KNOBS(ROW)};

#define IN_RANGE(field_, option_, unit_, usual_, lowest_, highest_, sentence_)                                         \
    _Static_assert((lowest_) <= (usual_) && (usual_) <= (highest_), "the default of " option_ " is in its range");
RETRY_KNOBS(IN_RANGE)

int64_t *retry_knob_value(struct retry_policy *policy, const struct retry_knob *knob)
{
    return (int64_t *)(void *)((char *)policy + knob->offset);
}

static int64_t with_jitter_us(const struct retry_policy *policy, int64_t delay_ms, uint8_t spread)
{
    const int64_t jitter_us = delay_ms * 1000 / 100 * policy->jitter_percent;
    return delay_ms * 1000 + jitter_us * spread / UINT8_MAX;
}

int64_t retry_delay_longest_us(const struct retry_policy *policy)
{
    return with_jitter_us(policy, policy->delay_max_ms, UINT8_MAX);
}

int64_t retry_delay_us(const struct retry_policy *policy, int64_t attempts, uint8_t spread)
{
    CHECK(attempts >= 1);
    int64_t delay_ms = policy->first_delay_ms;
    for (int64_t i = 1; i < attempts && delay_ms < policy->delay_max_ms; i++)
        delay_ms *= policy->delay_factor;
    if (delay_ms > policy->delay_max_ms)
        delay_ms = policy->delay_max_ms;
    return with_jitter_us(policy, delay_ms, spread);
}
