/* limit.h - the limit: a bare loop on SQLite that does the least possible work for the same rows.
 *
 * One plain table: no names to intern, no digest, no queue of writers, no triggers, no expected versions but the index
 * that refuses a second event of the same version. What is the same: the bytes of the payloads, FULL durability, the
 * page size and cache, a checkpoint after 16 MiB of log, prepared statements. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <sqlite3.h>

#include "bench/bench.h"
#include "bench/history.h"

/* Who wrote all of the history: the limit's table does not say it, the chain does. */
#define LIMIT_ACTOR    "till-bench"
#define LIMIT_PRODUCER "till " TILL_VERSION

struct limit {
    sqlite3 *database;
    sqlite3_stmt *begin, *insert, *commit;
    int log_pages;
};

/* Opens `path`, and makes it when it is not there. */
enum status limit_open(struct limit *limit, const char *path, struct error *error) MUST_CHECK;
void limit_close(struct limit *limit);

/* Writes the events in one transaction. */
enum status limit_append(struct limit *limit, const struct made_event *events, size_t count,
                         struct error *error) MUST_CHECK;

/* Position of the last row. */
enum status limit_head(struct limit *limit, uint64_t *position, struct error *error) MUST_CHECK;

enum { LIMIT_FILL_MAX = 100 };

/* Writes so many rows with this payload behind the last one, in one transaction: on the stream 0, which no history has.
 */
enum status limit_fill(struct limit *limit, size_t count, const char *data, struct error *error) MUST_CHECK;

/* Bytes of all pages. */
enum status limit_bytes(struct limit *limit, int64_t *bytes, struct error *error) MUST_CHECK;

/* One row, as bare as it can be had: borrowed until the next. */
struct limit_row {
    uint64_t position, stream, version, causation;
    enum event_type type;
    int schema_version;
    const void *id, *correlation; /* UUID_BYTES */
    int64_t recorded_at_us;
    const char *data;
    size_t length;
};

/* Is handed a row, and says whether it has done something with it, which is then counted. */
typedef bool (*limit_visitor)(void *context, const struct limit_row *row);

/* Visits the rows of these positions. `sum` is that of the payloads' lengths. */
enum status limit_visit(struct limit *limit, uint64_t from, uint64_t to, limit_visitor visit, void *context,
                        struct tally *tally, struct error *error) MUST_CHECK;

/* All of these read the whole table. `sum` is that of the payloads' lengths. */

/* Each column is looked at, nothing is parsed. */
enum status limit_read(struct limit *limit, struct tally *tally, struct error *error) MUST_CHECK;
/* cJSON parses the payloads of these types; count and sum are those of what was parsed. */
enum status limit_read_parsed(struct limit *limit, event_type_set types, struct tally *tally,
                              struct error *error) MUST_CHECK;
/* BLAKE2b over the bytes that the store's chain is made of; `digest` is the first link, and becomes the last. */
enum status limit_digest(struct limit *limit, uint8_t digest[EVENTSTORE_DIGEST_BYTES], struct tally *tally,
                         struct error *error) MUST_CHECK;

/* The events of one order, parsed: its streams are numbered in a row. */
enum status limit_journey_prepare(struct limit *limit, sqlite3_stmt **select, struct error *error) MUST_CHECK;
enum status limit_journey(struct limit *limit, sqlite3_stmt *select, uint64_t first_stream, struct tally *tally,
                          struct error *error) MUST_CHECK;

#endif
