#!/usr/bin/env bash
# check.sh TILL TESTS: shows what till writes to tools that are not ours. TILL is the program, TESTS the folder of the
# test programs, whose events are all looked at.
#
# Exits 77 (skipped) where there is no Node, or no way to its packages; with CI set that is a failure.
set -euo pipefail

till=$(realpath "$1") tests=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
published=$here/../../domain/contracts/published
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "conformance: skipped: $1" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 77
}
command -v node >/dev/null || skip "there is no node (apt-get install nodejs npm)"
if ! [ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ]; then
    (cd "$here" && npm ci --no-audit --no-fund >"$work/npm" 2>&1) || skip "npm ci failed: $(tail -n 1 "$work/npm")"
fi

export TILL_LOG=off TILL_SHOP=$work/shop
"$till" contracts --format asyncapi >"$work/asyncapi.json"

mkdir "$work/demo"
TMPDIR=$work/demo "$till" demo --keep >"$work/said" || { cat "$work/said" >&2; exit 1; }
for roll in "$work"/demo/*/events.db; do
    shop=${roll%/events.db}
    "$till" --shop "$shop" events --json >>"$work/demo.jsonl"
    "$till" --shop "$shop" events --format cloudevents >>"$work/cloudevents"
    "$till" --shop "$shop" orders --json | grep -o '"order_id":"[^"]*"' | cut -d '"' -f 4 |
        xargs -n 1 "$till" --shop "$shop" trace --format otlp >>"$work/traces"
done

# Some tests run till as another user, who has to reach the notes.
chmod 711 "$work"
note_events() {
    local notes=$work/$1.jsonl
    shift
    : >"$notes"
    chmod 666 "$notes"
    TILL_EVENTS=$notes "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
}
for suite in domain services sagas projections; do
    note_events "$suite" "$tests/${suite}_tests"
done
note_events simulator "$tests/till-simulate" --runs 10 --orders 50
TILL_BINARY=$(dirname "$till")/till-noted note_events cli "$tests/cli_tests"

node "$here/check-contracts.mjs" "$published" "$work/asyncapi.json" "$here/../contracts/history/v1.jsonl" "$work"/*.jsonl
node "$here/check-formats.mjs" "$work/cloudevents" "$work/traces"
