#include "eventstore/seal.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "eventstore/digest.h"

enum {
    TEXT_SIZE = 1024, /* a seal has some 400 bytes, a key 90 */
    SIGNATURE_TEXT_SIZE = 2 * SEAL_SIGNATURE_BYTES + 1,
};
static_assert(SEAL_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "an Ed25519 key");
static_assert(SEAL_SIGNATURE_BYTES == crypto_sign_BYTES, "an Ed25519 signature");
static_assert(SEAL_PUBLIC_BYTES == crypto_sign_SEEDBYTES, "both kinds of key are as long");

/* ---- one value a line ---- */

/* The rest of the line that begins with `name` and a blank. Moves on to the next line; false when it is another one or
 * longer than `size`. */
static bool take_value(const char **text, const char *name, char *value, size_t size)
{
    const size_t name_length = strlen(name);
    const char *end = strchr(*text, '\n');
    if (end == NULL || strncmp(*text, name, name_length) != 0 || (*text)[name_length] != ' ')
        return false;
    const char *begin = *text + name_length + 1;
    *text = end + 1;
    if ((size_t)(end - begin) >= size)
        return false;
    memcpy(value, begin, (size_t)(end - begin));
    value[end - begin] = '\0';
    return true;
}

static bool take_bytes(const char **text, const char *name, uint8_t *bytes, size_t count)
{
    char digits[SIGNATURE_TEXT_SIZE];
    size_t found = 0;
    return take_value(text, name, digits, sizeof digits) &&
           sodium_hex2bin(bytes, count, digits, strlen(digits), NULL, &found, NULL) == 0 && found == count;
}

static bool take_line(const char **text, const char *line)
{
    const size_t length = strlen(line);
    if (strncmp(*text, line, length) != 0 || (*text)[length] != '\n')
        return false;
    *text += length + 1;
    return true;
}

/* ---- keys ---- */

static const char secret_title[] = "tillroll sealing key 1", public_title[] = "tillroll public key 1";

static enum status refuse_readable_key(const char *path, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    struct stat found;
    if (stat(path, &found) != 0)
        return error_errno(error, "open", path);
    if ((found.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return STATUS_OK;
    (void)text_safe(safe, path);
    return error_set(error, STATUS_IO, "others may read or change the key %s: chmod 600 %s, or better make a new one",
                     safe, safe);
}

static enum status read_key_file(const char *path, char text[TEXT_SIZE], struct error *error)
{
    size_t length = 0;
    return file_read_small(path, text, TEXT_SIZE, &length, error);
}

/* The secret half is only good for as long as the caller needs it: wipe it. */
static enum status read_secret_key(const char *path, uint8_t public_key[SEAL_PUBLIC_BYTES],
                                   uint8_t secret[crypto_sign_SECRETKEYBYTES], struct error *error)
{
    char text[TEXT_SIZE], safe[TEXT_SAFE_SIZE];
    uint8_t seed[crypto_sign_SEEDBYTES];
    const char *cursor = text;
    enum status status = refuse_readable_key(path, error);
    if (status == STATUS_OK)
        status = read_key_file(path, text, error);
    if (status != STATUS_OK)
        return status;
    if (take_line(&cursor, secret_title) && take_bytes(&cursor, "secret", seed, sizeof seed) && *cursor == '\0')
        (void)crypto_sign_seed_keypair(public_key, secret, seed);
    else
        status = error_set(error, STATUS_INVALID, "%s is no key to seal with: make one with --new-key",
                           text_safe(safe, path));
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    return status;
}

static enum status read_public_key(const char *path, uint8_t public_key[SEAL_PUBLIC_BYTES], struct error *error)
{
    char text[TEXT_SIZE], safe[TEXT_SAFE_SIZE];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    const char *cursor = text;
    enum status status = read_key_file(path, text, error);
    if (status != STATUS_OK)
        return status;
    if (strncmp(text, secret_title, strlen(secret_title)) == 0)
        status = read_secret_key(path, public_key, secret, error);
    else if (!take_line(&cursor, public_title) || !take_bytes(&cursor, "public", public_key, SEAL_PUBLIC_BYTES) ||
             *cursor != '\0')
        status = error_set(error, STATUS_INVALID, "%s is no key: name the .pub that `till seal --new-key` made",
                           text_safe(safe, path));
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    return status;
}

static enum status write_key(const char *path, const char *title, const char *name, const uint8_t *key,
                             struct error *error)
{
    char text[TEXT_SIZE], digits[SEAL_KEY_TEXT_SIZE];
    sodium_bin2hex(digits, sizeof digits, key, SEAL_PUBLIC_BYTES);
    const int length = snprintf(text, sizeof text, "%s\n%s %s\n", title, name, digits);
    enum status status = file_write_new(path, text, (size_t)length, error);
    sodium_memzero(text, sizeof text);
    sodium_memzero(digits, sizeof digits);
    return status;
}

enum status seal_make_key(const char *path, char text[SEAL_KEY_TEXT_SIZE], struct error *error)
{
    char public_path[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    uint8_t seed[crypto_sign_SEEDBYTES], public_key[SEAL_PUBLIC_BYTES], secret[crypto_sign_SECRETKEYBYTES];
    CHECK(sodium_init() >= 0);
    enum status status = path_format(public_path, error, "%s.pub", path);
    if (status != STATUS_OK)
        return status;
    if (file_exists(public_path)) /* before a secret is made that nobody could use */
        return error_set(error, STATUS_REFUSED, "%s is there already: nothing is overwritten",
                         text_safe(safe, public_path));
    randombytes_buf(seed, sizeof seed);
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
    status = write_key(path, secret_title, "secret", seed, error);
    if (status == STATUS_OK)
        status = write_key(public_path, public_title, "public", public_key, error);
    sodium_bin2hex(text, SEAL_KEY_TEXT_SIZE, public_key, sizeof public_key);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return status;
}

/* ---- seals ---- */

/* What is signed. Returns its length. */
static size_t spell_note(const struct seal *seal, char text[TEXT_SIZE])
{
    char store[UUID_TEXT_SIZE], digest[DIGEST_TEXT_SIZE], time[TIME_TEXT_SIZE], key[SEAL_KEY_TEXT_SIZE];
    uuid_to_text(seal->store_id, store);
    digest_to_text(seal->digest, digest);
    time_to_text(seal->sealed_at_us, time);
    sodium_bin2hex(key, sizeof key, seal->public_key, SEAL_PUBLIC_BYTES);
    const int length =
        snprintf(text, TEXT_SIZE, "tillroll seal 1\nstore %s\nposition %" PRIu64 "\ndigest %s\ntime %s\nkey %s\n",
                 store, seal->position, digest, time, key);
    CHECK(length > 0 && length < TEXT_SIZE);
    return (size_t)length;
}

static size_t spell_seal(const struct seal *seal, char text[TEXT_SIZE])
{
    char signature[SIGNATURE_TEXT_SIZE];
    const size_t note = spell_note(seal, text);
    sodium_bin2hex(signature, sizeof signature, seal->signature, SEAL_SIGNATURE_BYTES);
    const int length = snprintf(text + note, TEXT_SIZE - note, "signature %s\n", signature);
    CHECK(length > 0 && (size_t)length < TEXT_SIZE - note);
    return note + (size_t)length;
}

static bool take_position(const char **text, uint64_t *position)
{
    char digits[24];
    if (!take_value(text, "position", digits, sizeof digits))
        return false;
    *position = strtoull(digits, NULL, 10); /* whatever else is no number is spelled otherwise when it is written */
    return true;
}

/* True when `text` is a seal, spelled the one way there is; whether its signature is right is another question. */
static bool parse_seal(const char *text, size_t length, struct seal *seal)
{
    char value[64], again[TEXT_SIZE];
    const char *cursor = text;
    return strlen(text) == length && take_line(&cursor, "tillroll seal 1") &&
           take_value(&cursor, "store", value, sizeof value) && uuid_from_text(value, &seal->store_id) &&
           take_position(&cursor, &seal->position) &&
           take_bytes(&cursor, "digest", seal->digest, sizeof seal->digest) &&
           take_value(&cursor, "time", value, sizeof value) && time_from_text(value, &seal->sealed_at_us) &&
           take_bytes(&cursor, "key", seal->public_key, sizeof seal->public_key) &&
           take_bytes(&cursor, "signature", seal->signature, sizeof seal->signature) &&
           spell_seal(seal, again) == length && memcmp(again, text, length) == 0;
}

enum status seal_write(struct eventstore *store, const struct clock *clock, const char *key, const char *file,
                       struct seal *seal, struct error *error)
{
    char text[TEXT_SIZE];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    *seal = (struct seal){.store_id = eventstore_info(store)->id, .sealed_at_us = clock_now_us(clock)};
    enum status status = read_secret_key(key, seal->public_key, secret, error);
    if (status == STATUS_OK)
        status = eventstore_head_digest(store, &seal->position, seal->digest, error);
    if (status == STATUS_OK) {
        const size_t note = spell_note(seal, text);
        (void)crypto_sign_detached(seal->signature, NULL, (const uint8_t *)text, note, secret);
        status = file_write_new(file, text, spell_seal(seal, text), error);
    }
    sodium_memzero(secret, sizeof secret);
    return status;
}

/* ---- checking ---- */

static enum status find_against(bool *holds, char detail[ERROR_TEXT_MAX], const char *format, ...) PRINTF_LIKE(3, 4);

static enum status find_against(bool *holds, char detail[ERROR_TEXT_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, ERROR_TEXT_MAX, format, arguments);
    va_end(arguments);
    *holds = false;
    return STATUS_OK;
}

static bool is_signed_by(const struct seal *seal, const uint8_t public_key[SEAL_PUBLIC_BYTES])
{
    char text[TEXT_SIZE];
    const size_t note = spell_note(seal, text);
    return crypto_sign_verify_detached(seal->signature, (const uint8_t *)text, note, public_key) == 0;
}

static enum status compare_roll(struct eventstore *store, const struct seal *seal, bool *holds,
                                char detail[ERROR_TEXT_MAX], struct error *error)
{
    uint64_t head = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    enum status status = eventstore_head(store, &head, error);
    if (status == STATUS_OK && head < seal->position)
        return find_against(holds, detail,
                            "the roll ends at %" PRIu64 ", the seal was made at %" PRIu64
                            ": its tail was cut, or this is an older copy",
                            head, seal->position);
    if (status == STATUS_OK)
        status = eventstore_digest_at(store, seal->position, digest, error);
    if (status == STATUS_NOT_FOUND || status == STATUS_DAMAGED)
        return find_against(holds, detail, "the event that was sealed at position %" PRIu64 " is missing or damaged",
                            seal->position);
    if (status == STATUS_OK && memcmp(digest, seal->digest, sizeof digest) != 0)
        return find_against(holds, detail,
                            "another digest stands at position %" PRIu64
                            " than was sealed: the roll was rewritten there or before it",
                            seal->position);
    return status;
}

/* In the order of what an answer could rest on: is it a seal, whose, of which store, and then what it says. */
static enum status judge(struct eventstore *store, const struct seal *seal, const uint8_t trusted[SEAL_PUBLIC_BYTES],
                         bool *holds, char detail[ERROR_TEXT_MAX], struct error *error)
{
    char one[SEAL_KEY_TEXT_SIZE], other[SEAL_KEY_TEXT_SIZE], of[UUID_TEXT_SIZE], this[UUID_TEXT_SIZE];
    if (memcmp(seal->public_key, trusted, SEAL_PUBLIC_BYTES) != 0) {
        sodium_bin2hex(one, sizeof one, seal->public_key, SEAL_PUBLIC_BYTES);
        sodium_bin2hex(other, sizeof other, trusted, SEAL_PUBLIC_BYTES);
        return find_against(holds, detail, "the seal was made with the key %.16s…, not with yours, %.16s…", one, other);
    }
    if (!is_signed_by(seal, trusted))
        return find_against(holds, detail, "the seal does not say what was signed: it is damaged or forged");
    uuid_to_text(seal->store_id, of);
    uuid_to_text(eventstore_info(store)->id, this);
    if (!uuid_equal(seal->store_id, eventstore_info(store)->id))
        return find_against(holds, detail, "the seal is of the store %s, and this is the store %s", of, this);
    return compare_roll(store, seal, holds, detail, error);
}

enum status seal_check(struct eventstore *store, const char *key, const char *file, bool *holds,
                       char detail[ERROR_TEXT_MAX], struct error *error)
{
    char text[TEXT_SIZE], safe[TEXT_SAFE_SIZE], time[TIME_TEXT_SIZE];
    uint8_t trusted[SEAL_PUBLIC_BYTES];
    struct seal seal = {0};
    size_t length = 0;
    *holds = true;
    enum status status = read_public_key(key, trusted, error);
    if (status != STATUS_OK)
        return status;
    status = file_read_small(file, text, sizeof text, &length, error);
    if (status == STATUS_INVALID || (status == STATUS_OK && !parse_seal(text, length, &seal)))
        return find_against(holds, detail, "%s is no seal, or a damaged one", text_safe(safe, file));
    if (status != STATUS_OK)
        return status;
    time_to_text(seal.sealed_at_us, time);
    snprintf(detail, ERROR_TEXT_MAX, "up to position %" PRIu64 " it is the roll that was sealed at %s", seal.position,
             time);
    return judge(store, &seal, trusted, holds, detail, error);
}
