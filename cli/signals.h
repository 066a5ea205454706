/* signals.h - SIGINT and SIGTERM ask to stop; whoever loops asks whether they came. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* From now on the two signals end no process at once; they interrupt what sleeps. */
void signals_catch(void);

/* True once one of them came. */
bool signal_to_stop(void);

#endif
