/* compare.h - are two views the same, row for row? And if not, where do they first differ?
 *
 * The digest of a view is BLAKE2b-256 over all tables but the view's own `meta`, in the order of their names:
 *
 *     for each table:   'T' text(name) 4 bytes (columns)
 *     for each row:     'R' and each value, in the order of the columns; rows in the order of the primary key
 *     a value:          'n' for null, 'i' and 8 bytes for an integer, 't' text for a text, 'b' text for a blob
 *
 * where "text" is its length in bytes as 4 bytes, then the bytes; numbers are little endian. Two views with the same
 * rows have the same digest, whatever the batches they were folded in. */
#ifndef PROJECTIONS_COMPARE_H
#define PROJECTIONS_COMPARE_H

#include <stdbool.h>

#include "projections/view.h"

enum { VIEW_DIGEST_BYTES = 32 };

/* The digest of the rows that the handle shows. Reads all of them: about 0.5 s for a million rows. */
enum status view_digest(struct view *view, uint8_t digest[VIEW_DIGEST_BYTES], struct error *error) MUST_CHECK;

/* Walks two views of one projection side by side. When they differ, `*same` is false and `difference` (ERROR_TEXT_MAX
 * bytes) says where first: `orders, key 7: status is "placed", should be "confirmed"`, with what stands in `live` as
 * "is" and what stands in `fresh` as "should be". */
enum status view_compare(struct view *live, struct view *fresh, bool *same, char difference[ERROR_TEXT_MAX],
                         struct error *error) MUST_CHECK;

struct view_finding {
    bool ok;
    bool is_mendable;  /* when it is not: by a rebuild */
    uint64_t position; /* the live view's */
    char detail[ERROR_TEXT_MAX];
    uint8_t digest[VIEW_DIGEST_BYTES]; /* of the fresh fold up to `position`; zero when none was made */
};

/* Folds the roll anew up to where the live view stands and compares the two. Repairs and sets aside nothing. A missing
 * view, or one of an older version, is no fault: the next query folds it. Returns STATUS_OK when the checking could be
 * done, whatever it found. */
enum status view_verify(const struct view_home *home, const struct projection *projection, struct view_finding *finding,
                        struct error *error) MUST_CHECK;

#endif
