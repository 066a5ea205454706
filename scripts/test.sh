#!/usr/bin/env bash
# Builds and runs the whole suite, but for what takes long. Arguments go to ctest: scripts/test.sh -R eventstore
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --tests
scripts/build.sh test
exec ctest --preset test --no-tests=error -j "$(nproc)" "$@"
