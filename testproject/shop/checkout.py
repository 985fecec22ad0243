"""Placing an order."""

from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction

from testproject.shop.models import Customer, Order, OrderLine, Product


@transaction.atomic
def place_order(customer: Customer, basket: Mapping[Product, int]) -> Order:
    """Save an order of so many pieces of each product, at today's prices."""
    total = sum((product.price * pieces for product, pieces in basket.items()), Decimal())
    # Saving the order enqueues its jobs (see receivers.py). They are part of this transaction:
    # if it rolls back there is neither an order nor a job, and no worker sees one early.
    order = Order.objects.create(customer=customer, total=total)
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=product, quantity=pieces, unit_price=product.price)
        for product, pieces in basket.items()
    )
    return order
