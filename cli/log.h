/* log.h - one line a handled event, to stderr: text on a terminal, JSON otherwise or with TILL_LOG=json (TILL_LOG=text
 * and TILL_LOG=off do what they say). No secret and no payload is ever logged. */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include "cli/cli.h"
#include "services/runtime.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* For struct consumer_options.tell. */
void log_handled(void *context, const struct handled *handled);

/* Something about a process rather than an event. */
void log_note(enum log_level level, const char *service, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
