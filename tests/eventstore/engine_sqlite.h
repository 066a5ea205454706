/* engine_sqlite.h - a rogue's connection to the store's file: no triggers, no queue, no manners. */
#ifndef TESTS_EVENTSTORE_ENGINE_SQLITE_H
#define TESTS_EVENTSTORE_ENGINE_SQLITE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "tests/eventstore/engine.h"

sqlite3 *raw_open(const char *folder);
void raw_close(sqlite3 *database);
void raw_run(sqlite3 *database, const char *sql);
void raw_drop_triggers(sqlite3 *database);
int64_t raw_integer(sqlite3 *database, const char *sql);

/* Bytes of a file of the store; -1 when it is not there. */
off_t size_of(const char *folder, const char *name);

#endif
