#!/usr/bin/env bash
# mutate.sh: see tests/mutation/mutate.py, or --help.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --tests
if ! [[ " $* " =~ " --list "|" --help "|" -h " ]]; then
    # A copy: whoever goes on editing disturbs nothing. With its times, so that only what changed is built again.
    rm -rf build/mutate/tree
    mkdir -p build/mutate/tree
    git ls-files -z | xargs -0 cp -a --parents -t build/mutate/tree
    cd build/mutate/tree
fi
work=/dev/shm # where syncing costs nothing
[ -w "$work" ] || work=${TMPDIR:-/tmp}
MUTATE_WORK=$(mktemp -d -p "$work")
export MUTATE_WORK
chmod 711 "$MUTATE_WORK" # some tests go on as another user
child=
trap 'rm -rf "$MUTATE_WORK"' EXIT
trap '[ -z "$child" ] || kill "$child"' INT TERM
PYTHONDONTWRITEBYTECODE=1 python3 tests/mutation/mutate.py "$@" &
child=$!
status=0
wait "$child" || status=$?
wait "$child" 2>/dev/null || true # a signal ends the first wait before the child has ended
exit "$status"
