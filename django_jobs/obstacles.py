"""What keeps a job that waits from being run: now, or ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext, ngettext

from django_jobs import coverage, surroundings, wording
from django_jobs.bounds import bounds, policy_for, untagged
from django_jobs.definitions import Definition
from django_jobs.exceptions import UnknownJob
from django_jobs.models import Job, Queue
from django_jobs.reasons import Code, Reason
from django_jobs.registry import resolve
from django_jobs.surroundings import Holder, LiveWorker

#: Reasons for which waiting longer does not help: somebody has to do something.
STUCK = frozenset(
    {
        Code.UNKNOWN_FUNCTION, Code.QUEUE_PAUSED, Code.NO_WORKER, Code.QUEUE_UNSERVED,
        Code.WORKERS_QUIET, Code.UNITS_EXCEEDED, Code.TAG_MISSING,
    }
)  # fmt: skip


class Obstacles:
    """Looks around a waiting job, and says what is in its way."""

    def __init__(self, job: Job, now: datetime, using: str) -> None:
        """``now`` is the time of the database."""
        self._job, self._now, self._using = job, now, using
        self._workers = coverage.live_workers(using=using)
        #: Those that take jobs of its queue.
        serving = [worker for worker in self._workers if worker.serves(job.queue)]
        self._serving = [worker for worker in serving if not worker.is_quiet]
        self._quiet = len(serving) if not self._serving else 0
        self._definition, self._unknown = _definition(job.name)
        self._queue = Queue.objects.using(using).filter(name=job.queue).first()
        self._policy = policy_for(job.queue, self._queue)

    @property
    def is_known(self) -> bool:
        """Return whether this process knows the job's function."""
        return self._definition is not None

    def lasting(self) -> list[Reason]:
        """Return why it could not run even if it was due and alone."""
        return [
            *self._function(),
            *self._paused(),
            *self._unserved(),
            *untagged(self._policy, self._job.queue, self._serving),
            *self._units_exceeded(),
        ]

    def passing(self) -> list[Reason]:
        """Return why a ready job does not run just now."""
        return [
            *self._limits(),
            *self._bounds(),
            *self._units_taken(),
            *self._busy(),
            *self._ahead(),
        ]

    # For ever, or until somebody does something ----------------------------------------------

    def _function(self) -> Iterator[Reason]:
        if self._definition is None:
            text = gettext("%(problem)s A worker with this code parks it, until one knows it.")
            yield Reason(Code.UNKNOWN_FUNCTION, text % {"problem": self._unknown})
        elif wrong := _misfit(self._job, self._definition):
            text = gettext(
                "Its arguments do not fit the function any more, so that it will fail: %(problem)s."
            )
            discreet = gettext(
                "Its arguments do not fit the function any more, so that it will fail."
            )
            yield Reason(Code.ARGUMENTS_UNFIT, text % {"problem": wrong}, discreet)

    def _paused(self) -> Iterator[Reason]:
        queue = self._queue
        if queue is None or queue.paused_at is None:
            return
        told = {"queue": wording.quoted(queue.name), "since": wording.moment(queue.paused_at)}
        if queue.resume_at is None:
            text = gettext(
                "The queue %(queue)s is paused, since %(since)s, until somebody resumes it."
            )
        elif queue.resume_at > self._now:
            text = gettext("The queue %(queue)s is paused, since %(since)s, until %(until)s.")
            told["until"] = wording.moment(queue.resume_at)
        else:
            return
        yield Reason(Code.QUEUE_PAUSED, text % told)

    def _unserved(self) -> Iterator[Reason]:
        if not self._workers:
            text = gettext("No worker is alive: start one by manage.py runjobs.")
            yield Reason(Code.NO_WORKER, text)
        elif self._quiet:
            text = (
                gettext("The only worker that serves its queue is told to be quiet, or to stop.")
                if self._quiet == 1
                else gettext("All workers that serve its queue are told to be quiet, or to stop.")
            )
            yield Reason(Code.WORKERS_QUIET, text)
        elif not self._serving:
            yield Reason(Code.QUEUE_UNSERVED, _unserved(self._job.queue, self._workers))

    def _units_exceeded(self) -> Iterator[Reason]:
        most = max((worker.units for worker in self._serving), default=None)
        if most is not None and self._units > most:
            text = ngettext(
                "It takes %(units)s unit and the largest host has %(most)s, so that it can never "
                "run: give a host more by runjobs --units.",
                "It takes %(units)s units and the largest host has %(most)s, so that it can never "
                "run: give a host more by runjobs --units.",
                self._units,
            )
            told = {"units": wording.number(self._units), "most": wording.number(most)}
            yield Reason(Code.UNITS_EXCEEDED, text % told)

    # Just now -----------------------------------------------------------------------------------

    def _limits(self) -> Iterator[Reason]:
        definition = self._definition
        if definition is None:
            return
        most, per_host = definition.max_running, definition.max_running_per_host
        if most is None and per_host is None:
            return
        holders = surroundings.holders(self._job.lane or definition.name, using=self._using)
        if most is not None and len(holders) >= most:
            yield Reason(Code.LIMIT_REACHED, *_limit(most, holders))
        if per_host is not None and self._serving:
            running = Counter(holder.hostname for holder in holders)
            if all(running[worker.hostname] >= per_host for worker in self._serving):
                yield Reason(Code.HOST_LIMIT_REACHED, *_host_limit(per_host, holders))

    def _bounds(self) -> Iterator[Reason]:
        if self._definition is not None:
            yield from bounds(self._job, self._definition, self._policy, self._now, self._using)

    def _units_taken(self) -> Iterator[Reason]:
        large_enough = [worker for worker in self._serving if worker.units >= self._units]
        if not large_enough or self._units == 0:
            return
        taken = surroundings.units_by_host(using=self._using)
        free = max(worker.units - taken[worker.hostname] for worker in large_enough)
        if free < self._units:
            text = ngettext(
                "It takes %(units)s unit, and on no host are more than %(free)s free.",
                "It takes %(units)s units, and on no host are more than %(free)s free.",
                self._units,
            )
            told = {"units": wording.number(self._units), "free": wording.number(max(free, 0))}
            yield Reason(Code.UNITS_TAKEN, text % told)

    def _busy(self) -> Iterator[Reason]:
        if self._serving and all(worker.is_busy for worker in self._serving):
            yield Reason(Code.WORKERS_BUSY, _busy(self._serving))

    def _ahead(self) -> Iterator[Reason]:
        if count := surroundings.ahead_of(self._job, using=self._using):
            if count >= surroundings.MOST:
                text = gettext("%(count)s jobs or more of its queue go first.")
            else:
                text = ngettext(
                    "%(count)s job of its queue goes first.",
                    "%(count)s jobs of its queue go first.",
                    count,
                )
            yield Reason(Code.JOBS_AHEAD, text % {"count": wording.number(count)})

    @property
    def _units(self) -> int:
        """Return what it takes of its host: a row from before its function had a limit is told."""
        if self._definition is None or self._job.lane:
            return self._job.units
        return max(self._job.units, self._definition.units)


def _unserved(queue: str, workers: Sequence[LiveWorker]) -> str:
    text = ngettext(
        "No worker serves the queue %(queue)s: there is %(count)s live worker, for %(queues)s "
        "only.",
        "No worker serves the queue %(queue)s: there are %(count)s live workers, for %(queues)s "
        "only.",
        len(workers),
    )
    served = sorted({queue for worker in workers for queue in worker.queues})
    return text % {
        "queue": wording.quoted(queue),
        "count": wording.number(len(workers)),
        "queues": wording.listed(served),
    }


def _limit(most: int, holders: Sequence[Holder]) -> tuple[str, str]:
    told = {"most": wording.number(most), "jobs": wording.ids([one.id for one in holders])}
    text = gettext("Of its function %(most)s may run at one time, and as many do: %(jobs)s.")
    discreet = gettext("Of its function %(most)s may run at one time, and as many do.")
    return text % told, discreet % told


def _host_limit(most: int, holders: Sequence[Holder]) -> tuple[str, str]:
    told = {"most": wording.number(most), "jobs": wording.ids([one.id for one in holders])}
    text = gettext(
        "Of its function %(most)s may run on one host at one time, and on every host as many do: "
        "%(jobs)s."
    )
    discreet = gettext(
        "Of its function %(most)s may run on one host at one time, and on every host as many do."
    )
    return text % told, discreet % told


def _busy(workers: Sequence[LiveWorker]) -> str:
    places = sum(worker.concurrency for worker in workers)
    jobs = sum(worker.jobs for worker in workers)
    if len(workers) > 1:
        text = gettext(
            "All %(workers)s workers that serve its queue are busy: %(jobs)s jobs for %(places)s "
            "places."
        )
    elif jobs == 1:  # for one place, then: it is busy
        text = gettext("The only worker that serves its queue is busy: 1 job for 1 place.")
    else:
        text = ngettext(
            "The only worker that serves its queue is busy: %(jobs)s jobs for %(places)s place.",
            "The only worker that serves its queue is busy: %(jobs)s jobs for %(places)s places.",
            places,
        )
    told = {"workers": len(workers), "jobs": jobs, "places": places}
    return text % {name: wording.number(count) for name, count in told.items()}


def _definition(name: str) -> tuple[Definition | None, str]:
    """Return the definition of a job's function; without one, why not."""
    try:
        return resolve(name), ""
    except UnknownJob as error:
        return None, str(error)


def _misfit(job: Job, definition: Definition) -> str:
    """Return how the stored arguments differ from what the function takes, or nothing."""
    if not isinstance(job.args, list) or not isinstance(job.kwargs, dict):
        return gettext("they are not a list and an object")
    try:
        definition.check_call(tuple(job.args), job.kwargs)
    except TypeError as error:
        return str(error)
    return ""
