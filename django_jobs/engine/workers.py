"""register, heartbeat, deregister: the signs of life of a worker; and what it is told to do."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.announcing import summon
from django_jobs.engine.sql import WORKER, change, fetch
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.models import Worker
from django_jobs.orders import Order

# No column of it is in an index: each heartbeat is a heap-only update, whatever it says.
_HEARTBEAT = f"""
UPDATE {WORKER} SET heartbeat_at = statement_timestamp(), rss = %s, heard = %s WHERE id = %s
RETURNING orders
"""  # noqa: S608 - names of tables

# Who was told to stop may be gone before anything else is heard.
_TELL = f"""
WITH told AS MATERIALIZED (
    SELECT id FROM {WORKER} WHERE id = ANY(%s::bigint[]) AND orders NOT IN ('stop', %s)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE {WORKER} AS worker SET orders = %s WHERE id = ANY(ARRAY(SELECT id FROM told))
RETURNING worker.id
"""  # noqa: S608 - names of tables


def register(
    *,
    hostname: str,
    pid: int,
    queues: Sequence[str],
    concurrency: int,
    units: int = DEFAULT_UNITS,
    tags: Sequence[str] = (),
    version: str,
    using: str,
) -> int:
    """Make a worker known, and return its id. To be committed before its first claim."""
    worker = Worker.objects.using(using).create(
        hostname=hostname[:255],
        pid=pid,
        queues=list(queues),
        concurrency=concurrency,
        units=units,
        tags=list(tags),
        version=version,
    )
    return worker.pk


def heartbeat(
    worker: int, *, rss: int | None = None, obeys: str = Order.NONE, using: str
) -> str | None:
    """Say that ``worker`` is alive, how many bytes it holds, and which order it obeys.

    Return its orders, or None if it has been given up for dead.
    """
    rows = fetch(using, _HEARTBEAT, (rss, obeys, worker))
    return str(rows[0][0]) if rows else None


def tell_workers(workers: Sequence[int], order: Order, *, using: str) -> list[int]:
    """Give an order to workers that have another one; return the ids of those that it is news to.

    They hear it at once where they listen, else with their next heartbeat. Who was told to stop is
    told nothing else.
    """
    word = order.value
    told = sorted(key for (key,) in fetch(using, _TELL, (sorted(workers), word, word)))
    summon(told, using)
    return told


def deregister(worker: int, *, using: str) -> None:
    """Forget a worker that has stopped and owns no job any more."""
    change(using, f"DELETE FROM {WORKER} WHERE id = %s", (worker,))  # noqa: S608
