/* status.h - how every function here says whether it worked.
 *
 * Errors are values. A function that can fail returns `enum status` and fills a `struct error` with one sentence for a
 * person: what was being done, to what, why not, and what to do about it. A broken invariant of our own is not an
 * error but an assertion (CHECK), which stays on in release builds: a program that no longer knows what it is doing
 * must not go on writing to a ledger. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdarg.h>

enum status {
    STATUS_OK = 0,
    STATUS_REFUSED,     /* the business says no: a person may read why and ask for something else */
    STATUS_NOT_FOUND,   /* the thing that was named is not there */
    STATUS_INVALID,     /* input that means nothing: wrong kind, out of range, malformed */
    STATUS_CONFLICT,    /* a stream moved since it was read: reload it and decide again */
    STATUS_FENCED,      /* somebody else moved this consumer's checkpoint: another instance is at work */
    STATUS_BUSY,        /* somebody holds what is needed for longer than our patience: try again */
    STATUS_UNAVAILABLE, /* the outside world gave no answer: try again later */
    STATUS_FULL,        /* no room: disk full, or a limit of ours that keeps a disk from filling */
    STATUS_IO,          /* the operating system refused: permissions, read-only folder, broken disk */
    STATUS_DAMAGED,     /* what is stored cannot be right */
    STATUS_FOREIGN,     /* a file of another store or of no store at all */
    STATUS_NEWER,       /* written by a newer version of this program */
    STATUS_MEMORY,      /* malloc said no */
    STATUS_STOPPED,     /* a visitor or a signal asked to stop: not a failure */
};

enum { ERROR_TEXT_MAX = 600 };

/* One failure, in words. Plain value; the caller owns it. Only meaningful after a status other than STATUS_OK. */
struct error {
    enum status status;
    char text[ERROR_TEXT_MAX];
};

#define MUST_CHECK                                __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))

/* Fills `error` (which may be NULL when nobody will read it) and returns `status`, so that a failure is one line:
 *     return error_set(error, STATUS_NOT_FOUND, "there is no order %s", ref);
 * Text that does not fit is cut. What is quoted from outside must have been made safe by the caller (see text.h). */
enum status error_set(struct error *error, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "what was being done: " before the sentence that stands in `error`, and returns the same status. */
enum status error_within(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* The sentence for malloc having said no; returns STATUS_MEMORY. */
enum status error_memory(struct error *error);

/* The sentence for errno: ENOSPC and EDQUOT are STATUS_FULL, ENOENT STATUS_NOT_FOUND, ENOMEM STATUS_MEMORY, all else
 * STATUS_IO. `doing` reads as "cannot <doing> <what>: <reason>". */
enum status error_errno(struct error *error, const char *doing, const char *what);

/* A stable name for logs: "conflict", "busy" … Never NULL. */
const char *status_name(enum status status);

/* An invariant that must hold, in release builds too. Never for input, never for the disk. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
