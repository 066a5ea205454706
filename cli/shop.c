#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "domain/money.h"

enum { CHECKPOINT_KIB_MAX = 1 << 20 };

/* ---- opening ---- */

static void notice(void *context, const char *sentence)
{
    (void)context;
    warn(sentence);
}

/* The sentence for a folder in which no store was found: there is none, or we may not look. */
static enum status refuse_folder(const char *folder, struct error *error)
{
    char path[PATH_SIZE], safe[TEXT_SAFE_SIZE];
    struct stat found;
    enum status status = path_join(path, folder, error, "events.db");
    if (status != STATUS_OK)
        return status;
    if (stat(path, &found) != 0 && errno != ENOENT && errno != ENOTDIR)
        return error_errno(error, "open", path);
    return error_set(error, STATUS_FOREIGN,
                     "there is no shop in %s: make one with `till init`, or name another with --shop",
                     text_safe(safe, folder));
}

/* For tests that want checkpoints all the while: how much log there is between two of the roll's. */
static enum status read_checkpoint_kib(uint64_t *bytes, struct error *error)
{
    const char *text = getenv("TILL_CHECKPOINT_KIB");
    char safe[TEXT_SAFE_SIZE];
    int64_t kib = 0;
    if (text != NULL && !integer_from_text(text, 1, CHECKPOINT_KIB_MAX, &kib))
        return error_set(error, STATUS_INVALID, "TILL_CHECKPOINT_KIB is %s: make it a number from 1 to %d, or unset it",
                         text_safe(safe, text), CHECKPOINT_KIB_MAX);
    *bytes = (uint64_t)kib << 10;
    return STATUS_OK;
}

/* The store looks after its own files. */
static enum status check_ours(const char *folder, struct error *error)
{
    static const struct {
        const char *name;
        enum status (*check)(const char *path, struct error *error);
    } ours[] = {{"views", file_check_folder},           {"mail", file_check_folder},
                {"gateway.db", file_check_regular},     {"gateway.db-wal", file_check_regular},
                {"gateway.db-shm", file_check_regular}, {"gateway.db-journal", file_check_regular}};
    char path[PATH_SIZE];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof ours / sizeof *ours; i++) {
        status = path_join(path, folder, error, "%s", ours[i].name);
        if (status == STATUS_OK)
            status = ours[i].check(path, error);
    }
    return status;
}

enum status shop_open(struct shop *shop, const struct till *till, const char *actor, struct error *error)
{
    *shop = (struct shop){0};
    struct eventstore_options options = {.clock = &till->clock};
    enum status status = read_checkpoint_kib(&options.checkpoint_every_bytes, error);
    if (status == STATUS_OK)
        status = eventstore_open(&shop->store, till->folder, &options, error);
    if (status == STATUS_NOT_FOUND)
        return refuse_folder(till->folder, error);
    struct currency currency = {0};
    if (status == STATUS_OK)
        status = check_ours(till->folder, error);
    if (status == STATUS_OK)
        currency = currency_from_settings(eventstore_info(shop->store)->settings);
    if (status == STATUS_OK && currency.code[0] == '\0')
        status = error_set(error, STATUS_DAMAGED, "the store does not say in which currency the shop sells");
    if (status != STATUS_OK) {
        shop_close(shop);
        return status;
    }
    shop->desk = (struct shop_desk){
        .store = shop->store, .currency = currency, .clock = &till->clock, .actor = actor, .producer = TILL_PRODUCER};
    shop->home = (struct view_home){.store = shop->store, .folder = till->folder, .notice = notice};
    return STATUS_OK;
}

void shop_close(struct shop *shop)
{
    eventstore_close(&shop->store);
}

enum status shop_create(const struct till *till, struct currency currency, bool *there, struct error *error)
{
    char settings[64];
    struct eventstore_options options = {.clock = &till->clock};
    snprintf(settings, sizeof settings, "{\"currency\":\"%s\"}", currency.code);
    enum status status = file_make_folder(till->folder, error);
    if (status == STATUS_OK)
        status = eventstore_create(till->folder, &options, settings, error);
    *there = status == STATUS_REFUSED;
    return status;
}

/* ---- time travel ---- */

enum status time_travel(struct shop *shop, const struct arguments *arguments, bool *travelling, uint64_t *position,
                        struct error *error)
{
    const char *at = argument_value(arguments, "at"), *as_of = argument_value(arguments, "as-of");
    char safe[TEXT_SAFE_SIZE];
    int64_t number = 0;
    *travelling = at != NULL || as_of != NULL;
    *position = 0;
    if (at != NULL && as_of != NULL)
        return error_set(error, STATUS_INVALID, "--at and --as-of name two moments: give one");
    if (at != NULL) {
        if (!integer_from_text(at, 0, INT64_MAX, &number))
            return error_set(error, STATUS_INVALID, "%s is no position", text_safe(safe, at));
        *position = (uint64_t)number;
    } else if (as_of != NULL) {
        if (!time_from_text(as_of, &number))
            return error_set(error, STATUS_INVALID, "%s is no time: write it like 2026-11-23T18:40:00Z or 2026-11-23",
                             text_safe(safe, as_of));
        return eventstore_position_at(shop->store, number, position, error);
    }
    return STATUS_OK;
}

enum status query_view(struct shop *shop, const struct arguments *arguments, const struct projection *projection,
                       struct view **view, struct error *error)
{
    bool travelling = false;
    uint64_t position = 0;
    enum status status = time_travel(shop, arguments, &travelling, &position, error);
    if (status != STATUS_OK)
        return status;
    if (travelling)
        return view_open_at(view, shop->store, projection, position, error);
    return view_open_fresh(view, &shop->home, projection, VIEW_PATIENCE_MS, error);
}
