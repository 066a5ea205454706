/* contract.h - the published shape of every event type and version, as tables. From these come the encoder and the
 * decoder (codec.c), the JSON Schemas and the listings (schema.c), and what may change (compatibility.c); adding a
 * field is one line in contract.c and one member in event.h.
 *
 * A shape that no added field can express is a new version: the old table moves to a file of its own, as
 * order_placed_v1.c, with a function that raises what was written under it. */
#ifndef DOMAIN_CONTRACTS_CONTRACT_H
#define DOMAIN_CONTRACTS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "domain/event.h"

enum field_kind {
    FIELD_UUID,     /* struct uuid; canonical text in JSON */
    FIELD_TEXT,     /* const char *; 1 … max bytes of clean UTF-8 */
    FIELD_CURRENCY, /* struct currency; ISO 4217 */
    FIELD_INTEGER,  /* int64_t; min … max */
    FIELD_TIME,     /* int64_t microseconds; RFC 3339 with Z in JSON */
    FIELD_FLAG,     /* bool; written only when true */
    FIELD_LIST,     /* { items, count } of structs described by `items`; 1 … max of them */
};

/* "uuid", "text" … */
const char *field_kind_name(enum field_kind kind);

enum field_need { FIELD_REQUIRED, FIELD_OPTIONAL };
enum field_privacy { FIELD_PLAIN, FIELD_PERSONAL /* could still point to a person */ };

struct field {
    const char *name;
    size_t name_length;
    const char *spelled; /* the name in its quotes, and the colon behind it */
    size_t offset;       /* in the event's own struct, or in the list's item */
    enum field_kind kind;
    enum field_need need;
    enum field_privacy privacy;
    int64_t min, max;          /* of an integer; max also of a text's bytes and a list's items */
    const struct shape *items; /* of a list */
    const char *example;       /* a value as it would be read, without quotes; NULL for a list: its items have theirs */
};

/* A struct and its fields, in the order they are written. */
struct shape {
    const struct field *fields;
    size_t field_count;
    size_t size; /* bytes of the C struct */
};

struct contract {
    enum event_type type;
    const char *name;
    int schema_version;
    const char *category; /* of the stream it belongs to */
    const char *owner;    /* the service that states it */
    struct shape shape;
    const struct contract *before; /* the version before, whose events stand on rolls; NULL for the first */
    const char *deprecated_since;  /* the day the next version took its place, "2026-01-31"; NULL for today's */

    /* The upcaster of an old version: turns its struct into the one of the next. What old events took for granted comes
     * from outside as a constant: the shop's currency, all zero when it is not known. STATUS_MEMORY, or STATUS_INVALID
     * with the reason. */
    enum status (*raise)(const void *payload, struct currency currency, struct arena *arena, void *raised,
                         struct error *error);
};

/* The contract of the version that today's code writes. */
const struct contract *contract_of(enum event_type type);

/* The same, by the type's name; NULL for none of ours. */
const struct contract *contract_of_name(const char *name);

/* The contract of any version; NULL for one that never was, or that is still to come. */
const struct contract *contract_of_version(enum event_type type, int schema_version);

#endif
