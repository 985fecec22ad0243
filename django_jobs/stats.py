"""What may be asked of the queue at any time: cheap statements, read only."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.sql import JOB, fetch

_COUNT = f"""
SELECT count(*) FROM (SELECT 1 FROM {JOB} WHERE state = %s {{queues}} LIMIT %s) AS found
"""  # noqa: S608 - names of tables


def count(state: str, *, queues: Sequence[str] = (), limit: int, using: str) -> int:
    """Return how many jobs are in a state, or ``limit`` where there are more."""
    condition = "AND queue = ANY(%s)" if queues else ""
    params = (state, list(queues), limit) if queues else (state, limit)
    ((found,),) = fetch(using, _COUNT.format(queues=condition), params)
    return int(found)
