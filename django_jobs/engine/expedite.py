"""expedite: scheduled → ready, whatever the clock says."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.announcing import announce
from django_jobs.engine.sql import JOB, among, fetch, movable

# The time comes with it: a ready job has waited since it was due. When it expires stays as it is,
# since that is a moment too.
_EXPEDITE = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} AS job WHERE id = ANY(%s::bigint[]) AND {movable("expedite")}
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {JOB} AS job
SET state = 'ready', scheduled_at = least(job.scheduled_at, statement_timestamp())
WHERE {among("taken")}
RETURNING job.id, job.queue
"""  # noqa: S608 - names of tables

#: Jobs moved by one statement.
BATCH = 1000


def expedite(ids: Sequence[int], *, using: str) -> list[int]:
    """Move scheduled jobs to ready before they are due; return their ids.

    Those that wait for their next attempt too. Their attempts stay counted.
    """
    ids = sorted(ids)
    moved: list[int] = []
    for start in range(0, len(ids), BATCH):
        rows = fetch(using, _EXPEDITE, (ids[start : start + BATCH],))
        announce({queue for _, queue in rows}, using)
        moved += (job for job, _ in rows)
    return sorted(moved)
