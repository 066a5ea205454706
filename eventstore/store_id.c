#include "eventstore/store_id.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    RANDOM_BYTES = 4, /* of two stores made in the same microsecond one in 2³² pairs has the same id */
    DIGEST_BYTES = UUID_BYTES - RANDOM_BYTES,
    VERSION_AT = 6, /* the byte; RFC 9562 */
    VARIANT_AT = 8,
    VERSION = 8,
};

static const char digest_name[] = "tillroll store 1";

static struct uuid make_id(const uint8_t random[RANDOM_BYTES], int64_t created_at_us, const char *settings)
{
    struct uuid id;
    uint8_t digest[crypto_generichash_BYTES_MIN], created_at[8];
    static_assert(sizeof digest >= DIGEST_BYTES, "it is cut");
    crypto_generichash_state state;
    for (size_t i = 0; i < sizeof created_at; i++)
        created_at[i] = (uint8_t)((uint64_t)created_at_us >> (8 * i));
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, (const uint8_t *)digest_name, sizeof digest_name - 1);
    crypto_generichash_update(&state, random, RANDOM_BYTES);
    crypto_generichash_update(&state, created_at, sizeof created_at);
    crypto_generichash_update(&state, (const uint8_t *)settings, strlen(settings));
    crypto_generichash_final(&state, digest, sizeof digest);
    memcpy(id.bytes, random, RANDOM_BYTES);
    memcpy(id.bytes + RANDOM_BYTES, digest, DIGEST_BYTES);
    id.bytes[VERSION_AT] = (uint8_t)(VERSION << 4 | (id.bytes[VERSION_AT] & 0x0f));
    id.bytes[VARIANT_AT] = (uint8_t)(0x80 | (id.bytes[VARIANT_AT] & 0x3f));
    return id;
}

struct uuid store_id_new(int64_t created_at_us, const char *settings)
{
    const struct uuid random = uuid_random();
    return make_id(random.bytes, created_at_us, settings);
}

bool store_id_vouches_for(const struct eventstore_info *info)
{
    return info->id.bytes[VERSION_AT] >> 4 != VERSION ||
           uuid_equal(info->id, make_id(info->id.bytes, info->created_at_us, info->settings));
}
