#!/usr/bin/env bash
# Runs the whole suite, the fuzzers, then the tests that take long. Arguments go to ctest, twice.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/test.sh "$@"
scripts/fuzz.sh 60
exec ctest --preset long "$@"
