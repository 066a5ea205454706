/* contracts.h - `till contracts`: what the code promises, as it stands in its tables; and what was promised before, as
 * it stands in a folder of published schemas. */
#ifndef CLI_CONTRACTS_H
#define CLI_CONTRACTS_H

#include "cli/cli.h"
#include "domain/contracts/contract.h"
#include "domain/contracts/reads.h"

/* Who reads events: the services and the projections, as they say themselves. */
struct reader {
    const char *name;
    bool is_service;
    event_type_set subscriptions;
    const struct field_reads *reads;
};
enum { READERS_MAX = SERVICES_COUNT + PROJECTIONS_MAX };
size_t all_readers(struct reader readers[READERS_MAX]);

/* Appends the names of those that subscribe to a type, with commas between them. */
void append_readers(struct buffer *out, enum event_type type);

/* Visits the contract of every type and version, the newest first. A status other than STATUS_OK ends it. */
enum status each_contract(enum status (*visit)(void *context, const struct contract *contract, struct error *error),
                          void *context, struct error *error) MUST_CHECK;

/* `till contracts check` and `publish` (contract_files.c): compare with the folder, and write what is additive to it.
 */
int check_contracts(const struct till *till, const char *folder, bool publish);

/* `till contracts --format asyncapi` (asyncapi.c). */
enum status print_asyncapi(struct error *error) MUST_CHECK;

/* Prints one contract for `till contracts --format markdown` (catalogue.c); for each_contract. */
enum status catalogue_contract(void *context, const struct contract *contract, struct error *error) MUST_CHECK;

#endif
