/* Everything at once, each in a process of its own: a writer, two projectors, queries, rebuilds, and somebody who
 * deletes the views again and again. Whatever happens in between, no query may err or lie, and in the end every view
 * equals the roll. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/stock.h"
#include "tests/projections/history.h"

enum { ORDERS = 300, PROCESSES = 6 };

static enum status count_row(void *context, const struct order_row *row, struct error *error)
{
    (void)row;
    (void)error;
    ++*(uint64_t *)context;
    return STATUS_OK;
}

static bool is_over(struct history *shop)
{
    return head_of(shop) >= 2 + 2 * ORDERS;
}

static void complain(const char *who, enum status status, const struct error *error)
{
    fprintf(stderr, "%s: %s: %s\n", who, status_name(status), error->text);
    _exit(1);
}

static void write_orders(struct history *shop)
{
    for (int order = 1; order <= ORDERS; order++) {
        placed(shop, order, "tea", 1);
        happened(shop, order, EVENT_UNITS_RESERVED);
    }
}

static void keep_views(struct history *shop)
{
    struct projector *projector;
    struct error error = {0};
    cr_assert_eq(projector_open(&projector, &shop->home, NULL, 0, &error), STATUS_OK);
    while (!is_over(shop)) {
        enum status status = projector_step(projector, NULL, &error);
        if (status != STATUS_OK && status != STATUS_BUSY && status != STATUS_IO) /* IO: deleted while it was made */
            complain("projector", status, &error);
    }
    projector_close(&projector);
}

/* An order is placed every second event, from the third on. */
static void ask(struct history *shop)
{
    while (!is_over(shop)) {
        struct view *view;
        struct error error = {0};
        uint64_t head = head_of(shop), count = 0;
        enum status status = view_open_fresh(&view, &shop->home, &orders_projection, 20000, &error);
        if (status == STATUS_OK)
            status = orders_each(view, count_row, &count, &error);
        if (status != STATUS_OK)
            complain("query", status, &error);
        if (view_position(view) < head || count != (view_position(view) - 1) / 2) {
            fprintf(stderr, "%d orders at %d, head %d\n", (int)count, (int)view_position(view), (int)head);
            _exit(1);
        }
        view_close(&view);
    }
}

static void rebuild_again_and_again(struct history *shop)
{
    while (!is_over(shop)) {
        struct rebuild_report report;
        struct error error = {0};
        enum status status = view_rebuild(&shop->home, &orders_projection, NULL, NULL, &report, &error);
        if (status != STATUS_OK && status != STATUS_IO && status != STATUS_BUSY) /* IO: its folder was deleted */
            complain("rebuild", status, &error);
    }
}

static void delete_again_and_again(struct history *shop)
{
    char command[TEMPORARY_SIZE + 32];
    snprintf(command, sizeof command, "rm -rf '%s/views' 2>/dev/null", shop->folder);
    while (!is_over(shop)) {
        usleep(30000); /* a pace, not a wait */
        (void)!system(command);
    }
}

Test(views, stay_right_with_everybody_at_work_on_them)
{
    void (*const work[PROCESSES])(struct history *) = {
        write_orders, keep_views, keep_views, ask, rebuild_again_and_again, delete_again_and_again};
    struct history *shop = history_new();
    pid_t children[PROCESSES];
    listed(shop, "tea");
    received(shop, "tea", 1000);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        cr_assert(children[i] >= 0);
        if (children[i] == 0) {
            in_child(shop, work[i]);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int outcome;
        cr_assert_eq(waitpid(children[i], &outcome, 0), children[i]);
        cr_expect(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0, "process %d", i);
    }
    for (size_t i = 0; i < projection_count; i++)
        assert_view_equals_roll(shop, projections[i]);
    history_end(shop);
}
