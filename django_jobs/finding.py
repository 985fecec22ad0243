"""Jobs found by what people know of them: newest first, a page at a time, and never all counted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from django_jobs.engine.sql import JOB, fetch
from django_jobs.models import Job, Schedule
from django_jobs.states import LIVE

#: Ids that one statement answers.
BATCH = 10_000
#: Jobs that are counted.
MOST = 100_000


@dataclass(frozen=True)
class Criteria:
    """What is known of the jobs that are looked for; None is nothing."""

    #: Any of these; empty for all.
    states: tuple[str, ...] = ()
    queue: str | None = None
    name: str | None = None
    #: The name of the schedule that has made them.
    schedule: str | None = None
    unique_key: str | None = None
    concurrency_key: str | None = None
    fingerprint: str | None = None
    #: Enqueued at this time or later, and before that one.
    since: datetime | None = None
    until: datetime | None = None
    id: int | None = None
    #: The step of a workflow that they are part of, the job that made them, who runs them or did.
    step: int | None = None
    parent: int | None = None
    worker: int | None = None
    #: Have failed at some time, whatever became of them.
    has_errors: bool | None = None
    #: The beginning of the name, or one of the keys as a whole.
    word: str | None = None
    #: Have these keyword arguments, as they are stored, and maybe others.
    arguments: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in (None, ()) for field in fields(self))

    @property
    def equal(self) -> dict[str, object]:
        """Return the columns that are to be equal to something, and to what."""
        columns = {
            "queue": self.queue,
            "name": self.name,
            "unique_key": self.unique_key,
            "concurrency_key": self.concurrency_key,
            "fingerprint": self.fingerprint,
            "pk": self.id,
            "step_id": self.step,
            "parent_id": self.parent,
            "worker_id": self.worker,
        }
        return {name: value for name, value in columns.items() if value is not None}


def page(
    criteria: Criteria, *, limit: int, after: int | None = None, using: str
) -> tuple[list[dict[str, Any]], bool]:
    """Return the newest jobs that meet the criteria, and whether there are more.

    ``after`` is the last id of the page before this one.
    """
    found = _meeting(criteria, using)
    if after is not None:
        found = found.filter(pk__lt=after)
    rows = [dict(row) for row in found.order_by("-pk").values()[: limit + 1]]
    return rows[:limit], len(rows) > limit


def ids(criteria: Criteria, *, using: str) -> list[int]:
    """Return the ids of all jobs that meet the criteria, in ascending order."""
    return [key for batch in _batches(_meeting(criteria, using)) for key in batch]


def known(given: Collection[int], *, using: str) -> set[int]:
    """Return those of the given ids that are jobs."""
    sql = f"SELECT id FROM {JOB} WHERE id = ANY(%s::bigint[])"  # noqa: S608 - names of tables
    return {key for (key,) in fetch(using, sql, (list(given),))}


def total(*, using: str) -> int:
    """Return how many jobs there are, counted up to MOST."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {JOB} LIMIT {MOST}) AS counted"  # noqa: S608
    ((count,),) = fetch(using, sql)
    return int(count)


def has_schedule(name: str, *, using: str) -> bool:
    """Return whether there is a schedule of that name."""
    return Schedule.objects.using(using).filter(name=name).exists()


def holder(key: str, jobs: QuerySet[Job]) -> int | None:
    """Return which of the jobs holds a unique key now."""
    held = jobs.filter(unique_key=key, state__in=sorted(LIVE))
    return held.values_list("pk", flat=True).first()


def meeting(criteria: Criteria, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return those of the jobs that meet the criteria."""
    found = jobs.filter(**criteria.equal)
    if len(criteria.states) == 1:  # the plain comparison is what partial indexes are matched with
        found = found.filter(state=criteria.states[0])
    elif criteria.states:
        found = found.filter(state__in=sorted(criteria.states))
    if criteria.schedule is not None:
        # Looked up beforehand: a join would hide the index of a schedule's jobs.
        keys = Schedule.objects.using(jobs.db).filter(name=criteria.schedule)
        found = found.filter(schedule_id=keys.values_list("pk", flat=True).first() or 0)
    if criteria.since is not None:
        found = found.filter(enqueued_at__gte=criteria.since)
    if criteria.until is not None:
        found = found.filter(enqueued_at__lt=criteria.until)
    if criteria.has_errors is not None:
        found = found.filter(fingerprint__isnull=not criteria.has_errors)
    if criteria.word is not None:
        word = criteria.word
        found = found.filter(
            Q(name__startswith=word) | Q(unique_key=word) | Q(concurrency_key=word)
        )
    if criteria.arguments:
        found = found.filter(kwargs__contains=criteria.arguments)
    return found


def _meeting(criteria: Criteria, using: str) -> QuerySet[Job]:
    return meeting(criteria, Job.objects.using(using))


def _batches(found: QuerySet[Job]) -> Iterator[list[int]]:
    last = 0
    while True:
        more = found.filter(pk__gt=last).order_by("pk")
        batch = list(more.values_list("pk", flat=True)[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        last = batch[-1]
