#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

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

static void change_mask(int how)
{
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(how, &both, NULL);
}

void signals_hold(void)
{
    change_mask(SIG_BLOCK);
}

void signals_catch_again(void)
{
    change_mask(SIG_UNBLOCK);
}

void signals_let_end(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    change_mask(SIG_UNBLOCK);
}

bool signal_to_stop(void)
{
    return stop != 0;
}

void pause_ms(int milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}
