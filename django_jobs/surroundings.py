"""What a waiting job waits among: workers, hosts, jobs ahead of it. Read only, and cheap."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django_jobs.engine.levels import LEVEL
from django_jobs.engine.sql import JOB, LINK, WORKER, fetch
from django_jobs.models import Job

#: Rows are counted up to here.
MOST = 1_000

_LIVE = f"""
SELECT worker.id, hostname, pid, ARRAY(SELECT jsonb_array_elements_text(worker.queues)),
    concurrency, units, ARRAY(SELECT jsonb_array_elements_text(worker.tags)), (
        SELECT count(*) FROM (
            SELECT 1 FROM {JOB} WHERE state = 'running' AND worker_id = worker.id LIMIT {MOST}
        ) AS held
    ), orders <> ''
FROM {WORKER} AS worker
WHERE heartbeat_at >= statement_timestamp() - make_interval(secs => %s)
ORDER BY hostname, pid LIMIT {MOST}
"""  # noqa: S608 - names of tables

# Of the dead too: what they held counts until somebody has rescued it.
_UNITS = f"""
SELECT hostname, coalesce(sum((
    SELECT sum(units) FROM {JOB} AS job WHERE state = 'running' AND job.worker_id = worker.id
)), 0)::bigint
FROM {WORKER} AS worker GROUP BY hostname
"""  # noqa: S608 - names of tables

# Walks the index of ready jobs: the lanes and keys of the queue, and in each what is before the
# job. Told in one condition, all of the queue would be read for a job in the middle of it.
# The first of each lane, in their order, and then which of them are before: asked for ids below
# one, and misled by old statistics, the planner would walk through all jobs by their ids.
_AHEAD = f"""
WITH RECURSIVE lanes AS (
    (SELECT lane, concurrency_key FROM {JOB} WHERE state = 'ready' AND queue = %(queue)s
     ORDER BY queue, lane, concurrency_key LIMIT 1)
    UNION ALL
    SELECT next.lane, next.concurrency_key FROM lanes CROSS JOIN LATERAL (
        SELECT lane, concurrency_key FROM {JOB} WHERE state = 'ready' AND queue = %(queue)s
            AND (lane, concurrency_key) > (lanes.lane, lanes.concurrency_key)
        ORDER BY queue, lane, concurrency_key LIMIT 1
    ) AS next
)
SELECT count(*) FROM (
    SELECT 1 FROM (SELECT * FROM lanes LIMIT {MOST}) AS lanes CROSS JOIN LATERAL (
        SELECT priority, id FROM {JOB} AS job
        WHERE state = 'ready' AND queue = %(queue)s AND job.lane = lanes.lane
            AND job.concurrency_key = lanes.concurrency_key AND priority >= %(priority)s
        ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT {MOST}
    ) AS first
    WHERE priority > %(priority)s OR id < %(id)s
    LIMIT {MOST}
) AS ahead
"""  # noqa: S608 - names of tables

_HOLDERS = f"""
SELECT job.id, (SELECT hostname FROM {WORKER} AS worker WHERE worker.id = job.worker_id)
FROM {JOB} AS job WHERE state = 'running' AND lane = %(lane)s AND lane <> ''
    AND (%(key)s::text IS NULL OR concurrency_key = %(key)s::text) LIMIT {MOST}
"""  # noqa: S608 - names of tables

_HELD = f"""
SELECT id FROM {JOB} AS job
WHERE worker_id IS NULL AND finished_at IS NULL AND claims > 0 AND NOT state = 'ready'
    AND NOT lane = '' AND lane = %s AND concurrency_key = %s LIMIT {MOST}
"""  # noqa: S608 - names of tables

_RUNNING_ON = f"""
SELECT count(*) FROM (
    SELECT queue FROM {JOB} WHERE state = 'running' ORDER BY worker_id
) AS running WHERE queue = %s
"""  # noqa: S608 - names of tables

_OPENS = f"SELECT coalesce(max(opens), 0) FROM {LEVEL} WHERE name = ANY(%s::text[])"  # noqa: S608


# By subqueries: the planner may think little of how many links there are, and read all jobs.
_AWAITED = f"""
SELECT awaited_id, (SELECT name FROM {JOB} AS job WHERE job.id = awaited_id),
    (SELECT state FROM {JOB} AS job WHERE job.id = awaited_id), resolved
FROM {LINK} WHERE waiting_id = %s ORDER BY resolved, awaited_id LIMIT {MOST}
"""  # noqa: S608 - names of tables

_WAITING = f"""
SELECT waiting_id, (SELECT name FROM {JOB} AS job WHERE job.id = waiting_id),
    (SELECT state FROM {JOB} AS job WHERE job.id = waiting_id), resolved
FROM {LINK} WHERE awaited_id = %s AND NOT resolved ORDER BY waiting_id LIMIT {MOST}
"""  # noqa: S608 - names of tables


class LiveWorker(NamedTuple):
    """A worker that has given a sign of life lately."""

    id: int
    hostname: str
    pid: int
    #: Empty for all.
    queues: list[str]
    concurrency: int
    #: What the jobs of its host may take together.
    units: int
    tags: list[str]
    #: The jobs that it owns, claimed ahead or running; counted up to MOST.
    jobs: int
    #: Whether it is told to claim nothing more.
    is_quiet: bool = False

    def serves(self, queue: str) -> bool:
        """Return whether it takes jobs of that queue."""
        return not self.queues or queue in self.queues

    @property
    def is_busy(self) -> bool:
        """Return whether it has no place left."""
        return self.jobs >= self.concurrency


class Holder(NamedTuple):
    """A running job of a lane; without a host where its worker is gone."""

    id: int
    hostname: str | None


class Linked(NamedTuple):
    """A job at the other end of a link; without name and state where its row is gone."""

    id: int
    name: str | None
    state: str | None
    #: Whether the one that is waited for has succeeded.
    resolved: bool


def live_workers(*, timeout: float, using: str) -> list[LiveWorker]:
    """Return the workers that gave a sign of life within ``timeout`` seconds."""
    return [LiveWorker._make(row) for row in fetch(using, _LIVE, (timeout,))]


def units_by_host(*, using: str) -> Counter[str]:
    """Return the units that the running jobs of each host take."""
    return Counter(dict(fetch(using, _UNITS)))


def holders(lane: str, key: str | None = None, *, using: str) -> list[Holder]:
    """Return the running jobs of a lane, or of one of its keys, in the order of their ids."""
    return sorted(map(Holder._make, fetch(using, _HOLDERS, {"lane": lane, "key": key})))


def held(lane: str, key: str, *, using: str) -> list[int]:
    """Return the ids of the jobs of a key that have begun, and are to go on later."""
    return sorted(id_ for (id_,) in fetch(using, _HELD, (lane, key)))


def running_on(queue: str, *, using: str) -> int:
    """Return how many jobs of a queue run."""
    ((count,),) = fetch(using, _RUNNING_ON, (queue,))
    return int(count)


def rates_open_at(names: list[str], *, using: str) -> float:
    """Return when all of these rates let a job start, in seconds since 1970."""
    ((opens,),) = fetch(using, _OPENS, (names,))
    return float(opens)


def awaited_by(job: Job, *, using: str) -> list[Linked]:
    """Return what a job waits for, and has waited for, in that order; up to MOST."""
    return [Linked._make(row) for row in fetch(using, _AWAITED, (job.pk,))]


def waiting_for(job: Job, *, using: str) -> list[Linked]:
    """Return what still waits for a job; up to MOST."""
    return [Linked._make(row) for row in fetch(using, _WAITING, (job.pk,))]


def ahead_of(job: Job, *, using: str) -> int:
    """Return how many ready jobs of its queue go before a ready job, counted up to MOST."""
    params = {"queue": job.queue, "priority": job.priority, "id": job.pk}
    ((count,),) = fetch(using, _AHEAD, params)
    return int(count)
