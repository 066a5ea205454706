/* reads.h - what a consumer reads of the events it wants: the other side of a contract. A producer may change whatever
 * nobody reads; what somebody reads is theirs. */
#ifndef DOMAIN_CONTRACTS_READS_H
#define DOMAIN_CONTRACTS_READS_H

#include "base/status.h"
#include "domain/event.h"

/* Names with blanks between them, "order_id lines[].sku carrier?": a list's as "list[].name", and with a question mark
 * where the reader copes without it. Lists of these end with NULL fields. */
struct field_reads {
    enum event_type type;
    const char *fields;
};

/* The fields it reads of this type: "" for none (it is told by the type alone), NULL when it does not read the type. */
const char *reads_of(const struct field_reads *reads, enum event_type type);

/* True when `fields` names this one, with or without a question mark. */
bool reads_field(const char *fields, const char *field);

/* Does today's contract give the reader all it reads? STATUS_REFUSED names the reader and the first field that is gone,
 * or that need not be there though the reader does not cope without it. */
enum status reads_check(const char *reader, const struct field_reads *reads, struct error *error) MUST_CHECK;

#endif
