#include "cli/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

enum log_form { FORM_TEXT, FORM_JSON, FORM_OFF };

static enum log_form form(void)
{
    const char *wanted = getenv("TILL_LOG");
    if (wanted != NULL && strcmp(wanted, "json") == 0)
        return FORM_JSON;
    if (wanted != NULL && strcmp(wanted, "text") == 0)
        return FORM_TEXT;
    if (wanted != NULL && strcmp(wanted, "off") == 0)
        return FORM_OFF;
    return isatty(STDERR_FILENO) == 1 ? FORM_TEXT : FORM_JSON;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"info", "warning", "error"};
    return names[level];
}

/* One write(2) a line: lines of several processes do not mix. */
static void write_line(struct buffer *line)
{
    buffer_char(line, '\n');
    ssize_t written = write(STDERR_FILENO, buffer_string(line), line->length);
    (void)written; /* nobody is left to be told */
    buffer_clear(line);
}

static void add_field(struct buffer *line, const char *name, const char *value)
{
    struct buffer safe = {0};
    text_append_sentence(&safe, value); /* a path in it need not be UTF-8 */
    buffer_text(line, ",\"");
    buffer_text(line, name);
    buffer_text(line, "\":");
    json_write_text(line, buffer_string(&safe), safe.length);
    buffer_clear(&safe);
}

static void begin_json(struct buffer *line, enum log_level level, const char *service)
{
    char now[TIME_TEXT_SIZE];
    time_to_text(clock_now_us(&clock_system), now);
    buffer_format(line, "{\"time\":\"%s\"", now);
    add_field(line, "level", level_name(level));
    add_field(line, "service", service);
}

static void begin_text(struct buffer *line, enum log_level level, const char *service)
{
    char now[TIME_TEXT_SIZE];
    time_to_text(clock_now_us(&clock_system), now);
    buffer_format(line, "%.23s %-7s %-12s ", now, level_name(level), service);
}

static enum log_level level_of(enum outcome outcome)
{
    if (outcome == OUTCOME_DEAD)
        return LOG_ERROR;
    return outcome == OUTCOME_WAITING || outcome == OUTCOME_QUEUED ? LOG_WARNING : LOG_INFO;
}

static void handled_as_json(struct buffer *line, const struct handled *handled, const char *correlation)
{
    begin_json(line, level_of(handled->outcome), handled->service);
    add_field(line, "correlation_id", correlation);
    add_field(line, "event", handled->cause->type);
    buffer_format(line, ",\"position\":%llu", (unsigned long long)handled->cause->position);
    add_field(line, "outcome", outcome_name(handled->outcome));
    buffer_format(line, ",\"attempt\":%d,\"elapsed_us\":%lld", handled->attempt, (long long)handled->elapsed_us);
    if (handled->reason[0] != '\0')
        add_field(line, "reason", handled->reason);
    buffer_char(line, '}');
}

static void handled_as_text(struct buffer *line, const struct handled *handled, const char *correlation)
{
    begin_text(line, level_of(handled->outcome), handled->service);
    buffer_format(line, "%.8s %llu %s: %s, attempt %d, %lld us", correlation,
                  (unsigned long long)handled->cause->position, handled->cause->type, outcome_name(handled->outcome),
                  handled->attempt, (long long)handled->elapsed_us);
    if (handled->reason[0] != '\0') {
        buffer_text(line, ": ");
        text_append_sentence(line, handled->reason);
    }
}

void log_handled(void *context, const struct handled *handled)
{
    (void)context;
    enum log_form wanted = form();
    struct buffer line = {0};
    char correlation[UUID_TEXT_SIZE];
    if (wanted == FORM_OFF)
        return;
    uuid_to_text(handled->cause->correlation, correlation);
    if (wanted == FORM_JSON)
        handled_as_json(&line, handled, correlation);
    else
        handled_as_text(&line, handled, correlation);
    write_line(&line);
}

void log_note(enum log_level level, const char *service, const char *format, ...)
{
    enum log_form wanted = form();
    struct buffer line = {0};
    char text[ERROR_TEXT_MAX];
    va_list values;
    if (wanted == FORM_OFF)
        return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (wanted == FORM_JSON) {
        begin_json(&line, level, service);
        add_field(&line, "message", text);
        buffer_char(&line, '}');
    } else {
        begin_text(&line, level, service);
        text_append_sentence(&line, text);
    }
    write_line(&line);
}
