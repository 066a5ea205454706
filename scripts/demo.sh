#!/usr/bin/env bash
# Builds till when that is due, and shows what it does. Arguments go to `till demo`.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
"$scripts/setup.sh"
"$scripts/build.sh" release
exec "$scripts/../build/release/till" demo "$@"
