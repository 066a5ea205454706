#!/usr/bin/env bash
# check.sh TILL NOTES: shows what till writes to tools that are not ours. TILL is the program, NOTES the folder in which
# the suites have noted all events they made.
#
# Exits 77 (skipped) where there is no Node, or no way to its packages; with CI set that is a failure.
set -euo pipefail

till=$(realpath "$1") notes=$(realpath "$2")
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

for noted in "$notes"/*.jsonl; do
    [ -s "$noted" ] || { echo "conformance: no event was noted in $noted" >&2; exit 1; }
done

node "$here/check-contracts.mjs" "$published" "$work/asyncapi.json" "$here/../contracts/history/v1.jsonl" "$work/demo.jsonl" \
    "$notes"/*.jsonl
node "$here/check-formats.mjs" "$work/cloudevents" "$work/traces"
