"""What runs claimed jobs, several at once, and hands over how they ended."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Sequence
from typing import ClassVar, Protocol, TypeVar

from django_jobs.capabilities import Capabilities
from django_jobs.context import Desk
from django_jobs.judgement import Policy
from django_jobs.outcomes import Abandoned, Claimed, Finished

T = TypeVar("T")

#: Finished runs after which the worker is woken though there is more to run.
HANDOVER = 250
#: Why a job has no outcome that was cancelled, or taken from its worker.
UNWANTED = "it was cancelled or taken away"


class Watcher(Desk, Protocol):
    """Who is told what an executor does, and what its jobs tell, in the executor's own threads."""

    def begun(self, job: Claimed) -> None:
        """Hear that a job is about to run. May be told twice."""

    def ended(self, finished: Finished) -> None:
        """Hear how it ended, before anybody can collect it."""

    def expectant(self) -> None:
        """Hear that it is time to collect."""


class Executor(ABC):
    """Runs jobs in up to ``size`` places."""

    #: What it supports; jobs that ask for more are refused when they are declared.
    capabilities: ClassVar[Capabilities]

    def __init__(
        self,
        size: int,
        policy: Policy,
        watcher: Watcher,
    ) -> None:
        self.size = size
        self._policy = policy
        self._watcher = watcher
        self._waiting: deque[Claimed] = deque()
        self._finished: deque[Finished] = deque()

    @abstractmethod
    def submit(self, jobs: Sequence[Claimed]) -> None:
        """Run jobs, in this order, as places get free."""

    @abstractmethod
    def stop(self) -> None:
        """End what can be ended, and run nothing more. What is ended so has no outcome."""

    def cancel(self, jobs: Collection[int]) -> None:
        """End jobs that are not wanted any more: what waits here does not begin."""
        waiting = drained(self._waiting)
        for job in waiting:
            if job.id in jobs:
                self._abandon(job)
        kept = [job for job in waiting if job.id not in jobs]
        if kept:
            self.submit(kept)

    def withdraw(self) -> list[Claimed]:
        """Take back jobs that have not begun."""
        return drained(self._waiting)

    @property
    def starting(self) -> int:
        """Return how many places are being made ready: so many jobs need not go elsewhere."""
        return 0

    def collect(self) -> list[Finished]:
        """Hand over the runs that have ended since the last time."""
        return drained(self._finished)

    def _hand_over(self, finished: Finished) -> None:
        self._watcher.ended(finished)
        self._finished.append(finished)
        if not self._waiting or len(self._finished) >= HANDOVER:
            self._watcher.expectant()

    def _abandon(self, job: Claimed) -> None:
        self._hand_over(Finished(job, Abandoned(UNWANTED), 0.0, time.monotonic()))


def drained(queue: deque[T]) -> list[T]:
    """Take everything out of a queue that other threads take from and give to meanwhile."""
    taken = []
    while True:
        try:
            taken.append(queue.popleft())
        except IndexError:
            return taken
