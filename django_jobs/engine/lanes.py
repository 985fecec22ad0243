"""Lanes: jobs under one limit wait together, and apart from all others."""

from __future__ import annotations

from collections.abc import Mapping

from django_jobs.engine.sql import JOB, among, change
from django_jobs.limits import Limit

#: Jobs that one statement looks at.
BATCH = 1000

_MOVE = f"""
WITH picked AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE state = 'ready' AND queue = %(queue)s AND lane = ''
    ORDER BY priority DESC, id LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {JOB} AS job
SET lane = job.name,
    units = CASE WHEN job.units <> 1 THEN job.units ELSE coalesce(
        (%(units)s::int[])[array_position(%(names)s::text[], job.name::text)], 1) END
WHERE {among("picked")} AND (job.name = ANY(%(names)s::text[]) OR job.units > 1)
"""  # noqa: S608 - names of tables


def move_into_lanes(queue: str, limits: Mapping[str, Limit], *, using: str) -> int:
    """Put ready jobs that have a limit, and wait among those that have none, into their lanes.

    So they were inserted by SQL, or enqueued before their function had a limit. Return how many
    were moved; each is moved once, and no more than BATCH at a time.
    """
    names = list(limits)
    units = [limits[name].units for name in names]
    return change(using, _MOVE, {"queue": queue, "names": names, "units": units})
