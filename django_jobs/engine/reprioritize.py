"""reprioritize: another priority for jobs that wait. No state changes."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.sql import JOB, among, fetch, opaque, states
from django_jobs.states import WAITING

_REPRIORITIZE = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} AS job
    WHERE id = ANY(%(ids)s::bigint[]) AND {opaque(f"job.state IN {states(WAITING)}")}
        AND priority <> %(priority)s AND lane <> ALL(%(ordered)s::text[])
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {JOB} AS job SET priority = %(priority)s WHERE {among("taken")} RETURNING job.id
"""  # noqa: S608 - names of tables

#: Jobs changed by one statement.
BATCH = 1000


def reprioritize(
    ids: Sequence[int], priority: int, *, ordered: Sequence[str] = (), using: str
) -> list[int]:
    """Give jobs that nobody has taken another priority; return the ids of those that change.

    Jobs in the lanes ``ordered`` are left: they go one after the other, whatever it takes.
    """
    ids = sorted(ids)
    changed: list[int] = []
    for start in range(0, len(ids), BATCH):
        params = {
            "ids": ids[start : start + BATCH],
            "priority": priority,
            "ordered": list(ordered),
        }
        changed += (job for (job,) in fetch(using, _REPRIORITIZE, params))
    return sorted(changed)
