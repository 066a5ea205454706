/* memory.h - memory that ends: the n-th allocation of a step fails, whether it is ours (the linker leads malloc, calloc
 * and realloc of our own code here), SQLite's or cJSON's. Those that the C library makes for itself are left alone. */
#ifndef TESTS_SIMULATION_MEMORY_H
#define TESTS_SIMULATION_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Before SQLite is used for the first time. */
void memory_install(void);

/* The `nth` allocation (1: the next) fails, and only that one. */
void memory_fail(uint32_t nth);

/* The same, of those that are not SQLite's. */
void memory_fail_ours(uint32_t nth);

/* From here on none fails. Returns whether one did. */
bool memory_heal(void);

/* Between these two the test itself is at work, and has what it needs. They may be nested. */
void memory_spare(void);
void memory_spare_no_more(void);

#endif
