/* file.h - folders, locks and whole files.
 *
 * What is ours has one owner and one place: a file of ours is a regular file, never a link (whoever writes to it would
 * write to what it names) and never a FIFO (whoever opens it would wait for its other end), and nobody else may write
 * to it. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/status.h"

enum { PATH_SIZE = 4096 };

/* Writes "folder/name" (with printf's help for the name) into `path`; STATUS_INVALID when it does not fit. */
enum status path_join(char path[PATH_SIZE], const char *folder, struct error *error, const char *format, ...) MUST_CHECK
    PRINTF_LIKE(4, 5);

/* Writes a path into `path`, printf's way; STATUS_INVALID when it does not fit. */
enum status path_format(char path[PATH_SIZE], struct error *error, const char *format, ...) MUST_CHECK
    PRINTF_LIKE(3, 4);

/* The path of the program `name` that stands beside this one, wherever links led here. */
enum status path_beside(char path[PATH_SIZE], const char *name, struct error *error) MUST_CHECK;

/* Makes one folder, mode 0700; one that is there already is fine. */
enum status file_make_folder(const char *path, struct error *error) MUST_CHECK;

bool file_exists(const char *path);

/* STATUS_IO when somebody else may write to a file or folder: its group or everybody (an ACL shows in the group's
 * bits), or an owner who is neither us nor root. What is not there is fine, and root takes everybody's own files for
 * theirs. The sentence says how to mend it. */
enum status file_check_ours(const char *path, struct error *error) MUST_CHECK;

/* As file_check_ours, of a file that must be a regular one itself: STATUS_IO for a link or a FIFO as well. */
enum status file_check_regular(const char *path, struct error *error) MUST_CHECK;

/* As file_check_ours, of a folder and of all that stands in it, but no deeper: files must be regular ones, and links
 * may name what stands beside them and nothing else. What is no folder has nothing in it. */
enum status file_check_folder(const char *path, struct error *error) MUST_CHECK;

/* Opens a regular file that is ours, at once, by the path's last name itself and no link (after Wietse Venema's
 * safe_open() in Postfix). `flags` are open()'s; with O_CREAT the file is made if it is missing, mode 0600. O_TRUNC is
 * not for here: nothing happens to a file before it was looked at. `*descriptor` is −1 unless STATUS_OK:
 *
 * STATUS_NOT_FOUND   it is missing, and O_CREAT was not asked for; or its folder is.
 * STATUS_IO          it is a link, a folder, a FIFO or the like, others may write to it, or the system says no. */
enum status file_open_regular(int *descriptor, const char *path, int flags, struct error *error) MUST_CHECK;

/* Reads until the end of a file or `size` bytes; −1 when that fails, and errno says why. */
ssize_t file_read_up_to(int descriptor, char *bytes, size_t size);

/* Writes all of it; false when that fails, and errno says why. */
bool file_write_all(int descriptor, const char *bytes, size_t length);

/* A lock that belongs to an open file and dies with its process (flock). -1 is "not held". */
struct file_lock {
    int descriptor;
};
#define FILE_LOCK_NONE ((struct file_lock){.descriptor = -1})

/* Takes the lock at once, or says STATUS_BUSY. Who merely asks (file_lock_is_held) is outwaited. Its file is opened as
 * file_open_regular does, and made if it is missing. */
enum status file_lock_try(struct file_lock *lock, const char *path, struct error *error) MUST_CHECK;

/* Takes the lock, waiting at most `patience_ms` in the kernel's queue; STATUS_BUSY after that. 0 is file_lock_try. */
enum status file_lock_wait(struct file_lock *lock, const char *path, int patience_ms, struct error *error) MUST_CHECK;

/* Gives it back and closes its file; a lock that is not held is fine. */
void file_lock_release(struct file_lock *lock);

/* True when somebody holds the lock at `path` right now. */
bool file_lock_is_held(const char *path);

/* flock() on an open file with bounded patience: 0 ms only tries. Returns STATUS_OK, STATUS_BUSY or STATUS_IO (errno
 * says why). Waiting uses the signal SIGRTMIN+3 in the calling thread; it may not be used for anything else. */
enum status file_descriptor_lock(int descriptor, int patience_ms);

/* Makes a file's contents (or a folder's entries) durable. */
enum status file_sync(const char *path, struct error *error) MUST_CHECK;

/* ---- files that are there whole or not at all ---- */

/* A name beside `path` for what is still being made. Never the same twice: process numbers come again, and a killed
 * process may have left its draft. */
enum status path_draft(char draft[PATH_SIZE], const char *path, struct error *error) MUST_CHECK;

/* Gives the finished draft its name, durably, and takes the draft's away whatever comes of it. Overwrites nothing:
 * STATUS_REFUSED when something is there. */
enum status file_publish(const char *draft, const char *path, struct error *error) MUST_CHECK;

/* Makes a new file, mode 0600. Overwrites nothing: STATUS_REFUSED when something is there. */
enum status file_write_new(const char *path, const char *bytes, size_t length, struct error *error) MUST_CHECK;

/* Reads a whole file of fewer than `size` bytes and ends it with a NUL; STATUS_INVALID when it is larger. */
enum status file_read_small(const char *path, char *text, size_t size, size_t *length, struct error *error) MUST_CHECK;

#endif
