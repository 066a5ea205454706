#!/usr/bin/env bash
# ask.sh SHOP [OPTION...]: runs the SQL on stdin over a shop's roll, its bank's book (`bank`) and its view of the stock
# (`seen`). Nothing of the shop can be written. Options are sqlite3's.
set -euo pipefail
shop=$1
shift
exec sqlite3 -readonly -cmd "ATTACH 'file:$shop/gateway.db?mode=ro' AS bank" \
    -cmd "ATTACH 'file:$shop/views/stock.db?mode=ro' AS seen" "$@" "file:$shop/events.db?mode=ro"
