"""The first ready job of each lane: where a claim begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django_jobs.engine.permits import HERE, UNITS_HERE
from django_jobs.engine.sql import JOB, QUEUE, fetch
from django_jobs.limits import Allowance, Taken


class Head(NamedTuple):
    """The first ready job of a lane of a queue."""

    queue: str
    lane: str
    priority: int
    units: int
    name: str
    #: As it was a moment ago: whoever counts on it looks again, behind a lock.
    taken: Taken = Taken()


# Walks the index of ready jobs from lane to lane: as many probes as lanes that have ready jobs,
# whatever their length. Only queues that may run now, each lane with its first job.
_PEEK = f"""
WITH RECURSIVE heads AS (
    (SELECT queue, lane, priority, units, name, id FROM {JOB} WHERE state = 'ready'
     ORDER BY queue, lane, priority DESC, id LIMIT 1)
    UNION ALL
    SELECT next.queue, next.lane, next.priority, next.units, next.name, next.id
    FROM heads CROSS JOIN LATERAL (
        SELECT queue, lane, priority, units, name, id FROM {JOB}
        WHERE state = 'ready' AND (queue, lane) > (heads.queue, heads.lane)
        ORDER BY queue, lane, priority DESC, id LIMIT 1
    ) AS next
)
SELECT heads.queue, heads.lane, heads.priority, heads.units, heads.name {{taken}}
FROM heads LEFT JOIN {QUEUE} AS q ON q.name = heads.queue {{counts}}
WHERE q.paused_at IS NULL OR q.resume_at <= statement_timestamp()
ORDER BY heads.priority DESC, heads.id
"""  # noqa: S608 - names of tables

_FREE = _PEEK.format(taken="", counts="")

# The condition on the head alone comes before any look at the running jobs.
_COUNTED = _PEEK.format(
    taken=f", t.running, t.here, CASE WHEN %(has_budget)s THEN {UNITS_HERE} ELSE 0 END",
    counts=f"""CROSS JOIN LATERAL (
    SELECT count(*) AS running, count(*) FILTER (WHERE {HERE}) AS here FROM {JOB} AS job
    WHERE heads.lane = ANY(%(counted)s::text[])
        AND job.state = 'running' AND job.lane <> '' AND job.lane = heads.lane
) AS t""",  # noqa: S608 - names of tables
)


def peek(queues: Sequence[str], allowance: Allowance, using: str) -> list[Head]:
    """Return the heads of the lanes, the job that comes first of all first.

    ``queues`` empty means every queue. So no queue starves another, and no lane.
    """
    counted = allowance.counted
    if not counted and allowance.budget is None:
        heads = [Head(*row) for row in fetch(using, _FREE)]
    else:
        params = {
            "host": allowance.host,
            "has_budget": allowance.budget is not None,
            "counted": counted,
        }
        rows = fetch(using, _COUNTED, params)
        heads = [Head._make((*row[:-3], Taken(*row[-3:]))) for row in rows]
    return [head for head in heads if not queues or head.queue in queues]
