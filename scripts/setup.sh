#!/usr/bin/env bash
# setup.sh [--tests | --ci | --coverage | --valgrind]: installs what is missing to build `till`, on Debian 12 or Ubuntu 24.04.
#   --tests      also what the tests need
#   --ci         also the linters, the fuzzer and Node
#   --coverage   what the tests and the coverage report need
#   --valgrind   what the tests and scripts/valgrind.sh need
# When nothing is missing it says nothing, needs no network and no rights.
set -euo pipefail

missing=()

# need PACKAGE... -- COMMAND...: the packages are missing when the command fails.
need() {
    local packages=()
    while [ "$1" != -- ]; do
        packages+=("$1")
        shift
    done
    shift
    "$@" >/dev/null 2>&1 || missing+=("${packages[@]}")
}

header() {
    echo "#include <$1>" | cc -E -x c -o /dev/null -
}

fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang-14 -fsanitize=fuzzer,address -x c -o /dev/null -
}

profiler() {
    echo 'int main(void) { return 0; }' | clang-19 -fprofile-instr-generate -x c -o /dev/null -
}

check_build() {
    need cmake -- command -v cmake
    need make -- command -v make
    need gcc -- command -v cc
    need libc6-dev -- header stdio.h
    need pkg-config -- command -v pkg-config
    need libsqlite3-dev -- pkg-config --exists sqlite3
    need uuid-dev -- pkg-config --exists uuid
    need libcjson-dev -- pkg-config --exists libcjson
    need libsodium-dev -- pkg-config --exists libsodium
    need libcsv-dev -- header csv.h # it has no .pc file
}

check_tests() {
    need libcriterion-dev -- pkg-config --exists criterion
    need sqlite3 -- command -v sqlite3
    need procps -- command -v pgrep
    need bsdutils -- command -v script
    need python3 -- command -v python3
}

check_ci() {
    need clang-14 -- command -v clang-14
    need libclang-rt-14-dev -- fuzzer
    need clang-format-14 -- command -v clang-format-14
    need clang-tidy-14 -- command -v clang-tidy-14
    need shellcheck -- command -v shellcheck
    need nodejs npm -- command -v npm
}

check_coverage() {
    need clang-19 -- command -v clang-19
    need libclang-rt-19-dev -- profiler
    need llvm-19 -- command -v llvm-cov-19
}

check_build
case "${1:-}" in
"") ;;
--tests) check_tests ;;
--ci) check_tests && check_ci ;;
--coverage) check_tests && check_coverage ;;
--valgrind) check_tests && need valgrind -- command -v valgrind ;;
*)
    echo "usage: setup.sh [--tests | --ci | --coverage | --valgrind]" >&2
    exit 2
    ;;
esac
[ "${#missing[@]}" -gt 0 ] || exit 0

# shellcheck source=/dev/null
. /etc/os-release
case "${ID:-} ${VERSION_ID:-}" in
"debian 12" | "ubuntu 24.04") ;;
*)
    echo "setup: this is ${PRETTY_NAME:-an unknown system}; packages are installed on Debian 12 and Ubuntu 24.04 only." >&2
    echo "setup: please install what these Debian packages hold, then try again: ${missing[*]}" >&2
    exit 1
    ;;
esac

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: not root, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "setup: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get -qq update >/dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
