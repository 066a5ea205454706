#include "tests/support/dice.h"

#include "base/status.h"

struct dice dice_seeded(uint64_t seed)
{
    return (struct dice){.state = seed};
}

uint64_t dice_throw(struct dice *dice)
{
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint32_t dice_of(struct dice *dice, uint32_t sides)
{
    CHECK(sides > 0);
    return (uint32_t)((dice_throw(dice) >> 32) * sides >> 32);
}

bool dice_percent(struct dice *dice, uint32_t percent)
{
    return dice_of(dice, 100) < percent;
}
