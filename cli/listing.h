/* listing.h - the frame of a listing: a shop and a view are opened, rows are printed as a table or as JSON Lines. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "cli/cli.h"

struct listing {
    struct till *till;
    const struct arguments *arguments;
    const struct projection *projection;
    enum status (*rows)(struct listing *listing, struct error *error); /* visits the rows of `view` */
    const char *nothing; /* what a person is told where there are no rows; NULL: nothing */
    void *request;       /* the command's own */

    /* While `rows` runs. */
    struct shop *shop;
    struct view *view;
    uint64_t printed;  /* rows so far */
    bool store_failed; /* and not the view */
};

/* Takes the status of what `rows` asked the store. A store that is damaged is no reason to fold the view anew. */
enum status of_store(struct listing *listing, enum status status) MUST_CHECK;

/* Does all of it and returns the exit code. */
int run_listing(struct listing *listing);

/* Prints one row of a table, the titles before the first. */
void print_row(struct listing *listing, const struct column *columns, const char *const *cells, size_t count);

/* A number as a cell, in a static buffer of four, used in turn. */
const char *number_text(int64_t number);

/* --at and --as-of, for a listing that has no others. */
extern const struct option_spec listing_options[];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
