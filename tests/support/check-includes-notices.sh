#!/usr/bin/env bash
# Proves that check-includes.sh can fail: a small tree that is in order passes, and each breach alone is named.
set -euo pipefail
check=$(cd "$(dirname "$0")" && pwd)/check-includes.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# line FILE TEXT: adds a line of C to a file of the tree.
line() {
    mkdir -p "$tree/${1%/*}"
    printf '%s\n' "$2" >>"$tree/$1"
}

# notices FILE TEXT: with this line added the check must fail, and name the file.
notices() {
    local file=$tree/$1 before=
    if [ -e "$file" ]; then before=$(<"$file"); fi
    line "$1" "$2"
    if output=$("$check" "$tree") || [[ $output != "$1:"* ]]; then
        echo "not noticed: $1: $2"
        failed=1
    fi
    printf '%s\n' "$before" >"$file"
}

line base/database.c '#include <sqlite3.h>'
line domain/order.c '#include "base/clock.h"'
line domain/order.c '#include "order.h"'
line domain/contracts/contracts.c '#include "domain/order.h"'
line eventstore/sqlite.c '#include "base/database.h"'
line eventstore/sqlite.c 'static const char sql[] = "SELECT position FROM event";'
line projections/orders.c '#include "domain/order.h"'
line projections/orders.c '#include "eventstore/eventstore.h"'
line services/gateway.c 'static const char sql[] = "INSERT INTO charge VALUES (?)";'
line services/gateway.c '#include <sqlite3.h>'
line services/payment.c '#include "eventstore/eventstore.h"'
line cli/main.c '#include "services/payment.h"'
line cli/main.c '#include <stdio.h>'
"$check" "$tree" || { echo "a tree in order was refused"; failed=1; }

may_not_use() {
    local room=$1 other
    shift
    for other in "$@"; do
        notices "$room/text.c" "#include \"$other/order.h\""
    done
}
may_not_use base domain eventstore projections services cli bench tests
may_not_use domain eventstore projections services cli bench tests
may_not_use domain/contracts eventstore projections services cli bench tests
may_not_use eventstore domain projections services cli bench tests
may_not_use projections services cli bench tests
may_not_use services projections cli bench tests
may_not_use cli bench tests
may_not_use bench cli tests
notices services/payment.c '  #  include <projections/orders.h>'
notices services/payment.c '#include "../projections/orders.h"'
notices services/payment.c '#include "base/../projections/orders.h"'

notices services/payment.c '#include <sqlite3.h>'
notices cli/main.c '#include "base/database.h"'
notices eventstore/eventstore.h '#include <sqlite3.h>'
notices cli/main.c 'query("SELECT 1");'
notices cli/main.c 'query("INSERT INTO event");'
notices cli/main.c 'query("UPDATE event SET x = 1");'
notices domain/order.c 'query("DELETE FROM event");'

for header in '<stdio.h>' '<time.h>' '<unistd.h>' '<fcntl.h>' '<sqlite3.h>' '<uuid/uuid.h>' \
    '"base/file.h"' '"base/database.h"'; do
    notices domain/order.c "#include $header"
done
notices domain/order.c 'now = clock_now_us(clock);'
notices domain/order.c 'now = clock_monotonic_us();'
notices domain/order.c 'clock = &clock_system;'
notices domain/order.c 'id = uuid_random();'

rm -rf "${tree:?}"/*
line elsewhere/text.c ''
if "$check" "$tree" 2>/dev/null; then
    echo "not noticed: a tree without a room"
    failed=1
fi
mkdir "$tree/base"
if "$check" "$tree" 2>/dev/null; then
    echo "not noticed: a tree without a file"
    failed=1
fi
exit "$failed"
