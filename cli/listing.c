#include "cli/listing.h"

#include <stdio.h>

#include "cli/work.h"

const struct option_spec listing_options[] = {TIME_TRAVEL_OPTIONS, {0}};

/* A view that turns out to be damaged while it is asked is set aside, so that the next question gets a new one. Part of
 * the answer may have been printed: this one has failed. With --at and --as-of the view is a private one. */
static void give_up_view(struct listing *listing, struct error *error)
{
    const struct error found = *error;
    struct error other;
    if (argument_given(listing->arguments, "at") || argument_given(listing->arguments, "as-of"))
        return;
    if (view_set_aside(&listing->shop->home, listing->projection, found.text, &other) == STATUS_OK)
        error_set(error, STATUS_DAMAGED, "%.500s; the view was set aside: ask again", found.text);
}

static enum status print_listing(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct listing *listing = context;
    listing->shop = shop;
    enum status status = query_view(shop, listing->arguments, listing->projection, &listing->view, error);
    if (status != STATUS_OK)
        return status;
    status = listing->rows(listing, error);
    view_close(&listing->view);
    if (status == STATUS_DAMAGED && !listing->store_failed)
        give_up_view(listing, error);
    if (status == STATUS_OK && listing->printed == 0 && !till->json && listing->nothing != NULL)
        say("%s", listing->nothing);
    return status;
}

int run_listing(struct listing *listing)
{
    return in_shop(listing->till, listing->arguments, "customer", print_listing, listing);
}

enum status of_store(struct listing *listing, enum status status)
{
    listing->store_failed = listing->store_failed || status != STATUS_OK;
    return status;
}

void print_row(struct listing *listing, const struct column *columns, const char *const *cells, size_t count)
{
    if (listing->printed++ == 0)
        table_titles(listing->till, columns, count);
    table_row(listing->till, columns, cells, count);
}

const char *number_text(int64_t number)
{
    static char texts[4][24];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%lld", (long long)number);
    return text;
}
