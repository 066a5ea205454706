#!/usr/bin/env bash
# make-room.sh NOTES TEST...: an empty file for the events of each test, in which all its processes may write; some of
# them are another user's.
set -euo pipefail
notes=$1
shift
rm -rf "$notes"
mkdir -p "$notes"
for noted in "$@"; do
    : >"$notes/$noted.jsonl"
    chmod 666 "$notes/$noted.jsonl"
done
