#include "cli/commands.h"

/* clang-format off */
const struct command *const commands[] = {
    &init_command,
    &demo_command,
    &list_command,
    &receive_command,
    &place_command,
    &cancel_command,
    &ship_command,
    &import_command,
    &run_command,
    &status_command,
    &dead_letters_command,
    &orders_command,
    &order_command,
    &stock_command,
    &sales_command,
    &journeys_command,
    &inbox_command,
    &events_command,
    &trace_command,
    &contracts_command,
    &verify_command,
    &seal_command,
    &rebuild_command,
    &backup_command,
    &restore_command,
    &bench_command,
    NULL,
};
/* clang-format on */
