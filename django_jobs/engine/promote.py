"""promote: scheduled → ready."""

from __future__ import annotations

from django_jobs.engine.announcing import announce
from django_jobs.engine.sql import JOB, among, fetch

#: Jobs promoted by one statement.
BATCH = 1000

_PROMOTE = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state = 'scheduled' AND scheduled_at <= statement_timestamp()
    ORDER BY scheduled_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {JOB} AS job SET state = 'ready' WHERE {among("due")}
RETURNING job.queue
"""  # noqa: S608 - names of tables


def promote(*, using: str, batch: int = BATCH) -> int:
    """Move scheduled jobs that are due to ready; return how many."""
    promoted = 0
    while True:
        queues = [queue for (queue,) in fetch(using, _PROMOTE, (batch,))]
        announce(set(queues), using)
        promoted += len(queues)
        if len(queues) < batch:
            return promoted
