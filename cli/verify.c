/* verify.c - proof and copies: verify (does the shop keep what it promises?), backup, rebuild. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/seal.h"
#include "cli/work.h"
#include "domain/stock.h"
#include "eventstore/digest.h"
#include "projections/compare.h"
#include "projections/rebuild.h"
#include "services/folding.h"

_Static_assert((int)VIEW_DIGEST_BYTES == (int)EVENTSTORE_DIGEST_BYTES, "one kind of digest");

static void show_rebuild_progress(void *context, uint64_t position, uint64_t head)
{
    (void)context;
    progress_show(position, head);
}

/* ---- verify ---- */

struct findings {
    const struct till *till;
    const struct arguments *arguments;
    int wrong;
    bool is_roll_sound; /* so that a view that differs from it is wrong */
};

static enum status print_finding(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    struct findings *findings = context;
    const struct till *till = findings->till;
    findings->wrong += !ok;
    progress_end();
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "check", check);
        cJSON_AddBoolToObject(object, "ok", ok);
        json_text(object, "detail", detail);
        return json_line(object, error);
    }
    printf("%s%-6s%s  ", style(till, ok ? STYLE_GREEN : STYLE_RED), ok ? "ok" : "WRONG", style(till, STYLE_PLAIN));
    print_cell(till, check, 14);
    fputs("  ", stdout);
    print_cell(till, detail, 0);
    putchar('\n');
    return STATUS_OK;
}

static enum status verify_seal(struct eventstore *store, struct findings *findings, struct error *error)
{
    char detail[ERROR_TEXT_MAX];
    bool holds = false;
    if (!argument_given(findings->arguments, "seal"))
        return STATUS_OK;
    enum status status = check_seal(store, findings->till, findings->arguments, &holds, detail, error);
    return status == STATUS_OK ? print_finding(findings, "seal", holds, detail, error) : status;
}

/* A roll that cannot be read was found wrong before; of its snapshots nobody can tell. */
static enum status verify_snapshots(struct eventstore *store, struct findings *findings, struct error *error)
{
    struct snapshot_finding found;
    struct error unread;
    char detail[ERROR_TEXT_MAX], safe[TEXT_SAFE_SIZE];
    enum status status = snapshots_verify(store, &stock_fold, &found, &unread);
    const bool is_damage = status == STATUS_DAMAGED || status == STATUS_INVALID || status == STATUS_NEWER;
    if (status != STATUS_OK && !is_damage)
        return error_set(error, status, "%s", unread.text);
    if (is_damage)
        snprintf(detail, sizeof detail, "%s", unread.text);
    else if (found.wrong[0] != '\0')
        snprintf(detail, sizeof detail, "that of %s is not what its events say", text_safe(safe, found.wrong));
    else
        snprintf(detail, sizeof detail, "%llu of skus are what their events say", (unsigned long long)found.compared);
    return print_finding(findings, "snapshots", status == STATUS_OK && found.wrong[0] == '\0', detail, error);
}

static enum status verify_store(struct eventstore *store, struct findings *findings, struct error *error)
{
    progress_begin(findings->till, "verify");
    enum status status = eventstore_verify(store, print_finding, findings, progress_show, error);
    if (status == STATUS_OK)
        status = verify_snapshots(store, findings, error);
    return status == STATUS_OK ? verify_seal(store, findings, error) : status;
}

static enum status verify_view(struct shop *shop, const struct projection *projection, struct findings *findings,
                               struct error *error)
{
    struct view_finding finding;
    char check[64], detail[ERROR_TEXT_MAX + 64], advice[64] = "";
    enum status status = view_verify(&shop->home, projection, &finding, error);
    if (status != STATUS_OK)
        return status;
    if (finding.is_mendable && findings->is_roll_sound)
        snprintf(advice, sizeof advice, "; `till rebuild %s` folds it anew", projection->name);
    snprintf(check, sizeof check, "view %s", projection->name);
    snprintf(detail, sizeof detail, "%s%s", finding.detail, advice);
    return print_finding(findings, check, finding.ok, detail, error);
}

static enum status verify_shop(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    struct findings *findings = context;
    (void)till;
    enum status status = verify_store(shop->store, findings, error);
    findings->is_roll_sound = findings->wrong == 0;
    for (size_t i = 0; status == STATUS_OK && i < projection_count; i++)
        status = verify_view(shop, projections[i], findings, error);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static enum status verify_file(const char *file, struct findings *findings, struct error *error)
{
    struct eventstore *store = NULL;
    char path[PATH_SIZE];
    /* Who names a shop's folder means its roll. */
    enum status status = path_format(path, error, is_folder(file) ? "%s/events.db" : "%s", file);
    if (status == STATUS_OK)
        status = eventstore_open_file(&store, path, error);
    if (status == STATUS_OK)
        status = verify_store(store, findings, error);
    eventstore_close(&store);
    return status;
}

static int run_verify(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    struct findings findings = {.till = till, .arguments = arguments};
    const char *file = argument_word(arguments, 0);
    if (argument_given(arguments, "key") && !argument_given(arguments, "seal"))
        return usage_error(arguments, "--key is for checking a seal: name it with --seal");
    int code = file == NULL ? in_shop(till, arguments, "clerk", verify_shop, &findings)
                            : conclude(arguments, verify_file(file, &findings, &error), &error);
    if (code != EXIT_DONE || findings.wrong == 0)
        return code;
    fprintf(stderr, "till: %d %s wrong\n", findings.wrong, plural(findings.wrong, "check is", "checks are"));
    return EXIT_DAMAGED;
}

static const struct option_spec verify_options[] = {
    {"seal", "FILE", "check this seal of `till seal` too"},
    {"key", "FILE", "the sealer's public key (default: shop's seal.key.pub)"},
    {0},
};

const struct command verify_command = {
    .name = "verify",
    .usage = "[FILE] [--seal FILE] [--key FILE]",
    .summary = "prove that nothing was altered, on the roll and in the views",
    .details = "Without FILE: the shop's roll, and every snapshot and view against a new fold\n"
               "of the roll. With FILE: the roll in a backup. Exits 3 when anything is wrong.\n\n"
               "The chain of digests makes changes evident, but a roll that was cut, or\n"
               "rewritten from some event on, has a chain that holds: only a seal finds that,\n"
               "made before by `till seal` and kept elsewhere. Bring the public key along as\n"
               "well: who owns the shop's folder can put a key of theirs there.\n\n"
               "With --json: check, ok, detail.",
    .options = verify_options,
    .words_max = 1,
    .run = run_verify,
};

/* ---- backup ---- */

static enum status back_up(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const char *file = context;
    uint64_t position = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    enum status status = eventstore_backup(shop->store, file, &position, digest, error);
    return status == STATUS_OK ? tell_copied(till, file, "The roll was copied to", position, digest, error) : status;
}

static int run_backup(struct till *till, const struct arguments *arguments)
{
    char file[PATH_SIZE];
    struct error error = {0};
    if (argument_word(arguments, 0)[0] == '\0')
        return usage_error(arguments, "FILE is empty");
    enum status status = path_format(file, &error, "%s", argument_word(arguments, 0));
    return status == STATUS_OK ? in_shop(till, arguments, "clerk", back_up, file) : conclude(arguments, status, &error);
}

const struct command backup_command = {
    .name = "backup",
    .usage = "FILE",
    .summary = "copy the roll into a new file, while the shop is at work",
    .details = "A plain `cp` of events.db would lose what is still in its log. Views are not\n"
               "copied: they are folded from the roll. The copy is verified before it gets its\n"
               "name: of a roll that is not sound there is none. With --json: file, position,\n"
               "digest.",
    .words_min = 1,
    .words_max = 1,
    .run = run_backup,
};

/* ---- restore ---- */

static enum status refuse_folder(const char *folder, struct error *error)
{
    char safe[TEXT_SAFE_SIZE];
    return error_set(
        error, STATUS_INVALID,
        "%s is a folder: name the file that `till backup` made (of a shop, `till --shop FOLDER backup FILE` "
        "makes one)",
        text_safe(safe, folder));
}

static enum status restore(const struct till *till, const char *file, struct error *error)
{
    uint64_t position = 0;
    uint8_t bytes[EVENTSTORE_DIGEST_BYTES];
    if (is_folder(file))
        return refuse_folder(file, error);
    enum status status = file_make_folder(till->folder, error);
    if (status != STATUS_OK)
        return status;
    progress_begin(till, "restore");
    status = eventstore_restore(file, till->folder, &position, bytes, progress_show, error);
    progress_end();
    if (status != STATUS_OK)
        (void)rmdir(till->folder); /* when it is empty: it was made for this, or holds nothing anyway */
    else
        status = tell_copied(till, till->folder, "The roll was verified and restored in", position, bytes, error);
    return status;
}

static int run_restore(struct till *till, const struct arguments *arguments)
{
    struct error error = {0};
    return conclude(arguments, restore(till, argument_word(arguments, 0), &error), &error);
}

const struct command restore_command = {
    .name = "restore",
    .usage = "FILE",
    .summary = "make the shop anew from a backup, after verifying it",
    .details = "Puts nothing in place unless all of the backup is sound, and never in the place\n"
               "of a roll that is there. The bank's book and the mails are not in a backup: what\n"
               "they have seen stays as it is, and services that ask again are told so. A view\n"
               "that has seen more than this roll holds says so: delete the folder views then.\n\n"
               "With --json: file, position, digest.",
    .words_min = 1,
    .words_max = 1,
    .run = run_restore,
};

/* ---- rebuild ---- */

static enum status tell_rebuilt(const struct till *till, const char *name, const struct rebuild_report *report,
                                struct error *error)
{
    char digest[DIGEST_TEXT_SIZE], seconds[32];
    digest_to_text(report->digest, digest);
    snprintf(seconds, sizeof seconds, "%lld.%06lld", (long long)(report->elapsed_us / 1000000),
             (long long)(report->elapsed_us % 1000000));
    if (till->json) {
        cJSON *object = cJSON_CreateObject();
        json_text(object, "projection", name);
        json_integer(object, "events", (int64_t)report->events);
        cJSON_AddRawToObject(object, "seconds", seconds);
        json_text(object, "digest", digest);
        return json_line(object, error);
    }
    say("%-10s %llu %s in %.5s s, digest %.16s…", name, (unsigned long long)report->events,
        plural((int64_t)report->events, "event", "events"), seconds, digest);
    return STATUS_OK;
}

/* Those that are named, each once; all of them when none is. */
static size_t choose_views(const struct arguments *arguments, const struct projection *chosen[PROJECTIONS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < projection_count; i++) {
        const char *name = argument_word(arguments, 0);
        bool wanted = name == NULL;
        for (int word = 0; !wanted && (name = argument_word(arguments, word)) != NULL; word++)
            wanted = strcmp(name, projections[i]->name) == 0;
        if (wanted)
            chosen[count++] = projections[i];
    }
    return count;
}

static enum status rebuild(struct shop *shop, const struct till *till, void *context, struct error *error)
{
    const struct projection *chosen[PROJECTIONS_MAX];
    struct rebuild_report reports[PROJECTIONS_MAX];
    size_t count = choose_views(context, chosen);
    int failed = 0;
    progress_begin(till, "views");
    enum status status = views_rebuild(&shop->home, chosen, count, show_rebuild_progress, NULL, reports, error);
    enum status told = STATUS_OK;
    progress_end();
    for (size_t i = 0; i < count && told == STATUS_OK; i++) {
        if (reports[i].error.status == STATUS_OK)
            told = tell_rebuilt(till, chosen[i]->name, &reports[i], error);
        else if (failed++ > 0) /* the first is the command's own */
            warn(reports[i].error.text);
    }
    return told != STATUS_OK ? told : status;
}

static int run_rebuild(struct till *till, const struct arguments *arguments)
{
    struct buffer names = {0};
    char safe[TEXT_SAFE_SIZE];
    const char *name;
    int code = EXIT_DONE;
    for (size_t i = 0; i < projection_count; i++)
        buffer_format(&names, "%s%s", i == 0 ? "" : ", ", projections[i]->name);
    for (int i = 0; code == EXIT_DONE && (name = argument_word(arguments, i)) != NULL; i++)
        if (projection_find(name) == NULL)
            code = usage_error(arguments, "there is no view %s: %s are there", text_safe(safe, name),
                               buffer_string(&names));
    buffer_clear(&names);
    return code == EXIT_DONE ? in_shop(till, arguments, "clerk", rebuild, (void *)arguments) : code;
}

const struct command rebuild_command = {
    .name = "rebuild",
    .usage = "[NAME...]",
    .summary = "fold views anew from the first event",
    .details = "All views, or those that are named: orders, stock, sales, journeys, inbox, with\n"
               "one reading of the roll. The old views serve until the new ones are complete;\n"
               "one that cannot be rebuilt stays as it is, and the others are. With --json:\n"
               "projection, events (of those it wants), seconds (of all together), digest (of\n"
               "its rows).",
    .words_max = -1,
    .run = run_rebuild,
};
