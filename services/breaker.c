#include "services/breaker.h"

#include <stdio.h>

#include "base/text.h"

void breaker_init(struct breaker *breaker, const struct retry_policy *policy, const struct pause *remembered)
{
    CHECK(policy->breaker_threshold <= RETRY_HIGHEST_breaker_threshold);
    *breaker = (struct breaker){
        .threshold = policy->breaker_threshold, .cool_down_us = policy->cool_down_ms * 1000, .pause = *remembered};
}

enum breaker_state breaker_state(struct breaker *breaker, int64_t now_us)
{
    if (breaker->pause.until_us == 0)
        return BREAKER_CLOSED;
    if (breaker->pause.until_us > now_us + breaker->cool_down_us) {
        breaker->pause.until_us = now_us + breaker->cool_down_us;
        breaker->unsaved = true;
    }
    return breaker->pause.until_us > now_us ? BREAKER_OPEN : BREAKER_PROBING;
}

void breaker_note_answer(struct breaker *breaker)
{
    breaker->silent_count = breaker->hang_count = 0;
    breaker->unsaved = breaker->unsaved || breaker->pause.until_us != 0;
    breaker->pause = (struct pause){0};
}

static void open_when_enough(struct breaker *breaker, const char *reason, int64_t now_us)
{
    const bool probing = breaker_state(breaker, now_us) == BREAKER_PROBING;
    if (!probing && breaker->silent_count + breaker->hang_count < breaker->threshold)
        return;
    breaker->pause.until_us = now_us + breaker->cool_down_us;
    snprintf(breaker->pause.reason, sizeof breaker->pause.reason, "%s", reason);
    text_trim_partial(breaker->pause.reason);
    breaker->unsaved = true;
}

static bool is_known(const struct breaker *breaker, struct uuid journey)
{
    for (int64_t i = 0; i < breaker->silent_count; i++)
        if (uuid_equal(breaker->silent[i], journey))
            return true;
    return false;
}

void breaker_note_silence(struct breaker *breaker, struct uuid journey, const char *reason, int64_t now_us)
{
    if (breaker->silent_count < breaker->threshold && !is_known(breaker, journey))
        breaker->silent[breaker->silent_count++] = journey;
    open_when_enough(breaker, reason, now_us);
}

void breaker_note_hang(struct breaker *breaker, const char *reason, int64_t now_us)
{
    breaker->hang_count++;
    open_when_enough(breaker, reason, now_us);
}
