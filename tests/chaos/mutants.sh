#!/usr/bin/env bash
# mutants.sh [NAME...]: deliberate mistakes that one thread cannot show, and whether the tests of processes notice. Without
# a name all PROCESS_MUTANTS of base/mutant.h. One that is not noticed within a minute is a hole, and the script ends
# with 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly SECONDS_MAX=60
build=build/mutants

# No storm proves a checkpoint beside a commit: pages are lost rarely, and far from the cause. But the discipline can be
# watched, and is, at each operation on the disk.
hunt() {
    case "$1" in
    checkpoint-outside)
        "$build/tests/eventstore_tests" --filter sqlite/writes_and_checkpoints_only_inside_the_queue
        ;;
    reader-waited-for-again) # it takes several writers at once to be late
        TILL_BUILD=$build scripts/chaos.sh 40 --seed 1 --storm-only
        ;;
    *)
        TILL_BUILD=$build scripts/chaos.sh 20 --seed 1 --storm-only
        ;;
    esac
}

cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DTILL_MUTANT=ON --log-level=WARNING >/dev/null
cmake --build "$build" -j "$(nproc)" --target till till-storm eventstore_tests >/dev/null
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# A test that always fails notices nothing.
for name in '' checkpoint-outside; do
    TILL_MUTANT='' hunt "$name" >"$output" 2>&1 || { cat "$output" && echo "mutants: the tests fail without a mutant" >&2 && exit 1; }
done

holes=0 count=0
while read -r name mistake; do
    if [ $# -gt 0 ] && ! [[ " $* " == *" $name "* ]]; then
        continue
    fi
    count=$((count + 1)) started=$SECONDS
    if TILL_MUTANT=$name hunt "$name" >"$output" 2>&1 || [ $((SECONDS - started)) -gt "$SECONDS_MAX" ]; then
        holes=$((holes + 1))
        echo "NOT NOTICED $name: $mistake"
    else
        printf '%-24s %2d s  %s\n' "$name" $((SECONDS - started)) "$(grep -m1 -E '^(storm|chaos): [^0-9]|is false|^\[----\]   [^ ]' "$output")"
    fi
done < <(sed -n 's/^ *P([A-Z_]*, "\([a-z-]*\)", "\(.*\)").*$/\1 \2/p' base/mutant.h)
[ "$count" -ge $(($# > 0 ? $# : 3)) ] || { echo "mutants: only $count are known by these names" >&2 && exit 2; }
echo "$((count - holes)) of $count mutants were noticed"
[ "$holes" -eq 0 ]
