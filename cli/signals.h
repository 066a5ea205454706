/* signals.h - SIGINT and SIGTERM ask to stop; whoever loops asks whether they came. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* From now on the two signals end no process at once; they interrupt what sleeps. */
void signals_catch(void);

/* True once one of them came. */
bool signal_to_stop(void);

/* Sleeps so long, or until one of them comes. */
void pause_ms(int milliseconds);

/* Around a fork: the two signals are held back, so that none is lost between fork and exec, where this process's
 * handler would swallow it. The parent catches them again, the child lets them end it. */
void signals_hold(void);
void signals_catch_again(void);
void signals_let_end(void);

#endif
