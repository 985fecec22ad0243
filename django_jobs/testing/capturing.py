"""What was enqueued, and what was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import connections
from django.db.models import Max

from django_jobs.engine.sql import write_alias
from django_jobs.models import Job
from django_jobs.specs import JobSpec

#: Jobs that an error shows.
SHOWN = 20


class Wanted(TypedDict, total=False):
    """What may be asked of a job; None asks nothing."""

    args: Sequence[Any] | None
    kwargs: Mapping[str, Any] | None
    queue: str | None
    priority: int | None
    scheduled_at: datetime | timedelta | None
    #: Among which it is looked for.
    jobs: Sequence[Job] | None
    using: str | None


@contextmanager
def captured_jobs(*, on_commit: bool = False, using: str | None = None) -> Iterator[list[Job]]:
    """Give a list that holds, once the block has ended, the rows that were enqueued in it.

    With ``on_commit`` what waits for the commit of the test's transaction is called before that.
    """
    alias = write_alias(using)
    jobs: list[Job] = []
    last = Job.objects.using(alias).aggregate(last=Max("pk"))["last"] or 0
    connection: Any = connections[alias]
    waiting = len(connection.run_on_commit)
    yield jobs
    while on_commit and len(connection.run_on_commit) > waiting:
        connection.run_on_commit.pop(waiting)[1]()
    jobs += Job.objects.using(alias).filter(pk__gt=last).order_by("pk")


def assert_enqueued(
    fn: Callable[..., Any] | str,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
    priority: int | None = None,
    scheduled_at: datetime | timedelta | None = None,
    count: int | None = None,
    jobs: Sequence[Job] | None = None,
    using: str | None = None,
) -> list[Job]:
    """Return the jobs of a function that are as told, or raise AssertionError: the nearest differ.

    Among ``jobs``, or all there are; ``count`` of them, or one at least. ``scheduled_at`` is a
    moment, or how long after the enqueueing, to the second.
    """
    name = fn if isinstance(fn, str) else str(JobSpec.from_func(fn).func)
    wanted: dict[str, Any] = {"args": args, "kwargs": kwargs, "queue": queue, "priority": priority}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if scheduled_at is not None:
        wanted["scheduled_at"] = scheduled_at
    among = list(Job.objects.using(write_alias(using)).order_by("pk")) if jobs is None else jobs
    found = [job for job in among if job.name == name and not _differences(job, wanted)]
    if len(found) == count or (count is None and found):
        return found
    told = "at least 1" if count is None else str(count)
    raise AssertionError(
        f"Expected {told} of {_told(name, wanted)}, and found {len(found)}.\n"
        f"{_shown(among, name, wanted)}"
    )


def assert_not_enqueued(fn: Callable[..., Any] | str, **wanted: Unpack[Wanted]) -> None:
    """Raise AssertionError if a job of a function was enqueued that is as told."""
    assert_enqueued(fn, count=0, **wanted)


def _value(job: Job, key: str, wanted: Any) -> Any:
    if key == "args":
        return list(job.args)
    if key == "kwargs":
        return dict(job.kwargs)
    if key == "scheduled_at" and isinstance(wanted, timedelta):
        return job.scheduled_at - job.enqueued_at
    return getattr(job, key)


def _differences(job: Job, wanted: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in wanted.items():
        actual = _value(job, key, value)
        if key == "scheduled_at":
            is_same = abs(actual - value) < timedelta(seconds=1)
        else:
            is_same = actual == (list(value) if key == "args" else value)
        if not is_same:
            found.append(f"{key} is {actual!r}, not {value!r}")
    return found


def _told(name: str, wanted: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={value!r}" for key, value in wanted.items())
    return f"{name}({options})"


def _shown(jobs: Sequence[Job], name: str, wanted: Mapping[str, Any]) -> str:
    if not jobs:
        return "Nothing was enqueued."
    # What is nearest comes first.
    rated = [(job.name != name, len(_differences(job, wanted)), job) for job in jobs]
    lines = []
    for is_other, _, job in sorted(rated, key=lambda one: one[:2])[:SHOWN]:
        why = "another function" if is_other else "; ".join(_differences(job, wanted)) or "as told"
        lines.append(f"  #{job.pk} {job.name}: {why}")
    return "\n".join(["Enqueued were:", *lines])
