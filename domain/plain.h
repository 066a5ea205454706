/* plain.h - the quick way to read what the encoder wrote.
 *
 * The encoder has one spelling for an event: the fields in the table's order, no blanks. Nearly all events on a roll
 * stand like that, and then each next byte is known beforehand or is a value's; so they can be read without all that a
 * reader of JSON needs, the stack, the keys so far, the place to name in an error.
 *
 * Whatever is spelled otherwise, has an escape in it or breaks its contract is not read here, and left to the strict
 * reader, from the start. This one never says why not, and says yes only to what the strict one reads as the same. */
#ifndef DOMAIN_PLAIN_H
#define DOMAIN_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "domain/contracts/contract.h"

/* Reads data of the contract's version into its struct, zeroed before. Texts and lists are in the arena. False when
 * that was not possible, for want of memory too: then some of the struct may be filled. */
bool plain_decode(const struct contract *contract, const char *data, size_t length, struct arena *arena, void *payload);

#endif
