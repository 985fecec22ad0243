"""cancel: any state with work ahead → cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.sql import JOB, among, change, movable

_CANCEL = f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} AS job WHERE id = ANY(%s::bigint[]) AND {movable("cancel")}
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {JOB} AS job
SET state = 'cancelled', claims = job.claims + 1, finished_at = statement_timestamp(),
    prune_at = statement_timestamp() + make_interval(secs => %s)
WHERE {among("taken")}
"""  # noqa: S608 - names of tables

#: Jobs moved by one statement.
BATCH = 1000


def cancel(ids: Sequence[int], *, retention: float, using: str) -> int:
    """Move jobs that have not ended to cancelled; return how many. Kept ``retention`` seconds.

    The claims grow, so what a worker still runs of them can no longer finish.
    """
    ids = sorted(ids)
    batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return sum(change(using, _CANCEL, (batch, retention)) for batch in batches)
