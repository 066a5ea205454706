#include "tests/simulation/map.h"

#include <stdlib.h>

#include "base/status.h"

static struct map_entry *find(const struct map *map, uint64_t key)
{
    size_t place = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (map->capacity - 1);
    while (map->entries[place].key != 0 && map->entries[place].key != key)
        place = (place + 1) & (map->capacity - 1);
    return &map->entries[place];
}

static void grow(struct map *map)
{
    struct map larger = {.capacity = map->capacity == 0 ? 256 : 2 * map->capacity, .count = map->count};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    CHECK(larger.entries != NULL);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].key != 0)
            *find(&larger, map->entries[i].key) = map->entries[i];
    free(map->entries);
    *map = larger;
}

uint64_t *map_at(struct map *map, uint64_t key)
{
    CHECK(key != 0);
    if (2 * map->count >= map->capacity)
        grow(map);
    struct map_entry *entry = find(map, key);
    map->count += entry->key == 0;
    entry->key = key;
    return &entry->value;
}

void map_clear(struct map *map)
{
    free(map->entries);
    *map = (struct map){0};
}

uint64_t map_key(const void *bytes, size_t length)
{
    uint64_t key = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        key = (key ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return key == 0 ? 1 : key;
}
