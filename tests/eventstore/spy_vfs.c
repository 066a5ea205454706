#include "tests/eventstore/spy_vfs.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct spy spy;

/* SQLite's locks in the shared memory (walIndexLock in wal.c): one place for the writer, one for the checkpointer. */
enum { WRITER_PLACE = 0, CHECKPOINTER_PLACE = 1 };

struct spied_file {
    sqlite3_file base; /* ours, as SQLite sees it */
    bool is_database;
    char name[PATH_SIZE];
    sqlite3_file *real; /* behind this struct in memory */
};

static sqlite3_vfs *real_vfs;

static struct spied_file *spied(sqlite3_file *file)
{
    return (struct spied_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return spied(file)->real;
}

static void see(int *what)
{
    ++*what;
    if (spy.queue_lock != NULL && !file_lock_is_held(spy.queue_lock))
        spy.outside++;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* One operation that changes the disk. Gives SQLITE_OK when it may go on. */
static int operate(const char *name)
{
    if (++spy.operations == spy.die_at)
        (void)kill(getpid(), SIGKILL);
    if (spy.fail_on == NULL || !ends_with(name, spy.fail_on))
        return SQLITE_OK;
    ++spy.failing;
    return spy.failing >= spy.fail_at && spy.failing < spy.fail_at + spy.fail_count ? spy.fail_with : SQLITE_OK;
}

static int spy_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int spy_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), bytes, length, offset);
}

static int spy_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    if (spied(file)->is_database)
        see(&spy.file_writes);
    int result = operate(spied(file)->name);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xWrite(real_of(file), bytes, length, offset);
}

static int spy_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int result = operate(spied(file)->name);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int spy_sync(sqlite3_file *file, int flags)
{
    spy.syncs += spy.fail_on != NULL && ends_with(spied(file)->name, spy.fail_on);
    int result = operate(spied(file)->name);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int spy_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int spy_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int spy_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int spy_check_reserved(sqlite3_file *file, int *result)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int spy_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int spy_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int spy_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int spy_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

static int spy_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    int result = real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
    bool taken = result == SQLITE_OK && flags == (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) && count == 1;
    if (taken && offset == WRITER_PLACE)
        see(&spy.write_locks);
    if (taken && offset == CHECKPOINTER_PLACE)
        see(&spy.checkpoint_locks);
    return result;
}

static void spy_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int spy_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods spy_methods = {
    .iVersion = 2,
    .xClose = spy_close,
    .xRead = spy_read,
    .xWrite = spy_write,
    .xTruncate = spy_truncate,
    .xSync = spy_sync,
    .xFileSize = spy_file_size,
    .xLock = spy_lock,
    .xUnlock = spy_unlock,
    .xCheckReservedLock = spy_check_reserved,
    .xFileControl = spy_control,
    .xSectorSize = spy_sector_size,
    .xDeviceCharacteristics = spy_characteristics,
    .xShmMap = spy_shm_map,
    .xShmLock = spy_shm_lock,
    .xShmBarrier = spy_shm_barrier,
    .xShmUnmap = spy_shm_unmap,
};

static int spy_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    struct spied_file *opened = spied(file);
    *opened = (struct spied_file){.is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0};
    opened->real = (sqlite3_file *)(opened + 1);
    if (name != NULL)
        cr_assert_eq(path_format(opened->name, NULL, "%s", name), STATUS_OK);
    int result = real_vfs->xOpen(real_vfs, name, opened->real, flags, out_flags);
    opened->base.pMethods = result == SQLITE_OK ? &spy_methods : NULL;
    return result;
}

static int spy_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    int result = operate(name);
    return result != SQLITE_OK ? result : real_vfs->xDelete(real_vfs, name, sync_folder);
}

void spy_install(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "spy";
    vfs.szOsFile = (int)sizeof(struct spied_file) + real_vfs->szOsFile;
    vfs.xOpen = spy_open;
    vfs.xDelete = spy_delete;
    cr_assert_eq(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
