"""retry: failed or cancelled → ready, with all attempts again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.resume import resume
from django_jobs.engine.sql import JOB, among, fetch, movable, states
from django_jobs.states import LIVE

# Of several jobs that once held one unique key only the newest may live again, and none while
# another job holds the key.
_RETRY = f"""
WITH taken AS MATERIALIZED (
    SELECT id, unique_key FROM {JOB} AS job WHERE id = ANY(%s::bigint[]) AND {movable("retry")}
    ORDER BY id FOR NO KEY UPDATE
), held AS MATERIALIZED (
    SELECT unique_key FROM {JOB} AS job
    WHERE {among("taken", "unique_key")} AND unique_key IS NOT NULL AND state IN {states(LIVE)}
), chosen AS MATERIALIZED (
    SELECT id FROM taken WHERE unique_key IS NULL
    UNION ALL
    SELECT max(id) AS id FROM taken
    WHERE unique_key IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM held WHERE held.unique_key = taken.unique_key
    )
    GROUP BY unique_key
)
UPDATE {JOB} AS job
SET state = 'ready', claims = job.claims + 1, attempts = 0, reprieves = 0, worker_id = NULL,
    scheduled_at = statement_timestamp(), started_at = NULL, finished_at = NULL, prune_at = NULL,
    result = NULL, progress = NULL, note = NULL,
    expires_at = statement_timestamp() + (job.expires_at - job.scheduled_at)
WHERE {among("chosen")}
RETURNING job.queue
"""  # noqa: S608 - names of tables

#: Jobs moved by one statement.
BATCH = 1000


def retry(ids: Sequence[int], *, using: str) -> int:
    """Move failed and cancelled jobs to ready with no attempt used; return how many.

    Their errors stay. A job whose unique key another one holds is left as it is. One that is part
    of a workflow resumes it: what waits for steps before its own is blocked.
    """
    resumed, ids = resume(sorted(ids), using=using)
    batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return resumed + sum(_retry(batch, using) for batch in batches)


def _retry(ids: list[int], using: str) -> int:
    try:
        with transaction.atomic(using=using):
            queues = [queue for (queue,) in fetch(using, _RETRY, (ids,))]
            announce(set(queues), using)
            return len(queues)
    except IntegrityError:
        # Somebody took one of the keys between our look and our write: one at a time, then.
        if len(ids) == 1:
            return 0
        return sum(_retry([one], using) for one in ids)
