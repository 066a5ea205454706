/* commands.h - every subcommand of `till`, by the file it stands in. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

/* trade.c */
extern const struct command init_command, list_command, receive_command, place_command, cancel_command, ship_command;
/* import.c */
extern const struct command import_command;
/* run.c */
extern const struct command run_command;
/* demo.c */
extern const struct command demo_command;
/* listings.c */
extern const struct command orders_command, order_command, stock_command, sales_command, journeys_command,
    inbox_command;
/* roll.c */
extern const struct command events_command;
/* contracts.c */
extern const struct command contracts_command;
/* trace.c */
extern const struct command trace_command;
/* status.c */
extern const struct command status_command;
/* dead_letters.c */
extern const struct command dead_letters_command;
/* verify.c */
extern const struct command verify_command, backup_command, restore_command, rebuild_command;
/* bench.c */
extern const struct command bench_command;
/* export.c, load.c */
extern const struct command export_command, load_command;
/* replay.c */
extern const struct command replay_command;
/* seal.c */
extern const struct command seal_command;

#endif
