"""retry: failed or cancelled → ready, or blocked, with all attempts again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from django.db import IntegrityError, transaction

from django_jobs.engine.announcing import announce
from django_jobs.engine.resume import resume as resume_workflows
from django_jobs.engine.resuming import lock_followers, resume, roots, unlink
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
SELECT id, unique_key IS NOT NULL FROM {JOB} AS job WHERE {among("chosen")}
ORDER BY unique_key COLLATE "C"
"""  # noqa: S608 - names of tables

_MOVE = f"""
UPDATE {JOB} AS job
SET state = 'ready', claims = job.claims + 1, attempts = 0, reprieves = 0, worker_id = NULL,
    scheduled_at = statement_timestamp(), started_at = NULL, finished_at = NULL, prune_at = NULL,
    result = NULL, progress = NULL, note = NULL, ended_by = NULL,
    expires_at = statement_timestamp() + (job.expires_at - job.scheduled_at)
WHERE id = ANY(%s::bigint[])
RETURNING job.id, job.queue
"""  # noqa: S608 - names of tables

#: Jobs moved by one statement.
BATCH = 1000


def retry(ids: Sequence[int], *, using: str) -> int:
    """Move failed and cancelled jobs to ready with no attempt used; return how many.

    Their errors stay. A job whose unique key another one holds is left as it is. One that is part
    of a workflow resumes it: what waits for steps before its own is blocked. One that another job
    has ended waits for that one again, which is tried again instead; and so does all else that it
    has ended.
    """
    resumed, ids = resume_workflows(sorted(ids), using=using)
    causes = roots(ids, using)
    moved: set[int] = set()
    for start in range(0, len(causes), BATCH):
        moved.update(_retry(causes[start : start + BATCH], using))
    return resumed + len(moved.intersection(ids))


def _retry(ids: list[int], using: str) -> list[int]:
    try:
        with transaction.atomic(using=using):
            lock_followers(ids, using)
            chosen = fetch(using, _RETRY, (ids,))
            free = [job for job, is_keyed in chosen if not is_keyed]
            # One UPDATE takes its rows in an order of its own; keys are taken in theirs.
            batches = [[free] if free else [], [[job] for job, is_keyed in chosen if is_keyed]]
            moved = {
                job: queue
                for batch in chain(*batches)
                for job, queue in fetch(using, _MOVE, (batch,))
            }
            if not moved:
                return []
            announce(set(moved.values()), using)
            unlink(list(moved), using)
            return [*moved, *resume(list(moved), using)]
    except IntegrityError:
        # Somebody took one of the keys between our look and our write: one at a time, then.
        if len(ids) == 1:
            return []
        return [job for one in ids for job in _retry([one], using)]
