/* seal.h - a signed note of where the roll stood, to be kept elsewhere.
 *
 * The chain of digests (digest.h) shows an event that was changed, removed or inserted. Two things it cannot show: that
 * the tail was cut, and that everything was rewritten from some event on, for then the chain holds. A seal shows both.
 * It is a small text file that names the store, a position, the digest there and the time, signed with Ed25519:
 *
 *     tillroll seal 1
 *     store 6f1c7f0e-7c1c-4c53-9d0a-0c5f2f6f4a11
 *     position 100
 *     digest 84c8…                          64 hexadecimal digits
 *     time 2026-11-23T18:40:00.123456Z
 *     key 3ad0…                             the public key of whoever sealed
 *     signature 9b1e…                       128 digits, over every byte above this line
 *
 * There is one way to write it down; a file that says the same otherwise is no seal. Any Ed25519 program can check it.
 *
 * Keys are text files too: the one that signs (mode 0600; refused when others may read or change it), and beside it,
 * with
 * ".pub" at the end of its name, the one that checks.
 *
 *     tillroll sealing key 1                tillroll public key 1
 *     secret 1f3b…  (the seed)              public 3ad0…
 *
 * What a seal proves, and to whom. Whoever checks trusts the key that *they* brought along, never the one that the seal
 * itself names: a forger signs with a key of his own. If the key matches, whoever holds the secret key has seen the
 * roll with this digest at this position, and if the chain holds besides, every event up to there is what it was then.
 * It says nothing of what came later, nor whether the time is right (it is the sealer's clock), nor that the events
 * were true. Of two seals the older one still holds when the roll is cut back to it: keep the newest, elsewhere. Who
 * has the secret key can seal any other roll, so a key in the shop's folder convinces nobody who fears for that folder.
 * See docs/decisions/0012. */
#ifndef EVENTSTORE_SEAL_H
#define EVENTSTORE_SEAL_H

#include "eventstore/eventstore.h"

enum {
    SEAL_PUBLIC_BYTES = 32,
    SEAL_SIGNATURE_BYTES = 64,
    SEAL_KEY_TEXT_SIZE = 2 * SEAL_PUBLIC_BYTES + 1,
};

struct seal {
    struct uuid store_id;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    int64_t sealed_at_us;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t signature[SEAL_SIGNATURE_BYTES];
};

/* Makes a pair of keys in the new files `path` and `path`.pub, and tells the public one. STATUS_REFUSED when one is
 * there. */
enum status seal_make_key(const char *path, char public_key[SEAL_KEY_TEXT_SIZE], struct error *error) MUST_CHECK;

/* Seals the head of `store` into the new file `file`. STATUS_NOT_FOUND no key · STATUS_INVALID no key that signs ·
 * STATUS_REFUSED the file is there already · STATUS_IO others may read the key, … */
enum status seal_write(struct eventstore *store, const struct clock *clock, const char *key, const char *file,
                       struct seal *seal, struct error *error) MUST_CHECK;

/* Does `store` still begin with what was sealed in `file`? `key` is a key of either kind. `*holds` and a sentence say
 * it, whatever is wrong with the seal; the chain of digests is eventstore_verify's to check. STATUS_NOT_FOUND no seal
 * or no key · STATUS_INVALID the key is none · STATUS_IO … */
enum status seal_check(struct eventstore *store, const char *key, const char *file, bool *holds,
                       char detail[ERROR_TEXT_MAX], struct error *error) MUST_CHECK;

#endif
