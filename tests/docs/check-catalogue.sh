#!/usr/bin/env bash
# check-catalogue.sh TILL DOCUMENT: sees that what stands behind the line `<!-- till ARGUMENTS -->` of a document is what
# till prints.
set -euo pipefail
read -ra arguments < <(sed -n 's/^<!-- till \(.*\) -->$/\1/p' "$2")
diff -u --label "$2" --label "till ${arguments[*]}" <(sed '1,/^<!-- till .* -->$/d' "$2") <("$1" "${arguments[@]}") || {
    echo "check-catalogue: $2 is not what till prints: replace its end with \`till ${arguments[*]}\`" >&2
    exit 1
}
