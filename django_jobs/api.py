"""What a view, a signal or a shell calls. Each function has an ``a…`` twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, overload

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal

from django_jobs import engine, registry, signals
from django_jobs.batches import NewJobs
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.exceptions import InvalidOption, UnknownQueue
from django_jobs.flows import Composition
from django_jobs.models import Job, Schedule, Worker, Workflow
from django_jobs.options import check_moment, check_name, check_priority
from django_jobs.orders import Order
from django_jobs.planning import plan
from django_jobs.registry import find
from django_jobs.specs import JobSpec

#: What can be enqueued: a spec, or a job function that needs no arguments, maybe because its
#: ``@job`` gives them, which type checkers cannot know.
Enqueueable = JobSpec | Callable[..., Any]
#: What verbs are applied to: a job, its id, several of either, or a queryset.
Jobs = Job | int | Iterable[Job | int] | QuerySet[Job]


@overload
def enqueue(spec: Composition, *, using: str | None = None) -> Workflow: ...


@overload
def enqueue(spec: Enqueueable, *, using: str | None = None) -> Job: ...


def enqueue(spec: Enqueueable | Composition, *, using: str | None = None) -> Job | Workflow:
    """Make one job, in the caller's transaction, and return its row; or a workflow, and its row.

    Where a live job holds the unique key return that one's row, with ``created`` False. Raise
    UnknownJob, TypeError for arguments that the function does not take, or NotStorable; for a
    workflow InvalidOption where its steps make no sense, or UniqueKeyHeld.
    """
    if isinstance(spec, Composition):
        return _start(spec, using)
    return _enqueue([_spec(spec)], using)[0]


def enqueue_many(specs: Iterable[Enqueueable], *, using: str | None = None) -> Sequence[Job]:
    """Make many jobs in one transaction, and return their rows in the order given.

    All or none: an error in one spec is raised, and nothing has been written.
    """
    return _enqueue([_spec(spec) for spec in specs], using)


def cancel(jobs: Jobs | Workflow, *, using: str | None = None) -> int:
    """Cancel the jobs that have not ended, those of a workflow too, and return how many.

    What runs already is asked to stop, or stopped, by its worker: as far as its executor can. Its
    outcome is not recorded either way.
    """
    retention = options().retention
    if isinstance(jobs, Workflow):
        alias = using or jobs._state.db or write_alias(None)
        cancelled = engine.cancel_workflow(jobs.pk, retention=retention, using=alias)
    else:
        ids, alias = _targets(jobs, using)
        cancelled = engine.cancel(ids, retention=retention["cancelled"], using=alias)
    if signals.job_cancelled.receivers:
        rows = Job.objects.using(alias).in_bulk(cancelled).values()
        _send(signals.job_cancelled, rows, alias, reason="")
    return len(cancelled)


def retry(jobs: Jobs | Workflow, *, using: str | None = None) -> int:
    """Make failed and cancelled jobs ready with all their attempts, and return how many.

    Jobs of a workflow, or a whole one, resume it.
    """
    if isinstance(jobs, Workflow):
        alias = using or jobs._state.db or write_alias(None)
        return engine.retry_workflow(jobs.pk, using=alias)
    ids, alias = _targets(jobs, using)
    return engine.retry(ids, using=alias)


def retry_with(
    job: Job | int,
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    using: str | None = None,
) -> bool:
    """Retry a failed or cancelled job with other arguments; return whether it was one.

    The arguments are checked as enqueueing does it, and raise what it raises. Keys that the
    function works out from its arguments are worked out anew. Raise Job.DoesNotExist.
    """
    (key,), alias = _targets(job, using)
    row = Job.objects.using(alias).only("name", "unique_key", "concurrency_key").get(pk=key)
    spec = JobSpec(func=row.name).calling(tuple(args), dict(kwargs or {}))
    new, definition = spec.prepare(), spec.definition
    return engine.retry_with(
        key,
        new,
        unique_key=new.unique_key if row.unique_key and callable(definition.unique_key) else None,
        concurrency_key=new.concurrency_key if callable(definition.concurrency_key) else None,
        using=alias,
    )


def expedite(jobs: Jobs, *, using: str | None = None) -> int:
    """Let scheduled jobs run now, those too that wait for their next attempt; return how many."""
    ids, alias = _targets(jobs, using)
    return len(engine.expedite(ids, using=alias))


def reprioritize(jobs: Jobs, priority: int, *, using: str | None = None) -> int:
    """Give jobs that wait another priority, higher first, and return how many it changes.

    Jobs of functions that are ordered keep theirs.
    """
    priority = check_priority(priority)
    ids, alias = _targets(jobs, using)
    ordered = [lane for lane, limit in registry.limits().items() if limit.is_ordered]
    return len(engine.reprioritize(ids, priority, ordered=ordered, using=alias))


def pause_queue(
    name: str, *, resume_at: datetime | timedelta | None = None, using: str | None = None
) -> None:
    """Let no more jobs of a queue start, until it is resumed or ``resume_at``."""
    check_name(name, "queue")
    if resume_at is not None:
        check_moment(resume_at, "resume_at")
    engine.pause_queue(name, resume_at=resume_at, using=write_alias(using))


def resume_queue(name: str, *, using: str | None = None) -> bool:
    """Let the jobs of a queue start again; return whether it was paused."""
    alias = write_alias(using)
    resumed = engine.resume_queue(name, using=alias)
    engine.announce([name], alias)
    return resumed


def quiet_workers(workers: Iterable[Worker | int], *, using: str | None = None) -> int:
    """Let workers claim nothing more and go on with what they run; return how many were told."""
    return _tell(workers, Order.QUIET, using)


def resume_workers(workers: Iterable[Worker | int], *, using: str | None = None) -> int:
    """Let quiet workers claim jobs again, and return how many were told."""
    return _tell(workers, Order.NONE, using)


def stop_workers(workers: Iterable[Worker | int], *, using: str | None = None) -> int:
    """Stop workers gracefully, as by SIGTERM, and return how many were told.

    Their supervisors start no others in their place.
    """
    return _tell(workers, Order.STOP, using)


def run_now(schedules: Iterable[Schedule], *, using: str | None = None) -> Sequence[Job]:
    """Make a job of each schedule, whatever the clock says; their ticks come as ever."""
    alias = write_alias(using)
    jobs = engine.fire_now([schedule.pk for schedule in schedules], using=alias)
    tell_enqueued(jobs, alias)
    return jobs


@overload
async def aenqueue(spec: Enqueueable, *, using: str | None = None) -> Job: ...


@overload
async def aenqueue(spec: Composition, *, using: str | None = None) -> Workflow: ...


async def aenqueue(spec: Enqueueable | Composition, *, using: str | None = None) -> Job | Workflow:
    """See enqueue()."""
    enqueue_it: Callable[..., Job | Workflow] = enqueue
    return await sync_to_async(enqueue_it)(spec, using=using)


aenqueue_many = sync_to_async(enqueue_many)
acancel = sync_to_async(cancel)
aretry = sync_to_async(retry)
aretry_with = sync_to_async(retry_with)
aexpedite = sync_to_async(expedite)
areprioritize = sync_to_async(reprioritize)
apause_queue = sync_to_async(pause_queue)
aresume_queue = sync_to_async(resume_queue)
aquiet_workers = sync_to_async(quiet_workers)
aresume_workers = sync_to_async(resume_workers)
astop_workers = sync_to_async(stop_workers)


def _tell(workers: Iterable[Worker | int], order: Order, using: str | None) -> int:
    keys = [worker.pk if isinstance(worker, Worker) else worker for worker in workers]
    return len(engine.tell_workers(keys, order, using=write_alias(using)))


def _spec(given: Enqueueable) -> JobSpec:
    if isinstance(given, JobSpec):
        return given
    if isinstance(given, Composition):
        raise InvalidOption("A workflow is enqueued by itself: enqueue(workflow).")
    if not callable(given):
        raise InvalidOption(f"Only a JobSpec or a job function is enqueued, not {given!r}.")
    return JobSpec.from_func(given)


def _start(work: Composition, using: str | None) -> Workflow:
    alias, planned = write_alias(using), plan(work)
    _check_queues([spec for step in planned.steps for spec in step.specs])
    workflow, jobs = engine.start(planned, using=alias)
    tell_enqueued(jobs, alias)
    return workflow


def _enqueue(specs: list[JobSpec], using: str | None) -> Sequence[Job]:
    _check_queues(specs)
    alias = write_alias(using)
    jobs = engine.enqueue(specs, using=alias)
    tell_enqueued(jobs, alias)
    return jobs


def _check_queues(specs: list[JobSpec]) -> None:
    if options().strict_queues:
        for queue in NewJobs(specs).queues - set(options().queues):
            raise UnknownQueue(queue, options().queues)


def tell_enqueued(jobs: Sequence[Job], using: str) -> None:
    """Send the signal of jobs that were made, once they are committed."""
    if signals.job_enqueued.receivers:
        _send(signals.job_enqueued, (job for job in jobs if job.created), using)


def _send(signal: Signal, jobs: Iterable[Job], using: str, **told: Any) -> None:
    for job in jobs:
        definition = find(job.name)
        sender = None if definition is None else definition.func
        _after_commit(signal, using, sender=sender, job=job, **told)


def _after_commit(signal: Signal, using: str, **told: Any) -> None:
    # Not a partial: Django wants the name of what fails.
    transaction.on_commit(lambda: signal.send_robust(**told), using=using, robust=True)


def _targets(jobs: Jobs, using: str | None) -> tuple[list[int], str]:
    if isinstance(jobs, QuerySet):
        # Where the queryset was not told its database, read where we are going to write.
        alias = using or getattr(jobs, "_db", None) or write_alias(None)
        return sorted(jobs.using(alias).values_list("pk", flat=True)), alias
    given = [jobs] if isinstance(jobs, Job | int) or not isinstance(jobs, Iterable) else jobs
    return sorted(_id(job) for job in given), write_alias(using)


def _id(job: object) -> int:
    if isinstance(job, Job) and job.pk is not None:
        return job.pk
    if isinstance(job, int) and not isinstance(job, bool):
        return job
    raise InvalidOption(f"Give jobs, their ids, or a queryset of jobs, not {job!r}.")
