/* seal.c - a signed note of where the roll stands, to be kept elsewhere. */
#include "cli/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/work.h"
#include "eventstore/digest.h"
#include "eventstore/seal.h"

#define KEY_NAME "seal.key"

static enum status key_path(const struct till *till, const struct arguments *arguments, const char *name,
                            char path[PATH_SIZE], struct error *error)
{
    const char *given = argument_value(arguments, "key");
    if (given != NULL)
        return path_format(path, error, "%s", given);
    const enum status status = path_join(path, till->folder, error, "%s", name);
    return status == STATUS_OK ? file_check_regular(path, error) : status;
}

enum status check_seal(struct eventstore *store, const struct till *till, const struct arguments *arguments,
                       bool *holds, char detail[ERROR_TEXT_MAX], struct error *error)
{
    char key[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    const bool is_ours = !argument_given(arguments, "key");
    enum status status = key_path(till, arguments, KEY_NAME ".pub", key, error);
    if (status == STATUS_OK && is_ours && !file_exists(key))
        return error_set(error, STATUS_NOT_FOUND,
                         "there is no %s to check a seal with: name the sealer's key with --key", text_safe(safe, key));
    if (status == STATUS_OK)
        status = seal_check(store, key, argument_value(arguments, "seal"), holds, detail, error);
    if (status == STATUS_OK && *holds && is_ours) {
        const size_t length = strlen(detail);
        snprintf(detail + length, ERROR_TEXT_MAX - length,
                 "; by the key in the shop's folder, which whoever owns that folder could have put there");
    }
    return status;
}

/* ---- the command ---- */

static enum status tell_key(const struct till *till, const char *key, const char *public_key, struct error *error)
{
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "key", key);
        json_text(object, "public_key", public_key);
        return json_line(object, error);
    }
    say("The key to seal with is %s. Whoever has it can seal anything:", key);
    say("keep it where nobody reads who can write to the shop.");
    say("  public  %s", public_key);
    say("stands in %s.pub, for those who check: write it down elsewhere.", key);
    return STATUS_OK;
}

static int make_key(const struct till *till, const struct arguments *arguments)
{
    char key[PATH_SIZE], public_key[SEAL_KEY_TEXT_SIZE];
    struct error error = {0};
    enum status status = key_path(till, arguments, KEY_NAME, key, &error);
    if (status == STATUS_OK)
        status = seal_make_key(key, public_key, &error);
    if (status == STATUS_OK)
        status = tell_key(till, key, public_key, &error);
    return conclude(arguments, status, &error);
}

static enum status tell_seal(const struct till *till, const char *file, const struct seal *seal, struct error *error)
{
    char digest[DIGEST_TEXT_SIZE], store[UUID_TEXT_SIZE];
    digest_to_text(seal->digest, digest);
    uuid_to_text(seal->store_id, store);
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "file", file);
        json_text(object, "store", store);
        json_integer(object, "position", (int64_t)seal->position);
        json_text(object, "digest", digest);
        json_time(object, "time", seal->sealed_at_us);
        return json_line(object, error);
    }
    say("The roll was sealed in %s. Keep it elsewhere.", file);
    say("  position  %" PRIu64, seal->position);
    say("  digest    %s", digest);
    return STATUS_OK;
}

/* The first fault, as an error: what is altered already must not be sealed as it is. */
static enum status refuse_fault(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    (void)context, (void)check;
    return ok ? STATUS_OK
              : error_set(error, STATUS_DAMAGED, "the roll is not sealed, for it is not sound: %s",
                          text_safe(safe, detail));
}

static enum status seal_roll(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const struct arguments *arguments = context;
    const char *file = argument_word(arguments, 0);
    char key[PATH_SIZE];
    struct seal seal;
    enum status status = key_path(till, arguments, KEY_NAME, key, error);
    if (status == STATUS_OK && !file_exists(key))
        return error_set(error, STATUS_NOT_FOUND, "there is no key to seal with: make one with `till seal --new-key`");
    if (status == STATUS_OK)
        status = eventstore_verify(shop->store, refuse_fault, NULL, NULL, error);
    if (status == STATUS_OK)
        status = seal_write(shop->store, &till->clock, key, file, &seal, error);
    return status == STATUS_OK ? tell_seal(till, file, &seal, error) : status;
}

static int run_seal(struct till *till, const struct arguments *arguments)
{
    const char *file = argument_word(arguments, 0);
    if (argument_given(arguments, "new-key"))
        return file == NULL ? make_key(till, arguments)
                            : usage_error(arguments, "--new-key only makes a key: seal with it afterwards");
    if (file == NULL || file[0] == '\0')
        return usage_error(arguments, "name the FILE that the seal is written to");
    return in_shop(till, arguments, "clerk", seal_roll, (void *)arguments);
}

static const struct option_spec options[] = {
    {"new-key", NULL, "make a key, and beside it the public one (.pub)"},
    {"key", "FILE", "the key (default: seal.key in the shop's folder)"},
    {0},
};

const struct command seal_command = {
    .name = "seal",
    .usage = "FILE [--key FILE] | --new-key [--key FILE]",
    .summary = "sign where the roll stands, to prove later that it was not cut",
    .details = "Checks the roll, then writes its store, position, digest and the time into the\n"
               "new file FILE, signed with an Ed25519 key. With it, `till verify --seal FILE`\n"
               "finds a roll that was cut or wholly rewritten since.\n\n"
               "It proves that the holder of the key saw this roll at this position; not when,\n"
               "not what came later, and nothing to those who think the key stolen. Keep the\n"
               "newest seal and the public key away from the shop, and the key where nobody\n"
               "reads it who can write to the shop. In the shop's folder, where it is made\n"
               "without --key, it guards against accidents, but not against the folder's owner.\n\n"
               "With --json: file, store, position, digest, time; --new-key: key, public_key.",
    .options = options,
    .words_max = 1,
    .run = run_seal,
};
