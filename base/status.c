#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    if (error == NULL)
        return status;

    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    text_trim_partial(error->text);
    error->status = status;
    return status;
}

enum status error_within(struct error *error, const char *format, ...)
{
    CHECK(error != NULL);
    char doing[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(doing, sizeof doing, format, arguments);
    va_end(arguments);

    const struct error inner = *error;
    return error_set(error, inner.status, "%s: %s", doing, inner.text);
}

enum status error_memory(struct error *error)
{
    return error_set(error, STATUS_MEMORY, "out of memory: end other programs and try again");
}

static enum status status_of_errno(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT: return STATUS_FULL;
    case ENOENT: return STATUS_NOT_FOUND;
    case ENOMEM: return STATUS_MEMORY;
    default: return STATUS_IO;
    }
}

enum status error_errno(struct error *error, const char *doing, const char *what)
{
    const int code = errno;
    const enum status status = status_of_errno(code);
    const char *advice = status == STATUS_FULL ? "; free some space and try again" : "";
    char reason[128];
    char safe[TEXT_SAFE_SIZE];
    return error_set(error, status, "cannot %s %s: %s%s", doing, text_safe(safe, what),
                     strerror_r(code, reason, sizeof reason), advice);
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK: return "ok";
    case STATUS_REFUSED: return "refused";
    case STATUS_NOT_FOUND: return "not_found";
    case STATUS_INVALID: return "invalid";
    case STATUS_CONFLICT: return "conflict";
    case STATUS_FENCED: return "fenced";
    case STATUS_BUSY: return "busy";
    case STATUS_UNAVAILABLE: return "unavailable";
    case STATUS_FULL: return "full";
    case STATUS_IO: return "io";
    case STATUS_DAMAGED: return "damaged";
    case STATUS_FOREIGN: return "foreign";
    case STATUS_NEWER: return "newer";
    case STATUS_MEMORY: return "memory";
    case STATUS_STOPPED: return "stopped";
    }
    return "unknown";
}

void check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: this must never happen, please report it: %s\n", file, line, condition);
    abort();
}
