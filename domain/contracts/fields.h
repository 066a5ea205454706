/* fields.h - the words in which contracts are written down. For the tables in contracts/ only.
 *
 * A row names the struct, its member and the name in JSON; then, where the kind has them, whether it must be there,
 * whether it could point to a person, its limits, and an example. A row whose member is of another type than its kind
 * wants does not compile. */
#ifndef DOMAIN_CONTRACTS_FIELDS_H
#define DOMAIN_CONTRACTS_FIELDS_H

#include "base/clock.h"
#include "domain/contracts/contract.h"

#define OFFSET(owner, member, type) _Generic(((struct owner *)0)->member, type : offsetof(struct owner, member))
#define FIELD(owner, member, type, json, what, needed, personal, sample)                                               \
    .name = (json), .name_length = sizeof(json) - 1,                                                                   \
    .spelled = "\"" json "\":", .offset = OFFSET(owner, member, type), .kind = FIELD_##what, .need = FIELD_##needed,   \
    .privacy = FIELD_##personal, .example = (sample)
#define LIMITS(smallest, largest) .min = (smallest), .max = (largest)

#define UUID(owner, member, json)                                                                                      \
    {                                                                                                                  \
        FIELD(owner, member, struct uuid, json, UUID, REQUIRED, PLAIN, "c3344274-af8f-54e3-8d5d-95f6ce257cf7")         \
    }
#define CURRENCY(owner, member, json)                                                                                  \
    {                                                                                                                  \
        FIELD(owner, member, struct currency, json, CURRENCY, REQUIRED, PLAIN, "USD")                                  \
    }
#define FLAG(owner, member, json)                                                                                      \
    {                                                                                                                  \
        FIELD(owner, member, bool, json, FLAG, OPTIONAL, PLAIN, "true")                                                \
    }
#define TIME(owner, member, json)                                                                                      \
    {                                                                                                                  \
        FIELD(owner, member, int64_t, json, TIME, REQUIRED, PLAIN, "2026-11-23T18:40:00Z"),                            \
            LIMITS(TIME_MIN_US, TIME_MAX_US)                                                                           \
    }
#define INTEGER(owner, member, json, smallest, largest, sample)                                                        \
    {                                                                                                                  \
        FIELD(owner, member, int64_t, json, INTEGER, REQUIRED, PLAIN, sample), LIMITS(smallest, largest)               \
    }
#define TEXT(owner, member, json, needed, personal, bytes_max, sample)                                                 \
    {                                                                                                                  \
        FIELD(owner, member, const char *, json, TEXT, needed, personal, sample), LIMITS(1, bytes_max)                 \
    }
#define LIST(owner, member, json, type, shape)                                                                         \
    {                                                                                                                  \
        FIELD(owner, member, struct type, json, LIST, REQUIRED, PLAIN, NULL), LIMITS(1, LINES_MAX), .items = &(shape)  \
    }

#define SHAPE(owner, rows)                                                                                             \
    {                                                                                                                  \
        .fields = (rows), .field_count = sizeof(rows) / sizeof((rows)[0]), .size = sizeof(struct owner)                \
    }

#endif
