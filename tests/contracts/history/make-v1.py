#!/usr/bin/env python3
"""A shop's roll from the days of OrderPlaced version 1, as `till load` reads it: made with today's till, and orders taken
back to how they were written then (one amount, no currency, lines without a name), with the chain of digests that such a
roll has (eventstore/digest.h has its layout).

    make-v1.py TILL >v1.jsonl

Made once and kept: what stands in v1.jsonl must load for ever, so it is never made again. Most of its journeys are
over; the last ones stop in the middle, each elsewhere.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime, timezone

TILL = os.path.realpath(sys.argv[1])


def till(*words):
    return subprocess.run([TILL, *words], check=True, capture_output=True, text=True).stdout


def place(ref, customer, *lines, card="tok_ok"):
    wanted = [word for line in lines for word in ("--line", line)]
    till("place", "--ref", str(ref), "--customer", customer, "--card", card, *wanted)


def settle():
    till("run", "--until-idle")


def the_good_years():
    shelf = {"tea": (450, 60), "cup": (900, 25), "pot": (3000, 6), "sugar": (199, 80), "spoon": (250, 40)}
    for sku, (price, stock) in shelf.items():
        till("list", sku, "--name", f"The {sku}", "--price", f"{price / 100:.2f}", "--stock", str(stock))
    customers = ["anna", "ben", "chloé", "dora"]
    skus = list(shelf)
    for number in range(1, 33):
        first, second = skus[number % 5], skus[(number + 2) % 5]
        card = {7: "tok_declined", 13: "tok_insufficient_funds", 19: "tok_declined"}.get(number, "tok_ok")
        place(number, customers[number % 4], f"{first}={1 + number % 3}", f"{second}=1", card=card)
        if number % 8 == 0:
            settle()
    place(33, "anna", "pot=500")  # more than there ever were
    settle()
    for number in (3, 11, 20):
        till("cancel", str(number), "--reason", "found it cheaper")
    for number in (1, 2, 4, 5, 9):
        till("ship", str(number), "--carrier", "Post", "--tracking", f"T-{number}")
    till("receive", "tea", "12")
    settle()


def the_last_evening():
    place(34, "ben", "tea=2")
    place(35, "dora", "cup=1", "sugar=4")
    till("run", "--service", "payment", "--until-idle")  # paid, nothing reserved yet
    place(36, "anna", "spoon=2")
    place(37, "ben", "spoon=1", card="tok_declined")
    till("cancel", "36", "--reason", "too late")


def as_it_was_written(event):
    if event["type"] == "OrderPlaced":
        data = event["data"]
        lines = [{key: line[key] for key in ("sku", "quantity", "unit_price_minor")} for line in data["lines"]]
        event["data"] = {
            "order_id": data["order_id"], "order_ref": data["order_ref"], "customer_id": data["customer_id"],
            "lines": lines, "amount": data["total_minor"], "card_token": data["card_token"],
            "placed_at": data["placed_at"],
        }
        event["schema_version"] = 1
    event["producer"] = "till 0.9.0"
    return event


def as_text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def link(previous, event):
    def number(value):
        return int(value).to_bytes(8, "little", signed=True)

    def text(value):
        return len(value).to_bytes(4, "little") + value

    category, entity = event["stream"].split("-", 1)
    since = datetime.fromisoformat(event["recorded_at"].replace("Z", "+00:00")) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    recorded_us = (since.days * 86400 + since.seconds) * 1000000 + since.microseconds
    command = event.get("command_id")
    return hashlib.blake2b(
        previous + number(event["position"]) + text(category.encode()) + text(entity.encode())
        + number(event["version"]) + text(event["type"].encode()) + number(event["schema_version"])
        + uuid.UUID(event["event_id"]).bytes + uuid.UUID(event["correlation_id"]).bytes
        + number(event["causation"] or 0) + number(recorded_us) + text(event["actor"].encode())
        + text(event["producer"].encode()) + text(uuid.UUID(command).bytes if command else b"")
        + text(as_text(event["data"]).encode()), digest_size=32).digest()


def print_roll(store, events):
    digest = hashlib.blake2b(b"tillroll roll 1" + uuid.UUID(store["store_id"]).bytes, digest_size=32).digest()
    for event in map(as_it_was_written, events):
        digest = link(digest, event)
        event["digest"] = digest.hex()
    print(as_text({**store, "digest": digest.hex()}))
    for event in events:
        print(as_text(event))


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.environ.update(TILL_SHOP="shop", TILL_LOG="off")
    till("init", "--currency", "EUR")
    the_good_years()
    the_last_evening()
    first, *rest = map(json.loads, till("export").splitlines())
    print_roll(first, rest)
