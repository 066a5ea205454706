#include "base/array.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

Test(array, keeps_what_it_holds_when_it_grows)
{
    int *items = NULL;
    size_t count = 0, capacity = 0;
    for (int i = 0; i < 1000; i++) {
        items = array_room(items, count, &capacity, sizeof *items);
        cr_assert_not_null(items);
        cr_assert_lt(count, capacity);
        items[count++] = i;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(items[i], i);
    free(items);
}

Test(array, moves_nothing_while_there_is_room)
{
    size_t capacity = 0;
    int *items = array_room(NULL, 0, &capacity, sizeof *items);
    cr_assert_eq(array_room(items, capacity - 1, &capacity, sizeof *items), items);
    free(items);
}

Test(array, says_so_when_there_is_no_memory_and_loses_nothing)
{
    size_t capacity = 0, before;
    char *items = array_room(NULL, 0, &capacity, 1);
    before = capacity;
    cr_assert_null(array_room(items, capacity, &capacity, SIZE_MAX / 4));
    cr_assert_eq(capacity, before);
    free(items);
}
