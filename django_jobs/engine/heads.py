"""The first ready job of each lane and key: where a claim begins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from django_jobs.engine.sql import JOB, QUEUE
from django_jobs.engine.trips import Statement
from django_jobs.limits import Allowance


class Head(NamedTuple):
    """The first ready job of a key, in a lane of a queue."""

    queue: str
    lane: str
    key: str
    priority: int
    units: int
    name: str
    id: int


_COLUMNS = "queue, lane, concurrency_key, priority, units, name, id"

#: The queues that have ready jobs, found one after the other in the index.
QUEUES = f"""
queues AS (
    (SELECT queue FROM {JOB} WHERE state = 'ready' ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM queues CROSS JOIN LATERAL (
        SELECT queue FROM {JOB} WHERE state = 'ready' AND queue > queues.queue
        ORDER BY queue LIMIT 1
    ) AS next
)"""  # noqa: S608 - names of tables

_GIVEN = "queues AS (SELECT DISTINCT unnest(%s::text[]) AS queue)"

# Walks the index of ready jobs from queue to queue, and in those that may run now from key to key:
# as many probes as keys that have ready jobs, whatever their number.
_PEEK = f"""
WITH RECURSIVE {{queues}}, open AS MATERIALIZED (
    SELECT queues.queue FROM queues LEFT JOIN {QUEUE} AS q ON q.name = queues.queue
    WHERE (q.paused_at IS NULL OR q.resume_at <= statement_timestamp()) {{unbarred}}
), heads AS (
    SELECT first.* FROM open CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM {JOB} WHERE state = 'ready' AND queue = open.queue
        ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT 1
    ) AS first
    UNION ALL
    SELECT next.* FROM heads CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM {JOB} WHERE state = 'ready' AND queue = heads.queue
            AND (lane, concurrency_key) > (heads.lane, heads.concurrency_key)
        ORDER BY queue, lane, concurrency_key, priority DESC, id LIMIT 1
    ) AS next
)
SELECT {_COLUMNS} FROM heads
"""  # noqa: S608 - names of tables


def peek(queues: Sequence[str], allowance: Allowance) -> Statement:
    """Return the statement that answers the heads of all lanes and keys, in no order.

    ``queues`` empty means every queue. So no queue starves another, and no lane.
    """
    params: list[list[str]] = [list(queues)] if queues else []
    params += [sorted(allowance.barred)] if allowance.barred else []
    return _statement(bool(queues), bool(allowance.barred)), params


@lru_cache(maxsize=4)
def _statement(are_given: bool, some_barred: bool) -> str:
    unbarred = "AND queues.queue <> ALL(%s::text[])" if some_barred else ""
    return _PEEK.format(queues=_GIVEN if are_given else QUEUES, unbarred=unbarred)
