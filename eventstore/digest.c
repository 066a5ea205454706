#include "eventstore/digest.h"

#include <sodium.h>
#include <string.h>

#include "base/uuid.h"

/* The domain of this hash: no other use of BLAKE2b over a store id can collide with link 0. */
static const char chain_name[] = "tillroll roll 1";

static void add_number(crypto_generichash_state *state, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    crypto_generichash_update(state, bytes, sizeof bytes);
}

static void add_text(crypto_generichash_state *state, const void *text, size_t length)
{
    CHECK(length <= UINT32_MAX);
    uint8_t prefix[4];
    for (int i = 0; i < 4; i++)
        prefix[i] = (uint8_t)(length >> (8 * i));
    crypto_generichash_update(state, prefix, sizeof prefix);
    crypto_generichash_update(state, text, length);
}

static void add_string(crypto_generichash_state *state, const char *text)
{
    add_text(state, text, strlen(text));
}

void digest_start(struct uuid store_id, uint8_t digest[EVENTSTORE_DIGEST_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, EVENTSTORE_DIGEST_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)chain_name, sizeof chain_name - 1);
    crypto_generichash_update(&state, store_id.bytes, UUID_BYTES);
    crypto_generichash_final(&state, digest, EVENTSTORE_DIGEST_BYTES);
}

void digest_link(const uint8_t previous[EVENTSTORE_DIGEST_BYTES], const struct recorded_event *event,
                 uint8_t digest[EVENTSTORE_DIGEST_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, EVENTSTORE_DIGEST_BYTES);
    crypto_generichash_update(&state, previous, EVENTSTORE_DIGEST_BYTES);
    add_number(&state, event->position);
    add_string(&state, event->stream.category);
    add_string(&state, event->stream.entity);
    add_number(&state, event->version);
    add_string(&state, event->type);
    add_number(&state, (uint64_t)event->schema_version);
    crypto_generichash_update(&state, event->id.bytes, UUID_BYTES);
    crypto_generichash_update(&state, event->correlation.bytes, UUID_BYTES);
    add_number(&state, event->causation);
    add_number(&state, (uint64_t)event->recorded_at_us);
    add_string(&state, event->actor);
    add_string(&state, event->producer);
    add_text(&state, event->command_id.bytes, event->has_command_id ? UUID_BYTES : 0);
    add_text(&state, event->data, event->data_length);
    crypto_generichash_final(&state, digest, EVENTSTORE_DIGEST_BYTES);
}

void digest_to_text(const uint8_t digest[EVENTSTORE_DIGEST_BYTES], char text[DIGEST_TEXT_SIZE])
{
    sodium_bin2hex(text, DIGEST_TEXT_SIZE, digest, EVENTSTORE_DIGEST_BYTES);
}
