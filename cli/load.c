/* load.c - `till load`: the lines that `till export` wrote, into an empty shop.
 *
 * Read line by line and loaded batch by batch; each batch is checked and written as one (eventstore_load), and moves
 * the services' checkpoints behind it. So a kill at any moment leaves a shorter copy, which the same lines complete. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/rest.h"
#include "cli/work.h"
#include "domain/money.h"
#include "eventstore/lines.h"

enum { BATCH_BYTES_MAX = 1 << 20 /* of lines: keeps a batch of very large events small */ };

struct loader {
    FILE *in;
    const char *name; /* of the file */
    uint64_t line;    /* read so far */
    struct buffer text;
    struct line_title title;
    struct arena arena; /* of one batch */
    struct recorded_event events[EVENTSTORE_LOAD_MAX];
    size_t count, bytes;
    uint64_t events_first_line;
    uint64_t loaded; /* events that were new */
};

/* ---- lines ---- */

/* What is wrong is the file's fault: exit 3, with the line's number. */
static enum status blame_line(uint64_t line, struct error *error)
{
    if (error->status == STATUS_INVALID)
        error->status = STATUS_DAMAGED;
    return error_within(error, "line %llu", (unsigned long long)line);
}

/* The next line, without its end; `*found` is false when there is none. */
static enum status read_line(struct loader *loader, bool *found, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    int byte;
    buffer_reset(&loader->text);
    while ((byte = getc_unlocked(loader->in)) != EOF && byte != '\n' && loader->text.length <= LINE_BYTES_MAX)
        buffer_char(&loader->text, (char)byte);
    *found = byte != EOF || loader->text.length > 0;
    loader->line += *found;
    if (ferror(loader->in) != 0)
        return error_errno(error, "read", text_safe(safe, loader->name));
    enum status status = buffer_ok(&loader->text, error);
    if (status == STATUS_OK && *found && byte != '\n')
        status = error_set(error, STATUS_DAMAGED, "line %llu %s", (unsigned long long)loader->line,
                           byte == EOF ? "does not end: the file was cut" : "is longer than any line of a roll");
    return status;
}

static enum status read_title(struct loader *loader, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    bool found = false;
    struct error why = {0};
    enum status status = read_line(loader, &found, &why);
    if (status == STATUS_OK)
        status = line_to_title(buffer_string(&loader->text), loader->text.length, &loader->arena, &loader->title, &why);
    if (status == STATUS_OK && currency_from_settings(loader->title.store.settings).code[0] == '\0')
        status = error_set(&why, STATUS_INVALID, "settings: name no currency");
    if (status == STATUS_OK)
        return STATUS_OK;
    const bool is_foreign = status == STATUS_INVALID || status == STATUS_DAMAGED;
    return is_foreign ? error_set(error, STATUS_FOREIGN, "%s is no roll of `till export`: its first line: %s",
                                  text_safe(safe, loader->name), why.text)
                      : error_set(error, status, "%s", why.text);
}

/* The next batch. A line that is none ends it: what stands before is loaded first. */
static enum status read_batch(struct loader *loader, struct error *error)
{
    enum status status = STATUS_OK;
    bool found = true;
    arena_reset(&loader->arena);
    loader->count = loader->bytes = 0;
    while (status == STATUS_OK && loader->count < EVENTSTORE_LOAD_MAX && loader->bytes < BATCH_BYTES_MAX) {
        status = read_line(loader, &found, error);
        if (status != STATUS_OK || !found)
            break;
        status = line_to_event(buffer_string(&loader->text), loader->text.length, &loader->arena,
                               &loader->events[loader->count], error);
        if (status != STATUS_OK)
            return blame_line(loader->line, error);
        loader->bytes += loader->text.length;
        loader->count++;
    }
    return status;
}

/* ---- batches ---- */

static enum status load_batch(struct loader *loader, struct eventstore *store, struct error *error)
{
    const struct load load = {.origin = &loader->title.store,
                              .events = loader->events,
                              .count = loader->count,
                              .consumers = service_names,
                              .consumer_count = SERVICES_COUNT};
    size_t number = 0;
    enum status status = eventstore_load(store, &load, &number, error);
    if (status != STATUS_OK && number < loader->count)
        return blame_line(loader->events_first_line + number, error);
    if (status == STATUS_OK) {
        loader->loaded += number;
        progress_show(loader->events[loader->count - 1].position, loader->title.position);
    }
    return status;
}

static enum status load_events(struct loader *loader, struct eventstore *store, struct error *error)
{
    enum status status = STATUS_OK, read = STATUS_OK;
    struct error why = {0};
    do {
        loader->events_first_line = loader->line + 1;
        read = read_batch(loader, &why);
        if (loader->count > 0)
            status = load_batch(loader, store, error);
    } while (status == STATUS_OK && read == STATUS_OK && loader->count > 0);
    return status == STATUS_OK && read != STATUS_OK ? error_set(error, why.status, "%s", why.text) : status;
}

/* Did all come that the first line promised? */
static enum status check_end(const struct loader *loader, struct eventstore *store, struct error *error)
{
    const struct line_title *title = &loader->title;
    uint64_t head = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    enum status status = eventstore_head(store, &head, error);
    if (status == STATUS_OK && head < title->position)
        return error_set(error, STATUS_DAMAGED,
                         "the lines end at position %llu, but the roll went on to %llu: load the whole file to go on",
                         (unsigned long long)head, (unsigned long long)title->position);
    if (status == STATUS_OK && title->position > 0)
        status = eventstore_digest_at(store, title->position, digest, error);
    if (status == STATUS_OK && title->position > 0 && memcmp(digest, title->digest, sizeof digest) != 0)
        status = error_set(error, STATUS_DAMAGED, "the digest in the first line is not that of position %llu",
                           (unsigned long long)title->position);
    return status;
}

/* ---- the shop ---- */

/* Nobody else may be at work: this shop is about to become another. */
static enum status claim_all(struct eventstore *store, struct error *error)
{
    enum status status = eventstore_consumer_claim(store, supervisor_name, error);
    for (int i = 0; status == STATUS_OK && i < WORKERS; i++)
        status = eventstore_consumer_claim(store, worker_names[i], error);
    return status;
}

static enum status tell_loaded(const struct till *till, const struct loader *loader, struct eventstore *store,
                               struct error *error)
{
    uint64_t head = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    enum status status = eventstore_head_digest(store, &head, digest, error);
    if (status != STATUS_OK)
        return status;
    if (loader->loaded == 0 && !till->json) {
        say("All of it stands here already.");
        return STATUS_OK;
    }
    status = tell_copied(till, till->folder, "The roll was verified and loaded into", head, digest, error);
    if (status != STATUS_OK || till->json)
        return status;
    say("The services begin behind it: nothing that stands on it is charged or mailed again,");
    say("and what was under way or set aside is not taken up here. The bank's book and the");
    say("mails were not copied: the bank refuses to refund what it did not charge.");
    return STATUS_OK;
}

static enum status load_roll(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct loader *loader = context;
    enum status status = claim_all(shop->store, error);
    if (status != STATUS_OK)
        return status;
    progress_begin(till, "load");
    status = load_events(loader, shop->store, error);
    progress_end();
    if (status == STATUS_OK)
        status = check_end(loader, shop->store, error);
    return status == STATUS_OK ? tell_loaded(till, loader, shop->store, error) : status;
}

static int load_file(struct till *till, const struct arguments *arguments, struct loader *loader)
{
    bool there = false;
    struct error error = {0};
    enum status status = read_title(loader, &error);
    if (status == STATUS_OK)
        status = shop_create(till, currency_from_settings(loader->title.store.settings), &there, &error);
    if (status != STATUS_OK && !there)
        return fail(&error);
    return in_shop(till, arguments, "clerk", load_roll, loader);
}

static int run_load(struct till *till, const struct arguments *arguments)
{
    static struct loader loader; /* large, and there is one */
    struct error error = {0};
    loader.name = argument_word(arguments, 0);
    const bool is_input = strcmp(loader.name, "-") == 0;
    loader.in = is_input ? stdin : fopen(loader.name, "re");
    if (loader.in == NULL) {
        (void)error_errno(&error, "open", loader.name);
        return fail(&error);
    }
    const int code = load_file(till, arguments, &loader);
    if (!is_input)
        (void)fclose(loader.in);
    buffer_clear(&loader.text);
    arena_clear(&loader.arena);
    return code;
}

const struct command load_command = {
    .name = "load",
    .usage = "FILE",
    .summary = "make a shop from the lines that `till export` wrote",
    .details = "FILE may be -, standard input. The shop must be new or empty, and becomes the\n"
               "store that the lines are of; positions, ids, times and digests are verified on\n"
               "the way in, and a line that is wrong is named. When it was cut short, the same\n"
               "command goes on; lines that stand there already change nothing.\n\n"
               "The services begin behind the roll: nothing that stands on it is charged or\n"
               "mailed again, and what was under way or set aside in the other shop is not taken\n"
               "up here. The bank's book (gateway.db) and the mails are not copied: the bank\n"
               "refuses to refund what it did not charge.\n\n"
               "With --json: file (the shop's folder), position, digest.",
    .words_min = 1,
    .words_max = 1,
    .run = run_load,
};
