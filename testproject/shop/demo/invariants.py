"""What must be true when the queue is empty, each in one sentence."""

from collections.abc import Iterator
from typing import NamedTuple

from django_jobs.models import Job
from testproject.shop.demo.kill import Casualty
from testproject.shop.demo.run import Run
from testproject.shop.gateway import refusals_due
from testproject.shop.jobs import PriceRow
from testproject.shop.models import Charge, OrderLine, Product, Receipt, SalesReport


class Invariant(NamedTuple):
    """A sentence with the figures found, and whether they are as they must be."""

    sentence: str
    holds: bool


def invariants(run: Run, dead: Casualty | None, listed: list[PriceRow]) -> Iterator[Invariant]:
    """Yield everything that was promised, and whether it was kept."""
    yield nothing_left(run)
    yield nothing_failed(run)
    yield rescued(dead)
    yield receipts(run)
    yield charges(run)
    yield refusals(run)
    yield stock(run)
    yield packing(run)
    yield products(run, listed)
    yield report(run)


def nothing_left(run: Run) -> Invariant:
    """Every job has ended."""
    ended, left = run.ended().count(), run.unfinished().count()
    return Invariant(f"{ended:,} jobs have ended, {left:,} are left", left == 0)


def nothing_failed(run: Run) -> Invariant:
    """Every job that has ended has succeeded."""
    lost = run.ended().exclude(state=Job.State.SUCCEEDED).count()
    return Invariant(f"{lost:,} jobs failed or were cancelled", lost == 0)


def rescued(dead: Casualty | None) -> Invariant:
    """Every job of the worker that was killed has succeeded elsewhere."""
    if dead is None:
        return Invariant("no worker was killed: none was met with a job in hand", False)
    held, finished = len(dead.claims), dead.finished()
    return Invariant(
        f"{held:,} jobs were in the hands of the killed worker, {dead.rescued():,} were taken "
        f"back, {finished:,} have succeeded",
        finished == held,
    )


def receipts(run: Run) -> Invariant:
    """Every order has its receipt."""
    orders = run.orders().count()
    written = Receipt.objects.filter(order__in=run.orders()).count()
    return Invariant(f"{orders:,} orders have {written:,} receipts", written == orders)


def charges(run: Run) -> Invariant:
    """Every order is charged exactly once."""
    orders = run.orders().count()
    accepted = Charge.objects.filter(order__in=run.orders(), accepted=True)
    charged, count = accepted.values("order").distinct().count(), accepted.count()
    return Invariant(
        f"{charged:,} of {orders:,} cards are charged, with {count:,} charges",
        charged == count == orders,
    )


def refusals(run: Run) -> Invariant:
    """Every charge that was refused first was tried again, and no more often than that."""
    due = sum(refusals_due(order) for order in run.orders())
    refused = Charge.objects.filter(order__in=run.orders(), accepted=False).count()
    return Invariant(
        f"{refused:,} of {due:,} refusals of the card gateway were met", refused == due
    )


def stock(run: Run) -> Invariant:
    """Every piece that was ordered is reserved."""
    lines = OrderLine.objects.filter(order__in=run.orders())
    total, reserved = lines.count(), lines.filter(reserved=True).count()
    return Invariant(f"{reserved:,} of {total:,} order lines are reserved", reserved == total)


def packing(run: Run) -> Invariant:
    """Every order is packed."""
    orders, packed = run.orders().count(), run.orders().exclude(packed_at=None).count()
    return Invariant(f"{packed:,} of {orders:,} orders are packed", packed == orders)


def products(run: Run, listed: list[PriceRow]) -> Invariant:
    """Every row of the price list is a product, imported in this run."""
    fresh = Product.objects.filter(imported_at__gte=run.started_at)
    prices = dict(fresh.values_list("sku", "price"))
    right = sum(prices.get(row["sku"]) == row["price"] for row in listed)
    return Invariant(
        f"{right:,} of {len(listed):,} rows of the price list are products", right == len(listed)
    )


def report(run: Run) -> Invariant:
    """The report of the day was written in this run."""
    written = SalesReport.objects.filter(written_at__gte=run.started_at).count()
    return Invariant(f"{written:,} sales report is written", written == 1)
