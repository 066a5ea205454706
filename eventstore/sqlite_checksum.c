/* sqlite_checksum.c - whether a row that may change is as it was written.
 *
 * Events have their chain. What is written anew (checkpoints, parked events, pauses) and the decisions carry a sum over
 * their columns instead: 64 bits of BLAKE2b, computed by SQLite itself through the function till_checksum, so that the
 * sum stands in the same statement as the row. It notices a flipped bit; it is no seal, for it has no key and a row
 * that is gone leaves none. */
#include <sodium.h>

#include "eventstore/sqlite_store.h"

enum { SUM_BYTES = 8 };

static void add_number(crypto_generichash_state *state, uint64_t number)
{
    uint8_t little_endian[8];
    for (int i = 0; i < 8; i++)
        little_endian[i] = (uint8_t)(number >> (8 * i));
    crypto_generichash_update(state, little_endian, sizeof little_endian);
}

/* Kind, length, bytes: no two rows have the same spelling. */
static void add_value(crypto_generichash_state *state, sqlite3_value *value)
{
    const int kind = sqlite3_value_type(value);
    add_number(state, (uint64_t)kind);
    if (kind == SQLITE_INTEGER) {
        add_number(state, (uint64_t)sqlite3_value_int64(value));
        return;
    }
    const void *bytes = sqlite3_value_blob(value);
    const uint64_t length = (uint64_t)sqlite3_value_bytes(value);
    add_number(state, length);
    if (bytes != NULL)
        crypto_generichash_update(state, bytes, length);
}

static void sum_up(sqlite3_context *context, int count, sqlite3_value **values)
{
    crypto_generichash_state state;
    uint8_t bytes[crypto_generichash_BYTES_MIN];
    uint64_t sum = 0;
    crypto_generichash_init(&state, NULL, 0, sizeof bytes);
    for (int i = 0; i < count; i++)
        add_value(&state, values[i]);
    crypto_generichash_final(&state, bytes, sizeof bytes);
    for (int i = 0; i < SUM_BYTES; i++)
        sum |= (uint64_t)bytes[i] << (8 * i);
    sqlite3_result_int64(context, (int64_t)sum);
}

enum status checksum_register(sqlite3 *database, struct error *error)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_function_v2(database, "till_checksum", -1, flags, NULL, sum_up, NULL, NULL, NULL) != SQLITE_OK)
        return database_error(database, "prepare checksums", error);
    return STATUS_OK;
}
