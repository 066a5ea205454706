/* compatibility.h - may a contract change like this? Two schemas of the same type and version are compared: the one
 * that was published and today's.
 *
 *     rule          what breaks it
 *     removed       a field that was promised is gone
 *     kind          a field is of another kind
 *     limits        a field's limits are others: narrower ones would refuse what stands on rolls, and of wider ones no
 *                   reader was told
 *     optional      a field that readers rely on need not be there any more
 *     required      a field must be there that is missing in what stands on rolls
 *     personal      a field that could point to a person is no longer marked
 *     owner, stream   another service states the event, or in another stream
 *
 * All else is additive: a new field that is optional, a mark, a deprecation. What is not additive needs a new version
 * and an upcaster. */
#ifndef DOMAIN_CONTRACTS_COMPATIBILITY_H
#define DOMAIN_CONTRACTS_COMPATIBILITY_H

#include "base/status.h"

/* Is told of one breach: the field ("lines[].sku"; "" for the event as a whole), the rule, and a sentence. */
typedef void (*breach_visitor)(void *context, const char *field, const char *rule, const char *why);

/* STATUS_OK when both could be compared, whatever was found; STATUS_INVALID when `published` is no schema of ours,
 * STATUS_MEMORY. */
enum status contract_compare(const char *published, const char *today, breach_visitor visit, void *context,
                             struct error *error) MUST_CHECK;

#endif
