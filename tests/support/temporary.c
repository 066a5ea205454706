#include "tests/support/temporary.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

enum { DESCRIPTORS_MAX = 16 };

void temporary_make(char folder[TEMPORARY_SIZE])
{
    const char *place = getenv("TMPDIR");
    int length = snprintf(folder, TEMPORARY_SIZE, "%s/till-test-XXXXXX", place != NULL ? place : "/tmp");
    CHECK(length < TEMPORARY_SIZE && mkdtemp(folder) != NULL);
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found, (void)kind, (void)where;
    return remove(path);
}

void temporary_remove(const char *folder)
{
    CHECK(nftw(folder, remove_one, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS) == 0);
}

static int64_t fake_now_us(void *context)
{
    return ((const struct fake_clock *)context)->now_us;
}

struct clock fake_clock(struct fake_clock *fake)
{
    return (struct clock){.now_us = fake_now_us, .context = fake};
}
