/* list.h - a list in an event's struct while it is being read or written.
 *
 * The common shape of `struct order_lines` and its like, read from them and written to them by memcpy, which is all
 * that C allows. */
#ifndef DOMAIN_LIST_H
#define DOMAIN_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct list {
    void *items;
    size_t count;
};

/* Makes room for one more item of `size` bytes, zeroed; `*room` is how many there is room for. It doubles, for nobody
 * knows how many will come, and the arena frees what is left behind. False when memory ends. */
bool list_grow(struct list *list, size_t *room, size_t size, struct arena *arena);

#endif
