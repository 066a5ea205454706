/* A store's id says when it was made, and with which settings. */
#include <criterion/criterion.h>
#include <string.h>

#include "eventstore/store_id.h"

#define SETTINGS "{\"currency\":\"USD\"}"

enum { MADE_US = 1000 };

static struct eventstore_info made(void)
{
    return (struct eventstore_info){
        .id = store_id_new(MADE_US, SETTINGS), .created_at_us = MADE_US, .settings = SETTINGS};
}

Test(store_id, vouches_for_when_it_was_made_and_with_which_settings)
{
    struct eventstore_info info = made();
    cr_expect(store_id_vouches_for(&info));
    info.created_at_us++;
    cr_expect_not(store_id_vouches_for(&info));
    info = made();
    info.settings[strlen("{\"currency\":\"")] ^= 1;
    cr_expect_not(store_id_vouches_for(&info));
}

Test(store_id, with_any_bit_flipped_vouches_no_more)
{
    for (size_t bit = 0; bit < (size_t)8 * UUID_BYTES; bit++) {
        struct eventstore_info info = made();
        info.id.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const bool is_of_another_version = bit / 8 == 6 && bit % 8 >= 4;
        cr_expect_eq(store_id_vouches_for(&info), is_of_another_version, "bit %zu", bit);
    }
}

Test(store_id, is_another_for_each_store)
{
    cr_expect_not(uuid_equal(made().id, made().id));
}

/* Computed by Python's hashlib. */
Test(store_id, has_the_layout_that_the_header_says)
{
    struct eventstore_info info = {.created_at_us = 1764000000123456, .settings = SETTINGS};
    cr_assert(uuid_from_text("01020304-074d-8abb-adec-853a5e357b27", &info.id));
    cr_expect(store_id_vouches_for(&info));
}

Test(store_id, of_an_older_store_vouches_for_nothing)
{
    struct eventstore_info info = {.created_at_us = MADE_US, .settings = SETTINGS};
    info.id = uuid_random();
    cr_expect(store_id_vouches_for(&info));
}
