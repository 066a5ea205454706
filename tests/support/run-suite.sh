#!/usr/bin/env bash
# run-suite.sh EXECUTABLE MINIMUM: runs a Criterion program and gives back its exit status, or 1 when fewer than MINIMUM
# tests were run: Criterion itself is content with none.
set -uo pipefail
executable=$1 minimum=$2

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The synthesis line is looked for in plain words and in the default format, whatever the caller's environment says.
unset CRITERION_OUTPUTS CRITERION_ENABLE_TAP CRITERION_TEST_PATTERN CRITERION_VERBOSITY_LEVEL CRITERION_ALWAYS_SUCCEED
"$executable" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

tested=$(sed -n 's/.*Tested: [^0-9]*\([0-9][0-9]*\).*/\1/p' "$log" | tail -n 1)
if [ "${tested:-0}" -lt "$minimum" ]; then
    echo "run-suite: ${tested:-no} tests were run, at least $minimum must be" >&2
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
