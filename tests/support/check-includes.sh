#!/usr/bin/env bash
# check-includes.sh [ROOT]: sees that includes go one way, that SQL stays where it belongs and that domain/ is pure.
# One line for each breach; exits 1 when there is any.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

rooms=()
for room in base domain eventstore projections services cli bench; do
    if [ -d "$room" ]; then rooms+=("$room"); fi
done
[ "${#rooms[@]}" -gt 0 ] || { echo "check-includes: no rooms in $PWD" >&2; exit 1; }
mapfile -t files < <(find "${rooms[@]}" -name '*.[ch]' | sort)
[ "${#files[@]}" -gt 0 ] || { echo "check-includes: no C files in $PWD" >&2; exit 1; }

awk '
BEGIN {
    # Who may include from where. Nothing includes cli/, and the tests may look at all of them.
    uses["base"]        = " base "
    uses["domain"]      = " base domain "
    uses["eventstore"]  = " base eventstore "
    uses["projections"] = " base domain eventstore projections "
    uses["services"]    = " base domain eventstore services "
    uses["cli"]         = " base domain eventstore projections services cli "
    uses["bench"]       = " base domain eventstore projections services bench "

    # SQL stands in these files; eventstore.h is the seam for another engine and knows nothing of SQLite.
    sql_stands_in = "^(eventstore/|projections/|bench/|services/gateway[.]c$|base/database[.][ch]$)"
    sql_free      = "^eventstore/eventstore[.]h$"
    sql_header    = "^(sqlite3[.]h|base/database[.]h)$"
    sql_text      = "\"(SELECT|INSERT|UPDATE|DELETE FROM) "

    # domain/ is handed everything it needs: no I/O, no clock, no randomness.
    impure_header = "^((stdio|time|unistd|fcntl|sqlite3)[.]h|uuid/uuid[.]h|base/(file|database)[.]h)$"
    impure_call   = "clock_now_us|clock_monotonic_us|clock_system|uuid_random"
}
function breach(sentence) {
    print FILENAME ":" FNR ": " sentence
    breaches++
}
FNR == 1 {
    room = FILENAME
    sub("/.*", "", room)
    sql_allowed = FILENAME ~ sql_stands_in && FILENAME !~ sql_free
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    quoted = $0 ~ /include[ \t]*"/
    header = $0
    sub(/^[^<"]*[<"]/, "", header)
    sub(/[>"].*/, "", header)
    from = header
    sub("/.*", "", from)

    if (header ~ "[.][.]/")
        breach("\"" header "\": write the path from the root of the repository")
    else if ((from in uses || (quoted && header ~ "/")) && !index(uses[room], " " from " "))
        breach(room "/ may not use " header)
    if (header ~ sql_header && !sql_allowed)
        breach("SQL has no place here: " header)
    if (room == "domain" && header ~ impure_header)
        breach("domain/ is pure: " header)
    next
}
!sql_allowed && $0 ~ sql_text { breach("SQL has no place here") }
room == "domain" && $0 ~ impure_call { breach("domain/ is pure: it is handed times and ids") }
END { exit breaches > 0 }
' "${files[@]}" </dev/null
