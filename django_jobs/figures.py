"""How full the queues are, and how fast they go: read by indexes, capped, whatever the table holds.

Nothing here counts more than ``MOST`` rows. Where there are more, what is told of a queue is what
the first ``MOST`` rows hold of it, and ``capped`` names the state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_jobs.engine.heads import QUEUES
from django_jobs.engine.sql import JOB, LINK, QUEUE, STEP, WORKFLOW, fetch
from django_jobs.states import State

#: Rows that are counted, of each state.
MOST = 10_000
#: Lanes, keys and priorities of a queue that are looked at for its oldest job.
HEADS = 1_000

# From queue to queue, and in each up to the limit: others are not in the way of a full one.
_READY = f"""
WITH RECURSIVE {QUEUES}
SELECT queue, (SELECT count(*) FROM (
    SELECT 1 FROM {JOB} AS job WHERE state = 'ready' AND job.queue = queues.queue
    ORDER BY job.queue LIMIT %(limit)s
) AS counted) FROM queues
"""  # noqa: S608 - names of tables

# The job with the lowest id of each lane, key and priority, which are found by one probe each.
_OLDEST = f"""
WITH RECURSIVE heads AS (
    (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB}
     WHERE state = 'ready' AND queue = %(queue)s
     ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT 1)
    UNION ALL
    SELECT next.* FROM heads CROSS JOIN LATERAL (
        (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB} AS job
         WHERE state = 'ready' AND queue = %(queue)s AND job.lane = heads.lane
            AND job.concurrency_key = heads.concurrency_key AND job.priority < heads.priority
         ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT 1)
        UNION ALL
        (SELECT lane, concurrency_key, priority, scheduled_at FROM {JOB} AS job
         WHERE state = 'ready' AND queue = %(queue)s
            AND (job.lane, job.concurrency_key) > (heads.lane, heads.concurrency_key)
         ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT 1)
        LIMIT 1
    ) AS next
)
SELECT extract(epoch FROM statement_timestamp() - min(scheduled_at))::float8
FROM (SELECT scheduled_at FROM heads LIMIT {HEADS}) AS first
"""  # noqa: S608 - names of tables

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

# By when they may be pruned, which is their end and how long they are kept: no index has the end
# itself. Those of workflows are not in it, since they are kept for as long as the whole.
_ENDED = f"""
SELECT queue, state, extract(epoch FROM statement_timestamp() - finished_at)::float8
FROM {JOB} AS job
WHERE state IN ('cancelled', 'failed', 'succeeded') AND prune_at IS NOT NULL
    AND prune_at > statement_timestamp() + make_interval(secs => %(kept)s - %(window)s)
    AND prune_at <= statement_timestamp() + make_interval(secs => %(kept)s)
    AND finished_at > statement_timestamp() - make_interval(secs => %(window)s)
    AND abs(extract(epoch FROM prune_at - finished_at) - %(kept)s) < 0.001
ORDER BY prune_at DESC LIMIT %(limit)s
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
    #: Jobs that have ended per minute, by state.
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

    def total(self, state: str) -> int:
        """Return how many jobs of all queues are in a state, as far as they were counted."""
        return sum(queue.counts[state] for queue in self.queues)


def figures(*, retentions: Collection[float], window: float, using: str) -> Figures:
    """Return what is in the queues, and what went through them in the last ``window`` seconds.

    ``retentions`` are the times in seconds for which finished jobs are kept.
    """
    queues: dict[str, QueueFigures] = {}

    def of(name: str) -> QueueFigures:
        return queues.setdefault(name, QueueFigures(name))

    for name, paused_at, resume_at in fetch(using, _PAUSED):
        of(name).paused_at, of(name).resume_at = paused_at, resume_at
    capped, capped_in = set(), set()
    for name, count in fetch(using, _READY, {"limit": MOST + 1}):
        if count > MOST:
            capped_in.add((name, State.READY.value))
        of(name).counts[State.READY] = min(count, MOST)
        ((of(name).oldest,),) = fetch(using, _OLDEST, {"queue": name})
    for state in (*_ORDERED, State.BLOCKED):
        counts = _counts(state, using)
        if sum(counts.values()) > MOST:
            capped.add(state.value)
        for name, count in counts.items():
            of(name).counts[state] = count
    for name, rates in throughput(retentions=retentions, window=window, using=using).items():
        of(name).per_minute = rates
    ordered = sorted(queues.values(), key=lambda one: one.name)
    return Figures(ordered, frozenset(capped), frozenset(capped_in))


def throughput(
    *, retentions: Collection[float], window: float, using: str
) -> dict[str, dict[str, float]]:
    """Return the jobs that have ended per minute, by queue and state, in ``window`` seconds.

    Where more than MOST have ended, the newest of them say how fast it goes.
    """
    rates: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for kept in sorted(set(retentions)):
        params = {"kept": kept, "window": window, "limit": MOST}
        rows = fetch(using, _ENDED, params)
        seconds = window if len(rows) < MOST else max(max(age for *_, age in rows), 0.001)
        for (queue, state), count in Counter((q, s) for q, s, _ in rows).items():
            rates[queue][state] += count * 60 / seconds
    return {queue: dict(by_state) for queue, by_state in rates.items()}


def _counts(state: State, using: str) -> dict[str, int]:
    params: dict[str, Any] = {"limit": MOST + 1}
    if state == State.BLOCKED:
        return dict(fetch(using, _BLOCKED, params))
    statement = _OF_STATE.format(state=state.value, order=_ORDERED[state])
    return dict(fetch(using, statement, params))
