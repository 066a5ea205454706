#!/usr/bin/env bash
# mutants.sh [NAME...]: deliberate mistakes, and whether the simulator notices. Without a name all of base/mutant.h.
# Those that one thread cannot show are left to tests/chaos/mutants.sh.
#
# Each mutant runs until a seed fails, at most a minute. One that no seed notices is a hole in the simulator, and the
# script ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly SECONDS_MAX=60 ORDERS=50

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0"
}

# list_mutants X|P: "name mistake" of every mutant that one thread can show, or of the others.
list_mutants() {
    sed -n "s/^ *$1([A-Z_]*, \"\([a-z-]*\)\", \"\(.*\)\").*$/\1 \2/p" base/mutant.h
}

# Prints those of list_mutants that were asked for: all of them without a name.
choose_mutants() {
    local kind=$1 name mistake
    shift
    while read -r name mistake; do
        if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then
            echo "$name $mistake"
        fi
    done < <(list_mutants "$kind")
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
    local mutant holes=0 mine others
    case "${1:-}" in
    -h | --help) usage && return ;;
    esac
    mapfile -t mine < <(choose_mutants X "$@")
    mapfile -t others < <(choose_mutants P "$@")
    if [ $((${#mine[@]} + ${#others[@]})) -lt $(($# > 0 ? $# : 15)) ]; then
        echo "mutants: one of these names is none of base/mutant.h: $*" >&2
        return 2
    fi
    scripts/setup.sh --tests
    if [ ${#mine[@]} -gt 0 ]; then
        build
        for mutant in "${mine[@]}"; do
            report "${mutant%% *}" "${mutant#* }" || holes=$((holes + 1))
        done
        echo "$((${#mine[@]} - holes)) of ${#mine[@]} mutants were noticed"
    fi
    if [ ${#others[@]} -gt 0 ]; then
        tests/chaos/mutants.sh "${others[@]%% *}" || holes=$((holes + 1))
    fi
    [ "$holes" -eq 0 ]
}

main "$@"
