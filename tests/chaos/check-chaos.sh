#!/usr/bin/env bash
# check-chaos.sh BUILD: scripts/chaos.sh says what is wrong with its options, and leaves no process behind however it ends.
set -euo pipefail
export TILL_BUILD=$1
chaos=$(cd "$(dirname "$0")/../.." && pwd)/scripts/chaos.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

fail() {
    echo "check-chaos: $*" >&2
    exit 1
}

# ends_with CODE SENTENCE ARGUMENT...
ends_with() {
    local want=$1 sentence=$2 code=0
    shift 2
    "$chaos" "$@" >"$work/out" 2>&1 || code=$?
    [ "$code" -eq "$want" ] || fail "chaos.sh $* ended with $code, not with $want"
    grep -qF -- "$sentence" "$work/out" || fail "chaos.sh $* did not say: $sentence"
}
ends_with 0 'Usage: scripts/chaos.sh' --help
ends_with 2 'what is --fast?' --fast
ends_with 2 'a storm lasts a second or more' 0
ends_with 2 '--seed needs a number' --seed
ends_with 2 'a seed is a number, not x' --seed x

# Ours are those that work in our folder; those that have ended and wait to be buried have no arguments any more.
ours() { pgrep -f -- "$work/till-chaos-" || true; }

# Each signal strikes a storm that is under way. The last one cannot be caught, so the folder stays.
for signal in INT TERM KILL; do
    env --default-signal=INT "$chaos" 30 --seed 1 >"$work/out" 2>&1 &
    script=$!
    for _ in $(seq 500); do
        [ "$(ours | wc -l)" -lt 7 ] || break
        sleep 0.01
    done
    [ "$(ours | wc -l)" -ge 7 ] || fail "the storm did not begin"
    kill -"$signal" "$script"
    wait "$script" 2>/dev/null || true
    for _ in $(seq 500); do
        [ -n "$(ours)" ] || break
        sleep 0.01
    done
    [ -z "$(ours)" ] || fail "after SIG$signal these were left: $(ps -o pid,args -p "$(ours | paste -sd,)")"
    [ "$signal" = KILL ] || [ -z "$(find "$work" -name 'till-chaos-*')" ] || fail "after SIG$signal the shop was left"
done
echo "chaos.sh leaves nothing behind"
