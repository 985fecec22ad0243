"""The calls that wait: what live jobs and schedules will call, a batch at a time. Read only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django_jobs.engine.heads import QUEUES
from django_jobs.engine.sql import JOB, fetch, states
from django_jobs.models import Schedule
from django_jobs.scheduling import Source
from django_jobs.states import LIVE

#: Jobs that are in memory at one time.
BATCH = 5_000

# By the primary key, whose order lets each batch go on where the last one ended.
_WAITING = f"""
SELECT id, name, args::text, kwargs::text FROM {JOB}
WHERE id > %s AND state IN {states(LIVE)} ORDER BY id LIMIT {{limit}}
"""  # noqa: S608 - names of tables

# The first of each queue, and what is due first: a job whose function is unknown is parked, and so
# among these again and again.
_NEXT = f"""
WITH RECURSIVE {QUEUES}
SELECT name, count(*)::int FROM (
    SELECT name FROM (SELECT queue FROM queues LIMIT {{queues}}) AS queues CROSS JOIN LATERAL (
        SELECT name FROM {JOB} AS job WHERE state = 'ready' AND job.queue = queues.queue
        ORDER BY job.queue, lane, concurrency_key, priority DESC, id LIMIT {{limit}}
    ) AS ready
    UNION ALL
    (SELECT name FROM {JOB} WHERE state = 'scheduled' ORDER BY scheduled_at LIMIT {{limit}})
) AS found GROUP BY name ORDER BY name
"""  # noqa: S608 - names of tables


class Call(NamedTuple):
    """What one job will call, as JSON text."""

    id: int
    name: str
    args: str
    kwargs: str


def waiting(*, using: str, batch: int = BATCH) -> Iterator[list[Call]]:
    """Yield all jobs that have not ended, in the order of their ids, by the batch."""
    last, statement = 0, _WAITING.format(limit=batch)
    while rows := fetch(using, statement, (last,)):
        yield [Call._make(row) for row in rows]
        last = rows[-1][0]


def next_names(*, limit: int = 200, queues: int = 50, using: str) -> dict[str, int]:
    """Return the functions of the next jobs, and how many of these there are, not of all."""
    return dict(fetch(using, _NEXT.format(limit=limit, queues=queues)))


def schedules(*, using: str) -> list[Schedule]:
    """Return the schedules that will tick."""
    found = Schedule.objects.using(using).filter(is_enabled=True, is_over=False)
    return list(found.exclude(source=Source.WITHDRAWN).order_by("name"))


def all_schedules(*, using: str) -> list[Schedule]:
    """Return all schedules, by name."""
    return list(Schedule.objects.using(using).order_by("name"))
