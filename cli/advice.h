/* advice.h - the end of `till status`: what needs a person, in sentences, each with the command to type next.
 *
 * Two kinds: what a person must do, or nobody will (then `till status` exits 1), and what is only worth knowing. */
#ifndef CLI_ADVICE_H
#define CLI_ADVICE_H

#include "base/arena.h"
#include "cli/cli.h"

enum { ADVICE_MAX = 32, ADVICE_TEXT_SIZE = 1024, ADVICE_COMMAND_SIZE = 8192 /* a path in it, and room */ };

struct advice {
    bool needs_person;
    char sentence[ADVICE_TEXT_SIZE];
    char command[ADVICE_COMMAND_SIZE]; /* "" for none */
};

/* Zero-initialise. What is more than ADVICE_MAX is left out: it repeats what the table above says. */
struct advice_list {
    struct advice items[ADVICE_MAX];
    int count;
};

/* Adds one; the next advice_command is its. */
void advise(struct advice_list *list, bool needs_person, const char *format, ...) PRINTF_LIKE(3, 4);

/* The command of the advice added last: "till", with the shop's folder where it must be named, and these words. */
void advise_command(struct advice_list *list, const struct till *till, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same: the command that settles what is owed. */
void advise_settle(struct advice_list *list, const struct till *till, const char *consumer, uint64_t position);

/* The same: another program, and the path that it is to look at. */
void advise_to_look(struct advice_list *list, const char *program, const char *path);

bool advice_needs_person(const struct advice_list *list);

/* For people, or with --json as {needs_person, sentence, command}. */
enum status print_advice(const struct till *till, const struct advice_list *list, struct error *error) MUST_CHECK;

#endif
