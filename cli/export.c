/* export.c - `till export`: the roll as JSON Lines (eventstore/lines.h), to a file or a pipe.
 *
 * The first line says where the roll ends when the export begins, so that whoever loads the lines knows whether all of
 * them came. A file gets its name when it is whole. With --follow the lines go on as the roll grows, as in roll.c. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/work.h"
#include "eventstore/lines.h"

enum { TOLD_EVERY = 4096 /* events */ };

struct export
{
    const struct arguments *arguments;
    const char *file; /* NULL: stdout */
    FILE *out;
    bool follow;
    int64_t to;    /* --to, 0 for none */
    uint64_t from; /* next position wanted */
    struct line_title title;
    struct buffer line;
};

static bool is_over(const struct export *export)
{
    return ferror(export->out) != 0 || (export->follow && signal_to_stop());
}

static void put_line(struct export *export)
{
    buffer_char(&export->line, '\n');
    (void)fwrite(buffer_string(&export->line), 1, export->line.length, export->out);
}

static enum status put_event(void *context, const struct recorded_event *event, struct error *error)
{
    struct export *export = context;
    enum status status = line_from_event(event, &export->line, error);
    if (status != STATUS_OK) {
        (void)error_within(error, "the event at position %llu", (unsigned long long)event->position);
        return status;
    }
    put_line(export);
    export->from = event->position + 1;
    if (event->position % TOLD_EVERY == 0)
        progress_show(event->position, export->title.position);
    return is_over(export) ? STATUS_STOPPED : STATUS_OK;
}

static enum status put_title(struct export *export, struct eventstore *store, struct error *error)
{
    struct line_title *title = &export->title;
    title->store = *eventstore_info(store);
    enum status status = eventstore_head_digest(store, &title->position, title->digest, error);
    if (status == STATUS_OK && export->to != 0 && (uint64_t) export->to < title->position) {
        title->position = (uint64_t) export->to;
        status = eventstore_digest_at(store, title->position, title->digest, error);
    }
    if (status == STATUS_OK)
        status = line_from_title(title, &export->line, error);
    if (status == STATUS_OK)
        put_line(export);
    return status;
}

static enum status put_events(struct export *export, struct eventstore *store, uint64_t to, struct error *error)
{
    const struct roll_query query = {.from = export->from, .to = to, .with_digests = true};
    return to < export->from ? STATUS_OK : eventstore_read_roll(store, &query, put_event, export, error);
}

static enum status follow(struct export *export, struct eventstore *store, struct error *error)
{
    for (;;) {
        uint64_t head = 0;
        const uint32_t bell = eventstore_bell(store);
        enum status status = eventstore_head(store, &head, error);
        if (status == STATUS_OK)
            status = put_events(export, store, head, error);
        if (status != STATUS_OK)
            return status;
        (void)fflush(export->out);
        if (is_over(export) || output_is_unread())
            return STATUS_OK;
        eventstore_wait(store, bell, SLOW_POLL_MS);
    }
}

static enum status put_all(struct export *export, struct eventstore *store, struct error *error)
{
    enum status status = put_title(export, store, error);
    if (status == STATUS_OK)
        status = put_events(export, store, export->title.position, error);
    progress_end();
    return status == STATUS_OK && export->follow ? follow(export, store, error) : status;
}

/* ---- a file ---- */

static enum status fill_file(struct export *export, const char *draft, struct eventstore *store, struct error *error)
{
    export->out = fopen(draft, "wxe");
    if (export->out == NULL)
        return error_errno(error, "make", export->file);
    enum status status = put_all(export, store, error);
    const bool is_written = fflush(export->out) == 0 && !ferror(export->out) && fsync(fileno(export->out)) == 0;
    if (status == STATUS_OK && !is_written)
        status = error_errno(error, "write", export->file);
    (void)fclose(export->out);
    return status;
}

static enum status put_file(struct export *export, const struct till *till, struct eventstore *store,
                            struct error *error)
{
    char draft[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    if (file_exists(export->file)) /* before all of it is written for nothing */
        return error_set(error, STATUS_REFUSED, "%s is there already: nothing is overwritten",
                         text_safe(safe, export->file));
    enum status status = path_draft(draft, export->file, error);
    if (status != STATUS_OK)
        return status;
    status = fill_file(export, draft, store, error);
    if (status == STATUS_OK)
        status = file_publish(draft, export->file, error);
    (void)unlink(draft);
    return status == STATUS_OK ? tell_copied(till, export->file, "The roll was written to", export->title.position,
                                             export->title.digest, error)
                               : status;
}

/* ---- the command ---- */

static enum status export_roll(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct export *export = context;
    struct till seen = *till;
    seen.progress = till->progress && (export->file != NULL || !till->terminal); /* else it would run into the lines */
    progress_begin(&seen, "export");
    return export->file != NULL ? put_file(export, till, shop->store, error) : put_all(export, shop->store, error);
}

static int run_export(struct till *till, const struct arguments *arguments)
{
    int64_t from = 1;
    struct export export = {.arguments = arguments,
                            .file = argument_word(arguments, 0),
                            .out = stdout,
                            .follow = argument_given(arguments, "follow")};
    if (!argument_integer(arguments, "from", 1, POSITION_MAX, &from) ||
        !argument_integer(arguments, "to", 1, POSITION_MAX, &export.to))
        return EXIT_USAGE;
    if (export.file != NULL && (export.follow || export.file[0] == '\0'))
        return usage_error(arguments,
                           export.follow ? "--follow writes to standard output: leave FILE out" : "FILE is empty");
    if (export.follow && export.to != 0)
        return usage_error(arguments, "--follow has no end, and --to names one: give one of them");
    export.from = (uint64_t)from;
    if (export.follow)
        signals_catch();
    const int code = in_shop(till, arguments, "reader", export_roll, &export);
    buffer_clear(&export.line);
    return code;
}

static const struct option_spec options[] = {
    {"from", "N", "from this position on"},
    {"to", "N", "up to this position"},
    {"follow", NULL, "go on as the roll grows, until SIGINT or SIGTERM"},
    {0},
};

const struct command export_command = {
    .name = "export",
    .usage = "[--from N] [--to N] [--follow] [FILE]",
    .summary = "write the roll as JSON Lines, for `till load`",
    .details = "To FILE, which must be new, or to standard output. The first line names the\n"
               "store and where the roll ends; then every event is one line with all that its\n"
               "digest covers: position, stream, version, type, schema_version, event_id,\n"
               "correlation_id, causation (the position of its cause), recorded_at, actor,\n"
               "producer, command_id, data, digest. Data stands there to the byte; where that\n"
               "cannot be as JSON, it is a text called data_text.\n\n"
               "With --json (and FILE): file, position, digest.",
    .options = options,
    .words_max = 1,
    .run = run_export,
};
