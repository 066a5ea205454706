#!/usr/bin/env bash
# Layout (clang-format), bug patterns and clang's own warnings (clang-tidy), and the scripts (shellcheck).
# Version 14 of the clang tools, whatever else is installed: another version would lay out the same code differently.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --ci

failed=0
folders=()
for folder in base domain eventstore projections services cli bench tests; do
    if [ -d "$folder" ]; then folders+=("$folder"); fi
done

echo "lint: shellcheck"
find scripts tests -name node_modules -prune -o -name '*.sh' -exec shellcheck .ci/run {} + || failed=1

echo "lint: names"
# What a program made by mistake has a name that nobody would type.
if git ls-files -z | LC_ALL=C grep -zv '^[A-Za-z0-9._/-]*$' | tr '\0' '\n' | cat -v | grep .; then failed=1; fi

echo "lint: clang-format"
find "${folders[@]}" -name '*.[ch]' -print0 | xargs -0 -r clang-format-14 --dry-run -Werror || failed=1

echo "lint: clang-tidy"
mkdir -p build
cmake --preset dev >build/lint.log || { cat build/lint.log; exit 1; }
# One file a process: clang-tidy 14 finds every va_list "uninitialized" in all files but its first.
sed -n 's/^  "file": "\(.*\)",\{0,1\}$/\1/p' build/dev/compile_commands.json | sort -u | tr '\n' '\0' |
    xargs -0 -r -n 1 -P "$(nproc)" clang-tidy-14 -p build/dev --quiet 2>&1 |
    sed '/^[0-9]* warnings\{0,1\} generated[.]$/d' || failed=1

exit "$failed"
