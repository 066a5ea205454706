/* store_id.h - a store's id, which vouches for the row that it stands in.
 *
 * When a store was made, and the application's settings, are no event, so no link of the chain covers them; but link 0
 * is the store's id (digest.h), which seals, views and lines name too. So a part of the id is a digest of both: whoever
 * changes them needs another id, and with that another chain.
 *
 * The layout is a UUID of version 8 (RFC 9562: what the bits mean is the maker's business):
 *
 *     bytes 0 … 3    random
 *     bytes 4 … 15   the first 12 of BLAKE2b-128("tillroll store 1" || bytes 0 … 3 || created_at, 8 bytes little
 *                    endian, µs since 1970 || settings); 6 of their bits give way to the version and the variant
 *
 * Ids of any other version are of stores that were made before there was this one (a random version 4), and vouch for
 * nothing. */
#ifndef EVENTSTORE_STORE_ID_H
#define EVENTSTORE_STORE_ID_H

#include "eventstore/eventstore.h"

/* The id of a new store. */
struct uuid store_id_new(int64_t created_at_us, const char *settings);

/* Was the store with this id made then, with these settings, as far as the id can tell? */
bool store_id_vouches_for(const struct eventstore_info *info);

#endif
