#include "tests/simulation/seams.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "services/gateway.h"
#include "tests/simulation/memory.h"

/* The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) */

typedef enum status gateway_call_function(struct gateway *gateway, const struct gateway_call *call,
                                          struct gateway_answer *answer, struct error *error);
gateway_call_function __real_gateway_ask, __wrap_gateway_ask;
gateway_call_function __real_gateway_lookup, __wrap_gateway_lookup;
gateway_call_function __real_gateway_void, __wrap_gateway_void;
enum status __real_gateway_begin(struct gateway *gateway, struct error *error);
enum status __wrap_gateway_begin(struct gateway *gateway, struct error *error);
enum status __real_eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                                     struct error *error);
enum status __wrap_eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                                     struct error *error);
struct uuid __wrap_uuid_random(void);
int64_t __wrap_clock_monotonic_us(void);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
enum status __wrap_file_sync(const char *path, struct error *error);
int __wrap_fsync(int descriptor);
int __wrap_syncfs(int descriptor);
int __real_renameat(int old_folder, const char *old_name, int new_folder, const char *new_name);
int __wrap_renameat(int old_folder, const char *old_name, int new_folder, const char *new_name);

enum {
    LATE_CALLS_MAX = 64,
    MOVED_MAILS_MAX = 256,
    SLOW_ANSWER_US = 40000000,
    HANGING_US = 2000000, /* as long as the gateway waits for the bank */
    SLOW_ONE_IN = 8,
    SLOW_US = 200000, /* more than a step of the projector may take */
};

/* A call that nobody waits for any more. */
struct late_call {
    struct gateway_call call;
    char key[128], card_token[32];
};

/* A mail that was moved into a folder which was not synced since. */
struct moved_mail {
    ino_t folder;
    char path[PATH_SIZE];
};

static struct {
    const char *folder;
    struct fake_clock *time;
    struct clock clock;
    const struct witness *witness;
    struct dice dice;
    int64_t monotonic_us;
    enum bank mood;
    int64_t down_until_us;
    struct late_call late[LATE_CALLS_MAX];
    int late_count;
    struct moved_mail moved[MOVED_MAILS_MAX];
    int moved_count;
} seams;

void seams_open(const char *folder, struct fake_clock *time, uint64_t seed, const struct witness *witness)
{
    seams.folder = folder;
    seams.time = time;
    seams.clock = fake_clock(time);
    seams.witness = witness;
    seams.dice = dice_seeded(~seed);
    seams.monotonic_us = 0;
    seams.mood = BANK_WELL;
    seams.down_until_us = INT64_MIN;
    seams.late_count = seams.moved_count = 0;
}

/* ---- the bank ---- */

void seams_mood(enum bank bank)
{
    seams.mood = bank;
}

void seams_bank_down_until(int64_t time_us)
{
    seams.down_until_us = time_us;
}

static bool is_down(void)
{
    return seams.time->now_us < seams.down_until_us;
}

static enum status say_nothing(struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the bank did not answer: ask again with the same key");
}

static void remember_call(const struct gateway_call *call)
{
    if (seams.late_count == LATE_CALLS_MAX)
        return;
    struct late_call *late = &seams.late[seams.late_count++];
    late->call = *call;
    snprintf(late->key, sizeof late->key, "%s", call->key);
    snprintf(late->card_token, sizeof late->card_token, "%s", call->card_token != NULL ? call->card_token : "");
    late->call.key = late->key;
    late->call.card_token = call->card_token != NULL ? late->card_token : NULL;
}

enum status __wrap_gateway_begin(struct gateway *gateway, struct error *error)
{
    if (seams.mood != BANK_HANGS)
        return __real_gateway_begin(gateway, error);
    seams.time->now_us += HANGING_US;
    return error_set(error, STATUS_BUSY, "the bank hangs");
}

enum status __wrap_gateway_ask(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                               struct error *error)
{
    enum status status;
    *answer = (struct gateway_answer){0};
    if (is_down())
        return say_nothing(error);
    switch (seams.mood) {
    case BANK_SILENT: return say_nothing(error);
    case BANK_LATE_CALL: remember_call(call); return say_nothing(error);
    case BANK_LOSES_ANSWER:
        status = __real_gateway_ask(gateway, call, answer, error);
        *answer = (struct gateway_answer){0};
        return status == STATUS_OK ? say_nothing(error) : status;
    case BANK_REFUSES:
        if (call->kind != GATEWAY_REFUND)
            break;
        snprintf(answer->reason, sizeof answer->reason, "not_today");
        return STATUS_OK;
    case BANK_SLOW: seams.time->now_us += SLOW_ANSWER_US; break;
    default: break;
    }
    return __real_gateway_ask(gateway, call, answer, error);
}

/* A question about a call that was made: it may go unheard, and its answer be lost. */
static enum status
inquire(enum status (*ask)(struct gateway *, const struct gateway_call *, struct gateway_answer *, struct error *),
        struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer, struct error *error)
{
    *answer = (struct gateway_answer){0};
    if (is_down() || seams.mood == BANK_SILENT)
        return say_nothing(error);
    enum status status = ask(gateway, call, answer, error);
    return status == STATUS_OK && seams.mood == BANK_LOSES_ANSWER ? say_nothing(error) : status;
}

enum status __wrap_gateway_lookup(struct gateway *gateway, const struct gateway_call *call,
                                  struct gateway_answer *answer, struct error *error)
{
    return inquire(__real_gateway_lookup, gateway, call, answer, error);
}

enum status __wrap_gateway_void(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                                struct error *error)
{
    return inquire(__real_gateway_void, gateway, call, answer, error);
}

void seams_late_calls(void)
{
    struct gateway *bank = NULL;
    struct error error = {0};
    if (seams.late_count == 0)
        return;
    CHECK(gateway_open(&bank, seams.folder, &seams.clock, &error) == STATUS_OK);
    CHECK(__real_gateway_begin(bank, &error) == STATUS_OK);
    for (int i = 0; i < seams.late_count; i++) {
        struct gateway_answer answer;
        (void)!__real_gateway_ask(bank, &seams.late[i].call, &answer, &error);
    }
    CHECK(gateway_finish(bank, &error) == STATUS_OK);
    gateway_close(&bank);
    seams.late_count = 0;
}

/* ---- the roll ---- */

enum status __wrap_eventstore_commit(struct eventstore *store, const struct commit *commit, uint64_t *head,
                                     struct error *error)
{
    enum status status = __real_eventstore_commit(store, commit, head, error);
    memory_spare();
    seams.witness->committed(seams.witness->context, commit, status);
    memory_spare_no_more();
    return status;
}

/* ---- chance and time ---- */

struct uuid __wrap_uuid_random(void)
{
    struct uuid id;
    for (int i = 0; i < UUID_BYTES; i += 8) {
        uint64_t number = dice_throw(&seams.dice);
        memcpy(id.bytes + i, &number, sizeof number);
    }
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

/* Now and then the machine is slow. */
int64_t __wrap_clock_monotonic_us(void)
{
    seams.monotonic_us += dice_of(&seams.dice, SLOW_ONE_IN) == 0 ? SLOW_US : 1;
    return seams.monotonic_us;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    seams.monotonic_us += wanted->tv_sec * 1000000 + wanted->tv_nsec / 1000;
    return 0;
}

/* ---- files that are not SQLite's ---- */

enum status __wrap_file_sync(const char *path, struct error *error)
{
    (void)error;
    if (disk_is_dead())
        return error_set(error, STATUS_IO, "the process died");
    disk_was_synced(path);
    return STATUS_OK;
}

int __wrap_syncfs(int descriptor)
{
    (void)descriptor;
    return 0;
}

/* Of a folder: what was moved into it stays. */
int __wrap_fsync(int descriptor)
{
    struct stat folder;
    int kept = 0;
    CHECK(fstat(descriptor, &folder) == 0);
    for (int i = 0; i < seams.moved_count; i++)
        if (seams.moved[i].folder != folder.st_ino)
            seams.moved[kept++] = seams.moved[i];
    seams.moved_count = kept;
    return 0;
}

int __wrap_renameat(int old_folder, const char *old_name, int new_folder, const char *new_name)
{
    struct stat folder;
    int result = __real_renameat(old_folder, old_name, new_folder, new_name);
    if (result != 0)
        return result;
    CHECK(seams.moved_count < MOVED_MAILS_MAX && fstat(new_folder, &folder) == 0);
    struct moved_mail *moved = &seams.moved[seams.moved_count++];
    moved->folder = folder.st_ino;
    CHECK(path_format(moved->path, NULL, "%s/mail/new/%s", seams.folder, new_name) == STATUS_OK);
    return 0;
}

void seams_lose_power(struct dice *dice)
{
    for (int i = 0; i < seams.moved_count; i++)
        if (dice_percent(dice, 50))
            (void)unlink(seams.moved[i].path);
    seams.moved_count = 0;
}

enum status seams_read_file(const char *path, struct buffer *whole, struct error *error)
{
    char bytes[4096];
    size_t length;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_errno(error, "read", path);
    while ((length = fread(bytes, 1, sizeof bytes, file)) > 0)
        buffer_append(whole, bytes, length);
    fclose(file);
    return buffer_ok(whole, error);
}

enum status seams_write_file(const char *path, const struct buffer *whole, struct error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = file >= 0 && write(file, whole->data, whole->length) == (ssize_t)whole->length;
    if (file >= 0)
        close(file);
    return written ? STATUS_OK : error_errno(error, "write", path);
}

void seams_remove_files(const char *folder, const char *prefix)
{
    DIR *open = opendir(folder);
    if (open == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            (void)unlinkat(dirfd(open), entry->d_name, 0);
    closedir(open);
    if (prefix[0] == '\0')
        (void)rmdir(folder);
}
/* NOLINTEND(bugprone-reserved-identifier) */
