/* dice.h - all chance in a test, from one seed: the same seed throws the same numbers for ever. */
#ifndef TESTS_SUPPORT_DICE_H
#define TESTS_SUPPORT_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

struct dice dice_seeded(uint64_t seed);

/* SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
uint64_t dice_throw(struct dice *dice);

/* 0 … sides − 1, all about as likely. */
uint32_t dice_of(struct dice *dice, uint32_t sides);

bool dice_percent(struct dice *dice, uint32_t percent);

#endif
