"""register, heartbeat, deregister: the signs of life of a worker."""

from __future__ import annotations

from collections.abc import Sequence

from django_jobs.engine.sql import WORKER, change
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.models import Worker


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


def heartbeat(worker: int, *, using: str) -> bool:
    """Say that ``worker`` is alive; return False if it has been given up for dead."""
    sql = f"UPDATE {WORKER} SET heartbeat_at = statement_timestamp() WHERE id = %s"  # noqa: S608
    return bool(change(using, sql, (worker,)))


def deregister(worker: int, *, using: str) -> None:
    """Forget a worker that has stopped and owns no job any more."""
    change(using, f"DELETE FROM {WORKER} WHERE id = %s", (worker,))  # noqa: S608
