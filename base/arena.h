/* arena.h - memory that is given back all at once.
 *
 * Who decodes an event into an arena owns nothing piecewise: strings and lists live until the arena is reset. A reset
 * keeps the largest ordinary block, so a loop that decodes and resets soon allocates nothing more. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialised is empty and ready: `struct arena arena = {0};`. */
struct arena {
    struct arena_block *current; /* newest block, linked to the older ones */
};

/* `size` bytes, zeroed, aligned for any type; NULL when memory ends. Never fails for want of a good size: 0 gives a
 * valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc for `count` items of `size` bytes; NULL as well when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* A NUL-terminated copy of `length` bytes; NULL when memory ends. */
char *arena_copy_text(struct arena *arena, const char *text, size_t length);

/* A NUL-terminated copy of a whole string; NULL when memory ends. */
char *arena_copy(struct arena *arena, const char *text);

/* Everything handed out is gone; the memory is kept for the next round, all but what made it unusually large. */
void arena_reset(struct arena *arena);

/* Everything handed out is gone and the memory given back. The arena is empty and ready again. */
void arena_clear(struct arena *arena);

#endif
