/* rejects.h - the file of refused rows: to be repaired and imported again.
 *
 * It has the columns of the file that is imported, and `refused_because` behind them. When several files are imported
 * at once it has the columns that any of them must have, and `refused_from` says which file a row is from; an import of
 * such a file takes only the rows of the kind it is told to import. An import knows the file by its last column, and
 * takes away again the apostrophes that keep spreadsheets from running cells (csv.h).
 *
 * Nothing is lost or made up: what could not be read as fields stands in one cell, and what stood behind the last
 * column that counts stands in that one's cell. A figure, sku or time that was wrong is as wrong here. */
#ifndef CLI_REJECTS_H
#define CLI_REJECTS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "cli/csv.h"

#define REJECTS_KIND_COLUMN   "refused_from"
#define REJECTS_REASON_COLUMN "refused_because"

struct import_file;

struct rejects {
    const char *path;
    FILE *out;   /* NULL: not wanted */
    bool united; /* of several files */
};

/* Makes the file, with its header, for rows of `files` (`count` of them, those without a reader are not imported).
 * STATUS_INVALID when it is one of them. */
enum status rejects_open(struct rejects *rejects, const char *path, const struct import_file *files, size_t count,
                         struct error *error) MUST_CHECK;

/* Writes one row; does nothing when the file is not wanted. A failure shows when it is closed. */
void rejects_write(struct rejects *rejects, const struct import_file *file, const struct csv_row *row,
                   const char *reason);

/* STATUS_FULL, STATUS_IO: not all of it could be written. */
enum status rejects_close(struct rejects *rejects, struct error *error) MUST_CHECK;

/* Closes it after something else went wrong. */
void rejects_abandon(struct rejects *rejects);

#endif
