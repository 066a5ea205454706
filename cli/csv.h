/* csv.h - tables as text, after RFC 4180: reading them row by row, writing them cell by cell.
 *
 * Reading is libcsv's, in its strict mode, fed line by line, for it knows neither lines nor offsets nor limits. What it
 * would change silently stays as it is: blanks at the ends of a field, and empty fields. What we add:
 *
 *   1. Byte order marks before the first row are skipped. Lines without anything on them are no rows.
 *   2. A row ends at LF or CRLF outside quotes. A CR by itself ends no line: outside quotes it is a mistake.
 *   3. A row that breaks the rules (a quote where none may stand, one that is never closed, a stray CR) is its first
 *      line only; reading goes on at the next line, so that a forgotten quote takes no further rows with it.
 *   4. A field is at most CSV_FIELD_MAX bytes of UTF-8 without NUL. A row with another field has a problem, but is read
 *      to its proper end.
 *
 * A row with a problem is handed out like any other: who reads decides what becomes of it. */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum {
    CSV_FIELD_MAX = 64 * 1024, /* bytes */
    CSV_FIELDS_MAX = 64,       /* fields of a row; more are a problem, and left out */
    CSV_PROBLEM_SIZE = 160,
};

struct csv_field {
    const char *text; /* NUL-terminated; may hold a NUL only in a row with a problem */
    size_t length;
};

struct csv_row {
    uint64_t offset; /* of its first byte in the input */
    uint64_t line;   /* it begins on; the first is 1 */
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count;
    size_t read_count;              /* the first so many fields are what the writer meant; in a row that breaks the
                                     * rules the one after them is the rest of the line, raw */
    char problem[CSV_PROBLEM_SIZE]; /* a clause, or "" */
};

struct csv_reader;

/* Opens a file, "-" for standard input. What cannot be read twice (a pipe) is copied to an unnamed temporary file
 * first. On failure `*reader` is NULL. */
enum status csv_open(struct csv_reader **reader, const char *path, struct error *error) MUST_CHECK;

/* Closes and sets the pointer to NULL; NULL is fine. */
void csv_close(struct csv_reader **reader);

/* The next row, or NULL at the end. Borrowed until the next call. A failure is one of the file (STATUS_IO) or of
 * memory.
 */
enum status csv_next(struct csv_reader *reader, const struct csv_row **row, struct error *error) MUST_CHECK;

/* The next row will be the one that begins at `offset`, which is line `line`: as a row said that was read before. */
void csv_seek(struct csv_reader *reader, uint64_t offset, uint64_t line);

/* How far the reading is, and how long the input was when it was opened; for progress bars. */
uint64_t csv_offset(const struct csv_reader *reader);
uint64_t csv_size(const struct csv_reader *reader);

/* The input's descriptor; the reader's. */
int csv_descriptor(const struct csv_reader *reader);

/* ---- writing ---- */

/* Writes one cell, quoted where it has to be. A cell that a spreadsheet would run as a formula (it begins with = + - @,
 * a fullwidth form of them, a control character or another that shows nothing) gets an apostrophe in front, and so that
 * this can be undone (csv_unguarded), one that begins with apostrophes and such a character gets one more. The caller
 * asks ferror() in the end. */
void csv_write_cell(FILE *out, const char *text, size_t length);

/* The same cell without the apostrophe that csv_write_cell gave it. */
struct csv_field csv_unguarded(struct csv_field cell);

/* The end of a row: CRLF. */
void csv_end_row(FILE *out);

#endif
