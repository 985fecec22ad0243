"""What belongs to this run of the demo: the database may hold many more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet

from django_jobs.models import Job
from testproject.shop.demo.clock import database_now
from testproject.shop.models import Booking, Order, Product

#: The states of a job that will not run again.
ENDED = (Job.State.SUCCEEDED, Job.State.FAILED, Job.State.CANCELLED)


@dataclass(frozen=True)
class Run:
    """One run: everything after these keys and this moment is its own."""

    last_job: int
    last_order: int
    last_booking: int
    started_at: datetime
    #: How many pieces of each product were on the shelves.
    stock: Mapping[int, int]

    @classmethod
    def begin(cls) -> "Run":
        """Remember where the tables end now."""
        return cls(
            last_job=last(Job.objects.all()),
            last_order=last(Order.objects.all()),
            last_booking=last(Booking.objects.all()),
            started_at=database_now(),
            stock=dict(Product.objects.values_list("pk", "stock")),
        )

    def jobs(self) -> QuerySet[Job]:
        """Return the jobs of this run."""
        return Job.objects.filter(pk__gt=self.last_job)

    def ended(self) -> QuerySet[Job]:
        """Return the jobs of this run that will not run again."""
        return self.jobs().filter(state__in=ENDED)

    def unfinished(self) -> QuerySet[Job]:
        """Return the jobs of this run that still have to run."""
        return self.jobs().exclude(state__in=ENDED)

    def orders(self) -> QuerySet[Order]:
        """Return the orders of this run."""
        return Order.objects.filter(pk__gt=self.last_order)

    def bookings(self) -> QuerySet[Booking]:
        """Return what was booked in this run, for whichever order."""
        return Booking.objects.filter(pk__gt=self.last_booking)


def last(rows: QuerySet[Any]) -> int:
    """Return the highest key, 0 of no rows."""
    found: int = rows.aggregate(last=Max("pk", default=0))["last"]
    return found
