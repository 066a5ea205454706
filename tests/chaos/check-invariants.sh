#!/usr/bin/env bash
# check-invariants.sh TILL: invariants.sql finds nothing in a good shop, and each kind of damage by its own sentence and no
# other; journal.sql likewise finds what was acknowledged and is not there.
set -euo pipefail
export LC_ALL=C.UTF-8 TILL_LOG=off
till=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
good=$work/good copy=$work/copy
failed=0

fail() {
    echo "check-invariants: $*" >&2
    failed=1
}

# ---- a good shop, in which everything has happened that damage is made from ----

do_till() { "$till" "$@" --shop "$good" >/dev/null; }
settle() { do_till run --until-idle; }
do_till init
do_till list tea --name Tea --price 3.50 --stock 20
do_till list coffee --name Coffee --price 5 --stock 5
do_till place --ref shipped --customer ada --line tea=2
do_till place --ref declined --customer bob --line tea=1 --card tok_declined
do_till place --ref cancelled --customer cleo --line tea=3 --line coffee=1
do_till place --ref short --customer dan --line coffee=50
settle
do_till ship shipped
do_till cancel cancelled
settle
do_till place --ref confirmed --customer eve --line tea=4
do_till list spare --name Spare --price 1
settle
do_till receive tea 10
do_till list last --name Last --price 1
settle

# ---- words for damage: each gives SQL ----

# The entity of an order.
order() {
    echo "(SELECT entity FROM event WHERE type = (SELECT id FROM type WHERE name = 'OrderPlaced')
        AND json_extract(data, '\$.order_ref') = '$1')"
}
sku() { echo "(SELECT id FROM entity WHERE name = '$1')"; }
# The position of an order's event, or of a unit's event about it (`units ORDER TYPE`).
event() { echo "(SELECT max(position) FROM event WHERE entity = $(order "$1") AND type = $(type "$2"))"; }
units() {
    echo "(SELECT max(position) FROM event WHERE type = $(type "$2") AND json_extract(data, '\$.order_id') =
        (SELECT json_extract(data, '\$.order_id') FROM event WHERE position = $(event "$1" OrderPlaced)))"
}
type() { echo "(SELECT id FROM type WHERE name = '$1')"; }
category() { echo "(SELECT id FROM category WHERE name = '$1')"; }

# add CATEGORY ENTITY TYPE DATA: one more event at the end of the roll, without a cause. $ID in the data is the order's id.
add() {
    echo "INSERT INTO event SELECT (SELECT max(position) + 1 FROM event), $(type "$3"), entity.id, c.id,
        1 + (SELECT count(*) FROM event e WHERE e.entity = entity.id AND e.category = c.id), 0, 1, randomblob(16), NULL, NULL,
        (SELECT max(recorded_at) FROM event), 1, NULL, $4, zeroblob(32)
        FROM entity, category c WHERE entity.id = $2 AND c.name = '$1';"
}
# units_data ORDER SKU QUANTITY
units_data() {
    echo "json_object('sku', '$2', 'quantity', $3, 'order_id',
        (SELECT json_extract(data, '\$.order_id') FROM event WHERE position = $(event "$1" OrderPlaced)))"
}
# again POSITION ID: the event at POSITION once more, at the end, as ID.
again() {
    echo "INSERT INTO event SELECT (SELECT max(position) + 1 FROM event), type, entity, category,
        1 + (SELECT max(version) FROM event o WHERE o.entity = e.entity AND o.category = e.category), previous, schema_version,
        $2, correlation, causation, (SELECT max(recorded_at) FROM event), origin, command_id, data, digest
        FROM event e WHERE position = $1;"
}
change() { echo "UPDATE event SET $2 WHERE position = $1;"; }
quantity() { echo "data = json_set(data, '\$.quantity', $1)"; }
# What a parked event of an order looks like.
park() {
    echo "INSERT INTO parked SELECT '$1', name, $3, 'waiting', 1, 0, 0, 'no answer', 0 FROM entity WHERE id = $2;"
}

# ---- one kind of damage after the other ----

ask() { "$here/ask.sh" "$@" 2>&1; }
triggers=$(sqlite3 -readonly "$good/events.db" "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema WHERE type = 'trigger'")
seen_sentences=''

# finds SENTENCE FILE SQL: exactly this is found after the SQL has damaged the file of a copy.
finds() {
    local sentence=$1 file=$2 sql=$3 found
    rm -rf "$copy"
    cp -r "$good" "$copy"
    [ "$file" != events.db ] || sql="$triggers $sql"
    (cd "$copy" && sqlite3 "$file" "$sql") || fail "cannot do the damage for: $sentence"
    found=$(ask "$copy" <"$here/invariants.sql" | sed 's/: .*//' | sort -u)
    [ "$found" = "$sentence" ] || fail "after the damage for «$sentence» this was found: «$found»"
    seen_sentences+="$sentence"$'\n'
}

found=$(ask "$good" <"$here/invariants.sql")
[ -z "$found" ] || fail "the good shop is found to be damaged: $found"

head='(SELECT max(position) FROM event)'
finds 'positions have a gap' events.db "$(change "$head" 'position = position + 1')"
finds 'versions have a gap' events.db "$(change "$head" 'version = version + 1')"
finds 'recorded_at falls' events.db "$(change "$head" 'recorded_at = recorded_at - 3600000000')"
finds 'an event stands twice' events.db "$(again "$head" event_id)"
finds 'an event stands before its cause' events.db "$(change "$(event confirmed NotificationSent)" 'causation = position')"
finds 'a checkpoint is past the head' events.db "UPDATE checkpoint SET position = 1000 WHERE consumer = 'order'"
finds 'an event is parked that its consumer has not reached' events.db \
    "INSERT INTO parked VALUES ('nobody', randomblob(16), 1, 'waiting', 1, 0, 0, 'no answer', 0)"

finds 'an order is not at rest and waits for nothing' events.db \
    "$(add order "$(order declined)" OrderCancellationRequested "'{}'")
     $(park payment "$(order shipped)" "$(event shipped OrderShipped)")"
finds 'an order ended twice' events.db "$(again "$(event confirmed OrderConfirmed)" 'randomblob(16)')"
finds 'an order was confirmed after its cancellation was asked for' events.db \
    "$(change "$(event confirmed OrderConfirmed)" 'version = 3')
     UPDATE event SET type = $(type OrderCancellationRequested), category = $(category order), version = 2,
        entity = $(order confirmed) WHERE entity = $(sku spare);"

finds 'money is not right' events.db \
    "$(change "$(event confirmed OrderPlaced)" "data = json_set(data, '\$.total_minor', 1)")"
finds 'the bank has another sum than the roll' gateway.db \
    "INSERT INTO movement SELECT 'another key', kind, order_id, amount_minor, currency, at, card_token, reference
     FROM movement LIMIT 1"
finds 'the bank moved money that the roll does not know' gateway.db \
    "INSERT INTO movement VALUES ('key', 'charge', 'an order', 1, 'USD', 'now', 'tok_ok', 'ch_1')"
finds 'the roll says that money moved, and the bank does not know' events.db \
    "$(add payment "$(sku tea)" PaymentCaptured "'{}'")"

finds 'stock is negative' events.db \
    "UPDATE event SET $(quantity 1) WHERE entity = $(sku tea) AND version = 2;
     UPDATE event SET $(quantity 29) WHERE entity = $(sku tea) AND type = $(type StockReceived) AND version > 2;"
finds 'units were moved twice, or not as many as were ordered' events.db \
    "$(change "$(units shipped UnitsReserved)" "$(quantity 3)")"
finds 'units were sold twice' events.db \
    "$(add reservation "$(order shipped)" StockReleased "'{}'")
     $(add stock "$(sku tea)" UnitsReleased "$(units_data shipped tea 2)")"
finds 'a reservation and its units are not the same' events.db \
    "$(add stock "$(sku tea)" UnitsReserved "$(units_data declined tea 1)")"
finds 'on hand is not what was received less what was shipped' views/stock.db \
    "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'tea'"
finds 'reserved is not what live reservations hold' views/stock.db \
    "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'tea'"
finds 'a reservation is not what its order is' events.db \
    "$(add reservation "$(order confirmed)" StockReleased "'{}'")
     $(add stock "$(sku tea)" UnitsReleased "$(units_data confirmed tea 4)")
     ATTACH 'views/stock.db' AS seen; UPDATE seen.stock SET reserved = 0;"

finds 'a customer was told the same thing twice' events.db \
    "$(again "$(event confirmed NotificationSent)" 'randomblob(16)')"
finds 'a customer was not told how it ended' events.db \
    "$(change "$(event declined NotificationSent)" \
        "type = $(type ProductListed), category = $(category stock)")"
finds 'a customer was told what did not happen' events.db \
    "$(add notification "$(order confirmed)" NotificationSent "'{\"kind\":\"shipped\"}'")"

finds 'a journey was handled out of order' events.db "$(change "$(event shipped ReservationShipped)" 'causation = 1')"
finds 'an event was handled before one of its journey that is parked' events.db \
    "$(park payment "$(order cancelled)" "$(event cancelled OrderPlaced)")"

# ---- no sentence without its damage ----

all=$(sed -n "s/^SELECT '\([^':]*\): .*/\1/p" "$here/invariants.sql" | sort)
[ "$all" = "$(printf %s "$seen_sentences" | sort)" ] ||
    fail "some sentences were not seen: $(diff <(echo "$all") <(printf %s "$seen_sentences" | sort))"

# ---- the journal ----

# misses JOURNAL WANTED: what journal.sql says of these acknowledgements.
misses() {
    local found
    printf '%s\n' "$1" >"$work/journal"
    found=$(ask "$good" -cmd 'CREATE TEMP TABLE journal (what TEXT, ref TEXT, quantity INTEGER)' \
        -cmd ".import --csv --schema temp $work/journal journal" <"$here/journal.sql")
    [ "$found" = "$2" ] || fail "of the journal «$1» this is missed: «$found», not «$2»"
}
misses $'placed,shipped,0\nshipped,shipped,0\ncancelled,cancelled,0\ncancelled,short,0\nreceived,tea,10\nplaced,shipped,0' ''
misses 'placed,unheard-of,0' 'placed unheard-of'
misses 'shipped,confirmed,0' 'shipped confirmed'
misses 'cancelled,confirmed,0' 'cancelled confirmed'
misses $'received,tea,10\nreceived,tea,10' 'received tea 10 (2 times)'

[ "$failed" -eq 0 ] && echo "every sentence finds its damage, and no other"
exit "$failed"
