#include "tests/eventstore/given.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct engine *const engines[] = {&engine_sqlite};

/* ---- the scene ---- */

void given_open(struct given *given, const struct engine *engine)
{
    *given = (struct given){.engine = engine, .time.now_us = MONDAY_EVENING_US};
    given->clock = fake_clock(&given->time);
    /* Few tests are about power loss; the others need not wait for the disk. */
    given->options = (struct eventstore_options){.clock = &given->clock, .durability = DURABILITY_NONE};
    temporary_make(given->folder);
    must(engine->create(given->folder, &given->options, "{\"currency\":\"EUR\"}", &given->error));
    must(engine->open(&given->store, given->folder, &given->options, &given->error));
}

void given_close(struct given *given)
{
    if (!given->is_damaged)
        cr_expect_eq(verify(given, given->store)->faults, 0, "%s", given->report.text);
    given->engine->close(&given->store);
    free(given->reading.events);
    temporary_remove(given->folder);
}

void on_every_engine(contract_test test)
{
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        struct given given;
        given_open(&given, engines[i]);
        test(&given);
        given_close(&given);
    }
}

void check_status(enum status want, enum status got, const char *text, const char *call, const char *file, int line)
{
    if (got == want)
        return;
    char message[1000];
    snprintf(message, sizeof message, "%s:%d: %s gave %s, not %s (%s)", file, line, call, status_name(got),
             status_name(want), got == STATUS_OK ? "" : text);
    cr_assert(false, "%s", message);
}

struct eventstore *another_handle(struct given *given)
{
    struct eventstore *store;
    must(given->engine->open(&store, given->folder, &given->options, &given->error));
    return store;
}

void reopen(struct given *given)
{
    given->engine->close(&given->store);
    given->store = another_handle(given);
}

const char *path_in(const char *folder, const char *name)
{
    static char paths[2][PATH_SIZE];
    static int turn;
    char *path = paths[turn++ % 2];
    cr_assert_eq(path_join(path, folder, NULL, "%s", name), STATUS_OK);
    return path;
}

int files_beginning(const char *folder, const char *beginning)
{
    int count = 0;
    DIR *entries = opendir(folder);
    cr_assert_not_null(entries);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        count += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(entries);
    return count;
}

/* ---- writing ---- */

struct uuid id_numbered(unsigned number)
{
    struct uuid id = {{[6] = 0x50, [8] = 0x80}};
    for (int i = 0; i < 4; i++)
        id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    return id;
}

void draft_start(struct draft *draft)
{
    draft->commit = (struct commit){.actor = "tester", .producer = "tests 1"};
    draft->commit.appends = draft->appends;
    draft->commit.guards = draft->guards;
    draft->commit.parked = draft->parked;
    draft->event_count = 0;
}

struct new_event *draft_append(struct draft *draft, struct stream stream, uint64_t expected, unsigned first,
                               size_t count)
{
    struct new_event *events = &draft->events[draft->event_count];
    cr_assert_lt(draft->commit.append_count, DRAFT_APPENDS_MAX);
    cr_assert_leq(draft->event_count + count, DRAFT_EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        unsigned number = first + (unsigned)i;
        char *data = draft->data[draft->event_count++];
        snprintf(data, NUMBERED_DATA_SIZE, "{\"n\":%u}", number);
        events[i] = (struct new_event){.id = id_numbered(number), .type = "Happened", .schema_version = 1};
        events[i].correlation = events[i].id;
        events[i].data = data;
        events[i].data_length = strlen(data);
    }
    draft->appends[draft->commit.append_count++] =
        (struct append){.stream = stream, .expected_version = expected, .events = events, .count = count};
    return events;
}

void draft_guard(struct draft *draft, struct stream stream, uint64_t expected)
{
    cr_assert_lt(draft->commit.guard_count, DRAFT_APPENDS_MAX);
    draft->guards[draft->commit.guard_count++] = (struct guard){.stream = stream, .expected_version = expected};
}

void draft_checkpoint(struct draft *draft, const char *consumer, uint64_t from, uint64_t to)
{
    draft->commit.consumer = consumer;
    draft->commit.checkpoint_from = from;
    draft->commit.checkpoint_to = to;
}

void draft_park(struct draft *draft, const struct parked *parked, int expected_attempts)
{
    cr_assert_lt(draft->commit.parked_count, DRAFT_PARKED_MAX);
    draft->parked[draft->commit.parked_count++] =
        (struct parked_change){.expected_attempts = expected_attempts, .parked = *parked};
}

void draft_unpark(struct draft *draft, const struct parked *parked, int expected_attempts)
{
    draft_park(draft, parked, expected_attempts);
    draft->parked[draft->commit.parked_count - 1].remove = true;
}

enum status commit_with(struct given *given, struct eventstore *store, const struct draft *draft)
{
    return eventstore_commit(store, &draft->commit, &given->head, &given->error);
}

enum status commit(struct given *given, const struct draft *draft)
{
    return commit_with(given, given->store, draft);
}

enum status append(struct given *given, struct stream stream, uint64_t expected, unsigned first, size_t count)
{
    struct draft draft;
    draft_start(&draft);
    (void)draft_append(&draft, stream, expected, first, count);
    return commit(given, &draft);
}

enum status move_checkpoint(struct given *given, const char *consumer, uint64_t from, uint64_t to)
{
    struct draft draft;
    draft_start(&draft);
    draft_checkpoint(&draft, consumer, from, to);
    return commit(given, &draft);
}

/* ---- reading ---- */

enum status note(void *context, const struct recorded_event *event, struct error *error)
{
    (void)error;
    struct reading *reading = context;
    if (reading->count == reading->capacity) {
        reading->capacity = reading->capacity == 0 ? 64 : reading->capacity * 2;
        reading->events = realloc(reading->events, reading->capacity * sizeof *reading->events);
        CHECK(reading->events != NULL);
    }
    struct seen *seen = &reading->events[reading->count++];
    *seen = (struct seen){.position = event->position, .version = event->version};
    (void)sscanf(event->data, "{\"n\":%u}", &seen->number);
    snprintf(seen->category, sizeof seen->category, "%s", event->stream.category);
    snprintf(seen->entity, sizeof seen->entity, "%s", event->stream.entity);
    snprintf(seen->type, sizeof seen->type, "%s", event->type);
    return reading->count == reading->stop_at ? STATUS_STOPPED : STATUS_OK;
}

const struct reading *read_roll(struct given *given, struct roll_query query)
{
    given->reading.count = 0;
    must(eventstore_read_roll(given->store, &query, note, &given->reading, &given->error));
    return &given->reading;
}

const struct reading *read_stream(struct given *given, struct stream_query query)
{
    given->reading.count = 0;
    must(eventstore_read_stream(given->store, &query, NULL, note, &given->reading, &given->error));
    return &given->reading;
}

uint64_t version_of(struct given *given, struct stream stream)
{
    uint64_t version = 0;
    must(eventstore_stream_version(given->store, stream, &version, &given->error));
    return version;
}

uint64_t head_of(struct given *given)
{
    uint64_t position = 0;
    must(eventstore_head(given->store, &position, &given->error));
    return position;
}

uint64_t checkpoint_of(struct given *given, const char *consumer)
{
    uint64_t position = 0;
    must(eventstore_checkpoint(given->store, consumer, &position, &given->error));
    return position;
}

static const char *list(const struct reading *reading, bool of_positions)
{
    static char text[4000];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < reading->count && used < sizeof text; i++) {
        const struct seen *seen = &reading->events[i];
        unsigned long long what = of_positions ? seen->position : seen->number;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", i == 0 ? "" : " ", what);
    }
    return text;
}

const char *numbers(const struct reading *reading)
{
    return list(reading, false);
}

const char *positions(const struct reading *reading)
{
    return list(reading, true);
}

/* ---- verifying ---- */

static enum status note_check(void *context, const char *check, bool ok, const char *detail, struct error *error)
{
    (void)error;
    struct report *report = context;
    report->checks++;
    if (ok)
        return STATUS_OK;
    report->faults++;
    size_t used = strlen(report->text);
    snprintf(report->text + used, sizeof report->text - used, "%s: %s\n", check, detail);
    return STATUS_OK;
}

const struct report *verify(struct given *given, struct eventstore *store)
{
    given->report = (struct report){0};
    must(eventstore_verify(store, note_check, &given->report, NULL, &given->error));
    cr_assert_gt(given->report.checks, 4);
    return &given->report;
}

bool report_has(const struct report *report, const char *words)
{
    return strstr(report->text, words) != NULL;
}

/* ---- other processes ---- */

struct process start_process(int (*work)(struct process *us, void *context), void *context)
{
    int there[2], back[2];
    cr_assert_eq(pipe2(there, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(back, O_CLOEXEC), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child != 0) {
        close(there[0]), close(back[1]); /* so that we hear when it has gone */
        return (struct process){.id = child, .from = back[0], .to = there[1]};
    }
    close(there[1]), close(back[0]);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    struct process us = {.id = getpid(), .from = there[0], .to = back[1]};
    _exit(work(&us, context)); /* not exit(): what the test left open is the test's */
}

bool tell(const struct process *process, const void *bytes, size_t length)
{
    return write(process->to, bytes, length) == (ssize_t)length;
}

bool hear(const struct process *process, void *bytes, size_t length)
{
    return read(process->from, bytes, length) == (ssize_t)length;
}

void wave(const struct process *process)
{
    CHECK(tell(process, "!", 1));
}

void wait_for_wave(const struct process *process)
{
    char byte;
    CHECK(hear(process, &byte, 1));
}

int end_of(struct process *process)
{
    int status = 0;
    cr_assert_eq(waitpid(process->id, &status, 0), process->id);
    close(process->from), close(process->to);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void kill_now(struct process *process)
{
    cr_assert_eq(kill(process->id, SIGKILL), 0);
    (void)end_of(process);
}

static char state_of(pid_t child)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state;
}

void wait_until_asleep(const struct process *process)
{
    int64_t until_us = clock_monotonic_us() + 5000000;
    while (state_of(process->id) != 'S')
        cr_assert_lt(clock_monotonic_us(), until_us);
}
