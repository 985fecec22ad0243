"""What bounds a waiting job beside the number of its function: its key, its queue, its rates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django_jobs import surroundings, wording
from django_jobs.conf import options
from django_jobs.definitions import Definition
from django_jobs.exceptions import InvalidOption
from django_jobs.limits import QueuePolicy
from django_jobs.models import Job, Queue
from django_jobs.queueing import carries, policy_of
from django_jobs.reasons import Code, Reason
from django_jobs.surroundings import LiveWorker


def policy_for(queue: str, row: Queue | None) -> QueuePolicy:
    """Return what holds for a queue, by the settings and its row."""
    declared = options().queues.get(queue, QueuePolicy())
    try:
        return declared if row is None else policy_of(row, declared)
    except InvalidOption:  # workers pass it over, too
        return declared


def untagged(policy: QueuePolicy, queue: str, serving: list[LiveWorker]) -> Iterator[Reason]:
    """Return that none of the workers which serve a queue carries a tag that it asks for."""
    if serving and not any(carries(worker.tags, policy.tags) for worker in serving):
        text = (
            f"The queue {queue!r} is for workers that carry {wording.listed(policy.tags)}, and "
            f"none does: start one by runjobs --tag."
        )
        yield Reason(Code.TAG_MISSING, text)


def bounds(
    job: Job, definition: Definition, policy: QueuePolicy, now: datetime, using: str
) -> Iterator[Reason]:
    """Return which limits of its key and queue, and which rates, keep a ready job waiting."""
    limit = definition.limit
    if limit is not None and limit.per_key is not None:
        yield from _key(job, limit.per_key, limit.is_ordered, using)
    if policy.max_running is not None:
        running = surroundings.running_on(job.queue, using=using)
        if running >= policy.max_running:
            text = (
                f"Of its queue {policy.max_running:,} may run at one time, and {running:,} "
                f"{'does' if running == 1 else 'do'}."
            )
            yield Reason(Code.QUEUE_LIMIT_REACHED, text)
    if policy.rate is None and (limit is None or not (limit.rate or limit.rate_per_key)):
        return
    lane = job.lane or definition.name
    names = [f"queue {job.queue}", f"job {lane}", f"key {lane} {job.concurrency_key}"]
    if (opens := surroundings.rates_open_at(names, using=using)) > now.timestamp():
        left = wording.span(timedelta(seconds=opens - now.timestamp()))
        text = f"As many have started as its rate allows: the next one may in {left}."
        yield Reason(Code.RATE_REACHED, text)


def _key(job: Job, per_key: int, is_ordered: bool, using: str) -> Iterator[Reason]:
    lane = job.lane or job.name
    holders = surroundings.holders(lane, job.concurrency_key, using=using)
    if len(holders) >= per_key:
        ids = wording.ids([holder.id for holder in holders])
        text = f"Of the key {job.concurrency_key!r} {per_key:,} may run at one time, and as many do"
        yield Reason(Code.KEY_LIMIT_REACHED, f"{text}: {ids}.", f"{text}.")
    elif is_ordered and (held := surroundings.held(lane, job.concurrency_key, using=using)):
        text = f"Jobs of the key {job.concurrency_key!r} run one after the other, and "
        after = "comes first: it is to be tried again."
        yield Reason(
            Code.KEY_HELD, f"{text}{wording.ids(held)} {after}", f"{text}another one {after}"
        )
