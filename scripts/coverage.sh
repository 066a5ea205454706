#!/usr/bin/env bash
# coverage.sh [--check]: runs the suite and prints the line coverage of each room. With --check it fails when one of
# the rooms that hold the logic has less than 90 %.
set -euo pipefail
cd "$(dirname "$0")/.."
check=0
case "${1:-}" in
"") ;;
--check) check=1 ;;
*)
    echo "usage: coverage.sh [--check]" >&2
    exit 2
    ;;
esac

scripts/setup.sh --ci
scripts/build.sh coverage
# Counts start at nothing, in files that anybody may write: some tests run till as another user.
find build/coverage -name '*.gcno' | while read -r notes; do
    : >"${notes%.gcno}.gcda"
    chmod a+rw "${notes%.gcno}.gcda"
done
failed=0
ctest --preset coverage --no-tests=error || failed=1

gcovr --root . --filter '(base|domain|eventstore|projections|services|cli)/' build/coverage \
    --csv build/coverage/lines.csv
awk -F, -v check="$check" -v failed="$failed" '
NR > 1 { split($1, path, "/"); lines[path[1]] += $2; covered[path[1]] += $3 }
END {
    count = split("base domain eventstore projections services cli", rooms, " ")
    for (i = 1; i <= count; i++) {
        room = rooms[i]
        percent = lines[room] ? 100 * covered[room] / lines[room] : 0
        low = room != "cli" && percent < 90
        printf "%-12s %6d of %6d lines  %5.1f %%%s\n", room, covered[room], lines[room], percent, low ? "  below 90 %" : ""
        if (check && low)
            failed = 1
    }
    exit failed
}' build/coverage/lines.csv
