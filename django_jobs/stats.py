"""What may be asked of the queue at any time: cheap statements, read only."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.counting import Counts, counted, counting
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
    return _counts(Allowance({lane: Limit(max_running=0)}), using).lanes[lane]


def units_on_host(host: str, *, using: str) -> int:
    """Return what the jobs that run on a host take of its budget."""
    return _counts(Allowance(host=host, budget=0), using).units


def _counts(allowance: Allowance, using: str) -> Counts:
    asked = counting(0, allowance)
    return counted({name: fetch(using, *statement) for name, statement in asked.items()})
