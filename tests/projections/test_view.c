#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "projections/generation.h"
#include "projections/inbox.h"
#include "projections/orders.h"
#include "projections/projector.h"
#include "projections/rebuild.h"
#include "projections/stock.h"
#include "tests/projections/history.h"
#include "tests/support/mishap.h"

static enum status count_row(void *context, const struct order_row *row, struct error *error)
{
    (void)row;
    (void)error;
    ++*(int *)context;
    return STATUS_OK;
}

static int orders_in(struct view *view)
{
    int count = 0;
    struct error error;
    cr_assert_eq(orders_each(view, count_row, &count, &error), STATUS_OK, "%s", error.text);
    return count;
}

/* Opens the view of orders, counts its rows, closes it. */
static int orders_of(struct history *shop)
{
    struct view *view = fresh(shop, &orders_projection);
    int count = orders_in(view);
    view_close(&view);
    return count;
}

static enum status open_orders(struct history *shop, struct error *error)
{
    struct view *view;
    enum status status = view_open_fresh(&view, &shop->home, &orders_projection, 100, error);
    cr_assert((view == NULL) == (status != STATUS_OK));
    view_close(&view);
    return status;
}

static struct view_state inspect(struct history *shop, const struct projection *projection)
{
    struct view_state state;
    struct error error;
    cr_assert_eq(view_inspect(&shop->home, projection, &state, &error), STATUS_OK, "%s", error.text);
    return state;
}

static void path_in(char path[PATH_SIZE], struct history *shop, const char *name)
{
    struct error error;
    cr_assert_eq(path_join(path, shop->folder, &error, "%s", name), STATUS_OK);
}

static void put(struct history *shop, const char *name, const char *text)
{
    char path[PATH_SIZE];
    path_in(path, shop, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

/* ---- age ---- */

Test(view, shows_what_was_stated_just_before)
{
    struct history *shop = history_new();
    cr_assert_eq(orders_of(shop), 0);
    placed(shop, 1, "tea", 1);
    cr_assert_eq(orders_of(shop), 1);
    placed(shop, 2, "tea", 1);
    cr_assert_eq(orders_of(shop), 2);
    cr_assert_eq(shop->notices, 0);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    history_end(shop);
}

Test(view, a_handle_shows_one_moment_whoever_folds_on)
{
    struct history *shop = history_new();
    placed(shop, 1, "tea", 1);
    struct view *view = fresh(shop, &orders_projection);
    placed(shop, 2, "tea", 1);
    cr_assert_eq(orders_of(shop), 2);
    cr_assert_eq(orders_in(view), 1);
    cr_assert_eq(view_position(view), 1);
    view_close(&view);
    history_end(shop);
}

Test(view, is_asked_without_the_lock_when_it_has_seen_all_and_not_before)
{
    struct history *shop = history_new();
    struct file_lock lock;
    struct error error = {0};
    char path[PATH_SIZE];
    placed(shop, 1, "tea", 1);
    cr_assert_eq(orders_of(shop), 1);
    path_in(path, shop, "run/view-orders.lock");
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    cr_assert_eq(open_orders(shop, &error), STATUS_OK);
    placed(shop, 2, "tea", 1);
    cr_assert_eq(open_orders(shop, &error), STATUS_BUSY, "an old answer would be a lie");
    file_lock_release(&lock);
    cr_assert_eq(orders_of(shop), 2);
    history_end(shop);
}

Test(view, shows_any_moment_of_the_past_and_none_of_the_future)
{
    struct history *shop = history_new();
    struct view *view;
    struct error error = {0};
    busy_week(shop);
    for (uint64_t position = 0; position <= head_of(shop); position++) {
        static const uint64_t placings[] = {4, 10, 14, 26, 36};
        int expected = 0;
        for (int i = 0; i < 5; i++)
            expected += placings[i] <= position;
        view = as_of(shop, &orders_projection, position);
        cr_assert_eq(orders_in(view), expected);
        view_close(&view);
    }
    cr_assert_eq(view_open_at(&view, shop->store, &orders_projection, head_of(shop) + 1, &error), STATUS_NOT_FOUND);
    cr_assert_null(view);
    cr_assert_eq(files_like(shop, ""), 0, "a private view leaves nothing behind");
    history_end(shop);
}

Test(view, is_folded_privately_where_the_folder_cannot_be_written)
{
    struct history *shop = history_new();
    char path[PATH_SIZE];
    busy_week(shop);
    path_in(path, shop, "run/view-orders.lock");
    cr_assert_eq(mkdir(path, 0700), 0); /* no lock can be had here; permissions would not stop root */
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(files_like(shop, "orders"), 0);
    history_end(shop);
}

/* ---- set aside ---- */

static void is_set_aside_after(struct history *shop, const char *sql, const char *why)
{
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.1.db", sql);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(shop->notices, 1);
    cr_assert(strstr(shop->notice, why) != NULL, "%s", shop->notice);
    cr_assert(strstr(shop->notice, "views/orders.1.db is kept") != NULL, "%s", shop->notice);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    assert_view_equals_roll(shop, &orders_projection);
    cr_assert_eq(shop->notices, 1, "said once");
}

Test(view, of_another_store_is_set_aside_said_so_and_folded_again)
{
    struct history *shop = history_new();
    is_set_aside_after(shop, "UPDATE meta SET store_id = zeroblob(16); DELETE FROM orders;",
                       "belongs to another store");
    history_end(shop);
}

Test(view, of_another_projection_is_set_aside)
{
    struct history *shop = history_new();
    is_set_aside_after(shop, "UPDATE meta SET projection = 'stock'", "belongs to another store");
    history_end(shop);
}

Test(view, of_an_older_version_of_its_projection_is_folded_again)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.1.db", "UPDATE meta SET version = 0; DELETE FROM orders;");
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(shop->notices, 0);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(view, that_has_lost_a_table_is_set_aside)
{
    struct history *shop = history_new();
    is_set_aside_after(shop, "DROP TABLE orders", "damaged");
    history_end(shop);
}

Test(view, that_has_lost_its_position_is_set_aside)
{
    struct history *shop = history_new();
    is_set_aside_after(shop, "DELETE FROM meta", "damaged");
    history_end(shop);
}

Test(view, that_is_no_database_is_set_aside)
{
    struct history *shop = history_new();
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.1.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    spoil(shop, "views/orders.1.db", 0, 4096);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(shop->notices, 1);
    cr_assert(strstr(shop->notice, "damaged") != NULL, "%s", shop->notice);

    path_in(path, shop, "views/orders.2.db");
    cr_assert_eq(truncate(path, 0), 0); /* all gone but the name; its log would bring the pages back */
    path_in(path, shop, "views/orders.2.db-wal");
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(shop->notices, 2);
    history_end(shop);
}

static void spoil_orders(struct history *shop)
{
    meddle(shop, "views/orders.1.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    spoil(shop, "views/orders.1.db",
          number_in(shop, "views/orders.1.db", "SELECT 4096 * (rootpage - 1) FROM sqlite_schema WHERE name = 'orders'"),
          4096);
}

Test(view, whose_pages_are_found_damaged_while_folding_is_set_aside)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    spoil_orders(shop);
    placed(shop, 6, "tea", 1);
    cr_assert_eq(orders_of(shop), 6);
    cr_assert_eq(shop->notices, 1);
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(view, that_is_damaged_and_cannot_be_replaced_is_folded_privately)
{
    struct history *shop = history_new();
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    spoil_orders(shop);
    placed(shop, 6, "tea", 1);
    path_in(path, shop, "views/.orders.db.new");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(orders_of(shop), 6);
    cr_assert_eq(shop->notices, 0, "nothing was set aside");
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(orders_of(shop), 6);
    cr_assert_eq(shop->notices, 1);
    history_end(shop);
}

Test(view, whose_link_is_a_plain_file_is_set_aside_and_a_dangling_link_is_just_missing)
{
    struct history *shop = history_new();
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    path_in(path, shop, "views/orders.1.db");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(inspect(shop, &orders_projection).condition, VIEW_MISSING);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(shop->notices, 0);

    path_in(path, shop, "views/orders.db");
    cr_assert_eq(unlink(path), 0);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    close(file);
    cr_assert_eq(inspect(shop, &orders_projection).condition, VIEW_DAMAGED);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(shop->notices, 1);
    history_end(shop);
}

Test(view, whose_file_is_a_folder_is_missing_and_folded_again)
{
    struct history *shop = history_new();
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    delete_views(shop);
    path_in(path, shop, "views");
    cr_assert_eq(mkdir(path, 0700), 0);
    path_in(path, shop, "views/orders.7.db");
    cr_assert_eq(mkdir(path, 0700), 0);
    path_in(path, shop, "views/orders.db");
    cr_assert_eq(symlink("orders.7.db", path), 0);
    cr_expect_eq(inspect(shop, &orders_projection).condition, VIEW_MISSING);
    cr_expect_eq(orders_of(shop), 5);
    cr_expect_str_eq(link_of(shop, "orders"), "orders.8.db");
    cr_expect_eq(orders_of(shop), 5);
    history_end(shop);
}

Test(view, can_be_set_aside_by_whoever_finds_it_damaged)
{
    struct history *shop = history_new();
    struct error error = {0};
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(view_set_aside(&shop->home, &orders_projection, "a row was torn", &error), STATUS_OK);
    cr_assert(strstr(shop->notice, "a row was torn: set aside") != NULL, "%s", shop->notice);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    history_end(shop);
}

/* ---- refused ---- */

Test(view, of_a_newer_version_is_refused_and_left_alone)
{
    struct history *shop = history_new();
    struct error error = {0};
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.db", "UPDATE meta SET version = 99");
    cr_assert_eq(open_orders(shop, &error), STATUS_NEWER);
    cr_assert(strstr(error.text, "version 99") != NULL, "%s", error.text);
    cr_assert_eq(inspect(shop, &orders_projection).condition, VIEW_NEWER);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    cr_assert_eq(shop->notices, 0);
    history_end(shop);
}

Test(view, that_has_seen_more_than_the_roll_holds_is_refused)
{
    struct history *shop = history_new();
    struct error error = {0};
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.db", "UPDATE meta SET position = 1000");
    cr_assert_eq(open_orders(shop, &error), STATUS_DAMAGED);
    cr_assert(strstr(error.text, "has seen position 1000, the roll ends at 36") != NULL, "%s", error.text);
    struct view_state state = inspect(shop, &orders_projection);
    cr_assert_eq(state.condition, VIEW_AHEAD);
    cr_assert_eq(state.position, 1000);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    history_end(shop);
}

Test(view, with_an_event_of_a_newer_schema_is_refused_as_newer)
{
    struct history *shop = history_new();
    struct error error = {0};
    placed(shop, 1, "tea", 1);
    state_raw(shop, "order", "x", "OrderPlaced", 99, "{}");
    cr_assert_eq(open_orders(shop, &error), STATUS_NEWER);
    cr_assert_eq(inspect(shop, &orders_projection).condition, VIEW_FAILED);
    cr_assert_eq(inspect(shop, &orders_projection).position, 1);
    history_end(shop);
}

Test(view, inspecting_makes_and_folds_nothing)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view_state state = inspect(shop, &orders_projection);
    cr_assert_eq(state.condition, VIEW_MISSING);
    cr_assert_eq(files_like(shop, ""), 0);
    cr_assert_eq(orders_of(shop), 5);
    placed(shop, 6, "tea", 1);
    state = inspect(shop, &orders_projection);
    cr_assert_eq(state.condition, VIEW_GOOD);
    cr_assert_eq(state.position, 36);
    cr_assert_str_eq(state.reason, "");
    history_end(shop);
}

/* ---- the folder goes, the process dies ---- */

Test(view, deleting_the_folder_is_safe_even_under_an_open_handle)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view *view = fresh(shop, &orders_projection);
    delete_views(shop);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(orders_in(view), 5);
    view_close(&view);
    cr_assert_eq(orders_of(shop), 5);
    assert_view_equals_roll(shop, &orders_projection);
    cr_assert_eq(shop->notices, 0);
    history_end(shop);
}

/* Somebody removes one file of a view that a projector has open, and perhaps another opener makes a new one. */
static void replaces_a_view_that_lost(const char *file, bool is_made_anew)
{
    struct history *shop = history_new();
    struct projector *projector;
    struct error error = {0};
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(projector_open(&projector, &shop->home, NULL, 0, &error), STATUS_OK);
    cr_assert_eq(projector_step(projector, NULL, &error), STATUS_OK);
    path_in(path, shop, file);
    cr_assert_eq(unlink(path), 0);
    if (is_made_anew)
        cr_assert_eq(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db", "what is left does not belong together");
    placed(shop, 6, "tea", 1);
    cr_assert_eq(projector_step(projector, NULL, &error), STATUS_OK);
    cr_assert_eq(inspect(shop, &orders_projection).position, 37);
    assert_view_equals_roll(shop, &orders_projection);
    projector_close(&projector);
    history_end(shop);
}

Test(view, is_folded_again_when_its_log_was_deleted)
{
    replaces_a_view_that_lost("views/orders.1.db-wal", false);
}

Test(view, is_folded_again_when_the_index_of_its_log_was_deleted)
{
    replaces_a_view_that_lost("views/orders.1.db-shm", false);
}

/* Two indexes of one log: who has the one does not see what is written through the other. */
Test(view, is_folded_again_when_the_index_of_its_log_is_another)
{
    replaces_a_view_that_lost("views/orders.1.db-shm", true);
}

Test(view, whose_files_are_not_known_is_opened_only_with_the_lock)
{
    struct history *shop = history_new();
    struct file_lock lock;
    struct error error = {0};
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.db", "UPDATE orders SET status = 'touched'"); /* its log goes when it closes */
    path_in(path, shop, "run/view-orders.lock");
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    cr_assert_eq(open_orders(shop, &error), STATUS_BUSY);
    file_lock_release(&lock);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    cr_assert_eq(open_orders(shop, &error), STATUS_OK, "known from now on");
    file_lock_release(&lock);
    history_end(shop);
}

/* A record that names no log is none that could be relied on. */
Test(view, whose_log_is_gone_on_the_record_too_is_opened_only_with_the_lock)
{
    struct history *shop = history_new();
    struct error error = {0};
    struct file_lock lock;
    struct stat found;
    char path[PATH_SIZE], record[64];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.db", "UPDATE orders SET status = 'touched'"); /* its log goes when it closes */
    path_in(path, shop, "views/orders.1.db");
    cr_assert_eq(stat(path, &found), 0);
    snprintf(record, sizeof record, "1 1 %lu 0 0\n", (unsigned long)found.st_ino);
    put(shop, "run/view-orders.files", record);
    path_in(path, shop, "run/view-orders.lock");
    cr_assert_eq(file_lock_try(&lock, path, &error), STATUS_OK);
    cr_assert_eq(open_orders(shop, &error), STATUS_BUSY);
    file_lock_release(&lock);
    cr_assert_eq(orders_of(shop), 5);
    cr_assert_eq(number_in(shop, "views/orders.1.db", "SELECT count(*) FROM orders WHERE status = 'touched'"), 5);
    history_end(shop);
}

static sqlite3_vfs *real_files;

/* The file goes just before it is opened. */
static int open_too_late(sqlite3_vfs *files, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)files;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && name != NULL && strstr(name, "/orders.1.db") != NULL)
        (void)unlink(name);
    return real_files->xOpen(real_files, name, file, flags, out_flags);
}

Test(view, that_goes_while_it_is_opened_is_folded_again)
{
    struct history *shop = history_new();
    struct projector *projector;
    struct error error;
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    real_files = sqlite3_vfs_find(NULL);
    sqlite3_vfs late = *real_files;
    late.zName = "late";
    late.xOpen = open_too_late;
    cr_assert_eq(sqlite3_vfs_register(&late, 1), SQLITE_OK);
    cr_assert_eq(projector_open(&projector, &shop->home, NULL, 0, &error), STATUS_OK);
    cr_assert_eq(projector_step(projector, NULL, &error), STATUS_OK, "%s", error.text);
    projector_close(&projector);
    cr_assert_eq(sqlite3_vfs_unregister(&late), SQLITE_OK);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(shop->notices, 0, "it is missing, not damaged");
    assert_view_equals_roll(shop, &orders_projection);
    history_end(shop);
}

Test(view, gets_a_new_number_even_when_the_folder_run_was_lost)
{
    struct history *shop = history_new();
    struct error error = {0};
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    path_in(path, shop, "run/view-orders.files");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(view_set_aside(&shop->home, &orders_projection, "the view orders is damaged", &error), STATUS_OK);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.2.db");
    cr_assert_eq(orders_of(shop), 5);
    history_end(shop);
}

Test(view, is_kept_when_a_tool_has_tidied_its_log_away_or_it_was_copied)
{
    struct history *shop = history_new();
    char command[3 * TEMPORARY_SIZE + 64];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    meddle(shop, "views/orders.db", "UPDATE orders SET status = 'touched'"); /* its log goes when it closes */
    cr_assert_eq(files_like(shop, "orders.1.db-"), 0);
    cr_assert_eq(inspect(shop, &orders_projection).position, 36);
    cr_assert_eq(number_in(shop, "views/orders.1.db", "SELECT count(*) FROM orders WHERE status = 'touched'"), 5);
    placed(shop, 6, "tea", 1);
    cr_assert_eq(orders_of(shop), 6);

    snprintf(command, sizeof command, "cd '%s' && cp -a views copy && rm -r views && mv copy views", shop->folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(files_like(shop, "orders.1.db-"), 2);
    placed(shop, 7, "tea", 1);
    cr_assert_eq(orders_of(shop), 7);
    cr_assert_str_eq(link_of(shop, "orders"), "orders.1.db");
    cr_assert_eq(number_in(shop, "views/orders.1.db", "SELECT count(*) FROM orders WHERE status = 'touched'"), 5);
    cr_assert_eq(shop->notices, 0);
    history_end(shop);
}

static void fold_picky(struct history *shop)
{
    struct view *view;
    struct error error;
    (void)!view_open_fresh(&view, &shop->home, &picky_projection, 1000, &error);
    view_close(&view);
}

Test(view, has_rows_and_position_of_the_same_moment_after_a_kill_while_folding)
{
    struct history *shop = history_new();
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 5, .fault = PICKY_NEVER};
    fold_picky(shop);
    for (int i = 0; i < 6; i++)
        received(shop, "tea", 1);
    picky.fault = PICKY_DIES;
    dies(shop, fold_picky);
    cr_assert_eq(inspect(shop, &picky_projection).position, 2);
    cr_assert_eq(number_in(shop, "views/picky.db", "SELECT count(*) FROM seen"), 1);
    picky.fault = PICKY_NEVER;
    assert_view_equals_roll(shop, &picky_projection);
    cr_assert_str_eq(link_of(shop, "picky"), "picky.1.db");
    history_end(shop);
}

Test(view, copies_its_log_into_the_file_before_it_grows_large)
{
    struct history *shop = history_new();
    off_t largest = 0;
    for (int i = 0; i < 12; i++) {
        listed_many(shop, i * 2000, 2000);
        struct view *view = fresh(shop, &stock_projection);
        view_close(&view);
        off_t bytes = bytes_of(shop, "views/stock.1.db-wal");
        largest = bytes > largest ? bytes : largest;
    }
    cr_assert(largest > 1 << 20, "or this test shows nothing");
    cr_assert(largest < 12 << 20, "%ld bytes", (long)largest);
    assert_view_equals_roll(shop, &stock_projection);
    history_end(shop);
}

Test(view, a_reader_that_stays_holds_up_the_copying_but_not_the_folding)
{
    struct history *shop = history_new();
    listed_many(shop, 0, 1);
    struct view *reader = fresh(shop, &stock_projection);
    for (int i = 0; i < 12; i++) {
        listed_many(shop, 1 + i * 2000, 2000);
        struct view *view = fresh(shop, &stock_projection);
        view_close(&view);
    }
    cr_assert(bytes_of(shop, "views/stock.1.db-wal") > 12 << 20);
    view_close(&reader);
    listed_many(shop, 100000, 2000);
    assert_view_equals_roll(shop, &stock_projection);
    cr_assert_eq(bytes_of(shop, "views/stock.1.db-wal"), 0);
    history_end(shop);
}

/* Its log, as large as one that should be copied, goes with the file. */
static enum status lose_the_file(struct history *shop, struct error *error)
{
    char path[PATH_SIZE];
    (void)error;
    path_in(path, shop, "views/picky.1.db-wal");
    cr_assert_eq(truncate(path, 16 << 20), 0);
    path_in(path, shop, "views/picky.1.db");
    cr_assert_eq(unlink(path), 0);
    picky.fault = PICKY_NEVER;
    return STATUS_OK;
}

Test(view, whose_file_went_while_it_was_folded_is_not_tidied_up_but_folded_again)
{
    struct history *shop = history_new();
    listed(shop, "tea");
    received(shop, "tea", 1);
    picky = (struct picky){.at = 2, .fault = PICKY_NEVER};
    fold_picky(shop);
    received(shop, "tea", 1);
    picky = (struct picky){.at = 3, .fault = PICKY_MEDDLES, .meddle = lose_the_file, .history = shop};
    fold_picky(shop);
    cr_assert_str_eq(link_of(shop, "picky"), "picky.2.db");
    assert_view_equals_roll(shop, &picky_projection);
    history_end(shop);
}

/* ---- names and numbers in views/ and run/ ---- */

Test(view, takes_no_file_of_other_people_for_its_own)
{
    static const char *const strangers[] = {"views/orders",
                                            "views/orders.x.db",
                                            "views/orders.0.db",
                                            "views/orders-2.db",
                                            "views/orders.2",
                                            "views/orders.2.txt",
                                            "views/orders.99999999999999999999999.db"};
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        put(shop, strangers[i], "mine");
    struct error error;
    struct rebuild_report report;
    cr_assert_eq(view_rebuild(&shop->home, &orders_projection, NULL, NULL, &report, &error), STATUS_OK, "%s",
                 error.text);
    cr_expect_str_eq(link_of(shop, "orders"), "orders.2.db");
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        char path[PATH_SIZE];
        path_in(path, shop, strangers[i]);
        cr_expect(file_exists(path), "%s", path);
    }
    history_end(shop);
}

Test(view, that_is_a_link_to_anything_else_is_damaged)
{
    static const char *const targets[] = {"orders.1.db-wal", "elsewhere", "orders.x.db"};
    struct history *shop = history_new();
    busy_week(shop);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char path[PATH_SIZE];
        cr_assert_eq(orders_of(shop), 5);
        path_in(path, shop, "views/orders.db");
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(symlink(targets[i], path), 0);
        const struct view_state state = inspect(shop, &orders_projection);
        cr_expect_eq(state.condition, VIEW_DAMAGED, "%s", targets[i]);
        cr_expect_str_eq(state.reason, "views/orders.db is no link to a view");
    }
    cr_expect_eq(orders_of(shop), 5);
    history_end(shop);
}

Test(view, a_record_that_was_cut_is_none)
{
    static const char *const records[] = {"", "1 1 2 3 4", "1 1 2 3\n", "one\n"};
    struct history *shop = history_new();
    busy_week(shop);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        cr_assert_eq(orders_of(shop), 5);
        put(shop, "run/view-orders.files", records[i]);
        cr_expect_eq(orders_of(shop), 5, "%s", records[i]);
    }
    history_end(shop);
}

/* A FIFO would be waited for, and a link written through. */
static void stand_in(struct history *shop, const char *name, const char *target)
{
    char path[PATH_SIZE];
    path_in(path, shop, name);
    (void)unlink(path);
    cr_assert_eq(target == NULL ? mkfifo(path, 0600) : symlink(target, path), 0);
}

Test(view, whose_record_is_no_regular_file_is_folded_privately, .timeout = 30)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    put(shop, "run/victim", "its");
    for (int is_link = 0; is_link <= 1; is_link++) {
        struct error error;
        stand_in(shop, "run/view-orders.files", is_link ? "victim" : NULL);
        cr_expect_eq(inspect(shop, &orders_projection).condition, VIEW_UNREADABLE);
        cr_expect_eq(orders_of(shop), 5);
        cr_expect_eq(view_set_aside(&shop->home, &orders_projection, "it is time", &error), STATUS_IO);
        cr_expect_not_null(strstr(error.text, "view-orders.files is no regular file"), "%s", error.text);
    }
    cr_expect_eq(bytes_of(shop, "run/victim"), 3);
    stand_in(shop, "run/view-orders.files", "nowhere");
    history_end(shop);
}

/* SQLite would follow the link, and write. */
Test(view, whose_file_is_a_link_or_a_fifo_is_missing_and_folded_again, .timeout = 30)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    put(shop, "views/victim", "its");
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        for (int is_link = 0; is_link <= 1; is_link++) {
            char name[64];
            cr_assert_eq(orders_of(shop), 5);
            snprintf(name, sizeof name, "views/%s%s", link_of(shop, "orders"), suffixes[i]);
            stand_in(shop, name, is_link ? "victim" : NULL);
            cr_expect_eq(orders_of(shop), 5, "%s", name);
        }
    }
    cr_expect_eq(bytes_of(shop, "views/victim"), 3);
    history_end(shop);
}

Test(view, that_cannot_be_removed_is_named)
{
    struct history *shop = history_new();
    struct error error;
    char path[PATH_SIZE];
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    path_in(path, shop, "views/orders.7.db");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect_eq(generation_remove_others(&shop->home, &orders_projection, &error), STATUS_IO);
    cr_expect_not_null(strstr(error.text, "orders.7.db"), "%s", error.text);
    cr_expect_eq(orders_of(shop), 5);
    history_end(shop);
}

Test(view, that_somebody_else_removes_first_is_removed)
{
    struct history *shop = history_new();
    struct error error;
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    put(shop, "views/orders.7.db", "");
    for (uint32_t nth = 4; nth <= 5; nth++) { /* after two paths and the link: the folder, and the file */
        mishap_strike(nth, ENOENT);
        cr_expect_eq(generation_remove_others(&shop->home, &orders_projection, &error), STATUS_OK, "%s", error.text);
        cr_assert(mishap_heal());
    }
    cr_expect_eq(orders_of(shop), 5);
    history_end(shop);
}

Test(view, that_is_set_aside_needs_nobody_to_tell)
{
    struct history *shop = history_new();
    struct error error;
    busy_week(shop);
    cr_assert_eq(orders_of(shop), 5);
    shop->home.notice = NULL;
    cr_expect_eq(view_set_aside(&shop->home, &orders_projection, "it is time", &error), STATUS_OK, "%s", error.text);
    cr_expect_eq(orders_of(shop), 5);
    history_end(shop);
}
