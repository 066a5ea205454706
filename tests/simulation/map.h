/* map.h - numbers by 64-bit keys. For tests: when memory ends, so does the process. */
#ifndef TESTS_SIMULATION_MAP_H
#define TESTS_SIMULATION_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. */
struct map {
    struct map_entry {
        uint64_t key; /* 0: a free place */
        uint64_t value;
    } * entries;
    size_t capacity, count;
};

/* The place of a key's value, which is 0 when the key is new. Good until the next call. The key is not 0. */
uint64_t *map_at(struct map *map, uint64_t key);
void map_clear(struct map *map);

/* A key for some bytes: FNV-1a. Two of a simulation's names with one key would need billions of names. */
uint64_t map_key(const void *bytes, size_t length);

#endif
