/* What a seal finds that the chain of digests cannot, and that nothing but the right seal, by the right key, passes. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eventstore/digest.h"
#include "eventstore/seal.h"
#include "tests/eventstore/given.h"

enum { SEAL_SIZE = 1024 };

/* Six events as an order leaves them: of tea 1, 4 and 5, of milk 2 and 6, of order 7 the third. */
static void six_events(struct given *given)
{
    must(append(given, TEA, EXPECTED_NONE, 1, 1));
    must(append(given, MILK, EXPECTED_NONE, 2, 1));
    must(append(given, ORDER_7, EXPECTED_NONE, 3, 1));
    must(append(given, TEA, 1, 4, 2));
    must(append(given, MILK, 1, 6, 1));
    must(move_checkpoint(given, "payment", 0, 6));
}

struct scene {
    char key[PATH_SIZE], public_key[PATH_SIZE], file[PATH_SIZE];
    struct seal seal;
    bool holds;
    char detail[ERROR_TEXT_MAX];
};

static struct scene sealed(struct given *given)
{
    struct scene scene = {.holds = false};
    char text[SEAL_KEY_TEXT_SIZE];
    snprintf(scene.key, sizeof scene.key, "%s", path_in(given->folder, "key"));
    snprintf(scene.public_key, sizeof scene.public_key, "%s", path_in(given->folder, "key.pub"));
    snprintf(scene.file, sizeof scene.file, "%s", path_in(given->folder, "seal"));
    six_events(given);
    must(seal_make_key(scene.key, text, &given->error));
    must(seal_write(given->store, &given->clock, scene.key, scene.file, &scene.seal, &given->error));
    return scene;
}

static void check(struct given *given, struct scene *scene)
{
    must(seal_check(given->store, scene->public_key, scene->file, &scene->holds, scene->detail, &given->error));
}

static void holds(struct given *given, struct scene *scene)
{
    check(given, scene);
    cr_assert(scene->holds, "%s", scene->detail);
}

static void fails(struct given *given, struct scene *scene, const char *words)
{
    check(given, scene);
    cr_assert_not(scene->holds, "%s", scene->detail);
    cr_assert(strstr(scene->detail, words) != NULL, "%s", scene->detail);
}

static size_t read_text(const char *path, char text[SEAL_SIZE])
{
    size_t length = 0;
    cr_assert_eq(file_read_small(path, text, SEAL_SIZE, &length, NULL), STATUS_OK);
    return length;
}

static void write_text(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
}

/* ---- what it says ---- */

CONTRACT(seal, holds_for_the_roll_it_was_made_of_and_what_is_added_to_it)
{
    struct scene scene = sealed(given);
    cr_assert_eq(scene.seal.position, 6);
    cr_assert_eq(scene.seal.sealed_at_us, given->time.now_us);
    holds(given, &scene);
    must(append(given, MILK, 2, 7, 1));
    holds(given, &scene);
    reopen(given);
    holds(given, &scene);
    cr_assert(strstr(scene.detail, "up to position 6 ") != NULL, "%s", scene.detail);
}

CONTRACT(seal, can_be_made_of_an_empty_roll)
{
    struct scene scene = {.holds = false};
    char text[SEAL_KEY_TEXT_SIZE];
    snprintf(scene.public_key, sizeof scene.public_key, "%s", path_in(given->folder, "key"));
    snprintf(scene.file, sizeof scene.file, "%s", path_in(given->folder, "seal"));
    must(seal_make_key(scene.public_key, text, &given->error));
    must(seal_write(given->store, &given->clock, scene.public_key, scene.file, &scene.seal, &given->error));
    holds(given, &scene);
    six_events(given);
    holds(given, &scene);
}

/* The format of the header, field by field. */
CONTRACT(seal, is_a_text_that_says_what_was_sealed)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE], want[SEAL_SIZE], store[UUID_TEXT_SIZE], digest[DIGEST_TEXT_SIZE], time[TIME_TEXT_SIZE];
    (void)read_text(scene.file, text);
    uuid_to_text(eventstore_info(given->store)->id, store);
    digest_to_text(scene.seal.digest, digest);
    time_to_text(given->time.now_us, time);
    const int length = snprintf(want, sizeof want, "tillroll seal 1\nstore %s\nposition 6\ndigest %s\ntime %s\nkey ",
                                store, digest, time);
    cr_assert_eq(strncmp(text, want, (size_t)length), 0, "%s", text);
}

/* ---- what it finds ---- */

CONTRACT(seal, finds_a_cut_tail_that_verify_cannot)
{
    struct scene scene = sealed(given);
    given->is_damaged = true;
    given->engine->damage(given->folder, DAMAGE_TAIL_CUT, 5);
    reopen(given);
    cr_assert_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    fails(given, &scene, "the roll ends at 4, the seal was made at 6: its tail was cut");
    must(append(given, TEA, 2, 5, 2)); /* and it went on as if nothing had been */
    given->time.now_us += 1000000;
    must(append(given, TEA, 4, 7, 2));
    fails(given, &scene, "another digest stands at position 6");
}

CONTRACT(seal, finds_a_roll_that_was_rewritten_and_chained_anew)
{
    for (uint64_t position = 1; position <= 6; position += 5) {
        struct given other = {0};
        given_open(&other, given->engine);
        struct scene scene = sealed(&other);
        other.is_damaged = true;
        other.engine->damage(other.folder, DAMAGE_REWRITTEN, position);
        reopen(&other);
        cr_assert_eq(verify(&other, other.store)->faults, 0, "%s", other.report.text);
        fails(&other, &scene, "another digest stands at position 6 than was sealed: the roll was rewritten");
        given_close(&other);
    }
}

CONTRACT(seal, passes_over_what_was_rewritten_after_it)
{
    struct scene scene = sealed(given);
    must(append(given, MILK, 2, 7, 1));
    given->engine->damage(given->folder, DAMAGE_REWRITTEN, 7);
    reopen(given);
    holds(given, &scene);
}

CONTRACT(seal, is_of_one_store)
{
    struct given other = {0};
    struct scene scene = sealed(given);
    given_open(&other, given->engine);
    six_events(&other);
    fails(&other, &scene, "the seal is of the store ");
    given_close(&other);
}

CONTRACT(seal, finds_the_sealed_event_missing)
{
    struct scene scene = sealed(given);
    must(append(given, MILK, 2, 7, 1));
    given->is_damaged = true;
    given->engine->damage(given->folder, DAMAGE_EVENT_REMOVED, 6);
    fails(given, &scene, "the event that was sealed at position 6 is missing");
}

/* ---- what is no seal ---- */

CONTRACT(seal, with_any_bit_changed_is_none)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE];
    const size_t length = read_text(scene.file, text);
    cr_assert_gt(length, 370);
    for (size_t i = 0; i < length; i++) {
        const char bit = (char)(1 << (i % 8));
        text[i] = (char)(text[i] ^ bit);
        write_text(scene.file, text, length);
        fails(given, &scene, "");
        text[i] = (char)(text[i] ^ bit);
    }
    write_text(scene.file, text, length);
    holds(given, &scene);
}

CONTRACT(seal, with_more_or_less_text_is_none)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE];
    const size_t length = read_text(scene.file, text);
    for (size_t shorter = 0; shorter < length; shorter++) {
        write_text(scene.file, text, shorter);
        fails(given, &scene, "is no seal");
    }
    text[length] = '\n';
    write_text(scene.file, text, length + 1);
    fails(given, &scene, "is no seal");
    memset(text, 'x', sizeof text);
    write_text(scene.file, text, sizeof text);
    fails(given, &scene, "is no seal");
}

/* The position is raised by somebody who has no key. */
CONTRACT(seal, that_says_what_was_not_signed_is_forged)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE];
    const size_t length = read_text(scene.file, text);
    *(strstr(text, "position 6") + strlen("position ")) = '5';
    write_text(scene.file, text, length);
    fails(given, &scene, "the seal does not say what was signed: it is damaged or forged");
}

CONTRACT(seal, by_another_key_convinces_nobody)
{
    struct scene scene = sealed(given);
    char text[SEAL_KEY_TEXT_SIZE], forger[PATH_SIZE], forged[PATH_SIZE];
    snprintf(forger, sizeof forger, "%s", path_in(given->folder, "forger"));
    snprintf(forged, sizeof forged, "%s", path_in(given->folder, "forged"));
    must(seal_make_key(forger, text, &given->error));
    must(seal_write(given->store, &given->clock, forger, forged, &scene.seal, &given->error));
    snprintf(scene.file, sizeof scene.file, "%s", forged);
    fails(given, &scene, "the seal was made with the key ");
}

/* The forger writes the trusted key into a seal that is signed with another. */
CONTRACT(seal, that_names_the_right_key_must_be_signed_by_it)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE], mine[SEAL_SIZE], key[SEAL_KEY_TEXT_SIZE];
    const size_t length = read_text(scene.file, mine);
    (void)remove(scene.file);
    snprintf(scene.key, sizeof scene.key, "%s", path_in(given->folder, "forger"));
    must(seal_make_key(scene.key, key, &given->error));
    must(seal_write(given->store, &given->clock, scene.key, scene.file, &scene.seal, &given->error));
    cr_assert_eq(read_text(scene.file, text), length);
    memcpy(strstr(text, "\nkey ") + 5, strstr(mine, "\nkey ") + 5, 2 * SEAL_PUBLIC_BYTES);
    write_text(scene.file, text, length);
    fails(given, &scene, "damaged or forged");
}

/* ---- files ---- */

CONTRACT(seal, overwrites_nothing)
{
    struct scene scene = sealed(given);
    char text[SEAL_SIZE], again[SEAL_SIZE], key[SEAL_KEY_TEXT_SIZE];
    (void)read_text(scene.file, text);
    must_be(STATUS_REFUSED, seal_write(given->store, &given->clock, scene.key, scene.file, &scene.seal, &given->error));
    (void)read_text(scene.file, again);
    cr_assert_str_eq(again, text);
    must_be(STATUS_REFUSED, seal_make_key(scene.key, key, &given->error));
    cr_assert_eq(remove(scene.key), 0);
    must_be(STATUS_REFUSED, seal_make_key(scene.key, key, &given->error));
    cr_assert_not(file_exists(scene.key), "no secret whose public half is another's");
}

CONTRACT(seal, keys_are_their_owners_alone)
{
    struct scene scene = sealed(given);
    struct stat found;
    const char *const files[] = {scene.key, scene.public_key, scene.file};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(stat(files[i], &found), 0);
        cr_assert_eq(found.st_mode & 07777, 0600, "%s", files[i]);
    }
    static const mode_t lax[] = {0640, 0604, 0620, 0602};
    for (size_t i = 0; i < sizeof lax / sizeof *lax; i++) {
        cr_assert_eq(chmod(scene.key, lax[i]), 0);
        must_be(STATUS_IO, seal_write(given->store, &given->clock, scene.key, path_in(given->folder, "second"),
                                      &scene.seal, &given->error));
        cr_assert(strstr(given->error.text, "chmod 600 ") != NULL, "%s", given->error.text);
    }
}

CONTRACT(seal, keys_that_were_cut_or_added_to_are_none)
{
    static const char *const forms[] = {
        "tillroll sealing key 1\nsecret 12\n",   "tillroll sealing key 1\nsecret %s",
        "tillroll sealing key 1\nsecret %s\n\n", "tillroll public key 1\npublic 12\n",
        "tillroll public key 1\npublic %s\n\n",  "tillroll public key 1\n%s\n",
    };
    struct scene scene = sealed(given);
    const char *key = path_in(given->folder, "cut");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char digits[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        const char *hole = strstr(forms[i], "%s");
        char text[SEAL_SIZE];
        int before = hole != NULL ? (int)(hole - forms[i]) : (int)strlen(forms[i]);
        snprintf(text, sizeof text, "%.*s%s%s", before, forms[i], hole != NULL ? digits : "",
                 hole != NULL ? hole + 2 : "");
        must(file_write_new(key, text, strlen(text), &given->error));
        must_be(STATUS_INVALID, seal_check(given->store, key, scene.file, &scene.holds, scene.detail, &given->error));
        cr_assert_eq(remove(key), 0);
    }
}

CONTRACT(seal, needs_a_key_of_the_right_kind)
{
    struct scene scene = sealed(given);
    const char *second = path_in(given->folder, "second");
    must_be(STATUS_INVALID,
            seal_write(given->store, &given->clock, scene.public_key, second, &scene.seal, &given->error));
    must_be(STATUS_INVALID,
            seal_check(given->store, scene.file, scene.file, &scene.holds, scene.detail, &given->error));
    must_be(STATUS_NOT_FOUND, seal_check(given->store, second, scene.file, &scene.holds, scene.detail, &given->error));
    must_be(STATUS_NOT_FOUND,
            seal_check(given->store, scene.public_key, second, &scene.holds, scene.detail, &given->error));
    snprintf(scene.public_key, sizeof scene.public_key, "%s", scene.key);
    holds(given, &scene); /* who has the secret key knows the public one */
}

CONTRACT(seal, finds_the_sealed_event_without_its_digest)
{
    struct scene scene = sealed(given);
    given->is_damaged = true;
    given->engine->damage(given->folder, DAMAGE_DIGEST_CUT, 6);
    fails(given, &scene, "the event that was sealed at position 6 is missing or damaged");
}
