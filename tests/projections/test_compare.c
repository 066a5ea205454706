#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "projections/compare.h"
#include "projections/inbox.h"
#include "projections/orders.h"
#include "projections/sales.h"
#include "tests/projections/history.h"

static struct view_finding verify(struct history *shop, const struct projection *projection)
{
    struct view_finding finding;
    struct error error = {0};
    cr_assert_eq(view_verify(&shop->home, projection, &finding, &error), STATUS_OK, "%s", error.text);
    return finding;
}

static void fold(struct history *shop, const struct projection *projection)
{
    struct view *view = fresh(shop, projection);
    view_close(&view);
}

/* What verify says of the view of `projection` after somebody has run `sql` on it. */
static struct view_finding found_after(struct history *shop, const struct projection *projection, const char *sql)
{
    char file[64];
    snprintf(file, sizeof file, "views/%s.db", projection->name);
    fold(shop, projection);
    meddle(shop, file, sql);
    return verify(shop, projection);
}

Test(verify, finds_nothing_wrong_with_views_as_they_are_kept)
{
    struct history *shop = history_new();
    busy_week(shop);
    for (size_t i = 0; i < projection_count; i++) {
        fold(shop, projections[i]);
        struct view_finding finding = verify(shop, projections[i]);
        cr_assert(finding.ok, "%s", finding.detail);
        cr_assert_eq(finding.position, 36);
        cr_assert_str_eq(finding.detail, "equals the roll up to position 36");
    }
    history_end(shop);
}

Test(verify, compares_with_the_roll_up_to_where_the_view_stands)
{
    struct history *shop = history_new();
    busy_week(shop);
    fold(shop, &orders_projection);
    placed(shop, 6, "tea", 1);
    struct view_finding finding = verify(shop, &orders_projection);
    cr_assert(finding.ok, "%s", finding.detail);
    cr_assert_eq(finding.position, 36);
    history_end(shop);
}

Test(verify, names_the_first_row_that_differs_and_how)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view_finding finding =
        found_after(shop, &orders_projection, "UPDATE orders SET status = 'placed' WHERE placed_position >= 14");
    cr_assert(!finding.ok);
    cr_assert_str_eq(finding.detail, "orders, key 14: status is \"placed\", should be \"cancelled\"");
    cr_assert(!verify(shop, &orders_projection).ok, "verify repairs nothing");
    history_end(shop);
}

Test(verify, names_rows_that_are_missing_or_too_many)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_str_eq(found_after(shop, &orders_projection, "DELETE FROM orders WHERE placed_position = 36").detail,
                     "orders, key 36: is missing");
    cr_assert_str_eq(found_after(shop, &orders_projection, "DELETE FROM orders WHERE placed_position = 10").detail,
                     "orders, key 10: is missing");
    cr_assert_str_eq(found_after(shop, &sales_projection, "INSERT INTO by_sku VALUES ('cup', 'USD', 1, 1, 1)").detail,
                     "by_sku, key \"cup\", \"USD\": is there, should not be");
    cr_assert_str_eq(
        found_after(shop, &inbox_projection, "INSERT INTO message VALUES (99, 'x', x'00', 'x', 'x', 1)").detail,
        "message, key 99: is there, should not be");
    history_end(shop);
}

Test(verify, tells_numbers_ids_and_nothing_apart)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_str_eq(found_after(shop, &orders_projection, "UPDATE orders SET total_minor = total_minor + 1").detail,
                     "orders, key 4: total_minor is 501, should be 500");
    meddle(shop, "views/orders.db", "UPDATE orders SET total_minor = total_minor - 1");
    cr_assert_str_eq(
        found_after(shop, &orders_projection, "UPDATE orders SET reason = '' WHERE placed_position = 4").detail,
        "orders, key 4: reason is \"\", should be nothing");
    meddle(shop, "views/orders.db", "UPDATE orders SET reason = NULL WHERE placed_position = 4");
    cr_assert_str_eq(found_after(shop, &orders_projection, "UPDATE orders SET customer_id = 'an'").detail,
                     "orders, key 4: customer_id is \"an\", should be \"ann\"");
    struct view_finding finding =
        found_after(shop, &orders_projection, "UPDATE orders SET order_id = zeroblob(16) WHERE placed_position = 4");
    cr_assert(strstr(finding.detail, "order_id is 00000000-0000-0000-0000-000000000000, should be 6f72") != NULL, "%s",
              finding.detail);
    history_end(shop);
}

Test(verify, makes_foreign_text_harmless)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view_finding finding = found_after(
        shop, &orders_projection, "UPDATE orders SET status = 'x' || char(27) || '[2J' WHERE placed_position = 4");
    cr_assert(strchr(finding.detail, 27) == NULL);
    cr_assert(!finding.ok);
    history_end(shop);
}

Test(verify, reports_a_view_that_is_ahead_failed_foreign_or_damaged_and_leaves_it)
{
    struct history *shop = history_new();
    busy_week(shop);
    struct view_finding finding = found_after(shop, &orders_projection, "UPDATE meta SET position = 1000");
    cr_assert(!finding.ok);
    cr_assert(strstr(finding.detail, "has seen position 1000, the roll ends at 36") != NULL, "%s", finding.detail);
    cr_assert(!found_after(shop, &sales_projection, "UPDATE meta SET failure = 'a stone'").ok);
    cr_assert(strstr(verify(shop, &sales_projection).detail, "a stone") != NULL);
    cr_assert(!found_after(shop, &inbox_projection, "UPDATE meta SET store_id = zeroblob(16)").ok);
    meddle(shop, "views/inbox.db", "DROP TABLE message");
    cr_assert(!verify(shop, &inbox_projection).ok);
    cr_assert_str_eq(link_of(shop, "inbox"), "inbox.1.db");
    cr_assert_eq(shop->notices, 0);
    history_end(shop);
}

Test(verify, reports_pages_that_turn_out_to_be_damaged)
{
    struct history *shop = history_new();
    busy_week(shop);
    fold(shop, &orders_projection);
    meddle(shop, "views/orders.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    spoil(shop, "views/orders.1.db",
          number_in(shop, "views/orders.db", "SELECT 4096 * (rootpage - 1) FROM sqlite_schema WHERE name = 'orders'"),
          4096);
    struct view_finding finding = verify(shop, &orders_projection);
    cr_assert(!finding.ok);
    cr_assert(strstr(finding.detail, "damaged") != NULL, "%s", finding.detail);
    history_end(shop);
}

Test(verify, a_missing_view_or_one_of_an_older_version_is_no_fault)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert(verify(shop, &orders_projection).ok);
    cr_assert(strstr(verify(shop, &orders_projection).detail, "not folded yet") != NULL);
    cr_assert(found_after(shop, &orders_projection, "UPDATE meta SET version = 0").ok);
    history_end(shop);
}

/* ---- the digest ---- */

static void digest_of(struct view *view, uint8_t digest[VIEW_DIGEST_BYTES])
{
    struct error error;
    cr_assert_eq(view_digest(view, digest, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
}

Test(digest, changes_with_every_value_and_row)
{
    struct history *shop = history_new();
    uint8_t before[VIEW_DIGEST_BYTES], after[VIEW_DIGEST_BYTES];
    static const char *const changes[] = {
        "UPDATE orders SET reason = '' WHERE placed_position = 4",
        "UPDATE orders SET order_ref = 'ref', customer_id = '1ann' WHERE placed_position = 4",
        "UPDATE orders SET total_minor = -total_minor WHERE placed_position = 36",
        "UPDATE orders SET order_id = zeroblob(16) WHERE placed_position = 36",
        "DELETE FROM orders WHERE placed_position = 36",
    };
    busy_week(shop);
    digest_of(fresh(shop, &orders_projection), before);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        meddle(shop, "views/orders.db", changes[i]);
        digest_of(fresh(shop, &orders_projection), after);
        cr_assert(memcmp(before, after, sizeof before) != 0, "%s", changes[i]);
        memcpy(before, after, sizeof before);
    }
    history_end(shop);
}

static size_t put_bytes(uint8_t *out, size_t at, char tag, const void *bytes, size_t length)
{
    out[at] = (uint8_t)tag;
    out[at + 1] = (uint8_t)length;
    memset(out + at + 2, 0, 3);
    memcpy(out + at + 5, bytes, length);
    return at + 5 + length;
}

static size_t put(uint8_t *out, size_t at, char tag, const char *text)
{
    return put_bytes(out, at, tag, text, strlen(text));
}

static size_t put_integer(uint8_t *out, size_t at, int64_t number)
{
    out[at] = 'i';
    for (int i = 0; i < 8; i++)
        out[at + 1 + (size_t)i] = (uint8_t)((uint64_t)number >> (8 * i));
    return at + 9;
}

Test(digest, is_laid_out_as_published)
{
    struct history *shop = history_new();
    uint8_t bytes[512], expected[VIEW_DIGEST_BYTES], digest[VIEW_DIGEST_BYTES];
    state(shop,
          &(struct event){EVENT_NOTIFICATION_SENT, .notification_sent = {order_id(7), "ann", "confirmed", "<m>"}});
    size_t length = put(bytes, 0, 'T', "message");
    memcpy(bytes + length, "\x06\0\0\0R", 5);
    length = put_integer(bytes, length + 5, 1);
    length = put(bytes, length, 't', "ann");
    length = put_bytes(bytes, length, 'b', order_id(7).bytes, UUID_BYTES);
    length = put(bytes, length, 't', "confirmed");
    length = put(bytes, length, 't', "<m>");
    length = put_integer(bytes, length, history_time(1));
    crypto_generichash(expected, sizeof expected, bytes, length, NULL, 0);
    digest_of(fresh(shop, &inbox_projection), digest);
    cr_assert_arr_eq(digest, expected, sizeof digest);
    history_end(shop);
}
