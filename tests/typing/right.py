"""A project that uses the public API as it is meant: no type checker complains, nor the library."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, assert_type

from django.db import models
from django.db.models import Q, Value
from django.db.models.signals import post_save
from django.dispatch import receiver

from django_jobs import (
    Cancel,
    Dependency,
    Flow,
    JobContext,
    JobSpec,
    JobTrigger,
    Priority,
    Rate,
    Retry,
    Snooze,
    acancel,
    aenqueue,
    aenqueue_many,
    aexplain,
    aretry,
    cancel,
    chain,
    cron,
    enqueue,
    enqueue_many,
    enqueue_on,
    expedite,
    explain,
    group,
    job,
    pause_queue,
    previous,
    reprioritize,
    result_of,
    resume_queue,
    retry,
    retry_with,
    same,
)
from django_jobs.exceptions import WaitTimeout
from django_jobs.flows import Chain, Group
from django_jobs.models import Job, Queue, Workflow
from django_jobs.outcomes import Fault
from django_jobs.signals import job_failed, job_succeeded
from django_jobs.testing import (
    arun_jobs,
    assert_enqueued,
    assert_idempotent,
    assert_not_enqueued,
    captured_jobs,
    run_jobs,
    travel,
)
from testproject.shop.models import Order

# Declaring ------------------------------------------------------------------------------------


@job
def weigh(parcel: int) -> float:
    """Say how heavy a parcel is."""
    return parcel * 0.5


@job(
    queue="mail",
    priority=Priority.HIGH,
    max_attempts=5,
    backoff=lambda attempt: timedelta(seconds=attempt),
    retry_on=(OSError, TimeoutError),
    give_up_on=ValueError,
    timeout=timedelta(minutes=1),
    unique_key=lambda address, **more: f"letter-{address}",
    concurrency_key="printer",
    max_running_per_key=1,
    rate_limit="10/s",
    rate_limit_per_key=Rate.of(100, per=timedelta(minutes=1), burst=10),
    expires_after=3600,
    retention=timedelta(days=1),
)
def write_letter(address: str, *, copies: int = 1) -> None:
    """Write a letter; steer the run by what is raised."""
    if not address:
        raise Cancel("nobody")
    if copies > 9:
        raise Snooze(timedelta(hours=1))
    raise Retry(delay=3, message="out of ink")


@job(max_attempts=3)
async def track(parcel: int) -> str:
    """Ask where a parcel is."""
    return f"parcel {parcel} of {await weigh.aenqueue(parcel)}"


@job(executor="process", memory_limit=2**28, units=2)
def route(context: JobContext, parcels: list[int], *, by: str = "van") -> dict[str, float]:
    """Plan a tour, and tell how far it has got."""
    context.check()
    context.progress(1, len(parcels), f"by {by}")
    context.log("attempt %d of %d", context.attempt, context.max_attempts)
    assert_type(context.remaining, float | None)
    assert_type(context.tick, datetime | None)
    return {by: float(context.lease.claims)}


@job
def stamp(value: object) -> None:
    """Take anything: that it could be a context makes it none."""


@job
def note(*words: Any, **facts: Any) -> int:
    """Take all that there is."""
    return len(words) + len(facts)


@cron("0 6 * * *", timezone="Europe/Paris", missed="once", overlap="skip", kwargs={"day": None})
@cron(every=timedelta(hours=1), name="hourly count")
@job(depends_on=[Dependency(weigh, 12, parcel=1)], write_all=False)
def count(day: date | None = None, context: JobContext | None = None) -> int:
    """Count what was delivered."""
    return context.attempt if context else 0


@job(depends_on=Dependency(count, timedelta(hours=1), day=same - timedelta(days=1)))
def invoice(day: date) -> None:
    """Write an invoice."""


mail = job.with_defaults(queue="mail", max_attempts=2)


@mail
def greet(name: str) -> str:
    """Greet somebody."""
    return name


@mail(priority=5, name="typing.wave", aliases=["typing.nod"])
def wave(name: str) -> str:
    """Wave at somebody."""
    return name


enqueue_on(
    post_save,
    sender=Order,
    job=weigh,
    created=True,
    when=lambda order: order.total > 0,
    kwargs=lambda order: {"parcel": order.pk},
)


class Shipment(models.Model):
    """A row that makes jobs by triggers of the database."""

    address = models.CharField(max_length=99)

    class Meta:
        abstract = True
        constraints = [
            JobTrigger(
                name="typing_shipment",
                job=write_letter,
                on=["insert", "update"],
                for_each="row",
                kwargs={"address": "new.address", "copies": Value(1)},
                when=Q(address__gt=""),
                update_of=["address"],
                scheduled_at=timedelta(minutes=1),
            ),
        ]


@receiver(job_failed, sender=weigh)
def tell(job: Job, fault: Fault, **kwargs: Any) -> None:
    """Hear of a failure."""
    print(job.name, fault.message)


def hear(*, job: Job, duration: float, **kwargs: Any) -> None:
    """Hear of a success."""


job_succeeded.connect(hear)

# Calling and enqueueing -----------------------------------------------------------------------


def enqueue_all(context: JobContext) -> None:
    """Make jobs in all ways."""
    assert_type(weigh(3), float)
    assert_type(route(context, [1], by="bike"), dict[str, float])
    assert_type(weigh.enqueue(parcel=3), Job)
    assert_type(route.enqueue([1, 2], by="bike"), Job)
    assert_type(note.enqueue(1, "two", three=3), Job)
    stamp.enqueue(3)
    count.enqueue()
    greet.enqueue("Ada")
    wave.enqueue(name="Ada")

    spec = (
        write_letter.job.with_args("Here")
        .with_kwargs({"address": "There"}, copies=2)
        .with_queue(Queue(name="mail"))
        .with_priority(Priority.LOW)
        .with_max_attempts(2)
        .with_scheduled_at(timedelta(hours=1))
        .with_unique_key("letter")
        .with_concurrency_key("printer")
        .with_expires_after(60)
        .with_timeout(timedelta(seconds=5))
        .with_memory_limit(2**30)
        .with_meta(author="Ada")
    )
    assert_type(spec, JobSpec)
    assert_type(enqueue(spec, using="default"), Job)
    rows = enqueue_many([JobSpec("shop.jobs.pack", kwargs={"parcel": 1}), spec, count])
    assert [row.created for row in rows]
    enqueue(JobSpec.from_func(weigh, args=[3], priority=1, scheduled_at=datetime.now(UTC)))


async def enqueue_later() -> str:
    """Make jobs in coroutines."""
    assert_type(await weigh.aenqueue(3), Job)
    assert_type(await aenqueue(weigh.job.with_args(3)), Job)
    assert_type(await aenqueue(chain(count, count)), Workflow)
    rows = await aenqueue_many(weigh.job.with_args(parcel) for parcel in range(9))
    assert_type(await acancel(rows), int)
    await aretry(rows[0])
    print((await aexplain(rows[0])).headline)
    row = await rows[0].await_(timeout=5)
    return await track(row.pk)


def compose() -> Workflow:
    """Say which jobs come after which."""
    assert_type(weigh.job.with_args(1) | count, Chain)
    assert_type(group(*(weigh.job.with_args(parcel) for parcel in range(9))), Group)
    chain(count, group(count, count), name="tour", on_failure="go_on", cleanup=count, meta={})
    flow = Flow("tour", on_failure="stop").step("count", count)
    flow = flow.step("tell", note.job.with_args(result_of("count")), after="count")
    assert_type(flow.then(weigh).with_options(name="long tour"), Chain)
    return group(count, count).then(note.job.with_args(previous)).enqueue()


# Steering and looking -------------------------------------------------------------------------


def steer(rows: Iterable[Job]) -> bool:
    """Look at jobs, and change their course."""
    row = Job.objects.get(pk=1)
    assert_type(retry(row), int)
    assert_type(retry_with(row, kwargs={"parcel": 4}), bool)
    reprioritize(Job.objects.filter(queue="mail"), Priority.HIGH)
    expedite([row, 2])
    cancel(rows)
    pause_queue("mail", resume_at=timedelta(hours=1))
    assert_type(resume_queue("mail"), bool)
    print(explain(row).headline)
    try:
        return assert_type(row.wait(timeout=10), Job).state == Job.State.SUCCEEDED
    except WaitTimeout:
        return False


# Testing --------------------------------------------------------------------------------------


async def try_it() -> list[Job]:
    """Use the helpers for tests."""
    with captured_jobs(on_commit=True) as jobs, travel(timedelta(days=1)):
        weigh.enqueue(3)
    assert_enqueued(weigh, args=[3], kwargs={}, queue="default", count=1, jobs=jobs)
    assert_enqueued("typing.wave", scheduled_at=timedelta(0))
    assert_not_enqueued(weigh, kwargs={"parcel": 3}, jobs=jobs)
    assert_type(assert_idempotent(weigh, 3, models=[Order]), int)
    assert_type(run_jobs(queues=["mail"], limit=3, schedules=True), list[Job])
    return await arun_jobs(until_empty=False)
