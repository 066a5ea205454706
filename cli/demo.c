/* demo.c - `till demo`: a shop in a temporary folder, told and shown step by step, with the services as processes.
 *
 * Each step does something, shows the journey that came of it, and checks that it came out as told: the exit status is
 * 1 if any step did not. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/signals.h"
#include "domain/money.h"
#include "eventstore/digest.h"
#include "projections/compare.h"
#include "projections/orders.h"
#include "services/services.h"

enum {
    PATIENCE_MS = 30000, /* a valgrind on a busy machine takes ten seconds to start us all */
    CROWD = 300,         /* orders of step 7: enough batches to be killed in the middle of them */
    CROWDS_MAX = 5,      /* so many crowds may be charged before anybody could be killed: the machine has stalled us */
    POLL_US = 500,
    DIGEST_SHOWN = 16, /* hex digits: enough to compare by eye */
};

struct demo {
    struct till till; /* with the temporary shop as its folder */
    struct shop shop;
    char folder[PATH_SIZE];
    pid_t workers[WORKERS];
    bool failed;                  /* something did not come out as told */
    bool broken;                  /* the shop does not come to rest, or we are asked to stop: nothing more is told */
    uint64_t before_cancellation; /* the roll's head before step 5 */
    struct uuid cancelled;        /* the order of steps 2 and 5 */
};

enum { PAYMENT_WORKER = 1 }; /* in worker_names */

/* ---- telling ---- */

static void title(struct demo *demo, int number, const char *text)
{
    const struct till *till = &demo->till;
    printf("\n%s%2d. %s%s\n", style(till, STYLE_BOLD), number, text, style(till, STYLE_PLAIN));
}

static void say(struct demo *demo, const char *text)
{
    printf("%s    %s%s\n", style(&demo->till, STYLE_DIM), text, style(&demo->till, STYLE_PLAIN));
}

static void expect(struct demo *demo, bool as_told, const char *format, ...) PRINTF_LIKE(3, 4);
static void expect(struct demo *demo, bool as_told, const char *format, ...)
{
    const struct till *till = &demo->till;
    va_list values;
    va_start(values, format);
    printf("    %s%s%s ", style(till, as_told ? STYLE_GREEN : STYLE_RED),
           as_told ? "✓" : "✗ NOT AS TOLD:", style(till, STYLE_PLAIN));
    vprintf(format, values);
    va_end(values);
    putchar('\n');
    fflush(stdout);
    demo->failed = demo->failed || !as_told;
}

/* A failure of the machinery: the step is not as told, and the sentence says why. */
static bool went_well(struct demo *demo, enum status status, const struct error *error)
{
    if (status != STATUS_OK)
        expect(demo, false, "%s", error->text);
    return status == STATUS_OK;
}

/* ---- doing ---- */

static bool place(struct demo *demo, const char *ref, const char *customer, const char *card, const char *sku,
                  int64_t quantity, struct uuid *id)
{
    struct error error = {0};
    struct desk_line line = {.sku = sku, .quantity = quantity};
    struct desk_order order = {
        .order_ref = ref, .customer = customer, .card_token = card, .lines = &line, .line_count = 1};
    printf("    $ till place --ref %s --customer %s --line %s=%lld%s%s\n", ref, customer, sku, (long long)quantity,
           card == NULL ? "" : " --card ", card == NULL ? "" : card);
    return went_well(demo, desk_place(&demo->shop.desk, &order, id, NULL, &error), &error);
}

static bool settle(struct demo *demo)
{
    struct error error = {0};
    enum status status = wait_until_settled(&demo->shop, PATIENCE_MS, &error);
    demo->broken = signal_to_stop() || !went_well(demo, status, &error);
    return !demo->broken;
}

static void show(struct demo *demo, struct uuid order)
{
    struct error error = {0};
    went_well(demo, print_timeline(&demo->shop, &demo->till, order, 0, &error), &error);
}

struct order_answer {
    char status[16], reason[64];
    int64_t orders;
};

static enum status keep_answer(void *context, const struct order_row *row, struct error *error)
{
    (void)error;
    struct order_answer *answer = context;
    snprintf(answer->status, sizeof answer->status, "%s", row->status);
    snprintf(answer->reason, sizeof answer->reason, "%s", row->reason == NULL ? "" : row->reason);
    answer->orders++;
    return STATUS_OK;
}

/* How an order stands, now or (position != 0) back then. */
static struct order_answer look_at(struct demo *demo, struct uuid order, uint64_t position)
{
    struct error error = {0};
    struct view *view = NULL;
    struct order_answer answer = {0};
    enum status status = position == 0
                             ? view_open_fresh(&view, &demo->shop.home, &orders_projection, VIEW_PATIENCE_MS, &error)
                             : view_open_at(&view, demo->shop.store, &orders_projection, position, &error);
    if (status == STATUS_OK)
        status = orders_find(view, order, keep_answer, &answer, &error);
    view_close(&view);
    went_well(demo, status, &error);
    return answer;
}

static void expect_status(struct demo *demo, struct uuid order, const char *status, const char *reason)
{
    struct order_answer answer = look_at(demo, order, 0);
    bool as_told = strcmp(answer.status, status) == 0 && strcmp(answer.reason, reason) == 0;
    expect(demo, as_told, "the order is %s%s%s", answer.status, answer.reason[0] == '\0' ? "" : ": ", answer.reason);
}

/* ---- the bank's own book ---- */

struct book {
    const struct uuid *only; /* this order, or all */
    int64_t charges, refunds, charged_minor, refunded_minor;
};

static enum status add_movement(void *context, const struct gateway_movement *movement, struct error *error)
{
    (void)error;
    struct book *book = context;
    if (book->only != NULL && !uuid_equal(*book->only, movement->order))
        return STATUS_OK;
    bool charge = movement->kind == GATEWAY_CHARGE;
    *(charge ? &book->charges : &book->refunds) += 1;
    *(charge ? &book->charged_minor : &book->refunded_minor) += movement->amount_minor;
    return STATUS_OK;
}

static struct book read_book(struct demo *demo, const struct uuid *only)
{
    struct error error = {0};
    struct gateway *gateway = NULL;
    struct book book = {.only = only};
    enum status status = gateway_open(&gateway, demo->folder, &demo->till.clock, &error);
    if (status == STATUS_OK)
        status = gateway_read_book(gateway, add_movement, &book, &error);
    gateway_close(&gateway);
    went_well(demo, status, &error);
    return book;
}

/* ---- the steps ---- */

static void step_catalogue(struct demo *demo)
{
    static const struct list_product products[] = {
        {.sku = "tea", .name = "Assam tea, 250 g", .unit_price_minor = 790, .opening_stock = 1000},
        {.sku = "pot", .name = "Teapot, cast iron", .unit_price_minor = 4900, .opening_stock = 3},
        {.sku = "cup", .name = "Cup, stoneware", .unit_price_minor = 1250, .opening_stock = 40},
    };
    title(demo, 1, "A catalogue is listed and stock received");
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        struct error error = {0};
        struct list_product product = products[i];
        product.currency = demo->shop.desk.currency;
        printf("    $ till list %s --name \"%s\" --price %lld.%02lld --stock %lld\n", product.sku, product.name,
               (long long)(product.unit_price_minor / 100), (long long)(product.unit_price_minor % 100),
               (long long)product.opening_stock);
        went_well(demo, desk_list(&demo->shop.desk, &product, NULL, &error), &error);
    }
    uint64_t head = 0;
    struct error error = {0};
    went_well(demo, eventstore_head(demo->shop.store, &head, &error), &error);
    expect(demo, head == 6, "%llu events stand on the roll", (unsigned long long)head);
}

static void step_success(struct demo *demo)
{
    title(demo, 2, "An order that succeeds");
    if (!place(demo, "A-1", "ada", NULL, "tea", 2, &demo->cancelled) || !settle(demo))
        return;
    show(demo, demo->cancelled);
    expect_status(demo, demo->cancelled, "confirmed", "");
}

static void step_declined(struct demo *demo)
{
    struct uuid order;
    title(demo, 3, "A card that is declined");
    if (!place(demo, "B-1", "bob", "tok_declined", "cup", 4, &order) || !settle(demo))
        return;
    show(demo, order);
    expect_status(demo, order, "rejected", "declined");
    expect(demo, read_book(demo, &order).charges == 0, "the bank's book holds no charge for it");
}

static void step_compensation(struct demo *demo)
{
    struct uuid order;
    title(demo, 4, "More than there is: the payment is given back");
    if (!place(demo, "C-1", "cleo", NULL, "pot", 5, &order) || !settle(demo))
        return;
    show(demo, order);
    expect_status(demo, order, "cancelled", "out_of_stock");
    struct book book = read_book(demo, &order);
    expect(demo, book.charges == 1 && book.refunds == 1 && book.charged_minor == book.refunded_minor,
           "the bank's book: charged %s, refunded %s", money_text(book.charged_minor, demo->shop.desk.currency),
           money_text(book.refunded_minor, demo->shop.desk.currency));
}

static void step_cancel(struct demo *demo)
{
    struct error error = {0};
    struct cancel_order command = {.reason = "found it in the attic",
                                   .requested_at_us = clock_now_us(&demo->till.clock)};
    title(demo, 5, "A customer cancels a confirmed order");
    printf("    $ till cancel A-1 --reason \"%s\"\n", command.reason);
    went_well(demo, eventstore_head(demo->shop.store, &demo->before_cancellation, &error), &error);
    if (!went_well(demo, desk_cancel(&demo->shop.desk, demo->cancelled, &command, NULL, &error), &error) ||
        !settle(demo))
        return;
    show(demo, demo->cancelled);
    expect_status(demo, demo->cancelled, "cancelled", "customer");
    struct book book = read_book(demo, &demo->cancelled);
    expect(demo, book.charged_minor == book.refunded_minor, "the bank's book: charged %s, refunded %s",
           money_text(book.charged_minor, demo->shop.desk.currency),
           money_text(book.refunded_minor, demo->shop.desk.currency));
}

static void step_twice(struct demo *demo)
{
    struct error error = {0};
    struct uuid first, second;
    uint64_t head = 0, again = 0;
    title(demo, 6, "The same order placed twice is one order");
    if (!place(demo, "D-1", "dora", NULL, "cup", 2, &first) || !settle(demo))
        return;
    went_well(demo, eventstore_head(demo->shop.store, &head, &error), &error);
    if (!place(demo, "D-1", "dora", NULL, "cup", 2, &second) || !settle(demo))
        return;
    went_well(demo, eventstore_head(demo->shop.store, &again, &error), &error);
    show(demo, first);
    expect(demo, uuid_equal(first, second) && head == again, "one order, one charge (%lld), and nothing was added",
           (long long)read_book(demo, &first).charges);
}

/* Places a crowd in one commit and returns the roll's head before it. */
static bool place_crowd(struct demo *demo, int number, uint64_t *before)
{
    struct error error = {0};
    struct desk_batch *batch = NULL;
    enum status status = eventstore_head(demo->shop.store, before, &error);
    if (status == STATUS_OK)
        status = desk_batch_open(&batch, &demo->shop.desk, &error);
    for (int i = 0; status == STATUS_OK && i < CROWD; i++) {
        char ref[16];
        bool done_already;
        snprintf(ref, sizeof ref, "K-%d", number * CROWD + i + 1);
        struct desk_line line = {.sku = "tea", .quantity = 1};
        struct desk_order order = {.order_ref = ref, .customer = "crowd", .lines = &line, .line_count = 1};
        status = desk_batch_place(batch, &order, &done_already, &error);
    }
    if (status == STATUS_OK)
        status = desk_batch_commit(batch, &error);
    desk_batch_close(&batch);
    return went_well(demo, status, &error);
}

/* Waits until the payment service has charged a part of the crowd, then kills it; says where it stood. */
static bool kill_payment(struct demo *demo, uint64_t before, uint64_t *stood_at)
{
    struct error error = {0};
    int64_t deadline_us = clock_monotonic_us() + (int64_t)PATIENCE_MS * 1000;
    enum status status = STATUS_OK;
    *stood_at = 0;
    while (status == STATUS_OK && *stood_at <= before && clock_monotonic_us() < deadline_us && !signal_to_stop()) {
        status = eventstore_checkpoint(demo->shop.store, "payment", stood_at, &error);
        usleep(POLL_US);
    }
    kill(demo->workers[PAYMENT_WORKER], SIGKILL);
    waitpid(demo->workers[PAYMENT_WORKER], NULL, 0);
    demo->workers[PAYMENT_WORKER] = 0;
    if (status == STATUS_OK)
        status = eventstore_checkpoint(demo->shop.store, "payment", stood_at, &error);
    return !signal_to_stop() && went_well(demo, status, &error);
}

static bool start_payment_again(struct demo *demo)
{
    demo->workers[PAYMENT_WORKER] =
        start_worker(&demo->till, worker_names[PAYMENT_WORKER], &retry_policy_default, false);
    return settle(demo);
}

/* Places crowd after crowd, until the payment service is killed before it was done with one. Returns how many it
 * took; 0 when something failed. */
static int kill_payment_in_the_middle(struct demo *demo)
{
    uint64_t before = 0, stood_at = 0;
    for (int crowds = 0; crowds < CROWDS_MAX; crowds++) {
        const struct book earlier = read_book(demo, NULL);
        if (!place_crowd(demo, crowds, &before) || !kill_payment(demo, before, &stood_at))
            return 0;
        if (stood_at > before && stood_at < before + CROWD) {
            printf("    SIGKILL after %lld of %d charges; its checkpoint stood at %llu of %llu\n",
                   (long long)(read_book(demo, NULL).charges - earlier.charges), CROWD, (unsigned long long)stood_at,
                   (unsigned long long)(before + CROWD));
            return crowds + 1;
        }
        say(demo, "it was done before it could be killed: once more");
        if (!start_payment_again(demo))
            return 0;
    }
    return 0;
}

static void step_kill(struct demo *demo)
{
    title(demo, 7, "The payment service is killed in the middle of a batch of orders");
    const struct book earlier = read_book(demo, NULL);
    const int orders = CROWD * kill_payment_in_the_middle(demo);
    expect(demo, orders > 0, "it died in the middle");
    if (orders == 0)
        return;
    say(demo, "restarted: it goes on from its checkpoint and asks with the same keys");
    if (!start_payment_again(demo))
        return;
    const struct book later = read_book(demo, NULL);
    expect(demo, later.charges - earlier.charges == orders && later.refunds == earlier.refunds,
           "the bank's book: %d orders, %lld charges, none twice", orders,
           (long long)(later.charges - earlier.charges));
    char ref[16];
    snprintf(ref, sizeof ref, "K-%d", orders);
    show(demo, desk_order_id(&demo->shop.desk, ref));
}

static bool orders_digest(struct demo *demo, char text[DIGEST_TEXT_SIZE])
{
    struct error error = {0};
    struct view *view = NULL;
    uint8_t digest[VIEW_DIGEST_BYTES];
    enum status status = view_open_fresh(&view, &demo->shop.home, &orders_projection, VIEW_PATIENCE_MS, &error);
    if (status == STATUS_OK)
        status = view_digest(view, digest, &error);
    view_close(&view);
    if (status == STATUS_OK)
        digest_to_text(digest, text);
    return went_well(demo, status, &error);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void step_rebuild(struct demo *demo)
{
    char before[DIGEST_TEXT_SIZE], after[DIGEST_TEXT_SIZE], views[PATH_SIZE];
    title(demo, 8, "The read models are deleted, and folded again from history");
    if (!orders_digest(demo, before) || path_join(views, demo->folder, NULL, "views") != STATUS_OK)
        return;
    printf("    digest of the view orders before:  %.*s…\n", DIGEST_SHOWN, before);
    printf("    $ rm -r %s\n", "views/");
    remove_tree(views);
    if (!settle(demo) || !orders_digest(demo, after))
        return;
    printf("    digest of the view orders after:   %.*s…\n", DIGEST_SHOWN, after);
    expect(demo, strcmp(before, after) == 0, "the projector noticed, and the same rows are there again");
}

static void step_time_travel(struct demo *demo)
{
    title(demo, 9, "The shop as it was before step 5");
    printf("    $ till order A-1 --at %llu\n", (unsigned long long)demo->before_cancellation);
    struct error error = {0};
    went_well(demo, print_timeline(&demo->shop, &demo->till, demo->cancelled, demo->before_cancellation, &error),
              &error);
    struct order_answer then = look_at(demo, demo->cancelled, demo->before_cancellation);
    struct order_answer now = look_at(demo, demo->cancelled, 0);
    expect(demo, strcmp(then.status, "confirmed") == 0 && strcmp(now.status, "cancelled") == 0,
           "then it was %s, now it is %s", then.status, now.status);
}

/* ---- step 10: proof ---- */

struct proof {
    const struct till *till;
    bool quiet;
    int faults;
    char first_fault[200];
};

static enum status keep_check(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)error;
    struct proof *proof = context;
    if (!ok && proof->faults++ == 0)
        snprintf(proof->first_fault, sizeof proof->first_fault, "%s: %s", check, detail);
    if (!proof->quiet)
        printf("      %-10s %s%s%s %s\n", check, style(proof->till, ok ? STYLE_GREEN : STYLE_RED), ok ? "ok" : "NOT OK",
               style(proof->till, STYLE_PLAIN), detail);
    return STATUS_OK;
}

static enum status verify_file(const char *file, struct proof *proof, struct error *error)
{
    struct eventstore *store = NULL;
    enum status status = eventstore_open_file(&store, file, error);
    if (status == STATUS_OK)
        status = eventstore_verify(store, keep_check, proof, NULL, error);
    eventstore_close(&store);
    return status;
}

/* Changes bytes of the file in place, as a forger with an editor would. */
static bool forge(const char *file, const char *original, const char *forged)
{
    struct stat info;
    bool done = false;
    int descriptor = open(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    void *bytes = MAP_FAILED;
    if (fstat(descriptor, &info) == 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (bytes != MAP_FAILED) {
        char *found = memmem(bytes, (size_t)info.st_size, original, strlen(original));
        if (found != NULL) {
            memcpy(found, forged, strlen(forged));
            done = true;
        }
        munmap(bytes, (size_t)info.st_size);
    }
    close(descriptor);
    return done;
}

static void step_verify(struct demo *demo)
{
    struct error error = {0};
    struct proof roll = {.till = &demo->till}, forgery = {.till = &demo->till, .quiet = true};
    char file[PATH_SIZE], digest_text[DIGEST_TEXT_SIZE];
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    uint64_t position = 0;
    title(demo, 10, "The roll is proved, and a forgery is found");
    printf("    $ till verify\n");
    if (!went_well(demo, eventstore_verify(demo->shop.store, keep_check, &roll, NULL, &error), &error))
        return;
    expect(demo, roll.faults == 0, "the digest chain holds");
    enum status status = path_join(file, demo->folder, &error, "backup.db");
    if (status == STATUS_OK)
        status = eventstore_backup(demo->shop.store, file, &position, digest, &error);
    if (!went_well(demo, status, &error))
        return;
    digest_to_text(digest, digest_text);
    printf("    $ till backup backup.db            (%llu events, digest %.*s…)\n", (unsigned long long)position,
           DIGEST_SHOWN, digest_text);
    say(demo, "in the copy, behind the store's back: \"amount_minor\":24500 becomes 14500");
    expect(demo, forge(file, "\"amount_minor\":24500", "\"amount_minor\":14500"), "one event is altered");
    printf("    $ till verify backup.db\n");
    if (went_well(demo, verify_file(file, &forgery, &error), &error))
        expect(demo, forgery.faults > 0, "found, in the %s", forgery.first_fault);
}

/* ---- the whole ---- */

static bool open_demo(struct demo *demo, struct till *till, struct error *error)
{
    const char *folder = getenv("TMPDIR");
    bool there = false;
    demo->till = *till;
    if (path_join(demo->folder, folder == NULL ? "/tmp" : folder, error, "till-demo-XXXXXX") != STATUS_OK)
        return false;
    if (mkdtemp(demo->folder) == NULL) {
        error_errno(error, "make the folder", demo->folder);
        demo->folder[0] = '\0'; /* it is not ours: it is not to be removed */
        return false;
    }
    demo->till.folder = demo->folder;
    enum status status = shop_create(&demo->till, currency_from_code("USD"), &there, error);
    if (status == STATUS_OK)
        status = shop_open(&demo->shop, &demo->till, "customer", error);
    for (int i = 0; status == STATUS_OK && i < WORKERS; i++) {
        demo->workers[i] = start_worker(&demo->till, worker_names[i], &retry_policy_default, false);
        if (demo->workers[i] < 0)
            status = error_errno(error, "start", worker_names[i]);
    }
    return status == STATUS_OK;
}

static void close_demo(struct demo *demo, bool keep)
{
    stop_workers(demo->shop.store, demo->workers, WORKERS);
    shop_close(&demo->shop);
    if (!keep && demo->folder[0] != '\0')
        remove_tree(demo->folder);
}

static void run_steps(struct demo *demo)
{
    static void (*const steps[])(struct demo *) = {
        step_catalogue, step_success, step_declined, step_compensation, step_cancel,
        step_twice,     step_kill,    step_rebuild,  step_time_travel,  step_verify,
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !demo->broken && !signal_to_stop(); i++)
        steps[i](demo);
}

static void tell_the_end(struct demo *demo, bool stopped, bool keep, int64_t elapsed_us)
{
    const struct till *till = &demo->till;
    const char *end = demo->failed ? "Not all of it came out as told"
                      : stopped    ? "Stopped before the end"
                                   : "All of it came out as told";
    printf("\n%s%s%s in %.1f s.", style(till, demo->failed || stopped ? STYLE_RED : STYLE_GREEN), end,
           style(till, STYLE_PLAIN), (double)elapsed_us / 1e6);
    if (!keep) {
        printf(" The shop is gone again; --keep keeps it.\n");
        return;
    }
    fputs(" The shop stands in\n", stdout);
    print_cell(till, demo->folder, 0);
    fputs("\nGo on: till --shop ", stdout);
    print_cell(till, demo->folder, 0);
    puts(" status");
}

static int run(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct demo demo = {0};
    int64_t started_us = clock_monotonic_us();
    bool keep = argument_given(arguments, "keep");
    signals_catch();
    setenv("TILL_LOG", "off", 1); /* the workers' log lines would stand between the story's */
    if (!open_demo(&demo, till, &error)) {
        close_demo(&demo, keep);
        return fail(&error);
    }
    fputs("A shop in ", stdout);
    print_cell(till, demo.folder, 0);
    puts(", with five processes:\norder, payment, inventory, notification and the projector.");
    run_steps(&demo);
    bool stopped = signal_to_stop();
    close_demo(&demo, keep);
    tell_the_end(&demo, stopped, keep, clock_monotonic_us() - started_us);
    return demo.failed || stopped ? EXIT_REFUSED : EXIT_DONE;
}

static const struct option_spec options[] = {
    {"keep", NULL, "leave the shop where it is, to look around in"},
    {0},
};

const struct command demo_command = {
    .name = "demo",
    .usage = "[--keep]",
    .summary = "see sagas succeed, fail, compensate, crash and recover",
    .details = "Makes a shop in a new temporary folder, runs its services as processes, and\n"
               "tells ten steps with the journeys that come of them. Ends with 1 if any step did\n"
               "not come out as told.",
    .options = options,
    .run = run,
};
