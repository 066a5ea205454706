#!/usr/bin/env bash
# A shop of real processes under fire, and a look at what is left of it.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/chaos.sh [SECONDS] [--seed S] [--keep] [--storm-only]

Runs `till run` in a temporary shop for SECONDS (default 20) under a steady import,
with customers who order, cancel and ship, while services, projector, importer and
supervisor are killed and stopped at random, a second `till run` is tried now and
then, and the roll is checkpointed all the while. Then everything goes on, the shop
comes to rest, and is checked: tests/chaos/invariants.sql, `till verify`, the mails,
and the journal of what was acknowledged to the customers.

  --seed S   the seed of the dice (default: a new one, which is printed)
  --keep     leaves the shop, the log and the journal behind, and says where
  --storm-only
             does not wait for the shop to come to rest, nor look at what is left

Ends with 0 when all is well, 1 when something is not, 4 when it was interrupted.
TILL_BUILD names a build folder that holds till and till-storm (default: build/test,
which is built when that is due).
END
}

die() {
    echo "chaos: $*" >&2
    exit 2
}

seconds=20 seed='' keep=0 storm_only=0
while [ $# -gt 0 ]; do
    case "$1" in
    --help)
        usage
        exit 0
        ;;
    --keep) keep=1 ;;
    --storm-only) storm_only=1 ;;
    --seed)
        [ $# -ge 2 ] || die "--seed needs a number"
        seed=$2
        shift
        ;;
    *[!0-9]* | '') die "what is $1? Try scripts/chaos.sh --help" ;;
    *) seconds=$1 ;;
    esac
    shift
done
[ "$seconds" -ge 1 ] 2>/dev/null || die "a storm lasts a second or more"
seed=${seed:-$((RANDOM << 15 | RANDOM))}
[[ $seed =~ ^[0-9]+$ ]] || die "a seed is a number, not $seed"

root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${TILL_BUILD:-}" ]; then
    "$root/scripts/setup.sh" --tests
    "$root/scripts/build.sh" test
    TILL_BUILD=$root/build/test
fi
till=$(realpath "$TILL_BUILD/till")
storm=$(realpath "$TILL_BUILD/tests/till-storm")
checks=$root/tests/chaos
for program in "$till" "$storm"; do
    [ -x "$program" ] || die "$program is missing: build it first"
done

# ---- a temporary shop; nobody and nothing is left behind ----

work=$(mktemp -d "${TMPDIR:-/tmp}/till-chaos-XXXXXX")
shop=$work/shop
child=''
clean_up() {
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true # and all that it started die with it
        wait "$child" 2>/dev/null || true
    fi
    if [ "$keep" -eq 1 ]; then
        echo "The shop is $shop; beside it are the log and the journal."
    else
        for _ in 1 2 3 4 5; do rm -rf "$work" 2>/dev/null && break; done
    fi
}
trap clean_up EXIT
trap 'exit 4' INT TERM HUP

# in_time SECONDS COMMAND...: runs a child that dies with this script, and that a signal to this script interrupts.
in_time() {
    local limit=$1 code=0
    shift
    setpriv --pdeathsig KILL timeout --kill-after 5 "$limit" "$@" &
    child=$!
    wait "$child" || code=$?
    child=''
    return "$code"
}

failed=0
breach() {
    echo "chaos: $*" >&2
    failed=1
}

export TILL_CHECKPOINT_KIB=64 TILL_LOG=json LC_ALL=C.UTF-8
unset TILL_SHOP
ulimit -f 4194304 # KiB a file: no mistake of ours shall fill the disk
echo "chaos: $seconds s, seed $seed (again: scripts/chaos.sh $seconds --seed $seed)"

{
    echo sku,name,unit_price,stock
    for n in 0 1 2 3 4 5; do echo "plenty-$n,Plenty of $n,2.50,1000000"; done
    for n in 6 7; do echo "scarce-$n,Little of $n,2.50,30"; done
} >"$work/products.csv"
"$till" init --shop "$shop" >/dev/null
"$till" import --shop "$shop" --products "$work/products.csv" >/dev/null

# ---- the storm, then the calm ----

# A bank that does not answer is asked again sooner than usual: a storm is short.
patience=(--first-delay 50 --delay-max 800 --cool-down 300)
in_time $((seconds + 60)) "$storm" "$till" "$work" "$seconds" "$seed" "${patience[@]}" || failed=1
[ "$storm_only" -eq 0 ] || exit "$failed"
# 4 says that only a service is left that pauses because of its bank: after the pause it goes on.
code=4
for ((end = SECONDS + 120; code == 4 && SECONDS < end; )); do
    code=0
    in_time 120 "$till" run --shop "$shop" --until-idle "${patience[@]}" >>"$work/log" 2>&1 || code=$?
    [ "$code" -ne 4 ] || sleep 0.3
done
[ "$code" -eq 0 ] || breach "the shop did not come to rest: till run --until-idle ended with $code"

# ---- what is left ----

violations=$("$checks/ask.sh" "$shop" <"$checks/invariants.sql" 2>&1) || violations+=' (sqlite3 failed)'
[ -z "$violations" ] || breach "invariants that do not hold:"$'\n'"$violations"

lost=$("$checks/ask.sh" "$shop" -cmd "CREATE TEMP TABLE journal (what TEXT, ref TEXT, quantity INTEGER)" \
    -cmd ".import --csv --schema temp $work/journal journal" <"$checks/journal.sql" 2>&1) || lost+=' (sqlite3 failed)'
[ -z "$lost" ] || breach "acknowledged, but not on the roll:"$'\n'"$lost"

# Each notice is one mail, and each mail one notice.
told=$("$checks/ask.sh" "$shop" <<<"SELECT json_extract(data, '\$.message_id') FROM events WHERE type = 'NotificationSent'" |
    sed 's/<\(.*\)@.*/\1/' | sort)
mails=$(find "$shop/mail/new" "$shop/mail/cur" -type f -printf '%f\n' | sed 's/[.]till.*//' | sort)
[ "$told" = "$mails" ] || breach "notices and mails are not the same:"$'\n'"$(diff <(echo "$told") <(echo "$mails") | head -5)"

in_time 120 "$till" verify --shop "$shop" >"$work/verify" 2>&1 || breach "till verify ended with $?:"$'\n'"$(cat "$work/verify")"

if grep -aE 'killed by signal (6|7|11)|ended with 3:|Sanitizer|runtime error:' "$work/log" >"$work/crashes"; then
    breach "processes that crashed or found damage:"$'\n'"$(head -5 "$work/crashes")"
fi

# ---- the outcome ----

"$checks/ask.sh" "$shop" <<<"SELECT 'on the roll: ' || count(*) || ' events, ' || sum(type = 'OrderPlaced') || ' orders, ' ||
    sum(type = 'NotificationSent') || ' notices; parked: ' || (SELECT count(*) FROM parked) FROM events"
if [ "$failed" -ne 0 ]; then
    keep=1
    echo "chaos: NOT WELL, after $SECONDS s, seed $seed" >&2
    exit 1
fi
echo "chaos: all is well, after $SECONDS s"
