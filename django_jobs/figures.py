"""How full the queues are, and how fast they go: read by indexes, capped, whatever the table holds.

Nothing here counts more than ``MOST`` rows. Where there are more, what is told of a queue is what
the first ``MOST`` rows hold of it, and ``capped`` names the state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_jobs.engine.backlog import backlogs
from django_jobs.engine.sql import JOB, LINK, QUEUE, STEP, WORKFLOW, fetch
from django_jobs.history import rates
from django_jobs.states import State

#: Rows that are counted, of each state.
MOST = 10_000

# Ordered as their indexes are: in any order the planner reads the whole table where it takes the
# state for a common one.
_ORDERED = {
    State.RUNNING: "worker_id",
    State.SCHEDULED: "scheduled_at",
    State.FAILED: "finished_at DESC",
}
_OF_STATE = f"""
SELECT queue, count(*) FROM (
    SELECT queue FROM {JOB} WHERE state = '{{state}}' ORDER BY {{order}} LIMIT %(limit)s
) AS counted GROUP BY queue
"""  # noqa: S608 - names of tables

# There is no index of what is blocked: it is what waits by links, and what waits in steps.
_BLOCKED = f"""
SELECT queue, count(*) FROM (
    SELECT queue FROM {JOB} AS job WHERE job.id = ANY(ARRAY(
        SELECT DISTINCT waiting_id FROM (
            SELECT waiting_id FROM {LINK} WHERE NOT resolved ORDER BY waiting_id LIMIT %(limit)s
        ) AS links
    )) AND CASE WHEN job.state = 'blocked' THEN true ELSE false END
    UNION ALL
    (SELECT queue FROM {JOB} AS job WHERE step_id = ANY(ARRAY(
        SELECT step.id FROM {STEP} AS step JOIN {WORKFLOW} AS workflow
            ON workflow.id = step.workflow_id
        WHERE workflow.state = 'running' AND step.state = 'waiting' LIMIT %(limit)s
    )) AND CASE WHEN job.state = 'blocked' THEN true ELSE false END LIMIT %(limit)s)
) AS counted GROUP BY queue
"""  # noqa: S608 - names of tables

_PAUSED = f"""
SELECT name, paused_at, resume_at FROM {QUEUE}
"""  # noqa: S608 - names of tables


@dataclass
class QueueFigures:
    """One queue: how many of its jobs are in which state, and since when the oldest waits."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    #: Seconds; None where nothing is ready.
    oldest: float | None = None
    paused_at: datetime | None = None
    resume_at: datetime | None = None
    #: Jobs that have ended per minute, by how; see history.py.
    per_minute: dict[str, float] = field(default_factory=dict)


@dataclass
class Figures:
    """All queues at one moment."""

    queues: list[QueueFigures]
    #: The states of which there are more than were counted.
    capped: frozenset[str]
    #: The same for single queues, as pairs of a queue and a state.
    capped_in: frozenset[tuple[str, str]]

    def is_capped(self, queue: str, state: str) -> bool:
        """Return whether a queue may have more jobs in a state than it says."""
        return state in self.capped or (queue, state) in self.capped_in


def figures(*, window: float, using: str) -> Figures:
    """Return what is in the queues, and what went through them in the last ``window`` seconds."""
    queues: dict[str, QueueFigures] = {}

    def of(name: str) -> QueueFigures:
        return queues.setdefault(name, QueueFigures(name))

    for name, paused_at, resume_at in fetch(using, _PAUSED):
        of(name).paused_at, of(name).resume_at = paused_at, resume_at
    capped, capped_in = set(), set()
    for name, count, oldest in backlogs(limit=MOST + 1, using=using):
        if count > MOST:
            capped_in.add((name, State.READY.value))
        of(name).counts[State.READY], of(name).oldest = min(count, MOST), oldest
    for state in (*_ORDERED, State.BLOCKED):
        counts = _counts(state, using)
        if sum(counts.values()) > MOST:
            capped.add(state.value)
        for name, count in counts.items():
            of(name).counts[state] = count
    for name, ended in rates(seconds=window, using=using).items():
        of(name).per_minute = ended
    ordered = sorted(queues.values(), key=lambda one: one.name)
    return Figures(ordered, frozenset(capped), frozenset(capped_in))


def _counts(state: State, using: str) -> dict[str, int]:
    params: dict[str, Any] = {"limit": MOST + 1}
    if state == State.BLOCKED:
        return dict(fetch(using, _BLOCKED, params))
    statement = _OF_STATE.format(state=state.value, order=_ORDERED[state])
    return dict(fetch(using, statement, params))
