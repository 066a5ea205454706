#!/usr/bin/env python3
"""What must come out when a shop's files are imported, worked out in memory, by none of Tillroll's code.

    make_truth.py FOLDER     reads FOLDER/{products,orders,cancellations}.csv, prints truth.json

`stopped`: everything is imported, then the services run. `settled`: the shop comes to rest before each cancellation.
"""
import csv
import json
import os
import sys
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal


def rows(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def minor(text):
    value = Decimal(text) * 100
    assert value == value.to_integral_value()
    return int(value)


def moment(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def read_orders(folder):
    orders = {}
    for row in rows(folder, "orders.csv"):
        order = orders.setdefault(row["order_ref"], {"ref": row["order_ref"], "customer": row["customer_ref"],
                                                     "at": moment(row["ordered_at"]), "lines": []})
        order["lines"].append((row["sku"], int(row["quantity"]), minor(row["unit_price"])))
    return sorted(orders.values(), key=lambda order: order["at"])


def total(order):
    return sum(quantity * price for _, quantity, price in order["lines"])


def needs(order):
    need = defaultdict(int)
    for sku, quantity, _ in order["lines"]:
        need[sku] += quantity
    return need


class Shop:
    def __init__(self, stock):
        self.available = dict(stock)
        self.state = {}

    def reserve(self, order):
        need = needs(order)
        enough = all(self.available[sku] >= quantity for sku, quantity in need.items())
        self.state[order["ref"]] = "confirmed" if enough else "out_of_stock"
        for sku, quantity in need.items() if enough else ():
            self.available[sku] -= quantity

    def cancel(self, order):
        if self.state[order["ref"]] == "confirmed":
            for sku, quantity in needs(order).items():
                self.available[sku] += quantity
            self.state[order["ref"]] = "customer"


def run_stopped(shop, orders, cancellations):
    cancelled = {row["order_ref"] for row in cancellations}
    for order in orders:
        if order["ref"] in cancelled:
            shop.state[order["ref"]] = "customer"
        else:
            shop.reserve(order)


def run_settled(shop, orders, cancellations):
    steps = [(order["at"], 0, order) for order in orders]
    by_ref = {order["ref"]: order for order in orders}
    steps += [(moment(row["cancelled_at"]), 1, by_ref[row["order_ref"]]) for row in cancellations]
    for _, is_cancellation, order in sorted(steps, key=lambda step: step[:2]):
        (shop.cancel if is_cancellation else shop.reserve)(order)


def top(figures):
    return [[key, value] for key, value in sorted(figures.items(), key=lambda item: (-item[1], item[0]))[:10]]


def summary(shop, orders):
    of = {state: [o for o in orders if shop.state[o["ref"]] == state] for state in ("confirmed", "out_of_stock", "customer")}
    days, customers, units, revenue = (defaultdict(int) for _ in range(4))
    for order in of["confirmed"]:
        days[order["at"].date().isoformat()] += total(order)
        customers[order["customer"]] += total(order)
        for sku, quantity, price in order["lines"]:
            units[sku] += quantity
            revenue[sku] += quantity * price
    return {"confirmed": len(of["confirmed"]), "cancelled_out_of_stock": len(of["out_of_stock"]),
            "cancelled_by_customer": len(of["customer"]),
            "revenue_confirmed_minor": sum(map(total, of["confirmed"])),
            "refunded_out_of_stock_minor": sum(map(total, of["out_of_stock"])),
            "first_out_of_stock": [order["ref"] for order in of["out_of_stock"]][:20],
            "available": dict(sorted(shop.available.items())), "sales_by_day_minor": dict(sorted(days.items())),
            "top_customers_minor": top(customers), "top_skus_by_units": top(units),
            "top_skus_by_revenue_minor": top(revenue)}


def main():
    folder = sys.argv[1]
    products, orders, cancellations = rows(folder, "products.csv"), read_orders(folder), rows(folder, "cancellations.csv")
    stock = {row["sku"]: int(row["stock"]) for row in products}
    truth = {"orders": len(orders), "lines": sum(len(order["lines"]) for order in orders), "products": len(products),
             "customers": len({order["customer"] for order in orders}), "cancellations": len(cancellations)}
    for name, run in (("stopped", run_stopped), ("settled", run_settled)):
        shop = Shop(stock)
        run(shop, orders, cancellations)
        truth[name] = summary(shop, orders)
    print(json.dumps(truth, indent=1, ensure_ascii=False))


main()
