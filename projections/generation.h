/* generation.h - the files in views/ and the links to them. For projections/ only.
 *
 * views/<name>.db is a symbolic link to <name>.<generation>.db, and a view is replaced by making the next generation
 * and moving the link. A number is never given twice, whatever is deleted when, so that a file never meets the log of
 * another one: the last one given is kept in run/view-<name>.files. */
#ifndef PROJECTIONS_GENERATION_H
#define PROJECTIONS_GENERATION_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/file.h"
#include "projections/view.h"

enum status generation_path(char path[PATH_SIZE], const struct view_home *home, const struct projection *projection,
                            uint64_t generation, struct error *error) MUST_CHECK;
enum status generation_link_path(char path[PATH_SIZE], const struct view_home *home,
                                 const struct projection *projection, struct error *error) MUST_CHECK;

/* The generation that the link names; 0 when there is no link, or it names none of ours. */
uint64_t generation_linked(const char *link_path, const char *name);

/* The three files of a live view, by their inodes; 0 for one that is not there or no regular file. SQLite shares the
 * log and its index between all who have the view open, by their names. While somebody deletes the three one by one,
 * the next to open the view would get a log of one time and an index of another, and see rows that never stood side by
 * side. So which three belong together is kept in run/view-<name>.files as well, and no others are trusted. */
struct view_files {
    uint64_t generation;
    ino_t database, log, log_index;
    bool irregular; /* one is a link, a FIFO or the like, which SQLite would open all the same */
};

/* Those that stand at `path` (of the database) now. */
struct view_files generation_files(const char *path, uint64_t generation);

bool view_files_equal(const struct view_files *one, const struct view_files *other);

/* True when none of them is missing. */
bool view_files_are_all_there(const struct view_files *files);

/* Those that belong together; all zero when nothing is known. */
struct view_files generation_recall(const struct view_home *home, const struct projection *projection);

/* All of these with the view's lock held. */

/* From now on these three belong together. */
enum status generation_record(const struct view_home *home, const struct projection *projection,
                              const struct view_files *files, struct error *error) MUST_CHECK;

/* The number to give to a new file. Makes views/ when it is not there. */
enum status generation_next(const struct view_home *home, const struct projection *projection, uint64_t *generation,
                            struct error *error) MUST_CHECK;

/* Records the files and moves the link, in one step: whoever follows it comes to the old file or to the new one. */
enum status generation_publish(const struct view_home *home, const struct projection *projection,
                               const struct view_files *files, struct error *error) MUST_CHECK;

/* Removes all generations but the one that the link names. What somebody has open lives until they close it. */
enum status generation_remove_others(const struct view_home *home, const struct projection *projection,
                                     struct error *error) MUST_CHECK;

#endif
