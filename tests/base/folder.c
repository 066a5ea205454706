#include "tests/base/folder.h"

#include <stdio.h>

#include "base/status.h"
#include "tests/support/temporary.h"

enum { PATHS = 8, PATH_BYTES_MAX = 512 };

static char folder[TEMPORARY_SIZE];

void folder_begin(void)
{
    temporary_make(folder);
}

void folder_end(void)
{
    temporary_remove(folder);
}

const char *folder_path(const char *name)
{
    static char paths[PATHS][PATH_BYTES_MAX];
    static unsigned next;
    char *path = paths[next++ % PATHS];
    const char *slash = name[0] == '\0' ? "" : "/";
    const int length = snprintf(path, PATH_BYTES_MAX, "%s%s%s", folder, slash, name);
    CHECK(length > 0 && length < PATH_BYTES_MAX);
    return path;
}

const char *folder_file(const char *name, const void *bytes, size_t length)
{
    const char *path = folder_path(name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, length, file) == length);
    CHECK(fclose(file) == 0);
    return path;
}
