#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/status.h"

enum { FIRST_CAPACITY = 32 };

void *array_room(void *items, size_t count, size_t *capacity, size_t size)
{
    CHECK(size > 0 && count <= *capacity);
    if (count < *capacity)
        return items;
    size_t wanted = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    void *grown = wanted <= SIZE_MAX / size ? realloc(items, wanted * size) : NULL;
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}
