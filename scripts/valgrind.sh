#!/usr/bin/env bash
# valgrind.sh: runs the demo, with its services as processes, under valgrind. Nothing is suppressed: it fails when one of
# them touches memory that is not its own, decides by what nobody wrote, or leaks.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --valgrind
scripts/build.sh test

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
valgrind --quiet --error-exitcode=1 --trace-children=yes --leak-check=full --log-file="$logs/%p" \
    build/test/till demo >"$logs/story" || status=$?

# A service's exit status is the supervisor's to know: its errors stand in its log.
errors=$(cat "$logs"/[0-9]*)
if [ "$status" -ne 0 ] || [ -n "$errors" ]; then
    cat "$logs/story"
    printf '%s\nvalgrind: the demo ended with %d\n' "$errors" "$status" >&2
    exit 1
fi
echo "valgrind: no errors in the demo's $(find "$logs" -name '[0-9]*' | wc -l) processes"
