"""What happens once enqueued jobs are committed: their queues have rows, the workers are woken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import DatabaseError, connections, transaction

from django_jobs.engine.queues import ensure_queue
from django_jobs.notifications import notify, notify_worker

logger = logging.getLogger("django_jobs")

#: Queues that this process has made sure of, by database.
_known: set[tuple[str, str]] = set()


def announce(queues: Iterable[str], using: str) -> None:
    """Announce that queues have jobs: now, or as soon as the caller's transaction commits."""
    if connections[using].in_atomic_block:
        for queue in queues:
            _after_commit(_announce, queue, using)
    else:
        for queue in queues:
            _announce(queue, using)


def summon(workers: Iterable[int], using: str) -> None:
    """Tell workers that jobs of theirs were taken away: now, or when the caller commits."""
    for worker in workers:
        _after_commit(notify_worker, worker, using)


def _after_commit(tell: Callable[[Any, str], None], what: Any, using: str) -> None:
    # Not a partial: Django wants the name of what fails.
    transaction.on_commit(lambda: tell(what, using), using=using, robust=True)


def _announce(queue: str, using: str) -> None:
    if (using, queue) not in _known:
        try:
            ensure_queue(queue, using=using)
            _known.add((using, queue))
        except DatabaseError:  # the jobs are committed, and run without the queue's row
            logger.warning("queue.not_made queue=%s", queue, exc_info=True)
    notify(queue, using)
