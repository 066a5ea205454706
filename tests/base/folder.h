/* folder.h - a folder for one test, gone with it: TestSuite(file, .init = folder_begin, .fini = folder_end); */
#ifndef TESTS_BASE_FOLDER_H
#define TESTS_BASE_FOLDER_H

#include <stddef.h>

/* Every Criterion test is a process of its own, so there is one folder. */
void folder_begin(void);
void folder_end(void);

/* "<folder>/<name>", or the folder itself for "". Good until the eighth call after this one. */
const char *folder_path(const char *name);

/* Writes a whole file into the folder and returns its path. */
const char *folder_file(const char *name, const void *bytes, size_t length);

#endif
