/* fuzz.h - what the fuzz targets share.
 *
 * A target takes any bytes, gives them to code of ours that hostile bytes reach, and CHECKs what must then be true: not
 * only that nothing crashes, but that what is accepted can be written and read again as the same, and that what is
 * refused is refused in words that are harmless themselves. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry point: libFuzzer's name for it. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
