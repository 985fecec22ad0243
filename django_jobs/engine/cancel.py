"""cancel: any state with work ahead → cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.announcing import summon
from django_jobs.engine.resuming import unlink
from django_jobs.engine.sql import JOB, among, fetch, kept_until, movable

_CANCEL = f"""
WITH taken AS MATERIALIZED (
    SELECT id, state FROM {JOB} AS job WHERE id = ANY(%s::bigint[]) AND {movable("cancel")}
    ORDER BY id FOR NO KEY UPDATE
)
, moved AS (
    UPDATE {JOB} AS job
    SET state = 'cancelled', claims = job.claims + 1, finished_at = statement_timestamp(),
        prune_at = {kept_until("statement_timestamp()", "%s")}
    WHERE {among("taken")}
    RETURNING job.id, job.worker_id
)
SELECT array_agg(id ORDER BY id),
    array_agg(DISTINCT worker_id) FILTER (WHERE worker_id IS NOT NULL),
    (SELECT bool_or(state = 'blocked') FROM taken)
FROM moved
"""  # noqa: S608 - names of tables

#: Jobs moved by one statement.
BATCH = 1000


def cancel(ids: Sequence[int], *, retention: float, using: str) -> list[int]:
    """Move jobs that have not ended to cancelled; return their ids. Kept ``retention`` seconds.

    The claims grow, so what a worker still runs of them can no longer finish; the workers are told,
    and stop it as far as it can be stopped.
    """
    ids = sorted(ids)
    cancelled: list[int] = []
    workers: set[int] = set()
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        ((moved, owners, have_waited),) = fetch(using, _CANCEL, (batch, retention))
        if have_waited:
            unlink(moved, using)
        cancelled += moved or ()
        workers.update(owners or ())
    summon(workers, using)
    return cancelled
