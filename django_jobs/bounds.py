"""What bounds a waiting job beside the number of its function: its key, its queue, its rates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext

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
        text = gettext(
            "The queue %(queue)s is for workers that carry %(tags)s, and none does: start one by "
            "runjobs --tag."
        )
        told = {"queue": wording.quoted(queue), "tags": wording.listed(policy.tags)}
        yield Reason(Code.TAG_MISSING, text % told)


def bounds(
    job: Job, definition: Definition, policy: QueuePolicy, now: datetime, using: str
) -> Iterator[Reason]:
    """Return which limits of its key and queue, and which rates, keep a ready job waiting."""
    limit = definition.limit
    if limit is not None and limit.per_key is not None:
        yield from _key(job, limit.per_key, limit.is_ordered, using)
    if policy.max_running is not None:
        yield from _queue(job.queue, policy.max_running, using)
    if policy.rate is None and (limit is None or not (limit.rate or limit.rate_per_key)):
        return
    lane = job.lane or definition.name
    names = [f"queue {job.queue}", f"job {lane}", f"key {lane} {job.concurrency_key}"]
    if (opens := surroundings.rates_open_at(names, using=using)) > now.timestamp():
        left = wording.span(timedelta(seconds=opens - now.timestamp()))
        text = gettext("As many have started as its rate allows: the next one may in %(time)s.")
        yield Reason(Code.RATE_REACHED, text % {"time": left})


def _queue(queue: str, most: int, using: str) -> Iterator[Reason]:
    running = surroundings.running_on(queue, using=using)
    if running >= most:
        text = ngettext(
            "Of its queue %(most)s may run at one time, and %(running)s does.",
            "Of its queue %(most)s may run at one time, and %(running)s do.",
            running,
        )
        told = {"most": wording.number(most), "running": wording.number(running)}
        yield Reason(Code.QUEUE_LIMIT_REACHED, text % told)


def _key(job: Job, per_key: int, is_ordered: bool, using: str) -> Iterator[Reason]:
    lane = job.lane or job.name
    told = {"key": wording.quoted(job.concurrency_key), "most": wording.number(per_key)}
    holders = surroundings.holders(lane, job.concurrency_key, using=using)
    if len(holders) >= per_key:
        text = gettext("Of the key %(key)s %(most)s may run at one time, and as many do: %(jobs)s.")
        discreet = gettext("Of the key %(key)s %(most)s may run at one time, and as many do.")
        named = {**told, "jobs": wording.ids([holder.id for holder in holders])}
        yield Reason(Code.KEY_LIMIT_REACHED, text % named, discreet % told)
    elif is_ordered and (held := surroundings.held(lane, job.concurrency_key, using=using)):
        yield Reason(Code.KEY_HELD, *_held(told, held))


def _held(told: dict[str, str], held: list[int]) -> tuple[str, str]:
    text = ngettext(
        "Jobs of the key %(key)s run one after the other, and %(jobs)s comes first: it is to be "
        "tried again.",
        "Jobs of the key %(key)s run one after the other, and %(jobs)s come first: they are to be "
        "tried again.",
        len(held),
    )
    discreet = gettext(
        "Jobs of the key %(key)s run one after the other, and another one comes first: it is to be "
        "tried again."
    )
    return text % {**told, "jobs": wording.ids(held)}, discreet % told
