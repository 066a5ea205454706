#include "tests/simulation/memory.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/status.h"

static struct {
    uint32_t countdown; /* 0: none fails */
    bool only_ours;
    bool struck;
    int spared;
    sqlite3_mem_methods sqlite;
} memory;

void memory_fail(uint32_t nth)
{
    memory.countdown = nth;
    memory.only_ours = false;
    memory.struck = false;
}

void memory_fail_ours(uint32_t nth)
{
    memory_fail(nth);
    memory.only_ours = true;
}

bool memory_heal(void)
{
    bool struck = memory.struck;
    memory.countdown = 0;
    memory.struck = false;
    return struck;
}

void memory_spare(void)
{
    memory.spared++;
}

void memory_spare_no_more(void)
{
    CHECK(memory.spared > 0);
    memory.spared--;
}

static bool fails(bool is_ours)
{
    if (memory.spared > 0 || (memory.only_ours && !is_ours) || memory.countdown == 0 || --memory.countdown > 0)
        return false;
    memory.struck = true;
    return true;
}

/* ---- ours. The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier) ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails(true) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(true) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails(true) ? NULL : __real_realloc(old, size);
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- SQLite's ---- */

static void *sqlite_allocate(int size)
{
    return fails(false) ? NULL : memory.sqlite.xMalloc(size);
}

static void *sqlite_reallocate(void *old, int size)
{
    return fails(false) ? NULL : memory.sqlite.xRealloc(old, size);
}

void memory_install(void)
{
    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.sqlite) == SQLITE_OK);
    sqlite3_mem_methods methods = memory.sqlite;
    methods.xMalloc = sqlite_allocate;
    methods.xRealloc = sqlite_reallocate;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = __wrap_malloc, .free_fn = free});
}
