/* array.h - a list that grows at its end. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

/* Makes sure that one more item of `size` bytes fits behind `count`; `*capacity` is in items. Returns where the items
 * stand now, or NULL when memory ends: then they stand where they stood.
 *
 *     struct step *items = array_room(list->items, list->count, &list->capacity, sizeof *items);
 *     if (items == NULL)
 *         return error_memory(error);
 *     list->items = items;
 *     list->items[list->count++] = step; */
void *array_room(void *items, size_t count, size_t *capacity, size_t size);

#endif
