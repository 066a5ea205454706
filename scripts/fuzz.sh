#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET...]]: runs each fuzz target of tests/fuzz (or those named) for so many seconds (60), as many
# at once as there are processors. Starts from tests/fuzz/corpus, which it does not change; what it makes up stays in
# memory. An input that breaks something is kept in build/fuzz/found: first put it into tests/fuzz/corpus/TARGET under a
# name that says what it is, see the test fuzz_TARGET fail, then mend the code.
# Bounds: 2 GiB of memory a target, 10 s an input, 16 KiB an input, 16 MiB a file; no network.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

seconds=${1:-60}
[ $# -eq 0 ] || shift
if ! [[ $seconds =~ ^[1-9][0-9]{0,5}$ ]]; then
    echo "usage: fuzz.sh [SECONDS [TARGET...]]" >&2
    exit 2
fi
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for folder in tests/fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
fi
export FUZZ_FOLDER=build/fuzz FUZZ_SECONDS=$seconds
scripts/setup.sh --ci
scripts/build.sh fuzz
mkdir -p "$FUZZ_FOLDER/found"

# fuzz TARGET: one target, with its log; says how far it came or how to see it fail.
fuzz() {
    local target=$1 log seeds status=0 dictionary=()
    log=$FUZZ_FOLDER/$target.log
    seeds=$(find "tests/fuzz/corpus/$target" -type f | LC_ALL=C sort | paste -sd,)
    [ ! -e "tests/fuzz/$target.dict" ] || dictionary=("-dict=tests/fuzz/$target.dict")
    ulimit -f 16384
    timeout --kill-after=10 "$((FUZZ_SECONDS + 120))" \
        "$FUZZ_FOLDER/tests/fuzz/fuzz_$target" -seed_inputs="$seeds" "${dictionary[@]}" -max_total_time="$FUZZ_SECONDS" \
        -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$FUZZ_FOLDER/found/$target-" >"$log" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
        echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $FUZZ_SECONDS s," \
            "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2) edges seen"
        return 0
    fi
    # What libFuzzer shows of the input may be anything: the whole log is a file's matter.
    echo "fuzz: $target FAILS (status $status); the whole story is in $log:"
    grep -aE 'ERROR|SUMMARY|runtime error|must never happen|written to|libFuzzer: ' "$log" | cat -v | head -n 20
    return 1
}
export -f fuzz

# shellcheck disable=SC2016 # the inner shell's
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'set -euo pipefail; fuzz "$1"' fuzz
