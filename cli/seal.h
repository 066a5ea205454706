/* seal.h - which key a seal is made and checked with. */
#ifndef CLI_SEAL_H
#define CLI_SEAL_H

#include "cli/cli.h"

/* Checks the seal of --seal with the key of --key, or the public one in the shop's folder, and then says so in
 * `detail`: such a key proves nothing to who fears for that folder. As seal_check (eventstore/seal.h). */
enum status check_seal(struct eventstore *store, const struct till *till, const struct arguments *arguments,
                       bool *holds, char detail[ERROR_TEXT_MAX], struct error *error) MUST_CHECK;

#endif
