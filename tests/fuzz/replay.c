/* replay.c - runs a target on every file of a folder: the seeds, and what once broke something. For compilers without a
 * fuzzer, and for a debugger: `fuzz_payload FILE` runs that one. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

/* The input is as large as it says, so that the sanitizer sees who reads past its end. */
static void run_file(const char *path)
{
    struct stat found;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &found) != 0) {
        perror(path);
        exit(1);
    }
    const size_t size = (size_t)found.st_size;
    uint8_t *data = malloc(size == 0 ? 1 : size);
    CHECK(data != NULL && fread(data, 1, size, file) == size);
    (void)fclose(file);
    (void)fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int run_folder(DIR *folder, const char *path)
{
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char file[PATH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        CHECK(path_join(file, path, NULL, "%s", entry->d_name) == STATUS_OK);
        run_file(file);
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL)
            run_file(argv[i]);
        count += folder == NULL ? 1 : run_folder(folder, argv[i]);
        if (folder != NULL)
            (void)closedir(folder);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
