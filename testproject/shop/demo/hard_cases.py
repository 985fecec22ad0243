"""The jobs that are no plain sailing: one unwanted, one stuck, one heavy, and some too many."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from django_jobs import cancel, enqueue, enqueue_many
from django_jobs.models import Job
from testproject.shop.demo.clock import wait_for
from testproject.shop.jobs import check_feed, forecast_demand, send_newsletter, visit_supplier
from testproject.shop.models import Customer, Mailing, StaffNote
from testproject.shop.suppliers import CARELESS

#: How many suppliers are visited.
SUPPLIERS = 10

#: How many customers have the newsletter before it is cancelled.
TOO_MANY = 3


@dataclass
class HardCases:
    """The rows of these jobs, as they were enqueued."""

    newsletter: Job
    feed: Job
    forecast: Job
    visits: Sequence[Job]
    #: How many customers had the newsletter when it was cancelled.
    mailed_at_cancel: int | None = None

    @classmethod
    def enqueue(cls) -> "HardCases":
        """Ask for all of them."""
        visit = visit_supplier.job
        return cls(
            newsletter=enqueue(send_newsletter.job.with_kwargs(subject="Everything must go")),
            feed=check_feed.enqueue(supplier=CARELESS),
            forecast=enqueue(forecast_demand.job),
            visits=enqueue_many(
                visit.with_kwargs(supplier=f"Supplier {n}") for n in range(1, SUPPLIERS + 1)
            ),
        )

    def watch(self, is_over: Callable[[], bool], until: float) -> Iterator[str]:
        """Cancel the newsletter on its way, and tell how the others get on, until all is over."""

        def happens(look: Callable[[], bool]) -> bool:
            wait_for(lambda: look() or is_over(), until)
            return look()

        if happens(lambda: self.mailed() >= TOO_MANY):
            mailed = self.mailed()
            if cancel([self.newsletter.pk]):
                self.mailed_at_cancel = mailed
                yield f"send_newsletter was cancelled: {mailed} of {addressees()} customers had it"
        if happens(lambda: current(self.feed).is_finished):
            yield self.feed_told()
        if happens(lambda: self.forecast_share() >= 0.5):
            yield f"forecast_demand is {self.forecast_share():.0%} done"

    def forecast_share(self) -> float:
        """Return which share of the products the forecast has told of."""
        told = current(self.forecast).progress
        return told["done"] / told["total"] if told else 0.0

    def feed_told(self) -> str:
        """Say how the feed ended."""
        feed = current(self.feed)
        took = feed.duration.total_seconds() if feed.duration else 0
        return f"check_feed hung in a regular expression: {feed.state} after {took:.1f} s"

    def sights(self) -> Iterator[tuple[str, str]]:
        """Yield pages of the admin that are worth a look, and what there is to see."""
        yield page_of(self.forecast), "progress, log and result"
        yield page_of(self.feed), "a timeout, and where it struck"
        yield page_of(self.newsletter), "cancelled on its way"
        yield reverse("admin:django_jobs_schedule_changelist"), "what comes by the clock"
        yield reverse("admin:shop_staffnote_changelist"), "what a signal told the staff"

    # What became of them ---------------------------------------------------------------------

    def mailed(self) -> int:
        """Count the customers who have the newsletter."""
        return Mailing.objects.filter(newsletter=self.newsletter.pk).count()

    def notes(self) -> int:
        """Count what the staff was told of the feed."""
        return StaffNote.objects.filter(job=self.feed.pk).count()

    def is_timed_out(self) -> bool:
        """Say whether the feed failed because of its timeout."""
        feed = current(self.feed)
        why = feed.errors[-1]["exception"] if feed.errors else ""
        return feed.state == Job.State.FAILED and why.endswith("JobTimeout")

    def most_visits(self) -> int:
        """Return how many suppliers were visited at one time, at most: as the jobs saw it."""
        moments = []
        for job in Job.objects.filter(pk__in=[visit.pk for visit in self.visits]):
            if job.result:
                moments.append((datetime.fromisoformat(job.result["came"]), 1))
                moments.append((datetime.fromisoformat(job.result["left"]), -1))
        here = most = 0
        for _, change in sorted(moments):
            here += change
            most = max(most, here)
        return most


def current(job: Job) -> Job:
    """Read the row of a job as it is now."""
    return Job.objects.get(pk=job.pk)


def page_of(job: Job) -> str:
    """Return the address of a job in the admin."""
    return reverse("admin:django_jobs_job_change", args=[job.pk])


def addressees() -> int:
    """Count the customers whom a newsletter is for."""
    return Customer.objects.count()
