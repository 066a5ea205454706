/* digest.h - the chain that makes a change to the roll evident.
 *
 * Every event carries a digest over the digest of the event before it and all of its own fields. Whoever changes,
 * removes or inserts an event changes every digest after it; `verify` recomputes the chain and names the first event
 * that does not fit. This makes the roll tamper-evident, not tamper-proof: whoever cuts the tail, or rewrites
 * everything, leaves a chain that holds. That needs a copy of the head's digest kept elsewhere.
 *
 * The layout, for anyone who wants to check it with a program of their own:
 *
 *   link 0     BLAKE2b-256("tillroll roll 1" || store id, 16 bytes; store_id.h)
 *   link n     BLAKE2b-256(link n−1 || field …), the fields of event n in this order:
 *
 *     position         8 bytes, little endian          correlation id   16 bytes
 *     category         text                            causation        8 bytes, the causing position; 0: none
 *     entity           text (a UUID as its 36 bytes)   recorded_at      8 bytes, µs since 1970, two's complement
 *     version          8 bytes                         actor            text
 *     type             text                            producer         text
 *     schema version   8 bytes                         command id       text: 16 raw bytes, or empty for none
 *     event id         16 bytes                        data             text: the stored bytes
 *
 *   where "text" is its length in bytes as 4 bytes little endian, then the bytes, so that no two events share a
 *   spelling. */
#ifndef EVENTSTORE_DIGEST_H
#define EVENTSTORE_DIGEST_H

#include "eventstore/eventstore.h"

/* Link 0 of a store's chain. */
void digest_start(struct uuid store_id, uint8_t digest[EVENTSTORE_DIGEST_BYTES]);

/* Link n from link n−1 and event n (its own `digest` field is not read). `digest` may be `previous`. */
void digest_link(const uint8_t previous[EVENTSTORE_DIGEST_BYTES], const struct recorded_event *event,
                 uint8_t digest[EVENTSTORE_DIGEST_BYTES]);

enum { DIGEST_TEXT_SIZE = 2 * EVENTSTORE_DIGEST_BYTES + 1 };

/* Lower-case hexadecimal. */
void digest_to_text(const uint8_t digest[EVENTSTORE_DIGEST_BYTES], char text[DIGEST_TEXT_SIZE]);

#endif
