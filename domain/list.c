#include "domain/list.h"

#include <string.h>

enum { FIRST_ITEMS = 4 };

bool list_grow(struct list *list, size_t *room, size_t size, struct arena *arena)
{
    if (list->count < *room)
        return true;
    const size_t grown = *room == 0 ? FIRST_ITEMS : 2 * *room;
    void *items = arena_alloc_array(arena, grown, size);
    if (items == NULL)
        return false;
    if (list->count > 0)
        memcpy(items, list->items, list->count * size);
    list->items = items;
    *room = grown;
    return true;
}
