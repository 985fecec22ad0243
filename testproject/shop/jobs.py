"""The background work of the shop.

A job runs at least once: a worker may die after the work and before it could say so. So the
functions here leave the same rows behind when they run twice. One does not, and need not: what
book_order does is committed together with its end, or not at all.
"""

import asyncio
import csv
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TypedDict

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone

from django_jobs import JobContext, Priority, cron, enqueue_many, job
from testproject.shop import gateway, suppliers
from testproject.shop.forecast import pieces_needed
from testproject.shop.models import (
    Booking,
    Customer,
    Mailing,
    Order,
    OrderLine,
    Product,
    Receipt,
    SalesReport,
)

#: The folder whose price lists can be imported.
DATA = Path(__file__).parent / "data"

#: How long the mail server takes to accept one newsletter, in seconds.
NEWSLETTER_PACE = 0.1

#: How long it takes to write a part of an export, in seconds.
EXPORT_PACE = 0.05

#: How many days a forecast looks ahead.
SEASON = 90


class Export(TypedDict):
    """From when to when a part was written, as ISO 8601, and of how many orders it is one."""

    began: str
    ended: str
    orders: int


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


@job(atomic=True, unique_key=lambda order_id: f"book-order-{order_id}", max_attempts=5)
def book_order(order_id: int) -> str:
    """Take the ordered pieces off the shelves, book the sale, and have it packed.

    It does not look whether it was done before: the job is atomic. If its worker is killed here,
    nothing of this has happened, neither the rows nor the job for the warehouse.
    """
    order = Order.objects.get(pk=order_id)
    # In the order of the products: two orders that share two of them cannot deadlock.
    for line in order.lines.order_by("product_id"):
        Product.objects.filter(pk=line.product_id).update(stock=F("stock") - line.quantity)
    order.lines.update(reserved=True)
    Booking.objects.create(order=order, amount=order.total)
    notify_warehouse.enqueue(order_id=order_id)
    return str(order.total)


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


@cron("5 0 * * *", timezone="Europe/Paris", name="nightly report")
@job(
    priority=Priority.LOW,
    unique_key=lambda day: f"nightly-report-{day or 'by-schedule'}",
    max_attempts=3,
)
def nightly_report(day: date | None = None, context: JobContext | None = None) -> None:
    """Add up what was sold on a day; by its schedule, on the day before the tick."""
    if day is None:
        tick = context.tick if context else None
        day = timezone.localdate(tick) - timedelta(days=1)
    sold = Order.objects.filter(placed_at__date=day).aggregate(
        orders=Count("pk"), revenue=Sum("total", default=Decimal())
    )
    SalesReport.objects.update_or_create(day=day, defaults={**sold, "written_at": Now()})


@job(executor="process", timeout=60, memory_limit=512 * 2**20, max_attempts=2)
def forecast_demand(context: JobContext, rounds: int = 1000) -> dict[str, int]:
    """Work out how many pieces of each product to order for the season, by playing it often.

    Nothing but arithmetic, for seconds: in a process of its own it holds up no other job.
    """
    sold = {
        row["product"]: row["pieces"]
        for row in OrderLine.objects.values("product").annotate(pieces=Sum("quantity"))
    }
    products = Product.objects.filter(pk__in=sold)
    order: dict[str, int] = {}
    for number, product in enumerate(products, start=1):
        needed = pieces_needed(sold[product.pk] / SEASON, SEASON, rounds, Random(product.pk))
        if product.stock < needed:
            order[product.sku] = needed - product.stock
            context.log("%s: order %d, there are %d", product, order[product.sku], product.stock)
        context.progress(number, len(products), product.name)
    return order


@job(queue="imports", executor="process", timeout=1)
def check_feed(supplier: str) -> int:
    """Count the lines of a supplier's feed that can be read; a supplier may send anything."""
    return len(suppliers.readable(suppliers.feed(supplier)))


@job(queue="imports", max_running=2, max_attempts=3)
def visit_supplier(supplier: str) -> suppliers.Visit:
    """Ask a supplier for news. Our line carries two calls at a time, so we make no more."""
    return suppliers.visit(supplier)


@job(
    queue="mail",
    concurrency_key=lambda customer_id, part: f"customer-{customer_id}",
    max_running_per_key=1,
    max_attempts=3,
)
def export_orders(customer_id: int, part: int) -> Export:
    """Write a part of a customer's orders down. Customers take turns: one at a time for each."""
    began = timezone.now()
    orders = Order.objects.filter(customer_id=customer_id).count()
    time.sleep(EXPORT_PACE)  # what writing them takes
    return Export(began=began.isoformat(), ended=timezone.now().isoformat(), orders=orders)


@job(queue="mail", max_attempts=3)
def send_newsletter(context: JobContext, subject: str) -> int:
    """Mail all customers who do not have it yet, until somebody cancels the job."""
    customers = Customer.objects.order_by("pk")
    for number, customer in enumerate(customers, start=1):
        # A thread cannot be stopped from outside: the job asks whether it shall go on.
        context.check()
        with transaction.atomic():
            _, created = Mailing.objects.get_or_create(newsletter=context.id, customer=customer)
            if created:
                send_mail(subject, f"Dear {customer.name}, …", None, [customer.email])
        time.sleep(NEWSLETTER_PACE)
        context.progress(number, len(customers), f"the last one went to {customer.email}")
    return len(customers)


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
