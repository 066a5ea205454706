#include "tests/cli/till.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "eventstore/sqlite_store.h"
#include "tests/support/temporary.h"

enum { LINE_SIZE = 4096, PATIENCE_US = 30000000, LOOK_AGAIN_NS = 20000000 };

static char folder[TEMPORARY_SIZE];
static struct arena arena;

/* ---- the folder ---- */

static const char *binary(void)
{
    const char *named = getenv("TILL_BINARY");
    return named != NULL ? named : TILL_BINARY;
}

void till_begin(void)
{
    char path[PATH_SIZE];
    temporary_make(folder);
    cr_assert_eq(chmod(folder, 0755), 0); /* some lines are run as somebody else */
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(mkdir("bin", 0755), 0);
    cr_assert_eq(symlink(binary(), "bin/till"), 0);
    snprintf(path, sizeof path, "%s/bin:%s", folder, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("TILL_LOG", "off", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("TILL_SHOP");
}

void till_end(void)
{
    if (access("background", F_OK) == 0)
        stop();
    (void)run("if mountpoint -q small; then umount small; fi"); /* test_shortage.c makes a small disk there */
    cr_assert_eq(chdir("/"), 0);
    temporary_remove(folder);
    arena_clear(&arena);
}

const char *path_of(const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return arena_copy(&arena, path);
}

/* ---- lines ---- */

static const char *read_whole(const char *path)
{
    struct buffer text = {0};
    char piece[4096];
    size_t length;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "there is no %s", path);
    while ((length = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_append(&text, piece, length);
    fclose(file);
    const char *copy = arena_copy(&arena, buffer_string(&text));
    buffer_clear(&text);
    return copy;
}

/* A sanitizer that ends till does so with 1, which is an answer like any other. */
static void expect_no_sanitizer(const char *text)
{
    cr_assert(!contains(text, "Sanitizer: ") && !contains(text, "runtime error: "), "%s", text);
}

struct answer answer_of(int code)
{
    const struct answer answer = {.code = code, .out = read_whole(".out"), .err = read_whole(".err")};
    expect_no_sanitizer(answer.err);
    return answer;
}

/* Into files, not pipes: what a line leaves running in the background may hold on to them. */
static struct answer run_line(const char *line)
{
    char whole[LINE_SIZE + 64];
    snprintf(whole, sizeof whole, "{ %s\n} >.out 2>.err </dev/null", line);
    int ended = system(whole);
    cr_assert(WIFEXITED(ended), "the shell died of signal %d: %s", WTERMSIG(ended), line);
    return answer_of(WEXITSTATUS(ended));
}

#define COMPOSE(text, line)                                                                                            \
    do {                                                                                                               \
        va_list values;                                                                                                \
        va_start(values, line);                                                                                        \
        cr_assert_lt(vsnprintf(text, sizeof(text), line, values), (int)sizeof(text), "the line is too long");          \
        va_end(values);                                                                                                \
    } while (0)

struct answer run(const char *line, ...)
{
    char text[LINE_SIZE];
    COMPOSE(text, line);
    return run_line(text);
}

const char *done(const char *line, ...)
{
    char text[LINE_SIZE];
    COMPOSE(text, line);
    struct answer answer = run_line(text);
    cr_assert_eq(answer.code, 0, "%s\nended with %d: %s%s", text, answer.code, answer.out, answer.err);
    cr_assert_str_empty(answer.err, "%s\ncomplained: %s", text, answer.err);
    return answer.out;
}

void refused(int code, const char *sentence, const char *line, ...)
{
    char text[LINE_SIZE];
    COMPOSE(text, line);
    struct answer answer = run_line(text);
    cr_assert_eq(answer.code, code, "%s\nended with %d, not %d: %s%s", text, answer.code, code, answer.out, answer.err);
    cr_assert(contains(answer.err, sentence), "%s\ndid not say \"%s\" but: %s", text, sentence, answer.err);
    cr_assert_eq(strncmp(answer.err, "till", 4), 0, "%s\nsaid: %s", text, answer.err);
    cr_assert_str_empty(answer.out, "%s\nprinted: %s", text, answer.out);
    if (code != 2)
        cr_assert_eq(count_lines(answer.err), 1, "%s\nsaid more than a sentence: %s", text, answer.err);
}

void edit_consumers(const char *sql, ...)
{
    char text[LINE_SIZE];
    struct error error;
    sqlite3 *roll;
    COMPOSE(text, sql);
    cr_assert_eq(database_open(&roll, "shop/events.db", DATABASE_WRITE, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(checksum_register(roll, &error), STATUS_OK);
    cr_assert_eq(database_run(roll, text, &error), STATUS_OK, "%s", error.text);
    cr_assert_eq(database_run(roll,
                              "UPDATE parked SET checksum = " PARKED_CHECKSUM
                              "; UPDATE pause SET checksum = " PAUSE_CHECKSUM,
                              &error),
                 STATUS_OK);
    database_close(&roll);
}

void start(const char *line, ...)
{
    char text[LINE_SIZE];
    COMPOSE(text, line);
    (void)done("timeout 120 %s >.background-out 2>.background-err & echo $! >background", text);
}

void stop(void)
{
    (void)run("kill $(cat background)");
    until("! grep -s '^State:' /proc/$(cat background)/status | grep -v zombie");
    expect_no_sanitizer(read_whole(".background-err"));
    done("rm background");
}

void until(const char *line, ...)
{
    char text[LINE_SIZE];
    COMPOSE(text, line);
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};
    for (int64_t waited_us = 0; run_line(text).code != 0; waited_us += LOOK_AGAIN_NS / 1000) {
        cr_assert_lt(waited_us, PATIENCE_US, "it never came to this: %s", text);
        nanosleep(&pause, NULL);
    }
}

/* ---- what was printed ---- */

bool contains(const char *text, const char *piece)
{
    return strstr(text, piece) != NULL;
}

int count_lines(const char *text)
{
    int count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* The n-th line, without its end; NULL past the last. */
static const char *nth_line(const char *text, int n)
{
    while (n-- > 0) {
        text = strchr(text, '\n');
        if (text == NULL)
            return NULL;
        text++;
    }
    return *text == '\0' ? NULL : arena_copy_text(&arena, text, strcspn(text, "\n"));
}

int widest(const char *text)
{
    int columns = 0;
    const char *line;
    for (int i = 0; (line = nth_line(text, i)) != NULL; i++)
        columns = (int)text_columns(line) > columns ? (int)text_columns(line) : columns;
    return columns;
}

static cJSON *parse_line(const char *lines, int n)
{
    const char *line = nth_line(lines, n);
    cr_assert_not_null(line, "there is no line %d in: %s", n, lines);
    cJSON *object = cJSON_Parse(line);
    cr_assert(cJSON_IsObject(object), "no object: %s", line);
    return object;
}

const char *names(const char *lines, int n)
{
    struct buffer all = {0};
    cJSON *object = parse_line(lines, n);
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        buffer_format(&all, "%s%s", all.length == 0 ? "" : " ", item->string);
    cJSON_Delete(object);
    const char *copy = arena_copy(&arena, buffer_string(&all));
    buffer_clear(&all);
    return copy;
}

static const cJSON *step_into(const cJSON *item, const char *name)
{
    return cJSON_IsArray(item) ? cJSON_GetArrayItem(item, (int)strtol(name, NULL, 10))
                               : cJSON_GetObjectItemCaseSensitive(item, name);
}

const char *value(const char *lines, int n, const char *name)
{
    char path[128], *rest = NULL;
    cJSON *object = parse_line(lines, n);
    const cJSON *item = object;
    snprintf(path, sizeof path, "%s", name);
    for (char *part = strtok_r(path, ".", &rest); part != NULL && item != NULL; part = strtok_r(NULL, ".", &rest))
        item = step_into(item, part);
    const char *text = NULL;
    if (cJSON_IsString(item)) {
        text = arena_copy(&arena, item->valuestring);
    } else if (item != NULL) {
        char *printed = cJSON_PrintUnformatted(item);
        text = arena_copy(&arena, printed);
        cJSON_free(printed);
    }
    cJSON_Delete(object);
    return text;
}

/* ---- a shop ---- */

void small_shop(void)
{
    done("till init");
    done("till list tea --name 'Green tea' --price 12.50 --stock 10");
    done("till list 'a pot/b=c' --name 'Pot, blue' --price 30 --stock 2");
    done("till place --ref 1 --customer ada --line tea=2 --line 'a pot/b=c=1'");
    done("till place --ref 2 --customer bob --line tea=1 --card tok_declined");
    done("till place --ref 3 --customer bob --line 'a pot/b=c=9'");
    done("till run --until-idle");
}
