/* import.h - what the parts of `till import` share: its files, its counts, and what becomes of a row that is refused.
 *
 *     import.c           the command: options, files, summary
 *     import_file.c      one file: its header, its columns by name, its rows
 *     import_values.c    from a field to a number, a time, an amount, or a clause that says why it is none
 *     import_products.c  products, one by one
 *     import_steps.c     where each order and cancellation begins, in the order of time
 *     import_orders.c    orders and cancellations, step by step
 *     rejects.c          the file of refused rows
 *
 * Why it may be killed at any moment: what is accepted is on the roll, and only there. An import that runs again goes
 * through its files from the start, finds standing what it placed before, and goes on behind it in the same order. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/buffer.h"
#include "cli/cli.h"
#include "cli/csv.h"
#include "cli/rejects.h"

enum import_kind { IMPORT_PRODUCTS, IMPORT_ORDERS, IMPORT_CANCELLATIONS, IMPORT_KINDS };

enum { IMPORT_COLUMNS_MAX = 6 };

/* What a kind of file looks like. */
struct import_format {
    const char *name;                        /* "orders": also its option */
    const char *columns[IMPORT_COLUMNS_MAX]; /* that it must have, by name */
    size_t column_count;
};
extern const struct import_format import_formats[IMPORT_KINDS];

enum { PRODUCT_SKU, PRODUCT_NAME, PRODUCT_PRICE, PRODUCT_STOCK };
enum { ORDER_REF, ORDER_CUSTOMER, ORDER_AT, ORDER_SKU, ORDER_QUANTITY, ORDER_PRICE };
enum { CANCELLATION_REF, CANCELLATION_AT, CANCELLATION_REASON };

/* ---- one file (import_file.c) ---- */

struct import_file {
    enum import_kind kind;
    const char *path;
    struct csv_reader *reader;        /* NULL: not given */
    size_t width;                     /* columns of its header */
    char *names[CSV_FIELDS_MAX];      /* of all of them; owned */
    size_t place[IMPORT_COLUMNS_MAX]; /* of those it must have */
    bool rejected;                    /* an earlier import's file of refused rows */
    size_t kind_place;                /* of the column that says the kind; SIZE_MAX when there is none */
    struct csv_row row;               /* the current one, where it had to be changed */
};

/* Opens it and reads its header. STATUS_REFUSED for a header that lacks a column. */
enum status import_file_open(struct import_file *file, enum import_kind kind, const char *path,
                             struct error *error) MUST_CHECK;
void import_file_close(struct import_file *file);

/* The next row of the file's kind, NULL at the end. A row with too many or too few fields has a problem. Borrowed until
 * the next call. */
enum status import_file_next(struct import_file *file, const struct csv_row **row, struct error *error) MUST_CHECK;

/* A field by its column; only of a row without a problem. */
const struct csv_field *import_value(const struct import_file *file, const struct csv_row *row, size_t column);

/* The column that stands last of those it must have: where a row with too many fields went wrong at the latest. */
size_t import_last_place(const struct import_file *file);

/* ---- values (import_values.c) ----
 *
 * Each returns STATUS_REFUSED with a clause about the column: `quantity "two" is no whole number`. */

/* An id or name: 1 … max_bytes bytes without control characters. */
enum status import_text(const char *column, const struct csv_field *field, size_t max_bytes,
                        struct error *error) MUST_CHECK;
enum status import_number(const char *column, const struct csv_field *field, int64_t min, int64_t max, int64_t *number,
                          struct error *error) MUST_CHECK;
enum status import_price(const char *column, const struct csv_field *field, struct currency currency, int64_t *minor,
                         struct error *error) MUST_CHECK;
enum status import_time(const char *column, const struct csv_field *field, int64_t *at_us,
                        struct error *error) MUST_CHECK;

/* A person's own words: line breaks and tabs become a blank, at the ends nothing. Borrowed from `words`. */
const char *import_words(const struct csv_field *field, struct buffer *words);

/* ---- the import ---- */

struct import_counts {
    int64_t done, already, refused;
};

struct import {
    const struct till *till;
    struct shop *shop;
    bool settle;
    struct import_file files[IMPORT_KINDS];
    struct import_counts counts[IMPORT_KINDS];
    struct rejects rejects;
    bool rested;          /* the shop came to rest … */
    uint64_t rested_head; /* … when the roll ended here */
};

/* True for the statuses that are an answer to what was asked, not a failure of ours or of the world. */
bool import_is_refusal(enum status status);

/* Says on stderr that a row (and what belongs to it) is refused, and why. */
void import_say(const struct import *import, const struct import_file *file, uint64_t line, const char *sentence);

/* How far the reading of a file is; progress_bar(…, 1, 1) ends the bar. */
void import_progress(const struct import *import, const struct import_file *file, const char *what);

/* Lists the products (import_products.c). */
enum status import_products(struct import *import, struct error *error) MUST_CHECK;

/* Places the orders and hands in the cancellations (import_orders.c). */
enum status import_orders(struct import *import, struct error *error) MUST_CHECK;

/* ---- steps (import_steps.c) ---- */

enum step_doubt {
    DOUBT_NONE,
    DOUBT_SCATTERED, /* the same order has rows elsewhere in the file, in line `doubt_line` */
    DOUBT_BESIDE,    /* the row beside it, in line `doubt_line`, cannot be read: it may be one of its own */
};

/* An order or a cancellation, by the place of its rows. 48 bytes, so that a file of any size may be sorted by time. */
struct import_step {
    int64_t at_us;   /* INT64_MIN when it cannot be read: it will be refused */
    uint64_t offset; /* of its first row … */
    uint32_t line;   /* … which stands here */
    uint32_t rows;   /* of the file's kind */
    struct uuid id;  /* of the order; nil when its ref cannot be read, and for a cancellation */
    uint32_t doubt_line;
    enum step_doubt doubt;
};

struct import_steps {
    struct import_step *items;
    size_t count, capacity;
};

/* Reads the whole file once and appends its steps, sorted by time, then by their place in the file. */
enum status import_steps_read(struct import *import, struct import_file *file, struct import_steps *steps,
                              struct error *error) MUST_CHECK;
void import_steps_clear(struct import_steps *steps);

#endif
