/* `till seal` and `till verify --seal`, as an honest operator and as whoever owns the shop's folder. */
#include "tests/cli/till.h"

TestSuite(seal, .init = till_begin, .fini = till_end);

/* A small shop whose seal and public key are kept elsewhere. */
static void sealed_shop(void)
{
    small_shop();
    done("till seal --new-key --key own.key");
    done("till seal note --key own.key");
}

/* The line about the seal that `till verify` prints, which must end with `code`. */
static const char *judgement(int code, const char *line)
{
    struct answer answer = run("%s --json", line);
    cr_assert_eq(answer.code, code, "%s: %s%s", line, answer.out, answer.err);
    for (int i = 0; i < count_lines(answer.out); i++)
        if (strcmp(value(answer.out, i, "check"), "seal") == 0)
            return value(answer.out, i, "detail");
    cr_assert_fail("%s says nothing of a seal: %s", line, answer.out);
    return NULL;
}

#define CHECKED "till verify --seal note --key own.key.pub"

static void cut_the_tail(int from)
{
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_deleted;"
         " DELETE FROM event WHERE position >= %d'",
         from);
}

Test(seal, of_a_sound_roll_holds_while_the_shop_goes_on)
{
    sealed_shop();
    cr_assert(contains(judgement(0, CHECKED), "it is the roll that was sealed at 20"));
    done("till receive tea 3");
    cr_assert(contains(done(CHECKED), "ok      seal "));
    done("till backup copy.db");
    cr_assert(contains(judgement(0, "till verify copy.db --seal note --key own.key.pub"), "up to position "));
    cr_assert_str_eq(names(done("till seal second --key own.key --json"), 0), "file store position digest time");
}

Test(seal, tells_a_cut_roll_from_a_whole_one)
{
    sealed_shop();
    cut_the_tail(5);
    cr_assert(contains(judgement(3, CHECKED), "the roll ends at 4, the seal was made at "));
}

/* Without its log a roll is an older one, and whole: only a view or a seal has seen more. */
Test(seal, tells_an_older_roll_from_the_one_that_was_sealed)
{
    small_shop();
    done("sqlite3 shop/events.db 'PRAGMA wal_checkpoint(TRUNCATE)' >checkpoint.out");
    done("till receive tea 3 && till stock >stock.out");
    done("till seal --new-key --key own.key && till seal note --key own.key");
    done("rm shop/events.db-wal");
    refused(3, "it belongs to a longer roll", "till stock");
    cr_assert(contains(run("till verify").out, "WRONG   view stock "));
    cr_assert(contains(judgement(3, CHECKED), "its tail was cut, or this is an older copy"));
    done("rm -r shop/views");
    cr_assert(!contains(done("till verify"), "WRONG"));
    done("till stock");
    cr_assert(contains(judgement(3, CHECKED), "its tail was cut, or this is an older copy"));
}

Test(seal, of_another_shop_or_by_another_key_is_refused)
{
    sealed_shop();
    done("mv shop theirs");
    done("till init");
    cr_assert(contains(judgement(3, CHECKED), "the seal is of the store "));
    done("till seal --new-key --key forger.key");
    cr_assert(contains(judgement(3, "till verify --seal note --key forger.key.pub"), "was made with the key "));
    done("sed -i 's/^position .*/position 3/' note");
    cr_assert(contains(judgement(3, CHECKED), "damaged or forged"));
    done("echo hello >note");
    cr_assert(contains(judgement(3, CHECKED), "note is no seal"));
}

Test(seal, with_the_shops_own_key_says_what_that_is_worth)
{
    small_shop();
    done("till seal --new-key");
    done("till seal note");
    cr_assert(contains(judgement(0, "till verify --seal note"), "the key in the shop's folder, which whoever owns"));
    cr_assert(!contains(judgement(0, "till verify --seal note --key shop/seal.key.pub"), "whoever owns"));
    cr_assert_str_eq(done("stat -c %%a shop/seal.key shop/seal.key.pub note"), "600\n600\n600\n");
}

Test(seal, is_not_put_on_a_roll_that_is_not_sound)
{
    sealed_shop();
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_updated;"
         " UPDATE event SET data = replace(data, \"1250\", \"1\") WHERE position = 1'");
    refused(3, "the roll is not sealed, for it is not sound", "till seal second --key own.key");
    cr_assert_eq(run("test -e second").code, 1);
}

Test(seal, says_what_is_missing)
{
    small_shop();
    refused(1, "there is no key to seal with: make one with `till seal --new-key`", "till seal note");
    struct answer answer = run("till verify --seal note");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.err, "name the sealer's key with --key"), "%s", answer.err);
    done("till seal --new-key");
    refused(1, "seal.key.pub is there already: nothing is overwritten", "till seal --new-key");
    done("till seal note");
    refused(1, "note is there already: nothing is overwritten", "till seal note");
    done("chmod 644 shop/seal.key");
    refused(4, "others may read or change the key ./shop/seal.key: chmod 600", "till seal second");
    refused(2, "name the FILE", "till seal");
    refused(2, "--new-key only makes a key", "till seal note --new-key");
    refused(2, "name it with --seal", "till verify --key shop/seal.key.pub");
}

/* The key's secret is printed nowhere. */
Test(seal, keeps_its_secret)
{
    small_shop();
    done("till seal --new-key >said 2>&1; till seal note >>said 2>&1; till seal --new-key >>said 2>&1;"
         " till verify --seal note >>said 2>&1; cat note shop/seal.key.pub >>said");
    done("! grep -q $(sed -n 's/^secret //p' shop/seal.key) said");
}
