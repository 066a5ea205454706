#!/usr/bin/env bash
# The demo is a test: check-demo.sh TILL. It must come out as told, fit 80 columns, with and without colour, in time, and
# must say so with its exit status when something does not come out as told.
set -euo pipefail
export LC_ALL=C.UTF-8
till=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
unset NO_COLOR

fail() {
    echo "check-demo: $*" >&2
    [ ! -e "$work/out" ] || cat "$work/out" >&2
    exit 1
}
has_escapes() { grep -q $'\033' "$1"; }
leftovers() { find "$work" -maxdepth 1 -name 'till-demo-*' | wc -l; }

# As a file: no colour, ten steps, 80 columns, nothing left behind.
started=$SECONDS
"$till" demo >"$work/out" 2>&1 || fail "the demo ended with $?"
[ $((SECONDS - started)) -lt 20 ] || fail "the demo took $((SECONDS - started)) s"
has_escapes "$work/out" && fail "escape sequences in a file"
for step in 1 2 3 4 5 6 7 8 9 10; do
    grep -qE "^ ?$step\. " "$work/out" || fail "step $step is missing"
done
grep -q '✗' "$work/out" && fail "a step did not come out as told"
while IFS= read -r line; do
    [ ${#line} -le 80 ] || fail "wider than 80 columns: $line"
done <"$work/out"
[ "$(leftovers)" -eq 0 ] || fail "the temporary shop was left behind"

# On a terminal: colour, unless NO_COLOR says no.
script -qec "$till demo" /dev/null >"$work/out" </dev/null 2>&1 || fail "the demo ended with $? on a terminal"
has_escapes "$work/out" || fail "no colour on a terminal"
NO_COLOR=1 script -qec "$till demo" /dev/null >"$work/out" </dev/null 2>&1 || fail "the demo ended with $?"
has_escapes "$work/out" && fail "colour in spite of NO_COLOR"

# --keep leaves a whole shop.
"$till" demo --keep >"$work/out" 2>&1 || fail "the demo ended with $?"
shop=$(find "$work" -maxdepth 1 -name 'till-demo-*')
"$till" --shop "$shop" verify >"$work/out" 2>&1 || fail "the shop that was kept does not verify"
rm -rf "$shop"

# A service that hangs: the demo says so, and ends with 1.
"$till" demo >"$work/out" 2>&1 &
demo=$!
victim=''
for _ in $(seq 200); do
    victim=$(pgrep -P "$demo" -f -- '--service order' || true)
    [ -z "$victim" ] || break
    sleep 0.01
done
[ -n "$victim" ] || fail "the demo started no order service"
kill -STOP "$victim"
code=0
wait "$demo" || code=$?
[ "$code" -eq 1 ] || fail "with a service that hangs the demo ended with $code, not with 1"
grep -q 'NOT AS TOLD' "$work/out" || fail "with a service that hangs the demo did not say so"
kill -0 "$victim" 2>/dev/null && fail "the hanging service outlived the demo"
[ "$(leftovers)" -eq 0 ] || fail "the temporary shop was left behind"
echo "the demo comes out as told"
