"""age: raise the priority of jobs that wait for long. No state changes."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.sql import JOB, among, change

# What was raised a while ago is raised again; whoever comes a moment later finds nothing to do, so
# any number of workers may try. In the order of the index that finds what is ready.
_AGE = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM {JOB}
    WHERE state = 'ready' AND priority < %(up_to)s
        AND coalesce(aged_at, enqueued_at)
            <= statement_timestamp() - make_interval(secs => %(after)s)
        AND (%(every)s OR queue = ANY(%(queues)s::text[]))
    ORDER BY queue, lane, concurrency_key, priority DESC, id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {JOB} AS job
SET priority = least(job.priority::bigint + %(by)s, %(up_to)s), aged_at = statement_timestamp()
WHERE {among("old")}
"""  # noqa: S608 - names of tables


def age(*, after: float, by: int = 1, up_to: int, queues: Sequence[str] = (), using: str) -> int:
    """Raise the priority of jobs that have been ready and not raised for ``after`` seconds.

    By ``by``, and not above ``up_to``. Return how many.
    """
    params = {
        "after": after,
        "by": by,
        "up_to": up_to,
        "queues": list(queues),
        "every": not queues,
    }
    return change(using, _AGE, params)
