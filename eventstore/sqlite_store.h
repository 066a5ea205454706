/* sqlite_store.h - the inside of the SQLite engine, shared by its own files and nobody else.
 *
 * The tables (all STRICT; the text of all of them is in sqlite_schema.c):
 *
 *   store       one row: who this store is
 *   event       one row an event, keyed by position. Names are numbers here: what costs in a commit is the pages it
 *               touches, and an order's id written once in 16 bytes (table entity) instead of as text in four stream
 *               names makes a third of the log
 *   entity, category, type, origin    those names
 *   stream      (entity, category) -> version and position of its head. An event keeps the position of the one before
 *               it in its stream (`previous`), so a stream is a linked list read from its head, and there is no index
 *               on (stream, version), which would cost 14 to 39 % of a commit
 *   checkpoint, parked, pause         what consumers remember
 *   decision    what people decided about parked events; append-only (since format 2)
 *   snapshot    (entity, category) -> a folded state and its version; a cache (since format 4)
 *               These five carry a checksum (since format 3, sqlite_checksum.c)
 *   backup      where a copy of the roll ended (since format 3)
 *   events      a view that shows the roll in words
 *
 * Rules that make several processes on one file safe with the SQLite at hand (docs/decisions/0001):
 *   1. Every write transaction and every checkpoint runs inside the writers' queue.
 *   2. Automatic checkpoints are off, at close too. A checkpoint is made after a commit, still inside the queue.
 *   3. No read transaction outlives EVENTSTORE_PAGE events, but for those that a person starts now and then and that
 *      must see one state: a backup, and verify's look at the file's pages. */
#ifndef EVENTSTORE_SQLITE_STORE_H
#define EVENTSTORE_SQLITE_STORE_H

#include "base/database.h"
#include "base/file.h"
#include "base/text.h"
#include "eventstore/digest.h"
#include "eventstore/doorbell.h"
#include "eventstore/eventstore.h"
#include "eventstore/writer_queue.h"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_BEGIN_READING,
    STATEMENT_HEAD,
    STATEMENT_EVENT_CHAIN,
    STATEMENT_EVENT_ID,
    STATEMENT_EVENT_DIGEST,
    STATEMENT_EVENT_LINK,
    STATEMENT_ROLL_FORWARDS,
    STATEMENT_RECORDED_AT,
    STATEMENT_INSERT_EVENT,
    STATEMENT_FIND_STREAM,
    STATEMENT_PUT_STREAM,
    STATEMENT_FIND_ENTITY,
    STATEMENT_ADD_ENTITY,
    STATEMENT_ENTITIES_FROM,
    STATEMENT_FIND_CHECKPOINT,
    STATEMENT_PUT_CHECKPOINT,
    STATEMENT_FIND_PARKED,
    STATEMENT_PUT_PARKED,
    STATEMENT_REMOVE_PARKED,
    STATEMENTS_AT_OPEN, /* those above are prepared when a store is opened, the others when they are first lent */
    STATEMENT_ROLL_BACKWARDS = STATEMENTS_AT_OPEN,
    STATEMENT_ROLL_WHOLE,
    STATEMENT_ROLL_OF_TYPES,
    STATEMENT_ENTITY_STREAMS,
    STATEMENT_PARKED,
    STATEMENT_PARKED_DUE,
    STATEMENT_PARKED_OF_SEQUENCE,
    STATEMENT_FIND_SNAPSHOT,
    STATEMENT_PUT_SNAPSHOT,
    STATEMENTS,
};

/* Of an event, in the order in which they are bound and handed over; who reads may leave out the last, or the last two.
 * The data comes first, because it stands near the end of a row: SQLite reads a row's header only as far as it is asked
 * to, each time from where it stopped, and so it does it once instead of column by column. */
enum event_column {
    COLUMN_DATA,
    COLUMN_POSITION,
    COLUMN_TYPE,
    COLUMN_ENTITY,
    COLUMN_CATEGORY,
    COLUMN_VERSION,
    COLUMN_SCHEMA_VERSION,
    COLUMN_EVENT_ID,
    COLUMN_CORRELATION,
    COLUMN_CAUSATION,
    COLUMN_RECORDED_AT,
    COLUMN_ORIGIN,
    COLUMN_COMMAND_ID,
    COLUMN_PREVIOUS,
    COLUMN_DIGEST,
};

enum {
    NAME_SIZE = EVENTSTORE_NAME_MAX + 1,
    NAMES_MAX = 256,     /* categories or types: an application has dozens */
    ORIGINS_MAX = 4096,  /* who × which version of the program: they add up over the years */
    ENTITY_SLOTS = 1024, /* entities remembered by number, of each kind: a batch's worth */
    ENTITY_NAMES = 4096, /* … and by name, where a thousand skus shall seldom push one another out */
    CLAIMS_MAX = 16,
    FIRST_WITH_CHECKSUMS = 3, /* of the formats */
    FIRST_WITH_SNAPSHOTS = 4,
    PAGE_BYTES = 4096, /* of the database and its log */
};

struct name_table { /* of categories or types; id n is names[n - 1] */
    char (*names)[NAME_SIZE];
    int count;
};

struct origin_row {
    char actor[NAME_SIZE];
    char producer[NAME_SIZE];
};

struct entity_slot {
    int64_t id;   /* 0: empty */
    bool is_uuid; /* its name is the text of `uuid` */
    struct uuid uuid;
    char name[NAME_SIZE];
};

struct claim {
    char consumer[NAME_SIZE];
    struct file_lock lock;
};

/* What the newest event says, so that the next can be chained to it. Trusted only while `position` is the roll's. */
struct roll_head {
    uint64_t position;
    int64_t recorded_at_us;
    uint8_t digest[EVENTSTORE_DIGEST_BYTES];
};

struct eventstore {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
    struct eventstore_options options;
    struct clock clock;
    struct eventstore_info info;
    bool one_file;              /* opened for reading only */
    char path[PATH_SIZE];       /* of the database */
    char shown[TEXT_SAFE_SIZE]; /* the same, for people */
    char run_folder[PATH_SIZE]; /* locks and doorbell */
    char engine[96];

    struct writer_queue queue;
    struct doorbell doorbell;
    struct claim claims[CLAIMS_MAX];
    int claim_count;

    struct name_table categories, types;
    struct origin_row *origins;
    int origin_count;
    struct entity_slot *entities_by_id[2]; /* ENTITY_SLOTS of them each, by id: names in words, and UUIDs */
    struct entity_slot *entities_by_name;  /* ENTITY_NAMES of them, by hash of the name */
    int64_t next_uuid_entity;              /* the one behind the UUID that was read last */

    struct roll_head head;
    uint64_t log_pages; /* in the log after our last commit */
    bool log_is_known;  /* there was one */
};

/* An event as its row stands, believed or not: whatever is not there, or of another kind, is 0 or NULL. The bytes are
 * SQLite's until the visitor returns. */
struct stored_bytes {
    const void *bytes;
    size_t length;
};
struct event_row {
    int64_t position, type, entity, category, version, previous, schema_version, correlation, causation, recorded_at_us,
        origin;
    struct stored_bytes event_id, command_id, data, digest;
    bool has_digest; /* it was asked for */
};

/* Rows are read by statements that call till_event(), an SQL function of ours, for each: SQLite hands it all columns at
 * once, in a third less time than they take to be asked for one by one, and goes on to the next row without coming
 * back to us in between (docs/decisions/0015). */
typedef enum status (*row_visitor)(void *context, const struct event_row *row, struct error *error);
struct row_sink {
    row_visitor visit;
    void *context;
    size_t rows_left;    /* that are wanted; the visitor may change its mind, and set 0 */
    uint64_t next;       /* position that till_next() gives: where the visitor wants to go on */
    struct error *error; /* rows_visit's */
    enum status status;  /* the visitor's */
};

/* A stream as its row stands. version 0: no event yet. */
struct stream_row {
    int64_t entity;
    int category;
    uint64_t version;
    uint64_t position;
};

/* sqlite_schema.c */
extern const char *const *const schema_sql[EVENTSTORE_FORMAT + 1]; /* what each format added; NULL at the end */
extern const char *const statement_sql[STATEMENTS];
extern const char *const without_checksums_sql[3]; /* for reading files of formats 1 and 2 */
extern const char identity_unlock_sql[], identity_sql[], identity_lock_sql[];
enum { APPLICATION_ID = 0x54696c6c /* "Till" */ };

/* sqlite_names.c: names to numbers and back. Finding gives 0 (a number that does not exist) for an unknown name; adding
 * one, inside a write transaction, is for one that was not found (an entity) or may not be there (the others). */
enum status names_open(struct eventstore *store, struct error *error) MUST_CHECK;
void names_close(struct eventstore *store);
void names_forget(struct eventstore *store); /* after a rollback: what was added is not there */
enum status names_check(const char *name, const char *what, struct error *error) MUST_CHECK;
enum status names_find_category(struct eventstore *store, const char *name, bool add, int *id,
                                struct error *error) MUST_CHECK;
enum status names_add_type(struct eventstore *store, const char *name, int *id, struct error *error) MUST_CHECK;
enum status names_add_origin(struct eventstore *store, const char *actor, const char *producer, int *id,
                             struct error *error) MUST_CHECK;
enum status names_find_entity(struct eventstore *store, const char *name, int64_t *id, struct error *error) MUST_CHECK;
enum status names_add_entity(struct eventstore *store, const char *name, int64_t *id, struct error *error) MUST_CHECK;
void names_bind_entity(sqlite3_stmt *statement, const char *name, struct uuid *id); /* as ?1; `id` is room for it */
void names_remember_entity(struct eventstore *store, const char *name, int64_t id);
enum status names_category(struct eventstore *store, int64_t id, const char **name, struct error *error) MUST_CHECK;
enum status names_type(struct eventstore *store, int64_t id, const char **name, struct error *error) MUST_CHECK;
enum status names_origin(struct eventstore *store, int64_t id, const struct origin_row **origin,
                         struct error *error) MUST_CHECK;
/* Borrowed until the next call. */
enum status names_entity(struct eventstore *store, int64_t id, const struct entity_slot **entity,
                         struct error *error) MUST_CHECK;

/* sqlite_rows.c. Runs a statement of such rows until it has no more, or the sink wants no more. The status is the
 * visitor's, when the reading was right. */
enum status rows_register(sqlite3 *database, struct error *error) MUST_CHECK;
enum status rows_visit(sqlite3_stmt *select, struct row_sink *sink, bool *more, struct error *error) MUST_CHECK;
enum status event_from_row(struct eventstore *store, const struct event_row *row, struct recorded_event *event,
                           struct error *error) MUST_CHECK;
enum status damaged_at(struct error *error, uint64_t position, const char *what);

/* sqlite_read.c, sqlite_streams.c */
enum status read_stream_row(struct eventstore *store, struct stream stream, struct stream_row *row,
                            struct error *error) MUST_CHECK;
enum status read_roll_head(struct eventstore *store, struct roll_head *head, struct error *error) MUST_CHECK;

/* sqlite_checksum.c: the SQL function till_checksum, and what is summed up in each table. */
enum status checksum_register(sqlite3 *database, struct error *error) MUST_CHECK;
#define PARKED_COLUMNS "consumer, sequence, position, state, attempts, next_attempt, parked_at, reason"
#define DECISION_COLUMNS                                                                                               \
    "number, consumer, sequence, position, attempts, failure, kind, decided_by, decided_at, reason, owed"
#define CHECKPOINT_CHECKSUM "till_checksum('checkpoint', consumer, position)"
#define PARKED_CHECKSUM     "till_checksum('parked', " PARKED_COLUMNS ")"
#define PAUSE_CHECKSUM      "till_checksum('pause', consumer, until, reason)"
#define DECISION_CHECKSUM   "till_checksum('decision', " DECISION_COLUMNS ")"

#define SNAPSHOT_COLUMNS  "entity, category, fold, version, data"
#define SNAPSHOT_CHECKSUM "till_checksum('snapshot', " SNAPSHOT_COLUMNS ")"

/* sqlite_consumers.c: a row of PARKED_COLUMNS and whether its checksum is right. `reason` is borrowed until the row's
 * statement moves on. */
enum status read_parked_row(sqlite3_stmt *row, struct parked *parked, struct error *error) MUST_CHECK;

/* sqlite_consumers.c: one parked event, by consumer and by sequence and position of `key`. What was found is borrowed
 * until parked_found, which must be called, found or not. */
enum status parked_find(struct eventstore *store, const char *consumer, const struct parked *key, bool *found,
                        struct parked *stands, struct error *error) MUST_CHECK;
void parked_found(struct eventstore *store);
enum status parked_put(struct eventstore *store, const char *consumer, const struct parked *parked,
                       struct error *error) MUST_CHECK;
enum status parked_remove(struct eventstore *store, const char *consumer, const struct parked *key,
                          struct error *error) MUST_CHECK;
bool is_same_parked(const struct parked *one, const struct parked *other);

/* sqlite_commit.c: does `work` as one transaction inside the writers' queue; when it fails nothing was written. */
typedef enum status (*transaction_work)(struct eventstore *store, void *context, struct error *error);
enum status transact(struct eventstore *store, transaction_work work, void *context, struct error *error) MUST_CHECK;

/* sqlite_commit.c: "order-7…", safe for people. */
const char *stream_in_words(char words[TEXT_SAFE_SIZE], struct stream stream);

/* sqlite_commit.c, inside a transaction whose store->head is the roll's: the next event of the roll, as it stands on
 * another one. STATUS_INVALID: it cannot be the next. The digest is made here, and becomes store->head's. */
enum status append_recorded(struct eventstore *store, const struct recorded_event *event,
                            struct error *error) MUST_CHECK;

/* sqlite_consumers.c */
enum status put_checkpoint(struct eventstore *store, const char *consumer, uint64_t position,
                           struct error *error) MUST_CHECK;

/* sqlite_snapshots.c */
enum status put_snapshot(struct eventstore *store, const struct snapshot *snapshot, struct error *error) MUST_CHECK;

/* sqlite_store.c: may this version of SQLite lose pages when the log is reset under a checkpoint? */
bool has_reset_bug(int version);

/* What the store's row says; `format` is not in it. */
enum status read_info(struct eventstore *store, struct eventstore_info *info, struct error *error) MUST_CHECK;

/* sqlite_store.c: the path of a store that is to be made in `folder`; STATUS_REFUSED when there is one, STATUS_IO when
 * others may write there. */
enum status store_place(const char *folder, char path[PATH_SIZE], struct error *error) MUST_CHECK;

/* sqlite_store.c: runs what one format added to the schema. */
enum status run_schema(sqlite3 *database, int format, struct error *error) MUST_CHECK;

/* sqlite_store.c: lends a prepared statement; a busy one (a visitor that reads again) is replaced by a fresh one. Give
 * it back with statement_return. */
enum status statement_lend(struct eventstore *store, enum statement which, sqlite3_stmt **statement,
                           struct error *error) MUST_CHECK;
void statement_return(struct eventstore *store, enum statement which, sqlite3_stmt *statement);

/* sqlite_store.c: as database_execute, for a row that may be written as far as the store knows. Where the database
 * refuses it, as what stands already, it was not found where it stands: STATUS_DAMAGED. */
enum status statement_write(sqlite3_stmt *statement, const char *doing, struct error *error) MUST_CHECK;

#endif
