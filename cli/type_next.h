/* type_next.h - the command that a person would type next: whole, on a line of its own, so that it can be copied. */
#ifndef CLI_TYPE_NEXT_H
#define CLI_TYPE_NEXT_H

#include "base/buffer.h"
#include "cli/cli.h"

/* "till", with the shop's folder where it is not the one that till finds by itself. */
void put_till(struct buffer *out, const struct till *till);

/* A word as the shell must be given it: in quotes where it needs them. */
void put_word(struct buffer *out, const char *word);

/* Behind put_till: how an event that was set aside stands; and that what was owed for one was given. With --consumer,
 * because several may have set the same event aside. */
void put_show(struct buffer *out, const char *consumer, uint64_t position);
void put_settle(struct buffer *out, const char *consumer, uint64_t position);

/* Four blanks, the command and the line's end. It is never broken, however long. */
void print_command(const struct till *till, const char *command);

#endif
