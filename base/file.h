/* file.h - folders, locks and whole files. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

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

/* A lock that belongs to an open file and dies with its process (flock). -1 is "not held". */
struct file_lock {
    int descriptor;
};
#define FILE_LOCK_NONE ((struct file_lock){.descriptor = -1})

/* Takes the lock at once, or says STATUS_BUSY. Who merely asks (file_lock_is_held) is outwaited. The file is made if it
 * is missing. */
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
