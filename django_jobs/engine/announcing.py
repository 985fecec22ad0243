"""What happens once enqueued jobs are committed: their queues have rows, the workers are woken."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from django.db import DatabaseError, connections, transaction

from django_jobs.engine.queues import ensure_queue
from django_jobs.notifications import notify

logger = logging.getLogger("django_jobs")

#: Queues that this process has made sure of, by database.
_known: set[tuple[str, str]] = set()


def announce(queues: Iterable[str], using: str) -> None:
    """Announce that queues have jobs: now, or as soon as the caller's transaction commits."""
    if connections[using].in_atomic_block:
        for queue in queues:
            transaction.on_commit(partial(_announce, queue, using), using=using, robust=True)
    else:
        for queue in queues:
            _announce(queue, using)


def _announce(queue: str, using: str) -> None:
    if (using, queue) not in _known:
        try:
            ensure_queue(queue, using=using)
            _known.add((using, queue))
        except DatabaseError:  # the jobs are committed, and run without the queue's row
            logger.warning("queue.not_made queue=%s", queue, exc_info=True)
    notify(queue, using)
