/* Whatever allocation or call fails in whatever the store does, it says so, and afterwards the store is whole. */
#include <stdio.h>
#include <string.h>

#include "eventstore/lines.h"
#include "eventstore/seal.h"
#include "tests/eventstore/engine_sqlite.h"
#include "tests/eventstore/given.h"
#include "tests/simulation/memory.h"
#include "tests/support/mishap.h"

static struct given scene;
static char seal_key[PATH_SIZE], seal_file[PATH_SIZE];

static enum status in_turn(char path[PATH_SIZE], const char *name, unsigned turn, struct error *error)
{
    return path_join(path, scene.folder, error, "%s-%u", name, turn);
}

static enum status pass(void *context, const struct recorded_event *event, struct error *error)
{
    (void)context, (void)event, (void)error;
    return STATUS_OK;
}

static enum status pass_parked(void *context, const char *consumer, const struct parked *parked, struct error *error)
{
    (void)context, (void)consumer, (void)parked, (void)error;
    return STATUS_OK;
}

static enum status pass_decision(void *context, const struct decision *decision, struct error *error)
{
    (void)context, (void)decision, (void)error;
    return STATUS_OK;
}

static enum status expect_good(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)context, (void)error;
    cr_assert(ok, "%s: %s", check, detail);
    return STATUS_OK;
}

/* ---- the deeds ---- */

enum { READ_TURN = 1000000 }; /* of what stands there from the beginning */

static enum status commit_in_turn(unsigned turn, struct error *error)
{
    char sku[32];
    struct draft draft;
    uint64_t head = 0;
    struct uuid command = id_numbered(100000 + turn);
    draft_start(&draft);
    snprintf(sku, sizeof sku, "sku-%u", turn);
    const struct snapshot snapshot = {
        .stream = {"stock", sku}, .fold_version = 1, .version = 2, .data = "{}", .data_length = 2};
    struct new_event *events = draft_append(&draft, (struct stream){"stock", sku}, EXPECTED_NONE, 10 + 2 * turn, 2);
    events[0].correlation = events[1].correlation = id_numbered(200000 + turn);
    events[1].causation = 1;
    draft.commit.command_id = &command;
    draft.commit.snapshots = &snapshot;
    draft.commit.snapshot_count = 1;
    draft_guard(&draft, MILK, 1);
    return eventstore_commit(scene.store, &draft.commit, &head, error);
}

static enum status commits(void *context, unsigned turn, struct error *error)
{
    (void)context;
    enum status status = commit_in_turn(turn, error);
    return status == STATUS_OK ? commit_in_turn(turn, error) : status; /* who repeats it is told the same */
}

/* By a consumer of its own each time. */
static enum status parks_and_decides(void *context, unsigned turn, struct error *error)
{
    char consumer[32];
    struct draft draft;
    (void)context;
    snprintf(consumer, sizeof consumer, "consumer-%u", turn);
    const struct parked parked = {.sequence = id_numbered(7),
                                  .position = 1,
                                  .state = PARKED_DEAD,
                                  .attempts = 1,
                                  .parked_at_us = MONDAY_EVENING_US,
                                  .reason = "no answer"};
    struct decision decision = {.kind = DECISION_DISCARD,
                                .consumer = consumer,
                                .parked = parked,
                                .who = "ann",
                                .reason = "by hand",
                                .owed = "a refund"};
    draft_start(&draft);
    draft_checkpoint(&draft, consumer, 0, 1);
    draft_park(&draft, &parked, -1);
    enum status status = eventstore_commit(scene.store, &draft.commit, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_commit(scene.store, &draft.commit, NULL, error); /* who repeats it is told the same */
    if (status == STATUS_OK)
        status = eventstore_pause(scene.store, consumer, MONDAY_EVENING_US, "it rests", error);
    if (status == STATUS_OK)
        status = eventstore_decide(scene.store, &decision, 1, error);
    decision.kind = DECISION_SETTLE;
    decision.owed = "";
    return status == STATUS_OK ? eventstore_decide(scene.store, &decision, 1, error) : status;
}

static enum status reads(void *context, unsigned turn, struct error *error)
{
    const char *type = "Happened";
    struct uuid id;
    struct pause pause;
    uint64_t position;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    const struct roll_query roll = {.types = &type, .type_count = 1};
    const struct stream_query stream = {.stream = ORDER_7};
    const struct parked_query parked = {.limit = 2};
    const struct decision_query decisions = {.owed_only = false};
    struct eventstore *store = context != NULL ? context : scene.store;
    (void)turn;
    enum status status = eventstore_read_roll(store, &roll, pass, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_read_stream(store, &stream, NULL, pass, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_read_entity(store, ORDER_7.entity, 0, pass, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_read_parked(store, &parked, pass_parked, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_read_decisions(store, &decisions, pass_decision, NULL, error);
    if (status == STATUS_OK)
        status = eventstore_paused(store, "consumer-1000000", &pause, error);
    if (status == STATUS_OK)
        status = eventstore_event_id(store, 2, &id, error);
    if (status == STATUS_OK)
        status = eventstore_position_at(store, MONDAY_EVENING_US, &position, error);
    if (status == STATUS_OK)
        status = eventstore_checkpoint(store, "consumer-1000000", &position, error);
    if (status == STATUS_OK)
        status = eventstore_head_digest(store, &position, digest, error);
    return status == STATUS_OK ? eventstore_digest_at(store, 2, digest, error) : status;
}

/* Some of it, and what lies behind that is passed. */
static enum status reads_the_oldest(void *context, unsigned turn, struct error *error)
{
    const struct stream_query oldest = {.stream = ORDER_7, .limit = 1};
    (void)context, (void)turn;
    return eventstore_read_stream(scene.store, &oldest, NULL, pass, NULL, error);
}

static enum status read_within(void *context, const struct recorded_event *event, struct error *error)
{
    const struct stream_query newest = {.stream = MILK, .direction = BACKWARDS, .limit = 1};
    (void)event;
    return eventstore_read_stream(scene.store, &newest, NULL, pass, context, error);
}

/* One that does not fit into memory, so that a part of it is read twice; and once more by whoever is shown it. */
static enum status reads_a_long_stream(void *context, unsigned turn, struct error *error)
{
    const struct stream_query all = {.stream = MILK};
    (void)context, (void)turn;
    return eventstore_read_stream(scene.store, &all, NULL, read_within, NULL, error);
}

static enum status copy(void *context, const struct recorded_event *event, struct error *error)
{
    struct arena arena = {0};
    (void)context;
    const enum status status = recorded_event_copy(&arena, event) == NULL ? error_memory(error) : STATUS_OK;
    arena_clear(&arena);
    return status;
}

static enum status copies_events(void *context, unsigned turn, struct error *error)
{
    const struct roll_query roll = {.with_digests = true};
    (void)context, (void)turn;
    return eventstore_read_roll(scene.store, &roll, copy, NULL, error);
}

static enum status opens(void *context, unsigned turn, struct error *error)
{
    struct eventstore *store = NULL;
    (void)context, (void)turn;
    enum status status = eventstore_open(&store, scene.folder, &scene.options, error);
    eventstore_close(&store);
    return status;
}

static enum status opens_a_file(void *context, unsigned turn, struct error *error)
{
    struct eventstore *store = NULL;
    char file[PATH_SIZE];
    (void)context, (void)turn;
    enum status status = path_join(file, scene.folder, error, "events.db");
    if (status == STATUS_OK)
        status = eventstore_open_file(&store, file, error);
    eventstore_close(&store);
    return status;
}

/* By a handle that knows nothing yet. */
static enum status opens_and_reads(void *context, unsigned turn, struct error *error)
{
    struct eventstore *store = NULL;
    (void)context;
    enum status status = eventstore_open(&store, scene.folder, &scene.options, error);
    if (status == STATUS_OK)
        status = reads(store, turn, error);
    if (status == STATUS_OK)
        status = eventstore_consumer_claim(store, "payment", error);
    eventstore_close(&store);
    return status;
}

static enum status makes_a_store(void *context, unsigned turn, struct error *error)
{
    char folder[PATH_SIZE];
    (void)context;
    enum status status = in_turn(folder, "new", turn, error);
    if (status == STATUS_OK)
        status = file_make_folder(folder, error);
    return status == STATUS_OK ? eventstore_create(folder, &scene.options, "{}", error) : status;
}

/* A roll as lines, and a new store of them. */
struct moving {
    struct eventstore *store;
    const struct eventstore_info *origin;
    struct buffer line;
    struct arena arena;
};

static enum status load_event(struct moving *moving, const struct recorded_event *event, struct error *error)
{
    size_t number = 0;
    const struct load load = {.origin = moving->origin, .events = event, .count = 1};
    return eventstore_load(moving->store, &load, &number, error);
}

static enum status move_event(void *context, const struct recorded_event *event, struct error *error)
{
    struct moving *moving = context;
    struct recorded_event again;
    enum status status = line_from_event(event, &moving->line, error);
    if (status == STATUS_OK)
        status = line_to_event(moving->line.data, moving->line.length, &moving->arena, &again, error);
    if (status == STATUS_OK)
        status = load_event(moving, &again, error);
    return status == STATUS_OK ? load_event(moving, &again, error) : status; /* it stands already */
}

static enum status moves(void *context, unsigned turn, struct error *error)
{
    char folder[PATH_SIZE];
    struct line_title title = {.store = *eventstore_info(scene.store), .position = 3};
    struct moving moving = {.origin = &title.store};
    const struct roll_query all = {.to = 3, .with_digests = true};
    title.store.format = LINES_FORMAT;
    enum status status = makes_a_store(context, turn, error);
    if (status == STATUS_OK)
        status = in_turn(folder, "new", turn, error);
    if (status == STATUS_OK)
        status = eventstore_open(&moving.store, folder, &scene.options, error);
    if (status == STATUS_OK)
        status = line_from_title(&title, &moving.line, error);
    if (status == STATUS_OK)
        status = line_to_title(moving.line.data, moving.line.length, &moving.arena, &title, error);
    if (status == STATUS_OK)
        status = eventstore_read_roll(scene.store, &all, move_event, &moving, error);
    eventstore_close(&moving.store);
    buffer_clear(&moving.line);
    arena_clear(&moving.arena);
    return status;
}

static enum status spell(void *context, const struct recorded_event *event, struct error *error)
{
    struct recorded_event again;
    struct arena arena = {0};
    struct buffer line = {0};
    (void)context;
    enum status status = line_from_event(event, &line, error);
    if (status == STATUS_OK)
        status = line_to_event(line.data, line.length, &arena, &again, error);
    buffer_clear(&line);
    arena_clear(&arena);
    return status;
}

static enum status spells_lines(void *context, unsigned turn, struct error *error)
{
    const struct roll_query roll = {.with_digests = true};
    (void)context, (void)turn;
    return eventstore_read_roll(scene.store, &roll, spell, NULL, error);
}

/* An event that cannot be the first: who it comes from was settled before that was seen, and is forgotten again. */
static enum status loads_in_vain(void *context, unsigned turn, struct error *error)
{
    const struct eventstore_info origin = {.id = {{9}}, .settings = "{}"};
    const struct recorded_event event = {.position = 2};
    const struct load load = {.origin = &origin, .events = &event, .count = 1};
    size_t number = 0;
    (void)turn;
    const enum status status = eventstore_load(context, &load, &number, error);
    return status == STATUS_INVALID ? STATUS_OK : status;
}

static enum status backs_up(void *context, unsigned turn, struct error *error)
{
    char file[PATH_SIZE];
    uint64_t position = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    (void)context;
    const enum status status = in_turn(file, "backup", turn, error);
    return status == STATUS_OK ? eventstore_backup(scene.store, file, &position, digest, error) : status;
}

static enum status verifies(void *context, unsigned turn, struct error *error)
{
    (void)context, (void)turn;
    return eventstore_verify(scene.store, expect_good, NULL, NULL, error);
}

static enum status copies_there_and_back(void *context, unsigned turn, struct error *error)
{
    char file[PATH_SIZE], folder[PATH_SIZE];
    uint64_t position = 0;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
    (void)context;
    enum status status = in_turn(file, "backup", turn, error);
    if (status == STATUS_OK)
        status = in_turn(folder, "restored", turn, error);
    if (status == STATUS_OK)
        status = file_make_folder(folder, error);
    if (status == STATUS_OK)
        status = eventstore_backup(scene.store, file, &position, digest, error);
    if (status == STATUS_OK)
        status = eventstore_restore(file, folder, &position, digest, NULL, error);
    return status;
}

static enum status seals(void *context, unsigned turn, struct error *error)
{
    char key[PATH_SIZE], file[PATH_SIZE], public_key[SEAL_KEY_TEXT_SIZE];
    struct seal seal;
    (void)context;
    enum status status = in_turn(key, "key", turn, error);
    if (status == STATUS_OK)
        status = in_turn(file, "seal", turn, error);
    if (status == STATUS_OK)
        status = seal_make_key(key, public_key, error);
    return status == STATUS_OK ? seal_write(scene.store, &scene.clock, key, file, &seal, error) : status;
}

static enum status checks_a_seal(void *context, unsigned turn, struct error *error)
{
    char detail[ERROR_TEXT_MAX];
    bool holds = false;
    (void)context, (void)turn;
    return seal_check(scene.store, seal_key, seal_file, &holds, detail, error);
}

/* ---- the scene ---- */

static void begin(void)
{
    struct given *given = &scene;
    struct draft draft;
    char public_key[SEAL_KEY_TEXT_SIZE];
    struct seal seal;
    mishap_install();
    given_open(given, &engine_sqlite);
    must(append(given, MILK, EXPECTED_NONE, 1, 1));
    must(append(given, ORDER_7, EXPECTED_NONE, 2, 3));
    must(parks_and_decides(NULL, READ_TURN, &given->error));
    draft_start(&draft);
    draft_checkpoint(&draft, "payment", 0, 2);
    char reason[ERROR_TEXT_MAX]; /* too long for one page of the database */
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    draft_park(&draft, &(struct parked){.position = 2, .sequence = id_numbered(8), .reason = reason}, -1);
    must(commit(given, &draft));
    must(path_join(seal_key, scene.folder, &scene.error, "key"));
    must(path_join(seal_file, scene.folder, &scene.error, "seal"));
    must(seal_make_key(seal_key, public_key, &scene.error));
    must(seal_write(scene.store, &scene.clock, seal_key, seal_file, &seal, &scene.error));
}

static void end(void)
{
    given_close(&scene);
}

TestSuite(mishaps, .init = begin, .fini = end, .timeout = 7000);

SURVIVES(a_commit_and_its_repetition_survive, commits, 1)
SURVIVES(reading_survives, reads, 1)
SURVIVES(reading_the_oldest_survives, reads_the_oldest, 1)
SURVIVES(copying_events_survives, copies_events, 1)
SURVIVES(spelling_lines_survives, spells_lines, 1)
SURVIVES(opening_survives, opens, 1)
SURVIVES(opening_a_file_survives, opens_a_file, 1)
SURVIVES(a_new_handle_survives, opens_and_reads, 11)
SURVIVES(verifying_survives, verifies, 41)
SURVIVES(creation_survives, makes_a_store, 29)
SURVIVES(backup_and_restore_survive, copies_there_and_back, 211)
SURVIVES(sealing_survives, seals, 1)
SURVIVES(moving_survives, moves, 23)
SURVIVES(checking_a_seal_survives, checks_a_seal, 1)
SURVIVES(a_backup_survives, backs_up, 61)

/* Who settles looks at all decisions, of which each turn leaves one more. */
Test(mishaps, parking_and_deciding_survive)
{
    survives_no_memory(parks_and_decides, NULL, 1);
    survives_system_errors(parks_and_decides, NULL);
    survives_some_interruptions(parks_and_decides, NULL, 7);
}

Test(mishaps, reading_a_long_stream_survives)
{
    enum { EVENTS = 34, LARGE = 3, BYTES = 500000 };
    static char data[BYTES];
    struct given *given = &scene;
    struct draft draft;
    memset(data, 'x', sizeof data);
    draft_start(&draft);
    struct new_event *events = draft_append(&draft, MILK, 1, 10, EVENTS);
    for (int i = EVENTS - LARGE; i < EVENTS; i++) {
        events[i].data = data;
        events[i].data_length = sizeof data;
    }
    must(commit(given, &draft));
    survives_no_memory(reads_a_long_stream, NULL, 7);
    survives_interruptions(reads_a_long_stream, NULL, 61);
}

Test(mishaps, a_load_that_is_refused_survives)
{
    struct given *given = &scene;
    struct eventstore *store;
    must(makes_a_store(NULL, 0, &scene.error));
    must(eventstore_open(&store, path_in(scene.folder, "new-0"), &scene.options, &scene.error));
    survives_no_memory(loads_in_vain, store, 1);
    survives_interruptions(loads_in_vain, store, 1);
    eventstore_close(&store);
}

/* ---- the file that verify looks at first, by a handle that has seen none of its pages ---- */

static enum status memory_is_back(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    bool *is_struck = context;
    (void)error;
    cr_expect(ok, "%s: %s", check, detail);
    *is_struck |= memory_heal();
    return STATUS_OK;
}

static enum status verify_without_memory(uint32_t nth, check_visitor visit, void *context, bool *is_struck)
{
    struct given *given = &scene;
    struct eventstore *store = NULL;
    must(eventstore_open_file(&store, path_in(scene.folder, "events.db"), &scene.error));
    memory_fail(nth);
    const enum status status = eventstore_verify(store, visit, context, NULL, &scene.error);
    *is_struck |= memory_heal();
    eventstore_close(&store);
    cr_assert(status == STATUS_OK || (*is_struck && status == STATUS_MEMORY), "%u: %s", nth, scene.error.text);
    return status;
}

Test(mishaps, a_sound_file_is_not_found_damaged_for_lack_of_memory)
{
    bool is_struck = true;
    for (uint32_t nth = 1; is_struck; nth++) {
        is_struck = false;
        (void)verify_without_memory(nth, memory_is_back, &is_struck, &is_struck);
    }
}

struct search {
    bool is_found, is_struck;
};

static enum status note_fault(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)check, (void)detail, (void)error;
    struct search *search = context;
    search->is_found |= !ok;
    search->is_struck |= memory_heal();
    return STATUS_OK;
}

Test(mishaps, a_damaged_file_is_not_found_sound_for_lack_of_memory)
{
    struct search search = {.is_struck = true};
    sqlite3 *rogue = raw_open(scene.folder);
    raw_run(rogue, "CREATE TABLE lost (a); PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'lost'");
    raw_close(rogue);
    scene.is_damaged = true;
    for (uint32_t nth = 1; search.is_struck; nth++) {
        search = (struct search){0};
        const enum status status = verify_without_memory(nth, note_fault, &search, &search.is_struck);
        cr_assert(status == STATUS_MEMORY || search.is_found, "%u", nth);
    }
}
