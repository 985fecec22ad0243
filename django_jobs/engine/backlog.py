"""How much is ready in each queue, and since when. Read only."""

from __future__ import annotations

from typing import NamedTuple

from django_jobs.engine.heads import QUEUES
from django_jobs.engine.sql import JOB, fetch

#: Lanes, keys and priorities of a queue that are looked at for its oldest job.
HEADS = 1_000

# From queue to queue, and in each up to the limit: others are not in the way of a full one. The
# oldest is the job with the lowest id of a lane, key and priority, each found by one probe. Each
# is told in the whole order of the index: of a queue that is a large part of the table, the planner
# would else hope to meet enough of it by reading the table from its beginning, where the ended are.
_BACKLOGS = f"""
WITH RECURSIVE {QUEUES}
SELECT queue, (SELECT count(*)::int FROM (
    SELECT 1 FROM {JOB} AS job WHERE state = 'ready' AND job.queue = queues.queue
    ORDER BY job.queue, lane, concurrency_key, priority DESC, id LIMIT %(limit)s
) AS counted), (
    WITH RECURSIVE heads AS (
        (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB} AS job
         WHERE state = 'ready' AND job.queue = queues.queue
         ORDER BY job.queue, lane, concurrency_key, priority DESC, id LIMIT 1)
        UNION ALL
        SELECT next.* FROM heads CROSS JOIN LATERAL (
            (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB} AS job
             WHERE state = 'ready' AND job.queue = queues.queue AND job.lane = heads.lane
                AND job.concurrency_key = heads.concurrency_key AND job.priority < heads.priority
             ORDER BY job.queue, lane, concurrency_key, priority DESC, id LIMIT 1)
            UNION ALL
            (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB} AS job
             WHERE state = 'ready' AND job.queue = queues.queue
                AND (job.lane, job.concurrency_key) > (heads.lane, heads.concurrency_key)
             ORDER BY job.queue, lane, concurrency_key, priority DESC, id LIMIT 1)
            LIMIT 1
        ) AS next
    )
    SELECT extract(epoch FROM statement_timestamp() - min(scheduled_at))::float8
    FROM (SELECT scheduled_at FROM heads LIMIT {HEADS}) AS first
) FROM queues
"""  # noqa: S608 - names of tables


class Backlog(NamedTuple):
    """What is ready in one queue."""

    queue: str
    #: As far as it was counted.
    ready: int
    #: Seconds that the oldest has waited.
    oldest: float | None


def backlogs(*, limit: int, using: str) -> list[Backlog]:
    """Return what is ready in each queue that has any, counted up to ``limit`` in each."""
    return [Backlog._make(row) for row in fetch(using, _BACKLOGS, {"limit": limit})]
