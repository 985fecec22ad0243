"""expire: scheduled, blocked or ready → cancelled, for jobs that nobody wants any more."""

from __future__ import annotations

from django_jobs.engine.sql import JOB, among, change, kept_until, states
from django_jobs.states import sources

#: Jobs moved by one statement.
BATCH = 1000

EXPIRED = "It expired before it began."

_EXPIRE = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state IN {states(sources("expire"))} AND expires_at <= statement_timestamp()
    ORDER BY expires_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {JOB} AS job
SET state = 'cancelled', claims = job.claims + 1, finished_at = statement_timestamp(),
    prune_at = {kept_until("statement_timestamp()", "%s")}, note = %s
WHERE {among("old")}
"""  # noqa: S608 - names of tables


def expire(*, retention: float, using: str, batch: int = BATCH) -> int:
    """Move jobs whose time is over to cancelled; return how many. Kept ``retention`` seconds.

    What was claimed before is for the worker to look at when it begins the job.
    """
    expired = 0
    while True:
        moved = change(using, _EXPIRE, (batch, retention, EXPIRED))
        expired += moved
        if moved < batch:
            return expired
