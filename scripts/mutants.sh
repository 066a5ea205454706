#!/usr/bin/env bash
# mutants.sh [NAME...]: deliberate mistakes, and whether the simulator notices. Without a name all of base/mutant.h;
# those that one thread cannot show are then left to tests/chaos/mutants.sh.
#
# Each mutant runs until a seed fails, at most a minute. One that no seed notices is a hole in the simulator, and the
# script ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly SECONDS_MAX=60 ORDERS=50

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0"
}

# Prints "name mistake" of every mutant that one thread can show.
list_mutants() {
    sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)", "\(.*\)").*$/\1 \2/p' base/mutant.h
}

build() {
    cmake -S . -B build/mutants -DCMAKE_BUILD_TYPE=Release -DTILL_MUTANT=ON --log-level=WARNING >/dev/null
    cmake --build build/mutants -j "$(nproc)" --target till-simulate >/dev/null
}

# The line that says what was noticed; nothing when the time is over.
hunt() {
    TILL_MUTANT=$1 timeout "$SECONDS_MAX" build/mutants/tests/till-simulate --runs 100000 --orders "$ORDERS" \
        --stop --no-shrink 2>/dev/null | grep -m1 FAILS || true
}

report() {
    local name=$1 mistake=$2 started noticed
    started=$(date +%s%N)
    noticed=$(hunt "$name")
    if [ -z "$noticed" ]; then
        printf 'NOT NOTICED %s: %s\n' "$name" "$mistake"
        return 1
    fi
    printf '%-24s %5.1f s  %s\n' "$name" "$((($(date +%s%N) - started) / 100000000))e-1" "$noticed"
}

main() {
    local name mistake holes=0 count=0
    case "${1:-}" in
    -h | --help) usage && return ;;
    esac
    scripts/setup.sh --tests
    build
    while read -r name mistake; do
        if [ $# -gt 0 ] && ! [[ " $* " == *" $name "* ]]; then
            continue
        fi
        count=$((count + 1))
        report "$name" "$mistake" || holes=$((holes + 1))
    done < <(list_mutants)
    if [ "$count" -lt $(($# > 0 ? $# : 15)) ]; then
        echo "mutants: only $count are known by these names: see base/mutant.h" >&2
        return 2
    fi
    echo "$((count - holes)) of $count mutants were noticed"
    [ $# -gt 0 ] || tests/chaos/mutants.sh || holes=$((holes + 1))
    [ "$holes" -eq 0 ]
}

main "$@"
