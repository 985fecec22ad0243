"""What keeps a job that waits from being run: now, or ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from django_jobs import coverage, surroundings, wording
from django_jobs.bounds import bounds, policy_for, untagged
from django_jobs.definitions import Definition
from django_jobs.exceptions import UnknownJob
from django_jobs.models import Job, Queue, Step
from django_jobs.reasons import Code, Reason
from django_jobs.registry import resolve
from django_jobs.surroundings import LiveWorker

#: Reasons for which waiting longer does not help: somebody has to do something.
STUCK = frozenset(
    {
        Code.UNKNOWN_FUNCTION, Code.QUEUE_PAUSED, Code.NO_WORKER, Code.QUEUE_UNSERVED,
        Code.WORKERS_QUIET, Code.UNITS_EXCEEDED, Code.TAG_MISSING,
    }
)  # fmt: skip


def steps_before(job: Job) -> str:
    """Return which steps of its workflow a blocked job waits for; nothing where it has none."""
    if job.step_id is None:
        return ""
    steps = Step.objects.using(job._state.db)
    own = steps.filter(pk=job.step_id).select_related("workflow").first()
    if own is None:
        return ""
    workflow = f"of the workflow {own.workflow.name!r} (#{own.workflow_id})"
    if own.kind == Step.Kind.CLEANUP:
        return f"It cleans up when all else in the workflow {workflow} has ended, and not well."
    before = steps.filter(edges_out__after=own).exclude(state=Step.State.SUCCEEDED)
    told = [_step_told(step) for step in before.order_by("position")]
    return f"It is in the step {own.name!r} {workflow}, and waits for {wording.listed(told)}."


def _step_told(step: Step) -> str:
    if step.kind == Step.Kind.JOIN:
        return "the steps before it"
    have = "has" if step.done <= 1 else "have"
    return f"{step.name!r} ({step.done:,} of {wording.counted(step.size, 'job')} {have} ended)"


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
            text = f"{self._unknown} A worker with this code parks it, until one knows it."
            yield Reason(Code.UNKNOWN_FUNCTION, text)
        elif wrong := _misfit(self._job, self._definition):
            text = f"Its arguments do not fit the function any more, so that it will fail: {wrong}."
            discreet = "Its arguments do not fit the function any more, so that it will fail."
            yield Reason(Code.ARGUMENTS_UNFIT, text, discreet)

    def _paused(self) -> Iterator[Reason]:
        queue = self._queue
        if queue is None or queue.paused_at is None:
            return
        if queue.resume_at is None:
            until = "until somebody resumes it"
        elif queue.resume_at > self._now:
            until = f"until {wording.moment(queue.resume_at)}"
        else:
            return
        since = wording.moment(queue.paused_at)
        yield Reason(
            Code.QUEUE_PAUSED, f"The queue {queue.name!r} is paused, since {since}, {until}."
        )

    def _unserved(self) -> Iterator[Reason]:
        if not self._workers:
            yield Reason(Code.NO_WORKER, "No worker is alive: start one by manage.py runjobs.")
        elif self._quiet:
            told = "All workers that serve" if self._quiet > 1 else "The only worker that serves"
            are = "are" if self._quiet > 1 else "is"
            yield Reason(
                Code.WORKERS_QUIET, f"{told} its queue {are} told to be quiet, or to stop."
            )
        elif not self._serving:
            served = sorted({queue for worker in self._workers for queue in worker.queues})
            alive = wording.counted(len(self._workers), "live worker")
            yield Reason(
                Code.QUEUE_UNSERVED,
                f"No worker serves the queue {self._job.queue!r}: there "
                f"{'is' if len(self._workers) == 1 else 'are'} {alive}, for "
                f"{wording.listed(served)} only.",
            )

    def _units_exceeded(self) -> Iterator[Reason]:
        most = max((worker.units for worker in self._serving), default=None)
        if most is not None and self._units > most:
            yield Reason(
                Code.UNITS_EXCEEDED,
                f"It takes {wording.counted(self._units, 'unit')} and the largest host has "
                f"{most:,}, so that it can never run: give a host more by runjobs --units.",
            )

    # Just now -----------------------------------------------------------------------------------

    def _limits(self) -> Iterator[Reason]:
        definition = self._definition
        if definition is None:
            return
        most, per_host = definition.max_running, definition.max_running_per_host
        if most is None and per_host is None:
            return
        holders = surroundings.holders(self._job.lane or definition.name, using=self._using)
        ids = wording.ids([holder.id for holder in holders])
        if most is not None and len(holders) >= most:
            text = f"Of its function {most:,} may run at one time, and as many do"
            yield Reason(Code.LIMIT_REACHED, f"{text}: {ids}.", f"{text}.")
        if per_host is not None and self._serving:
            running = Counter(holder.hostname for holder in holders)
            if all(running[worker.hostname] >= per_host for worker in self._serving):
                text = (
                    f"Of its function {per_host:,} may run on one host at one time, and on every "
                    f"host as many do"
                )
                yield Reason(Code.HOST_LIMIT_REACHED, f"{text}: {ids}.", f"{text}.")

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
            yield Reason(
                Code.UNITS_TAKEN,
                f"It takes {wording.counted(self._units, 'unit')}, and on no host are more than "
                f"{max(free, 0):,} free.",
            )

    def _busy(self) -> Iterator[Reason]:
        if self._serving and all(worker.is_busy for worker in self._serving):
            yield Reason(Code.WORKERS_BUSY, _busy(self._serving))

    def _ahead(self) -> Iterator[Reason]:
        if count := surroundings.ahead_of(self._job, using=self._using):
            goes = "goes" if count == 1 else "go"
            number = wording.capped(count, surroundings.MOST, "job")
            yield Reason(Code.JOBS_AHEAD, f"{number} of its queue {goes} first.")

    @property
    def _units(self) -> int:
        """Return what it takes of its host: a row from before its function had a limit is told."""
        if self._definition is None or self._job.lane:
            return self._job.units
        return max(self._job.units, self._definition.units)


def _busy(workers: Sequence[LiveWorker]) -> str:
    places = sum(worker.concurrency for worker in workers)
    jobs = sum(worker.jobs for worker in workers)
    who = "The only worker" if len(workers) == 1 else f"All {len(workers):,} workers"
    serve = "that serves" if len(workers) == 1 else "that serve"
    return (
        f"{who} {serve} its queue {'is' if len(workers) == 1 else 'are'} busy: "
        f"{wording.counted(jobs, 'job')} for {wording.counted(places, 'place')}."
    )


def _definition(name: str) -> tuple[Definition | None, str]:
    """Return the definition of a job's function; without one, why not."""
    try:
        return resolve(name), ""
    except UnknownJob as error:
        return None, str(error)


def _misfit(job: Job, definition: Definition) -> str:
    """Return how the stored arguments differ from what the function takes, or nothing."""
    if not isinstance(job.args, list) or not isinstance(job.kwargs, dict):
        return "they are not a list and an object"
    try:
        definition.check_call(tuple(job.args), job.kwargs)
    except TypeError as error:
        return str(error)
    return ""
