"""What may be asked of the queue at any time: cheap statements, read only."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine import permits
from django_jobs.engine.sql import JOB, fetch
from django_jobs.limits import Allowance, Limit

_COUNT = f"""
SELECT count(*) FROM (
    SELECT 1 FROM {JOB} WHERE state = %s {{queues}} {{order}} LIMIT %s
) AS found
"""  # noqa: S608 - names of tables

#: By what the index of a state is ordered. Asked for in any order, the planner reads the whole
#: table where it takes the state for a common one.
_ORDER = {"ready": "queue", "running": "worker_id", "scheduled": "scheduled_at"}


def count(state: str, *, queues: Sequence[str] = (), limit: int, using: str) -> int:
    """Return how many jobs are in a state, or ``limit`` where there are more."""
    condition = "AND queue = ANY(%s)" if queues else ""
    params = (state, list(queues), limit) if queues else (state, limit)
    order = f"ORDER BY {_ORDER[state]}" if state in _ORDER else ""
    ((found,),) = fetch(using, _COUNT.format(queues=condition, order=order), params)
    return int(found)


def running_in_lane(lane: str, *, using: str) -> int:
    """Return how many jobs of a lane run, on all hosts."""
    allowance = Allowance({lane: Limit(max_running=0)})
    return permits.taken(lane, allowance, using=using).running


def units_on_host(host: str, *, using: str) -> int:
    """Return what the jobs that run on a host take of its budget."""
    return permits.taken("", Allowance(host=host, budget=0), using=using).units
