#!/usr/bin/env bash
# run-suite.sh EXECUTABLE MINIMUM SECONDS: runs a Criterion program and gives back its exit status. Criterion is content
# with no test at all and waits for ever for one that hangs, so fewer than MINIMUM tests are a failure, and after
# SECONDS the suite is ended and what was still running is named.
set -uo pipefail
executable=$1 minimum=$2 seconds=$3

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The log is read below: it has to be in Criterion's own format, whatever the caller's environment says.
unset "${!CRITERION_@}"
timeout --kill-after=5 "$seconds" "$executable" --verbose=1 >"$log" 2>&1
status=$?

sed -E '/^\[(RUN |PASS)\] /d' "$log"
tested=$(sed -n 's/^\[====\] Synthesis: Tested: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)

if [ -z "$tested" ]; then
    echo "run-suite: no end within $seconds seconds, or died (status $status); not finished: $(awk '
        $1 == "[RUN" { running[$3] = 1 }
        $1 == "[PASS]" || $1 == "[FAIL]" { name = $2; sub(/:$/, "", name); delete running[name] }
        END { for (name in running) printf "%s ", name }' "$log")"
    [ "$status" -ne 0 ] || status=1
elif [ "$tested" -lt "$minimum" ]; then
    echo "run-suite: $tested tests were run, at least $minimum must be"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
