#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop;

static void note(int number)
{
    (void)number;
    stop = 1;
}

void signals_catch(void)
{
    struct sigaction action = {.sa_handler = note}; /* no SA_RESTART: a sleep ends */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool signal_to_stop(void)
{
    return stop != 0;
}
