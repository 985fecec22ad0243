"""The background work of the shop.

A job runs at least once: a worker may die after the work and before it could say so. So each
function here leaves the same rows behind when it runs twice, and each may run more than once.
"""

import asyncio
import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypedDict

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from django.template.loader import render_to_string

from django_jobs import Priority, enqueue_many, job
from testproject.shop import gateway
from testproject.shop.models import Order, OrderLine, Product, Receipt, SalesReport

#: The folder whose price lists can be imported.
DATA = Path(__file__).parent / "data"


@job(queue="mail", max_attempts=5)
def send_receipt(order_id: int) -> str:
    """Mail the customer a receipt and remember it."""
    order = Order.objects.select_related("customer").get(pk=order_id)
    # The row first and the mail inside its transaction: a second run finds the row and sends
    # nothing, and a mail that cannot be sent takes the row back with it.
    with transaction.atomic():
        receipt, created = Receipt.objects.get_or_create(
            order=order,
            defaults={"number": f"R-{order.pk:06}", "sent_to": order.customer.email},
        )
        if created:
            mail_receipt(receipt)
    return receipt.number


def mail_receipt(receipt: Receipt) -> None:
    """Render a receipt and send it."""
    lines = receipt.order.lines.select_related("product").order_by("product__sku")
    send_mail(
        subject=f"Your receipt {receipt.number}",
        message=render_to_string("shop/receipt.txt", {"receipt": receipt, "lines": lines}),
        from_email=None,
        recipient_list=[receipt.sent_to],
    )


@job(
    priority=Priority.HIGH,
    unique_key=lambda order_id: f"reserve-stock-{order_id}",
    max_attempts=3,
)
def reserve_stock(order_id: int) -> int:
    """Set the ordered pieces aside, before somebody else is promised them."""
    with transaction.atomic():
        # In the order of the products: two orders that share two of them cannot deadlock.
        lines = OrderLine.objects.select_for_update().filter(order=order_id, reserved=False)
        reserved = list(lines.order_by("product_id"))
        for line in reserved:
            Product.objects.filter(pk=line.product_id).update(stock=F("stock") - line.quantity)
        lines.update(reserved=True)
    return len(reserved)


@job(max_attempts=5, backoff=1, retry_on=(gateway.GatewayBusy,), timeout=30)
def charge_card(order_id: int) -> None:
    """Charge an order; a busy gateway is asked again a second later."""
    order = Order.objects.get(pk=order_id)
    gateway.charge(order)
    Order.objects.filter(pk=order_id).update(status=Order.Status.PAID)


@job(max_attempts=3)
async def notify_warehouse(order_id: int) -> None:
    """Tell the warehouse what to pack: a coroutine, so waiting for it costs no thread."""
    await asyncio.sleep(0.02)  # the answer of the warehouse
    unpacked = Order.objects.filter(pk=order_id, packed_at=None)
    await unpacked.aupdate(packed_at=Now())


@job(queue="imports", max_attempts=3)
def import_products(file: str = "products.csv", rows: int | None = None) -> int:
    """Read a price list and enqueue one job for each of its rows."""
    jobs = [import_product.job.with_kwargs(**row) for row in read_price_list(file)[:rows]]
    return len(enqueue_many(jobs))


@job(queue="imports", priority=Priority.LOW, max_attempts=3)
def import_product(sku: str, name: str, price: Decimal, stock: int) -> None:
    """Create or update one product; the stock of a product we know already is ours to count."""
    listed = {"name": name, "price": price, "imported_at": Now()}
    Product.objects.update_or_create(
        sku=sku, defaults=listed, create_defaults={**listed, "stock": stock}
    )


@job(
    priority=Priority.LOW,
    unique_key=lambda day: f"nightly-report-{day}",
    max_attempts=3,
)
def nightly_report(day: date) -> None:
    """Add up what was sold on a day."""
    sold = Order.objects.filter(placed_at__date=day).aggregate(
        orders=Count("pk"), revenue=Sum("total", default=Decimal())
    )
    SalesReport.objects.update_or_create(day=day, defaults={**sold, "written_at": Now()})


class PriceRow(TypedDict):
    """A row of a price list: the arguments of import_product."""

    sku: str
    name: str
    price: Decimal
    stock: int


def read_price_list(file: str) -> list[PriceRow]:
    """Read the rows of a price list."""
    with (DATA / file).open(newline="", encoding="utf-8") as lines:
        return [
            PriceRow(
                sku=row["sku"],
                name=row["name"],
                price=Decimal(row["price"]),
                stock=int(row["stock"]),
            )
            for row in csv.DictReader(lines)
        ]
