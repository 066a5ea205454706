#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/arena.h"

static struct arena arena;

static void clear(void)
{
    arena_clear(&arena);
}

TestSuite(arena, .fini = clear);

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

Test(arena, hands_out_memory_that_is_aligned_zeroed_and_nobody_elses)
{
    enum { PIECES = 2000 };
    static unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        const size_t size = i % 61;
        pieces[i] = arena_alloc(&arena, size);
        cr_assert_not_null(pieces[i]);
        cr_assert_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        cr_assert(is_zero(pieces[i], size));
        memset(pieces[i], (int)(i % 251) + 1, size);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < i % 61; j++)
            cr_assert_eq(pieces[i][j], i % 251 + 1);
}

Test(arena, memory_is_zeroed_again_after_a_reset)
{
    memset(arena_alloc(&arena, 3000), 0xFF, 3000);
    arena_reset(&arena);
    cr_assert(is_zero(arena_alloc(&arena, 3000), 3000));
}

Test(arena, size_zero_gives_a_valid_pointer)
{
    cr_assert_not_null(arena_alloc(&arena, 0));
    cr_assert_not_null(arena_alloc_array(&arena, 0, 16));
}

Test(arena, sizes_around_a_whole_block_fit)
{
    for (size_t size = 4096 - 40; size <= 4096 + 40; size++) {
        arena_clear(&arena);
        unsigned char *memory = arena_alloc(&arena, size);
        memset(memory, 1, size);
        unsigned char *next = arena_alloc(&arena, 24);
        memset(next, 2, 24);
        cr_assert_eq(memory[size - 1], 1);
    }
}

Test(arena, a_size_that_cannot_be_is_refused)
{
    cr_assert_null(arena_alloc(&arena, SIZE_MAX));
    cr_assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    cr_assert_null(arena_alloc(&arena, PTRDIFF_MAX));
    cr_assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    cr_assert_null(arena_copy_text(&arena, "x", SIZE_MAX));
    cr_assert_not_null(arena_alloc(&arena, 8), "a refusal does no harm");
}

Test(arena, copies_are_terminated_and_independent)
{
    char text[] = "tea and coffee";
    const char *part = arena_copy_text(&arena, text, 3);
    const char *whole = arena_copy(&arena, text);
    const char *empty = arena_copy_text(&arena, NULL, 0);
    memset(text, 'x', sizeof text - 1);
    cr_assert_str_eq(part, "tea");
    cr_assert_str_eq(whole, "tea and coffee");
    cr_assert_str_eq(empty, "");
}

Test(arena, a_loop_that_resets_soon_uses_the_same_memory_again)
{
    const void *first[5];
    for (int round = 0; round < 5; round++) {
        first[round] = arena_alloc(&arena, 100);
        for (int i = 0; i < 500; i++)
            cr_assert_not_null(arena_alloc(&arena, 100));
        arena_reset(&arena);
    }
    cr_assert_eq(first[3], first[4]);
}

Test(arena, an_unusually_large_block_is_not_kept)
{
    const void *small = arena_alloc(&arena, 100);
    cr_assert_not_null(arena_alloc(&arena, 1 << 20));
    arena_reset(&arena);
    cr_assert_eq(arena_alloc(&arena, 100), small);
}

Test(arena, is_empty_and_ready_after_a_reset_and_after_a_clear)
{
    arena_reset(&arena);
    arena_clear(&arena);
    cr_assert_not_null(arena_alloc(&arena, 10));
    arena_clear(&arena);
    cr_assert_null(arena.current);
    cr_assert_not_null(arena_alloc(&arena, 10));
}
