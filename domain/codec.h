/* codec.h - events to JSON and back, driven by the field tables in contracts/contract.h.
 *
 * The encoder writes the fields in the table's order, without blanks, so that the same event is always the same bytes.
 * The decoder ignores fields it does not know (a newer writer may have added them) and refuses what it cannot trust:
 * wrong kinds, values out of range, duplicate keys, invalid UTF-8, missing fields; with the path and the reason. */
#ifndef DOMAIN_CODEC_H
#define DOMAIN_CODEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "domain/contracts/contract.h"
#include "domain/event.h"

/* Appends the event's data as JSON, or nothing. STATUS_INVALID when a field breaks its own contract (our bug or a
 * caller's input that was not checked), STATUS_MEMORY. */
enum status event_encode(const struct event *event, struct buffer *out, struct error *error) MUST_CHECK;

/* As event_encode for data of any version, from the contract's own struct: for old histories and their tests. */
enum status contract_encode(const struct contract *contract, const void *payload, struct buffer *out,
                            struct error *error) MUST_CHECK;

/* The way back: reads data of the contract's version into its struct, zeroed before. Texts and lists are in the arena.
 * STATUS_INVALID, STATUS_MEMORY. */
enum status contract_decode(const struct contract *contract, const char *data, size_t length, struct arena *arena,
                            void *payload, struct error *error) MUST_CHECK;

/* Reads an event's data, whatever version it was written in, as today's. Texts and lists are in the arena. `currency`
 * is the shop's (currency_from_settings), which events of old did not name: all zero when it is not known, and then
 * those cannot be read.
 *
 * STATUS_NOT_FOUND  no type of ours has this name
 * STATUS_NEWER      a schema version that this program does not know yet
 * STATUS_INVALID    a schema version that never was, or data that breaks its contract, as in
 *                   "OrderPlaced v2: lines[3].quantity: must be 1 to 1000000"
 * STATUS_MEMORY
 */
enum status event_decode(const char *type_name, int schema_version, const char *data, size_t length,
                         struct currency currency, struct arena *arena, struct event *event,
                         struct error *error) MUST_CHECK;

#endif
