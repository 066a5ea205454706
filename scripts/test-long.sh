#!/usr/bin/env bash
# Runs the whole suite, then the tests that take long. Arguments go to ctest, twice.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/test.sh "$@"
exec ctest --preset long "$@"
