/* Every byte of the file in which an event is written, its names included, flipped one after the other: either verify
 * finds it, or every event reads as it was written. */
#include <stdio.h>
#include <string.h>

#include "eventstore/digest.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"

enum { PAGE = 4096, EVENTS = 4 };

/* What the store and its events say, whatever stands in their own digest. */
struct saying {
    char store[512];
    uint8_t digests[EVENTS][EVENTSTORE_DIGEST_BYTES];
    size_t count;
};

static enum status note_saying(void *context, const struct recorded_event *event, struct error *error)
{
    static const uint8_t nothing[EVENTSTORE_DIGEST_BYTES];
    struct saying *saying = context;
    if (saying->count == EVENTS)
        return error_set(error, STATUS_DAMAGED, "an event more than were written");
    digest_link(nothing, event, saying->digests[saying->count++]);
    return STATUS_OK;
}

/* False when the file cannot be read. */
static bool read_saying(const char *file, struct saying *saying)
{
    struct eventstore *store;
    const struct roll_query all = {0};
    memset(saying, 0, sizeof *saying);
    if (eventstore_open_file(&store, file, NULL) != STATUS_OK)
        return false;
    const struct eventstore_info *info = eventstore_info(store);
    uuid_to_text(info->id, saying->store);
    snprintf(saying->store + UUID_TEXT_SIZE, sizeof saying->store - UUID_TEXT_SIZE, "%lld %s",
             (long long)info->created_at_us, info->settings);
    enum status status = eventstore_read_roll(store, &all, note_saying, saying, NULL);
    eventstore_close(&store);
    return status == STATUS_OK;
}

static size_t faults_in(struct given *given, const char *file)
{
    struct eventstore *store;
    if (eventstore_open_file(&store, file, &given->error) != STATUS_OK)
        return 1;
    size_t faults = verify(given, store)->faults;
    eventstore_close(&store);
    return faults;
}

static void put_byte(FILE *file, long at, int byte)
{
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    cr_assert_eq(fputc(byte, file), byte);
    cr_assert_eq(fflush(file), 0);
}

static int get_byte(FILE *file, long at)
{
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    return fgetc(file);
}

/* Returns how many of the page's bytes were found when they were flipped. The page is a table's only one. */
static int flip_page(struct given *given, const char *path, FILE *file, long page, const struct saying *truth)
{
    const long start = (page - 1) * PAGE;
    const long content = start + get_byte(file, start + 5) * 256 + get_byte(file, start + 6);
    int found = 0;
    cr_assert_eq(get_byte(file, start), 13, "page %ld is a table's only one", page);
    for (long at = content; at < start + PAGE; at++) {
        struct saying now;
        const int byte = get_byte(file, at), flipped = byte ^ (1 << (at % 8));
        put_byte(file, at, flipped);
        const size_t faults = faults_in(given, path);
        const bool is_same = faults == 0 && read_saying(path, &now) && memcmp(&now, truth, sizeof now) == 0;
        cr_assert(faults > 0 || is_same, "byte %ld of page %ld tells something else, and verify finds nothing",
                  at - start, page);
        found += faults > 0;
        put_byte(file, at, byte);
    }
    return found;
}

SQLITE_TEST(verify_finds_every_flipped_byte_of_the_file_that_makes_an_event_another)
{
    static const char *const tables[] = {"store", "event", "entity", "category", "type", "origin"};
    struct draft draft;
    struct saying truth;
    char copy[PATH_SIZE], sql[100];
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    const struct uuid command = id_numbered(77);
    must(append(given, MILK, EXPECTED_NONE, 1, 2));
    draft_start(&draft);
    struct new_event *events = draft_append(&draft, ORDER_7, EXPECTED_NONE, 3, 2);
    events[0].correlation = events[1].correlation = id_numbered(7);
    events[1].causation = 1;
    draft.commit.command_id = &command;
    must(commit(given, &draft));
    snprintf(copy, sizeof copy, "%s", path_in(given->folder, "copy.db"));
    must(eventstore_backup(given->store, copy, &position, digest, &given->error));
    cr_assert(read_saying(copy, &truth));
    cr_assert_eq(truth.count, EVENTS);
    FILE *file = fopen(copy, "r+");
    cr_assert_not_null(file);
    setbuf(file, NULL);
    sqlite3 *reader = raw_open(given->folder);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", tables[i]);
        cr_assert_gt(flip_page(given, copy, file, (long)raw_integer(reader, sql), &truth), 10, "%s", tables[i]);
    }
    raw_close(reader);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(faults_in(given, copy), 0, "all is as it was: %s", given->report.text);
}
