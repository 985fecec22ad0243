"""Which workers serve a queue, and which queues no worker serves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from django_jobs import surroundings
from django_jobs.bounds import policy_for
from django_jobs.conf import options
from django_jobs.models import Queue
from django_jobs.queueing import carries
from django_jobs.surroundings import LiveWorker


class Gap(NamedTuple):
    """A queue whose jobs nobody runs."""

    queue: str
    #: The tags that it asks for and no worker of it carries; empty where no worker serves it.
    tags: tuple[str, ...] = ()


def live_workers(*, using: str) -> list[LiveWorker]:
    """Return the workers that give signs of life."""
    return surroundings.live_workers(timeout=options().heartbeat_timeout, using=using)


def serving(name: str, row: Queue | None, workers: Iterable[LiveWorker]) -> list[LiveWorker]:
    """Return those of the workers that serve a queue, quiet ones too; ``row`` is its row."""
    tags = policy_for(name, row).tags
    return [one for one in workers if one.serves(name) and carries(one.tags, tags)]


def gaps(queues: Collection[str], *, using: str) -> list[Gap]:
    """Return those of the queues that no live worker serves."""
    if not queues:
        return []
    return list(_gaps(queues, using))


def _gaps(queues: Collection[str], using: str) -> Iterator[Gap]:
    workers = live_workers(using=using)
    rows = Queue.objects.using(using).in_bulk(list(queues), field_name="name")
    for queue in sorted(queues):
        row = rows.get(queue)
        if serving(queue, row, workers):
            continue
        is_named = any(worker.serves(queue) for worker in workers)
        yield Gap(queue, policy_for(queue, row).tags if is_named else ())
