/* In each command each allocation, and each operation on the disk, fails in its turn: the first, the second, and so on
 * until the command is over before its turn comes. The answer is the right one, or a sentence and exit 4; afterwards
 * the shop is whole, and the same command works.
 *
 * With TILL_LONG set all of them; else a sample. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/cli/shortage.h"

enum { ALLOCATIONS_SAMPLED = 397, OPERATIONS_SAMPLED = 11 /* one in so many */, LOOKS_KNOWN = 64 };

TestSuite(shortage, .init = till_begin, .fini = till_end, .timeout = 14000);

/* ./whole: sells tea and pots; orders in every state, one of which has a dead letter. */
static void make_shop(void)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"products.csv", "sku,name,unit_price,stock\ncup,\"Cup, red\",3.50,7\njug,Jug,9,1\n"},
        {"orders.csv", "order_ref,customer_ref,ordered_at,sku,quantity,unit_price\n"
                       "9,eve,2026-01-02,cup,1,3.50\n9,eve,2026-01-02,jug,1,9\n8,eve,2026-01-02,jug,0,9\n"},
        {"cancellations.csv", "order_ref,cancelled_at,reason\n9,2026-01-03,too late\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(path_of(files[i].name), "w");
        cr_assert(file != NULL && fputs(files[i].text, file) >= 0 && fclose(file) == 0);
    }
    small_shop();
    done("till place --ref 4 --customer dan --line tea=20 --card tok_refund_refused");
    done("till run --until-idle --attempts 2 --first-delay 1");
    done("till orders && till seal --new-key && till seal sealed && till backup saved.db && till export roll");
    done("mkdir promised && till contracts publish promised && sed -i '/\"carrier\"/d' promised/OrderShipped.v1.json");
    done("mv shop whole");
}

static struct answer ask(const char *line)
{
    return attempt(line, (struct shortage){.nth = 0}).answer;
}

static bool same(const struct answer *one, const struct answer *other)
{
    return one->code == other->code && strcmp(one->out, other->out) == 0 && strcmp(one->err, other->err) == 0;
}

static void expect_honest(const char *line, uint32_t nth, const struct answer *answer, const struct answer *truth)
{
    if (same(answer, truth))
        return;
    /* To verify, a page or a view that the disk does not give is a finding about the file. */
    const bool is_finding =
        answer->code == 3 && (contains(answer->out, "unable to get the page. error code=266") ||
                              (contains(answer->out, "WRONG   view ") && contains(answer->out, ": disk I/O error")));
    cr_assert(answer->code == 4 || is_finding, "%s, n = %u, ended with %d:\n%s%s", line, nth, answer->code, answer->out,
              answer->err);
    cr_assert(strncmp(answer->err, "till: ", 6) == 0 && answer->err[strlen(answer->err) - 1] == '\n',
              "%s, n = %u, said: %s", line, nth, answer->err);
}

static uint32_t stride(const struct shortage *shortage)
{
    if (getenv("TILL_LONG") != NULL)
        return 1;
    return shortage->of_memory ? ALLOCATIONS_SAMPLED : OPERATIONS_SAMPLED;
}

/* ---- commands that only ask ---- */

static const char *const questions[] = {
    "till orders",
    "till orders --json",
    "till orders --at 9",
    "till order 4",
    "till order 4 --json",
    "till order 1 --as-of 2999-01-01",
    "till stock",
    "till stock --json",
    "till sales --by customer",
    "till sales --by day --json",
    "till journeys",
    "till journeys --json",
    "till inbox bob",
    "till inbox --json --at 20",
    "till events",
    "till events --json",
    "till events --stream stock-tea",
    "till trace 4",
    "till trace 4 --json",
    "till trace 1 --format mermaid",
    "till trace 1 --format otlp",
    "till events --format cloudevents",
    "till export",
    "till replay --json",
    "till contracts",
    "till contracts --json",
    "till contracts --format markdown",
    "till contracts --format asyncapi",
    "till contracts show OrderPlaced",
    "till contracts check promised",
    "till dead-letters",
    "till dead-letters --json",
    "till dead-letters show 24",
    "till verify",
    "till verify saved.db --json --seal sealed",
};

static void ask_through(const char *line, struct shortage shortage, uint32_t first)
{
    const struct answer truth = ask(line);
    cr_assert_eq(truth.code, 0, "%s: %s", line, truth.err);
    bool struck = true;
    const uint32_t step = stride(&shortage);
    for (shortage.nth = 1 + first % step; struck; shortage.nth += step) {
        struct attempt tried = attempt(line, shortage);
        struck = tried.struck;
        expect_honest(line, shortage.nth, &tried.answer, &truth);
    }
    struct answer again = ask(line);
    cr_assert(same(&again, &truth), "%s says afterwards: %s%s", line, again.out, again.err);
}

static void ask_all_through(struct shortage shortage)
{
    make_shop();
    done("cp -r whole shop");
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask_through(questions[i], shortage, (uint32_t)(41 * i));
    done("till verify");
}

/* Each of the lines that speak of the disk finds a view wrong. Returns how many there are. */
static int views_not_given(const char *out)
{
    int count = 0;
    for (const char *line = out; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *words = strstr(line, ": disk I/O error");
        if (words == NULL || (size_t)(words - line) > strcspn(line, "\n"))
            continue;
        cr_assert_eq(strncmp(line, "WRONG   view ", 13), 0, "%s", out);
        count++;
    }
    return count;
}

Test(shortage, of_what_the_disk_reads_is_told_of_a_view_that_it_hits)
{
    struct shortage shortage = {.of_disk = DISK_READ_FAILS};
    int told = 0;
    small_shop();
    done("till run --until-idle && till orders");
    for (bool struck = true; struck;) {
        shortage.nth++;
        const struct attempt tried = attempt("till verify", shortage);
        struck = tried.struck;
        const int views = views_not_given(tried.answer.out);
        cr_assert(views == 0 || (views == 1 && tried.answer.code == 3), "n = %u, ended with %d:\n%s%s", shortage.nth,
                  tried.answer.code, tried.answer.out, tried.answer.err);
        told += views;
    }
    cr_assert_gt(told, 0);
}

Test(shortage, of_memory_makes_no_answer_wrong)
{
    ask_all_through((struct shortage){.of_memory = true});
}

Test(shortage, of_what_the_disk_reads_makes_no_answer_wrong)
{
    ask_all_through((struct shortage){.of_disk = DISK_READ_FAILS});
}

Test(shortage, of_what_the_disk_takes_makes_no_answer_wrong)
{
    ask_all_through((struct shortage){.of_disk = DISK_WRITE_FAILS});
}

/* ---- commands that write ---- */

struct deed {
    const char *line;
    const char *before; /* what makes ./shop ready for it; NULL when it is */
    const char *verify; /* what is to be whole afterwards; NULL: ./shop */
};

static const struct deed deeds[] = {
    {.line = "till list cup --name Cup --price 3.00 --stock 4"},
    {.line = "till receive tea 3"},
    {.line = "till place --ref 9 --customer ada --line tea=1"},
    {.line = "till cancel 1 --reason late"},
    {.line = "till ship 1"},
    {.line = "till import --products products.csv --orders orders.csv --cancellations cancellations.csv"
             " --rejects rejects.csv"},
    {.line = "till dead-letters retry 24"},
    {.line = "till dead-letters discard 24 --reason gone --force --json"},
    {.line = "till rebuild sales"},
    {.line = "till orders --json", .before = "rm -r shop/views"},
    {.line = "till stock", .before = "till receive tea 1 >.done"},
    {.line = "till export copy.db"},
};
/* Of a whole roll: each has as many allocations as a handful of the others. */
static const struct deed large_deeds[] = {
    {.line = "till init --shop other", .verify = "--shop other"},
    {.line = "till backup copy.db", .verify = "copy.db"},
    {.line = "till restore saved.db --shop other", .verify = "--shop other"},
    {.line = "till seal note"},
    {.line = "till load roll --shop other", .verify = "--shop other"},
};
enum { DEEDS = sizeof deeds / sizeof *deeds, LARGE_DEEDS = sizeof large_deeds / sizeof *large_deeds };

static void begin_again(const struct deed *deed)
{
    done("rm -rf shop other copy.db note rejects.csv && cp -r whole shop && %s",
         deed->before == NULL ? "true" : deed->before);
}

/* Of all that a deed can have touched. */
static uint64_t look_around(void)
{
    return look_of("shop") + look_of("other") + look_of("copy.db") + look_of("note") + look_of("rejects.csv");
}

/* Where the roll ends, which must be whole. */
static long verified(const struct deed *deed, uint32_t nth)
{
    static const char last[] = "run without gaps to ";
    char line[64];
    snprintf(line, sizeof line, "till verify %s", deed->verify == NULL ? "" : deed->verify);
    struct answer answer = ask(line);
    cr_assert_eq(answer.code, 0, "%s, n = %u: %s%s", deed->line, nth, answer.out, answer.err);
    const char *at = strstr(answer.out, last);
    cr_assert_not_null(at);
    return strtol(at + strlen(last), NULL, 10);
}

/* Who fails, but is not killed, takes the unfinished away. */
static void expect_no_draft(const struct deed *deed, uint32_t nth)
{
    static const char *const places[] = {"*.draft-*", "shop/*.draft-*", "other/*.draft-*"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        glob_t found;
        const int result = glob(places[i], GLOB_NOSORT, NULL, &found);
        cr_assert_eq(result, GLOB_NOMATCH, "%s, n = %u, leaves %s", deed->line, nth,
                     result == 0 ? found.gl_pathv[0] : "what cannot be listed");
    }
}

struct outcome {
    struct answer answer;
    long events;
};

static struct outcome carry_out(const struct deed *deed, uint32_t nth)
{
    const struct answer answer = ask(deed->line);
    return (struct outcome){.answer = answer, .events = verified(deed, nth)};
}

/* What failed has been done, or has not: done again, it is done for the first time or for the second. */
static void expect_done_or_not(const struct deed *deed, uint32_t nth, const struct outcome *once,
                               const struct outcome *twice)
{
    const struct outcome again = carry_out(deed, nth);
    cr_assert(again.answer.code == once->answer.code || again.answer.code == twice->answer.code,
              "%s, n = %u, ends afterwards with %d: %s", deed->line, nth, again.answer.code, again.answer.err);
    cr_assert(again.events == once->events || again.events == twice->events,
              "%s, n = %u, leaves %ld events, not %ld or %ld", deed->line, nth, again.events, once->events,
              twice->events);
}

/* Has the deed left this before? Then it has been carried out from there. */
static bool is_known(const uint64_t known[LOOKS_KNOWN], uint64_t look)
{
    for (size_t i = 0; i < LOOKS_KNOWN; i++)
        if (known[i] == look)
            return true;
    return false;
}

static void work_through(const struct deed *deed, struct shortage shortage, uint32_t first)
{
    begin_again(deed);
    const struct outcome once = carry_out(deed, 0), twice = carry_out(deed, 0);
    uint64_t known[LOOKS_KNOWN] = {0}, before = 0, after = 1;
    size_t looks = 0;
    bool struck = true;
    const uint32_t step = stride(&shortage);
    for (shortage.nth = 1 + first % step; struck; shortage.nth += step) {
        if (after != before) {
            begin_again(deed);
            before = look_around();
        }
        const struct attempt tried = attempt(deed->line, shortage);
        struck = tried.struck;
        expect_honest(deed->line, shortage.nth, &tried.answer, &once.answer);
        expect_no_draft(deed, shortage.nth);
        after = look_around();
        if (after == before) {
            cr_assert_neq(tried.answer.code, 0, "%s, n = %u, says that it did", deed->line, shortage.nth);
        } else if (!is_known(known, after)) {
            expect_done_or_not(deed, shortage.nth, &once, &twice);
            known[looks++ % LOOKS_KNOWN] = after;
        }
    }
}

static void work_all_through(const struct deed *all, size_t count, struct shortage shortage)
{
    for (size_t i = 0; i < count; i++)
        work_through(&all[i], shortage, (uint32_t)(41 * i));
}

static void work_through_both(struct shortage shortage)
{
    make_shop();
    work_all_through(deeds, DEEDS, shortage);
    work_all_through(large_deeds, LARGE_DEEDS, shortage);
}

Test(shortage, of_memory_leaves_nothing_half_done)
{
    make_shop();
    work_all_through(deeds, DEEDS, (struct shortage){.of_memory = true});
}

Test(shortage, of_memory_leaves_no_half_copy)
{
    make_shop();
    work_all_through(large_deeds, LARGE_DEEDS, (struct shortage){.of_memory = true});
}

Test(shortage, of_a_write_leaves_nothing_half_done)
{
    work_through_both((struct shortage){.of_disk = DISK_WRITE_FAILS});
}

Test(shortage, of_a_sync_leaves_nothing_half_done)
{
    work_through_both((struct shortage){.of_disk = DISK_SYNC_FAILS});
}

Test(shortage, of_room_leaves_nothing_half_done)
{
    work_through_both((struct shortage){.of_disk = DISK_FULL});
}

/* ---- a disk that is full ---- */

static const struct deed crowded[] = {
    {.line = "till init --shop small/other"},
    {.line = "till list cup --name Cup --price 3.00 --stock 4"},
    {.line = "till receive tea 3"},
    {.line = "till place --ref 9 --customer ada --line tea=1"},
    {.line = "till cancel 1 --reason late"},
    {.line = "till ship 1"},
    {.line = "till import --products products.csv --orders orders.csv --cancellations cancellations.csv"},
    {.line = "till import --orders orders.csv --rejects small/rejects.csv"},
    {.line = "till dead-letters retry 24"},
    {.line = "till dead-letters discard 24 --reason gone --force"},
    {.line = "till rebuild sales >.done"},
    {.line = "till orders --json", .before = "rm -r small/shop/views"},
    {.line = "till stock", .before = "till receive tea 1"},
    {.line = "timeout 60 till run --until-idle", .before = "till place --ref 9 --customer ada --line tea=1"},
    {.line = "timeout 60 till run --service payment --until-idle",
     .before = "till place --ref 9 --customer ada --line tea=1"},
    {.line = "till backup small/copy.db"},
    {.line = "till restore saved.db --shop small/other"},
    {.line = "till seal small/note"},
};

static void begin_crowded(const struct deed *deed)
{
    done("rm -rf small/* && cp -r whole small/shop && %s >.done", deed->before == NULL ? "true" : deed->before);
}

static int count_events(void)
{
    return count_lines(done("till events --json"));
}

static void expect_patience(const struct deed *deed)
{
    begin_crowded(deed);
    const struct answer once = run("%s", deed->line);
    begin_crowded(deed);
    (void)run("cat /dev/zero >small/filler");
    const struct answer full = run("%s", deed->line);
    done("rm small/filler");
    /* A worker that ends gives its logs back, and the next may find room there. */
    const bool is_done = full.code == once.code && strstr(deed->line, "till run") != NULL;
    if (!same(&full, &once)) {
        cr_assert(full.code == 4 || is_done, "%s ends with %d: %s%s", deed->line, full.code, full.out, full.err);
        cr_assert(contains(full.err, "; free some space and try again\n"), "%s says: %s", deed->line, full.err);
    }
    cr_assert_eq(run("test -e small/other/events.db || test -e small/copy.db || test -e small/note").code, 1,
                 "%s leaves a part", deed->line);
    done("till verify");
    const int events = count_events();
    const struct answer again = run("%s", deed->line);
    cr_assert_eq(again.code, once.code, "%s ends afterwards with %d: %s", deed->line, again.code, again.err);
    cr_assert(!is_done || count_events() == events, "%s ended with 0 and had left something to do", deed->line);
    done("till verify");
}

Test(shortage, of_a_full_disk_is_said_and_gets_over)
{
    const bool mounted = geteuid() == 0 && run("mkdir small && mount -t tmpfs -o size=2m tmpfs small").code == 0;
    if (!mounted && (geteuid() != 0 || getenv("CI") == NULL))
        cr_skip_test("SKIPPED: no small disk can be mounted here (it takes root)");
    cr_assert(mounted, "root cannot mount a small disk");
    make_shop();
    setenv("TILL_SHOP", "small/shop", 1);
    for (size_t i = 0; i < sizeof crowded / sizeof *crowded; i++)
        expect_patience(&crowded[i]);
}
