"""What must be true when the queue is empty, each in one sentence."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Sum
from django.utils import timezone

from django_jobs.models import Job
from testproject.shop.demo.hard_cases import HardCases, addressees, current
from testproject.shop.demo.kill import Casualty
from testproject.shop.demo.run import Run
from testproject.shop.gateway import refusals_due
from testproject.shop.jobs import PriceRow, notify_warehouse
from testproject.shop.models import Charge, Product, Receipt, SalesReport


class Invariant(NamedTuple):
    """A sentence with the figures found, and whether they are as they must be."""

    sentence: str
    holds: bool


def invariants(
    run: Run,
    dead: Casualty | None,
    listed: list[PriceRow],
    hard: HardCases | None,
    tick: datetime | None = None,
) -> Iterator[Invariant]:
    """Yield everything that was promised, and whether it was kept."""
    yield nothing_left(run)
    yield nothing_failed(run, hard)
    yield rescued(dead)
    yield bookings(run)
    yield stock(run)
    yield packing(run)
    yield receipts(run)
    yield charges(run)
    yield refusals(run)
    yield products(run, listed)
    yield report(run)
    if tick is not None:
        yield scheduled_report(run, tick)
    if hard is not None:
        yield newsletter(hard)
        yield feed(hard)
        yield visits(hard)
        yield forecast(hard)


def nothing_left(run: Run) -> Invariant:
    """Every job has ended."""
    ended, left = run.ended().count(), run.unfinished().count()
    return Invariant(f"{ended:,} jobs have ended, {left:,} are left", left == 0)


def nothing_failed(run: Run, hard: HardCases | None) -> Invariant:
    """Every job that has ended has succeeded, but the two that were not to."""
    lost = run.ended().exclude(state=Job.State.SUCCEEDED)
    if hard is None:
        return Invariant(f"{lost.count():,} jobs failed or were cancelled", not lost.exists())
    others = lost.exclude(pk__in=[hard.newsletter.pk, hard.feed.pk]).count()
    return Invariant(
        f"{others:,} jobs failed or were cancelled, besides the two that were to", others == 0
    )


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


def bookings(run: Run) -> Invariant:
    """Every order is booked exactly once, to the cent."""
    once = run.orders().annotate(booked=Count("bookings")).filter(booked=1).count()
    orders = run.orders().count()
    sales = run.orders().aggregate(sum=Sum("total", default=Decimal()))["sum"]
    own = run.bookings().filter(order__in=run.orders())
    booked = own.aggregate(sum=Sum("amount", default=Decimal()))["sum"]
    return Invariant(
        f"{once:,} of {orders:,} orders are booked exactly once: {sales:,} ordered, "
        f"{booked:,} in the books",
        once == orders and booked == sales,
    )


def stock(run: Run) -> Invariant:
    """Every piece that was booked has left the shelves, exactly once."""
    now = dict(Product.objects.values_list("pk", "stock"))
    taken = sum(before - now[pk] for pk, before in run.stock.items())
    pieces = Sum("order__lines__quantity", default=0)
    booked = run.bookings().aggregate(pieces=pieces)["pieces"]
    return Invariant(
        f"{booked:,} pieces were sold, {taken:,} have left the shelves", taken == booked
    )


def packing(run: Run) -> Invariant:
    """Every order is packed, and the warehouse was told once."""
    orders, packed = run.orders().count(), run.orders().exclude(packed_at=None).count()
    jobs = run.jobs().filter(name=notify_warehouse.job.definition.name)
    told = sum(job.kwargs["order_id"] > run.last_order for job in jobs)
    return Invariant(
        f"{packed:,} of {orders:,} orders are packed, by {told:,} jobs", packed == orders == told
    )


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
    of_today = SalesReport.objects.filter(day=timezone.localdate(run.started_at))
    written = of_today.filter(written_at__gte=run.started_at).count()
    return Invariant(f"{written:,} sales report is written", written == 1)


def scheduled_report(run: Run, tick: datetime) -> Invariant:
    """The tick that was missed has made one job, and that one wrote the report of its day."""
    made = run.jobs().filter(tick=tick).count()
    reports = SalesReport.objects.filter(day=timezone.localdate(tick) - timedelta(days=1))
    written = reports.filter(written_at__gte=run.started_at).count()
    return Invariant(
        f"the tick that was missed has made {made:,} job, which wrote {written:,} report of the "
        f"day before",
        made == written == 1,
    )


def newsletter(hard: HardCases) -> Invariant:
    """The newsletter stopped soon after it was cancelled."""
    mailed, then, customers = hard.mailed(), hard.mailed_at_cancel, addressees()
    if then is None:
        return Invariant("the newsletter had ended before it could be cancelled", False)
    return Invariant(
        f"{mailed:,} of {customers:,} customers have the newsletter; when it was cancelled, "
        f"{then:,} had",
        mailed < customers and current(hard.newsletter).state == Job.State.CANCELLED,
    )


def feed(hard: HardCases) -> Invariant:
    """The feed that nobody can read was given up at its timeout, and the staff knows."""
    gave_up, notes = hard.is_timed_out(), hard.notes()
    return Invariant(
        f"the feed that hung was {'' if gave_up else 'not '}given up at its timeout, and the staff "
        f"has {notes:,} note of it",
        gave_up and notes == 1,
    )


def visits(hard: HardCases) -> Invariant:
    """No supplier was visited by more jobs at a time than they can take."""
    most = hard.most_visits()
    return Invariant(
        f"{len(hard.visits):,} suppliers were visited, never more than {most:,} at a time",
        0 < most <= 2,
    )


def forecast(hard: HardCases) -> Invariant:
    """The forecast has told of every product, and what is to be ordered is in its result."""
    job = current(hard.forecast)
    told, lines, found = job.progress or {}, len(job.log or []), len(job.result or {})
    return Invariant(
        f"the forecast has played {told.get('done', 0)} of {told.get('total', 0)} products, and "
        f"logged the {lines:,} that are to be ordered",
        job.state == Job.State.SUCCEEDED and told["done"] == told["total"] and lines == found,
    )
