/* given.h - the words in which the store's tests are told.
 *
 * Each test is given a new store in a folder of its own, a handle, and a clock that stands still. When it is over the
 * store is verified, so that every test also says: and all promises still hold. */
#ifndef TESTS_EVENTSTORE_GIVEN_H
#define TESTS_EVENTSTORE_GIVEN_H

#include <criterion/criterion.h>
#include <sys/types.h>

#include "base/file.h"
#include "tests/eventstore/engine.h"
#include "tests/support/temporary.h"

enum { TEST_TIMEOUT_S = 60 };
enum { DRAFT_APPENDS_MAX = 16, DRAFT_EVENTS_MAX = 64, DRAFT_PARKED_MAX = 4, NUMBERED_DATA_SIZE = 32 };

/* ---- a commit in the making ---- */

struct draft {
    struct commit commit;
    struct append appends[DRAFT_APPENDS_MAX];
    struct guard guards[DRAFT_APPENDS_MAX];
    struct parked_change parked[DRAFT_PARKED_MAX];
    struct new_event events[DRAFT_EVENTS_MAX];
    char data[DRAFT_EVENTS_MAX][NUMBERED_DATA_SIZE];
    size_t event_count;
};

/* ---- what a reading has shown ---- */

struct seen {
    uint64_t position, version;
    unsigned number; /* of an event of a draft; 0 for another */
    char category[EVENTSTORE_NAME_MAX + 1], entity[EVENTSTORE_NAME_MAX + 1], type[EVENTSTORE_NAME_MAX + 1];
};

struct reading {
    struct seen *events;
    size_t count, capacity;
    size_t stop_at; /* the visitor asks to stop after so many; 0: never */
};

/* ---- what a verification has said ---- */

struct report {
    size_t checks, faults;
    char text[2000]; /* "chain: the event at …\n" for each fault */
};

/* ---- the scene ---- */

struct given {
    const struct engine *engine;
    char folder[TEMPORARY_SIZE];
    struct fake_clock time;
    struct clock clock;
    struct eventstore_options options;
    struct eventstore *store;
    struct reading reading;
    struct report report;
    struct error error;
    uint64_t head;   /* after the last commit that worked */
    bool is_damaged; /* on purpose: not verified at the end */
};

typedef void (*contract_test)(struct given *given);
void on_every_engine(contract_test test);
void given_open(struct given *given, const struct engine *engine);
void given_close(struct given *given);

/* A test of the contract: runs once for each engine, in a new store. */
#define CONTRACT(suite, sentence)                                                                                      \
    static void suite##_##sentence##_given(struct given *given);                                                       \
    Test(suite, sentence, .timeout = TEST_TIMEOUT_S)                                                                   \
    {                                                                                                                  \
        on_every_engine(suite##_##sentence##_given);                                                                   \
    }                                                                                                                  \
    static void suite##_##sentence##_given(struct given *given)

/* A test of SQLite's own side. */
#define SQLITE_TEST(sentence)                                                                                          \
    static void sentence(struct given *given);                                                                         \
    Test(sqlite, sentence, .timeout = TEST_TIMEOUT_S)                                                                  \
    {                                                                                                                  \
        struct given scene;                                                                                            \
        given_open(&scene, &engine_sqlite);                                                                            \
        sentence(&scene);                                                                                              \
        given_close(&scene);                                                                                           \
    }                                                                                                                  \
    static void sentence(struct given *given)

#define must(call)          must_be(STATUS_OK, call)
#define must_be(want, call) check_status(want, call, given->error.text, #call, __FILE__, __LINE__)
void check_status(enum status want, enum status got, const char *text, const char *call, const char *file, int line);

/* A second handle on the same store. */
struct eventstore *another_handle(struct given *given);
void reopen(struct given *given);

/* "folder/name"; borrowed until the second next call. */
const char *path_in(const char *folder, const char *name);
/* How many names in `folder` begin so. */
int files_beginning(const char *folder, const char *beginning);

/* ---- things ---- */

#define ORDER_7   ((struct stream){"order", "00000000-0000-5000-8000-000000000007"})
#define PAYMENT_7 ((struct stream){"payment", "00000000-0000-5000-8000-000000000007"})
#define ORDER_8   ((struct stream){"order", "00000000-0000-5000-8000-000000000008"})
#define TEA       ((struct stream){"stock", "tea"})
#define MILK      ((struct stream){"stock", "milk"})

struct uuid id_numbered(unsigned number);

/* ---- writing ---- */

/* Starts a draft by "tester", program "tests 1". */
void draft_start(struct draft *draft);

/* Adds `count` events, numbered from `first`: id, data {"n":number}, of the type "Happened". Returns the first, which a
 * test may change. */
struct new_event *draft_append(struct draft *draft, struct stream stream, uint64_t expected, unsigned first,
                               size_t count);
void draft_guard(struct draft *draft, struct stream stream, uint64_t expected);
void draft_checkpoint(struct draft *draft, const char *consumer, uint64_t from, uint64_t to);
void draft_park(struct draft *draft, const struct parked *parked, int expected_attempts);
void draft_unpark(struct draft *draft, const struct parked *parked, int expected_attempts);

enum status commit(struct given *given, const struct draft *draft);
enum status commit_with(struct given *given, struct eventstore *store, const struct draft *draft);

/* One append as a commit of its own. */
enum status append(struct given *given, struct stream stream, uint64_t expected, unsigned first, size_t count);

/* Moves a checkpoint, and nothing else. */
enum status move_checkpoint(struct given *given, const char *consumer, uint64_t from, uint64_t to);

/* ---- reading; all of it into given->reading ---- */

enum status note(void *reading, const struct recorded_event *event, struct error *error);
const struct reading *read_roll(struct given *given, struct roll_query query);
const struct reading *read_stream(struct given *given, struct stream_query query);
uint64_t version_of(struct given *given, struct stream stream);
uint64_t head_of(struct given *given);
uint64_t checkpoint_of(struct given *given, const char *consumer);

/* The numbers of the events that were read, as in "1 2 3", or their positions. Borrowed until the next call. */
const char *numbers(const struct reading *reading);
const char *positions(const struct reading *reading);

/* ---- verifying; into given->report ---- */

const struct report *verify(struct given *given, struct eventstore *store);
bool report_has(const struct report *report, const char *words);

/* ---- other processes ---- */

/* A child, and the pipes between it and us. In the child it is us, seen from there. */
struct process {
    pid_t id;
    int from, to;
};

/* Forks; the child runs `work` and exits with what it returns. It dies with the test. */
struct process start_process(int (*work)(struct process *us, void *context), void *context);

/* Sends bytes; reads exactly so many, false when the other side has gone. */
bool tell(const struct process *process, const void *bytes, size_t length);
bool hear(const struct process *process, void *bytes, size_t length);

/* A sign without meaning, one each way. */
void wave(const struct process *process);
void wait_for_wave(const struct process *process);

/* Waits for the child's end and gives its exit status; −1 when a signal ended it. */
int end_of(struct process *process);

/* Kills it with SIGKILL and waits until it is gone. */
void kill_now(struct process *process);

/* Waits (some seconds at most) until the child sleeps in the kernel. */
void wait_until_asleep(const struct process *process);

#endif
