#include "base/mutant.h"

#ifdef TILL_MUTANT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANT_NAME(symbol, name, mistake) name,
static const char *const names[] = {"", MUTANTS(MUTANT_NAME) PROCESS_MUTANTS(MUTANT_NAME)};

static enum mutant chosen;

/* Before main(), so that a name that is none stops the program whatever it is. */
__attribute__((constructor)) static void choose(void)
{
    const char *wanted = getenv("TILL_MUTANT");
    if (wanted == NULL || wanted[0] == '\0')
        return;
    for (int i = 1; i < MUTANT_COUNT; i++)
        if (strcmp(names[i], wanted) == 0)
            chosen = (enum mutant)i;
    if (chosen == MUTANT_NONE) {
        fprintf(stderr, "TILL_MUTANT=%s: there is no such mutant, see base/mutant.h\n", wanted);
        exit(2);
    }
}

bool mutant_is(enum mutant mutant)
{
    return mutant == chosen;
}

#else
typedef int mutants_are_not_in_this_build; /* a file of C must hold something */
#endif
