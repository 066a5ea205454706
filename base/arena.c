/* A list of blocks, newest first; memory is handed out from the newest by moving one number. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum {
    FIRST_BLOCK_BYTES = 4096,
    /* Room for every ordinary batch. One 1 MiB payload must not make a long-lived process keep a megabyte. */
    KEPT_BLOCK_BYTES_MAX = 256 * 1024,
};

struct arena_block {
    struct arena_block *older;
    size_t size; /* of `bytes` */
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

static size_t round_up(size_t size)
{
    const size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

/* Doubling keeps the number of blocks logarithmic; the bound keeps the next block one that a reset would keep. */
static size_t next_block_size(const struct arena *arena, size_t needed)
{
    size_t size = FIRST_BLOCK_BYTES;
    if (arena->current != NULL)
        size = arena->current->size < KEPT_BLOCK_BYTES_MAX / 2 ? arena->current->size * 2 : KEPT_BLOCK_BYTES_MAX;
    return size < needed ? needed : size;
}

static struct arena_block *add_block(struct arena *arena, size_t needed)
{
    const size_t size = next_block_size(arena, needed);
    struct arena_block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.older = arena->current, .size = size};
    arena->current = block;
    return block;
}

/* As arena_alloc, but the bytes are whatever they are: for who overwrites them all. */
static void *take(struct arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - 2 * sizeof(struct arena_block))
        return NULL;

    const size_t rounded = round_up(size);
    struct arena_block *block = arena->current;
    if (block == NULL || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    if (block == NULL)
        return NULL;

    void *memory = block->bytes + block->used;
    block->used += rounded;
    CHECK(block->used <= block->size);
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = take(arena, size);
    return memory == NULL ? NULL : memset(memory, 0, size);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = take(arena, length + 1);
    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    return arena_copy_text(arena, text, strlen(text));
}

/* Blocks grow, but for those of one large piece: the newest that may be kept is the largest. */
static struct arena_block *largest_kept(const struct arena *arena)
{
    struct arena_block *block = arena->current;
    while (block != NULL && block->size > KEPT_BLOCK_BYTES_MAX)
        block = block->older;
    return block;
}

static void free_all_but(struct arena *arena, struct arena_block *kept)
{
    struct arena_block *block = arena->current;
    while (block != NULL) {
        struct arena_block *older = block->older;
        if (block != kept)
            free(block);
        block = older;
    }
    arena->current = kept;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = largest_kept(arena);
    free_all_but(arena, kept);
    if (kept != NULL) {
        kept->older = NULL;
        kept->used = 0;
    }
}

void arena_clear(struct arena *arena)
{
    free_all_but(arena, NULL);
}
