#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain/stock.h"
#include "eventstore/eventstore.h"
#include "tests/cli/till.h"

TestSuite(proof, .init = till_begin, .fini = till_end);

/* The value of `name` in the object whose first name has this value. */
static const char *of(const char *lines, const char *first, const char *name)
{
    for (int i = 0; i < count_lines(lines); i++) {
        const char *all = names(lines, i);
        char key[32];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(all, " "), all);
        if (strcmp(value(lines, i, key), first) == 0)
            return value(lines, i, name);
    }
    cr_assert_fail("there is no %s in:\n%s", first, lines);
    return NULL;
}

/* ---- verify ---- */

Test(proof, every_promise_of_a_sound_shop_is_checked)
{
    small_shop();
    const char *out = done("till verify --json");
    static const char *const checks[] = {"file",       "schema",     "order",         "chain",
                                         "streams",    "consumers",  "snapshots",     "view orders",
                                         "view stock", "view sales", "view journeys", "view inbox"};
    for (int i = 0; i < count_lines(out); i++) {
        cr_assert_str_eq(names(out, i), "check ok detail");
        cr_assert_str_eq(value(out, i, "ok"), "true");
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        cr_assert_str_eq(of(out, checks[i], "ok"), "true");
    cr_assert_eq(count_lines(done("till verify")), count_lines(out));
    cr_assert_leq(widest(done("till verify")), 80);
}

Test(proof, an_altered_event_is_found_and_named)
{
    small_shop();
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_updated;"
         " UPDATE event SET data = replace(data, \"1250\", \"1\") WHERE position = 1'");
    struct answer answer = run("till verify --json");
    cr_assert_eq(answer.code, 3);
    cr_assert_str_eq(of(answer.out, "chain", "ok"), "false");
    cr_assert(contains(of(answer.out, "chain", "detail"), "position 1 "), "%s", answer.out);
    cr_assert_str_eq(of(answer.out, "schema", "ok"), "false"); /* the trigger is gone */
    cr_assert_str_eq(of(answer.out, "order", "ok"), "true");
    cr_assert(contains(answer.err, "checks are wrong"), "%s", answer.err);
    cr_assert(contains(run("till verify").out, "WRONG   chain"));
    cr_assert(contains(run("till verify").out, "WRONG   view stock"));
    cr_assert(!contains(run("till verify").out, "till rebuild"), "the view is right, and the roll is not");
}

/* By somebody who has the program, so that its checksum is right. */
static void forge_snapshot(const char *sku, const char *data)
{
    struct eventstore *store = NULL;
    struct error error = {0};
    const struct snapshot forged = {{"stock", sku}, stock_fold.version, 1, data, strlen(data)};
    const struct commit commit = {.actor = "eve", .producer = "eve", .snapshots = &forged, .snapshot_count = 1};
    cr_assert_eq(eventstore_open(&store, path_of("shop"), NULL, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(eventstore_commit(store, &commit, NULL, &error), STATUS_OK, "%s", error.text);
    eventstore_close(&store);
}

Test(proof, a_forged_snapshot_is_found_and_named)
{
    small_shop();
    forge_snapshot("tea", "{\"name\":\"Tea\"}");
    struct answer answer = run("till verify --json");
    cr_assert_eq(answer.code, 3);
    cr_assert_str_eq(of(answer.out, "snapshots", "ok"), "false");
    cr_assert(contains(of(answer.out, "snapshots", "detail"), "that of tea is not "), "%s", answer.out);
    cr_assert_str_eq(of(answer.out, "consumers", "ok"), "true");
    cr_assert_leq(widest(run("till verify").out), 80);
    done("sqlite3 shop/events.db 'DELETE FROM snapshot'");
    cr_assert_str_eq(of(done("till verify --json"), "snapshots", "ok"), "true");
}

Test(proof, a_wrong_view_is_found_with_the_row_that_differs)
{
    small_shop();
    done("sqlite3 shop/views/orders.db \"UPDATE orders SET status = 'shipped' WHERE order_ref = '1'\" ||"
         " sqlite3 shop/views/orders.db .schema >&2");
    struct answer answer = run("till verify --json");
    cr_assert_eq(answer.code, 3);
    cr_assert_str_eq(of(answer.out, "view orders", "ok"), "false");
    cr_assert(contains(of(answer.out, "view orders", "detail"),
                       "should be \"confirmed\"; `till rebuild orders` folds it anew"),
              "%s", answer.out);
    cr_assert_str_eq(of(answer.out, "view stock", "ok"), "true");
    done("till rebuild orders");
    done("till verify");
}

Test(proof, a_view_with_a_page_of_nothing_is_set_aside_by_who_comes_upon_it)
{
    small_shop();
    const char *before = done("till orders --json");
    done("page=$(sqlite3 shop/views/orders.db \"PRAGMA wal_checkpoint(TRUNCATE);"
         " SELECT rootpage - 1 FROM sqlite_schema WHERE name = 'orders'\" | tail -n 1);"
         " dd if=/dev/zero of=shop/views/orders.db bs=4096 seek=$page count=1 conv=notrunc 2>&1");
    struct answer answer = run("till verify");
    cr_assert_eq(answer.code, 3);
    cr_assert(contains(answer.out, "; `till rebuild orders` folds it anew\n"), "%s", answer.out);
    answer = run("till orders --json");
    cr_assert_eq(answer.code, 3);
    cr_assert(contains(answer.err, "the view was set aside: ask again\n"), "%s", answer.err);
    cr_assert_str_eq(done("till orders --json"), before);
    done("till verify");
}

/* ---- backup ---- */

Test(proof, a_backup_is_a_whole_roll_that_can_be_verified)
{
    small_shop();
    const char *out = done("till backup copy.db --json");
    cr_assert_str_eq(names(out, 0), "file position digest");
    cr_assert_str_eq(value(out, 0, "file"), "copy.db");
    cr_assert_str_eq(value(out, 0, "position"), of(done("till status --json"), "order", "head"));
    cr_assert_eq(strlen(value(out, 0, "digest")), 64);
    cr_assert(contains(done("till verify copy.db --json"), "{\"check\":\"chain\",\"ok\":true"));
    done("mkdir other && cp copy.db other/events.db");
    cr_assert_str_eq(done("till --shop other orders --json"), done("till orders --json"));
    const char *text = done("till backup other.db");
    cr_assert(contains(text, value(out, 0, "digest")), "%s", text);
}

Test(proof, a_backup_overwrites_nothing)
{
    small_shop();
    done("echo mine >copy.db");
    refused(1, "copy.db is there already", "till backup copy.db");
    cr_assert_str_eq(done("cat copy.db"), "mine\n");
    cr_assert_str_eq(done("ls | grep -v -e bin -e shop"), "copy.db\n");
}

/* As the sentence says, it can be kept all the same. */
Test(proof, an_unsound_roll_is_not_backed_up)
{
    small_shop();
    done("sqlite3 shop/events.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_updated;"
         " UPDATE event SET data = replace(data, \"1250\", \"1\") WHERE position = 1'");
    refused(3, "there is no backup, for the roll is not sound: ", "till backup copy.db");
    refused(3, "copy events.db and events.db-wal while nothing is at work", "till backup copy.db");
    cr_assert_str_empty(done("ls | grep copy; true"));
    done("mkdir kept && cp shop/events.db shop/events.db-wal kept");
    cr_assert(contains(run("till verify kept").out, "WRONG   chain"));
}

/* ---- restore ---- */

Test(proof, a_restored_shop_is_the_shop_that_was_copied)
{
    small_shop();
    const char *copied = done("till backup copy.db --json");
    const char *out = done("till restore copy.db --shop again --json");
    cr_assert_str_eq(names(out, 0), "file position digest");
    cr_assert_str_eq(value(out, 0, "digest"), value(copied, 0, "digest"));
    cr_assert_str_eq(value(out, 0, "position"), value(copied, 0, "position"));
    cr_assert_str_eq(done("till --shop again orders --json"), done("till orders --json"));
    done("till --shop again verify");
    done("till --shop again run --until-idle");
    done("till --shop again receive tea 1");
    done("till --shop again verify");
    cr_assert(contains(done("till restore copy.db --shop third"), "restored in third.\n  position  "));
}

/* The views and the bank's book stand where they were: views that are ahead tell. */
Test(proof, a_lost_roll_is_restored_into_its_own_folder)
{
    small_shop();
    done("till backup copy.db && till receive tea 3 && till stock >before");
    done("rm shop/events.db*");
    done("till restore copy.db");
    struct answer answer = run("till stock");
    cr_assert_neq(answer.code, 0, "%s", answer.out);
    cr_assert(contains(answer.err, "delete the folder views"), "%s", answer.err);
    done("rm -r shop/views && till verify");
    cr_assert_eq(run("till stock | diff - before").code, 1);
}

Test(proof, a_restore_overwrites_nothing_and_puts_nothing_unsound_in_place)
{
    small_shop();
    done("till backup copy.db");
    refused(1, "there is a store in ./shop already", "till restore copy.db");
    done("mkdir other && touch other/events.db-wal");
    refused(1, "other/events.db-wal is left of another roll: move it away first", "till restore copy.db --shop other");
    done("rm other/events.db-wal && chmod 777 other");
    refused(4, "others may write to other", "till restore copy.db --shop other");
    done("sqlite3 copy.db 'PRAGMA trusted_schema = ON; DROP TRIGGER event_is_never_deleted;"
         " DELETE FROM event WHERE position > 3'");
    refused(3, "nothing was put in place, for the backup is not sound: ", "till restore copy.db --shop fourth");
    refused(1, "there is no file missing.db", "till restore missing.db --shop fourth");
    done("head -c 20000 copy.db >cut.db");
    refused(3, "cannot open cut.db: database disk image is malformed; use another copy\n",
            "till restore cut.db --shop fourth");
    cr_assert_eq(run("test -e fourth || test -e other/events.db").code, 1);
    cr_assert(contains(run("till verify copy.db --json").out, "its tail was cut"));
}

Test(proof, what_is_no_backup_is_refused)
{
    done("mkdir folder");
    refused(2, "folder is a folder: name the file that `till backup` made", "till restore folder --shop other");
    done("printf S >copy.db");
    refused(3, "copy.db is not a database: it is too short for one", "till restore copy.db --shop other");
    done("rm copy.db");
    refused(1, "there is no file copy.db", "till verify copy.db");
    done("echo nonsense >copy.db");
    refused(3, "copy.db is not a database", "till verify copy.db");
    done("rm copy.db; sqlite3 copy.db 'CREATE TABLE t (x)'");
    refused(3, "copy.db is a database, but not a store of events", "till verify copy.db");
}

/* ---- rebuild ---- */

Test(proof, views_are_rebuilt_to_the_same_rows)
{
    small_shop();
    const char *first = done("till rebuild --json");
    cr_assert_eq(count_lines(first), 5);
    cr_assert_str_eq(names(first, 0), "projection events seconds digest");
    const char *second = done("till rebuild --json");
    static const char *const views[] = {"orders", "stock", "sales", "journeys", "inbox"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        cr_assert_str_eq(of(second, views[i], "digest"), of(first, views[i], "digest"));
    cr_assert_str_eq(of(first, "orders", "events"), "6"); /* placed three times, confirmed, rejected, cancelled */
    cr_assert_eq(count_lines(done("till rebuild stock sales --json")), 2);
    cr_assert_eq(count_lines(done("till rebuild stock sales stock --json")), 2, "each once");
    refused(2, "there is no view shelf: orders, stock, sales, journeys, inbox are there", "till rebuild stock shelf");
}

/* ---- status ---- */

Test(proof, every_consumer_has_a_line)
{
    small_shop();
    const char *out = done("till status --json");
    static const char *const consumers[] = {"order", "payment", "inventory", "notification", "orders",
                                            "stock", "sales",   "journeys",  "inbox"};
    cr_assert_eq(count_lines(out), (int)(sizeof consumers / sizeof *consumers));
    for (size_t i = 0; i < sizeof consumers / sizeof *consumers; i++) {
        cr_assert_str_eq(
            names(out, (int)i),
            "consumer position head lag oldest_unread_s waiting next_attempt_at dead_letters state last_error");
        cr_assert_str_eq(of(out, consumers[i], "position"), of(out, consumers[i], "head"));
        cr_assert_str_eq(of(out, consumers[i], "lag"), "0");
        cr_assert_str_eq(of(out, consumers[i], "oldest_unread_s"), "null");
        cr_assert_str_eq(of(out, consumers[i], "state"), "stopped");
        cr_assert_str_eq(of(out, consumers[i], "last_error"), "null");
    }
}

Test(proof, what_is_unread_is_lag)
{
    small_shop();
    done("till list cup --name Cup --price 1 --stock 1");
    const char *out = done("till status --json");
    cr_assert_str_eq(of(out, "payment", "lag"), "2");
    cr_assert_str_neq(of(out, "payment", "oldest_unread_s"), "null");
    cr_assert_str_eq(of(out, "orders", "lag"), "2");
    (void)done("till orders");
    cr_assert_str_eq(of(done("till status --json"), "orders", "lag"), "0");
}

Test(proof, the_shop_itself_is_described)
{
    small_shop();
    const char *out = done("till status");
    static const char *const pieces[] = {
        "shop      ./shop\n", "store     ", "created   20",        "currency  USD\n",  "head      ",
        "log       ",         "free      ", "engine    SQLite 3.", "next try  dead\n", "payment       stopped"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_assert(contains(out, pieces[i]), "\"%s\" is not in:\n%s", pieces[i], out);
}

Test(proof, who_is_at_work_is_running)
{
    done("till init");
    start("till run");
    until("test $(till status --json | grep -c '\"state\":\"running\"') -eq 9");
    stop();
    cr_assert_eq(count_lines(done("till status --json | grep stopped")), 9);
}

/* An order whose payment gets no answer, with what was parked of it. */
static void parked_order(void)
{
    done("till init");
    done("till list tea --name Tea --price 1 --stock 10");
    done("till place --ref 1 --customer ada --line tea=1 --card tok_unavailable");
    start("till run --service payment");
    until("till status --json | grep -q '\"waiting\":1'");
    stop();
}

Test(proof, what_waits_needs_no_person_yet_but_a_dead_letter_does)
{
    parked_order();
    const char *out = done("till status --json");
    cr_assert_str_eq(of(out, "payment", "waiting"), "1");
    cr_assert_str_neq(of(out, "payment", "last_error"), "null");
    edit_consumers("UPDATE parked SET state = 'dead'");
    struct answer answer = run("till status --json");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(of(answer.out, "payment", "dead_letters"), "1");
    cr_assert_str_eq(of(answer.out, "payment", "waiting"), "0");
    answer = run("till status");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.out, "This needs a person:"), "%s", answer.out);
}

Test(proof, a_failed_view_needs_a_person)
{
    small_shop();
    done("sqlite3 shop/views/sales.db \"UPDATE meta SET failure = 'cannot understand the event at position 3'\"");
    struct answer answer = run("till status --json");
    cr_assert_eq(answer.code, 1);
    cr_assert_str_eq(of(answer.out, "sales", "state"), "failed");
    cr_assert(contains(of(answer.out, "sales", "last_error"), "cannot understand the event"), "%s", answer.out);
    cr_assert_str_eq(of(answer.out, "orders", "state"), "stopped");
    cr_assert_str_eq(value(answer.out, 9, "command"), "till rebuild sales");
    done("till rebuild sales");
    (void)done("till status");
}

Test(proof, nobody_at_work_is_worth_knowing_and_no_fault)
{
    small_shop();
    cr_assert_not(contains(done("till status"), "Worth knowing"));
    done("till place --ref 4 --customer ada --line tea=1");
    const char *out = done("till status");
    cr_assert(contains(out, "Worth knowing:\n  Nobody runs order, payment, inventory, notification, and 1 event is "
                            "unread.\n    till run\n"),
              "%s", out);
    cr_assert_leq(widest(out), 80);
    out = done("till status --json");
    cr_assert_str_eq(names(out, 9), "needs_person sentence command");
    cr_assert_str_eq(value(out, 9, "needs_person"), "false");
    start("till run");
    until("till status --json | grep -q '\"consumer\":\"payment\".*\"state\":\"running\"'");
    cr_assert_not(contains(done("till status"), "Nobody runs"));
    stop();
}

Test(proof, a_service_that_is_started_in_vain_needs_a_person)
{
    done("till init");
    done("head -c 20000 /dev/zero | tr '\\0' x > shop/gateway.db");
    start("till run");
    until("till status --json | grep -q '\"consumer\":\"payment\".*\"state\":\"failed\"'");
    struct answer answer = run("till status");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.out,
                       "This needs a person:\n  `till run` starts payment again and again, and each time it "
                       "ends at once. To\n  hear why:\n    till run --until-idle --service payment\n"),
              "%s", answer.out);
    refused(3, "gateway.db is not a database", "till run --until-idle --service payment");
    stop();
    (void)done("till status"); /* a shop that is closed */
}

Test(proof, what_ended_but_once_needs_no_person)
{
    done("till init");
    start("till run");
    until("till status --json | grep '\"consumer\":\"payment\"' | grep running");
    done("pkill -KILL -P $(pgrep -P $(cat background)) -f -- '--service payment'");
    until("till status --json | grep '\"consumer\":\"payment\"' | grep running");
    (void)done("till status");
    stop();
}

/* Its clock was ahead when it was remembered; its service will not believe it either. */
Test(proof, a_pause_that_is_longer_than_any_is_not_believed)
{
    done("till init");
    edit_consumers("INSERT INTO pause VALUES ('payment', 9223372036854775807, 'x', 0)");
    cr_assert(contains(done("till status --json"), "\"consumer\":\"payment\""));
    cr_assert_not(contains(done("till status"), "paus"));
    edit_consumers("UPDATE pause SET until = unixepoch('now', '+30 minutes') * 1000000");
    cr_assert(contains(done("till status"), "The service payment pauses for 29m 5"));
}

/* The command is there to be typed: it finds the shop from where it was asked. */
Test(proof, what_to_type_next_names_the_shop)
{
    done("till init --shop 'my shop'");
    done("till list tea --shop 'my shop' --name Tea --price 1");
    cr_assert(contains(done("till status --shop 'my shop'"), "\n    till --shop 'my shop' run\n"));
    cr_assert(contains(done("TILL_SHOP='my shop' till status"), "\n    till run\n"));
    done("mv 'my shop' \"Ann's\"");
    cr_assert(contains(done("till status --shop \"Ann's\""), "\n    till --shop 'Ann'\\''s' run\n"));
}

Test(proof, a_disk_that_is_nearly_full_needs_a_person)
{
    if (geteuid() != 0 || run("mkdir small && mount -t tmpfs -o size=8m tmpfs small").code != 0)
        cr_skip_test("SKIPPED: no small disk can be mounted here (it takes root)");
    done("till init --shop small/shop");
    struct answer answer = run("till status --shop small/shop");
    run("umount small");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.out, "The shop's disk is nearly full: "), "%s", answer.out);
    cr_assert(contains(answer.out, "\n    df -h small/shop\n"), "%s", answer.out);
}

/* A file with a hole: it is as long as a log that readers hold up, and takes no room. */
Test(proof, a_log_near_its_ceiling_needs_a_person)
{
    small_shop();
    done("truncate -s 900M shop/events.db-wal");
    struct answer answer = run("till status");
    cr_assert_eq(answer.code, 1);
    cr_assert(contains(answer.out, "The log has 900.0 MiB and may have 1.0 GiB"), "%s", answer.out);
    cr_assert(contains(answer.out, "\n    fuser -v ./shop/events.db\n"), "%s", answer.out);
    cr_assert_leq(widest(answer.out), 80);
}
