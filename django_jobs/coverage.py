"""Which queues no worker serves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from django_jobs import surroundings
from django_jobs.bounds import policy_for
from django_jobs.conf import options
from django_jobs.models import Queue
from django_jobs.queueing import carries


class Gap(NamedTuple):
    """A queue whose jobs nobody runs."""

    queue: str
    #: The tags that it asks for and no worker of it carries; empty where no worker serves it.
    tags: tuple[str, ...] = ()


def gaps(queues: Collection[str], *, using: str) -> list[Gap]:
    """Return those of the queues that no live worker serves."""
    if not queues:
        return []
    return list(_gaps(queues, using))


def _gaps(queues: Collection[str], using: str) -> Iterator[Gap]:
    workers = surroundings.live_workers(timeout=options().heartbeat_timeout, using=using)
    rows = Queue.objects.using(using).in_bulk(list(queues), field_name="name")
    for queue in sorted(queues):
        serving = [worker for worker in workers if worker.serves(queue)]
        tags = policy_for(queue, rows.get(queue)).tags
        if not serving:
            yield Gap(queue)
        elif not any(carries(worker.tags, tags) for worker in serving):
            yield Gap(queue, tags)
