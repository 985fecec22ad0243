"""Run what is due, here and now: the worker's claim, execution and records, without one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async

import django_jobs
from django_jobs import engine, registry
from django_jobs.conf import options
from django_jobs.engine.sql import write_alias
from django_jobs.execution import perform
from django_jobs.judgement import Policy
from django_jobs.limits import DEFAULT_UNITS, Allowance, Room
from django_jobs.models import Job
from django_jobs.notebook import Notebook, Notes
from django_jobs.orders import WorkerOptions
from django_jobs.outcomes import Abandoned, Blocked, Claimed, Expired, Failed, Finished
from django_jobs.services import Reporter, Scheduler
from django_jobs.testing.autocommit import as_autocommit
from django_jobs.worker.books import Books
from django_jobs.worker.gauges import Gauges
from django_jobs.worker.herald import Herald
from django_jobs.worker.signposts import Signposts

#: Jobs that one call runs at most, unless told otherwise: more is a job that enqueues itself.
MOST = 10_000

Body = Callable[[], Any]
Guard = Callable[[Claimed, Body], Any]


class PromptHerald(Herald):
    """Tells at once, in this thread, where the data of the test can be seen."""

    def _tell(self, call: Callable[[], object]) -> None:
        call()


class Runner:
    """A worker without threads: who holds it decides what is claimed and recorded."""

    def __init__(self, queues: Sequence[str], using: str) -> None:
        self.queues, self.using = tuple(queues), using
        self.settings = options()
        name = f"{socket.gethostname()}:{os.getpid()}"
        self.policy = Policy.of(self.settings, name, using)
        self.notebook = Notebook()
        self._herald = PromptHerald(using)
        self._books = Books(name, Gauges(), self._herald, self.settings.retention, using)
        self._posts = Signposts(WorkerOptions(queues=self.queues, using=using), self.settings)

    def __enter__(self) -> Runner:
        self.worker = engine.register(
            hostname=socket.gethostname(),
            pid=os.getpid(),
            queues=self.queues,
            concurrency=1,
            version=django_jobs.__version__,
            using=self.using,
        )
        return self

    def __exit__(self, *raised: object) -> None:
        engine.disown(self.worker, [], using=self.using)
        engine.deregister(self.worker, using=self.using)

    def tidy(self, schedules: bool = False) -> None:
        """Do, once, what the services of a worker do all the time; that of schedules if asked."""
        retention = self.settings.retention
        engine.expire(retention=retention["cancelled"], using=self.using)
        engine.promote(using=self.using)
        engine.settle(retention=retention, using=self.using)
        if schedules:
            Scheduler(0.0, self.using, lambda: None).run_once()

    def claim(self, limit: int) -> list[Claimed]:
        """Claim up to so many jobs that are ready, under all limits."""
        limits = registry.limits()
        places = {"", *(one.places for one in limits.values())}
        budget = self.settings.units
        if budget is None and any(one.units > 1 for one in limits.values()):
            budget = DEFAULT_UNITS
        self._posts.refresh()
        allowance = Allowance(
            limits, socket.gethostname(), budget, {one: Room(limit, limit) for one in places},
            self._posts.policies, self._posts.barred, self._posts.sequence,
            self._posts.order == "weighted",
        )  # fmt: skip
        claim = engine.Claim(
            self.worker, self.queues, limit, starting=True, allowance=allowance, using=self.using
        )
        return claim.make()

    def run(self, job: Claimed, guard: Guard) -> Finished:
        """Run a claimed job in this thread."""
        self._herald.begun(job)
        return perform(job, self.policy, self, guard, in_loop=async_to_sync)

    def record(self, finished: Finished) -> None:
        """Record how it ended."""
        Reporter(self.notebook, self.using).run_once()
        self._books.record([finished])

    def carry_out(self, job: Claimed, guard: Guard) -> Finished:
        """Run a claimed job, and record how it ended, as if each was committed by itself."""
        # One by one: what waited for the job's commits comes before its end is recorded.
        with as_autocommit(self.using):
            finished = self.run(job, guard)
        with as_autocommit(self.using):
            self.record(finished)
        return finished

    # What a running job asks and tells: execution's Desk -------------------------------------

    def note(
        self, job: Claimed, *, progress: Mapping[str, Any] | None = None, line: Any = None
    ) -> None:
        """Take in what a job tells."""
        self.notebook.add([Notes(job, progress, [] if line is None else [line])])

    def is_cancelled(self, job: Claimed) -> bool:
        """Return whether the job was cancelled by what it calls itself."""
        return bool(engine.lost([job], using=self.using))


def run_jobs(
    *,
    queues: Sequence[str] = (),
    limit: int = MOST,
    until_empty: bool = True,
    raise_errors: bool = False,
    schedules: bool = False,
    using: str | None = None,
) -> list[Job]:
    """Run the jobs that are due in this thread, and return those that ran, as they are now.

    Also those that they make meanwhile, unless ``until_empty`` is False; ``limit`` runs at most.
    With ``raise_errors`` the first error of an attempt is raised once it is recorded. Schedules
    that are due fire with ``schedules`` only: without it no test depends on the time of day.
    """
    alias = write_alias(using)
    ran: list[int] = []
    errors: dict[int, BaseException] = {}

    def keep_error(job: Claimed, body: Body) -> Any:
        try:
            return body()
        except BaseException as error:
            errors[job.id] = error
            raise

    with Runner(queues, alias) as runner:
        runner.tidy(schedules)
        while len(ran) < limit:
            claimed = runner.claim(1 if until_empty else limit)
            for job in claimed:
                finished = runner.carry_out(job, keep_error)
                if not isinstance(finished.outcome, Abandoned | Blocked | Expired):
                    ran.append(job.id)
                if raise_errors and isinstance(finished.outcome, Failed):
                    raise errors.get(job.id) or AssertionError(finished.outcome.fault.message)
            if not claimed or not until_empty:
                break
            runner.tidy(schedules)
    return _rows(ran, alias)


def _rows(ran: list[int], using: str) -> list[Job]:
    rows = Job.objects.using(using).in_bulk(set(ran))
    return [rows[id_] for id_ in dict.fromkeys(ran) if id_ in rows]


arun_jobs = sync_to_async(run_jobs)
