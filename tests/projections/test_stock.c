#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "projections/stock.h"
#include "tests/projections/history.h"

struct shelves {
    char text[512]; /* "sku on_hand reserved available name price\n" */
};

static enum status note(void *context, const struct stock_row *row, struct error *error)
{
    (void)error;
    struct shelves *shelves = context;
    size_t used = strlen(shelves->text);
    snprintf(shelves->text + used, sizeof shelves->text - used, "%s %d %d %d %s %d %s\n", row->sku, (int)row->on_hand,
             (int)row->reserved, (int)row->available, row->name, (int)row->unit_price_minor, row->currency.code);
    return STATUS_OK;
}

static struct shelves look(struct view *view)
{
    struct shelves shelves = {0};
    struct error error;
    cr_assert_eq(stock_each(view, note, &shelves, &error), STATUS_OK, "%s", error.text);
    view_close(&view);
    return shelves;
}

Test(stock, counts_what_was_received_promised_released_and_shipped)
{
    struct history *shop = history_new();
    busy_week(shop); /* 10 tea; 2 each reserved by 1, 3 and 4; 3 released, 4 shipped */
    cr_assert_str_eq(look(fresh(shop, &stock_projection)).text, "cup 0 0 0 a thing 250 USD\n"
                                                                "tea 8 2 6 a thing 250 USD\n");
    assert_view_equals_roll(shop, &stock_projection);
    history_end(shop);
}

Test(stock, shows_what_is_promised_but_not_shipped_as_reserved)
{
    struct history *shop = history_new();
    busy_week(shop);
    cr_assert_str_eq(look(as_of(shop, &stock_projection, 6)).text, "cup 0 0 0 a thing 250 USD\n"
                                                                   "tea 10 2 8 a thing 250 USD\n");
    history_end(shop);
}

Test(stock, lists_every_sku_by_its_bytes_received_or_not)
{
    struct history *shop = history_new();
    listed(shop, "é");
    listed(shop, "b");
    listed(shop, "a/b c");
    listed(shop, "B");
    cr_assert_str_eq(look(fresh(shop, &stock_projection)).text, "B 0 0 0 a thing 250 USD\n"
                                                                "a/b c 0 0 0 a thing 250 USD\n"
                                                                "b 0 0 0 a thing 250 USD\n"
                                                                "é 0 0 0 a thing 250 USD\n");
    history_end(shop);
}

Test(stock, listing_again_changes_name_and_price_and_keeps_the_units)
{
    struct history *shop = history_new();
    listed(shop, "tea");
    received(shop, "tea", 3);
    state(shop, &(struct event){
                    EVENT_PRODUCT_LISTED,
                    .product_listed = {.sku = "tea", .name = "green", .unit_price_minor = 9, .currency = {"EUR"}}});
    cr_assert_str_eq(look(fresh(shop, &stock_projection)).text, "tea 3 0 3 green 9 EUR\n");
    history_end(shop);
}
