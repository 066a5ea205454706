/* The simulated bank.
 *
 * A call is answered in three steps: has this key a verdict already (money that moved, or a decline)? Then that
 * verdict stands, whatever the card would say today. Else what does the card say? Then that is written down, as a
 * movement when money moves and as an attempt in any case, and answered, unless the answer gets lost on its way.
 *
 *   attempt.outcome            declined  movement  the caller hears
 *   charged, refunded          0         added     accepted
 *   timed out                  0         or not    nothing: STATUS_UNAVAILABLE
 *   declined, no_charge, …     1         none      declined; the outcome is the reason
 *   repeated                   0         none      the key's first verdict
 *   key reused                 0         none      STATUS_REFUSED
 *   looked up                  0         none      the key's verdict, or that it has none
 *   voided                     1         none      declined; "voided" is the key's verdict from now on
 *   not voided                 0         none      accepted: the money has moved
 *
 * One batch is one transaction and one sync. All batches of all processes stand in one queue, run/bank.lock, and a
 * checkpoint of the log happens only while it is held: SQLite before 3.51.3 may lose committed pages when a checkpoint
 * runs beside a commit of another connection. */
#include "services/gateway.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/database.h"
#include "base/file.h"
#include "base/text.h"

enum {
    BOOK_APPLICATION_ID = 0x42616e6b, /* "Bank" */
    BOOK_VERSION = 1,
    BANK_PATIENCE_MS = 2000,   /* for another process's batch and checkpoint */
    LOG_PAGES_MAX = 2048,      /* 8 MiB of log, then a checkpoint */
    READERS_GRACE_MS = 200,    /* how long a checkpoint waits for readers to leave the log */
    KEY_BYTES_MAX = 255,       /* of an idempotency key */
    TOKEN_SIZE = SKU_MAX + 1,  /* of a card token */
    REFERENCE_HEX_DIGITS = 24, /* 96 bits of the key's name: no two keys will ever meet */
};

static const char schema_sql[] =
    "CREATE TABLE movement ("
    "  idempotency_key TEXT NOT NULL PRIMARY KEY,"
    "  kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),"
    "  order_id TEXT NOT NULL,"
    "  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),"
    "  currency TEXT NOT NULL,"
    "  at TEXT NOT NULL,"
    "  card_token TEXT NOT NULL,"
    "  reference TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX movement_of_order ON movement (order_id);"
    "CREATE TABLE attempt ("
    "  number INTEGER PRIMARY KEY,"
    "  idempotency_key TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  order_id TEXT NOT NULL,"
    "  amount_minor INTEGER NOT NULL,"
    "  currency TEXT NOT NULL,"
    "  at TEXT NOT NULL,"
    "  outcome TEXT NOT NULL,"
    "  declined INTEGER NOT NULL CHECK (declined IN (0, 1))" /* for good: the outcome is the reason */
    ") STRICT;"
    /* Partial, so that an ordinary charge touches neither. */
    "CREATE UNIQUE INDEX attempt_declined ON attempt (idempotency_key) WHERE declined = 1;"
    "CREATE INDEX attempt_timed_out ON attempt (idempotency_key) WHERE outcome = 'timed out';";

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_FIND_VERDICT,
    STATEMENT_COUNT_TIMED_OUT,
    STATEMENT_FIND_ACCOUNT,
    STATEMENT_ADD_MOVEMENT,
    STATEMENT_ADD_ATTEMPT,
    STATEMENTS,
};

/* Keys and orders are scattered over their indexes, of which the cache (16 MiB) holds those of some 100 000 orders. */
static const char settings_sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;";

static const char *const statement_sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_FIND_VERDICT] =
        "SELECT kind, order_id, amount_minor, currency, 1, reference FROM movement WHERE idempotency_key = ?1"
        " UNION ALL "
        "SELECT kind, order_id, amount_minor, currency, 0, outcome FROM attempt"
        " WHERE idempotency_key = ?1 AND declined = 1",
    [STATEMENT_COUNT_TIMED_OUT] = "SELECT count(*) FROM attempt WHERE idempotency_key = ?1 AND outcome = 'timed out'",
    [STATEMENT_FIND_ACCOUNT] = "SELECT kind = 'charge', amount_minor, card_token FROM movement"
                               " WHERE order_id = ?1 AND currency = ?2 ORDER BY rowid",
    [STATEMENT_ADD_MOVEMENT] =
        "INSERT INTO movement (idempotency_key, kind, order_id, amount_minor, currency, at, card_token, reference)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STATEMENT_ADD_ATTEMPT] =
        "INSERT INTO attempt (idempotency_key, kind, order_id, amount_minor, currency, at, outcome, declined)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

struct gateway {
    const struct clock *clock;
    sqlite3 *database; /* NULL: the bank was busy when we opened; see ensure_book */
    sqlite3_stmt *statements[STATEMENTS];
    char path[PATH_SIZE]; /* of the book */
    char lock_path[PATH_SIZE];
    struct file_lock lock; /* held from begin to finish or drop */
    bool in_batch;
    bool spoilt;             /* the book failed within this batch: SQLite may have ended the transaction */
    int log_pages;           /* in the log after the last commit */
    int checkpoint_at_pages; /* the next checkpoint */
};

/* ---- the cards ---- */

struct card {
    const char *token;
    int64_t silent_charges;     /* so many attempts at a charge get no answer and move nothing */
    const char *decline;        /* every charge, for this reason */
    const char *refund_decline; /* every refund, for this reason */
    bool loses_charge_answer;   /* the money moves, and the answer that says so never arrives */
    bool loses_refund_answer;
};

static const struct card cards[] = {
    {.token = "tok_declined", .decline = "declined"},
    {.token = "tok_insufficient_funds", .decline = "insufficient_funds"},
    {.token = "tok_flaky", .silent_charges = 2},
    {.token = "tok_timeout", .loses_charge_answer = true},
    {.token = "tok_unavailable", .silent_charges = INT64_MAX},
    {.token = "tok_refund_refused", .refund_decline = "refund_refused"},
    {.token = "tok_refund_timeout", .loses_refund_answer = true},
};
static const struct card ordinary_card = {.token = "tok_ok"};

static const struct card *card_of(const char *token)
{
    for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++)
        if (strcmp(cards[i].token, token) == 0)
            return &cards[i];
    return &ordinary_card;
}

/* ---- one call, and what is written down of it ---- */

/* A call as the book writes it. */
struct request {
    const struct gateway_call *call;
    const char *kind;
    char order[UUID_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
};

static struct request request_of(const struct gateway *gateway, const struct gateway_call *call)
{
    struct request request = {.call = call, .kind = call->kind == GATEWAY_CHARGE ? "charge" : "refund"};
    uuid_to_text(call->order, request.order);
    time_to_text(clock_now_us(gateway->clock), request.at);
    return request;
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    CHECK(sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void bind_integer(sqlite3_stmt *statement, int place, int64_t number)
{
    CHECK(sqlite3_bind_int64(statement, place, number) == SQLITE_OK);
}

static void bind_request(sqlite3_stmt *statement, const struct request *request)
{
    bind_text(statement, 1, request->call->key);
    bind_text(statement, 2, request->kind);
    bind_text(statement, 3, request->order);
    bind_integer(statement, 4, request->call->amount_minor);
    bind_text(statement, 5, request->call->currency.code);
    bind_text(statement, 6, request->at);
}

/* A row that clashes with what stands there: every key was looked up before, so the book is not as we left it. */
static enum status add_row(sqlite3_stmt *insert, struct error *error)
{
    const enum status status = database_execute(insert, "write into the bank's book", error);
    if (status != STATUS_REFUSED)
        return status;
    return error_set(error, STATUS_DAMAGED, "the bank's book (gateway.db) contradicts itself: take it from a backup");
}

static enum status add_attempt(struct gateway *gateway, const struct request *request, const char *outcome,
                               bool declined, struct error *error)
{
    sqlite3_stmt *insert = gateway->statements[STATEMENT_ADD_ATTEMPT];
    bind_request(insert, request);
    bind_text(insert, 7, outcome);
    bind_integer(insert, 8, declined);
    return add_row(insert, error);
}

static enum status add_movement(struct gateway *gateway, const struct request *request, const char *token,
                                const char *reference, struct error *error)
{
    sqlite3_stmt *insert = gateway->statements[STATEMENT_ADD_MOVEMENT];
    bind_request(insert, request);
    bind_text(insert, 7, token);
    bind_text(insert, 8, reference);
    return add_row(insert, error);
}

/* ---- the answers ---- */

static void copy_text(char *to, size_t size, const char *text)
{
    const size_t length = strlen(text);
    CHECK(length < size);
    memcpy(to, text, length + 1);
}

/* The same key has the same reference, in every book. */
static void make_reference(const struct gateway_call *call, char reference[GATEWAY_REFERENCE_SIZE])
{
    static const struct uuid bank = {
        {0xba, 0x4c, 0x1f, 0x0e, 0x5d, 0x0a, 0x4f, 0x3b, 0x9a, 0x77, 0x21, 0x6c, 0x3e, 0x90, 0xd8, 0x15}};
    static const char digits[] = "0123456789abcdef";
    const struct uuid id = uuid_from_name(bank, call->key, strlen(call->key));
    copy_text(reference, GATEWAY_REFERENCE_SIZE, call->kind == GATEWAY_CHARGE ? "ch_" : "re_");
    char *at = reference + 3;
    for (int i = 0; i < REFERENCE_HEX_DIGITS; i++)
        *at++ = digits[i % 2 == 0 ? id.bytes[i / 2] >> 4 : id.bytes[i / 2] & 15];
    *at = '\0';
}

static enum status say_nothing(struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the bank did not answer: ask again with the same key");
}

static enum status decline(struct gateway *gateway, const struct request *request, const char *reason,
                           struct gateway_answer *answer, struct error *error)
{
    copy_text(answer->reason, sizeof answer->reason, reason);
    return add_attempt(gateway, request, reason, true, error);
}

static enum status move_money(struct gateway *gateway, const struct request *request, const char *token,
                              bool loses_answer, struct gateway_answer *answer, struct error *error)
{
    char reference[GATEWAY_REFERENCE_SIZE];
    make_reference(request->call, reference);
    enum status status = add_movement(gateway, request, token, reference, error);
    if (status != STATUS_OK)
        return status;

    const char *done = request->call->kind == GATEWAY_CHARGE ? "charged" : "refunded";
    status = add_attempt(gateway, request, loses_answer ? "timed out" : done, false, error);
    if (status != STATUS_OK)
        return status;
    if (loses_answer)
        return say_nothing(error);
    answer->accepted = true;
    copy_text(answer->reference, sizeof answer->reference, reference);
    return STATUS_OK;
}

/* ---- a key that has its verdict ---- */

struct verdict {
    bool found;
    bool same;                         /* it was given on this very call */
    bool accepted;                     /* money moved */
    char text[GATEWAY_REFERENCE_SIZE]; /* the reference, or the reason of a decline */
};

static bool column_is(sqlite3_stmt *row, int column, const char *text)
{
    const char *stored = (const char *)sqlite3_column_text(row, column);
    return stored != NULL && strcmp(stored, text) == 0;
}

/* Copies a text column; one that does not fit was not written by us. */
static enum status read_text(sqlite3_stmt *row, int column, char *text, size_t size, struct error *error)
{
    const char *stored = (const char *)sqlite3_column_text(row, column);
    if (stored == NULL || strlen(stored) >= size)
        return error_set(error, STATUS_DAMAGED, "the bank's book (gateway.db) holds a row that the bank did not write");
    copy_text(text, size, stored);
    return STATUS_OK;
}

static enum status find_verdict(struct gateway *gateway, const struct request *request, struct verdict *verdict,
                                struct error *error)
{
    *verdict = (struct verdict){0};
    sqlite3_stmt *select = gateway->statements[STATEMENT_FIND_VERDICT];
    bind_text(select, 1, request->call->key);
    enum status status = database_step(select, &verdict->found, "look up a key in the bank's book", error);
    if (status == STATUS_OK && verdict->found) {
        verdict->same = column_is(select, 0, request->kind) && column_is(select, 1, request->order) &&
                        sqlite3_column_int64(select, 2) == request->call->amount_minor &&
                        column_is(select, 3, request->call->currency.code);
        verdict->accepted = sqlite3_column_int(select, 4) != 0;
        status = read_text(select, 5, verdict->text, sizeof verdict->text, error);
    }
    sqlite3_reset(select);
    return status;
}

static void tell_verdict(const struct verdict *verdict, struct gateway_answer *answer)
{
    answer->accepted = verdict->accepted;
    if (verdict->accepted)
        copy_text(answer->reference, sizeof answer->reference, verdict->text);
    else
        copy_text(answer->reason, sizeof answer->reason, verdict->text);
}

/* Answers with the key's verdict, and writes the call down as `outcome`. */
static enum status repeat(struct gateway *gateway, const struct request *request, const struct verdict *verdict,
                          const char *outcome, struct gateway_answer *answer, struct error *error)
{
    enum status status = add_attempt(gateway, request, verdict->same ? outcome : "key reused", false, error);
    if (status != STATUS_OK)
        return status;
    if (!verdict->same) {
        char safe[TEXT_SAFE_SIZE];
        return error_set(error, STATUS_REFUSED,
                         "the bank knows the key %s from another call (its kind, order, amount or currency differ): "
                         "use a new key for a new call",
                         text_safe(safe, request->call->key));
    }
    tell_verdict(verdict, answer);
    return STATUS_OK;
}

/* ---- a key that has none ---- */

static enum status count_timed_out(struct gateway *gateway, const struct request *request, int64_t *count,
                                   struct error *error)
{
    bool row;
    sqlite3_stmt *select = gateway->statements[STATEMENT_COUNT_TIMED_OUT];
    bind_text(select, 1, request->call->key);
    const enum status status = database_step(select, &row, "count attempts in the bank's book", error);
    *count = status == STATUS_OK ? sqlite3_column_int64(select, 0) : 0;
    sqlite3_reset(select);
    return status;
}

static enum status charge(struct gateway *gateway, const struct request *request, struct gateway_answer *answer,
                          struct error *error)
{
    const char *token = request->call->card_token;
    const struct card *card = card_of(token);
    if (card->silent_charges > 0) {
        int64_t earlier;
        enum status status = count_timed_out(gateway, request, &earlier, error);
        if (status == STATUS_OK && earlier < card->silent_charges) {
            status = add_attempt(gateway, request, "timed out", false, error);
            return status == STATUS_OK ? say_nothing(error) : status;
        }
        if (status != STATUS_OK)
            return status;
    }
    if (card->decline != NULL)
        return decline(gateway, request, card->decline, answer, error);
    return move_money(gateway, request, token, card->loses_charge_answer, answer, error);
}

/* What the order has paid in the call's currency and not got back, and with which card. */
struct account {
    bool charged;
    int64_t left_minor;
    char token[TOKEN_SIZE];
};

static enum status add_to_account(struct account *account, sqlite3_stmt *row, struct error *error)
{
    const bool is_charge = sqlite3_column_int(row, 0) != 0;
    const int64_t amount_minor = sqlite3_column_int64(row, 1);
    if (__builtin_add_overflow(account->left_minor, is_charge ? amount_minor : -amount_minor, &account->left_minor))
        return error_set(error, STATUS_DAMAGED, "the bank's book (gateway.db) holds more money than there is");
    if (!is_charge || account->charged)
        return STATUS_OK;
    account->charged = true;
    return read_text(row, 2, account->token, sizeof account->token, error);
}

static enum status find_account(struct gateway *gateway, const struct request *request, struct account *account,
                                struct error *error)
{
    *account = (struct account){0};
    sqlite3_stmt *select = gateway->statements[STATEMENT_FIND_ACCOUNT];
    bind_text(select, 1, request->order);
    bind_text(select, 2, request->call->currency.code);
    bool row = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && row) {
        status = database_step(select, &row, "look up an order in the bank's book", error);
        if (status == STATUS_OK && row)
            status = add_to_account(account, select, error);
    }
    sqlite3_reset(select);
    return status;
}

static enum status refund(struct gateway *gateway, const struct request *request, struct gateway_answer *answer,
                          struct error *error)
{
    struct account account;
    const enum status status = find_account(gateway, request, &account, error);
    if (status != STATUS_OK)
        return status;
    if (!account.charged)
        return decline(gateway, request, "no_charge", answer, error);

    const struct card *card = card_of(account.token);
    if (card->refund_decline != NULL)
        return decline(gateway, request, card->refund_decline, answer, error);
    if (request->call->amount_minor > account.left_minor)
        return decline(gateway, request, "exceeds_charge", answer, error);
    return move_money(gateway, request, account.token, card->loses_refund_answer, answer, error);
}

/* ---- asking ---- */

static bool is_clean(const char *text, size_t bytes_max)
{
    return text != NULL && text_is_clean(text, strnlen(text, bytes_max + 1), bytes_max);
}

static enum status check_call(const struct gateway_call *call, struct error *error)
{
    if (!is_clean(call->key, KEY_BYTES_MAX))
        return error_set(error, STATUS_INVALID, "the bank wants a key of 1 to %d bytes", KEY_BYTES_MAX);
    if (call->amount_minor < 1 || call->amount_minor > AMOUNT_MAX_MINOR)
        return error_set(error, STATUS_INVALID, "the bank moves 1 to %lld minor units", (long long)AMOUNT_MAX_MINOR);
    if (strnlen(call->currency.code, sizeof call->currency.code) != sizeof call->currency.code - 1)
        return error_set(error, STATUS_INVALID, "the bank wants a currency of three letters");
    if (call->kind == GATEWAY_CHARGE && !is_clean(call->card_token, TOKEN_SIZE - 1))
        return error_set(error, STATUS_INVALID, "the bank wants a card token of 1 to %d bytes", TOKEN_SIZE - 1);
    return STATUS_OK;
}

/* The three things a caller may want of a key. `verdict` is the one it has already, if it is found. */
typedef enum status (*purpose)(struct gateway *gateway, const struct request *request, const struct verdict *verdict,
                               struct gateway_answer *answer, struct error *error);

static enum status do_ask(struct gateway *gateway, const struct request *request, const struct verdict *verdict,
                          struct gateway_answer *answer, struct error *error)
{
    if (verdict->found)
        return repeat(gateway, request, verdict, "repeated", answer, error);
    return request->call->kind == GATEWAY_CHARGE ? charge(gateway, request, answer, error)
                                                 : refund(gateway, request, answer, error);
}

static enum status do_lookup(struct gateway *gateway, const struct request *request, const struct verdict *verdict,
                             struct gateway_answer *answer, struct error *error)
{
    if (verdict->found)
        return repeat(gateway, request, verdict, "looked up", answer, error);
    answer->unknown = true;
    return add_attempt(gateway, request, "looked up", false, error);
}

static enum status do_void(struct gateway *gateway, const struct request *request, const struct verdict *verdict,
                           struct gateway_answer *answer, struct error *error)
{
    if (verdict->found)
        return repeat(gateway, request, verdict, verdict->accepted ? "not voided" : "repeated", answer, error);
    return decline(gateway, request, GATEWAY_VOIDED, answer, error);
}

static enum status refuse_spoilt(struct error *error)
{
    return error_set(error, STATUS_IO, "the bank's book failed within this batch: drop it and ask all of it again");
}

static enum status serve(struct gateway *gateway, const struct gateway_call *call, purpose serve_it,
                         struct gateway_answer *answer, struct error *error)
{
    CHECK(gateway->in_batch);
    *answer = (struct gateway_answer){0};
    if (gateway->spoilt)
        return refuse_spoilt(error);
    enum status status = check_call(call, error);
    if (status != STATUS_OK)
        return status;

    struct verdict verdict;
    const struct request request = request_of(gateway, call);
    status = find_verdict(gateway, &request, &verdict, error);
    if (status == STATUS_OK)
        status = serve_it(gateway, &request, &verdict, answer, error);
    gateway->spoilt = status != STATUS_OK && status != STATUS_UNAVAILABLE && status != STATUS_REFUSED;
    if (status != STATUS_OK)
        *answer = (struct gateway_answer){0};
    return status;
}

enum status gateway_ask(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                        struct error *error)
{
    return serve(gateway, call, do_ask, answer, error);
}

enum status gateway_lookup(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                           struct error *error)
{
    return serve(gateway, call, do_lookup, answer, error);
}

enum status gateway_void(struct gateway *gateway, const struct gateway_call *call, struct gateway_answer *answer,
                         struct error *error)
{
    return serve(gateway, call, do_void, answer, error);
}

/* ---- opening the book ---- */

static enum status make_tables(sqlite3 *database, struct error *error)
{
    char pragmas[96];
    (void)sqlite3_snprintf((int)sizeof pragmas, pragmas,
                           "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;", BOOK_APPLICATION_ID,
                           BOOK_VERSION);
    enum status status = database_run(database, "BEGIN IMMEDIATE;", error);
    if (status == STATUS_OK)
        status = database_run(database, schema_sql, error);
    if (status == STATUS_OK)
        status = database_run(database, pragmas, error);
    return status;
}

/* Says whether the file is still empty; refuses one that is not the bank's before anything is changed in it. */
static enum status check_kind(sqlite3 *database, const char *path, bool *empty, struct error *error)
{
    int64_t application, version, tables;
    enum status status = database_integer(database, "PRAGMA application_id", &application, error);
    if (status == STATUS_OK)
        status = database_integer(database, "PRAGMA user_version", &version, error);
    if (status == STATUS_OK)
        status = database_integer(database, "SELECT count(*) FROM sqlite_schema", &tables, error);
    if (status != STATUS_OK)
        return status;

    char safe[TEXT_SAFE_SIZE];
    *empty = application == 0 && version == 0 && tables == 0;
    if (!*empty && application != BOOK_APPLICATION_ID)
        return error_set(error, STATUS_FOREIGN, "%s is a database, but not the bank's book", text_safe(safe, path));
    if (version > BOOK_VERSION)
        return error_set(error, STATUS_NEWER,
                         "%s was made by a newer version (format %lld, this program knows %d): use that version",
                         text_safe(safe, path), (long long)version, BOOK_VERSION);
    return STATUS_OK;
}

static int remember_log_pages(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)database, (void)name;
    struct gateway *gateway = context;
    gateway->log_pages = pages;
    return SQLITE_OK;
}

/* Under the lock, so that two processes do not both make the tables. */
static enum status open_book(struct gateway *gateway, struct error *error)
{
    bool empty;
    enum status status = database_open(&gateway->database, gateway->path, DATABASE_CREATE, error);
    if (status == STATUS_OK)
        status = check_kind(gateway->database, gateway->path, &empty, error);
    if (status == STATUS_OK)
        status = database_run(gateway->database, settings_sql, error);
    if (status == STATUS_OK && empty)
        status = make_tables(gateway->database, error);
    for (int i = 0; status == STATUS_OK && i < STATEMENTS; i++)
        status = database_prepare(gateway->database, statement_sql[i], &gateway->statements[i], error);
    if (status == STATUS_OK)
        (void)sqlite3_wal_hook(gateway->database, remember_log_pages, gateway);
    return status;
}

static void close_book(struct gateway *gateway)
{
    for (int i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(gateway->statements[i]); /* repeats the error that step gave */
        gateway->statements[i] = NULL;
    }
    database_close(&gateway->database);
}

static enum status enter_bank(struct gateway *gateway, struct error *error)
{
    const enum status status = file_lock_wait(&gateway->lock, gateway->lock_path, BANK_PATIENCE_MS, error);
    if (status != STATUS_BUSY)
        return status;
    return error_set(error, status, "the bank does not answer: somebody has held its book (run/bank.lock) for %d s",
                     BANK_PATIENCE_MS / 1000);
}

static enum status ensure_book(struct gateway *gateway, struct error *error)
{
    if (gateway->database != NULL)
        return STATUS_OK;
    enum status status = enter_bank(gateway, error);
    if (status == STATUS_OK)
        status = open_book(gateway, error);
    if (status != STATUS_OK)
        close_book(gateway);
    file_lock_release(&gateway->lock);
    return status;
}

/* ---- batches ---- */

enum status gateway_begin(struct gateway *gateway, struct error *error)
{
    if (gateway->in_batch)
        return STATUS_OK;
    enum status status = ensure_book(gateway, error);
    if (status == STATUS_OK)
        status = enter_bank(gateway, error);
    if (status == STATUS_OK)
        status = database_execute(gateway->statements[STATEMENT_BEGIN], "open the bank's book", error);
    if (status != STATUS_OK) {
        file_lock_release(&gateway->lock);
        return status;
    }
    gateway->in_batch = true;
    gateway->spoilt = false;
    return STATUS_OK;
}

/* Copies the log into the book, so that the log starts again from its beginning. Nothing is lost when it fails: the
 * log keeps what it holds, and after as much again the next attempt is made. */
static void checkpoint_when_due(struct gateway *gateway)
{
    CHECK(gateway->lock.descriptor >= 0);
    if (gateway->log_pages < gateway->checkpoint_at_pages)
        return;
    CHECK(sqlite3_busy_timeout(gateway->database, READERS_GRACE_MS) == SQLITE_OK);
    const int result = sqlite3_wal_checkpoint_v2(gateway->database, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    CHECK(sqlite3_busy_timeout(gateway->database, DATABASE_PATIENCE_MS) == SQLITE_OK);
    gateway->checkpoint_at_pages = result == SQLITE_OK ? LOG_PAGES_MAX : gateway->log_pages + LOG_PAGES_MAX;
}

enum status gateway_finish(struct gateway *gateway, struct error *error)
{
    if (!gateway->in_batch)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (gateway->spoilt)
        status = refuse_spoilt(error);
    else
        status = database_execute(gateway->statements[STATEMENT_COMMIT], "write the bank's book", error);
    if (status != STATUS_OK) {
        gateway_drop(gateway);
        return status;
    }
    gateway->in_batch = false;
    checkpoint_when_due(gateway);
    file_lock_release(&gateway->lock);
    return STATUS_OK;
}

void gateway_drop(struct gateway *gateway)
{
    if (!gateway->in_batch)
        return;
    database_roll_back(gateway->database);
    gateway->in_batch = false;
    file_lock_release(&gateway->lock);
}

/* ---- the auditor ---- */

static enum status read_movement(sqlite3_stmt *row, struct gateway_movement *movement, struct error *error)
{
    const char *kind = (const char *)sqlite3_column_text(row, 1);
    const char *order = (const char *)sqlite3_column_text(row, 2);
    const char *currency = (const char *)sqlite3_column_text(row, 4);
    movement->key = (const char *)sqlite3_column_text(row, 0);
    movement->amount_minor = sqlite3_column_int64(row, 3);
    if (movement->key == NULL || kind == NULL || currency == NULL || strlen(currency) >= sizeof movement->currency ||
        order == NULL || !uuid_from_canonical(order, strlen(order), &movement->order))
        return error_set(error, STATUS_DAMAGED, "the bank's book holds a movement that is none");
    movement->kind = strcmp(kind, "charge") == 0 ? GATEWAY_CHARGE : GATEWAY_REFUND;
    copy_text(movement->currency.code, sizeof movement->currency.code, currency);
    return STATUS_OK;
}

enum status gateway_read_book(struct gateway *gateway, gateway_visitor visit, void *context, struct error *error)
{
    static const char sql[] =
        "SELECT idempotency_key, kind, order_id, amount_minor, currency FROM movement ORDER BY rowid";
    sqlite3_stmt *select = NULL;
    enum status status = ensure_book(gateway, error);
    if (status == STATUS_OK)
        status = database_prepare(gateway->database, sql, &select, error);
    while (status == STATUS_OK) {
        bool row = false;
        struct gateway_movement movement = {0};
        status = database_step(select, &row, "read the bank's book", error);
        if (status != STATUS_OK || !row)
            break;
        status = read_movement(select, &movement, error);
        if (status == STATUS_OK)
            status = visit(context, &movement, error);
    }
    sqlite3_finalize(select);
    return status;
}

/* ---- life cycle ---- */

static enum status find_places(struct gateway *gateway, const char *folder, struct error *error)
{
    char run[PATH_SIZE];
    enum status status = path_join(run, folder, error, "run");
    if (status == STATUS_OK)
        status = path_join(gateway->lock_path, folder, error, "run/bank.lock");
    if (status == STATUS_OK)
        status = path_join(gateway->path, folder, error, "gateway.db");
    return status == STATUS_OK ? file_make_folder(run, error) : status;
}

enum status gateway_open(struct gateway **gateway, const char *folder, const struct clock *clock, struct error *error)
{
    *gateway = NULL;
    struct gateway *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_memory(error);
    opened->clock = clock;
    opened->lock = FILE_LOCK_NONE;
    opened->checkpoint_at_pages = LOG_PAGES_MAX;
    enum status status = find_places(opened, folder, error);
    if (status == STATUS_OK)
        status = ensure_book(opened, error);
    if (status == STATUS_BUSY)
        status = STATUS_OK; /* a shop may open its doors while the bank is shut: the first batch looks again */
    if (status == STATUS_OK)
        *gateway = opened;
    else
        gateway_close(&opened);
    return status;
}

void gateway_close(struct gateway **gateway)
{
    struct gateway *closing = *gateway;
    if (closing == NULL)
        return;
    gateway_drop(closing);
    close_book(closing);
    free(closing);
    *gateway = NULL;
}
