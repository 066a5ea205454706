#include "projections/generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mutant.h"

/* views/ was there a moment ago. */
static enum status folder_error(const char *doing, const char *what, struct error *error)
{
    if (errno == ENOENT)
        return error_set(error, STATUS_IO, "the folder views was deleted just now: try again");
    return error_errno(error, doing, what);
}

enum status generation_path(char path[PATH_SIZE], const struct view_home *home, const struct projection *projection,
                            uint64_t generation, struct error *error)
{
    return path_join(path, home->folder, error, "views/%s.%" PRIu64 ".db", projection->name, generation);
}

/* "orders.12.db-wal" of "orders" is generation 12 and "-wal"; 0 for a name that is no generation of this view. */
static uint64_t generation_of(const char *entry, const char *name, const char **suffix)
{
    size_t length = strlen(name);
    if (strncmp(entry, name, length) != 0 || entry[length] != '.' || entry[length + 1] < '1' || entry[length + 1] > '9')
        return 0;
    char *end;
    errno = 0;
    uint64_t generation = strtoull(entry + length + 1, &end, 10);
    if (errno != 0 || strncmp(end, ".db", 3) != 0)
        return 0;
    *suffix = end + 3;
    return generation;
}

uint64_t generation_linked(const char *link_path, const char *name)
{
    char target[PATH_SIZE];
    const char *suffix;
    ssize_t length = readlink(link_path, target, sizeof target - 1);
    if (length < 0)
        return 0;
    target[length] = '\0';
    uint64_t generation = generation_of(target, name, &suffix);
    return generation != 0 && *suffix == '\0' ? generation : 0;
}

enum status generation_link_path(char path[PATH_SIZE], const struct view_home *home,
                                 const struct projection *projection, struct error *error)
{
    return path_join(path, home->folder, error, "views/%s.db", projection->name);
}

static ino_t inode_of(const char *path, const char *suffix, bool *irregular)
{
    char name[PATH_SIZE];
    struct stat found;
    struct error ignored;
    if (path_format(name, &ignored, "%s%s", path, suffix) != STATUS_OK || lstat(name, &found) != 0)
        return 0;
    if (S_ISREG(found.st_mode))
        return found.st_ino;
    *irregular = true;
    return 0;
}

struct view_files generation_files(const char *path, uint64_t generation)
{
    struct view_files files = {.generation = generation};
    files.database = inode_of(path, "", &files.irregular);
    files.log = inode_of(path, "-wal", &files.irregular);
    files.log_index = inode_of(path, "-shm", &files.irregular);
    return files;
}

bool view_files_equal(const struct view_files *one, const struct view_files *other)
{
    return one->generation == other->generation && one->database == other->database && one->log == other->log &&
           one->log_index == other->log_index;
}

bool view_files_are_all_there(const struct view_files *files)
{
    return files->database != 0 && files->log != 0 && files->log_index != 0;
}

/* ---- run/view-<name>.files ---- */

/* What is known of a view's files. On disk it is one line, the numbers in this order. */
struct record {
    uint64_t last; /* generation that was given */
    struct view_files files;
};
enum { RECORD_NUMBERS = 5, RECORD_LINE_SIZE = 128 };

static struct record record_read(const struct view_home *home, const struct projection *projection)
{
    char path[PATH_SIZE], line[RECORD_LINE_SIZE], *at = line;
    uint64_t numbers[RECORD_NUMBERS];
    struct error ignored;
    int file;
    if (path_join(path, home->folder, &ignored, "run/view-%s.files", projection->name) != STATUS_OK ||
        file_open_regular(&file, path, O_RDONLY, &ignored) != STATUS_OK)
        return (struct record){0};
    ssize_t length = file_read_up_to(file, line, sizeof line - 1);
    (void)close(file);
    line[length < 0 ? 0 : length] = '\0';
    bool is_whole = strchr(line, '\n') != NULL;
    for (int i = 0; i < RECORD_NUMBERS && is_whole; i++) {
        char *end;
        numbers[i] = strtoull(at, &end, 10);
        is_whole = end != at;
        at = end;
    }
    if (!is_whole)
        return (struct record){0};
    return (struct record){.last = numbers[0],
                           .files = {.generation = numbers[1],
                                     .database = (ino_t)numbers[2],
                                     .log = (ino_t)numbers[3],
                                     .log_index = (ino_t)numbers[4]}};
}

static enum status record_write(const struct view_home *home, const struct projection *projection,
                                const struct record *record, struct error *error)
{
    char path[PATH_SIZE], line[RECORD_LINE_SIZE];
    const struct view_files *files = &record->files;
    int file = -1;
    enum status status = path_join(path, home->folder, error, "run/view-%s.files", projection->name);
    if (status == STATUS_OK)
        status = file_open_regular(&file, path, O_WRONLY | O_CREAT, error);
    if (status != STATUS_OK)
        return status;
    int length =
        snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", record->last,
                 files->generation, (uint64_t)files->database, (uint64_t)files->log, (uint64_t)files->log_index);
    if (ftruncate(file, 0) != 0 || !file_write_all(file, line, (size_t)length))
        status = error_errno(error, "write", path);
    (void)close(file);
    return status;
}

struct view_files generation_recall(const struct view_home *home, const struct projection *projection)
{
    return record_read(home, projection).files;
}

enum status generation_record(const struct view_home *home, const struct projection *projection,
                              const struct view_files *files, struct error *error)
{
    struct record record = record_read(home, projection);
    CHECK(view_files_are_all_there(files));
    record.files = *files;
    return record_write(home, projection, &record, error);
}

/* ---- the folder ---- */

enum status generation_next(const struct view_home *home, const struct projection *projection, uint64_t *generation,
                            struct error *error)
{
    char path[PATH_SIZE];
    enum status status = path_join(path, home->folder, error, "views");
    if (status == STATUS_OK)
        status = file_make_folder(path, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? folder_error("make the folder", path, error) : status;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return folder_error("read the folder", path, error);
    const char *suffix;
    struct record record = record_read(home, projection);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        uint64_t found = generation_of(entry->d_name, projection->name, &suffix);
        record.last = found > record.last ? found : record.last; /* run/ may be younger than views/ */
    }
    closedir(folder);
    *generation = ++record.last;
    return record_write(home, projection, &record, error);
}

enum status generation_remove_others(const struct view_home *home, const struct projection *projection,
                                     struct error *error)
{
    char path[PATH_SIZE], link_path[PATH_SIZE];
    enum status status = path_join(path, home->folder, error, "views");
    if (status == STATUS_OK)
        status = generation_link_path(link_path, home, projection, error);
    if (status != STATUS_OK)
        return status;
    uint64_t linked = generation_linked(link_path, projection->name);

    /* First the databases, then their logs: who has opened one but not its log yet must see that it has moved. */
    for (int logs = 0; logs <= 1; logs++) {
        DIR *folder = opendir(path);
        if (folder == NULL)
            return errno == ENOENT ? STATUS_OK : error_errno(error, "read the folder", path);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            const char *suffix;
            uint64_t found = generation_of(entry->d_name, projection->name, &suffix);
            if (found != 0 && found != linked && (*suffix != '\0') == logs &&
                unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT)
                status = error_errno(error, "remove", entry->d_name);
        }
        closedir(folder);
    }
    return status;
}

/* Of a mutant: the new file takes the old one's name, whose log stays where it is. */
static bool rename_over_live(const struct view_home *home, const struct projection *projection, const char *link_path,
                             uint64_t generation)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    uint64_t live = generation_linked(link_path, projection->name);
    return live != 0 && generation_path(from, home, projection, generation, NULL) == STATUS_OK &&
           generation_path(to, home, projection, live, NULL) == STATUS_OK && rename(from, to) == 0;
}

enum status generation_publish(const struct view_home *home, const struct projection *projection,
                               const struct view_files *files, struct error *error)
{
    char temporary[PATH_SIZE], target[PATH_SIZE], link_path[PATH_SIZE], folder[PATH_SIZE];
    enum status status = path_join(temporary, home->folder, error, "views/.%s.db.new", projection->name);
    if (status == STATUS_OK)
        status = generation_link_path(link_path, home, projection, error);
    if (status == STATUS_OK)
        status = path_join(folder, home->folder, error, "views");
    if (status != STATUS_OK)
        return status;
    snprintf(target, sizeof target, "%s.%" PRIu64 ".db", projection->name, files->generation);
    status = generation_record(home, projection, files, error);
    if (status != STATUS_OK)
        return status;
    if (MUTANT(VIEW_RENAMED) && rename_over_live(home, projection, link_path, files->generation))
        return STATUS_OK;
    if (unlink(temporary) != 0 && errno != ENOENT)
        return error_errno(error, "remove", temporary);
    if (symlink(target, temporary) != 0)
        return folder_error("make the link", temporary, error);
    if (rename(temporary, link_path) != 0)
        return folder_error("move the link", link_path, error);
    status = file_sync(folder, error);
    return status == STATUS_NOT_FOUND ? error_set(error, STATUS_IO, "the folder views was deleted just now: try again")
                                      : status;
}
