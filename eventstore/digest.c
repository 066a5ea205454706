#include "eventstore/digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/uuid.h"

/* The domain of this hash: no other use of BLAKE2b over a store id can collide with link 0. */
static const char chain_name[] = "tillroll roll 1";

/* All fields but the data, put together before they are hashed: twenty small pieces cost as much again as the hash. */
struct spelling {
    uint8_t bytes[1024];
    size_t length;
};
static_assert(sizeof(((struct spelling *)NULL)->bytes) > 5 * (EVENTSTORE_NAME_MAX + 4) + 160, "all fields fit");

static void add_bytes(struct spelling *spelling, const void *bytes, size_t length)
{
    CHECK(length <= sizeof spelling->bytes - spelling->length);
    memcpy(spelling->bytes + spelling->length, bytes, length);
    spelling->length += length;
}

static void add_number(struct spelling *spelling, uint64_t number, int bytes)
{
    uint8_t little_endian[8];
    for (int i = 0; i < bytes; i++)
        little_endian[i] = (uint8_t)(number >> (8 * i));
    add_bytes(spelling, little_endian, (size_t)bytes);
}

static void add_text(struct spelling *spelling, const void *text, size_t length)
{
    add_number(spelling, length, 4);
    add_bytes(spelling, text, length);
}

static void add_string(struct spelling *spelling, const char *text)
{
    add_text(spelling, text, strlen(text));
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
    struct spelling fields;
    fields.length = 0;
    add_bytes(&fields, previous, EVENTSTORE_DIGEST_BYTES);
    add_number(&fields, event->position, 8);
    add_string(&fields, event->stream.category);
    add_string(&fields, event->stream.entity);
    add_number(&fields, event->version, 8);
    add_string(&fields, event->type);
    add_number(&fields, (uint64_t)event->schema_version, 8);
    add_bytes(&fields, event->id.bytes, UUID_BYTES);
    add_bytes(&fields, event->correlation.bytes, UUID_BYTES);
    add_number(&fields, event->causation, 8);
    add_number(&fields, (uint64_t)event->recorded_at_us, 8);
    add_string(&fields, event->actor);
    add_string(&fields, event->producer);
    add_text(&fields, event->command_id.bytes, event->has_command_id ? UUID_BYTES : 0);
    CHECK(event->data_length <= UINT32_MAX);
    add_number(&fields, event->data_length, 4);

    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, EVENTSTORE_DIGEST_BYTES);
    crypto_generichash_update(&state, fields.bytes, fields.length);
    crypto_generichash_update(&state, (const uint8_t *)event->data, event->data_length);
    crypto_generichash_final(&state, digest, EVENTSTORE_DIGEST_BYTES);
}

void digest_to_text(const uint8_t digest[EVENTSTORE_DIGEST_BYTES], char text[DIGEST_TEXT_SIZE])
{
    sodium_bin2hex(text, DIGEST_TEXT_SIZE, digest, EVENTSTORE_DIGEST_BYTES);
}
