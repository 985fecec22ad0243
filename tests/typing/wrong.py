"""A project that uses the public API wrongly, in each line that ends in ``E`` and mypy's answer.

It is never run.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import Model
from django.db.models.signals import post_save

from django_jobs import (
    Dependency,
    Flow,
    JobContext,
    JobSpec,
    JobTrigger,
    Snooze,
    aenqueue,
    cancel,
    chain,
    cron,
    enqueue,
    enqueue_many,
    enqueue_on,
    group,
    job,
    reprioritize,
)
from django_jobs.models import Job
from django_jobs.testing import (
    arun_jobs,
    assert_enqueued,
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
    return "heavy"  # E return-value: got "str", expected "float"


@job(max_attempts=3)
async def track(parcel: int) -> str:
    """Ask where a parcel is."""
    return weigh(parcel)  # E return-value: got "float", expected "str"


@job
def route(context: JobContext, parcels: list[int], *, by: str = "van") -> None:
    """Plan a tour."""
    context.progress("half")  # E arg-type: expected "float"
    context.atempt  # E attr-defined: maybe "attempt"
    raise Snooze()  # E call-arg: Missing positional argument "delay"


@job()
def tally(day: date | None = None) -> int:
    """Count what was delivered."""
    return 0


job(3)  # E call-overload: matches argument type "int"
job(quue="mail")  # E call-overload: did you mean "queue"?
job(max_attempts="three")  # E call-overload: matches argument type "str"
job(executor="thred")  # E call-overload: matches argument type "str"
job(depends_on=weigh)  # E call-overload: matches argument type "JobFunction
job(queue="mail")("weigh")  # E call-overload: "JobDecorator" matches argument type "str"
cron()  # E call-overload: All overload variants of "cron" require
cron("@daily", missed="sometimes")  # E call-overload: matches argument types "str", "str"
cron("@daily", timezone=date)  # E call-overload: matches argument types "str", "type[date]"
cron(every=60)  # E call-overload: matches argument type "int"
cron("@daily")("tally")  # E call-overload: "JobDecorator" matches argument type "str"
job.with_defaults(name="all")  # E call-arg: Unexpected keyword argument "name"
Dependency(weigh, "12 hours", parcel=1)  # E arg-type: expected "float | timedelta
enqueue_on(post_save, sender=Order, job=3)  # E arg-type: expected "JobSpec | Callable
enqueue_on(
    post_save,
    sender=Order,
    job=weigh,
    when=lambda order: order.totl > 0,  # E attr-defined: "Order" has no attribute "totl"
)


class Shipment(Model):
    """A row that makes jobs by triggers of the database."""

    class Meta:
        abstract = True
        constraints = [
            JobTrigger(name="a", job=weigh, on="insrt"),  # E arg-type: "on" to "JobTrigger"
            JobTrigger(name="b", job=weigh),  # E call-arg: Missing named argument "on"
            JobTrigger(name="c", job=3, on="insert"),  # E arg-type: "job" to "JobTrigger"
        ]


# Calling and enqueueing -----------------------------------------------------------------------


async def enqueue_all(context: JobContext) -> str:
    """Make jobs, all of them wrongly."""
    weigh("3")  # E arg-type: expected "int"
    weigh.enqueue("3")  # E arg-type: expected "int"
    weigh.enqueue()  # E call-arg: Missing positional argument "parcel"
    weigh.enqueue(3, heavy=True)  # E call-arg: Unexpected keyword argument "heavy"
    await weigh.aenqueue(parcel=None)  # E arg-type: expected "int"
    weigh.aenqueue(3)  # E unused-coroutine: must be used
    weigh.delay(3)  # E attr-defined: has no attribute "delay"
    await weigh.enqueue(3)  # E misc: Incompatible types in "await" (actual type "Job"
    route(context)  # E call-arg: Missing positional argument "parcels"
    route.enqueue(context=context, parcels=[3])  # E call-arg: argument "context"
    route.enqueue([3], by=4)  # E arg-type: expected "str"
    track(3).upper()  # E attr-defined: "Coroutine[Any, Any, str]" has no attribute "upper"

    weigh.job.with_priority("high")  # E arg-type: expected "int"
    weigh.job.with_scheduled_at(60)  # E arg-type: expected "datetime | timedelta"
    weigh.job.with_timeout("1m")  # E arg-type: expected "float | timedelta
    weigh.job.with_kwargs([3])  # E arg-type: expected "Mapping[str, Any] | None"
    weigh.job.with_retries(3)  # E attr-defined: "JobSpec" has no attribute "with_retries"
    weigh.job.queue = "mail"  # E misc: Property "queue" defined in "JobSpec" is read-only
    JobSpec("shop.jobs.pack", {"parcel": 1})  # E arg-type: expected "tuple[Any, ...]"
    JobSpec(func="shop.jobs.pack", retries=3)  # E call-arg: Unexpected keyword argument "retries"
    JobSpec.from_func(weigh, quue="mail")  # E call-arg: did you mean "queue"?
    JobSpec.from_func("shop.jobs.pack")  # E arg-type: expected "Callable[..., Any]"

    enqueue("shop.jobs.pack")  # E call-overload: matches argument type "str"
    enqueue(weigh(3))  # E call-overload: matches argument type "float"
    enqueue_many(weigh.job)  # E arg-type: expected "Iterable[
    enqueue_many([chain(tally)])  # E list-item: incompatible type "Chain"
    row: str = await aenqueue(tally)  # E assignment: expression has type "Job"
    return row


def compose() -> Job:
    """Say which jobs come after which, in ways that there are not."""
    weigh | tally  # E operator: Unsupported left operand type for |
    chain(tally, 3)  # E arg-type: Argument 2 to "chain"
    chain(tally, on_failure="ignore")  # E arg-type: "on_failure" to "chain"
    group(tally, on_failur="stop")  # E call-arg: did you mean "on_failure"?
    chain(tally).with_options(title="tour")  # E call-arg: Unexpected keyword argument "title"
    tally.job | 3  # E operator: Unsupported operand types for |
    Flow("tour").step("count", 3)  # E arg-type: Argument 2 to "step"
    return chain(tally).enqueue()  # E return-value: got "Workflow", expected "Job"


def steer(row: Job) -> float:
    """Look at jobs, and change their course."""
    cancel("all")  # E arg-type: Argument 1 to "cancel"
    reprioritize(row, "high")  # E arg-type: expected "int"
    row.wait(timeout="10")  # E arg-type: expected "float | timedelta | None"
    return row.wait()  # E return-value: got "Job", expected "float"


# Testing --------------------------------------------------------------------------------------


async def try_it() -> None:
    """Use the helpers for tests wrongly."""
    run_jobs(["mail"])  # E call-arg: Too many positional arguments for "run_jobs"
    run_jobs(queue="mail")  # E call-arg: Unexpected keyword argument "queue"
    arun_jobs()  # E unused-coroutine: must be used
    captured_jobs(commit=True)  # E call-arg: Unexpected keyword argument "commit"
    travel(3600)  # E arg-type: expected "timedelta | datetime"
    travel(date(2030, 1, 1))  # E arg-type: expected "timedelta | datetime"
    assert_enqueued(weigh, args=3)  # E arg-type: expected "Sequence[Any] | None"
    assert_enqueued(weigh, scheduled_at=datetime)  # E arg-type: incompatible type "type[datetime]"
    assert_not_enqueued(weigh, quue="mail")  # E call-arg: did you mean "queue"?
    assert_not_enqueued(weigh, count=1)  # E call-arg: Unexpected keyword argument "count"
    assert_not_enqueued(3)  # E arg-type: expected "Callable[..., Any] | str"
