#!/usr/bin/env bash
# Runs every shell line of a document and compares what it prints with what is printed there.
#
#   check-docs.sh TILL DOCUMENT
#
# In a block of kind `console`, a line that begins with "$ " is run (with `till` found first, in one temporary folder for
# the whole document), and the lines up to the next "$ " or the end of the block are what it should print. What differs
# from run to run is made equal on both sides: ids, times, durations, digests, folders. A line "…" stands for any lines.
# "# exits 1" at the end of a command says so.
set -euo pipefail

till=$(realpath "$1")
document=$(realpath "$2")
work=$(mktemp -d)
cleanup() {
    # Whatever a document started in the background ends with it.
    for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/bin" "$work/shop-folder"
ln -s "$till" "$work/bin/till"
export PATH="$work/bin:$PATH" TILL_LOG=off NO_COLOR=1
unset TILL_SHOP
cd "$work/shop-folder"

normalise() {
    sed -E \
        -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/<id>/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(\.[0-9]+)?Z?/<time>/g' \
        -e 's/\b[0-9a-f]{64}\b/<digest>/g' -e 's/\b[0-9a-f]{12,32}…/<digest>…/g' \
        -e 's/[0-9]+(\.[0-9]+)? (µs|ms|s)\b/<duration>/g' -e 's/"(elapsed_us|seconds)":[0-9.]+/"\1":<n>/g' \
        -e 's/[0-9.]+ (KiB|MiB|GiB)/<size>/g' -e 's#/tmp/[A-Za-z0-9._-]+#<folder>#g' \
        -e 's/[[:space:]]+/ /g' -e 's/ $//' -e 's/^ //'
}

# True when the lines of $2 fit the pattern lines of $1, where "…" is any number of lines.
fits() {
    awk -v pattern_file="$1" '
        function match_from(i, j) { # pattern line i against text line j; no recursion: one ellipsis at a time
            while (i <= patterns) {
                if (pattern[i] == "…") {
                    if (i == patterns) return 1
                    for (i++; j <= lines && text[j] != pattern[i]; j++);
                    if (j > lines) return 0
                } else if (j > lines || text[j] != pattern[i]) return 0
                i++; j++
            }
            return j > lines
        }
        BEGIN { while ((getline line < pattern_file) > 0) pattern[++patterns] = line }
        { text[++lines] = $0 }
        END { exit !match_from(1, 1) }' "$2"
}

ran=0 failed=0
run_one() { # COMMAND, expected output in $work/expected
    local command=$1 wanted=0 code=0
    if [[ $command =~ [[:space:]]\#\ exits\ ([0-9]+)$ ]]; then wanted=${BASH_REMATCH[1]}; fi
    # In this shell, so that `cd`, variables and background jobs carry over; never with this script as its input.
    eval "$command" >"$work/output" 2>&1 </dev/null || code=$?
    normalise <"$work/output" >"$work/is"
    normalise <"$work/expected" >"$work/should"
    ran=$((ran + 1))
    if [ "$code" -ne "$wanted" ] || ! fits "$work/should" "$work/is"; then
        failed=$((failed + 1))
        printf 'NOT AS PRINTED in %s: $ %s (ended with %s)\n' "$(basename "$document")" "$command" "$code"
        diff -u --label document "$work/should" --label printed "$work/is" || true
    fi
}

command='' inside=no
: >"$work/expected"
flush() {
    if [ -n "$command" ]; then run_one "$command"; fi
    command=''
    : >"$work/expected"
}
while IFS= read -r line <&3; do
    if [ "$inside" = no ]; then
        if [ "$line" = '```console' ]; then inside=yes; fi
    elif [ "$line" = '```' ]; then
        flush
        inside=no
    elif [[ $line == '$ '* ]]; then
        flush
        command=${line#'$ '}
    else
        printf '%s\n' "$line" >>"$work/expected"
    fi
done 3<"$document"

echo "$(basename "$document"): $ran commands run, $failed not as printed"
[ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
