"""Closing the month: what each product has brought in, and then the sum of all: a workflow."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypedDict

from django.db.models import F, Sum

from django_jobs import Flow, job, previous
from testproject.shop.models import OrderLine


class Sales(TypedDict):
    """What was sold of one product, or of all."""

    pieces: int
    revenue: Decimal


@job(max_attempts=3)
def sum_up_product(product: int, after: int) -> Sales:
    """Add up what was sold of a product in the orders after one."""
    lines = OrderLine.objects.filter(product=product, order__gt=after)
    sums = lines.aggregate(
        pieces=Sum("quantity", default=0),
        revenue=Sum(F("quantity") * F("unit_price"), default=Decimal()),
    )
    return Sales(pieces=sums["pieces"], revenue=sums["revenue"])


@job(max_attempts=3)
def close_month(products: list[Sales]) -> Sales:
    """Add up the sums of all products."""
    return Sales(
        pieces=sum(each["pieces"] for each in products),
        revenue=sum((each["revenue"] for each in products), Decimal()),
    )


def closing(products: Iterable[int], after: int) -> Flow:
    """Return the workflow: one job for each product, side by side, and one after all of them."""
    sums = [sum_up_product.job.with_kwargs(product=one, after=after) for one in products]
    return (
        Flow("Close the month")
        .step("products", sums)
        .step("sum", close_month.job.with_kwargs(products=previous), after="products")
    )
