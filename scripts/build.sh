#!/usr/bin/env bash
# build.sh PRESET: configures (when that is due) and builds build/PRESET. Quiet when all goes well.
set -euo pipefail
preset=$1
cd "$(dirname "$0")/.."
root=$PWD build=build/$preset
mkdir -p "$build"
log=$build/build.log

# run WHAT COMMAND...: keeps a command's words for when it fails.
run() {
    local what=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "build: could not $what build/$preset" >&2
        exit 1
    fi
}

# A folder is configured anew when it never was, when the presets changed, or when it was copied from elsewhere.
if [ ! -e "$build/Makefile" ] || [ CMakePresets.json -nt "$build/Makefile" ] ||
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then
    echo "Building build/$preset (once; the next time only what changed) ..." >&2
    run configure cmake --fresh --preset "$preset"
fi
run build cmake --build "$build" -j "$(nproc)"
