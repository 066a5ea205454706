#include "tests/support/dice.h"

#include <criterion/criterion.h>

Test(dice, throw_the_same_numbers_for_the_same_seed)
{
    struct dice one = dice_seeded(7), other = dice_seeded(7), third = dice_seeded(8);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(dice_throw(&one), dice_throw(&other));
    cr_assert_neq(dice_throw(&one), dice_throw(&third));
}

Test(dice, fall_on_every_side_and_on_no_other)
{
    struct dice dice = dice_seeded(1);
    int seen[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint32_t side = dice_of(&dice, 6);
        cr_assert_lt(side, 6);
        seen[side]++;
    }
    for (int i = 0; i < 6; i++)
        cr_assert(seen[i] > 800 && seen[i] < 1200, "side %d: %d times", i, seen[i]);
}
