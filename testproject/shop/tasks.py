"""A task of Django's own: what a third-party app would bring, run by the queue of the shop.

Imported only where there are tasks: see HAS_TASKS among the settings.
"""

from typing import TYPE_CHECKING

import django
from django.db.models import Sum

from testproject.shop.models import OrderLine

if TYPE_CHECKING or django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task


@task
def best_sellers(after: int = 0, most: int = 3) -> list[str]:
    """Return which products sell best in the orders after one, the best first."""
    products = OrderLine.objects.filter(order__gt=after).values("product__sku")
    sold = products.annotate(pieces=Sum("quantity")).order_by("-pieces", "product__sku")
    return [product["product__sku"] for product in sold[:most]]
