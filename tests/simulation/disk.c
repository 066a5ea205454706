#include "tests/simulation/disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "tests/simulation/memory.h"

enum {
    PLATTERS_MAX = 256, /* files of one shop that are open or unsynced at a time: five views, their logs, the rest */
    SHM_PLACES = SQLITE_SHM_NLOCK,
    SHM_EXCLUSIVE = -1,
    LOOKASIDE_BYTES = 512, /* of SQLite's small allocations, without malloc … */
    LOOKASIDE_SLOTS = 400, /* … so many a connection */
};

/* One write, or a truncation to `offset`, since the last sync. */
struct write {
    struct write *before; /* the one made before this */
    struct write *after;
    int64_t offset, old_size;
    int length;     /* of what was written; of what a truncation cut off */
    int old_length; /* so many of these bytes were there before */
    bool truncation;
    unsigned char bytes[]; /* the old ones, then the new ones */
};

/* One file, whatever names it has. */
struct platter {
    dev_t device;
    ino_t inode;
    int descriptor;
    int handles;
    int64_t size;
    struct write *first, *last;
    int locks[SHM_PLACES]; /* of the log's index: how many share it, or SHM_EXCLUSIVE */
};

static struct disk {
    sqlite3_vfs vfs, *real;
    struct platter platters[PLATTERS_MAX];
    enum disk_fault fault;
    uint32_t countdown, count;
    bool struck, dead;
} disk;

struct simulated_file {
    sqlite3_file base; /* as SQLite sees it */
    struct platter *platter;
    sqlite3_file *real;
    bool shared[SHM_PLACES], exclusive[SHM_PLACES]; /* locks of the log's index that this handle holds */
};

static struct simulated_file *simulated(sqlite3_file *file)
{
    return (struct simulated_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return simulated(file)->real;
}

/* ---- faults ---- */

/* Does this operation fail? */
static bool strikes(enum disk_fault fault)
{
    if (disk.fault != fault || disk.count == 0 || --disk.countdown > 0)
        return false;
    disk.countdown = 1;
    disk.count--;
    disk.struck = true;
    if (fault == DISK_DIES)
        disk.dead = true;
    return true;
}

/* What an operation that changes the disk returns when it may not. */
static int write_fault(int otherwise)
{
    if (disk.dead || strikes(DISK_DIES))
        return otherwise;
    if (strikes(DISK_FULL))
        return SQLITE_FULL;
    return strikes(DISK_WRITE_FAILS) ? otherwise : SQLITE_OK;
}

void disk_fail(enum disk_fault fault, uint32_t nth, uint32_t count)
{
    CHECK(fault > DISK_SOUND && fault < DISK_FAULTS && nth > 0);
    disk.fault = fault;
    disk.countdown = nth;
    disk.count = count;
    disk.struck = false;
}

void disk_die(void)
{
    disk.dead = true;
}

bool disk_heal(void)
{
    bool struck = disk.struck;
    disk.fault = DISK_SOUND;
    disk.dead = disk.struck = false;
    return struck;
}

bool disk_is_dead(void)
{
    return disk.dead;
}

/* ---- platters ---- */

static void forget_writes(struct platter *platter)
{
    while (platter->first != NULL) {
        struct write *next = platter->first->after;
        free(platter->first);
        platter->first = next;
    }
    platter->last = NULL;
}

static void drop_platter(struct platter *platter)
{
    forget_writes(platter);
    close(platter->descriptor);
    *platter = (struct platter){0};
}

static struct platter *find_platter(const struct stat *file)
{
    struct platter *free_place = NULL;
    for (int i = 0; i < PLATTERS_MAX; i++) {
        struct platter *platter = &disk.platters[i];
        if (platter->inode == file->st_ino && platter->device == file->st_dev)
            return platter;
        if (platter->inode == 0 && free_place == NULL)
            free_place = platter;
    }
    CHECK(free_place != NULL);
    return free_place;
}

static struct platter *platter_of(const char *path)
{
    struct stat file;
    CHECK(stat(path, &file) == 0);
    struct platter *platter = find_platter(&file);
    if (platter->inode == 0)
        *platter = (struct platter){.device = file.st_dev,
                                    .inode = file.st_ino,
                                    .size = file.st_size,
                                    .descriptor = open(path, O_RDWR | O_CLOEXEC)};
    CHECK(platter->descriptor >= 0);
    platter->handles++;
    return platter;
}

static void leave_platter(struct platter *platter)
{
    if (platter != NULL && --platter->handles == 0 && platter->first == NULL)
        drop_platter(platter);
}

static void remember(struct platter *platter, const void *bytes, int length, int64_t offset, bool truncation)
{
    int64_t there = platter->size - offset;
    int old_length = there <= 0 ? 0 : there < length ? (int)there : length;
    int new_length = truncation ? 0 : length;
    memory_spare();
    struct write *write = malloc(sizeof *write + (size_t)old_length + (size_t)new_length);
    memory_spare_no_more();
    CHECK(write != NULL);
    *write = (struct write){.before = platter->last,
                            .offset = offset,
                            .old_size = platter->size,
                            .length = length,
                            .old_length = old_length,
                            .truncation = truncation};
    if (old_length > 0)
        CHECK(pread(platter->descriptor, write->bytes, (size_t)old_length, offset) == old_length);
    if (new_length > 0)
        memcpy(write->bytes + old_length, bytes, (size_t)new_length);
    if (platter->last != NULL)
        platter->last->after = write;
    else
        platter->first = write;
    platter->last = write;
    platter->size = truncation ? offset : offset + length > platter->size ? offset + length : platter->size;
}

/* ---- power ---- */

static void take_back(const struct platter *platter, const struct write *write)
{
    if (write->old_length > 0)
        CHECK(pwrite(platter->descriptor, write->bytes, (size_t)write->old_length, write->offset) == write->old_length);
    CHECK(ftruncate(platter->descriptor, write->old_size) == 0);
}

static void make_again(const struct platter *platter, const struct write *write, int length)
{
    if (write->truncation)
        CHECK(ftruncate(platter->descriptor, write->offset) == 0);
    else
        CHECK(pwrite(platter->descriptor, write->bytes + write->old_length, (size_t)length, write->offset) == length);
}

/* First all of it goes, from the last write to the first; then come the ones that had reached the disk. */
static void lose(struct platter *platter, struct dice *dice)
{
    for (const struct write *write = platter->last; write != NULL; write = write->before)
        take_back(platter, write);
    for (const struct write *write = platter->first; write != NULL; write = write->after) {
        uint32_t fate = dice_of(dice, 3);
        if (fate > 0)
            make_again(platter, write, fate == 1 ? write->length : write->length / 2);
    }
}

void disk_lose_power(struct dice *dice)
{
    for (int i = 0; i < PLATTERS_MAX; i++) {
        struct platter *platter = &disk.platters[i];
        CHECK(platter->handles == 0);
        if (platter->inode == 0)
            continue;
        lose(platter, dice);
        drop_platter(platter);
    }
}

void disk_was_synced(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0 || !S_ISREG(file.st_mode))
        return;
    struct platter *platter = find_platter(&file);
    if (platter->inode == 0)
        return;
    forget_writes(platter);
    if (platter->handles == 0)
        drop_platter(platter);
}

int disk_unsynced(void)
{
    int count = 0;
    for (int i = 0; i < PLATTERS_MAX; i++)
        for (const struct write *write = disk.platters[i].first; write != NULL; write = write->after)
            count++;
    return count;
}

void disk_reset(void)
{
    disk_heal();
    for (int i = 0; i < PLATTERS_MAX; i++) {
        CHECK(disk.platters[i].handles == 0);
        if (disk.platters[i].inode != 0)
            drop_platter(&disk.platters[i]);
    }
}

/* ---- the file, as SQLite calls it ---- */

static void shm_unlock(struct simulated_file *file, int place)
{
    if (file->shared[place])
        file->platter->locks[place]--;
    if (file->exclusive[place])
        file->platter->locks[place] = 0;
    file->shared[place] = file->exclusive[place] = false;
}

static int simulate_close(sqlite3_file *file)
{
    for (int i = 0; simulated(file)->platter != NULL && i < SHM_PLACES; i++)
        shm_unlock(simulated(file), i);
    leave_platter(simulated(file)->platter);
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int simulate_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
    if (disk.dead || strikes(DISK_READ_FAILS))
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), bytes, length, offset);
}

static int simulate_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    int fault = write_fault(SQLITE_IOERR_WRITE);
    if (fault != SQLITE_OK)
        return fault;
    if (simulated(file)->platter != NULL)
        remember(simulated(file)->platter, bytes, length, offset, false);
    return real_of(file)->pMethods->xWrite(real_of(file), bytes, length, offset);
}

static int simulate_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct platter *platter = simulated(file)->platter;
    int fault = write_fault(SQLITE_IOERR_TRUNCATE);
    if (fault != SQLITE_OK)
        return fault;
    if (platter != NULL && size < platter->size)
        remember(platter, NULL, (int)(platter->size - size), size, true);
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

/* The real file is not synced: it is thrown away. */
static int simulate_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    if (disk.dead || strikes(DISK_DIES) || strikes(DISK_SYNC_FAILS))
        return SQLITE_IOERR_FSYNC;
    if (simulated(file)->platter != NULL)
        forget_writes(simulated(file)->platter);
    return SQLITE_OK;
}

static int simulate_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int simulate_lock(sqlite3_file *file, int level)
{
    if (strikes(DISK_BUSY))
        return SQLITE_BUSY;
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int simulate_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int simulate_check_reserved(sqlite3_file *file, int *result)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int simulate_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int simulate_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int simulate_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int simulate_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

/* The locks of the log's index are ours: all who could want one are in this process, and asking the kernel for each
 * would take a tenth of the time. */
static int simulate_shm_lock(sqlite3_file *asking, int offset, int count, int flags)
{
    struct simulated_file *file = simulated(asking);
    bool unlock = (flags & SQLITE_SHM_UNLOCK) != 0, exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (int i = offset; unlock && i < offset + count; i++)
        shm_unlock(file, i);
    if (unlock)
        return SQLITE_OK;
    if (strikes(DISK_BUSY))
        return SQLITE_BUSY;
    for (int i = offset; i < offset + count; i++)
        if (exclusive ? file->platter->locks[i] != 0 : file->platter->locks[i] == SHM_EXCLUSIVE)
            return SQLITE_BUSY;
    for (int i = offset; i < offset + count; i++) {
        file->platter->locks[i] = exclusive ? SHM_EXCLUSIVE : file->platter->locks[i] + 1;
        *(exclusive ? &file->exclusive[i] : &file->shared[i]) = true;
    }
    return SQLITE_OK;
}

static void simulate_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int simulate_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = simulate_close,
    .xRead = simulate_read,
    .xWrite = simulate_write,
    .xTruncate = simulate_truncate,
    .xSync = simulate_sync,
    .xFileSize = simulate_file_size,
    .xLock = simulate_lock,
    .xUnlock = simulate_unlock,
    .xCheckReservedLock = simulate_check_reserved,
    .xFileControl = simulate_control,
    .xSectorSize = simulate_sector_size,
    .xDeviceCharacteristics = simulate_characteristics,
    .xShmMap = simulate_shm_map,
    .xShmLock = simulate_shm_lock,
    .xShmBarrier = simulate_shm_barrier,
    .xShmUnmap = simulate_shm_unmap,
};

static int simulate_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    struct simulated_file *opened = simulated(file);
    *opened = (struct simulated_file){.real = (sqlite3_file *)(opened + 1)};
    if (disk.dead)
        return SQLITE_CANTOPEN;
    int result = disk.real->xOpen(disk.real, name, opened->real, flags, out_flags);
    if (result != SQLITE_OK)
        return result;
    if (name != NULL && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0) /* a temporary file is nobody's after a crash */
        opened->platter = platter_of(name);
    opened->base.pMethods = &methods;
    return SQLITE_OK;
}

static int simulate_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs, (void)sync_folder;
    int fault = write_fault(SQLITE_IOERR_DELETE);
    return fault != SQLITE_OK ? fault : disk.real->xDelete(disk.real, name, 0);
}

/* Nobody else is at work in this thread: what is waited for would never come. */
static int simulate_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

void disk_install(void)
{
    /* A simulation has one thread, opens hundreds of connections, and reads no statistics. */
    CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, LOOKASIDE_BYTES, LOOKASIDE_SLOTS) == SQLITE_OK);
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "simulated";
    disk.vfs.szOsFile = (int)sizeof(struct simulated_file) + disk.real->szOsFile;
    disk.vfs.xOpen = simulate_open;
    disk.vfs.xDelete = simulate_delete;
    disk.vfs.xSleep = simulate_sleep;
    CHECK(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK);
}
