/* A roll or a view that is damaged on the disk: no command crashes, hangs or spins, and whenever an answer differs from
 * the truth `till verify` exits 3. Nobody is told that he asked for what is not there, unless he did ask for it.
 *
 * The damage is thrown from a seed: bytes are flipped, a stretch is zeroed, the file is cut, two pages change places,
 * in the roll or in its log; or one byte of a view is flipped. With TILL_LONG set there are 600 ways instead of 50, and
 * each question is asked of each. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/till.h"
#include "tests/support/dice.h"

enum {
    PAGE = 4096,
    WAYS = 50,
    WAYS_LONG = 600,
    BYTES_FLIPPED_MAX = 8,
    STRETCH_MAX = 3 * PAGE,
    LOOKS_MAX = 1000, /* for a byte that is in use */
};

/* What is asked, and what of it may not be there: an answer about anything else is none. */
struct question {
    const char *line, *subject; /* NULL: nothing that could be missing is asked for */
};

/* The roll itself first; behind the others those that write. */
static const struct question questions[] = {
    {"till events --json", NULL},
    {"till orders --json", NULL},
    {"till stock --json", NULL},
    {"till sales --by day --json", NULL},
    {"till inbox --json", NULL},
    {"till journeys --json", NULL},
    {"till dead-letters --json", NULL},
    {"till order 1 --json", "order 1"},
    {"till trace 1 --format json", "order 1"},
    {"till trace 4 --format mermaid", "order 4"},
    {"till orders --at 9 --json", "before 9"},
    {"till sales --by customer --at 17 --json", "before 17"},
    {"till events --stream stock-tea --json", "stock-tea"},
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static const struct question deeds[] = {
    {"till cancel 1", "order 1"},
    {"till ship 1", "order 1"},
    {"till place --ref 1 --customer ada --line tea=2 --line 'a pot/b=c=1'", "order 1"},
    {"till place --customer eve --line tea=1", "tea"},
    {"till rebuild", NULL},
    {"till run --until-idle --attempts 2 --first-delay 1", NULL},
};
enum { DEEDS = sizeof deeds / sizeof *deeds };

static const char *truth[QUESTIONS];

TestSuite(damage, .init = till_begin, .fini = till_end, .timeout = 7000);

/* ./whole is a shop with its log; ./plain the same one, checkpointed. An event is the last that is written: a log that
 * has lost its end has lost an event. */
static void make_shops(void)
{
    small_shop();
    done("till place --ref 4 --customer dan --line tea=20 --card tok_refund_refused");
    done("till run --until-idle --attempts 2 --first-delay 1");
    done("till receive tea 1");
    for (int i = 0; i < QUESTIONS; i++)
        truth[i] = done("%s", questions[i].line);
    done("cp -r shop whole && cp -r shop plain");
    done("sqlite3 plain/events.db 'PRAGMA wal_checkpoint(TRUNCATE)' >checkpoint.out");
}

/* ---- the ways ---- */

struct file {
    int descriptor;
    off_t size;
};

static unsigned char byte_at(struct file file, off_t at)
{
    unsigned char byte;
    cr_assert_eq(pread(file.descriptor, &byte, 1, at), 1);
    return byte;
}

/* Much of a file is empty: a byte that is not 0 is in use, or was. */
static off_t byte_in_use(struct file file, struct dice *dice)
{
    off_t at = dice_of(dice, (uint32_t)file.size);
    for (int i = 0; i < LOOKS_MAX && byte_at(file, at) == 0; i++)
        at = dice_of(dice, (uint32_t)file.size);
    return at;
}

static void flip_byte(struct file file, off_t at, struct dice *dice)
{
    unsigned char byte = byte_at(file, at);
    byte ^= (unsigned char)(1u << dice_of(dice, 8));
    cr_assert_eq(pwrite(file.descriptor, &byte, 1, at), 1);
}

static void flip_bytes(struct file file, struct dice *dice)
{
    for (uint32_t i = 0, count = 1 + dice_of(dice, BYTES_FLIPPED_MAX); i < count; i++)
        flip_byte(file, dice_of(dice, (uint32_t)file.size), dice);
}

static void flip_bytes_in_use(struct file file, struct dice *dice)
{
    for (uint32_t i = 0, count = 1 + dice_of(dice, BYTES_FLIPPED_MAX); i < count; i++)
        flip_byte(file, byte_in_use(file, dice), dice);
}

static void flip_a_byte_in_use(struct file file, struct dice *dice)
{
    flip_byte(file, byte_in_use(file, dice), dice);
}

/* ---- rows ---- */

/* Where in the file a row stands: a cell of a leaf of a table. */
struct row {
    off_t at;
    int length; /* at least that of its head: how long it is, its number, and how long its columns are */
};

enum { ROWS_MAX = 4096, LEAF_OF_TABLE = 13, ROW_HEAD = 4, LOG_HEAD = 32, FRAME_HEAD = 24 };

static int two_bytes(const unsigned char *bytes)
{
    return bytes[0] * 256 + bytes[1];
}

/* The rows of the page that stands at `start`; they are found where it says that they begin. */
static int rows_of_page(struct file file, off_t start, struct row rows[], int room)
{
    unsigned char page[PAGE];
    int count = 0;
    cr_assert_eq(pread(file.descriptor, page, PAGE, start), PAGE);
    if (page[0] != LEAF_OF_TABLE)
        return 0;
    for (int i = 0, cells = two_bytes(page + 3); i < cells && count < room; i++) {
        const int at = two_bytes(page + 8 + 2 * i), length = page[at] & 0x80 ? 2 + (page[at] & 0x7f) * 128 : page[at];
        rows[count++] = (struct row){start + at, at + length < PAGE ? length : ROW_HEAD};
    }
    return count;
}

/* One byte of a row: a number, a name, a link. Of a large file that is little, and all that it says. */
static void flip_in_a_row(struct file file, struct dice *dice)
{
    struct row rows[ROWS_MAX];
    const bool log = file.size % PAGE != 0;
    int count = 0;
    for (off_t at = log ? LOG_HEAD + FRAME_HEAD : 0; at + PAGE <= file.size; at += log ? FRAME_HEAD + PAGE : PAGE)
        count += rows_of_page(file, at, rows + count, ROWS_MAX - count);
    cr_assert_gt(count, 0);
    const struct row row = rows[dice_of(dice, (uint32_t)count)];
    const int within = dice_percent(dice, 50) ? ROW_HEAD : row.length + 1;
    flip_byte(file, row.at + dice_of(dice, (uint32_t)within), dice);
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

static struct file open_file(const char *name)
{
    struct stat found;
    struct file file = {.descriptor = open(path_of(name), O_RDWR | O_CLOEXEC)};
    cr_assert_geq(file.descriptor, 0, "%s", name);
    cr_assert_eq(fstat(file.descriptor, &found), 0);
    file.size = found.st_size;
    cr_assert_gt(file.size, 0, "%s", name);
    return file;
}

/* In half of the ways one byte of what is in use is another: nothing is harder to see. (Of a log SQLite itself looks at
 * a checksum, so few of them are damaged.) */
static void damage_roll(struct dice *dice)
{
    static void (*const ways[])(struct file, struct dice *) = {
        flip_in_a_row,     flip_in_a_row, flip_in_a_row, flip_in_a_row, flip_a_byte_in_use,
        flip_bytes_in_use, flip_bytes,    zero_stretch,  cut,           swap_pages,
    };
    bool log = dice_percent(dice, 25);
    done("rm -rf shop && cp -r %s shop", log ? "whole" : "plain");
    if (dice_percent(dice, 50)) /* so that everything is folded from the roll */
        done("rm -rf shop/views");
    if (log && dice_percent(dice, 10)) {
        done("rm shop/events.db-wal");
        return;
    }
    struct file file = open_file(log ? "shop/events.db-wal" : "shop/events.db");
    ways[dice_of(dice, sizeof ways / sizeof *ways)](file, dice);
    close(file.descriptor);
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

/* Not the links to the databases, nor the logs' indexes, which are made anew. */
static int is_view_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_type == DT_REG && length > 4 && strcmp(entry->d_name + length - 4, "-shm") != 0;
}

/* Returns the view's name. */
static const char *damage_view(struct dice *dice)
{
    static char name[64];
    struct dirent **entries;
    char path[512];
    done("rm -rf shop && cp -r whole shop");
    int count = scandir(path_of("shop/views"), &entries, is_view_file, by_name);
    cr_assert_gt(count, 0);
    snprintf(path, sizeof path, "shop/views/%s", entries[dice_of(dice, (uint32_t)count)]->d_name);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    struct file file = open_file(path);
    flip_a_byte_in_use(file, dice);
    close(file.descriptor);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path + strlen("shop/views/"), "."), path + strlen("shop/views/"));
    return name;
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

/* Of a sound shop each of these is answered, or done. */
static struct answer ask_question(unsigned seed, const struct question *question)
{
    struct answer answer = ask(seed, question->line);
    cr_assert(answer.code != 1 || (question->subject != NULL && contains(answer.err, question->subject)),
              "seed %u: %s is refused: %s", seed, question->line, answer.err);
    return answer;
}

static bool is_right(const struct answer *answer, int question)
{
    return answer->code == 0 && strcmp(answer->out, truth[question]) == 0;
}

/* A log that is gone or cut leaves an older roll, which is whole: only who has seen more can tell, a view or a seal. */
static bool is_older(const struct answer *events)
{
    size_t length = strlen(events->out);
    return events->code == 0 && length < strlen(truth[0]) && strncmp(events->out, truth[0], length) == 0;
}

static bool is_asked(struct dice *dice)
{
    return getenv("TILL_LONG") != NULL || dice_percent(dice, 35);
}

static void do_some(unsigned seed, struct dice *dice)
{
    for (int i = 0; i < DEEDS; i++)
        if (is_asked(dice))
            ask_question(seed, &deeds[i]);
    ask(seed, "till status");
}

static void expect_no_lie(unsigned seed, struct dice *dice)
{
    bool had_views = access(path_of("shop/views"), F_OK) == 0;
    struct answer verified = ask(seed, "till verify");
    bool older = false, differs = false;
    for (int i = 0; i < QUESTIONS; i++) {
        if (i > 0 && !is_asked(dice))
            continue;
        struct answer answer = ask_question(seed, &questions[i]);
        older = older || (i == 0 && is_older(&answer));
        differs = differs || ((answer.code == 0 || answer.code == 1) && !is_right(&answer, i));
    }
    if (differs && !(older && !had_views))
        cr_assert_eq(verified.code, 3, "seed %u: an answer differs from the truth, and verify says:\n%s", seed,
                     verified.out);
    do_some(seed, dice);
}

/* The roll is whole, so whoever finds a view damaged has another folded, if not for this question then for the next. */
static void expect_right_or_named(unsigned seed, const char *view, struct dice *dice)
{
    char wrong[96];
    struct answer verified = ask(seed, "till verify");
    snprintf(wrong, sizeof wrong, "WRONG   view %s", view);
    cr_assert(verified.code == 0 || (verified.code == 3 && contains(verified.out, wrong)),
              "seed %u, %s: verify says:\n%s%s", seed, view, verified.out, verified.err);
    for (int i = 0; i < QUESTIONS; i++) {
        if (!is_asked(dice))
            continue;
        struct answer answer = ask_question(seed, &questions[i]);
        if (answer.code == 3 && contains(answer.err, "was set aside: ask again"))
            answer = ask_question(seed, &questions[i]);
        cr_assert(is_right(&answer, i) || verified.code == 3,
                  "seed %u, %s: %s ends with %d, and verify finds nothing:\n%s", seed, view, questions[i].line,
                  answer.code, answer.err);
        cr_assert(answer.code == 0 || contains(answer.err, view), "seed %u, %s: %s says: %s", seed, view,
                  questions[i].line, answer.err);
    }
    do_some(seed, dice);
}

/* No two shops are the same to the byte, so a seed alone does not bring back what was found: each damaged shop is kept
 * in the folder that TILL_KEEP names. */
static void keep(unsigned seed, const char *what)
{
    const char *folder = getenv("TILL_KEEP");
    if (folder != NULL)
        done("mkdir -p %s && rm -rf %s/%s-%u && cp -a shop %s/%s-%u", folder, folder, what, seed, folder, what, seed);
}

static unsigned ways(void)
{
    return getenv("TILL_LONG") != NULL ? WAYS_LONG : WAYS;
}

/* Behind the store's back. */
static void edit_roll(const char *sql)
{
    static const char unlock[] = "DROP TRIGGER type_is_never_updated; DROP TRIGGER event_is_never_updated;"
                                 "DROP TRIGGER event_is_never_deleted;";
    done("sqlite3 shop/events.db \"%s %s\"", unlock, sql);
}

#define FIRST_OF_1                                                                                                     \
    "(SELECT position FROM event WHERE type = (SELECT id FROM type WHERE name = 'OrderPlaced') ORDER BY position "     \
    "LIMIT 1)"

Test(damage, of_a_type_s_name_is_told_by_who_changes_or_shows_an_order_that_has_it)
{
    static const char *const commands[] = {"till cancel 1", "till ship 1",
                                           "till place --ref 1 --customer ada --line tea=2"};
    small_shop();
    done("till orders");
    edit_roll("UPDATE type SET name = 'OrdesPlaced' WHERE name = 'OrderPlaced'");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        refused(3, "is damaged: no OrderPlaced in its stream places it. Run `till verify`", "%s", commands[i]);
    refused(3, "the first of order ", "till order 1");
    done("rm -r shop/views");
    refused(3, "the view orders stopped: cannot handle the event at position ", "till order 1");
    refused(3, "is damaged: there is no event type \"OrdesPlaced\". Run `till verify`", "till order 1 --at 9");
}

Test(damage, of_what_places_an_order_is_told_by_who_shows_it)
{
    static const struct {
        const char *sql, *sentence;
    } damages[] = {
        {"UPDATE event SET data = '{}' WHERE position = " FIRST_OF_1,
         "is damaged: OrderPlaced v2: order_id is missing. Run `till verify`"},
        {"UPDATE event SET schema_version = 99 WHERE position = " FIRST_OF_1, "use a newer one"},
        {"UPDATE event SET schema_version = 1, type = (SELECT id FROM type WHERE name = 'OrderConfirmed') WHERE "
         "position = " FIRST_OF_1,
         "is damaged: it does not place the order. Run `till verify`"},
        {"UPDATE event SET data = (SELECT data FROM event WHERE position = " FIRST_OF_1
         " + 1) WHERE position = " FIRST_OF_1,
         "is damaged: it does not place the order. Run `till verify`"},
    };
    small_shop();
    done("till orders && mv shop sound");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        done("rm -rf shop && cp -r sound shop");
        edit_roll(damages[i].sql);
        refused(3, damages[i].sentence, "till order 1");
    }
}

Test(damage, of_what_caused_an_event_is_told_by_who_shows_the_event)
{
    small_shop();
    const char *id = value(done("till order 1 --json"), 0, "order_id");
    edit_roll("DELETE FROM event WHERE position = " FIRST_OF_1);
    refused(3, ", is missing: the roll is damaged. Run `till verify`", "till events --json --stream payment-%s", id);
}

Test(damage, of_a_view_that_has_lost_an_order_is_told_once_and_mended)
{
    small_shop();
    const char *order = done("till order 1");
    done("sqlite3 shop/views/orders.1.db \"DELETE FROM orders WHERE order_ref = '1'\"");
    struct answer answer = run("till order 1");
    cr_expect_eq(answer.code, 3);
    cr_expect(contains(answer.err, "the view orders has lost order 1; the view was set aside: ask again"), "%s",
              answer.err);
    cr_expect_str_eq(done("till order 1"), order);
}

Test(damage, never_makes_a_lie_nor_a_crash)
{
    make_shops();
    for (unsigned seed = 1; seed <= ways(); seed++) {
        struct dice dice = dice_seeded(seed);
        damage_roll(&dice);
        keep(seed, "roll");
        expect_no_lie(seed, &dice);
    }
}

Test(damage, of_a_view_is_mended_or_named)
{
    make_shops();
    for (unsigned seed = 1; seed <= ways() / 4; seed++) {
        struct dice dice = dice_seeded(seed);
        const char *view = damage_view(&dice);
        keep(seed, view);
        expect_right_or_named(seed, view, &dice);
    }
}
