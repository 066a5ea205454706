#!/usr/bin/env bash
# check-hardening.sh PROGRAM...: each is position-independent, with a stack that runs nothing, relocations that are
# read-only before main, stack protector and glibc's checks. For optimised builds: the checks need -O.
set -euo pipefail
failed=0

# need WHAT PATTERN TEXT
need() {
    grep -qE "$2" <<<"$3" || { echo "$program: $1 is missing" && failed=1; }
}

for program in "$@"; do
    headers=$(readelf -hlW "$program")
    dynamic=$(readelf -dW "$program")
    symbols=$(readelf --dyn-syms -W "$program")
    need "PIE (-fPIE -pie)" 'FLAGS_1.* PIE' "$dynamic"
    need "immediate binding (-z now)" '\(FLAGS\) +BIND_NOW' "$dynamic"
    need "RELRO (-z relro)" 'GNU_RELRO' "$headers"
    need "a stack that is not executable" 'GNU_STACK.* RW +0x' "$headers"
    need "the stack protector (-fstack-protector-strong)" '__stack_chk_fail' "$symbols"
    need "_FORTIFY_SOURCE" '__(snprintf|memcpy|vsnprintf)_chk' "$symbols"
done
exit "$failed"
