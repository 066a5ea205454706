/* A roll that is damaged on the disk: no command crashes, hangs or spins, and whenever an answer differs from the truth
 * `till verify` exits 3.
 *
 * The damage is thrown from a seed: bytes are flipped, a stretch is zeroed, the file is cut, two pages change places,
 * in the roll or in its log. With TILL_LONG set there are 600 ways instead of 50. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/till.h"
#include "tests/support/dice.h"

enum { PAGE = 4096, WAYS = 50, WAYS_LONG = 600, BYTES_FLIPPED_MAX = 8, STRETCH_MAX = 3 * PAGE };

static const char *const questions[] = {
    "till events --json",         "till orders --json", "till stock --json",
    "till sales --by day --json", "till inbox --json",  "till trace 1 --format json",
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static const char *truth[QUESTIONS];

TestSuite(damage, .init = till_begin, .fini = till_end, .timeout = 7000);

/* ./whole is a shop with its log; ./plain the same one, checkpointed. */
static void make_shops(void)
{
    small_shop();
    for (int i = 0; i < QUESTIONS; i++)
        truth[i] = done("%s", questions[i]);
    done("cp -r shop whole && cp -r shop plain");
    done("sqlite3 plain/events.db 'PRAGMA wal_checkpoint(TRUNCATE)' >checkpoint.out");
}

/* ---- the ways ---- */

struct file {
    int descriptor;
    off_t size;
};

static void flip_bytes(struct file file, struct dice *dice)
{
    for (uint32_t i = 0, count = 1 + dice_of(dice, BYTES_FLIPPED_MAX); i < count; i++) {
        unsigned char byte;
        off_t at = dice_of(dice, (uint32_t)file.size);
        cr_assert_eq(pread(file.descriptor, &byte, 1, at), 1);
        byte ^= (unsigned char)(1u << dice_of(dice, 8));
        cr_assert_eq(pwrite(file.descriptor, &byte, 1, at), 1);
    }
}

static void zero_stretch(struct file file, struct dice *dice)
{
    static const char zeros[STRETCH_MAX];
    off_t at = dice_of(dice, (uint32_t)file.size);
    off_t length = 1 + dice_of(dice, STRETCH_MAX);
    if (at + length > file.size)
        length = file.size - at;
    cr_assert_eq(pwrite(file.descriptor, zeros, (size_t)length, at), length);
}

static void cut(struct file file, struct dice *dice)
{
    cr_assert_eq(ftruncate(file.descriptor, dice_of(dice, (uint32_t)file.size)), 0);
}

static void swap_pages(struct file file, struct dice *dice)
{
    char one[PAGE], other[PAGE];
    uint32_t pages = (uint32_t)(file.size / PAGE);
    if (pages < 2)
        return;
    off_t first = (off_t)dice_of(dice, pages) * PAGE, second = (off_t)dice_of(dice, pages) * PAGE;
    cr_assert_eq(pread(file.descriptor, one, PAGE, first), PAGE);
    cr_assert_eq(pread(file.descriptor, other, PAGE, second), PAGE);
    cr_assert_eq(pwrite(file.descriptor, other, PAGE, first), PAGE);
    cr_assert_eq(pwrite(file.descriptor, one, PAGE, second), PAGE);
}

/* Makes ./shop a damaged one; half of the time it has no views, so that everything is folded from the roll. */
static void damage(struct dice *dice)
{
    static void (*const ways[])(struct file, struct dice *) = {flip_bytes, zero_stretch, cut, swap_pages};
    bool log = dice_percent(dice, 40);
    done("rm -rf shop && cp -r %s shop", log ? "whole" : "plain");
    if (dice_percent(dice, 50))
        done("rm -rf shop/views");
    if (log && dice_percent(dice, 10)) {
        done("rm shop/events.db-wal");
        return;
    }
    struct stat found;
    struct file file = {.descriptor = open(path_of(log ? "shop/events.db-wal" : "shop/events.db"), O_RDWR | O_CLOEXEC)};
    cr_assert_geq(file.descriptor, 0);
    cr_assert_eq(fstat(file.descriptor, &found), 0);
    file.size = found.st_size;
    cr_assert_gt(file.size, 0);
    ways[dice_of(dice, sizeof ways / sizeof *ways)](file, dice);
    close(file.descriptor);
}

/* ---- what must hold ---- */

static bool is_an_exit_code(int code)
{
    return code == 0 || code == 1 || code == 3 || code == 4;
}

static struct answer ask(unsigned seed, const char *line)
{
    struct answer answer = run("timeout 20 %s", line);
    cr_assert(is_an_exit_code(answer.code), "seed %u: %s ends with %d:\n%s", seed, line, answer.code, answer.err);
    cr_assert(answer.code == 0 || answer.err[0] != '\0' || contains(line, "status") || contains(line, "verify"),
              "seed %u: %s says nothing", seed, line);
    return answer;
}

/* A log that is gone or cut leaves an older roll, which is whole: only who has seen more can tell, a view or a seal. */
static bool is_older(const struct answer *events)
{
    size_t length = strlen(events->out);
    return events->code == 0 && length < strlen(truth[0]) && strncmp(events->out, truth[0], length) == 0;
}

static void expect_no_lie(unsigned seed)
{
    bool had_views = access(path_of("shop/views"), F_OK) == 0;
    struct answer verified = ask(seed, "till verify");
    bool older = false, differs = false;
    for (int i = 0; i < QUESTIONS; i++) {
        struct answer answer = ask(seed, questions[i]);
        older = older || (i == 0 && is_older(&answer));
        differs = differs || (answer.code == 0 && strcmp(answer.out, truth[i]) != 0);
    }
    if (differs && !(older && !had_views))
        cr_assert_eq(verified.code, 3, "seed %u: an answer differs from the truth, and verify says:\n%s", seed,
                     verified.out);
    ask(seed, "till status");
    ask(seed, "till place --customer eve --line tea=1");
    ask(seed, "till run --until-idle");
}

Test(damage, never_makes_a_lie_nor_a_crash)
{
    unsigned ways = getenv("TILL_LONG") != NULL ? WAYS_LONG : WAYS;
    make_shops();
    for (unsigned seed = 1; seed <= ways; seed++) {
        struct dice dice = dice_seeded(seed);
        damage(&dice);
        expect_no_lie(seed);
    }
}
