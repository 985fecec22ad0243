"""rescue: running → ready, failed or succeeded, for jobs whose worker is dead."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.finish import KEPT_ERRORS
from django_jobs.engine.sql import JOB, WORKER, change, fetch
from django_jobs.exceptions import WorkerLost

#: Times a job is taken back at no charge when nobody can tell whether it had begun. After that it
#: is charged: a job that kills its host, and every witness with it, must come to an end.
REPRIEVES = 2

# Named by id, not found by "has no living worker": a row that changes hands between our snapshot
# and our lock would else be taken from the living.
_RESCUE = f"""
WITH taken AS MATERIALIZED (
    SELECT id, attempts, max_attempts, id = ANY(%s::bigint[]) AS returned, {{charged}} AS charged
    FROM {JOB} WHERE state = 'running' AND worker_id = ANY(%s::bigint[])
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT id, charged AND NOT returned AS blamed, returned OR charged AS counted,
           CASE WHEN returned THEN 'succeeded'
                WHEN charged AND attempts >= max_attempts THEN 'failed'
                ELSE 'ready' END AS verdict
    FROM taken
)
UPDATE {JOB} AS job
SET state = verdict,
    claims = job.claims + 1,
    attempts = job.attempts - CASE WHEN counted THEN 0 ELSE 1 END,
    reprieves = job.reprieves + CASE WHEN counted THEN 0 ELSE 1 END,
    worker_id = CASE WHEN verdict <> 'ready' THEN job.worker_id END,
    started_at = CASE WHEN verdict <> 'ready' THEN coalesce(job.started_at, now.at) END,
    finished_at = CASE WHEN verdict <> 'ready' THEN now.at END,
    prune_at = now.at + make_interval(
        secs => CASE verdict WHEN 'succeeded' THEN %s WHEN 'failed' THEN %s END),
    errors = CASE WHEN NOT blamed THEN job.errors
             ELSE CASE WHEN jsonb_array_length(job.errors) >= {KEPT_ERRORS}
                       THEN job.errors - 0 ELSE job.errors END
                  || (%s::jsonb || jsonb_build_object(
                        'attempt', job.attempts, 'started_at', job.started_at, 'ended_at', now.at))
             END
FROM judged, (SELECT statement_timestamp() AS at) AS now
WHERE job.id = judged.id
RETURNING job.id, job.queue, job.state
"""  # noqa: S608 - names of tables

_CHARGED_IF_STARTED = f"(started_at IS NOT NULL OR reprieves >= {REPRIEVES})"
_CHARGED_IF_NAMED = "(id = ANY(%s::bigint[]))"

_DEAD = f"""
SELECT id FROM {WORKER} WHERE heartbeat_at < statement_timestamp() - make_interval(secs => %s)
ORDER BY id FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - names of tables

# Workers whose rows were deleted by hand, or by a restore of a backup. A live worker's row is
# committed before its first claim.
_VANISHED = f"""
SELECT DISTINCT worker_id FROM {JOB} AS job WHERE state = 'running'
AND NOT EXISTS (SELECT 1 FROM {WORKER} AS worker WHERE worker.id = job.worker_id)
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
        "exception": f"{WorkerLost.__module__}.{WorkerLost.__qualname__}",
        "message": reason,
        "traceback": "",
        "worker": None,
    }
    charged = _CHARGED_IF_STARTED if begun is None else _CHARGED_IF_NAMED
    params = (
        sorted(returned),
        *(() if begun is None else (sorted(begun),)),
        sorted(workers),
        float(retention["succeeded"]),
        float(retention["failed"]),
        json.dumps(error),
    )
    with transaction.atomic(using=using):
        rows = fetch(using, _RESCUE.format(charged=charged), params)
        change(using, f"DELETE FROM {WORKER} WHERE id = ANY(%s)", (sorted(workers),))  # noqa: S608
        rescued = [Rescued._make(row) for row in rows]
        announce({job.queue for job in rescued}, using)
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
