"""Where a worker's claimed jobs are run: its executors, and who is where."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from django_jobs.exceptions import UnknownJob
from django_jobs.execution import Policy
from django_jobs.executors import EXECUTORS, Executor
from django_jobs.gauges import FlightRecorder
from django_jobs.outcomes import Claimed, Finished, Succeeded
from django_jobs.registry import resolve


class Workshop:
    """Runs jobs, each in the executor that suits it, and knows which of them are owned.

    An owned job waits, runs, or has ended and is not recorded yet.
    """

    def __init__(
        self,
        concurrency: int,
        policy: Policy,
        *,
        recorder: FlightRecorder | None,
        on_expectant: Callable[[], None],
    ) -> None:
        """``on_expectant`` is called, from any thread, when it is time to collect."""
        self._concurrency = concurrency
        self._policy = policy
        self._recorder = recorder
        self._on_expectant = on_expectant
        self._executors: dict[str, Executor] = {}
        self._executor_of: dict[str, Executor] = {}
        self._owned: dict[int, Claimed] = {}
        self._begun: dict[int, float] = {}

    @property
    def owned(self) -> Mapping[int, Claimed]:
        """Return the owned jobs by id."""
        return self._owned

    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order where they share an executor."""
        self._owned.update((job.id, job) for job in jobs)
        if self._recorder is not None:
            self._recorder.expect(job.id for job in jobs)
        shares: dict[Executor, list[Claimed]] = {}
        for job in jobs:
            executor = self._executor_of.get(job.name) or self._executor_for(job.name)
            shares.setdefault(executor, []).append(job)
        for executor, share in shares.items():
            executor.submit(share)

    def collect(self) -> list[Finished]:
        """Return the runs that have ended since the last time; their jobs stay owned."""
        return [ended for executor in self._executors.values() for ended in executor.collect()]

    def withdraw(self) -> list[Claimed]:
        """Take back the jobs that have not begun; they stay owned."""
        return [job for executor in self._executors.values() for job in executor.withdraw()]

    def forget(self, ids: Iterable[int]) -> None:
        """Own these jobs no more."""
        ids = list(ids)
        for job in ids:
            self._owned.pop(job, None)
            self._begun.pop(job, None)
        if self._recorder is not None:
            self._recorder.forget(ids)

    def running_longer_than(self, seconds: float) -> list[tuple[int, int, float]]:
        """Return ``(id, claims, seconds since the start)`` of jobs that have run for so long."""
        now = time.monotonic()
        return [
            (job.id, job.claims, now - began)
            for id_, began in list(self._begun.items())
            if now - began > seconds and (job := self._owned.get(id_)) is not None
        ]

    def stop(self) -> None:
        """Cancel what can be cancelled, and run nothing more."""
        for executor in self._executors.values():
            executor.stop()

    # What the executors tell, in their own threads ------------------------------------------

    def begun(self, job: Claimed) -> None:
        """Note that a job begins."""
        self._begun[job.id] = time.monotonic()
        if self._recorder is not None:
            self._recorder.begin(job.id)

    def ended(self, finished: Finished) -> None:
        """Note that a job has returned, where that says all there is to say."""
        outcome = finished.outcome
        if self._recorder is not None and type(outcome) is Succeeded and outcome.result is None:
            self._recorder.returned(finished.job.id)

    def expectant(self) -> None:
        """Pass on that it is time to collect."""
        self._on_expectant()

    def _executor_for(self, name: str) -> Executor:
        try:
            kind = resolve(name).executor.name
        except UnknownJob:
            # Any executor parks it; and it is asked for anew each time, until it is known.
            return self._executor("thread")
        return self._executor_of.setdefault(name, self._executor(kind))

    def _executor(self, kind: str) -> Executor:
        if kind not in self._executors:
            self._executors[kind] = EXECUTORS[kind](self._concurrency, self._policy, self)
        return self._executors[kind]
