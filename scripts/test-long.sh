#!/usr/bin/env bash
# Runs the whole suite, the demo under valgrind, the fuzzers, the tests that take long, and 500 small mistakes that must
# be noticed. Arguments go to ctest, twice.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/test.sh "$@"
scripts/valgrind.sh
scripts/fuzz.sh 60
ctest --preset long "$@"
exec scripts/mutate.sh --count 500
