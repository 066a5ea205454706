/* contract.h - the published shape of every event type, as tables. From these come the encoder and the decoder
 * (codec.c); adding a field is one line in contract.c and one member in event.h. */
#ifndef DOMAIN_CONTRACTS_CONTRACT_H
#define DOMAIN_CONTRACTS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

enum field_need { FIELD_REQUIRED, FIELD_OPTIONAL };
enum field_privacy { FIELD_PLAIN, FIELD_PERSONAL /* could still point to a person */ };

struct field {
    const char *name;
    size_t name_length;
    size_t offset; /* in the event's own struct, or in the list's item */
    enum field_kind kind;
    enum field_need need;
    enum field_privacy privacy;
    int64_t min, max;          /* of an integer; max also of a text's bytes and a list's items */
    const struct shape *items; /* of a list */
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
};

/* The contract of the version that today's code writes. */
const struct contract *contract_of(enum event_type type);

#endif
