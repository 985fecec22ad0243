"""What running jobs hold of their limits: counted, never kept.

Nothing is stored but the running rows themselves: so nothing can leak, and the permits of a dead
worker are free again as soon as its jobs are rescued. Starts are another matter: see levels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django_jobs.engine.sql import JOB, WORKER
from django_jobs.engine.trips import Statement
from django_jobs.limits import Allowance

#: The condition that ``job``, which is running, runs on a host.
HERE = f"job.worker_id = ANY(ARRAY(SELECT id FROM {WORKER} WHERE hostname = %s))"  # noqa: S608

# In the order of its index: whatever the planner believes of the table, it is a walk through what
# runs in lanes, and through nothing else.
_RUNNING = f"""
SELECT lane, concurrency_key, count(*), count(*) FILTER (WHERE {HERE}) AS of_them_here
FROM {JOB} AS job WHERE state = 'running' AND lane <> ''
GROUP BY lane, concurrency_key ORDER BY lane, concurrency_key
"""  # noqa: S608 - names of tables

# Ordered lanes wait for what is to be tried again. In the words of its index.
_HELD = f"""
SELECT lane, concurrency_key FROM {JOB} AS job
WHERE worker_id IS NULL AND finished_at IS NULL AND claims > 0 AND NOT state = 'ready'
    AND NOT lane = '' AND lane = ANY(%s::text[])
GROUP BY lane, concurrency_key ORDER BY lane, concurrency_key
"""  # noqa: S608 - names of tables

_UNITS = f"SELECT coalesce(sum(units), 0) FROM {JOB} AS job WHERE state = 'running' AND {HERE}"  # noqa: S608

_QUEUES = f"""
SELECT queue, count(*), count(*) FILTER (WHERE worker_id = %s) FROM (
    SELECT queue, worker_id FROM {JOB} WHERE state = 'running' ORDER BY worker_id
) AS running GROUP BY queue
"""  # noqa: S608 - names of tables


@dataclass
class Counts:
    """What runs, where anything that was asked for depends on it."""

    #: By lane and key.
    keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By lane, everywhere and on this host.
    lanes: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    #: Keys of ordered lanes that wait for a job which is to be tried again.
    held: frozenset[tuple[str, str]] = frozenset()
    #: What the jobs that run on this host take of its budget.
    units: int = 0
    #: By queue, everywhere and by this worker.
    queues: Counter[str] = field(default_factory=Counter)
    mine: Counter[str] = field(default_factory=Counter)


def counting(worker: int, allowance: Allowance) -> dict[str, Statement]:
    """Return the statements that count what the limits of ``allowance`` depend on."""
    statements: dict[str, Statement] = {}
    if allowance.has_turns:
        statements["running"] = (_RUNNING, [allowance.host])
    ordered = [lane for lane, limit in allowance.limits.items() if limit.is_ordered]
    if ordered:
        statements["held"] = (_HELD, [ordered])
    if allowance.budget is not None:
        statements["units"] = (_UNITS, [allowance.host])
    if any(one.max_running or one.concurrency for one in allowance.queues.values()):
        statements["queues"] = (_QUEUES, [worker])
    return statements


def counted(answers: Mapping[str, Sequence[Any]]) -> Counts:
    """Return what the statements have answered."""
    counts = Counts()
    for lane, key, running, here in answers.get("running", ()):
        counts.keys[lane, key] = running
        counts.lanes[lane] += running
        counts.here[lane] += here
    counts.held = frozenset((lane, key) for lane, key in answers.get("held", ()))
    for (units,) in answers.get("units", ()):
        counts.units = units
    for queue, running, mine in answers.get("queues", ()):
        counts.queues[queue], counts.mine[queue] = running, mine
    return counts
