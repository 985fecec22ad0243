"""The workers there are, and what they run. Read only."""

from __future__ import annotations

from typing import NamedTuple

from django_jobs.engine.sql import JOB, WORKER, fetch

#: Workers, and running jobs, that are answered at most.
MOST = 1_000

_WORKERS = f"""
SELECT id, hostname, pid, ARRAY(SELECT jsonb_array_elements_text(queues)), concurrency, version,
    extract(epoch FROM statement_timestamp() - started_at)::float8,
    extract(epoch FROM statement_timestamp() - heartbeat_at)::float8, (
        SELECT count(*) FROM (
            SELECT 1 FROM {JOB} WHERE state = 'running' AND worker_id = worker.id LIMIT {MOST}
        ) AS held
    ), rss, orders, heard
FROM {WORKER} AS worker ORDER BY hostname, pid LIMIT {MOST}
"""  # noqa: S608 - names of tables

_RUNNING = f"""
SELECT job.id, job.name, job.queue, job.attempts, job.max_attempts,
    extract(epoch FROM statement_timestamp() - job.started_at)::float8,
    (SELECT hostname || ':' || pid FROM {WORKER} AS worker WHERE worker.id = job.worker_id)
FROM (
    SELECT * FROM {JOB} WHERE state = 'running' ORDER BY worker_id LIMIT {MOST}
) AS job
ORDER BY job.started_at NULLS LAST, job.id LIMIT %s
"""  # noqa: S608 - names of tables


class RosterEntry(NamedTuple):
    """One worker. Times are in seconds ago."""

    id: int
    hostname: str
    pid: int
    #: Empty for all.
    queues: list[str]
    concurrency: int
    version: str
    up: float
    heartbeat: float
    #: The jobs that it owns.
    jobs: int
    #: Bytes of memory at the last heartbeat; None where nobody can tell.
    rss: int | None = None
    #: What it was told last, and what of that it has heard.
    orders: str = ""
    heard: str = ""


class Running(NamedTuple):
    """One running job."""

    id: int
    name: str
    queue: str
    attempt: int
    max_attempts: int
    #: Seconds; None where a worker has claimed it ahead and not begun it.
    seconds: float | None
    #: None where its worker is gone.
    worker: str | None


def workers(*, using: str) -> list[RosterEntry]:
    """Return all workers, also those that give no sign of life and were not found dead yet."""
    return [RosterEntry._make(row) for row in fetch(using, _WORKERS)]


def running(*, limit: int, using: str) -> list[Running]:
    """Return running jobs, those that have run longest first."""
    return [Running._make(row) for row in fetch(using, _RUNNING, (limit,))]
