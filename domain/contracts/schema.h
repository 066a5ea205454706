/* schema.h - contracts as JSON Schema (2020-12), for tools that we did not write.
 *
 * A schema says what a producer writes: it is stricter than our decoder, which also takes null for an optional field
 * and times with an offset. It is open: fields that it does not name may come, and readers pass over them. Beside the
 * standard's words stand x-version, x-owner, x-stream (the category), x-deprecated-since, x-personal (could point to a
 * person) and x-max-bytes (maxLength counts characters). */
#ifndef DOMAIN_CONTRACTS_SCHEMA_H
#define DOMAIN_CONTRACTS_SCHEMA_H

#include "base/buffer.h"
#include "domain/contracts/contract.h"

/* "urn:tillroll:OrderPlaced.v2": the schema's id, and an event's `dataschema` in other formats. */
void contract_append_id(const struct contract *contract, struct buffer *out);

/* Appends the whole document, a line a field. */
void contract_append_schema(const struct contract *contract, struct buffer *out);

/* Appends the payload's schema alone, `{"type": "object", …}`, for a larger document: its lines are indented by
 * `indent` blanks more than the one it begins on. */
void contract_append_payload(const struct contract *contract, int indent, struct buffer *out);

/* Appends the data of an event as a producer would write it, with every field, from the fields' examples. */
void contract_append_example(const struct contract *contract, struct buffer *out);

#endif
