/* uuid.h - 128-bit identifiers as values (RFC 9562). Versions 4 and 5 are made by libuuid; reading and printing, which
 * stand in every hot path, are written here. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UUID_BYTES = 16, UUID_TEXT_SIZE = 37 /* 36 characters and a NUL */ };

struct uuid {
    uint8_t bytes[UUID_BYTES];
};

/* Canonical lower-case text, 36 characters and a NUL. */
void uuid_to_text(struct uuid id, char text[UUID_TEXT_SIZE]);

/* True when `text` of `length` bytes is a UUID as uuid_to_text writes it (lower case, with its dashes). */
bool uuid_from_canonical(const char *text, size_t length, struct uuid *id);

/* As uuid_from_canonical, upper case accepted: for what people type. */
bool uuid_from_text(const char *text, struct uuid *id);

bool uuid_equal(struct uuid one, struct uuid other);
bool uuid_is_nil(struct uuid id);

/* Version 5 (SHA-1 of the namespace and `length` bytes): the same name gives the same id for ever. */
struct uuid uuid_from_name(struct uuid name_space, const void *name, size_t length);

/* Version 4, from the system's randomness. About 7 µs: not for hot paths. */
struct uuid uuid_random(void);

#endif
