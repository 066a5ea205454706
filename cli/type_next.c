#include "cli/type_next.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_INDENT = 4 };

void put_word(struct buffer *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_text(out, word);
        return;
    }
    buffer_char(out, '\'');
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            buffer_text(out, "'\\'"); /* ends the quotes, one by itself, and the next byte opens them again */
        buffer_char(out, *at);
    }
    buffer_char(out, '\'');
}

void put_till(struct buffer *out, const struct till *till)
{
    const char *from_environment = getenv("TILL_SHOP");
    const char *by_itself = from_environment != NULL ? from_environment : "./shop";
    buffer_text(out, "till");
    if (strcmp(till->folder, by_itself) == 0)
        return;
    buffer_text(out, " --shop ");
    put_word(out, till->folder);
}

static void put_letter(struct buffer *out, const char *action, const char *consumer, uint64_t position)
{
    buffer_format(out, " dead-letters %s %" PRIu64 " --consumer ", action, position);
    put_word(out, consumer);
}

void put_show(struct buffer *out, const char *consumer, uint64_t position)
{
    put_letter(out, "show", consumer, position);
}

void put_settle(struct buffer *out, const char *consumer, uint64_t position)
{
    put_letter(out, "settle", consumer, position);
    buffer_text(out, " --reason \"HOW\"");
}

void print_command(const struct till *till, const char *command)
{
    printf("%*s%s", COMMAND_INDENT, "", style(till, STYLE_BOLD));
    print_cell(till, command, 0);
    printf("%s\n", style(till, STYLE_PLAIN));
}
