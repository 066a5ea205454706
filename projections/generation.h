/* generation.h - the files in views/ and the links to them. For projections/ only.
 *
 * views/<name>.db is a symbolic link to <name>.<generation>.db, and a view is replaced by making the next generation
 * and moving the link. A generation's number is one more than any that is to be seen in views/, logs included, so that
 * a file never meets the log of another one; even while somebody deletes the folder file by file. */
#ifndef PROJECTIONS_GENERATION_H
#define PROJECTIONS_GENERATION_H

#include "base/file.h"
#include "projections/view.h"

enum status generation_path(char path[PATH_SIZE], const struct view_home *home, const struct projection *projection,
                            uint64_t generation, struct error *error) MUST_CHECK;
enum status generation_link_path(char path[PATH_SIZE], const struct view_home *home,
                                 const struct projection *projection, struct error *error) MUST_CHECK;

/* The generation that the link names; 0 when there is no link, or it names none of ours. */
uint64_t generation_linked(const char *link_path, const char *name);

/* All of these with the view's lock held. */

/* The number to give to a new file. Makes views/ when it is not there. */
enum status generation_next(const struct view_home *home, const struct projection *projection, uint64_t *generation,
                            struct error *error) MUST_CHECK;

/* Moves the link, in one step: whoever follows it comes to the old file or to the new one. */
enum status generation_publish(const struct view_home *home, const struct projection *projection, uint64_t generation,
                               struct error *error) MUST_CHECK;

/* Removes all generations but the one that the link names. What somebody has open lives until they close it. */
enum status generation_remove_others(const struct view_home *home, const struct projection *projection,
                                     struct error *error) MUST_CHECK;

#endif
