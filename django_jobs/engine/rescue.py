"""rescue: running → ready, failed or succeeded, for jobs whose worker is dead."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.settle import settle_after_commit
from django_jobs.engine.sql import JOB, WORKER, among, change, fetch, kept_until, with_error
from django_jobs.exceptions import WorkerLost
from django_jobs.faults import fingerprint

#: Times a job is taken back at no charge when nobody can tell whether it had begun. After that it
#: is charged: a job that kills its host, and every witness with it, must come to an end.
REPRIEVES = 2

_LOST = f"{WorkerLost.__module__}.{WorkerLost.__qualname__}"

_RETURNED = "job.id = ANY(%(returned)s::bigint[])"
#: Who is charged: by the witness of what had begun, or without one by what the row tells.
_CHARGED = {
    True: "job.id = ANY(%(begun)s::bigint[])",
    False: f"(job.started_at IS NOT NULL OR job.reprieves >= {REPRIEVES})",
}


def _rescue(charged: str) -> str:
    verdict = f"""CASE WHEN {_RETURNED} THEN 'succeeded'
        WHEN {charged} AND job.attempts >= job.max_attempts THEN 'failed' ELSE 'ready' END"""
    unless_ready = f"CASE WHEN ({verdict}) <> 'ready' THEN"
    uncounted = f"CASE WHEN {_RETURNED} OR {charged} THEN 0 ELSE 1 END"
    error = """(%(error)s::jsonb || jsonb_build_object(
        'attempt', job.attempts, 'started_at', job.started_at, 'ended_at', now.at))"""
    keep = f"""CASE {verdict} WHEN 'succeeded' THEN %(keep_succeeded)s::float8
        WHEN 'failed' THEN %(keep_failed)s::float8 END"""
    # By the worker's id, not by "has no living worker": a row that changes hands between our
    # snapshot and our lock would else be taken from the living.
    return f"""
WITH taken AS MATERIALIZED (
    SELECT id FROM {JOB} WHERE state = 'running' AND worker_id = ANY(%(workers)s::bigint[])
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {JOB} AS job
SET state = {verdict},
    claims = job.claims + 1,
    attempts = job.attempts - {uncounted},
    reprieves = job.reprieves + {uncounted},
    worker_id = {unless_ready} job.worker_id END,
    started_at = {unless_ready} coalesce(job.started_at, now.at) END,
    finished_at = {unless_ready} now.at END,
    prune_at = {kept_until("now.at", keep)},
    errors = CASE WHEN {_RETURNED} OR NOT {charged} THEN job.errors
             ELSE {with_error(error)}
             END,
    fingerprint = CASE WHEN {_RETURNED} OR NOT {charged} THEN job.fingerprint
                  ELSE %(error)s::jsonb ->> 'fingerprint' END
FROM (SELECT statement_timestamp() AS at) AS now
WHERE {among("taken")}
RETURNING job.id, job.queue, job.state, job.unsettled AND job.finished_at IS NOT NULL
"""  # noqa: S608 - names of tables and columns


_RESCUE = {witnessed: _rescue(charged) for witnessed, charged in _CHARGED.items()}

_DEAD = f"""
SELECT id FROM {WORKER} WHERE heartbeat_at < statement_timestamp() - make_interval(secs => %s)
ORDER BY id FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

# Workers whose rows were deleted by hand, or by a restore of a backup. A live worker's row is
# committed before its first claim. Walks the index of running jobs from worker to worker: told as
# SELECT DISTINCT the planner, misled by old statistics, may read the whole table.
_VANISHED = f"""
WITH RECURSIVE owners AS (
    (SELECT worker_id FROM {JOB} WHERE state = 'running' ORDER BY worker_id LIMIT 1)
    UNION ALL
    SELECT next.worker_id FROM owners CROSS JOIN LATERAL (
        SELECT worker_id FROM {JOB} WHERE state = 'running' AND worker_id > owners.worker_id
        ORDER BY worker_id LIMIT 1
    ) AS next
)
SELECT worker_id FROM owners
WHERE NOT EXISTS (SELECT 1 FROM {WORKER} AS worker WHERE worker.id = owners.worker_id)
"""  # noqa: S608 - names of tables


class Rescued(NamedTuple):
    """A job that was taken back from a dead worker."""

    id: int
    queue: str
    state: str


def rescue(
    workers: Collection[int],
    *,
    begun: Collection[int] | None = None,
    returned: Collection[int] = (),
    reason: str,
    retention: Mapping[str, float],
    using: str,
) -> list[Rescued]:
    """Move the running jobs of dead workers to ready, or to failed where no attempt is left.

    ``begun`` names the jobs that ran: these are charged and no other. Without it a job is charged
    if its start was recorded; one that was prefetched is taken back at no charge, a few times at
    most. Jobs that had ``returned`` nothing, only nobody had recorded it, have succeeded.
    """
    error = {
        "exception": _LOST,
        "message": reason,
        "traceback": "",
        "fingerprint": fingerprint(_LOST),
        "worker": None,
    }
    params = {
        "workers": sorted(workers),
        "begun": sorted(begun or ()),
        "returned": sorted(returned),
        "keep_succeeded": float(retention["succeeded"]),
        "keep_failed": float(retention["failed"]),
        "error": json.dumps(error),
    }
    with transaction.atomic(using=using):
        rows = fetch(using, _RESCUE[begun is not None], params)
        change(using, f"DELETE FROM {WORKER} WHERE id = ANY(%s)", (sorted(workers),))  # noqa: S608
        rescued = [Rescued._make(row[:3]) for row in rows]
        announce({job.queue for job in rescued}, using)
        if any(is_awaited for *_, is_awaited in rows):
            settle_after_commit(retention, using)
    return rescued


def rescue_dead(*, timeout: float, retention: Mapping[str, float], using: str) -> list[Rescued]:
    """Find the workers without a heartbeat for ``timeout`` seconds, and rescue their jobs."""
    rescued: list[Rescued] = []
    with transaction.atomic(using=using):
        dead = _ids(fetch(using, _DEAD, (timeout,)))
        dead += _ids(fetch(using, _VANISHED))
        if dead:
            reason = f"The worker gave no sign of life for {timeout:g} seconds."
            rescued = rescue(dead, reason=reason, retention=retention, using=using)
    return rescued


def _ids(rows: Sequence[tuple[int]]) -> list[int]:
    return [row[0] for row in rows]
