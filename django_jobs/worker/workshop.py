"""Where a worker's claimed jobs are run: its executors, and who is where."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django_jobs.conf import Options
from django_jobs.exceptions import JobTimeout
from django_jobs.executors import AsyncioExecutor, Executor, ProcessExecutor, ThreadExecutor
from django_jobs.executors.base import UNWANTED, drained
from django_jobs.judgement import Policy, concluded, judge
from django_jobs.notebook import Notebook, Notes
from django_jobs.outcomes import Abandoned, Claimed, Finished, Succeeded
from django_jobs.recorder import FlightRecorder
from django_jobs.registry import find
from django_jobs.worker.lines import Lines


class Workshop:
    """Runs jobs, each in the executor that suits it, and knows which of them are owned.

    An owned job waits, runs, or has ended and is not recorded yet.
    """

    def __init__(
        self,
        concurrency: int,
        settings: Options,
        policy: Policy,
        *,
        recorder: FlightRecorder,
        on_expectant: Callable[[], None],
        on_begun: Callable[[Claimed], None] | None = None,
        initialize: Callable[[], None] | None = None,
    ) -> None:
        """``on_expectant`` is called, from any thread, when it is time to collect, ``on_begun``
        when a job begins, ``initialize`` in new processes.
        """
        self._concurrency, self._settings, self._policy = concurrency, settings, policy
        self._recorder = recorder
        self._on_expectant, self._on_begun, self._initialize = on_expectant, on_begun, initialize
        self._executors: dict[str, Executor] = {}
        self._executor_of: dict[str, Executor] = {}
        self._owned: dict[int, Claimed] = {}
        self._begun: dict[int, float] = {}
        self._lost: set[int] = set()
        self._lines = Lines()
        #: Jobs that were lost while they waited in line, on their way to be collected.
        self._passed_over: deque[Finished] = deque()
        #: Jobs that came back while an earlier run of theirs, lost by now, still goes on here.
        self._held_back: dict[int, Claimed] = {}
        #: What running jobs tell of themselves.
        self.notebook = Notebook()

    @property
    def owned(self) -> Mapping[int, Claimed]:
        """Return the owned jobs by id."""
        return self._owned

    def owned_in(self, kind: str) -> int:
        """Return how many owned jobs are with the executor of a kind."""
        executor = self._executors.get(kind)
        if executor is None:
            return 0
        return sum(self._executor_of.get(job.name) is executor for job in self._owned.values())

    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order where they share an executor.

        One that was cancelled and tried again, while its first run cannot be stopped, waits for the
        end of that run: a worker knows jobs by their ids, and so has each once.
        """
        jobs = [job for job in jobs if not self._hold_back(job)]
        self._owned.update((job.id, job) for job in jobs)
        self._recorder.expect(job.id for job in jobs)
        shares: dict[Executor, list[Claimed]] = {}
        for job in self._lines.admit(jobs):
            executor = self._executor_of.get(job.name) or self._executor_for(job.name)
            shares.setdefault(executor, []).append(job)
        for executor, share in shares.items():
            executor.submit(share)

    def collect(self) -> list[Finished]:
        """Return the runs that have ended since the last time; their jobs stay owned."""
        ended = [one for executor in self._executors.values() for one in executor.collect()]
        ended += drained(self._passed_over)
        if not self._lost:
            return ended
        return [self._without_lost(one) for one in ended]

    def withdraw(self, *, all_of_them: bool = True) -> list[Claimed]:
        """Take back the jobs that have not begun; they stay owned.

        Not ``all_of_them``: but as many as there are places that will be ready for them soon.
        """
        withdrawn = self._lines.withdraw()
        for executor in self._executors.values():
            jobs = executor.withdraw()
            kept = 0 if all_of_them else executor.starting
            if jobs[:kept]:
                executor.submit(jobs[:kept])
            withdrawn += jobs[kept:]
        return withdrawn

    def forget(self, ids: Iterable[int]) -> None:
        """Own these jobs no more."""
        ids = list(ids)
        for job in ids:
            if (forgotten := self._owned.pop(job, None)) is not None:
                self._call_next(forgotten)  # it was given up while it goes on
            self._begun.pop(job, None)
        if self._lost:
            self._lost.difference_update(ids)
        self._recorder.forget(ids)
        if self._held_back:
            self.submit([self._held_back.pop(job) for job in ids if job in self._held_back])

    def lose(self, jobs: Iterable[Claimed]) -> None:
        """Stop these jobs, as far as they can be stopped: others own them now, or nobody."""
        ours = [job for job in jobs if self._owned.get(job.id) == job]
        lost = [job.id for job in ours]
        self._lost.update(lost)
        if lost:
            for job in self._lines.withdraw(lost):
                self._passed_over.append(Finished(job, Abandoned(UNWANTED), 0.0, time.monotonic()))
                self._on_expectant()
            for executor in self._executors.values():
                executor.cancel(lost)
            for job in ours:
                # Nobody waits for one that does not heed: its permit is free already.
                self._call_next(job)

    def running_longer_than(self, seconds: float) -> list[tuple[int, int, float]]:
        """Return ``(id, claims, seconds since the start)`` of jobs that have run for so long."""
        now = time.monotonic()
        return [
            (job.id, job.claims, now - began)
            for id_, began in list(self._begun.items())
            if now - began > seconds and (job := self._owned.get(id_)) is not None
        ]

    def overdue(self) -> list[Claimed]:
        """Return the jobs that go on past their timeout and grace, and cannot be stopped."""
        grace = self._settings.timeout_grace
        overdue = []
        for id_, _, elapsed in self.running_longer_than(grace):
            job = self._owned.get(id_)
            executor = None if job is None else self._executor_of.get(job.name)
            if job is None or executor is None or executor.capabilities.hard_timeout:
                continue
            limit = self._policy.limit(job)
            if limit and elapsed > limit + grace:
                overdue.append(job)
        return overdue

    def condemn(self, jobs: Iterable[Claimed]) -> list[Finished]:
        """Return the end of jobs that are overdue: each attempt has failed by its timeout."""
        condemned = []
        for job in jobs:
            definition = find(job.name)
            error = JobTimeout(self._policy.limit(job))
            outcome = judge(error, job, definition, self._policy)
            began = self._begun.get(job.id, time.monotonic())
            condemned.append(concluded(job, outcome, began, definition))
        return condemned

    def stop(self) -> None:
        """End what can be ended, and run nothing more."""
        self._held_back.clear()
        self._lines.withdraw()
        for executor in self._executors.values():
            executor.stop()

    def _hold_back(self, job: Claimed) -> bool:
        former = self._owned.get(job.id)
        if former is None:
            return False
        self._held_back[job.id] = job
        self.lose([former])
        return True

    # What the executors tell, in their own threads ------------------------------------------

    def begun(self, job: Claimed) -> None:
        """Note that a job begins."""
        if job.id in self._begun:
            return
        self._begun[job.id] = time.monotonic()
        self._recorder.begin(job.id)
        if self._on_begun is not None:
            self._on_begun(job)

    def ended(self, finished: Finished) -> None:
        """Note that a job has returned, where that says all there is to say."""
        outcome = finished.outcome
        if type(outcome) is Succeeded and outcome.result is None:
            self._recorder.returned(finished.job.id)
        self._call_next(finished.job)

    def expectant(self) -> None:
        """Pass on that it is time to collect."""
        self._on_expectant()

    def note(
        self, job: Claimed, *, progress: Mapping[str, Any] | None = None, line: Any = None
    ) -> None:
        """Keep what a job tells of itself until it is written down."""
        self.notebook.add([Notes(job, progress, [] if line is None else [line])])

    def is_cancelled(self, job: Claimed) -> bool:
        """Return whether a job is not ours any more."""
        return job.id in self._lost

    # -----------------------------------------------------------------------------------------

    def _call_next(self, job: Claimed) -> None:
        """Run who stands in line behind a job that is over."""
        if job.line and (following := self._lines.follow(job)) is not None:
            self._executor_for(following.name).submit([following])

    def _without_lost(self, ended: Finished) -> Finished:
        if ended.job.id not in self._lost or ended.is_recorded:
            return ended
        return ended._replace(outcome=Abandoned(UNWANTED))

    def _executor_for(self, name: str) -> Executor:
        definition = find(name)
        if definition is None:
            # Any executor parks it; and it is asked for anew each time, until it is known.
            return self._executor("thread")
        kind = definition.executor.name
        return self._executor_of.setdefault(name, self._executor(kind))

    def _executor(self, kind: str) -> Executor:
        if kind not in self._executors:
            self._executors[kind] = self._made(kind)
        return self._executors[kind]

    def _made(self, kind: str) -> Executor:
        if kind == "process":
            settings = self._settings
            return ProcessExecutor(
                job_processes(settings, self._concurrency),
                self._policy,
                self,
                self._recorder,
                grace=settings.timeout_grace,
                max_jobs=settings.job_process_max_jobs,
                max_memory=settings.job_process_max_memory,
                initialize=self._initialize,
            )
        plain = AsyncioExecutor if kind == "asyncio" else ThreadExecutor
        return plain(self._concurrency, self._policy, self)


def job_processes(settings: Options, concurrency: int) -> int:
    """Return how many processes a worker may have for jobs that want one."""
    return min(concurrency, settings.job_processes or os.cpu_count() or 1)
