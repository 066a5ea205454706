/* What till says about itself: --help of every command, the man page and the completion are true to one another. */
#include <stdio.h>
#include <stdlib.h>

#include "domain/event.h"
#include "projections/projection.h"
#include "tests/cli/till.h"

TestSuite(help, .init = till_begin, .fini = till_end);

enum { COMMANDS_MAX = 64, OPTIONS_MAX = 32, NAME_SIZE = 32 };

struct list {
    char names[COMMANDS_MAX][NAME_SIZE];
    int count;
};

static bool holds(const struct list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

static void add(struct list *list, const char *name, size_t length)
{
    cr_assert(list->count < COMMANDS_MAX && length < NAME_SIZE);
    snprintf(list->names[list->count++], NAME_SIZE, "%.*s", (int)length, name);
}

/* The words that open the lines after `title`, each behind `opening`, up to an empty line. */
static struct list words_after(const char *text, const char *title, const char *opening)
{
    struct list list = {0};
    const char *at = strstr(text, title);
    cr_assert_not_null(at, "there is no \"%s\" in: %s", title, text);
    for (at += strlen(title); strncmp(at, opening, strlen(opening)) == 0; at = strchr(at, '\n') + 1) {
        const char *word = at + strlen(opening);
        add(&list, word, strcspn(word, " \n"));
    }
    return list;
}

static struct list all_commands(void)
{
    struct list list = words_after(done("till --help"), "Commands:\n", "  ");
    cr_assert_geq(list.count, 20);
    return list;
}

static bool is_global(const char *option)
{
    return strcmp(option, "shop") == 0 || strcmp(option, "json") == 0 || strcmp(option, "help") == 0;
}

/* Without those that every command has. */
static struct list options_of(const char *command)
{
    struct list own = {0}, all = words_after(done("till %s --help", command), "\nOptions:\n", "  --");
    for (int i = 0; i < all.count; i++)
        if (!is_global(all.names[i]))
            add(&own, all.names[i], strlen(all.names[i]));
    cr_assert_eq(own.count, all.count - 3, "till %s --help does not list the options that all have", command);
    return own;
}

static void same(const struct list *one, const struct list *other, const char *where, const char *command)
{
    for (int i = 0; i < one->count; i++)
        cr_assert(holds(other, one->names[i]), "%s: --%s of till %s is not there", where, one->names[i], command);
    for (int i = 0; i < other->count; i++)
        cr_assert(holds(one, other->names[i]), "%s: till %s has no --%s", where, command, other->names[i]);
}

static const char *source(const char *name)
{
    const char *folder = getenv("TILL_SOURCE_DIR");
    return done("cat '%s/%s'", folder != NULL ? folder : TILL_SOURCE_DIR, name);
}

/* ---- --help ---- */

Test(help, every_command_explains_itself_within_80_columns)
{
    struct list all = all_commands();
    cr_assert_leq(widest(done("till --help")), 80);
    for (int i = 0; i < all.count; i++) {
        const char *out = done("till %s --help", all.names[i]);
        char usage[64];
        snprintf(usage, sizeof usage, "Usage: till %s", all.names[i]);
        cr_assert_eq(strncmp(out, usage, strlen(usage)), 0, "%s", out);
        cr_assert_leq(widest(out), 80, "till %s --help is too wide", all.names[i]);
        cr_assert_str_eq(done("till --help %s 2>&1 || true", all.names[i]), out);
    }
}

/* The options that a usage line names are those that are explained below it. */
Test(help, usage_names_every_option)
{
    struct list all = all_commands();
    for (int i = 0; i < all.count; i++) {
        const char *out = done("till %s --help", all.names[i]);
        struct list explained = options_of(all.names[i]), named = {0};
        const char *end = strstr(out, "\n\n");
        for (const char *at = strstr(out, "--"); at != NULL && at < end; at = strstr(at + 2, "--"))
            add(&named, at + 2, strcspn(at + 2, " ]|\n"));
        same(&explained, &named, "usage", all.names[i]);
    }
}

Test(help, without_a_command_till_says_what_there_is)
{
    struct answer answer = run("till");
    cr_assert_eq(answer.code, 2);
    cr_assert(contains(answer.out, "Commands:\n"), "%s", answer.out);
    cr_assert(contains(done("till --version"), "till "));
}

/* ---- the man page ---- */

static struct list options_in_page(const char *page, const char *command)
{
    char item[64];
    struct list list = {0};
    snprintf(item, sizeof item, "\n.It Xo Ic %s", command);
    const char *at = page;
    do {
        at = strstr(at + 1, item);
        cr_assert_not_null(at, "the man page knows no till %s", command);
    } while (strchr(" \n", at[strlen(item)]) == NULL);
    const char *end = strstr(at, "\n.Xc");
    for (at = strstr(at, "Fl -"); at != NULL && at < end; at = strstr(at + 4, "Fl -"))
        add(&list, at + 4, strcspn(at + 4, " \n"));
    return list;
}

Test(help, the_man_page_has_every_command_and_option_and_no_other)
{
    const char *page = source("docs/till.1");
    struct list all = all_commands();
    int items = 0;
    for (const char *at = page; (at = strstr(at, "\n.It Xo Ic ")) != NULL; at++)
        items++;
    cr_assert_eq(items, all.count, "the man page has %d commands, till %d", items, all.count);
    for (int i = 0; i < all.count; i++) {
        struct list options = options_of(all.names[i]), listed = options_in_page(page, all.names[i]);
        same(&options, &listed, "the man page", all.names[i]);
    }
    cr_assert(contains(page, "\n.It Fl -shop") && contains(page, "\n.It Fl -json") && contains(page, "\n.It Fl -help"));
}

Test(help, the_man_page_can_be_set)
{
    if (run("groff --version").code != 0)
        cr_skip_test("SKIPPED: there is no groff here");
    const char *folder = getenv("TILL_SOURCE_DIR");
    cr_assert_str_empty(
        done("groff -mdoc -Tutf8 -ww '%s/docs/till.1' 2>&1 >/dev/null", folder != NULL ? folder : TILL_SOURCE_DIR));
}

/* ---- completion ---- */

/* What bash offers for the last of `words`. */
static struct list offered(const char *words)
{
    const char *folder = getenv("TILL_SOURCE_DIR");
    const char *out = done("bash -c '. \"%s/scripts/completion/till\"; COMP_WORDS=(%s);"
                           " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _till; printf \"%%s\\n\" \"${COMPREPLY[@]}\"'",
                           folder != NULL ? folder : TILL_SOURCE_DIR, words);
    struct list list = {0};
    for (; *out != '\0' && *out != '\n'; out += strcspn(out, "\n") + 1) {
        const char *word = strncmp(out, "--", 2) == 0 ? out + 2 : out;
        size_t length = strcspn(word, "\n");
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        if (word == out || !is_global(name))
            add(&list, word, length);
    }
    return list;
}

Test(help, the_completion_offers_every_command_and_option_and_no_other)
{
    struct list all = all_commands(), commands = offered("till \"\"");
    same(&all, &commands, "the completion", "");
    for (int i = 0; i < all.count; i++) {
        char words[64];
        snprintf(words, sizeof words, "till %s --", all.names[i]);
        struct list options = options_of(all.names[i]), choices = offered(words);
        same(&options, &choices, "the completion", all.names[i]);
    }
}

Test(help, the_completion_knows_what_may_follow_an_option)
{
    struct list kinds = offered("till sales --by \"\"");
    cr_assert(kinds.count == 3 && holds(&kinds, "day") && holds(&kinds, "sku") && holds(&kinds, "customer"));
    struct list formats = offered("till --shop here trace 42 --format m");
    cr_assert(formats.count == 1 && holds(&formats, "mermaid"));
    struct list types = offered("till events --type \"\"");
    cr_assert_eq(types.count, (int)EVENT_TYPES);
    for (int i = 0; i < (int)EVENT_TYPES; i++)
        cr_assert(holds(&types, event_type_name((enum event_type)i)), "%s", event_type_name((enum event_type)i));
    struct list views = offered("till rebuild \"\"");
    cr_assert_eq(views.count, (int)projection_count);
    for (size_t i = 0; i < projection_count; i++)
        cr_assert(holds(&views, projections[i]->name), "%s", projections[i]->name);
}

Test(help, the_completion_offers_files_where_files_are_wanted)
{
    done("touch backup.db");
    struct list files = offered("till verify back");
    cr_assert(files.count == 1 && holds(&files, "backup.db"));
    files = offered("till import --products back");
    cr_assert(files.count == 1 && holds(&files, "backup.db"));
}
