"""Customers who order a lot."""

from collections.abc import Iterator
from random import Random

from django.db import transaction

from testproject.shop.checkout import place_order
from testproject.shop.demo.prepare import SHELVES
from testproject.shop.models import Customer, Order, Product

#: Orders in one transaction: together with their jobs they are committed or not.
BATCH = 50

FIRST_NAMES = ["Ada", "Björn", "Chiara", "David", "Elif", "Farid", "Grace", "Hugo"]
LAST_NAMES = ["Martin", "Nowak", "Okafor", "Rossi", "Smith"]


def place_orders(count: int) -> int:
    """Place so many orders, a batch to a transaction; return how many transactions it took."""
    customers, products = list(ensure_customers()), list(Product.objects.all()[:SHELVES])
    batches = [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
    for numbers in batches:
        with transaction.atomic():
            for number in numbers:
                order_something(Random(number), customers, products)
    return len(batches)


def ensure_customers() -> Iterator[Customer]:
    """Yield customers with plausible names, created at the first run."""
    for name in (f"{first} {last}" for last in LAST_NAMES for first in FIRST_NAMES):
        email = f"{name.lower().replace(' ', '.').replace('ö', 'oe')}@example.com"
        customer, _ = Customer.objects.get_or_create(email=email, defaults={"name": name})
        yield customer


def order_something(chance: Random, customers: list[Customer], products: list[Product]) -> Order:
    """Let one of the customers order a few pieces of one to four products."""
    chosen = chance.sample(products, k=min(chance.randint(1, 4), len(products)))
    return place_order(chance.choice(customers), {each: chance.randint(1, 3) for each in chosen})
