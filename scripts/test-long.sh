#!/usr/bin/env bash
# Runs the whole suite, the demo under valgrind, the fuzzers, the tests that take long, those of damage under the
# sanitizers as well, the suite once more to see what it runs, and 500 small mistakes that must be noticed. Arguments go
# to ctest, twice.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/test.sh "$@"
scripts/valgrind.sh
scripts/fuzz.sh 60
ctest --preset long "$@"
# What reads out of bounds in a damaged roll may well give the right answer.
scripts/build.sh asan
ctest --test-dir build/asan --no-tests=error --output-on-failure -R '^cli_damage_long$'
scripts/coverage.sh --check
exec scripts/mutate.sh --count 500
